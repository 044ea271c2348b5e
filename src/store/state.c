/* SPDX-License-Identifier: MIT */
/* state.db: opening it, surviving its damage, and taking run ids. */
#include "store/state.h"
#include "base/alloc.h"
#include "base/file.h"
#include "store/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <unistd.h>

struct lq_state {
    sqlite3 *sqlite;
    char *lq_dir;
    int32_t owner; /* a number made of the project's origin; 0: not known */
};

/* How long one process waits for another's transaction, which takes milliseconds. */
#define BUSY_TIMEOUT_MS 30000

/* No project counts this far. A larger number stands in a file that lq did not name, and counting on
 * from there would overflow. */
#define RUN_ID_MAX INT64_C(999999999999)
#define RUN_ID_MAX_SQL "999999999999"

/*
 * The tables as they grew: each text takes a file from the version before to its own, the first from
 * nothing to 1.
 *
 * counter      one row: the last run id that was taken
 * file         published run files, path below logs/, and what their place in a store follows from
 * bad_file     files below logs/ that are no runs, as found at that size and time
 * destination  where runs were synced to: `place` identifies it (a real path); `file_system` tells
 *              whether the same one is still mounted there; `naming`: how names are taken there;
 *              `mode` of the last sync that finished, 16 more when a later one did not, and 32 when that
 *              did not come to its end; `last_error`: why the last one did not
 * synced       a file (path below logs/) that is at a destination, under the name `remote_path`;
 *              `raw_bytes`: size of its raw log there, NULL when that is not there
 * failed       a file that could not be brought to a destination, and why
 * scanned      a folder below logs/ that held nothing which was not at the destination, when that was
 *              its modification time, or these its names (`content`: struct lq_known_folder);
 *              `with_raw`: raw logs neither
 * auto_sync    how the last sync of sync.auto to a destination went, by its URL
 */
static const char *const versions[] = {
    "CREATE TABLE IF NOT EXISTS counter (run_id INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS file ("
    " path TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " run_uid TEXT NOT NULL, namespace TEXT NOT NULL, project TEXT NOT NULL,"
    " hostname TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bad_file ("
    " path TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " reason TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS destination ("
    " id INTEGER PRIMARY KEY, place TEXT NOT NULL UNIQUE, url TEXT NOT NULL,"
    " file_system TEXT NOT NULL, last_success INTEGER);"
    "CREATE TABLE IF NOT EXISTS synced ("
    " destination_id INTEGER NOT NULL REFERENCES destination (id), path TEXT NOT NULL,"
    " remote_path TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " synced_at INTEGER NOT NULL, PRIMARY KEY (destination_id, path)) WITHOUT ROWID;",

    "ALTER TABLE destination ADD COLUMN naming INTEGER NOT NULL DEFAULT 0;",

    "ALTER TABLE destination ADD COLUMN mode INTEGER;"
    "ALTER TABLE destination ADD COLUMN last_error TEXT;"
    "ALTER TABLE destination ADD COLUMN swept_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE synced ADD COLUMN raw_bytes INTEGER;"
    "CREATE TABLE failed ("
    " destination_id INTEGER NOT NULL REFERENCES destination (id), path TEXT NOT NULL,"
    " reason TEXT NOT NULL, failed_at INTEGER NOT NULL,"
    " PRIMARY KEY (destination_id, path)) WITHOUT ROWID;"
    "CREATE TABLE scanned ("
    " destination_id INTEGER NOT NULL REFERENCES destination (id), folder TEXT NOT NULL,"
    " mtime_ns INTEGER NOT NULL, with_raw INTEGER NOT NULL,"
    " PRIMARY KEY (destination_id, folder)) WITHOUT ROWID;",

    /* clang takes an entry of two pieces, next to entries of many, for a forgotten comma */
    ("CREATE TABLE auto_sync ("
     " destination TEXT PRIMARY KEY, tried_at INTEGER NOT NULL, problem TEXT) WITHOUT ROWID;"),

    ("DELETE FROM scanned;"
     "ALTER TABLE scanned ADD COLUMN content TEXT NOT NULL DEFAULT '';"),
};
#define SCHEMA_VERSION ((int64_t)LQ_COUNT(versions))

