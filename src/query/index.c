/* SPDX-License-Identifier: MIT */
/* Building, attaching and replacing the index of a folder of run files. */
#include "query/index.h"
#include "base/alloc.h"
#include "base/file.h"
#include "query/columns.h"
#include "query/relations.h"
#include "store/names.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Counts up when the tables or the columns change. */
#define INDEX_VERSION "2"

/* Files read by one statement: fewer cost more planning, more cost memory. */
#define BATCH_FILES 100

/* So many files in a row that cannot be inserted, though each can be read, are a disk that is full. */
#define MAX_FAILURES 8

char *lq_index_path(const char *root, const char *cache_dir)
{
    LQ_CLEANUP(lq_free) char *real = realpath(root, NULL);
    char hash[LQ_SHA256_HEX_BYTES];

    if (!cache_dir || !real)
        return NULL;
    lq_sha256_hex(real, strlen(real), hash);
    return lq_format("%s/index-%.16s.duckdb", cache_dir, hash);
}

/* ---- attaching ---- */

/* What the index says of itself. Another version may lack a column: then it is another version. */
static enum lq_status read_meta(struct lq_db *db, struct lq_index *index, int64_t stamp,
                                int64_t *n_bad, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("SELECT stamp, n_runs, n_copies, n_bad FROM %s.meta "
                                              "WHERE version = '" INDEX_VERSION "'",
                                              index->name);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = false;

    if (lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, NULL) == LQ_OK)
        LQ_TRY(lq_rows_next(rows, &more, err));
    if (!more)
        return lq_error_set(err, LQ_CORRUPT, "it is of another version");
    index->is_whole = lq_rows_get_int(rows, 0) == stamp;
    index->n_runs = lq_rows_get_int(rows, 1);
    index->n_copies = lq_rows_get_int(rows, 2);
    *n_bad = lq_rows_get_int(rows, 3);
    return LQ_OK;
}

static void mark_all(struct lq_file_list *files, bool in_store, bool indexed)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->files[i].in_store == in_store)
            files->files[i].indexed = indexed;
    }
}

/* Of the files that are listed, mark those that the index holds as they are now. */
static enum lq_status mark_listed(struct lq_db *db, struct lq_index *index,
                                  struct lq_file_list *files, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *listed = lq_format("%s_listed", index->name);
    LQ_CLEANUP(lq_free) char *join = lq_format(
        "CREATE OR REPLACE TEMP TABLE %s AS SELECT f.file_no, l.position FROM lq_file_rows() l "
        "JOIN %s.files f ON f.file = l.name AND f.size_bytes = l.size_bytes AND "
        "f.mtime_ns = l.mtime_ns WHERE l.in_store = %s",
        listed, index->name, index->in_store ? "true" : "false");
    LQ_CLEANUP(lq_free) char *select =
        lq_format("SELECT position, (SELECT count(*) FROM %s.files) FROM %s", index->name, listed);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    int64_t n_files = 0, n_listed = 0;
    bool more = true;

    LQ_TRY(lq_db_script(db, join, err));
    LQ_TRY(lq_db_query(db, LQ_DB_ANY, select, NULL, 0, &rows, err));
    for (;;) {
        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            break;
        files->files[lq_rows_get_int(rows, 0)].indexed = true;
        n_files = lq_rows_get_int(rows, 1);
        n_listed++;
    }
    /* Of an index none of whose files is listed, no matter how many there are. */
    index->n_gone = n_listed == 0 ? index->n_runs : n_files - n_listed;
    if (index->n_gone > 0 || n_listed == 0)
        index->listed = LQ_TAKE(listed);
    return LQ_OK;
}

/* A line for each listed file that the index knows to be unreadable. */
static enum lq_status warn_of_bad(struct lq_db *db, const struct lq_index *index,
                                  const struct lq_scope *scope, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "SELECT l.path, f.reason FROM lq_file_rows() l JOIN %s.files f ON f.file = l.name "
        "WHERE f.reason IS NOT NULL AND l.indexed AND l.in_store = %s ORDER BY ALL",
        index->name, index->in_store ? "true" : "false");
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *path = NULL, *reason = NULL;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        path = lq_rows_get_text(rows, 0);
        reason = lq_rows_get_text(rows, 1);
        lq_file_warn(scope, path ? path : "", reason ? reason : "");
    }
}

