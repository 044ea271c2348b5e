/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as a log to take secrets out of. The first byte chooses how they are cut into
 * pieces, and whether there are further patterns: what is kept must not depend on the pieces, every
 * line must stay, and a copy of a token must not; and the first pass must miss no secret. */
#include "base/base.h"
#include "base/buf.h"
#include "redact/find.h"
#include <lq/redact.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum lq_status add(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_buf_add(ctx, bytes, len);
    return LQ_OK;
}

static void feed(struct lq_redactor *redactor, const uint8_t *data, size_t size, size_t piece,
                 struct lq_buf *out)
{
    for (size_t at = 0; at < size; at += piece)
        if (lq_redactor_feed(redactor, data + at, size - at < piece ? size - at : piece, add, out,
                             NULL) != LQ_OK)
            abort();
}

static void finish(struct lq_redactor *redactor, struct lq_buf *out)
{
    if (lq_redactor_finish(redactor, add, out, NULL) != LQ_OK)
        abort();
}

static size_t count_lines(const void *bytes, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((const char *)bytes)[i] == '\n';
    return n;
}

/* What the first pass names must be all that there is. */
static void compare_line(struct lq_finder *finder, struct lq_str line)
{
    const struct lq_piece piece = { .text = line, .is_start = true, .is_end = true };
    struct lq_hits hits = { .at = NULL };
    struct lq_spans some = { .at = NULL }, all = { .at = NULL };

    if (lq_finder_scan(finder, line, &hits) && hits.count > 0)
        lq_finder_secrets(finder, &piece, hits.at, hits.count, &some);
    lq_finder_secrets(finder, &piece, NULL, 0, &all);
    lq_spans_settle(&some);
    lq_spans_settle(&all);
    if (some.count != all.count)
        abort();
    for (size_t i = 0; i < all.count; i++)
        if (some.at[i].start != all.at[i].start || some.at[i].end != all.at[i].end)
            abort();
    free(hits.at);
    free(some.at);
    free(all.at);
}

static void compare_lines(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *const end = at + size;
    struct lq_finder *finder = NULL;

    if (lq_finder_new(&finder, NULL, NULL) != LQ_OK)
        abort();
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t len = (size_t)((newline ? newline : end) - at);

        if (len < 4096) /* with every expression on every line this is slow */
            compare_line(finder, (struct lq_str){ at, len });
        at += len + 1;
    }
    lq_finder_free(&finder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* On a line of its own, wherever the log left off. */
    static const char token[] = "\nglpat"
                                "-Zk3vQ9wXb7mN5tR2yH8c\n";
    char *const patterns[] = { (char[]){ "(?i)pin: ?(\\d+)" }, (char[]){ "(?:a|aa)+[bc]" },
                               (char[]){ "\\p{Lu}{3}-[^x]*x" }, NULL };
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf whole = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf pieces = LQ_BUF_INIT;

    if (size < 1)
        return 0;
    if (lq_redactor_new(&redactor, data[0] & 64 ? patterns : NULL, NULL) != LQ_OK)
        abort();
    feed(redactor, data + 1, size - 1, size, &whole);
    feed(redactor, (const uint8_t *)token, sizeof token - 1, sizeof token, &whole);
    finish(redactor, &whole);
    feed(redactor, data + 1, size - 1, data[0] % 64 + 1u, &pieces);
    feed(redactor, (const uint8_t *)token, sizeof token - 1, 1, &pieces);
    finish(redactor, &pieces);
    if (whole.len != pieces.len || memcmp(whole.data, pieces.data, whole.len) != 0)
        abort();
    if (count_lines(whole.data, whole.len) != count_lines(data + 1, size - 1) + 2)
        abort();
    if (memmem(whole.data, whole.len, token + 1, sizeof token - 3) &&
        !memmem(data + 1, size - 1, token + 1, sizeof token - 3))
        abort();
    compare_lines(data + 1, size - 1);
    return 0;
}
