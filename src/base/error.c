/* SPDX-License-Identifier: MIT */
/* The error object of include/lq/error.h. */
#include "base/base.h"
#include <errno.h>
#include <stdarg.h>

/* First line to message, the rest to detail; both cut to their room. */
static void store(struct lq_error *err, enum lq_status status, const char *text)
{
    const char *newline = strchr(text, '\n');
    const size_t len = newline ? (size_t)(newline - text) : strlen(text);

    err->status = status;
    snprintf(err->message, sizeof err->message, "%.*s", (int)len, text);
    snprintf(err->detail, sizeof err->detail, "%s", newline ? newline + 1 : "");
}

enum lq_status lq_error_set(struct lq_error *err, enum lq_status status, const char *fmt, ...)
{
    char text[sizeof err->message + sizeof err->detail];
    va_list args;

    if (!err)
        return status;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    store(err, status, text);
    return status;
}

enum lq_status lq_error_errno(struct lq_error *err, int errnum, const char *fmt, ...)
{
    const enum lq_status status = errnum == ENOENT || errnum == ENOTDIR ? LQ_NOT_FOUND
                                  : errnum == EACCES || errnum == EPERM || errnum == EROFS
                                      ? LQ_DENIED
                                  : errnum == EEXIST ? LQ_EXISTS
                                                     : LQ_IO;
    char text[sizeof err->message];
    va_list args;
    size_t len;

    if (!err)
        return status;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    len = strlen(text);
    snprintf(text + len, sizeof text - len, ": %s", strerror(errnum));
    store(err, status, text);
    return status;
}

void lq_error_prefix(struct lq_error *err, const char *fmt, ...)
{
    char text[sizeof err->message];
    va_list args;
    size_t len;

    if (!err)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    len = strlen(text);
    snprintf(text + len, sizeof text - len, "%s", err->message);
    memcpy(err->message, text, sizeof text);
}
