/* SPDX-License-Identifier: MIT */
/* go test: with -v what a test prints stands before its result, without below it; and panics. */
#include "base/alloc.h"
#include "parse/report.h"

#define OWNER "go-test"
#define TOOL "go test"
/* Of a panic's message, which may have several. */
#define MAX_LINES_BEFORE_FRAMES 12

struct gotest {
    bool verbose;           /* "=== RUN" was seen in this package */
    struct lq_clip current; /* the test that prints */
    bool failed;            /* without -v: the test is known to have failed */
    struct lq_report said;  /* by the test: the first "file_test.go:12: text" */
    size_t said_indent;
    struct lq_report panic;
    bool in_frames;
    int n_before; /* lines between a panic and its frames */
};

static void gotest_free(void *state)
{
    struct gotest *go = state;

    lq_clip_release(&go->current);
    lq_report_release(&go->said);
    lq_report_release(&go->panic);
    free(go);
}

static struct gotest *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_GOTEST, gotest_free);

    if (!*slot) {
        struct gotest *go = lq_alloc(sizeof *go);

        go->current.max = LQ_MESSAGE_MAX_BYTES;
        *slot = go;
    }
    return *slot;
}

/* What the test said is complete: the ledger keeps it for the result, or adds it to that. */
static void end_said(struct lq_parser *parser, struct gotest *go)
{
    struct lq_event event;

    if (!go->said.open)
        return;
    go->said.open = false;
    event = lq_report_test(&go->said, TOOL, LQ_TEST_FAIL);
    lq_parser_report(parser, OWNER, go->verbose ? LQ_PART_BEFORE : LQ_PART_DETAILS, &event);
}

static void end_panic(struct lq_parser *parser, struct gotest *go)
{
    struct lq_event event;

    if (!go->panic.open)
        return;
    go->panic.open = false;
    if (go->panic.name.len && go->in_frames) {
        event = lq_report_test(&go->panic, TOOL, LQ_TEST_FAIL);
        lq_parser_report(parser, OWNER, LQ_PART_WHOLE, &event);
        return;
    }
    if (go->failed && go->current.len) {
        lq_report_set(&go->panic.name, lq_clip_text(&go->current));
        event = lq_report_test(&go->panic, TOOL, LQ_TEST_FAIL);
        lq_parser_report(parser, OWNER, LQ_PART_DETAILS, &event);
        return;
    }
    if (!go->in_frames)
        return; /* a line of prose that begins like one */
    event = lq_report_event(&go->panic, "go", "runtime");
    lq_parser_emit(parser, &event);
}

static void end_package(struct lq_parser *parser, struct gotest *go)
{
    const struct lq_event end = lq_event_of(TOOL, "test", 0);

    end_said(parser, go);
    end_panic(parser, go);
    lq_parser_report(parser, OWNER, LQ_PART_END, &end);
    lq_clip_clear(&go->current);
    go->verbose = go->failed = false;
}

static void finish(struct lq_parser *parser)
{
    end_package(parser, state_of(parser));
}

/* "    --- FAIL: TestSum/two (0.01s)" */
static void take_result(struct lq_parser *parser, struct gotest *go, const struct lq_rule *rule,
                        struct lq_line line)
{
    const struct lq_str word = lq_parser_field(parser, rule, LQ_FIELD_TEST_STATUS);
    const struct lq_str name = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);
    const struct lq_str seconds = lq_parser_field(parser, rule, LQ_FIELD_DURATION);
    struct lq_event event = lq_event_of(TOOL, "test", line.number);

    go->failed = lq_str_eq(word, LQ_STR("FAIL"));
    event.test_status = go->failed                        ? LQ_TEST_FAIL
                        : lq_str_eq(word, LQ_STR("SKIP")) ? LQ_TEST_SKIP
                                                          : LQ_TEST_PASS;
    event.severity = go->failed ? LQ_SEVERITY_ERROR : LQ_SEVERITY_NONE;
    event.test_name = name;
    event.raw_text = line.text;
    event.test_duration_sec = lq_seconds(seconds);
    lq_report_set(&go->current, name);
    lq_parser_report(parser, OWNER, LQ_PART_RESULT, &event);
}

static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct gotest *go = state_of(parser);
    const struct lq_str running = lq_parser_field(parser, rule, LQ_FIELD_TOOL);
    const struct lq_str panic = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);

    /* Handing over an event may close the draft of the rules and so make the groups stale. */
    if (running.ptr) {
        end_said(parser, go);
        go->verbose = true;
        go->failed = false;
        lq_parser_try(parser, rule->regexp, line.text);
        lq_report_set(&go->current, lq_parser_field(parser, rule, LQ_FIELD_TOOL));
    } else if (rule->group[LQ_FIELD_TEST_NAME]) {
        end_said(parser, go);
        lq_parser_try(parser, rule->regexp, line.text);
        take_result(parser, go, rule, line);
    } else if (panic.ptr) {
        if (go->panic.open)
            return false;
        lq_report_begin(&go->panic, line);
        lq_report_set(&go->panic.message, line.text);
        lq_report_set(&go->panic.code, LQ_STR("panic"));
        go->in_frames = false;
        go->n_before = 0;
    } else {
        end_package(parser, go);
        lq_parser_activate(parser, NULL);
        return true;
    }
    lq_parser_activate(parser, &lq_family_gotest);
    return true;
}

