/* SPDX-License-Identifier: MIT */
/* A borrowed piece of text, not NUL-terminated. A NULL `ptr` means "no value", which differs from
 * the empty text. */
#ifndef LQ_STR_H
#define LQ_STR_H

#include <stddef.h>

struct lq_str {
    const char *ptr;
    size_t len; /* bytes */
};

#endif
