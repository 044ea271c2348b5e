/* SPDX-License-Identifier: MIT */
/* The parser's outer shell: cuts the log into lines and offers them to the formats. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <lq/format.h>
#include <pcre2.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"

struct lq_parser {
    lq_event_fn *on_event;
    void *ctx;
    struct lq_buf line;
    int64_t line_count;
    pcre2_code *code;
    pcre2_match_data *match;
};

static const struct lq_format_info formats[] = {
    { "gcc", "gcc", "GCC and Clang diagnostics" },
};

const struct lq_format_info *lq_formats(size_t *n_formats)
{
    *n_formats = LQ_COUNT(formats);
    return formats;
}

enum lq_status lq_parser_new(struct lq_parser **parser, const char *format, lq_event_fn *on_event,
                             void *ctx, struct lq_error *err)
{
    static const char text[] =
        "^(.+?):(\\d+):(?:(\\d+):)? (?:fatal )?(error|warning|note): (.*?)(?: \\[(-W[^\\]]+)\\])?$";
    int code;
    size_t at;

    if (format && strcmp(format, "gcc") != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "unknown format '%s'", format);
    *parser = lq_alloc(sizeof **parser);
    (*parser)->on_event = on_event;
    (*parser)->ctx = ctx;
    (*parser)->line.max = LQ_LINE_MAX_BYTES;
    (*parser)->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);
    (*parser)->match = pcre2_match_data_create(16, NULL);
    return LQ_OK;
}

static struct lq_str group(const struct lq_parser *parser, size_t number)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(parser->match);

    if (at[2 * number] == PCRE2_UNSET)
        return (struct lq_str){ NULL, 0 };
    return (struct lq_str){ parser->line.data + at[2 * number],
                            at[2 * number + 1] - at[2 * number] };
}

static int64_t number(struct lq_str text)
{
    int64_t value = 0;

    for (size_t i = 0; i < text.len && i < 18; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

static void take_line(struct lq_parser *parser)
{
    struct lq_event event = { .tool_name = LQ_STR("gcc"), .category = LQ_STR("compile") };
    char hex[LQ_SHA256_HEX_BYTES], fingerprint[64];

    parser->line_count++;
    if (parser->line.len &&
        pcre2_match(parser->code, (PCRE2_SPTR)parser->line.data, parser->line.len, 0, 0,
                    parser->match, NULL) > 0) {
        const char first = group(parser, 4).ptr[0];

        event.severity = first == 'e'   ? LQ_SEVERITY_ERROR
                         : first == 'w' ? LQ_SEVERITY_WARNING
                                        : LQ_SEVERITY_NOTE;
        event.file_path = group(parser, 1);
        event.line_number = number(group(parser, 2));
        event.column_number = number(group(parser, 3));
        event.message = group(parser, 5);
        event.error_code = group(parser, 6);
        event.raw_text = (struct lq_str){ parser->line.data, parser->line.len };
        event.test_duration_sec = -1;
        event.log_line_start = event.log_line_end = parser->line_count;
        lq_sha256_hex(event.message.ptr, event.message.len, hex);
        snprintf(fingerprint, sizeof fingerprint, "gcc_compile_%.16s", hex);
        event.fingerprint = lq_str_of(fingerprint);
        parser->on_event(parser->ctx, &event);
    }
    lq_buf_clear(&parser->line);
}

void lq_parser_feed(struct lq_parser *parser, const void *bytes, size_t len)
{
    const char *at = bytes, *end = at + len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        lq_buf_add(&parser->line, at, (size_t)(stop - at));
        if (newline)
            take_line(parser);
        at = newline ? newline + 1 : end;
    }
}

void lq_parser_finish(struct lq_parser *parser)
{
    if (parser->line.len)
        take_line(parser);
}

int64_t lq_parser_line_count(const struct lq_parser *parser)
{
    return parser->line_count;
}

void lq_parser_free(struct lq_parser **parser)
{
    if (!*parser)
        return;
    lq_buf_release(&(*parser)->line);
    pcre2_match_data_free((*parser)->match);
    pcre2_code_free((*parser)->code);
    lq_free(parser);
}
