/* SPDX-License-Identifier: MIT */
/* Signatures on published examples, URLs, endpoints, answers, lists of objects. */
#include "base/alloc.h"
#include "base/time.h"
#include "s3/answer.h"
#include "s3/listing.h"
#include "tap.h"

/* The examples of "Signature calculations for the authorization header" and "Authenticating
 * requests: using query parameters" in the Amazon S3 API reference: one key, one day. */
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST { "host", "examplebucket.s3.amazonaws.com" }
#define DATE { "x-amz-date", "20130524T000000Z" }

static void test_published_signatures(void)
{
    static const struct {
        const char *name, *method, *path, *query;
        struct lq_s3_pair headers[6];
        const char *payload, *want;
    } cases[] = {
        { "GET an object",
          "GET",
          "/test.txt",
          "",
          { HOST, { "range", "bytes=0-9" }, { "x-amz-content-sha256", EMPTY }, DATE },
          EMPTY,
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
        { "PUT an object",
          "PUT",
          "/test%24file.text",
          "",
          { { "date", "Fri, 24 May 2013 00:00:00 GMT" },
            HOST,
            { "x-amz-content-sha256",
              "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" },
            DATE,
            { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
          "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
        { "GET a bucket's lifecycle",
          "GET",
          "/",
          "lifecycle=",
          { HOST, { "x-amz-content-sha256", EMPTY }, DATE },
          EMPTY,
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
        { "list objects",
          "GET",
          "/",
          "max-keys=2&prefix=J",
          { HOST, { "x-amz-content-sha256", EMPTY }, DATE },
          EMPTY,
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct lq_sigv4_input input = {
            .method = cases[i].method,
            .path = cases[i].path,
            .query = cases[i].query,
            .headers = cases[i].headers,
            .payload_sha256 = cases[i].payload,
            .time = "20130524T000000Z",
            .region = "us-east-1",
            .service = "s3",
            .secret = SECRET,
        };
        char signature[LQ_SHA256_HEX_BYTES];

        TAP_CASE(cases[i].name);
        while (cases[i].headers[input.n_headers].name)
            input.n_headers++;
        lq_sigv4_sign(&input, signature);
        CHECK_STR(signature, cases[i].want);
    }
}

static void test_published_presigned_url(void)
{
    const struct lq_s3_config config = { .host = (char *)(uintptr_t)"s3.amazonaws.com",
                                         .tls = true,
                                         .region = (char *)(uintptr_t)"us-east-1",
                                         .key_id = (char *)(uintptr_t)"AKIAIOSFODNN7EXAMPLE",
                                         .secret = (char *)(uintptr_t)SECRET };
    const struct lq_s3_request request = { .method = "GET",
                                           .bucket = "examplebucket",
                                           .key = "test.txt" };
    int64_t now;
    LQ_CLEANUP(lq_free) char *url = NULL;

    CHECK(lq_time_parse("2013-05-24T00:00:00Z", 0, &now));
    url = lq_s3_presign(&config, &request, now, 86400);
    CHECK_STR(url,
              "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
              "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
              "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
              "&X-Amz-Signature="
              "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void test_urls(void)
{
    static const struct {
        const char *text, *bucket, *prefix; /* bucket NULL: refused */
    } cases[] = {
        { "s3://bucket", "bucket", "" },
        { "s3://bucket/", "bucket", "" },
        { "s3://bucket/lq/", "bucket", "lq" },
        { "s3://my.bucket/a/b c//", "my.bucket", "a/b c" },
        { "s3:///lq", NULL, NULL },
        { "s3://b", NULL, NULL },
        { "s3://-bucket", NULL, NULL },
        { "s3://bu%63ket/", NULL, NULL },
        { "s3://bucket/a//b", NULL, NULL },
        { "s3://bucket/a/../b", NULL, NULL },
        { "s3://bucket/./b", NULL, NULL },
        { "s3://bucket/a*", NULL, NULL },
        { "s3://bucket/a\nb", NULL, NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_s3_url_release) struct lq_s3_url url = { 0 };
        struct lq_error err = { 0 };
        const enum lq_status status = lq_s3_url_parse(&url, cases[i].text, &err);

        TAP_CASE(cases[i].text);
        CHECK(status == (cases[i].bucket ? LQ_OK : LQ_BAD_INPUT));
        if (status != LQ_OK || !cases[i].bucket)
            continue;
        CHECK_STR(url.bucket, cases[i].bucket);
        CHECK_STR(url.prefix, cases[i].prefix);
    }
}

static void test_environment(void)
{
    static const struct {
        const char *name, *bucket;
        const char *variables[4];
        const char *host; /* NULL: refused */
        bool tls, path_style;
    } cases[] = {
        { "AWS", "bucket", { "AWS_REGION=eu-west-1" }, "s3.eu-west-1.amazonaws.com", true, false },
        { "no region", "bucket", { "PATH=/bin" }, "s3.us-east-1.amazonaws.com", true, false },
        { "default region",
          "bucket",
          { "AWS_REGION=", "AWS_DEFAULT_REGION=eu-north-1" },
          "s3.eu-north-1.amazonaws.com",
          true,
          false },
        { "China",
          "bucket",
          { "AWS_REGION=cn-north-1" },
          "s3.cn-north-1.amazonaws.com.cn",
          true,
          false },
        { "dotted bucket", "my.bucket", { NULL }, "s3.us-east-1.amazonaws.com", true, true },
        { "address",
          "bucket",
          { "AWS_ENDPOINT_URL=http://127.0.0.1:9000" },
          "127.0.0.1:9000",
          false,
          true },
        { "IPv6", "bucket", { "AWS_ENDPOINT_URL=http://[::1]:9000/" }, "[::1]:9000", false, true },
        { "localhost",
          "bucket",
          { "AWS_ENDPOINT_URL=https://localhost" },
          "localhost",
          true,
          true },
        { "the one for S3 goes first",
          "bucket",
          { "AWS_ENDPOINT_URL=http://a.example", "AWS_ENDPOINT_URL_S3=https://b.example" },
          "b.example",
          true,
          true },
        { "AWS's own",
          "bucket",
          { "AWS_ENDPOINT_URL=https://s3.eu-west-1.amazonaws.com:443" },
          "s3.eu-west-1.amazonaws.com",
          true,
          false },
        { "default port",
          "bucket",
          { "AWS_ENDPOINT_URL=http://S3.Example:80" },
          "s3.example",
          false,
          true },
        { "no scheme", "bucket", { "AWS_ENDPOINT_URL=s3.example" }, NULL, false, false },
        { "credentials",
          "bucket",
          { "AWS_ENDPOINT_URL=https://a:b@s3.example" },
          NULL,
          false,
          false },
        { "path", "bucket", { "AWS_ENDPOINT_URL=https://s3.example/x" }, NULL, false, false },
        { "half a pair", "bucket", { "AWS_ACCESS_KEY_ID=A" }, NULL, false, false },
        { "the other half", "bucket", { "AWS_SECRET_ACCESS_KEY=topsecret" }, NULL, false, false },
        { "bad region", "bucket", { "AWS_REGION=a/b" }, NULL, false, false },
        { "missing certificates",
          "bucket",
          { "AWS_CA_BUNDLE=/nowhere/x.pem" },
          NULL,
          false,
          false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_s3_config_release) struct lq_s3_config config = { 0 };
        struct lq_error err = { 0 };
        const enum lq_status status = lq_s3_config_init(
            &config, (char *const *)(uintptr_t)cases[i].variables, cases[i].bucket, &err);

        TAP_CASE(cases[i].name);
        CHECK(status == (cases[i].host ? LQ_OK : LQ_BAD_INPUT));
        if (status != LQ_OK || !cases[i].host) {
            CHECK(strstr(err.message, "AWS_"));
            CHECK(!strstr(err.message, "topsecret") && !strstr(err.message, "a:b@"));
            continue;
        }
        CHECK_STR(config.host, cases[i].host);
        CHECK(config.tls == cases[i].tls);
        CHECK(config.path_style == cases[i].path_style);
    }
}

static void test_answers(void)
{
    static const struct {
        long http;
        const char *code;
        enum lq_status status;
        enum lq_s3_verdict verdict;
    } cases[] = {
        { 412, "PreconditionFailed", LQ_EXISTS, LQ_S3_FINAL },
        { 412, "", LQ_EXISTS, LQ_S3_FINAL },
        { 403, "AccessDenied", LQ_DENIED, LQ_S3_FINAL },
        { 403, "InvalidAccessKeyId", LQ_DENIED, LQ_S3_FATAL },
        { 403, "SignatureDoesNotMatch", LQ_DENIED, LQ_S3_FATAL },
        { 400, "ExpiredToken", LQ_DENIED, LQ_S3_FATAL },
        { 403, "RequestTimeTooSkewed", LQ_DENIED, LQ_S3_FATAL },
        { 301, "PermanentRedirect", LQ_BAD_INPUT, LQ_S3_FATAL },
        { 404, "NoSuchBucket", LQ_NOT_FOUND, LQ_S3_FATAL },
        { 404, "NoSuchKey", LQ_NOT_FOUND, LQ_S3_FINAL },
        { 503, "SlowDown", LQ_UNREACHABLE, LQ_S3_SLOW },
        { 503, "", LQ_UNREACHABLE, LQ_S3_SLOW },
        { 500, "InternalError", LQ_UNREACHABLE, LQ_S3_RETRY },
        { 502, "", LQ_UNREACHABLE, LQ_S3_RETRY },
        { 409, "ConditionalRequestConflict", LQ_UNREACHABLE, LQ_S3_RETRY },
        { 400, "InvalidArgument", LQ_IO, LQ_S3_FINAL },
        { 0, "", LQ_UNREACHABLE, LQ_S3_RETRY },
    };
    const struct lq_s3_config config = { .host = (char *)(uintptr_t)"h",
                                         .region = (char *)(uintptr_t)"r",
                                         .key_id = (char *)(uintptr_t)"KEYID",
                                         .secret = (char *)(uintptr_t)"topsecret",
                                         .key_source = "AWS_ACCESS_KEY_ID",
                                         .secret_source = "AWS_SECRET_ACCESS_KEY",
                                         .token_source = "AWS_SESSION_TOKEN" };
    const struct lq_s3_target target = { &config, "s3:PutObject", "s3://b/k" };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct lq_s3_answer answer = { .http = cases[i].http };
        struct lq_error err = { 0 };
        enum lq_s3_verdict verdict;

        snprintf(answer.code, sizeof answer.code, "%s", cases[i].code);
        TAP_CASE(cases[i].code);
        CHECK(lq_s3_judge(&answer, &target, &verdict, &err) == cases[i].status);
        CHECK(verdict == cases[i].verdict);
        CHECK(err.message[0] && !strstr(err.message, "topsecret"));
    }
}

static enum lq_status note_object(void *ctx, const struct lq_s3_object *object,
                                  struct lq_error *err)
{
    (void)err;
    lq_buf_addf(ctx, "%s %lld;", object->path, (long long)object->size_bytes);
    return LQ_OK;
}

#define PAGE(content) "<?xml version='1.0'?><ListBucketResult>" content "</ListBucketResult>"
#define OBJECT(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"

static void test_lists(void)
{
    static const struct {
        const char *name, *xml, *want; /* want NULL: refused */
    } cases[] = {
        { "two", PAGE(OBJECT("lq/a", "1") OBJECT("lq/b=1/c", "22")), "a 1;b=1/c 22;" },
        { "none", PAGE(""), "" },
        { "encoded", PAGE("<EncodingType>url</EncodingType>" OBJECT("lq/a%20b%2Bc+d", "0")),
          "a b+c d 0;" },
        { "not encoded", PAGE(OBJECT("lq/a%20b&amp;c", "0")), "a%20b&c 0;" },
        { "others'", PAGE(OBJECT("lq2/a", "1") OBJECT("lqa", "1") OBJECT("lq/x", "2")), "x 2;" },
        { "owner in it",
          PAGE("<Contents><Key>lq/a</Key><Owner><ID>x</ID></Owner><Size>5</Size></Contents>"),
          "a 5;" },
        { "cut short", "<ListBucketResult><Contents>", NULL },
        { "something else", "<html></html>", NULL },
        { "no size", PAGE("<Contents><Key>lq/a</Key></Contents>"), NULL },
        { "goes on nowhere", PAGE("<IsTruncated>true</IsTruncated>"), NULL },
        { "entities",
          "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
          "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]>"
          "<ListBucketResult><Contents><Key>&d;</Key><Size>1</Size></Contents></ListBucketResult>",
          NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_listing_free) struct lq_listing *listing = lq_listing_new();
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
        enum lq_status status;

        TAP_CASE(cases[i].name);
        status = lq_listing_start(listing, NULL);
        /* Byte by byte: it comes in any pieces. */
        for (const char *at = cases[i].xml; *at && status == LQ_OK; at++)
            status = lq_listing_feed(listing, at, 1, NULL);
        if (status == LQ_OK)
            status = lq_listing_finish(listing, "lq", note_object, &got, NULL);
        CHECK(status == (cases[i].want ? LQ_OK : LQ_CORRUPT));
        if (cases[i].want)
            CHECK_STR(lq_buf_text(&got), cases[i].want);
    }
}

int main(void)
{
    TAP_RUN(test_published_signatures);
    TAP_RUN(test_published_presigned_url);
    TAP_RUN(test_urls);
    TAP_RUN(test_environment);
    TAP_RUN(test_answers);
    TAP_RUN(test_lists);
    return tap_done();
}
