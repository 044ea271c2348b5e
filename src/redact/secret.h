/* SPDX-License-Identifier: MIT */
/*
 * The secrets that lq knows by their shape: a table that tools/gen-secrets writes from secrets.json
 * when lq is built, together with the vectorscan database that finds their lines.
 *
 * A row of secrets.json: `name` stands in the mark; `about` is for `lq redact --patterns`; `regexp` is
 * as below, with "{start}" for a place that is not within a word; `head` is what vectorscan looks for. It knows
 * no assertions, and has to match on every line on which `regexp` does: tests/unit/test_redact.c compares
 * them, and holds a line for each shape.
 */
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
