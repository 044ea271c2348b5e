/* SPDX-License-Identifier: MIT */
/* Values that go into a query and the rows that come out of it. */
#ifndef LQ_ROWS_H
#define LQ_ROWS_H

#include <lq/error.h>
#include <lq/run.h>
#include <lq/str.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum lq_value_kind {
    LQ_VALUE_NULL = 0,
    LQ_VALUE_BOOL,
    LQ_VALUE_INT,
    LQ_VALUE_DOUBLE,
    LQ_VALUE_TEXT, /* UTF-8 */
    LQ_VALUE_JSON, /* out only: a nested value as JSON text */
    LQ_VALUE_TIME, /* in only: microseconds UTC; comes out as RFC 3339 text */
    LQ_VALUE_MAP,  /* in only, as parameter */
};

struct lq_value {
    enum lq_value_kind kind;
    union {
        bool boolean;
        int64_t integer; /* INT, TIME */
        double real;
        struct lq_str text; /* TEXT, JSON; borrowed */
        const struct lq_map *map;
    };
};

static inline struct lq_value lq_value_int(int64_t integer)
{
    return (struct lq_value){ .kind = LQ_VALUE_INT, .integer = integer };
}

static inline struct lq_value lq_value_text(const char *text)
{
    return text ? (struct lq_value){ .kind = LQ_VALUE_TEXT, .text = { text, strlen(text) } }
                : (struct lq_value){ .kind = LQ_VALUE_NULL };
}

static inline struct lq_value lq_value_str(struct lq_str text)
{
    return text.ptr ? (struct lq_value){ .kind = LQ_VALUE_TEXT, .text = text }
                    : (struct lq_value){ .kind = LQ_VALUE_NULL };
}

static inline struct lq_value lq_value_time(int64_t time)
{
    return (struct lq_value){ .kind = LQ_VALUE_TIME, .integer = time };
}

/* The rows of one query, read from first to last. */
struct lq_rows;

size_t lq_rows_column_count(const struct lq_rows *rows);
/* Whether there is no row at all; asked before the first lq_rows_next. */
bool lq_rows_is_empty(const struct lq_rows *rows);
/* Borrowed until the rows are freed. */
const char *lq_rows_column_name(const struct lq_rows *rows, size_t column);
/* Whether the column holds numbers: tables align them to the right. */
bool lq_rows_column_is_number(const struct lq_rows *rows, size_t column);
/* Go to the next row; `*more` is false behind the last. LQ_SQL when the engine fails midway. */
LQ_CHECK enum lq_status lq_rows_next(struct lq_rows *rows, bool *more, struct lq_error *err);
/* A value of the current row; texts are borrowed until the next lq_rows_next. */
struct lq_value lq_rows_get(const struct lq_rows *rows, size_t column);
/* As lq_rows_get, for columns known to be integers: NULL gives 0. */
int64_t lq_rows_get_int(const struct lq_rows *rows, size_t column);
/* As lq_rows_get, for columns known to be text: the caller's copy, NULL for NULL. */
char *lq_rows_get_text(const struct lq_rows *rows, size_t column);
void lq_rows_free(struct lq_rows **rows);

#endif
