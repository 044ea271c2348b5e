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
 *   meta    one row: version; stamp of the files it holds (as lq_folders_stamp), 0 when files may be there that it
 *           was not told of; n_files; n_runs; n_copies, rows of runs that are there more than once; n_bad, files
 *           that cannot be read
 *   files   file_no, file (its name within the folder), folder (of that), size_bytes, mtime_ns, reason (why it
 *           cannot be read; NULL: its rows are here)
 *   runs    run_no, file_no, file, global_ref, n_errors and n_warnings (of its rows in events), and the
 *           columns of a run file that stand on run rows
 *   events  run_no, and the columns that stand on event rows alone
 * Run numbers of a store's index and of the local one are apart.
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

/* An index that a scope may use, and the folders of run files that it is of. */
struct lq_index {
    char *path;       /* NULL: none */
    const char *name; /* in SQL */
    bool in_store, attached;
    struct lq_folders known; /* beside the index; as the folders were listed */
    struct lq_folders seen;  /* as they are now */
    char *gone; /* table of the file_no that the scope does not list, in SQL; NULL: none */
    /* While attached: */
    int64_t stamp, n_files, n_runs, n_bad; /* of all that it holds */
    int64_t n_copies; /* of its runs, rows of those that are there more than once */
    int64_t n_gone;   /* files that it holds and the scope does not list */
    bool is_whole;    /* it says that it holds just the files that are there */
};

/* Where the index of the store `root` is: in the cache folder. The caller's; NULL when there is no
 * cache folder or no such store. */
char *lq_index_path(const char *root, const char *cache_dir);

/* The folders that are known and not as they were, or not in the scope, as the table function
 * lq_folder_rows(): in_store, path. All is borrowed, as long as `db` is open. */
struct lq_folder_source {
    struct lq_source source;
    const struct lq_index *indexes;
    size_t n_indexes;
    size_t index, next; /* where a scan is */
};
LQ_CHECK enum lq_status lq_folder_source_add(struct lq_folder_source *source, struct lq_db *db,
                                             const struct lq_index *indexes, size_t n_indexes,
                                             struct lq_error *err);

/*
 * Attach an index to `db`, read-only, when there is one.
 * LQ_CORRUPT: damaged or of another version; it is not attached then. LQ_SQL.
 */
LQ_CHECK enum lq_status lq_index_attach(struct lq_db *db, struct lq_index *index,
                                        struct lq_error *err);
/* Whether what index->known tells is about the files in the attached index. */
bool lq_index_is_known(const struct lq_index *index);
/*
 * Mark those of the sorted list's files (of the store, or local) that an attached index holds as they are
 * now, and find those that it holds and the scope does not list. Files it knows to be unreadable are marked
 * too, with a warning. `db` has the table functions lq_file_rows() and lq_folder_rows().
 * LQ_CORRUPT: damaged; it is not attached any more. LQ_SQL.
 */
LQ_CHECK enum lq_status lq_index_mark(struct lq_db *db, struct lq_index *index,
                                      struct lq_file_list *files, const struct lq_scope *scope,
                                      struct lq_error *err);
/* Read all of an attached index. LQ_SQL: it cannot be read. */
LQ_CHECK enum lq_status lq_index_verify(struct lq_db *db, const struct lq_index *index,
                                        struct lq_error *err);
LQ_CHECK enum lq_status lq_index_detach(struct lq_db *db, struct lq_index *index,
                                        struct lq_error *err);

/* Let the next question know the folders, when the index holds all that is in them. */
void lq_index_remember(const struct lq_index *index, const struct lq_file_list *files);

/*
 * Take the files of the list into the index that it does not hold as they are now, and drop from it what
 * was replaced; with `complete`, also what the list does not hold any more. Files that cannot be read are
 * remembered, with the reason.
 * LQ_OK; LQ_EXISTS: another process is at it, or was meanwhile; LQ_DENIED, LQ_IO, LQ_SQL: no index was written.
 */
LQ_CHECK enum lq_status lq_index_update(const struct lq_index *index,
                                        const struct lq_file_list *files, bool complete,
                                        struct lq_error *err);

#endif
