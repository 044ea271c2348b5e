/* SPDX-License-Identifier: MIT */
/* Escapes values for hive paths, and builds and reads the names of run files. */
#include "store/names.h"
#include "base/file.h"
#include "base/text.h"
#include <inttypes.h>
#include <strings.h>

#define HASH_BYTES 18 /* "~~" and 16 hex */

/* Not isalnum(): the locale must not decide what a path looks like. */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void lq_name_add_run(struct lq_buf *text, struct lq_str name)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf utf8 = LQ_BUF_INIT;
    size_t len = 0;

    lq_text_add_utf8(&utf8, name);
    for (size_t i = 0; i < utf8.len && len < LQ_NAME_RUN_MAX_BYTES; i++) {
        if (((unsigned char)utf8.data[i] & 0xc0) == 0x80)
            continue; /* the rest of a character that gave its '_' already */
        lq_buf_addc(text, is_word(utf8.data[i]) ? utf8.data[i] : '_');
        len++;
    }
    if (len == 0)
        lq_buf_addc(text, '_');
}

static bool all_digits(struct lq_str value)
{
    size_t i = 0;

    while (i < value.len && is_digit(value.ptr[i]))
        i++;
    return i == value.len && value.len > 0;
}

/* Of a value that a file system or an engine would take for something else, the one byte to escape
 * although it is an allowed one; `value.len` for all others. */
static size_t special_byte(struct lq_str value)
{
    if (lq_str_eq(value, LQ_STR(".")) || lq_str_eq(value, LQ_STR("..")) || all_digits(value) ||
        (value.len == 4 && strncasecmp(value.ptr, "null", 4) == 0))
        return 0;
    if (lq_str_eq(value, LQ_STR("__HIVE_DEFAULT_PARTITION__")))
        return 2; /* its first letter */
    return value.len;
}

void lq_name_add_partition(struct lq_buf *text, struct lq_str value)
{
    const size_t special = special_byte(value), start = text->len;
    size_t cut = start; /* where the hash goes if it turns out too long */
    char hex[LQ_SHA256_HEX_BYTES];

    if (value.len == 0)
        lq_buf_addc(text, '_');
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];

        if (i != special && (is_word(c) || c == '.'))
            lq_buf_addc(text, c);
        else
            lq_buf_addf(text, "~%02X", (unsigned char)c);
        if (text->len - start <= LQ_NAME_PARTITION_MAX_BYTES - HASH_BYTES)
            cut = text->len;
        if (text->len - start <= LQ_NAME_PARTITION_MAX_BYTES)
            continue;
        lq_sha256_hex(value.ptr, value.len, hex);
        lq_buf_truncate(text, cut);
        lq_buf_addf(text, "~~%.16s", hex);
        return;
    }
}

static int hex_digit(char c)
{
    return is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lq_name_add_unescaped(struct lq_buf *text, struct lq_str escaped)
{
    const size_t start = text->len;

    for (size_t i = 0; i < escaped.len; i++) {
        const bool escape = escaped.ptr[i] == '~';
        const int high = escape && i + 2 < escaped.len ? hex_digit(escaped.ptr[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(escaped.ptr[i + 2]) : -1;

        if (escape ? low < 0 : !is_word(escaped.ptr[i]) && escaped.ptr[i] != '.') {
            lq_buf_truncate(text, start);
            return false;
        }
        lq_buf_addc(text, escape ? (char)(high * 16 + low) : escaped.ptr[i]);
        i += escape ? 2 : 0;
    }
    return escaped.len > 0;
}

static const struct {
    struct lq_str text;
    enum lq_run_file_kind kind;
} suffixes[] = {
    { { ".parquet", 8 }, LQ_RUN_FILE_PARQUET },
    { { ".log.zst", 8 }, LQ_RUN_FILE_LOG },
};

void lq_name_add_run_file(struct lq_buf *text, const struct lq_run_file *file)
{
    lq_buf_addf(text, "%03" PRId64 "_", file->run_id);
    lq_name_add_run(text, file->name);
    lq_buf_addf(text, "_%s%s%s", file->hhmmss, file->run8[0] ? "-" : "", file->run8);
    for (size_t i = 0; i < LQ_COUNT(suffixes); i++)
        if (suffixes[i].kind == file->kind)
            lq_buf_add(text, suffixes[i].text.ptr, suffixes[i].text.len);
}

/* Take "_143022" or "_143022-89abcdef" off the end. It is unambiguous whatever the run is called,
 * because a name is always followed by it. */
static bool take_time(struct lq_run_file *file, struct lq_str *text)
{
    size_t at = text->len;

    while (at > 0 &&
           (is_digit(text->ptr[at - 1]) || (text->ptr[at - 1] >= 'a' && text->ptr[at - 1] <= 'f')))
        at--;
    if (text->len - at == 8 && at > 0 && text->ptr[at - 1] == '-') {
        memcpy(file->run8, text->ptr + at, 8);
        text->len = at - 1;
    }
    if (text->len < 7 || text->ptr[text->len - 7] != '_' ||
        !all_digits((struct lq_str){ text->ptr + text->len - 6, 6 }))
        return false;
    memcpy(file->hhmmss, text->ptr + text->len - 6, 6);
    text->len -= 7;
    return true;
}

/* Take "001_" off the beginning. */
static bool take_id(struct lq_run_file *file, struct lq_str *text)
{
    size_t n = 0;

    while (n < text->len && is_digit(text->ptr[n])) {
        if (__builtin_mul_overflow(file->run_id, 10, &file->run_id) ||
            __builtin_add_overflow(file->run_id, text->ptr[n] - '0', &file->run_id))
            return false;
        n++;
    }
    if (n < 3 || (n > 3 && text->ptr[0] == '0') || n == text->len || text->ptr[n] != '_')
        return false;
    *text = (struct lq_str){ text->ptr + n + 1, text->len - n - 1 };
    return file->run_id > 0;
}

bool lq_name_parse_run_file(struct lq_run_file *file, struct lq_str text)
{
    size_t i = 0;

    *file = (struct lq_run_file){ 0 };
    while (i < LQ_COUNT(suffixes) && !lq_str_ends(text, suffixes[i].text))
        i++;
    if (i == LQ_COUNT(suffixes))
        return false;
    file->kind = suffixes[i].kind;
    text.len -= suffixes[i].text.len;
    if (!take_time(file, &text) || !take_id(file, &text))
        return false;
    if (text.len == 0 || text.len > LQ_NAME_RUN_MAX_BYTES)
        return false;
    for (size_t at = 0; at < text.len; at++)
        if (!is_word(text.ptr[at]))
            return false;
    file->name = text;
    return true;
}
