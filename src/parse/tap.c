/* SPDX-License-Identifier: MIT */
/* TAP 13 and 14: results with their YAML blocks or comments, subtests. */
#include "base/alloc.h"
#include "parse/engine.h"
#include "parse/shapes.h"

/* Lines without TAP, after which the stream counts as ended. */
#define MAX_STRAY_LINES 500
/* Levels of subtests whose names are kept; each is indented by four columns. */
#define MAX_LEVELS 16
#define NAME_MAX_BYTES 1024

struct result {
    bool ok;
    size_t indent;
    struct lq_str number, name;
    struct lq_str directive; /* "SKIP", "TODO", or none */
};

struct tap {
    bool open; /* a result was read; more about it may follow */
    bool yaml; /* within its block */
    size_t indent;
    struct lq_event event;
    struct lq_clip name, raw, message, file, stack;
    bool in_stack, in_message; /* the lines of a long value follow */
    size_t value_indent;
    size_t yaml_indent;                  /* of the block's marks */
    struct lq_clip subtests[MAX_LEVELS]; /* name of the subtest that runs, by level */
    int n_strays;
};

static void free_tap(void *state)
{
    struct tap *tap = state;

    lq_clip_release(&tap->name);
    lq_clip_release(&tap->raw);
    lq_clip_release(&tap->message);
    lq_clip_release(&tap->file);
    lq_clip_release(&tap->stack);
    for (size_t i = 0; i < MAX_LEVELS; i++)
        lq_clip_release(&tap->subtests[i]);
    free(tap);
}

static struct tap *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_TAP, free_tap);

    if (!*slot) {
        struct tap *tap = lq_alloc(sizeof *tap);

        tap->name.max = tap->file.max = 4 * NAME_MAX_BYTES;
        tap->raw.max = LQ_RAW_TEXT_MAX_BYTES;
        tap->message.max = tap->stack.max = LQ_MESSAGE_MAX_BYTES;
        for (size_t i = 0; i < MAX_LEVELS; i++)
            tap->subtests[i].max = NAME_MAX_BYTES;
        *slot = tap;
    }
    return *slot;
}

/* ---- reading a line ---- */

static struct lq_str skip(struct lq_str text, size_t n)
{
    return (struct lq_str){ text.ptr + n, text.len - n };
}

static size_t indent_of(struct lq_str text)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] == ' ')
        n++;
    return n;
}

static struct lq_str trim(struct lq_str text)
{
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return skip(text, indent_of(text));
}

static bool eat(struct lq_str *text, const char *word)
{
    const struct lq_str start = lq_str_of(word);

    if (!lq_str_starts(*text, start))
        return false;
    *text = skip(*text, start.len);
    return true;
}

/* Cut "# SKIP why", "# TODO why", "# time=3ms" off the name; any other "#" is part of it. */
static void cut_directive(struct result *result)
{
    static const char *const words[] = { "skip", "todo", "time=" };
    const struct lq_str name = result->name;

    for (size_t at = 0; at < name.len; at++) {
        const struct lq_str rest = trim(skip(name, at + 1));

        if (name.ptr[at] != '#' || (at > 0 && name.ptr[at - 1] == '\\'))
            continue;
        for (size_t i = 0; i < LQ_COUNT(words); i++) {
            const size_t len = strlen(words[i]);

            if (rest.len < len || strncasecmp(rest.ptr, words[i], len) != 0)
                continue;
            result->name.len = at;
            if (i < 2)
                result->directive = (struct lq_str){ rest.ptr, len };
            return;
        }
    }
}