static enum lq_status examine(struct lq_db *db, struct lq_index *index, struct lq_file_list *files,
                              const struct lq_scope *scope, struct lq_error *err)
{
    int64_t n_bad = 0;

    LQ_TRY(read_meta(db, index, lq_file_list_stamp(files, index->in_store), &n_bad, err));
    if (index->is_whole)
        mark_all(files, index->in_store, true);
    else
        LQ_TRY(mark_listed(db, index, files, err));
    return n_bad > 0 ? warn_of_bad(db, index, scope, err) : LQ_OK;
}

enum lq_status lq_index_detach(struct lq_db *db, struct lq_index *index, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("DETACH %s", index->name);

    lq_free(&index->listed);
    index->attached = index->is_whole = false;
    index->n_runs = index->n_copies = index->n_gone = 0;
    return lq_db_script(db, sql, err);
}

enum lq_status lq_index_verify(struct lq_db *db, const struct lq_index *index, struct lq_error *err)
{
    static const char *const tables[] = { "files", "runs", "events" };

    for (size_t i = 0; i < LQ_COUNT(tables); i++) {
        LQ_CLEANUP(lq_free) char *sql = lq_format("CREATE OR REPLACE TEMP TABLE lq_verified AS "
                                                  "SELECT max(hash(COLUMNS(*))) FROM %s.%s",
                                                  index->name, tables[i]);

        LQ_TRY(lq_db_script(db, sql, err));
    }
    return LQ_OK;
}

enum lq_status lq_index_attach(struct lq_db *db, struct lq_index *index, struct lq_file_list *files,
                               const struct lq_scope *scope, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_error reason = { 0 };

    if (access(index->path, R_OK) != 0)
        return LQ_OK;
    lq_buf_adds(&sql, "ATTACH ");
    lq_db_add_literal(&sql, index->path);
    lq_buf_addf(&sql, " AS %s (READ_ONLY)", index->name);
    if (lq_db_script(db, lq_buf_text(&sql), &reason) != LQ_OK)
        return lq_error_set(err, LQ_CORRUPT, "%s", reason.message);
    index->attached = true;
    if (examine(db, index, files, scope, &reason) == LQ_OK)
        return LQ_OK;
    mark_all(files, index->in_store, false);
    LQ_TRY(lq_index_detach(db, index, err));
    return lq_error_set(err, LQ_CORRUPT, "%s", reason.message);
}

/* ---- building ---- */

/* A writer's lock, beside the index: it goes with the process, whatever ends it. */
static enum lq_status lock(const char *path, int *fd, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *name = lq_format("%s.lock", path);

    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", name);
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
        return lq_error_set(err, LQ_EXISTS, "another process is writing '%s'", path);
    return LQ_OK;
}

/* Copy the index, if there is one that can be used; whether there is. */
static bool copy_index(const char *from, const char *to)
{
    LQ_CLEANUP(lq_close) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    LQ_CLEANUP(lq_close) int out = -1;
    struct stat info;
    off_t left;

    if (in < 0 || fstat(in, &info) != 0 || info.st_size == 0)
        return false;
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    for (left = out < 0 ? -1 : info.st_size; left > 0;) {
        const ssize_t n = sendfile(out, in, NULL, (size_t)left);

        if (n <= 0)
            break;
        left -= n;
    }
    return left == 0;
}

/* Writing an index: by several threads, each with a connection of its own, which take batches of files in
 * turn. That is quicker than one connection with as many threads of the engine's. */
struct build {
    struct lq_db *db;
    const struct lq_file_list *files;
    bool in_store, complete;
    bool *held;            /* of each file of the list: it is in there as it is now */
    int64_t first_file_no; /* of the list's first file; what is held keeps the number that it has */

    pthread_mutex_t lock;  /* over what follows */
    size_t next;           /* of the list */
    bool lacks_some;       /* a file could not be read this time, which may pass */
    enum lq_status status; /* the first failure, which ends all threads */
    struct lq_error error;
};

static enum lq_status create_tables(struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_adds(&sql, "CREATE TABLE idx.files (file_no INTEGER, file VARCHAR, size_bytes BIGINT, "
                      "mtime_ns BIGINT, reason VARCHAR);"
                      "CREATE TABLE idx.runs AS SELECT 0::BIGINT AS run_no, 0::INTEGER AS file_no, "
                      "'' AS file, '' AS global_ref, ");
    lq_columns_add_run_names(&sql, "");
    lq_buf_adds(&sql, " FROM (");
    lq_columns_add_select(&sql, false);
    lq_buf_adds(&sql, ");CREATE TABLE idx.events AS SELECT 0::BIGINT AS run_no, ");
    lq_columns_add_event_names(&sql, "");
    lq_buf_adds(&sql, " FROM (");
    lq_columns_add_select(&sql, false);
    lq_buf_adds(&sql, ")");
    return lq_db_script(build->db, lq_buf_text(&sql), err);
}

