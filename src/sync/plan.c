/* SPDX-License-Identifier: MIT */
/* What a destination lacks: local run files less what state.db says is there. */
#include "sync/plan.h"
#include "base/alloc.h"
#include "base/file.h"
#include "sync/convert.h"
#include "sync/identify.h"
#include "sync/there.h"
#include "sync/track.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- steps ---- */

void lq_step_rename(struct lq_step *step, char *name)
{
    free(step->name);
    free(step->remote_path);
    step->name = name;
    step->put.name = name;
    step->remote_path = lq_path_join(step->folder, name);
    step->file.remote_path = step->remote_path;
}

void lq_step_move(struct lq_step *step, char *remote_path)
{
    const size_t folder_len = (size_t)(lq_path_base(remote_path) - remote_path) - 1;

    free(step->folder);
    lq_free(&step->detour);
    step->folder = lq_strndup(remote_path, folder_len);
    step->put.folder = step->folder;
    lq_step_rename(step, lq_strdup(remote_path + folder_len + 1));
    free(remote_path);
}

void lq_step_release(struct lq_step *step)
{
    free(step->path);
    free(step->local_path);
    free(step->remote_path);
    free(step->error);
    free(step->run_uid);
    free(step->namespace_);
    free(step->project);
    free(step->hostname);
    free(step->folder);
    free(step->detour);
    free(step->name);
    *step = (struct lq_step){ 0 };
}

static void release_steps(struct lq_step *steps, size_t *n_steps)
{
    for (size_t i = 0; i < *n_steps; i++)
        lq_step_release(&steps[i]);
    *n_steps = 0;
}

static void release_bad_files(struct lq_sync_plan *plan)
{
    for (size_t i = 0; i < plan->n_bad; i++) {
        free(plan->bad[i].path);
        free(plan->bad[i].reason);
    }
    plan->n_bad = 0;
}

/* Where the run belongs, from its own columns; the local folders are its date and source. */
static char *place_of(const struct lq_step *step)
{
    LQ_CLEANUP(lq_free) char *folder =
        lq_track_folder(step->namespace_, step->project, step->hostname);

    return lq_path_join(folder, step->path);
}

/* "001_build_143022.log.zst" of "001_build_143022.parquet" */
static char *raw_name(const char *path)
{
    const size_t stem = strlen(path) - strlen(".parquet");

    return lq_format("%.*s.log.zst", (int)stem, path);
}

char *lq_sync_raw_path(const char *remote_path)
{
    const char *found = strstr(remote_path, "/hostname=");
    const char *host = found ? found : remote_path;
    LQ_CLEANUP(lq_free) char *path =
        lq_format("%.*s/_raw%s", (int)(host - remote_path), remote_path, host);

    return lq_str_ends(lq_str_of(path), LQ_STR(".parquet")) ? raw_name(path) : LQ_TAKE(path);
}

