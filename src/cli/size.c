/* SPDX-License-Identifier: MIT */
/* Sizes as people write and read them. */
#include "cli/size.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "kMGTP";

void lq_size_format(int64_t bytes, char text[static LQ_SIZE_TEXT_BYTES])
{
    double size = (double)bytes / 1000;
    size_t i = 0;

    if (bytes < 1000) {
        snprintf(text, LQ_SIZE_TEXT_BYTES, "%" PRId64 " %s", bytes, bytes == 1 ? "byte" : "bytes");
        return;
    }
    for (; size >= 1000 && letters[i + 1]; i++)
        size /= 1000;
    snprintf(text, LQ_SIZE_TEXT_BYTES, "%.1f %cB", size, letters[i]);
}

bool lq_size_parse(const char *text, int64_t *bytes)
{
    char *end;
    double size;
    double unit = 1;

    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") == 0)
        return false;
    size = strtod(text, &end);
    if (end != text + strspn(text, "0123456789."))
        return false; /* "1e9", "0x10" */
    while (*end == ' ')
        end++;
    if (*end && *end != 'B') {
        const char *letter = strchr(letters, *end == 'K' ? 'k' : *end == 'm' ? 'M' : *end);
        const double base = end[1] == 'i' ? 1024 : 1000;

        if (!letter)
            return false;
        for (const char *at = letters; at <= letter; at++)
            unit *= base;
        end += base == 1024 ? 2 : 1;
    }
    if (*end == 'B')
        end++;
    if (*end || size * unit >= 9e18)
        return false;
    *bytes = (int64_t)(size * unit);
    return true;
}
