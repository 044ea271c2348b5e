/* SPDX-License-Identifier: MIT */
/*
 * The database engine: DuckDB behind a small interface. No other room sees duckdb.h.
 *
 * libduckdb is not linked but opened when first needed, so that commands that need no database do
 * not pay for it. Values go in and out as struct lq_value: bound, never pasted into SQL.
 */
#ifndef LQ_DB_DB_H
#define LQ_DB_DB_H

#include "base/buf.h"
#include <lq/rows.h>

/* The version that lq is built and tested with, as SELECT version() gives it. */
#define LQ_DUCKDB_VERSION "v1.5.5"

struct lq_db;

struct lq_db_opts {
    int threads;              /* 0: one */
    const char *memory_limit; /* "80MB"; NULL: the engine's own */
    const char *temp_folder;  /* where the engine spills; NULL: $TMPDIR or /tmp */
    bool unredacted_secrets;  /* credentials that it finds can be read; no foreign SQL then */
};

/* Load libduckdb without opening a database: for a thread that has time while others do not. Safe
 * to call from several threads. LQ_NOT_FOUND: no libduckdb (the message says where it looked). */
LQ_CHECK enum lq_status lq_db_load(struct lq_error *err);

/* Open a database in memory. One thread at a time per database. */
LQ_CHECK enum lq_status lq_db_open(struct lq_db **db, const struct lq_db_opts *opts,
                                   struct lq_error *err);
/* Open another connection to the database of `of`, which is closed after it: for a thread beside the one
 * that uses `of`. Temporary tables and variables are a connection's own. */
LQ_CHECK enum lq_status lq_db_connect(struct lq_db **db, const struct lq_db *of,
                                      struct lq_error *err);
void lq_db_close(struct lq_db **db);

/* Run statements separated by ';' that return nothing of interest: lq's own, from sql/. */
LQ_CHECK enum lq_status lq_db_script(struct lq_db *db, const char *sql, struct lq_error *err);

/* Run one statement with `n_params` values bound to $1, $2, … */
LQ_CHECK enum lq_status lq_db_exec(struct lq_db *db, const char *sql, const struct lq_value *params,
                                   size_t n_params, struct lq_error *err);

enum lq_db_guard {
    LQ_DB_ANY = 0, /* lq's own statement */
    LQ_DB_SELECT,  /* a user's: anything but a query, or the EXPLAIN of one, is LQ_BAD_INPUT */
};

/*
 * Run one statement and read its rows as they are produced. Each parameter must stand in a cast
 * ($1::VARCHAR) wherever it stands: only then are the columns' types known before the values. Integers, floats, booleans and texts
 * come as they are; times as RFC 3339 text in UTC; nested values as JSON, as is what lq's own
 * statement makes by to_json(); everything else as the engine's own text. A nested value, a date or a sum
 * costs planning the statement twice, to_json() does not.
 *   rows  the caller's, freed before `db` is closed
 * LQ_OK; LQ_BAD_INPUT: not a query (guard); LQ_SQL: the engine's message.
 */
LQ_CHECK enum lq_status lq_db_query(struct lq_db *db, enum lq_db_guard guard, const char *sql,
                                    const struct lq_value *params, size_t n_params,
                                    struct lq_rows **rows, struct lq_error *err);

/* Whether what LQ_SQL told of may pass by itself: a file that was just removed or may not be opened, a
 * full disk, memory that ran out. What is in a file does not mend itself. */
bool lq_db_error_passes(const struct lq_error *err);

/* Stop the statement that is running, if one is: it fails with LQ_SQL. From any thread. */
void lq_db_interrupt(struct lq_db *db);

/* A column of a source: its SQL type is one of BIGINT, DOUBLE, VARCHAR, BOOLEAN. */
struct lq_source_column {
    const char *name;
    enum lq_value_kind kind; /* INT, DOUBLE, TEXT, BOOL */
};

/* Rows that live outside the engine, read by SQL as a table function: SELECT * FROM name(). */
struct lq_source {
    const struct lq_source_column *columns;
    size_t n_columns;
    /* Called once before each scan. */
    enum lq_status (*rewind)(void *ctx, struct lq_error *err);
    /* Fill one row; texts are borrowed until the next call. `*more` false: no row left. */
    enum lq_status (*next)(void *ctx, struct lq_value *row, bool *more, struct lq_error *err);
    void *ctx;
};

/* Make `source` (borrowed, as long as the database is open) readable as name(). Texts must be valid
 * UTF-8. One scan at a time. Comes before the first query: the engine keeps the transaction of rows
 * that were not read to their end, and forgets with it what is registered meanwhile. */
LQ_CHECK enum lq_status lq_db_add_source(struct lq_db *db, const char *name,
                                         const struct lq_source *source, struct lq_error *err);

/* Make fn(text) a function of SQL, which appends the text that it makes of a text; NULL is given as empty.
 * Comes before the first query, as lq_db_add_source. */
typedef void lq_db_text_fn(struct lq_buf *out, struct lq_str in);
LQ_CHECK enum lq_status lq_db_add_text_function(struct lq_db *db, const char *name,
                                                lq_db_text_fn *fn, struct lq_error *err);

/* Append `text` as an SQL string literal. For the few places where the engine takes no parameter,
 * such as the file name of COPY. */
void lq_db_add_literal(struct lq_buf *sql, const char *text);

#endif
