/* SPDX-License-Identifier: MIT */
/* pytest: what a log tells about a test in up to three places becomes one event.
 *
 * With -v each test has a line as it ends; a failed one has a section with its traceback, and a
 * line in the summary. The full name stands in the first and the last, place and message in the
 * second. So failures are held until both are known, within limits. */
#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/seen.h"

/* Failures held at once, and bytes of their texts; past that the oldest is handed over as it is. */
#define MAX_HELD 4096
#define MAX_HELD_BYTES (4u << 20)

enum part {
    NOTHING,  /* results with -v, dots, other output */
    FAILURES, /* or errors: headed sections, one a test */
    WARNINGS,
    SUMMARY,
    OTHER, /* output of tests that passed, durations */
};

struct held {
    enum lq_test_status status;
    bool detailed;                    /* its section was read */
    struct lq_str name;               /* owned; NULL: not known */
    struct lq_str key;                /* owned; as the section's heading says it; NULL: --tb=line */
    struct lq_str first_file;         /* owned; where the test itself stands, for lack of a name */
    struct lq_str file, message, raw; /* owned */
    int64_t line_number, first, last;
};

struct pytest {
    enum part part;
    bool errors; /* the part of errors in set-up, tear-down and collection */
    struct held *held;
    size_t n_held, held_capacity, held_bytes;
    struct lq_seen done; /* tests already handed over, so that the summary does not repeat them */
    /* The section being read. */
    bool in_section, captured, after_mark, native, want_exception;
    enum lq_test_status status;
    struct lq_clip key, first_file, file, message, raw;
    int64_t line_number, first, last;
};

/* ---- memory ---- */

static struct lq_str copy(struct pytest *py, struct lq_str text)
{
    if (!text.ptr || !text.len)
        return (struct lq_str){ NULL, 0 };
    py->held_bytes += text.len;
    return (struct lq_str){ lq_strndup(text.ptr, text.len), text.len };
}

static void drop(struct pytest *py, struct lq_str *text)
{
    py->held_bytes -= text->len;
    free((char *)text->ptr);
    *text = (struct lq_str){ NULL, 0 };
}

static void held_drop(struct pytest *py, struct held *held)
{
    drop(py, &held->name);
    drop(py, &held->key);
    drop(py, &held->first_file);
    drop(py, &held->file);
    drop(py, &held->message);
    drop(py, &held->raw);
}

static void pytest_free(void *state)
{
    struct pytest *py = state;

    for (size_t i = 0; i < py->n_held; i++)
        held_drop(py, &py->held[i]);
    free(py->held);
    lq_seen_release(&py->done);
    lq_clip_release(&py->key);
    lq_clip_release(&py->first_file);
    lq_clip_release(&py->file);
    lq_clip_release(&py->message);
    lq_clip_release(&py->raw);
    free(py);
}

static struct pytest *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_PYTEST, pytest_free);

    if (!*slot) {
        struct pytest *py = lq_alloc(sizeof *py);

        py->key.max = py->first_file.max = py->file.max = LQ_MESSAGE_MAX_BYTES;
        py->message.max = LQ_MESSAGE_MAX_BYTES;
        py->raw.max = LQ_RAW_TEXT_MAX_BYTES;
        *slot = py;
    }
    return *slot;
}

/* ---- names ---- */

static bool is_done(const struct pytest *py, struct lq_str name, enum lq_test_status status)
{
    return lq_seen_has(&py->done, lq_seen_hash(status, name));
}

/* Whether a heading ("TestCart.test_total[a.b]") means the test of that name
 * ("tests/test_cart.py::TestCart::test_total[a.b]"); for errors in collection both are the file. */
static bool heads(struct lq_str key, struct lq_str name)
{
    const char *parts = memmem(name.ptr, name.len, "::", 2);
    size_t k = 0;
    bool parameters = false;

    if (lq_str_eq(key, name))
        return true;
    if (!parts)
        return false;
    for (const char *at = parts + 2, *end = name.ptr + name.len; at < end; at++, k++) {
        if (k >= key.len)
            return false;
        if (!parameters && at + 1 < end && at[0] == ':' && at[1] == ':') {
            if (key.ptr[k] != '.')
                return false;
            at++;
        } else if (*at != key.ptr[k]) {
            return false;
        }
        parameters |= *at == '[';
    }
    return k == key.len;
}

