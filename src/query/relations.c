/* SPDX-License-Identifier: MIT */
/* lq_run_rows and lq_event_rows: indexes and files under one roof. */
#include "query/relations.h"
#include "base/alloc.h"
#include "base/file.h"
#include "query/columns.h"

/* Run keys of files that are read directly are apart from the run numbers of indexes. */
#define DIRECT_KEYS (INT64_C(1) << 57)

/* ---- filters ---- */

static const struct {
    const char *name, *type, *condition;
} filters[] = {
    { "namespace", "VARCHAR", "namespace = %s" },  { "project", "VARCHAR", "project = %s" },
    { "hostname", "VARCHAR", "hostname = %s" },    { "source", "VARCHAR", "source_type = %s" },
    { "name", "VARCHAR", "source_name = %s" },     { "since", "TIMESTAMPTZ", "started_at >= %s" },
    { "until", "TIMESTAMPTZ", "started_at < %s" },
};

static struct lq_value time_or_null(int64_t time)
{
    return time ? lq_value_time(time) : (struct lq_value){ .kind = LQ_VALUE_NULL };
}

/* The values of a scope, in the order of `filters`. */
static void filter_values(const struct lq_scope *scope, struct lq_value values[])
{
    const struct lq_value all[LQ_COUNT(filters)] = {
        lq_value_text(scope->namespace_), lq_value_text(scope->project),
        lq_value_text(scope->hostname),   lq_value_text(scope->source),
        lq_value_text(scope->name),       time_or_null(scope->since),
        time_or_null(scope->until),
    };

    memcpy(values, all, sizeof all);
}

/* Bind the values and put them into the variable lq_filter: a view takes no parameters, and so a value is
 * never part of its text. */
static enum lq_status set_filters(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_value values[LQ_COUNT(filters)];
    bool any = false;

    filter_values(&query->scope, values);
    lq_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE lq_filter AS SELECT ");
    for (size_t i = 0; i < LQ_COUNT(filters); i++) {
        lq_buf_addf(&sql, "%s$%zu::%s AS \"%s\"", i ? ", " : "", i + 1, filters[i].type,
                    filters[i].name);
        any |= values[i].kind != LQ_VALUE_NULL;
    }
    if (!any)
        return LQ_OK;
    LQ_TRY(lq_db_exec(query->db, lq_buf_text(&sql), values, LQ_COUNT(filters), err));
    return lq_db_script(query->db, "SET VARIABLE lq_filter = (SELECT f FROM lq_filter f)", err);
}

/* Append " AND …" for each filter that is set. */
static void add_filters(struct lq_buf *sql, const struct lq_query *query)
{
    struct lq_value values[LQ_COUNT(filters)];

    filter_values(&query->scope, values);
    for (size_t i = 0; i < LQ_COUNT(filters); i++) {
        const char *condition = filters[i].condition, *at = strstr(condition, "%s");

        if (values[i].kind == LQ_VALUE_NULL)
            continue;
        lq_buf_addf(sql, " AND %.*sgetvariable('lq_filter').\"%s\"", (int)(at - condition),
                    condition, filters[i].name);
    }
}

static bool has_filters(const struct lq_query *query)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    add_filters(&sql, query);
    return sql.len > 0;
}

/* ---- files that no index holds ---- */

size_t lq_relations_count_direct(const struct lq_query *query, bool in_store)
{
    size_t count = 0;

    for (size_t i = 0; i < query->files.count; i++)
        count += query->files.files[i].in_store == in_store && !query->files.files[i].indexed;
    return count;
}

static size_t count_all_direct(const struct lq_query *query)
{
    return lq_relations_count_direct(query, false) + lq_relations_count_direct(query, true);
}

/* So much is read into memory at once; of more, events are read again by each question. */
#define READ_AT_ONCE_BYTES (INT64_C(4) << 20)