enum lq_status lq_sync_open_local(const struct lq_sync_plan *plan, const struct lq_step *step,
                                  int *fd, struct stat *info, struct lq_error *err)
{
    const bool raw = step->local_path != NULL;
    const char *path = raw ? step->local_path : step->path;

    *fd = LQ_RETRY(openat(raw ? plan->raw_fd : plan->logs_fd, path,
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (*fd < 0 && errno == ELOOP)
        return lq_error_set(err, LQ_CORRUPT, "not a run file: it is a symbolic link");
    if (*fd < 0 || fstat(*fd, info) != 0)
        return lq_error_errno(err, errno, "cannot open '.lq/%s/%s'", raw ? "raw" : "logs", path);
    if (!S_ISREG(info->st_mode))
        return lq_error_set(err, LQ_CORRUPT, "not a run file: it is not a regular file");
    return LQ_OK;
}

/* ---- files that state.db does not know ---- */

struct planner {
    struct lq_sync_plan *plan;
    struct lq_remote *remote; /* NULL: state.db is believed, or nothing is there */
    struct lq_there there;
    struct lq_cursor synced, files;
    struct lq_db *db;     /* NULL until a file is unknown */
    struct lq_step *raws; /* steps that come behind those of runs */
    size_t n_raws, raws_capacity;
    size_t leaf;
};

static void planner_release(struct planner *planner)
{
    lq_remote_close(&planner->remote);
    lq_there_release(&planner->there);
    lq_cursor_release(&planner->synced);
    lq_cursor_release(&planner->files);
    lq_db_close(&planner->db);
    release_steps(planner->raws, &planner->n_raws);
    free(planner->raws);
}

static void add_bad(struct lq_sync_plan *plan, struct lq_bad_file bad)
{
    bad.skip = (struct lq_sync_skip){ bad.path, bad.reason };
    LQ_GROW(plan->bad, plan->n_bad, plan->bad_capacity);
    plan->bad[plan->n_bad++] = bad;
}

static void add_step(struct lq_sync_plan *plan, struct lq_step step)
{
    LQ_GROW(plan->steps, plan->n_steps, plan->steps_capacity);
    plan->steps[plan->n_steps++] = step;
}

/* Find out what a file is that state.db does not know. A bad one goes to the plan's list of those,
 * one that cannot be read is a failed step, and `*usable` is false. */
static enum lq_status examine(struct planner *planner, struct lq_step *step, bool *usable,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct lq_bad_file bad = { .path = lq_strdup(step->path) };
    struct lq_error reason = { 0 };
    struct stat info = { 0 };
    enum lq_status status;

    status = lq_sync_open_local(planner->plan, step, &fd, &info, &reason);
    bad.size_bytes = step->put.size_bytes = info.st_size;
    bad.mtime_ns = lq_mtime_ns(&info);
    if (status == LQ_OK)
        status = lq_track_bad_file(planner->plan->store->state, &bad, err);
    if (status == LQ_OK && !bad.in_state)
        status = lq_sync_identify(&planner->db, fd, step, &reason);
    *usable = status == LQ_OK && !bad.in_state;
    if (status == LQ_CORRUPT)
        bad.reason = lq_strdup(reason.message);
    if (bad.reason) {
        planner->plan->scans[planner->leaf].dirty = true;
        add_bad(planner->plan, bad);
        return LQ_OK;
    }
    free(bad.path);
    if (status == LQ_NOT_FOUND && *usable == false && fd < 0)
        return LQ_OK; /* pruned since it was listed */
    if (status == LQ_OK || !reason.status)
        return status;
    planner->plan->scans[planner->leaf].dirty = true;
    step->unread = true;
    step->file.path = step->path;
    step->file.size_bytes = step->put.size_bytes;
    lq_step_fail(step, status, &reason);
    add_step(planner->plan, *step);
    *step = (struct lq_step){ 0 };
    return LQ_OK;
}

/* ---- steps ---- */

/* Whether the file is seen there through a link that is to become a folder. */
static bool is_behind_link(const struct lq_sync_plan *plan, const char *remote_path)
{
    for (size_t i = 0; i < plan->links.count; i++) {
        const size_t len = strlen(plan->links.items[i]);

        if (strncmp(remote_path, plan->links.items[i], len) == 0 && remote_path[len] == '/')
            return true;
    }
    return false;
}

/* Whether what state.db says is at the destination needs something to be done all the same. */
static bool is_due(const struct planner *planner, const char *remote_path, int64_t size_bytes,
                   enum lq_sync_why *why)
{
    const struct lq_sync_plan *plan = planner->plan;
    struct lq_there_file *there = lq_there_find(&planner->there, remote_path);

    *why = LQ_SYNC_NEW;
    if (is_behind_link(plan, remote_path))
        return true;
    if (!plan->opts.force && !plan->opts.verify)
        return false;
    if (!there) {
        *why = LQ_SYNC_MISSING;
        return true;
    }
    there->ours = true;
    *why = LQ_SYNC_DAMAGED;
    return plan->opts.verify && there->size_bytes != size_bytes;
}

/* What has the name of a run that is yet to be brought there may well be that run. */
static void mark_ours(const struct planner *planner, const char *remote_path)
{
    struct lq_there_file *there = lq_there_find(&planner->there, remote_path);

    if (there)
        there->ours = true;
}

/* Whether what is there is to be looked at before it is left alone: lq_sync_inspect() does. */
static bool is_suspect(const struct lq_sync_plan *plan)
{
    return plan->opts.deep || lq_sync_converts(plan);
}

static enum lq_status already_there(struct lq_sync_plan *plan)
{
    plan->n_verified++;
    return LQ_OK;
}

/* A step for the run file, whose row in `synced` is `row`, unless it is there: then, and when it is no
 * run, `*index` is LQ_SYNC_NO_RUN. */
static enum lq_status plan_run(struct planner *planner, char *path, const struct lq_synced *row,
                               size_t *index, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(lq_step_release) struct lq_step step = { .path = path, .leaf = planner->leaf };
    enum lq_sync_why why = row ? LQ_SYNC_CONVERT : LQ_SYNC_NEW;
    bool usable = true, known = false;

    *index = LQ_SYNC_NO_RUN;
    if (row && !is_due(planner, row->remote_path, row->size_bytes, &why)) {
        if (!is_suspect(plan))
            return already_there(plan);
        step.suspect = true;
        why = plan->opts.deep ? LQ_SYNC_DAMAGED : LQ_SYNC_CONVERT;
    }
    LQ_TRY(lq_cursor_find(&planner->files, path, &known, err));
    if (known)
        lq_cursor_file(&planner->files, &step);
    else
        LQ_TRY(examine(planner, &step, &usable, err));
    if (!usable)
        return LQ_OK;
    step.file.path = step.path;
    step.file.why = why;
    step.file.size_bytes = step.put.size_bytes;
    /* What is damaged or to be converted has its place; what is missing belongs where a new one does. */
    lq_step_move(&step, why == LQ_SYNC_DAMAGED || why == LQ_SYNC_CONVERT
                            ? lq_strdup(row->remote_path)
                            : place_of(&step));
    mark_ours(planner, step.remote_path);
    *index = plan->n_steps;
    add_step(plan, step);
    step = (struct lq_step){ 0 };
    return LQ_OK;
}

/* The same for its raw log; `run` is the step of the run. */
static enum lq_status plan_raw(struct planner *planner, const char *path,
                               const struct lq_synced *row, size_t run, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(lq_step_release) struct lq_step step = { .path = lq_strdup(path),
                                                        .leaf = planner->leaf,
                                                        .run = run };
    LQ_CLEANUP(lq_free) char *remote_path =
        lq_sync_raw_path(run == LQ_SYNC_NO_RUN ? row->remote_path : plan->steps[run].remote_path);
    enum lq_sync_why why = LQ_SYNC_NEW;
    struct stat info;

    if (row && row->raw_bytes >= 0 && !is_due(planner, remote_path, row->raw_bytes, &why)) {
        if (!is_suspect(plan))
            return already_there(plan);
        step.suspect = true;
        why = plan->opts.deep ? LQ_SYNC_DAMAGED : LQ_SYNC_CONVERT;
    }
    step.local_path = raw_name(path);
    if (fstatat(plan->raw_fd, step.local_path, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode))
        return LQ_OK;
    step.file = (struct lq_sync_file){
        .path = step.local_path, .is_raw = true, .why = why, .size_bytes = info.st_size
    };
    step.put.size_bytes = info.st_size;
    mark_ours(planner, remote_path);
    lq_step_move(&step, LQ_TAKE(remote_path));
    LQ_GROW(planner->raws, planner->n_raws, planner->raws_capacity);
    planner->raws[planner->n_raws++] = step;
    step = (struct lq_step){ 0 };
    return LQ_OK;
}

static enum lq_status plan_file(struct planner *planner, const char *name,
                                const struct lq_names *raws, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(lq_free) char *path = lq_path_join(plan->leaves.items[planner->leaf].path, name);
    LQ_CLEANUP(lq_free) char *raw = raw_name(name);
    struct lq_synced row;
    const size_t n_bad = plan->n_bad;
    size_t run;
    bool synced = false;

    if (plan->destination_id)
        LQ_TRY(lq_cursor_find(&planner->synced, path, &synced, err));
    if (synced)
        lq_cursor_synced(&planner->synced, &row);
    LQ_TRY(plan_run(planner, lq_strdup(path), synced ? &row : NULL, &run, err));
    if (plan->n_bad > n_bad || (run == LQ_SYNC_NO_RUN && !synced) || !lq_names_have(raws, raw))
        return LQ_OK;
    return plan_raw(planner, path, synced ? &row : NULL, run, err);
}

/* Read the names in a leaf, as lq_names_read() does. `*is_new`: they are not those that are known. */
static enum lq_status read_leaf(struct planner *planner, struct lq_buf *names, struct lq_buf *raws,
                                bool *is_new, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    struct lq_scan *scan = &plan->scans[planner->leaf];
    const struct lq_leaf *leaf = &plan->leaves.items[planner->leaf];
    LQ_CLEANUP(lq_buf_release) struct lq_buf all = LQ_BUF_INIT;

    LQ_TRY(lq_names_read(names, plan->logs_fd, "logs", leaf->path, ".parquet", err));
    if (plan->opts.include_raw && plan->raw_fd >= 0)
        LQ_TRY(lq_names_read(raws, plan->raw_fd, "raw", leaf->path, ".log.zst", err));
    lq_buf_add(&all, lq_buf_text(names), names->len);
    lq_buf_addc(&all, '\0');
    lq_buf_add(&all, lq_buf_text(raws), raws->len);
    lq_sha256_hex(lq_buf_text(&all), all.len, scan->content);
    *is_new = plan->look_at_all || !leaf->known || strcmp(leaf->known->content, scan->content) != 0;
    return LQ_OK;
}

static enum lq_status plan_leaf(struct planner *planner, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    const char *path = plan->leaves.items[planner->leaf].path;
    LQ_CLEANUP(lq_buf_release) struct lq_buf name_text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf raw_text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_names_release) struct lq_names names = { 0 };
    LQ_CLEANUP(lq_names_release) struct lq_names raws = { 0 };
    bool is_new;

    LQ_TRY(read_leaf(planner, &name_text, &raw_text, &is_new, err));
    if (!is_new)
        return LQ_OK;
    lq_names_add(&names, &name_text);
    lq_names_add(&raws, &raw_text);
    if (plan->destination_id)
        LQ_TRY(lq_cursor_open(&planner->synced, LQ_CURSOR_SYNCED, plan, path, err));
    LQ_TRY(lq_cursor_open(&planner->files, LQ_CURSOR_FILE, plan, path, err));
    for (size_t i = 0; i < names.count; i++)
        LQ_TRY(plan_file(planner, names.items[i], &raws, err));
    return LQ_OK;
}

/* Raw logs come behind the runs, since their names follow from those that the runs get. */
static void append_raws(struct planner *planner)
{
    struct lq_sync_plan *plan = planner->plan;

    plan->n_runs = plan->n_steps;
    for (size_t i = 0; i < planner->n_raws; i++)
        add_step(plan, planner->raws[i]);
    planner->n_raws = 0;
}

static void add_extras(struct planner *planner)
{
    struct lq_sync_plan *plan = planner->plan;

    for (size_t i = 0; plan->opts.verify && i < planner->there.count; i++) {
        struct lq_there_file *file = &planner->there.files[i];

        if (file->ours)
            continue;
        LQ_GROW(plan->extras, plan->n_extras, plan->extras_capacity);
        plan->extras[plan->n_extras++] =
            (struct lq_sync_extra){ LQ_TAKE(file->path), file->size_bytes };
    }
}

/* ---- links to the project's own folders ---- */

static bool is_folder(const struct lq_sync_plan *plan)
{
    return !*plan->kind->scheme;
}

/* Whether links have to be looked for: after a sync by links, and when nothing is remembered. */
static bool may_hold_links(const struct lq_sync_plan *plan)
{
    return is_folder(plan) && (plan->opts.mode == LQ_SYNC_MODE_SYMLINK ||
                               plan->remembered_mode == LQ_SYNC_MODE_SYMLINK ||
                               plan->remembered_mode < 0 || plan->doubtful);
}

/* The folders of the project's identities and, with `raw`, of their raw logs. */
static enum lq_status list_folders(const struct lq_sync_plan *plan, bool raw,
                                   struct lq_names *folders, struct lq_error *err)
{
    size_t n_runs;

    LQ_TRY(lq_track_folders(plan, folders, err));
    n_runs = folders->count;
    for (size_t i = 0; raw && plan->raw_fd >= 0 && i < n_runs; i++) {
        LQ_GROW(folders->items, folders->count, folders->capacity);
        folders->items[folders->count++] = lq_sync_raw_path(folders->items[i]);
    }
    return LQ_OK;
}

/* Those that are links are to become folders. Raw logs that are seen through one stay to be seen. */
static void look_for_links(struct planner *planner, struct lq_names *folders)
{
    struct lq_sync_plan *plan = planner->plan;

    for (size_t i = 0; i < folders->count; i++) {
        if (lq_convert_look(plan, planner->remote, folders->items[i]) != LQ_AT_OUR_LINK)
            continue;
        plan->opts.include_raw = plan->opts.include_raw || strstr(folders->items[i], "/_raw/");
        LQ_GROW(plan->links.items, plan->links.count, plan->links.capacity);
        plan->links.items[plan->links.count++] = LQ_TAKE(folders->items[i]);
    }
}

static enum lq_status find_links(struct planner *planner, struct lq_error *err)
{
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };

    LQ_TRY(list_folders(planner->plan, true, &folders, err));
    look_for_links(planner, &folders);
    return LQ_OK;
}

