/* SPDX-License-Identifier: MIT */
/* Output formats: one printer each, behind one table. */
#include "cli/out.h"
#include "base/alloc.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/pager.h"
#include <libsmartcols.h>
#include <lq/rows.h>
#include <unistd.h>
#include <wchar.h>

/* What a printer works on: the columns, and the values of one row at a time. */
struct lq_out {
    FILE *file;
    enum lq_out_format format;
    size_t n_columns;
    struct column {
        char *name;
        bool number, flexible;
        bool cut;      /* to fit the terminal */
        size_t widest; /* of title and values, in cells of a terminal */
    } *columns;
    const struct lq_value *values;
    struct lq_buf buf;
    bool terminal, colour;
    int64_t n_rows;
    struct libscols_table *table;
};

/* ---- values as text ---- */

/* The shortest decimal form that reads back as the same number, but 20 and not 2e+01. */
static void add_double(struct lq_buf *buf, double number)
{
    char text[40];

    if (number > -1e15 && number < 1e15 && number == (double)(int64_t)number) {
        lq_buf_addf(buf, "%.0f", number);
        return;
    }
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

/* How long a number is at `text` that JSON does not know: NaN, Infinity or -Infinity, as the engine writes
 * them; 0: none. */
static size_t no_number(struct lq_str text)
{
    static const char *const words[] = { "NaN", "Infinity", "-Infinity" };

    for (size_t i = 0; i < LQ_COUNT(words); i++) {
        if (lq_str_starts(text, lq_str_of(words[i])))
            return strlen(words[i]);
    }
    return 0;
}

/* JSON text of the engine, with null in place of such numbers. */
static void add_json_text(struct lq_buf *buf, struct lq_str text)
{
    bool within = false; /* a string */
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        const struct lq_str rest = { text.ptr + i, text.len - i };
        const size_t skipped = within ? 0 : no_number(rest);

        if (skipped) {
            add_escaped(buf, (struct lq_str){ text.ptr + from, i - from }, true);
            lq_buf_adds(buf, "null");
            from = i + skipped;
            i = from - 1;
        } else if (text.ptr[i] == '"') {
            within = !within;
        } else if (within && text.ptr[i] == '\\') {
            i++;
        }
    }
    add_escaped(buf, (struct lq_str){ text.ptr + from, text.len - from }, true);
}

static void add_json_value(struct lq_buf *buf, const struct lq_value *value)
{
    if (value->kind == LQ_VALUE_NULL ||
        (value->kind == LQ_VALUE_DOUBLE && !__builtin_isfinite(value->real)))
        lq_buf_adds(buf, "null");
    else if (value->kind == LQ_VALUE_TEXT)
        lq_out_add_json(buf, value->text);
    else if (value->kind == LQ_VALUE_JSON)
        add_json_text(buf, value->text);
    else
        add_plain(buf, value);
}

static enum lq_status write_out(struct lq_out *out, struct lq_error *err)
{
    const size_t written = fwrite(lq_buf_text(&out->buf), 1, out->buf.len, out->file);
    const bool whole = written == out->buf.len && !out->buf.overflow;

    lq_buf_clear(&out->buf);
    return whole ? LQ_OK : lq_error_set(err, LQ_IO, "cannot write standard output");
}

/* ---- JSON ---- */

static void add_json_row(struct lq_out *out)
{
    lq_buf_addc(&out->buf, '{');
    for (size_t i = 0; i < out->n_columns; i++) {
        lq_buf_adds(&out->buf, i ? ", " : "");
        lq_out_add_json(&out->buf, lq_str_of(out->columns[i].name));
        lq_buf_adds(&out->buf, ": ");
        add_json_value(&out->buf, &out->values[i]);
    }
    lq_buf_addc(&out->buf, '}');
}

static void json_begin(struct lq_out *out)
{
    lq_buf_adds(&out->buf, "[");
}

static void json_row(struct lq_out *out)
{
    lq_buf_adds(&out->buf, out->n_rows ? ",\n " : "\n ");
    add_json_row(out);
}

