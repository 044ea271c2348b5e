/* SPDX-License-Identifier: MIT */
/* Applying a plan: batches of files staged on threads, made durable, published, recorded. */
#include "base/alloc.h"
#include "base/time.h"
#include "sync/plan.h"
#include "sync/track.h"
#include <pthread.h>
#include <stdatomic.h>

/* A batch ends at whichever comes first. What a kill costs is one batch, copied again. */
#define BATCH_FILES 256
#define BATCH_US (1 * LQ_US_PER_SECOND)
#define MAX_THREADS 256

/* The end of a run's uid is random, so no other run has this name. */
#define RUN8_DIGITS 8

struct batch {
    struct lq_sync_plan *plan;
    struct lq_remote *remote;
    struct lq_step *steps;
    size_t n_steps;

    /* The phase that is running. */
    enum lq_status (*work)(struct batch *batch, struct lq_step *step, struct lq_error *err);
    int64_t deadline; /* monotonic; no file is begun after it, except the first */
    atomic_size_t next;
    atomic_bool denied; /* what has a name may not be read */
};

/* ---- one file ---- */

/* "001_build_143022-89abcdef.parquet"; NULL when that is the step's name already. */
static char *own_name(const struct lq_step *step)
{
    const struct lq_str suffix = LQ_STR(".parquet");
    const size_t stem = strlen(step->name) - suffix.len;
    const char *run8 = step->run_uid + strlen(step->run_uid) - RUN8_DIGITS;
    LQ_CLEANUP(lq_free) char *ending = lq_format("-%s%s", run8, suffix.ptr);

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

/* Whether what was found out about the file's bytes is what was recorded of them. */
static enum lq_status check_recorded(const struct lq_step *step, const struct lq_put *found,
                                     const struct lq_put *recorded, struct lq_error *err)
{
    if (found->size_bytes != step->file.size_bytes ||
        (step->in_state && strcmp(found->sha256, recorded->sha256) != 0))
        return lq_error_set(err, LQ_CORRUPT, "'.lq/logs/%s' has changed since it was recorded",
                            step->path);
    return LQ_OK;
}

/* The same before anybody can see them. */
static enum lq_status check_bytes(struct lq_step *step, int fd, struct lq_error *err)
{
    struct lq_put found = step->put;

    LQ_TRY(lq_file_sha256(fd, step->path, found.sha256, &found.size_bytes, err));
    LQ_TRY(check_recorded(step, &found, &step->put, err));
    step->put = found;
    return LQ_OK;
}

/* Stage under the first name that is free; a copy whose bytes are not those recorded is dropped. */
static enum lq_status stage_fd(struct batch *batch, struct lq_step *step, int fd,
                               struct lq_error *err)
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    const struct lq_put recorded = step->put;
    enum lq_status status;

    if (!kind->publish)
        LQ_TRY(check_bytes(step, fd, err));
    while ((status = kind->stage(batch->remote, &step->put, fd, err)) == LQ_EXISTS) {
        if (!step->put.sha256[0])
            LQ_TRY(lq_file_sha256(fd, step->path, step->put.sha256, &step->put.size_bytes, err));
        LQ_TRY(name_taken(batch, step, err));
        if (step->file.outcome == LQ_SYNC_PRESENT)
            return LQ_OK;
    }
    LQ_TRY(status);
    status = check_recorded(step, &step->put, &recorded, err);
    if (status != LQ_OK) {
        if (kind->unstage)
            kind->unstage(batch->remote, &step->put);
        memcpy(step->put.sha256, recorded.sha256, sizeof recorded.sha256);
        step->put.size_bytes = recorded.size_bytes;
    }
    return status;
}

static enum lq_status stage(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;

    if (batch->plan->place.naming == LQ_NAMING_RUN8 || batch->denied)
        use_own_name(step);
    LQ_TRY(lq_sync_open_local(batch->plan->logs_fd, step->path, &fd, &info, err));
    return stage_fd(batch, step, fd, err);
}

static enum lq_status publish(struct batch *batch, struct lq_step *step, struct lq_error *err)
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    enum lq_status status = LQ_OK;

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
    free(step->error);
    step->error = lq_strdup(err->message);
    step->file.error = step->error;
    step->file.outcome = LQ_SYNC_FAILED;
    step->status = status;
}

/* ---- a batch ---- */

static void *worker(void *ctx)
{
    struct batch *batch = ctx;

    for (;;) {
        const bool late = batch->next > 0 && lq_time_monotonic() > batch->deadline;
        const size_t i = late ? batch->n_steps : atomic_fetch_add(&batch->next, 1);
        struct lq_error err = { 0 };
        enum lq_status status;

        if (i >= batch->n_steps)
            return NULL;
        if (batch->steps[i].file.outcome != LQ_SYNC_PENDING)
            continue;
        status = batch->work(batch, &batch->steps[i], &err);
        if (status != LQ_OK)
            fail(batch, &batch->steps[i], status, &err);
    }
}

