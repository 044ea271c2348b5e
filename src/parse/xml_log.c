/* SPDX-License-Identifier: MIT */
/* XML reports in a log, read as they stream by: JUnit's, Checkstyle's, Cppcheck's. */
#include <expat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clean.h"
#include "parse/engine.h"
#include "parse/shapes.h"

#define MAX_DEPTH 64
/* Lines of other writers in a row, after which a report counts as torn. */
#define MAX_STRAY_LINES 64
/* Expat keeps a tag until it is whole: none may be longer. */
#define TAG_MAX_BYTES ((int64_t)1 << 20)
/* Whenever more of an unfinished tag comes, expat (before 2.6) reads it from its start again. That may come to
 * so many times the bytes of all reports, and a bit; then a tag is given to it in ever larger pieces. */
#define REREAD_FACTOR 16
#define REREAD_BYTES ((int64_t)1 << 20)
#define NAME_MAX_BYTES 4096

enum element {
    OTHER,
    /* Only elements stand in these. */
    SUITE,
    CASE,
    CHECKSTYLE,
    FILE_,
    RESULTS,
    /* Text may stand in these. */
    FAILURE, /* in a CASE: failure, error */
    SKIPPED,
    ERROR,    /* Checkstyle's, Cppcheck's: a diagnostic */
    LOCATION, /* Cppcheck's */
};

struct xml_log {
    struct lq_parser *parser;
    XML_Parser expat;
    unsigned char stack[MAX_DEPTH];
    unsigned depth;
    int64_t fed_bytes;   /* of the report */
    int64_t tag_bytes;   /* that expat keeps, since the tag is not whole */
    int64_t all, reread; /* bytes of all reports; that expat read again */
    struct lq_buf late;  /* of such a tag, kept from expat for now */
    int64_t line, first_line;
    bool begun, given_up; /* the root was seen; it is no report, or a broken one */
    bool stray;           /* text stands where none belongs */
    int n_strays;
    bool open; /* an event is being read: a test case, a diagnostic */
    struct lq_event event;
    struct lq_clip file, name, message, code, text, tool;
};

static void free_log(void *state)
{
    struct xml_log *log = state;

    XML_ParserFree(log->expat);
    lq_buf_release(&log->late);
    lq_clip_release(&log->file);
    lq_clip_release(&log->name);
    lq_clip_release(&log->message);
    lq_clip_release(&log->code);
    lq_clip_release(&log->text);
    lq_clip_release(&log->tool);
    free(log);
}

static struct xml_log *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_XML, free_log);

    if (!*slot) {
        struct xml_log *log = lq_alloc(sizeof *log);

        log->parser = parser;
        log->file.max = log->name.max = log->code.max = log->tool.max = NAME_MAX_BYTES;
        log->message.max = LQ_MESSAGE_MAX_BYTES;
        log->text.max = LQ_RAW_TEXT_MAX_BYTES;
        *slot = log;
    }
    return *slot;
}

