/* SPDX-License-Identifier: MIT */
/*
 * The first and the last lines of a log while it goes by, as a terminal would leave them, in memory
 * that does not grow with it.
 */
#ifndef LQ_STORE_EXCERPT_H
#define LQ_STORE_EXCERPT_H

#include <lq/store.h>

struct lq_excerpter;

struct lq_excerpter *lq_excerpter_new(void);
/* The next bytes of the log. */
void lq_excerpter_feed(struct lq_excerpter *excerpter, const char *bytes, size_t len);
/* The log ends here: a last line without newline counts. `excerpt` borrows from the excerpter. */
void lq_excerpter_finish(struct lq_excerpter *excerpter, struct lq_excerpt *excerpt);
void lq_excerpter_free(struct lq_excerpter **excerpter);

#endif
