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
    LQ_SYNC_GONE, /* it was removed here before it was brought there */
};

/* Why a file is in a plan. */
enum lq_sync_why {
    LQ_SYNC_NEW = 0, /* it was not there yet */
    LQ_SYNC_MISSING, /* it was there, and is gone */
    LQ_SYNC_DAMAGED, /* what is there has not its bytes */
    LQ_SYNC_CONVERT, /* a link is to become a copy, or a copy a link */
};

/* A file to sync: a run, or a raw log. */
struct lq_sync_file {
    const char *path; /* below `.lq/logs`; a raw log's below `.lq/raw` */
    /* Below the destination; once applied, the name that it has there. NULL: whose it is could not be
     * found out, and it has failed. */
    const char *remote_path;
    bool is_raw;
    bool
        is_link; /* a folder of the destination that is to be a link: `path` is "", there is no size */
    int64_t size_bytes;
    enum lq_sync_why why;
    enum lq_sync_outcome outcome;
    const char *error; /* of a failed one: a printable line; else NULL */
};

/* A file that only the destination has, below the folders of this project on this machine: a run that
 * was pruned here, or another clone's. Found by opts.verify. */
struct lq_sync_extra {
    const char *remote_path;
    int64_t size_bytes;
};

/* A file below `.lq/logs` that is no run: torn, empty, foreign. It is left alone. */
struct lq_sync_skip {
    const char *path; /* below `.lq/logs` */
    const char *reason;
};

struct lq_sync_counts {
    size_t n_files; /* in the plan, raw logs too */
    size_t n_raw;   /* of them, raw logs */
    size_t n_links; /* of them, folders that are to be links */
    int64_t n_bytes;
    size_t n_copied, n_copied_raw, n_copied_links, n_present, n_failed;
    int64_t n_copied_bytes;
    size_t n_verified; /* not in the plan, since they are there as they should be (opts.verify) */
};

/* How far a plan is applied. */
struct lq_sync_progress {
    size_t n_files, n_done;
    int64_t n_bytes, n_done_bytes;
};

/* How a run file comes to a folder. Other kinds of destination know LQ_SYNC_MODE_COPY only. */
enum lq_sync_mode {
    LQ_SYNC_MODE_AUTO =
        0, /* a hard link where the file system and the file's mode allow, else a copy */
    LQ_SYNC_MODE_COPY,
    LQ_SYNC_MODE_SYMLINK, /* `hostname=H` is a link to `.lq/logs` */
};

/* "auto", "copy", "symlink". NULL counts as auto; false: it is none of these. */
bool lq_sync_mode_parse(const char *text, enum lq_sync_mode *mode);
const char *lq_sync_mode_name(enum lq_sync_mode mode);

/* Zero-initialised: defaults. */
struct lq_sync_opts {
    int64_t now; /* microseconds UTC: stands in state.db as the time of this sync */
    int threads; /* that bring files there; 0: as many as suit the kind of destination */
    enum lq_sync_mode mode;
    bool include_raw; /* raw logs too */
    bool force;       /* plan from a fresh listing of the destination: what state.db says is there
                         but is not is missing */
    bool verify;      /* as force, and what is there with another size is damaged */
    bool deep;        /* with verify: all that is there is read and compared by sha256 */
    bool dry_run;     /* the plan will not be applied: state.db is not written either */
    /* The variables "NAME=value", NULL behind the last, that credentials and endpoints of a remote
     * are taken from; NULL: none. Borrowed, for as long as the plan lives. */
    char *const *environment;
    int retry_budget_sec; /* so long a remote store is tried again without success; 0: 300 */
    /* Called from the thread that applies, many times a second; may be NULL. */
    void (*progress)(void *ctx, const struct lq_sync_progress *progress);
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
/* Files to sync: runs, then raw logs, each sorted by path. Borrowed; what they say changes as the plan is applied. */
size_t lq_sync_plan_file_count(const struct lq_sync_plan *plan);
const struct lq_sync_file *lq_sync_plan_file(const struct lq_sync_plan *plan, size_t index);
/* Files that are no runs, sorted by path. Borrowed. */
size_t lq_sync_plan_skip_count(const struct lq_sync_plan *plan);
const struct lq_sync_skip *lq_sync_plan_skip(const struct lq_sync_plan *plan, size_t index);
/* Files that only the destination has, sorted. Borrowed. */
size_t lq_sync_plan_extra_count(const struct lq_sync_plan *plan);
const struct lq_sync_extra *lq_sync_plan_extra(const struct lq_sync_plan *plan, size_t index);
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
 * recorded; LQ_NOT_FOUND: the destination is gone.
 */
LQ_CHECK enum lq_status lq_sync_apply(struct lq_sync_plan *plan, struct lq_sync_counts *counts,
                                      struct lq_error *err);

/* A file that could not be brought to a destination. */
struct lq_sync_failure {
    const char *path; /* of the run, below `.lq/logs` */
    const char *reason;
    int64_t failed_at; /* microseconds UTC */
};

/* How things stand with one destination. Texts are borrowed for the call. */
struct lq_sync_state {
    const char *destination;                   /* as lq_sync_plan_destination */
    bool configured;                           /* the one that was asked about */
    bool known;                                /* it was synced to before */
    enum lq_sync_mode mode;                    /* of the last sync */
    int64_t n_present, n_present_bytes, n_raw; /* there, as far as state.db knows */
    int64_t n_pending;                         /* local runs that are not there yet */
    int64_t last_success;                      /* microseconds UTC; 0: never */
    const char
        *problem; /* why the last sync failed, or none could be made now; NULL: nothing is wrong */
    const struct lq_sync_failure *failures;
    size_t n_failures;
};
typedef void lq_sync_state_fn(void *ctx, const struct lq_sync_state *state);

/*
 * Tell how things stand with every destination that was synced to before, and with `configured`, the
 * first of them; NULL: none is configured. From state.db and the local folders: no network is asked, and
 * nothing is changed.
 * LQ_OK; LQ_IO, LQ_DENIED, LQ_CORRUPT: state.db or `.lq/logs` cannot be read.
 */
LQ_CHECK enum lq_status lq_sync_status(struct lq_store *store, const char *configured,
                                       const struct lq_sync_opts *opts, lq_sync_state_fn *on_state,
                                       void *ctx, struct lq_error *err);

/* Free and set to NULL; accepts NULL. */
void lq_sync_plan_free(struct lq_sync_plan **plan);

#endif
