/* SPDX-License-Identifier: MIT */
/* Events of a log as lines of text, for tests to compare. Included once, after tap.h. */
#ifndef LQ_TESTS_EVENTS_H
#define LQ_TESTS_EVENTS_H

#include "base/buf.h"
#include "base/str.h"
#include <lq/format.h>

/* "error a.c:3:1 [-Wx] gcc: message"; a test: "fail pytest a.py::b a.py:3: message". */
static inline void add_event(void *ctx, const struct lq_event *event)
{
    struct lq_buf *out = ctx;
    const char *severity = lq_severity_name(event->severity);
    const char *status = lq_test_status_name(event->test_status);

    lq_buf_addf(out, "%lld-%lld ", (long long)event->log_line_start,
                (long long)event->log_line_end);
    if (status)
        lq_buf_addf(out, "%s %.*s", status, (int)event->test_name.len, event->test_name.ptr);
    else
        lq_buf_adds(out, severity ? severity : "none");
    if (event->file_path.len)
        lq_buf_addf(out, " %.*s", (int)event->file_path.len, event->file_path.ptr);
    if (event->line_number)
        lq_buf_addf(out, ":%lld", (long long)event->line_number);
    if (event->column_number)
        lq_buf_addf(out, ":%lld", (long long)event->column_number);
    if (event->error_code.len)
        lq_buf_addf(out, " [%.*s]", (int)event->error_code.len, event->error_code.ptr);
    lq_buf_addf(out, " %.*s: %.*s\n", (int)event->tool_name.len, event->tool_name.ptr,
                (int)event->message.len, event->message.ptr);
}

/* Events of a log fed in pieces of `piece` bytes (0: whole). */
static inline void parse_into(struct lq_buf *out, lq_event_fn *on_event, struct lq_str log,
                              size_t piece)
{
    struct lq_parser *parser = NULL;
    struct lq_error err;

    if (!CHECK(lq_parser_new(&parser, NULL, on_event, out, &err) == LQ_OK))
        return;
    for (size_t at = 0; at < log.len;) {
        const size_t left = log.len - at, take = piece && piece < left ? piece : left;

        lq_parser_feed(parser, log.ptr + at, take);
        at += take;
    }
    lq_parser_finish(parser);
    lq_parser_free(&parser);
}

static inline void check_events(const char *log, const char *want)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

    TAP_CASE(log);
    parse_into(&got, add_event, lq_str_of(log), 0);
    CHECK_STR(lq_buf_text(&got), want);
}

#endif