/* Whether the line is no more of a panic; so also when none of its frames comes: it only began like one. */
static bool ends_panic(struct lq_parser *parser, struct gotest *go, struct lq_line line)
{
    if (lq_str_starts(line.text, LQ_STR("exit status")) ||
        lq_str_starts(line.text, LQ_STR("FAIL\t")))
        return true;
    if (!go->in_frames)
        return ++go->n_before > MAX_LINES_BEFORE_FRAMES;
    return line.text.len && line.text.ptr[0] != '\t' &&
           !lq_parser_try(parser, "^(?:[\\w./\\-*()\\[\\]{}%~]+\\(.*\\)$|created by |panic\\()",
                          line.text);
}

/* Frames are pairs of lines: the function, then tab, path, line. Go's own come first. */
static bool take_panic(struct lq_parser *parser, struct gotest *go, struct lq_line line)
{
    if (lq_parser_try(parser, "^\\t(\\S.*\\.(?:go|s)):(\\d+)(?: \\+0x[0-9a-f]+)?$", line.text)) {
        const struct lq_str path = lq_parser_group(parser, 1);

        if (!go->panic.line_number && !memmem(path.ptr, path.len, "/go/src/", 8) &&
            !memmem(path.ptr, path.len, "/src/runtime/", 13) &&
            !memmem(path.ptr, path.len, "/src/testing/", 13) &&
            !lq_str_ends(path, LQ_STR("_testmain.go")))
            lq_report_place(&go->panic, path, lq_parser_group(parser, 2), LQ_STR(""));
    } else if (!go->in_frames && !go->panic.name.len &&
               lq_parser_try(parser, "^\\t\\t(\\S+) \\([\\dhms.]+\\)$", line.text)) {
        lq_report_set(&go->panic.name, lq_parser_group(parser, 1)); /* ran when time was up */
    } else if (lq_str_starts(line.text, LQ_STR("goroutine "))) {
        go->in_frames = true;
    } else if (ends_panic(parser, go, line)) {
        end_panic(parser, go);
        if (!go->current.len)
            lq_parser_activate(parser, NULL);
        return false;
    } else if (!go->in_frames && line.text.len && !memchr("\t [", line.text.ptr[0], 3) &&
               !lq_str_starts(line.text, LQ_STR("panic: "))) {
        return false; /* of its message, or of another writer */
    }
    lq_report_add(&go->panic, line);
    return true;
}

/* testify says what is wrong in a table below the place. */
static bool take_more(struct lq_parser *parser, struct gotest *go, struct lq_line line)
{
    size_t indent = 0;

    while (indent < line.text.len &&
           (line.text.ptr[indent] == ' ' || line.text.ptr[indent] == '\t'))
        indent++;
    if (line.text.len && indent <= go->said_indent)
        return false;
    if (!go->said.message.len &&
        (lq_parser_try(parser, "^\\s+Error:\\s+(\\S.*)$", line.text) ||
         lq_parser_try(parser, "^\\s+(?!Error Trace:|\\S*\\.go:\\d+$)(\\S.*)$", line.text)))
        lq_report_set(&go->said.message, lq_parser_group(parser, 1));
    lq_report_add(&go->said, line);
    return true;
}

bool lq_gotest_complains(struct lq_parser *parser, struct lq_str text)
{
    return lq_parser_try(
        parser,
        "(?i)\\b(?:got|want(?:ed)?|expected|unexpected|should|must|cannot|can't|"
        "could not|invalid|not|missing|mismatch|wrong|fail\\w*|error|panic|diff\\w*)\\b|"
        "[!=<>]=",
        text);
}

/* "    file_test.go:12: text". What a test logs and what it fails with look the same: the first counts,
 * unless only a later one complains. */
static bool take_said(struct lq_parser *parser, struct gotest *go, struct lq_line line)
{
    static const char place[] = "^( {4,}|\\t+)([^\\s:][^:]*\\.go):(\\d+):(?: (.*))?$";
    struct lq_str said;

    if (!lq_parser_try(parser, place, line.text)) {
        end_said(parser, go);
        return false;
    }
    if (!go->verbose && !go->failed)
        return true;
    said = lq_parser_group(parser, 4);
    if (!go->said.open) {
        lq_report_begin(&go->said, line);
        lq_report_set(&go->said.name, lq_clip_text(&go->current));
    } else {
        lq_report_add(&go->said, line);
        if (!go->said.message.len || !said.len ||
            lq_gotest_complains(parser, lq_clip_text(&go->said.message)) ||
            !lq_gotest_complains(parser, said))
            return true;
        lq_parser_try(parser, place, line.text);
    }
    go->said_indent = lq_parser_group(parser, 1).len;
    lq_report_set(&go->said.message, lq_parser_group(parser, 4));
    lq_report_place(&go->said, lq_parser_group(parser, 2), lq_parser_group(parser, 3), LQ_STR(""));
    return true;
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct gotest *go = state_of(parser);

    if (go->panic.open)
        return take_panic(parser, go, line);
    if (go->said.open && take_more(parser, go, line))
        return true;
    return take_said(parser, go, line);
}

const struct lq_family lq_family_gotest = { .match = match, .line = take_line, .finish = finish };
