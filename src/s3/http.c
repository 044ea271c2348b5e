/* SPDX-License-Identifier: MIT */
/* One HTTP request after the other on kept connections. */
#include "s3/http.h"
#include "base/alloc.h"
#include "s3/curl.h"
#include <pthread.h>
#include <unistd.h>

#define CONNECT_SEC 10L
/* Slower than this, for so long, is silence. */
#define STALL_BYTES_PER_SEC 16L
#define STALL_SEC 30L
/* Of an error's body: the code stands at its start. */
#define ERROR_BYTES 4096

struct lq_http {
    const char *ca_bundle;
    pthread_mutex_t lock;
    CURL **idle;
    size_t n_idle, capacity;
};

enum lq_status lq_http_new(struct lq_http **out, const char *ca_bundle, struct lq_error *err)
{
    struct lq_http *http;

    LQ_TRY(lq_curl_load(err));
    http = lq_alloc(sizeof *http);
    http->ca_bundle = ca_bundle;
    pthread_mutex_init(&http->lock, NULL);
    *out = http;
    return LQ_OK;
}

void lq_http_free(struct lq_http **out)
{
    struct lq_http *http = *out;

    if (!http)
        return;
    for (size_t i = 0; i < http->n_idle; i++)
        curl_easy_cleanup(http->idle[i]);
    free(http->idle);
    pthread_mutex_destroy(&http->lock);
    free(http);
    *out = NULL;
}

static CURL *take_handle(struct lq_http *http)
{
    CURL *curl = NULL;

    pthread_mutex_lock(&http->lock);
    if (http->n_idle > 0)
        curl = http->idle[--http->n_idle];
    pthread_mutex_unlock(&http->lock);
    if (!curl)
        curl = curl_easy_init();
    return curl;
}

static void give_back(struct lq_http *http, CURL *curl)
{
    curl_easy_reset(curl);
    pthread_mutex_lock(&http->lock);
    LQ_GROW(http->idle, http->n_idle, http->capacity);
    http->idle[http->n_idle++] = curl;
    pthread_mutex_unlock(&http->lock);
}

/* ---- one request ---- */

struct transfer {
    const struct lq_http_request *request;
    CURL *curl;
    off_t sent;
    struct lq_buf error_body;
    enum lq_status status; /* of the sink, or of reading the file */
    struct lq_error err;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const struct lq_http_request *request = transfer->request;
    long code = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code < 200 || code > 299)
        lq_buf_add(&transfer->error_body, bytes, size * count);
    else if (request->sink)
        transfer->status = request->sink(request->ctx, bytes, size * count, &transfer->err);
    return transfer->status == LQ_OK ? size * count : 0;
}

static size_t on_send(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const ssize_t n = pread(transfer->request->put_fd, bytes, size * count, transfer->sent);

    if (n < 0)
        return CURL_READFUNC_ABORT;
    transfer->sent += n;
    return (size_t)n;
}

/* Back to the start of the file, for a connection that turned out to be closed. */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
    struct transfer *transfer = ctx;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    transfer->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static void set_up(struct lq_http *http, struct transfer *transfer, struct curl_slist *headers)
{
    CURL *curl = transfer->curl;
    const struct lq_http_request *request = transfer->request;

    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "lq/" LQ_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SEC);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_SEC);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_SEC);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    if (http->ca_bundle)
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_bundle);
    if (request->put_fd < 0)
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->put_bytes);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
}

/* The text of <Code> in an error's body; "" without. */
static void read_code(struct lq_buf *body, char code[static 64])
{
    const char *start = strstr(lq_buf_text(body), "<Code>");
    const char *end = start ? strstr(start, "</Code>") : NULL;
    size_t len;

    code[0] = '\0';
    if (!end)
        return;
    start += strlen("<Code>");
    len = strspn(start, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.");
    if (start + len == end && len < 64)
        snprintf(code, 64, "%.*s", (int)len, start);
}

static enum lq_status failure(const struct transfer *transfer, CURLcode code, struct lq_error *err)
{
    const char *what = transfer->request->what;

    if (transfer->status != LQ_OK) {
        if (err)
            *err = transfer->err;
        return transfer->status;
    }
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return lq_error_set(err, LQ_DENIED,
                            "the certificate does not hold, for '%s': %s (AWS_CA_BUNDLE names "
                            "certificates of your own)",
                            what, curl_easy_strerror(code));
    case CURLE_SSL_CACERT_BADFILE:
        return lq_error_set(err, LQ_DENIED, "AWS_CA_BUNDLE holds no certificate that can be used");
    case CURLE_OPERATION_TIMEDOUT:
        return lq_error_set(err, LQ_UNREACHABLE, "no answer in time for '%s'", what);
    case CURLE_ABORTED_BY_CALLBACK:
        return lq_error_set(err, LQ_IO, "cannot read what is sent to '%s'", what);
    default:
        return lq_error_set(err, LQ_UNREACHABLE, "no answer for '%s': %s", what,
                            curl_easy_strerror(code));
    }
}

enum lq_status lq_http_ask(struct lq_http *http, const struct lq_http_request *request,
                           struct lq_s3_answer *answer, struct lq_error *err)
{
    struct transfer transfer = { .request = request, .error_body.max = ERROR_BYTES };
    struct curl_slist *headers = NULL;
    CURLcode code;

    *answer = (struct lq_s3_answer){ 0 };
    /* libcurl would read file:// as well. */
    if (strncmp(request->url, "https://", 8) != 0 && strncmp(request->url, "http://", 7) != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "not an http URL, for '%s'", request->what);
    transfer.curl = take_handle(http);
    if (!transfer.curl)
        return lq_error_set(err, LQ_IO, "cannot start a request to '%s'", request->what);
    for (size_t i = 0; i < request->n_headers; i++) {
        LQ_CLEANUP(lq_free) char *line =
            lq_format("%s: %s", request->headers[i].name, request->headers[i].value);

        headers = curl_slist_append(headers, line);
    }
    set_up(http, &transfer, headers);
    code = curl_easy_perform(transfer.curl);
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &answer->http);
    read_code(&transfer.error_body, answer->code);
    curl_slist_free_all(headers);
    lq_buf_release(&transfer.error_body);
    give_back(http, transfer.curl);
    /* An error may come before all was sent, and the connection close upon it. */
    if (code == CURLE_OK || (transfer.status == LQ_OK && answer->http >= 400))
        return LQ_OK;
    answer->http = 0;
    return failure(&transfer, code, err);
}
