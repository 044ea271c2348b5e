/* SPDX-License-Identifier: MIT */
/* What the files of this room share of a plan. */
#ifndef LQ_SYNC_PLAN_H
#define LQ_SYNC_PLAN_H

#include "store/store.h"
#include "sync/local.h"
#include "sync/remote.h"
#include <lq/sync.h>
#include <sys/stat.h>

#define LQ_SYNC_NO_RUN SIZE_MAX

/* A file to sync. Texts are owned. */
struct lq_step {
    struct lq_sync_file file; /* what the caller sees; its texts are those below */
    char *path;               /* of the run, below .lq/logs: its key in state.db */
    char *local_path;         /* of a raw log, below .lq/raw; NULL: a run file */
    char *remote_path;
    char *error;
    enum lq_status status; /* of a failed one */
    bool in_state;         /* table `file` knows it, so sha256 is what was recorded */
    char *run_uid, *namespace_, *project, *hostname; /* NULL in a raw log's step */
    char *folder;                                    /* at the destination */
    char
        *detour; /* the folder that it goes to first, which takes the place of a link; NULL: none */
    char *name;  /* in the folder, as tried now */
    size_t run;  /* of a raw log: the step of its run; LQ_SYNC_NO_RUN: that is there already */
    size_t leaf; /* the folder that it comes from */
    bool suspect; /* lq_sync_inspect() has yet to look whether anything is wrong with it */
    bool unread;  /* whose it is could not be found out: it has failed, and has no remote path */
    struct lq_put put;
};

/* A file that is no run. */
struct lq_bad_file {
    struct lq_sync_skip skip;
    char *path, *reason;
    int64_t size_bytes, mtime_ns;
    bool in_state;
};

/* What was found out about a folder of `.lq/logs`. */
struct lq_scan {
    bool listed; /* its names were read, since it was not known or may have changed */
    bool dirty;  /* something in it is not at the destination, or no run */
    char content[LQ_SHA256_HEX_BYTES]; /* of what was read; see struct lq_known_folder */
};

/* A folder on its way to take a link's place. */
struct lq_detour {
    char *path; /* below the destination */
    int fd;     /* locked, so that no other sync takes it for what a killed one left */
};

struct lq_sync_plan {
    struct lq_store *store;
    struct lq_sync_opts opts;
    char *url;
    const struct lq_remote_kind *kind;
    struct lq_place place;
    int64_t destination_id; /* 0: never synced to */
    char *remembered;       /* its file system then; NULL: never synced to */
    int remembered_mode;    /* enum lq_sync_mode of the last sync that finished; -1: none did */
    bool doubtful;          /* a sync was at work on the mode since, and did not finish */
    bool unfinished;        /* a sync did not come to its end, so what it made may not be on disk */
    bool unflushed;         /* nor did all that this one made get there */
    bool had_failures;      /* state.db knows of files that failed */
    int64_t swept_at;
    int logs_fd, raw_fd; /* -1: nothing yet */
    struct lq_known_folders known;
    struct lq_leaves leaves;
    struct lq_scan *scans; /* of each leaf */
    bool look_at_all;      /* what is known of folders does not matter */
    struct lq_step *steps; /* run files, then raw logs; each sorted by path */
    size_t n_steps, steps_capacity;
    size_t n_runs;     /* steps that are run files */
    size_t n_verified; /* files that are there as they should be */
    struct lq_bad_file *bad;
    size_t n_bad, bad_capacity;
    struct lq_names links;     /* to the project's own folders, that are to become folders */
    struct lq_detour *detours; /* of each link */
    struct lq_sync_extra *extras;
    size_t n_extras, extras_capacity;
};

/* Whether the place is the one that was synced to before, if it was. LQ_NOT_FOUND: nothing is
 * there; LQ_IO: another file system. */
LQ_CHECK enum lq_status lq_sync_check_place(const struct lq_sync_plan *plan, struct lq_error *err);

/* Open the local file of a step as it is: no link is followed, no pipe waited for. LQ_CORRUPT: it is
 * not a regular file. */
LQ_CHECK enum lq_status lq_sync_open_local(const struct lq_sync_plan *plan,
                                           const struct lq_step *step, int *fd, struct stat *info,
                                           struct lq_error *err);

/* Open `.lq/NAME`; -1: there is none. */
LQ_CHECK enum lq_status lq_sync_open_folder(const struct lq_store *store, const char *name, int *fd,
                                            struct lq_error *err);

/* The step's name and remote path become `name`, which it takes over. */
void lq_step_rename(struct lq_step *step, char *name);
/* The same for the whole remote path. */
void lq_step_move(struct lq_step *step, char *remote_path);
void lq_step_release(struct lq_step *step);
/* The step's outcome is LQ_SYNC_FAILED, for the reason that `err` tells. */
void lq_step_fail(struct lq_step *step, enum lq_status status, const struct lq_error *err);
/* How many threads are worth starting for `n` files. */
size_t lq_sync_threads(const struct lq_sync_plan *plan, size_t n);

/* Where the raw log of the run at `remote_path` belongs, and that of a folder:
 * "…/project=P/hostname=H/…/NAME.parquet" gives "…/project=P/_raw/hostname=H/…/NAME.log.zst". The
 * caller's. */
char *lq_sync_raw_path(const char *remote_path);

/* Whether the mode has changed, so that links become copies, or copies links. */
bool lq_sync_converts(const struct lq_sync_plan *plan);

/* Compare the suspect steps with what is at the destination, on threads; only those stay that need
 * something to be done. */
LQ_CHECK enum lq_status lq_sync_inspect(struct lq_sync_plan *plan, struct lq_remote *remote,
                                        struct lq_error *err);

#endif
