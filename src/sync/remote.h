/* SPDX-License-Identifier: MIT */
/*
 * A remote: a place that runs are synced to. Planning, state, conflicts of names, verification and
 * repair are the same for all; a new kind of place is one more struct lq_remote_kind in remote.c's
 * table, and knows files only: "FOLDER below the root, NAME in it". Run files and raw logs
 * ("…/_raw/hostname=H/…") are files alike.
 *
 * Files go in batches:
 *
 *     begin(remote, n)
 *     stage(remote, put) …      the bytes are there, not visible; on several threads
 *     settle(remote)            what was staged is durable
 *     publish(remote, put) …    visible under put->name, create-only; on several threads
 *     flush(remote)             what was published is durable
 *
 * A kind without publish() is one whose stage() makes a file visible and durable, create-only, in one
 * step (one PUT); it has no settle, unstage and flush either. The bytes of source_fd were
 * then compared with what was recorded before stage() is called.
 *
 * Nothing is removed or overwritten but by replace() and sweep().
 */
#ifndef LQ_SYNC_REMOTE_H
#define LQ_SYNC_REMOTE_H

#include "base/file.h"
#include <lq/sync.h>
#include <sys/stat.h>

struct lq_remote;

/* How names are taken at a place, as far as that is known from one sync to the next. */
enum lq_naming {
    LQ_NAMING_UNKNOWN = 0,
    LQ_NAMING_PLAIN, /* a file's own name, when it is free */
    /* The name with RUN8 always: what has a name may not be read there, or creating does not tell
     * whether the name was free. */
    LQ_NAMING_RUN8,
};

/* What identifies a destination from one sync to the next. */
struct lq_place {
    char *name; /* for people: a real path; a URL without slashes at the end */
    /* What state.db knows it by: all that makes it another place and nothing else. A real path;
     * of a URL scheme, endpoint, bucket and prefix. Never a credential. */
    char *key;
    /* Tells whether the same file system is there as before; NULL: nothing is there. A kind for
     * which there is no such thing sets a constant text. */
    char *file_system;
    enum lq_naming naming; /* as remembered, before open(); open() may find out more */
};

void lq_place_release(struct lq_place *place);

/* One file on its way. */
struct lq_put {
    const char *folder; /* below the root: "namespace=N/…/source=run" */
    const char *name;   /* in it; the caller may change it between two calls */
    /* Of the file; after stage(), of the very bytes that were stored. sha256 "": not known. The size is
     * always that of source_fd. */
    int64_t size_bytes;
    char sha256[LQ_SHA256_HEX_BYTES];
    void *staged; /* the remote's own; NULL: nothing staged */
};

/* A file that list() found. `path` is below the root; borrowed for the call. */
typedef enum lq_status lq_remote_file_fn(void *ctx, const char *path, int64_t size_bytes,
                                         struct lq_error *err);

/* `opts` are the caller's of lq_sync_plan_new: mode and environment matter here. They, and texts of
 * the place, outlive the remote. A function pointer that may be NULL says so. */
struct lq_remote_kind {
    const char *scheme;   /* "s3://"; "": a path */
    int threads;          /* that stage() and publish() are called on, unless opts say otherwise */
    int files_per_thread; /* fewer are not worth starting another thread */

    /* Find out where `url` leads, touching nothing and asking no network. */
    enum lq_status (*locate)(const char *url, const struct lq_sync_opts *opts,
                             struct lq_place *place, struct lq_error *err);
    /* Whether a remembered lq_place.file_system is the one found now. */
    bool (*same_file_system)(const char *remembered, const char *found);
    /* Open the place, which is made when missing; place->file_system is set to what is there. */
    enum lq_status (*open)(struct lq_remote **remote, struct lq_place *place,
                           const struct lq_sync_opts *opts, struct lq_error *err);
    /* Before the first file is staged, one to `folder`: find out place->naming, if it is unknown.
     * May be NULL: it is plain. */
    enum lq_status (*prepare)(struct lq_remote *remote, const char *folder, struct lq_error *err);
    void (*close)(struct lq_remote *remote);

