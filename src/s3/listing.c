/* SPDX-License-Identifier: MIT */
/* Reads pages of object names. */
#include "s3/listing.h"
#include "base/alloc.h"
#include "base/text.h"
#include "base/time.h"
#include <expat.h>

/* A page has at most 1,000 names of at most 1,024 bytes, encoded; anything longer is no page. */
#define MAX_OBJECTS 1000
#define MAX_TEXT_BYTES 4096

struct object {
    char *key;
    int64_t size_bytes, time;
};

struct lq_listing {
    XML_Parser parser;
    int depth;
    bool in_contents, truncated, encoded;
    struct lq_buf text; /* of the element that is open */
    struct object object;
    struct object *objects;
    size_t n_objects, capacity;
    char *token, *next_token; /* that this page was asked with; that it names */
    const char *problem;
};

struct lq_listing *lq_listing_new(void)
{
    struct lq_listing *listing = lq_alloc(sizeof *listing);

    listing->text.max = MAX_TEXT_BYTES;
    return listing;
}

static void clear(struct lq_listing *listing)
{
    for (size_t i = 0; i < listing->n_objects; i++)
        free(listing->objects[i].key);
    listing->n_objects = 0;
    lq_free(&listing->object.key);
    lq_free(&listing->next_token);
    lq_buf_clear(&listing->text);
}

void lq_listing_free(struct lq_listing **out)
{
    struct lq_listing *listing = *out;

    if (!listing)
        return;
    clear(listing);
    if (listing->parser)
        XML_ParserFree(listing->parser);
    lq_buf_release(&listing->text);
    free(listing->objects);
    free(listing->token);
    free(listing);
    *out = NULL;
}

const char *lq_listing_token(const struct lq_listing *listing)
{
    return listing->token;
}

/* ---- elements ---- */

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct lq_listing *listing = ctx;

    (void)attributes;
    lq_buf_clear(&listing->text);
    if (listing->depth == 0 && strcmp(name, "ListBucketResult") != 0)
        listing->problem = "it is no list of objects";
    if (listing->depth == 1 && strcmp(name, "Contents") == 0) {
        lq_free(&listing->object.key);
        listing->object = (struct object){ .size_bytes = -1 };
        listing->in_contents = true;
    }
    listing->depth++;
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
    lq_buf_add(&((struct lq_listing *)ctx)->text, text, (size_t)len);
}

