/* SPDX-License-Identifier: MIT */
/* The engine's side of S3: httpfs writes objects, the aws extension finds credentials. */
#ifndef LQ_DB_S3_H
#define LQ_DB_S3_H

#include "db/db.h"
#include "s3/answer.h"

/*
 * An engine that only writes objects, and only such as are not there yet: every request carries
 * `If-None-Match: *`, so reading through it would fail.
 */
struct lq_db_writer;

/* Load httpfs and give it the credentials of `config`, which must have keys. They stay in memory and
 * stand in no message. LQ_NOT_FOUND: no libduckdb, or no httpfs of its version; LQ_SQL. */
LQ_CHECK enum lq_status lq_db_writer_new(struct lq_db_writer **writer,
                                         const struct lq_s3_config *config, struct lq_error *err);
void lq_db_writer_free(struct lq_db_writer **writer);

/*
 * Store the file open as `fd` as the object s3://bucket/key: one PUT of the very bytes. On several
 * threads. A request that fails is repeated by httpfs with three more, so try again by other means.
 *   answer  out: what the server said, when this is not LQ_OK; http 0: nothing
 * LQ_OK; LQ_IO: it is not stored, as far as is known.
 */
LQ_CHECK enum lq_status lq_db_writer_put(struct lq_db_writer *writer, int fd, const char *bucket,
                                         const char *key, struct lq_s3_answer *answer,
                                         struct lq_error *err);

/*
 * Fill in the keys that the environment does not have, as DuckDB's credential_chain finds them:
 * profiles (AWS_PROFILE), SSO, web identity, a container's or instance's role. They come from the
 * process's environment and files, not from what `config` was made of.
 * LQ_DENIED: none are found (the message says what may be set); LQ_NOT_FOUND: no aws extension.
 */
LQ_CHECK enum lq_status lq_db_find_keys(struct lq_s3_config *config, struct lq_error *err);

#endif
