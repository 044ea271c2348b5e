/* SPDX-License-Identifier: MIT */
/* Strip escape sequences and carriage returns. */
#include "base/clean.h"
#include "base/base.h"

#define ESC '\033'
#define BEL '\a'

static bool between(char byte, int low, int high)
{
    const int value = (unsigned char)byte;

    return value >= low && value <= high;
}

/* Skip the sequence that begins at `at`, never past the line's end. `*erases`: it is CSI K. */
static const char *skip_escape(const char *at, const char *end, bool *erases)
{
    *erases = false;
    if (++at == end)
        return at;
    switch (*at) {
    case '[':
        for (at++; at < end && between(*at, 0x20, 0x3f); at++)
            ;
        if (at < end && between(*at, 0x40, 0x7e)) {
            *erases = *at == 'K';
            at++;
        }
        return at;
    case ']': /* control strings: OSC, DCS, SOS, PM, APC */
    case 'P':
    case 'X':
    case '^':
    case '_':
        for (at++; at < end && *at != '\n'; at++) {
            if (*at == BEL)
                return at + 1;
            if (*at == ESC && at + 1 < end && at[1] == '\\')
                return at + 2;
        }
        return at;
    default:
        while (at < end && between(*at, 0x20, 0x2f))
            at++;
        return at < end && between(*at, 0x30, 0x7e) ? at + 1 : at;
    }
}

const char *lq_skip_escape(const char *at, const char *end)
{
    bool erases;

    return skip_escape(at, end, &erases);
}

/* Where `byte` is next, or `end`: looked for only once `*known`, the last answer, was passed. */
static const char *next(const char **known, char byte, const char *at, const char *end)
{
    if (!*known || *known < at) {
        *known = memchr(at, byte, (size_t)(end - at));
        *known = *known ? *known : end;
    }
    return *known;
}

size_t lq_clean(char *text, size_t len)
{
    const char *at = text, *const end = text + len;
    const char *escape = NULL, *cr = NULL;
    char *out = text, *line = text; /* where the next byte goes; where its line begins */
    bool returned = false;          /* the cursor stands at the line's start again */

    while (at < end) {
        const char *stop = next(&escape, ESC, at, end);
        char *newline;
        size_t plain;
        bool erases;

        if (next(&cr, '\r', at, end) < stop)
            stop = cr;
        plain = (size_t)(stop - at);
        if (plain) {
            if (returned && *at != '\n')
                out = line;
            returned = false;
            memmove(out, at, plain);
            newline = memrchr(out, '\n', plain);
            line = newline ? newline + 1 : line;
            out += plain;
            at = stop;
        } else if (*at == '\r') {
            returned = true;
            at++;
        } else {
            at = skip_escape(at, end, &erases);
            if (erases && returned)
                out = line;
        }
    }
    return (size_t)(out - text);
}
