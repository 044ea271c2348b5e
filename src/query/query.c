/* SPDX-License-Identifier: MIT */
/* Opening a scope: files to run rows, each run once, then views over them. */
#include "query/query.h"
#include "base/alloc.h"
#include "base/file.h"
#include "query/columns.h"
#include "query/index.h"
#include "store/names.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* From this many files on a second thread pays for itself. */
#define FILES_PER_THREAD 32

/* ---- the files as a relation: lq_files(file, place, indexed) ---- */

static const struct lq_source_column file_columns[] = { { "file", LQ_VALUE_TEXT },
                                                        { "place", LQ_VALUE_TEXT },
                                                        { "indexed", LQ_VALUE_BOOL } };

static enum lq_status files_rewind(void *ctx, struct lq_error *err)
{
    struct lq_query *query = ctx;

    query->next_file = 0;
    return LQ_OK;
}

static enum lq_status files_next(void *ctx, struct lq_value *row, bool *more, struct lq_error *err)
{
    struct lq_query *query = ctx;
    const struct lq_file *file = &query->files.files[query->next_file];

    *more = query->next_file < query->files.count;
    if (!*more)
        return LQ_OK;
    row[0] = lq_value_text(file->path);
    row[1] = lq_value_text(file->in_store ? "store" : "local");
    row[2] = (struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = file->indexed };
    query->next_file++;
    return LQ_OK;
}

/* ---- reading ---- */

/* A file without run_uid was not written by this lq: its path stands in. */
static const char run_identity[] = "coalesce(run_uid, file)";

/* Append " UNION ALL SELECT … FROM index" for every index that is attached. */
static void add_indexed(struct lq_buf *sql, const struct lq_query *query, const char *table)
{
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        if (!query->indexes[i].attached)
            continue;
        lq_buf_adds(sql, " UNION ALL SELECT ");
        lq_columns_add_names(sql);
        lq_buf_addf(sql, ", file FROM %s.%s", query->indexes[i].name, table);
    }
}

/* Run rows of all files. An index may hold rows of files that are not in the scope: the join leaves
 * them out. */
static void add_load(struct lq_buf *sql, const struct lq_query *query, bool any_direct)
{
    lq_buf_adds(sql, "CREATE TEMP TABLE lq_run_rows AS "
                     "SELECT r.run_id::VARCHAR AS ref, r.*, f.place FROM (SELECT * FROM (");
    lq_columns_add_select(sql, any_direct);
    lq_buf_adds(sql, ") WHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL)");
    add_indexed(sql, query, "runs");
    lq_buf_adds(sql, ") r JOIN lq_files f USING (file) WHERE true");
}

static struct lq_value time_or_null(int64_t time)
{
    return time ? lq_value_time(time) : (struct lq_value){ .kind = LQ_VALUE_NULL };
}

#define MAX_FILTERS 7

/* Append the filters that are set. (One that is not, as a NULL parameter, would make the engine plan
 * the statement again.) */
static size_t add_filters(struct lq_buf *sql, const struct lq_scope *scope, struct lq_value *params)
{
    const struct {
        const char *condition; /* over $%zu */
        struct lq_value value;
    } filters[] = {
        { "namespace = $%zu::VARCHAR", lq_value_text(scope->namespace_) },
        { "project = $%zu::VARCHAR", lq_value_text(scope->project) },
        { "hostname = $%zu::VARCHAR", lq_value_text(scope->hostname) },
        { "source_type = $%zu::VARCHAR", lq_value_text(scope->source) },
        { "source_name = $%zu::VARCHAR", lq_value_text(scope->name) },
        { "started_at >= $%zu::TIMESTAMPTZ", time_or_null(scope->since) },
        { "started_at < $%zu::TIMESTAMPTZ", time_or_null(scope->until) },
    };
    size_t n_params = 0;

    for (size_t i = 0; i < LQ_COUNT(filters); i++) {
        const char *number = strstr(filters[i].condition, "%zu");

        if (filters[i].value.kind == LQ_VALUE_NULL)
            continue;
        params[n_params++] = filters[i].value;
        lq_buf_addf(sql, " AND %.*s%zu%s", (int)(number - filters[i].condition),
                    filters[i].condition, n_params, number + 3);
    }
    return n_params;
}

static size_t count_direct(const struct lq_query *query, bool in_store)
{
    size_t count = 0;

    for (size_t i = 0; i < query->files.count; i++)
        count += query->files.files[i].in_store == in_store && !query->files.files[i].indexed;
    return count;
}

