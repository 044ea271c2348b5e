/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "parse/fingerprint.h"

#include "base/base.h"
#include "base/str.h"

/* The fingerprint of a diagnostic; `text` belongs to the caller. */
static const char *of(const char *tool, const char *code, const char *message, char *text)
{
    const struct lq_event event = { .tool_name = lq_str_of(tool),
                                    .category = LQ_STR("build"),
                                    .error_code = lq_str_of(code),
                                    .message = lq_str_of(message) };

    text[lq_fingerprint(&event, text)] = '\0';
    return text;
}

static void test_equal(void)
{
    static const struct {
        const char *what, *one, *other;
    } pairs[] = {
        { "another machine", "cannot open /home/ann/src/a.c", "cannot open /builds/42/src/a.c" },
        { "relative", "cannot open src/a.c", "cannot open ../src/a.c" },
        { "Windows", "cannot open C:\\work\\a.c", "cannot open D:\\a\\b\\a.c" },
        { "temporary folder", "no space in /tmp/tmp.aX3k/out", "no space in /var/tmp/q/out" },
        { "home", "see ~/.cache/x", "see /home/ann/.cache/x" },
        { "URL", "cannot reach http://localhost:8080/x", "cannot reach http://10.0.0.1:80/x" },
        { "line shift", "first defined in a.c:12", "first defined in a.c:240" },
        { "line and column", "declared at src/a.c:12:5", "declared at src/a.c:13:7" },
        { "line in words", "see line 7", "see line 1024" },
        { "numbers", "expected 2 arguments, got 3", "expected 4 arguments, got 1" },
        { "negative", "exit code -11", "exit code 139" },
        { "thousands", "1,234 bytes left", "17 bytes left" },
        { "fractions", "ratio 0.25 is low", "ratio 1 is low" },
        { "percent", "coverage 81.5% is low", "coverage 3% is low" },
        { "quoted names", "'foo' undeclared", "'bar_2' undeclared" },
        { "quoting: GCC in a UTF-8 and in a C locale", "unused ‘x’", "unused 'x'" },
        { "quoting: old GNU", "undefined reference to `f'", "undefined reference to 'f'" },
        { "quoting: double", "no rule for \"x\"", "no rule for `x`" },
        { "quoting: typographic", "no rule for “x”", "no rule for 'y'" },
        { "spaces in quotes", "'a b c' is no type", "'d' is no type" },
        { "long quoted name",
          "no ‘std::aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "’ here",
          "no 'x' here" },
        { "address", "fault at 0x7ffd1234", "fault at 0x000055d0deadbeef" },
        { "commit", "cannot check out 3f2a9bc",
          "cannot check out 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567" },
        { "digest", "digest is sha256:9f86d081884c7d65", "digest is sha256:60303ae22b998861" },
        { "UUID", "job 550e8400-e29b-41d4-a716-446655440000 failed",
          "job 123e4567-e89b-12d3-a456-426614174000 failed" },
        { "time stamp", "2026-11-28T10:31:07.25Z refused", "2024-01-02 03:04:05 refused" },
        { "zone", "2026-11-28T10:31:07+01:00 refused", "2026-11-28T10:31:07Z refused" },
        { "date", "expired on 2026-11-28", "expired on 2027-01-01" },
        { "clock", "stopped at 10:31:07", "stopped at 9:05" },
        { "duration, other unit", "timed out after 950ms", "timed out after 1.2 s" },
        { "duration, parts", "timed out after 1m30s", "timed out after 45 seconds" },
        { "process", "worker[1234] died", "worker[7] died" },
        { "process, named", "child pid=4711 died", "child pid=12 died" },
        { "host and port", "no answer from 10.1.2.3:8080", "no answer from 127.0.0.1:99" },
        { "full stop", "'x' is never used.", "'x' is never used" },
        { "version", "needs 1.2.3", "needs 10.0" },
    };

    for (size_t i = 0; i < LQ_COUNT(pairs); i++) {
        char one[LQ_FINGERPRINT_BYTES + 1], other[LQ_FINGERPRINT_BYTES + 1];

        TAP_CASE(pairs[i].what);
        CHECK_STR(of("gcc", NULL, pairs[i].one, one), of("gcc", NULL, pairs[i].other, other));
    }
}

