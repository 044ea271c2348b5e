/* SPDX-License-Identifier: MIT */
/* Python tracebacks: the innermost frame of the user's code, else the innermost, and the exception, one
 * event for a chain of them. */
#include "base/alloc.h"
#include "parse/engine.h"

/* Lines of other writers that may stand between frames before a traceback counts as torn. */
#define MAX_STRAY_LINES 4

enum state {
    IDLE,
    FRAMES,  /* after "Traceback (most recent call last):" */
    RAISED,  /* the exception was read: an empty line may begin a chain */
    BLANK,   /* the empty line: the chain's text may follow */
    CHAINED, /* after the chain's text: an empty line, then the next traceback */
};

struct traceback {
    enum state state;
    size_t indent; /* of the line "Traceback …" */
    int n_strays;
    int64_t first, last; /* lines of the log */
    struct lq_clip raw, file, message, code;
    int64_t line_number;
};

static void traceback_free(void *state)
{
    struct traceback *tb = state;

    lq_clip_release(&tb->raw);
    lq_clip_release(&tb->file);
    lq_clip_release(&tb->message);
    lq_clip_release(&tb->code);
    free(tb);
}

static struct traceback *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_PYTHON, traceback_free);

    if (!*slot) {
        struct traceback *tb = lq_alloc(sizeof *tb);

        tb->raw.max = LQ_RAW_TEXT_MAX_BYTES;
        tb->file.max = LQ_MESSAGE_MAX_BYTES;
        tb->message.max = LQ_MESSAGE_MAX_BYTES;
        tb->code.max = LQ_MESSAGE_MAX_BYTES;
        *slot = tb;
    }
    return *slot;
}

static void add_line(struct traceback *tb, struct lq_line line)
{
    if (tb->raw.len)
        lq_clip_add(&tb->raw, LQ_STR("\n"));
    lq_clip_add(&tb->raw, line.text);
    tb->last = line.number;
}

static void set(struct lq_clip *clip, struct lq_str text)
{
    lq_clip_clear(clip);
    lq_clip_add(clip, text);
}

static void finish(struct lq_parser *parser)
{
    struct traceback *tb = state_of(parser);

    /* Without a frame it is one in a manual or a docstring. */
    if (tb->state != IDLE && tb->message.len && tb->file.len) {
        struct lq_event event = lq_event_of("python", "runtime", tb->first);

        event.severity = LQ_SEVERITY_ERROR;
        event.file_path = lq_clip_text(&tb->file);
        event.line_number = tb->line_number;
        event.message = lq_clip_text(&tb->message);
        event.error_code = lq_clip_text(&tb->code);
        event.raw_text = lq_clip_text(&tb->raw);
        event.log_line_end = tb->last;
        lq_parser_emit(parser, &event);
    }
    tb->state = IDLE;
}

static void stop(struct lq_parser *parser)
{
    finish(parser);
    lq_parser_activate(parser, NULL);
}

/* "Traceback (most recent call last):" on its own, indented, or in a frame of "|". */
static bool begin(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct traceback *tb = state_of(parser);
    const bool chained = tb->state == CHAINED;

    if (!chained) {
        finish(parser);
        lq_clip_clear(&tb->raw);
        tb->first = line.number;
    }
    lq_clip_clear(&tb->message);
    lq_clip_clear(&tb->code);
    lq_clip_clear(&tb->file);
    tb->line_number = 0;
    tb->indent = lq_parser_group(parser, 1).len;
    tb->n_strays = 0;
    tb->state = FRAMES;
    add_line(tb, line);
    lq_parser_activate(parser, &lq_family_python);
    return true;
}

static struct lq_str last_part(struct lq_str name)
{
    const char *dot = memrchr(name.ptr, '.', name.len);

    return dot ? (struct lq_str){ dot + 1, name.len - (size_t)(dot + 1 - name.ptr) } : name;
}

static bool take_frame(struct lq_parser *parser, struct traceback *tb, struct lq_line line)
{
    struct lq_str text = line.text;

    if (text.len < tb->indent)
        return false;
    text.ptr += tb->indent;
    text.len -= tb->indent;
    if (lq_parser_try(parser, "^ +File \"(.+)\", line (\\d+)(?:, in .*)?$", text)) {
        if (!tb->line_number || !lq_place_is_foreign(lq_parser_group(parser, 1))) {
            set(&tb->file, lq_parser_group(parser, 1));
            tb->line_number = lq_digits(lq_parser_group(parser, 2));
        }
        add_line(tb, line);
        return true;
    }
    if (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) { /* source, markers */
        add_line(tb, line);
        return true;
    }
    if (!lq_parser_try(parser, "^([A-Za-z_]\\w*(?:\\.\\w+)*)(?:: .*|:)?$", text))
        return false;
    set(&tb->code, last_part(lq_parser_group(parser, 1)));
    set(&tb->message, text);
    add_line(tb, line);
    tb->state = RAISED;
    return true;
}

static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    static const char chain[] =
        "^(?:The above exception was the direct cause of|"
        "During handling of the above exception, another exception occurred)";
    struct traceback *tb = state_of(parser);

    switch (tb->state) {
    case FRAMES:
        if (take_frame(parser, tb, line))
            return true;
        if (++tb->n_strays > MAX_STRAY_LINES)
            stop(parser);
        return false;
    case RAISED:
        if (line.text.len == 0) {
            tb->state = BLANK;
            return false;
        }
        break;
    case BLANK:
        if (lq_parser_try(parser, chain, line.text)) {
            lq_clip_add(&tb->raw, LQ_STR("\n"));
            add_line(tb, line);
            tb->state = CHAINED;
            return true;
        }
        break;
    case CHAINED:
        if (line.text.len == 0 || lq_str_starts(line.text, LQ_STR("Traceback (")))
            return false; /* the rule for it calls begin() */
        break;
    case IDLE:
        break;
    }
    stop(parser);
    return false;
}

const struct lq_family lq_family_python = { .match = begin, .line = take_line, .finish = finish };
