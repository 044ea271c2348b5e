/* SPDX-License-Identifier: MIT */
/* S3's errors ("Error responses" of the API reference) as lq's. */
#include "s3/answer.h"

/* What the message is about. */
enum words {
    WORDS_PERMISSION, /* which one is missing, for what */
    WORDS_TAKEN,
    WORDS_MISSING,
    WORDS_BUCKET,
    WORDS_KEY_ID,
    WORDS_SECRET,
    WORDS_TOKEN_OLD,
    WORDS_TOKEN_BAD,
    WORDS_CLOCK,
    WORDS_REGION,
    WORDS_EXPIRED,
    WORDS_OTHER,
};

static const struct meaning {
    const char *code; /* NULL: by the HTTP status alone */
    long http;        /* 0: any */
    enum lq_status status;
    enum lq_s3_verdict verdict;
    enum words words;
} meanings[] = {
    { "PreconditionFailed", 0, LQ_EXISTS, LQ_S3_FINAL, WORDS_TAKEN },
    { "NoSuchKey", 0, LQ_NOT_FOUND, LQ_S3_FINAL, WORDS_MISSING },
    { "NoSuchBucket", 0, LQ_NOT_FOUND, LQ_S3_FATAL, WORDS_BUCKET },
    { "InvalidAccessKeyId", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_KEY_ID },
    { "SignatureDoesNotMatch", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_SECRET },
    { "ExpiredToken", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_TOKEN_OLD },
    { "TokenRefreshRequired", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_TOKEN_OLD },
    { "InvalidToken", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_TOKEN_BAD },
    { "RequestTimeTooSkewed", 0, LQ_DENIED, LQ_S3_FATAL, WORDS_CLOCK },
    { "AuthorizationHeaderMalformed", 0, LQ_BAD_INPUT, LQ_S3_FATAL, WORDS_REGION },
    { "AuthorizationQueryParametersError", 0, LQ_BAD_INPUT, LQ_S3_FATAL, WORDS_REGION },
    { "IncorrectRegion", 0, LQ_BAD_INPUT, LQ_S3_FATAL, WORDS_REGION },
    { "PermanentRedirect", 0, LQ_BAD_INPUT, LQ_S3_FATAL, WORDS_REGION },
    { "SlowDown", 0, LQ_UNREACHABLE, LQ_S3_SLOW, WORDS_OTHER },
    { "RequestTimeout", 0, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { "ConditionalRequestConflict", 0, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { "OperationAborted", 0, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { "BadDigest", 0, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { "IncompleteBody", 0, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { NULL, 301, LQ_BAD_INPUT, LQ_S3_FATAL, WORDS_REGION },
    { NULL, 401, LQ_DENIED, LQ_S3_FINAL, WORDS_PERMISSION },
    { NULL, 403, LQ_DENIED, LQ_S3_FINAL, WORDS_PERMISSION },
    { NULL, 404, LQ_NOT_FOUND, LQ_S3_FINAL, WORDS_MISSING },
    { NULL, 408, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER },
    { NULL, 412, LQ_EXISTS, LQ_S3_FINAL, WORDS_TAKEN },
    { NULL, 429, LQ_UNREACHABLE, LQ_S3_SLOW, WORDS_OTHER },
    { NULL, 503, LQ_UNREACHABLE, LQ_S3_SLOW, WORDS_OTHER },
    { NULL, 0, LQ_IO, LQ_S3_FINAL, WORDS_OTHER },
};

static bool means(const struct meaning *meaning, const struct lq_s3_answer *answer)
{
    if (meaning->code)
        return strcmp(meaning->code, answer->code) == 0;
    return meaning->http == answer->http || meaning->http == 0;
}

static void say(const struct meaning *meaning, const struct lq_s3_answer *answer,
                const struct lq_s3_target *target, struct lq_error *err)
{
    const struct lq_s3_config *config = target->config;
    const enum lq_status status = meaning->status;
    const char *key_id = config->key_id ? config->key_id : "";

    switch (meaning->words) {
    case WORDS_PERMISSION:
        lq_error_set(err, status, "permission %s is missing for '%s'", target->permission,
                     target->url);
        return;
    case WORDS_TAKEN:
        lq_error_set(err, status, "cannot create '%s': it is there already", target->url);
        return;
    case WORDS_MISSING:
        lq_error_set(err, status, "'%s' is not there", target->url);
        return;
    case WORDS_BUCKET:
        lq_error_set(err, status, "'%s' has no such bucket: '%s'", config->host, target->url);
        return;
    case WORDS_KEY_ID:
        lq_error_set(err, status, "'%s' does not know the access key '%s' (%s)", config->host,
                     key_id, config->key_source);
        return;
    case WORDS_SECRET:
        lq_error_set(err, status, "the secret key does not belong to the access key '%s' (%s)",
                     key_id, config->secret_source);
        return;
    case WORDS_TOKEN_OLD:
        lq_error_set(err, status, "the session token of access key '%s' has expired (%s)", key_id,
                     config->token_source);
        return;
    case WORDS_TOKEN_BAD:
        lq_error_set(err, status, "the session token of access key '%s' is not valid (%s)", key_id,
                     config->token_source);
        return;
    case WORDS_CLOCK:
        lq_error_set(err, status, "the clock of this machine is too far from that of '%s'",
                     config->host);
        return;
    case WORDS_REGION:
        lq_error_set(err, status, "'%s' does not take region '%s' for '%s' (AWS_REGION)",
                     config->host, config->region, target->url);
        return;
    default:
        lq_error_set(err, status, "'%s' answered %ld%s%s for '%s'", config->host, answer->http,
                     *answer->code ? " " : "", answer->code, target->url);
    }
}

enum lq_status lq_s3_judge(const struct lq_s3_answer *answer, const struct lq_s3_target *target,
                           enum lq_s3_verdict *verdict, struct lq_error *err)
{
    static const struct meaning failed = { NULL, 500, LQ_UNREACHABLE, LQ_S3_RETRY, WORDS_OTHER };
    const struct meaning *meaning = meanings;

    while (!means(meaning, answer))
        meaning++;
    /* What is not in the table: by class. */
    if (!meaning->code && meaning->http == 0 && (answer->http >= 500 || answer->http == 0))
        meaning = &failed;
    *verdict = meaning->verdict;
    if (answer->http == 0)
        return lq_error_set(err, meaning->status, "no answer from '%s' for '%s'",
                            target->config->host, target->url);
    say(meaning, answer, target, err);
    return meaning->status;
}
