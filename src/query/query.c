/* SPDX-License-Identifier: MIT */
/* Opening a scope: which folders and indexes it covers, what in them is damaged; asking. */
#include "query/query.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "query/columns.h"
#include "query/relations.h"
#include "store/names.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* From this many files on a second thread pays for itself. */
#define FILES_PER_THREAD 64

/* ---- damaged files ---- */

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
        if (lq_file_error_lasts(&reason))
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

/* ---- opening ---- */

enum lq_status lq_query_add_log_relations(struct lq_query *query, const char *path,
                                          struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const struct lq_value file = lq_value_text(path);

    lq_buf_adds(&sql, "CREATE TEMP TABLE lq_run_rows AS SELECT NULL::VARCHAR AS ref, "
                      "0::BIGINT AS run_key, ");
    lq_columns_add_nulls(&sql);
    lq_buf_adds(&sql, ", $1 AS file, 'log' AS place");
    LQ_TRY(lq_db_exec(query->db, lq_buf_text(&sql), &file, 1, err));
    lq_buf_clear(&sql);
    lq_buf_adds(&sql, "CREATE TEMP VIEW lq_event_rows AS SELECT 0::BIGINT AS run_key, ");
    lq_columns_add_event_names(&sql, "e.");
    lq_buf_adds(&sql, " FROM (SELECT * FROM lq_log_rows() UNION ALL BY NAME SELECT ");
    lq_columns_add_nulls(&sql);
    lq_buf_adds(&sql, " WHERE false) e");
    return lq_db_script(query->db, lq_buf_text(&sql), err);
}

/* A root as it begins the paths of what lies in it: without slashes at its end. */
static char *root_of(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    return lq_strndup(path, len);
}

/* This project's part of a store. The caller's. */
static char *part_of(const char *store, const struct lq_project *project)
{
    LQ_CLEANUP(lq_free) char *root = lq_path_join(store, "");
    struct lq_buf part = LQ_BUF_INIT;

    lq_buf_addf(&part, "%snamespace=", root);
    lq_name_add_partition(&part, lq_str_of(project->config.namespace_));
    lq_buf_adds(&part, "/project=");
    lq_name_add_partition(&part, lq_str_of(project->config.project));
    return lq_buf_detach(&part);
}

/* Which folders and indexes a scope covers: one place that says so, for every command. */
static void find_places(struct lq_query *query, const struct lq_project *project)
{
    const struct lq_scope *scope = &query->scope;
    const bool with_store =
        scope->data || (scope->store && (scope->global || (scope->include_synced && project)));

    if (project && !scope->data) {
        query->local_root = lq_path_join(project->lq_dir, "logs");
        query->indexes[0] = (struct lq_index){
            .name = "local_index",
            .path = lq_path_join(project->lq_dir, "index.duckdb"),
        };
    }
    if (!with_store)
        return;
    query->store_root = root_of(scope->data ? scope->data : scope->store);
    query->store_folder = scope->include_synced && project ? part_of(query->store_root, project)
                                                           : lq_strdup(query->store_root);
    query->indexes[1] = (struct lq_index){
        .name = "store_index",
        .in_store = true,
        .path = lq_index_path(query->store_root, scope->cache_dir),
    };
}

/* List one of the scope's places, of which `known` is known. */
static enum lq_status list_place(const struct lq_query *query, bool in_store,
                                 struct lq_folders *known, struct lq_folders *seen,
                                 struct lq_file_list *files, struct lq_error *err)
{
    const struct lq_scope *scope = &query->scope;
    const struct lq_place place = {
        .root = in_store ? query->store_root : query->local_root,
        .folder = in_store ? query->store_folder : query->local_root,
        .in_store = in_store,
        .missing_ok = !in_store || !scope->data,
        .scope = scope,
        .now = scope->now ? scope->now + lq_time_monotonic() - scope->now_monotonic : 0,
        .known = known,
        .seen = seen,
    };

