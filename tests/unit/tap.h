/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: one program per source file, printing TAP (Test Anything Protocol, version 12).
 *
 *     static void test_cut(void) { CHECK(1 + 1 == 2); CHECK_STR("a", "a"); }
 *     int main(void) { TAP_RUN(test_cut); return tap_done(); }
 *
 * Each TAP_RUN is one TAP line; a failed CHECK names file, line, and the row under test, which
 * TAP_CASE sets, and the test goes on.
 */
#ifndef LQ_TESTS_TAP_H
#define LQ_TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed_tests;
static bool tap_failed;
static const char *tap_row;

#define TAP_CASE(text) (tap_row = (text))

static inline bool tap_check(bool good, const char *what, const char *file, int line)
{
    if (!good) {
        tap_failed = true;
        printf("# %s:%d: %s%s%s\n", file, line, what, tap_row ? " in case: " : "",
               tap_row ? tap_row : "");
    }
    return good;
}

static inline bool tap_check_str(const char *got, const char *want, const char *file, int line)
{
    const bool good = got == want || (got && want && strcmp(got, want) == 0);

    if (!tap_check(good, "texts differ", file, line))
        printf("#   got:  %s\n#   want: %s\n", got ? got : "(NULL)", want ? want : "(NULL)");
    return good;
}

static inline bool tap_check_int(long long got, long long want, const char *file, int line)
{
    if (!tap_check(got == want, "numbers differ", file, line))
        printf("#   got:  %lld\n#   want: %lld\n", got, want);
    return got == want;
}

#define CHECK(condition) tap_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_STR(got, want) tap_check_str((got), (want), __FILE__, __LINE__)
#define CHECK_INT(got, want) tap_check_int((long long)(got), (long long)(want), __FILE__, __LINE__)

#define TAP_RUN(function)                                                                          \
    do {                                                                                           \
        tap_failed = false;                                                                        \
        tap_row = NULL;                                                                            \
        function();                                                                                \
        printf("%sok %d - %s\n", tap_failed ? "not " : "", ++tap_count, #function);                \
        fflush(stdout); /* a child that the next test forks must not print it again */             \
        tap_failed_tests += tap_failed;                                                            \
    } while (0)

static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed_tests ? 1 : 0;
}

#endif
