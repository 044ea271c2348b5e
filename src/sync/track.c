/* SPDX-License-Identifier: MIT */
/* The sync room's statements on state.db. */
#include "sync/track.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "store/names.h"

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

static enum lq_status prepare(struct lq_state *state, const char *sql, sqlite3_stmt **statement,
                              struct lq_error *err)
{
    if (sqlite3_prepare_v2(lq_state_sqlite(state), sql, -1, statement, NULL) != SQLITE_OK)
        return lq_state_error(state, "prepare a statement", err);
    return LQ_OK;
}

/* A value bound to a statement: a text, or the number when `text` is NULL. Texts are borrowed. */
struct bound {
    const char *text;
    int64_t number;
};

/* Bind and take the next row; `*found` is false behind the last. */
static enum lq_status step(struct lq_state *state, sqlite3_stmt *statement,
                           const struct bound *values, size_t n_values, bool *found,
                           struct lq_error *err)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < n_values && code == SQLITE_OK; i++)
        code = values[i].text
                   ? sqlite3_bind_text(statement, (int)i + 1, values[i].text, -1, SQLITE_STATIC)
                   : sqlite3_bind_int64(statement, (int)i + 1, values[i].number);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return lq_state_error(state, "read or write the state of sync", err);
    return LQ_OK;
}

static char *column(sqlite3_stmt *statement, int index)
{
    return lq_strdup((const char *)sqlite3_column_text(statement, index));
}

/* Run a statement that gives no rows. */
static enum lq_status change(struct lq_state *state, const char *sql, const struct bound *values,
                             size_t n_values, struct lq_error *err)
{
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state, sql, &statement, err));
    return step(state, statement, values, n_values, &found, err);
}

/* ---- destinations ---- */

/* Added to destination.mode. */
#define DOUBTFUL 16
#define DOUBTFUL_SQL "16"
#define UNFINISHED 32
#define UNFINISHED_SQL "32"
#define MODE_MASK 15

enum lq_status lq_track_find(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .text = plan->place.key } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    plan->remembered_mode = -1;
    LQ_TRY(prepare(state,
                   "SELECT id, file_system, naming, mode, swept_at,"
                   " EXISTS (SELECT 1 FROM failed WHERE destination_id = id)"
                   " FROM destination WHERE place = ?",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    if (!found)
        return LQ_OK;
    plan->destination_id = sqlite3_column_int64(statement, 0);
    plan->remembered = column(statement, 1);
    plan->place.naming = (enum lq_naming)sqlite3_column_int(statement, 2);
    if (sqlite3_column_type(statement, 3) != SQLITE_NULL)
        plan->remembered_mode = sqlite3_column_int(statement, 3) & MODE_MASK;
    plan->doubtful = (sqlite3_column_int(statement, 3) & DOUBTFUL) != 0;
    plan->unfinished =
        plan->remembered_mode < 0 || (sqlite3_column_int(statement, 3) & UNFINISHED) != 0;
    plan->swept_at = sqlite3_column_int64(statement, 4);
    plan->had_failures = sqlite3_column_int(statement, 5) != 0;
    return LQ_OK;
}

enum lq_status lq_track_save(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .text = plan->place.key },
                                    { .text = plan->url },
                                    { .text = plan->place.file_system },
                                    { .number = plan->place.naming },
                                    { .number = plan->opts.now } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state,
                   "INSERT INTO destination (place, url, file_system, naming, swept_at)"
                   " VALUES (?, ?, ?, ?, ?)"
                   " ON CONFLICT (place) DO UPDATE SET url = excluded.url,"
                   " file_system = excluded.file_system, naming = excluded.naming,"
                   " mode = mode | " UNFINISHED_SQL " RETURNING id",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    if (!plan->destination_id)
        plan->swept_at = plan->opts.now;
    plan->destination_id = sqlite3_column_int64(statement, 0);
    /* The row is written when the statement has run to its end. */
    LQ_TRY(step(state, statement, NULL, 0, &found, err));
    free(plan->remembered);
    plan->remembered = lq_strdup(plan->place.file_system);
    return LQ_OK;
}

