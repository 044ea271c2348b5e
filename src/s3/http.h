/* SPDX-License-Identifier: MIT */
/* HTTP requests with signed URLs, through libcurl: bodies go from and to files, in flat memory. */
#ifndef LQ_S3_HTTP_H
#define LQ_S3_HTTP_H

#include "s3/answer.h"

/* Connections, kept for the next request. For any number of threads. */
struct lq_http;

/* LQ_NOT_FOUND: no libcurl. `ca_bundle` is borrowed; NULL: the system's certificates. */
LQ_CHECK enum lq_status lq_http_new(struct lq_http **http, const char *ca_bundle,
                                    struct lq_error *err);
void lq_http_free(struct lq_http **http);

/* Takes what comes of a body; an error ends the request. */
typedef enum lq_status lq_http_sink_fn(void *ctx, const void *bytes, size_t len,
                                       struct lq_error *err);

struct lq_http_request {
    const char *url;  /* a secret, mostly: it never stands in a message */
    const char *what; /* that does */
    const struct lq_s3_pair *headers;
    size_t n_headers;
    int put_fd; /* a file, sent from its start; -1: GET */
    int64_t put_bytes;
    lq_http_sink_fn *sink; /* of the body of a success; NULL: it is dropped */
    void *ctx;
};

/*
 * Ask once. LQ_OK: an answer came, whole, and a success's body went to the sink; `answer` says
 * which. LQ_UNREACHABLE: no answer, one that was cut short, or 30 s without a byte; what the sink
 * said. A certificate that does not hold is LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_http_ask(struct lq_http *http, const struct lq_http_request *request,
                                    struct lq_s3_answer *answer, struct lq_error *err);

#endif
