/* SPDX-License-Identifier: MIT */
/* Building, attaching and replacing the index of a folder of run files. */
#include "query/index.h"
#include "base/alloc.h"
#include "base/file.h"
#include "query/columns.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Counts up when the tables or the columns change. */
#define INDEX_VERSION "1"

/* Files read by one statement: fewer cost more planning, more cost memory. */
#define BATCH_FILES 100

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

/* Mark the files that the index holds. Run files do not change: one that did makes the index useless,
 * for its old rows are in it. */
static enum lq_status mark_indexed(struct lq_db *db, const char *name, struct lq_file_list *files,
                                   bool in_store, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT file, size_bytes, mtime_ns FROM %s.files", name);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *path = NULL;
        struct lq_file *file;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        path = lq_rows_get_text(rows, 0);
        file = path ? lq_file_list_find(files, path) : NULL;
        if (!file || file->in_store != in_store)
            continue;
        if (file->size_bytes != lq_rows_get_int(rows, 1) ||
            file->mtime_ns != lq_rows_get_int(rows, 2))
            return lq_error_set(err, LQ_CORRUPT, "'%s' was replaced", path);
        file->indexed = true;
    }
}

static enum lq_status check_version(struct lq_db *db, const char *name, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT 1 FROM %s.meta WHERE version = '" INDEX_VERSION "'", name);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    if (lq_rows_is_empty(rows))
        return lq_error_set(err, LQ_CORRUPT, "it is of another version");
    return LQ_OK;
}

enum lq_status lq_index_detach(struct lq_db *db, const char *name, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("DETACH %s", name);

    return lq_db_script(db, sql, err);
}

enum lq_status lq_index_verify(struct lq_db *db, const char *name, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("CREATE OR REPLACE TEMP TABLE lq_verified AS "
                                              "SELECT max(hash(COLUMNS(*))) FROM %s.runs;"
                                              "CREATE OR REPLACE TEMP TABLE lq_verified AS "
                                              "SELECT max(hash(COLUMNS(*))) FROM %s.events",
                                              name, name);

    return lq_db_script(db, sql, err);
}

