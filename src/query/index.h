/* SPDX-License-Identifier: MIT */
/*
 * The index of a folder of run files: one DuckDB file with the same rows, which answers in
 * milliseconds where thousands of Parquet files take seconds. Derived: deleted, damaged or of another
 * version, it is built again with the same answers.
 *
 * Nobody writes an index in place. A writer holds a lock that nobody waits for, works on a copy and renames it
 * over; readers go on with the file they have open.
 *
 * Tables:
 *   meta    one row: version; stamp of the files it holds, 0 when it lacks some; n_runs; n_copies, rows of
 *           runs that are there more than once; n_bad, files that cannot be read
 *   files   file_no, file (its name within the folder), size_bytes, mtime_ns, reason (why it cannot be
 *           read; NULL: its rows are here)
 *   runs    run_no, file_no, file, global_ref, and the columns of a run file that stand on run rows
 *   events  run_no, and the columns that stand on event rows alone
 */
#ifndef LQ_QUERY_INDEX_H
#define LQ_QUERY_INDEX_H

#include "db/db.h"
#include "query/files.h"

/* So many files need no index; more get one. */
#define LQ_INDEX_DIRECT_FILES 64

/* So many that are new since are read directly, which takes 1.5 ms each and every time; more are taken in
 * first. */
#define LQ_INDEX_NEW_FILES 16

/* An index that a scope may use. */
struct lq_index {
    char *path;       /* NULL: none */
    const char *name; /* in SQL */
    char *listed;     /* table of the file_no that the scope lists, in SQL; NULL: it lists all */
    bool in_store, attached;
    int64_t n_runs;   /* while attached: of all that it holds */
    int64_t n_copies; /* of these, rows of runs that are there more than once */
    int64_t n_gone;   /* files that it holds and the scope does not list */
    bool is_whole;    /* it says that it holds just the files that are listed */
};

/* Where the index of the store `root` is: in the cache folder. The caller's; NULL when there is no
 * cache folder or no such store. */
char *lq_index_path(const char *root, const char *cache_dir);

/*
 * Attach an index to `db`, read-only, when there is one, and mark those of the sorted list's files
 * (of the store, or local) that it holds as they are now. Files it knows to be unreadable are marked
 * too, with a warning. `db` has the table function lq_file_rows().
 * LQ_CORRUPT: damaged or of another version; it is not attached then. LQ_SQL.
 */
LQ_CHECK enum lq_status lq_index_attach(struct lq_db *db, struct lq_index *index,
                                        struct lq_file_list *files, const struct lq_scope *scope,
                                        struct lq_error *err);
/* Read all of an attached index. LQ_SQL: it cannot be read. */
LQ_CHECK enum lq_status lq_index_verify(struct lq_db *db, const struct lq_index *index,
                                        struct lq_error *err);
LQ_CHECK enum lq_status lq_index_detach(struct lq_db *db, struct lq_index *index,
                                        struct lq_error *err);

/*
 * Take the files of the list into the index that it does not hold as they are now, and drop from it what
 * was replaced; with `complete`, also what the list does not hold any more. Files that cannot be read are
 * remembered, with the reason.
 * LQ_OK; LQ_EXISTS: another process is at it; LQ_DENIED, LQ_IO, LQ_SQL: no index was written.
 */
LQ_CHECK enum lq_status lq_index_update(const struct lq_index *index,
                                        const struct lq_file_list *files, bool complete,
                                        struct lq_error *err);

#endif
