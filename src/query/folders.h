/* SPDX-License-Identifier: MIT */
/*
 * What is known of the folders that the files of an index lie in. A folder whose modification time is the
 * same holds the same files, which the index has: it need not be read, nor its files be looked at. (Run files are never
 * written in place.)
 *
 * They stand in a file beside the index. Derived, as the index is; one that is damaged, or tells of other
 * files than the index holds, only costs time.
 */
#ifndef LQ_QUERY_FOLDERS_H
#define LQ_QUERY_FOLDERS_H

#include "base/buf.h"
#include "base/file.h"

struct lq_folder {
    char *path;       /* within the root; "": the root */
    int64_t mtime_ns; /* LQ_NO_TIME: it is read each time */
    uint64_t stamp;   /* the sum of those of its files (lq_file_stamp) */
    bool same;        /* the last walk found it as it was; false also where that did not come by */
};

struct lq_folders {
    struct lq_folder *items; /* when sorted: a folder, then all that is below it */
    size_t count, capacity;
    bool unsafe; /* a link was followed: times do not tell all */
};

void lq_folders_release(struct lq_folders *folders);

/* Append one; `path` is copied. */
void lq_folders_add(struct lq_folders *folders, const char *path, int64_t mtime_ns, uint64_t stamp);
void lq_folders_sort(struct lq_folders *folders);

/* In sorted folders. Borrowed; NULL: there is no such one. */
struct lq_folder *lq_folders_find(const struct lq_folders *folders, const char *path);
/* Whether `path` is below that of `folder`. */
bool lq_folder_holds(const struct lq_folder *folder, const char *path);

/* The sum of the stamps, without `less`, made a number that is never 0. */
int64_t lq_folders_stamp(const struct lq_folders *folders, uint64_t less);

/* Read the file beside the index `index`; none when it cannot be used. */
void lq_folders_load(struct lq_folders *folders, const char *index);
/* Write it. That it cannot be written only costs time. */
void lq_folders_save(const struct lq_folders *folders, const char *index);
/* The file's name. The caller's. */
char *lq_folders_path(const char *index);

#endif
