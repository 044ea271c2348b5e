/* SPDX-License-Identifier: MIT */
/* Listing, reading and writing objects. */
#include "s3/client.h"
#include "base/alloc.h"
#include "base/time.h"
#include "s3/listing.h"
#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

/* Of the signed URLs that one request uses. */
#define REQUEST_EXPIRES_SEC 900

enum lq_status lq_s3_open(struct lq_s3 **out, const char *url, const struct lq_s3_opts *opts,
                          struct lq_error *err)
{
    LQ_CLEANUP(lq_s3_close) struct lq_s3 *s3 = lq_alloc(sizeof *s3);

    lq_pacer_init(&s3->pacer, opts->jobs > 0 ? opts->jobs : LQ_S3_DEFAULT_JOBS,
                  opts->budget_sec > 0 ? opts->budget_sec : LQ_S3_DEFAULT_BUDGET_SEC);
    s3->now = opts->now;
    s3->opened_at = lq_time_monotonic();
    LQ_TRY(lq_s3_url_parse(&s3->url, url, err));
    LQ_TRY(lq_s3_config_init(&s3->config, opts->environment, s3->url.bucket, err));
    LQ_TRY(lq_http_new(&s3->http, s3->config.ca_bundle, err));
    *out = LQ_TAKE(s3);
    return LQ_OK;
}

void lq_s3_close(struct lq_s3 **out)
{
    struct lq_s3 *s3 = *out;

    if (!s3)
        return;
    lq_http_free(&s3->http);
    lq_pacer_release(&s3->pacer);
    lq_s3_config_release(&s3->config);
    lq_s3_url_release(&s3->url);
    free(s3);
    *out = NULL;
}

int64_t lq_s3_now(const struct lq_s3 *s3)
{
    return s3->now + lq_time_monotonic() - s3->opened_at;
}

char *lq_s3_name(const struct lq_s3 *s3, const char *path)
{
    LQ_CLEANUP(lq_free) char *key = lq_s3_url_key(&s3->url, path);

    return lq_format("s3://%s/%s", s3->url.bucket, key);
}

/* ---- requests with a signed URL ---- */

struct signed_request {
    struct lq_s3 *s3;
    struct lq_s3_request request;
    const struct lq_s3_pair *headers; /* sent, and not signed */
    size_t n_headers;
    const char *permission;
    int put_fd;
    int64_t put_bytes;
    enum lq_status (*start)(void *ctx, struct lq_error *err); /* of each attempt; may be NULL */
    lq_http_sink_fn *sink;
    void *ctx;
};

static enum lq_status ask_once(const struct signed_request *asked, enum lq_s3_verdict *verdict,
                               struct lq_error *err)
{
    struct lq_s3 *s3 = asked->s3;
    LQ_CLEANUP(lq_free) char *url =
        lq_s3_presign(&s3->config, &asked->request, lq_s3_now(s3), REQUEST_EXPIRES_SEC);
    LQ_CLEANUP(lq_free) char *name =
        lq_format("s3://%s/%s", asked->request.bucket, asked->request.key);
    const struct lq_http_request request = {
        .url = url,
        .what = name,
        .headers = asked->headers,
        .n_headers = asked->n_headers,
        .put_fd = asked->put_fd,
        .put_bytes = asked->put_bytes,
        .sink = asked->sink,
        .ctx = asked->ctx,
    };
    const struct lq_s3_target target = { &s3->config, asked->permission, name };
    struct lq_s3_answer answer;
    enum lq_status status;

    if (asked->start)
        LQ_TRY(asked->start(asked->ctx, err));
    status = lq_http_ask(s3->http, &request, &answer, err);
    if (status == LQ_UNREACHABLE)
        *verdict = LQ_S3_RETRY;
    else if (status == LQ_DENIED)
        *verdict = LQ_S3_FATAL; /* the certificate */
    if (status != LQ_OK || (answer.http >= 200 && answer.http <= 299))
        return status;
    return lq_s3_judge(&answer, &target, verdict, err);
}

/* Until it succeeds, or trying again is of no use. */
static enum lq_status ask(const struct signed_request *asked, struct lq_error *err)
{
    struct lq_pacer *pacer = &asked->s3->pacer;

    for (int n = 0;; n++) {
        enum lq_s3_verdict verdict = LQ_S3_FINAL;
        struct lq_error reason = { 0 };
        enum lq_status status;

        LQ_TRY(lq_pacer_enter(pacer, err));
        status = ask_once(asked, &verdict, &reason);
        lq_pacer_leave(pacer, status, verdict, &reason);
        if (status != LQ_OK && (verdict == LQ_S3_RETRY || verdict == LQ_S3_SLOW) &&
            lq_pacer_wait(pacer, n, status, &reason))
            continue;
        if (status != LQ_OK && err)
            *err = reason;
        return status;
    }
}

