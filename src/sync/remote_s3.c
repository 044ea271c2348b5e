/* SPDX-License-Identifier: MIT */
/* The remote that is a bucket of an S3 store. */
#include "base/alloc.h"
#include "db/s3.h"
#include "s3/client.h"
#include "sync/remote.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* S3's limit for one PUT. */
#define PUT_MAX_BYTES (INT64_C(5) << 30)

/* Below a folder "namespace=N/project=P". Engines pass over what begins with '_'. */
#define PROBE_PATH "_lq/create-only"

struct s3_remote {
    struct lq_remote remote;
    struct lq_s3 *s3;
    struct lq_place *place;
};

/* ---- where it is ---- */

static enum lq_status locate(const char *url, const struct lq_sync_opts *opts,
                             struct lq_place *place, struct lq_error *err)
{
    LQ_CLEANUP(lq_s3_url_release) struct lq_s3_url parsed = { 0 };
    LQ_CLEANUP(lq_s3_config_release) struct lq_s3_config config = { 0 };

    LQ_TRY(lq_s3_url_parse(&parsed, url, err));
    LQ_TRY(lq_s3_config_init(&config, opts->environment, parsed.bucket, err));
    place->name = lq_format("s3://%s%s%s", parsed.bucket, *parsed.prefix ? "/" : "", parsed.prefix);
    /* Buckets of one name in two regions of AWS are the same bucket. */
    place->key =
        lq_format("s3://%s/%s/%s",
                  lq_str_ends(lq_str_of(config.host), LQ_STR(".amazonaws.com")) ? "amazonaws.com"
                                                                                : config.host,
                  parsed.bucket, parsed.prefix);
    place->file_system = lq_strdup("s3");
    return LQ_OK;
}

static bool same_file_system(const char *remembered, const char *found)
{
    return strcmp(remembered, found) == 0;
}

static void close_s3(struct lq_remote *remote)
{
    struct s3_remote *self = (struct s3_remote *)remote;

    lq_s3_close(&self->s3);
    free(self);
}

static enum lq_status open_s3(struct lq_remote **out, struct lq_place *place,
                              const struct lq_sync_opts *opts, struct lq_error *err)
{
    const struct lq_s3_opts s3_opts = { .environment = opts->environment,
                                        .now = opts->now,
                                        .jobs = opts->threads,
                                        .budget_sec = opts->retry_budget_sec };
    struct s3_remote *self = lq_alloc(sizeof *self);
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = &self->remote;

    self->remote.kind = &lq_remote_s3;
    self->place = place;
    LQ_TRY(lq_s3_open(&self->s3, place->name, &s3_opts, err));
    if (!self->s3->config.key_id)
        LQ_TRY(lq_db_find_keys(&self->s3->config, err));
    *out = LQ_TAKE(remote);
    return LQ_OK;
}

/* ---- whether creating is really creating ---- */

static enum lq_status put_probe(struct s3_remote *self, const char *path, struct lq_error *err)
{
    static const char text[] = "lq asked here whether this store honours If-None-Match.\n";
    LQ_CLEANUP(lq_close) int fd = memfd_create("lq-probe", MFD_CLOEXEC);

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot make a file in memory");
    LQ_TRY(lq_write_all(fd, text, sizeof text - 1, "a file in memory", err));
    return lq_s3_put(self->s3, path, fd, sizeof text - 1, true, err);
}

/*
 * Store a small object create-only, in the project's own part of the store, where it may be written:
 * it is there already, or it is stored and then there; or the store takes it a second time, and with
 * that any object in the place of another.
 */
static enum lq_status prepare(struct lq_remote *remote, const char *folder, struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    const char *project = strstr(folder, "/project=");
    const char *end = project ? strchr(project + 1, '/') : NULL;
    const size_t len = end ? (size_t)(end - folder) : strlen(folder);
    LQ_CLEANUP(lq_free) char *path = lq_format("%.*s/" PROBE_PATH, (int)len, folder);
    struct lq_error reason = { 0 };
    enum lq_status status;

    if (self->place->naming != LQ_NAMING_UNKNOWN)
        return LQ_OK;
    status = put_probe(self, path, &reason);
    if (status == LQ_OK)
        status = put_probe(self, path, &reason);
    if (status == LQ_EXISTS || status == LQ_OK) {
        self->place->naming = status == LQ_EXISTS ? LQ_NAMING_PLAIN : LQ_NAMING_RUN8;
        return LQ_OK;
    }
    if (err)
        *err = reason;
    return status;
}

