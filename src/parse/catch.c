/* SPDX-License-Identifier: MIT */
/* Catch2 and doctest: the heading above its failures names a test. */
#include "base/alloc.h"
#include "parse/engine.h"

/* Lines that the heading of Catch2 may have between its rules. */
#define MAX_HEADING 12

struct catch_state {
    struct lq_clip name; /* of the test case that the log tells of */
    int n_lines;         /* of the heading that is being read */
    bool named;          /* it gave the name */
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

/* A rule of dashes begins and ends the heading of Catch2, one of equal signs ends its report; "TEST CASE:  a"
 * is doctest's. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct catch_state *state = state_of(parser);
    const struct lq_str name = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);

    lq_clip_clear(&state->name);
    if (name.ptr) {
        lq_clip_add(&state->name, name);
        return true;
    }
    if (line.text.ptr[0] == '-') {
        state->n_lines = 0;
        state->named = false;
        lq_parser_activate(parser, &lq_family_catch);
    }
    return false;
}

/* The name, which may be wrapped; its sections are indented. */
static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct catch_state *state = state_of(parser);
    const struct lq_str text = line.text;

    if (text.len && text.ptr[0] == '-' && state->named) {
        lq_parser_activate(parser, NULL);
        return true;
    }
    if (!text.len || text.ptr[0] == '-' || ++state->n_lines > MAX_HEADING) {
        lq_clip_clear(&state->name);
        lq_parser_activate(parser, NULL);
        return false;
    }
    if (text.ptr[0] != ' ') {
        if (state->named)
            lq_clip_add(&state->name, LQ_STR(" "));
        lq_clip_add(&state->name, text);
    }
    state->named = true;
    return false;
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

const struct lq_family lq_family_catch = { .match = match, .line = take_line, .finish = finish };
const struct lq_family lq_family_catch_failure = { .adjust = adjust };