static void test_different(void)
{
    static const struct {
        const char *what;
        struct {
            const char *tool, *code, *message;
        } one, other;
    } pairs[] = {
        { "message", { "gcc", NULL, "'x' undeclared" }, { "gcc", NULL, "'x' redeclared" } },
        { "tool", { "gcc", NULL, "'x' undeclared" }, { "clang", NULL, "'x' undeclared" } },
        { "code", { "ruff", "F401", "no" }, { "ruff", "F811", "no" } },
        { "a code and none", { "ruff", "F401", "no" }, { "ruff", NULL, "no" } },
        { "code and message run together", { "t", "A", "Bc" }, { "t", "AB", "c" } },
        { "type with a width", { "gcc", NULL, "int32 needed" }, { "gcc", NULL, "int64 needed" } },
        { "name with a digit", { "gcc", NULL, "no utf8 here" }, { "gcc", NULL, "no utf16 here" } },
        { "terms with a slash", { "t", NULL, "TCP/IP failed" }, { "t", NULL, "I/O failed" } },
        { "words with a slash", { "t", NULL, "give yes/no" }, { "t", NULL, "give and/or" } },
        { "words of hexadecimal letters",
          { "t", NULL, "facade failed" },
          { "t", NULL, "decade failed" } },
        { "unit that is none of time", { "t", NULL, "5 apples" }, { "t", NULL, "5 pears" } },
        { "apostrophe", { "t", NULL, "can't open" }, { "t", NULL, "won't open" } },
        { "apostrophes around words",
          { "t", NULL, "don't open or can't" },
          { "t", NULL, "don't shut or can't" } },
        { "quote that never closes", { "t", NULL, "'open" }, { "t", NULL, "'shut" } },
        { "a path and none", { "t", NULL, "no /a/b" }, { "t", NULL, "no thing" } },
        { "a number and none", { "t", NULL, "got 3" }, { "t", NULL, "got none" } },
        { "names without quotes",
          { "t", NULL, "no module named foo" },
          { "t", NULL, "no module named bar" } },
        { "other script", { "t", NULL, "größer" }, { "t", NULL, "größter" } },
    };

    for (size_t i = 0; i < LQ_COUNT(pairs); i++) {
        char one[LQ_FINGERPRINT_BYTES + 1], other[LQ_FINGERPRINT_BYTES + 1];

        TAP_CASE(pairs[i].what);
        CHECK(strcmp(of(pairs[i].one.tool, pairs[i].one.code, pairs[i].one.message, one),
                     of(pairs[i].other.tool, pairs[i].other.code, pairs[i].other.message, other)) !=
              0);
    }
}

/* A test is its name, whatever it failed with; its parameters tell it apart. */
static void test_tests(void)
{
    static const struct {
        const char *one, *other;
        bool equal;
    } pairs[] = {
        { "t.py::test_a", "t.py::test_a", true },
        { "t.py::test_a", "t.py::test_b", false },
        { "t.py::test_a[1]", "t.py::test_a[2]", false },
        { "t.py::test_a[<X at 0x7f12>]", "t.py::test_a[<X at 0x7f99>]", true },
    };

    for (size_t i = 0; i < LQ_COUNT(pairs); i++) {
        char one[LQ_FINGERPRINT_BYTES + 1], other[LQ_FINGERPRINT_BYTES + 1];
        struct lq_event event = { .tool_name = LQ_STR("pytest"), .category = LQ_STR("test") };

        TAP_CASE(pairs[i].one);
        event.test_name = lq_str_of(pairs[i].one);
        event.message = LQ_STR("assert 1");
        one[lq_fingerprint(&event, one)] = '\0';
        event.test_name = lq_str_of(pairs[i].other);
        event.message = LQ_STR("another");
        other[lq_fingerprint(&event, other)] = '\0';
        CHECK((strcmp(one, other) == 0) == pairs[i].equal);
    }
}

/* What is stored stays what it is: these are in the stores of users. */
static void test_stable(void)
{
    char text[LQ_FINGERPRINT_BYTES + 1];

    CHECK_STR(of("gcc", "-Wunused", "unused variable 'x' in a.c:3 of 7", text),
              "gcc_build_012e79a0145dfaf5");
    /* Long names are cut, and a name may have any bytes. */
    CHECK_INT(strlen(of("ttttttttttttttttttttttttttttttttttttttttttttttttttttt", NULL, "", text)),
              32 + 1 + 5 + 1 + 16);
}

int main(void)
{
    TAP_RUN(test_equal);
    TAP_RUN(test_different);
    TAP_RUN(test_tests);
    TAP_RUN(test_stable);
    return tap_done();
}
