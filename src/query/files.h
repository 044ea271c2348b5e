/* SPDX-License-Identifier: MIT */
/* Which Parquet files a scope covers: listing folders, pruning by path, leaving out what is no
 * Parquet file. */
#ifndef LQ_QUERY_FILES_H
#define LQ_QUERY_FILES_H

#include <lq/query.h>

struct lq_file {
    char *path;
    bool in_store; /* else local */
};

struct lq_file_list {
    struct lq_file *files;
    size_t count, capacity;
};

void lq_file_list_release(struct lq_file_list *list);

/*
 * Append the Parquet files below `folder` that the filters of `scope` do not rule out by their
 * partition folders (`hostname=…/date=…`). Skipped without a word: names that begin with '.' or
 * '_', anything but regular files, symbolic links. Left out with a warning: files that do not begin
 * and end as Parquet, and files remembered as unreadable.
 * LQ_OK, also for a folder that is not there when `missing_ok`; LQ_NOT_FOUND, LQ_DENIED, LQ_IO.
 */
LQ_CHECK enum lq_status lq_file_list_add(struct lq_file_list *list, const char *folder,
                                         bool in_store, bool missing_ok,
                                         const struct lq_scope *scope, struct lq_error *err);

/* Remember that the engine cannot read `path` as it is now (size and modification time), in
 * scope->cache_dir. Failing to remember is no error: it only costs time. */
void lq_file_set_unreadable(const char *path, const struct lq_scope *scope);

/* Pass a line about a file that is left out to scope->warn. */
void lq_file_warn(const struct lq_scope *scope, const char *path, const char *reason);

#endif