static void json_end(struct lq_out *out)
{
    lq_buf_adds(&out->buf, out->n_rows ? "\n]\n" : "]\n");
}

static void jsonl_row(struct lq_out *out)
{
    add_json_row(out);
    lq_buf_addc(&out->buf, '\n');
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

static void csv_begin(struct lq_out *out)
{
    for (size_t i = 0; i < out->n_columns; i++) {
        lq_buf_adds(&out->buf, i ? "," : "");
        lq_out_add_csv(&out->buf, lq_str_of(out->columns[i].name), out->terminal);
    }
    lq_buf_addc(&out->buf, '\n');
}

static void csv_row(struct lq_out *out)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < out->n_columns; i++) {
        lq_buf_clear(&text);
        add_plain(&text, &out->values[i]);
        lq_buf_adds(&out->buf, i ? "," : "");
        lq_out_add_csv(&out->buf, (struct lq_str){ lq_buf_text(&text), text.len }, out->terminal);
    }
    lq_buf_addc(&out->buf, '\n');
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
        else if (strchr("|\\`*_<>[]&", byte))
            lq_buf_addf(buf, "\\%c", byte);
        else
            lq_buf_addc(buf, byte == '\t' ? ' ' : byte);
    }
}

static void add_markdown_cell(struct lq_out *out, struct lq_str text)
{
    lq_buf_adds(&out->buf, "| ");
    lq_out_add_markdown(&out->buf, text);
    lq_buf_addc(&out->buf, ' ');
}

static void markdown_begin(struct lq_out *out)
{
    const size_t n_columns = out->n_columns;

    for (size_t i = 0; i < n_columns; i++)
        add_markdown_cell(out, lq_str_of(out->columns[i].name));
    lq_buf_adds(&out->buf, "|\n");
    for (size_t i = 0; i < n_columns; i++)
        lq_buf_adds(&out->buf, out->columns[i].number ? "| ---: " : "| --- ");
    lq_buf_adds(&out->buf, "|\n");
}

static void markdown_row(struct lq_out *out)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    for (size_t i = 0; i < out->n_columns; i++) {
        lq_buf_clear(&text);
        add_plain(&text, &out->values[i]);
        add_markdown_cell(out, (struct lq_str){ lq_buf_text(&text), text.len });
    }
    lq_buf_adds(&out->buf, "|\n");
}

/* ---- tables ---- */

/* Words that stand for good and bad news, coloured in columns that hold nothing else. */
static const char *colour_of(const char *column, struct lq_str text)
{
    static const char *const columns[] = { "severity", "outcome", "change" };
    static const struct {
        const char *word, *colour;
    } words[] = {
        { "error", "red" },   { "fail", "red" },           { "timeout", "red" },
        { "new", "red" },     { "warning", "yellow" },     { "warn", "yellow" },
        { "skip", "yellow" }, { "interrupted", "yellow" }, { "ok", "green" },
        { "pass", "green" },  { "fixed", "green" },        { "note", "cyan" },
        { "info", "cyan" },
    };
    bool coloured = false;

    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        coloured = coloured || strcmp(columns[i], column) == 0;
    for (size_t i = 0; coloured && i < LQ_COUNT(words); i++) {
        if (lq_str_eq(text, lq_str_of(words[i].word)))
            return words[i].colour;
    }
    return NULL;
}

/* The bytes of a text without control bytes that fit into `limit` cells of a terminal; *n_cells are
 * those that they take. */
static size_t fitting(const char *text, size_t limit, size_t *n_cells)
{
    mbstate_t state = { 0 };
    size_t at = 0;

    *n_cells = 0;
    while (text[at]) {
        wchar_t wide;
        size_t len = mbrtowc(&wide, text + at, MB_CUR_MAX, &state);
        size_t width = 1; /* of a byte that is no text */

        if (len == (size_t)-1 || len == (size_t)-2)
            len = 1;
        else
            width = wcwidth(wide) > 0 ? (size_t)wcwidth(wide) : 0;
        if (width > limit - *n_cells)
            break;
        *n_cells += width;
        at += len;
    }
    return at;
}

