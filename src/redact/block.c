/* SPDX-License-Identifier: MIT */
/* Follows private keys over their lines. Every line stays; what it holds of a key is hidden. */
#include "redact/block.h"

#include <string.h>

#include "redact/secret.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define KEY "PRIVATE KEY"
#define NAME "private-key"

/* A run of so many letters of base64 is a line of a key, whatever stands before it; fewer are its
 * last line, when they stand alone. */
#define RUN_BYTES ((size_t)16)
/* A log may go on after a BEGIN without a key, or print other lines in between. */
#define MAX_STRANGE_BEFORE 4
#define MAX_STRANGE_WITHIN 16

bool lq_block_rule(uint32_t rule)
{
    return lq_secrets[rule].block;
}

static bool is_base64(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '+' || byte == '/' || byte == '=' ||
           byte == '\\'; /* of "\n" in a key that is one line of JSON */
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Where the letters of base64 before `end` begin. */
static size_t run_start(struct lq_str line, size_t end)
{
    while (end > 0 && is_base64(line.ptr[end - 1]))
        end--;
    return end;
}

/* The letters of base64 at the end, behind which there may be what ends a line of source code. Long
 * words of them before belong to it: a key may be one line with blanks for line ends. */
static struct lq_str last_run(struct lq_str line)
{
    size_t start;

    while (line.len > 0 && line.ptr[line.len - 1] && strchr(" \t\r\"',;)", line.ptr[line.len - 1]))
        line.len--;
    start = run_start(line, line.len);
    while (start < line.len) {
        size_t end = start, next;

        while (end > 0 && is_space(line.ptr[end - 1]))
            end--;
        next = run_start(line, end);
        if (end - next < RUN_BYTES)
            break;
        start = next;
    }
    return (struct lq_str){ line.ptr + start, line.len - start };
}

static int count_words(struct lq_str text)
{
    int n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += !is_space(text.ptr[i]) && (i == 0 || is_space(text.ptr[i - 1]));
    return n;
}

static bool is_blank(struct lq_str line, int n_words)
{
    return count_words(line) <= n_words && last_run(line).len == 0;
}

/* "Proc-Type: 4,ENCRYPTED", "Version: GnuPG v2" */
static bool is_header(struct lq_str line)
{
    static const char *const names[] = { "Proc-Type: ", "DEK-Info: ", "Version: ", "Comment: ",
                                         "Hash: " };

    for (size_t i = 0; i < LQ_COUNT(names); i++)
        if (memmem(line.ptr, line.len, names[i], strlen(names[i])))
            return true;
    return false;
}

/* A line between BEGIN and END. */
static void take_body(struct lq_block *block, struct lq_str line, size_t offset,
                      struct lq_spans *spans)
{
    const struct lq_str run = last_run(line);
    const size_t start = offset + (size_t)(run.ptr - line.ptr);
    const bool last =
        block->in_body && run.len > 0 &&
        count_words((struct lq_str){ line.ptr, line.len - run.len }) <= block->n_words;

    if (run.len >= RUN_BYTES || last) {
        lq_spans_add(spans, start, start + run.len, NAME);
        block->in_body = run.len >= RUN_BYTES;
        block->has_body = true;
        block->n_strange = 0;
    } else if (!is_blank(line, block->n_words) && !is_header(line)) {
        block->in_body = false;
        block->open =
            ++block->n_strange < (block->has_body ? MAX_STRANGE_WITHIN : MAX_STRANGE_BEFORE);
    }
}

/* Position behind the dashes that end a BEGIN or END line; 0: there are none. */
static size_t behind_dashes(struct lq_str line, size_t from)
{
    const char *dashes = memmem(line.ptr + from, line.len - from, "-----", 5);

    return dashes ? (size_t)(dashes + 5 - line.ptr) : 0;
}

/* Find "-----WORD … PRIVATE KEY…-----" from `from` on. */
static bool find_edge(struct lq_str line, size_t from, const char *word, size_t *start, size_t *end)
{
    const size_t word_len = strlen(word);

    while (from < line.len) {
        const char *at = memmem(line.ptr + from, line.len - from, word, word_len);

        if (!at)
            return false;
        *start = (size_t)(at - line.ptr);
        from = *start + word_len;
        *end = behind_dashes(line, from);
        if (*end && memmem(line.ptr + from, *end - from, KEY, strlen(KEY)))
            return true;
    }
    return false;
}

static struct lq_str part(struct lq_str line, size_t from, size_t to)
{
    return (struct lq_str){ line.ptr + from, to - from };
}

void lq_block_line(struct lq_block *block, struct lq_str line, bool begins, struct lq_spans *spans)
{
    size_t at = 0, start, end;

    /* A key may be a line, and a line may hold more than one. */
    for (;;) {
        if (block->open) {
            const bool ends = find_edge(line, at, END, &start, &end);
            const size_t stop = ends ? start : line.len;

            if (at == 0 || stop > at)
                take_body(block, part(line, at, stop), at, spans);
            if (!ends)
                return;
            *block = (struct lq_block){ .open = false };
            at = end;
        }
        if (!begins || !find_edge(line, at, BEGIN, &start, &end))
            return;
        *block = (struct lq_block){
            .open = true,
            .n_words = count_words(part(line, 0, start)),
        };
        at = end;
        if (at == line.len)
            return;
    }
}
