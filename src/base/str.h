/* SPDX-License-Identifier: MIT */
/* Small questions about borrowed text (struct lq_str). */
#ifndef LQ_BASE_STR_H
#define LQ_BASE_STR_H

#include "base/base.h"
#include <lq/str.h>

#define LQ_STR(literal) ((struct lq_str){ (literal), sizeof(literal) - 1 })

static inline struct lq_str lq_str_of(const char *text)
{
    return (struct lq_str){ text, text ? strlen(text) : 0 };
}

static inline bool lq_str_eq(struct lq_str a, struct lq_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool lq_str_starts(struct lq_str text, struct lq_str prefix)
{
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

static inline bool lq_str_ends(struct lq_str text, struct lq_str suffix)
{
    return text.len >= suffix.len &&
           memcmp(text.ptr + text.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

#endif
