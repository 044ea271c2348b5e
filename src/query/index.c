/* SPDX-License-Identifier: MIT */
/* Building, attaching and replacing the index of a folder of run files. */
#include "query/index.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
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
#define INDEX_VERSION "3"

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

/* ---- folders that are not as they were, as a relation ---- */

static const struct lq_source_column folder_columns[] = {
    { "in_store", LQ_VALUE_BOOL },
    { "path", LQ_VALUE_TEXT },
};

static enum lq_status rewind_folders(void *ctx, struct lq_error *err)
{
    struct lq_folder_source *source = ctx;

    (void)err;
    source->index = source->next = 0;
    return LQ_OK;
}

static enum lq_status next_folder(void *ctx, struct lq_value *row, bool *more, struct lq_error *err)
{
    struct lq_folder_source *source = ctx;

    (void)err;
    for (; source->index < source->n_indexes; source->index++, source->next = 0) {
        const struct lq_folders *known = &source->indexes[source->index].known;

        for (; source->next < known->count; source->next++) {
            const struct lq_folder *folder = &known->items[source->next];

            /* Nothing is indexed of what is no UTF-8. */
            if (folder->same || !lq_text_is_utf8(lq_str_of(folder->path)))
                continue;
            row[0] = (struct lq_value){ .kind = LQ_VALUE_BOOL,
                                        .boolean = source->indexes[source->index].in_store };
            row[1] = lq_value_text(folder->path);
            source->next++;
            *more = true;
            return LQ_OK;
        }
    }
    *more = false;
    return LQ_OK;
}

enum lq_status lq_folder_source_add(struct lq_folder_source *source, struct lq_db *db,
                                    const struct lq_index *indexes, size_t n_indexes,
                                    struct lq_error *err)
{
    *source = (struct lq_folder_source){
        .source = { folder_columns, LQ_COUNT(folder_columns), rewind_folders, next_folder, source },
        .indexes = indexes,
        .n_indexes = n_indexes,
    };
    return lq_db_add_source(db, "lq_folder_rows", &source->source, err);
}

/* ---- attaching ---- */

/* What the index says of itself. Another version may lack a column: then it is another version. */
static enum lq_status read_meta(struct lq_db *db, struct lq_index *index, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("SELECT stamp, n_files, n_runs, n_copies, n_bad "
                                              "FROM %s.meta WHERE version = '" INDEX_VERSION "'",
                                              index->name);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = false;

    if (lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, NULL) == LQ_OK)
        LQ_TRY(lq_rows_next(rows, &more, err));
    if (!more)
        return lq_error_set(err, LQ_CORRUPT, "it is of another version");
    index->stamp = lq_rows_get_int(rows, 0);
    index->n_files = lq_rows_get_int(rows, 1);
    index->n_runs = lq_rows_get_int(rows, 2);
    index->n_copies = lq_rows_get_int(rows, 3);
    index->n_bad = lq_rows_get_int(rows, 4);
    return LQ_OK;
}

static void mark_all(struct lq_file_list *files, bool in_store, bool indexed)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->files[i].in_store == in_store)
            files->files[i].indexed = indexed;
    }
}

/* Append the statement that makes the table `table` out of an index's files, file_no, and of what the list
 * has by that name: position, same. Of folders that are as they were, nothing is listed. */
static void add_found(struct lq_buf *sql, const char *table, const char *index_name,
                      const struct lq_index *index)
{
    lq_buf_addf(sql,
                "CREATE OR REPLACE TEMP TABLE %s AS SELECT f.file_no, l.position, "
                "l.size_bytes = f.size_bytes AND l.mtime_ns = f.mtime_ns AS same FROM %s.files f "
                "LEFT JOIN lq_file_rows() l ON l.name = f.file AND l.in_store = %s",
                table, index_name, index->in_store ? "true" : "false");
    if (index->known.count > 0)
        lq_buf_addf(sql,
                    " WHERE f.folder IN (SELECT path FROM lq_folder_rows() WHERE in_store = %s)",
                    index->in_store ? "true" : "false");
}

