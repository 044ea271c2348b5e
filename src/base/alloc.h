/* SPDX-License-Identifier: MIT */
/*
 * Memory. None of these returns NULL: when memory is exhausted the process says so and aborts.
 * What data can make large gets a ceiling first (lq_buf, lq_read_file), so that "too large" is an
 * ordinary error. Everything here is freed with free() or lq_free().
 */
#ifndef LQ_BASE_ALLOC_H
#define LQ_BASE_ALLOC_H

#include "base/base.h"
#include <stdarg.h>

/* `size` zeroed bytes. */
__attribute__((malloc, returns_nonnull)) void *lq_alloc(size_t size);
/* Resize to `count` × `size` bytes, checked for overflow; new bytes are undefined. */
__attribute__((returns_nonnull)) void *lq_realloc(void *block, size_t count, size_t size);
/* Copies; a NULL string gives NULL. */
char *lq_strdup(const char *text);
char *lq_strndup(const char *text, size_t len);
__attribute__((returns_nonnull)) char *lq_format(const char *fmt, ...) LQ_PRINTF(1, 2);

/* Make room for one more element in a growing array: `capacity` doubles when `count` reaches it. */
#define LQ_GROW(array, count, capacity)                                                            \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity) * 2 : 8;                                          \
            (array) = lq_realloc((array), (capacity), sizeof(*(array)));                           \
        }                                                                                          \
    } while (0)

/* Destroyers for LQ_CLEANUP. */
void lq_free(void *pointer_to_pointer); /* free(*p), then *p = NULL */
void lq_close(int *fd);                 /* close(2) unless negative, then -1 */

#endif
