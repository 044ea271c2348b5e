/* SPDX-License-Identifier: MIT */
/* The formats of users, as the parser sees them: <lq/format.h> says how they get here. */
#ifndef LQ_PARSE_MATCHERS_H
#define LQ_PARSE_MATCHERS_H

#include "parse/format.h"
#include "parse/match.h"

struct lq_matchers {
    struct lq_user_matcher **list; /* in order of preference */
    size_t n, capacity, n_patterns;
    struct lq_format_info *infos; /* sorted by name */
    size_t n_infos, info_capacity;
};

/* A matcher with all that it points to. */
struct lq_user_matcher {
    struct lq_matcher matcher;
    struct lq_rule *rules; /* of `pattern`, then of `find` */
    size_t n_rules;        /* of `pattern` */
    bool after;            /* tried when no format of lq took the line */
    int priority;
    const char *file;
    void **texts; /* to be freed */
    size_t n_texts, text_capacity;
    struct lq_expression *expressions; /* compiled */
    size_t n_expressions, expression_capacity;
};

#endif