/* Of the files that are listed, mark those that the index holds as they are now. */
static enum lq_status mark_listed(struct lq_db *db, struct lq_index *index,
                                  struct lq_file_list *files, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *found = lq_format("%s_found", index->name);
    LQ_CLEANUP(lq_free) char *select = lq_format("SELECT if(same, position, NULL) FROM %s", found);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    add_found(&sql, found, index->name, index);
    LQ_TRY(lq_db_script(db, lq_buf_text(&sql), err));
    LQ_TRY(lq_db_query(db, LQ_DB_ANY, select, NULL, 0, &rows, err));
    for (;;) {
        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            break;
        if (lq_rows_get(rows, 0).kind == LQ_VALUE_NULL)
            index->n_gone++;
        else
            files->files[lq_rows_get_int(rows, 0)].indexed = true;
    }
    if (index->n_gone == 0)
        return LQ_OK;
    index->gone = lq_format("%s_gone", index->name);
    lq_buf_clear(&sql);
    lq_buf_addf(&sql,
                "CREATE OR REPLACE TEMP TABLE %s AS SELECT file_no FROM %s WHERE same IS NOT true",
                index->gone, found);
    lq_rows_free(&rows);
    return lq_db_script(db, lq_buf_text(&sql), err);
}

/* A line for each listed file that the index knows to be unreadable. */
static enum lq_status warn_of_bad(struct lq_db *db, const struct lq_index *index,
                                  struct lq_file_list *files, const struct lq_scope *scope,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "SELECT l.path, f.reason, l.position FROM lq_file_rows() l JOIN %s.files f ON f.file = "
        "l.name WHERE f.reason IS NOT NULL AND l.indexed AND l.in_store = %s ORDER BY ALL",
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
        files->files[lq_rows_get_int(rows, 2)].bad = true;
        lq_file_warn(scope, path ? path : "", reason ? reason : "");
    }
}

static enum lq_status examine(struct lq_db *db, struct lq_index *index, struct lq_file_list *files,
                              const struct lq_scope *scope, struct lq_error *err)
{
    if (index->is_whole)
        mark_all(files, index->in_store, true);
    else
        LQ_TRY(mark_listed(db, index, files, err));
    return index->n_bad > 0 ? warn_of_bad(db, index, files, scope, err) : LQ_OK;
}

enum lq_status lq_index_detach(struct lq_db *db, struct lq_index *index, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("DETACH %s", index->name);

    lq_free(&index->gone);
    index->attached = index->is_whole = false;
    index->stamp = index->n_files = index->n_runs = index->n_bad = 0;
    index->n_copies = index->n_gone = 0;
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

enum lq_status lq_index_attach(struct lq_db *db, struct lq_index *index, struct lq_error *err)
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
    if (read_meta(db, index, &reason) == LQ_OK) {
        index->is_whole = index->stamp == lq_folders_stamp(&index->seen, 0);
        return LQ_OK;
    }
    LQ_TRY(lq_index_detach(db, index, err));
    return lq_error_set(err, LQ_CORRUPT, "%s", reason.message);
}

bool lq_index_is_known(const struct lq_index *index)
{
    return index->known.count == 0 || index->is_whole ||
           (index->attached && index->stamp == lq_folders_stamp(&index->known, 0));
}

enum lq_status lq_index_mark(struct lq_db *db, struct lq_index *index, struct lq_file_list *files,
                             const struct lq_scope *scope, struct lq_error *err)
{
    struct lq_error reason = { 0 };

    index->is_whole = index->stamp == lq_folders_stamp(&index->seen, 0);
    if (examine(db, index, files, scope, &reason) == LQ_OK)
        return LQ_OK;
    mark_all(files, index->in_store, false);
    LQ_TRY(lq_index_detach(db, index, err));
    return lq_error_set(err, LQ_CORRUPT, "%s", reason.message);
}

