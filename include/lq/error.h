/* SPDX-License-Identifier: MIT */
/*
 * How every fallible function of lq reports: the status tells the program what to do,
 * the error object tells the person what happened.
 *
 * The lowest level that knows the facts words the message; a caller may put context in
 * front of it with lq_error_prefix() and never replaces it. Messages are lower case, without
 * a full stop: what failed first, then the subject quoted, then why.
 */
#ifndef LQ_ERROR_H
#define LQ_ERROR_H

#define LQ_CHECK __attribute__((warn_unused_result))
#define LQ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum lq_status {
    LQ_OK = 0,
    LQ_NOT_FOUND,   /* no such run, file, project */
    LQ_EXISTS,      /* the name is taken; nothing was overwritten */
    LQ_BAD_INPUT,   /* what the user gave cannot be used: option, config, reference, SQL text */
    LQ_CORRUPT,     /* a file is not what it says it is */
    LQ_IO,          /* the system refused: disk full, I/O error */
    LQ_DENIED,      /* permission */
    LQ_UNREACHABLE, /* a server did not answer */
    LQ_SQL,         /* the database engine refused */
    LQ_CANCELLED,   /* stopped by the user */
    LQ_USAGE,       /* the command line cannot be used */
};

/* One printable line in `message`, without newline; further lines, if any, in `detail`.
 * Needs no release. An error object may be NULL wherever one is asked for. */
struct lq_error {
    enum lq_status status;
    char message[1024];
    char detail[2048];
};

/* Fill `err` (when not NULL) and return `status`, so that failing is one statement. The text's
 * first line becomes the message, what follows the detail. */
enum lq_status lq_error_set(struct lq_error *err, enum lq_status status, const char *fmt, ...)
    LQ_PRINTF(3, 4);

/* As lq_error_set, with ": " and the text of `errnum` behind; the status is derived from
 * `errnum` (ENOENT: LQ_NOT_FOUND, EACCES: LQ_DENIED, EEXIST: LQ_EXISTS, otherwise LQ_IO). */
enum lq_status lq_error_errno(struct lq_error *err, int errnum, const char *fmt, ...)
    LQ_PRINTF(3, 4);

/* Put context in front of a message that is already set: "run 12: cannot …". */
void lq_error_prefix(struct lq_error *err, const char *fmt, ...) LQ_PRINTF(2, 3);

#endif
