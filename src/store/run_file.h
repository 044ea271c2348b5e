/* SPDX-License-Identifier: MIT */
/* A run as a Parquet file: the run row, then its events (docs/format.md). */
#ifndef LQ_STORE_RUN_FILE_H
#define LQ_STORE_RUN_FILE_H

#include "db/db.h"
#include "store/spill.h"
#include <lq/run.h>

/* An open database, ready to write run files. */
struct lq_run_writer;

/* Open one and warm it up, which is free while the command still runs. LQ_NOT_FOUND: no libduckdb;
 * LQ_SQL. */
LQ_CHECK enum lq_status lq_run_writer_open(struct lq_run_writer **writer, struct lq_error *err);
void lq_run_writer_close(struct lq_run_writer **writer);

/*
 * Write `run` and `events` to the new file `path`. Not yet durable, and written in place: give it a
 * temporary name and publish it. Texts of the run must be valid UTF-8.
 * LQ_OK; LQ_SQL: the engine's message, also for a full disk.
 */
LQ_CHECK enum lq_status lq_run_writer_write(struct lq_run_writer *writer, const char *path,
                                            const struct lq_run *run, struct lq_spill *events,
                                            struct lq_error *err);

/* The event columns of `event`, number `event_id` (0: the run row, all NULL), as values in the order
 * of lq_event_columns. Texts are borrowed from the event. */
#define LQ_EVENT_COLUMN_COUNT 16
extern const struct lq_source_column lq_event_columns[LQ_EVENT_COLUMN_COUNT];
void lq_event_values(const struct lq_event *event, int64_t event_id, struct lq_value *values);

#endif
