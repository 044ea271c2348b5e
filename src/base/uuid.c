/* SPDX-License-Identifier: MIT */
/* UUID versions 4 and 7 (RFC 9562, sections 5.4 and 5.7). */
#include "base/uuid.h"
#include <ctype.h>
#include <sys/random.h>

static void random_bytes(unsigned char bytes[static 16])
{
    /* Requests of up to 256 bytes are never cut short once the pool is ready (getrandom(2)). */
    if (getrandom(bytes, 16, 0) != 16)
        abort();
}

static void write_text(unsigned char bytes[static 16], int version, char text[static LQ_UUID_BYTES])
{
    bytes[6] = (unsigned char)((version << 4) | (bytes[6] & 0x0f));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
    for (int i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        at += snprintf(text + at, (size_t)(LQ_UUID_BYTES - at), "%02x", bytes[i]);
    }
}

void lq_uuid_v4(char text[static LQ_UUID_BYTES])
{
    unsigned char bytes[16];

    random_bytes(bytes);
    write_text(bytes, 4, text);
}

void lq_uuid_v7(int64_t time, char text[static LQ_UUID_BYTES])
{
    const uint64_t ms = (uint64_t)(time / 1000);
    unsigned char bytes[16];

    random_bytes(bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    write_text(bytes, 7, text);
}

bool lq_uuid_valid(const char *text)
{
    for (int i = 0; i < LQ_UUID_BYTES - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[LQ_UUID_BYTES - 1] == '\0';
}
