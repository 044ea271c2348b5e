/* SPDX-License-Identifier: MIT */
/* Whether a store is as it should be: run files, raw logs, state.db, permissions, leftovers. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/time.h"
#include "db/db.h"
#include "store/folder.h"
#include "store/names.h"
#include "store/raw_log.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/keep.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Recording a build with a long log takes this much; below the second nothing can be relied on. */
#define LITTLE_SPACE_BYTES (INT64_C(1) << 30)
#define NO_SPACE_BYTES (INT64_C(64) << 20)

struct check {
    const struct lq_project *project;
    bool fix;
    int64_t now;
    lq_finding_fn *on_finding;
    void *ctx;
    struct lq_db *db;
    int dir_fd; /* of .lq */
    struct tally {
        int64_t count, n_bad;
    } runs, logs;
    int64_t largest_id;
    int64_t n_leftovers, n_open_folders; /* open: anybody may write there */
    int64_t n_unwritable;
};

static void find(const struct check *check, enum lq_level level, const char *name, const char *hint,
                 const char *fmt, ...) LQ_PRINTF(5, 6);
static void find(const struct check *check, enum lq_level level, const char *name, const char *hint,
                 const char *fmt, ...)
{
    LQ_CLEANUP(lq_free) char *text = NULL;
    struct lq_finding finding = { .level = level, .check = name, .hint = hint };
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    finding.text = text ? text : "out of memory";
    check->on_finding(check->ctx, &finding);
}

/* ---- run files ---- */

/* The name and folders that follow from the columns: "date=…/source=…/001_build_143022". */
static void add_expected(struct lq_buf *path, const struct lq_rows *rows, const char *run8)
{
    LQ_CLEANUP(lq_free) char *name = lq_rows_get_text(rows, 1);
    LQ_CLEANUP(lq_free) char *source = lq_rows_get_text(rows, 2);
    struct lq_run_file file = { .run_id = lq_rows_get_int(rows, 0), .name = lq_str_of(name) };
    const int64_t start = lq_rows_get_int(rows, 3);
    char date[11];

    lq_time_date(start, date);
    lq_time_hhmmss(start, file.hhmmss);
    snprintf(file.run8, sizeof file.run8, "%s", run8);
    lq_buf_addf(path, "date=%s/source=", date);
    lq_name_add_partition(path, lq_str_of(source ? source : ""));
    lq_buf_addc(path, '/');
    lq_name_add_run_file(path, &file);
}

/* Read all of the open file, and compare its place with its columns. */
static void check_content(struct check *check, const char *path, int fd)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf expected = LQ_BUF_INIT;
    struct lq_run_file file = { 0 };
    struct lq_error reason = { 0 };
    char sql[512];
    bool more;

    snprintf(sql, sizeof sql,
             "SELECT min(run_id)::BIGINT, min(source_name)::VARCHAR, min(source_type)::VARCHAR, "
             "min(epoch_us(started_at))::BIGINT, count(DISTINCT run_uid), max(hash(t)) "
             "FROM read_parquet('/proc/self/fd/%d', hive_partitioning = false) t",
             fd);
    if (lq_db_query(check->db, LQ_DB_ANY, sql, NULL, 0, &rows, &reason) != LQ_OK ||
        lq_rows_next(rows, &more, &reason) != LQ_OK) {
        const bool foreign = strncmp(reason.message, "Binder Error", 12) == 0;

        check->runs.n_bad++;
        find(check, foreign ? LQ_LEVEL_WARN : LQ_LEVEL_FAIL, "run files",
             "questions leave it out; a synced copy still counts; lq never removes it",
             "'.lq/logs/%s' %s: %s", path, foreign ? "is no run of lq" : "cannot be read",
             reason.message);
        return;
    }
    if (lq_rows_get_int(rows, 4) != 1) {
        check->runs.n_bad++;
        find(check, LQ_LEVEL_WARN, "run files", "it was not written by lq",
             "'.lq/logs/%s' holds %lld runs, not one", path, (long long)lq_rows_get_int(rows, 4));
        return;
    }
    if (lq_name_parse_run_file(&file, lq_str_of(lq_path_base(path))) &&
        file.run_id > check->largest_id)
        check->largest_id = file.run_id;
    add_expected(&expected, rows, file.run8);
    if (strcmp(lq_buf_text(&expected), path) != 0)
        find(check, LQ_LEVEL_WARN, "names",
             "filters look at names first and may miss it: give it that name",
             "'.lq/logs/%s' should be '%s' by its columns", path, lq_buf_text(&expected));
}

