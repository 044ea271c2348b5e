/* SPDX-License-Identifier: MIT */
/* What the JSON of the tools looks like. */
#include "parse/shapes.h"

#include "parse/engine.h"

#define FILE_(path) [LQ_FIELD_FILE] = (path)
#define LINE_(path) [LQ_FIELD_LINE] = (path)
#define COLUMN_(path) [LQ_FIELD_COLUMN] = (path)
#define SEVERITY_(path) [LQ_FIELD_SEVERITY] = (path)
#define CODE_(path) [LQ_FIELD_CODE] = (path)
#define MESSAGE_(path) [LQ_FIELD_MESSAGE] = (path)
#define TOOL_(path) [LQ_FIELD_TOOL] = (path)
#define TEST_(path) [LQ_FIELD_TEST_NAME] = (path)
#define STATUS_(path) [LQ_FIELD_TEST_STATUS] = (path)
#define DURATION_(path) [LQ_FIELD_DURATION] = (path)
#define RAW_(path) [LQ_VALUE_RAW] = (path)
#define MORE_(path) [LQ_VALUE_MORE] = (path)
#define OTHER_(path) [LQ_VALUE_OTHER] = (path)

/* ---- words ---- */

static const struct lq_word eslint_words[] = { { "1", LQ_SEVERITY_WARNING },
                                               { "2", LQ_SEVERITY_ERROR },
                                               { NULL, 0 } };
static const struct lq_word pylint_words[] = { { "convention", LQ_SEVERITY_INFO },
                                               { "refactor", LQ_SEVERITY_INFO },
                                               { NULL, 0 } };
static const struct lq_word quality_words[] = { { "info", LQ_SEVERITY_INFO },
                                                { "minor", LQ_SEVERITY_WARNING },
                                                { "major", LQ_SEVERITY_ERROR },
                                                { "blocker", LQ_SEVERITY_ERROR },
                                                { NULL, 0 } };
static const struct lq_word rubocop_words[] = { { "refactor", LQ_SEVERITY_INFO },
                                                { "convention", LQ_SEVERITY_INFO },
                                                { NULL, 0 } };
static const struct lq_word bandit_words[] = { { "LOW", LQ_SEVERITY_INFO },
                                               { "MEDIUM", LQ_SEVERITY_WARNING },
                                               { "HIGH", LQ_SEVERITY_ERROR },
                                               { NULL, 0 } };
static const struct lq_word vale_words[] = { { "suggestion", LQ_SEVERITY_INFO }, { NULL, 0 } };
static const struct lq_word rustc_words[] = { { "error: internal compiler error",
                                                LQ_SEVERITY_ERROR },
                                              { "failure-note", LQ_SEVERITY_NOTE },
                                              { NULL, 0 } };
static const struct lq_word jest_words[] = {
    { "pending", LQ_TEST_SKIP }, { "todo", LQ_TEST_SKIP }, { "disabled", LQ_TEST_SKIP }, { NULL, 0 }
};
static const struct lq_word playwright_words[] = { { "expected", LQ_TEST_PASS },
                                                   { "unexpected", LQ_TEST_FAIL },
                                                   { "flaky", LQ_TEST_PASS },
                                                   { NULL, 0 } };
static const struct lq_word pytest_words[] = { { "xfailed", LQ_TEST_SKIP },
                                               { "xpassed", LQ_TEST_PASS },
                                               { NULL, 0 } };

/* ---- what a table cannot say ---- */

/* "main.go:12:5" */
static bool adjust_posn(struct lq_parser *parser, struct lq_record *record)
{
    if (!lq_parser_try(parser, "^(.+?):(\\d+)(?::(\\d+))?$", record->parts[LQ_FIELD_FILE]))
        return false;
    record->event.file_path = lq_parser_group(parser, 1);
    record->event.line_number = lq_digits(lq_parser_group(parser, 2));
    record->event.column_number = lq_digits(lq_parser_group(parser, 3));
    return true;
}