/* Set lq_paths to the files that `relation` lists and that are read directly; whether there are any. */
static enum lq_status set_paths(struct lq_query *query, const char *relation, bool *any,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SET VARIABLE lq_paths = (SELECT list(file ORDER BY file) FROM lq_files "
                  "WHERE NOT indexed AND file IN (SELECT file FROM %s))",
                  relation);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    *any = count_direct(query, false) + count_direct(query, true) > 0;
    if (!*any)
        return LQ_OK;
    LQ_TRY(lq_db_script(query->db, sql, err));
    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY, "SELECT coalesce(len(getvariable('lq_paths')), 0)",
                       NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *any = lq_rows_get_int(rows, 0) > 0;
    return LQ_OK;
}

static enum lq_status load_runs(struct lq_query *query, struct lq_error *err)
{
    struct lq_value params[MAX_FILTERS];
    size_t n_params;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    bool any_direct;

    LQ_TRY(lq_db_script(query->db,
                        "DROP TABLE IF EXISTS lq_run_rows; DROP TABLE IF EXISTS lq_files; "
                        "CREATE TEMP TABLE lq_files AS SELECT * FROM lq_file_rows()",
                        err));
    LQ_TRY(set_paths(query, "lq_files", &any_direct, err));
    add_load(&sql, query, any_direct);
    n_params = add_filters(&sql, &query->scope, params);
    return lq_db_exec(query->db, lq_buf_text(&sql), params, n_params, err);
}

/* ---- damaged files ---- */

/* Whether an engine error comes from the statement, and so from no file. */
static bool is_statement_error(const struct lq_error *err)
{
    static const char *const kinds[] = { "Parser Error", "Binder Error", "Catalog Error" };

    for (size_t i = 0; i < LQ_COUNT(kinds); i++) {
        if (strncmp(err->message, kinds[i], strlen(kinds[i])) == 0)
            return true;
    }
    return false;
}

/* Whether the engine can read all of one file. */
static bool readable(struct lq_query *query, const struct lq_file *file, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    lq_buf_adds(&sql, "SET VARIABLE lq_paths = [");
    lq_db_add_literal(&sql, file->path);
    lq_buf_adds(&sql, "]");
    if (lq_db_script(query->db, lq_buf_text(&sql), err) != LQ_OK)
        return false;
    lq_buf_clear(&sql);
    lq_buf_adds(&sql, "SELECT count(*), max(hash(COLUMNS(*))) FROM (");
    lq_columns_add_select(&sql, true);
    lq_buf_adds(&sql, ")");
    return lq_db_query(query->db, LQ_DB_ANY, lq_buf_text(&sql), NULL, 0, &rows, err) == LQ_OK &&
           lq_rows_next(rows, &more, err) == LQ_OK;
}

/* Take the files out that cannot be read; false when there is none, so that trying again is of no
 * use. */
static bool drop_unreadable(struct lq_query *query)
{
    struct lq_file_list *list = &query->files;
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct lq_error reason = { 0 };

        if (list->files[i].indexed || readable(query, &list->files[i], &reason)) {
            list->files[kept++] = list->files[i];
            continue;
        }
        lq_file_warn(&query->scope, list->files[i].path, reason.message);
        if (!lq_db_error_passes(&reason) && !is_statement_error(&reason))
            lq_file_set_unreadable(list->files[i].path, &query->scope);
        free(list->files[i].path);
    }
    if (kept == list->count)
        return false;
    list->count = kept;
    return true;
}

/* Run a statement, with the views and macros that it names defined; all of them, when it names one in a
 * way of its own. */
static enum lq_status ask(struct lq_query *query, enum lq_db_guard guard, const char *sql,
                          const struct lq_value *params, size_t n_params, struct lq_rows **rows,
                          struct lq_error *err)
{
    enum lq_status status;

    LQ_TRY(lq_definitions_add(query, sql, err));
    status = lq_db_query(query->db, guard, sql, params, n_params, rows, err);
    if (status != LQ_SQL || strncmp(err->message, "Catalog Error", 13) != 0)
        return status;
    LQ_TRY(lq_definitions_add(query, NULL, err));
    return lq_db_query(query->db, guard, sql, params, n_params, rows, err);
}

/* ---- references ---- */

