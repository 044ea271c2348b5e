/* SPDX-License-Identifier: MIT */
/* Growing text with a ceiling. */
#include "base/buf.h"
#include "base/alloc.h"

void lq_buf_release(struct lq_buf *buf)
{
    free(buf->data);
    *buf = (struct lq_buf)LQ_BUF_INIT;
}

void lq_buf_clear(struct lq_buf *buf)
{
    lq_buf_truncate(buf, 0);
    buf->overflow = false;
}

/* Room for `more` bytes and the NUL; false, with the flag set, past the ceiling. */
static bool reserve(struct lq_buf *buf, size_t more)
{
    const size_t max = buf->max ? buf->max : LQ_BUF_DEFAULT_MAX_BYTES;
    size_t capacity = buf->capacity ? buf->capacity : 64;

    if (more > max - buf->len) {
        buf->overflow = true;
        return false;
    }
    while (capacity < buf->len + more + 1)
        capacity *= 2;
    if (capacity != buf->capacity) {
        buf->data = lq_realloc(buf->data, capacity, 1);
        buf->capacity = capacity;
    }
    return true;
}

void lq_buf_add(struct lq_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void lq_buf_adds(struct lq_buf *buf, const char *text)
{
    lq_buf_add(buf, text, strlen(text));
}

void lq_buf_addc(struct lq_buf *buf, char byte)
{
    lq_buf_add(buf, &byte, 1);
}

void lq_buf_addf(struct lq_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && reserve(buf, (size_t)len)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void lq_buf_truncate(struct lq_buf *buf, size_t len)
{
    if (len < buf->len)
        buf->len = len;
    if (buf->data)
        buf->data[buf->len] = '\0';
}

const char *lq_buf_text(const struct lq_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *lq_buf_detach(struct lq_buf *buf)
{
    char *text = buf->data ? buf->data : lq_strdup("");

    *buf = (struct lq_buf){ .max = buf->max };
    return text;
}
