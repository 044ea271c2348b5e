/* SPDX-License-Identifier: MIT */
/*
 * A run: one execution of a command, one imported log, or one captured stream, with everything
 * that was recorded about it. Its columns in Parquet are listed in src/model/columns.h and
 * documented in docs/format.md.
 */
#ifndef LQ_RUN_H
#define LQ_RUN_H

#include <lq/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lq_outcome {
    LQ_OUTCOME_OK = 0,
    LQ_OUTCOME_WARN,        /* exit 0, but errors or warnings were parsed */
    LQ_OUTCOME_FAIL,        /* non-zero exit; for imports and captures: an error or a failed test */
    LQ_OUTCOME_TIMEOUT,     /* stopped by --timeout */
    LQ_OUTCOME_INTERRUPTED, /* stopped by Ctrl-C or a signal to lq */
};

/* An ordered map of texts: environment and CI facts. Owned by its holder. */
struct lq_map {
    char **keys;
    char **values;
    size_t count, capacity;
};

void lq_map_add(struct lq_map *map, const char *key, const char *value); /* copies both */
/* The value of `key`, borrowed; NULL when absent. */
const char *lq_map_get(const struct lq_map *map, const char *key);
void lq_map_release(struct lq_map *map);

/* Tri-state for facts that may be unknown. */
enum lq_known { LQ_UNKNOWN = 0, LQ_NO, LQ_YES };

/* All texts are owned by the run; NULL: not known. Zero-initialise; lq_run_release frees. */
struct lq_run {
    int64_t run_id;     /* counts per project, from 1 */
    char *run_uid;      /* UUIDv7, lower case: the run's identity everywhere */
    char *source_name;  /* "build": the name it is listed under */
    char *source_type;  /* "run", "import", "capture" */
    char *command;      /* as typed; NULL for a capture without one */
    int64_t started_at; /* microseconds UTC */
    int64_t completed_at;
    double duration_sec; /* from a monotonic clock */
    bool has_exit_code;  /* false for imports and captures */
    int exit_code;       /* as lq run returns it: 128+n for a signal, 124 for a timeout */
    char *signal;        /* "SIGSEGV", or NULL */
    enum lq_outcome outcome;
    char *cwd;
    char *executable_path;
    struct lq_map environment;
    struct lq_map ci; /* "provider" and what it tells: see capture.h */
    char *hostname;
    char *platform; /* "Linux" */
    char *arch;     /* "x86_64" */
    char *git_commit;
    char *git_branch;
    enum lq_known git_dirty;
    char *origin; /* UUIDv4 of the .lq folder that recorded it */
    char *namespace_;
    char *project;
    int64_t error_count, warning_count; /* events of that severity, failed tests included */
    int64_t test_pass_count, test_fail_count, test_skip_count;
    char *lq_version;
};

void lq_run_release(struct lq_run *run);

/* Make every text of the run valid UTF-8: file names, commands and variables may hold any bytes. Of
 * map keys that become equal by it the first is kept. */
void lq_run_make_utf8(struct lq_run *run);

/* "ok" …, as stored. */
const char *lq_outcome_name(enum lq_outcome outcome);

#endif
