/* SPDX-License-Identifier: MIT */
/* Reads the identity columns of a run file. */
#include "sync/identify.h"
#include "base/alloc.h"
#include "base/uuid.h"

static enum lq_status read_row(struct lq_db *db, int fd, struct lq_step *step, bool *more,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    char sql[256];

    /* By descriptor: it is the very file that was opened, and no character of its name is taken
     * for a pattern. Not as a parameter: the columns are not known before one is bound. */
    snprintf(sql, sizeof sql,
             "SELECT run_uid::VARCHAR, namespace::VARCHAR, project::VARCHAR, hostname::VARCHAR"
             " FROM read_parquet('/proc/self/fd/%d', hive_partitioning = false) LIMIT 1",
             fd);
    LQ_TRY(lq_db_query(db, LQ_DB_ANY, sql, NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, more, err));
    if (*more) {
        step->run_uid = lq_rows_get_text(rows, 0);
        step->namespace_ = lq_rows_get_text(rows, 1);
        step->project = lq_rows_get_text(rows, 2);
        step->hostname = lq_rows_get_text(rows, 3);
    }
    return LQ_OK;
}

enum lq_status lq_sync_identify(struct lq_db **db, int fd, struct lq_step *step,
                                struct lq_error *err)
{
    struct lq_error reason = { 0 };
    bool more = false;

    if (!*db)
        LQ_TRY(lq_db_open(db, NULL, err));
    if (read_row(*db, fd, step, &more, &reason) != LQ_OK && lq_db_error_passes(&reason))
        return lq_error_set(err, LQ_IO, "cannot read '.lq/logs/%s': %s", step->path,
                            reason.message);
    if (reason.status != LQ_OK)
        return lq_error_set(err, LQ_CORRUPT, "not a run file: %s", reason.message);
    if (!more || !step->run_uid || !lq_uuid_valid(step->run_uid))
        return lq_error_set(err, LQ_CORRUPT, "not a run file: it has no run_uid");
    return LQ_OK;
}
