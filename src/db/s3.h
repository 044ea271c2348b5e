/* SPDX-License-Identifier: MIT */
/* The engine's side of S3: its aws extension finds credentials. */
#ifndef LQ_DB_S3_H
#define LQ_DB_S3_H

#include "db/db.h"
#include "s3/config.h"

/*
 * Fill in the keys that the environment does not have, as DuckDB's credential_chain finds them:
 * profiles (AWS_PROFILE), SSO, web identity, a container's or instance's role. They come from the
 * process's environment and files, not from what `config` was made of.
 * LQ_DENIED: none are found (the message says what may be set); LQ_NOT_FOUND: no aws extension.
 */
LQ_CHECK enum lq_status lq_db_find_keys(struct lq_s3_config *config, struct lq_error *err);

#endif