/* Do `work` for each pending step of the batch, on this thread and others; after it, the batch ends
 * with the last step that was begun before the deadline. */
static void run_phase(struct batch *batch, int64_t deadline,
                      enum lq_status (*work)(struct batch *, struct lq_step *, struct lq_error *))
{
    const struct lq_remote_kind *kind = batch->remote->kind;
    const int wanted = batch->plan->opts.threads > 0 ? batch->plan->opts.threads : kind->threads;
    const size_t useful = batch->n_steps / (size_t)kind->files_per_thread;
    pthread_t threads[MAX_THREADS];
    size_t n_threads = 0;

    batch->work = work;
    batch->deadline = deadline;
    batch->next = 0;
    while (n_threads < LQ_COUNT(threads) && n_threads + 1 < (size_t)wanted &&
           n_threads + 1 < useful && pthread_create(&threads[n_threads], NULL, worker, batch) == 0)
        n_threads++;
    worker(batch);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    if (batch->next < batch->n_steps)
        batch->n_steps = batch->next;
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
    if (status != LQ_OK)
        fail_all(batch, LQ_SYNC_PENDING, status, &problem);
    run_phase(batch, INT64_MAX, publish);
    status = kind->flush ? kind->flush(batch->remote, &problem) : LQ_OK;
    if (status != LQ_OK) {
        fail_all(batch, LQ_SYNC_COPIED, status, &problem);
        fail_all(batch, LQ_SYNC_PRESENT, status, &problem);
    }
    if (batch->denied && batch->plan->place.naming != LQ_NAMING_RUN8) {
        batch->plan->place.naming = LQ_NAMING_RUN8;
        LQ_TRY(lq_track_save(batch->plan, err));
    }
    return lq_track_record(batch->plan, batch->steps, batch->n_steps, batch->plan->opts.now, err);
}

/* ---- the plan ---- */

static enum lq_status apply(struct lq_sync_plan *plan, struct lq_error *err)
{
    const struct lq_sync_opts *opts = &plan->opts;
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;
    struct lq_sync_counts counts;

    LQ_TRY(plan->kind->open(&remote, &plan->place, opts, err));
    /* Again, since what is mounted may have changed since the plan was made. */
    LQ_TRY(lq_sync_check_place(plan, err));
    if (plan->kind->prepare && plan->n_steps > 0)
        LQ_TRY(plan->kind->prepare(remote, plan->steps[0].put.folder, err));
    LQ_TRY(lq_track_save(plan, err));
    for (size_t first = 0; first < plan->n_steps;) {
        struct batch batch = {
            .plan = plan,
            .remote = remote,
            .steps = plan->steps + first,
            .n_steps = plan->n_steps - first < BATCH_FILES ? plan->n_steps - first : BATCH_FILES,
        };

        LQ_TRY(run_batch(&batch, err));
        first += batch.n_steps;
        if (opts->progress) {
            lq_sync_plan_counts(plan, &counts);
            opts->progress(opts->ctx, &counts);
        }
    }
    return LQ_OK;
}

/* The first failure's status. A single one is told here, of several only how many there are. */
static enum lq_status result(const struct lq_sync_plan *plan, const struct lq_sync_counts *counts,
                             struct lq_error *err)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_step *step = &plan->steps[i];

        if (step->file.outcome == LQ_SYNC_FAILED)
            return lq_error_set(err, step->status, "%zu of %zu runs could not be synced%s%s",
                                counts->n_failed, counts->n_files,
                                counts->n_failed == 1 ? ": " : "",
                                counts->n_failed == 1 ? step->error : "");
    }
    return LQ_OK;
}

enum lq_status lq_sync_apply(struct lq_sync_plan *plan, struct lq_sync_counts *counts,
                             struct lq_error *err)
{
    struct lq_sync_counts sums;
    enum lq_status status = LQ_OK;

    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].file.outcome == LQ_SYNC_FAILED)
            plan->steps[i].file.outcome = LQ_SYNC_PENDING;
    if (plan->n_steps > 0 || !plan->destination_id)
        status = apply(plan, err);
    else if (plan->n_bad > 0)
        status = lq_track_record(plan, NULL, 0, plan->opts.now, err);
    lq_sync_plan_counts(plan, &sums);
    if (counts)
        *counts = sums;
    LQ_TRY(status);
    LQ_TRY(result(plan, &sums, err));
    return lq_track_success(plan, plan->opts.now, err);
}
