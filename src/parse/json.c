/* SPDX-License-Identifier: MIT */
/* JSON as it comes, in flat memory. */
#include "parse/json.h"

#include "base/alloc.h"

/* What may come next. */
enum {
    VALUE,
    VALUE_OR_END, /* after "[" */
    KEY_OR_END,   /* after "{" */
    KEY,          /* after "," in an object */
    COLON,
    COMMA_OR_END,
    STRING, /* within one */
    ESCAPE, /* after a backslash */
    HEX_4,  /* digits of \uXXXX that are still to come */
    HEX_3,
    HEX_2,
    HEX_1,
    NUMBER,
    WORD,
    END, /* the value is complete */
};

struct reader {
    struct lq_json *json;
    lq_json_fn *on_token;
    void *ctx;
};

void lq_json_init(struct lq_json *json)
{
    struct lq_clip text = json->text;

    *json = (struct lq_json){ .expects = VALUE, .text = text };
    json->text.max = LQ_JSON_TEXT_MAX_BYTES;
    lq_clip_clear(&json->text);
}

void lq_json_release(struct lq_json *json)
{
    lq_clip_release(&json->text);
}

static void tell(const struct reader *reader, enum lq_json_token token)
{
    if (reader->on_token)
        reader->on_token(reader->ctx, token, lq_clip_text(&reader->json->text));
}

static void add(const struct reader *reader, const char *bytes, size_t len)
{
    if (reader->on_token)
        lq_clip_add(&reader->json->text, (struct lq_str){ bytes, len });
}

static bool in_object(const struct lq_json *json)
{
    const unsigned level = json->depth - 1;

    return json->depth && json->objects[level / 64] >> level % 64 & 1;
}

static void value_done(struct lq_json *json)
{
    json->expects = json->depth ? COMMA_OR_END : END;
}

static bool open_level(const struct reader *reader, bool object)
{
    struct lq_json *json = reader->json;
    const uint64_t bit = (uint64_t)1 << json->depth % 64;

    if (json->depth == LQ_JSON_MAX_DEPTH)
        return false;
    if (object)
        json->objects[json->depth / 64] |= bit;
    else
        json->objects[json->depth / 64] &= ~bit;
    json->depth++;
    json->expects = object ? KEY_OR_END : VALUE_OR_END;
    tell(reader, object ? LQ_JSON_OBJECT : LQ_JSON_ARRAY);
    return true;
}

static bool close_level(const struct reader *reader, bool object)
{
    struct lq_json *json = reader->json;

    if (!json->depth || in_object(json) != object)
        return false;
    json->depth--;
    value_done(json);
    tell(reader, object ? LQ_JSON_OBJECT_END : LQ_JSON_ARRAY_END);
    return true;
}

static void open_string(const struct reader *reader, bool key)
{
    lq_clip_clear(&reader->json->text);
    reader->json->is_key = key;
    reader->json->high = 0;
    reader->json->expects = STRING;
}

/* The first byte of a value; false also for those that are read from their first byte on, for which
 * `expects` is set. */
static bool take_value(const struct reader *reader, const char *at)
{
    struct lq_json *json = reader->json;

    switch (*at) {
    case '{':
        return open_level(reader, true);
    case '[':
        return open_level(reader, false);
    case '"':
        open_string(reader, false);
        return true;
    case 't':
    case 'f':
    case 'n':
        lq_clip_clear(&json->text);
        json->escape = 0;
        json->expects = WORD;
        return false;
    default:
        if (*at != '-' && (*at < '0' || *at > '9'))
            return false;
        lq_clip_clear(&json->text);
        json->expects = NUMBER;
        return false;
    }
}

/* The code point as UTF-8. Half of a surrogate pair alone becomes U+FFFD. */
static void add_code_point(const struct reader *reader, uint32_t code)
{
    char utf8[4];
    size_t len = 0;

    if (code >= 0xd800 && code < 0xe000)
        code = 0xfffd;
    if (code < 0x80) {
        utf8[len++] = (char)code;
    } else if (code < 0x800) {
        utf8[len++] = (char)(0xc0 | code >> 6);
        utf8[len++] = (char)(0x80 | (code & 0x3f));
    } else {
        if (code < 0x10000) {
            utf8[len++] = (char)(0xe0 | code >> 12);
        } else {
            utf8[len++] = (char)(0xf0 | code >> 18);
            utf8[len++] = (char)(0x80 | (code >> 12 & 0x3f));
        }
        utf8[len++] = (char)(0x80 | (code >> 6 & 0x3f));
        utf8[len++] = (char)(0x80 | (code & 0x3f));
    }
    add(reader, utf8, len);
}

/* A high surrogate that no low one followed. */
static void flush_high(const struct reader *reader)
{
    if (reader->json->high)
        add_code_point(reader, reader->json->high);
    reader->json->high = 0;
}

static void unicode_done(const struct reader *reader)
{
    struct lq_json *json = reader->json;
    const uint32_t code = json->escape;

    if (json->high && code >= 0xdc00 && code < 0xe000) {
        add_code_point(reader, 0x10000 + ((json->high - 0xd800) << 10) + (code - 0xdc00));
        json->high = 0;
        return;
    }
    flush_high(reader);
    if (code >= 0xd800 && code < 0xdc00)
        json->high = code;
    else
        add_code_point(reader, code);
}

static bool take_escape(const struct reader *reader, char byte)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *name = byte ? strchr(names, byte) : NULL;

    if (byte == 'u') {
        reader->json->escape = 0;
        reader->json->expects = HEX_4;
        return true;
    }
    if (!name)
        return false;
    flush_high(reader);
    add(reader, &bytes[name - names], 1);
    reader->json->expects = STRING;
    return true;
}

