/* SPDX-License-Identifier: MIT */
/* The remote that is a bucket of an S3 store. */
#include "base/alloc.h"
#include "db/s3.h"
#include "s3/client.h"
#include "sync/remote.h"
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* Larger files are not written through the engine, which holds them in memory, and which bounds the
 * time of a request instead of its silence: 4 MiB in 30 s is slower than any network that is used. */
#define ENGINE_MAX_BYTES (4 << 20)

/* For fewer files, loading the engine takes longer than all their requests. */
#define ENGINE_MIN_FILES 16

/* S3's limit for one PUT. */
#define PUT_MAX_BYTES (INT64_C(5) << 30)

/* Below a folder "namespace=N/project=P". Engines pass over what begins with '_'. */
#define PROBE_PATH "_lq/create-only"

struct s3_remote {
    struct lq_remote remote;
    struct lq_s3 *s3;
    struct lq_place *place;
    pthread_mutex_t lock; /* of what follows */
    struct lq_db_writer *writer;
    bool tried_writer;
    bool many_files; /* so many that the engine is worth loading */
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

    lq_db_writer_free(&self->writer);
    lq_s3_close(&self->s3);
    pthread_mutex_destroy(&self->lock);
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
    pthread_mutex_init(&self->lock, NULL);
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

static void begin(struct lq_remote *remote, size_t n_files)
{
    ((struct s3_remote *)remote)->many_files = n_files >= ENGINE_MIN_FILES;
}

/* The engine that writes, loaded for the first file; NULL when there is none, which is no failure:
 * libcurl can do all of it. */
static struct lq_db_writer *get_writer(struct s3_remote *self)
{
    struct lq_db_writer *writer;

    pthread_mutex_lock(&self->lock);
    if (!self->tried_writer && lq_db_writer_new(&self->writer, &self->s3->config, NULL) != LQ_OK)
        self->writer = NULL;
    self->tried_writer = true;
    writer = self->writer;
    pthread_mutex_unlock(&self->lock);
    return writer;
}

struct engine_put {
    struct s3_remote *self;
    int fd;
    const char *key, *name;
};

static enum lq_status put_by_engine(void *ctx, enum lq_s3_verdict *verdict, struct lq_error *err)
{
    const struct engine_put *put = ctx;
    struct lq_s3 *s3 = put->self->s3;
    const struct lq_s3_target target = { &s3->config, "s3:PutObject", put->name };
    struct lq_s3_answer answer;

    if (lq_db_writer_put(put->self->writer, put->fd, s3->url.bucket, put->key, &answer, err) ==
        LQ_OK)
        return LQ_OK;
    return lq_s3_judge(&answer, &target, verdict, err);
}

/* The first try goes through the engine, the others do not: httpfs makes four requests of one that
 * fails, also when the server asks for fewer. */
static enum lq_status put_file(struct s3_remote *self, const char *path, int fd, int64_t size_bytes,
                               struct lq_error *err)
{
    if (size_bytes > PUT_MAX_BYTES)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot store '%s': over 5 GB", path);
    if (size_bytes <= ENGINE_MAX_BYTES && self->many_files && get_writer(self)) {
        LQ_CLEANUP(lq_free) char *key = lq_s3_url_key(&self->s3->url, path);
        LQ_CLEANUP(lq_free) char *name = lq_s3_name(self->s3, path);
        struct engine_put put = { self, fd, key, name };
        enum lq_s3_verdict verdict;
        const enum lq_status status = lq_s3_try_once(self->s3, put_by_engine, &put, &verdict, err);

        if (status == LQ_OK || verdict == LQ_S3_FINAL || verdict == LQ_S3_FATAL)
            return status;
    }
    return lq_s3_put(self->s3, path, fd, size_bytes, true, err);
}

static enum lq_status stage(struct lq_remote *remote, struct lq_put *put, int source_fd,
                            struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    LQ_CLEANUP(lq_free) char *path = lq_path_join(put->folder, put->name);
    const enum lq_status status = put_file(self, path, source_fd, put->size_bytes, err);

    /* What is given up for another file's sake has to say which file it is. */
    if (status == LQ_UNREACHABLE)
        lq_error_prefix(err, "'%s' is missing there: ", path);
    return status;
}

static enum lq_status replace(struct lq_remote *remote, struct lq_put *put, int source_fd,
                              struct lq_error *err)
{
    struct s3_remote *self = (struct s3_remote *)remote;
    LQ_CLEANUP(lq_free) char *path = lq_path_join(put->folder, put->name);

    return lq_s3_put(self->s3, path, source_fd, put->size_bytes, false, err);
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
    .begin = begin,
    .stage = stage,
    .list = list,
    .same = same,
    .fetch = fetch,
    .replace = replace,
};
