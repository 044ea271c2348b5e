/* SPDX-License-Identifier: MIT */
/* Signed URLs: making them, reading lists of them, storing a run through them. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "base/uuid.h"
#include "db/s3.h"
#include "query/query.h"
#include "s3/client.h"
#include "store/names.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/share.h>
#include <sys/stat.h>
#include <unistd.h>

/* A list of a hundred thousand URLs is no mistake; more is. */
#define URLS_MAX_BYTES ((size_t)256 << 20)
#define RUN8_DIGITS 8

struct lq_share {
    struct lq_s3 *s3;
};

enum lq_status lq_share_open(struct lq_share **out, const char *url, char *const *environment,
                             int64_t now, struct lq_error *err)
{
    LQ_CLEANUP(lq_share_close) struct lq_share *share = lq_alloc(sizeof *share);
    const struct lq_s3_opts opts = { .environment = environment, .now = now, .budget_sec = 20 };

    if (strncmp(url, "s3://", 5) != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot share from '%s': not an s3:// URL", url);
    LQ_TRY(lq_s3_open(&share->s3, url, &opts, err));
    if (!share->s3->config.key_id)
        LQ_TRY(lq_db_find_keys(&share->s3->config, err));
    *out = LQ_TAKE(share);
    return LQ_OK;
}

void lq_share_close(struct lq_share **out)
{
    struct lq_share *share = *out;

    if (!share)
        return;
    lq_s3_close(&share->s3);
    free(share);
    *out = NULL;
}

/* ---- making ---- */

static char *within_mirror(const struct lq_query *query, const char *file)
{
    const char *folder = query->mirror.folder;
    const size_t len = folder ? strlen(folder) : 0;

    return folder && file && strncmp(file, folder, len) == 0 && file[len] == '/'
               ? lq_strdup(file + len + 1)
               : NULL;
}

char *lq_share_path(const struct lq_query *query, const char *file)
{
    return within_mirror(query, file);
}

char *lq_share_raw_path(const struct lq_query *query, const char *file)
{
    LQ_CLEANUP(lq_free) char *raw = lq_raw_log_path(file);

    return within_mirror(query, raw);
}

static enum lq_status on_object(void *ctx, const struct lq_s3_object *object, struct lq_error *err)
{
    bool *has = ctx;

    (void)object;
    (void)err;
    *has = true;
    return LQ_OK;
}

enum lq_status lq_share_has(struct lq_share *share, const char *path, bool *has,
                            struct lq_error *err)
{
    *has = false;
    return lq_s3_list(share->s3, path, on_object, has, err);
}

static char *sign(const struct lq_share *share, const char *method, const char *path,
                  const struct lq_s3_pair *headers, size_t n_headers, int64_t expires_sec)
{
    LQ_CLEANUP(lq_free) char *key = lq_s3_url_key(&share->s3->url, path);
    const struct lq_s3_request request = { .method = method,
                                           .bucket = share->s3->url.bucket,
                                           .key = key,
                                           .headers = headers,
                                           .n_headers = n_headers };

    return lq_s3_presign(&share->s3->config, &request, lq_s3_now(share->s3), expires_sec);
}

char *lq_share_get_url(const struct lq_share *share, const char *path, int64_t expires_sec)
{
    return sign(share, "GET", path, NULL, 0, expires_sec);
}

/* That it creates only is part of what is signed. */
static const struct lq_s3_pair create_only[] = { { "if-none-match", "*" } };

void lq_share_drop_urls(const struct lq_share *share, const char *namespace_, const char *project,
                        const char *hostname, int64_t expires_sec, char *urls[static 2])
{
    static const struct {
        const char *folder;
        enum lq_run_file_kind kind;
    } files[] = { { "/hostname=", LQ_RUN_FILE_PARQUET }, { "/_raw/hostname=", LQ_RUN_FILE_LOG } };
    struct lq_run_file name = { .run_id = 1, .name = LQ_STR("drop") };
    char uuid[LQ_UUID_BYTES], date[11];

    lq_uuid_v4(uuid);
    lq_time_hhmmss(share->s3->now, name.hhmmss);
    lq_time_date(share->s3->now, date);
    snprintf(name.run8, sizeof name.run8, "%.*s", RUN8_DIGITS, uuid);
    for (size_t i = 0; i < LQ_COUNT(files); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf path = LQ_BUF_INIT;

        lq_buf_adds(&path, "namespace=");
        lq_name_add_partition(&path, lq_str_of(namespace_));
        lq_buf_adds(&path, "/project=");
        lq_name_add_partition(&path, lq_str_of(project));
        lq_buf_adds(&path, files[i].folder);
        lq_name_add_partition(&path, lq_str_of(hostname));
        lq_buf_addf(&path, "/date=%s/source=run/", date);
        name.kind = files[i].kind;
        lq_name_add_run_file(&path, &name);
        urls[i] =
            sign(share, "PUT", lq_buf_text(&path), create_only, LQ_COUNT(create_only), expires_sec);
    }
}

/* ---- lists ---- */

void lq_urls_free(char ***urls)
{
    for (char **at = *urls; at && *at; at++)
        free(*at);
    lq_free(urls);
}

static enum lq_status read_source(const char *source, struct lq_buf *text, struct lq_error *err)
{
    char chunk[65536];
    ssize_t n;

    if (source[0] == '@')
        return lq_file_read(source + 1, URLS_MAX_BYTES, text, err);
    text->max = URLS_MAX_BYTES;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno != EINTR)
            return lq_error_errno(err, errno, "cannot read URLs from standard input");
        if (n > 0)
            lq_buf_add(text, chunk, (size_t)n);
    }
    return LQ_OK;
}

