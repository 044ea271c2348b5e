/* SPDX-License-Identifier: MIT */
/* Private keys in PEM or PGP armour: secrets that go over many lines. */
#ifndef LQ_REDACT_BLOCK_H
#define LQ_REDACT_BLOCK_H

#include "redact/find.h"

/* Where the reading of one log stands; empty at its start. */
struct lq_block {
    bool open;     /* a block has begun, and its end was not seen */
    bool in_body;  /* the line before was a line of the key */
    bool has_body; /* some line was one */
    int n_words;   /* before the block's first line: a time, a quote */
    int n_strange; /* lines in a row that do not look like a key's */
};

/* Whether hits of that rule tell that a block begins. */
bool lq_block_rule(uint32_t rule);

/* The next line, without its end, or a piece of a long one: add what of it belongs to a key. With
 * `begins` one may begin here. */
void lq_block_line(struct lq_block *block, struct lq_str line, bool begins, struct lq_spans *spans);

#endif
