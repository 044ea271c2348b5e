/* SPDX-License-Identifier: MIT */
/* Bringing objects of an S3 store to a folder: a copy for people (lq pull), and the one that reading
 * commands keep in the cache folder. */
#ifndef LQ_STORE_PULL_H
#define LQ_STORE_PULL_H

#include <lq/pull.h>

/* Whether the object at `path` below the store is wanted. */
typedef bool lq_pull_wanted_fn(void *ctx, const char *path);

struct lq_pull {
    const char *url;    /* s3://bucket/prefix */
    const char *folder; /* made when missing */
    const struct lq_pull_opts *opts;
    const char *below; /* only objects whose path begins so: "namespace=N/"; "": all */
    lq_pull_wanted_fn *wanted;
    void *ctx;
    bool mirror; /* remove run files that the store does not have; nothing need be durable */
};

/* Whether a key may become a path in a folder: each part a plain name that does not begin with '.', the
 * last that of a run file or a raw log. */
bool lq_pull_is_path(const char *path);

/*
 * List the store and fetch what the folder has not, or has with another size; on several threads.
 * A file becomes visible whole or not at all. No object lands outside of the folder: a path that
 * could, and a name that begins with '.', is left out with a warning; links in the folder are not followed.
 * LQ_OK; the status of the first failure, after all others were tried; LQ_DENIED, LQ_NOT_FOUND,
 * LQ_UNREACHABLE: the store cannot be listed.
 */
LQ_CHECK enum lq_status lq_pull_run(const struct lq_pull *pull, struct lq_pull_counts *counts,
                                    struct lq_error *err);

#endif
