/* SPDX-License-Identifier: MIT */
/* Copies objects into a folder, in parallel. */
#include "store/pull.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "db/s3.h"
#include "s3/client.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 16
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* An object that is to be in the folder. */
struct object {
    char *path;
    int64_t size_bytes, time;
    enum lq_status status;
};

struct job {
    const struct lq_pull *pull;
    struct lq_pull_counts *counts;
    struct lq_s3 *s3;
    int root_fd;
    struct object *objects;
    size_t n_objects, capacity;
    size_t *missing; /* indexes into `objects` */
    size_t n_missing;
    pthread_mutex_t lock; /* of what follows */
    enum lq_status status;
    struct lq_error err;
};

static void job_release(struct job *job)
{
    for (size_t i = 0; i < job->n_objects; i++)
        free(job->objects[i].path);
    free(job->objects);
    free(job->missing);
    lq_close(&job->root_fd);
    lq_s3_close(&job->s3);
    pthread_mutex_destroy(&job->lock);
}

static void warn(const struct job *job, const char *path, const char *reason)
{
    LQ_CLEANUP(lq_free) char *line = lq_format("left out '%s': %s", path, reason);

    if (job->pull->opts->warn)
        job->pull->opts->warn(job->pull->opts->warn_ctx, line);
}

/* ---- what is there ---- */

bool lq_pull_is_path(const char *path)
{
    const struct lq_str text = lq_str_of(path);
    int depth = 0;

    for (const char *at = path;; at++) {
        const size_t len = strcspn(at, "/");

        if (len == 0 || len > 255 || *at == '.' || ++depth > MAX_DEPTH)
            return false;
        at += len;
        if (!*at)
            break;
    }
    return text.len < 4096 &&
           (lq_str_ends(text, LQ_STR(".parquet")) || lq_str_ends(text, LQ_STR(".log.zst")));
}

static bool is_of_lq(const char *path)
{
    return lq_str_ends(lq_str_of(path), LQ_STR(".parquet")) ||
           lq_str_ends(lq_str_of(path), LQ_STR(".log.zst"));
}

static enum lq_status on_object(void *ctx, const struct lq_s3_object *found, struct lq_error *err)
{
    struct job *job = ctx;

    (void)err;
    if (!is_of_lq(found->path) || !job->pull->wanted(job->pull->ctx, found->path))
        return LQ_OK;
    job->counts->n_listed++;
    if (!lq_pull_is_path(found->path)) {
        job->counts->n_refused++;
        warn(job, found->path, "it is no path that may be in a folder");
        return LQ_OK;
    }
    LQ_GROW(job->objects, job->n_objects, job->capacity);
    job->objects[job->n_objects++] = (struct object){ .path = lq_strdup(found->path),
                                                      .size_bytes = found->size_bytes,
                                                      .time = found->time };
    return LQ_OK;
}

/* Open the folder that the file `path` is in, making what is missing with `make`. No link is followed
 * on the way. -1 and errno. */
static int open_parent(int root_fd, const char *path, bool make)
{
    int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
    const char *slash;

    for (const char *at = path; fd >= 0 && (slash = strchr(at, '/')); at = slash + 1) {
        LQ_CLEANUP(lq_free) char *name = lq_strndup(at, (size_t)(slash - at));
        const int above = fd;

        fd = openat(above, name, FOLDER_FLAGS);
        if (fd < 0 && errno == ENOENT && make &&
            (mkdirat(above, name, 0777) == 0 || errno == EEXIST))
            fd = openat(above, name, FOLDER_FLAGS);
        {
            const int reason = errno;

            close(above);
            errno = reason;
        }
    }
    return fd;
}