    void (*begin)(struct lq_remote *remote, size_t n_files); /* may be NULL */
    /*
     * Make put's file a hard link to `path` in the open folder `folder_fd`, whose bytes are those of
     * put, and durable: visible at once, durable after flush(). `*linked` is false where that cannot be:
     * then the file is staged. LQ_EXISTS: the name is taken. May be NULL.
     */
    enum lq_status (*link)(struct lq_remote *remote, const struct lq_put *put, int folder_fd,
                           const char *path, bool *linked, struct lq_error *err);
    /* Bring the bytes of `source_fd` there. LQ_EXISTS: the name is taken, nothing was staged. */
    enum lq_status (*stage)(struct lq_remote *remote, struct lq_put *put, int source_fd,
                            struct lq_error *err);
    enum lq_status (*settle)(struct lq_remote *remote, struct lq_error *err); /* may be NULL */
    /* LQ_EXISTS: the name is taken; the file stays staged, for another name or unstage().
     * NULL: see above. */
    enum lq_status (*publish)(struct lq_remote *remote, struct lq_put *put, struct lq_error *err);
    void (*unstage)(struct lq_remote *remote, struct lq_put *put); /* NULL without publish */
    enum lq_status (*flush)(struct lq_remote *remote, struct lq_error *err); /* may be NULL */
    /* All that is there is durable, whoever made it. May be NULL: it always is. */
    enum lq_status (*flush_all)(struct lq_remote *remote, struct lq_error *err);

    /*
     * List all files below `folder` ("namespace=N/project=P/hostname=H": whole parts; "": all) with
     * their sizes, in any order, streamed, on the calling thread. What is no regular file is left
     * out; a folder that is not there has no files.
     * LQ_OK; what on_file returned, at once; LQ_DENIED: it may not be listed; LQ_UNREACHABLE, LQ_IO.
     */
    enum lq_status (*list)(struct lq_remote *remote, const char *folder, lq_remote_file_fn *on_file,
                           void *ctx, struct lq_error *err);
    /* Whether what has the name put->name is a file of put's size and sha256: all of it is read.
     * LQ_NOT_FOUND: the name is free; LQ_DENIED: it may not be read. On several threads. */
    enum lq_status (*same)(struct lq_remote *remote, const struct lq_put *put, bool *same,
                           struct lq_error *err);
    /* Write the bytes of put's file to `fd`. LQ_NOT_FOUND; LQ_DENIED. On several threads. */
    enum lq_status (*fetch)(struct lq_remote *remote, const struct lq_put *put, int fd,
                            struct lq_error *err);
    /* Whether put's file is the one with that inode itself, by a hard link: damage to one is damage
     * to both. May be NULL: never. */
    bool (*is_source)(struct lq_remote *remote, const struct lq_put *put,
                      const struct stat *source);
    /* Put the bytes of `source_fd` in the place of put's file, which was found to be damaged, or
     * make it when it is gone meanwhile: in one step, visible and durable on return. As a hard
     * link where the mode is auto and that can be. On several threads. */
    enum lq_status (*replace)(struct lq_remote *remote, struct lq_put *put, int source_fd,
                              struct lq_error *err);
    /* Remove from `folder` what killed processes left there before `before` (microseconds UTC) and
     * nobody can see; best effort. May be NULL: nothing is ever left. */
    void (*sweep)(struct lq_remote *remote, const char *folder, int64_t before);
};

/* The first member of each kind's own struct. */
struct lq_remote {
    const struct lq_remote_kind *kind;
};

/* The kind that `url` asks for. LQ_BAD_INPUT: none, or the URL holds credentials. */
LQ_CHECK enum lq_status lq_remote_kind_of(const char *url, const struct lq_remote_kind **kind,
                                          struct lq_error *err);
/* For LQ_CLEANUP; accepts NULL. */
void lq_remote_close(struct lq_remote **remote);

extern const struct lq_remote_kind lq_remote_dir;
extern const struct lq_remote_kind lq_remote_s3;

#endif