/* "ok 3 - name # SKIP why" */
static bool read_result(struct lq_str text, struct result *result)
{
    size_t digits = 0;

    *result = (struct result){ .indent = indent_of(text) };
    text = skip(text, result->indent);
    result->ok = !eat(&text, "not ");
    if (!eat(&text, "ok ") || !text.len)
        return false;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!digits || (digits < text.len && text.ptr[digits] != ' '))
        return false;
    result->number = (struct lq_str){ text.ptr, digits };
    result->name = trim(skip(text, digits));
    cut_directive(result);
    if (!eat(&result->name, "- "))
        eat(&result->name, "-");
    if (lq_str_ends(result->name, LQ_STR("{"))) /* a subtest in braces follows */
        result->name.len--;
    result->name = trim(result->name);
    return true;
}

/* ---- events ---- */

static void close_event(struct lq_parser *parser, struct tap *tap)
{
    struct lq_event *event = &tap->event;

    if (!tap->open)
        return;
    tap->open = tap->yaml = false;
    event->test_name = lq_clip_text(&tap->name);
    event->raw_text = lq_clip_text(&tap->raw);
    event->message = lq_trim_lines(lq_clip_text(&tap->message));
    if (tap->file.len)
        event->file_path = lq_clip_text(&tap->file);
    if (event->test_status == LQ_TEST_FAIL && !event->line_number)
        lq_place_find(parser, lq_clip_text(&tap->stack), event);
    lq_parser_emit(parser, event);
}

static void add_raw(struct tap *tap, struct lq_line line)
{
    if (tap->raw.len)
        lq_clip_add(&tap->raw, LQ_STR("\n"));
    lq_clip_add(&tap->raw, line.text);
    tap->event.log_line_end = line.number;
}

static void open_event(struct tap *tap, const struct result *result, struct lq_line line)
{
    const size_t level = result->indent / 4;
    struct lq_clip *own = level < MAX_LEVELS ? &tap->subtests[level] : NULL;

    tap->open = true;
    tap->indent = result->indent;
    tap->event = lq_event_of("tap", "test", line.number);
    tap->event.test_status = result->directive.len ? LQ_TEST_SKIP
                             : result->ok          ? LQ_TEST_PASS
                                                   : LQ_TEST_FAIL;
    tap->event.severity = lq_severity_of_test(tap->event.test_status);
    lq_clip_clear(&tap->raw);
    lq_clip_clear(&tap->message);
    lq_clip_clear(&tap->file);
    lq_clip_clear(&tap->stack);
    lq_clip_clear(&tap->name);
    /* Some announce each test at its own level ("# Subtest: x", then "ok 1 - x"); some announce a group
     * at the level of its tests. */
    if (own && lq_str_eq(lq_clip_text(own), result->name))
        lq_clip_clear(own);
    for (size_t i = 0; i <= level && i < MAX_LEVELS; i++)
        if (tap->subtests[i].len && (i < level || level > 0)) {
            lq_clip_add(&tap->name, lq_clip_text(&tap->subtests[i]));
            lq_clip_add(&tap->name, LQ_STR(" > "));
        }
    for (size_t i = level + 1; i < MAX_LEVELS; i++)
        lq_clip_clear(&tap->subtests[i]);
    lq_clip_add(&tap->name, result->name.len ? result->name : result->number);
    add_raw(tap, line);
}

/* ---- what follows a result ---- */

static struct lq_str unquote(struct lq_str text)
{
    if (text.len >= 2 && (text.ptr[0] == '\'' || text.ptr[0] == '"') &&
        text.ptr[text.len - 1] == text.ptr[0])
        return (struct lq_str){ text.ptr + 1, text.len - 2 };
    return text;
}

static void set(struct lq_clip *clip, struct lq_str text)
{
    if (!clip->len)
        lq_clip_add(clip, text);
}

/* "a.js:3:5" */
static void set_place(struct lq_parser *parser, struct tap *tap, struct lq_str text)
{
    if (!lq_parser_try(parser, "^(?:file://)?(.+?):(\\d+)(?::(\\d+))?$", text))
        return;
    set(&tap->file, lq_parser_group(parser, 1));
    tap->event.line_number = lq_digits(lq_parser_group(parser, 2));
    tap->event.column_number = lq_digits(lq_parser_group(parser, 3));
}

