/* SPDX-License-Identifier: MIT */
/*
 * Where events wait until their run has ended: in memory as long as they are few, then in an
 * unnamed file beside the store, so that ten million events need no more memory than ten thousand.
 */
#ifndef LQ_STORE_SPILL_H
#define LQ_STORE_SPILL_H

#include <lq/error.h>
#include <lq/event.h>
#include <stdbool.h>

struct lq_spill;

/* `folder` (borrowed for the call's time) is where the unnamed file goes when one is needed. */
struct lq_spill *lq_spill_new(const char *folder);

/*
 * Append an event. Its texts are made valid UTF-8 and cut to their ceilings. A failure (disk full)
 * is remembered: later events are dropped and lq_spill_rewind reports it.
 */
void lq_spill_add(struct lq_spill *spill, const struct lq_event *event);

int64_t lq_spill_count(const struct lq_spill *spill);

/* Go to the first event. LQ_IO when writing failed before. */
LQ_CHECK enum lq_status lq_spill_rewind(struct lq_spill *spill, struct lq_error *err);
/* The next event; its texts are borrowed until the next call. `*more` is false behind the last. */
LQ_CHECK enum lq_status lq_spill_next(struct lq_spill *spill, struct lq_event *event, bool *more,
                                      struct lq_error *err);

void lq_spill_free(struct lq_spill **spill);

#endif
