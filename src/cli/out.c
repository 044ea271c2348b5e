/* SPDX-License-Identifier: MIT */
/* Output formats: one printer each, behind one table. */
#include "cli/out.h"
#include "base/alloc.h"
#include "base/text.h"
#include <libsmartcols.h>
#include <lq/rows.h>
#include <unistd.h>

/* What a printer works on. */
struct print {
    FILE *out;
    struct lq_rows *rows;
    const char *const *flexible;
    struct lq_buf buf;
    bool terminal;
    int64_t n_rows;
    struct libscols_table *table;
};

/* ---- values as text ---- */

/* The shortest decimal form that reads back as the same number. */
static void add_double(struct lq_buf *buf, double number)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    lq_buf_adds(buf, text);
}

/* A value as plain text, without any escaping; nothing for NULL. */
static void add_plain(struct lq_buf *buf, const struct lq_value *value)
{
    switch (value->kind) {
    case LQ_VALUE_BOOL:
        lq_buf_adds(buf, value->boolean ? "true" : "false");
        break;
    case LQ_VALUE_INT:
        lq_buf_addf(buf, "%lld", (long long)value->integer);
        break;
    case LQ_VALUE_DOUBLE:
        add_double(buf, value->real);
        break;
    case LQ_VALUE_TEXT:
    case LQ_VALUE_JSON:
        lq_buf_add(buf, value->text.ptr, value->text.len);
        break;
    default:
        break;
    }
}

/* Append valid UTF-8 as it stands within a JSON string. With `is_json` it is JSON text itself, in
 * which only what could steer a terminal is left to escape. */
static void add_escaped(struct lq_buf *buf, struct lq_str text, bool is_json)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        const unsigned char next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
        const unsigned char third = i + 2 < text.len ? (unsigned char)text.ptr[i + 2] : 0;

        if (byte == 0x7f) {
            lq_buf_adds(buf, "\\u007f");
        } else if (byte == 0xc2 && next < 0xa0) { /* U+0080 to U+009F */
            lq_buf_addf(buf, "\\u%04x", next);
            i++;
        } else if (byte == 0xe2 && ((next == 0x80 && third >= 0xaa && third <= 0xae) ||
                                    (next == 0x81 && third >= 0xa6 && third <= 0xa9))) {
            lq_buf_addf(buf, "\\u%04x", 0x2000 | (next & 1) << 6 | (third & 0x3f));
            i += 2;
        } else if (is_json || (byte >= 0x20 && byte != '"' && byte != '\\')) {
            lq_buf_addc(buf, (char)byte);
        } else if (byte == '\n' || byte == '\t' || byte == '\r') {
            lq_buf_adds(buf, byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : "\\r");
        } else if (byte < 0x20) {
            lq_buf_addf(buf, "\\u%04x", byte);
        } else {
            lq_buf_addc(buf, '\\');
            lq_buf_addc(buf, (char)byte);
        }
    }
}

void lq_out_add_json(struct lq_buf *buf, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf valid = LQ_BUF_INIT;

    if (!lq_text_is_utf8(text)) {
        lq_text_add_utf8(&valid, text);
        text = (struct lq_str){ lq_buf_text(&valid), valid.len };
    }
    lq_buf_addc(buf, '"');
    add_escaped(buf, text, false);
    lq_buf_addc(buf, '"');
}

static void add_json_value(struct lq_buf *buf, const struct lq_value *value)
{
    if (value->kind == LQ_VALUE_NULL ||
        (value->kind == LQ_VALUE_DOUBLE && !__builtin_isfinite(value->real)))
        lq_buf_adds(buf, "null");
    else if (value->kind == LQ_VALUE_TEXT)
        lq_out_add_json(buf, value->text);
    else if (value->kind == LQ_VALUE_JSON)
        add_escaped(buf, value->text, true);
    else
        add_plain(buf, value);
}

static enum lq_status write_out(struct print *print, struct lq_error *err)
{
    const size_t written = fwrite(lq_buf_text(&print->buf), 1, print->buf.len, print->out);
    const bool whole = written == print->buf.len && !print->buf.overflow;

    lq_buf_clear(&print->buf);
    return whole ? LQ_OK : lq_error_set(err, LQ_IO, "cannot write the output");
}

/* ---- JSON ---- */

