/* SPDX-License-Identifier: MIT */
/* Clock readings and their text forms. */
#include "base/time.h"

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * LQ_US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t lq_time_now(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t lq_time_monotonic(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Whole seconds, rounded down also before 1970, broken down in UTC. */
static struct tm utc(int64_t time)
{
    const int64_t below = time % LQ_US_PER_SECOND < 0;
    const time_t seconds = time / LQ_US_PER_SECOND - below;
    struct tm parts = { 0 };

    gmtime_r(&seconds, &parts);
    return parts;
}

void lq_time_date(int64_t time, char text[static 11])
{
    const struct tm parts = utc(time);

    strftime(text, 11, "%Y-%m-%d", &parts);
}

void lq_time_hhmmss(int64_t time, char text[static 7])
{
    const struct tm parts = utc(time);

    strftime(text, 7, "%H%M%S", &parts);
}

void lq_time_rfc3339(int64_t time, char text[static 28])
{
    const struct tm parts = utc(time);
    const int64_t micros = ((time % LQ_US_PER_SECOND) + LQ_US_PER_SECOND) % LQ_US_PER_SECOND;
    size_t len = 4;

    /* strftime's %Y does not pad years before 1000. */
    snprintf(text, 28, "%04d", (parts.tm_year + 1900) % 10000);
    len += strftime(text + len, 28 - len, "-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, 28 - len, ".%06dZ", (int)micros);
}

static bool parse_age(const char *text, int64_t now, int64_t *time)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    char *end;
    const long long count = strtoll(text, &end, 10);

    if (end == text || count < 0 || count > 1000000 || !*end || end[1])
        return false;
    for (size_t i = 0; i < LQ_COUNT(units); i++) {
        if (units[i].unit == *end) {
            *time = now - count * units[i].seconds * LQ_US_PER_SECOND;
            return true;
        }
    }
    return false;
}

bool lq_time_parse(const char *text, int64_t now, int64_t *time)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S" };
    char plain[64];
    char *space;

    if (parse_age(text, now, time))
        return true;
    if (strlen(text) >= sizeof plain)
        return false;
    snprintf(plain, sizeof plain, "%s", text);
    space = strchr(plain, ' ');
    if (space)
        *space = 'T';
    for (size_t i = 0; i < LQ_COUNT(forms); i++) {
        struct tm parts = { 0 };
        const char *rest = strptime(plain, forms[i], &parts);
        int64_t micros = 0;
        int read = 0;

        if (!rest)
            continue;
        if (i == 2 && *rest == '.' && sscanf(rest, ".%*[0-9]%n", &read) == 0 && read > 1) {
            char digits[7] = "000000";

            for (int d = 0; d < 6 && d < read - 1; d++)
                digits[d] = rest[1 + d];
            micros = strtoll(digits, NULL, 10);
            rest += read;
        }
        if (i > 0 && *rest == 'Z')
            rest++;
        if (*rest)
            continue;
        *time = (int64_t)timegm(&parts) * LQ_US_PER_SECOND + micros;
        return true;
    }
    return false;
}
