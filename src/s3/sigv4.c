/* SPDX-License-Identifier: MIT */
/* Signs requests to S3: no packaged C library does. */
#include "s3/sigv4.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DIGEST_BYTES 32

void lq_sigv4_add_encoded(struct lq_buf *buf, const char *text, bool keep_slash)
{
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        const bool plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                           (byte >= '0' && byte <= '9') || strchr("-._~", byte) ||
                           (keep_slash && byte == '/');

        if (plain)
            lq_buf_addc(buf, *text);
        else
            lq_buf_addf(buf, "%%%02X", byte);
    }
}

static void hmac(const void *key, size_t key_len, const char *text,
                 unsigned char digest[static DIGEST_BYTES])
{
    HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), digest, NULL);
}

/* The key that signs for one day, region and service. */
static void derive_key(const struct lq_sigv4_input *input, const char *date,
                       unsigned char key[static DIGEST_BYTES])
{
    const char *const steps[] = { date, input->region, input->service, "aws4_request" };
    LQ_CLEANUP(lq_buf_release) struct lq_buf secret = LQ_BUF_INIT;

    lq_buf_adds(&secret, "AWS4");
    lq_buf_adds(&secret, input->secret);
    hmac(lq_buf_text(&secret), secret.len, steps[0], key);
    for (size_t i = 1; i < LQ_COUNT(steps); i++)
        hmac(key, DIGEST_BYTES, steps[i], key);
    OPENSSL_cleanse(secret.data, secret.len);
}

void lq_sigv4_sign(const struct lq_sigv4_input *input, char hex[static LQ_SHA256_HEX_BYTES])
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf request = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    unsigned char key[DIGEST_BYTES];
    char hash[LQ_SHA256_HEX_BYTES], date[9];

    snprintf(date, sizeof date, "%s", input->time);
    lq_buf_addf(&request, "%s\n%s\n%s\n", input->method, input->path, input->query);
    for (size_t i = 0; i < input->n_headers; i++)
        lq_buf_addf(&request, "%s:%s\n", input->headers[i].name, input->headers[i].value);
    lq_buf_addc(&request, '\n');
    for (size_t i = 0; i < input->n_headers; i++)
        lq_buf_addf(&request, "%s%s", i ? ";" : "", input->headers[i].name);
    lq_buf_addf(&request, "\n%s", input->payload_sha256);
    lq_sha256_hex(lq_buf_text(&request), request.len, hash);

    lq_buf_addf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", input->time, date,
                input->region, input->service, hash);
    derive_key(input, date, key);
    hmac(key, sizeof key, lq_buf_text(&text), key);
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
    OPENSSL_cleanse(key, sizeof key);
}
