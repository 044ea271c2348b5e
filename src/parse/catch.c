/* SPDX-License-Identifier: MIT */
/* Catch2 and doctest: the heading above its failures names a test. */
#include "base/alloc.h"
#include "parse/engine.h"

/* Lines that the heading of Catch2 may have between its rules. */
#define MAX_HEADING 12

struct catch_state {
    struct lq_clip name; /* of the test case that the log tells of */
};

static void catch_free(void *state)
{
    lq_clip_release(&((struct catch_state *)state)->name);
    free(state);
}

static struct catch_state *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_CATCH, catch_free);

    if (!*slot) {
        *slot = lq_alloc(sizeof(struct catch_state));
        ((struct catch_state *)*slot)->name.max = LQ_MESSAGE_MAX_BYTES;
    }
    return *slot;
}

/* The name, which may be wrapped, stands between rules; its sections below it are indented. */
static void take_heading(struct lq_parser *parser, struct catch_state *state, struct lq_line end)
{
    int begin = 1;

    while (begin < MAX_HEADING && lq_parser_earlier(parser, end, begin).len &&
           !lq_str_starts(lq_parser_earlier(parser, end, begin), LQ_STR("-----")))
        begin++;
    if (!lq_str_starts(lq_parser_earlier(parser, end, begin), LQ_STR("-----")))
        return;
    while (--begin > 0) {
        const struct lq_str part = lq_parser_earlier(parser, end, begin);

        if (part.ptr[0] == ' ')
            continue;
        if (state->name.len)
            lq_clip_add(&state->name, LQ_STR(" "));
        lq_clip_add(&state->name, part);
    }
}

/* A rule of dashes ends the heading of Catch2, one of equal signs its report; "TEST CASE:  a" is doctest's. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct catch_state *state = state_of(parser);
    const struct lq_str name = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);

    lq_clip_clear(&state->name);
    if (name.ptr)
        lq_clip_add(&state->name, name);
    else if (line.text.ptr[0] == '-')
        take_heading(parser, state, line);
    return name.ptr != NULL;
}

static void finish(struct lq_parser *parser)
{
    lq_clip_clear(&state_of(parser)->name);
}

/* A failure: of the test that was named last. */
static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    event->test_name = lq_clip_text(&state_of(parser)->name);
    if (!event->test_name.len)
        event->test_status = LQ_TEST_NONE;
}

const struct lq_family lq_family_catch = { .match = match, .finish = finish };
const struct lq_family lq_family_catch_failure = { .adjust = adjust };
