/* SPDX-License-Identifier: MIT */
/* What a destination holds of this project: a fresh listing. */
#ifndef LQ_SYNC_THERE_H
#define LQ_SYNC_THERE_H

#include "sync/plan.h"

struct lq_there_file {
    char *path; /* below the destination */
    int64_t size_bytes;
    bool ours; /* state.db says that this project brought it there */
};

/* Sorted by path. */
struct lq_there {
    struct lq_there_file *files;
    size_t count, capacity;
};

/* List what is below the folders of this project's identities: those of its runs in state.db and at the
 * destination. `remote` NULL: nothing is there. */
LQ_CHECK enum lq_status lq_there_list(struct lq_there *there, const struct lq_sync_plan *plan,
                                      struct lq_remote *remote, struct lq_error *err);
/* NULL: it is not there. */
struct lq_there_file *lq_there_find(const struct lq_there *there, const char *path);
void lq_there_release(struct lq_there *there);

#endif