static void add_folder(struct lq_names *folders, char *folder)
{
    LQ_GROW(folders->items, folders->count, folders->capacity);
    folders->items[folders->count++] = folder;
}

/* Those that state.db does not know of: it was lost, or is an older one. */
static void find_links_of_steps(struct planner *planner)
{
    const struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };

    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_step *step = &plan->steps[i];
        LQ_CLEANUP(lq_free) char *folder = NULL;
        bool again = false;

        if (step->unread)
            continue;
        folder = lq_track_folder(step->namespace_, step->project, step->hostname);
        for (size_t j = 0; j < folders.count && !again; j += 2)
            again = strcmp(folders.items[j], folder) == 0;
        if (again)
            continue;
        add_folder(&folders, LQ_TAKE(folder));
        add_folder(&folders, lq_sync_raw_path(folders.items[folders.count - 1]));
    }
    look_for_links(planner, &folders);
}

/* A step for a folder that is no link yet. What is in its way is told in a dry run, too. */
static void plan_link(struct planner *planner, const char *folder)
{
    struct lq_sync_plan *plan = planner->plan;
    const enum lq_at_folder at =
        planner->remote ? lq_convert_look(plan, planner->remote, folder) : LQ_AT_NOTHING;
    struct lq_step step = { .path = lq_strdup(folder),
                            .run = LQ_SYNC_NO_RUN,
                            .file = { .path = "", .is_link = true } };
    struct lq_error reason = { 0 };
    enum lq_status status = LQ_OK;

    if (at == LQ_AT_OUR_LINK) {
        plan->n_verified++;
        lq_step_release(&step);
        return;
    }
    step.file.why = at == LQ_AT_NOTHING ? LQ_SYNC_NEW : LQ_SYNC_CONVERT;
    lq_step_move(&step, lq_strdup(folder));
    if (at == LQ_AT_FOLDER)
        status = lq_convert_check(plan, planner->remote, folder, &reason);
    if (status != LQ_OK)
        lq_step_fail(&step, status, &reason);
    add_step(plan, step);
}