struct lq_str lq_drop_code(struct lq_str message, struct lq_str code)
{
    if (!code.len || message.len < code.len + 3)
        return message;
    if (lq_str_starts(message, code) &&
        lq_str_starts((struct lq_str){ message.ptr + code.len, 2 }, LQ_STR(": ")))
        return (struct lq_str){ message.ptr + code.len + 2, message.len - code.len - 2 };
    if (message.ptr[message.len - 1] == ')' && message.ptr[message.len - code.len - 2] == '(' &&
        message.ptr[message.len - code.len - 3] == ' ' &&
        memcmp(message.ptr + message.len - code.len - 1, code.ptr, code.len) == 0)
        message.len -= code.len + 3;
    return message;
}

/* The compiler's closing words count what was said before. */
static bool adjust_rustc(struct lq_parser *parser, struct lq_record *record)
{
    const struct lq_str message = record->event.message;

    (void)parser;
    return record->event.file_path.len ||
           !(lq_str_starts(message, LQ_STR("aborting due to")) ||
             lq_str_starts(message, LQ_STR("Some errors have detailed explanations")) ||
             lq_str_starts(message, LQ_STR("For more information about")) ||
             lq_str_ends(message, LQ_STR(" emitted")));
}

/* C++ and Fortran have the same form; the file tells, as in the text of gcc. */
static bool adjust_gcc(struct lq_parser *parser, struct lq_record *record)
{
    lq_cc_set_language(parser, &record->event);
    return true;
}

/* Where GitLab is told columns, the line stands elsewhere. */
static bool adjust_quality(struct lq_parser *parser, struct lq_record *record)
{
    (void)parser;
    if (!record->event.line_number)
        record->event.line_number = lq_digits(record->parts[LQ_VALUE_OTHER]);
    return true;
}

/* What the text form adds behind the message. */
static bool adjust_markdownlint(struct lq_parser *parser, struct lq_record *record)
{
    const struct lq_str detail = record->parts[LQ_VALUE_MORE];
    const struct lq_str context = record->parts[LQ_VALUE_OTHER];

    (void)parser;
    lq_clip_add(record->text, record->event.message);
    if (detail.len) {
        lq_clip_add(record->text, LQ_STR(" ["));
        lq_clip_add(record->text, detail);
        lq_clip_add(record->text, LQ_STR("]"));
    }
    if (context.len) {
        lq_clip_add(record->text, LQ_STR(" [Context: \""));
        lq_clip_add(record->text, context);
        lq_clip_add(record->text, LQ_STR("\"]"));
    }
    record->event.message = lq_clip_text(record->text);
    return true;
}

/* hadolint's codes have letters; those of shellcheck are numbers. */
static bool adjust_shell(struct lq_parser *parser, struct lq_record *record)
{
    const struct lq_str code = record->event.error_code;

    (void)parser;
    if (!code.len || code.ptr[0] < '0' || code.ptr[0] > '9')
        return true;
    record->event.tool_name = LQ_STR("shellcheck");
    lq_clip_add(record->text, LQ_STR("SC"));
    lq_clip_add(record->text, code);
    record->event.error_code = lq_clip_text(record->text);
    return true;
}

/* A failed test, whose message holds the stack. */
static bool adjust_test(struct lq_parser *parser, struct lq_record *record)
{
    struct lq_event *event = &record->event;
    const struct lq_str more = record->parts[LQ_VALUE_MORE];

    if (event->test_status == LQ_TEST_NONE)
        return false;
    if (event->test_status == LQ_TEST_FAIL || event->test_status == LQ_TEST_ERROR)
        lq_place_find(parser, more.len ? more : event->message, event);
    return true;
}

/* "group › inner › title" is the name in Jest's own text. */
static bool adjust_jest(struct lq_parser *parser, struct lq_record *record)
{
    const struct lq_str groups = record->parts[LQ_VALUE_OTHER];

    if (groups.len) {
        lq_clip_add(record->text, groups);
        lq_clip_add(record->text, LQ_STR(" › "));
        lq_clip_add(record->text, record->event.test_name);
        record->event.test_name = lq_clip_text(record->text);
    }
    return adjust_test(parser, record);
}