static size_t cells(const char *text)
{
    size_t count;

    fitting(text, SIZE_MAX, &count);
    return count;
}

static void table_begin(struct lq_out *out)
{
    out->table = scols_new_table();
    if (!out->table)
        abort();
    scols_table_enable_noencoding(out->table, 1); /* done by lq_text_add_visible */
    scols_table_enable_colors(out->table, out->colour);
    scols_table_set_stream(out->table, out->file);
    /* Off a terminal a table is whole: no width, no cutting. */
    scols_table_set_termforce(out->table,
                              out->terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    for (size_t i = 0; i < out->n_columns; i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf title = LQ_BUF_INIT;
        const int flags = out->columns[i].number ? SCOLS_FL_RIGHT : 0;

        lq_text_add_visible(&title, lq_str_of(out->columns[i].name), false);
        for (size_t k = 0; k < title.len; k++) {
            if (title.data[k] >= 'a' && title.data[k] <= 'z')
                title.data[k] = (char)(title.data[k] - 'a' + 'A');
        }
        if (!scols_table_new_column(out->table, lq_buf_text(&title), 0, flags))
            abort();
        out->columns[i].widest = cells(lq_buf_text(&title));
    }
}

/* What is left of `room` for others once a column of that width has its part. */
static size_t room_beside(size_t room, size_t width)
{
    return room > width ? room - width : 0;
}

/* The width above which flexible columns are cut so that the table fits: the widest give first, so
 * that a long message does not cost a short location its line number. */
static size_t width_limit(const struct lq_out *out)
{
    size_t room = scols_table_get_termwidth(out->table);
    size_t limit, next = 0;

    for (size_t i = 0; i < out->n_columns; i++)
        room = room_beside(room, (out->columns[i].flexible ? 0 : out->columns[i].widest) + (i > 0));
    do {
        size_t rest = room, n_wide = 0;

        limit = next;
        for (size_t i = 0; i < out->n_columns; i++) {
            if (out->columns[i].flexible && out->columns[i].widest > limit)
                n_wide++;
            else if (out->columns[i].flexible)
                rest = room_beside(rest, out->columns[i].widest);
        }
        next = n_wide ? rest / n_wide : SIZE_MAX;
    } while (next > limit);
    return limit;
}

static void cut_cell(struct libscols_cell *cell, size_t limit)
{
    const char *text = scols_cell_get_data(cell);
    LQ_CLEANUP(lq_free) char *cut = NULL;
    size_t n_cells;

    if (!text)
        return;
    cut = lq_strndup(text, fitting(text, limit, &n_cells));
    if (scols_cell_set_data(cell, cut) != 0)
        abort();
}

/* A column that is cut keeps as much, if it can be. */
#define LEAST_CELLS 8

static size_t least_width(const struct lq_out *out)
{
    size_t width = 0;

    for (size_t i = 0; i < out->n_columns; i++) {
        const struct column *column = &out->columns[i];

        width += i > 0;
        width += column->flexible && column->widest > LEAST_CELLS ? LEAST_CELLS : column->widest;
    }
    return width;
}

/* On a narrow terminal other columns give too; numbers last, since half a number is another one. */
static void let_more_give(struct lq_out *out)
{
    for (int numbers = 0; numbers <= 1; numbers++) {
        if (least_width(out) <= scols_table_get_termwidth(out->table))
            return;
        for (size_t i = 0; i < out->n_columns; i++)
            out->columns[i].flexible = !out->columns[i].number || numbers;
    }
}

/* libsmartcols cuts too, where even titles do not fit, but takes from all columns alike. */
static void fit_to_terminal(struct lq_out *out)
{
    size_t limit;

    let_more_give(out);
    limit = width_limit(out);

    for (size_t i = 0; i < out->n_columns; i++) {
        struct column *column = &out->columns[i];
        struct libscols_column *shown = scols_table_get_column(out->table, i);

        column->cut = column->flexible && column->widest > limit;
        if (!column->cut)
            continue;
        scols_column_set_flags(shown, scols_column_get_flags(shown) | SCOLS_FL_TRUNC);
        cut_cell(scols_column_get_header(shown), limit);
        for (size_t k = 0; k < scols_table_get_nlines(out->table); k++)
            cut_cell(scols_line_get_cell(scols_table_get_line(out->table, k), i), limit);
    }
}

static void table_row(struct lq_out *out)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf visible = LQ_BUF_INIT;
    struct libscols_line *line = scols_table_new_line(out->table, NULL);

    if (!line)
        abort();
    for (size_t i = 0; i < out->n_columns; i++) {
        struct column *column = &out->columns[i];
        const char *colour;

        lq_buf_clear(&text);
        lq_buf_clear(&visible);
        add_plain(&text, &out->values[i]);
        lq_text_add_visible(&visible, (struct lq_str){ lq_buf_text(&text), text.len }, false);
        if (scols_line_set_data(line, i, lq_buf_text(&visible)) != 0)
            abort();
        if (!out->terminal)
            continue;
        if (cells(lq_buf_text(&visible)) > column->widest)
            column->widest = cells(lq_buf_text(&visible));
        colour = colour_of(column->name, (struct lq_str){ lq_buf_text(&text), text.len });
        if (out->colour && colour)
            scols_cell_set_color(scols_line_get_cell(line, i), colour);
    }
}