/* Runs that state.db does not know say themselves whose they are. */
static enum lq_status identify_leaf(struct planner *planner, struct lq_names *folders,
                                    struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    const char *leaf = plan->leaves.items[planner->leaf].path;
    LQ_CLEANUP(lq_buf_release) struct lq_buf name_text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf raw_text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_names_release) struct lq_names names = { 0 };
    bool is_new;

    LQ_TRY(read_leaf(planner, &name_text, &raw_text, &is_new, err));
    if (!is_new)
        return LQ_OK;
    lq_names_add(&names, &name_text);
    LQ_TRY(lq_cursor_open(&planner->files, LQ_CURSOR_FILE, plan, leaf, err));
    for (size_t i = 0; i < names.count; i++) {
        LQ_CLEANUP(lq_step_release) struct lq_step step = { .path = lq_path_join(leaf,
                                                                                 names.items[i]) };
        bool known, usable;

        LQ_TRY(lq_cursor_find(&planner->files, step.path, &known, err));
        if (known)
            continue;
        plan->scans[planner->leaf].dirty = true;
        LQ_TRY(examine(planner, &step, &usable, err));
        if (!usable)
            continue;
        LQ_GROW(folders->items, folders->count, folders->capacity);
        folders->items[folders->count++] =
            lq_track_folder(step.namespace_, step.project, step.hostname);
    }
    return LQ_OK;
}

