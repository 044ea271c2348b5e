/* SPDX-License-Identifier: MIT */
/*
 * Redaction: take secrets out of text before it is stored. Each is replaced by a mark that names the
 * pattern, "[redacted:github-token]"; all other bytes stay, and every line keeps its number.
 *
 *     lq_redactor_new(&redactor, config->capture_redact, &err);
 *     lq_redactor_feed(redactor, bytes, len, write, ctx, &err); ...
 *     lq_redactor_finish(redactor, write, ctx, &err);
 *     lq_redactor_free(&redactor);
 *
 * A log is looked at line by line, wherever it was cut into pieces, with and without its escape
 * sequences; private keys by their blocks of lines. Of a line over 64 KiB pieces of that size are
 * looked at that overlap by 16 KiB. Memory does not grow with the log.
 */
#ifndef LQ_REDACT_H
#define LQ_REDACT_H

#include <lq/error.h>
#include <lq/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lq_redactor;

/*
 * `patterns`: more than lq's own, PCRE2, NULL-terminated; NULL: none. Of a pattern with groups the
 * first that took part is the secret, else all that it matched. A pattern that takes too long on a
 * line hides all of it. LQ_OK; LQ_BAD_INPUT: one is no expression.
 */
LQ_CHECK enum lq_status lq_redactor_new(struct lq_redactor **redactor, char *const *patterns,
                                        struct lq_error *err);
void lq_redactor_free(struct lq_redactor **redactor);

typedef enum lq_status lq_redact_write_fn(void *ctx, const void *bytes, size_t len,
                                          struct lq_error *err);

/* The next bytes of the log. What is known to hold no secret goes to `write` before this returns;
 * an unfinished line waits. Returns what `write` does. */
LQ_CHECK enum lq_status lq_redactor_feed(struct lq_redactor *redactor, const void *bytes,
                                         size_t len, lq_redact_write_fn *write, void *ctx,
                                         struct lq_error *err);
/* The log ends: hand over the rest, and be as new. */
LQ_CHECK enum lq_status lq_redactor_finish(struct lq_redactor *redactor, lq_redact_write_fn *write,
                                           void *ctx, struct lq_error *err);

/* Be told of each secret: after all lines before its own were written, and before its own is
 * complete. `pattern` is borrowed from the redactor. */
typedef void lq_redact_hidden_fn(void *ctx, int64_t line, const char *pattern);
void lq_redactor_on_hidden(struct lq_redactor *redactor, lq_redact_hidden_fn *on_hidden, void *ctx);

/* A whole text that is no part of a log; not between feed and finish. Returns the caller's copy
 * without the secrets, NULL when there are none. */
char *lq_redact_text(struct lq_redactor *redactor, struct lq_str text);

/* Whether a variable of that name holds a secret, whatever its value looks like. */
bool lq_redact_is_secret_name(const char *name);

/* Why `regexp` cannot be a pattern, to follow a subject ("is empty"). false: it can. */
enum { LQ_REDACT_PROBLEM_BYTES = 160 };
bool lq_redact_pattern_problem(const char *regexp, char problem[LQ_REDACT_PROBLEM_BYTES]);

/* lq's own patterns; a name may come once for several shapes. */
typedef void lq_redact_secret_fn(void *ctx, const char *name, const char *about);
void lq_redact_secret_list(lq_redact_secret_fn *on_secret, void *ctx);

#endif
