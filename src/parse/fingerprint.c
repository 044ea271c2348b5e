/* SPDX-License-Identifier: MIT */
/* Which events are the same mistake. */
#include "parse/fingerprint.h"

#include "base/str.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
/* Names and paths are looked at this far, so that a long message costs linear time. */
#define WORD_MAX_BYTES 256
#define QUOTED_MAX_BYTES 1024
/* No term with a slash in it is longer. */
#define TERM_MAX_BYTES 13

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

/* Kinds of bytes; a message is looked at byte by byte. */
enum {
    ALPHA = 1, /* with '_', and all that is not ASCII */
    DIGIT = 2,
    HEX = 4,
    STOP = 8,  /* ends a word */
    PLACE = 16 /* may tell that a word is a path or a place */
};

static unsigned kind_of(char byte)
{
#define A ALPHA
#define H ALPHA | HEX
#define D DIGIT | HEX
#define S STOP
#define P PLACE
    static const unsigned char ascii[128] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, S, S, 0, 0, 0, 0, 0, /* tab and line feed */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* */
        S, 0, S, 0, 0, 0, 0, S, S, S, 0, 0, S, 0, P, P, /*  !"#$%&'()*+,-./ */
        D, D, D, D, D, D, D, D, D, D, P, S, S, S, S, 0, /* 0123456789:;<=>? */
        0, H, H, H, H, H, H, A, A, A, A, A, A, A, A, A, /* @ABCDEFGHIJKLMNO */
        A, A, A, A, A, A, A, A, A, A, A, S, P, S, 0, A, /* PQRSTUVWXYZ[\]^_ */
        S, H, H, H, H, H, H, A, A, A, A, A, A, A, A, A, /* `abcdefghijklmno */
        A, A, A, A, A, A, A, A, A, A, A, S, 0, S, 0, 0, /* pqrstuvwxyz{|}~ */
    };
#undef A
#undef H
#undef D
#undef S
#undef P
    return (unsigned char)byte < 0x80 ? ascii[(unsigned char)byte] : ALPHA;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alpha(char byte)
{
    return kind_of(byte) & ALPHA;
}

static bool is_hex(char byte)
{
    return kind_of(byte) & HEX;
}

static bool is_word_byte(char byte)
{
    return kind_of(byte) & (ALPHA | DIGIT);
}