/* Files that are gone here cannot fail any more; damage at the destination is, until all has been read. */
static enum lq_status forget_failures(struct lq_sync_plan *plan, struct lq_error *err)
{
    const struct bound values[] = { { .number = plan->destination_id },
                                    { .number = plan->opts.deep } };

    return change(plan->store->state,
                  "DELETE FROM failed WHERE destination_id = ?1 AND (?2 OR NOT EXISTS (SELECT 1"
                  " FROM synced s WHERE s.destination_id = ?1 AND s.path = failed.path))",
                  values, LQ_COUNT(values), err);
}

enum lq_status lq_track_result(struct lq_sync_plan *plan, const char *problem, struct lq_error *err)
{
    const int unfinished = plan->unfinished ? UNFINISHED : 0;
    const struct bound done[] = { { .number = plan->opts.now },
                                  { .number = (int)plan->opts.mode | unfinished },
                                  { .number = plan->destination_id } };
    const struct bound failed[] = { { .text = problem },
                                    { .number = unfinished },
                                    { .number = plan->destination_id } };

    if (problem)
        return change(plan->store->state,
                      "UPDATE destination SET last_error = ?,"
                      " mode = (mode & ~" UNFINISHED_SQL ") | " DOUBTFUL_SQL " | ?"
                      " WHERE id = ?",
                      failed, LQ_COUNT(failed), err);
    plan->remembered_mode = (int)plan->opts.mode;
    if (plan->had_failures)
        LQ_TRY(forget_failures(plan, err));
    return change(plan->store->state,
                  "UPDATE destination SET last_success = ?, mode = ?, last_error = NULL"
                  " WHERE id = ?",
                  done, LQ_COUNT(done), err);
}

enum lq_status lq_track_doubt(struct lq_sync_plan *plan, struct lq_error *err)
{
    const struct bound values[] = { { .number = plan->destination_id } };

    return change(plan->store->state,
                  "UPDATE destination SET mode = mode | " DOUBTFUL_SQL " WHERE id = ?", values,
                  LQ_COUNT(values), err);
}

static void add_name(struct lq_names *names, char *name)
{
    if (names->count > 0 && strcmp(names->items[names->count - 1], name) == 0) {
        free(name);
        return;
    }
    LQ_GROW(names->items, names->count, names->capacity);
    names->items[names->count++] = name;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct lq_names *names)
{
    size_t kept = 0;

    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_bytes);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
}

char *lq_track_folder(const char *namespace_, const char *project, const char *hostname)
{
    const struct {
        const char *key, *value;
    } parts[] = { { "namespace=", namespace_ },
                  { "/project=", project },
                  { "/hostname=", hostname } };
    struct lq_buf folder = LQ_BUF_INIT;

    for (size_t i = 0; i < LQ_COUNT(parts); i++) {
        lq_buf_adds(&folder, parts[i].key);
        lq_name_add_partition(&folder, lq_str_of(parts[i].value ? parts[i].value : ""));
    }
    return lq_buf_detach(&folder);
}

enum lq_status lq_track_folders(const struct lq_sync_plan *plan, struct lq_names *folders,
                                struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .number = plan->destination_id } };
    LQ_CLEANUP(finalize) sqlite3_stmt *files = NULL;
    LQ_CLEANUP(finalize) sqlite3_stmt *synced = NULL;
    bool found;

    LQ_TRY(prepare(state, "SELECT DISTINCT namespace, project, hostname FROM file", &files, err));
    LQ_TRY(step(state, files, NULL, 0, &found, err));
    while (found) {
        add_name(folders, lq_track_folder((const char *)sqlite3_column_text(files, 0),
                                          (const char *)sqlite3_column_text(files, 1),
                                          (const char *)sqlite3_column_text(files, 2)));
        LQ_TRY(step(state, files, NULL, 0, &found, err));
    }
    /* A run's local folder stands at the end of its remote path: what is in front is one's identity. */
    LQ_TRY(prepare(state,
                   "SELECT DISTINCT substr(remote_path, 1, instr(remote_path, '/date=') - 1)"
                   " FROM synced WHERE destination_id = ?",
                   &synced, err));
    LQ_TRY(step(state, synced, values, LQ_COUNT(values), &found, err));
    while (found) {
        add_name(folders, column(synced, 0));
        LQ_TRY(step(state, synced, NULL, 0, &found, err));
    }
    sort_names(folders);
    return LQ_OK;
}

