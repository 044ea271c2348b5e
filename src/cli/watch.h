/* SPDX-License-Identifier: MIT */
/*
 * Watching a tree of folders for changes to the files that git does not ignore. Where there is no
 * git every file counts, but for those in folders whose name begins with a dot.
 *
 *     lq_watch_open(&watch, root, &err);
 *     poll(lq_watch_fd(watch)) ...
 *     lq_watch_collect(watch, &changes, &err);        as often as the descriptor is readable
 *     lq_watch_settle(watch, &changes);               what is left of them counts
 */
#ifndef LQ_CLI_WATCH_H
#define LQ_CLI_WATCH_H

#include "base/str.h"

struct lq_watch;

/* A set of paths, relative to the root. */
struct lq_changes {
    struct lq_change {
        char *path;
        size_t repository_len; /* of its beginning that is a repository within the root */
    } *list;
    size_t count, capacity;
};

void lq_changes_release(struct lq_changes *changes);
/* Append a copy. */
void lq_changes_add(struct lq_changes *changes, const struct lq_change *change);
/* Take those out that are in `others` (or, with `keep`, those that are not). Both are settled. */
void lq_changes_reduce(struct lq_changes *changes, const struct lq_changes *others, bool keep);
/* Move all of `from` to `changes`, which then has to be settled. */
void lq_changes_move(struct lq_changes *changes, struct lq_changes *from);

/* Watch `root` (absolute) and every folder below it, but .git, .lq and ignored ones. LQ_IO: also when
 * the system allows no more watches, which the message tells how to raise. */
LQ_CHECK enum lq_status lq_watch_open(struct lq_watch **watch, const char *root,
                                      struct lq_error *err);
void lq_watch_free(struct lq_watch **watch);
size_t lq_watch_folder_count(const struct lq_watch *watch);
/* Readable when something happened. Borrowed. */
int lq_watch_fd(const struct lq_watch *watch);

/* Append what has happened so far, without waiting; new folders are watched from here on.
 * LQ_NOT_FOUND: the root is gone; LQ_IO. */
LQ_CHECK enum lq_status lq_watch_collect(struct lq_watch *watch, struct lq_changes *changes,
                                         struct lq_error *err);
/* Sort, leave out doubles and what git ignores. */
void lq_watch_settle(struct lq_watch *watch, struct lq_changes *changes);

#endif
