/* SPDX-License-Identifier: MIT */
/*
 * sync.auto: runs come to the store as they are recorded.
 *
 * One process per project syncs at a time: it holds `.lq/sync.lock` with flock, of which a killed one
 * leaves nothing. After it let go it plans once more. So who finds the lock taken may go away: the run
 * that it recorded before it looked is seen by that plan.
 */
#ifndef LQ_AUTO_H
#define LQ_AUTO_H

#include <lq/sync.h>

/* Whether sync.auto may use `destination` (absolute, or a URL). `from_config`: config.yaml names it, and
 * that may have come with a clone: a repository must not choose where logs go, so it has to have been
 * synced to by hand once. LQ_OK; LQ_DENIED: it was not; LQ_BAD_INPUT: it holds credentials, which are
 * not repeated; LQ_IO, LQ_CORRUPT. */
LQ_CHECK enum lq_status lq_auto_check(struct lq_store *store, const char *destination,
                                      bool from_config, struct lq_error *err);

/* Whether a process is at it that will see what was recorded up to now. */
bool lq_auto_is_running(const struct lq_project *project);

/* What became of one sync: `status` and, when it failed, `problem`; `plan` is NULL when there was
 * none. */
typedef void lq_auto_done_fn(void *ctx, const struct lq_sync_plan *plan, enum lq_status status,
                             const struct lq_error *problem);

/*
 * Sync until nothing is new, and remember in state.db how it went.
 *   wait     when another process is at it, wait for it; else leave it to that one
 *   on_done  called after each sync
 * LQ_OK: all of it is there, or will be. Otherwise as lq_sync_plan_new and lq_sync_apply.
 */
LQ_CHECK enum lq_status lq_auto_sync(struct lq_store *store, const char *destination,
                                     const struct lq_sync_opts *opts, bool wait,
                                     lq_auto_done_fn *on_done, void *ctx, struct lq_error *err);

/* Remember why nothing can be synced: NULL: nothing is wrong. `now`: microseconds UTC. */
LQ_CHECK enum lq_status lq_auto_note(struct lq_store *store, const char *destination, int64_t now,
                                     const char *problem, struct lq_error *err);

/* What was remembered of the last time: the caller's text, NULL when it went well or never was. */
LQ_CHECK enum lq_status lq_auto_problem(struct lq_store *store, const char *destination,
                                        char **problem, int64_t *when, struct lq_error *err);

#endif