/* Append the statement that reads the files in lq_paths. */
static void add_read(struct lq_buf *sql)
{
    lq_buf_adds(sql, "CREATE OR REPLACE TEMP TABLE batch AS ");
    lq_columns_add_select(sql, true);
    lq_buf_adds(sql, ";");
}

/* Append the statements that insert the rows that were read. A run's number follows from its file's, so that
 * threads need not agree on it. */
static void add_inserts(struct lq_buf *sql)
{
    /* Two run rows with one identity in one file: the earlier one. */
    lq_buf_adds(sql, "CREATE OR REPLACE TEMP TABLE batch_runs AS "
                     "SELECT (l.file_no::BIGINT << 24) + "
                     "row_number() OVER (PARTITION BY l.file_no ORDER BY b.run_uid) AS run_no, "
                     "l.file_no, l.file AS name, b.* FROM batch b JOIN listed l ON l.path = b.file "
                     "WHERE b.event_id IS NULL AND (b.run_uid IS NOT NULL OR b.run_id IS NOT NULL) "
                     "QUALIFY row_number() OVER (PARTITION BY b.file, b.run_uid "
                     "ORDER BY b.started_at, b.run_id) = 1;"
                     "INSERT INTO idx.runs SELECT run_no, file_no, name, " LQ_SQL_GLOBAL_REF ", ");
    lq_columns_add_run_names(sql, "");
    lq_buf_adds(sql, " FROM batch_runs;INSERT INTO idx.events SELECT r.run_no, ");
    lq_columns_add_event_names(sql, "e.");
    lq_buf_adds(sql, " FROM batch e JOIN batch_runs r ON r.file = e.file AND "
                     "r.run_uid IS NOT DISTINCT FROM e.run_uid WHERE e.event_id IS NOT NULL;");
}

static void add_listed(struct lq_buf *sql, const struct build *build,
                       const struct lq_file *const *files, size_t count)
{
    lq_buf_adds(sql, "CREATE OR REPLACE TEMP TABLE listed AS FROM (VALUES ");
    for (size_t i = 0; i < count; i++) {
        const int64_t file_no = build->first_file_no + (files[i] - build->files->files);

        lq_buf_addf(sql, "%s(%lld::INTEGER, ", i ? "," : "", (long long)file_no);
        lq_db_add_literal(sql, files[i]->path);
        lq_buf_adds(sql, ", ");
        lq_db_add_literal(sql, files[i]->name);
        lq_buf_addf(sql, ", %lld::BIGINT, %lld::BIGINT)", (long long)files[i]->size_bytes,
                    (long long)files[i]->mtime_ns);
    }
    lq_buf_adds(sql, ") AS l(file_no, path, file, size_bytes, mtime_ns);"
                     "SET VARIABLE lq_paths = (SELECT list(path ORDER BY file_no) FROM listed);");
}

/* Read some files and insert their rows, all or none. With `reason`, remember that they cannot be read. */
static enum lq_status insert_files(const struct build *build, struct lq_db *db,
                                   const struct lq_file *const *files, size_t count,
                                   const char *reason, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    enum lq_status status;

    lq_buf_adds(&sql, "BEGIN;");
    add_listed(&sql, build, files, count);
    if (!reason) {
        add_read(&sql);
        add_inserts(&sql);
    }
    lq_buf_adds(&sql, "INSERT INTO idx.files SELECT file_no, file, size_bytes, mtime_ns, ");
    if (reason)
        lq_db_add_literal(&sql, reason);
    else
        lq_buf_adds(&sql, "NULL");
    lq_buf_adds(&sql, " FROM listed;COMMIT");
    status = lq_db_script(db, lq_buf_text(&sql), err);
    if (status != LQ_OK && lq_db_script(db, "ROLLBACK", NULL) != LQ_OK)
        return status; /* it was rolled back already */
    return status;
}

static void note_lack(struct build *build)
{
    pthread_mutex_lock(&build->lock);
    build->lacks_some = true;
    pthread_mutex_unlock(&build->lock);
}

