/* SPDX-License-Identifier: MIT */
/*
 * Times are int64_t microseconds since 1970-01-01T00:00:00Z, always UTC. Outside capture/ and
 * cli/ nobody reads the clock: the time is passed in.
 */
#ifndef LQ_BASE_TIME_H
#define LQ_BASE_TIME_H

#include "base/base.h"

#define LQ_US_PER_SECOND INT64_C(1000000)

/* The wall clock. */
int64_t lq_time_now(void);
/* Never goes back; for durations and timeouts only. */
int64_t lq_time_monotonic(void);
/* "2025-01-15" */
void lq_time_date(int64_t time, char text[static 11]);
/* "143022", as in run file names */
void lq_time_hhmmss(int64_t time, char text[static 7]);
/* "2025-01-15T14:30:22.123456Z" (RFC 3339); of the years 0 to 9999 */
void lq_time_rfc3339(int64_t time, char text[static 28]);
/*
 * Read a point in time as people write it: "2025-01-15", "2025-01-15T14:30[:22[.123456]][Z]" (UTC;
 * a space may stand for the T), or an age before `now` such as "90s", "30m", "2h", "7d", "4w".
 * false when it is none of these.
 */
bool lq_time_parse(const char *text, int64_t now, int64_t *time);

#endif