/* ---- reading ---- */

struct download {
    int fd; /* -1: only the hash counts */
    const char *what;
    EVP_MD_CTX *digest;
    int64_t size_bytes;
};

static enum lq_status start_download(void *ctx, struct lq_error *err)
{
    struct download *download = ctx;

    download->size_bytes = 0;
    if (!EVP_DigestInit_ex(download->digest, EVP_sha256(), NULL))
        return lq_error_set(err, LQ_IO, "cannot compute a sha256");
    if (download->fd >= 0 &&
        (ftruncate(download->fd, 0) != 0 || lseek(download->fd, 0, SEEK_SET) < 0))
        return lq_error_errno(err, errno, "cannot write '%s'", download->what);
    return LQ_OK;
}

static enum lq_status on_bytes(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    struct download *download = ctx;

    download->size_bytes += (int64_t)len;
    EVP_DigestUpdate(download->digest, bytes, len);
    return download->fd < 0 ? LQ_OK : lq_write_all(download->fd, bytes, len, download->what, err);
}

enum lq_status lq_s3_get(struct lq_s3 *s3, const char *path, int fd,
                         char sha256[LQ_SHA256_HEX_BYTES], int64_t *size_bytes,
                         struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *key = lq_s3_url_key(&s3->url, path);
    struct download download = { .fd = fd, .what = path, .digest = EVP_MD_CTX_new() };
    struct signed_request asked = {
        .s3 = s3,
        .request = { .method = "GET", .bucket = s3->url.bucket, .key = key },
        .permission = "s3:GetObject",
        .put_fd = -1,
        .start = start_download,
        .sink = on_bytes,
        .ctx = &download,
    };
    const enum lq_status status = ask(&asked, err);
    unsigned char digest[EVP_MAX_MD_SIZE];

    EVP_DigestFinal_ex(download.digest, digest, NULL);
    EVP_MD_CTX_free(download.digest);
    for (size_t i = 0; sha256 && i < 32; i++)
        snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
    *size_bytes = download.size_bytes;
    return status;
}

enum lq_status lq_s3_hash(struct lq_s3 *s3, const char *path,
                          char sha256[static LQ_SHA256_HEX_BYTES], int64_t *size_bytes,
                          struct lq_error *err)
{
    return lq_s3_get(s3, path, -1, sha256, size_bytes, err);
}

/* ---- writing ---- */

enum lq_status lq_s3_put(struct lq_s3 *s3, const char *path, int fd, int64_t size_bytes,
                         bool create_only, struct lq_error *err)
{
    static const struct lq_s3_pair condition[] = { { "if-none-match", "*" } };
    LQ_CLEANUP(lq_free) char *key = lq_s3_url_key(&s3->url, path);
    struct signed_request asked = {
        .s3 = s3,
        .request = { .method = "PUT", .bucket = s3->url.bucket, .key = key },
        .headers = condition,
        .n_headers = create_only ? LQ_COUNT(condition) : 0,
        .permission = "s3:PutObject",
        .put_fd = fd,
        .put_bytes = size_bytes,
    };

    return ask(&asked, err);
}

/* ---- listing ---- */

static enum lq_status start_listing(void *ctx, struct lq_error *err)
{
    return lq_listing_start(ctx, err);
}

static enum lq_status on_listing(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    return lq_listing_feed(ctx, bytes, len, err);
}

enum lq_status lq_s3_list(struct lq_s3 *s3, const char *path, lq_s3_object_fn *on_object, void *ctx,
                          struct lq_error *err)
{
    /* "lq/", so that "lq2/…" is not listed too. */
    LQ_CLEANUP(lq_free) char *prefix = lq_s3_url_key(&s3->url, path);
    LQ_CLEANUP(lq_listing_free) struct lq_listing *listing = lq_listing_new();
    enum lq_status status = LQ_OK;

    do {
        const char *token = lq_listing_token(listing);
        const struct lq_s3_pair query[] = { { "continuation-token", token },
                                            { "encoding-type", "url" },
                                            { "list-type", "2" },
                                            { "prefix", prefix } };
        struct signed_request asked = {
            .s3 = s3,
            .request = { .method = "GET",
                         .bucket = s3->url.bucket,
                         .key = "",
                         .query = query + (token == NULL),
                         .n_query = LQ_COUNT(query) - (token == NULL) },
            .permission = "s3:ListBucket",
            .put_fd = -1,
            .start = start_listing,
            .sink = on_listing,
            .ctx = listing,
        };

        LQ_TRY(ask(&asked, err));
        LQ_TRY(lq_listing_finish(listing, s3->url.prefix, on_object, ctx, err));
    } while (status == LQ_OK && lq_listing_token(listing));
    return status;
}
