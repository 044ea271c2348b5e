/* SPDX-License-Identifier: MIT */
/* From an s3:// URL and the environment to signed requests. */
#include "s3/config.h"
#include "base/alloc.h"
#include "base/time.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- the URL ---- */

/* Naming rules of general purpose buckets, with what older ones may have besides. */
static bool is_bucket(struct lq_str name)
{
    if (name.len < 3 || name.len > 63 || strchr(".-", name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
                    name.ptr[i]))
            return false;
    return true;
}

static const char *prefix_problem(const char *prefix)
{
    for (const char *at = prefix; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return "its prefix holds control characters";
        if (strchr("*?[]{}\\", *at))
            return "its prefix holds a character of patterns";
    }
    for (const char *at = prefix; *at; at += *at == '/') {
        const size_t len = strcspn(at, "/");

        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return "its prefix has an empty part, '.' or '..'";
        at += len;
    }
    return NULL;
}

enum lq_status lq_s3_url_parse(struct lq_s3_url *url, const char *text, struct lq_error *err)
{
    const char *bucket = text + strlen("s3://");
    const size_t bucket_len = strcspn(bucket, "/");
    const char *prefix = bucket + bucket_len + strspn(bucket + bucket_len, "/");
    size_t len = strlen(prefix);
    const char *problem;

    if (!is_bucket((struct lq_str){ bucket, bucket_len }))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot use '%s': no bucket has such a name", text);
    while (len > 0 && prefix[len - 1] == '/')
        len--;
    url->bucket = lq_strndup(bucket, bucket_len);
    url->prefix = lq_strndup(prefix, len);
    problem = prefix_problem(url->prefix);
    if (problem)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot use '%s': %s", text, problem);
    return LQ_OK;
}

void lq_s3_url_release(struct lq_s3_url *url)
{
    lq_free(&url->bucket);
    lq_free(&url->prefix);
}

char *lq_s3_url_key(const struct lq_s3_url *url, const char *path)
{
    return *url->prefix ? lq_path_join(url->prefix, path) : lq_strdup(path);
}

/* ---- the environment ---- */

const char *lq_s3_variable(char *const *environment, const char *name)
{
    const size_t len = strlen(name);

    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return (*environment)[len + 1] ? *environment + len + 1 : NULL;
    return NULL;
}

/* Whether `host` (with a port) is an address or a name that no bucket's name can stand in front of. */
static bool is_address(const char *host)
{
    const char *colon = strrchr(host, ':');
    LQ_CLEANUP(lq_free) char *name =
        lq_strndup(host, colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host));
    unsigned char address[16];

    return name[0] == '[' || inet_pton(AF_INET, name, address) == 1 || !strchr(name, '.');
}

static bool is_aws(const char *host)
{
    const struct lq_str text = { host, strcspn(host, ":") };

    return lq_str_ends(text, LQ_STR(".amazonaws.com")) ||
           lq_str_ends(text, LQ_STR(".amazonaws.com.cn"));
}

static enum lq_status read_endpoint(struct lq_s3_config *config, char *const *environment,
                                    struct lq_error *err)
{
    static const char *const names[] = { "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL" };
    const char *url = NULL, *name = NULL;
    size_t len;

