/* SPDX-License-Identifier: MIT */
/* Applying a plan: batches of files staged on threads, made durable, published, recorded. */
#include "base/alloc.h"
#include "base/pool.h"
#include "base/time.h"
#include "sync/convert.h"
#include "sync/mend.h"
#include "sync/plan.h"
#include "sync/track.h"
#include <stdatomic.h>

/* A batch ends at whichever comes first. What a kill costs is one batch, copied again. */
#define BATCH_FILES 256
#define BATCH_US (1 * LQ_US_PER_SECOND)

/* What killed processes left at the destination is removed when it is as old as this. */
#define STALE_US (24 * 3600 * LQ_US_PER_SECOND)

/* The end of a run's uid is random, so no other run has this name. */
#define RUN8_DIGITS 8

#define PROGRESS_US (LQ_US_PER_SECOND / 20)

struct batch {
    struct lq_sync_plan *plan;
    struct lq_remote *remote;
    struct lq_step *steps;
    size_t n_steps;
    atomic_bool denied; /* what has a name may not be read */

    /* The phase that is running. */
    enum lq_status (*work)(struct batch *batch, struct lq_step *step, struct lq_error *err);

    struct lq_sync_progress before; /* of the batches before */
    atomic_size_t n_done;
    atomic_llong n_done_bytes;
    int64_t told_at;
};

void lq_step_fail(struct lq_step *step, enum lq_status status, const struct lq_error *err)
{
    free(step->error);
    step->error = lq_strdup(err->message);
    step->file.error = step->error;
    step->file.outcome = LQ_SYNC_FAILED;
    step->status = status;
}

/* ---- names ---- */

/* "001_build_143022-89abcdef.parquet"; NULL when that is the step's name already, and for a raw log,
 * whose name follows from its run's. */
static char *own_name(const struct lq_step *step)
{
    const struct lq_str suffix = LQ_STR(".parquet");
    const size_t stem = strlen(step->name) - suffix.len;
    LQ_CLEANUP(lq_free) char *ending = NULL;

    if (step->file.is_raw)
        return NULL;
    ending = lq_format("-%s%s", step->run_uid + strlen(step->run_uid) - RUN8_DIGITS, suffix.ptr);
    if (lq_str_ends(lq_str_of(step->name), lq_str_of(ending)))
        return NULL;
    return lq_format("%.*s%s", (int)stem, step->name, ending);
}

static void use_own_name(struct lq_step *step)
{
    LQ_CLEANUP(lq_free) char *own = own_name(step);

    if (own)
        lq_step_rename(step, LQ_TAKE(own));
}

/*
 * The step's name is taken at the destination. By its own bytes: it is PRESENT. By other bytes, or
 * by what may not be read: it goes on under its own name, which only this run has; so what may not
 * be read there is taken to be ours.
 */
static enum lq_status name_taken(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    struct lq_error denied = { 0 };
    LQ_CLEANUP(lq_free) char *own = own_name(step);
    bool same = false;
    enum lq_status status = batch->remote->kind->same(batch->remote, &step->put, &same, &denied);

    if (status == LQ_DENIED) {
        same = own == NULL;
        batch->denied = true;
    } else if (status != LQ_OK) {
        if (err)
            *err = denied;
        return status;
    }
    if (same)
        step->file.outcome = LQ_SYNC_PRESENT;
    else if (own)
        lq_step_rename(step, LQ_TAKE(own));
    else
        return lq_error_set(err, LQ_EXISTS, "cannot create '%s': it is there with other bytes",
                            step->remote_path);
    return LQ_OK;
}

/* ---- one file ---- */

