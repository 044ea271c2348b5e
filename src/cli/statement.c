/* SPDX-License-Identifier: MIT */
/* Splitting text into statements, as DuckDB's parser reads it. */
#include "cli/statement.h"
#include <ctype.h>

/* What begins at `at`, as far as a ';' in it is none: its end, and `*ends` when that is there. */
static size_t skip_to(struct lq_str text, size_t at, struct lq_str mark, bool *ends)
{
    const char *found = memmem(text.ptr + at, text.len - at, mark.ptr, mark.len);

    *ends = found != NULL;
    return found ? (size_t)(found - text.ptr) + mark.len : text.len;
}

/* Comments nest. */
static size_t skip_comment(struct lq_str text, size_t at, bool *ends)
{
    int depth = 0;

    while (at + 1 < text.len) {
        const bool opens = text.ptr[at] == '/' && text.ptr[at + 1] == '*';
        const bool closes = text.ptr[at] == '*' && text.ptr[at + 1] == '/';

        depth += opens - closes;
        at += opens || closes ? 2 : 1;
        if (depth == 0) {
            *ends = true;
            return at;
        }
    }
    *ends = false;
    return text.len;
}

/* Only after E does a backslash escape a quote. A doubled quote ends one text and begins another. */
static size_t skip_quoted(struct lq_str text, size_t at, bool *ends)
{
    const char quote = text.ptr[at];
    const bool escapes =
        quote == '\'' && at > 0 && (text.ptr[at - 1] | 0x20) == 'e' &&
        (at == 1 || (!isalnum((unsigned char)text.ptr[at - 2]) && text.ptr[at - 2] != '_'));

    if (!escapes)
        return skip_to(text, at + 1, (struct lq_str){ &quote, 1 }, ends);
    for (at++; at < text.len; at++) {
        const char next = at + 1 < text.len ? text.ptr[at + 1] : '\0';

        if (text.ptr[at] == '\\' || (text.ptr[at] == quote && next == quote))
            at++;
        else if (text.ptr[at] == quote)
            break;
    }
    *ends = at < text.len;
    return *ends ? at + 1 : text.len;
}

/* Length of $tag$ at `at`; 0: it is none, such as the parameter $1. */
static size_t tag_length(struct lq_str text, size_t at)
{
    size_t end = at + 1;

    while (end < text.len && (isalnum((unsigned char)text.ptr[end]) || text.ptr[end] == '_' ||
                              (unsigned char)text.ptr[end] >= 0x80))
        end++;
    if (end >= text.len || text.ptr[end] != '$' || isdigit((unsigned char)text.ptr[at + 1]))
        return 0;
    return end + 1 - at;
}

/* Where what stands at `at` ends: one byte further, or behind a quoted text or a comment. */
static size_t next(struct lq_str text, size_t at, bool *ends, bool *comment)
{
    const struct lq_str rest = { text.ptr + at, text.len - at };
    size_t tag;

    *ends = true;
    *comment = true;
    if (lq_str_starts(rest, LQ_STR("--")))
        return skip_to(text, at, LQ_STR("\n"), ends);
    if (lq_str_starts(rest, LQ_STR("/*")))
        return skip_comment(text, at, ends);
    *comment = false;
    if (*rest.ptr == '\'' || *rest.ptr == '"')
        return skip_quoted(text, at, ends);
    tag = *rest.ptr == '$' ? tag_length(text, at) : 0;
    if (tag > 0)
        return skip_to(text, at + tag, (struct lq_str){ rest.ptr, tag }, ends);
    return at + 1;
}

size_t lq_statement_length(struct lq_str text)
{
    bool ends, comment;

    for (size_t at = 0; at < text.len; at = next(text, at, &ends, &comment)) {
        if (text.ptr[at] == ';')
            return at + 1;
    }
    return 0;
}

bool lq_statement_is_blank(struct lq_str text)
{
    bool ends, comment;

    for (size_t at = 0, end; at < text.len; at = end) {
        end = next(text, at, &ends, &comment);
        /* A comment of several lines that does not end yet is something to go on with. */
        if (comment ? !ends && text.ptr[at] == '/'
                    : !isspace((unsigned char)text.ptr[at]) && text.ptr[at] != ';')
            return false;
    }
    return true;
}
