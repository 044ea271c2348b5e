/* SPDX-License-Identifier: MIT */
/*
 * Temporary access to an S3 store without credentials: URLs that carry a signature and an end. A
 * signed URL is a secret: it goes to standard output or a file, never into an argument list or a log.
 */
#ifndef LQ_SHARE_H
#define LQ_SHARE_H

#include <lq/error.h>
#include <lq/query.h>
#include <stdbool.h>
#include <stdint.h>

#define LQ_SHARE_MAX_EXPIRES_SEC (7 * 24 * 3600)

struct lq_share;

/* Get ready to sign for the store at `url`, with the keys of `environment` or of AWS profiles.
 * LQ_BAD_INPUT: no S3 store; LQ_DENIED: no keys. */
LQ_CHECK enum lq_status lq_share_open(struct lq_share **share, const char *url,
                                      char *const *environment, int64_t now, struct lq_error *err);
void lq_share_close(struct lq_share **share);

/* Where the file at `file`, which a query of this store names, lies in the store; NULL: not there.
 * The caller's. */
char *lq_share_path(const struct lq_query *query, const char *file);
/* The same of its raw log. */
char *lq_share_raw_path(const struct lq_query *query, const char *file);

/* Whether the store has an object at `path`. */
LQ_CHECK enum lq_status lq_share_has(struct lq_share *share, const char *path, bool *has,
                                     struct lq_error *err);

/* A URL that reads the object at `path`. The caller's. */
char *lq_share_get_url(const struct lq_share *share, const char *path, int64_t expires_sec);

/* Two URLs of which each takes one file, once: a run file and its raw log, for a machine `hostname` of
 * the project. The caller's. */
void lq_share_drop_urls(const struct lq_share *share, const char *namespace_, const char *project,
                        const char *hostname, int64_t expires_sec, char *urls[static 2]);

/*
 * Read URLs, one a line, from "@FILE", or "-": standard input. Empty lines and such as begin with '#'
 * are passed over. `urls` is the caller's: freed with lq_urls_free.
 * LQ_BAD_INPUT: something else than an http URL (it is not repeated), or none; LQ_NOT_FOUND, LQ_IO.
 */
LQ_CHECK enum lq_status lq_urls_read(const char *source, char ***urls, struct lq_error *err);
/* NULL behind the last. */
void lq_urls_free(char ***urls);

/*
 * Store the run in the Parquet file `file`, and its raw log if there is one, through the URLs of
 * lq_share_drop_urls.
 * LQ_EXISTS: they were used already; LQ_DENIED: they have ended; LQ_UNREACHABLE.
 */
LQ_CHECK enum lq_status lq_drop_push(char *const *urls, const char *file, char *const *environment,
                                     struct lq_error *err);

#endif
