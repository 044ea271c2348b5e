/* SPDX-License-Identifier: MIT */
/*
 * Asking: which runs (scope and filters), by which reference, in SQL.
 *
 * lq_query_open lists the Parquet files of a scope, leaves out what filters and bad files rule out,
 * counts every run once by its run_uid, and opens a database with the views and macros of
 * sql/views.sql over them.
 */
#ifndef LQ_QUERY_H
#define LQ_QUERY_H

#include <lq/error.h>
#include <lq/format.h>
#include <lq/project.h>
#include <lq/rows.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lq_query;

/* What is done with the index of a scope before it answers. */
enum lq_index_use {
    LQ_INDEX_AUTO =
        0,           /* it takes in what it lacks when that is much; an index that cannot be written
                          only costs time */
    LQ_INDEX_KEEP,   /* as it is */
    LQ_INDEX_UPDATE, /* it takes in all that it lacks; that it cannot is an error */
    LQ_INDEX_REBUILD, /* it is made anew */
};

/* Which runs are asked about. Zero-initialised: the local runs of the project. */
struct lq_scope {
    bool include_synced;   /* this project's part of the store, beside the local runs */
    bool global;           /* the whole store, and the local runs */
    const char *data;      /* this store (or single Parquet file) alone */
    const char *store;     /* the central store's folder for the two above; NULL: none */
    const char *cache_dir; /* where unreadable files are remembered; NULL: nowhere */
    /* Ask nothing of the network: of a store that is no folder, answer from what is kept of it in
     * cache_dir. */
    bool offline;
    /* For stores that are no folder: the variables "NAME=value", NULL behind the last, with credentials
     * and endpoint; and what time it is, by the wall clock (microseconds UTC) and the monotonic one. */
    char *const *environment;
    int64_t now, now_monotonic;

    /* Filters; NULL or 0: none. Texts must match exactly. */
    const char *namespace_, *project, *hostname, *source, *name;
    int64_t since, until; /* start of the run, microseconds UTC: since <= start < until */

    enum lq_index_use index;

    /* For several questions one after the other: what is not in an index is read into memory. */
    bool resident;
    /* For SQL of somebody who must reach nothing but these runs: resident, and then the database can
     * reach no file and no network, its settings cannot be changed, and its memory is bounded. */
    bool closed;

    /* One line about each file that is left out; may be NULL. */
    void (*warn)(void *ctx, const char *line);
    void *warn_ctx;
};

/* Begin to load the engine, on a thread of its own, for a program that is about to open a query and has
 * something else to do before. */
void lq_query_preload(void);

/*
 * Open the runs of a scope. `project` may be NULL where there is none (scope->global, ->data).
 * Filters that name no run are no error: the views are empty.
 * LQ_OK; LQ_BAD_INPUT: a source that lq cannot read (s3://), credentials in it; LQ_NOT_FOUND: no
 * such folder, or nothing is kept for scope->offline; LQ_SQL, LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_query_open(struct lq_query **query, const struct lq_project *project,
                                      const struct lq_scope *scope, struct lq_error *err);

/* Parse the log `path` ("-": standard input) and open its events in the same views, as one run
 * without id. `opts`: as in lq_parser_new. */
LQ_CHECK enum lq_status lq_query_open_log(struct lq_query **query, const char *path,
                                          const struct lq_parser_opts *opts, struct lq_error *err);

/* When the scope's store was asked last what it holds, if it is no folder: microseconds UTC, and its `url`,
 * borrowed. 0: it is a folder, or there is none. */
int64_t lq_query_as_of(const struct lq_query *query, const char **url);

/* Number of runs in the scope. */
int64_t lq_query_run_count(const struct lq_query *query);

/*
 * Find a time such that the first `n` events of a severity ("error" or "warning"), newest run first, are all of runs that started
 * then or later: what is older need not be looked at.
 *   since  out: microseconds UTC; 0: no such time is known, as for any other severity, for NULL, and for `n` 0
 */
LQ_CHECK enum lq_status lq_query_first_events(struct lq_query *query, const char *severity,
                                              int64_t n, int64_t *since, struct lq_error *err);

/*
 * Run one query with `params` bound to $1, $2, … (lq/rows.h). A file that
 * turns out to be damaged is left out with a warning, and the query starts again.
 *   user_sql  the text comes from the user: queries only
 */
LQ_CHECK enum lq_status lq_query_run(struct lq_query *query, bool user_sql, const char *sql,
                                     const struct lq_value *params, size_t n_params,
                                     struct lq_rows **rows, struct lq_error *err);

/*
 * Run one query as lq_query_run does and write its rows to the Parquet file `path`, with the types
 * that the query gives them. The file is replaced when all of it is written, not before.
 *   limit  0: all rows
 * As lq_query_run; LQ_IO, LQ_DENIED, LQ_NOT_FOUND: the file cannot be written.
 */
LQ_CHECK enum lq_status lq_query_save(struct lq_query *query, bool user_sql, const char *sql,
                                      const struct lq_value *params, size_t n_params, int64_t limit,
                                      const char *path, struct lq_error *err);
/* The file that lq_query_save writes before it replaces `path`, for who ends the process meanwhile. The
 * caller's. */
char *lq_query_unfinished(const char *path);

/* One user more: the query closes when lq_query_close was called once more than this. Calls on a
 * shared query must not overlap. */