sqlite3 *lq_state_sqlite(struct lq_state *state)
{
    return state->sqlite;
}

enum lq_status lq_state_error(struct lq_state *state, const char *what, struct lq_error *err)
{
    const int code = sqlite3_errcode(state->sqlite);
    const int reason = sqlite3_system_errno(state->sqlite);
    const enum lq_status status =
        code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? LQ_CORRUPT
        : code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH || reason == EACCES
            ? LQ_DENIED
            : LQ_IO;

    return lq_error_set(err, status, "cannot %s in '%s/state.db': %s", what, state->lq_dir,
                        sqlite3_errmsg(state->sqlite));
}

static enum lq_status exec(struct lq_state *state, const char *sql, const char *what,
                           struct lq_error *err)
{
    if (sqlite3_exec(state->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK) {
        const enum lq_status status = lq_state_error(state, what, err);

        if (!sqlite3_get_autocommit(state->sqlite))
            sqlite3_exec(state->sqlite, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return LQ_OK;
}

static enum lq_status scalar(struct lq_state *state, const char *sql, int64_t *value, bool *found,
                             struct lq_error *err)
{
    sqlite3_stmt *statement = NULL;
    int step = SQLITE_ERROR;

    if (sqlite3_prepare_v2(state->sqlite, sql, -1, &statement, NULL) == SQLITE_OK) {
        step = sqlite3_step(statement);
        *found = step == SQLITE_ROW;
        *value = *found ? sqlite3_column_int64(statement, 0) : 0;
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE) {
        const enum lq_status status = lq_state_error(state, "read", err);

        sqlite3_finalize(statement);
        return status;
    }
    sqlite3_finalize(statement);
    return LQ_OK;
}

/* Processes that open a new file at once all want to make it a WAL database, and SQLite does not let
 * one wait for the other here, whatever the timeout says. */
static enum lq_status enter_wal(struct lq_state *state, struct lq_error *err)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    int code = SQLITE_BUSY;

    for (int waited_ms = 0; code == SQLITE_BUSY && waited_ms < BUSY_TIMEOUT_MS; waited_ms += 2) {
        if (waited_ms > 0)
            nanosleep(&pause, NULL);
        code = sqlite3_exec(state->sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? LQ_OK : lq_state_error(state, "set the journal mode", err);
}

/* Another process may be doing the same: what is left to do is asked again under the lock. */
static enum lq_status upgrade(struct lq_state *state, struct lq_error *err)
{
    int64_t version = 0;
    enum lq_status status;
    char done[48];
    bool found;

    LQ_TRY(exec(state, "BEGIN IMMEDIATE", "create tables", err));
    if (state->owner != 0) {
        snprintf(done, sizeof done, "PRAGMA application_id = %d", state->owner);
        LQ_TRY(exec(state, done, "create tables", err));
    }
    status = scalar(state, "PRAGMA user_version", &version, &found, err);
    for (; status == LQ_OK && version < SCHEMA_VERSION; version++)
        status = exec(state, versions[version], "create tables", err);
    if (status == LQ_OK) {
        snprintf(done, sizeof done, "PRAGMA user_version = %lld; COMMIT", (long long)version);
        status = exec(state, done, "create tables", err);
    }
    if (status != LQ_OK && !sqlite3_get_autocommit(state->sqlite))
        sqlite3_exec(state->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static enum lq_status open_to_write(struct lq_state *state, const char *path, struct lq_error *err)
{
    if (sqlite3_open_v2(path, &state->sqlite,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK)
        return lq_state_error(state, "open tables", err);
    sqlite3_busy_timeout(state->sqlite, BUSY_TIMEOUT_MS);
    /* The write-ahead log stays when the last process leaves: copying it back would cost each
     * short-lived lq two fsyncs. */
    sqlite3_db_config(state->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    LQ_TRY(enter_wal(state, err));
    return exec(state, "PRAGMA synchronous = NORMAL", "set the journal mode", err);
}

/* Whether the file alone is the database: no log lies beside it. */
static bool stands_alone(const char *path)
{
    LQ_CLEANUP(lq_free) char *log = lq_format("%s-wal", path);

    return access(path, R_OK) == 0 && access(log, F_OK) != 0;
}

/* Where nothing can be written, SQLite reads a WAL database without its log only when it is told that nobody
 * changes it (https://www.sqlite.org/uri.html). */
static enum lq_status open_to_read(struct lq_state *state, const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf uri = LQ_BUF_INIT;

    lq_buf_adds(&uri, "file:");
    for (; *path; path++)
        lq_buf_addf(&uri, strchr("%?#", *path) ? "%%%02X" : "%c", *path);
    lq_buf_adds(&uri, "?immutable=1");
    sqlite3_close(state->sqlite);
    if (sqlite3_open_v2(lq_buf_text(&uri), &state->sqlite,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK)
        return lq_state_error(state, "open tables", err);
    return LQ_OK;
}

static enum lq_status connect_to(struct lq_state *state, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(state->lq_dir, "state.db");
    int64_t version = 0, owner = 0;
    enum lq_status status = open_to_write(state, path, err);
    bool found;

    if (status == LQ_DENIED && stands_alone(path))
        status = open_to_read(state, path, err);
    if (status != LQ_OK)
        return status;
    LQ_TRY(scalar(state, "PRAGMA user_version", &version, &found, err));
    if (version > SCHEMA_VERSION)
        return lq_error_set(err, LQ_BAD_INPUT,
                            "'%s' was written by a newer lq (version %lld of its tables)", path,
                            (long long)version);
    if (version < SCHEMA_VERSION)
        LQ_TRY(upgrade(state, err));
    /* What another project has synced says nothing about files that have the same names here. */
    LQ_TRY(scalar(state, "PRAGMA application_id", &owner, &found, err));
    if (owner != 0 && state->owner != 0 && owner != state->owner)
        return lq_error_set(err, LQ_CORRUPT, "'%s' is another project's", path);
    return LQ_OK;
}

/* Whether all of the open file can be read and makes sense. Reads it whole. */
static bool is_sound(struct lq_state *state)
{
    int64_t n_problems = 1, n_bad_counters = 1;
    bool found;

    return scalar(state, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'",
                  &n_problems, &found, NULL) == LQ_OK &&
           scalar(state,
                  "SELECT count(*) FROM counter WHERE run_id NOT BETWEEN 0 AND " RUN_ID_MAX_SQL,
                  &n_bad_counters, &found, NULL) == LQ_OK &&
           n_problems == 0 && n_bad_counters == 0;
}

void lq_state_checkpoint(struct lq_state *state)
{
    sqlite3_busy_timeout(state->sqlite, 0);
    sqlite3_wal_checkpoint_v2(state->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(state->sqlite, BUSY_TIMEOUT_MS);
}

enum lq_status lq_state_set_aside(struct lq_state *state, struct lq_error *err)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    LQ_CLEANUP(lq_close) int folder =
        LQ_RETRY(open(state->lq_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    if (folder < 0 || LQ_RETRY(flock(folder, LOCK_EX)) != 0)
        return lq_error_errno(err, errno, "cannot lock '%s'", state->lq_dir);
    sqlite3_close(state->sqlite);
    state->sqlite = NULL;
    if (connect_to(state, NULL) == LQ_OK && is_sound(state))
        return LQ_OK; /* another process was here first */
    sqlite3_close(state->sqlite);
    state->sqlite = NULL;
    for (size_t i = 0; i < LQ_COUNT(suffixes); i++) {
        char from[32], to[32];

        snprintf(from, sizeof from, "state.db%s", suffixes[i]);
        snprintf(to, sizeof to, "state.db.damaged%s", suffixes[i]);
        if (LQ_RETRY(renameat(folder, from, folder, to)) != 0 && errno != ENOENT)
            return lq_error_errno(err, errno, "cannot set '%s/%s' aside", state->lq_dir, from);
    }
    return connect_to(state, err);
}

enum lq_status lq_state_open(struct lq_state **out, const char *lq_dir, const char *origin,
                             struct lq_error *err)
{
    LQ_CLEANUP(lq_state_close) struct lq_state *state = lq_alloc(sizeof *state);
    enum lq_status status;

    state->lq_dir = lq_strdup(lq_dir);
    if (origin)
        state->owner = (int32_t)(strtoul(origin, NULL, 16) & INT32_MAX);
    status = connect_to(state, err);
    if (status == LQ_CORRUPT)
        status = lq_state_set_aside(state, err);
    if (status != LQ_OK)
        return status;
    *out = LQ_TAKE(state);
    return LQ_OK;
}

void lq_state_close(struct lq_state **state)
{
    if (!*state)
        return;
    sqlite3_close((*state)->sqlite);
    free((*state)->lq_dir);
    free(*state);
    *state = NULL;
}

/* nftw() has no context argument; taking an id from a new state is done once, under the write
 * lock of state.db, by one thread of the process. */
static int64_t largest_run_id;

static int on_log_file(const char *path, const struct stat *info, int type, struct FTW *at)
{
    struct lq_run_file file;

    if (type == FTW_F && lq_name_parse_run_file(&file, lq_str_of(path + at->base)) &&
        file.run_id > largest_run_id && file.run_id < RUN_ID_MAX)
        largest_run_id = file.run_id;
    return 0;
}

static enum lq_status take_run_id(struct lq_state *state, int64_t *run_id, struct lq_error *err)
{
    bool found = false;
    enum lq_status status;
    char sql[96];

    /* FULL: an id that was given out is on disk before it is used. */
    LQ_TRY(exec(state, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE", "take a run id", err));
    status = scalar(state, "SELECT run_id FROM counter", run_id, &found, err);
    if (status == LQ_OK && !found) {
        LQ_CLEANUP(lq_free) char *logs = lq_path_join(state->lq_dir, "logs");

        largest_run_id = 0;
        nftw(logs, on_log_file, 16, FTW_PHYS);
        *run_id = largest_run_id;
    }
    if (status == LQ_OK && (*run_id < 0 || *run_id >= RUN_ID_MAX))
        status = lq_error_set(err, LQ_CORRUPT,
                              "cannot take a run id in '%s/state.db': the last one "
                              "is %lld",
                              state->lq_dir, (long long)*run_id);
    if (status == LQ_OK) {
        *run_id += 1;
        snprintf(sql, sizeof sql,
                 found ? "UPDATE counter SET run_id = %lld" : "INSERT INTO counter VALUES (%lld)",
                 (long long)*run_id);
        status = exec(state, sql, "take a run id", err);
    }
    if (status != LQ_OK) {
        if (!sqlite3_get_autocommit(state->sqlite))
            sqlite3_exec(state->sqlite, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return exec(state, "COMMIT; PRAGMA synchronous = NORMAL", "take a run id", err);
}

enum lq_status lq_state_take_run_id(struct lq_state *state, int64_t *run_id, struct lq_error *err)
{
    enum lq_status status = take_run_id(state, run_id, err);

    if (status != LQ_CORRUPT)
        return status;
    LQ_TRY(lq_state_set_aside(state, err));
    return take_run_id(state, run_id, err);
}

enum lq_status lq_state_add_file(struct lq_state *state, const struct lq_state_file *file,
                                 struct lq_error *err)
{
    const char *const texts[] = { file->path,       file->sha256,  file->run_uid,
                                  file->namespace_, file->project, file->hostname };
    sqlite3_stmt *statement = NULL;
    enum lq_status status = LQ_OK;
    int code = sqlite3_prepare_v2(state->sqlite,
                                  "INSERT OR REPLACE INTO file (path, sha256, run_uid, namespace,"
                                  " project, hostname, size_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                  -1, &statement, NULL);

    for (size_t i = 0; code == SQLITE_OK && i < LQ_COUNT(texts); i++)
        code =
            sqlite3_bind_text(statement, (int)i + 1, texts[i] ? texts[i] : "", -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, LQ_COUNT(texts) + 1, file->size_bytes);
    if (code != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE)
        status = lq_state_error(state, "add a file", err);
    sqlite3_finalize(statement);
    return status;
}

/* Run a statement with texts bound; `*row`: whether it gave one. */
static enum lq_status with_texts(struct lq_state *state, const char *sql, const char *const *texts,
                                 size_t n_texts, bool *row, struct lq_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lq_status status = LQ_OK;
    int code = sqlite3_prepare_v2(state->sqlite, sql, -1, &statement, NULL);

    for (size_t i = 0; i < n_texts && code == SQLITE_OK; i++)
        code = sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = lq_state_error(state, "read or change what is known of a file", err);
    sqlite3_finalize(statement);
    return status;
}

enum lq_status lq_state_forget_file(struct lq_state *state, const char *path, struct lq_error *err)
{
    static const char *const statements[] = {
        "DELETE FROM synced WHERE path = ?1",
        "DELETE FROM failed WHERE path = ?1",
        "DELETE FROM file WHERE path = ?1",
        "DELETE FROM bad_file WHERE path = ?1",
        /* The file may come back, out of a backup. */
        "DELETE FROM scanned WHERE folder = ?2 AND ?1 IS NOT NULL",
    };
    LQ_CLEANUP(lq_free) char *folder =
        lq_strndup(path, (size_t)(lq_path_base(path) - path) - (lq_path_base(path) > path));
    const char *const texts[] = { path, folder };
    bool row;

    for (size_t i = 0; i < LQ_COUNT(statements); i++)
        LQ_TRY(with_texts(state, statements[i], texts, i + 1 < LQ_COUNT(statements) ? 1 : 2, &row,
                          err));
    return LQ_OK;
}

enum lq_status lq_state_is_synced(struct lq_state *state, const char *path, const char *place,
                                  const char *url, bool with_raw, bool *synced,
                                  struct lq_error *err)
{
    const char *const texts[] = { path, place, url, with_raw ? "" : NULL };

    return with_texts(state,
                      "SELECT 1 FROM synced s JOIN destination d ON d.id = s.destination_id"
                      " WHERE s.path = ?1 AND (d.place = ?2 OR d.url = ?3)"
                      " AND (?4 IS NULL OR s.raw_bytes IS NOT NULL)",
                      texts, LQ_COUNT(texts), synced, err);
}

enum lq_status lq_state_knows_destination(struct lq_state *state, const char *place,
                                          const char *url, bool *known, struct lq_error *err)
{
    const char *const texts[] = { place, url };

    return with_texts(state, "SELECT 1 FROM destination WHERE place = ?1 OR url = ?2", texts,
                      LQ_COUNT(texts), known, err);
}

enum lq_status lq_state_set_auto(struct lq_state *state, const char *destination, int64_t tried_at,
                                 const char *problem, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *time = lq_format("%lld", (long long)tried_at);
    const char *const texts[] = { destination, time, problem };
    bool row;

    return with_texts(state,
                      "INSERT OR REPLACE INTO auto_sync (destination, tried_at, problem)"
                      " VALUES (?1, CAST(?2 AS INTEGER), ?3)",
                      texts, LQ_COUNT(texts), &row, err);
}

enum lq_status lq_state_get_auto(struct lq_state *state, const char *destination, char **problem,
                                 int64_t *tried_at, struct lq_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lq_status status = LQ_OK;
    int code = sqlite3_prepare_v2(state->sqlite,
                                  "SELECT problem, tried_at FROM auto_sync a WHERE destination = ?1"
                                  " AND NOT EXISTS (SELECT 1 FROM destination d WHERE d.url = ?1"
                                  " AND d.last_success > a.tried_at)",
                                  -1, &statement, NULL);

    *problem = NULL;
    *tried_at = 0;
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, destination, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *problem = lq_strdup((const char *)sqlite3_column_text(statement, 0));
        *tried_at = sqlite3_column_int64(statement, 1);
    } else if (code != SQLITE_DONE) {
        status = lq_state_error(state, "read how a sync went", err);
    }
    sqlite3_finalize(statement);
    return status;
}