static bool is_temporary(const struct lq_folder_entry *entry)
{
    return entry->name[0] == '.';
}

static enum lq_status check_run_file(void *ctx, const struct lq_folder_entry *entry,
                                     struct lq_error *err)
{
    struct check *check = ctx;
    const char *path = entry->path + sizeof "logs/" - 1;
    LQ_CLEANUP(lq_close) int fd = -1;

    (void)err;
    if (is_temporary(entry) || !lq_str_ends(lq_str_of(entry->name), LQ_STR(".parquet")))
        return LQ_OK;
    check->runs.count++;
    fd = LQ_RETRY(openat(entry->folder_fd, entry->name,
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (fd < 0 || !S_ISREG(entry->info->st_mode)) {
        check->runs.n_bad++;
        find(check, LQ_LEVEL_FAIL, "run files", NULL, "cannot open '.lq/logs/%s': %s", path,
             fd < 0 ? strerror(errno) : "not a regular file");
        return LQ_OK;
    }
    check_content(check, path, fd);
    return LQ_OK;
}

/* ---- raw logs ---- */

/* Decode all of it: its frames carry checksums. */
static enum lq_status decode(const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_raw_log_close) struct lq_raw_log_reader *reader = NULL;
    struct lq_str bytes = { .len = 1 };

    LQ_TRY(lq_raw_log_open(&reader, path, err));
    while (bytes.len > 0)
        LQ_TRY(lq_raw_log_read(reader, &bytes, err));
    return LQ_OK;
}

static enum lq_status check_raw_log(void *ctx, const struct lq_folder_entry *entry,
                                    struct lq_error *err)
{
    static const char extension[] = ".log.zst";
    struct check *check = ctx;
    LQ_CLEANUP(lq_free) char *twin = NULL, *full = NULL;
    struct lq_error reason = { 0 };
    struct stat info;