/* A killed sync's files are brought by a later one, to the same folder. */
#define RECENT_US (7 * 24 * 3600 * LQ_US_PER_SECOND)

enum lq_status lq_track_recent_folders(const struct lq_sync_plan *plan, struct lq_names *folders,
                                       struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .number = plan->destination_id },
                                    { .number = plan->swept_at - RECENT_US } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state,
                   "SELECT remote_path FROM synced WHERE destination_id = ? AND synced_at >= ?"
                   " ORDER BY path",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    while (found) {
        const char *path = (const char *)sqlite3_column_text(statement, 0);

        add_name(folders, lq_strndup(path, (size_t)(lq_path_base(path) - path) - 1));
        LQ_TRY(step(state, statement, NULL, 0, &found, err));
    }
    sort_names(folders);
    return LQ_OK;
}

enum lq_status lq_track_swept(struct lq_sync_plan *plan, struct lq_error *err)
{
    const struct bound values[] = { { .number = plan->opts.now },
                                    { .number = plan->destination_id } };

    plan->swept_at = plan->opts.now;
    return change(plan->store->state, "UPDATE destination SET swept_at = ? WHERE id = ?", values,
                  LQ_COUNT(values), err);
}

enum lq_status lq_track_destinations(struct lq_state *state, struct lq_names *pairs,
                                     struct lq_error *err)
{
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state, "SELECT place, url FROM destination ORDER BY id", &statement, err));
    LQ_TRY(step(state, statement, NULL, 0, &found, err));
    while (found) {
        for (int i = 0; i < 2; i++) {
            LQ_GROW(pairs->items, pairs->count, pairs->capacity);
            pairs->items[pairs->count++] = column(statement, i);
        }
        LQ_TRY(step(state, statement, NULL, 0, &found, err));
    }
    return LQ_OK;
}

static enum lq_status list_failures(const struct lq_sync_plan *plan, struct lq_sync_state *state,
                                    struct lq_sync_failure **failures, struct lq_error *err)
{
    const struct bound values[] = { { .number = plan->destination_id } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(plan->store->state,
                   "SELECT path, reason, failed_at FROM failed WHERE destination_id = ?"
                   " ORDER BY path",
                   &statement, err));
    LQ_TRY(step(plan->store->state, statement, values, LQ_COUNT(values), &found, err));
    while (found) {
        *failures = lq_realloc(*failures, state->n_failures + 2, sizeof **failures);
        (*failures)[state->n_failures++] =
            (struct lq_sync_failure){ column(statement, 0), column(statement, 1),
                                      sqlite3_column_int64(statement, 2) };
        (*failures)[state->n_failures] = (struct lq_sync_failure){ 0 };
        LQ_TRY(step(plan->store->state, statement, NULL, 0, &found, err));
    }
    return LQ_OK;
}

enum lq_status lq_track_state(const struct lq_sync_plan *plan, struct lq_sync_state *state,
                              char **last_error, struct lq_sync_failure **failures,
                              struct lq_error *err)
{
    const struct bound values[] = { { .number = plan->destination_id } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(plan->store->state,
                   "SELECT count(path), coalesce(sum(size_bytes), 0) + coalesce(sum(raw_bytes), 0),"
                   " count(raw_bytes), last_success, last_error"
                   " FROM destination LEFT JOIN synced ON destination_id = id WHERE id = ?",
                   &statement, err));
    LQ_TRY(step(plan->store->state, statement, values, LQ_COUNT(values), &found, err));
    state->n_present = sqlite3_column_int64(statement, 0);
    state->n_present_bytes = sqlite3_column_int64(statement, 1);
    state->n_raw = sqlite3_column_int64(statement, 2);
    state->last_success = sqlite3_column_int64(statement, 3);
    *last_error = column(statement, 4);
    return list_failures(plan, state, failures, err);
}

/* ---- files ---- */

