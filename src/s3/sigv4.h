/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4, as "Signature Version 4 signing process" and "Authenticating requests:
 * using query parameters" of the Amazon S3 API reference define it.
 */
#ifndef LQ_S3_SIGV4_H
#define LQ_S3_SIGV4_H

#include "base/file.h"

/* A name and a value: a header (its name in lower case) or a query parameter. Borrowed. */
struct lq_s3_pair {
    const char *name, *value;
};

/* What is signed. All parts are in their canonical form already. */
struct lq_sigv4_input {
    const char *method;               /* "GET" */
    const char *path;                 /* percent-encoded, from the first '/' */
    const char *query;                /* encoded, sorted; "" without */
    const struct lq_s3_pair *headers; /* sorted by name, values trimmed */
    size_t n_headers;
    const char *payload_sha256; /* hex, or "UNSIGNED-PAYLOAD" */
    const char *time;           /* "20130524T000000Z" */
    const char *region, *service, *secret;
};

/* The signature in lower-case hex. */
void lq_sigv4_sign(const struct lq_sigv4_input *input, char hex[static LQ_SHA256_HEX_BYTES]);

/* Append `text` percent-encoded: all but A-Z a-z 0-9 - . _ ~ (RFC 3986, section 2.3); with
 * `keep_slash`, '/' stays too. */
void lq_sigv4_add_encoded(struct lq_buf *buf, const char *text, bool keep_slash);

#endif