    return place.root ? lq_file_list_add(files, &place, err) : LQ_OK;
}

/* What is to be looked at in full is so when somebody asks for it. */
static bool may_know(const struct lq_query *query)
{
    return query->scope.index == LQ_INDEX_AUTO || query->scope.index == LQ_INDEX_KEEP;
}

static enum lq_status list_files(struct lq_query *query, const struct lq_project *project,
                                 struct lq_error *err)
{
    find_places(query, project);
    if (query->mirror.url)
        LQ_TRY(lq_mirror_update(&query->mirror, &query->scope, err));
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        struct lq_index *index = &query->indexes[i];

        if (index->path && may_know(query) && access(index->path, R_OK) == 0)
            lq_folders_load(&index->known, index->path);
        LQ_TRY(list_place(query, i == 1, &index->known, &index->seen, &query->files, err));
    }
    lq_file_list_sort(&query->files);
    return LQ_OK;
}

/* Without the index, or with another one, nothing is known: list all that was not. */
static enum lq_status list_again(struct lq_query *query, struct lq_index *index,
                                 struct lq_error *err)
{
    lq_folders_release(&index->known);
    lq_folders_release(&index->seen);
    lq_file_list_drop(&query->files, index->in_store);
    LQ_TRY(list_place(query, index->in_store, NULL, &index->seen, &query->files, err));
    lq_file_list_sort(&query->files);
    return LQ_OK;
}

/* ---- indexes ---- */

/* A damaged index is removed, with a line: the next question makes it anew. */
static void say_damaged(const struct lq_query *query, const struct lq_index *index,
                        const char *reason)
{
    LQ_CLEANUP(lq_free) char *line =
        lq_format("the index '%s' is made anew: %s", index->path, reason);

    if (query->scope.warn)
        query->scope.warn(query->scope.warn_ctx, line);
    unlink(index->path);
}

/* Attach an index and mark the files that it holds. */
static enum lq_status attach(struct lq_query *query, struct lq_index *index, struct lq_error *err)
{
    struct lq_error reason = { 0 };
    enum lq_status status = lq_index_attach(query->db, index, &reason);

    if (!lq_index_is_known(index))
        LQ_TRY(list_again(query, index, err));
    if (status == LQ_OK && index->attached)
        status = lq_index_mark(query->db, index, &query->files, &query->scope, &reason);
    if (status == LQ_CORRUPT) {
        say_damaged(query, index, reason.message);
        return index->known.count > 0 ? list_again(query, index, err) : LQ_OK;
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
        struct lq_index *index = &query->indexes[i];
        struct lq_error reason = { 0 };

        if (!index->attached || lq_index_verify(query->db, index, &reason) == LQ_OK)
            continue;
        any = lq_index_detach(query->db, index, NULL) == LQ_OK || any;
        say_damaged(query, index, reason.message);
        if (list_again(query, index, NULL) != LQ_OK)
            return false;
    }
    if (any)
        lq_file_list_check(&query->files, &query->scope);
    return any;
}

/* Load; without what turns out to be damaged: an index first, then files. */
static enum lq_status load_readable(struct lq_query *query, struct lq_error *err)
{
    enum lq_status status = lq_relations_load(query, err);

    if (status == LQ_SQL && forsake_indexes(query))
        status = lq_relations_load(query, err);
    if (status == LQ_SQL && drop_unreadable(query))
        status = lq_relations_load(query, err);
    return status;
}

/* Whether an index should take in what it lacks, and drop what is gone, before it answers. One that
 * holds just what is listed but does not say so learns it, once. */
static bool needs_update(const struct lq_query *query, const struct lq_index *index)
{
    const size_t n_direct = lq_relations_count_direct(query, index->in_store);

    if (query->scope.index == LQ_INDEX_KEEP)
        return false;
    if (query->scope.index != LQ_INDEX_AUTO)
        return !index->is_whole;
    if (n_direct > (index->attached ? LQ_INDEX_NEW_FILES : LQ_INDEX_DIRECT_FILES))
        return true;
    return index->attached && !index->is_whole && lists_everything(&query->scope) &&
           (n_direct == 0 || index->n_gone > LQ_INDEX_DIRECT_FILES);
}