static char byte_at(struct lq_str text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

/* Whether it may begin a quoted name. */
static bool is_quote(char byte)
{
    return byte == '\'' || byte == '"' || byte == '`' || (unsigned char)byte >= 0x80;
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

    if (!text.len || !is_quote(text.ptr[0]))
        return 0;
    if (text.len > QUOTED_MAX_BYTES)
        text.len = QUOTED_MAX_BYTES;
    for (size_t i = 0; i < LQ_COUNT(quotes); i++) {
        size_t open, close;
        const char *at;

        if (text.ptr[0] != quotes[i].open[0])
            continue;
        open = strlen(quotes[i].open);
        close = strlen(quotes[i].close);
        if (text.len <= open || memcmp(text.ptr, quotes[i].open, open) != 0)
            continue;
        at = close == 1 ? memchr(text.ptr + open, quotes[i].close[0], text.len - open)
                        : memmem(text.ptr + open, text.len - open, quotes[i].close, close);
        if (at && (best == 0 || (size_t)(at - text.ptr) + close < best))
            best = (size_t)(at - text.ptr) + close;
    }
    return best;
}

/* "I/O", "and/or": no path. */
static bool is_term(struct lq_str word)
{
    static const char *const terms[] = { "and/or",     "either/or",  "input/output",
                                         "on/off",     "read/write", "start/stop",
                                         "true/false", "yes/no",     "client/server" };
    bool upper = true;

    for (size_t i = 0; i < LQ_COUNT(terms) && word.len <= TERM_MAX_BYTES; i++)
        if (lq_str_eq(word, lq_str_of(terms[i])))
            return true;
    for (size_t i = 0; i < word.len; i++)
        upper = upper && ((word.ptr[i] >= 'A' && word.ptr[i] <= 'Z') ||
                          (word.ptr[i] == '/' && i > 0 && i + 1 < word.len));
    return upper;
}

/* A word: what stands between spaces, quotes and brackets. `*path`: it is a path or a place. */
static size_t word(struct lq_str text, bool *path)
{
    size_t len = 0;
    bool dot_before_name = false;

    *path = false;
    if (text.len > WORD_MAX_BYTES)
        text.len = WORD_MAX_BYTES;
    for (; len < text.len; len++) {
        const char byte = text.ptr[len];
        const unsigned kind = kind_of(byte);

        if (kind & STOP)
            break;
        if (!(kind & PLACE))
            continue;
        if ((byte == '/' || byte == '\\') && text.len > 1)
            *path = true;
        if (byte == '.' && len > 0 && len + 1 < text.len && is_alpha(text.ptr[len - 1]) &&
            is_alpha(text.ptr[len + 1]))
            dot_before_name = true;
        /* file.c:12 */
        if (byte == ':' && dot_before_name && len + 1 < text.len && is_digit(text.ptr[len + 1]))
            *path = true;
    }
    if (*path && is_term((struct lq_str){ text.ptr, len }))
        *path = false;
    return len;
}

/* ---- what differs from run to run ---- */

/* Whether `text` begins like `form`: "d" stands for a digit, "x" for a hexadecimal one. */
static bool has_form(struct lq_str text, const char *form)
{
    for (size_t i = 0; form[i]; i++) {
        const char byte = byte_at(text, i);

        if (!(form[i] == 'd' ? is_digit(byte) : form[i] == 'x' ? is_hex(byte) : byte == form[i]))
            return false;
    }
    return true;
}

static size_t digits(struct lq_str text, size_t at)
{
    size_t len = 0;

    while (is_digit(byte_at(text, at + len)))
        len++;
    return len;
}

static size_t uuid(struct lq_str text)
{
    return has_form(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") &&
                   !is_word_byte(byte_at(text, 36))
               ? 36
               : 0;
}

/* 10:31:07.25, 9:05 */
static size_t clock_time(struct lq_str text)
{
    const size_t hours = digits(text, 0);
    size_t len = hours;

    if (hours < 1 || hours > 2)
        return 0;
    while (byte_at(text, len) == ':' && digits(text, len + 1) == 2)
        len += 3;
    if (len == hours)
        return 0;
    if ((byte_at(text, len) == '.' || byte_at(text, len) == ',') && digits(text, len + 1))
        len += 1 + digits(text, len + 1);
    return len;
}

/* 2026-11-28, with or without T10:31:07.25+01:00 or Z behind. */
static size_t date(struct lq_str text)
{
    size_t len = 10, time;

    if (!has_form(text, "dddd-dd-dd") && !has_form(text, "dddd/dd/dd"))
        return 0;
    if (is_digit(byte_at(text, len)))
        return 0;
    if (byte_at(text, len) != 'T' && byte_at(text, len) != ' ')
        return len;
    time = clock_time((struct lq_str){ text.ptr + len + 1, text.len - len - 1 });
    if (!time)
        return len;
    len += 1 + time;
    if (byte_at(text, len) == 'Z')
        return len + 1;
    if (byte_at(text, len) == '+' || byte_at(text, len) == '-')
        len += has_form((struct lq_str){ text.ptr + len + 1, text.len - len - 1 }, "dd:dd") ? 6
               : digits(text, len + 1) == 4                                                 ? 5
                                                                                            : 0;
    return len;
}

/* A hash: at least seven hexadecimal digits with letters among them. */
static size_t hash_word(struct lq_str text)
{
    size_t len = 0, n_digits = 0;

    while (is_hex(byte_at(text, len))) {
        n_digits += is_digit(text.ptr[len]);
        len++;
    }
    return len >= 7 && n_digits > 0 && n_digits < len && !is_word_byte(byte_at(text, len)) ? len
                                                                                           : 0;
}

/* A unit of time at the start of `text`, a space before it included. */
static size_t unit(struct lq_str text)
{
    static const char *const units[] = { "ns",     "us",      "µs",      "ms", "s",    "sec",
                                         "secs",   "second",  "seconds", "m",  "min",  "mins",
                                         "minute", "minutes", "h",       "hr", "hour", "hours" };
    const size_t space = byte_at(text, 0) == ' ';
    const struct lq_str rest = { text.ptr + space, text.len - space };
    size_t len = 0;

    if (!is_alpha(byte_at(rest, 0)))
        return 0;
    for (size_t i = 0; i < LQ_COUNT(units); i++)
        if (lq_str_starts(rest, lq_str_of(units[i])) && strlen(units[i]) > len &&
            !is_alpha(byte_at(rest, strlen(units[i]))))
            len = strlen(units[i]);
    return len ? space + len : 0;
}

static size_t number(struct lq_str text)
{
    size_t len = 0;

    if (text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'X')) {
        for (len = 2; len < text.len && is_hex(text.ptr[len]); len++)
            ;
        return len;
    }
    while (len < text.len && (is_digit(text.ptr[len]) || (text.ptr[len] == '.' && len > 0) ||
                              (text.ptr[len] == ',' && len > 0 && digits(text, len + 1) == 3)))
        len++;
    return len;
}

/* 3.2s, 150 ms, 1m30s: one thing, whatever the units. */
static size_t number_with_unit(struct lq_str text)
{
    size_t len = number(text), more = 1;

    while (len && more) {
        more = unit((struct lq_str){ text.ptr + len, text.len - len });
        len += more;
        if (more && is_digit(byte_at(text, len)))
            len += number((struct lq_str){ text.ptr + len, text.len - len });
        else
            more = 0;
    }
    return len;
}

/* Length of what differs from run to run at the start of `text`; 0: nothing. */
static size_t varying(struct lq_str text)
{
    static size_t (*const forms[])(struct lq_str) = { uuid, date, hash_word, clock_time,
                                                      number_with_unit };
    const size_t sign =
        (byte_at(text, 0) == '-' || byte_at(text, 0) == '+') && is_digit(byte_at(text, 1));
    size_t len = 0;

    if (!sign && !is_hex(byte_at(text, 0)))
        return 0;
    text.ptr += sign;
    text.len -= sign;
    for (size_t i = 0; i < LQ_COUNT(forms) && !len; i++)
        len = forms[i](text);
    return len ? sign + len : 0;
}

/* Length of what differs from place to place at the start of `text`, and the byte that stands for it; 0:
 * nothing. */
static size_t stand_in(struct lq_str text, unsigned char *byte)
{
    size_t len;
    bool path;

    *byte = 1;
    if ((len = quoted(text)) > 0)
        return len;
    *byte = 2;
    if ((len = word(text, &path)) > 0 && path)
        return len;
    *byte = 3;
    return varying(text);
}

/* Hash `text` with those bytes for what they stand for. A full stop at its end is left out, as some forms of
 * one tool do. */
static uint64_t hash_message(uint64_t hash, struct lq_str text)
{
    size_t at = 0;
    bool in_word = false;

    if (text.len && text.ptr[text.len - 1] == '.')
        text.len--;
    while (at < text.len) {
        const char first = text.ptr[at];
        unsigned char byte = 0;
        size_t len = 0;

        if (!in_word)
            len = stand_in((struct lq_str){ text.ptr + at, text.len - at }, &byte);
        hash = hash_byte(hash, len ? byte : (unsigned char)first);
        in_word = len <= 1 && is_word_byte(first);
        at += len ? len : 1;
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
