/* SPDX-License-Identifier: MIT */
/* Where secrets lie in one line: the expressions of lq and those of the user. */
#ifndef LQ_REDACT_FIND_H
#define LQ_REDACT_FIND_H

#include "scan/scan.h"

/* What begins every mark that stands for a secret, and the mark itself. */
#define LQ_MARK_START "[redacted:"
enum { LQ_MARK_MAX_BYTES = 48 };

/* Bytes of a line to hide, and which pattern says so (static, or the finder's). */
struct lq_span {
    size_t start, end;
    const char *name;
};

struct lq_spans {
    struct lq_span *at;
    size_t count, capacity;
};

/* Add one; an empty one is none. */
void lq_spans_add(struct lq_spans *spans, size_t start, size_t end, const char *name);
/* Sort from `first` on, and join what overlaps. */
void lq_spans_settle(struct lq_spans *spans);

/* A line, or a piece of one that is too long to be held whole. */
struct lq_piece {
    struct lq_str text;
    size_t from;           /* matches begin here; what is before is context */
    bool is_start, is_end; /* of its line */
};

struct lq_finder;
/* `patterns`: the user's, NULL-terminated, or NULL. LQ_BAD_INPUT: one is no expression. */
LQ_CHECK enum lq_status lq_finder_new(struct lq_finder **finder, char *const *patterns,
                                      struct lq_error *err);
void lq_finder_free(struct lq_finder **finder);

/* Whether the user has patterns: no first pass tells where they match. */
bool lq_finder_has_patterns(const struct lq_finder *finder);

/* First pass: what may match where in a block of whole lines. false: nobody knows. */
bool lq_finder_scan(struct lq_finder *finder, struct lq_str block, struct lq_hits *hits);

/* Add the spans of the secrets that `hits` names, of all of them where it is NULL. What needs more
 * than a bounded effort counts as a secret. */
void lq_finder_secrets(struct lq_finder *finder, const struct lq_piece *piece,
                       const struct lq_hit *hits, size_t n_hits, struct lq_spans *spans);
/* The same for the user's patterns. */
void lq_finder_patterns(struct lq_finder *finder, const struct lq_piece *piece,
                        struct lq_spans *spans);

#endif
