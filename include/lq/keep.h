/* SPDX-License-Identifier: MIT */
/*
 * Keeping a store in order: what runs take and removing them, what killed processes left behind,
 * and whether everything is as it should be.
 *
 * Nothing here leaves the project's own `.lq` or follows a link, and a run that is being recorded is
 * never touched: its recorder holds a lock on the folders that it writes to.
 */
#ifndef LQ_KEEP_H
#define LQ_KEEP_H

#include <lq/error.h>
#include <lq/store.h>
#include <stdbool.h>
#include <stdint.h>

struct lq_run_usage {
    int64_t size_bytes; /* of the run file and its raw log */
    bool synced;        /* state.db says that it is at the destination */
};

/*
 * What the run in the Parquet file `file` (a path below `.lq/logs`, as lq_runs has it) takes.
 *   destination  where runs are synced to, as lq_sync_plan_new takes it; NULL: nowhere, and
 *                usage->synced is false
 * LQ_OK; LQ_BAD_INPUT: not a file below `.lq/logs`; LQ_NOT_FOUND; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_store_run_usage(struct lq_store *store, const char *file,
                                           const char *destination, struct lq_run_usage *usage,
                                           struct lq_error *err);

/*
 * Remove a run: its raw log, its file, what state.db says about it, and folders that are empty then.
 * In this order, so that a kill in between leaves a run without raw log and nothing worse.
 * LQ_OK, also when somebody else was quicker; otherwise as lq_store_run_usage.
 */
LQ_CHECK enum lq_status lq_store_remove_run(struct lq_store *store, const char *file,
                                            struct lq_error *err);

struct lq_clean_opts {
    int64_t now;  /* microseconds UTC */
    bool indexes; /* the index of the runs too, which the next question builds again */
    bool dry_run; /* report, remove nothing */
    /* Called for each file, with its path below `.lq`. */
    void (*on_file)(void *ctx, const char *path, int64_t size_bytes);
    void *ctx;
};

/*
 * Remove what killed processes left: temporary files that are older than a day and whose folder no
 * recorder holds, and what is left of a damaged state.db. A kept run is never among them.
 * LQ_OK; the first failure otherwise, after trying the rest: LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_store_clean(const struct lq_project *project,
                                       const struct lq_clean_opts *opts, struct lq_error *err);

enum lq_level { LQ_LEVEL_OK = 0, LQ_LEVEL_WARN, LQ_LEVEL_FAIL };

/* What one check found. Texts are borrowed for the call. */
struct lq_finding {
    enum lq_level level;
    const char *check; /* "run files" */
    const char *text;  /* a line */
    const char *hint;  /* what to do; NULL: nothing */
};
typedef void lq_finding_fn(void *ctx, const struct lq_finding *finding);

/*
 * Check the store: every run file is read whole and compared with its name, raw logs with run files,
 * state.db with itself and with the files, permissions, leftovers.
 *   fix  mend what can be mended without losing anything: remove leftovers and rows of state.db
 *        whose files are gone, make a damaged state.db again
 * Findings are reported, not returned: LQ_OK unless `.lq` itself cannot be opened.
 */
LQ_CHECK enum lq_status lq_store_check(const struct lq_project *project, bool fix, int64_t now,
                                       lq_finding_fn *on_finding, void *ctx, struct lq_error *err);

#endif
