/* SPDX-License-Identifier: MIT */
/* sync.auto: one process at a time, which looks again after it let go. */
#include <errno.h>
#include <fcntl.h>
#include <lq/auto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/store.h"

enum lq_status lq_auto_check(struct lq_store *store, const char *destination, bool from_config,
                             struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *real = NULL;
    bool known;

    if (lq_destination_has_credentials(destination))
        return lq_error_set(err, LQ_BAD_INPUT, "the destination of sync.auto holds credentials");
    if (!from_config)
        return LQ_OK;
    /* A link that now leads elsewhere is another place. */
    real = strstr(destination, "://") ? NULL : realpath(destination, NULL);
    LQ_TRY(lq_state_knows_destination(store->state, real, real ? NULL : destination, &known, err));
    return known ? LQ_OK
                 : lq_error_set(err, LQ_DENIED,
                                "sync.auto uses '%s' after one 'lq sync' by hand: "
                                "config.yaml may have come with a clone",
                                destination);
}

/* LQ_EXISTS: another process has it. */
static enum lq_status lock(const struct lq_project *project, bool wait, int *fd,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(project->lq_dir, "sync.lock");
    LQ_CLEANUP(lq_close) int opened =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0666);
    int failed;

    if (opened < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    do {
        failed = flock(opened, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
    } while (failed && errno == EINTR);
    if (failed && errno == EWOULDBLOCK)
        return LQ_EXISTS;
    if (failed)
        return lq_error_errno(err, errno, "cannot lock '%s'", path);
    *fd = opened;
    opened = -1;
    return LQ_OK;
}

bool lq_auto_is_running(const struct lq_project *project)
{
    LQ_CLEANUP(lq_close) int fd = -1;

    return lock(project, false, &fd, NULL) == LQ_EXISTS;
}

/* ---- syncing ---- */

static enum lq_status sync_once(struct lq_store *store, const char *destination,
                                const struct lq_sync_opts *opts, struct lq_sync_plan **plan,
                                struct lq_error *err)
{
    LQ_TRY(lq_sync_plan_new(plan, store, destination, opts, err));
    return lq_sync_apply(*plan, NULL, err);
}

/* Whether there is a file in `now` that `before` did not have; both are sorted. */
static bool has_more(const struct lq_sync_plan *now, const struct lq_sync_plan *before)
{
    const size_t n_before = lq_sync_plan_file_count(before);
    size_t at = 0;

    for (size_t i = 0; i < lq_sync_plan_file_count(now); i++) {
        const char *path = lq_sync_plan_file(now, i)->path;
        int order = -1;

        while (at < n_before && (order = strcmp(lq_sync_plan_file(before, at)->path, path)) < 0)
            at++;
        if (order != 0)
            return true;
    }
    return false;
}

/* Whether a run was recorded that the sync just made did not know: its process may have gone away,
 * seeing the lock taken. */
static bool is_new(struct lq_store *store, const char *destination, const struct lq_sync_opts *opts,
                   const struct lq_sync_plan *before)
{
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    return before && lq_sync_plan_new(&plan, store, destination, opts, NULL) == LQ_OK &&
           has_more(plan, before);
}

enum lq_status lq_auto_sync(struct lq_store *store, const char *destination,
                            const struct lq_sync_opts *opts, bool wait, lq_auto_done_fn *on_done,
                            void *ctx, struct lq_error *err)
{
    for (;;) {
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
        LQ_CLEANUP(lq_close) int fd = -1;
        struct lq_error problem = { 0 };
        enum lq_status status = lock(store->project, wait, &fd, err);

        if (status != LQ_OK)
            return status == LQ_EXISTS ? LQ_OK : status;
        status = sync_once(store, destination, opts, &plan, &problem);
        (void)!lq_auto_note(store, destination, opts->now, status == LQ_OK ? NULL : problem.message,
                            NULL);
        on_done(ctx, plan, status, &problem);
        lq_close(&fd);
        if (is_new(store, destination, opts, plan))
            continue;
        if (status != LQ_OK && err)
            *err = problem;
        return status;
    }
}

/* ---- what is remembered ---- */

enum lq_status lq_auto_note(struct lq_store *store, const char *destination, int64_t now,
                            const char *problem, struct lq_error *err)
{
    return lq_state_set_auto(store->state, destination, now, problem, err);
}

enum lq_status lq_auto_problem(struct lq_store *store, const char *destination, char **problem,
                               int64_t *when, struct lq_error *err)
{
    return lq_state_get_auto(store->state, destination, problem, when, err);
}
