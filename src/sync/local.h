/* SPDX-License-Identifier: MIT */
/* The run files of this project: the folders "date=D/source=S" of `.lq/logs`, and their names. */
#ifndef LQ_SYNC_LOCAL_H
#define LQ_SYNC_LOCAL_H

#include "base/base.h"
#include <sys/types.h>

/* Names in a folder, sorted by bytes. */
struct lq_names {
    char **items;
    size_t count, capacity;
};

void lq_names_release(struct lq_names *names);
/* Whether `name` is among them. */
bool lq_names_have(const struct lq_names *names, const char *name);

/* A folder that run files lie in. */
struct lq_leaf {
    char *path; /* "date=D/source=S", below `.lq/logs` */
    int64_t mtime_ns;
};

/* Sorted by path. */
struct lq_leaves {
    struct lq_leaf *items;
    size_t count, capacity;
    /* A folder whose modification time is the same holds the same names: so it is on the common local
     * file systems, and not on network ones and FAT. */
    bool times_tell;
};

/* List the folders below the open `.lq/logs`; -1: there are none. Links are not followed. */
LQ_CHECK enum lq_status lq_leaves_list(struct lq_leaves *leaves, int logs_fd, struct lq_error *err);
void lq_leaves_release(struct lq_leaves *leaves);

/* List the files `*SUFFIX` in the folder `path` below the open `.lq/FOLDER`; names that begin with '.'
 * are none. A folder that is not there has none. */
LQ_CHECK enum lq_status lq_names_list(struct lq_names *names, int fd, const char *folder,
                                      const char *path, const char *suffix, struct lq_error *err);

#endif