/* A key of a result's YAML block; of nested maps ("at:") the keys are looked at alike. */
static void take_key(struct lq_parser *parser, struct tap *tap, struct lq_str key,
                     struct lq_str value)
{
    const bool block = value.len && (value.ptr[0] == '|' || value.ptr[0] == '>');

    tap->in_message = tap->in_stack = false;
    if (lq_str_eq(key, LQ_STR("message")) || lq_str_eq(key, LQ_STR("error"))) {
        tap->in_message = block && !tap->message.len;
        if (!block)
            set(&tap->message, unquote(value));
    } else if (lq_str_eq(key, LQ_STR("stack"))) {
        tap->in_stack = block;
    } else if (lq_str_eq(key, LQ_STR("at")) || lq_str_eq(key, LQ_STR("location"))) {
        set_place(parser, tap, unquote(value));
    } else if (lq_str_eq(key, LQ_STR("file")) || lq_str_eq(key, LQ_STR("fileName"))) {
        set(&tap->file, unquote(value));
    } else if (lq_str_eq(key, LQ_STR("line")) || lq_str_eq(key, LQ_STR("lineNumber"))) {
        tap->event.line_number = lq_digits(unquote(value));
    } else if (lq_str_eq(key, LQ_STR("column")) || lq_str_eq(key, LQ_STR("columnNumber"))) {
        tap->event.column_number = lq_digits(unquote(value));
    } else if (lq_str_eq(key, LQ_STR("duration_ms"))) {
        tap->event.test_duration_sec = lq_seconds(value) >= 0 ? lq_seconds(value) / 1000 : -1;
    }
}

static void take_yaml(struct lq_parser *parser, struct tap *tap, struct lq_str text)
{
    const size_t indent = indent_of(text);
    struct lq_str rest = trim(text);
    const char *colon = rest.len ? memchr(rest.ptr, ':', rest.len) : NULL;

    if ((tap->in_message || tap->in_stack) && (indent > tap->value_indent || !rest.len)) {
        struct lq_clip *clip = tap->in_stack ? &tap->stack : &tap->message;

        if (tap->in_stack && rest.len)
            lq_clip_add(clip, LQ_STR("    at "));
        if (tap->in_message && clip->len)
            lq_clip_add(clip, LQ_STR("\n"));
        lq_clip_add(clip, rest);
        if (tap->in_stack)
            lq_clip_add(clip, LQ_STR("\n"));
        return;
    }
    if (!colon)
        return;
    tap->value_indent = indent;
    take_key(parser, tap, (struct lq_str){ rest.ptr, (size_t)(colon - rest.ptr) },
             trim(skip(rest, (size_t)(colon + 1 - rest.ptr))));
}

/* "#   at t/x.t line 7.", "#   Failed test 'x'", "#          got: '5'" */
static void take_comment(struct lq_parser *parser, struct tap *tap, struct lq_str text)
{
    text = trim(text);
    if (lq_parser_try(parser, "^(?:(?:in|at) )(.+) (?:at )?line (\\d+)\\.?$", text)) {
        set(&tap->file, lq_parser_group(parser, 1));
        tap->event.line_number = lq_digits(lq_parser_group(parser, 2));
        return;
    }
    if (!text.len || lq_str_starts(text, LQ_STR("Failed test")) ||
        lq_str_starts(text, LQ_STR("Looks like")))
        return;
    if (tap->message.len)
        lq_clip_add(&tap->message, LQ_STR("\n"));
    lq_clip_add(&tap->message, text);
}

static bool is_subtest(struct lq_str text)
{
    return lq_str_starts(text, LQ_STR("# Subtest"));
}