static struct lq_str file_of(struct lq_str name)
{
    const char *parts = memmem(name.ptr, name.len, "::", 2);

    return (struct lq_str){ name.ptr, parts ? (size_t)(parts - name.ptr) : name.len };
}

/* ---- handing over ---- */

static void emit(struct lq_parser *parser, struct pytest *py, const struct held *held,
                 struct lq_str name)
{
    struct lq_event event = lq_event_of("pytest", "test", held->first);

    if (held->status == LQ_TEST_FAIL || held->status == LQ_TEST_ERROR)
        event.severity = LQ_SEVERITY_ERROR;
    event.test_status = name.len ? held->status : LQ_TEST_NONE;
    event.test_name = name;
    event.file_path = held->file;
    if (!held->file.len && name.len &&
        (memmem(name.ptr, name.len, "::", 2) || lq_str_ends(name, LQ_STR(".py"))))
        event.file_path = file_of(name);
    event.line_number = held->line_number;
    event.message = held->message;
    event.raw_text = held->raw;
    event.log_line_end = held->last;
    lq_parser_emit(parser, &event);
    if (name.len)
        lq_seen_add(&py->done, lq_seen_hash(held->status, name));
}

/* Whether the outermost frame's file may be the test's: pytest names tests by relative paths, and fixtures
 * stand elsewhere. */
static bool is_of_test(struct lq_str file)
{
    return file.len && file.ptr[0] != '/' && !lq_str_starts(file, LQ_STR("..")) &&
           !lq_str_ends(file, LQ_STR("conftest.py"));
}

/* For lack of a name: the file of the outermost frame and the heading. */
static void emit_unnamed(struct lq_parser *parser, struct pytest *py, const struct held *held)
{
    struct lq_clip name = { .max = LQ_MESSAGE_MAX_BYTES };

    if (held->name.ptr) {
        emit(parser, py, held, held->name);
        return;
    }
    if (is_of_test(held->first_file))
        lq_clip_add(&name, held->first_file);
    for (size_t i = 0; held->key.ptr && i < held->key.len; i++) {
        if (i == 0 && name.len)
            lq_clip_add(&name, LQ_STR("::"));
        if (held->key.ptr[i] == '[') {
            lq_clip_add(&name, (struct lq_str){ held->key.ptr + i, held->key.len - i });
            break;
        }
        lq_clip_add(&name, held->key.ptr[i] == '.' ? LQ_STR("::")
                                                   : (struct lq_str){ held->key.ptr + i, 1 });
    }
    /* Nor that: --tb=line without a summary tells places alone. */
    if (name.len || held->line_number)
        emit(parser, py, held, lq_clip_text(&name));
    lq_clip_release(&name);
}

static void remove_held(struct pytest *py, size_t at)
{
    held_drop(py, &py->held[at]);
    py->n_held--;
    memmove(&py->held[at], &py->held[at + 1], (py->n_held - at) * sizeof py->held[0]);
}

static struct held *hold(struct lq_parser *parser, struct pytest *py, enum lq_test_status status,
                         int64_t line)
{
    while (py->n_held >= MAX_HELD || (py->n_held && py->held_bytes > MAX_HELD_BYTES)) {
        emit_unnamed(parser, py, &py->held[0]);
        remove_held(py, 0);
    }
    LQ_GROW(py->held, py->n_held, py->held_capacity);
    py->held[py->n_held] = (struct held){ .status = status, .first = line, .last = line };
    return &py->held[py->n_held++];
}