    for (size_t i = 0; i < LQ_COUNT(names) && !url; i++)
        url = lq_s3_variable(environment, name = names[i]);
    config->tls = true;
    if (!url) {
        config->host = lq_format("s3.%s.amazonaws.com%s", config->region,
                                 strncmp(config->region, "cn-", 3) == 0 ? ".cn" : "");
        return LQ_OK;
    }
    config->tls = strncasecmp(url, "http://", 7) != 0;
    if (config->tls && strncasecmp(url, "https://", 8) != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "%s does not begin with https:// or http://", name);
    url += config->tls ? 8 : 7;
    len = strcspn(url, "/");
    if (strpbrk(url, "@?#") || len == 0 || strspn(url + len, "/") != strlen(url + len) ||
        len != strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"))
        return lq_error_set(err, LQ_BAD_INPUT, "%s is not just a scheme and a host", name);
    config->host = lq_strndup(url, len);
    for (char *at = config->host; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    /* It is signed as it is sent: without the scheme's own port. */
    if (lq_str_ends(lq_str_of(config->host), config->tls ? LQ_STR(":443") : LQ_STR(":80")))
        *strrchr(config->host, ':') = '\0';
    return LQ_OK;
}

static enum lq_status read_keys(struct lq_s3_config *config, char *const *environment,
                                struct lq_error *err)
{
    static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY" };
    const char *const values[] = { lq_s3_variable(environment, names[0]),
                                   lq_s3_variable(environment, names[1]) };

    if (!values[0] != !values[1])
        return lq_error_set(err, LQ_BAD_INPUT, "%s is set, %s is not", names[values[0] == NULL],
                            names[values[0] != NULL]);
    config->key_source = values[0] ? names[0] : "from the profile or role in use";
    config->secret_source = values[0] ? names[1] : config->key_source;
    config->token_source = values[0] ? "AWS_SESSION_TOKEN" : config->key_source;
    config->key_id = lq_strdup(values[0]);
    config->secret = lq_strdup(values[1]);
    /* Of a role: it belongs to the keys beside it. */
    config->token = values[0] ? lq_strdup(lq_s3_variable(environment, "AWS_SESSION_TOKEN")) : NULL;
    return LQ_OK;
}

enum lq_status lq_s3_config_init(struct lq_s3_config *config, char *const *environment,
                                 const char *bucket, struct lq_error *err)
{
    const char *region = lq_s3_variable(environment, "AWS_REGION");

    if (!region)
        region = lq_s3_variable(environment, "AWS_DEFAULT_REGION");
    config->has_region = region != NULL;
    if (!region)
        region = "us-east-1";
    if (strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return lq_error_set(err, LQ_BAD_INPUT, "AWS_REGION is not the name of a region");
    config->region = lq_strdup(region);
    LQ_TRY(read_endpoint(config, environment, err));
    /* Outside of AWS a name in front of the endpoint's mostly leads nowhere, and its certificate
     * does not cover one; a dot in the bucket's name, not even AWS's. */
    config->path_style = is_address(config->host) || !is_aws(config->host) ||
                         strpbrk(bucket, "._ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    config->profile = lq_strdup(lq_s3_variable(environment, "AWS_PROFILE"));
    config->has_token_file = lq_s3_variable(environment, "AWS_WEB_IDENTITY_TOKEN_FILE") != NULL;
    config->has_common_endpoint = lq_s3_variable(environment, "AWS_ENDPOINT_URL") != NULL;
    config->ca_bundle = lq_strdup(lq_s3_variable(environment, "AWS_CA_BUNDLE"));
    if (config->ca_bundle && access(config->ca_bundle, R_OK) != 0)
        return lq_error_set(err, LQ_BAD_INPUT, "AWS_CA_BUNDLE is no file that can be read: '%s'",
                            config->ca_bundle);
    return read_keys(config, environment, err);
}

static void release_secret(char **text)
{
    if (*text)
        OPENSSL_cleanse(*text, strlen(*text));
    lq_free(text);
}

void lq_s3_config_release(struct lq_s3_config *config)
{
    lq_free(&config->host);
    lq_free(&config->region);
    lq_free(&config->key_id);
    release_secret(&config->secret);
    release_secret(&config->token);
    lq_free(&config->profile);
    lq_free(&config->ca_bundle);
}

/* ---- signed URLs ---- */

static void add_parameter(struct lq_buf *query, const char *name, const char *value)
{
    if (query->len > 0)
        lq_buf_addc(query, '&');
    lq_sigv4_add_encoded(query, name, false);
    lq_buf_addc(query, '=');
    lq_sigv4_add_encoded(query, value, false);
}

static void add_signed_headers(struct lq_buf *names, const struct lq_s3_pair *headers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lq_buf_addf(names, "%s%s", i ? ";" : "", headers[i].name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lq_s3_pair *)a)->name, ((const struct lq_s3_pair *)b)->name);
}

#define MAX_PAIRS 16

char *lq_s3_presign(const struct lq_s3_config *config, const struct lq_s3_request *request,
                    int64_t now, int64_t expires_sec)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf path = LQ_BUF_INIT, query = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf names = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *host = config->path_style
                                         ? lq_strdup(config->host)
                                         : lq_format("%s.%s", request->bucket, config->host);
    LQ_CLEANUP(lq_free) char *credential = NULL;
    struct lq_s3_pair headers[MAX_PAIRS] = { { "host", host } };
    struct lq_s3_pair pairs[MAX_PAIRS];
    const time_t seconds = (time_t)(now / LQ_US_PER_SECOND);
    size_t n_pairs = 0, n_headers = 1;
    char stamp[17], expires[24], signature[LQ_SHA256_HEX_BYTES];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(expires, sizeof expires, "%lld", (long long)expires_sec);
    credential = lq_format("%s/%.8s/%s/s3/aws4_request", config->key_id, stamp, config->region);

    for (size_t i = 0; i < request->n_headers; i++)
        headers[n_headers++] = request->headers[i];
    qsort(headers, n_headers, sizeof *headers, by_name);
    add_signed_headers(&names, headers, n_headers);

    lq_buf_addc(&path, '/');
    if (config->path_style)
        lq_buf_addf(&path, "%s%s", request->bucket, *request->key ? "/" : "");
    lq_sigv4_add_encoded(&path, request->key, true);

    pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-Algorithm", "AWS4-HMAC-SHA256" };
    pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-Credential", credential };
    pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-Date", stamp };
    pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-Expires", expires };
    if (config->token)
        pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-Security-Token", config->token };
    pairs[n_pairs++] = (struct lq_s3_pair){ "X-Amz-SignedHeaders", lq_buf_text(&names) };
    for (size_t i = 0; i < request->n_query; i++)
        pairs[n_pairs++] = request->query[i];
    qsort(pairs, n_pairs, sizeof *pairs, by_name);
    for (size_t i = 0; i < n_pairs; i++)
        add_parameter(&query, pairs[i].name, pairs[i].value);

    lq_sigv4_sign(
        &(struct lq_sigv4_input){
            .method = request->method,
            .path = lq_buf_text(&path),
            .query = lq_buf_text(&query),
            .headers = headers,
            .n_headers = n_headers,
            .payload_sha256 = "UNSIGNED-PAYLOAD",
            .time = stamp,
            .region = config->region,
            .service = "s3",
            .secret = config->secret,
        },
        signature);
    return lq_format("%s://%s%s?%s&X-Amz-Signature=%s", config->tls ? "https" : "http", host,
                     lq_buf_text(&path), lq_buf_text(&query), signature);
}