/* Whether the line is more about the open result. */
static bool take_more(struct lq_parser *parser, struct tap *tap, struct lq_line line)
{
    const size_t indent = indent_of(line.text);
    const struct lq_str rest = trim(line.text);
    struct result result;

    if (tap->yaml) {
        add_raw(tap, line);
        if (indent <= tap->yaml_indent && lq_str_eq(rest, LQ_STR("...")))
            close_event(parser, tap);
        else
            take_yaml(parser, tap, line.text);
        return true;
    }
    /* The specification says two more; Vitest writes four. */
    if (indent >= tap->indent + 2 && indent <= tap->indent + 4 && lq_str_eq(rest, LQ_STR("---"))) {
        tap->yaml = true;
        tap->yaml_indent = indent;
        tap->in_message = tap->in_stack = false;
        add_raw(tap, line);
        return true;
    }
    if (tap->event.test_status == LQ_TEST_FAIL && indent == tap->indent && rest.len > 1 &&
        rest.ptr[0] == '#' && !is_subtest(rest)) {
        add_raw(tap, line);
        take_comment(parser, tap, skip(rest, 1));
        return true;
    }
    if (tap->event.test_status == LQ_TEST_FAIL && indent >= tap->indent + 2 &&
        !read_result(line.text, &result) && !is_subtest(rest)) {
        add_raw(tap, line);
        set(&tap->message, rest);
        lq_clip_add(&tap->stack, line.text);
        lq_clip_add(&tap->stack, LQ_STR("\n"));
        return true;
    }
    close_event(parser, tap);
    return false;
}

/* ---- the stream ---- */

/* "# Subtest: x" */
static bool take_subtest(struct tap *tap, struct lq_str text)
{
    const size_t level = indent_of(text) / 4;
    struct lq_str rest = trim(text);

    if (!eat(&rest, "# Subtest: ") && !eat(&rest, "# Subtest "))
        return false;
    if (level < MAX_LEVELS) {
        lq_clip_clear(&tap->subtests[level]);
        lq_clip_add(&tap->subtests[level], rest);
    }
    return true;
}

static bool bail_out(struct lq_parser *parser, struct lq_line line)
{
    const struct lq_str text = trim(line.text);
    struct lq_event event = lq_event_of("tap", "test", line.number);

    if (!lq_str_starts(text, LQ_STR("Bail out!")))
        return false;
    event.severity = LQ_SEVERITY_ERROR;
    event.message = text;
    event.raw_text = line.text;
    lq_parser_emit(parser, &event);
    return true;
}

static bool is_frame(struct lq_str text)
{
    text = trim(text);
    return lq_str_starts(text, LQ_STR("TAP version ")) || lq_str_starts(text, LQ_STR("1.."));
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct tap *tap = state_of(parser);
    struct result result;

    if (tap->open && take_more(parser, tap, line)) {
        tap->n_strays = 0;
        return true;
    }
    if (read_result(line.text, &result) && result.indent % 4 == 0) {
        open_event(tap, &result, line);
        tap->n_strays = 0;
        return true;
    }
    if (take_subtest(tap, line.text) || bail_out(parser, line) || is_frame(line.text)) {
        tap->n_strays = 0;
        return true;
    }
    if (++tap->n_strays > MAX_STRAY_LINES)
        lq_parser_activate(parser, NULL);
    return false;
}

/* A first line of TAP: the version, a plan, a result that is not indented. */
static bool begin(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct tap *tap = state_of(parser);

    (void)rule;
    close_event(parser, tap);
    for (size_t i = 0; i < MAX_LEVELS; i++)
        lq_clip_clear(&tap->subtests[i]);
    tap->n_strays = 0;
    lq_parser_activate(parser, &lq_family_tap);
    return take_line(parser, line);
}

static void finish(struct lq_parser *parser)
{
    struct tap *tap = *lq_parser_slot(parser, LQ_SLOT_TAP, free_tap);

    if (tap)
        close_event(parser, tap);
}

const struct lq_family lq_family_tap = { .match = begin, .line = take_line, .finish = finish };
