/* SPDX-License-Identifier: MIT */
/*
 * The index of a folder of run files: one DuckDB file with the same rows, which answers in
 * milliseconds where thousands of Parquet files take seconds. Derived: deleted, damaged or of another
 * version, it is built again with the same answers.
 *
 * Nobody writes an index in place. A writer holds a lock that nobody waits for, works on a copy and renames it
 * over; readers go on with the file they have open.
 *
 * Tables: meta (version), files (file, size_bytes, mtime_ns), runs and events (all columns of a run
 * file, and file). A run file is in all of them or in none.
 */
#ifndef LQ_QUERY_INDEX_H
#define LQ_QUERY_INDEX_H

#include "db/db.h"
#include "query/files.h"

/* So many files that are not indexed are read directly; more are taken in first. */
#define LQ_INDEX_DIRECT_FILES 64

/* Where the index of the store `root` is: in the cache folder. The caller's; NULL when there is no
 * cache folder or no such store. */
char *lq_index_path(const char *root, const char *cache_dir);

/*
 * Attach the index at `path` to `db` as `name`, read-only, and mark those of the sorted list's files
 * (`in_store`: of the store, else the local ones) that it holds.
 *   attached  out: false when there is none
 * LQ_CORRUPT: damaged, of another version, or it holds a file of the list as it was before somebody
 * replaced it; it is not attached then. LQ_SQL.
 */
LQ_CHECK enum lq_status lq_index_attach(struct lq_db *db, const char *path, const char *name,
                                        struct lq_file_list *files, bool in_store, bool *attached,
                                        struct lq_error *err);
/* Read all of an attached index. LQ_SQL: it cannot be read. */
LQ_CHECK enum lq_status lq_index_verify(struct lq_db *db, const char *name, struct lq_error *err);
LQ_CHECK enum lq_status lq_index_detach(struct lq_db *db, const char *name, struct lq_error *err);

/*
 * Take the files of the list into the index at `path` that are not marked as indexed; with
 * `complete`, also drop what the list does not hold any more. Files that cannot be read are left out,
 * which is no failure.
 * LQ_OK; LQ_EXISTS: another process is at it; LQ_DENIED, LQ_IO, LQ_SQL: no index was written.
 */
LQ_CHECK enum lq_status lq_index_update(const char *path, const struct lq_file_list *files,
                                        bool in_store, bool complete, struct lq_error *err);

#endif