/* Name the columns that were cut: known once the table was printed. */
static void say_what_was_cut(struct lq_out *out)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf names = LQ_BUF_INIT;

    for (size_t i = 0; i < out->n_columns; i++) {
        if (out->columns[i].cut ||
            out->columns[i].widest > scols_column_get_width(scols_table_get_column(out->table, i)))
            lq_buf_addf(&names, "%s%s", names.len ? ", " : "", out->columns[i].name);
    }
    if (!names.len)
        return;
    fflush(out->file);
    lq_say("cut to the terminal's width: %s; -o json shows all", lq_buf_text(&names));
}

static void table_end(struct lq_out *out)
{
    if (out->n_rows > 0 && out->terminal)
        fit_to_terminal(out);
    if (out->n_rows > 0)
        scols_print_table(out->table);
    if (out->n_rows > 0 && out->terminal)
        say_what_was_cut(out);
    scols_unref_table(out->table);
}

/* ---- the formats ---- */

static const struct {
    const char *name;
    void (*begin)(struct lq_out *out);
    void (*row)(struct lq_out *out);
    void (*end)(struct lq_out *out);
} formats[] = {
    [LQ_OUT_TABLE] = { "table", table_begin, table_row, table_end },
    [LQ_OUT_JSON] = { "json", json_begin, json_row, json_end },
    [LQ_OUT_JSONL] = { "jsonl", NULL, jsonl_row, NULL },
    [LQ_OUT_CSV] = { "csv", csv_begin, csv_row, NULL },
    [LQ_OUT_MARKDOWN] = { "markdown", markdown_begin, markdown_row, NULL },
};

bool lq_out_is_terminal(FILE *file)
{
    const int fd = fileno(file);

    return lq_pager_owns(file) || (fd >= 0 && isatty(fd));
}

bool lq_out_takes_colour(FILE *file)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return lq_out_is_terminal(file) && !(no_colour && *no_colour) && term &&
           strcmp(term, "dumb") != 0;
}

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

/* ---- row by row ---- */

static bool is_flexible(const struct lq_out_column *column, const char *const *flexible)
{
    if (!flexible)
        return !column->number;
    for (; *flexible; flexible++) {
        if (strcmp(*flexible, column->name) == 0)
            return true;
    }
    return false;
}

struct lq_out *lq_out_new(FILE *file, enum lq_out_format format,
                          const struct lq_out_column *columns, size_t n_columns,
                          const char *const *flexible)
{
    struct lq_out *out = lq_alloc(sizeof *out);

    out->file = file;
    out->format = format;
    out->terminal = lq_out_is_terminal(file);
    out->colour = lq_out_takes_colour(file);
    out->n_columns = n_columns;
    out->columns = lq_alloc(n_columns * sizeof *out->columns);
    for (size_t i = 0; i < n_columns; i++)
        out->columns[i] = (struct column){ .name = lq_strdup(columns[i].name),
                                           .number = columns[i].number,
                                           .flexible = is_flexible(&columns[i], flexible) };
    if (formats[format].begin)
        formats[format].begin(out);
    return out;
}

