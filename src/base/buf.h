/* SPDX-License-Identifier: MIT */
/*
 * struct lq_buf: a growing text with a ceiling. Appends return nothing: what would pass the
 * ceiling is dropped and `overflow` is set, which is asked once at the end, as ferror() is.
 * `data` is always NUL-terminated once anything was appended; lq_buf_text() never returns NULL.
 *
 *     LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
 */
#ifndef LQ_BASE_BUF_H
#define LQ_BASE_BUF_H

#include "base/str.h"
#include <stdarg.h>

#define LQ_BUF_DEFAULT_MAX_BYTES ((size_t)1 << 30)

struct lq_buf {
    char *data;
    size_t len, capacity;
    size_t max; /* bytes; 0: LQ_BUF_DEFAULT_MAX_BYTES */
    bool overflow;
};

#define LQ_BUF_INIT { .data = NULL }

void lq_buf_release(struct lq_buf *buf);
/* Empty it and keep the memory; clears `overflow`. */
void lq_buf_clear(struct lq_buf *buf);
void lq_buf_add(struct lq_buf *buf, const void *bytes, size_t len);
void lq_buf_adds(struct lq_buf *buf, const char *text);
void lq_buf_addc(struct lq_buf *buf, char byte);
void lq_buf_addf(struct lq_buf *buf, const char *fmt, ...) LQ_PRINTF(2, 3);
void lq_buf_truncate(struct lq_buf *buf, size_t len);
/* The text, borrowed; "" when nothing was appended. */
const char *lq_buf_text(const struct lq_buf *buf);
/* The text as the caller's own string; the buffer is left empty. */
char *lq_buf_detach(struct lq_buf *buf);

#endif