static void end_section(struct lq_parser *parser, struct pytest *py)
{
    struct held *held = NULL;
    size_t at;

    if (!py->in_section)
        return;
    py->in_section = false;
    for (at = 0; at < py->n_held; at++)
        if (!py->held[at].detailed && py->held[at].status == py->status && py->held[at].name.ptr &&
            heads(lq_clip_text(&py->key), py->held[at].name)) {
            held = &py->held[at];
            break;
        }
    if (!held) {
        held = hold(parser, py, py->status, py->first);
        at = py->n_held - 1;
    }
    held->detailed = true;
    held->key = copy(py, lq_clip_text(&py->key));
    held->first_file = copy(py, lq_clip_text(&py->first_file));
    held->file = copy(py, lq_clip_text(&py->file));
    drop(py, &held->message);
    held->message = copy(py, lq_clip_text(&py->message));
    drop(py, &held->raw);
    held->raw = copy(py, lq_clip_text(&py->raw));
    held->line_number = py->line_number;
    held->last = py->last;
    if (held->name.ptr) {
        emit(parser, py, held, held->name);
        remove_held(py, at);
    }
}

static void flush(struct lq_parser *parser, struct pytest *py)
{
    end_section(parser, py);
    for (size_t i = 0; i < py->n_held; i++) {
        emit_unnamed(parser, py, &py->held[i]);
        held_drop(py, &py->held[i]);
    }
    py->n_held = 0;
    lq_seen_clear(&py->done);
    py->part = NOTHING;
}

static void finish(struct lq_parser *parser)
{
    flush(parser, state_of(parser));
}

/* ---- sections of failures ---- */

static void set(struct lq_clip *clip, struct lq_str text)
{
    lq_clip_clear(clip);
    lq_clip_add(clip, text);
}

static void begin_section(struct lq_parser *parser, struct pytest *py, struct lq_str title,
                          struct lq_line line)
{
    end_section(parser, py);
    py->in_section = true;
    py->captured = py->after_mark = py->native = py->want_exception = false;
    py->status = py->errors ? LQ_TEST_ERROR : LQ_TEST_FAIL;
    if (lq_parser_try(parser, "^ERROR (?:at (?:setup|teardown) of|collecting) (.*)$", title)) {
        title = lq_parser_group(parser, 1);
        py->status = LQ_TEST_ERROR;
    }
    if (lq_str_starts(title, LQ_STR("[doctest] "))) {
        title.ptr += strlen("[doctest] ");
        title.len -= strlen("[doctest] ");
    }
    set(&py->key, title);
    lq_clip_clear(&py->first_file);
    lq_clip_clear(&py->file);
    lq_clip_clear(&py->message);
    py->line_number = 0;
    set(&py->raw, line.text);
    py->first = py->last = line.number;
}

/* The last frame outside of what is installed is the place. */
static void set_place(struct lq_parser *parser, struct pytest *py)
{
    if (py->line_number && lq_place_is_foreign(lq_parser_group(parser, 1)))
        return;
    set(&py->file, lq_parser_group(parser, 1));
    py->line_number = lq_digits(lq_parser_group(parser, 2));
    if (!py->first_file.len)
        set(&py->first_file, lq_parser_group(parser, 1));
}

/* A line marked "E": the first of each run is what was raised. For a syntax error that is the
 * place, and the exception comes last. */
