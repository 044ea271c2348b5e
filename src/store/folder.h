/* SPDX-License-Identifier: MIT */
/* Folders below `.lq`: opened without following links, held while a run is recorded, walked. */
#ifndef LQ_STORE_FOLDER_H
#define LQ_STORE_FOLDER_H

#include "base/base.h"
#include <sys/stat.h>

/* Open the folder `path` (relative, "" for itself) below the folder `root`. Only `root` may be
 * a link. LQ_NOT_FOUND, LQ_DENIED; LQ_BAD_INPUT: a link or no folder is in the way; LQ_IO. */
LQ_CHECK enum lq_status lq_folder_open(const char *root, const char *path, int *fd,
                                       struct lq_error *err);

/*
 * Make the folder `path`, open it and hold it: as long as the descriptor is open, nobody removes
 * the folder or what is temporary in it. Where the file system has no such locks, only age protects.
 */
LQ_CHECK enum lq_status lq_folder_hold(const char *path, int *fd, struct lq_error *err);

/* Whether nobody holds the open folder; it is then locked against recorders until it is closed. */
bool lq_folder_is_free(int fd);

/* A file that lq_folder_walk found: `path` as the walk names it, in the open folder `folder_fd`. */
struct lq_folder_entry {
    const char *path, *name;
    int folder_fd;
    const struct stat *info;
};
/* Return anything but LQ_OK to stop. */
typedef enum lq_status lq_folder_fn(void *ctx, const struct lq_folder_entry *entry,
                                    struct lq_error *err);

/*
 * Call `on_entry` for everything but folders below the folder `path` of `root`: dot files and links
 * (not followed) too. `depth`: levels of folders below it to go into. A missing folder has nothing in it.
 */
LQ_CHECK enum lq_status lq_folder_walk(const char *root, const char *path, int depth,
                                       lq_folder_fn *on_entry, void *ctx, struct lq_error *err);

#endif
