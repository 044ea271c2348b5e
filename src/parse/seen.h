/* SPDX-License-Identifier: MIT */
/* struct lq_seen: a set of hashes, up to a ceiling; past that nothing more is remembered. */
#ifndef LQ_PARSE_SEEN_H
#define LQ_PARSE_SEEN_H

#include "base/str.h"

#define LQ_SEEN_MAX (1u << 17)

struct lq_seen {
    uint64_t *table; /* open addressing, at most half full; 0: free */
    size_t count, capacity;
};

/* FNV-1a over `text`, going on from `seed`; never 0. */
uint64_t lq_seen_hash(uint64_t seed, struct lq_str text);
bool lq_seen_has(const struct lq_seen *seen, uint64_t hash);
/* true: it is new. */
bool lq_seen_add(struct lq_seen *seen, uint64_t hash);
void lq_seen_clear(struct lq_seen *seen);
void lq_seen_release(struct lq_seen *seen);

#endif
