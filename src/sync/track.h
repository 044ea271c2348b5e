/* SPDX-License-Identifier: MIT */
/* What state.db remembers of syncs: destinations, what is there, what local files are. */
#ifndef LQ_SYNC_TRACK_H
#define LQ_SYNC_TRACK_H

#include "sync/plan.h"

/* Find plan->place: sets destination_id and remembered. */
LQ_CHECK enum lq_status lq_track_find(struct lq_sync_plan *plan, struct lq_error *err);
/* Remember plan->place as it is now: sets destination_id and remembered. */
LQ_CHECK enum lq_status lq_track_save(struct lq_sync_plan *plan, struct lq_error *err);
/* All that was to be there at `now` is. */
LQ_CHECK enum lq_status lq_track_success(struct lq_sync_plan *plan, int64_t now,
                                         struct lq_error *err);

/* Of `paths`, sorted, free those that are at the destination, and set them to NULL. */
LQ_CHECK enum lq_status lq_track_drop_synced(const struct lq_sync_plan *plan, char **paths,
                                             size_t n_paths, struct lq_error *err);

/* What is known of local files; the statements are prepared once for many. */
struct lq_tracker {
    struct lq_state *state;
    sqlite3_stmt *file, *bad_file;
};
LQ_CHECK enum lq_status lq_tracker_init(struct lq_tracker *tracker, struct lq_state *state,
                                        struct lq_error *err);
void lq_tracker_release(struct lq_tracker *tracker);
/* Fill the step with path `step->path` and set in_state, if it is known. */
LQ_CHECK enum lq_status lq_tracker_file(struct lq_tracker *tracker, struct lq_step *step,
                                        struct lq_error *err);
/* Fill bad->reason and set in_state, if the file was found bad with that size and time. */
LQ_CHECK enum lq_status lq_tracker_bad_file(struct lq_tracker *tracker, struct lq_bad_file *bad,
                                            struct lq_error *err);

/* Remember, in one transaction, the steps that are at the destination since `now`, and what was
 * found out about local files. */
LQ_CHECK enum lq_status lq_track_record(struct lq_sync_plan *plan, const struct lq_step *steps,
                                        size_t n_steps, int64_t now, struct lq_error *err);

#endif
