/* SPDX-License-Identifier: MIT */
/*
 * What lq asks of an S3 store: list, read, write, sign. Every request is tried again as long as that
 * may help (pacer.h), and any number of threads may ask at once.
 */
#ifndef LQ_S3_CLIENT_H
#define LQ_S3_CLIENT_H

#include "s3/http.h"
#include "s3/pacer.h"

#define LQ_S3_DEFAULT_JOBS 64
#define LQ_S3_DEFAULT_BUDGET_SEC 300

struct lq_s3 {
    struct lq_s3_url url;
    struct lq_s3_config config;
    struct lq_http *http;
    struct lq_pacer pacer;
    int64_t now, opened_at; /* the wall clock at opening, and the monotonic one */
};

struct lq_s3_opts {
    char *const *environment; /* as lq_s3_config_init */
    int64_t now;              /* microseconds UTC */
    int jobs;                 /* requests at once; 0: LQ_S3_DEFAULT_JOBS */
    int budget_sec;           /* without success before giving up; 0: LQ_S3_DEFAULT_BUDGET_SEC */
};

/* Get ready to ask the store at `url`, asking nothing yet. Without keys in the environment the
 * config has none: the caller sees to that before the first request. LQ_BAD_INPUT, LQ_NOT_FOUND. */
LQ_CHECK enum lq_status lq_s3_open(struct lq_s3 **s3, const char *url,
                                   const struct lq_s3_opts *opts, struct lq_error *err);
void lq_s3_close(struct lq_s3 **s3);

/* An object: `path` is below the prefix. Borrowed for the call. */
struct lq_s3_object {
    const char *path;
    int64_t size_bytes;
    int64_t time; /* of its last change, microseconds UTC */
};
typedef enum lq_status lq_s3_object_fn(void *ctx, const struct lq_s3_object *object,
                                       struct lq_error *err);

/* Objects whose path begins with `path` ("": all; no '/' is added): one request for each 1,000.
 * What on_object returns ends it. */
LQ_CHECK enum lq_status lq_s3_list(struct lq_s3 *s3, const char *path, lq_s3_object_fn *on_object,
                                   void *ctx, struct lq_error *err);

/* Write the object to the file `fd`, from its start; what was in it is gone. `sha256` may be NULL. */
LQ_CHECK enum lq_status lq_s3_get(struct lq_s3 *s3, const char *path, int fd,
                                  char sha256[LQ_SHA256_HEX_BYTES], int64_t *size_bytes,
                                  struct lq_error *err);
/* Only its hash and size. */
LQ_CHECK enum lq_status lq_s3_hash(struct lq_s3 *s3, const char *path,
                                   char sha256[static LQ_SHA256_HEX_BYTES], int64_t *size_bytes,
                                   struct lq_error *err);

/* Store the file `fd` of `size_bytes` as one object, whole or not at all. LQ_EXISTS: with
 * `create_only`, the name is taken. */
LQ_CHECK enum lq_status lq_s3_put(struct lq_s3 *s3, const char *path, int fd, int64_t size_bytes,
                                  bool create_only, struct lq_error *err);

/* The wall clock, from what the caller said it was. */
int64_t lq_s3_now(const struct lq_s3 *s3);
/* "s3://bucket/prefix/path", the caller's. */
char *lq_s3_name(const struct lq_s3 *s3, const char *path);

#endif
