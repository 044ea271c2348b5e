/* SPDX-License-Identifier: MIT */
/* What `lq run`, `lq import` and `lq capture` share: beginning and ending a recorded run. */
#ifndef LQ_CLI_RECORD_H
#define LQ_CLI_RECORD_H

#include "cli/cli.h"
#include <lq/store.h>
#include <pthread.h>

struct lq_recording {
    struct lq_run run;
    struct lq_cli *cli; /* borrowed */
    struct lq_store *store;
    struct lq_recorder *recorder;
    pthread_t facts; /* gathers git and CI facts while the log comes in */
    bool gathering;
};

struct lq_record_opts {
    const char *source_type; /* "run", "import", "capture" */
    const char *name;        /* the run's name */
    const char *command;     /* as typed; NULL: none */
    const char *format;      /* NULL: every format */
    bool no_raw;
    bool keep_excerpt; /* for a report (lq_recorder_excerpt) */
};

/* Take an id, open the recorder, and start to load the database and gather facts on threads. */
LQ_CHECK enum lq_status lq_recording_begin(struct lq_recording *recording, struct lq_cli *cli,
                                           const struct lq_record_opts *opts, struct lq_error *err);

/* Write the run, whose log is complete and whose result is in recording->run, and say so in one
 * closing line; then sync it as sync.auto says. */
LQ_CHECK enum lq_status lq_recording_end(struct lq_recording *recording, struct lq_error *err);

void lq_recording_release(struct lq_recording *recording);

#endif