/* The test harness of Rust: {"type":"suite"} sums up. */
static bool adjust_libtest(struct lq_parser *parser, struct lq_record *record)
{
    struct lq_event *event = &record->event;

    if (lq_str_eq(record->parts[LQ_VALUE_OTHER], LQ_STR("suite")) ||
        event->test_status == LQ_TEST_NONE)
        return false;
    if (event->test_status == LQ_TEST_FAIL)
        lq_place_find(parser, event->message, event);
    return true;
}

/* ---- the table ---- */

/* ruff's output for one object in `at`. */
#define RUFF(at)                                                                                   \
    {                                                                                              \
        .format = "ruff",                                                                          \
        .tool = "ruff",                                                                            \
        .category = "lint",                                                                        \
        .record = at,                                                                              \
        .needs = { (at ".filename"), (at ".location.row") },                                       \
        .severity = LQ_SEVERITY_ERROR,                                                             \
        .paths = { FILE_(at ".filename"), LINE_(at ".location.row"),                               \
                   COLUMN_(at ".location.column"), CODE_(at ".code"), MESSAGE_(at ".message"),     \
                   SEVERITY_(at ".severity") },                                                    \
    }

/* A diagnostic of rustc, itself or within cargo's message. */
#define RUSTC(need, other, at)                                                                     \
    {                                                                                              \
        .format = "rustc",                                                                         \
        .tool = "rustc",                                                                           \
        .category = "compile",                                                                     \
        .record = "",                                                                              \
        .needs = { need, other },                                                                  \
        .severity = LQ_SEVERITY_ERROR,                                                             \
        .severities = rustc_words,                                                                 \
        .paths = { FILE_(at "spans[].file_name"), LINE_(at "spans[].line_start"),                  \
                   COLUMN_(at "spans[].column_start"), SEVERITY_(at "level"),                      \
                   CODE_(at "code.code"), MESSAGE_(at "message"), RAW_(at "rendered") },           \
        .pick = at "spans[]",                                                                      \
        .pick_if = at "spans[].is_primary",                                                        \
        .adjust = adjust_rustc,                                                                    \
    }

/* Mocha's lists repeat what stands in "tests", by result. */
/* A suite that is a file is no part of the name. */
static bool adjust_playwright(struct lq_parser *parser, struct lq_record *record)
{
    if (lq_parser_try(parser, "\\.[cm]?[jt]sx?$", record->parts[LQ_VALUE_OTHER]))
        return true;
    return adjust_jest(parser, record);
}

/* Playwright's report: files are suites, which hold others. */
#define PLAYWRIGHT(suite)                                                                          \
    {                                                                                              \
        .format = "playwright",                                                                    \
        .tool = "playwright",                                                                      \
        .category = "test",                                                                        \
        .record = suite "specs[].tests[]",                                                         \
        .needs = { (suite "specs[].tests[].expectedStatus") },                                     \
        .statuses = playwright_words,                                                              \
        .duration_scale = 1e-3,                                                                    \
        .paths = { TEST_(suite "specs[].title"), OTHER_(suite "title"),                            \
                   STATUS_(suite "specs[].tests[].status"),                                        \
                   DURATION_(suite "specs[].tests[].results[].duration"),                          \
                   MESSAGE_(suite "specs[].tests[].results[].error.message"),                      \
                   FILE_(suite "specs[].tests[].results[].error.location.file"),                   \
                   LINE_(suite "specs[].tests[].results[].error.location.line"),                   \
                   COLUMN_(suite "specs[].tests[].results[].error.location.column") },             \
        .adjust = adjust_playwright,                                                               \
    }

