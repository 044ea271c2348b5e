/* SPDX-License-Identifier: MIT */
/*
 * Output: rows of the database as a table, JSON, JSON lines, CSV or Markdown.
 * What comes from logs cannot steer a terminal: control bytes are shown as \xNN, or escaped as the
 * format does.
 */
#ifndef LQ_CLI_OUT_H
#define LQ_CLI_OUT_H

#include "base/buf.h"
#include <lq/rows.h>
#include <stdio.h>

enum lq_out_format {
    LQ_OUT_TABLE = 0,
    LQ_OUT_JSON,
    LQ_OUT_JSONL,
    LQ_OUT_CSV,
    LQ_OUT_MARKDOWN,
    LQ_OUT_PARQUET, /* -O: to a file, by the database; not for the functions below */
};

/* "json" … to the format; false when there is none of that name. */
bool lq_out_format_parse(const char *name, enum lq_out_format *format);

/* Whether the format is for people: narrow columns, texts cut to the terminal's width. */
bool lq_out_is_table(enum lq_out_format format);

/* Whether what is printed to `file` is seen on a terminal, be it by way of the pager; `file` may be
 * a stream in memory. */
bool lq_out_is_terminal(FILE *file);
/* Whether it is, and shows colours: not with NO_COLOR, nor on a dumb terminal. */
bool lq_out_takes_colour(FILE *file);

/*
 * Print all rows to `file`. Tables fit the terminal's width by cutting the columns named in
 * `flexible` (a NULL-terminated list; NULL: every text column may be cut), which a line on standard
 * error names, and are whole and plain elsewhere.
 *   max_rows  0: all; else `*more` is set when there were further rows
 * LQ_SQL, LQ_IO.
 */
LQ_CHECK enum lq_status lq_out_rows(FILE *file, enum lq_out_format format, struct lq_rows *rows,
                                    const char *const *flexible, int64_t max_rows, bool *more,
                                    struct lq_error *err);

/* Print the first row as one line per value that is known: "message   no such name". */
LQ_CHECK enum lq_status lq_out_record(FILE *file, struct lq_rows *rows, struct lq_error *err);

/* Rows that no query gives, one at a time: lq_out_new, lq_out_add for each, lq_out_finish. */
struct lq_out_column {
    const char *name;
    bool number; /* aligned to the right in a table */
};
struct lq_out;
struct lq_out *lq_out_new(FILE *file, enum lq_out_format format,
                          const struct lq_out_column *columns, size_t n_columns,
                          const char *const *flexible);
/* `values`: one for each column, borrowed for the call. LQ_IO. */
LQ_CHECK enum lq_status lq_out_add(struct lq_out *out, const struct lq_value *values,
                                   struct lq_error *err);
LQ_CHECK enum lq_status lq_out_finish(struct lq_out *out, struct lq_error *err);
void lq_out_free(struct lq_out **out);

/* Append `text` as a JSON string with its quotes (RFC 8259); DEL, C1 and bidirectional controls are
 * escaped too. */
void lq_out_add_json(struct lq_buf *buf, struct lq_str text);

/* Append `text` as a CSV field, in quotes where it needs them; for a terminal, with everything that
 * could steer it made visible. */
void lq_out_add_csv(struct lq_buf *buf, struct lq_str text, bool terminal);

/* Append `text` as Markdown that shows it on one line, in a table cell too. */
void lq_out_add_markdown(struct lq_buf *buf, struct lq_str text);

#endif
