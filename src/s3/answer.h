/* SPDX-License-Identifier: MIT */
/* What a server's answer means: done, taken, not allowed, worth another try, or hopeless. */
#ifndef LQ_S3_ANSWER_H
#define LQ_S3_ANSWER_H

#include "s3/config.h"

/* Of one request. */
struct lq_s3_answer {
    long http;     /* status; 0: none came */
    char code[64]; /* S3's own word for an error: "SlowDown"; "" */
};

enum lq_s3_verdict {
    LQ_S3_FINAL = 0, /* trying again changes nothing */
    LQ_S3_RETRY,     /* no answer, or the server failed: another try may do */
    LQ_S3_SLOW,      /* the same, and it asks for fewer requests */
    LQ_S3_FATAL,     /* holds for every request: credentials, region, clock, bucket */
};

/* What a request is about, for messages. */
struct lq_s3_target {
    const struct lq_s3_config *config;
    const char *permission; /* "s3:PutObject" */
    const char *url;        /* "s3://bucket/key" */
};

/*
 * Judge an answer that is no success. The message names the variable or the permission that is at
 * fault; of credentials, the key id at most.
 * LQ_EXISTS: the name is taken (412); LQ_NOT_FOUND; LQ_DENIED; LQ_UNREACHABLE: no answer, or the
 * server failed; LQ_BAD_INPUT: the request as such, with what the environment says.
 */
enum lq_status lq_s3_judge(const struct lq_s3_answer *answer, const struct lq_s3_target *target,
                           enum lq_s3_verdict *verdict, struct lq_error *err);

#endif
