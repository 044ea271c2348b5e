/* SPDX-License-Identifier: MIT */
/* Files behind signed URLs, fetched into a folder of their own for one question. */
#include "query/shared.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "query/files.h"
#include "s3/client.h"
#include "store/folder.h"
#include "store/pull.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lq/share.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "shared-"
#define THREADS 16
#define BUDGET_SEC 20

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void lq_shared_release(struct lq_shared *shared)
{
    if (!shared->folder)
        return;
    remove_folder(shared->folder);
    lq_close(&shared->fd);
    lq_free(&shared->folder);
}

/* Remove what processes left that were killed. */
static void sweep(const char *cache_dir)
{
    DIR *cache = opendir(cache_dir);
    const struct dirent *item;

    while (cache && (item = readdir(cache))) {
        LQ_CLEANUP(lq_free) char *path = lq_path_join(cache_dir, item->d_name);
        LQ_CLEANUP(lq_close) int fd = -1;

        if (!lq_str_starts(lq_str_of(item->d_name), LQ_STR(NAME)))
            continue;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && lq_folder_is_free(fd))
            remove_folder(path);
    }
    if (cache)
        closedir(cache);
}

static enum lq_status make_folder(struct lq_shared *shared, const char *cache_dir,
                                  struct lq_error *err)
{
    LQ_TRY(lq_mkdirs(cache_dir, err));
    sweep(cache_dir);
    shared->fd = -1;
    shared->folder = lq_format("%s/" NAME "XXXXXX", cache_dir);
    if (!mkdtemp(shared->folder)) {
        lq_free(&shared->folder);
        return lq_error_errno(err, errno, "cannot make a folder in '%s'", cache_dir);
    }
    return lq_folder_hold(shared->folder, &shared->fd, err);
}

struct job {
    char **urls;
    const char *folder;
    const struct lq_scope *scope;
    struct lq_http *http;
    struct lq_pacer pacer;
    pthread_mutex_t lock; /* of what follows, and of scope->warn */
    size_t n_fetched;
    enum lq_status status;
    struct lq_error err;
};

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/*
 * Where the file of a URL goes: below the folder as it lies in its store, so that runs and their raw
 * logs find each other; by number, when its path is none that may be in a folder. The caller's.
 */
static char *path_of(const char *url, size_t index)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    const size_t len = strcspn(url, "?#");
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *start;

    for (size_t i = 0; i < len; i++) {
        if (url[i] == '%' && i + 2 < len && strchr(hex, url[i + 1]) && strchr(hex, url[i + 2])) {
            lq_buf_addc(&text, (char)(hex_value(url[i + 1]) * 16 + hex_value(url[i + 2])));
            i += 2;
        } else {
            lq_buf_addc(&text, url[i]);
        }
    }
    start = strstr(lq_buf_text(&text), "/namespace=");
    if (start && lq_pull_is_path(start + 1))
        return lq_strdup(start + 1);
    return lq_format("url-%zu.parquet", index + 1);
}

struct fetch {
    struct job *job;
    const char *url, *what;
    int fd;
};

static enum lq_status on_bytes(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    const struct fetch *fetch = ctx;

    return lq_write_all(fetch->fd, bytes, len, fetch->what, err);
}

static enum lq_status fetch_once(struct fetch *fetch, enum lq_s3_verdict *verdict,
                                 struct lq_error *err)
{
    const struct lq_http_request request = {
        .url = fetch->url, .what = fetch->what, .put_fd = -1, .sink = on_bytes, .ctx = fetch
    };
    struct lq_s3_answer answer;
    enum lq_status status;

    if (ftruncate(fetch->fd, 0) != 0 || lseek(fetch->fd, 0, SEEK_SET) < 0)
        return lq_error_errno(err, errno, "cannot write '%s'", fetch->what);
    status = lq_http_ask(fetch->job->http, &request, &answer, err);
    *verdict = status == LQ_UNREACHABLE ? LQ_S3_RETRY : LQ_S3_FINAL;
    if (status != LQ_OK || answer.http == 200)
        return status;
    if (answer.http >= 500 || answer.http == 429) {
        *verdict = LQ_S3_SLOW;
        return lq_error_set(err, LQ_UNREACHABLE, "the store answered %ld", answer.http);
    }
    if (answer.http == 403)
        return lq_error_set(err, LQ_DENIED, "its URL is not valid, or has ended");
    return lq_error_set(err, answer.http == 404 ? LQ_NOT_FOUND : LQ_IO, "the store answered %ld %s",
                        answer.http, answer.code);
}

