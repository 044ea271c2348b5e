/* SPDX-License-Identifier: MIT */
/* What the remote that is a folder can do beyond files: folders that links are swapped with. */
#ifndef LQ_SYNC_REMOTE_DIR_H
#define LQ_SYNC_REMOTE_DIR_H

#include "sync/remote.h"

#define LQ_DIR_TEMPORARY_BYTES 32

/* Open the folder `path` below the root, following no link. -1 and errno. */
int lq_dir_open(const struct lq_remote *remote, const char *path);
/* The same, making what is missing. */
LQ_CHECK enum lq_status lq_dir_make(struct lq_remote *remote, const char *path, int *fd,
                                    struct lq_error *err);
/* A name that nobody else uses, of the form that sweep() knows. */
void lq_dir_temporary_name(char name[static LQ_DIR_TEMPORARY_BYTES]);
bool lq_dir_is_temporary_name(const char *name);

#endif