static bool is_present(const struct job *job, const struct object *object)
{
    LQ_CLEANUP(lq_close) int parent = open_parent(job->root_fd, object->path, false);
    struct stat info;

    return parent >= 0 &&
           fstatat(parent, lq_path_base(object->path), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(info.st_mode) && info.st_size == object->size_bytes;
}

/* ---- fetching ---- */

/* Fill the temporary file and give it its name. */
static enum lq_status fetch_to(struct job *job, const struct object *object, int parent,
                               const char *temporary, struct lq_error *err)
{
    const char *name = lq_path_base(object->path);
    LQ_CLEANUP(lq_close) int fd =
        openat(parent, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int64_t size_bytes = 0;

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot create a file for '%s'", object->path);
    LQ_TRY(lq_s3_get(job->s3, object->path, fd, NULL, &size_bytes, err));
    if (size_bytes != object->size_bytes)
        return lq_error_set(err, LQ_CORRUPT, "'%s' has not the size that the store's list says",
                            object->path);
    if (!job->pull->mirror && fsync(fd) != 0)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", object->path);
    if (renameat(parent, temporary, parent, name) != 0)
        return lq_error_errno(err, errno, "cannot create '%s'", object->path);
    return LQ_OK;
}

static enum lq_status fetch(struct job *job, const struct object *object, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int parent = open_parent(job->root_fd, object->path, true);
    uint64_t random = 0;
    char temporary[40];
    enum lq_status status;

    if (parent < 0)
        return lq_error_errno(err, errno, "cannot make the folder of '%s'", object->path);
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return lq_error_errno(err, errno, "cannot make a name for '%s'", object->path);
    snprintf(temporary, sizeof temporary, ".lq-%016llx.tmp", (unsigned long long)random);
    status = fetch_to(job, object, parent, temporary, err);
    if (status != LQ_OK)
        unlinkat(parent, temporary, 0);
    return status;
}

static void note(struct job *job, const struct object *object, enum lq_status status,
                 const struct lq_error *err)
{
    pthread_mutex_lock(&job->lock);
    if (status == LQ_OK) {
        job->counts->n_fetched++;
        job->counts->n_fetched_bytes += object->size_bytes;
    } else {
        job->counts->n_failed++;
        warn(job, object->path, err->message);
        if (job->status == LQ_OK) {
            job->status = status;
            job->err = *err;
        }
    }
    pthread_mutex_unlock(&job->lock);
}

static void fetch_one(void *ctx, size_t index)
{
    struct job *job = ctx;
    const struct object *object = &job->objects[job->missing[index]];
    struct lq_error err = { 0 };
    const enum lq_status status = fetch(job, object, &err);

    /* Removed since it was listed, from a store that only lends it to us. */
    if (status != LQ_NOT_FOUND || !job->pull->mirror)
        note(job, object, status, &err);
}

/* ---- a mirror ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct object *)a)->path, ((const struct object *)b)->path);
}

static bool is_listed(const struct job *job, const char *path)
{
    const struct object key = { .path = (char *)(uintptr_t)path };

    return job->n_objects > 0 &&
           bsearch(&key, job->objects, job->n_objects, sizeof *job->objects, by_path);
}

/* Remove the files below the folder `fd` that the list covers and does not hold. */
static void remove_gone(const struct job *job, int fd, const char *path, int depth)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *entry;

    if (!folder) {
        close(fd);
        return;
    }
    while ((entry = readdir(folder))) {
        LQ_CLEANUP(lq_free) char *below =
            *path ? lq_path_join(path, entry->d_name) : lq_strdup(entry->d_name);
        int child;

        if (entry->d_name[0] == '.')
            continue;
        child = depth < MAX_DEPTH ? openat(fd, entry->d_name, FOLDER_FLAGS) : -1;
        if (child >= 0)
            remove_gone(job, child, below, depth + 1);
        else if (is_of_lq(below) &&
                 strncmp(below, job->pull->below, strlen(job->pull->below)) == 0 &&
                 job->pull->wanted(job->pull->ctx, below) && !is_listed(job, below))
            unlinkat(fd, entry->d_name, 0);
    }
    closedir(folder);
}

/* ---- all of it ---- */

static enum lq_status open_job(struct job *job, struct lq_error *err)
{
    const struct lq_pull_opts *opts = job->pull->opts;
    const struct lq_s3_opts s3_opts = { .environment = opts->environment,
                                        .now = opts->now,
                                        .jobs = opts->jobs,
                                        .budget_sec = opts->retry_budget_sec };

    LQ_TRY(lq_s3_open(&job->s3, job->pull->url, &s3_opts, err));
    if (!job->s3->config.key_id)
        LQ_TRY(lq_db_find_keys(&job->s3->config, err));
    LQ_TRY(lq_s3_list(job->s3, job->pull->below, on_object, job, err));
    LQ_TRY(lq_mkdirs(job->pull->folder, err));
    job->root_fd = open(job->pull->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (job->root_fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", job->pull->folder);
    return LQ_OK;
}

enum lq_status lq_pull_run(const struct lq_pull *pull, struct lq_pull_counts *counts,
                           struct lq_error *err)
{
    LQ_CLEANUP(job_release) struct job job = { .pull = pull, .counts = counts, .root_fd = -1 };

    *counts = (struct lq_pull_counts){ 0 };
    pthread_mutex_init(&job.lock, NULL);
    LQ_TRY(open_job(&job, err));
    if (job.n_objects > 0)
        qsort(job.objects, job.n_objects, sizeof *job.objects, by_path);
    job.missing = lq_alloc((job.n_objects + 1) * sizeof *job.missing);
    for (size_t i = 0; i < job.n_objects; i++)
        if (!is_present(&job, &job.objects[i]))
            job.missing[job.n_missing++] = i;
    counts->n_present = job.n_objects - job.n_missing;
    lq_pool_run(job.n_missing,
                (size_t)(pull->opts->jobs > 0 ? pull->opts->jobs : LQ_S3_DEFAULT_JOBS), INT64_MAX,
                fetch_one, NULL, &job);
    if (pull->mirror) {
        const int fd = fcntl(job.root_fd, F_DUPFD_CLOEXEC, 0);

        if (fd >= 0)
            remove_gone(&job, fd, "", 0);
    } else if (counts->n_fetched > 0 && syncfs(job.root_fd) != 0) {
        return lq_error_errno(err, errno, "cannot write '%s' to disk", pull->folder);
    }
    if (job.status != LQ_OK && err)
        *err = job.err;
    return job.status;
}