enum lq_status lq_urls_read(const char *source, char ***out, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_urls_free) char **urls = lq_alloc(sizeof *urls);
    size_t count = 0, number = 0;

    LQ_TRY(read_source(source, &text, err));
    for (const char *at = lq_buf_text(&text); *at; at += *at == '\n') {
        size_t len = strcspn(at, "\n");
        const char *line = at;

        at += len;
        number++;
        while (len > 0 && strchr(" \t\r", line[len - 1]))
            len--;
        if (len == 0 || line[0] == '#')
            continue;
        if (strncmp(line, "https://", 8) != 0 && strncmp(line, "http://", 7) != 0)
            return lq_error_set(err, LQ_BAD_INPUT, "line %zu of the list is no http URL", number);
        urls = lq_realloc(urls, count + 2, sizeof *urls);
        urls[count++] = lq_strndup(line, len);
        urls[count] = NULL;
    }
    if (count == 0)
        return lq_error_set(err, LQ_BAD_INPUT, "there is no URL in the list");
    *out = LQ_TAKE(urls);
    return LQ_OK;
}

/* ---- dropping ---- */

struct drop {
    struct lq_http *http;
    const char *url;
    int fd;
    int64_t size_bytes;
    const char *what;
};

static enum lq_status drop_once(const struct drop *drop, enum lq_s3_verdict *verdict,
                                struct lq_error *err)
{
    const struct lq_http_request request = { .url = drop->url,
                                             .what = drop->what,
                                             .headers = create_only,
                                             .n_headers = LQ_COUNT(create_only),
                                             .put_fd = drop->fd,
                                             .put_bytes = drop->size_bytes };
    struct lq_s3_answer answer;
    const enum lq_status status = lq_http_ask(drop->http, &request, &answer, err);

    *verdict = status == LQ_UNREACHABLE ? LQ_S3_RETRY : LQ_S3_FINAL;
    if (status != LQ_OK || (answer.http >= 200 && answer.http <= 299))
        return status;
    if (answer.http >= 500 || answer.http == 429) {
        *verdict = LQ_S3_RETRY;
        return lq_error_set(err, LQ_UNREACHABLE, "the store answered %ld for %s", answer.http,
                            drop->what);
    }
    if (answer.http == 412)
        return lq_error_set(err, LQ_EXISTS, "the URL of %s was used already", drop->what);
    if (answer.http == 403)
        return lq_error_set(err, LQ_DENIED, "the URL of %s is not valid, or has ended", drop->what);
    return lq_error_set(err, LQ_IO, "the store answered %ld %s for %s", answer.http, answer.code,
                        drop->what);
}

/* An answer that got lost leaves the file stored, and the next try finds it there. */
static enum lq_status drop_file(struct drop *drop, struct lq_error *err)
{
    struct lq_pacer pacer;
    enum lq_s3_verdict verdict = LQ_S3_FINAL;
    struct lq_error reason = { 0 };
    enum lq_status status;
    bool lost = false;
    int n = 0;

    lq_pacer_init(&pacer, 1, 60);
    for (;; n++) {
        status = lq_pacer_enter(&pacer, &reason);
        if (status != LQ_OK)
            break;
        status = drop_once(drop, &verdict, &reason);
        lq_pacer_leave(&pacer, status, verdict, &reason);
        if (status == LQ_OK || verdict != LQ_S3_RETRY || !lq_pacer_wait(&pacer, n, status, &reason))
            break;
        lost = true;
    }
    lq_pacer_release(&pacer);
    if (status == LQ_EXISTS && lost)
        return LQ_OK;
    if (status != LQ_OK && err)
        *err = reason;
    return status;
}

static enum lq_status drop_path(struct drop *drop, const char *path, bool optional,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    struct stat info;

    if (fd < 0 && optional)
        return LQ_OK;
    if (fd < 0 || fstat(fd, &info) != 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    drop->fd = fd;
    drop->size_bytes = info.st_size;
    return drop_file(drop, err);
}

enum lq_status lq_drop_push(char *const *urls, const char *file, char *const *environment,
                            struct lq_error *err)
{
    LQ_CLEANUP(lq_http_free) struct lq_http *http = NULL;
    LQ_CLEANUP(lq_free) char *raw = lq_raw_log_path(file);
    struct drop drop = { .what = "the run" };

    LQ_TRY(lq_http_new(&http, lq_s3_variable(environment, "AWS_CA_BUNDLE"), err));
    drop.http = http;
    drop.url = urls[0];
    LQ_TRY(drop_path(&drop, file, false, err));
    if (!urls[1])
        return LQ_OK;
    drop.url = urls[1];
    drop.what = "the raw log";
    return drop_path(&drop, raw, true, err);
}