    (void)err;
    if (is_temporary(entry) || !S_ISREG(entry->info->st_mode) ||
        !lq_str_ends(lq_str_of(entry->name), lq_str_of(extension)))
        return LQ_OK;
    check->logs.count++;
    twin = lq_format("logs/%.*s.parquet",
                     (int)(strlen(entry->path) - sizeof "raw/" + 1 - (sizeof extension - 1)),
                     entry->path + sizeof "raw/" - 1);
    if (fstatat(check->dir_fd, twin, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        check->logs.n_bad++;
        find(check, LQ_LEVEL_WARN, "raw logs",
             "'zstd -dc FILE | lq capture -n NAME' records it, or remove it",
             "'.lq/%s' belongs to no run", entry->path);
    }
    full = lq_path_join(check->project->lq_dir, entry->path);
    if (decode(full, &reason) != LQ_OK) {
        check->logs.n_bad++;
        find(check, LQ_LEVEL_FAIL, "raw logs",
             "the run's events are not touched by this; remove it to be rid of this line", "%s",
             reason.message);
    }
    return LQ_OK;
}

/* ---- state.db ---- */

/* Rows of the tables whose file is gone; with `fix`, they are removed. */
static enum lq_status check_rows(struct check *check, struct lq_state *state, int64_t *n_gone,
                                 struct lq_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lq_status status = LQ_OK;
    int code;

    *n_gone = 0;
    code = sqlite3_prepare_v2(lq_state_sqlite(state),
                              "SELECT path FROM file UNION SELECT path FROM synced"
                              " UNION SELECT path FROM bad_file",
                              -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *path = (const char *)sqlite3_column_text(statement, 0);
        LQ_CLEANUP(lq_free) char *below = lq_path_join("logs", path);
        struct stat info;

        code = SQLITE_OK;
        if (fstatat(check->dir_fd, below, &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
            continue;
        (*n_gone)++;
        if (check->fix && (status = lq_state_forget_file(state, path, err)) != LQ_OK)
            break;
    }
    if (status == LQ_OK && code != SQLITE_OK && code != SQLITE_DONE)
        status = lq_state_error(state, "read", err);
    sqlite3_finalize(statement);
    return status;
}

/* The first column of the first row as text; NULL when there is none. */
static char *pragma(sqlite3 *sqlite, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    char *value = NULL;

    if (sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = lq_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return value;
}

/* An id below one that is taken would be given again. */
static void check_counter(struct check *check, struct lq_state *state)
{
    LQ_CLEANUP(lq_free) char *text = pragma(lq_state_sqlite(state), "SELECT run_id FROM counter");
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("UPDATE counter SET run_id = max(run_id, %lld)", (long long)check->largest_id);

    if (!text || strtoll(text, NULL, 10) >= check->largest_id)
        return;
    if (check->fix && sqlite3_exec(lq_state_sqlite(state), sql, NULL, NULL, NULL) == SQLITE_OK)
        find(check, LQ_LEVEL_OK, "state.db", NULL, "runs are counted from %lld on now",
             (long long)check->largest_id);
    else
        find(check, LQ_LEVEL_WARN, "state.db", "lq doctor --fix",
             "run ids are counted from %s, though run %lld is there", text,
             (long long)check->largest_id);
}

static void replace_state(struct check *check)
{
    LQ_CLEANUP(lq_state_close) struct lq_state *state = NULL;
    struct lq_error reason = { 0 };

    if (lq_state_open(&state, check->project->lq_dir, check->project->origin, &reason) != LQ_OK ||
        lq_state_set_aside(state, &reason) != LQ_OK)
        find(check, LQ_LEVEL_FAIL, "state.db", NULL, "%s", reason.message);
    else
        find(check, LQ_LEVEL_OK, "state.db", NULL, "was damaged: set aside and made again");
}

/* Looked at without opening it as usual, which would set a damaged one aside. */
static bool state_is_sound(struct check *check)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(check->project->lq_dir, "state.db");
    LQ_CLEANUP(lq_free) char *verdict = NULL;
    sqlite3 *sqlite = NULL;
    bool sound;

    if (access(path, F_OK) != 0) {
        find(check, LQ_LEVEL_OK, "state.db", NULL, "not there: made when it is needed");
        return false;
    }
    if (sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL) ==
        SQLITE_OK) {
        sqlite3_busy_timeout(sqlite, 5000);
        verdict = pragma(sqlite, "PRAGMA quick_check(1)");
    }
    sound = verdict && strcmp(verdict, "ok") == 0;
    if (!sound && access(path, R_OK) != 0)
        find(check, LQ_LEVEL_WARN, "state.db", NULL, "cannot be read: %s", strerror(errno));
    else if (!sound && !check->fix)
        find(check, LQ_LEVEL_FAIL, "state.db", "lq doctor --fix makes it again from the files",
             "damaged: %s", verdict ? verdict : sqlite3_errmsg(sqlite));
    sqlite3_close(sqlite);
    if (!sound && check->fix && access(path, R_OK) == 0)
        replace_state(check);
    return sound;
}

static void check_state(struct check *check)
{
    LQ_CLEANUP(lq_state_close) struct lq_state *state = NULL;
    struct lq_error reason = { 0 };
    int64_t n_gone = 0;

    if (!state_is_sound(check))
        return;
    if (faccessat(check->dir_fd, "state.db", W_OK, 0) != 0) {
        find(check, LQ_LEVEL_OK, "state.db", NULL, "sound; only its owner can check its rows");
        return;
    }
    if (lq_state_open(&state, check->project->lq_dir, check->project->origin, &reason) != LQ_OK ||
        check_rows(check, state, &n_gone, &reason) != LQ_OK) {
        find(check, LQ_LEVEL_FAIL, "state.db", NULL, "%s", reason.message);
        return;
    }
    check_counter(check, state);
    if (n_gone == 0)
        find(check, LQ_LEVEL_OK, "state.db", NULL, "sound");
    else if (check->fix)
        find(check, LQ_LEVEL_OK, "state.db", NULL, "removed %lld rows of files that are gone",
             (long long)n_gone);
    else
        find(check, LQ_LEVEL_WARN, "state.db", "lq doctor --fix removes them",
             "%lld rows are of files that are gone", (long long)n_gone);
}

/* ---- folders ---- */

static void check_folder(struct check *check, const char *path)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;

    if (lq_folder_open(check->project->lq_dir, path, &fd, NULL) != LQ_OK || fstat(fd, &info) != 0)
        return;
    check->n_open_folders += (info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX);
    check->n_unwritable += faccessat(fd, ".", W_OK, 0) != 0;
}

static void check_permissions(struct check *check)
{
    static const char *const folders[] = { "", "logs", "raw" };

    for (size_t i = 0; i < LQ_COUNT(folders); i++)
        check_folder(check, folders[i]);
    if (check->n_open_folders > 0)
        find(check, LQ_LEVEL_WARN, "permissions", "chmod -R o-w .lq",
             "anybody on this machine may change what is in .lq");
    if (check->n_unwritable > 0)
        find(check, LQ_LEVEL_WARN, "permissions",
             "runs can be read; chown -R or chmod -R to record", "you cannot write to '%s'",
             check->project->lq_dir);
    if (check->n_open_folders == 0 && check->n_unwritable == 0)
        find(check, LQ_LEVEL_OK, "permissions", NULL, "as they should be");
}

static void on_leftover(void *ctx, const char *path, int64_t size_bytes)
{
    struct check *check = ctx;

    (void)path, (void)size_bytes;
    check->n_leftovers++;
}

static void check_leftovers(struct check *check)
{
    const struct lq_clean_opts opts = {
        .now = check->now, .dry_run = !check->fix, .on_file = on_leftover, .ctx = check
    };
    struct lq_error reason = { 0 };

    if (lq_store_clean(check->project, &opts, &reason) != LQ_OK)
        find(check, LQ_LEVEL_WARN, "leftovers", NULL, "%s", reason.message);
    else if (check->n_leftovers == 0)
        find(check, LQ_LEVEL_OK, "leftovers", NULL, "none");
    else if (check->fix)
        find(check, LQ_LEVEL_OK, "leftovers", NULL, "removed %lld files",
             (long long)check->n_leftovers);
    else
        find(check, LQ_LEVEL_WARN, "leftovers", "lq clean removes them",
             "%lld files that killed processes left", (long long)check->n_leftovers);
}

static void check_space(struct check *check)
{
    struct statvfs info;
    int64_t free_bytes;
    const char *hint = "lq prune removes old runs";

    if (fstatvfs(check->dir_fd, &info) != 0)
        return;
    free_bytes = (int64_t)(info.f_bavail * info.f_frsize);
    find(check,
         free_bytes < NO_SPACE_BYTES || (info.f_files > 0 && info.f_favail == 0) ? LQ_LEVEL_FAIL
         : free_bytes < LITTLE_SPACE_BYTES                                       ? LQ_LEVEL_WARN
                                                                                 : LQ_LEVEL_OK,
         "disk space", free_bytes < LITTLE_SPACE_BYTES ? hint : NULL,
         "%.1f GB and %llu inodes free", (double)free_bytes / 1e9,
         (unsigned long long)info.f_favail);
}

/* ---- all of it ---- */

/* Without the engine there is no looking into run files. */
static bool check_engine(struct check *check)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_free) char *version = NULL;
    struct lq_error reason = { 0 };
    bool more;

