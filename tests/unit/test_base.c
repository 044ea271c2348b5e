/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "base/uuid.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_buf_ceiling(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = { .max = 5 };

    CHECK_STR(lq_buf_text(&buf), "");
    lq_buf_adds(&buf, "abc");
    CHECK(!buf.overflow);
    lq_buf_adds(&buf, "def");
    CHECK(buf.overflow);
    CHECK_STR(lq_buf_text(&buf), "abc");
    lq_buf_addf(&buf, "%d", 42);
    CHECK_STR(lq_buf_text(&buf), "abc42");
    lq_buf_clear(&buf);
    CHECK(!buf.overflow && buf.len == 0);
}

static void test_error_lines(void)
{
    struct lq_error err = { 0 };

    CHECK(lq_error_set(&err, LQ_SQL, "cannot %s\nline two\nthree", "count") == LQ_SQL);
    CHECK_STR(err.message, "cannot count");
    CHECK_STR(err.detail, "line two\nthree");
    lq_error_prefix(&err, "run %d: ", 12);
    CHECK_STR(err.message, "run 12: cannot count");
    CHECK(lq_error_errno(&err, EACCES, "cannot open '%s'", "x") == LQ_DENIED);
    CHECK_STR(err.message, "cannot open 'x': Permission denied");
    CHECK(lq_error_set(NULL, LQ_IO, "nobody listens") == LQ_IO);
}

static void test_utf8(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain", "plain" },
        { "gr\xc3\xb6\xc3\x9f", "gr\xc3\xb6\xc3\x9f" },
        { "\xff", "\xef\xbf\xbd" },
        { "a\xe2\x82z", "a\xef\xbf\xbdz" },                         /* cut sequence: one mark */
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },                 /* four bytes */
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
        { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong */
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;

        TAP_CASE(cases[i].want);
        lq_text_add_utf8(&buf, lq_str_of(cases[i].text));
        CHECK_STR(lq_buf_text(&buf), cases[i].want);
        CHECK(lq_text_is_utf8(lq_str_of(lq_buf_text(&buf))));
    }
    CHECK(!lq_text_is_utf8((struct lq_str){ "a\0b", 3 }));
    /* Wherever it stands: most text is looked at eight bytes at a time. */
    for (size_t at = 0; at < 20; at++)
        for (int byte = 0; byte < 256; byte++) {
            char text[20];

            memset(text, 'x', sizeof text);
            text[at] = (char)byte;
            CHECK(lq_text_is_utf8((struct lq_str){ text, sizeof text }) ==
                  (byte > 0 && byte < 0x80));
        }
    CHECK_INT(lq_text_cut(LQ_STR("gr\xc3\xb6"), 3), 2);
    CHECK_INT(lq_text_cut(LQ_STR("abc"), 9), 3);
}

static void test_visible(void)
{
    static const struct {
        const char *text, *want;
        bool keep_lines;
    } cases[] = {
        { "a\tb\n", "a\\tb\\n", false },
        { "a\tb\n", "a\tb\n", true },
        { "\033[31mred", "\\x1b[31mred", true },
        { "\xc2\x9b"
          "2J",
          "\\x9b2J", false }, /* C1 CSI */
        { "\xff", "\\xff", false },
        { "ab\xe2\x80\xae"
          "c",
          "ab\\u{202e}c", false },
        { "\x7f\r", "\\x7f\\r", false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;

        TAP_CASE(cases[i].want);
        lq_text_add_visible(&buf, lq_str_of(cases[i].text), cases[i].keep_lines);
        CHECK_STR(lq_buf_text(&buf), cases[i].want);
    }
}

static void test_time(void)
{
    static const struct {
        const char *text, *want; /* NULL: not a time */
    } cases[] = {
        { "2025-01-15", "2025-01-15T00:00:00.000000Z" },
        { "2025-01-15T14:30", "2025-01-15T14:30:00.000000Z" },
        { "2025-01-15 14:30:22", "2025-01-15T14:30:22.000000Z" },
        { "2025-01-15T14:30:22.5Z", "2025-01-15T14:30:22.500000Z" },
        { "2025-01-15T14:30:22.1234567Z", "2025-01-15T14:30:22.123456Z" },
        { "0s", "2025-06-01T00:00:00.000000Z" },
        { "2h", "2025-05-31T22:00:00.000000Z" },
        { "1w", "2025-05-25T00:00:00.000000Z" },
        { "yesterday", NULL },
        { "2025-13-01", NULL },
        { "2025-01-15T14:30:22.Z", NULL },
        { "-3d", NULL },
        { "3dd", NULL },
        { "", NULL },
    };
    const int64_t now = INT64_C(1748736000) * LQ_US_PER_SECOND; /* 2025-06-01 */
    char text[28];

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        int64_t time;

        TAP_CASE(cases[i].text);
        if (!CHECK(lq_time_parse(cases[i].text, now, &time) == (cases[i].want != NULL)) ||
            !cases[i].want)
            continue;
        lq_time_rfc3339(time, text);
        CHECK_STR(text, cases[i].want);
    }
    lq_time_date(-1, text);
    CHECK_STR(text, "1969-12-31");
    lq_time_hhmmss(now, text);
    CHECK_STR(text, "000000");
}

