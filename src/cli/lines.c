/* SPDX-License-Identifier: MIT */
/* Printing lines of logs and source files. */
#include "cli/lines.h"
#include "base/clean.h"
#include "base/text.h"

static const struct lq_cli_column columns[] = {
    { "line", "BIGINT" },
    { "marked", "BOOLEAN" },
    { "text", "VARCHAR" },
};

enum lq_status lq_lines_begin(struct lq_lines *lines, struct lq_cli *cli, bool numbered,
                              size_t max_bytes, struct lq_error *err)
{
    *lines = (struct lq_lines){ .cli = cli, .numbered = numbered, .max_bytes = max_bytes };
    if (lq_out_is_table(cli->format))
        return LQ_OK;
    return lq_cli_list_new(&lines->list, cli, columns, LQ_COUNT(columns), NULL, err);
}

bool lq_lines_gather(struct lq_lines *lines, struct lq_str piece, bool ends)
{
    const size_t room = lines->max_bytes - lines->line.len;

    lines->cut = lines->cut || piece.len > room;
    lq_buf_add(&lines->line, piece.ptr, piece.len < room ? piece.len : room);
    if (!ends)
        return false;
    /* Without escape sequences a line reads as its author meant it; whatever else could steer a
     * terminal is made visible when printed. */
    lq_buf_truncate(&lines->line, lq_clean(lines->line.data, lines->line.len));
    if (lines->cut)
        lq_buf_adds(&lines->line, "…");
    return true;
}

void lq_lines_next(struct lq_lines *lines)
{
    lq_buf_clear(&lines->line);
    lines->cut = false;
}

enum lq_status lq_lines_add(struct lq_lines *lines, int64_t number, bool marked, struct lq_str text,
                            struct lq_error *err)
{
    const struct lq_value values[] = {
        lq_value_int(number),
        { .kind = LQ_VALUE_BOOL, .boolean = marked },
        lq_value_str(text),
    };
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;

    if (lines->list)
        return lq_cli_list_add(lines->list, values, err);
    /* Markdown shows an indented block as it is, whatever stands in it. */
    if (lines->cli->format == LQ_OUT_MARKDOWN)
        lq_buf_adds(&out, "    ");
    if (lines->numbered)
        lq_buf_addf(&out, "%c %6lld | ", marked ? '>' : ' ', (long long)number);
    if (lines->numbered || lq_out_is_terminal(lines->cli->out) ||
        lines->cli->format == LQ_OUT_MARKDOWN)
        lq_text_add_visible(&out, text, true);
    else
        lq_buf_add(&out, text.ptr, text.len);
    lq_buf_addc(&out, '\n');
    if (fwrite(lq_buf_text(&out), 1, out.len, lines->cli->out) != out.len)
        return lq_error_set(err, LQ_IO, "cannot write standard output");
    return LQ_OK;
}

enum lq_status lq_lines_end(struct lq_lines *lines, struct lq_error *err)
{
    return lines->list ? lq_cli_list_finish(lines->list, err) : LQ_OK;
}

void lq_lines_release(struct lq_lines *lines)
{
    lq_cli_list_free(&lines->list);
    lq_buf_release(&lines->line);
}
