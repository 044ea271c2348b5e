/* SPDX-License-Identifier: MIT */
/* Allocation that cannot fail, and the destroyers for scoped cleanup. */
#include "base/alloc.h"
#include <unistd.h>

static void *must(void *block)
{
    if (!block) {
        static const char text[] = "lq: out of memory\n";

        if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
            abort();
        abort();
    }
    return block;
}

void *lq_alloc(size_t size)
{
    return must(calloc(1, size ? size : 1));
}

void *lq_realloc(void *block, size_t count, size_t size)
{
    return must(reallocarray(block, count ? count : 1, size));
}

char *lq_strdup(const char *text)
{
    return text ? must(strdup(text)) : NULL;
}

char *lq_strndup(const char *text, size_t len)
{
    char *copy;

    if (!text)
        return NULL;
    copy = lq_alloc(len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *lq_format(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    return must(len < 0 ? NULL : text);
}

void lq_free(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;

    free(*pointer);
    *pointer = NULL;
}

void lq_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