static bool read_at_once(const struct lq_query *query)
{
    int64_t size_bytes = 0;

    for (size_t i = 0; i < query->files.count; i++)
        size_bytes += query->files.files[i].indexed ? 0 : query->files.files[i].size_bytes;
    return query->scope.resident || size_bytes <= READ_AT_ONCE_BYTES;
}

/* Append what their rows are read from. */
static void add_direct_rows(struct lq_buf *sql, const struct lq_query *query, bool any)
{
    if (read_at_once(query))
        lq_buf_adds(sql, "FROM lq_direct_rows");
    else
        lq_columns_add_select(sql, any);
}

/* Read their runs, each as often as it lies there. */
static enum lq_status load_direct_runs(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const bool any = count_all_direct(query) > 0;

    /* Without prefetching, each column of each file is read for itself. */
    lq_buf_adds(&sql, "SET prefetch_all_parquet_files = true;"
                      "CREATE OR REPLACE TEMP TABLE lq_direct AS "
                      "SELECT path, in_store FROM lq_file_rows() WHERE NOT indexed;"
                      "SET VARIABLE lq_paths = (SELECT list(path ORDER BY path) FROM lq_direct);");
    if (read_at_once(query)) {
        lq_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE lq_direct_rows AS ");
        lq_columns_add_select(&sql, any);
    }
    LQ_TRY(lq_db_script(query->db, lq_buf_text(&sql), err));
    lq_buf_clear(&sql);
    lq_buf_addf(&sql,
                "CREATE OR REPLACE TEMP TABLE lq_direct_runs AS "
                "SELECT %s AS ref, row_number() OVER () + %lld AS run_key, r.*, "
                "if(d.in_store, 'store', 'local') AS place FROM (SELECT * FROM (",
                query->global_refs ? LQ_SQL_GLOBAL_REF : "run_id::VARCHAR", (long long)DIRECT_KEYS);
    add_direct_rows(&sql, query, any);
    lq_buf_adds(&sql, ") WHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL)");
    add_filters(&sql, query);
    lq_buf_adds(&sql, ") r JOIN lq_direct d ON d.path = r.file");
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

/* Those of them that count are known: let events be read from their files only. */
static enum lq_status narrow_direct(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    if (!read_at_once(query))
        LQ_TRY(lq_db_script(query->db,
                            "SET VARIABLE lq_paths = "
                            "(SELECT list(DISTINCT file ORDER BY file) FROM lq_direct_runs)",
                            err));
    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY, "SELECT count(*) FROM lq_direct_runs", NULL, 0, &rows,
                       err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    query->n_direct_runs = lq_rows_get_int(rows, 0);
    return LQ_OK;
}

/* A SELECT of their events with the key of the run; those of other runs find none. */
static void add_direct_events(struct lq_buf *sql, const struct lq_query *query)
{
    lq_buf_adds(sql, "SELECT r.run_key, ");
    lq_columns_add_event_names(sql, "e.");
    lq_buf_adds(sql, " FROM (");
    add_direct_rows(sql, query, query->n_direct_runs > 0);
    lq_buf_adds(sql, ") e JOIN lq_direct_runs r ON r.file = e.file AND "
                     "r.run_uid IS NOT DISTINCT FROM e.run_uid WHERE e.event_id IS NOT NULL");
}

/* ---- indexes ---- */

/* The path of a run's file. */
static void add_file(struct lq_buf *sql, const struct lq_query *query, const struct lq_index *index)
{
    LQ_CLEANUP(lq_free) char *folder =
        lq_path_join(index->in_store ? query->store_root : query->local_root, "");

    lq_db_add_literal(sql, folder);
    lq_buf_adds(sql, " || file");
}

/* Append " WHERE …": the rows of the scope. */
static void add_scope(struct lq_buf *sql, const struct lq_query *query,
                      const struct lq_index *index)
{
    lq_buf_adds(sql, " WHERE true");
    if (index->gone)
        lq_buf_addf(sql, " AND file_no NOT IN (FROM %s)", index->gone);
    add_filters(sql, query);
}

/* The same, of runs that count. */
static void add_counted(struct lq_buf *sql, const struct lq_query *query,
                        const struct lq_index *index)
{
    add_scope(sql, query, index);
    if (query->has_copies)
        lq_buf_adds(sql, " AND run_no NOT IN (FROM lq_copies)");
}

static void add_index_runs(struct lq_buf *sql, const struct lq_query *query,
                           const struct lq_index *index)
{
    lq_buf_addf(sql, "SELECT %s AS ref, ", query->global_refs ? "global_ref" : "run_id::VARCHAR");
    lq_buf_adds(sql, "run_no AS run_key, ");
    lq_columns_add_run_row(sql);
    lq_buf_adds(sql, ", ");
    add_file(sql, query, index);
    lq_buf_addf(sql, " AS file, '%s' AS place FROM %s.runs", index->in_store ? "store" : "local",
                index->name);
    add_counted(sql, query, index);
}

/* ---- each run once ---- */

/* Whether a run may lie in several places. Within one file it does not, nor within an index that says so. */
static bool may_have_copies(const struct lq_query *query)
{
    size_t n_places = count_all_direct(query);

    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        if (query->indexes[i].attached)
            n_places += query->indexes[i].n_copies > 0 ? 2 : 1;
    }
    return n_places > 1;
}

