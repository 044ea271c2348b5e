/* SPDX-License-Identifier: MIT */
/*
 * Tests of which a log tells name, place and message in different parts become one event each, and
 * what a summary says again becomes none.
 *
 * Within an owner (a format) tests go by name. A failed RESULT is held until DETAILS of that name
 * come, or END; DETAILS without a held result are an event of their own. What came BEFORE, with a
 * name or without, goes to the failed result that comes next; when the test passed it is dropped. Within limits: past them the oldest is handed over as it is.
 */
#ifndef LQ_PARSE_LEDGER_H
#define LQ_PARSE_LEDGER_H

#include "parse/format.h"
#include <lq/event.h>

struct lq_parser;
struct lq_ledger;

struct lq_ledger *lq_ledger_new(void);
void lq_ledger_free(struct lq_ledger **ledger);
/* Take an event, its texts are copied; `owner` is static. */
void lq_ledger_take(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner,
                    enum lq_part part, const struct lq_event *event);
/* Hand over what is held of `owner`, or with NULL of all. */
void lq_ledger_end(struct lq_ledger *ledger, struct lq_parser *parser, const char *owner);

#endif
