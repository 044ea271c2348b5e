/* SPDX-License-Identifier: MIT */
/* Jest: a line for each test file, with --verbose a tree of its tests, then a section for each that failed. */
#include "base/alloc.h"
#include "parse/report.h"
#include "parse/tree.h"

#define OWNER "jest"

struct jest {
    bool tree_open, console;
    struct lq_clip file, name;
    struct lq_tree tree;
    struct lq_report report;
    bool in_test_file; /* the place at hand is in `file` */
};

static void jest_free(void *state)
{
    struct jest *jest = state;

    lq_clip_release(&jest->file);
    lq_clip_release(&jest->name);
    lq_tree_release(&jest->tree);
    lq_report_release(&jest->report);
    free(jest);
}

static struct jest *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_JEST, jest_free);

    if (!*slot) {
        struct jest *jest = lq_alloc(sizeof *jest);

        jest->file.max = jest->name.max = LQ_MESSAGE_MAX_BYTES;
        *slot = jest;
    }
    return *slot;
}

static void end_section(struct lq_parser *parser, struct jest *jest)
{
    struct lq_event event;

    jest->console = false;
    if (!jest->report.open)
        return;
    jest->report.open = false;
    event = lq_report_test(&jest->report, OWNER, LQ_TEST_FAIL);
    if (!event.file_path.len)
        event.file_path = lq_clip_text(&jest->file);
    lq_parser_report(parser, OWNER, LQ_PART_DETAILS, &event);
}

static void finish(struct lq_parser *parser)
{
    const struct lq_event end = lq_event_of(OWNER, "test", 0);

    end_section(parser, state_of(parser));
    lq_parser_report(parser, OWNER, LQ_PART_END, &end);
}

/* "FAIL test/money.test.js", or the counts at the end. */
static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct jest *jest = state_of(parser);

    end_section(parser, jest);
    if (!rule->group[LQ_FIELD_FILE]) {
        finish(parser);
        lq_parser_activate(parser, NULL);
        return true;
    }
    lq_parser_try(parser, rule->regexp, line.text);
    lq_report_set(&jest->file, lq_parser_field(parser, rule, LQ_FIELD_FILE));
    jest->tree_open = true;
    jest->tree.depth = 0;
    lq_parser_activate(parser, &lq_family_jest);
    return true;
}

static void begin_section(struct jest *jest, struct lq_str title, struct lq_line line)
{
    if (lq_str_eq(title, LQ_STR("Console"))) {
        jest->console = true;
        return;
    }
    lq_report_begin(&jest->report, line);
    jest->in_test_file = false;
    lq_report_set(&jest->report.name, lq_str_eq(title, LQ_STR("Test suite failed to run"))
                                          ? lq_clip_text(&jest->file)
                                          : title);
}

static bool same_file(struct lq_str path, struct lq_str file)
{
    return lq_str_ends(path, file) || lq_str_ends(file, path);
}

/* The first frame in the test's file tells the place, else the first in the user's code. */
static void take_frame(struct lq_parser *parser, struct jest *jest)
{
    const struct lq_str path = lq_parser_group(parser, 1);
    const bool own = same_file(path, lq_clip_text(&jest->file));

    if (memmem(path.ptr, path.len, "node_modules/", 13) || lq_str_starts(path, LQ_STR("node:")))
        return;
    if (jest->in_test_file || (jest->report.line_number && !own))
        return;
    jest->in_test_file = own;
    lq_report_place(&jest->report, path, lq_parser_group(parser, 2), lq_parser_group(parser, 3));
}

static void take_section_line(struct lq_parser *parser, struct jest *jest, struct lq_line line)
{
    lq_report_add(&jest->report, line);
    if (lq_parser_try(parser, "^    SyntaxError: (\\S.*\\.[cm]?[jt]sx?): (.*) \\((\\d+):(\\d+)\\)$",
                      line.text)) { /* Babel's, below advice; the frames are its own */
        const struct lq_str path = lq_parser_group(parser, 1);
        const struct lq_str file = lq_clip_text(&jest->file);

        lq_report_set(&jest->report.message, lq_parser_group(parser, 2));
        lq_report_place(&jest->report, same_file(path, file) ? file : path,
                        lq_parser_group(parser, 3), lq_parser_group(parser, 4));
        jest->in_test_file = true;
    } else if (lq_parser_try(parser,
                             "^ +at (?:.* )?\\(?((?:[A-Za-z]:|file://)?[^():]+):(\\d+):(\\d+)\\)?$",
                             line.text) ||
               lq_parser_try(parser,
                             "^ +(\\S[^:]*\\.[cm]?[jt]sx?):(\\d+):(\\d+) - error ", /* ts-jest */
                             line.text))
        take_frame(parser, jest);
    else if (!jest->report.message.len && lq_parser_try(parser, "^    (\\S.*)$", line.text))
        lq_report_set(&jest->report.message, lq_parser_group(parser, 1));
}

/* With --verbose: "    ✕ keeps the currency (2 ms)", or the name of a suite. */
static void take_tree_line(struct lq_parser *parser, struct jest *jest, struct lq_line line)
{
    static const struct {
        const char *mark;
        enum lq_test_status status;
    } marks[] = {
        { "✓ ", LQ_TEST_PASS }, { "√ ", LQ_TEST_PASS }, { "✕ ", LQ_TEST_FAIL },
        { "× ", LQ_TEST_FAIL }, { "○ ", LQ_TEST_SKIP }, { "✎ ", LQ_TEST_SKIP },
    };
    const size_t indent = lq_indent(line.text);
    struct lq_str name = { line.text.ptr + indent, line.text.len - indent };
    struct lq_event event;

    for (size_t i = 0; i < LQ_COUNT(marks); i++) {
        const struct lq_str mark = lq_str_of(marks[i].mark);

        if (!lq_str_starts(name, mark))
            continue;
        if (!lq_parser_try(parser, "^\\S+ (?:skipped |todo )?(.*?)(?: \\((?:[\\d.]+) m?s\\))?$",
                           name))
            return;
        lq_tree_leave(&jest->tree, indent);
        lq_tree_join(&jest->tree, " › ", lq_parser_group(parser, 1), &jest->name);
        event = lq_event_of(OWNER, "test", line.number);
        event.test_status = marks[i].status;
        event.severity = event.test_status == LQ_TEST_FAIL ? LQ_SEVERITY_ERROR : LQ_SEVERITY_NONE;
        event.test_name = lq_clip_text(&jest->name);
        event.raw_text = line.text;
        lq_parser_report(parser, OWNER, LQ_PART_RESULT, &event);
        return;
    }
    lq_tree_enter(&jest->tree, indent, name);
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct jest *jest = state_of(parser);

    if (lq_parser_try(parser, "^ ?(?:PASS|FAIL) |^(?:Test Suites|Tests): +\\d|^Snapshot Summary$",
                      line.text))
        return false; /* the rules know it */
    if (lq_parser_try(parser, "^  ● (\\S.*)$", line.text)) {
        const struct lq_str title = lq_parser_group(parser, 1);

        jest->tree_open = false;
        if (jest->report.open || jest->console) {
            end_section(parser, jest);
            lq_parser_try(parser, "^  ● (\\S.*)$", line.text);
        }
        begin_section(jest, title, line);
        return true;
    }
    if (jest->report.open) {
        take_section_line(parser, jest, line);
        return true;
    }
    if (jest->tree_open && line.text.len && line.text.ptr[0] == ' ') {
        take_tree_line(parser, jest, line);
        return true;
    }
    return jest->console;
}

const struct lq_family lq_family_jest = { .match = match, .line = take_line, .finish = finish };