/* The only attached index, which holds each of its runs once: then just what is read directly may be there
 * twice. NULL: it is not so. */
static const struct lq_index *only_index(const struct lq_query *query)
{
    const struct lq_index *only = NULL;

    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        if (!query->indexes[i].attached)
            continue;
        if (only || query->indexes[i].n_copies > 0)
            return NULL;
        only = &query->indexes[i];
    }
    return only;
}

/* Append a SELECT of what tells the runs of all places apart, and which of two counts. */
static void add_identities(struct lq_buf *sql, const struct lq_query *query)
{
    /* A file without run_uid was not written by this lq: its path stands in. */
    lq_buf_adds(sql, "SELECT run_key, coalesce(run_uid, file) AS id, place, file "
                     "FROM lq_direct_runs");
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        const struct lq_index *index = &query->indexes[i];

        if (!index->attached)
            continue;
        lq_buf_adds(sql, " UNION ALL SELECT run_no, coalesce(run_uid, ");
        add_file(sql, query, index);
        lq_buf_addf(sql, ") AS id, '%s' AS place, ", index->in_store ? "store" : "local");
        add_file(sql, query, index);
        lq_buf_addf(sql, " AS file FROM %s.runs", index->name);
        add_scope(sql, query, index);
        /* A run without run_uid is its file, which lies in one place. */
        if (only_index(query))
            lq_buf_adds(sql, " AND run_uid IN (SELECT run_uid FROM lq_direct_runs)");
    }
}

