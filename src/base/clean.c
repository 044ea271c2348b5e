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

size_t lq_clean(char *text, size_t len)
{
    const char *at = text, *const end = text + len;
    char *out = text, *line = text; /* where the next byte goes; where its line begins */
    bool returned = false;          /* the cursor stands at the line's start again */

    while (at < end) {
        bool erases;

        switch (*at) {
        case ESC:
            at = skip_escape(at, end, &erases);
            if (erases && returned)
                out = line;
            break;
        case '\r':
            returned = true;
            at++;
            break;
        case '\n':
            *out++ = *at++;
            line = out;
            returned = false;
            break;
        default:
            if (returned) {
                out = line;
                returned = false;
            }
            *out++ = *at++;
        }
    }
    return (size_t)(out - text);
}
