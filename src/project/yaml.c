/* SPDX-License-Identifier: MIT */
/* A guarded stream of YAML events, and writing a scalar. */
#include "project/yaml.h"
#include "base/alloc.h"
#include "base/text.h"
#include <strings.h>

enum lq_status lq_yaml_bad(const struct lq_yaml *yaml, const char *section, const char *name,
                           const char *problem)
{
    return lq_error_set(yaml->err, LQ_BAD_INPUT, "'%s' line %d: %s%s%s %s", yaml->path, yaml->line,
                        section, name ? "." : "", name ? name : "", problem);
}

static enum lq_status bad_syntax(const struct lq_yaml *yaml)
{
    void *at = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(yaml->diag, &at);

    return lq_error_set(yaml->err, LQ_BAD_INPUT, "'%s' line %d: %s", yaml->path,
                        first && first->line > 0 ? first->line : yaml->line,
                        first ? first->msg : "not valid YAML");
}

/* libfyaml 0.7.12 loses memory and characters over two '' in a row ('a''''b'). */
static bool is_misread(const struct lq_yaml *yaml)
{
    struct fy_token *token = fy_event_get_token(yaml->event);
    const struct fy_mark *start = fy_event_start_mark(yaml->event);
    const struct fy_mark *end = fy_event_end_mark(yaml->event);

    return yaml->event->type == FYET_SCALAR && token && start && end &&
           fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED &&
           memmem(yaml->text.ptr + start->input_pos, end->input_pos - start->input_pos, "''''", 4);
}

/* Advance to the next event. Stopping at the first alias is also what makes a "billion laughs" file
 * harmless: nothing is ever expanded. */
enum lq_status lq_yaml_next(struct lq_yaml *yaml)
{
    const struct fy_mark *mark;

    fy_parser_event_free(yaml->parser, yaml->event);
    yaml->event = fy_parser_parse(yaml->parser);
    if (!yaml->event)
        return bad_syntax(yaml);
    mark = fy_event_start_mark(yaml->event);
    if (mark)
        yaml->line = mark->line + 1;
    if (yaml->event->type == FYET_ALIAS || fy_event_get_anchor_token(yaml->event) ||
        fy_event_get_tag_token(yaml->event))
        return lq_yaml_bad(yaml, "anchors, aliases and tags", NULL, "are not supported");
    if (is_misread(yaml))
        return lq_yaml_bad(yaml, "a text", NULL,
                           "holds several single quotes in a row: put it between "
                           "double quotes");
    return LQ_OK;
}

struct lq_str lq_yaml_text(const struct lq_yaml *yaml)
{
    struct fy_token *token = fy_event_get_token(yaml->event);
    struct lq_str text = { "", 0 };

    if (token && yaml->event->type == FYET_SCALAR)
        text.ptr = fy_token_get_text(token, &text.len);
    return text.ptr ? text : (struct lq_str){ "", 0 };
}

bool lq_yaml_is_plain(const struct lq_yaml *yaml)
{
    struct fy_token *token = fy_event_get_token(yaml->event);

    return !token || fy_token_scalar_style(token) == FYSS_PLAIN;
}

bool lq_yaml_is_null(const struct lq_yaml *yaml)
{
    const struct lq_str text = lq_yaml_text(yaml);

    return yaml->event->type == FYET_SCALAR && lq_yaml_is_plain(yaml) &&
           (text.len == 0 || lq_str_eq(text, LQ_STR("~")) ||
            (text.len == 4 && strncasecmp(text.ptr, "null", 4) == 0));
}

struct lq_yaml_span lq_yaml_span(const struct lq_yaml *yaml)
{
    const struct fy_mark *start = fy_event_start_mark(yaml->event);
    const struct fy_mark *end = fy_event_end_mark(yaml->event);
    struct fy_token *token = fy_event_get_token(yaml->event);
    struct lq_yaml_span span = { 0 };

    if (!start || !end || !token)
        return span;
    span = (struct lq_yaml_span){ .start = start->input_pos, .end = end->input_pos };
    if (yaml->event->type != FYET_SCALAR)
        return span;
    if (fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED ||
        fy_token_scalar_style(token) == FYSS_DOUBLE_QUOTED) {
        span.start--; /* the marks lie inside the quotes */
        span.end++;
    } else if (span.start == span.end) {
        span = (struct lq_yaml_span){ 0 }; /* libfyaml 0.8 gives an empty value a token */
    }
    return span;
}

static bool is_key_byte(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.';
}

/* An unknown key is repeated only when it looks like one: it could be a secret out of place. */
enum lq_status lq_yaml_unknown_key(const struct lq_yaml *yaml, const char *section)
{
    const struct lq_str text = lq_yaml_text(yaml);
    bool is_word = yaml->event->type == FYET_SCALAR && text.len > 0 && text.len <= 30;

