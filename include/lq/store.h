/* SPDX-License-Identifier: MIT */
/*
 * The store of one project: `.lq/logs` (Parquet, the truth), `.lq/raw` (compressed logs), and
 * state.db (run ids and what was synced; derived, can be deleted).
 *
 * Recording a run:
 *
 *     lq_store_open(&store, &project, &err);
 *     lq_recorder_new(&recorder, store, &opts, &run, &err);     takes the run id
 *     ... give lq_recorder_sinks() to lq_capture_command ...
 *     lq_recorder_finish(recorder, &run, &err);                 publishes Parquet and raw log
 *     lq_recorder_free(&recorder);
 *
 * A run is visible whole or not at all, whatever happens in between.
 */
#ifndef LQ_STORE_H
#define LQ_STORE_H

#include <lq/capture.h>
#include <lq/error.h>
#include <lq/event.h>
#include <lq/format.h>
#include <lq/project.h>
#include <lq/redact.h>
#include <lq/run.h>

struct lq_store;
struct lq_recorder;

/* Open (creating what is missing) the store of `project`, which is borrowed and must outlive it.
 * A corrupt state.db is set aside and rebuilt. LQ_IO, LQ_DENIED. */
LQ_CHECK enum lq_status lq_store_open(struct lq_store **store, const struct lq_project *project,
                                      struct lq_error *err);
void lq_store_close(struct lq_store **store);

struct lq_recorder_opts {
    struct lq_parser_opts parser; /* what to read; nothing set: every format */
    bool keep_raw;
    bool keep_excerpt; /* for lq_recorder_excerpt */
};

/* The beginning and the end of a log, for reports. Lines are valid UTF-8 without line end, escape
 * sequences or what a carriage return overwrote; longer ones are cut, with "…" behind. */
enum { LQ_EXCERPT_HEAD_LINES = 10, LQ_EXCERPT_TAIL_LINES = 20, LQ_EXCERPT_LINE_BYTES = 1000 };

struct lq_excerpt {
    const struct lq_str *head, *tail; /* of a short log some lines are in both */
    size_t n_head, n_tail;
    int64_t n_lines, n_bytes; /* of the whole log */
};

/*
 * Begin to record. `run` must have source_name, source_type and started_at; run_id, run_uid,
 * origin, namespace, project and lq_version are filled in here. Ids are taken atomically: no two
 * processes get one id, and the id of a run that was never finished is not used again.
 * LQ_OK; LQ_BAD_INPUT: unknown format; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_recorder_new(struct lq_recorder **recorder, struct lq_store *store,
                                        const struct lq_recorder_opts *opts, struct lq_run *run,
                                        struct lq_error *err);

/* The sinks that take the log: one that takes secrets out of it before anyone else sees it; or, with
 * `redact: off` in the configuration, the parser's and those that the options ask for. Borrowed. */
const struct lq_sink *lq_recorder_sinks(struct lq_recorder *recorder, size_t *n_sinks);

/* Load libduckdb and open it on a thread of its own, so that a command's run time hides it. Safe
 * to leave out; lq_recorder_finish waits for it. */
void lq_recorder_preload(struct lq_recorder *recorder);

/*
 * The log is complete: count, write, publish. The counts of `run` are filled in and, for imports
 * and captures, its outcome.
 * LQ_OK: the run is on disk, durable. Otherwise nothing of it is visible, and its raw log, if it
 * could be written, lies under the same name below `.lq/raw`.
 */
LQ_CHECK enum lq_status lq_recorder_finish(struct lq_recorder *recorder, struct lq_run *run,
                                           struct lq_error *err);

/* Events seen so far, in order, for a closing summary. */
int64_t lq_recorder_event_count(const struct lq_recorder *recorder);

/*
 * Read the events back, from the first one, after lq_recorder_finish (whether or not it could
 * publish). Event number n of the run is the n-th, from 1. `event` is borrowed until the next call;
 * `*more` is false behind the last. LQ_IO.
 */
LQ_CHECK enum lq_status lq_recorder_rewind_events(struct lq_recorder *recorder,
                                                  struct lq_error *err);
LQ_CHECK enum lq_status lq_recorder_next_event(struct lq_recorder *recorder, struct lq_event *event,
                                               bool *more, struct lq_error *err);

/* With keep_excerpt, after the last byte went to the sinks. Borrowed from the recorder. */
void lq_recorder_excerpt(struct lq_recorder *recorder, struct lq_excerpt *excerpt);

/* The published Parquet file, relative to the project's root; NULL before finish. Borrowed. */
const char *lq_recorder_path(const struct lq_recorder *recorder);

/* Take the secrets out of what a run says of itself: name, command, folder, program, branch,
 * environment, CI. The value of a variable whose name tells of a secret goes whole. A recorder does
 * this, unless the configuration says otherwise; doing it again changes nothing. */
void lq_run_redact(struct lq_run *run, struct lq_redactor *redactor);

/* Abandons what was not finished: temporary files are removed. Accepts NULL. */
void lq_recorder_free(struct lq_recorder **recorder);

#endif