/* Make lq_copies, the keys of the runs that do not count: local ones stay, then the first by path. */
static enum lq_status find_copies(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    query->has_copies = false;
    if (!may_have_copies(query))
        return LQ_OK;
    lq_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE lq_copies AS WITH all_runs AS MATERIALIZED (");
    add_identities(&sql, query);
    lq_buf_adds(&sql, "), twice AS (SELECT id FROM all_runs GROUP BY id HAVING count(*) > 1) "
                      "SELECT run_key FROM (SELECT * FROM all_runs SEMI JOIN twice USING (id)) "
                      "QUALIFY row_number() OVER (PARTITION BY id ORDER BY place, file, run_key) > "
                      "1");
    LQ_TRY(lq_db_script(query->db, lq_buf_text(&sql), err));
    LQ_TRY(
        lq_db_query(query->db, LQ_DB_ANY, "SELECT 1 FROM lq_copies LIMIT 1", NULL, 0, &rows, err));
    query->has_copies = !lq_rows_is_empty(rows);
    lq_rows_free(&rows);
    return query->has_copies
               ? lq_db_script(query->db,
                              "DELETE FROM lq_direct_runs WHERE run_key IN (FROM lq_copies)", err)
               : LQ_OK;
}

/* ---- both relations ---- */

static enum lq_status add_run_rows(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const char *before = "";

    lq_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW lq_run_rows AS ");
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        if (!query->indexes[i].attached)
            continue;
        lq_buf_adds(&sql, before);
        add_index_runs(&sql, query, &query->indexes[i]);
        before = " UNION ALL ";
    }
    if (query->n_direct_runs > 0 || !*before)
        lq_buf_addf(&sql, "%sFROM lq_direct_runs", before);
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

static enum lq_status add_event_rows(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const char *before = "";
    const bool any = query->n_direct_runs > 0;

    lq_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW lq_event_rows AS ");
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        const struct lq_index *index = &query->indexes[i];

        if (!index->attached)
            continue;
        lq_buf_addf(&sql, "%sSELECT run_no AS run_key, ", before);
        lq_columns_add_event_names(&sql, "");
        lq_buf_addf(&sql, " FROM %s.events", index->name);
        before = " UNION ALL ";
    }
    if (any || !*before) {
        lq_buf_adds(&sql, before);
        add_direct_events(&sql, query);
    }
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

/* How many runs there are; indexes that are in the scope as a whole know. */
static enum lq_status count_runs(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more, known = !query->has_copies && !has_filters(query);

    query->n_runs = query->n_direct_runs;
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        query->n_runs += query->indexes[i].n_runs;
        known &= !query->indexes[i].gone;
    }
    if (known)
        return LQ_OK;
    LQ_TRY(
        lq_db_query(query->db, LQ_DB_ANY, "SELECT count(*) FROM lq_run_rows", NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    query->n_runs = lq_rows_get_int(rows, 0);
    return LQ_OK;
}

enum lq_status lq_relations_load(struct lq_query *query, struct lq_error *err)
{
    const bool any_index = query->indexes[0].attached || query->indexes[1].attached;
    const bool any_direct = count_all_direct(query) > 0;

    LQ_TRY(set_filters(query, err));
    if (any_direct || !any_index || may_have_copies(query))
        LQ_TRY(load_direct_runs(query, err));
    LQ_TRY(find_copies(query, err));
    query->n_direct_runs = 0;
    if (any_direct)
        LQ_TRY(narrow_direct(query, err));
    LQ_TRY(add_run_rows(query, err));
    LQ_TRY(add_event_rows(query, err));
    return count_runs(query, err);
}

enum lq_status lq_query_first_events(struct lq_query *query, const char *severity, int64_t n,
                                     int64_t *since, struct lq_error *err)
{
    const bool errors = severity && strcmp(severity, "error") == 0;
    const bool warnings = severity && strcmp(severity, "warning") == 0;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    *since = 0;
    /* Of n runs each has one at least. What is read directly can only add to them. */
    for (size_t i = 0; n > 0 && (errors || warnings) && i < LQ_COUNT(query->indexes); i++) {
        if (!query->indexes[i].attached)
            continue;
        lq_buf_addf(&sql, "%s SELECT started_at AS t FROM %s.runs",
                    sql.len > 0 ? " UNION ALL" : "SELECT if(isfinite(t), epoch_us(t), 0) FROM (",
                    query->indexes[i].name);
        add_counted(&sql, query, &query->indexes[i]);
        lq_buf_adds(&sql, errors ? " AND n_errors > 0" : " AND n_warnings > 0");
    }
    if (sql.len == 0)
        return LQ_OK;
    lq_buf_addf(&sql, ") ORDER BY t DESC LIMIT 1 OFFSET %lld", (long long)n - 1);
    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY, lq_buf_text(&sql), NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *since = more ? lq_rows_get_int(rows, 0) : 0;
    return LQ_OK;
}
