/* SPDX-License-Identifier: MIT */
/* The sync room's statements on state.db. */
#include "sync/track.h"
#include "base/alloc.h"

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

/* ---- destinations ---- */

enum lq_status lq_track_find(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .text = plan->place.key } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state, "SELECT id, file_system, naming FROM destination WHERE place = ?",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    if (!found)
        return LQ_OK;
    plan->destination_id = sqlite3_column_int64(statement, 0);
    plan->remembered = column(statement, 1);
    plan->place.naming = (enum lq_naming)sqlite3_column_int(statement, 2);
    return LQ_OK;
}

enum lq_status lq_track_save(struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .text = plan->place.key },
                                    { .text = plan->url },
                                    { .text = plan->place.file_system },
                                    { .number = plan->place.naming } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state,
                   "INSERT INTO destination (place, url, file_system, naming) VALUES (?, ?, ?, ?)"
                   " ON CONFLICT (place) DO UPDATE SET url = excluded.url,"
                   " file_system = excluded.file_system, naming = excluded.naming RETURNING id",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    plan->destination_id = sqlite3_column_int64(statement, 0);
    /* The row is written when the statement has run to its end. */
    LQ_TRY(step(state, statement, NULL, 0, &found, err));
    free(plan->remembered);
    plan->remembered = lq_strdup(plan->place.file_system);
    return LQ_OK;
}

enum lq_status lq_track_success(struct lq_sync_plan *plan, int64_t now, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .number = now }, { .number = plan->destination_id } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state, "UPDATE destination SET last_success = ? WHERE id = ?", &statement, err));
    return step(state, statement, values, LQ_COUNT(values), &found, err);
}

/* ---- what is there ---- */

enum lq_status lq_track_drop_synced(const struct lq_sync_plan *plan, char **paths, size_t n_paths,
                                    struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    const struct bound values[] = { { .number = plan->destination_id } };
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    /* Both lists are sorted by bytes (the primary key's order), so one pass compares them. */
    LQ_TRY(prepare(state, "SELECT path FROM synced WHERE destination_id = ? ORDER BY path",
                   &statement, err));
    LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
    for (size_t i = 0; i < n_paths && found;) {
        const int order = strcmp((const char *)sqlite3_column_text(statement, 0), paths[i]);

        if (order == 0)
            lq_free(&paths[i]);
        if (order >= 0)
            i++;
        if (order <= 0)
            LQ_TRY(step(state, statement, NULL, 0, &found, err));
    }
    return LQ_OK;
}

/* ---- local files ---- */

enum lq_status lq_tracker_init(struct lq_tracker *tracker, struct lq_state *state,
                               struct lq_error *err)
{
    *tracker = (struct lq_tracker){ .state = state };
    LQ_TRY(prepare(state,
                   "SELECT size_bytes, sha256, run_uid, namespace, project, hostname FROM file"
                   " WHERE path = ?",
                   &tracker->file, err));
    return prepare(state,
                   "SELECT reason FROM bad_file WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
                   &tracker->bad_file, err);
}

void lq_tracker_release(struct lq_tracker *tracker)
{
    finalize(&tracker->file);
    finalize(&tracker->bad_file);
}

enum lq_status lq_tracker_file(struct lq_tracker *tracker, struct lq_step *file,
                               struct lq_error *err)
{
    const struct bound values[] = { { .text = file->path } };
    sqlite3_stmt *statement = tracker->file;

    LQ_TRY(step(tracker->state, statement, values, LQ_COUNT(values), &file->in_state, err));
    if (file->in_state) {
        file->put.size_bytes = sqlite3_column_int64(statement, 0);
        snprintf(file->put.sha256, sizeof file->put.sha256, "%s",
                 (const char *)sqlite3_column_text(statement, 1));
        file->run_uid = column(statement, 2);
        file->namespace_ = column(statement, 3);
        file->project = column(statement, 4);
        file->hostname = column(statement, 5);
    }
    sqlite3_reset(statement);
    return LQ_OK;
}

enum lq_status lq_tracker_bad_file(struct lq_tracker *tracker, struct lq_bad_file *bad,
                                   struct lq_error *err)
{
    const struct bound values[] = { { .text = bad->path },
                                    { .number = bad->size_bytes },
                                    { .number = bad->mtime_ns } };
    sqlite3_stmt *statement = tracker->bad_file;

    LQ_TRY(step(tracker->state, statement, values, LQ_COUNT(values), &bad->in_state, err));
    if (bad->in_state)
        bad->reason = column(statement, 0);
    sqlite3_reset(statement);
    return LQ_OK;
}

/* ---- recording ---- */

static enum lq_status record_steps(struct lq_sync_plan *plan, const struct lq_step *steps,
                                   size_t n_steps, int64_t now, struct lq_error *err)
{
    struct lq_state *state = plan->store->state;
    LQ_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    bool found;

    LQ_TRY(prepare(state,
                   "INSERT OR REPLACE INTO synced (destination_id, path, remote_path, size_bytes,"
                   " sha256, synced_at) VALUES (?, ?, ?, ?, ?, ?)",
                   &statement, err));
    for (size_t i = 0; i < n_steps; i++) {
        const struct lq_step *file = &steps[i];
        const struct bound values[] = {
            { .number = plan->destination_id }, { .text = file->path },
            { .text = file->remote_path },      { .number = file->put.size_bytes },
            { .text = file->put.sha256 },       { .number = now }
        };

        if (file->file.outcome != LQ_SYNC_COPIED && file->file.outcome != LQ_SYNC_PRESENT)
            continue;
        LQ_TRY(step(state, statement, values, LQ_COUNT(values), &found, err));
        sqlite3_reset(statement);
        if (!file->in_state)
            LQ_TRY(lq_state_add_file(state,
                                     &(struct lq_state_file){
                                         .path = file->path,
                                         .size_bytes = file->put.size_bytes,
                                         .sha256 = file->put.sha256,
                                         .run_uid = file->run_uid,
                                         .namespace_ = file->namespace_,
                                         .project = file->project,
                                         .hostname = file->hostname,
                                     },
                                     err));
    }
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

enum lq_status lq_track_record(struct lq_sync_plan *plan, const struct lq_step *steps,
                               size_t n_steps, int64_t now, struct lq_error *err)
{
    sqlite3 *sqlite = lq_state_sqlite(plan->store->state);
    enum lq_status status;

    if (sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return lq_state_error(plan->store->state, "begin", err);
    status = record_steps(plan, steps, n_steps, now, err);
    if (status == LQ_OK)
        status = record_bad_files(plan, err);
    if (status == LQ_OK && sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = lq_state_error(plan->store->state, "commit", err);
    if (status != LQ_OK)
        sqlite3_exec(sqlite, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