/* Bring an index up to date. Unless that was asked for, one that cannot be written (read-only, another
 * process is at it) only costs time: the files are read directly. */
static enum lq_status update(struct lq_query *query, struct lq_index *index, struct lq_error *err)
{
    struct lq_error reason = { 0 };
    const enum lq_status status =
        lq_index_update(index, &query->files, lists_everything(&query->scope), &reason);

    if (status != LQ_OK) {
        if (query->scope.index == LQ_INDEX_AUTO)
            return LQ_OK;
        *err = reason;
        return status;
    }
    if (index->attached)
        LQ_TRY(lq_index_detach(query->db, index, err));
    return attach(query, index, err);
}

/* Attach the indexes of the scope; one that lacks many files takes them in first. */
static enum lq_status use_indexes(struct lq_query *query, struct lq_error *err)
{
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        struct lq_index *index = &query->indexes[i];

        if (!index->path)
            continue;
        if (query->scope.index == LQ_INDEX_REBUILD)
            unlink(index->path);
        LQ_TRY(attach(query, index, err));
        if (needs_update(query, index))
            LQ_TRY(update(query, index, err));
        if (lists_everything(&query->scope))
            lq_index_remember(index, &query->files);
    }
    return LQ_OK;
}

static enum lq_status check_source(const char *source, struct lq_error *err)
{
    if (!source || source[0] == '@' || strcmp(source, "-") == 0)
        return LQ_OK;
    if (strncmp(source, "http", 4) == 0 && strstr(source, "X-Amz-Signature"))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "a signed URL is a secret: put it into a file, and give -d @FILE");
    if (lq_destination_has_credentials(source))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "a source must not hold credentials: give them in the environment");
    if (strstr(source, "://") && strncmp(source, "s3://", 5) != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot read '%s': neither a folder nor s3://",
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

    query->scope = *scope;
    query->scope.resident = scope->resident || scope->closed;
    query->global_refs = scope->global || scope->include_synced || scope->data;
    LQ_TRY(check_source(scope->data, err));
    if (scope->global || scope->include_synced)
        LQ_TRY(check_source(scope->store, err));
    if (scope->offline && scope->data && (scope->data[0] == '@' || strcmp(scope->data, "-") == 0))
        return lq_error_set(err, LQ_BAD_INPUT, "signed URLs cannot be read with --offline");
    LQ_TRY(lq_shared_init(&query->shared, &query->scope, err));
    LQ_TRY(lq_mirror_init(&query->mirror, &query->scope, project, err));
    LQ_TRY(list_and_open(query, project, scope->closed ? &closed_opts : NULL, err));
    LQ_TRY(lq_file_source_add(&query->file_source, query->db, &query->files, err));
    LQ_TRY(lq_folder_source_add(&query->folder_source, query->db, query->indexes,
                                LQ_COUNT(query->indexes), err));
    LQ_TRY(lq_db_add_text_function(query->db, "lq_escape", lq_name_add_partition, err));
    LQ_TRY(use_indexes(query, err));
    lq_file_list_check(&query->files, scope);
    if (lq_relations_count_direct(query, false) + lq_relations_count_direct(query, true) >
        FILES_PER_THREAD)
        LQ_TRY(lq_db_script(query->db, "SET threads = 2", err));
    LQ_TRY(load_readable(query, err));
    if (scope->closed)
        LQ_TRY(shut(query, err));
    *out = LQ_TAKE(query);
    return LQ_OK;
}