    for (size_t i = 0; is_word && i < text.len; i++)
        is_word = is_key_byte(text.ptr[i]);
    if (!is_word)
        return lq_error_set(yaml->err, LQ_BAD_INPUT, "'%s' line %d: unknown key%s%s", yaml->path,
                            yaml->line, section ? " below " : "", section ? section : "");
    return lq_error_set(yaml->err, LQ_BAD_INPUT, "'%s' line %d: unknown key '%s%s%.*s'", yaml->path,
                        yaml->line, section ? section : "", section ? "." : "", (int)text.len,
                        text.ptr);
}

static enum lq_status start(struct lq_yaml *yaml)
{
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = { .search_path = "", .flags = FYPCF_QUIET | FYPCF_JSON_NONE };

    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL; /* its default is stderr */
    yaml->diag = fy_diag_create(&diag_cfg);
    if (yaml->diag) {
        fy_diag_set_collect_errors(yaml->diag, true);
        cfg.diag = yaml->diag;
        yaml->parser = fy_parser_create(&cfg);
    }
    if (!yaml->parser || fy_parser_set_string(yaml->parser, yaml->text.ptr, yaml->text.len) != 0)
        return lq_error_set(yaml->err, LQ_IO, "cannot start reading '%s'", yaml->path);
    return LQ_OK;
}

enum lq_status lq_yaml_open(struct lq_yaml *yaml, struct lq_str text, const char *path, bool *empty,
                            struct lq_error *err)
{
    *yaml = (struct lq_yaml){ .line = 1, .text = text, .path = path, .err = err };
    *empty = text.len == 0;
    if (text.len > LQ_YAML_MAX_BYTES)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is larger than %zu bytes", path,
                            LQ_YAML_MAX_BYTES);
    if (!lq_text_is_utf8(text))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is not valid UTF-8 text", path);
    if (*empty)
        return LQ_OK;
    LQ_TRY(start(yaml));
    LQ_TRY(lq_yaml_next(yaml)); /* stream start */
    LQ_TRY(lq_yaml_next(yaml));
    *empty = yaml->event->type == FYET_STREAM_END;
    return *empty ? LQ_OK : lq_yaml_next(yaml);
}

enum lq_status lq_yaml_end(struct lq_yaml *yaml)
{
    LQ_TRY(lq_yaml_next(yaml)); /* document end */
    LQ_TRY(lq_yaml_next(yaml));
    if (yaml->event->type != FYET_STREAM_END)
        return lq_yaml_bad(yaml, "the file", NULL, "must hold one YAML document");
    return LQ_OK;
}

void lq_yaml_close(struct lq_yaml *yaml)
{
    if (yaml->diag)
        fy_diag_reset_error(yaml->diag); /* its errors are not freed with it */
    if (yaml->parser) {
        fy_parser_event_free(yaml->parser, yaml->event);
        fy_parser_destroy(yaml->parser);
    }
    if (yaml->diag)
        fy_diag_unref(yaml->diag);
}

static bool is_plain_word(const char *value)
{
    static const char *const typed[] = {
        "null", "true", "false", "yes", "no", "on", "off", "y", "n"
    };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char rest[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+=- ";

    for (size_t i = 0; i < LQ_COUNT(typed); i++)
        if (strcasecmp(value, typed[i]) == 0)
            return false;
    return strspn(value, letters) > 0 && value[strspn(value, rest)] == '\0' &&
           value[strlen(value) - 1] != ' ';
}

void lq_yaml_add_scalar(struct lq_buf *text, const char *value)
{
    /* What YAML counts as a line break or does not count as printable. */
    static const struct {
        struct lq_str bytes;
        const char *escape;
    } escapes[] = {
        { { "\"", 1 }, "\\\"" },
        { { "\\", 1 }, "\\\\" },
        { { "\n", 1 }, "\\n" },
        { { "\t", 1 }, "\\t" },
        { { "\xe2\x80\xa8", 3 }, "\\L" },
        { { "\xe2\x80\xa9", 3 }, "\\P" },
        { { "\xef\xbb\xbf", 3 }, "\\uFEFF" },
        { { "\xef\xbf\xbe", 3 }, "\\uFFFE" },
        { { "\xef\xbf\xbf", 3 }, "\\uFFFF" },
    };

    if (is_plain_word(value)) {
        lq_buf_adds(text, value);
        return;
    }
    lq_buf_addc(text, '"');
    while (*value) {
        size_t i = 0;

        while (i < LQ_COUNT(escapes) && !lq_str_starts(lq_str_of(value), escapes[i].bytes))
            i++;
        if (i < LQ_COUNT(escapes)) {
            lq_buf_adds(text, escapes[i].escape);
            value += escapes[i].bytes.len;
        } else {
            lq_buf_addc(text, *value++);
        }
    }
    lq_buf_addc(text, '"');
}
