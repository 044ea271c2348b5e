/* SPDX-License-Identifier: MIT */
/* Looking at files that state.db says are at the destination: their bytes, and whether they are links. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "sync/plan.h"
#include <errno.h>
#include <fcntl.h>

struct inspection {
    struct lq_sync_plan *plan;
    struct lq_remote *remote;
};

/* Whether the file at the destination has the bytes that were recorded; of a raw log, for which nothing
 * was, those of the local file. */
static enum lq_status is_sound(struct inspection *inspection, struct lq_step *step, bool *sound,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;
    enum lq_status status;

    if (!step->put.sha256[0]) {
        LQ_TRY(lq_sync_open_local(inspection->plan, step, &fd, &info, err));
        LQ_TRY(lq_file_sha256(fd, step->file.path, step->put.sha256, &step->put.size_bytes, err));
    }
    status = inspection->remote->kind->same(inspection->remote, &step->put, sound, err);
    if (status != LQ_NOT_FOUND)
        return status;
    step->file.why = LQ_SYNC_MISSING;
    *sound = false;
    return LQ_OK;
}

/* Whether the file at the destination is what the mode asks for. */
static enum lq_status is_converted(struct inspection *inspection, const struct lq_step *step,
                                   bool *converted, struct lq_error *err)
{
    const struct lq_sync_plan *plan = inspection->plan;
    const struct lq_remote_kind *kind = plan->kind;
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;

    LQ_TRY(lq_sync_open_local(plan, step, &fd, &info, err));
    *converted = kind->is_source(inspection->remote, &step->put, &info) ==
                 (plan->opts.mode == LQ_SYNC_MODE_AUTO);
    return LQ_OK;
}

static void inspect(void *ctx, size_t index)
{
    struct inspection *inspection = ctx;
    struct lq_step *step = &inspection->plan->steps[index];
    struct lq_error err = { 0 };
    enum lq_status status = LQ_OK;
    bool fine = true;

    if (!step->suspect)
        return;
    if (inspection->plan->opts.deep)
        status = is_sound(inspection, step, &fine, &err);
    if (status == LQ_OK && fine && lq_sync_converts(inspection->plan)) {
        step->file.why = LQ_SYNC_CONVERT;
        status = is_converted(inspection, step, &fine, &err);
    }
    step->suspect = status == LQ_OK && fine;
    if (status != LQ_OK)
        lq_step_fail(step, status, &err);
}

/* Suspicion that was not confirmed stands on a step until here. */
static void drop_sound_steps(struct lq_sync_plan *plan)
{
    LQ_CLEANUP(lq_free) size_t *moved = lq_alloc((plan->n_steps + 1) * sizeof *moved);
    size_t kept = 0, n_runs = 0;

    for (size_t i = 0; i < plan->n_steps; i++) {
        struct lq_step *step = &plan->steps[i];

        moved[i] = LQ_SYNC_NO_RUN;
        if (step->suspect) {
            plan->n_verified++;
            lq_step_release(step);
            continue;
        }
        n_runs += !step->file.is_raw;
        if (step->file.is_raw && step->run != LQ_SYNC_NO_RUN)
            step->run = moved[step->run];
        moved[i] = kept;
        plan->steps[kept++] = *step;
    }
    plan->n_steps = kept;
    plan->n_runs = n_runs;
}

enum lq_status lq_sync_inspect(struct lq_sync_plan *plan, struct lq_remote *remote,
                               struct lq_error *err)
{
    struct inspection inspection = { plan, remote };

    lq_pool_run(plan->n_steps, lq_sync_threads(plan, plan->n_steps), INT64_MAX, inspect, NULL,
                &inspection);
    drop_sound_steps(plan);
    return LQ_OK;
}