static enum lq_status plan_links(struct planner *planner, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };
    size_t n_known;

    LQ_TRY(list_folders(plan, plan->opts.include_raw, &folders, err));
    n_known = folders.count;
    for (planner->leaf = 0; planner->leaf < plan->leaves.count; planner->leaf++)
        if (plan->scans[planner->leaf].listed)
            LQ_TRY(identify_leaf(planner, &folders, err));
    for (size_t i = 0; i < folders.count; i++) {
        bool again = false;

        for (size_t j = n_known; j < i && !again; j++)
            again = strcmp(folders.items[j], folders.items[i]) == 0;
        for (size_t j = 0; i >= n_known && j < n_known && !again; j++)
            again = strcmp(folders.items[j], folders.items[i]) == 0;
        if (!again)
            plan_link(planner, folders.items[i]);
    }
    plan->n_runs = plan->n_steps;
    return LQ_OK;
}

static void look_at_all(struct lq_sync_plan *plan)
{
    plan->look_at_all = true;
    for (size_t i = 0; i < plan->leaves.count; i++)
        plan->scans[i].listed = true;
}

static enum lq_status plan_leaves(struct planner *planner, struct lq_error *err)
{
    const struct lq_sync_plan *plan = planner->plan;

    for (planner->leaf = 0; planner->leaf < plan->leaves.count; planner->leaf++)
        if (plan->scans[planner->leaf].listed)
            LQ_TRY(plan_leaf(planner, err));
    return LQ_OK;
}

