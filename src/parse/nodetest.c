/* SPDX-License-Identifier: MIT */
/* node --test, reporter spec: a tree of tests as they end, then what failed once more.
 *
 * Older versions print what went wrong in the tree, newer ones in the list at the end only, where
 * tests go by their short names. */
#include "base/alloc.h"
#include "parse/report.h"
#include "parse/tree.h"

#define OWNER "node-test"
#define TOOL "node:test"
#define MAX_FAILED 4096

struct failed {
    char *name;       /* owned: with its suites */
    size_t short_len; /* of the test's own name, at the end */
};

struct nodetest {
    bool list; /* the list at the end has begun */
    struct lq_tree tree;
    struct lq_clip name;
    struct failed *failed; /* tests whose details may stand in the list */
    size_t n_failed, capacity;
    bool excused; /* the failure being read is of a test that is still to be done */
    struct lq_report report;
    size_t indent;       /* of the report's test */
    bool placed;         /* by a frame, not by "test at" */
    struct lq_clip file; /* of "test at file:line:column" */
    int64_t line_number, column_number;
};

static void forget(struct nodetest *node)
{
    for (size_t i = 0; i < node->n_failed; i++)
        free(node->failed[i].name);
    node->n_failed = 0;
}

static void nodetest_free(void *state)
{
    struct nodetest *node = state;

    forget(node);
    free(node->failed);
    lq_tree_release(&node->tree);
    lq_clip_release(&node->name);
    lq_clip_release(&node->file);
    lq_report_release(&node->report);
    free(node);
}

static struct nodetest *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_NODETEST, nodetest_free);

    if (!*slot) {
        struct nodetest *node = lq_alloc(sizeof *node);

        node->name.max = node->file.max = LQ_MESSAGE_MAX_BYTES;
        *slot = node;
    }
    return *slot;
}

static void end_report(struct lq_parser *parser, struct nodetest *node)
{
    struct lq_event event;

    if (!node->report.open)
        return;
    node->report.open = false;
    if (!node->report.message.len || node->excused)
        return;
    event = lq_report_test(&node->report, TOOL, LQ_TEST_FAIL);
    if (!event.line_number) {
        event.file_path = lq_clip_text(&node->file);
        event.line_number = node->line_number;
        event.column_number = node->column_number;
    }
    lq_parser_report(parser, OWNER, LQ_PART_DETAILS, &event);
}

static void finish(struct lq_parser *parser)
{
    const struct lq_event end = lq_event_of(TOOL, "test", 0);
    struct nodetest *node = state_of(parser);

    end_report(parser, node);
    lq_parser_report(parser, OWNER, LQ_PART_END, &end);
    forget(node);
    node->list = false;
    node->tree.depth = 0;
}

static void remember(struct nodetest *node, size_t short_len)
{
    if (node->n_failed >= MAX_FAILED)
        return;
    LQ_GROW(node->failed, node->n_failed, node->capacity);
    node->failed[node->n_failed++] =
        (struct failed){ .name = lq_strndup(node->name.data, node->name.len),
                         .short_len = short_len };
}

/* In the list a test goes by its short name: the first that failed under it. */
static void find_whole_name(struct nodetest *node, struct lq_str name)
{
    lq_report_set(&node->name, name);
    for (size_t i = 0; i < node->n_failed; i++) {
        const struct lq_str whole = lq_str_of(node->failed[i].name);

        if (node->failed[i].short_len != name.len || !lq_str_ends(whole, name))
            continue;
        lq_report_set(&node->name, whole);
        free(node->failed[i].name);
        node->n_failed--;
        memmove(&node->failed[i], &node->failed[i + 1],
                (node->n_failed - i) * sizeof node->failed[0]);
        return;
    }
}

static bool is_suite(const struct nodetest *node, size_t indent, struct lq_str name)
{
    for (size_t i = 0; i < node->tree.depth; i++)
        if (node->tree.indents[i] == indent && lq_str_eq(lq_clip_text(&node->tree.names[i]), name))
            return true;
    return false;
}

/* "  ✖ adds (1.25ms)"; the groups are of the rule, or of the same expression. */
static void take_test(struct lq_parser *parser, struct nodetest *node, struct lq_str mark,
                      struct lq_str name, struct lq_str ms, struct lq_str directive,
                      struct lq_line line)
{
    const size_t indent = lq_indent(line.text);
    struct lq_event event = lq_event_of(TOOL, "test", line.number);
    const bool marked = lq_str_eq(mark, LQ_STR("✖"));
    const bool failed = marked && !directive.len; /* what is to be done may fail */

