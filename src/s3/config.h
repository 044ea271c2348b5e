/* SPDX-License-Identifier: MIT */
/*
 * Where an S3 URL leads and with which credentials: a pure function of the URL and of the variables
 * that the caller passes in. Requests that are signed in their URL ("presigned") follow from it.
 */
#ifndef LQ_S3_CONFIG_H
#define LQ_S3_CONFIG_H

#include "s3/sigv4.h"

/* "s3://bucket/lq/" */
struct lq_s3_url {
    char *bucket;
    char *prefix; /* without '/' at its ends; "" */
};

/* LQ_BAD_INPUT: no bucket name that S3 has; a prefix with empty parts, "." or "..", control bytes,
 * or what the engine takes for a pattern. */
LQ_CHECK enum lq_status lq_s3_url_parse(struct lq_s3_url *url, const char *text,
                                        struct lq_error *err);
void lq_s3_url_release(struct lq_s3_url *url);
/* The key of `path` (below the prefix); the caller's. */
char *lq_s3_url_key(const struct lq_s3_url *url, const char *path);

struct lq_s3_config {
    char *host;      /* with the port, when the endpoint names one: "127.0.0.1:7070" */
    bool tls;        /* off only for an endpoint that spells out http:// */
    bool path_style; /* http://host/bucket/key, else http://bucket.host/key */
    char *region;
    bool has_region; /* it was set; else it is a default, and a profile's region goes before it */
    char *key_id, *secret, *token; /* NULL: no keys in the environment */
    /* Where they come from, for messages; static. */
    const char *key_source, *secret_source, *token_source;
    char *profile; /* AWS_PROFILE; NULL */
    /* Why the engine may find no keys, for messages: there is a token for which a role has some, and an
     * endpoint is set for all services, the one that takes the token among them. */
    bool has_token_file, has_common_endpoint;
    char *ca_bundle; /* a file; NULL: the system's */
};

/*
 * Read the AWS_* variables out of `environment` ("NAME=value", NULL behind the last; NULL: none).
 * An empty variable counts as not set.
 *   bucket  decides about the path style
 * LQ_BAD_INPUT, naming the variable: half a pair of keys, an endpoint that is no URL, a CA bundle
 * that cannot be read. No value that could be secret is repeated.
 */
LQ_CHECK enum lq_status lq_s3_config_init(struct lq_s3_config *config, char *const *environment,
                                          const char *bucket, struct lq_error *err);
void lq_s3_config_release(struct lq_s3_config *config);

/* The value of a variable, borrowed; NULL: not set, or empty. */
const char *lq_s3_variable(char *const *environment, const char *name);

struct lq_s3_request {
    const char *method;
    const char *bucket;
    const char *key;                /* "": the bucket itself */
    const struct lq_s3_pair *query; /* sorted by name */
    size_t n_query;
    const struct lq_s3_pair *headers; /* that must be sent with it; sorted, in lower case */
    size_t n_headers;
};

/* A URL that carries the signature, good for `expires_sec` from `now` (microseconds UTC). A secret:
 * whoever has it may do what it says. The caller's. The config must have keys. */
char *lq_s3_presign(const struct lq_s3_config *config, const struct lq_s3_request *request,
                    int64_t now, int64_t expires_sec);

#endif
