/* SPDX-License-Identifier: MIT */
/* Putting a file in the place of what has its name at a destination. */
#ifndef LQ_SYNC_MEND_H
#define LQ_SYNC_MEND_H

#include "sync/plan.h"

/* Fail, since the local file is not what was recorded. */
LQ_CHECK enum lq_status lq_step_changed(const struct lq_step *step, struct lq_error *err);
/* Whether what was found out about the file's bytes is what was recorded of them. LQ_CORRUPT. */
LQ_CHECK enum lq_status lq_step_check_recorded(const struct lq_step *step,
                                               const struct lq_put *found,
                                               const struct lq_put *recorded, struct lq_error *err);
/* The same for the open local file, which is read; step->put.sha256 is set. */
LQ_CHECK enum lq_status lq_step_check_bytes(struct lq_step *step, int fd, struct lq_error *err);

/*
 * Replace what is there by a step's file: one that is damaged, or that the mode wants to be a link or a
 * copy. Nothing but this very run is ever replaced: where the name now belongs to another one, or the
 * file is gone, the step stays LQ_SYNC_PENDING, as one that is missing. On several threads.
 * LQ_CORRUPT: the local file is damaged too; through a hard link, it may be the same file.
 */
LQ_CHECK enum lq_status lq_step_mend(struct lq_sync_plan *plan, struct lq_remote *remote,
                                     struct lq_step *step, struct lq_error *err);

#endif