static bool take_hex(const struct reader *reader, char byte)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    struct lq_json *json = reader->json;
    const char *digit = byte ? strchr(digits, byte) : NULL;

    if (!digit)
        return false;
    json->escape = json->escape << 4 | (uint32_t)(digit - digits - (digit - digits > 15 ? 6 : 0));
    if (json->expects++ == HEX_1) {
        json->expects = STRING;
        unicode_done(reader);
    }
    return true;
}

/* Bytes of a string up to one that means something; returns how many. */
static size_t plain_bytes(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return (size_t)(at - start);
}

/* Within a string; returns the bytes read, 0 when one may not stand there. */
static size_t take_string(const struct reader *reader, const char *at, const char *end)
{
    struct lq_json *json = reader->json;
    const size_t plain = plain_bytes(at, end);

    if (plain) {
        flush_high(reader);
        add(reader, at, plain);
        return plain;
    }
    if (*at == '\\') {
        json->expects = ESCAPE;
        return 1;
    }
    if (*at != '"')
        return 0;
    flush_high(reader);
    if (json->is_key) {
        json->expects = COLON;
        tell(reader, LQ_JSON_KEY);
    } else {
        value_done(json);
        tell(reader, LQ_JSON_TEXT);
    }
    return 1;
}

/* A number ends before the first byte that is none of it. */
static size_t take_number(const struct reader *reader, const char *at, const char *end)
{
    size_t len = 0;

    while (at + len < end && memchr("0123456789+-.eE", at[len], 15))
        len++;
    add(reader, at, len);
    if (at + len < end) {
        value_done(reader->json);
        tell(reader, LQ_JSON_NUMBER);
    }
    return len;
}

/* true, false, null: `escape` counts the bytes read, above it stands which. */
static size_t take_word(const struct reader *reader, const char *at, const char *end)
{
    static const char *const words[] = { "true", "false", "null" };
    struct lq_json *json = reader->json;
    size_t n = 0;

    if (!json->escape)
        json->escape = (*at == 't' ? 0 : *at == 'f' ? 1 : 2) << 8;
    while (at + n < end) {
        const char *word = words[json->escape >> 8];

        if (at[n] != word[json->escape & 0xff])
            return 0;
        n++;
        json->escape++;
        if (word[json->escape & 0xff])
            continue;
        add(reader, word, strlen(word));
        value_done(json);
        tell(reader, LQ_JSON_WORD);
        break;
    }
    return n;
}

/* One byte between values. */
static bool take_mark(const struct reader *reader, const char *at)
{
    struct lq_json *json = reader->json;

    switch (json->expects) {
    case VALUE_OR_END:
        if (*at == ']')
            return close_level(reader, false);
        return take_value(reader, at);
    case VALUE:
        return take_value(reader, at);
    case KEY_OR_END:
    case KEY:
        if (*at == '}' && json->expects == KEY_OR_END)
            return close_level(reader, true);
        if (*at != '"')
            return false;
        open_string(reader, true);
        return true;
    case COLON:
        json->expects = VALUE;
        return *at == ':';
    default: /* COMMA_OR_END */
        if (*at != ',')
            return (*at == '}' || *at == ']') && close_level(reader, *at == '}');
        json->expects = in_object(json) ? KEY : VALUE;
        return true;
    }
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* Read what comes next; returns the bytes read, 0 for no JSON. */
static size_t step(const struct reader *reader, const char *at, const char *end)
{
    struct lq_json *json = reader->json;
    const unsigned char expects = json->expects;

    switch (expects) {
    case STRING:
        return take_string(reader, at, end);
    case ESCAPE:
        return take_escape(reader, *at);
    case HEX_4:
    case HEX_3:
    case HEX_2:
    case HEX_1:
        return take_hex(reader, *at);
    case NUMBER:
        return take_number(reader, at, end);
    case WORD:
        return take_word(reader, at, end);
    default:
        if (is_space(*at) || take_mark(reader, at))
            return 1;
        if (json->expects != NUMBER && json->expects != WORD)
            return 0;
        return step(reader, at, end);
    }
}

enum lq_json_state lq_json_feed(struct lq_json *json, struct lq_str bytes, lq_json_fn *on_token,
                                void *ctx, size_t *used)
{
    const struct reader reader = { json, on_token, ctx };
    const char *at = bytes.ptr, *const end = at + bytes.len;
    enum lq_json_state state = LQ_JSON_MORE;

    while (at < end && json->expects != END) {
        const bool was_number = json->expects == NUMBER;
        size_t n;

        json->at = at;
        n = step(&reader, at, end);

        if (!n && !(was_number && json->expects != NUMBER)) {
            state = LQ_JSON_BAD;
            break;
        }
        at += n;
    }
    if (json->expects == END)
        state = LQ_JSON_DONE;
    *used = (size_t)(at - bytes.ptr);
    return state;
}

enum lq_json_state lq_json_peek(const struct lq_json *json, struct lq_str line, bool goes_on)
{
    struct lq_json copy = *json;
    size_t used, more;
    enum lq_json_state state = lq_json_feed(&copy, line, NULL, NULL, &used);

    if (state == LQ_JSON_MORE && !goes_on)
        state = lq_json_feed(&copy, LQ_STR("\n"), NULL, NULL, &more);
    if (state != LQ_JSON_DONE)
        return state;
    while (used < line.len && is_space(line.ptr[used]))
        used++;
    return used == line.len ? LQ_JSON_DONE : LQ_JSON_BAD;
}