/* Stage under the first name that is free; a copy whose bytes are not those recorded is dropped. */
static enum lq_status stage_fd(struct batch *batch, struct lq_step *step, int fd,
                               struct lq_error *err)
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    const struct lq_put recorded = step->put;
    enum lq_status status;

    if (!kind->publish)
        LQ_TRY(lq_step_check_bytes(step, fd, err));
    while ((status = kind->stage(batch->remote, &step->put, fd, err)) == LQ_EXISTS) {
        if (!step->put.sha256[0])
            LQ_TRY(lq_file_sha256(fd, step->path, step->put.sha256, &step->put.size_bytes, err));
        LQ_TRY(name_taken(batch, step, err));
        if (step->file.outcome == LQ_SYNC_PRESENT)
            return LQ_OK;
    }
    LQ_TRY(status);
    status = lq_step_check_recorded(step, &step->put, &recorded, err);
    if (status != LQ_OK) {
        if (kind->unstage)
            kind->unstage(batch->remote, &step->put);
        memcpy(step->put.sha256, recorded.sha256, sizeof recorded.sha256);
        step->put.size_bytes = recorded.size_bytes;
    }
    return status;
}

/* Link the local file there under the first name that is free, where the mode and the place allow: then
 * the step is done. A run that state.db does not know has yet to be hashed, which copying does. */
static enum lq_status link_local(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    const struct lq_sync_plan *plan = batch->plan;
    const struct lq_remote_kind *kind = plan->kind;
    const bool raw = step->file.is_raw;
    bool linked = false;
    enum lq_status status;

    if (plan->opts.mode != LQ_SYNC_MODE_AUTO || !kind->link || !(step->in_state || raw))
        return LQ_OK;
    while ((status = kind->link(batch->remote, &step->put, raw ? plan->raw_fd : plan->logs_fd,
                                raw ? step->local_path : step->path, &linked, err)) == LQ_EXISTS) {
        LQ_CLEANUP(lq_close) int fd = -1;
        struct stat info;

        LQ_TRY(lq_sync_open_local(plan, step, &fd, &info, err));
        LQ_TRY(lq_step_check_bytes(step, fd, err));
        LQ_TRY(name_taken(batch, step, err));
        if (step->file.outcome == LQ_SYNC_PRESENT)
            return LQ_OK;
    }
    if (status == LQ_OK && linked)
        step->file.outcome = LQ_SYNC_COPIED;
    return status;
}

/* The name of a raw log follows from the name that its run got. false: the run is not there. */
static bool follow_run(struct batch *batch, struct lq_step *step)
{
    const struct lq_step *run;

    if (!step->file.is_raw || step->run == LQ_SYNC_NO_RUN)
        return true;
    run = &batch->plan->steps[step->run];
    if (run->file.outcome != LQ_SYNC_COPIED && run->file.outcome != LQ_SYNC_PRESENT)
        return false;
    if (step->file.outcome == LQ_SYNC_PENDING && !step->put.staged)
        lq_step_move(step, lq_sync_raw_path(run->remote_path));
    return true;
}

static enum lq_status stage(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    enum lq_status status;
    struct stat info;

    if (step->file.is_link) {
        LQ_TRY(lq_convert_to_link(batch->plan, batch->remote, step, err));
        step->file.outcome = LQ_SYNC_COPIED;
        return LQ_OK;
    }
    if (!follow_run(batch, step))
        return LQ_OK;
    lq_convert_detour(batch->plan, step);
    if (step->file.why == LQ_SYNC_DAMAGED || step->file.why == LQ_SYNC_CONVERT)
        LQ_TRY(lq_step_mend(batch->plan, batch->remote, step, err));
    else if (batch->plan->place.naming == LQ_NAMING_RUN8 || batch->denied)
        use_own_name(step);
    if (step->file.outcome == LQ_SYNC_PENDING)
        LQ_TRY(link_local(batch, step, err));
    if (step->file.outcome != LQ_SYNC_PENDING)
        return LQ_OK;
    status = lq_sync_open_local(batch->plan, step, &fd, &info, err);
    if (status == LQ_NOT_FOUND) {
        step->file.outcome = LQ_SYNC_GONE; /* pruned since it was planned */
        return LQ_OK;
    }
    LQ_TRY(status);
    if (info.st_size != step->file.size_bytes)
        return lq_step_changed(step, err);
    return stage_fd(batch, step, fd, err);
}

static enum lq_status publish(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    enum lq_status status = LQ_OK;

    if (!follow_run(batch, step))
        return LQ_OK;
    while (kind->publish && (status = kind->publish(batch->remote, &step->put, err)) == LQ_EXISTS) {
        LQ_TRY(name_taken(batch, step, err));
        if (step->file.outcome == LQ_SYNC_PRESENT) {
            kind->unstage(batch->remote, &step->put);
            return LQ_OK;
        }
    }
    if (status == LQ_OK)
        step->file.outcome = LQ_SYNC_COPIED;
    return status;
}

