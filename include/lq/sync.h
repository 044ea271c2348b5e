/* SPDX-License-Identifier: MIT */
/*
 * Sync: bring the runs of a project to a central store, byte for byte, each under
 * `namespace=N/project=P/hostname=H/date=D/source=S/NAME.parquet`.
 *
 *     lq_sync_plan_new(&plan, store, "/srv/lq", &opts, &err);     what is missing there
 *     lq_sync_apply(plan, &counts, &err);                         leave it out for a dry run
 *     for (size_t i = 0; i < lq_sync_plan_file_count(plan); i++) ... lq_sync_plan_file(plan, i)
 *     lq_sync_plan_free(&plan);
 *
 * Any number of syncs may run at once, also to one destination, and beside runs being recorded.
 */
#ifndef LQ_SYNC_H
#define LQ_SYNC_H

#include <lq/error.h>
#include <lq/store.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lq_sync_plan;

enum lq_sync_outcome {
    LQ_SYNC_PENDING = 0,
    LQ_SYNC_COPIED,  /* brought there by this plan */
    LQ_SYNC_PRESENT, /* the same bytes were there already */
    LQ_SYNC_FAILED,
};

/* A run file to sync. */
struct lq_sync_file {
    const char *path;        /* below `.lq/logs` */
    const char *remote_path; /* below the destination; once applied, the name that it has there */
    int64_t size_bytes;
    enum lq_sync_outcome outcome;
    const char *error; /* of a failed one: a printable line; else NULL */
};

/* A file below `.lq/logs` that is no run: torn, empty, foreign. It is left alone. */
struct lq_sync_skip {
    const char *path; /* below `.lq/logs` */
    const char *reason;
};

struct lq_sync_counts {
    size_t n_files; /* in the plan */
    int64_t n_bytes;
    size_t n_copied, n_present, n_failed;
    int64_t n_copied_bytes;
};

/* How a run file comes to a folder. Other kinds of destination know LQ_SYNC_MODE_COPY only. */
enum lq_sync_mode {
    LQ_SYNC_MODE_AUTO =
        0, /* a hard link where the file system and the file's mode allow, else a copy */
    LQ_SYNC_MODE_COPY,
    LQ_SYNC_MODE_SYMLINK, /* `hostname=H` is a link to `.lq/logs` */
};

/* Zero-initialised: defaults. */
struct lq_sync_opts {
    int64_t now; /* microseconds UTC: stands in state.db as the time of this sync */
    int threads; /* that bring files there; 0: as many as suit the kind of destination */
    enum lq_sync_mode mode;
    bool include_raw; /* raw logs too */
    bool force; /* plan from a fresh listing of the destination, too, not from state.db alone */
    /* The variables "NAME=value", NULL behind the last, that credentials and endpoints of a remote
     * are taken from; NULL: none. Borrowed, for as long as the plan lives. */
    char *const *environment;
    int retry_budget_sec; /* so long a remote store is tried again without success; 0: 300 */
    /* Called from the thread that applies, now and then; may be NULL. */
    void (*progress)(void *ctx, const struct lq_sync_counts *counts);
    void *ctx;
};

/*
 * Find what `destination` lacks: the local run files less those that state.db says are there. With
 * nothing new this reads folder names and state.db and no more; libduckdb is loaded only when a file
 * is unknown to state.db (it was deleted, or a backup restored) and must be asked what it is.
 *
 *   store        borrowed, and must outlive the plan
 *   opts         copied; NULL for defaults
 *   destination  a folder; a relative one is taken from the current folder, and "~" is not
 *                expanded: that is the caller's, who knows the home folder and where it was written.
 *                It need not exist before the first sync.
 *
 * LQ_OK; LQ_BAD_INPUT: it holds credentials (they are not repeated), is of a kind that lq cannot
 * sync to, or lies in `.lq/logs`; LQ_NOT_FOUND: runs were synced to it before and it is gone (a
 * share that is not mounted?), or it is a dangling link, or there is no libduckdb; LQ_IO: another
 * file system is there than before, or it cannot be read; LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_sync_plan_new(struct lq_sync_plan **plan, struct lq_store *store,
                                         const char *destination, const struct lq_sync_opts *opts,
                                         struct lq_error *err);

/* The destination's real path or URL. Borrowed. */
const char *lq_sync_plan_destination(const struct lq_sync_plan *plan);
/* Files to sync, sorted by path. Borrowed; what they say changes as the plan is applied. */
size_t lq_sync_plan_file_count(const struct lq_sync_plan *plan);
const struct lq_sync_file *lq_sync_plan_file(const struct lq_sync_plan *plan, size_t index);
/* Files that are no runs, sorted by path. Borrowed. */
size_t lq_sync_plan_skip_count(const struct lq_sync_plan *plan);
const struct lq_sync_skip *lq_sync_plan_skip(const struct lq_sync_plan *plan, size_t index);
/* Sums over the files, as they stand. */
void lq_sync_plan_counts(const struct lq_sync_plan *plan, struct lq_sync_counts *counts);

/*
 * Copy every file of the plan that is not there yet. Each becomes visible whole and durable, or
 * not at all; nothing is ever overwritten. Applying again tries again what failed.
 *
 * A name that is taken by other bytes, or by what may not be read, is left alone, and the run gets
 * the name `…-RUN8.parquet`: the last eight digits of its uid, which no other run has. A file that
 * fails does not stop the others; its line is in lq_sync_file.error, and the next sync tries again.
 *
 *   counts  out, may be NULL; set on failure too
 *   err     out, may be NULL: how many failed and, of a single one, why
 *
 * LQ_OK: all of it is there. Otherwise the status of the first failure: LQ_IO, LQ_DENIED; LQ_EXISTS:
 * even a RUN8 name is taken by other bytes; LQ_CORRUPT: a local file has changed since it was
 * recorded; LQ_NOT_FOUND: a local file is gone, or the destination.
 */
LQ_CHECK enum lq_status lq_sync_apply(struct lq_sync_plan *plan, struct lq_sync_counts *counts,
                                      struct lq_error *err);

/* Free and set to NULL; accepts NULL. */
void lq_sync_plan_free(struct lq_sync_plan **plan);

#endif
