/* SPDX-License-Identifier: MIT */
/* Which Parquet files a scope covers: listing folders, pruning by path, leaving out what is no
 * Parquet file. */
#ifndef LQ_QUERY_FILES_H
#define LQ_QUERY_FILES_H

#include "db/db.h"
#include "query/folders.h"
#include <lq/query.h>

struct lq_file {
    char *path;
    const char *name; /* within the root; it points into `path` */
    int64_t size_bytes, mtime_ns;
    bool in_store; /* else local */
    bool indexed;  /* an index holds it as it is now */
    bool bad;      /* that is to say, knows that it cannot be read */
};

struct lq_file_list {
    struct lq_file *files;
    size_t count, capacity;
};

void lq_file_list_release(struct lq_file_list *list);

/* The filters of a scope that paths alone can answer. */
struct lq_path_filter {
    /* "namespace=N" …: a partition folder of that key with another value is ruled out. */
    char *wanted[4];
    size_t n_wanted;
    char since[11], until[11]; /* dates, "" without bound */
};
struct lq_path_filter lq_path_filter_of(const struct lq_scope *scope);
void lq_path_filter_release(struct lq_path_filter *filter);
/* Whether a path below the store, "namespace=N/…/x.parquet", may hold what is asked about. */
bool lq_path_filter_wants(const struct lq_path_filter *filter, const char *path);

/* What is listed, and what is known of it. Borrowed. */
struct lq_place {
    const char *root,
        *folder; /* the part of the root that is listed: within it, or the root itself */
    bool in_store;
    bool missing_ok; /* a folder that is not there is an empty one */
    const struct lq_scope *scope;
    int64_t now; /* microseconds UTC; 0: not known */
    /* Sorted; NULL: nothing. `same` is set of those that are as they were: their files are not listed. */
    struct lq_folders *known;
    /* Out: the folders as they are, known or read. Empty before. */
    struct lq_folders *seen;
};

/*
 * Append the Parquet files of a place that the filters of its scope do not rule out by their
 * partition folders (`hostname=…/date=…`). Skipped without a word: names that begin with '.' or
 * '_', anything but regular files, symbolic links. Nothing is opened yet.
 * LQ_OK; LQ_NOT_FOUND, LQ_DENIED, LQ_IO.
 */
LQ_CHECK enum lq_status lq_file_list_add(struct lq_file_list *list, const struct lq_place *place,
                                         struct lq_error *err);
/* Take out those in the store, or those that are not. */
void lq_file_list_drop(struct lq_file_list *list, bool in_store);

/* Sort by path. */
void lq_file_list_sort(struct lq_file_list *list);

/* A number for a file by its name, size and modification time. */
uint64_t lq_file_stamp(const struct lq_file *file);

/* Leave out, with a warning, those of the files that are not indexed which do not begin and end as
 * Parquet, or are remembered as unreadable. */
void lq_file_list_check(struct lq_file_list *list, const struct lq_scope *scope);

/* Why `path` is no Parquet file; NULL: it looks like one. Static. `lasts`: out, false where it could not be
 * opened, which may pass (permissions, too many open files). */
const char *lq_file_reason_against(const char *path, bool *lasts);

/* Remember that the engine cannot read `path` as it is now (size and modification time), in
 * scope->cache_dir. Failing to remember is no error: it only costs time. */
void lq_file_set_unreadable(const char *path, const struct lq_scope *scope);

/* Whether the engine's error about a file is about its content: that does not mend itself, unlike a file
 * that was just removed, a full disk or memory that ran out. */
bool lq_file_error_lasts(const struct lq_error *err);

/* Whether it comes from the statement, and so from no file. */
bool lq_is_statement_error(const struct lq_error *err);

/* The list as the table function lq_file_rows(): position, path, name, in_store, indexed, size_bytes,
 * mtime_ns. `source` and `files` are borrowed, as long as `db` is open. */
struct lq_file_source {
    struct lq_source source;
    const struct lq_file_list *files;
    size_t next;
};
LQ_CHECK enum lq_status lq_file_source_add(struct lq_file_source *source, struct lq_db *db,
                                           const struct lq_file_list *files, struct lq_error *err);

/* Pass a line about a file that is left out to scope->warn. */
void lq_file_warn(const struct lq_scope *scope, const char *path, const char *reason);

#endif
