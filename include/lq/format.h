/* SPDX-License-Identifier: MIT */
/*
 * Log formats and the parser: bytes of a log in, events out.
 *
 * The parser reads one log from start to end in pieces of any size, finds its own line ends, strips
 * ANSI escapes, and hands over each event as soon as it is complete: in the order of the log, but for
 * tests of which the log tells name, place and message in different parts (pytest): those come when
 * the last part was read, and span the lines from the first part to the last. Memory does not grow
 * with the log. It does no I/O, reads no clock, and is safe to use from one thread at a time;
 * several parsers may run at once.
 *
 *     lq_parser_new(&parser, NULL, on_event, ctx, &err);
 *     while (more) lq_parser_feed(parser, bytes, n);
 *     lq_parser_finish(parser);
 *     lq_parser_free(&parser);
 */
#ifndef LQ_FORMAT_H
#define LQ_FORMAT_H

#include <lq/error.h>
#include <lq/event.h>

struct lq_parser;

/* Receives each event; `event` and its texts are borrowed for the call. */
typedef void lq_event_fn(void *ctx, const struct lq_event *event);

/* What became of a line. */
enum lq_line_part {
    LQ_LINE_PREFIX = 1, /* its start is a prefix, the rest was read on its own */
    LQ_LINE_BEGIN,      /* something begins here that needs more lines */
    LQ_LINE_EVENT,      /* an event */
    LQ_LINE_MORE,       /* more of what began before */
};

/* Receives, in the order of the log, each line that a format took; a line with a prefix twice. `format`
 * stays as long as the parser. */
typedef void lq_line_fn(void *ctx, int64_t line, const char *format, enum lq_line_part part);

struct lq_parser_opts {
    const char *format; /* the name of the only format to use; NULL: every format, on every line */
    const struct lq_matchers
        *matchers;       /* formats of users, borrowed as long as the parser; or NULL */
    lq_line_fn *on_line; /* to explain what is read; or NULL */
};

/*
 * Start reading a log.
 *
 *   opts  NULL: every format that lq brings along
 *   ctx   for `on_event` and opts->on_line
 *   err   out, may be NULL
 *
 * LQ_OK; LQ_BAD_INPUT for an unknown format name.
 */
LQ_CHECK enum lq_status lq_parser_new(struct lq_parser **parser, const struct lq_parser_opts *opts,
                                      lq_event_fn *on_event, void *ctx, struct lq_error *err);

/* The next `len` bytes of the log. A line may begin in one piece and end in another. */
void lq_parser_feed(struct lq_parser *parser, const void *bytes, size_t len);

/* The log ends here: the last line is taken even without a newline, open events are completed. */
void lq_parser_finish(struct lq_parser *parser);

/* Lines seen so far; a last line without newline counts after lq_parser_finish. */
int64_t lq_parser_line_count(const struct lq_parser *parser);

/* Free and set to NULL; accepts NULL. */
void lq_parser_free(struct lq_parser **parser);

/* One format, for listings. */
struct lq_format_info {
    const char *name;        /* what --format takes */
    const char *tool_name;   /* what its events carry */
    const char *description; /* a line */
    const char *file;        /* of a user's format; NULL: lq brings it along */
};

/* The formats, sorted by name; `*n_formats` out. Borrowed, static. */
const struct lq_format_info *lq_formats(size_t *n_formats);

/*
 * The formats of users: problem matchers in JSON (formats/README.md). Build the set, then parse any
 * number of logs with it, by several threads at once.
 *
 *     struct lq_matchers *matchers = lq_matchers_new();
 *     lq_matchers_add(matchers, ".lq/matchers/x.json", text, LQ_MATCHERS_OWN, &err);
 *
 * What is read may come with a clone and mean harm: sizes and counts have ceilings, an expression that
 * takes too long on a line does not match it, one that does so often is no longer tried.
 */
struct lq_matchers;
struct lq_matchers *lq_matchers_new(void);
void lq_matchers_free(struct lq_matchers **matchers);

enum lq_matchers_kind {
    LQ_MATCHERS_OWN,    /* tried before lq's own formats; an unknown key is an error */
    LQ_MATCHERS_GITHUB, /* made for GitHub: tried behind lq's own, which know more; only read what is
                           known */
};

/* Add the matchers of one file, all or none. `file` is for messages, which name line, column and key:
 * ".lq/matchers/x.json:3:7: problemMatcher[0].owner: must be text". LQ_BAD_INPUT. */
LQ_CHECK enum lq_status lq_matchers_add(struct lq_matchers *matchers, const char *file,
                                        struct lq_str text, enum lq_matchers_kind kind,
                                        struct lq_error *err);

/* Their formats, sorted by name; borrowed. `matchers` may be NULL. */
const struct lq_format_info *lq_matchers_formats(const struct lq_matchers *matchers,
                                                 size_t *n_formats);

#endif
