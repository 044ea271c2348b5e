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

/*
 * Start reading a log.
 *
 *   format  NULL: every format is tried on every line; else the name of one format that alone is
 *           used (lq_format_name)
 *   err     out, may be NULL
 *
 * LQ_OK; LQ_BAD_INPUT for an unknown format name.
 */
LQ_CHECK enum lq_status lq_parser_new(struct lq_parser **parser, const char *format,
                                      lq_event_fn *on_event, void *ctx, struct lq_error *err);

/* The next `len` bytes of the log. A line may begin in one piece and end in another. */
void lq_parser_feed(struct lq_parser *parser, const void *bytes, size_t len);

/* The log ends here: the last line is taken even without a newline, open events are completed. */
void lq_parser_finish(struct lq_parser *parser);

/* Lines seen so far; a last line without newline counts after lq_parser_finish. */
int64_t lq_parser_line_count(const struct lq_parser *parser);

/* Free and set to NULL; accepts NULL. */
void lq_parser_free(struct lq_parser **parser);

/* One format that lq knows, for listings. Texts are static. */
struct lq_format_info {
    const char *name;        /* what --format takes */
    const char *tool_name;   /* what its events carry */
    const char *description; /* a line */
};

/* The formats, sorted by name; `*n_formats` out. Borrowed, static. */
const struct lq_format_info *lq_formats(size_t *n_formats);

#endif