struct lq_query *lq_query_share(struct lq_query *query);

/* Whether run files were added, removed or replaced since the query was opened. Folders are listed,
 * no file is opened. */
bool lq_query_is_stale(struct lq_query *query);

/* An index of an open query. Texts are borrowed. */
struct lq_index_info {
    const char *folder, *path;  /* of the run files, of the index */
    bool in_store, exists;      /* exists: and it is in use */
    int64_t size_bytes, n_runs; /* of all that is in it */
    int64_t n_files, n_lacking; /* of the files that the scope lists: in it, or known to it as
                                      unreadable; not in it */
    int64_t n_gone;             /* files in it that the scope does not list */
};
#define LQ_INDEXES_MAX 2
/* The indexes of a query's scope; how many. */
size_t lq_query_indexes(const struct lq_query *query, struct lq_index_info info[LQ_INDEXES_MAX]);

/* Remove the indexes of a scope; `n_dropped` counts them. LQ_DENIED, LQ_IO: one cannot be removed. */
LQ_CHECK enum lq_status lq_index_drop(const struct lq_project *project,
                                      const struct lq_scope *scope, size_t *n_dropped,
                                      struct lq_error *err);

/* Make the statement that runs in it, if one does, fail with LQ_SQL. From any thread. */
void lq_query_interrupt(struct lq_query *query);

void lq_query_close(struct lq_query **query);
/* For a process that ends without closing it: remove what it laid aside on disk. Accepts NULL. */
void lq_query_tidy(struct lq_query *query);

/* A run, or an event of it, that a reference names. Texts are owned. */
struct lq_ref {
    char *run_ref; /* as this scope prints the run: "5", "ns/proj@host:5" */
    char *run_uid; /* NULL in files of other tools */
    char *file;    /* the Parquet file */
    int64_t run_id;
    int64_t event_id; /* 0: the run itself */
};

/*
 * Find what a reference names: "5" a run, "5:3" an event; "build" the newest run of that name,
 * "build:3" its event, "build:~1" the run before, "~1" the run before the newest; a run_uid or its
 * last 8 digits (":3" may follow each); each with "ns/proj@host:" in front, escaped as in folder names.
 * LQ_OK; LQ_NOT_FOUND; LQ_BAD_INPUT: several runs fit (err->detail lists them, a line each) or the
 * text is no reference.
 */
LQ_CHECK enum lq_status lq_query_find(struct lq_query *query, const char *text, struct lq_ref *ref,
                                      struct lq_error *err);
void lq_ref_release(struct lq_ref *ref);

/* A column of run files, for listings. Texts are static. */
struct lq_column_info {
    const char *name, *type; /* in SQL */
    const char *rows;        /* where it is not NULL: all, run, event */
    const char *text;        /* what it holds */
};
/* In their order. Borrowed, static. */
const struct lq_column_info *lq_columns(size_t *n_columns);

/* The views as SQL for an engine (duckdb, spark, trino, clickhouse; NULL for another) over the run files
 * at `path`: an absolute folder, a file or a URL; for duckdb the macros too. With `store` runs are
 * called ns/proj@host:5, else 5. The caller's. */
char *lq_schema_sql(const char *dialect, const char *path, bool store);

/* See to it that the raw log of the run in the Parquet file `file` can be read, if the store has it:
 * of a store that is no folder it is fetched now. As lq_query_open. */
LQ_CHECK enum lq_status lq_query_need_log(const struct lq_query *query, const char *file,
                                          struct lq_error *err);

/* A piece of line number `line` (from 1), without its newline; borrowed for the call. Long lines
 * come in several pieces, of which the last has `ends`. */
typedef enum lq_status lq_log_line_fn(void *ctx, int64_t line, struct lq_str piece, bool ends);

/*
 * Find the log of a run of `project` that is still being recorded with its raw log: `text` is its
 * id, its name (the newest of that name), or NULL for the newest of all.
 *   file  out, for lq_query_follow_lines; the caller's
 * LQ_OK; LQ_NOT_FOUND: no such run is being recorded; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_query_find_recording(const struct lq_project *project, const char *text,
                                                char **file, struct lq_error *err);

/* All that is there was given and more is to come. Return anything but LQ_OK to stop. */
typedef enum lq_status lq_log_wait_fn(void *ctx);

/*
 * Stream lines `first` to `last` of the log of a run that is being recorded, up to its end.
 *   on_wait  NULL: only what is there now
 * LQ_OK; what on_piece or on_wait returned; LQ_CORRUPT: the recording died; LQ_IO.
 */
LQ_CHECK enum lq_status lq_query_follow_lines(const char *file, int64_t first, int64_t last,
                                              lq_log_line_fn *on_piece, lq_log_wait_fn *on_wait,
                                              void *ctx, struct lq_error *err);

/*
 * Stream lines `first` to `last` (from 1; numbers past the end give nothing) of the raw log of the
 * run in the Parquet file `file`: beside a local run, or in the store if it was synced.
 * LQ_OK; what on_piece returned; LQ_NOT_FOUND: not kept, pruned or not synced (the message names
 * the file); LQ_CORRUPT; LQ_IO.
 */
LQ_CHECK enum lq_status lq_query_log_lines(const char *file, int64_t first, int64_t last,
                                           lq_log_line_fn *on_piece, void *ctx,
                                           struct lq_error *err);

#endif
