/* SPDX-License-Identifier: MIT */
/* docker build: at its end BuildKit says the output of the step that failed once more. */
#include "base/alloc.h"
#include "parse/engine.h"

struct docker {
    bool plain; /* steps were shown as they ran */
};

static struct docker *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_DOCKER, free);

    if (!*slot)
        *slot = lq_alloc(sizeof(struct docker));
    return *slot;
}

/* "#5 [2/3] RUN make", or " > [2/3] RUN make:" below a rule. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct docker *docker = state_of(parser);

    (void)rule;
    if (line.text.ptr[0] == '#')
        docker->plain = true;
    else if (docker->plain && lq_str_starts(lq_parser_earlier(parser, line, 1), LQ_STR("---")))
        lq_parser_activate(parser, &lq_family_docker);
    return true;
}

/* Of the repetition, up to the next rule. */
static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    if (!lq_str_starts(line.text, LQ_STR("---")))
        return true;
    lq_parser_activate(parser, NULL);
    return false;
}

static void finish(struct lq_parser *parser)
{
    state_of(parser)->plain = false;
}

const struct lq_family lq_family_docker = { .match = match, .line = take_line, .finish = finish };