static void test_uuid(void)
{
    char a[LQ_UUID_BYTES], b[LQ_UUID_BYTES];

    lq_uuid_v7(INT64_C(1645557742000) * 1000, a); /* the example of RFC 9562, appendix A.6 */
    CHECK(strncmp(a, "017f22e2-79b0-7", 15) == 0);
    CHECK(strchr("89ab", a[19]) != NULL);
    lq_uuid_v4(b);
    CHECK(b[14] == '4');
    CHECK(lq_uuid_valid(a) && lq_uuid_valid(b));
    CHECK(!lq_uuid_valid("017f22e2-79b0-7"));
    CHECK(!lq_uuid_valid("017f22e2x79b0-7000-8000-000000000000"));
}

static void test_publish(void)
{
    char folder[] = "/tmp/lq-test-XXXXXX";
    struct lq_error err = { 0 };
    LQ_CLEANUP(lq_close) int dir_fd = -1;
    LQ_CLEANUP(lq_buf_release) struct lq_buf buf = LQ_BUF_INIT;
    char hex[LQ_SHA256_HEX_BYTES];

    CHECK(mkdtemp(folder) != NULL);
    LQ_CLEANUP(lq_free) char *deep = lq_path_join(folder, "a/b/c/");
    CHECK(lq_mkdirs(deep, &err) == LQ_OK);
    CHECK(lq_mkdirs(deep, &err) == LQ_OK);
    dir_fd = open(deep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat info;
    LQ_CLEANUP(lq_free) char *first = lq_path_join(deep, ".one.tmp");
    LQ_CLEANUP(lq_free) char *second = lq_path_join(deep, ".two.tmp");
    LQ_CLEANUP(lq_free) char *name = lq_path_join(deep, "run");
    CHECK(lq_file_replace(first, "first", 5, &err) == LQ_OK);
    CHECK(lq_file_replace(second, "second", 6, &err) == LQ_OK);
    CHECK(lq_file_publish(dir_fd, ".one.tmp", "run", &err) == LQ_OK);
    CHECK(lq_file_publish(dir_fd, ".two.tmp", "run", &err) == LQ_EXISTS);
    CHECK(access(first, F_OK) != 0 && access(second, F_OK) != 0);
    CHECK(lq_file_read(name, 100, &buf, &err) == LQ_OK);
    CHECK_STR(lq_buf_text(&buf), "first");
    CHECK(lq_file_read(name, 3, &buf, &err) == LQ_BAD_INPUT);
    CHECK(chmod(name, 0600) == 0 && lq_file_replace(name, "new", 3, &err) == LQ_OK);
    CHECK(stat(name, &info) == 0 && (info.st_mode & 0777) == 0600);
    lq_sha256_hex("abc", 3, hex);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    unlink(name);
    CHECK(lq_mkdirs("/dev/null/x", &err) != LQ_OK);
}

int main(void)
{
    TAP_RUN(test_buf_ceiling);
    TAP_RUN(test_error_lines);
    TAP_RUN(test_utf8);
    TAP_RUN(test_visible);
    TAP_RUN(test_time);
    TAP_RUN(test_uuid);
    TAP_RUN(test_publish);
    return tap_done();
}