/* Call every run of one project and host "ns/proj@host:5", escaped as in folder names. */
static enum lq_status name_runs_of(struct lq_query *query, char *const origin[3],
                                   struct lq_error *err)
{
    static const char separators[] = { '/', '@', ':' };
    LQ_CLEANUP(lq_buf_release) struct lq_buf prefix = LQ_BUF_INIT;

    for (size_t i = 0; i < LQ_COUNT(separators); i++) {
        lq_name_add_partition(&prefix, lq_str_of(origin[i] ? origin[i] : ""));
        lq_buf_addc(&prefix, separators[i]);
    }
    return lq_db_exec(query->db,
                      "UPDATE lq_run_rows SET ref = $4 || run_id WHERE "
                      "namespace IS NOT DISTINCT FROM $1 AND project IS NOT DISTINCT FROM $2 AND "
                      "hostname IS NOT DISTINCT FROM $3",
                      (const struct lq_value[]){ lq_value_text(origin[0]), lq_value_text(origin[1]),
                                                 lq_value_text(origin[2]),
                                                 lq_value_text(lq_buf_text(&prefix)) },
                      4, err);
}

static enum lq_status name_runs_globally(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    char *(*origins)[3] = NULL;
    size_t count = 0, capacity = 0;
    enum lq_status status;
    bool more = true;

    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY,
                       "SELECT DISTINCT namespace, project, hostname FROM lq_run_rows", NULL, 0,
                       &rows, err));
    while ((status = lq_rows_next(rows, &more, err)) == LQ_OK && more) {
        LQ_GROW(origins, count, capacity);
        for (size_t i = 0; i < 3; i++)
            origins[count][i] = lq_rows_get_text(rows, i);
        count++;
    }
    lq_rows_free(&rows);
    for (size_t i = 0; i < count; i++) {
        if (status == LQ_OK)
            status = name_runs_of(query, origins[i], err);
        for (size_t k = 0; k < 3; k++)
            free(origins[i][k]);
    }
    free(origins);
    return status;
}

/* ---- opening ---- */

