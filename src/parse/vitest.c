/* SPDX-License-Identifier: MIT */
/* Vitest's list of tests as they end; the sections of failures are data. */
#include "base/alloc.h"
#include "parse/engine.h"

#define OWNER "vitest"

/* " RUN  v3.1.2 /build/project" begins, " Test Files  1 failed" ends. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    const struct lq_event end = lq_event_of(OWNER, "test", 0);

    if (!rule->group[LQ_FIELD_MESSAGE]) {
        lq_parser_report(parser, OWNER, LQ_PART_END, &end);
        lq_parser_activate(parser, NULL);
        return true;
    }
    lq_parser_activate(parser, &lq_family_vitest);
    return true;
}

static void take_test(struct lq_parser *parser, struct lq_line line, enum lq_test_status status)
{
    struct lq_event event = lq_event_of(OWNER, "test", line.number);

    event.test_status = status;
    event.file_path = lq_parser_group(parser, 2);
    event.test_name = lq_parser_group(parser, 3);
    event.raw_text = line.text;
    lq_parser_emit(parser, &event);
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    static const char test[] =
        "^ +(✓|√|↓|□|×|✗|✘|→|❯) (?:(?:\\|[^|]*\\| )?(\\S+\\.[cm]?[jt]sx?) > )?"
        "(.+?)(?: \\[skipped\\])?(?: +\\d+(?:\\.\\d+)?m?s)?(?: \\d+ MB heap used)?$";
    enum lq_test_status status = LQ_TEST_SKIP;
    struct lq_str mark, name;

    if (!lq_parser_try(parser, test, line.text))
        return false;
    mark = lq_parser_group(parser, 1);
    name = lq_parser_group(parser, 3);
    if (lq_str_eq(mark, LQ_STR("×")) || lq_str_eq(mark, LQ_STR("✗")) ||
        lq_str_eq(mark, LQ_STR("✘")) || lq_str_eq(mark, LQ_STR("→")) ||
        lq_str_eq(mark, LQ_STR("❯")))
        return lq_str_eq(mark, LQ_STR("→")) || lq_str_eq(mark, LQ_STR("×")); /* told below, whole */
    if (lq_str_eq(mark, LQ_STR("✓")) || lq_str_eq(mark, LQ_STR("√")))
        status = LQ_TEST_PASS;
    /* A line about a whole file or suite has a count: "a.test.js (3 tests)". */
    if (name.ptr[name.len - 1] == ')' && memmem(name.ptr, name.len, " test", 5) &&
        memchr(name.ptr, '(', name.len))
        return true;
    take_test(parser, line, status);
    return true;
}

const struct lq_family lq_family_vitest = { .match = match, .line = take_line };
