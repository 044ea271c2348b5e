/* SPDX-License-Identifier: MIT */
/* Which events are the same mistake. */
#include "parse/fingerprint.h"

#include "base/str.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
/* Names and paths are looked at this far, so that a long message costs linear time. */
#define WORD_MAX_BYTES 256

static uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

static uint64_t hash_text(uint64_t hash, struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = hash_byte(hash, (unsigned char)text.ptr[i]);
    return hash;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of a quoted name at the start of `text`, quotes included; 0 when there is none. An
 * apostrophe within a word is none, nor is a quote that never closes. */
static size_t quoted(struct lq_str text)
{
    static const struct {
        const char *open, *close;
    } quotes[] = {
        { "‘", "’" }, { "“", "”" }, { "«", "»" },   { "`", "`" },
        { "`", "'" }, { "'", "'" }, { "\"", "\"" },
    };
    size_t best = 0;

    if (text.len > WORD_MAX_BYTES)
        text.len = WORD_MAX_BYTES;
    for (size_t i = 0; i < LQ_COUNT(quotes); i++) {
        size_t open, close;
        const char *at;

        if (!text.len || text.ptr[0] != quotes[i].open[0])
            continue;
        open = strlen(quotes[i].open);
        close = strlen(quotes[i].close);
        if (text.len <= open || memcmp(text.ptr, quotes[i].open, open) != 0)
            continue;
        at = memmem(text.ptr + open, text.len - open, quotes[i].close, close);
        if (at && (best == 0 || (size_t)(at - text.ptr) + close < best))
            best = (size_t)(at - text.ptr) + close;
    }
    return best;
}

/* A word: what stands between spaces, quotes and brackets. `*path`: it is a path or a place. */
static size_t word(struct lq_str text, bool *path)
{
    size_t len = 0;
    bool dot_before_name = false;

    *path = false;
    if (text.len > WORD_MAX_BYTES)
        text.len = WORD_MAX_BYTES;
    while (len < text.len && !memchr(" \t\n,;()[]{}<>=\"'`", text.ptr[len], 17)) {
        if ((text.ptr[len] == '/' || text.ptr[len] == '\\') && text.len > 1)
            *path = true;
        if (text.ptr[len] == '.' && len > 0 && len + 1 < text.len && is_alpha(text.ptr[len - 1]) &&
            is_alpha(text.ptr[len + 1]))
            dot_before_name = true;
        /* file.c:12 */
        if (text.ptr[len] == ':' && dot_before_name && len + 1 < text.len &&
            is_digit(text.ptr[len + 1]))
            *path = true;
        len++;
    }
    return len;
}

static size_t number(struct lq_str text)
{
    size_t len = 0;

    if (text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'X')) {
        for (len = 2; len < text.len && is_hex(text.ptr[len]); len++)
            ;
        return len;
    }
    while (len < text.len && (is_digit(text.ptr[len]) || (text.ptr[len] == '.' && len > 0)))
        len++;
    return len;
}

/* Hash `text` with a stand-in byte for each thing that differs from place to place. */
static uint64_t hash_message(uint64_t hash, struct lq_str text)
{
    size_t at = 0;
    bool in_word = false;

    while (at < text.len) {
        const struct lq_str rest = { text.ptr + at, text.len - at };
        size_t len;
        bool path;

        if (!in_word && (len = quoted(rest)) > 0) {
            hash = hash_byte(hash, 1);
        } else if (!in_word && (len = word(rest, &path)) > 0 && path) {
            hash = hash_byte(hash, 2);
        } else if (!in_word && is_digit(rest.ptr[0])) {
            len = number(rest);
            hash = hash_byte(hash, 3);
        } else {
            len = 1;
            hash = hash_byte(hash, (unsigned char)rest.ptr[0]);
        }
        at += len;
        in_word = len == 1 && (is_alpha(rest.ptr[0]) || is_digit(rest.ptr[0]));
    }
    return hash;
}

/* A test is its name: without addresses, which differ from run to run. */
static uint64_t hash_name(uint64_t hash, struct lq_str name)
{
    for (size_t at = 0; at < name.len;) {
        const struct lq_str rest = { name.ptr + at, name.len - at };

        if (rest.len > 2 && rest.ptr[0] == '0' && rest.ptr[1] == 'x') {
            at += number(rest);
            hash = hash_byte(hash, 3);
        } else {
            hash = hash_byte(hash, (unsigned char)rest.ptr[0]);
            at++;
        }
    }
    return hash;
}

size_t lq_fingerprint(const struct lq_event *event, char text[static LQ_FINGERPRINT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const struct lq_str parts[] = { event->tool_name, event->category };
    uint64_t hash = FNV_BASIS;
    size_t len = 0;

    if (event->test_name.len) {
        hash = hash_name(hash, event->test_name);
    } else {
        hash = hash_text(hash, event->error_code);
        hash = hash_byte(hash, 0);
        hash = hash_message(hash, event->message);
    }
    for (size_t i = 0; i < LQ_COUNT(parts); i++) {
        const size_t take = parts[i].len < 32 ? parts[i].len : 32;

        if (take)
            memcpy(text + len, parts[i].ptr, take);
        len += take;
        text[len++] = '_';
    }
    for (int shift = 60; shift >= 0; shift -= 4)
        text[len++] = digits[hash >> shift & 15];
    return len;
}