int64_t lq_query_as_of(const struct lq_query *query, const char **url)
{
    *url = query->mirror.url;
    return query->mirror.as_of;
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

    if (status == LQ_SQL && !query->shut && !lq_is_statement_error(&first) &&
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

char *lq_query_unfinished(const char *path)
{
    return lq_format("%s.%ld~", path, (long)getpid());
}

enum lq_status lq_query_save(struct lq_query *query, bool user_sql, const char *sql,
                             const struct lq_value *params, size_t n_params, int64_t limit,
                             const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf copy = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *temporary = lq_query_unfinished(path);
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
    lq_buf_adds(&copy, " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)");
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

enum lq_status lq_query_need_log(const struct lq_query *query, const char *file,
                                 struct lq_error *err)
{
    return lq_mirror_fetch_raw(&query->mirror, &query->scope, file, err);
}

/* Whether a place holds other files than when it was listed. */
static bool is_stale(struct lq_query *query, bool in_store)
{
    struct lq_folders *then = &query->indexes[in_store].seen;
    LQ_CLEANUP(lq_file_list_release) struct lq_file_list files = { 0 };
    LQ_CLEANUP(lq_folders_release) struct lq_folders now = { 0 };

    return list_place(query, in_store, then->unsafe ? NULL : then, &now, &files, NULL) != LQ_OK ||
           lq_folders_stamp(&now, 0) != lq_folders_stamp(then, 0);
}

bool lq_query_is_stale(struct lq_query *query)
{
    if (query->mirror.url && lq_mirror_update(&query->mirror, &query->scope, NULL) != LQ_OK)
        return true;
    return is_stale(query, false) || is_stale(query, true);
}

size_t lq_query_indexes(const struct lq_query *query, struct lq_index_info info[LQ_INDEXES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        const struct lq_index *index = &query->indexes[i];
        struct stat status;

        if (!index->path)
            continue;
        info[n] = (struct lq_index_info){
            .folder = index->in_store ? query->store_root : query->local_root,
            .path = index->path,
            .in_store = index->in_store,
            .exists = index->attached,
            .size_bytes = index->attached && stat(index->path, &status) == 0 ? status.st_size : 0,
            .n_runs = index->n_runs,
            .n_lacking = (int64_t)lq_relations_count_direct(query, index->in_store),
            .n_files = index->n_files - index->n_gone,
            .n_gone = index->n_gone,
        };
        n++;
    }
    return n;
}

enum lq_status lq_index_drop(const struct lq_project *project, const struct lq_scope *scope,
                             size_t *n_dropped, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = lq_alloc(sizeof *query);

    *n_dropped = 0;
    query->scope = *scope;
    LQ_TRY(lq_mirror_init(&query->mirror, &query->scope, project, err));
    find_places(query, project);
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        const char *path = query->indexes[i].path;
        LQ_CLEANUP(lq_free) char *folders = path ? lq_folders_path(path) : NULL;

        if (!path)
            continue;
        unlink(folders);
        if (unlink(path) == 0)
            ++*n_dropped;
        else if (errno != ENOENT)
            return lq_error_errno(err, errno, "cannot remove '%s'", path);
    }
    return LQ_OK;
}

void lq_query_interrupt(struct lq_query *query)
{
    lq_db_interrupt(query->db);
}

void lq_query_tidy(struct lq_query *query)
{
    if (query)
        lq_shared_release(&query->shared);
}

void lq_query_close(struct lq_query **out)
{
    struct lq_query *query = *out;

    *out = NULL;
    if (!query || query->n_shares-- > 0)
        return;
    lq_db_close(&query->db);
    for (size_t i = 0; i < LQ_COUNT(query->indexes); i++) {
        free(query->indexes[i].path);
        free(query->indexes[i].gone);
        lq_folders_release(&query->indexes[i].known);
        lq_folders_release(&query->indexes[i].seen);
    }
    lq_file_list_release(&query->files);
    lq_spill_free(&query->events);
    lq_mirror_release(&query->mirror);
    lq_shared_release(&query->shared);
    free(query->local_root);
    free(query->store_root);
    free(query->store_folder);
    free(query->definitions);
    free(query);
}
