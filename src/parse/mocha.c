/* SPDX-License-Identifier: MIT */
/* Mocha: a tree of the tests as they end, counts, then a numbered section for each that failed.
 *
 * Only the counts prove that the tree is Mocha's: many programs print "✔ done". So the tests wait
 * for them. */
#include "base/alloc.h"
#include "parse/report.h"
#include "parse/tree.h"

#define OWNER "mocha"
#define MAX_WAITING 20000

struct test {
    char *name; /* owned */
    enum lq_test_status status;
    int64_t line;
};

enum part { NOTHING, TREE, COUNTS, FAILURES };

struct mocha {
    enum part part;
    struct lq_tree tree;
    struct test *tests;
    size_t n_tests, capacity;
    int64_t n_failing, n_sections;
    int64_t last_line; /* that was taken into the tree */
    struct lq_clip name;
    struct lq_report report;
    bool titled, framed; /* its title is complete; its frames have begun */
};

static void forget_tests(struct mocha *mocha)
{
    for (size_t i = 0; i < mocha->n_tests; i++)
        free(mocha->tests[i].name);
    mocha->n_tests = 0;
}

static void mocha_free(void *state)
{
    struct mocha *mocha = state;

    forget_tests(mocha);
    free(mocha->tests);
    lq_tree_release(&mocha->tree);
    lq_clip_release(&mocha->name);
    lq_report_release(&mocha->report);
    free(mocha);
}

static struct mocha *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_MOCHA, mocha_free);

    if (!*slot) {
        struct mocha *mocha = lq_alloc(sizeof *mocha);

        mocha->name.max = LQ_MESSAGE_MAX_BYTES;
        *slot = mocha;
    }
    return *slot;
}

static void end_section(struct lq_parser *parser, struct mocha *mocha)
{
    struct lq_event event;

    if (!mocha->report.open)
        return;
    mocha->report.open = false;
    mocha->n_sections++;
    event = lq_report_test(&mocha->report, OWNER, LQ_TEST_FAIL);
    lq_parser_report(parser, OWNER, LQ_PART_DETAILS, &event);
}

static void finish(struct lq_parser *parser)
{
    const struct lq_event end = lq_event_of(OWNER, "test", 0);
    struct mocha *mocha = state_of(parser);

    end_section(parser, mocha);
    lq_parser_report(parser, OWNER, LQ_PART_END, &end);
    forget_tests(mocha);
    mocha->part = NOTHING;
}

/* ---- the tree ---- */

static void add_test(struct lq_parser *parser, struct mocha *mocha, enum lq_test_status status,
                     size_t indent, struct lq_line line)
{
    lq_tree_leave(&mocha->tree, indent);
    lq_tree_join(&mocha->tree, " ", lq_parser_group(parser, 2), &mocha->name);
    if (mocha->n_tests >= MAX_WAITING)
        return;
    LQ_GROW(mocha->tests, mocha->n_tests, mocha->capacity);
    mocha->tests[mocha->n_tests++] = (struct test){
        .name = lq_strndup(mocha->name.data, mocha->name.len),
        .status = status,
        .line = line.number,
    };
}

/* Whether the line is a test's for certain. */
static bool take_tree_line(struct lq_parser *parser, struct mocha *mocha, struct lq_line line)
{
    const size_t indent = lq_indent(line.text);
    enum lq_test_status status;

    if (lq_parser_try(parser, "^ +(✔|✓|√|-|\\d+\\)) (.*?)(?: \\(\\d+m?s\\)|: \\d+m?s)?$",
                      line.text)) {
        const struct lq_str mark = lq_parser_group(parser, 1);

        status = mark.ptr[0] == '-'                         ? LQ_TEST_SKIP
                 : mark.ptr[0] >= '0' && mark.ptr[0] <= '9' ? LQ_TEST_FAIL
                                                            : LQ_TEST_PASS;
        add_test(parser, mocha, status, indent, line);
        mocha->last_line = line.number;
        return status != LQ_TEST_FAIL; /* many lists are numbered so: others may look at it */
    }
    if (indent && indent < line.text.len)
        lq_tree_enter(&mocha->tree, indent,
                      (struct lq_str){ line.text.ptr + indent, line.text.len - indent });
    return false;
}

/* The suites stand above the first test; look back for them. */
static void find_suites(struct lq_parser *parser, struct mocha *mocha, struct lq_line line)
{
    struct lq_str suites[LQ_TREE_DEPTH];
    size_t n = 0, indent = lq_indent(line.text);

    mocha->tree.depth = 0;
    for (int back = 1; indent > 2 && n < LQ_COUNT(suites); back++) {
        const struct lq_str earlier = lq_parser_earlier(parser, line, back);

        if (!earlier.ptr || !earlier.len || lq_indent(earlier) < 2)
            break;
        if (lq_indent(earlier) < indent) {
            suites[n++] = earlier;
            indent = lq_indent(earlier);
        }
    }
    while (n-- > 0) {
        indent = lq_indent(suites[n]);
        lq_tree_enter(&mocha->tree, indent,
                      (struct lq_str){ suites[n].ptr + indent, suites[n].len - indent });
    }
}