#define MOCHA(list, result)                                                                        \
    {                                                                                              \
        .format = "mocha",                                                                         \
        .tool = "mocha",                                                                           \
        .category = "test",                                                                        \
        .record = list "[]",                                                                       \
        .needs = { "stats.tests", (list "[].fullTitle") },                                         \
        .duration_scale = 1e-3,                                                                    \
        .status = result,                                                                          \
        .paths = { TEST_(list "[].fullTitle"), FILE_(list "[].file"),                              \
                   DURATION_(list "[].duration"), MESSAGE_(list "[].err.message"),                 \
                   MORE_(list "[].err.stack") },                                                   \
        .adjust = adjust_test,                                                                     \
    }

const struct lq_shape lq_shapes[] = {
    RUSTC("reason", "message.level", "message."),
    RUSTC("$message_type", "level", ""),
    RUFF("[]"),
    RUFF(""),
    {
        .format = "sarif",
        .tool = "sarif",
        .category = "lint",
        .record = "runs[].results[]",
        .severity = LQ_SEVERITY_WARNING,
        .paths = { FILE_("runs[].results[].locations[].physicalLocation.artifactLocation.uri"),
                   LINE_("runs[].results[].locations[].physicalLocation.region.startLine"),
                   COLUMN_("runs[].results[].locations[].physicalLocation.region.startColumn"),
                   SEVERITY_("runs[].results[].level"), CODE_("runs[].results[].ruleId"),
                   MESSAGE_("runs[].results[].message.text"), TOOL_("runs[].tool.driver.name"),
                   MORE_("runs[].results[].kind"), OTHER_("runs[].results[].suppressions[].kind") },
        .pick = "runs[].results[].locations[]",
        .late = "runs[].tool.driver.name",
        .adjust = lq_sarif_adjust,
    },
    {
        .format = "sarif", /* what a rule says of its results */
        .tool = "sarif",
        .category = "lint",
        .record = "runs[].tool.driver.rules[]",
        .needs = { "runs[].tool.driver.rules[].defaultConfiguration.level" },
        .paths = { CODE_("runs[].tool.driver.rules[].id"),
                   MESSAGE_("runs[].tool.driver.rules[].defaultConfiguration.level") },
        .adjust = lq_sarif_learn,
    },
    {
        .format = "go-test",
        .tool = "go test",
        .category = "test",
        .record = "",
        .needs = { "Action" },
        .paths = { TEST_("Test"), STATUS_("Action"), DURATION_("Elapsed"), MORE_("Output"),
                   OTHER_("Package"), MESSAGE_("Action") },
        .adjust = lq_gotest_adjust,
    },
    {
        .format = "eslint",
        .tool = "eslint",
        .category = "lint",
        .record = "[].messages[]",
        .needs = { "[].filePath", "[].messages[].severity" },
        .severity = LQ_SEVERITY_ERROR,
        .severities = eslint_words,
        .paths = { FILE_("[].filePath"), LINE_("[].messages[].line"),
                   COLUMN_("[].messages[].column"), SEVERITY_("[].messages[].severity"),
                   CODE_("[].messages[].ruleId"), MESSAGE_("[].messages[].message") },
    },
    {
        .format = "eslint", /* one file a line */
        .tool = "eslint",
        .category = "lint",
        .record = "messages[]",
        .needs = { "filePath", "messages[].severity" },
        .severity = LQ_SEVERITY_ERROR,
        .severities = eslint_words,
        .paths = { FILE_("filePath"), LINE_("messages[].line"), COLUMN_("messages[].column"),
                   SEVERITY_("messages[].severity"), CODE_("messages[].ruleId"),
                   MESSAGE_("messages[].message") },
    },
    {
        .format = "pylint",
        .tool = "pylint",
        .category = "lint",
        .record = "[]",
        .needs = { "[].message-id", "[].path" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = pylint_words,
        .paths = { FILE_("[].path"), LINE_("[].line"), COLUMN_("[].column"), SEVERITY_("[].type"),
                   CODE_("[].message-id"), MESSAGE_("[].message") },
    },
    {
        .format = "pylint", /* json2 */
        .tool = "pylint",
        .category = "lint",
        .record = "messages[]",
        .needs = { "messages[].messageId", "messages[].path" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = pylint_words,
        .paths = { FILE_("messages[].path"), LINE_("messages[].line"), COLUMN_("messages[].column"),
                   SEVERITY_("messages[].type"), CODE_("messages[].messageId"),
                   MESSAGE_("messages[].message") },
    },
    {
        .format = "mypy",
        .tool = "mypy",
        .category = "lint",
        .record = "",
        .needs = { "file", "line", "column" }, /* and a severity: other logs have these */
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("file"), LINE_("line"), COLUMN_("column"), SEVERITY_("severity"),
                   CODE_("code"), MESSAGE_("message") },
    },
    {
        .format = "pyright",
        .tool = "pyright",
        .category = "lint",
        .record = "generalDiagnostics[]",
        .needs = { "generalDiagnostics[].file", "generalDiagnostics[].severity" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("generalDiagnostics[].file"),
                   LINE_("generalDiagnostics[].range.start.line"),
                   COLUMN_("generalDiagnostics[].range.start.character"),
                   SEVERITY_("generalDiagnostics[].severity"), CODE_("generalDiagnostics[].rule"),
                   MESSAGE_("generalDiagnostics[].message") },
        .zero_based = true,
    },
    {
        .format = "gcc",
        .tool = "gcc",
        .category = "compile",
        .record = "[]",
        .needs = { "[].kind", "[].locations[].caret.file" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("[].locations[].caret.file"), LINE_("[].locations[].caret.line"),
                   COLUMN_("[].locations[].caret.column"), SEVERITY_("[].kind"), CODE_("[].option"),
                   MESSAGE_("[].message") },
        .pick = "[].locations[]",
        .adjust = adjust_gcc,
    },
    {
        .format = "gcc", /* of the command itself: no place */
        .tool = "gcc",
        .category = "compile",
        .record = "[]",
        .needs = { "[].kind", "[].column-origin" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { SEVERITY_("[].kind"), CODE_("[].option"), MESSAGE_("[].message") },
    },
    {
        .format = "hadolint", /* and shellcheck: adjust_shell tells them apart */
        .tool = "hadolint",
        .category = "lint",
        .record = "[]",
        .needs = { "[].file", "[].level", "[].code" },
        .severity = LQ_SEVERITY_WARNING,
        .paths = { FILE_("[].file"), LINE_("[].line"), COLUMN_("[].column"), SEVERITY_("[].level"),
                   CODE_("[].code"), MESSAGE_("[].message") },
        .adjust = adjust_shell,
    },
    {
        .format = "shellcheck", /* json1 */
        .tool = "shellcheck",
        .category = "lint",
        .record = "comments[]",
        .needs = { "comments[].file", "comments[].level", "comments[].code" },
        .severity = LQ_SEVERITY_WARNING,
        .paths = { FILE_("comments[].file"), LINE_("comments[].line"), COLUMN_("comments[].column"),
                   SEVERITY_("comments[].level"), CODE_("comments[].code"),
                   MESSAGE_("comments[].message") },
        .adjust = adjust_shell,
    },
    {
        .format = "markdownlint",
        .tool = "markdownlint",
        .category = "lint",
        .record = "[]",
        .needs = { "[].fileName", "[].ruleNames[]" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("[].fileName"), LINE_("[].lineNumber"), CODE_("[].ruleNames[]"),
                   MESSAGE_("[].ruleDescription"), MORE_("[].errorDetail"),
                   OTHER_("[].errorContext"), COLUMN_("[].errorRange[]") },
        .adjust = adjust_markdownlint,
    },
    {
        .format = "stylelint",
        .tool = "stylelint",
        .category = "lint",
        .record = "[].warnings[]",
        .needs = { "[].source", "[].warnings[].rule" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("[].source"), LINE_("[].warnings[].line"), COLUMN_("[].warnings[].column"),
                   SEVERITY_("[].warnings[].severity"), CODE_("[].warnings[].rule"),
                   MESSAGE_("[].warnings[].text") },
    },
    {
        .format = "rubocop",
        .tool = "rubocop",
        .category = "lint",
        .record = "files[].offenses[]",
        .needs = { "files[].path", "files[].offenses[].cop_name" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = rubocop_words,
        .paths = { FILE_("files[].path"), LINE_("files[].offenses[].location.line"),
                   COLUMN_("files[].offenses[].location.column"),
                   SEVERITY_("files[].offenses[].severity"), CODE_("files[].offenses[].cop_name"),
                   MESSAGE_("files[].offenses[].message") },
    },
    {
        .format = "golangci-lint",
        .tool = "golangci-lint",
        .category = "lint",
        .record = "Issues[]",
        .needs = { "Issues[].FromLinter", "Issues[].Pos.Filename" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("Issues[].Pos.Filename"), LINE_("Issues[].Pos.Line"),
                   COLUMN_("Issues[].Pos.Column"), SEVERITY_("Issues[].Severity"),
                   CODE_("Issues[].FromLinter"), MESSAGE_("Issues[].Text") },
    },
    {
        .format = "bandit",
        .tool = "bandit",
        .category = "lint",
        .record = "results[]",
        .needs = { "results[].test_id", "results[].issue_severity" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = bandit_words,
        .paths = { FILE_("results[].filename"), LINE_("results[].line_number"),
                   SEVERITY_("results[].issue_severity"), CODE_("results[].test_id"),
                   MESSAGE_("results[].issue_text") },
    },
    {
        .format = "semgrep",
        .tool = "semgrep",
        .category = "lint",
        .record = "results[]",
        .needs = { "results[].check_id", "results[].start.line" },
        .severity = LQ_SEVERITY_WARNING,
        .paths = { FILE_("results[].path"), LINE_("results[].start.line"),
                   COLUMN_("results[].start.col"), SEVERITY_("results[].extra.severity"),
                   CODE_("results[].check_id"), MESSAGE_("results[].extra.message") },
    },
    {
        .format = "terraform",
        .tool = "terraform",
        .category = "build",
        .record = "diagnostics[]",
        .needs = { "diagnostics[].severity" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("diagnostics[].range.filename"), LINE_("diagnostics[].range.start.line"),
                   COLUMN_("diagnostics[].range.start.column"), SEVERITY_("diagnostics[].severity"),
                   MESSAGE_("diagnostics[].summary") },
    },
    {
        .format = "terraform", /* plan and apply: a line each */
        .tool = "terraform",
        .category = "build",
        .record = "",
        .needs = { "@level", "diagnostic.severity" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("diagnostic.range.filename"), LINE_("diagnostic.range.start.line"),
                   COLUMN_("diagnostic.range.start.column"), SEVERITY_("diagnostic.severity"),
                   MESSAGE_("diagnostic.summary") },
    },
    {
        .format = "phpcs",
        .tool = "phpcs",
        .category = "lint",
        .record = "files.{}.messages[]",
        .needs = { "files.{}.messages[].source", "files.{}.messages[].line" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("files.{}"), LINE_("files.{}.messages[].line"),
                   COLUMN_("files.{}.messages[].column"), SEVERITY_("files.{}.messages[].type"),
                   CODE_("files.{}.messages[].source"), MESSAGE_("files.{}.messages[].message") },
    },
    {
        .format = "phpstan",
        .tool = "phpstan",
        .category = "type",
        .record = "files.{}.messages[]",
        .needs = { "files.{}.messages[].ignorable" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("files.{}"), LINE_("files.{}.messages[].line"),
                   CODE_("files.{}.messages[].identifier"),
                   MESSAGE_("files.{}.messages[].message") },
    },
    {
        .format = "go", /* go vet -json: by package and analyser */
        .tool = "go vet",
        .category = "compile",
        .record = "{}.{}[]",
        .needs = { "{}.{}[].posn" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("{}.{}[].posn"), CODE_("{}.{}"), MESSAGE_("{}.{}[].message") },
        .adjust = adjust_posn,
    },
    {
        .format = "vale",
        .tool = "vale",
        .category = "lint",
        .record = "{}[]",
        .needs = { "{}[].Check", "{}[].Line", "{}[].Severity" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = vale_words,
        .paths = { FILE_("{}"), LINE_("{}[].Line"), COLUMN_("{}[].Span[]"),
                   SEVERITY_("{}[].Severity"), CODE_("{}[].Check"), MESSAGE_("{}[].Message") },
    },
    {
        .format = "gitlab",
        .tool = "code-quality",
        .category = "lint",
        .record = "[]",
        .needs = { "[].fingerprint", "[].location.path" },
        .severity = LQ_SEVERITY_WARNING,
        .severities = quality_words,
        .paths = { FILE_("[].location.path"), LINE_("[].location.lines.begin"),
                   COLUMN_("[].location.positions.begin.column"),
                   OTHER_("[].location.positions.begin.line"), SEVERITY_("[].severity"),
                   CODE_("[].check_name"), MESSAGE_("[].description") },
        .adjust = adjust_quality,
    },
    {
        .format = "rdjson", /* reviewdog's, which many write */
        .tool = "reviewdog",
        .category = "lint",
        .record = "diagnostics[]",
        .needs = { "diagnostics[].location.path" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("diagnostics[].location.path"),
                   LINE_("diagnostics[].location.range.start.line"),
                   COLUMN_("diagnostics[].location.range.start.column"),
                   SEVERITY_("diagnostics[].severity"), CODE_("diagnostics[].code.value"),
                   MESSAGE_("diagnostics[].message"), TOOL_("source.name") },
        .late = "source.name",
    },
    {
        .format = "rdjson", /* a diagnostic a line */
        .tool = "reviewdog",
        .category = "lint",
        .record = "",
        .needs = { "location.path", "message" },
        .severity = LQ_SEVERITY_ERROR,
        .paths = { FILE_("location.path"), LINE_("location.range.start.line"),
                   COLUMN_("location.range.start.column"), SEVERITY_("severity"),
                   CODE_("code.value"), MESSAGE_("message"), TOOL_("source.name") },
    },
    {
        .format = "jest", /* and vitest */
        .tool = "jest",
        .category = "test",
        .record = "testResults[].assertionResults[]",
        .needs = { "testResults[].assertionResults[].fullName" },
        .statuses = jest_words,
        .duration_scale = 1e-3,
        .paths = { FILE_("testResults[].name"), TEST_("testResults[].assertionResults[].title"),
                   OTHER_("testResults[].assertionResults[].ancestorTitles[]"),
                   STATUS_("testResults[].assertionResults[].status"),
                   DURATION_("testResults[].assertionResults[].duration"),
                   MESSAGE_("testResults[].assertionResults[].failureMessages[]") },
        .late = "testResults[].name",
        .join = " › ",
        .adjust = adjust_jest,
    },
    PLAYWRIGHT("suites[]."),
    PLAYWRIGHT("suites[].suites[]."),
    PLAYWRIGHT("suites[].suites[].suites[]."),
    MOCHA("passes", LQ_TEST_PASS),
    MOCHA("failures", LQ_TEST_FAIL),
    MOCHA("pending", LQ_TEST_SKIP),
    {
        .format = "pytest", /* pytest-json-report */
        .tool = "pytest",
        .category = "test",
        .record = "tests[]",
        .needs = { "tests[].nodeid" },
        .statuses = pytest_words,
        .paths = { TEST_("tests[].nodeid"), STATUS_("tests[].outcome"),
                   DURATION_("tests[].call.duration"), FILE_("tests[].call.crash.path"),
                   LINE_("tests[].call.crash.lineno"), MESSAGE_("tests[].call.crash.message") },
    },
    {
        .format = "cargo-test", /* libtest --format json */
        .tool = "cargo_test",
        .category = "test",
        .record = "",
        .needs = { "type", "event", "name" },
        .paths = { TEST_("name"), STATUS_("event"), DURATION_("exec_time"), MESSAGE_("stdout"),
                   OTHER_("type") },
        .adjust = adjust_libtest,
    },
};
const size_t lq_n_shapes = LQ_COUNT(lq_shapes);
