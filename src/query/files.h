/* SPDX-License-Identifier: MIT */
/* Which Parquet files a scope covers: listing folders, pruning by path, leaving out what is no
 * Parquet file. */
#ifndef LQ_QUERY_FILES_H
#define LQ_QUERY_FILES_H

#include <lq/query.h>

struct lq_file {
    char *path;
    int64_t size_bytes, mtime_ns;
    bool in_store; /* else local */
    bool indexed;  /* an index holds it as it is now */
};

struct lq_file_list {
    struct lq_file *files;
    size_t count, capacity;
};

void lq_file_list_release(struct lq_file_list *list);

/*
 * Append the Parquet files below `folder` that the filters of `scope` do not rule out by their
 * partition folders (`hostname=…/date=…`). Skipped without a word: names that begin with '.' or
 * '_', anything but regular files, symbolic links. Nothing is opened yet.
 * LQ_OK, also for a folder that is not there when `missing_ok`; LQ_NOT_FOUND, LQ_DENIED, LQ_IO.
 */
LQ_CHECK enum lq_status lq_file_list_add(struct lq_file_list *list, const char *folder,
                                         bool in_store, bool missing_ok,
                                         const struct lq_scope *scope, struct lq_error *err);

/* Sort by path. */
void lq_file_list_sort(struct lq_file_list *list);

/* The file at `path` in a sorted list; NULL when it is not there. */
struct lq_file *lq_file_list_find(const struct lq_file_list *list, const char *path);

/* A number for a sorted list: another one when a file was added, removed or replaced (by path, size
 * and modification time). */
uint64_t lq_file_list_stamp(const struct lq_file_list *list);

/* Leave out, with a warning, those of the files that are not indexed which do not begin and end as
 * Parquet, or are remembered as unreadable. */
void lq_file_list_check(struct lq_file_list *list, const struct lq_scope *scope);

/* Remember that the engine cannot read `path` as it is now (size and modification time), in
 * scope->cache_dir. Failing to remember is no error: it only costs time. */
void lq_file_set_unreadable(const char *path, const struct lq_scope *scope);

/* Pass a line about a file that is left out to scope->warn. */
void lq_file_warn(const struct lq_scope *scope, const char *path, const char *reason);

#endif
