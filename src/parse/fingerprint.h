/* SPDX-License-Identifier: MIT */
/* Which events are the same mistake. */
#ifndef LQ_PARSE_FINGERPRINT_H
#define LQ_PARSE_FINGERPRINT_H

#include <lq/event.h>

#define LQ_FINGERPRINT_BYTES 96

/*
 * Write `event`'s fingerprint, tool_category_16hex: equal for the same mistake on any machine, at
 * any line. Hashed are the error code and the message without what differs from place to place:
 * quoted names, however they are quoted, paths, numbers, addresses, hashes, times and durations; for a
 * test its name. Returns its length.
 *
 * The hash is FNV-1a, 64 bits (Fowler, Noll, Vo; isthe.com/chongo/tech/comp/fnv): one
 * multiplication a byte. A cryptographic hash would cost more than all the rest of an event.
 */
size_t lq_fingerprint(const struct lq_event *event, char text[static LQ_FINGERPRINT_BYTES]);

#endif