enum lq_status lq_index_attach(struct lq_db *db, const char *path, const char *name,
                               struct lq_file_list *files, bool in_store, bool *attached,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_error reason = { 0 };
    enum lq_status status;

    *attached = false;
    if (access(path, R_OK) != 0)
        return LQ_OK;
    lq_buf_adds(&sql, "ATTACH ");
    lq_db_add_literal(&sql, path);
    lq_buf_addf(&sql, " AS %s (READ_ONLY)", name);
    if (lq_db_script(db, lq_buf_text(&sql), &reason) != LQ_OK)
        return lq_error_set(err, LQ_CORRUPT, "%s", reason.message);
    status = check_version(db, name, &reason);
    if (status == LQ_OK)
        status = mark_indexed(db, name, files, in_store, &reason);
    *attached = status == LQ_OK;
    if (*attached)
        return LQ_OK;
    for (size_t i = 0; i < files->count; i++)
        files->files[i].indexed = files->files[i].indexed && files->files[i].in_store != in_store;
    LQ_TRY(lq_index_detach(db, name, err));
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

static enum lq_status create_tables(struct lq_db *db, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_adds(&sql, "CREATE TABLE idx.meta AS SELECT '" INDEX_VERSION "' AS version;"
                      "CREATE TABLE idx.files (file VARCHAR, size_bytes BIGINT, mtime_ns BIGINT);"
                      "CREATE TABLE idx.runs AS ");
    lq_columns_add_select(&sql, false);
    lq_buf_adds(&sql, ";CREATE TABLE idx.events AS ");
    lq_columns_add_select(&sql, false);
    return lq_db_script(db, lq_buf_text(&sql), err);
}

/* Read some files and insert their rows, all or none. */
static enum lq_status insert_files(struct lq_db *db, const struct lq_file *const *files,
                                   size_t count, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    enum lq_status status;

    lq_buf_adds(&sql, "SET VARIABLE lq_paths = [");
    for (size_t i = 0; i < count; i++) {
        lq_buf_adds(&sql, i ? "," : "");
        lq_db_add_literal(&sql, files[i]->path);
    }
    lq_buf_adds(&sql, "];BEGIN;CREATE OR REPLACE TEMP TABLE batch AS ");
    lq_columns_add_select(&sql, true);
    lq_buf_adds(&sql, ";INSERT INTO idx.runs FROM batch WHERE event_id IS NULL AND "
                      "(run_uid IS NOT NULL OR run_id IS NOT NULL);"
                      "INSERT INTO idx.events FROM batch WHERE event_id IS NOT NULL;"
                      "INSERT INTO idx.files VALUES ");
    for (size_t i = 0; i < count; i++) {
        lq_buf_adds(&sql, i ? ",(" : "(");
        lq_db_add_literal(&sql, files[i]->path);
        lq_buf_addf(&sql, ",%lld,%lld)", (long long)files[i]->size_bytes,
                    (long long)files[i]->mtime_ns);
    }
    lq_buf_adds(&sql, ";COMMIT");
    status = lq_db_script(db, lq_buf_text(&sql), err);
    if (status != LQ_OK && lq_db_script(db, "ROLLBACK", NULL) != LQ_OK)
        return status; /* it was rolled back already */
    return status;
}

/* A damaged file fails its batch; one by one, only itself. When none of a batch goes in, it is not the
 * files: the disk is full. */
static enum lq_status insert_readable(struct lq_db *db, const struct lq_file *const *files,
                                      size_t count, struct lq_error *err)
{
    enum lq_status status = insert_files(db, files, count, err);
    size_t n_inserted = 0;

    if (status == LQ_OK || count == 1)
        return LQ_OK;
    for (size_t i = 0; i < count && (n_inserted > 0 || i < 8); i++)
        n_inserted += insert_files(db, &files[i], 1, NULL) == LQ_OK;
    return n_inserted > 0 ? LQ_OK : status;
}

static enum lq_status insert_new(struct lq_db *db, const struct lq_file_list *files, bool in_store,
                                 struct lq_error *err)
{
    const struct lq_file *batch[BATCH_FILES];
    size_t n = 0;

    for (size_t i = 0; i <= files->count; i++) {
        const bool end = i == files->count;

        if (!end && files->files[i].in_store == in_store && !files->files[i].indexed)
            batch[n++] = &files->files[i];
        if (n == 0 || (n < BATCH_FILES && !end))
            continue;
        LQ_TRY(insert_readable(db, batch, n, err));
        n = 0;
    }
    return LQ_OK;
}

/* Drop the rows of files that are gone, or that have changed and come in again. */
static enum lq_status drop_gone(struct lq_db *db, const struct lq_file_list *files, bool complete,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    size_t n = 0;

    lq_buf_adds(&sql, "CREATE TEMP TABLE listed (file VARCHAR, keep BOOLEAN);");
    for (size_t i = 0; i < files->count; i++) {
        lq_buf_adds(&sql, n++ % 1000 == 0
                              ? (i ? ";INSERT INTO listed VALUES (" : "INSERT INTO listed VALUES (")
                              : ",(");
        lq_db_add_literal(&sql, files->files[i].path);
        lq_buf_adds(&sql, files->files[i].indexed ? ",true)" : ",false)");
    }
    lq_buf_addf(&sql,
                ";CREATE TEMP TABLE gone AS SELECT file FROM idx.files f LEFT JOIN listed l "
                "USING (file) WHERE l.keep = false%s;"
                "DELETE FROM idx.events WHERE file IN (FROM gone);"
                "DELETE FROM idx.runs WHERE file IN (FROM gone);"
                "DELETE FROM idx.files WHERE file IN (FROM gone)",
                complete ? " OR l.file IS NULL" : "");
    return lq_db_script(db, lq_buf_text(&sql), err);
}

static enum lq_status build(const char *temporary, bool copied, const struct lq_file_list *files,
                            bool in_store, bool complete, struct lq_error *err)
{
    static const struct lq_db_opts opts = { .threads = 2, .memory_limit = "120MB" };
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    LQ_TRY(lq_db_open(&db, &opts, err));
    lq_buf_adds(&sql, "SET enable_external_file_cache = false;"
                      "SET preserve_insertion_order = false;"
                      "SET prefetch_all_parquet_files = true;"
                      "ATTACH ");
    lq_db_add_literal(&sql, temporary);
    lq_buf_adds(&sql, " AS idx");
    LQ_TRY(lq_db_script(db, lq_buf_text(&sql), err));
    LQ_TRY(copied ? drop_gone(db, files, complete, err) : create_tables(db, err));
    LQ_TRY(insert_new(db, files, in_store, err));
    return lq_db_script(db, "DETACH idx", err);
}

enum lq_status lq_index_update(const char *path, const struct lq_file_list *files, bool in_store,
                               bool complete, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.new", path);
    LQ_CLEANUP(lq_free) char *wal = lq_format("%s.wal", temporary);
    LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, (size_t)(lq_path_base(path) - path));
    LQ_CLEANUP(lq_close) int fd = -1;
    bool any_indexed = false;
    enum lq_status status;

    LQ_TRY(lq_mkdirs(folder, err));
    LQ_TRY(lock(path, &fd, err));
    /* What a killed writer left. */
    unlink(temporary);
    unlink(wal);
    for (size_t i = 0; i < files->count && !any_indexed; i++)
        any_indexed = files->files[i].in_store == in_store && files->files[i].indexed;
    status = build(temporary, any_indexed && copy_index(path, temporary), files, in_store, complete,
                   err);
    if (status == LQ_OK && rename(temporary, path) != 0)
        status = lq_error_errno(err, errno, "cannot rename '%s'", temporary);
    unlink(wal);
    if (status != LQ_OK)
        unlink(temporary);
    return status;
}
