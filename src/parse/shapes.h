/* SPDX-License-Identifier: MIT */
/*
 * What the JSON of the tools looks like, as a table: where in a document an object stands for an event,
 * and from where its fields come.
 *
 * A path leads from the root: names joined by ".", "[]" for the elements of an array, "{}" for any key, which
 * is then what the path yields; "" is the root. A
 * tool that prints one object a line has its event at the root.
 */
#ifndef LQ_PARSE_SHAPES_H
#define LQ_PARSE_SHAPES_H

#include "parse/format.h"

/* What a path of a shape yields: an lq_field, or what only its own code reads. */
enum lq_json_value {
    LQ_VALUE_RAW = LQ_N_FIELDS, /* raw_text, in place of the object as it stands in the log */
    LQ_VALUE_MORE,              /* text that explains the message: a stack */
    LQ_VALUE_OTHER,
    LQ_N_VALUES,
};

/* An event that was read, before it is handed over. */
struct lq_record {
    const struct lq_shape *shape;
    struct lq_str parts[LQ_N_VALUES]; /* ptr NULL: not there, or null */
    struct lq_event event;
    struct lq_clip *text; /* room for a text that `adjust` makes, empty */
};

struct lq_shape {
    const char *format; /* what --format takes */
    const char *tool;   /* "gcc", unless a path tells */
    const char *category;
    const char *record;   /* path of the object */
    const char *needs[3]; /* paths that must have a value, besides the message or test name */
    const char *paths[LQ_N_VALUES]; /* by lq_field, lq_json_value */
    const char *join;               /* between the values, when LQ_VALUE_OTHER leads to several */
    const char *pick;               /* of these objects one tells: the first, */
    const char *pick_if;            /* or the first in which this is true */
    const char *late;               /* a value that may come behind the events that it is for */
    const struct lq_word *severities, *statuses;
    int severity, status;  /* when none is told */
    bool zero_based;       /* the tool counts lines and columns from 0 */
    double duration_scale; /* seconds in one of the tool's units; 0: it tells seconds */
    /* Look again at an event that is filled in; false: it is none. May be NULL. */
    bool (*adjust)(struct lq_parser *parser, struct lq_record *record);
};

extern const struct lq_shape lq_shapes[];
extern const size_t lq_n_shapes;

/* SARIF (sarif.c): a result; what a rule says about the level of its results; the tool of an event, by
 * the name that it gives itself; forget what was learnt. */
bool lq_sarif_adjust(struct lq_parser *parser, struct lq_record *record);
bool lq_sarif_learn(struct lq_parser *parser, struct lq_record *record);
void lq_sarif_set_tool(struct lq_parser *parser, struct lq_event *event, struct lq_str name);
void lq_sarif_reset(struct lq_parser *parser);

/* go test -json, which tells a test in many objects (gotest_json.c): takes each. */
bool lq_gotest_adjust(struct lq_parser *parser, struct lq_record *record);

/* A message without the code that some put at its end, " (no-var)", or its start, "F401: ". */
struct lq_str lq_drop_code(struct lq_str message, struct lq_str code);

/* The place in `text`, a failure's message with its stack, to which the test's author would look: fills
 * file, line and column of `event`, whose texts point into `text` then. Leaves it when none is told. */
void lq_place_find(struct lq_parser *parser, struct lq_str text, struct lq_event *event);

#endif