enum lq_status lq_query_add_log_relations(struct lq_query *query, const char *path,
                                          struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const struct lq_value file = lq_value_text(path);

    lq_buf_adds(&sql, "CREATE TEMP TABLE lq_run_rows AS SELECT NULL::VARCHAR AS ref, ");
    lq_columns_add_nulls(&sql);
    lq_buf_adds(&sql, ", $1 AS file, 'log' AS place");
    LQ_TRY(lq_db_exec(query->db, lq_buf_text(&sql), &file, 1, err));
    lq_buf_clear(&sql);
    lq_buf_adds(&sql, "CREATE TEMP VIEW lq_event_rows AS SELECT e.*, r.file FROM ("
                      "SELECT * FROM lq_log_rows() UNION ALL BY NAME SELECT ");
    lq_columns_add_nulls(&sql);
    lq_buf_adds(&sql, " WHERE false) e, lq_run_rows r");
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

/* The events of the runs that were selected. */
static enum lq_status add_event_rows(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    bool any_direct;

    LQ_TRY(set_paths(query, "lq_run_rows", &any_direct, err));
    if (query->scope.resident) {
        lq_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE lq_resident_rows AS SELECT * FROM (");
        lq_columns_add_select(&sql, any_direct);
        lq_buf_adds(&sql, ") WHERE event_id IS NOT NULL; "
                          "CREATE OR REPLACE TEMP VIEW lq_event_rows AS FROM lq_resident_rows");
    } else {
        lq_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW lq_event_rows AS SELECT * FROM (");
        lq_columns_add_select(&sql, any_direct);
        lq_buf_adds(&sql, ") WHERE event_id IS NOT NULL");
    }
    add_indexed(&sql, query, "events");
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

/* Count the runs; `*n_copies` of them are there twice. */
static enum lq_status count_runs(struct lq_query *query, int64_t *n_copies, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT count(*), count(DISTINCT %s) FROM lq_run_rows", run_identity);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    query->n_runs = lq_rows_get_int(rows, 1);
    *n_copies = lq_rows_get_int(rows, 0) - query->n_runs;
    return LQ_OK;
}

/* A run that lies in several places counts once: local copies stay, then the first by path. */
static enum lq_status drop_copies(struct lq_query *query, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("DELETE FROM lq_run_rows WHERE rowid NOT IN (SELECT rowid FROM lq_run_rows "
                  "QUALIFY row_number() OVER (PARTITION BY %s ORDER BY place, file) = 1)",
                  run_identity);

    return lq_db_script(query->db, sql, err);
}

static enum lq_status load(struct lq_query *query, struct lq_error *err)
{
    int64_t n_copies;

    LQ_TRY(load_runs(query, err));
    LQ_TRY(count_runs(query, &n_copies, err));
    if (n_copies > 0)
        LQ_TRY(drop_copies(query, err));
    if (query->global_refs)
        LQ_TRY(name_runs_globally(query, err));
    return add_event_rows(query, err);
}

/* The store's part that the scope covers; NULL when none. The caller's. */
static char *store_folder(const struct lq_scope *scope, const struct lq_project *project)
{
    struct lq_buf part = LQ_BUF_INIT;

    if (scope->data)
        return lq_strdup(scope->data);
    if (scope->global)
        return lq_strdup(scope->store);
    if (!scope->include_synced || !scope->store || !project)
        return NULL;
    lq_buf_addf(&part, "%s/namespace=", scope->store);
    lq_name_add_partition(&part, lq_str_of(project->config.namespace_));
    lq_buf_adds(&part, "/project=");
    lq_name_add_partition(&part, lq_str_of(project->config.project));
    return lq_buf_detach(&part);
}

/* What the scope's folders hold now. */
static enum lq_status list_folders(const struct lq_query *query, struct lq_file_list *files,
                                   struct lq_error *err)
{
    const struct lq_scope *scope = &query->scope;

    if (query->local_folder)
        LQ_TRY(lq_file_list_add(files, query->local_folder, false, true, scope, err));
    if (query->store_folder)
        LQ_TRY(lq_file_list_add(files, query->store_folder, true, !scope->data, scope, err));
    lq_file_list_sort(files);
    return LQ_OK;
}

static enum lq_status list_files(struct lq_query *query, const struct lq_project *project,
                                 struct lq_error *err)
{
    const struct lq_scope *scope = &query->scope;

    query->store_folder = store_folder(scope, project);
    if (project && !scope->data) {
        query->local_folder = lq_path_join(project->lq_dir, "logs");
        query->indexes[0] = (struct lq_query_index){
            .name = "local_index",
            .path = lq_path_join(project->lq_dir, "index.duckdb"),
        };
    }
    if (query->store_folder) {
        query->indexes[1] = (struct lq_query_index){
            .name = "store_index",
            .in_store = true,
            .path = lq_index_path(scope->data ? scope->data : scope->store, scope->cache_dir),
        };
    }
    LQ_TRY(list_folders(query, &query->files, err));
    query->stamp = lq_file_list_stamp(&query->files);
    return LQ_OK;
}

/* ---- indexes ---- */

/* A damaged index is removed, with a line: the next question makes it anew. */
static void say_damaged(const struct lq_query *query, const struct lq_query_index *index,
                        const char *reason)
{
    LQ_CLEANUP(lq_free) char *line =
        lq_format("the index '%s' is made anew: %s", index->path, reason);

    if (query->scope.warn)
        query->scope.warn(query->scope.warn_ctx, line);
    unlink(index->path);
}

/* Attach an index and mark the files that it holds. */
static enum lq_status attach(struct lq_query *query, struct lq_query_index *index,
                             struct lq_error *err)
{
    struct lq_error reason = { 0 };
    const enum lq_status status =
        lq_index_attach(query->db, index->path, index->name, &query->files, index->in_store,
                        &index->attached, &reason);

    if (status == LQ_CORRUPT) {
        say_damaged(query, index, reason.message);
        return LQ_OK;
    }
    if (status != LQ_OK && err)
        *err = reason;
    return status;
}

/* Whether the files listed are all that there are, so that others in an index are gone. */
static bool lists_everything(const struct lq_scope *scope)
{
    return !scope->include_synced && !scope->namespace_ && !scope->project && !scope->hostname &&
           !scope->source && !scope->since && !scope->until;
}

/* Do without the indexes that are damaged inside. False when none is: a mistake in somebody's SQL fails at
 * run time too. */
static bool forsake_indexes(struct lq_query *query)
{
    bool any = false;

    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        struct lq_query_index *index = &query->indexes[i];
        struct lq_error reason = { 0 };

        if (!index->attached || lq_index_verify(query->db, index->name, &reason) == LQ_OK)
            continue;
        any = true;
        index->attached = lq_index_detach(query->db, index->name, NULL) != LQ_OK;
        say_damaged(query, index, reason.message);
        for (size_t k = 0; k < query->files.count; k++)
            query->files.files[k].indexed &= query->files.files[k].in_store != index->in_store;
    }
    if (any)
        lq_file_list_check(&query->files, &query->scope);
    return any;
}

/* Load; without what turns out to be damaged: an index first, then files. */
static enum lq_status load_readable(struct lq_query *query, struct lq_error *err)
{
    enum lq_status status = load(query, err);

    if (status == LQ_SQL && forsake_indexes(query))
        status = load(query, err);
    if (status == LQ_SQL && drop_unreadable(query))
        status = load(query, err);
    return status;
}

/* Attach the indexes of the scope; one that lacks many files takes them in first. That it cannot be
 * written (read-only, another process is at it) only costs time: the files are read directly. */
static enum lq_status use_indexes(struct lq_query *query, struct lq_error *err)
{
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        struct lq_query_index *index = &query->indexes[i];

        if (!index->path)
            continue;
        LQ_TRY(attach(query, index, err));
        if (count_direct(query, index->in_store) <= LQ_INDEX_DIRECT_FILES ||
            lq_index_update(index->path, &query->files, index->in_store,
                            lists_everything(&query->scope), NULL) != LQ_OK)
            continue;
        if (index->attached)
            LQ_TRY(lq_index_detach(query->db, index->name, err));
        LQ_TRY(attach(query, index, err));
    }
    return LQ_OK;
}

static enum lq_status check_source(const char *source, struct lq_error *err)
{
    if (!source)
        return LQ_OK;
    if (lq_destination_has_credentials(source))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "a source must not hold credentials: give them in the environment");
    if (strstr(source, "://"))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot read '%s': only folders can be read so far",
                            source);
    return LQ_OK;
}

