/* SPDX-License-Identifier: MIT */
/*
 * A remote: a place that runs are synced to. Planning, state and the rule for taken names are the
 * same for all; a new kind of place is one more struct lq_remote_kind in remote.c's table.
 *
 * Files go in batches:
 *
 *     begin(remote, n)
 *     stage(remote, put) …      the bytes are there, not visible; on several threads
 *     settle(remote)            what was staged is durable
 *     publish(remote, put) …    visible under put->name, create-only; on several threads
 *     flush(remote)             what was published is durable
 *
 * A kind whose stage() makes a file visible and durable at once (one PUT) has empty functions for
 * the rest.
 */
#ifndef LQ_SYNC_REMOTE_H
#define LQ_SYNC_REMOTE_H

#include "base/file.h"
#include <lq/error.h>

struct lq_remote;

/* What identifies a destination from one sync to the next. */
struct lq_place {
    char *name; /* a real path */
    /* Tells whether the same file system is there as before; NULL: nothing is there. */
    char *file_system;
};

void lq_place_release(struct lq_place *place);

/* One file on its way. */
struct lq_put {
    const char *folder; /* below the root: "namespace=N/…/source=run" */
    const char *name;   /* in it; the caller may change it between two calls */
    /* Of the file; after stage(), of the very bytes that were stored. sha256 "": not known. */
    int64_t size_bytes;
    char sha256[LQ_SHA256_HEX_BYTES];
    void *staged; /* the remote's own; NULL: nothing staged */
};

struct lq_remote_kind {
    const char *scheme; /* "s3://"; "": a path */

    /* Find out where `url` leads, touching nothing. */
    enum lq_status (*locate)(const char *url, struct lq_place *place, struct lq_error *err);
    /* Whether a remembered lq_place.file_system is the one found now. */
    bool (*same_file_system)(const char *remembered, const char *found);
    /* Open the place, which is made when missing; place->file_system is set to what is there. */
    enum lq_status (*open)(struct lq_remote **remote, struct lq_place *place, struct lq_error *err);
    void (*close)(struct lq_remote *remote);

    void (*begin)(struct lq_remote *remote, size_t n_files);
    /* Bring the bytes of `source_fd` there. LQ_EXISTS: the name is taken, nothing was staged. */
    enum lq_status (*stage)(struct lq_remote *remote, struct lq_put *put, int source_fd,
                            struct lq_error *err);
    enum lq_status (*settle)(struct lq_remote *remote, struct lq_error *err);
    /* LQ_EXISTS: the name is taken; the file stays staged, for another name or unstage(). */
    enum lq_status (*publish)(struct lq_remote *remote, struct lq_put *put, struct lq_error *err);
    void (*unstage)(struct lq_remote *remote, struct lq_put *put);
    enum lq_status (*flush)(struct lq_remote *remote, struct lq_error *err);

    /* Whether what has the name put->name is a file of put's size and sha256. LQ_DENIED: it may
     * not be read. */
    enum lq_status (*same)(struct lq_remote *remote, const struct lq_put *put, bool *same,
                           struct lq_error *err);
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

#endif
