/* SPDX-License-Identifier: MIT */
/* What the files of this room share of a plan. */
#ifndef LQ_SYNC_PLAN_H
#define LQ_SYNC_PLAN_H

#include "store/store.h"
#include "sync/remote.h"
#include <lq/sync.h>
#include <sys/stat.h>

/* A run file to sync. Texts are owned. */
struct lq_step {
    struct lq_sync_file file; /* what the caller sees; its texts are those below */
    char *path;               /* below .lq/logs */
    char *remote_path;
    char *error;
    enum lq_status status; /* of a failed one */
    bool in_state;         /* table `file` knows it, so sha256 is what was recorded */
    char *run_uid, *namespace_, *project, *hostname;
    char *folder; /* at the destination */
    char *name;   /* in the folder, as tried now */
    struct lq_put put;
};

/* A file that is no run. */
struct lq_bad_file {
    struct lq_sync_skip skip;
    char *path, *reason;
    int64_t size_bytes, mtime_ns;
    bool in_state;
};

struct lq_sync_plan {
    struct lq_store *store;
    struct lq_sync_opts opts;
    char *url;
    const struct lq_remote_kind *kind;
    struct lq_place place;
    int64_t destination_id; /* 0: never synced to */
    char *remembered;       /* its file system then; NULL: never synced to */
    int logs_fd;            /* -1: no run yet */
    struct lq_step *steps;  /* sorted by path */
    size_t n_steps, steps_capacity;
    struct lq_bad_file *bad;
    size_t n_bad, bad_capacity;
};

/* Whether the place is the one that was synced to before, if it was. LQ_NOT_FOUND: nothing is
 * there; LQ_IO: another file system. */
LQ_CHECK enum lq_status lq_sync_check_place(const struct lq_sync_plan *plan, struct lq_error *err);

/* Open a file below `logs_fd` as it is: no link is followed, no pipe waited for. LQ_CORRUPT: it is
 * not a regular file. */
LQ_CHECK enum lq_status lq_sync_open_local(int logs_fd, const char *path, int *fd,
                                           struct stat *info, struct lq_error *err);

/* The step's name and remote path become `name`, which it takes over. */
void lq_step_rename(struct lq_step *step, char *name);

#endif