/* Indexes that are attached stay readable. The engine lets nobody open access again. Where it may
 * spill it could still read and write, and that is a folder such as /tmp: so it does not spill. */
static enum lq_status shut(struct lq_query *query, struct lq_error *err)
{
    LQ_TRY(lq_db_script(query->db,
                        "SET temp_directory = ''; SET enable_external_access = false; "
                        "SET lock_configuration = true",
                        err));
    query->shut = true;
    return LQ_OK;
}

/* ---- the engine, opened while the files are listed ---- */

struct opening {
    const struct lq_db_opts *opts;
    struct lq_db *db;
    enum lq_status status;
    struct lq_error error;
};

static void *open_engine(void *ctx)
{
    struct opening *opening = ctx;

    opening->status = lq_db_open(&opening->db, opening->opts, &opening->error);
    return NULL;
}

static enum lq_status list_and_open(struct lq_query *query, const struct lq_project *project,
                                    const struct lq_db_opts *opts, struct lq_error *err)
{
    struct opening opening = { .opts = opts };
    pthread_t thread;
    const bool threaded = pthread_create(&thread, NULL, open_engine, &opening) == 0;
    const enum lq_status listed = list_files(query, project, err);

    if (threaded)
        pthread_join(thread, NULL);
    else
        open_engine(&opening);
    query->db = opening.db;
    if (listed == LQ_OK && opening.status != LQ_OK && err)
        *err = opening.error;
    return listed == LQ_OK ? opening.status : listed;
}

static void *preload(void *ctx)
{
    if (lq_db_load(NULL) != LQ_OK)
        return ctx; /* who opens the query will hear of it */
    return NULL;
}

void lq_query_preload(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, preload, NULL) == 0)
        pthread_detach(thread);
}

enum lq_status lq_query_open(struct lq_query **out, const struct lq_project *project,
                             const struct lq_scope *scope, struct lq_error *err)
{
    static const struct lq_db_opts closed_opts = { .memory_limit = "1GB" };
    LQ_CLEANUP(lq_query_close) struct lq_query *query = lq_alloc(sizeof *query);

    query->source =
        (struct lq_source){ file_columns, LQ_COUNT(file_columns), files_rewind, files_next, query };
    query->scope = *scope;
    query->scope.resident = scope->resident || scope->closed;
    query->global_refs = scope->global || scope->include_synced || scope->data;
    LQ_TRY(check_source(scope->data, err));
    if (scope->global || scope->include_synced)
        LQ_TRY(check_source(scope->store, err));
    LQ_TRY(list_and_open(query, project, scope->closed ? &closed_opts : NULL, err));
    LQ_TRY(lq_db_add_source(query->db, "lq_file_rows", &query->source, err));
    LQ_TRY(use_indexes(query, err));
    lq_file_list_check(&query->files, scope);
    if (count_direct(query, false) + count_direct(query, true) > FILES_PER_THREAD)
        LQ_TRY(lq_db_script(query->db, "SET threads = 2", err));
    LQ_TRY(load_readable(query, err));
    if (scope->closed)
        LQ_TRY(shut(query, err));
    *out = LQ_TAKE(query);
    return LQ_OK;
}