static void add_json_row(struct print *print)
{
    lq_buf_addc(&print->buf, '{');
    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        const struct lq_value value = lq_rows_get(print->rows, i);

        lq_buf_adds(&print->buf, i ? ", " : "");
        lq_out_add_json(&print->buf, lq_str_of(lq_rows_column_name(print->rows, i)));
        lq_buf_adds(&print->buf, ": ");
        add_json_value(&print->buf, &value);
    }
    lq_buf_addc(&print->buf, '}');
}

static void json_begin(struct print *print)
{
    lq_buf_adds(&print->buf, "[");
}

static void json_row(struct print *print)
{
    lq_buf_adds(&print->buf, print->n_rows ? ",\n " : "\n ");
    add_json_row(print);
}

static void json_end(struct print *print)
{
    lq_buf_adds(&print->buf, print->n_rows ? "\n]\n" : "]\n");
}

static void jsonl_row(struct print *print)
{
    add_json_row(print);
    lq_buf_addc(&print->buf, '\n');
}

/* ---- CSV (RFC 4180, but with plain line feeds) ---- */

void lq_out_add_csv(struct lq_buf *buf, struct lq_str text, bool terminal)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf visible = LQ_BUF_INIT;

    /* Only a terminal needs protection; a file or a program gets the very text. */
    if (terminal) {
        lq_text_add_visible(&visible, text, true);
        text = (struct lq_str){ lq_buf_text(&visible), visible.len };
    }
    if (!memchr(text.ptr, '"', text.len) && !memchr(text.ptr, ',', text.len) &&
        !memchr(text.ptr, '\n', text.len) && !memchr(text.ptr, '\r', text.len)) {
        lq_buf_add(buf, text.ptr, text.len);
        return;
    }
    lq_buf_addc(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            lq_buf_addc(buf, '"');
        lq_buf_addc(buf, text.ptr[i]);
    }
    lq_buf_addc(buf, '"');
}

static void csv_begin(struct print *print)
{
    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        lq_buf_adds(&print->buf, i ? "," : "");
        lq_out_add_csv(&print->buf, lq_str_of(lq_rows_column_name(print->rows, i)),
                       print->terminal);
    }
    lq_buf_addc(&print->buf, '\n');
}

static void csv_row(struct print *print)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        const struct lq_value value = lq_rows_get(print->rows, i);

        lq_buf_clear(&text);
        add_plain(&text, &value);
        lq_buf_adds(&print->buf, i ? "," : "");
        lq_out_add_csv(&print->buf, (struct lq_str){ lq_buf_text(&text), text.len },
                       print->terminal);
    }
    lq_buf_addc(&print->buf, '\n');
}

/* ---- Markdown (GitHub's tables) ---- */

void lq_out_add_markdown(struct lq_buf *buf, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf visible = LQ_BUF_INIT;

    lq_text_add_visible(&visible, text, true);
    for (size_t i = 0; i < visible.len; i++) {
        const char byte = visible.data[i];

        if (byte == '\n')
            lq_buf_adds(buf, "<br>");
        else if (strchr("|\\`*_<>[]", byte))
            lq_buf_addf(buf, "\\%c", byte);
        else
            lq_buf_addc(buf, byte == '\t' ? ' ' : byte);
    }
}

static void add_markdown_cell(struct print *print, struct lq_str text)
{
    lq_buf_adds(&print->buf, "| ");
    lq_out_add_markdown(&print->buf, text);
    lq_buf_addc(&print->buf, ' ');
}

static void markdown_begin(struct print *print)
{
    const size_t n_columns = lq_rows_column_count(print->rows);

    for (size_t i = 0; i < n_columns; i++)
        add_markdown_cell(print, lq_str_of(lq_rows_column_name(print->rows, i)));
    lq_buf_adds(&print->buf, "|\n");
    for (size_t i = 0; i < n_columns; i++)
        lq_buf_adds(&print->buf, lq_rows_column_is_number(print->rows, i) ? "| ---: " : "| --- ");
    lq_buf_adds(&print->buf, "|\n");
}

static void markdown_row(struct print *print)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        const struct lq_value value = lq_rows_get(print->rows, i);

        lq_buf_clear(&text);
        add_plain(&text, &value);
        add_markdown_cell(print, (struct lq_str){ lq_buf_text(&text), text.len });
    }
    lq_buf_adds(&print->buf, "|\n");
}

/* ---- tables ---- */

static bool is_flexible(const struct print *print, size_t column)
{
    const char *name = lq_rows_column_name(print->rows, column);

    if (!print->flexible)
        return !lq_rows_column_is_number(print->rows, column);
    for (const char *const *at = print->flexible; *at; at++) {
        if (strcmp(*at, name) == 0)
            return true;
    }
    return false;
}