enum lq_status lq_out_add(struct lq_out *out, const struct lq_value *values, struct lq_error *err)
{
    out->values = values;
    formats[out->format].row(out);
    out->n_rows++;
    return out->buf.len > 65536 ? write_out(out, err) : LQ_OK;
}

enum lq_status lq_out_finish(struct lq_out *out, struct lq_error *err)
{
    if (formats[out->format].end)
        formats[out->format].end(out);
    return write_out(out, err);
}

void lq_out_free(struct lq_out **out)
{
    if (!*out)
        return;
    for (size_t i = 0; i < (*out)->n_columns; i++)
        free((*out)->columns[i].name);
    free((*out)->columns);
    lq_buf_release(&(*out)->buf);
    lq_free(out);
}

/* ---- rows of the database ---- */

static enum lq_status add_rows(struct lq_out *out, struct lq_rows *rows, struct lq_value *values,
                               int64_t max_rows, bool *more, struct lq_error *err)
{
    bool any = true;

    while (max_rows == 0 || out->n_rows < max_rows) {
        LQ_TRY(lq_rows_next(rows, &any, err));
        if (!any)
            return LQ_OK;
        for (size_t i = 0; i < out->n_columns; i++)
            values[i] = lq_rows_get(rows, i);
        LQ_TRY(lq_out_add(out, values, err));
    }
    return lq_rows_next(rows, more, err);
}

enum lq_status lq_out_rows(FILE *file, enum lq_out_format format, struct lq_rows *rows,
                           const char *const *flexible, int64_t max_rows, bool *more,
                           struct lq_error *err)
{
    const size_t n_columns = lq_rows_column_count(rows);
    LQ_CLEANUP(lq_free) struct lq_out_column *columns = lq_alloc(n_columns * sizeof *columns);
    LQ_CLEANUP(lq_free) struct lq_value *values = lq_alloc(n_columns * sizeof *values);
    LQ_CLEANUP(lq_out_free) struct lq_out *out = NULL;
    enum lq_status status;
    bool unused = false;

    for (size_t i = 0; i < n_columns; i++)
        columns[i] = (struct lq_out_column){ lq_rows_column_name(rows, i),
                                             lq_rows_column_is_number(rows, i) };
    out = lq_out_new(file, format, columns, n_columns, flexible);
    status = add_rows(out, rows, values, max_rows, more ? more : &unused, err);
    /* What was read before a failure is shown all the same. */
    return lq_out_finish(out, status == LQ_OK ? err : NULL) == LQ_OK || status != LQ_OK ? status
                                                                                        : LQ_IO;
}

/* ---- records ---- */

enum lq_status lq_out_record(FILE *file, struct lq_rows *rows, struct lq_error *err)
{
    bool more;

    LQ_TRY(lq_rows_next(rows, &more, err));
    for (size_t i = 0; more && i < lq_rows_column_count(rows); i++) {
        const struct lq_value value = lq_rows_get(rows, i);
        LQ_CLEANUP(lq_buf_release) struct lq_buf plain = LQ_BUF_INIT;
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

        if (value.kind == LQ_VALUE_NULL)
            continue;
        add_plain(&plain, &value);
        lq_text_add_visible(&text, (struct lq_str){ lq_buf_text(&plain), plain.len }, true);
        fprintf(file, "%-12s  ", lq_rows_column_name(rows, i));
        for (const char *at = lq_buf_text(&text); *at; at++) {
            putc(*at, file);
            if (*at == '\n')
                fprintf(file, "%-12s  ", "");
        }
        putc('\n', file);
    }
    return ferror(file) ? lq_error_set(err, LQ_IO, "cannot write standard output") : LQ_OK;
}
