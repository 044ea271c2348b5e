/* SPDX-License-Identifier: MIT */
/* Lines as a terminal would leave them. */
#ifndef LQ_BASE_CLEAN_H
#define LQ_BASE_CLEAN_H

#include <stddef.h>

/*
 * Strip escape sequences (ECMA-48: CSI, OSC and other control strings ended by ST or BEL, escapes
 * with intermediates) and carriage returns from whole lines, in place. Text that a carriage return
 * let later text overwrite goes too. Every line end stays, so that lines keep their numbers.
 * Returns the new length.
 */
size_t lq_clean(char *text, size_t len);

/* Behind the escape sequence that begins at `at`, but never past the line's end. */
const char *lq_skip_escape(const char *at, const char *end);

#endif