static void fail(struct batch *batch, struct lq_step *step, enum lq_status status,
                 const struct lq_error *err)
{
    if (step->put.staged)
        batch->remote->kind->unstage(batch->remote, &step->put);
    lq_step_fail(step, status, err);
}

/* ---- a batch ---- */

static void tell_progress(void *ctx)
{
    struct batch *batch = ctx;
    const struct lq_sync_opts *opts = &batch->plan->opts;
    struct lq_sync_progress progress = batch->before;
    const int64_t now = opts->progress ? lq_time_monotonic() : 0;

    if (!opts->progress || now - batch->told_at < PROGRESS_US)
        return;
    batch->told_at = now;
    progress.n_done += batch->n_done;
    progress.n_done_bytes += batch->n_done_bytes;
    opts->progress(opts->ctx, &progress);
}

static void work(void *ctx, size_t index)
{
    struct batch *batch = ctx;
    struct lq_step *step = &batch->steps[index];
    struct lq_error err = { 0 };
    enum lq_status status;

    if (step->file.outcome != LQ_SYNC_PENDING)
        return;
    status = batch->work(batch, step, &err);
    if (status != LQ_OK)
        fail(batch, step, status, &err);
    if (batch->work == stage) {
        batch->n_done++;
        batch->n_done_bytes += step->file.size_bytes;
    }
}

size_t lq_sync_threads(const struct lq_sync_plan *plan, size_t n)
{
    const size_t wanted =
        (size_t)(plan->opts.threads > 0 ? plan->opts.threads : plan->kind->threads);
    const size_t useful = n / (size_t)plan->kind->files_per_thread;

    return wanted < useful ? wanted : useful;
}

/* Do `work_on` for each pending step of the batch, on this thread and others; after it, the batch ends
 * with the last step that was begun before the deadline. */
static void run_phase(struct batch *batch, int64_t deadline,
                      enum lq_status (*work_on)(struct batch *, struct lq_step *,
                                                struct lq_error *))
{
    batch->work = work_on;
    batch->n_steps = lq_pool_run(batch->n_steps, lq_sync_threads(batch->plan, batch->n_steps),
                                 deadline, work, tell_progress, batch);
}

/* What holds for the whole batch failed: so did each of its files that has got this far. */
static void fail_all(struct batch *batch, enum lq_sync_outcome outcome, enum lq_status status,
                     const struct lq_error *err)
{
    for (size_t i = 0; i < batch->n_steps; i++)
        if (batch->steps[i].file.outcome == outcome)
            fail(batch, &batch->steps[i], status, err);
}

static enum lq_status run_batch(struct batch *batch, struct lq_error *err)
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    struct lq_error problem = { 0 };
    enum lq_status status;

    if (kind->begin)
        kind->begin(batch->remote, batch->n_steps);
    run_phase(batch, lq_time_monotonic() + BATCH_US, stage);
    status = kind->settle ? kind->settle(batch->remote, &problem) : LQ_OK;
    if (status != LQ_OK) {
        batch->plan->unflushed = true;
        fail_all(batch, LQ_SYNC_PENDING, status, &problem);
    }
    run_phase(batch, INT64_MAX, publish);
    status = kind->flush ? kind->flush(batch->remote, &problem) : LQ_OK;
    if (status != LQ_OK) {
        batch->plan->unflushed = true;
        fail_all(batch, LQ_SYNC_COPIED, status, &problem);
        fail_all(batch, LQ_SYNC_PRESENT, status, &problem);
    }
    if (batch->denied && batch->plan->place.naming != LQ_NAMING_RUN8) {
        batch->plan->place.naming = LQ_NAMING_RUN8;
        LQ_TRY(lq_track_save(batch->plan, err));
    }
    return lq_track_record(batch->plan, batch->steps, batch->n_steps, err);
}

/* ---- the plan ---- */