    if (is_suite(node, indent, name)) {
        lq_tree_leave(&node->tree, indent);
        return;
    }
    lq_tree_leave(&node->tree, indent);
    lq_tree_join(&node->tree, " > ", name, &node->name);
    event.test_status = failed                                               ? LQ_TEST_FAIL
                        : lq_str_eq(mark, LQ_STR("﹣")) || directive.len > 0 ? LQ_TEST_SKIP
                                                                             : LQ_TEST_PASS;
    event.severity = failed ? LQ_SEVERITY_ERROR : LQ_SEVERITY_NONE;
    event.test_duration_sec = lq_seconds(ms);
    if (event.test_duration_sec >= 0)
        event.test_duration_sec /= 1000;
    event.test_name = lq_clip_text(&node->name);
    event.raw_text = line.text;
    if (failed)
        remember(node, name.len);
    if (marked) {
        lq_report_begin(&node->report, line);
        lq_report_set(&node->report.name, lq_clip_text(&node->name));
        node->indent = indent;
        node->line_number = 0;
        node->excused = !failed;
        lq_clip_clear(&node->file);
    }
    lq_parser_report(parser, OWNER, LQ_PART_RESULT, &event);
}

#define TEST_LINE "^ *(✔|✖|﹣|⚠) (.+) \\((\\d+(?:\\.\\d+)?)ms\\)( # .*)?$"

static bool take_marked(struct lq_parser *parser, struct nodetest *node, struct lq_line line)
{
    struct lq_str name;

    if (lq_parser_try(parser, "^( *)▶ (.+?)(?: \\(\\d+(?:\\.\\d+)?ms\\))?$", line.text)) {
        end_report(parser, node);
        lq_parser_try(parser, "^( *)▶ (.+?)(?: \\(\\d+(?:\\.\\d+)?ms\\))?$", line.text);
        name = lq_parser_group(parser, 2);
        if (is_suite(node, lq_indent(line.text), name))
            lq_tree_leave(&node->tree, lq_indent(line.text));
        else
            lq_tree_enter(&node->tree, lq_indent(line.text), name);
        return true;
    }
    if (!lq_parser_try(parser, TEST_LINE, line.text))
        return false;
    end_report(parser, node);
    lq_parser_try(parser, TEST_LINE, line.text);
    name = lq_parser_group(parser, 2);
    if (node->list) {
        find_whole_name(node, name);
        lq_report_begin(&node->report, line);
        lq_report_set(&node->report.name, lq_clip_text(&node->name));
        node->indent = lq_indent(line.text);
        node->excused = false;
        return true;
    }
    take_test(parser, node, lq_parser_group(parser, 1), name, lq_parser_group(parser, 3),
              lq_parser_group(parser, 4), line);
    return true;
}

static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct nodetest *node = state_of(parser);

    lq_parser_activate(parser, &lq_family_nodetest);
    if (rule->group[LQ_FIELD_MESSAGE]) { /* the counts */
        end_report(parser, node);
        return true;
    }
    return take_marked(parser, node, line);
}

static void take_detail(struct lq_parser *parser, struct nodetest *node, struct lq_line line)
{
    lq_report_add(&node->report, line);
    if (lq_parser_try(
            parser, "^ +at (?:.* )?\\(?((?:[A-Za-z]:|file://)?[^():]+):(\\d+):(\\d+)\\)?(?: \\{)?$",
            line.text)) {
        const struct lq_str path = lq_parser_group(parser, 1);

        if (!node->report.line_number && !lq_str_starts(path, LQ_STR("node:")) &&
            !memmem(path.ptr, path.len, "node_modules/", 13))
            lq_report_place(&node->report, path, lq_parser_group(parser, 2),
                            lq_parser_group(parser, 3));
    } else if (!node->report.message.len && lq_parser_try(parser, "^ +(\\S.*)$", line.text)) {
        lq_report_set(&node->report.message, lq_parser_group(parser, 1));
    }
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct nodetest *node = state_of(parser);

    if (lq_parser_try(parser, "^ℹ \\w+ [\\d.]+$", line.text)) {
        end_report(parser, node);
        return true;
    }
    if (lq_parser_try(parser, "^✖ failing tests:$", line.text)) {
        end_report(parser, node);
        node->list = true;
        return true;
    }
    if (node->list && lq_parser_try(parser, "^test at (.*):(\\d+):(\\d+)$", line.text)) {
        end_report(parser, node);
        lq_parser_try(parser, "^test at (.*):(\\d+):(\\d+)$", line.text);
        lq_report_set(&node->file, lq_parser_group(parser, 1));
        node->line_number = lq_digits(lq_parser_group(parser, 2));
        node->column_number = lq_digits(lq_parser_group(parser, 3));
        return true;
    }
    if (take_marked(parser, node, line))
        return true;
    if (node->report.open && (!line.text.len || lq_indent(line.text) > node->indent)) {
        take_detail(parser, node, line);
        return true;
    }
    if (!line.text.len)
        return false;
    end_report(parser, node);
    if (node->list && line.text.ptr[0] != ' ') {
        finish(parser);
        lq_parser_activate(parser, NULL);
    }
    return false;
}

const struct lq_family lq_family_nodetest = { .match = match, .line = take_line, .finish = finish };