/* ---- what is known of the folders ---- */

/* The folder of a file, within the root. The caller's. */
static char *folder_name(const struct lq_file *file)
{
    const size_t len = (size_t)(lq_path_base(file->name) - file->name);

    return lq_strndup(file->name, len > 0 ? len - 1 : 0);
}

static struct lq_folder *folder_of(const struct lq_folders *folders, const struct lq_file *file)
{
    LQ_CLEANUP(lq_free) char *path = folder_name(file);

    return lq_folders_find(folders, path);
}

static size_t count_times(const struct lq_folders *folders)
{
    size_t n = 0;

    for (size_t i = 0; i < folders->count; i++)
        n += folders->items[i].mtime_ns != LQ_NO_TIME;
    return n;
}

static size_t count_same(const struct lq_folders *folders)
{
    size_t n = 0;

    for (size_t i = 0; i < folders->count; i++)
        n += folders->items[i].same;
    return n;
}

void lq_index_remember(const struct lq_index *index, const struct lq_file_list *files)
{
    const size_t size = index->seen.count * sizeof *index->seen.items;
    LQ_CLEANUP(lq_free) struct lq_folder *items = lq_alloc(size);
    const struct lq_folders now = { .items = items, .count = index->seen.count };

    if (!index->attached || index->n_gone > 0 || index->seen.unsafe || now.count == 0)
        return;
    memcpy(items, index->seen.items, size);
    /* What the index lacks, and what may be mended in its place, is looked for each time. */
    for (size_t i = 0; i < files->count; i++) {
        const struct lq_file *file = &files->files[i];
        struct lq_folder *folder =
            file->in_store == index->in_store && (!file->indexed || file->bad)
                ? folder_of(&now, file)
                : NULL;

        if (!folder)
            continue;
        folder->mtime_ns = LQ_NO_TIME;
        folder->stamp -= file->indexed ? 0 : lq_file_stamp(file);
    }
    if (lq_folders_stamp(&now, 0) == index->stamp && count_times(&now) > count_same(&index->known))
        lq_folders_save(&now, index->path);
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
    const struct lq_index *index;
    const struct lq_file_list *files;
    bool complete;
    bool *held;            /* of each file of the list: it is in there as it is now */
    int64_t first_file_no; /* of the list's first file; what is held keeps the number that it has */

    pthread_mutex_t lock;  /* over what follows */
    size_t next;           /* of the list */
    enum lq_status status; /* the first failure, which ends all threads */
    struct lq_error error;
};

