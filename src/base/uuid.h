/* SPDX-License-Identifier: MIT */
/* UUIDs as RFC 9562 defines them, in their 36-character lower-case text form. */
#ifndef LQ_BASE_UUID_H
#define LQ_BASE_UUID_H

#include "base/base.h"

#define LQ_UUID_BYTES 37 /* 36 characters and the NUL */

/* Version 4: random. */
void lq_uuid_v4(char text[static LQ_UUID_BYTES]);
/* Version 7: milliseconds of `time` (microseconds UTC), then random; sorts by time. */
void lq_uuid_v7(int64_t time, char text[static LQ_UUID_BYTES]);
/* Whether `text` has the form of a UUID of any version, in lower or upper case. */
bool lq_uuid_valid(const char *text);

#endif
