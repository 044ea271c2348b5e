/* SPDX-License-Identifier: MIT */
/* What the generators write into C files. */
#ifndef EMIT_H
#define EMIT_H

#include <stdio.h>

/* A C string literal of `text`, or NULL. */
void emit_text(FILE *out, const char *text);

/*
 * Compile `expressions` (ids and flags in parallel) into one vectorscan database for blocks of lines,
 * and write it as `const uint64_t PREFIX_words[]`, `const size_t PREFIX_bytes`.
 *   bad  out: which expression cannot be compiled, -1 when it is another failure
 * Returns NULL, or why it failed; static or never freed.
 */
const char *emit_database(FILE *out, const char *prefix, const char *const *expressions,
                          const unsigned *flags, const unsigned *ids, unsigned n, int *bad);

#endif