enum lq_status lq_track_known_folders(const struct lq_sync_plan *plan,
                                      struct lq_known_folders *known, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .number = plan->destination_id },
                                    { .number = plan->opts.include_raw } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found = false;

    LQ_TRY(prepare(state,
                   "SELECT folder, mtime_ns, content FROM scanned"
                   " WHERE destination_id = ? AND with_raw >= ? ORDER BY folder",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    while (found) {
        LQ_GROW(known->items, known->count, known->capacity);
        known->items[known->count++] =
            (struct lq_known_folder){ column(statement, 0), sqlite3_column_int64(statement, 1),
                                      column(statement, 2) };
        LQ_TRY(step(state, statement, NULL, 0, &found, err));
    }
    return LQ_OK;
}

static const char *const cursor_sql[] = {
    [LQ_CURSOR_SYNCED] =
        "SELECT path, remote_path, size_bytes, sha256, raw_bytes FROM synced"
        " WHERE destination_id = ?2 AND path > ?1 || '/' AND path < ?1 || '0' ORDER BY path",
    [LQ_CURSOR_FILE] = "SELECT path, size_bytes, sha256, run_uid, namespace, project, hostname"
                       " FROM file WHERE path > ?1 || '/' AND path < ?1 || '0' AND ?2 >= 0"
                       " ORDER BY path",
    [LQ_CURSOR_BAD] = "SELECT path FROM bad_file WHERE path > ?1 || '/' AND path < ?1 || '0'"
                      " AND ?2 >= 0 ORDER BY path",
};

enum lq_status lq_cursor_open(struct lq_cursor *cursor, enum lq_cursor_table table,
                              const struct lq_sync_plan *plan, const char *leaf,
                              struct lq_error *err)
{
    /* '0' is the byte after '/': the bounds take in the folder's files and nothing else. */
    const struct bound values[] = { { .text = leaf }, { .number = plan->destination_id } };

    cursor->state = plan->store->state;
    if (!cursor->statement)
        LQ_TRY(prepare(cursor->state, cursor_sql[table], &cursor->statement, err));
    sqlite3_reset(cursor->statement);
    return step(cursor->state, cursor->statement, values, LQ_COUNT(values), &cursor->more, err);
}

enum lq_status lq_cursor_find(struct lq_cursor *cursor, const char *path, bool *found,
                              struct lq_error *err)
{
    *found = false;
    while (cursor->more) {
        const int order = strcmp((const char *)sqlite3_column_text(cursor->statement, 0), path);

        *found = order == 0;
        if (order >= 0)
            return LQ_OK;
        LQ_TRY(step(cursor->state, cursor->statement, NULL, 0, &cursor->more, err));
    }
    return LQ_OK;
}

void lq_cursor_release(struct lq_cursor *cursor)
{
    finalize(&cursor->statement);
}

void lq_cursor_synced(const struct lq_cursor *cursor, struct lq_synced *row)
{
    sqlite3_stmt *statement = cursor->statement;

    *row = (struct lq_synced){
        .remote_path = (const char *)sqlite3_column_text(statement, 1),
        .size_bytes = sqlite3_column_int64(statement, 2),
        .sha256 = (const char *)sqlite3_column_text(statement, 3),
        .raw_bytes = sqlite3_column_type(statement, 4) == SQLITE_NULL
                         ? -1
                         : sqlite3_column_int64(statement, 4),
    };
}

void lq_cursor_file(const struct lq_cursor *cursor, struct lq_step *file)
{
    sqlite3_stmt *statement = cursor->statement;

    file->in_state = true;
    file->put.size_bytes = sqlite3_column_int64(statement, 1);
    snprintf(file->put.sha256, sizeof file->put.sha256, "%s",
             (const char *)sqlite3_column_text(statement, 2));
    file->run_uid = column(statement, 3);
    file->namespace_ = column(statement, 4);
    file->project = column(statement, 5);
    file->hostname = column(statement, 6);
}

enum lq_status lq_track_bad_file(struct lq_state *state, struct lq_bad_file *bad,
                                 struct lq_error *err)
{
    const struct bound values[] = { { .text = bad->path },
                                    { .number = bad->size_bytes },
                                    { .number = bad->mtime_ns } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;

    LQ_TRY(prepare(state,
                   "SELECT reason FROM bad_file WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &bad->in_state, err));
    if (bad->in_state)
        bad->reason = column(statement, 0);
    return LQ_OK;
}

/* ---- recording ---- */

/* What is remembered of one step, by what became of it. */
enum record { RECORD_RUN, RECORD_RAW, RECORD_FAILED, RECORD_MENDED, RECORD_COUNT };

static const char *const record_sql[RECORD_COUNT] = {
    [RECORD_RUN] =
        "INSERT INTO synced (destination_id, path, remote_path, size_bytes, sha256, synced_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
        " raw_bytes = CASE WHEN remote_path = excluded.remote_path THEN raw_bytes END,"
        " remote_path = excluded.remote_path, size_bytes = excluded.size_bytes,"
        " sha256 = excluded.sha256, synced_at = excluded.synced_at",
    [RECORD_RAW] = "UPDATE synced SET raw_bytes = ?4 WHERE destination_id = ?1 AND path = ?2",
    [RECORD_FAILED] = ("INSERT OR REPLACE INTO failed (destination_id, path, reason, failed_at)"
                       " VALUES (?1, ?2, ?7, ?6)"),
    [RECORD_MENDED] = "DELETE FROM failed WHERE destination_id = ?1 AND path = ?2",
};

struct recorder {
    struct lq_sync_plan *plan;
    sqlite3_stmt *statements[RECORD_COUNT]; /* prepared when first needed */
};

static void recorder_release(struct recorder *recorder)
{
    for (size_t i = 0; i < RECORD_COUNT; i++)
        finalize(&recorder->statements[i]);
}

static enum lq_status record(struct recorder *recorder, enum record what,
                             const struct lq_step *file, struct lq_error *err)
{
    const struct lq_sync_plan *plan = recorder->plan;
    struct lq_state *state = plan->store->state;
    const struct bound all[] = {
        { .number = plan->destination_id },
        { .text = file->path },
        { .text = file->remote_path },
        { .number = file->put.size_bytes },
        { .text = file->put.sha256 },
        { .number = plan->opts.now },
        { .text = file->error ? file->error : "" },
    };
    sqlite3_stmt **statement = &recorder->statements[what];
    bool found;

    if (!*statement)
        LQ_TRY(prepare(state, record_sql[what], statement, err));
    LQ_TRY(step(state, *statement, all, (size_t)sqlite3_bind_parameter_count(*statement), &found,
                err));
    sqlite3_reset(*statement);
    return LQ_OK;
}

static enum lq_status record_step(struct recorder *recorder, const struct lq_step *file,
                                  struct lq_error *err)
{
    struct lq_state *state = recorder->plan->store->state;

    if (file->file.outcome == LQ_SYNC_FAILED)
        return record(recorder, RECORD_FAILED, file, err);
    if (file->file.outcome == LQ_SYNC_PENDING)
        return LQ_OK;
    if (recorder->plan->had_failures)
        LQ_TRY(record(recorder, RECORD_MENDED, file, err));
    if (file->file.is_link || file->file.outcome == LQ_SYNC_GONE)
        return LQ_OK;
    if (file->file.is_raw)
        return record(recorder, RECORD_RAW, file, err);
    LQ_TRY(record(recorder, RECORD_RUN, file, err));
    if (file->in_state)
        return LQ_OK;
    return lq_state_add_file(state,
                             &(struct lq_state_file){
                                 .path = file->path,
                                 .size_bytes = file->put.size_bytes,
                                 .sha256 = file->put.sha256,
                                 .run_uid = file->run_uid,
                                 .namespace_ = file->namespace_,
                                 .project = file->project,
                                 .hostname = file->hostname,
                             },
                             err);
}

static enum lq_status record_steps(struct lq_sync_plan *plan, const struct lq_step *steps,
                                   size_t n_steps, struct lq_error *err)
{
    LQ_CLEANUP(recorder_release) struct recorder recorder = { .plan = plan };

    for (size_t i = 0; i < n_steps; i++)
        LQ_TRY(record_step(&recorder, &steps[i], err));
    return LQ_OK;
}

static enum lq_status record_bad_files(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state,
                   "INSERT OR REPLACE INTO bad_file (path, reason, size_bytes, mtime_ns)"
                   " VALUES (?, ?, ?, ?)",
                   &statement, err));
    for (size_t i = 0; i < plan->n_bad; i++) {
        struct lq_bad_file *bad = &plan->bad[i];
        const struct bound values[] = { { .text = bad->path },
                                        { .text = bad->reason },
                                        { .number = bad->size_bytes },
                                        { .number = bad->mtime_ns } };

        if (bad->in_state)
            continue;
        LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
        sqlite3_reset(statement);
        bad->in_state = true;
    }
    return LQ_OK;
}

/* Begin a transaction, and end it: by `status`. */
static enum lq_status begin(struct lq_state *state, struct lq_error *err)
{
    if (sqlite3_exec(lq_state_sqlite(state), "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return lq_state_error(state, "begin", err);
    return LQ_OK;
}

static enum lq_status end(struct lq_state *state, enum lq_status status, struct lq_error *err)
{
    sqlite3 *sqlite = lq_state_sqlite(state);

    if (status == LQ_OK && sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = lq_state_error(state, "commit", err);
    if (status != LQ_OK && !sqlite3_get_autocommit(sqlite))
        sqlite3_exec(sqlite, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum lq_status lq_track_record(struct lq_sync_plan *plan, const struct lq_step *steps,
                               size_t n_steps, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    enum lq_status status;

    LQ_TRY(begin(state, err));
    status = record_steps(plan, steps, n_steps, err);
    if (status == LQ_OK)
        status = record_bad_files(plan, err);
    return end(state, status, err);
}

/* Do it for each step that is missing at the destination. */
static enum lq_status forget_missing(struct lq_sync_plan *plan, struct lq_error *err)
{
    static const char *const sql[] = {
        "DELETE FROM synced WHERE destination_id = ?1 AND path = ?2",
        "UPDATE synced SET raw_bytes = NULL WHERE destination_id = ?1 AND path = ?2",
        "DELETE FROM scanned WHERE destination_id = ?1 AND folder = ?2",
    };

    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct lq_step *file = &plan->steps[i];
        const struct bound values[] = { { .number = plan->destination_id },
                                        { .text = file->path } };
        const struct bound folder[] = { { .number = plan->destination_id },
                                        { .text = plan->leaves.items[file->leaf].path } };

        if (file->file.why != LQ_SYNC_MISSING)
            continue;
        LQ_TRY(change(plan->store->state, sql[file->file.is_raw], values, LQ_COUNT(values), err));
        LQ_TRY(change(plan->store->state, sql[2], folder, LQ_COUNT(folder), err));
    }
    return LQ_OK;
}

enum lq_status lq_track_forget_missing(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;

    LQ_TRY(begin(state, err));
    return end(state, forget_missing(plan, err), err);
}

static bool time_tells(const struct lq_sync_plan *plan, int64_t mtime_ns)
{
    return plan->leaves.times_tell && lq_folder_time_tells(mtime_ns, plan->opts.now);
}

/* What is to be remembered of leaf `i`. false: nothing that is not known. */
static bool leaf_news(const struct lq_sync_plan *plan, size_t i, struct lq_known_folder *news)
{
    struct lq_scan *scan = &plan->scans[i];
    const struct lq_leaf *leaf = &plan->leaves.items[i];
    const bool tells = time_tells(plan, leaf->mtime_ns);

    /* One that is at work now is read the next time in any case. */
    if (!scan->content[0] || scan->dirty || (plan->leaves.times_tell && !tells))
        return false;
    *news =
        (struct lq_known_folder){ leaf->path, tells ? leaf->mtime_ns : LQ_NO_TIME, scan->content };
    return !leaf->known || leaf->known->mtime_ns != news->mtime_ns ||
           strcmp(leaf->known->content, news->content) != 0;
}

/* The same for a date, whose leaves are those from `*at` on. `count` has room for their number. */
static bool date_news(const struct lq_sync_plan *plan, const struct lq_date *date, size_t *at,
                      char count[static 24], struct lq_known_folder *news)
{
    const size_t len = strlen(date->path), first = *at;
    bool all_known = true;

    for (; *at < plan->leaves.count; ++*at) {
        const struct lq_leaf *leaf = &plan->leaves.items[*at];
        struct lq_known_folder unused;

        if (strncmp(leaf->path, date->path, len) != 0 || leaf->path[len] != '/')
            break;
        all_known = all_known && (leaf->known || leaf_news(plan, *at, &unused));
    }
    snprintf(count, 24, "%zu", *at - first);
    *news = (struct lq_known_folder){ date->path, date->mtime_ns, count };
    return all_known && time_tells(plan, date->mtime_ns) &&
           (!date->known || date->known->mtime_ns != news->mtime_ns ||
            strcmp(date->known->content, count) != 0);
}

/* Changes rows in one transaction, which the first change begins. */
struct scan_writer {
    struct lq_sync_plan *plan;
    sqlite3_stmt *write, *forget;
};

static void scan_writer_release(struct scan_writer *writer)
{
    finalize(&writer->write);
    finalize(&writer->forget);
}

static enum lq_status change_scan(struct scan_writer *writer, sqlite3_stmt **statement,
                                  const char *sql, const struct lq_known_folder *folder,
                                  struct lq_error *err)
{
    struct lq_state *state = writer->plan->store->state;
    const struct bound values[] = { { .number = writer->plan->destination_id },
                                    { .text = folder->path },
                                    { .number = folder->mtime_ns },
                                    { .number = writer->plan->opts.include_raw },
                                    { .text = folder->content } };
    bool found;

    if (sqlite3_get_autocommit(lq_state_sqlite(state)))
        LQ_TRY(begin(state, err));
    if (!*statement)
        LQ_TRY(prepare(state, sql, statement, err));
    LQ_TRY(step(state, *statement, values, (size_t)sqlite3_bind_parameter_count(*statement), &found,
                err));
    sqlite3_reset(*statement);
    return LQ_OK;
}

static enum lq_status write_scan(struct scan_writer *writer, const struct lq_known_folder *news,
                                 struct lq_error *err)
{
    return change_scan(writer, &writer->write,
                       "INSERT OR REPLACE INTO scanned"
                       " (destination_id, folder, mtime_ns, with_raw, content)"
                       " VALUES (?, ?, ?, ?, ?)",
                       news, err);
}

/* Folders that are gone are not counted as known ones of their date. */
static enum lq_status forget_gone(struct scan_writer *writer, struct lq_error *err)
{
    const struct lq_sync_plan *plan = writer->plan;
    const struct lq_leaves *leaves = &plan->leaves;
    size_t leaf = 0, date = 0;

    for (size_t i = 0; i < plan->known.count; i++) {
        const struct lq_known_folder *known = &plan->known.items[i];
        const bool is_leaf = strchr(known->path, '/') != NULL;
        size_t *at = is_leaf ? &leaf : &date;
        int order = 1;

        while (*at < (is_leaf ? leaves->count : leaves->n_dates) &&
               (order = strcmp(is_leaf ? leaves->items[*at].path : leaves->dates[*at].path,
                               known->path)) < 0)
            ++*at;
        if (order != 0)
            LQ_TRY(change_scan(writer, &writer->forget,
                               "DELETE FROM scanned WHERE destination_id = ? AND folder = ?", known,
                               err));
    }
    return LQ_OK;
}

static enum lq_status write_scans(struct scan_writer *writer, struct lq_error *err)
{
    const struct lq_sync_plan *plan = writer->plan;
    struct lq_known_folder news;
    char count[24];
    size_t at = 0;

    LQ_TRY(forget_gone(writer, err));
    for (size_t i = 0; i < plan->leaves.n_dates; i++)
        if (date_news(plan, &plan->leaves.dates[i], &at, count, &news))
            LQ_TRY(write_scan(writer, &news, err));
    for (size_t i = 0; i < plan->leaves.count; i++)
        if (leaf_news(plan, i, &news))
            LQ_TRY(write_scan(writer, &news, err));
    return LQ_OK;
}

enum lq_status lq_track_record_scans(struct lq_sync_plan *plan, struct lq_error *err)
{
    LQ_CLEANUP(scan_writer_release) struct scan_writer writer = { .plan = plan };
    enum lq_status status;

    /* What is seen through a link was not brought: in another mode it is new. */
    if (plan->opts.mode == LQ_SYNC_MODE_SYMLINK)
        return LQ_OK;
    status = write_scans(&writer, err);
    scan_writer_release(&writer);
    return sqlite3_get_autocommit(lq_state_sqlite(plan->store->state))
               ? status
               : end(plan->store->state, status, err);
}