static enum lq_status fetch_file(struct fetch *fetch, struct lq_error *err)
{
    for (int n = 0;; n++) {
        struct lq_pacer *pacer = &fetch->job->pacer;
        enum lq_s3_verdict verdict = LQ_S3_FINAL;
        enum lq_status status;

        LQ_TRY(lq_pacer_enter(pacer, err));
        status = fetch_once(fetch, &verdict, err);
        lq_pacer_leave(pacer, status, verdict, err);
        if (status == LQ_OK || verdict == LQ_S3_FINAL || !lq_pacer_wait(pacer, n, status, err))
            return status;
    }
}

/* Create the file for URL number `index`. EEXIST: the list names it twice. */
static int create(const struct job *job, const char *path)
{
    LQ_CLEANUP(lq_free) char *full = lq_path_join(job->folder, path);
    LQ_CLEANUP(lq_free) char *parent = lq_strndup(full, (size_t)(lq_path_base(full) - full));

    if (lq_mkdirs(parent, NULL) != LQ_OK)
        return -1;
    return open(full, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void work(void *ctx, size_t index)
{
    struct job *job = ctx;
    LQ_CLEANUP(lq_free) char *path = path_of(job->urls[index], index);
    LQ_CLEANUP(lq_close) int fd = create(job, path);
    struct fetch fetch = { .job = job, .url = job->urls[index], .what = path, .fd = fd };
    struct lq_error err = { 0 };
    enum lq_status status;

    if (fd < 0 && errno == EEXIST)
        return;
    status = fd < 0 ? lq_error_errno(&err, errno, "cannot make a file for it")
                    : fetch_file(&fetch, &err);
    pthread_mutex_lock(&job->lock);
    job->n_fetched += status == LQ_OK;
    if (status != LQ_OK) {
        LQ_CLEANUP(lq_free) char *full = lq_path_join(job->folder, path);

        lq_file_warn(job->scope, path, err.message);
        unlink(full);
    }
    if (status != LQ_OK && job->status == LQ_OK) {
        job->status = status;
        job->err = err;
    }
    pthread_mutex_unlock(&job->lock);
}

static enum lq_status fetch_all(struct job *job, struct lq_error *err)
{
    size_t n = 0;

    while (job->urls[n])
        n++;
    pthread_mutex_init(&job->lock, NULL);
    lq_pacer_init(&job->pacer, THREADS, BUDGET_SEC);
    lq_pool_run(n, THREADS, INT64_MAX, work, NULL, job);
    lq_pacer_release(&job->pacer);
    pthread_mutex_destroy(&job->lock);
    if (job->n_fetched > 0 || job->status == LQ_OK)
        return LQ_OK;
    if (err)
        *err = job->err;
    lq_error_prefix(err, "none of the %zu URLs could be read: ", n);
    return job->status;
}

enum lq_status lq_shared_init(struct lq_shared *shared, struct lq_scope *scope,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_urls_free) char **urls = NULL;
    LQ_CLEANUP(lq_http_free) struct lq_http *http = NULL;
    struct job job = { .scope = scope };

    if (!scope->data || (scope->data[0] != '@' && strcmp(scope->data, "-") != 0))
        return LQ_OK;
    if (!scope->cache_dir)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot read URLs without a cache folder");
    LQ_TRY(lq_urls_read(scope->data, &urls, err));
    LQ_TRY(lq_http_new(&http, lq_s3_variable(scope->environment, "AWS_CA_BUNDLE"), err));
    LQ_TRY(make_folder(shared, scope->cache_dir, err));
    job.urls = urls;
    job.folder = shared->folder;
    job.http = http;
    scope->data = shared->folder;
    return fetch_all(&job, err);
}