/* The counts are there: what waited are tests. */
static void hand_over_tests(struct lq_parser *parser, struct mocha *mocha)
{
    for (size_t i = 0; i < mocha->n_tests; i++) {
        struct lq_event event = lq_event_of(OWNER, "test", mocha->tests[i].line);

        event.test_name = lq_str_of(mocha->tests[i].name);
        event.test_status = mocha->tests[i].status;
        event.severity = event.test_status == LQ_TEST_FAIL ? LQ_SEVERITY_ERROR : LQ_SEVERITY_NONE;
        lq_parser_report(parser, OWNER, LQ_PART_RESULT, &event);
    }
    forget_tests(mocha);
}

/* "    ✔ is empty", or "  12 passing (39ms)" */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct mocha *mocha = state_of(parser);

    if (rule->group[LQ_FIELD_MESSAGE]) {
        hand_over_tests(parser, mocha);
        mocha->part = COUNTS;
        mocha->n_failing = mocha->n_sections = 0;
    } else {
        if (mocha->part == TREE && mocha->last_line == line.number)
            return true;
        find_suites(parser, mocha, line);
        mocha->part = TREE;
        take_tree_line(parser, mocha, line);
    }
    lq_parser_activate(parser, &lq_family_mocha);
    return true;
}

/* ---- the sections ---- */

/* "  1) queue", "       keeps order:": the title goes on as long as lines are indented so; a colon
 * ends it. */
#define TITLE_INDENT 7

static void begin_section(struct lq_parser *parser, struct mocha *mocha, struct lq_line line)
{
    const struct lq_str title = lq_parser_group(parser, 1);

    lq_report_begin(&mocha->report, line);
    lq_report_set(&mocha->report.name, title);
    mocha->titled = mocha->framed = false;
}

/* Whether the line is a part of the title. */
static bool take_title(struct mocha *mocha, struct lq_line line)
{
    const size_t indent = lq_indent(line.text);
    struct lq_clip *name = &mocha->report.name;

    if (indent >= TITLE_INDENT && indent < line.text.len) {
        lq_clip_add(name, LQ_STR(" "));
        lq_clip_add(name, (struct lq_str){ line.text.ptr + indent, line.text.len - indent });
        return true;
    }
    mocha->titled = true;
    name->len -= name->len && name->data[name->len - 1] == ':';
    return false;
}

static void take_section_line(struct lq_parser *parser, struct mocha *mocha, struct lq_line line)
{
    lq_report_add(&mocha->report, line);
    if (!mocha->titled && take_title(mocha, line))
        return;
    if (lq_parser_try(parser,
                      "^ +at (?:.* )?\\(?((?:[A-Za-z]:|file://)?[^():]+):(\\d+):(\\d+)\\)?$",
                      line.text)) {
        const struct lq_str path = lq_parser_group(parser, 1);

        mocha->framed = true;
        if (!mocha->report.line_number && !memmem(path.ptr, path.len, "node_modules/", 13))
            lq_report_place(&mocha->report, path, lq_parser_group(parser, 2),
                            lq_parser_group(parser, 3));
    } else if (lq_parser_try(parser, "^ +at ", line.text)) {
        mocha->framed = true;
    } else if (!mocha->report.message.len && lq_parser_try(parser, "^ +(\\S.*)$", line.text)) {
        lq_report_set(&mocha->report.message, lq_parser_group(parser, 1));
    }
}

static bool take_failures(struct lq_parser *parser, struct mocha *mocha, struct lq_line line)
{
    if (lq_parser_try(parser, "^  \\d+\\) (\\S.*)$", line.text)) {
        end_section(parser, mocha);
        lq_parser_try(parser, "^  \\d+\\) (\\S.*)$", line.text);
        begin_section(parser, mocha, line);
        return true;
    }
    if (mocha->report.open && !(mocha->framed && line.text.len && line.text.ptr[0] != ' ')) {
        take_section_line(parser, mocha, line);
        return true;
    }
    if (line.text.len && line.text.ptr[0] != ' ') {
        finish(parser);
        lq_parser_activate(parser, NULL);
    }
    return false;
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct mocha *mocha = state_of(parser);

    switch (mocha->part) {
    case TREE:
        if (line.text.len && line.text.ptr[0] != ' ')
            return false; /* printed by a test, or else the tree was none */
        if (lq_parser_try(parser, "^  \\d+ (?:passing|failing)", line.text))
            return false; /* the rule knows it */
        return take_tree_line(parser, mocha, line);
    case COUNTS:
        if (lq_parser_try(parser, "^  (\\d+) (?:passing|pending|failing)", line.text)) {
            if (memmem(line.text.ptr, line.text.len, "failing", 7))
                mocha->n_failing = lq_digits(lq_parser_group(parser, 1));
            return true;
        }
        if (mocha->n_failing && lq_indent(line.text) >= 2) {
            mocha->part = FAILURES;
            return take_failures(parser, mocha, line);
        }
        if (line.text.len) {
            finish(parser);
            lq_parser_activate(parser, NULL);
        }
        return false;
    case FAILURES:
        return take_failures(parser, mocha, line);
    case NOTHING:
        break;
    }
    lq_parser_activate(parser, NULL);
    return false;
}

const struct lq_family lq_family_mocha = { .match = match, .line = take_line, .finish = finish };
