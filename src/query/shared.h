/* SPDX-License-Identifier: MIT */
/* Runs behind signed URLs (`-d @FILE`, `-d -`): fetched once, into a folder that goes with the query. */
#ifndef LQ_QUERY_SHARED_H
#define LQ_QUERY_SHARED_H

#include <lq/query.h>

struct lq_shared {
    char *folder; /* NULL: the scope's data are no list of URLs */
    int fd; /* of the folder, which is held as long as it is open: what nobody holds is swept */
};

/* Remove the folder. */
void lq_shared_release(struct lq_shared *shared);

/*
 * When the scope's data are "@FILE" or "-", fetch what the URLs in it lead to, and put the folder in
 * its place in `scope`, borrowed from `shared`. No credentials are used. A URL that fails is left out
 * with a warning that names its file, never the URL.
 * LQ_BAD_INPUT: no list of URLs; the status of the first URL when none could be read.
 */
LQ_CHECK enum lq_status lq_shared_init(struct lq_shared *shared, struct lq_scope *scope,
                                       struct lq_error *err);

#endif