/* What a killed change of mode left: it is looked for when the next one begins, and once a day. */
static enum lq_status sweep_conversions(struct lq_sync_plan *plan, struct lq_remote *remote,
                                        struct lq_error *err)
{
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };

    LQ_TRY(lq_track_folders(plan, &folders, err));
    for (size_t i = 0; i < folders.count; i++) {
        LQ_CLEANUP(lq_free) char *raw = lq_sync_raw_path(folders.items[i]);

        lq_convert_sweep(plan, remote, folders.items[i]);
        lq_convert_sweep(plan, remote, raw);
    }
    return LQ_OK;
}

/* Once a day, the folders that lq wrote to since the last time. */
static enum lq_status sweep(struct lq_sync_plan *plan, struct lq_remote *remote,
                            struct lq_error *err)
{
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };
    const int64_t before = plan->opts.now - STALE_US;

    if (!plan->kind->sweep || plan->swept_at > before)
        return LQ_OK;
    LQ_TRY(lq_track_recent_folders(plan, &folders, err));
    for (size_t i = 0; i < folders.count; i++) {
        LQ_CLEANUP(lq_free) char *raw = lq_sync_raw_path(folders.items[i]);

        plan->kind->sweep(remote, folders.items[i], before);
        plan->kind->sweep(remote, raw, before);
    }
    LQ_TRY(sweep_conversions(plan, remote, err));
    return lq_track_swept(plan, err);
}

static enum lq_status run_batches(struct lq_sync_plan *plan, struct lq_remote *remote,
                                  struct lq_error *err)
{
    struct lq_sync_progress progress = { .n_files = plan->n_steps };

    for (size_t i = 0; i < plan->n_steps; i++)
        progress.n_bytes += plan->steps[i].file.size_bytes;
    for (size_t first = 0; first < plan->n_steps;) {
        /* A batch holds runs or raw logs, not both. */
        const size_t end = first < plan->n_runs ? plan->n_runs : plan->n_steps;
        struct batch batch = {
            .plan = plan,
            .remote = remote,
            .steps = plan->steps + first,
            .n_steps = end - first < BATCH_FILES ? end - first : BATCH_FILES,
            .before = progress,
        };

        LQ_TRY(run_batch(&batch, err));
        first += batch.n_steps;
        progress.n_done += batch.n_done;
        progress.n_done_bytes += batch.n_done_bytes;
    }
    return LQ_OK;
}

static bool is_complete(const struct lq_sync_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].file.outcome != LQ_SYNC_COPIED &&
            plan->steps[i].file.outcome != LQ_SYNC_PRESENT)
            return false;
    return true;
}

/* A folder that a sync did not come to its end in. */
static bool is_in_doubt(const struct lq_sync_plan *plan)
{
    return !*plan->kind->scheme && (plan->doubtful || plan->unfinished);
}

/* Of a file to bring; NULL: there is none. */
static const char *first_folder(const struct lq_sync_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++)
        if (!plan->steps[i].unread)
            return plan->steps[i].put.folder;
    return NULL;
}

/* Not even the first request gets through: for that, all of the plan is missing there. */
static void fail_plan(struct lq_sync_plan *plan, const struct lq_error *reason)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        struct lq_step *step = &plan->steps[i];
        struct lq_error err = *reason;

        if (step->file.outcome != LQ_SYNC_PENDING)
            continue;
        lq_error_prefix(&err, "'%s' is missing there: ", step->remote_path);
        lq_step_fail(step, LQ_UNREACHABLE, &err);
    }
}

static enum lq_status apply(struct lq_sync_plan *plan, struct lq_error *err)
{
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;
    const bool was_unfinished = plan->unfinished;
    enum lq_status status = LQ_OK;

