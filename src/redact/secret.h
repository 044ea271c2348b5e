/* SPDX-License-Identifier: MIT */
/* The secrets that lq knows by their shape: a table that tools/gen-secrets writes from secrets.json
 * when lq is built, together with the vectorscan database that finds their lines. */
#ifndef LQ_REDACT_SECRET_H
#define LQ_REDACT_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lq_secret {
    const char *name;
    const char *about;  /* NULL: as the row of that name before it */
    const char *regexp; /* PCRE2; the secret is the first group that took part, else all of it */
    bool block;         /* begins a block of lines that are one secret */
};

extern const struct lq_secret lq_secrets[];
extern const size_t lq_n_secrets;
/* The serialised database. Its ids are indexes of lq_secrets. */
extern const uint64_t lq_secrets_words[];
extern const size_t lq_secrets_bytes;

enum { LQ_MAX_SECRETS = 64 };

#endif
