/* SPDX-License-Identifier: MIT */
/* SELECT lists from the table of columns. */
#include "query/columns.h"
#include "model/columns.h"

static const struct {
    const char *name, *type;
    bool of_event; /* on event rows alone */
} columns[] = {
#define RUN false
#define ONCE false
#define EVENT true
#define X(name, type, rows, text) { #name, type, rows },
    LQ_COLUMNS(X)
#undef X
#undef EVENT
#undef ONCE
#undef RUN
};

static void add_names(struct lq_buf *sql, const char *prefix, bool of_event)
{
    bool any = false;

    for (size_t i = 0; i < LQ_COUNT(columns); i++) {
        if (columns[i].of_event != of_event)
            continue;
        lq_buf_addf(sql, "%s%s%s", any ? ", " : "", prefix, columns[i].name);
        any = true;
    }
}

void lq_columns_add_run_names(struct lq_buf *sql, const char *prefix)
{
    add_names(sql, prefix, false);
}

void lq_columns_add_event_names(struct lq_buf *sql, const char *prefix)
{
    add_names(sql, prefix, true);
}

void lq_columns_add_run_row(struct lq_buf *sql)
{
    for (size_t i = 0; i < LQ_COUNT(columns); i++) {
        lq_buf_adds(sql, i ? ", " : "");
        if (columns[i].of_event)
            lq_buf_addf(sql, "NULL::%s AS ", columns[i].type);
        lq_buf_adds(sql, columns[i].name);
    }
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