    LQ_TRY(plan->kind->open(&remote, &plan->place, &plan->opts, err));
    /* Again, since what is mounted may have changed since the plan was made. */
    LQ_TRY(lq_sync_check_place(plan, err));
    if (plan->kind->prepare && first_folder(plan))
        status = plan->kind->prepare(remote, first_folder(plan), err);
    if (status == LQ_UNREACHABLE) {
        fail_plan(plan, err);
        return LQ_OK;
    }
    LQ_TRY(status);
    LQ_TRY(lq_track_save(plan, err));
    if (plan->opts.force || plan->opts.verify)
        LQ_TRY(lq_track_forget_missing(plan, err));
    if (is_in_doubt(plan) ||
        (!*plan->kind->scheme && plan->remembered_mode != (int)plan->opts.mode))
        LQ_TRY(sweep_conversions(plan, remote, err));
    if (plan->opts.mode == LQ_SYNC_MODE_SYMLINK || plan->links.count > 0)
        LQ_TRY(lq_track_doubt(plan, err));
    plan->unfinished = true;
    plan->unflushed = false;
    LQ_TRY(lq_convert_begin(plan, remote, err));
    LQ_TRY(run_batches(plan, remote, err));
    LQ_TRY(lq_convert_end(plan, remote, is_complete(plan), err));
    /* Folders that the one before made may not be on disk, and are not made again. */
    if (was_unfinished && plan->kind->flush_all)
        LQ_TRY(plan->kind->flush_all(remote, err));
    plan->unfinished = plan->unflushed;
    return sweep(plan, remote, err);
}

/* The first failure's status. A single one is told here, of several only how many there are. */
static enum lq_status result(const struct lq_sync_plan *plan, const struct lq_sync_counts *counts,
                             struct lq_error *err)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_step *step = &plan->steps[i];

        if (step->file.outcome == LQ_SYNC_FAILED)
            return lq_error_set(err, step->status, "%zu of %zu %s could not be synced%s%s",
                                counts->n_failed, counts->n_files,
                                counts->n_links > 0 ? "folders"
                                : counts->n_raw > 0 ? "files"
                                                    : "runs",
                                counts->n_failed == 1 ? ": " : "",
                                counts->n_failed == 1 ? step->error : "");
    }
    return LQ_OK;
}

/* Folders from which everything is at the destination need not be read the next time. */
static enum lq_status record_scans(struct lq_sync_plan *plan, struct lq_error *err)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_step *step = &plan->steps[i];

        if (step->file.outcome != LQ_SYNC_COPIED && step->file.outcome != LQ_SYNC_PRESENT)
            plan->scans[step->leaf].dirty = true;
    }
    return lq_track_record_scans(plan, err);
}

static enum lq_status finish(struct lq_sync_plan *plan, enum lq_status status, struct lq_error *err)
{
    struct lq_sync_counts sums;
    struct lq_error problem = { 0 };

    lq_sync_plan_counts(plan, &sums);
    if (status == LQ_OK && plan->destination_id)
        status = record_scans(plan, err);
    if (status == LQ_OK)
        status = result(plan, &sums, &problem);
    else if (err)
        problem = *err;
    if (status == LQ_OK)
        return plan->destination_id ? lq_track_result(plan, NULL, err) : LQ_OK;
    /* Why a sync failed is known already: that it cannot be written down is no better reason. */
    if (plan->destination_id)
        (void)!lq_track_result(plan, problem.message, NULL);
    if (err)
        *err = problem;
    return status;
}

enum lq_status lq_sync_apply(struct lq_sync_plan *plan, struct lq_sync_counts *counts,
                             struct lq_error *err)
{
    struct lq_error problem = { 0 };
    enum lq_status status = LQ_OK;

    for (size_t i = 0; i < plan->n_steps; i++)
        if ((plan->steps[i].file.outcome == LQ_SYNC_FAILED && !plan->steps[i].unread) ||
            plan->steps[i].file.outcome == LQ_SYNC_GONE)
            plan->steps[i].file.outcome = LQ_SYNC_PENDING;
    if (plan->n_steps > 0 || plan->links.count > 0 || !plan->destination_id ||
        plan->remembered_mode != (int)plan->opts.mode || is_in_doubt(plan))
        status = apply(plan, &problem);
    else if (plan->n_bad > 0)
        status = lq_track_record(plan, NULL, 0, &problem);
    status = finish(plan, status, &problem);
    if (plan->n_steps >= BATCH_FILES)
        lq_state_checkpoint(plan->store->state);
    if (counts)
        lq_sync_plan_counts(plan, counts);
    if (status != LQ_OK && err)
        *err = problem;
    return status;
}