/* Remember why a file cannot be read, if that lasts (it is not just being removed, memory did not run out).
 * `status` and `err`: how inserting it failed, which stands when reading does not. */
static enum lq_status insert_bad(struct build *build, struct lq_db *db, const struct lq_file *file,
                                 enum lq_status status, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_error reason = { 0 };

    add_listed(&sql, build, &file, 1);
    add_read(&sql);
    if (lq_db_script(db, lq_buf_text(&sql), &reason) != LQ_OK && lq_file_error_lasts(&reason))
        return insert_files(build, db, &file, 1, reason.message, err);
    note_lack(build);
    return status;
}

/* A damaged file fails its batch: half of it is tried, and half of that. When several files in a row do not
 * go in, it is not the files: the disk is full. */
static enum lq_status insert_batch(struct build *build, struct lq_db *db,
                                   const struct lq_file *const *files, size_t count,
                                   size_t *n_failed, struct lq_error *err)
{
    enum lq_status status = count > 0 ? insert_files(build, db, files, count, NULL, err) : LQ_OK;

    if (status == LQ_OK) {
        *n_failed = 0;
        return LQ_OK;
    }
    if (count > 1) {
        LQ_TRY(insert_batch(build, db, files, count / 2, n_failed, err));
        return insert_batch(build, db, files + count / 2, count - count / 2, n_failed, err);
    }
    status = insert_bad(build, db, files[0], status, err);
    *n_failed = status == LQ_OK ? 0 : *n_failed + 1;
    return *n_failed < MAX_FAILURES ? LQ_OK : status;
}

/* Those of a batch that look like Parquet stay in it; of the others the reason is remembered. */
static enum lq_status sort_out(struct build *build, struct lq_db *db, const struct lq_file *batch[],
                               size_t *count, struct lq_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        const char *reason = lq_file_reason_against(batch[i]->path);

        if (!reason)
            batch[kept++] = batch[i];
        else if (access(batch[i]->path, R_OK) == 0)
            LQ_TRY(insert_files(build, db, &batch[i], 1, reason, err));
        else
            note_lack(build);
    }
    *count = kept;
    return LQ_OK;
}

/* Take the next files that are not held; how many. */
static size_t take_batch(struct build *build, const struct lq_file *batch[])
{
    size_t n = 0;

    pthread_mutex_lock(&build->lock);
    for (; n < BATCH_FILES && build->next < build->files->count && build->status == LQ_OK;
         build->next++) {
        const struct lq_file *file = &build->files->files[build->next];

        if (file->in_store == build->in_store && !build->held[build->next])
            batch[n++] = file;
    }
    pthread_mutex_unlock(&build->lock);
    return n;
}

static enum lq_status insert_batches(struct build *build, struct lq_db *db, struct lq_error *err)
{
    const struct lq_file *batch[BATCH_FILES];
    size_t n, n_failed = 0;

    /* A connection's own: without it each column of each file is read for itself. */
    LQ_TRY(lq_db_script(db, "SET prefetch_all_parquet_files = true", err));
    while ((n = take_batch(build, batch)) > 0) {
        LQ_TRY(sort_out(build, db, batch, &n, err));
        LQ_TRY(insert_batch(build, db, batch, n, &n_failed, err));
    }
    return LQ_OK;
}

static void note_failure(struct build *build, enum lq_status status, const struct lq_error *error)
{
    pthread_mutex_lock(&build->lock);
    if (build->status == LQ_OK) {
        build->status = status;
        build->error = *error;
    }
    pthread_mutex_unlock(&build->lock);
}

static void *insert_thread(void *ctx)
{
    struct build *build = ctx;
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    struct lq_error error = { 0 };
    enum lq_status status = lq_db_connect(&db, build->db, &error);

    if (status == LQ_OK)
        status = insert_batches(build, db, &error);
    if (status != LQ_OK)
        note_failure(build, status, &error);
    return NULL;
}

static enum lq_status insert_new(struct build *build, struct lq_error *err)
{
    pthread_t thread;
    bool threaded;
    struct lq_error error = { 0 };
    enum lq_status status;

    pthread_mutex_init(&build->lock, NULL);
    threaded = pthread_create(&thread, NULL, insert_thread, build) == 0;
    status = insert_batches(build, build->db, &error);
    if (status != LQ_OK)
        note_failure(build, status, &error);
    if (threaded)
        pthread_join(thread, NULL);
    pthread_mutex_destroy(&build->lock);
    if (build->status != LQ_OK && err)
        *err = build->error;
    return build->status;
}

