/* SPDX-License-Identifier: MIT */
/* Asking a run file itself whose run it is, when state.db does not know. */
#ifndef LQ_SYNC_IDENTIFY_H
#define LQ_SYNC_IDENTIFY_H

#include "db/db.h"
#include "sync/plan.h"

/*
 * Read run_uid, namespace, project and hostname of the Parquet file open as `fd` into `step`.
 *   db  opened here when it is NULL, the caller's to close
 * LQ_OK; LQ_CORRUPT: it is no run file; LQ_IO: it cannot be read now; LQ_NOT_FOUND, LQ_SQL: there is no
 * libduckdb that works.
 */
LQ_CHECK enum lq_status lq_sync_identify(struct lq_db **db, int fd, struct lq_step *step,
                                         struct lq_error *err);

#endif
