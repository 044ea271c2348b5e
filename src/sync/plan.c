/* SPDX-License-Identifier: MIT */
/* What a destination lacks: local run files less what state.db says is there. */
#include "sync/plan.h"
#include "base/alloc.h"
#include "store/names.h"
#include "sync/identify.h"
#include "sync/track.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- listing ---- */

struct listing {
    char **paths;
    size_t n_paths, capacity;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->n_paths; i++)
        free(listing->paths[i]);
    free(listing->paths);
}

static void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

static bool is_run_file(const char *name)
{
    return name[0] != '.' && lq_str_ends(lq_str_of(name), LQ_STR(".parquet"));
}

/* The folders of `.lq/logs`, from the top: how their names begin. Files lie below the last. */
static const char *const levels[] = { "date=", "source=" };

static bool is_wanted(const char *name, size_t level)
{
    return level == LQ_COUNT(levels) ? is_run_file(name)
                                     : strncmp(name, levels[level], strlen(levels[level])) == 0;
}

/* Add the run files below the folder `name` in `parent_fd`; `path` is its own below `.lq/logs`. */
static enum lq_status list(int parent_fd, const char *name, const char *path, size_t level,
                           struct listing *listing, struct lq_error *err)
{
    const int fd =
        LQ_RETRY(openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    LQ_CLEANUP(close_folder) DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    /* Not a folder, or gone since: nothing of lq's is in it. */
    if (!folder && level > 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT))
        return LQ_OK;
    if (!folder)
        return lq_error_errno(err, errno, "cannot read '.lq/logs/%s'", path);
    while ((errno = 0, entry = readdir(folder))) {
        LQ_CLEANUP(lq_free) char *below = NULL;

        if (!is_wanted(entry->d_name, level))
            continue;
        below = *path ? lq_path_join(path, entry->d_name) : lq_strdup(entry->d_name);
        if (level < LQ_COUNT(levels)) {
            LQ_TRY(list(fd, entry->d_name, below, level + 1, listing, err));
            continue;
        }
        LQ_GROW(listing->paths, listing->n_paths, listing->capacity);
        listing->paths[listing->n_paths++] = LQ_TAKE(below);
    }
    if (errno != 0)
        return lq_error_errno(err, errno, "cannot read '.lq/logs/%s'", path);
    return LQ_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

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

static void step_release(struct lq_step *step)
{
    free(step->path);
    free(step->remote_path);
    free(step->error);
    free(step->run_uid);
    free(step->namespace_);
    free(step->project);
    free(step->hostname);
    free(step->folder);
    free(step->name);
}

/* Where the run belongs, from its own columns; the local folders are its date and source. */
static void place_step(struct lq_step *step)
{
    const struct {
        const char *key, *value;
    } parts[] = { { "namespace=", step->namespace_ },
                  { "/project=", step->project },
                  { "/hostname=", step->hostname } };
    const char *name = lq_path_base(step->path);
    struct lq_buf folder = LQ_BUF_INIT;

    for (size_t i = 0; i < LQ_COUNT(parts); i++) {
        lq_buf_adds(&folder, parts[i].key);
        lq_name_add_partition(&folder, lq_str_of(parts[i].value ? parts[i].value : ""));
    }
    lq_buf_addc(&folder, '/');
    lq_buf_add(&folder, step->path, (size_t)(name - step->path) - 1);
    step->folder = lq_buf_detach(&folder);
    step->put.folder = step->folder;
    lq_step_rename(step, lq_strdup(name));
    step->file.path = step->path;
    step->file.size_bytes = step->put.size_bytes;
}

enum lq_status lq_sync_open_local(int logs_fd, const char *path, int *fd, struct stat *info,
                                  struct lq_error *err)
{
    *fd =
        LQ_RETRY(openat(logs_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (*fd < 0 && errno == ELOOP)
        return lq_error_set(err, LQ_CORRUPT, "not a run file: it is a symbolic link");
    if (*fd < 0 || fstat(*fd, info) != 0)
        return lq_error_errno(err, errno, "cannot open '.lq/logs/%s'", path);
    if (!S_ISREG(info->st_mode))
        return lq_error_set(err, LQ_CORRUPT, "not a run file: it is not a regular file");
    return LQ_OK;
}

struct planner {
    struct lq_sync_plan *plan;
    struct lq_tracker tracker;
    struct lq_db *db; /* NULL until a file is unknown */
};

static void planner_release(struct planner *planner)
{
    lq_tracker_release(&planner->tracker);
    lq_db_close(&planner->db);
}

static void add_bad(struct lq_sync_plan *plan, struct lq_bad_file bad)
{
    bad.skip = (struct lq_sync_skip){ bad.path, bad.reason };
    LQ_GROW(plan->bad, plan->n_bad, plan->bad_capacity);
    plan->bad[plan->n_bad++] = bad;
}

/* Find out what a file is that state.db does not know. A bad one goes to the plan's list of those,
 * and `*usable` is false. */
static enum lq_status examine(struct planner *planner, struct lq_step *step, bool *usable,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct lq_bad_file bad = { .path = lq_strdup(step->path) };
    struct lq_error reason = { 0 };
    struct stat info = { 0 };
    enum lq_status status;

    status = lq_sync_open_local(planner->plan->logs_fd, step->path, &fd, &info, &reason);
    bad.size_bytes = step->put.size_bytes = info.st_size;
    bad.mtime_ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec;
    if (status == LQ_OK)
        status = lq_tracker_bad_file(&planner->tracker, &bad, err);
    if (status == LQ_OK && !bad.in_state)
        status = lq_sync_identify(&planner->db, fd, step, &reason);
    *usable = status == LQ_OK && !bad.in_state;
    if (status == LQ_CORRUPT)
        bad.reason = lq_strdup(reason.message);
    if (bad.reason) {
        add_bad(planner->plan, bad);
        return LQ_OK;
    }
    free(bad.path);
    if (status != LQ_OK && err && reason.status)
        *err = reason;
    return status;
}

static enum lq_status add_step(struct planner *planner, char *path, struct lq_error *err)
{
    struct lq_sync_plan *plan = planner->plan;
    LQ_CLEANUP(step_release) struct lq_step step = { .path = path };
    bool usable = true;

    LQ_TRY(lq_tracker_file(&planner->tracker, &step, err));
    if (!step.in_state)
        LQ_TRY(examine(planner, &step, &usable, err));
    if (!usable)
        return LQ_OK;
    place_step(&step);
    LQ_GROW(plan->steps, plan->n_steps, plan->steps_capacity);
    plan->steps[plan->n_steps++] = step;
    step = (struct lq_step){ 0 };
    return LQ_OK;
}

static enum lq_status add_steps(struct lq_sync_plan *plan, struct listing *listing,
                                struct lq_error *err)
{
    LQ_CLEANUP(planner_release) struct planner planner = { .plan = plan };

    LQ_TRY(lq_tracker_init(&planner.tracker, plan->store->state, err));
    for (size_t i = 0; i < listing->n_paths; i++)
        if (listing->paths[i])
            LQ_TRY(add_step(&planner, LQ_TAKE(listing->paths[i]), err));
    return LQ_OK;
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

static enum lq_status make_plan(struct lq_sync_plan **out, struct lq_store *store,
                                const char *destination, const struct lq_sync_opts *opts,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = lq_alloc(sizeof *plan);
    LQ_CLEANUP(lq_free) char *logs = lq_path_join(store->project->lq_dir, "logs");
    LQ_CLEANUP(listing_release) struct listing listing = { 0 };

    plan->store = store;
    if (opts)
        plan->opts = *opts;
    plan->logs_fd = -1;
    plan->url = lq_strdup(destination);
    LQ_TRY(lq_remote_kind_of(destination, &plan->kind, err));
    LQ_TRY(plan->kind->locate(destination, &plan->opts, &plan->place, err));
    LQ_TRY(check_outside(plan, logs, err));
    LQ_TRY(lq_track_find(plan, err));
    LQ_TRY(lq_sync_check_place(plan, err));

    plan->logs_fd = LQ_RETRY(open(logs, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (plan->logs_fd < 0 && errno != ENOENT)
        return lq_error_errno(err, errno, "cannot open '%s'", logs);
    if (plan->logs_fd >= 0)
        LQ_TRY(list(plan->logs_fd, ".", "", 0, &listing, err));
    if (listing.n_paths > 0)
        qsort(listing.paths, listing.n_paths, sizeof *listing.paths, by_bytes);
    if (plan->destination_id)
        LQ_TRY(lq_track_drop_synced(plan, listing.paths, listing.n_paths, err));
    LQ_TRY(add_steps(plan, &listing, err));
    *out = LQ_TAKE(plan);
    return LQ_OK;
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
    for (size_t i = 0; i < plan->n_steps; i++)
        step_release(&plan->steps[i]);
    for (size_t i = 0; i < plan->n_bad; i++) {
        free(plan->bad[i].path);
        free(plan->bad[i].reason);
    }
    free(plan->steps);
    free(plan->bad);
    lq_close(&plan->logs_fd);
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

void lq_sync_plan_counts(const struct lq_sync_plan *plan, struct lq_sync_counts *counts)
{
    *counts = (struct lq_sync_counts){ .n_files = plan->n_steps };
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_sync_file *file = &plan->steps[i].file;

        counts->n_bytes += file->size_bytes;
        counts->n_copied += file->outcome == LQ_SYNC_COPIED;
        counts->n_present += file->outcome == LQ_SYNC_PRESENT;
        counts->n_failed += file->outcome == LQ_SYNC_FAILED;
        counts->n_copied_bytes += file->outcome == LQ_SYNC_COPIED ? file->size_bytes : 0;
    }
}