static void set(struct lq_clip *clip, const char *text)
{
    lq_clip_clear(clip);
    lq_clip_add(clip, lq_str_of(text));
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

static struct lq_str attribute_str(const char **attributes, const char *name)
{
    return lq_str_of(attribute(attributes, name));
}

/* ---- events ---- */

static struct lq_str first_line(struct lq_str text)
{
    const char *newline;

    text = lq_trim_lines(text);
    newline = text.len ? memchr(text.ptr, '\n', text.len) : NULL;
    if (newline)
        text.len = (size_t)(newline - text.ptr);
    return text;
}

static void strip(struct lq_clip *clip)
{
    if (clip->len && (memchr(clip->data, '\033', clip->len) || memchr(clip->data, '\r', clip->len)))
        clip->len = lq_clean(clip->data, clip->len);
}

static void close_event(struct xml_log *log)
{
    struct lq_event *event = &log->event;

    if (!log->open)
        return;
    log->open = false;
    strip(&log->text);
    strip(&log->message);
    event->log_line_start = log->first_line;
    event->log_line_end = log->line;
    event->message =
        lq_drop_code(lq_trim_lines(lq_clip_text(&log->message)), lq_clip_text(&log->code));
    if (!event->message.len)
        event->message = first_line(lq_clip_text(&log->text));
    event->error_code = lq_clip_text(&log->code);
    event->raw_text = lq_clip_text(&log->text);
    if (!event->raw_text.len)
        event->raw_text = event->message;
    event->tool_name = lq_clip_text(&log->tool);
    if (event->test_status != LQ_TEST_NONE) {
        event->test_name = lq_clip_text(&log->name);
        event->severity = lq_severity_of_test(event->test_status);
        if (event->severity != LQ_SEVERITY_NONE)
            lq_place_find(log->parser, lq_clip_text(&log->text), event);
    }
    if (event->message.len || event->test_name.len)
        lq_parser_emit(log->parser, event);
}

static void open_event(struct xml_log *log, const char *category)
{
    /* The one before was torn: a failure is still told. */
    if (log->event.test_status != LQ_TEST_PASS)
        close_event(log);
    log->open = true;
    log->first_line = log->line;
    log->event = lq_event_of("", category, log->line);
    lq_clip_clear(&log->name);
    lq_clip_clear(&log->message);
    lq_clip_clear(&log->code);
    lq_clip_clear(&log->text);
}

/* ---- JUnit ---- */

/* The suites of some tools have a name of their own. */
static void set_test_tool(struct xml_log *log, const char **attributes)
{
    static const char *const suites[][2] = {
        { "pytest", "pytest" },     { "jest tests", "jest" },     { "vitest tests", "vitest" },
        { "Mocha Tests", "mocha" }, { "AllTests", "googletest" },
    };
    const char *name = attribute(attributes, "name");

    for (size_t i = 0; name && i < LQ_COUNT(suites); i++)
        if (strcmp(name, suites[i][0]) == 0)
            set(&log->tool, suites[i][1]);
}

/* "class.name", unless the name says it all. */
static void set_test_name(struct xml_log *log, const char **attributes)
{
    const struct lq_str class = attribute_str(attributes, "classname");
    const struct lq_str name = attribute_str(attributes, "name");

    lq_clip_clear(&log->name);
    if (class.len && !lq_str_starts(name, class)) {
        lq_clip_add(&log->name, class);
        if (name.len)
            lq_clip_add(&log->name, LQ_STR("."));
    }
    lq_clip_add(&log->name, name);
}

static void start_case(struct xml_log *log, const char **attributes)
{
    const char *status = attribute(attributes, "status");

    open_event(log, "test");
    set_test_name(log, attributes);
    set(&log->file, attribute(attributes, "file"));
    if (log->file.len)
        log->event.file_path = lq_clip_text(&log->file);
    /* pytest counts from 0, and tells a failure's line in its text. */
    if (!lq_str_eq(lq_clip_text(&log->tool), LQ_STR("pytest")))
        log->event.line_number = lq_digits(attribute_str(attributes, "line"));
    log->event.test_duration_sec = lq_seconds(attribute_str(attributes, "time"));
    log->event.test_status =
        status && (strcmp(status, "notrun") == 0 || strcmp(status, "disabled") == 0) ? LQ_TEST_SKIP
                                                                                     : LQ_TEST_PASS;
}

/* The first that is said of a test counts. */
static void start_result(struct xml_log *log, enum lq_test_status status, const char **attributes)
{
    if (!log->open || log->event.test_status != LQ_TEST_PASS)
        return;
    log->event.test_status = status;
    set(&log->message, attribute(attributes, "message"));
    if (status != LQ_TEST_SKIP)
        set(&log->code, attribute(attributes, "type"));
}

/* ---- Checkstyle, Cppcheck ---- */

/* "com.puppycrawl.tools.checkstyle.checks.X", "eslint.rules.x", "ShellCheck.SC2086" */
static void set_source(struct xml_log *log, const char *source)
{
    static const char *const tools[][2] = {
        { "com.puppycrawl.", "checkstyle" },
        { "eslint.rules.", "eslint" },
        { "ShellCheck.", "shellcheck" },
        { "detekt.", "detekt" },
    };
    const char *dot = source ? strrchr(source, '.') : NULL;

    set(&log->tool, "checkstyle");
    set(&log->code, source);
    for (size_t i = 0; dot && i < LQ_COUNT(tools); i++)
        if (strncmp(source, tools[i][0], strlen(tools[i][0])) == 0) {
            set(&log->tool, tools[i][1]);
            set(&log->code, dot + 1);
        }
}

static void set_place(struct xml_log *log, const char **attributes)
{
    log->event.line_number = lq_digits(attribute_str(attributes, "line"));
    log->event.column_number = lq_digits(attribute_str(attributes, "column"));
}

static void start_error(struct xml_log *log, enum element parent, const char **attributes)
{
    static const struct lq_word cppcheck[] = { { "performance", LQ_SEVERITY_INFO },
                                               { "portability", LQ_SEVERITY_INFO },
                                               { NULL, 0 } };

    open_event(log, "lint");
    log->event.severity =
        lq_severity_of(cppcheck, attribute_str(attributes, "severity"), LQ_SEVERITY_ERROR);
    if (parent == FILE_) {
        log->event.file_path = lq_clip_text(&log->file);
        set_place(log, attributes);
        set(&log->message, attribute(attributes, "message"));
        set_source(log, attribute(attributes, "source"));
    } else {
        set(&log->message, attribute(attributes, "msg"));
        set(&log->code, attribute(attributes, "id"));
        set(&log->tool, "cppcheck");
    }
}

/* ---- expat ---- */

static enum element element_of(enum element parent, const char *name)
{
    static const struct {
        const char *name;
        enum element parent; /* OTHER: any */
        enum element element;
    } elements[] = {
        { "testsuites", OTHER, SUITE },      { "testsuite", OTHER, SUITE },
        { "testcase", SUITE, CASE },         { "failure", CASE, FAILURE },
        { "error", CASE, FAILURE },          { "skipped", CASE, SKIPPED },
        { "checkstyle", OTHER, CHECKSTYLE }, { "file", CHECKSTYLE, FILE_ },
        { "error", FILE_, ERROR },           { "results", OTHER, RESULTS },
        { "errors", RESULTS, RESULTS },      { "error", RESULTS, ERROR },
        { "location", ERROR, LOCATION },
    };

    for (size_t i = 0; i < LQ_COUNT(elements); i++)
        if (strcmp(name, elements[i].name) == 0 &&
            (elements[i].parent == OTHER || elements[i].parent == parent))
            return elements[i].element;
    return OTHER;
}

/* The formats of reports, by their root. */
static bool is_wanted(const struct xml_log *log, enum element root)
{
    switch (root) {
    case SUITE:
        return lq_parser_wants(log->parser, "junit");
    case CHECKSTYLE:
        return lq_parser_wants(log->parser, "checkstyle");
    case RESULTS:
        return lq_parser_wants(log->parser, "cppcheck");
    default:
        return false;
    }
}

static void give_up(struct xml_log *log)
{
    log->given_up = true;
    XML_StopParser(log->expat, XML_FALSE);
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
    struct xml_log *log = ctx;
    const enum element parent = log->depth ? (enum element)log->stack[log->depth - 1] : OTHER;
    const enum element element = element_of(parent, name);

    if (log->depth == MAX_DEPTH || (log->depth == 0 && !is_wanted(log, element))) {
        give_up(log);
        return;
    }
    log->begun = true;
    log->stack[log->depth++] = (unsigned char)element;
    switch (element) {
    case SUITE:
        set_test_tool(log, attributes);
        break;
    case CASE:
        start_case(log, attributes);
        break;
    case FAILURE:
        start_result(log, name[0] == 'f' ? LQ_TEST_FAIL : LQ_TEST_ERROR, attributes);
        break;
    case SKIPPED:
        start_result(log, LQ_TEST_SKIP, attributes);
        break;
    case FILE_:
        set(&log->file, attribute(attributes, "name"));
        break;
    case ERROR:
        start_error(log, parent, attributes);
        break;
    case LOCATION:
        if (log->event.file_path.len)
            break; /* the first is where it is */
        set(&log->file, attribute(attributes, "file"));
        log->event.file_path = lq_clip_text(&log->file);
        set_place(log, attributes);
        break;
    case CHECKSTYLE:
    case RESULTS:
    case OTHER:
        break;
    }
}

static void on_end(void *ctx, const char *name)
{
    struct xml_log *log = ctx;
    const enum element element = (enum element)log->stack[--log->depth];

    (void)name;
    if (element == CASE || element == ERROR)
        close_event(log);
}

static void on_text(void *ctx, const char *text, int len)
{
    struct xml_log *log = ctx;
    const enum element element = log->depth ? (enum element)log->stack[log->depth - 1] : OTHER;

    if (element == FAILURE || element == SKIPPED) {
        if (log->open)
            lq_clip_add(&log->text, (struct lq_str){ text, (size_t)len });
        return;
    }
    if (element == OTHER || element > RESULTS)
        return;
    for (int i = 0; i < len && !log->stray; i++)
        log->stray = !memchr(" \t\r\n", text[i], 4);
}

/* Reports have none; what it can do is attack. */
static void on_doctype(void *ctx, const char *name, const char *system_id, const char *public_id,
                       int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    give_up(ctx);
}

/* ---- lines ---- */

/* Give bytes to expat; whether they were XML of a report that is not given up. */
static bool give(struct xml_log *log, struct lq_str bytes)
{
    log->reread += log->tag_bytes;
    if (XML_Parse(log->expat, bytes.ptr, (int)bytes.len, 0) != XML_STATUS_OK)
        log->given_up = true;
    log->tag_bytes = log->fed_bytes - XML_GetCurrentByteIndex(log->expat);
    if (log->tag_bytes > TAG_MAX_BYTES)
        log->given_up = true;
    return !log->given_up;
}

static bool feed(struct xml_log *log, struct lq_str bytes)
{
    bool good;

    log->fed_bytes += (int64_t)bytes.len;
    log->all += (int64_t)bytes.len;
    if (!log->late.len && log->reread + log->tag_bytes <= REREAD_FACTOR * log->all + REREAD_BYTES)
        return give(log, bytes);
    lq_buf_add(&log->late, bytes.ptr, bytes.len);
    if ((int64_t)log->late.len < log->tag_bytes)
        return true;
    good = give(log, (struct lq_str){ log->late.data, log->late.len });
    lq_buf_clear(&log->late);
    return good;
}

static bool is_over(const struct xml_log *log)
{
    return log->given_up || (log->begun && log->depth == 0);
}

/* The report ends, or goes on no further. */
static void stop(struct xml_log *log)
{
    if (log->event.test_status != LQ_TEST_PASS)
        close_event(log);
    log->open = false;
    lq_parser_activate(log->parser, NULL);
}

/* Feed a line or a piece of one; whether it was part of the report. */
static bool take(struct xml_log *log, struct lq_str bytes, bool ends)
{
    const bool good = feed(log, bytes) && (!ends || is_over(log) || feed(log, LQ_STR("\n")));

    if (is_over(log))
        stop(log);
    return good;
}

static bool begin(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct xml_log *log = state_of(parser);

    (void)rule;
    if (!log->expat)
        log->expat = XML_ParserCreate(NULL);
    else
        XML_ParserReset(log->expat, NULL);
    XML_SetUserData(log->expat, log);
    XML_SetElementHandler(log->expat, on_start, on_end);
    XML_SetCharacterDataHandler(log->expat, on_text);
    XML_SetStartDoctypeDeclHandler(log->expat, on_doctype);
    log->depth = 0;
    log->fed_bytes = log->tag_bytes = 0;
    lq_buf_clear(&log->late);
    log->given_up = log->begun = log->open = log->stray = false;
    log->n_strays = 0;
    set(&log->tool, "junit");
    log->line = line.number;
    while (line.text.len && (line.text.ptr[0] == ' ' || line.text.ptr[0] == '\t')) {
        line.text.ptr++;
        line.text.len--;
    }
    lq_parser_activate(parser, &lq_family_xml);
    return take(log, line.text, !line.goes_on);
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct xml_log *log = state_of(parser);
    bool taken;

    log->line = line.number;
    log->stray = false;
    taken = take(log, line.text, !line.goes_on);
    log->n_strays = log->stray ? log->n_strays + 1 : 0;
    if (log->n_strays > MAX_STRAY_LINES)
        stop(log);
    return taken && !log->stray;
}

static void take_piece(struct lq_parser *parser, struct lq_str bytes, bool last)
{
    take(state_of(parser), bytes, last);
}

static void finish(struct lq_parser *parser)
{
    struct xml_log *log = *lq_parser_slot(parser, LQ_SLOT_XML, free_log);

    if (log && log->late.len && !is_over(log))
        give(log, (struct lq_str){ log->late.data, log->late.len });
    if (log && log->open)
        stop(log);
}

const struct lq_family lq_family_xml = {
    .match = begin,
    .line = take_line,
    .piece = take_piece,
    .finish = finish,
    .documents = true,
};
