/* SPDX-License-Identifier: MIT */
/* The run files of this project: the folders "date=D/source=S" of `.lq/logs`, and their names. */
#ifndef LQ_SYNC_LOCAL_H
#define LQ_SYNC_LOCAL_H

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include <sys/types.h>

/* Names in a folder, sorted by bytes. */
struct lq_names {
    char **items;
    size_t count, capacity;
};

void lq_names_release(struct lq_names *names);
/* Whether `name` is among them. */
bool lq_names_have(const struct lq_names *names, const char *name);

/*
 * What is remembered of a folder in which nothing was new. `content`, of one that run files lie in: the
 * sha256 of their names, as the folder lists them; of "date=D": how many folders "source=S" it has.
 */
struct lq_known_folder {
    char *path; /* below `.lq/logs` */
    int64_t mtime_ns;
    char *content;
};

/* Sorted by path. */
struct lq_known_folders {
    struct lq_known_folder *items;
    size_t count, capacity;
};

void lq_known_folders_release(struct lq_known_folders *known);

/* A folder that run files lie in. */
struct lq_leaf {
    char *path; /* "date=D/source=S", below `.lq/logs` */
    int64_t mtime_ns;
    const struct lq_known_folder *known; /* borrowed; NULL: nothing is remembered of it */
};

/* A folder that these lie in. */
struct lq_date {
    char *path; /* "date=D" */
    int64_t mtime_ns;
    const struct lq_known_folder *known;
};

struct lq_leaves {
    struct lq_leaf *items; /* sorted by path */
    size_t count, capacity;
    struct lq_date *dates; /* sorted by path */
    size_t n_dates, dates_capacity;
    /* A folder whose modification time is the same holds the same names: so it is on the common local
     * file systems, and not on network ones and FAT. */
    bool times_tell;
};

/* List the folders below the open `.lq/logs`; -1: there are none. Links are not followed. Of a date whose
 * time is the one that is known (`known` may be NULL) the known folders are looked at, and it is not read. */
LQ_CHECK enum lq_status lq_leaves_list(struct lq_leaves *leaves, int logs_fd,
                                       const struct lq_known_folders *known, struct lq_error *err);
void lq_leaves_release(struct lq_leaves *leaves);

/* List the files `*SUFFIX` in the folder `path` below the open `.lq/FOLDER`; names that begin with '.'
 * are none. A folder that is not there has none. Each name is appended to `text` with a NUL behind it, in
 * the order in which the folder lists them. */
LQ_CHECK enum lq_status lq_names_read(struct lq_buf *text, int fd, const char *folder,
                                      const char *path, const char *suffix, struct lq_error *err);
/* Add the names in such a text. */
void lq_names_add(struct lq_names *names, const struct lq_buf *text);

#endif
