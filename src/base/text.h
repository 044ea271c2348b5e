/* SPDX-License-Identifier: MIT */
/* Making text of unknown origin safe to store and to show. */
#ifndef LQ_BASE_TEXT_H
#define LQ_BASE_TEXT_H

#include "base/buf.h"

/* Append `text` as valid UTF-8: each maximal ill-formed sequence becomes one U+FFFD (Unicode
 * standard, section 3.9, "substitution of maximal subparts"). NUL bytes become U+FFFD too. */
void lq_text_add_utf8(struct lq_buf *buf, struct lq_str text);

/* Whether `text` is valid UTF-8 without NUL. */
bool lq_text_is_utf8(struct lq_str text);

/* Length of the longest prefix of valid UTF-8 `text` that has at most `max` bytes and does not cut
 * a character. */
size_t lq_text_cut(struct lq_str text, size_t max);

/*
 * Append `text` with everything that could steer a terminal made visible: C0 and C1 controls, DEL
 * and invalid bytes as \xNN, line ends and tabs as \n \r \t; bidirectional controls (U+202A–202E,
 * U+2066–2069) as \u{NNNN}. With `keep_lines`, newline and tab pass unchanged.
 */
void lq_text_add_visible(struct lq_buf *buf, struct lq_str text, bool keep_lines);

#endif
