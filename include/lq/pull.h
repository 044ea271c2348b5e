/* SPDX-License-Identifier: MIT */
/* Pull: bring the runs of an S3 store to a folder, where everything can read them. */
#ifndef LQ_PULL_H
#define LQ_PULL_H

#include <lq/error.h>
#include <lq/query.h>
#include <stddef.h>
#include <stdint.h>

struct lq_pull_opts {
    /* The variables "NAME=value", NULL behind the last, that credentials and endpoint are taken from. */
    char *const *environment;
    int64_t now;          /* microseconds UTC: requests are signed with it */
    int jobs;             /* requests at once; 0: as many as suit */
    int retry_budget_sec; /* 0: 300 */
    /* One line about each object that is left out or failed; may be NULL. */
    void (*warn)(void *ctx, const char *line);
    void *warn_ctx;
};

struct lq_pull_counts {
    size_t n_listed, n_fetched, n_present, n_failed, n_refused;
    int64_t n_fetched_bytes;
};

/*
 * Bring the runs of the store at `url` that the filters of `scope` do not rule out by their path, and
 * with `raw` their raw logs, to `folder`: the same files under the same names. What is there already
 * is not fetched again; nothing else in the folder is touched.
 * LQ_OK; LQ_BAD_INPUT: `url` is no S3 store; LQ_DENIED, LQ_NOT_FOUND, LQ_UNREACHABLE, LQ_IO: of the
 * first that failed.
 */
LQ_CHECK enum lq_status lq_pull(const char *url, const char *folder, const struct lq_scope *scope,
                                bool raw, const struct lq_pull_opts *opts,
                                struct lq_pull_counts *counts, struct lq_error *err);

#endif
