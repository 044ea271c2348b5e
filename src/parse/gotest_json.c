/* SPDX-License-Identifier: MIT */
/* go test -json: a test's output and result come in objects of their own. */
#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/shapes.h"

/* Tests whose output is collected at the same time, and how much of it. */
#define MAX_TESTS 2048
#define OUTPUT_MAX_BYTES 4096

struct test {
    struct test *next; /* in its bucket */
    uint64_t name;     /* hash of package and test */
    int64_t first_line;
    struct lq_clip output;
};

struct gotest {
    struct test *buckets[MAX_TESTS];
    size_t n_tests;
};

static void free_test(struct test *test)
{
    lq_clip_release(&test->output);
    free(test);
}

static void free_gotest(void *state)
{
    struct gotest *gotest = state;

    for (size_t i = 0; i < MAX_TESTS; i++)
        for (struct test *test = gotest->buckets[i], *next; test; test = next) {
            next = test->next;
            free_test(test);
        }
    free(gotest);
}

static uint64_t hash(uint64_t hash, struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return hash * 31;
}

static struct test **find(struct gotest *gotest, uint64_t name)
{
    struct test **at = &gotest->buckets[name % MAX_TESTS];

    while (*at && (*at)->name != name)
        at = &(*at)->next;
    return at;
}

/* What the test printed itself: not the lines in which the harness tells of it. */
static bool is_frame(struct lq_str output)
{
    static const char *const starts[] = { "=== ",     "--- PASS", "--- FAIL",
                                          "--- SKIP", "PASS\n",   "FAIL\n" };

    while (output.len && output.ptr[0] == ' ') {
        output.ptr++;
        output.len--;
    }
    for (size_t i = 0; i < LQ_COUNT(starts); i++)
        if (lq_str_starts(output, lq_str_of(starts[i])))
            return true;
    return false;
}

/* "x_test.go:12: got 3": the first of these lines that reads like a failure, else the first, is place and
 * message; a panic tells its text, and the place on its stack. */
static void read_output(struct lq_parser *parser, const struct test *test, struct lq_event *event)
{
    static const char said[] = "(?m)^\\s*([^\\s:]+\\.go):(\\d+): ?(.*)$";
    const struct lq_str text = lq_clip_text(&test->output);
    const char *const end = text.ptr + text.len;
    struct lq_str rest = text;

    event->message = lq_trim_lines(text);
    while (lq_parser_try(parser, said, rest)) {
        const struct lq_str message = lq_parser_group(parser, 3);

        if (event->file_path.len && !lq_gotest_complains(parser, message)) {
            rest = (struct lq_str){ message.ptr, (size_t)(end - message.ptr) };
            continue;
        }
        lq_parser_try(parser, said, rest);
        rest = (struct lq_str){ message.ptr, (size_t)(end - message.ptr) };
        event->file_path = lq_parser_group(parser, 1);
        event->line_number = lq_digits(lq_parser_group(parser, 2));
        event->message = lq_trim_lines(rest);
        if (lq_gotest_complains(parser, message))
            return;
    }
    if (!event->file_path.len &&
        lq_parser_try(parser, "(?m)^\\s+(\\S+_test\\.go):(\\d+)(?: \\+0x|$)", text)) {
        event->file_path = lq_parser_group(parser, 1);
        event->line_number = lq_digits(lq_parser_group(parser, 2));
    }
}

static void end_test(struct lq_parser *parser, struct test **at, struct lq_event *event)
{
    struct test *test = *at;

    event->severity = lq_severity_of_test(event->test_status);
    event->message = (struct lq_str){ NULL, 0 };
    if (test) {
        event->log_line_start = test->first_line;
        if (event->test_status == LQ_TEST_FAIL)
            read_output(parser, test, event);
        event->raw_text = lq_clip_text(&test->output);
    }
    lq_parser_emit(parser, event);
    if (!test)
        return;
    *at = test->next;
    free_test(test);
}

/* A package that does not compile: its output is the compiler's, line by line. */
static void reread(struct lq_parser *parser, const struct lq_record *record)
{
    struct lq_str output = lq_trim_lines(record->parts[LQ_VALUE_MORE]);

    if (output.len)
        lq_parser_reread(
            parser, (struct lq_line){ .text = output, .number = record->event.log_line_start });
}

bool lq_gotest_adjust(struct lq_parser *parser, struct lq_record *record)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_GOTEST_JSON, free_gotest);
    struct lq_event *event = &record->event;
    const struct lq_str action = record->parts[LQ_FIELD_TEST_STATUS];
    const struct lq_str output = record->parts[LQ_VALUE_MORE];
    struct gotest *gotest;
    struct test **at, *test;

    if (lq_str_eq(action, LQ_STR("build-output")))
        reread(parser, record);
    if (!event->test_name.len)
        return false;
    if (!*slot)
        *slot = lq_alloc(sizeof *gotest);
    gotest = *slot;
    at = find(gotest, hash(hash(UINT64_C(0xcbf29ce484222325), record->parts[LQ_VALUE_OTHER]),
                           event->test_name));
    test = *at;
    if (lq_str_eq(action, LQ_STR("pass")) || lq_str_eq(action, LQ_STR("fail")) ||
        lq_str_eq(action, LQ_STR("skip"))) {
        gotest->n_tests -= test != NULL;
        end_test(parser, at, event);
        return false;
    }
    if (!lq_str_eq(action, LQ_STR("output")) || is_frame(output))
        return false;
    if (!test && gotest->n_tests < MAX_TESTS) {
        test = *at = lq_alloc(sizeof *test);
        test->name = hash(hash(UINT64_C(0xcbf29ce484222325), record->parts[LQ_VALUE_OTHER]),
                          event->test_name);
        test->first_line = event->log_line_start;
        test->output.max = OUTPUT_MAX_BYTES;
        gotest->n_tests++;
    }
    if (test)
        lq_clip_add(&test->output, output);
    return false;
}