static enum lq_status plan_again(struct planner *planner, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;

    release_steps(planner->raws, &planner->n_raws);
    release_steps(plan->steps, &plan->n_steps);
    release_bad_files(plan);
    plan->n_verified = 0;
    look_at_all(plan);
    return plan_leaves(planner, err);
}

static enum lq_status add_steps(struct lq_sync_plan *plan, struct lq_error *err)
{
    LQ_CLEANUP(planner_release) struct planner planner = { .plan = plan };

    if (plan->place.file_system && (plan->destination_id || is_folder(plan)) &&
        (may_hold_links(plan) || plan->opts.force || plan->opts.verify || is_suspect(plan)))
        LQ_TRY(plan->kind->open(&planner.remote, &plan->place, &plan->opts, err));
    if (plan->opts.mode == LQ_SYNC_MODE_SYMLINK)
        return plan_links(&planner, err);
    if (planner.remote && may_hold_links(plan))
        LQ_TRY(find_links(&planner, err));
    /* Runs that were seen through a link were not brought, whatever has become of it. */
    if (plan->remembered_mode == LQ_SYNC_MODE_SYMLINK || plan->links.count > 0 ||
        plan->opts.force || plan->opts.verify || is_suspect(plan))
        look_at_all(plan);
    if (plan->opts.force || plan->opts.verify)
        LQ_TRY(lq_there_list(&planner.there, plan, planner.remote, err));
    LQ_TRY(plan_leaves(&planner, err));
    if (!planner.remote && plan->n_steps > 0 && plan->place.file_system && is_folder(plan))
        LQ_TRY(plan->kind->open(&planner.remote, &plan->place, &plan->opts, err));
    if (planner.remote && is_folder(plan) && plan->links.count == 0) {
        find_links_of_steps(&planner);
        if (plan->links.count > 0)
            LQ_TRY(plan_again(&planner, err));
    }
    append_raws(&planner);
    add_extras(&planner);
    return planner.remote && is_suspect(plan) ? lq_sync_inspect(plan, planner.remote, err) : LQ_OK;
}

