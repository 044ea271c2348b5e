/* SPDX-License-Identifier: MIT */
/* Playwright's names: "[project] › tests/a.spec.ts:4:3 › suite › test", in headings of failures with the
 * steps in which they failed. */
#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/seen.h"

struct playwright {
    struct lq_seen tests; /* named by a line of their own */
    struct lq_clip name;
};

static void playwright_free(void *state)
{
    struct playwright *pw = state;

    lq_seen_release(&pw->tests);
    lq_clip_release(&pw->name);
    free(pw);
}

static struct playwright *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_PLAYWRIGHT, playwright_free);

    if (!*slot) {
        struct playwright *pw = lq_alloc(sizeof *pw);

        pw->name.max = LQ_MESSAGE_MAX_BYTES;
        *slot = pw;
    }
    return *slot;
}

/* The name without steps: as far as a test was named so. */
static struct lq_str drop_steps(const struct playwright *pw, struct lq_str name)
{
    const struct lq_str mark = LQ_STR(" › ");

    for (size_t len = name.len; len >= mark.len; len--) {
        const struct lq_str part = { name.ptr, len };

        if ((len == name.len || memcmp(name.ptr + len, mark.ptr, mark.len) == 0) &&
            lq_seen_has(&pw->tests, lq_seen_hash(0, part)))
            return part;
    }
    return name;
}

static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    struct playwright *pw = state_of(parser);
    struct lq_str project, file, line, column, name;

    if (!lq_parser_try(parser,
                       "^(?:(\\[[^\\]]+\\]) › )?(\\S+?)(?::|%3A)(\\d+)(?::|%3A)(\\d+) › (.+)$",
                       event->test_name))
        return;
    project = lq_parser_group(parser, 1);
    file = lq_parser_group(parser, 2);
    line = lq_parser_group(parser, 3);
    column = lq_parser_group(parser, 4);
    name = lq_parser_group(parser, 5);
    lq_clip_clear(&pw->name);
    if (project.len) {
        lq_clip_add(&pw->name, project);
        lq_clip_add(&pw->name, LQ_STR(" › "));
    }
    lq_clip_add(&pw->name, name);
    name = lq_clip_text(&pw->name);
    if (!event->message.len || lq_str_starts(event->raw_text, LQ_STR("::error ")))
        lq_seen_add(&pw->tests, lq_seen_hash(0, name));
    else
        name = drop_steps(pw, name);
    event->test_name = name;
    /* Without a frame the test itself is the place. */
    if (event->message.len && !event->file_path.len) {
        event->file_path = file;
        event->line_number = lq_digits(line);
        event->column_number = lq_digits(column);
    }
}

/* "[3/12] [project] › tests/a.spec.ts:4:3 › test": a test begins. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct lq_event event = lq_event_of("playwright", "test", line.number);

    event.test_name = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);
    adjust(parser, &event);
    return true;
}

const struct lq_family lq_family_playwright = { .adjust = adjust };
const struct lq_family lq_family_playwright_progress = { .match = match };