static void take_mark(struct lq_parser *parser, struct pytest *py, struct lq_str text)
{
    text.ptr++;
    text.len--;
    while (text.len && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    if (lq_parser_try(parser, "^File \"(.+)\", line (\\d+)$", text)) {
        set_place(parser, py);
        py->want_exception = true;
    } else if (text.len && py->want_exception) {
        if (lq_parser_try(parser, "^[A-Za-z_][\\w.]*: ", text)) {
            set(&py->message, text);
            py->want_exception = false;
        }
    } else if (text.len && !py->after_mark) {
        set(&py->message, text);
    }
    py->after_mark = true;
}

/* --tb=native shows Python's own form, and so are groups of exceptions always. */
static bool take_native(struct lq_parser *parser, struct pytest *py, struct lq_str text)
{
    if (lq_parser_try(parser, "^  [|+] (.*)$", text))
        text = lq_parser_group(parser, 1);
    if (lq_parser_try(parser, "^ +File \"(.+)\", line (\\d+)(?:, in .*)?$", text)) {
        set_place(parser, py);
        return py->native = true;
    }
    if (!py->native || !text.len || text.ptr[0] == ' ')
        return false;
    py->native = false;
    set(&py->message, text);
    return true;
}

static void take_section_line(struct lq_parser *parser, struct pytest *py, struct lq_line line)
{
    const struct lq_str text = line.text;
    const bool marked = lq_str_starts(text, LQ_STR("E ")) || lq_str_eq(text, LQ_STR("E"));

    lq_clip_add(&py->raw, LQ_STR("\n"));
    lq_clip_add(&py->raw, text);
    if (text.len)
        py->last = line.number;
    if (py->captured || lq_parser_try(parser, "^-{3,} Captured \\w+ \\w+ -{3,}$", text)) {
        py->captured = true;
        return;
    }
    if (marked) {
        take_mark(parser, py, text);
        return;
    }
    py->after_mark = false;
    if (take_native(parser, py, text))
        return;
    if (lq_parser_try(parser, "^((?:[A-Za-z]:)?[^\\s:>][^:]*):(\\d+): ?(in .*|[A-Za-z_][\\w.]*)?$",
                      text)) {
        const struct lq_str raised = lq_parser_group(parser, 3);

        set_place(parser, py);
        if (!py->message.len && raised.len && !lq_str_starts(raised, LQ_STR("in ")))
            set(&py->message, raised);
    }
}

/* --tb=line: one line for each failure, and no heading. */
static void take_short_failure(struct lq_parser *parser, struct pytest *py, struct lq_line line)
{
    struct held *held;

    if (!lq_parser_try(parser, "^((?:[A-Za-z]:)?[^\\s:>][^:]*):(\\d+): (.+)$", line.text))
        return;
    held = hold(parser, py, py->errors ? LQ_TEST_ERROR : LQ_TEST_FAIL, line.number);
    held->detailed = true;
    held->file = copy(py, lq_parser_group(parser, 1));
    held->line_number = lq_digits(lq_parser_group(parser, 2));
    held->message = copy(py, lq_parser_group(parser, 3));
    held->raw = copy(py, line.text);
}

/* ---- results and summary ---- */

static enum lq_test_status status_of(struct lq_str word)
{
    static const struct {
        const char *word;
        enum lq_test_status status;
    } words[] = {
        { "PASSED", LQ_TEST_PASS },  { "FAILED", LQ_TEST_FAIL }, { "ERROR", LQ_TEST_ERROR },
        { "SKIPPED", LQ_TEST_SKIP }, { "XFAIL", LQ_TEST_SKIP },  { "XPASS", LQ_TEST_PASS },
    };

    for (size_t i = 0; i < LQ_COUNT(words); i++)
        if (lq_str_eq(word, lq_str_of(words[i].word)))
            return words[i].status;
    return LQ_TEST_NONE;
}

static struct lq_str trim_end(struct lq_str text)
{
    while (text.len && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* A test's own line, with -v. */
static void take_result(struct lq_parser *parser, struct pytest *py, struct lq_str name,
                        enum lq_test_status status, struct lq_line line)
{
    name = trim_end(name);
    if (status == LQ_TEST_NONE)
        return; /* of a subtest: its section and the summary tell more */
    if (status == LQ_TEST_FAIL || status == LQ_TEST_ERROR) {
        struct held *held = hold(parser, py, status, line.number);

        held->name = copy(py, name);
        held->raw = copy(py, line.text);
    } else {
        const struct held result = {
            .status = status, .first = line.number, .last = line.number, .raw = line.text
        };

        emit(parser, py, &result, name);
    }
}

/* Where the name ends in "tests/a.py::test_b[x - y] - message". */
static size_t name_length(struct lq_str text)
{
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        depth += (text.ptr[i] == '[') - (text.ptr[i] == ']');
        if (depth <= 0 && i + 3 <= text.len && memcmp(text.ptr + i, " - ", 3) == 0)
            return i;
    }
    /* Brackets of parameters need not balance. */
    const char *dash = memmem(text.ptr, text.len, "] - ", 4);

    return dash ? (size_t)(dash + 1 - text.ptr) : text.len;
}

/* The held failure that a line of the summary names, or n_held. */
static size_t find_held(const struct pytest *py, struct lq_str name, enum lq_test_status status)
{
    for (size_t i = 0; i < py->n_held; i++) {
        const struct held *held = &py->held[i];

        if (held->status != status)
            continue;
        if (held->name.ptr ? lq_str_eq(held->name, name) : !held->key.ptr || heads(held->key, name))
            return i;
    }
    return py->n_held;
}

/* A failure that the summary names. */
static void take_failure(struct lq_parser *parser, struct pytest *py, struct lq_str name,
                         enum lq_test_status status, struct lq_str message, struct lq_line line)
{
    struct held *held;
    size_t at;

    if (is_done(py, name, status))
        return;
    if (status != LQ_TEST_FAIL && status != LQ_TEST_ERROR) {
        take_result(parser, py, name, status, line);
        return;
    }
    at = find_held(py, name, status);
    held = at < py->n_held ? &py->held[at] : hold(parser, py, status, line.number);
    at = (size_t)(held - py->held);
    if (!held->message.ptr)
        held->message = copy(py, message);
    if (!held->raw.ptr)
        held->raw = copy(py, line.text);
    /* What was said with -v is where the result stands; the rest is found by the summary. */
    if (!held->name.ptr)
        held->last = line.number;
    emit(parser, py, held, name);
    remove_held(py, at);
}

/* What the heading of a failed subtest adds to its test's name: " [text] (i=1)"; empty when there is none. */
static struct lq_str find_subtest(const struct pytest *py, struct lq_str name)
{
    for (size_t i = 0; i < py->n_held; i++) {
        const struct lq_str key = py->held[i].key;

        for (size_t at = 0; !py->held[i].name.ptr && at + 1 < key.len; at++)
            if (key.ptr[at] == ' ' && heads((struct lq_str){ key.ptr, at }, name))
                return (struct lq_str){ key.ptr + at, key.len - at };
    }
    return LQ_STR("");
}

/* "SUBFAILED[text](i=1) tests/a.py::test_b - message"; older ones do not tell which. */
static void take_subtest(struct lq_parser *parser, struct pytest *py, struct lq_str name,
                         struct lq_str text, struct lq_str values, struct lq_str message,
                         struct lq_line line)
{
    struct lq_clip full = { .max = LQ_MESSAGE_MAX_BYTES };

    lq_clip_add(&full, name);
    if (!text.len && !values.len)
        lq_clip_add(&full, find_subtest(py, name));
    if (text.len) {
        lq_clip_add(&full, LQ_STR(" "));
        lq_clip_add(&full, text);
    }
    if (values.len) {
        lq_clip_add(&full, LQ_STR(" "));
        lq_clip_add(&full, values);
    }
    take_failure(parser, py, lq_clip_text(&full), LQ_TEST_FAIL, message, line);
    lq_clip_release(&full);
}

static void take_summary(struct lq_parser *parser, struct pytest *py, struct lq_line line)
{
    const struct lq_str none = { NULL, 0 };
    struct lq_str word, text, values, name, message = none;
    size_t at;

    if (!lq_parser_try(parser,
                       "^(PASSED|FAILED|ERROR|XFAIL|XPASS|"
                       "SUBFAIL(?:ED)?(\\[.*?\\])? ?(\\(.*?\\))?(?= \\S+::)) (.+)$",
                       line.text))
        return;
    word = lq_parser_group(parser, 1);
    text = lq_parser_group(parser, 2);
    values = lq_parser_group(parser, 3);
    name = lq_parser_group(parser, 4);
    at = name_length(name);
    if (at < name.len)
        message = (struct lq_str){ name.ptr + at + 3, name.len - at - 3 };
    name.len = at;
    name = trim_end(name);
    if (lq_str_starts(word, LQ_STR("SUBFAIL")))
        take_subtest(parser, py, name, text, values, message, line);
    else
        take_failure(parser, py, name, status_of(word), message, line);
}

static void take_warning(struct lq_parser *parser, struct lq_line line)
{
    struct lq_event event = lq_event_of("pytest", "test", line.number);
    const char *dot;

    if (!lq_parser_try(parser, "^  ((?:[A-Za-z]:)?[^\\s:][^:]*):(\\d+): ([A-Za-z_][\\w.]*): (.*)$",
                       line.text))
        return;
    event.severity = LQ_SEVERITY_WARNING;
    event.file_path = lq_parser_group(parser, 1);
    event.line_number = lq_digits(lq_parser_group(parser, 2));
    event.error_code = lq_parser_group(parser, 3);
    dot = memrchr(event.error_code.ptr, '.', event.error_code.len);
    if (dot) {
        event.error_code.len -= (size_t)(dot + 1 - event.error_code.ptr);
        event.error_code.ptr = dot + 1;
    }
    event.message = lq_parser_group(parser, 4);
    event.message.len = lq_clip_fit(event.message, LQ_MESSAGE_MAX_BYTES);
    event.raw_text = line.text;
    lq_parser_emit(parser, &event);
}

/* ---- the parts of the output ---- */

static void begin_part(struct lq_parser *parser, struct pytest *py, struct lq_str title)
{
    static const struct {
        const char *title;
        enum part part;
    } parts[] = {
        { "FAILURES", FAILURES },
        { "ERRORS", FAILURES },
        { "warnings summary", WARNINGS },
        { "short test summary info", SUMMARY },
        { "XFAILURES", OTHER },
        { "PASSES", OTHER },
        { "XPASSES", OTHER },
        { "slowest ", OTHER },
    };

    end_section(parser, py);
    py->errors = lq_str_eq(title, LQ_STR("ERRORS"));
    py->part = NOTHING;
    for (size_t i = 0; i < LQ_COUNT(parts); i++)
        if (lq_str_starts(title, lq_str_of(parts[i].title)))
            py->part = parts[i].part;
    if (py->part == NOTHING) /* a session begins or ends */
        flush(parser, py);
    lq_parser_activate(parser, py->part == NOTHING ? NULL : &lq_family_pytest);
}

static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct pytest *py = state_of(parser);
    const struct lq_str title = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);
    const struct lq_str name = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);

    if (name.ptr) {
        const struct lq_str word = lq_parser_field(parser, rule, LQ_FIELD_TEST_STATUS);

        if (py->part == NOTHING)
            take_result(parser, py, name, status_of(word), line);
    } else {
        begin_part(parser, py, title);
    }
    return true;
}

/* "9 failed, 3 passed in 0.05s" with -q: may be the end. */
static bool may_end(struct lq_str text)
{
    return text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9' &&
           (text.ptr[text.len - 1] == 's' || text.ptr[text.len - 1] == ')') &&
           memmem(text.ptr, text.len, " in ", 4);
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct pytest *py = state_of(parser);
    const struct lq_str text = line.text;

    if (lq_str_starts(text, LQ_STR("==")) || may_end(text))
        return false; /* the rules know what is a part's title */
    switch (py->part) {
    case FAILURES:
        if (text.len && text.ptr[0] == '_' &&
            lq_parser_try(parser, "^_+ ([^_\\s].*|_*[A-Za-z].*) _+$", text))
            begin_section(parser, py, lq_parser_group(parser, 1), line);
        else if (py->in_section)
            take_section_line(parser, py, line);
        else
            take_short_failure(parser, py, line);
        return true;
    case WARNINGS:
        take_warning(parser, line);
        return true;
    case SUMMARY:
        take_summary(parser, py, line);
        return true;
    case OTHER:
        return true;
    case NOTHING:
        break;
    }
    return false;
}

const struct lq_family lq_family_pytest = { .match = match, .line = take_line, .finish = finish };