/* ---- the plan ---- */

enum lq_status lq_sync_check_place(const struct lq_sync_plan *plan, struct lq_error *err)
{
    if (!plan->remembered)
        return LQ_OK;
    if (!plan->place.file_system)
        return lq_error_set(err, LQ_NOT_FOUND,
                            "cannot sync to '%s': it is gone since the last sync; is it mounted?",
                            plan->place.name);
    if (!plan->kind->same_file_system(plan->remembered, plan->place.file_system))
        return lq_error_set(err, LQ_IO,
                            "cannot sync to '%s': another file system is there than at the last "
                            "sync; is the right one mounted?",
                            plan->place.name);
    return LQ_OK;
}

/* A store inside `.lq/logs` would be its own input. */
static enum lq_status check_outside(const struct lq_sync_plan *plan, const char *logs,
                                    struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *real = *plan->kind->scheme ? NULL : realpath(logs, NULL);
    const size_t len = real ? strlen(real) : 0;

    if (real && strncmp(plan->place.name, real, len) == 0 &&
        (plan->place.name[len] == '/' || plan->place.name[len] == '\0'))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot sync to '%s': it lies in '%s'",
                            plan->place.name, logs);
    return LQ_OK;
}

enum lq_status lq_sync_open_folder(const struct lq_store *store, const char *name, int *fd,
                                   struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(store->project->lq_dir, name);

    *fd = LQ_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (*fd < 0 && errno != ENOENT)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    return LQ_OK;
}

bool lq_sync_converts(const struct lq_sync_plan *plan)
{
    const enum lq_sync_mode before = (enum lq_sync_mode)plan->remembered_mode;

    return plan->remembered_mode >= 0 && before != plan->opts.mode && !*plan->kind->scheme &&
           before != LQ_SYNC_MODE_SYMLINK && plan->opts.mode != LQ_SYNC_MODE_SYMLINK;
}

/* Those that may hold what is new are to be listed. */
static void choose_leaves(struct lq_sync_plan *plan)
{
    plan->scans = lq_alloc((plan->leaves.count + 1) * sizeof *plan->scans);
    for (size_t i = 0; i < plan->leaves.count; i++) {
        const struct lq_leaf *leaf = &plan->leaves.items[i];

        plan->scans[i].listed =
            !leaf->known || !plan->leaves.times_tell || leaf->known->mtime_ns != leaf->mtime_ns;
    }
}

static enum lq_status fill_plan(struct lq_sync_plan *plan, const char *destination,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *logs = lq_path_join(plan->store->project->lq_dir, "logs");

    LQ_TRY(lq_remote_kind_of(destination, &plan->kind, err));
    LQ_TRY(plan->kind->locate(destination, &plan->opts, &plan->place, err));
    LQ_TRY(check_outside(plan, logs, err));
    if (!is_folder(plan) && plan->opts.mode == LQ_SYNC_MODE_SYMLINK)
        return lq_error_set(err, LQ_BAD_INPUT,
                            "cannot sync to '%s' by a symbolic link: it is no folder",
                            plan->place.name);
    LQ_TRY(lq_track_find(plan, err));
    LQ_TRY(lq_sync_check_place(plan, err));

    LQ_TRY(lq_sync_open_folder(plan->store, "logs", &plan->logs_fd, err));
    LQ_TRY(lq_sync_open_folder(plan->store, "raw", &plan->raw_fd, err));
    LQ_TRY(lq_track_known_folders(plan, &plan->known, err));
    LQ_TRY(lq_leaves_list(&plan->leaves, plan->logs_fd, &plan->known, err));
    choose_leaves(plan);
    return add_steps(plan, err);
}