    if (lq_db_open(&check->db, NULL, &reason) != LQ_OK ||
        lq_db_query(check->db, LQ_DB_ANY, "SELECT version()", NULL, 0, &rows, &reason) != LQ_OK ||
        lq_rows_next(rows, &more, &reason) != LQ_OK) {
        find(check, LQ_LEVEL_FAIL, "libduckdb", "script/bootstrap gets it; so does installing lq",
             "%s", reason.message);
        return false;
    }
    version = lq_rows_get_text(rows, 0);
    if (version && strcmp(version, LQ_DUCKDB_VERSION) == 0)
        find(check, LQ_LEVEL_OK, "libduckdb", NULL, "%s", version);
    else
        find(check, LQ_LEVEL_WARN, "libduckdb", "install that version: extensions fit one only",
             "%s, made for %s", version ? version : "unknown", LQ_DUCKDB_VERSION);
    return true;
}

static void check_tree(struct check *check, const char *tree, const char *name,
                       lq_folder_fn *on_entry, const struct tally *tally)
{
    struct lq_error reason = { 0 };

    if (lq_folder_walk(check->project->lq_dir, tree, 4, on_entry, check, &reason) != LQ_OK)
        find(check, LQ_LEVEL_FAIL, name, NULL, "%s", reason.message);
    else if (tally->n_bad == 0)
        find(check, LQ_LEVEL_OK, name, NULL, "%lld, all readable", (long long)tally->count);
}

enum lq_status lq_store_check(const struct lq_project *project, bool fix, int64_t now,
                              lq_finding_fn *on_finding, void *ctx, struct lq_error *err)
{
    struct check check = {
        .project = project, .fix = fix, .now = now, .on_finding = on_finding, .ctx = ctx
    };
    LQ_CLEANUP(lq_close) int dir_fd = -1;

    LQ_TRY(lq_folder_open(project->lq_dir, "", &dir_fd, err));
    check.dir_fd = dir_fd;
    if (check_engine(&check))
        check_tree(&check, "logs", "run files", check_run_file, &check.runs);
    lq_db_close(&check.db);
    check_tree(&check, "raw", "raw logs", check_raw_log, &check.logs);
    check_state(&check);
    check_permissions(&check);
    check_leftovers(&check);
    check_space(&check);
    return LQ_OK;
}
