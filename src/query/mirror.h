/* SPDX-License-Identifier: MIT */
/*
 * The mirror of an S3 store: the run files that were asked about, kept in the cache folder as they
 * lie in the store. So each object is fetched once, and everything else works on a folder.
 */
#ifndef LQ_QUERY_MIRROR_H
#define LQ_QUERY_MIRROR_H

#include <lq/query.h>

struct lq_mirror {
    char *url;     /* of the store; NULL: there is no mirror, the store is a folder */
    char *folder;  /* its copy */
    char *below;   /* objects whose path begins so: what the scope's filters leave of the store */
    char *file;    /* with a URL of one run file: its name */
    char *source;  /* what stands in the URL's place: the folder, or the file in it */
    int64_t as_of; /* when the store was asked last what it holds of this; 0: not yet */
};

void lq_mirror_release(struct lq_mirror *mirror);

/*
 * When the scope's data or store is an S3 store, find where its mirror is, make the folder, and put the
 * folder in the store's place in `scope`, borrowed from `mirror`. Nothing is asked of the network.
 *   project  for scope->include_synced; may be NULL
 * LQ_BAD_INPUT: no such store, or no cache folder; LQ_DENIED, LQ_IO.
 */
LQ_CHECK enum lq_status lq_mirror_init(struct lq_mirror *mirror, struct lq_scope *scope,
                                       const struct lq_project *project, struct lq_error *err);

/* Bring the mirror up to date: one request for each 1,000 objects, and one for each that is new.
 * What cannot be fetched is left out with a warning. LQ_DENIED, LQ_NOT_FOUND, LQ_UNREACHABLE: the
 * store cannot be listed. With scope->offline nothing is asked; LQ_NOT_FOUND: nor was it before. */
LQ_CHECK enum lq_status lq_mirror_update(struct lq_mirror *mirror, const struct lq_scope *scope,
                                         struct lq_error *err);

/* Fetch the raw log of the run file at `file`, a path in the mirror, if it is not there yet and the
 * store has it. */
LQ_CHECK enum lq_status lq_mirror_fetch_raw(const struct lq_mirror *mirror,
                                            const struct lq_scope *scope, const char *file,
                                            struct lq_error *err);

#endif