static void table_begin(struct print *print)
{
    print->table = scols_new_table();
    if (!print->table)
        abort();
    scols_table_enable_noencoding(print->table, 1); /* done by lq_text_add_visible */
    scols_table_set_stream(print->table, print->out);
    /* Off a terminal a table is whole: no width, no cutting. */
    scols_table_set_termforce(print->table,
                              print->terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf title = LQ_BUF_INIT;
        const int flags = (lq_rows_column_is_number(print->rows, i) ? SCOLS_FL_RIGHT : 0) |
                          (is_flexible(print, i) ? SCOLS_FL_TRUNC : 0);

        lq_text_add_visible(&title, lq_str_of(lq_rows_column_name(print->rows, i)), false);
        for (size_t k = 0; k < title.len; k++) {
            if (title.data[k] >= 'a' && title.data[k] <= 'z')
                title.data[k] = (char)(title.data[k] - 'a' + 'A');
        }
        if (!scols_table_new_column(print->table, lq_buf_text(&title), 0, flags))
            abort();
    }
}

static void table_row(struct print *print)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf visible = LQ_BUF_INIT;
    struct libscols_line *line = scols_table_new_line(print->table, NULL);

    if (!line)
        abort();
    for (size_t i = 0; i < lq_rows_column_count(print->rows); i++) {
        const struct lq_value value = lq_rows_get(print->rows, i);

        lq_buf_clear(&text);
        lq_buf_clear(&visible);
        add_plain(&text, &value);
        lq_text_add_visible(&visible, (struct lq_str){ lq_buf_text(&text), text.len }, false);
        if (scols_line_set_data(line, i, lq_buf_text(&visible)) != 0)
            abort();
    }
}

static void table_end(struct print *print)
{
    if (print->n_rows > 0)
        scols_print_table(print->table);
    scols_unref_table(print->table);
}

/* ---- the formats ---- */

static const struct {
    const char *name;
    void (*begin)(struct print *print);
    void (*row)(struct print *print);
    void (*end)(struct print *print);
} formats[] = {
    [LQ_OUT_TABLE] = { "table", table_begin, table_row, table_end },
    [LQ_OUT_JSON] = { "json", json_begin, json_row, json_end },
    [LQ_OUT_JSONL] = { "jsonl", NULL, jsonl_row, NULL },
    [LQ_OUT_CSV] = { "csv", csv_begin, csv_row, NULL },
    [LQ_OUT_MARKDOWN] = { "markdown", markdown_begin, markdown_row, NULL },
};

bool lq_out_format_parse(const char *name, enum lq_out_format *format)
{
    for (size_t i = 0; i < LQ_COUNT(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *format = (enum lq_out_format)i;
            return true;
        }
    }
    return false;
}

bool lq_out_is_table(enum lq_out_format format)
{
    return format == LQ_OUT_TABLE || format == LQ_OUT_MARKDOWN;
}

bool lq_out_is_terminal(FILE *out)
{
    return fileno(out) >= 0 && isatty(fileno(out));
}

static enum lq_status print_rows(struct print *print, enum lq_out_format format, int64_t max_rows,
                                 bool *more, struct lq_error *err)
{
    bool any = true;

    for (; max_rows == 0 || print->n_rows < max_rows; print->n_rows++) {
        LQ_TRY(lq_rows_next(print->rows, &any, err));
        if (!any)
            return LQ_OK;
        formats[format].row(print);
        if (print->buf.len > 65536)
            LQ_TRY(write_out(print, err));
    }
    return lq_rows_next(print->rows, more, err);
}

enum lq_status lq_out_rows(FILE *out, enum lq_out_format format, struct lq_rows *rows,
                           const char *const *flexible, int64_t max_rows, bool *more,
                           struct lq_error *err)
{
    struct print print = { .out = out,
                           .rows = rows,
                           .flexible = flexible,
                           .buf = LQ_BUF_INIT,
                           .terminal = lq_out_is_terminal(out) };
    enum lq_status status;
    bool unused = false;

    if (formats[format].begin)
        formats[format].begin(&print);
    status = print_rows(&print, format, max_rows, more ? more : &unused, err);
    if (formats[format].end)
        formats[format].end(&print);
    if (status == LQ_OK)
        status = write_out(&print, err);
    lq_buf_release(&print.buf);
    return status;
}