static int hex_digit(char digit)
{
    const char *const digits = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Keys are percent-encoded in a list that says so ('+' for a space, of some servers). */
static char *decode(const char *text)
{
    struct lq_buf out = LQ_BUF_INIT;

    for (; *text; text++) {
        const int high = *text == '%' ? hex_digit(text[1]) : -1;
        const int low = high >= 0 ? hex_digit(text[2]) : -1;

        if (low >= 0) {
            lq_buf_addc(&out, (char)(high * 16 + low));
            text += 2;
        } else {
            lq_buf_addc(&out, *text == '+' ? ' ' : *text);
        }
    }
    return lq_buf_detach(&out);
}

static void end_of_object(struct lq_listing *listing)
{
    listing->in_contents = false;
    if (!listing->object.key || listing->object.size_bytes < 0 ||
        listing->n_objects == MAX_OBJECTS) {
        listing->problem = "an object in it lacks its name or size";
        return;
    }
    LQ_GROW(listing->objects, listing->n_objects, listing->capacity);
    listing->objects[listing->n_objects++] = listing->object;
    listing->object = (struct object){ 0 };
}

static void end_in_object(struct lq_listing *listing, const char *name, const char *text)
{
    char *end;

    if (strcmp(name, "Key") == 0) {
        lq_free(&listing->object.key);
        listing->object.key = lq_strdup(text);
    } else if (strcmp(name, "Size") == 0) {
        listing->object.size_bytes = strtoll(text, &end, 10);
        if (*end || end == text)
            listing->object.size_bytes = -1;
    } else if (strcmp(name, "LastModified") == 0) {
        lq_time_parse(text, 0, &listing->object.time);
    }
}

static void on_end(void *ctx, const XML_Char *name)
{
    struct lq_listing *listing = ctx;
    const char *text = lq_buf_text(&listing->text);

    listing->depth--;
    if (listing->text.overflow)
        listing->problem = "a text in it is too long";
    if (listing->depth == 2 && listing->in_contents) {
        end_in_object(listing, name, text);
    } else if (listing->depth == 1 && listing->in_contents) {
        end_of_object(listing);
    } else if (listing->depth == 1 && strcmp(name, "IsTruncated") == 0) {
        listing->truncated = strcmp(text, "true") == 0;
    } else if (listing->depth == 1 && strcmp(name, "EncodingType") == 0) {
        listing->encoded = strcmp(text, "url") == 0;
    } else if (listing->depth == 1 && strcmp(name, "NextContinuationToken") == 0) {
        lq_free(&listing->next_token);
        listing->next_token = lq_strdup(text);
    }
    lq_buf_clear(&listing->text);
}

/* ---- pages ---- */

enum lq_status lq_listing_start(struct lq_listing *listing, struct lq_error *err)
{
    clear(listing);
    listing->depth = 0;
    listing->in_contents = listing->truncated = listing->encoded = false;
    listing->problem = NULL;
    if (listing->parser)
        XML_ParserFree(listing->parser);
    listing->parser = XML_ParserCreate(NULL);
    if (!listing->parser)
        return lq_error_set(err, LQ_IO, "cannot start reading XML");
    XML_SetUserData(listing->parser, listing);
    XML_SetElementHandler(listing->parser, on_start, on_end);
    XML_SetCharacterDataHandler(listing->parser, on_text);
    return LQ_OK;
}

static enum lq_status feed(struct lq_listing *listing, const void *bytes, size_t len, bool last,
                           struct lq_error *err)
{
    if (XML_Parse(listing->parser, bytes, (int)len, last) == XML_STATUS_ERROR && !listing->problem)
        listing->problem = XML_ErrorString(XML_GetErrorCode(listing->parser));
    if (listing->problem)
        return lq_error_set(err, LQ_CORRUPT, "the server's list cannot be read: %s",
                            listing->problem);
    return LQ_OK;
}

enum lq_status lq_listing_feed(struct lq_listing *listing, const void *bytes, size_t len,
                               struct lq_error *err)
{
    return feed(listing, bytes, len, false, err);
}

enum lq_status lq_listing_finish(struct lq_listing *listing, const char *prefix,
                                 lq_s3_object_fn *on_object, void *ctx, struct lq_error *err)
{
    const size_t prefix_len = strlen(prefix);

    LQ_TRY(feed(listing, "", 0, true, err));
    for (size_t i = 0; i < listing->n_objects; i++) {
        LQ_CLEANUP(lq_free) char *key =
            listing->encoded ? decode(listing->objects[i].key) : lq_strdup(listing->objects[i].key);
        const struct lq_s3_object object = {
            .path = key + (prefix_len ? prefix_len + 1 : 0),
            .size_bytes = listing->objects[i].size_bytes,
            .time = listing->objects[i].time,
        };

        if (prefix_len && (strncmp(key, prefix, prefix_len) != 0 || key[prefix_len] != '/'))
            continue;
        LQ_TRY(on_object(ctx, &object, err));
    }
    /* The same token again would go on for ever. */
    if (listing->truncated &&
        (!listing->next_token ||
         (listing->token && strcmp(listing->token, listing->next_token) == 0)))
        return lq_error_set(err, LQ_CORRUPT, "the server's list does not go on");
    lq_free(&listing->token);
    if (listing->truncated)
        listing->token = LQ_TAKE(listing->next_token);
    return LQ_OK;
}