/* ---- writing ---- */

/*
 * Through libcurl rather than DuckDB's httpfs, which writes the same objects with as many requests: a COPY
 * costs 1.5 ms of CPU and a connection more than the PUT that it makes. 1,000 files at 50 ms took
 * 2.3 times as long as s5cmd, against 0.8 times so (script/bench s3).
 */
static enum lq_status put_file(struct s3_remote *self, const struct lq_put *put, int fd,
                               bool create_only, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(put->folder, put->name);

    if (put->size_bytes > PUT_MAX_BYTES)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot store '%s': over 5 GB", path);
    return lq_s3_put(self->s3, path, fd, put->size_bytes, create_only, err);
}

static enum lq_status stage(struct lq_remote *remote, struct lq_put *put, int source_fd,
                            struct lq_error *err)
{
    const enum lq_status status = put_file((struct s3_remote *)remote, put, source_fd, true, err);

    /* What is given up for another file's sake has to say which file it is. */
    if (status == LQ_UNREACHABLE)
        lq_error_prefix(err, "'%s/%s' is missing there: ", put->folder, put->name);
    return status;
}

static enum lq_status replace(struct lq_remote *remote, struct lq_put *put, int source_fd,
                              struct lq_error *err)
{
    return put_file((struct s3_remote *)remote, put, source_fd, false, err);
}

/* ---- reading ---- */

struct lister {
    lq_remote_file_fn *on_file;
    void *ctx;
};

static enum lq_status on_object(void *ctx, const struct lq_s3_object *object, struct lq_error *err)
{
    const struct lister *lister = ctx;

    if (lq_str_ends(lq_str_of(object->path), LQ_STR("/" PROBE_PATH)) ||
        lq_str_ends(lq_str_of(object->path), LQ_STR("/")))
        return LQ_OK;
    return lister->on_file(lister->ctx, object->path, object->size_bytes, err);
}

static enum lq_status list(struct lq_remote *remote, const char *folder, lq_remote_file_fn *on_file,
                           void *ctx, struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    LQ_CLEANUP(lq_free) char *prefix = *folder ? lq_format("%s/", folder) : lq_strdup("");
    struct lister lister = { on_file, ctx };

    return lq_s3_list(self->s3, prefix, on_object, &lister, err);
}

static enum lq_status same(struct lq_remote *remote, const struct lq_put *put, bool *same_bytes,
                           struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    LQ_CLEANUP(lq_free) char *path = lq_path_join(put->folder, put->name);
    char sha256[LQ_SHA256_HEX_BYTES];
    int64_t size_bytes;

    *same_bytes = false;
    LQ_TRY(lq_s3_hash(self->s3, path, sha256, &size_bytes, err));
    *same_bytes = size_bytes == put->size_bytes && strcmp(sha256, put->sha256) == 0;
    return LQ_OK;
}

static enum lq_status fetch(struct lq_remote *remote, const struct lq_put *put, int fd,
                            struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    LQ_CLEANUP(lq_free) char *path = lq_path_join(put->folder, put->name);
    int64_t size_bytes;

    return lq_s3_get(self->s3, path, fd, NULL, &size_bytes, err);
}

const struct lq_remote_kind lq_remote_s3 = {
    .scheme = "s3://",
    .threads = LQ_S3_DEFAULT_JOBS,
    .files_per_thread = 1,
    .locate = locate,
    .same_file_system = same_file_system,
    .open = open_s3,
    .prepare = prepare,
    .close = close_s3,
    .stage = stage,
    .list = list,
    .same = same,
    .fetch = fetch,
    .replace = replace,
};