int64_t lq_query_run_count(const struct lq_query *query)
{
    return query->n_runs;
}

enum lq_status lq_query_run(struct lq_query *query, bool user_sql, const char *sql,
                            const struct lq_value *params, size_t n_params, struct lq_rows **rows,
                            struct lq_error *err)
{
    const enum lq_db_guard guard = user_sql ? LQ_DB_SELECT : LQ_DB_ANY;
    struct lq_error first = { 0 };
    enum lq_status status = ask(query, guard, sql, params, n_params, rows, &first);

    if (status == LQ_SQL && !query->shut && !is_statement_error(&first) &&
        (forsake_indexes(query) || drop_unreadable(query))) {
        LQ_TRY(load_readable(query, err));
        status = ask(query, guard, sql, params, n_params, rows, &first);
        /* Without the index, the files themselves may be what is damaged. */
        if (status == LQ_SQL && drop_unreadable(query)) {
            LQ_TRY(load_readable(query, err));
            return lq_db_query(query->db, guard, sql, params, n_params, rows, err);
        }
    }
    if (status != LQ_OK && err)
        *err = first;
    return status;
}

/* Put the finished file in the place of `path`. */
static enum lq_status replace_file(const char *temporary, const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = open(temporary, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0 || rename(temporary, path) != 0)
        return lq_error_errno(err, errno, "cannot write '%s'", path);
    return LQ_OK;
}

enum lq_status lq_query_save(struct lq_query *query, bool user_sql, const char *sql,
                             const struct lq_value *params, size_t n_params, int64_t limit,
                             const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf copy = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.%ld~", path, (long)getpid());
    size_t len = strlen(sql);
    enum lq_status status;
    int fd;

    /* Alone first: so it is known to be one query, and damaged files are left out. */
    LQ_TRY(lq_query_run(query, user_sql, sql, params, n_params, &rows, err));
    lq_rows_free(&rows);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return lq_error_errno(err, errno, "cannot write '%s'", path);
    close(fd);
    while (len > 0 && (sql[len - 1] == ';' || isspace((unsigned char)sql[len - 1])))
        len--;
    lq_buf_adds(&copy, "COPY (SELECT * FROM (");
    lq_buf_add(&copy, sql, len);
    lq_buf_adds(&copy, "\n)");
    if (limit > 0)
        lq_buf_addf(&copy, " LIMIT %lld", (long long)limit);
    lq_buf_adds(&copy, ") TO ");
    lq_db_add_literal(&copy, temporary);
    lq_buf_adds(&copy, " (FORMAT parquet, COMPRESSION snappy)");
    status = lq_db_exec(query->db, lq_buf_text(&copy), params, n_params, err);
    if (status == LQ_OK)
        status = replace_file(temporary, path, err);
    if (status != LQ_OK)
        unlink(temporary);
    return status;
}

struct lq_query *lq_query_share(struct lq_query *query)
{
    query->n_shares++;
    return query;
}

bool lq_query_is_stale(const struct lq_query *query)
{
    LQ_CLEANUP(lq_file_list_release) struct lq_file_list now = { 0 };

    return list_folders(query, &now, NULL) != LQ_OK || lq_file_list_stamp(&now) != query->stamp;
}

void lq_query_interrupt(struct lq_query *query)
{
    lq_db_interrupt(query->db);
}

void lq_query_close(struct lq_query **out)
{
    struct lq_query *query = *out;

    *out = NULL;
    if (!query || query->n_shares-- > 0)
        return;
    lq_db_close(&query->db);
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++)
        free(query->indexes[i].path);
    lq_file_list_release(&query->files);
    lq_spill_free(&query->events);
    free(query->local_folder);
    free(query->store_folder);
    free(query->definitions);
    free(query);
}