static enum lq_status create_tables(struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_adds(&sql, "CREATE TABLE idx.files (file_no INTEGER, file VARCHAR, folder VARCHAR, "
                      "size_bytes BIGINT, mtime_ns BIGINT, reason VARCHAR);"
                      "CREATE TABLE idx.runs AS SELECT 0::BIGINT AS run_no, 0::INTEGER AS file_no, "
                      "'' AS file, '' AS global_ref, 0::BIGINT AS n_errors, "
                      "0::BIGINT AS n_warnings, ");
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

/* Run numbers of a store's index begin here. */
#define STORE_RUNS (INT64_C(1) << 56)

/* Append the statements that insert the rows that were read. A run's number follows from its file's, so that
 * threads need not agree on it. */
static void add_inserts(struct lq_buf *sql, const struct lq_index *index)
{
    /* Two run rows with one identity in one file: the earlier one. */
    lq_buf_addf(
        sql,
        "CREATE OR REPLACE TEMP TABLE batch_runs AS "
        "SELECT %lld + (l.file_no::BIGINT << 24) + "
        "row_number() OVER (PARTITION BY l.file_no ORDER BY b.run_uid) AS run_no, "
        "l.file_no, l.file AS name, coalesce(n.n_errors, 0) AS n_errors, "
        "coalesce(n.n_warnings, 0) AS n_warnings, b.* "
        "FROM batch b JOIN listed l ON l.path = b.file "
        "LEFT JOIN (SELECT file, run_uid, count(*) FILTER (severity = 'error') AS n_errors, "
        "count(*) FILTER (severity = 'warning') AS n_warnings FROM batch "
        "WHERE event_id IS NOT NULL GROUP BY file, run_uid) n "
        "ON n.file = b.file AND n.run_uid IS NOT DISTINCT FROM b.run_uid "
        "WHERE b.event_id IS NULL AND (b.run_uid IS NOT NULL OR b.run_id IS NOT NULL) "
        "QUALIFY row_number() OVER (PARTITION BY b.file, b.run_uid "
        "ORDER BY b.started_at, b.run_id) = 1;"
        "INSERT INTO idx.runs SELECT run_no, file_no, name, " LQ_SQL_GLOBAL_REF
        ", n_errors, n_warnings, ",
        (long long)(index->in_store ? STORE_RUNS : 0));
    lq_columns_add_run_names(sql, "");
    lq_buf_adds(sql, " FROM batch_runs;INSERT INTO idx.events SELECT r.run_no, ");
    lq_columns_add_event_names(sql, "e.");
    lq_buf_adds(sql, " FROM batch e JOIN batch_runs r ON r.file = e.file AND "
                     "r.run_uid IS NOT DISTINCT FROM e.run_uid WHERE e.event_id IS NOT NULL;");
}

/* The folder of a file, as a literal. */
static void add_folder(struct lq_buf *sql, const struct lq_file *file)
{
    LQ_CLEANUP(lq_free) char *folder = folder_name(file);

    lq_db_add_literal(sql, folder);
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
        lq_buf_adds(sql, ", ");
        add_folder(sql, files[i]);
        lq_buf_addf(sql, ", %lld::BIGINT, %lld::BIGINT)", (long long)files[i]->size_bytes,
                    (long long)files[i]->mtime_ns);
    }
    lq_buf_adds(sql, ") AS l(file_no, path, file, folder, size_bytes, mtime_ns);"
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
        add_inserts(&sql, build->index);
    }
    lq_buf_adds(&sql, "INSERT INTO idx.files SELECT file_no, file, folder, size_bytes, mtime_ns, ");
    if (reason)
        lq_db_add_literal(&sql, reason);
    else
        lq_buf_adds(&sql, "NULL");
    lq_buf_adds(&sql, " FROM listed;COMMIT");
    status = lq_db_script(db, lq_buf_text(&sql), err);
    if (status != LQ_OK && lq_db_script(db, "ROLLBACK", NULL) != LQ_OK)
        return status; /* it was rolled back already */
    for (size_t i = 0; i < count && status == LQ_OK; i++)
        build->held[files[i] - build->files->files] = true;
    return status;
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
        bool lasts;
        const char *reason = lq_file_reason_against(batch[i]->path, &lasts);

        if (!reason)
            batch[kept++] = batch[i];
        else if (lasts)
            LQ_TRY(insert_files(build, db, &batch[i], 1, reason, err));
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

        if (file->in_store == build->index->in_store && !build->held[build->next])
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

/* Whether the copy is of the index that this process attached, so far as that matters: what is not listed
 * because it is known, that one holds. */
static enum lq_status check_copy(const struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    if (build->index->known.count == 0)
        return LQ_OK;
    LQ_TRY(lq_db_query(build->db, LQ_DB_ANY, "SELECT stamp FROM idx.meta", NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    if (more && lq_rows_get_int(rows, 0) == build->index->stamp)
        return LQ_OK;
    return lq_error_set(err, LQ_EXISTS, "another process has written '%s'", build->index->path);
}

/* One number. */
static enum lq_status ask_number(struct lq_db *db, const char *sql, int64_t *number,
                                 struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *number = lq_rows_get_int(rows, 0);
    return LQ_OK;
}

/* Drop the rows of files that are gone, or that have changed and come in again. */
static enum lq_status drop_gone(struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "CREATE TEMP TABLE gone AS SELECT file_no FROM found WHERE NOT coalesce(same, %s)",
        build->complete ? "false" : "true");
    int64_t n_gone;

    LQ_TRY(lq_db_script(build->db, sql, err));
    LQ_TRY(ask_number(build->db, "SELECT count(*) FROM gone", &n_gone, err));
    if (n_gone == 0)
        return LQ_OK;
    return lq_db_script(build->db,
                        "DELETE FROM idx.events WHERE run_no IN "
                        "(SELECT run_no FROM idx.runs WHERE file_no IN (FROM gone));"
                        "DELETE FROM idx.runs WHERE file_no IN (FROM gone);"
                        "DELETE FROM idx.files WHERE file_no IN (FROM gone)",
                        err);
}

/* Keep what is as it was: that is held. By the copy itself: since this process attached the index, another
 * may have replaced it. */
static enum lq_status keep_listed(struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    LQ_TRY(check_copy(build, err));
    add_found(&sql, "found", "idx", build->index);
    LQ_TRY(lq_db_script(build->db, lq_buf_text(&sql), err));
    LQ_TRY(ask_number(build->db, "SELECT max(file_no) + 1 FROM idx.files", &build->first_file_no,
                      err));
    LQ_TRY(drop_gone(build, err));
    LQ_TRY(lq_db_query(build->db, LQ_DB_ANY, "SELECT position FROM found WHERE same", NULL, 0,
                       &rows, err));
    for (;;) {
        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        build->held[lq_rows_get_int(rows, 0)] = true;
    }
}

/* The stamp of what is in it. */
static int64_t stamp_held(const struct build *build)
{
    const struct lq_folders *seen = &build->index->seen;
    uint64_t lacking = 0;

    for (size_t i = 0; i < build->files->count; i++) {
        const struct lq_file *file = &build->files->files[i];

        if (file->in_store == build->index->in_store && !build->held[i])
            lacking += lq_file_stamp(file);
    }
    return build->complete ? lq_folders_stamp(seen, lacking) : 0;
}

/* Say what is in it. */
static enum lq_status finish(const struct build *build, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "CREATE OR REPLACE TABLE idx.meta AS SELECT '" INDEX_VERSION "' AS version, "
        "%lld::BIGINT AS stamp, (SELECT count(*) FROM idx.files) AS n_files, "
        "(SELECT count(*) FROM idx.runs) AS n_runs, "
        "(SELECT count(*) - count(DISTINCT coalesce(run_uid, file)) FROM idx.runs) AS n_copies, "
        "(SELECT count(reason) FROM idx.files) AS n_bad;"
        "DETACH idx",
        (long long)stamp_held(build));

    return lq_db_script(build->db, sql, err);
}

static enum lq_status write_index(struct build *build, const char *temporary, bool copied,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_file_source source;
    struct lq_folder_source folders;

    if (!copied && build->index->known.count > 0)
        return lq_error_set(err, LQ_EXISTS, "cannot copy '%s'", build->index->path);
    LQ_TRY(lq_file_source_add(&source, build->db, build->files, err));
    LQ_TRY(lq_folder_source_add(&folders, build->db, build->index, 1, err));
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
    static const struct lq_db_opts opts = { .memory_limit = "128MB" };
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.new", index->path);
    LQ_CLEANUP(lq_free) char *wal = lq_format("%s.wal", temporary);
    LQ_CLEANUP(lq_free) char *folder =
        lq_strndup(index->path, (size_t)(lq_path_base(index->path) - index->path));
    LQ_CLEANUP(lq_close) int fd = -1;
    LQ_CLEANUP(lq_free) bool *held = lq_alloc(files->count * sizeof *held);
    struct build build = { .index = index, .files = files, .complete = complete, .held = held };
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
