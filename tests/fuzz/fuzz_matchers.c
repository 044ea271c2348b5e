/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a file of matchers; behind a NUL, a log that they read. A complaint must be one
 * printable line that names the file. */
#include <lq/format.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *ctx, const struct lq_event *event)
{
    if (event->message.len > LQ_MESSAGE_MAX_BYTES || event->log_line_start < 1 ||
        event->log_line_end < event->log_line_start || !event->fingerprint.len)
        abort();
    ++*(size_t *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *nul = size ? memchr(text, 0, size) : NULL;
    const size_t len = nul ? (size_t)(nul - text) : size;
    const enum lq_matchers_kind kind = size % 2 ? LQ_MATCHERS_OWN : LQ_MATCHERS_GITHUB;
    LQ_CLEANUP(lq_matchers_free) struct lq_matchers *matchers = lq_matchers_new();
    LQ_CLEANUP(lq_parser_free) struct lq_parser *parser = NULL;
    const struct lq_parser_opts opts = { .matchers = matchers };
    struct lq_error err = { 0 };
    size_t n_events = 0;

    if (lq_matchers_add(matchers, "x", (struct lq_str){ text, len }, kind, &err) != LQ_OK &&
        (strncmp(err.message, "x:", 2) != 0 || strchr(err.message, '\n')))
        abort();
    if (lq_parser_new(&parser, &opts, on_event, &n_events, &err) != LQ_OK)
        abort();
    if (nul)
        lq_parser_feed(parser, nul + 1, size - len - 1);
    lq_parser_finish(parser);
    return 0;
}
