/* SPDX-License-Identifier: MIT */
/* The names of Python's unittest: "test_a (mod.Case.test_a) (i=1)" is mod.Case.test_a (i=1). */
#include "base/alloc.h"
#include "parse/engine.h"

struct state {
    struct lq_clip name;
};

static void state_free(void *state)
{
    lq_clip_release(&((struct state *)state)->name);
    free(state);
}

static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_UNITTEST, state_free);
    struct lq_clip *name;
    struct lq_str test, holder, rest;

    if (!lq_parser_try(parser, "^(\\w+) \\(([\\w.]+)\\)(.*)$", event->test_name))
        return;
    test = lq_parser_group(parser, 1);
    holder = lq_parser_group(parser, 2);
    rest = lq_parser_group(parser, 3);
    if (!*slot)
        *slot = lq_alloc(sizeof(struct state));
    name = &((struct state *)*slot)->name;
    name->max = LQ_MESSAGE_MAX_BYTES;
    lq_clip_clear(name);
    lq_clip_add(name, holder);
    /* Since Python 3.11 the brackets hold the test's name too. */
    if (!lq_str_ends(holder, test) || holder.len == test.len ||
        holder.ptr[holder.len - test.len - 1] != '.') {
        lq_clip_add(name, LQ_STR("."));
        lq_clip_add(name, test);
    }
    lq_clip_add(name, rest);
    event->test_name = lq_clip_text(name);
}

const struct lq_family lq_family_unittest = { .adjust = adjust };
