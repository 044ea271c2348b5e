/* SPDX-License-Identifier: MIT */
/* The schema for others: columns with their meaning, and the views as SQL for any DuckDB. */
#include "base/alloc.h"
#include "db/db.h"
#include "model/columns.h"
#include "query/columns.h"
#include "query/query.h"

static const struct lq_column_info columns[] = {
#define RUN "all"
#define ONCE "run"
#define EVENT "event"
#define X(name, type, rows, text) { #name, type, rows, text },
    LQ_COLUMNS(X)
#undef X
#undef EVENT
#undef ONCE
#undef RUN
};

const struct lq_column_info *lq_columns(size_t *n_columns)
{
    *n_columns = LQ_COUNT(columns);
    return columns;
}

/* A value as it stands in folder names (docs/format.md), for references: all but the cut of very long
 * ones. */
static const char escape_macro[] =
    "CREATE TEMP MACRO lq_escape(value) AS CASE\n"
    "    WHEN coalesce(value, '') = '' THEN '_'\n"
    "    WHEN value = '.' THEN '~2E'\n"
    "    WHEN value = '..' THEN '~2E.'\n"
    "    WHEN regexp_full_match(value, '[0-9]+') OR lower(value) = 'null'\n"
    "    THEN '~' || hex(value[1]) || value[2:]\n"
    "    ELSE list_reduce(list_transform(regexp_extract_all(hex(encode(value)), '..'), lambda h:\n"
    "        CASE WHEN h BETWEEN '30' AND '39' OR h BETWEEN '41' AND '5A' OR h BETWEEN '61' AND '7A'\n"
    "            OR h IN ('2D', '2E', '5F') THEN decode(unhex(h)) ELSE '~' || h END),\n"
    "        lambda a, b: a || b)\n"
    "END;\n\n";

char *lq_schema_sql(const char *path, bool store)
{
    struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *glob = lq_format("%s/**/*.parquet", path);
    const size_t len = strlen(path);
    const bool single = len > 8 && strcmp(path + len - 8, ".parquet") == 0;

    lq_buf_adds(&sql, "-- The views and macros of lq for any DuckDB: duckdb -init THIS_FILE\n"
                      "SET VARIABLE lq_paths = ");
    lq_db_add_literal(&sql, single ? path : glob);
    lq_buf_adds(&sql, ";\n\n");
    if (store)
        lq_buf_adds(&sql, escape_macro);
    lq_buf_adds(&sql, "CREATE TEMP VIEW lq_run_rows AS\nSELECT ");
    lq_buf_adds(&sql, store ? "lq_escape(namespace) || '/' || lq_escape(project) || '@' || "
                              "lq_escape(hostname) || ':' || run_id"
                            : "run_id::VARCHAR");
    lq_buf_addf(&sql, " AS ref, concat(file, '#', run_uid) AS run_key, *, '%s' AS place\nFROM (",
                store ? "store" : "local");
    lq_columns_add_select(&sql, true);
    lq_buf_adds(&sql, ")\nWHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL)\n"
                      "QUALIFY row_number() OVER (PARTITION BY coalesce(run_uid, file) ORDER BY "
                      "file) = 1;\n\nCREATE TEMP VIEW lq_event_rows AS\n"
                      "SELECT concat(file, '#', run_uid) AS run_key, ");
    lq_columns_add_event_names(&sql, "");
    lq_buf_adds(&sql, "\nFROM (");
    lq_columns_add_select(&sql, true);
    lq_buf_adds(&sql, ")\nWHERE event_id IS NOT NULL;\n\n");
    lq_buf_adds(&sql, lq_sql_views);
    lq_buf_adds(&sql, "\n");
    lq_buf_adds(&sql, lq_sql_macros);
    return lq_buf_detach(&sql);
}
