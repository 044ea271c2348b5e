/* SPDX-License-Identifier: MIT */
/*
 * Many expressions at once: where in a text may which of them match? A first pass by vectorscan over
 * a database that was compiled when lq was built (tools/emit.h); whether one matches indeed, PCRE2
 * says afterwards, on the few lines that were hit.
 */
#ifndef LQ_SCAN_SCAN_H
#define LQ_SCAN_SCAN_H

#include "base/base.h"
#include "base/str.h"

/* A database, static; the members that it does not begin with are this room's own. */
struct lq_scan_set {
    const uint64_t *words;
    const size_t *n_bytes;
    bool tried;
    void *database;
};

/* Expression `rule` may match the line in which the byte before `end` lies. */
struct lq_hit {
    uint32_t end;
    uint32_t rule;
};

struct lq_hits {
    struct lq_hit *at; /* freed by whoever holds it */
    size_t count, capacity;
};

/* One for each thread that scans. */
struct lq_scan;
struct lq_scan *lq_scan_new(struct lq_scan_set *set);
void lq_scan_free(struct lq_scan **scan);

/* Find the hits in whole lines, ordered by `end`; `hits` is overwritten. false, with no hits: there is
 * no usable first pass on this machine, and every expression has to be tried on every line. */
bool lq_scan_run(struct lq_scan *scan, struct lq_str block, struct lq_hits *hits);

/* Add one by hand. */
void lq_hits_add(struct lq_hits *hits, size_t end, size_t rule);

#endif
