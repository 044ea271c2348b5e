/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259) as it comes: bytes in pieces of any size, one call for each value. Memory is flat: a
 * text is kept up to a ceiling, and what is nested too deep is an error.
 *
 *     struct lq_json json;
 *     lq_json_init(&json);
 *     while (more) state = lq_json_feed(&json, bytes, on_token, ctx);
 */
#ifndef LQ_PARSE_JSON_H
#define LQ_PARSE_JSON_H

#include "parse/clip.h"

#define LQ_JSON_MAX_DEPTH 128
#define LQ_JSON_TEXT_MAX_BYTES 8192

enum lq_json_token {
    LQ_JSON_OBJECT,
    LQ_JSON_OBJECT_END,
    LQ_JSON_ARRAY,
    LQ_JSON_ARRAY_END,
    LQ_JSON_KEY,
    LQ_JSON_TEXT,
    LQ_JSON_NUMBER,
    LQ_JSON_WORD, /* true, false, null */
};

/* A token was read; `text`, of KEY, TEXT, NUMBER, WORD, is borrowed for the call: escapes decoded, cut
 * at LQ_JSON_TEXT_MAX_BYTES. */
typedef void lq_json_fn(void *ctx, enum lq_json_token token, struct lq_str text);

enum lq_json_state {
    LQ_JSON_MORE, /* so far, so good */
    LQ_JSON_DONE, /* the value is complete; what follows it is left unread */
    LQ_JSON_BAD,  /* no JSON */
};

/* Where the reader stands. Between lines it can be copied: to look ahead, and come back. */
struct lq_json {
    unsigned char expects; /* enum in json.c */
    bool is_key;           /* of the string that began */
    unsigned depth;
    uint64_t objects[LQ_JSON_MAX_DEPTH / 64]; /* bit set: that level is an object */
    uint32_t escape, high; /* of \uXXXX: digits so far; the high surrogate before */
    const char *at;        /* in a call: the byte that ends the token, or the one behind a number */
    struct lq_clip text;
};

void lq_json_init(struct lq_json *json);
void lq_json_release(struct lq_json *json);

/* Read on. `on_token` NULL: only look whether it is JSON. `*used`: bytes read, all unless DONE or BAD. */
enum lq_json_state lq_json_feed(struct lq_json *json, struct lq_str bytes, lq_json_fn *on_token,
                                void *ctx, size_t *used);

/* Whether a line, which begins outside of texts, goes on with the value, ends it, or is none of it. The
 * reader stays where it is. `goes_on`: the line is longer than `line`. */
enum lq_json_state lq_json_peek(const struct lq_json *json, struct lq_str line, bool goes_on);

#endif
