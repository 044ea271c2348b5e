/* SPDX-License-Identifier: MIT */
/* Print the events of a log as JSON lines: what the parser sees, without run or store. */
#include <fcntl.h>
#include <jansson.h>
#include <lq/format.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"
#include "base/text.h"

static void put(json_t *object, const char *key, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf clean = LQ_BUF_INIT;

    if (!text.ptr)
        return;
    lq_text_add_utf8(&clean, text);
    json_object_set_new(object, key, json_string(lq_buf_text(&clean)));
}

static void put_number(json_t *object, const char *key, int64_t number)
{
    if (number > 0)
        json_object_set_new(object, key, json_integer(number));
}

static bool no_raw; /* leave raw_text out: it repeats the log */

static void print_event(void *ctx, const struct lq_event *event)
{
    json_t *object = json_object();

    put(object, "severity", lq_str_of(lq_severity_name(event->severity)));
    put(object, "file_path", event->file_path);
    put_number(object, "line_number", event->line_number);
    put_number(object, "column_number", event->column_number);
    put(object, "message", event->message);
    if (!no_raw)
        put(object, "raw_text", event->raw_text);
    put(object, "tool_name", event->tool_name);
    put(object, "category", event->category);
    put(object, "error_code", event->error_code);
    put(object, "error_fingerprint", event->fingerprint);
    put_number(object, "log_line_start", event->log_line_start);
    put_number(object, "log_line_end", event->log_line_end);
    put(object, "test_name", event->test_name);
    put(object, "status", lq_str_of(lq_test_status_name(event->test_status)));
    if (event->test_duration_sec >= 0)
        json_object_set_new(object, "test_duration_sec", json_real(event->test_duration_sec));
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
}

/* For measuring: count, print nothing. */
static void count_event(void *ctx, const struct lq_event *event)
{
    ++*(long *)ctx;
}

int main(int argc, char **argv)
{
    const bool count = argc > 2 && strcmp(argv[1], "--count") == 0;
    struct lq_parser *parser = NULL;
    struct lq_error err = { 0 };
    static char bytes[1 << 18];
    long n_events = 0;
    ssize_t n;
    LQ_CLEANUP(lq_close) int fd = -1;

    no_raw = argc > 2 && strcmp(argv[1], "--no-raw") == 0;
    if (argc != 2 + (count || no_raw) || (fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC)) < 0) {
        fprintf(stderr, "usage: parse_file [--count | --no-raw] LOG\n");
        return 2;
    }
    if (lq_parser_new(&parser, NULL, count ? count_event : print_event, &n_events, &err)) {
        fprintf(stderr, "parse_file: %s\n", err.message);
        return 1;
    }
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        lq_parser_feed(parser, bytes, (size_t)n);
    lq_parser_finish(parser);
    if (count)
        printf("%ld events, %lld lines\n", n_events, (long long)lq_parser_line_count(parser));
    lq_parser_free(&parser);
    return n < 0;
}