static enum lq_status make_plan(struct lq_sync_plan **out, struct lq_store *store,
                                const char *destination, const struct lq_sync_opts *opts,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = lq_alloc(sizeof *plan);
    struct lq_error problem = { 0 };
    enum lq_status status;

    plan->store = store;
    if (opts)
        plan->opts = *opts;
    plan->logs_fd = plan->raw_fd = -1;
    plan->url = lq_strdup(destination);
    status = fill_plan(plan, destination, &problem);
    if (status == LQ_OK) {
        *out = LQ_TAKE(plan);
        return LQ_OK;
    }
    /* A share that is not mounted shows in the status of sync, too. */
    if (plan->destination_id && !plan->opts.dry_run)
        (void)!lq_track_result(plan, problem.message, NULL);
    if (err)
        *err = problem;
    return status;
}

enum lq_status lq_sync_plan_new(struct lq_sync_plan **plan, struct lq_store *store,
                                const char *destination, const struct lq_sync_opts *opts,
                                struct lq_error *err)
{
    const enum lq_status status = make_plan(plan, store, destination, opts, err);

    if (status != LQ_CORRUPT)
        return status;
    /* Without state.db the plan holds every file; applying it finds those that are there. */
    LQ_TRY(lq_state_set_aside(store->state, err));
    return make_plan(plan, store, destination, opts, err);
}

void lq_sync_plan_free(struct lq_sync_plan **out)
{
    struct lq_sync_plan *plan = *out;

    if (!plan)
        return;
    release_steps(plan->steps, &plan->n_steps);
    release_bad_files(plan);
    free(plan->steps);
    free(plan->bad);
    for (size_t i = 0; i < plan->n_extras; i++)
        free((char *)(uintptr_t)plan->extras[i].remote_path);
    free(plan->extras);
    for (size_t i = 0; plan->detours && i < plan->links.count; i++) {
        free(plan->detours[i].path);
        lq_close(&plan->detours[i].fd);
    }
    free(plan->detours);
    lq_names_release(&plan->links);
    lq_known_folders_release(&plan->known);
    lq_leaves_release(&plan->leaves);
    free(plan->scans);
    lq_close(&plan->logs_fd);
    lq_close(&plan->raw_fd);
    lq_place_release(&plan->place);
    free(plan->remembered);
    free(plan->url);
    free(plan);
    *out = NULL;
}

const char *lq_sync_plan_destination(const struct lq_sync_plan *plan)
{
    return plan->place.name;
}

size_t lq_sync_plan_file_count(const struct lq_sync_plan *plan)
{
    return plan->n_steps;
}

const struct lq_sync_file *lq_sync_plan_file(const struct lq_sync_plan *plan, size_t index)
{
    return &plan->steps[index].file;
}

size_t lq_sync_plan_skip_count(const struct lq_sync_plan *plan)
{
    return plan->n_bad;
}

const struct lq_sync_skip *lq_sync_plan_skip(const struct lq_sync_plan *plan, size_t index)
{
    return &plan->bad[index].skip;
}

size_t lq_sync_plan_extra_count(const struct lq_sync_plan *plan)
{
    return plan->n_extras;
}

const struct lq_sync_extra *lq_sync_plan_extra(const struct lq_sync_plan *plan, size_t index)
{
    return &plan->extras[index];
}

void lq_sync_plan_counts(const struct lq_sync_plan *plan, struct lq_sync_counts *counts)
{
    *counts = (struct lq_sync_counts){ .n_files = plan->n_steps,
                                       .n_raw = plan->n_steps - plan->n_runs,
                                       .n_verified = plan->n_verified };
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_sync_file *file = &plan->steps[i].file;

        counts->n_bytes += file->size_bytes;
        counts->n_copied += file->outcome == LQ_SYNC_COPIED;
        counts->n_copied_raw += file->outcome == LQ_SYNC_COPIED && file->is_raw;
        counts->n_copied_links += file->outcome == LQ_SYNC_COPIED && file->is_link;
        counts->n_links += file->is_link;
        counts->n_present += file->outcome == LQ_SYNC_PRESENT;
        counts->n_failed += file->outcome == LQ_SYNC_FAILED;
        counts->n_copied_bytes += file->outcome == LQ_SYNC_COPIED ? file->size_bytes : 0;
    }
}
