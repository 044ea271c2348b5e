/* SPDX-License-Identifier: MIT */
/* SELECT lists from the table of columns. */
#include "query/columns.h"
#include "model/columns.h"

static const struct {
    const char *name, *type;
} columns[] = {
#define X(name, type, rows, text) { #name, type },
    LQ_COLUMNS(X)
#undef X
};

void lq_columns_add_names(struct lq_buf *sql)
{
    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        lq_buf_addf(sql, "%s%s", i ? ", " : "", columns[i].name);
}

void lq_columns_add_nulls(struct lq_buf *sql)
{
    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        lq_buf_addf(sql, "%sNULL::%s AS %s", i ? ", " : "", columns[i].type, columns[i].name);
}

void lq_columns_add_select(struct lq_buf *sql, bool any_files)
{
    lq_buf_adds(sql, "SELECT ");
    for (size_t i = 0; i < LQ_COUNT(columns); i++)
        lq_buf_addf(sql, "TRY_CAST(%s AS %s) AS %s, ", columns[i].name, columns[i].type,
                    columns[i].name);
    lq_buf_adds(sql, "lq_file AS file FROM (SELECT ");
    lq_columns_add_nulls(sql);
    lq_buf_adds(sql, ", NULL::VARCHAR AS lq_file WHERE false");
    if (any_files)
        lq_buf_adds(sql, " UNION ALL BY NAME SELECT * FROM read_parquet(getvariable('lq_paths'), "
                         "union_by_name = true, hive_partitioning = false, filename = 'lq_file')");
    lq_buf_adds(sql, ")");
}
