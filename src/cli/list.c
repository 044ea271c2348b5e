/* SPDX-License-Identifier: MIT */
/* Rows that no query gives: printed, or handed to the database by way of a file for -O. */
#include "cli/cli.h"
#include <unistd.h>

struct lq_cli_list {
    struct lq_cli *cli;
    const struct lq_cli_column *columns;
    size_t n_columns;
    struct lq_out *out;
    FILE *rows; /* for -O: JSON lines, in a file without a name */
};

static bool is_number(const char *type)
{
    return strcmp(type, "BIGINT") == 0 || strcmp(type, "DOUBLE") == 0;
}

enum lq_status lq_cli_list_new(struct lq_cli_list **out, struct lq_cli *cli,
                               const struct lq_cli_column *columns, size_t n_columns,
                               const char *const *flexible, struct lq_error *err)
{
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = lq_alloc(sizeof *list);
    LQ_CLEANUP(lq_free) struct lq_out_column *shown = lq_alloc(n_columns * sizeof *shown);

    *list = (struct lq_cli_list){ .cli = cli, .columns = columns, .n_columns = n_columns };
    for (size_t i = 0; i < n_columns; i++)
        shown[i] = (struct lq_out_column){ columns[i].name, is_number(columns[i].type) };
    if (cli->save && !(list->rows = tmpfile()))
        return lq_error_set(err, LQ_IO, "cannot make a temporary file");
    list->out = lq_out_new(cli->save ? list->rows : cli->out,
                           cli->save ? LQ_OUT_JSONL : cli->format, shown, n_columns, flexible);
    *out = LQ_TAKE(list);
    return LQ_OK;
}

enum lq_status lq_cli_list_add(struct lq_cli_list *list, const struct lq_value *values,
                               struct lq_error *err)
{
    return lq_out_add(list->out, values, err);
}

/* The rows as the database reads them. */
static void add_select(struct lq_buf *sql, const struct lq_cli_list *list)
{
    lq_buf_addf(sql, "SELECT * FROM read_json('/proc/self/fd/%d', format = 'newline_delimited', ",
                fileno(list->rows));
    lq_buf_adds(sql, "columns = {");
    for (size_t i = 0; i < list->n_columns; i++)
        lq_buf_addf(sql, "%s'%s': '%s'", i ? ", " : "", list->columns[i].name,
                    list->columns[i].type);
    lq_buf_adds(sql, "})");
}

enum lq_status lq_cli_list_finish(struct lq_cli_list *list, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    LQ_TRY(lq_out_finish(list->out, err));
    if (!list->rows)
        return LQ_OK;
    if (fflush(list->rows) != 0)
        return lq_error_set(err, LQ_IO, "cannot write a temporary file");
    add_select(&sql, list);
    LQ_TRY(lq_query_open(&query, NULL, &(struct lq_scope){ 0 }, err));
    return lq_cli_save_query(list->cli, query, false, lq_buf_text(&sql), NULL, 0, 0, err);
}

void lq_cli_list_free(struct lq_cli_list **list)
{
    if (!*list)
        return;
    lq_out_free(&(*list)->out);
    if ((*list)->rows)
        fclose((*list)->rows);
    lq_free(list);
}