/* Drop the rows of files that are gone, or that have changed and come in again; what is left is held. By
 * the copy itself: since this process attached the index, another may have replaced it. */
static enum lq_status keep_listed(struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "CREATE TEMP TABLE found AS SELECT f.file_no, l.position, "
        "l.size_bytes = f.size_bytes AND l.mtime_ns = f.mtime_ns AS same FROM idx.files f "
        "LEFT JOIN lq_file_rows() l ON l.name = f.file AND l.in_store = %s;"
        "CREATE TEMP TABLE gone AS SELECT file_no FROM found WHERE NOT coalesce(same, %s);"
        "DELETE FROM idx.events WHERE run_no IN "
        "(SELECT run_no FROM idx.runs WHERE file_no IN (FROM gone));"
        "DELETE FROM idx.runs WHERE file_no IN (FROM gone);"
        "DELETE FROM idx.files WHERE file_no IN (FROM gone)",
        build->in_store ? "true" : "false", build->complete ? "false" : "true");
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    LQ_TRY(lq_db_script(build->db, sql, err));
    LQ_TRY(lq_db_query(build->db, LQ_DB_ANY,
                       "SELECT position, max(file_no) OVER () FROM found WHERE same", NULL, 0,
                       &rows, err));
    for (;;) {
        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        build->held[lq_rows_get_int(rows, 0)] = true;
        build->first_file_no = lq_rows_get_int(rows, 1) + 1;
    }
}

/* Say what is in it. */
static enum lq_status finish(const struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "CREATE OR REPLACE TABLE idx.meta AS SELECT '" INDEX_VERSION "' AS version, "
        "%lld::BIGINT AS stamp, (SELECT count(*) FROM idx.runs) AS n_runs, "
        "(SELECT count(*) - count(DISTINCT coalesce(run_uid, file)) FROM idx.runs) AS n_copies, "
        "(SELECT count(reason) FROM idx.files) AS n_bad;"
        "DETACH idx",
        build->complete && !build->lacks_some
            ? (long long)lq_file_list_stamp(build->files, build->in_store)
            : 0LL);

    return lq_db_script(build->db, sql, err);
}

static enum lq_status write_index(struct build *build, const char *temporary, bool copied,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_file_source source;

    LQ_TRY(lq_file_source_add(&source, build->db, build->files, err));
    LQ_TRY(lq_db_add_text_function(build->db, "lq_escape", lq_name_add_partition, err));
    lq_buf_adds(&sql, "SET enable_external_file_cache = false;"
                      "SET preserve_insertion_order = false;"
                      "ATTACH ");
    lq_db_add_literal(&sql, temporary);
    lq_buf_adds(&sql, " AS idx");
    LQ_TRY(lq_db_script(build->db, lq_buf_text(&sql), err));
    LQ_TRY(copied ? keep_listed(build, err) : create_tables(build, err));
    LQ_TRY(insert_new(build, err));
    return finish(build, err);
}

enum lq_status lq_index_update(const struct lq_index *index, const struct lq_file_list *files,
                               bool complete, struct lq_error *err)
{
    static const struct lq_db_opts opts = { .memory_limit = "80MB" };
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.new", index->path);
    LQ_CLEANUP(lq_free) char *wal = lq_format("%s.wal", temporary);
    LQ_CLEANUP(lq_free) char *folder =
        lq_strndup(index->path, (size_t)(lq_path_base(index->path) - index->path));
    LQ_CLEANUP(lq_close) int fd = -1;
    LQ_CLEANUP(lq_free) bool *held = lq_alloc(files->count * sizeof *held);
    struct build build = {
        .files = files, .in_store = index->in_store, .complete = complete, .held = held
    };
    enum lq_status status;

    LQ_TRY(lq_mkdirs(folder, err));
    LQ_TRY(lock(index->path, &fd, err));
    /* What a killed writer left. */
    unlink(temporary);
    unlink(wal);
    LQ_TRY(lq_db_open(&build.db, &opts, err));
    status =
        write_index(&build, temporary, index->attached && copy_index(index->path, temporary), err);
    lq_db_close(&build.db);
    if (status == LQ_OK && rename(temporary, index->path) != 0)
        status = lq_error_errno(err, errno, "cannot rename '%s'", temporary);
    unlink(wal);
    if (status != LQ_OK)
        unlink(temporary);
    return status;
}
