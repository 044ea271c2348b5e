/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "store/names.h"
#include <strings.h>

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X132 X50 X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_run_part(void)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        { "build", "build" },
        { "unit-tests_2", "unit-tests_2" },
        { "make -j8", "make_-j8" },
        { "a/../b", "a____b" },
        { "..", "__" },
        { "b\xc3\xbc"
          "cher",
          "b_cher" }, /* a character, not its bytes */
        { "\xff\xfe", "__" },
        { "", "_" },
        { X50 "tail", X50 },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        TAP_CASE(cases[i].name);
        lq_name_add_run(&got, lq_str_of(cases[i].name));
        CHECK_STR(lq_buf_text(&got), cases[i].want);
    }
}

static void test_partition(void)
{
    static const struct {
        const char *value, *want;
        bool lost; /* unescaping does not give the value back */
    } cases[] = {
        { "lq", "lq", false },
        { "home__teague__Projects", "home__teague__Projects", false },
        { "~user", "~7Euser", false },
        { "a b", "a~20b", false },
        { "a/b", "a~2Fb", false },
        { "a=b", "a~3Db", false },
        { "100%", "100~25", false },
        { "c++", "c~2B~2B", false },
        { "\xc3\xb6", "~C3~B6", false },
        { "\xff", "~FF", false },
        { ".", "~2E", false },
        { "..", "~2E.", false },
        { "...", "...", false },
        { ".git", ".git", false },
        { "null", "~6Eull", false },
        { "NULL", "~4EULL", false },
        { "nullx", "nullx", false },
        { "__HIVE_DEFAULT_PARTITION__", "__~48IVE_DEFAULT_PARTITION__", false },
        { "42", "~342", false },
        { "0", "~30", false },
        { "2025-01-15", "2025-01-15", false },
        { "4a", "4a", false },
        { "", "_", true },
        { "_", "_", false },
        { X50 X50 X50, X50 X50 X50, false },
        { X50 X50 X50 "x", X132 "~~8eb827e6964db1e2", true },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT, back = LQ_BUF_INIT;

        TAP_CASE(cases[i].want);
        lq_name_add_partition(&got, lq_str_of(cases[i].value));
        CHECK_STR(lq_buf_text(&got), cases[i].want);
        if (cases[i].lost)
            continue;
        CHECK(lq_name_add_unescaped(&back, lq_str_of(cases[i].want)));
        CHECK_STR(lq_buf_text(&back), cases[i].value);
    }
}

static void test_not_escaped(void)
{
    static const char *const cases[] = {
        "", "~", "~4", "~4x", "~6e", "a~~0123456789abcdef", "a/b", "a b", "\xc3\xb6", "%20"
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf back = LQ_BUF_INIT;

        TAP_CASE(cases[i]);
        lq_buf_adds(&back, "before");
        CHECK(!lq_name_add_unescaped(&back, lq_str_of(cases[i])));
        CHECK_STR(lq_buf_text(&back), "before");
    }
}

/* A fixed sequence: a failure comes back. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static bool is_safe(const char *text)
{
    return strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && strcasecmp(text, "null") != 0 &&
           strcmp(text, "__HIVE_DEFAULT_PARTITION__") != 0 &&
           text[strspn(text, "0123456789")] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "._-~")] == '\0';
}

/* Few letters make the special values come up; all bytes make the rest. */
static void test_partition_random(void)
{
    static const char letters[] = "nulNUL.._0123456789~";
    uint32_t state = 1;
    char value[400];

    for (int round = 0; round < 200000; round++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT, back = LQ_BUF_INIT;
        const struct lq_str raw = { value,
                                    next_random(&state) % (round % 8 == 0 ? sizeof value : 5) };

        for (size_t i = 0; i < raw.len; i++)
            value[i] = round % 2 ? letters[next_random(&state) % (sizeof letters - 1)]
                                 : (char)next_random(&state);
        lq_name_add_partition(&got, raw);
        TAP_CASE(lq_buf_text(&got));
        if (!CHECK(is_safe(lq_buf_text(&got))) || !CHECK(got.len > 0 && got.len <= 150))
            break;
        if (!lq_name_add_unescaped(&back, (struct lq_str){ got.data, got.len })) {
            if (!CHECK(got.len > 18 && memcmp(got.data + got.len - 18, "~~", 2) == 0))
                break;
        } else if (raw.len > 0 &&
                   !CHECK(back.len == raw.len && memcmp(lq_buf_text(&back), value, raw.len) == 0)) {
            break;
        }
    }
    TAP_CASE(NULL);
}

static void test_run_file(void)
{
    static const struct {
        const char *text;
        struct lq_run_file want;
        const char *name; /* NULL: no run file */
    } cases[] = {
        { "001_build_143022.parquet", { .run_id = 1, .hhmmss = "143022" }, "build" },
        { "001_build_143022.log.zst",
          { .run_id = 1, .hhmmss = "143022", .kind = LQ_RUN_FILE_LOG },
          "build" },
        { "012_build_143022-89abcdef.parquet",
          { .run_id = 12, .hhmmss = "143022", .run8 = "89abcdef" },
          "build" },
        { "1234567_a_b-c_000000.parquet", { .run_id = 1234567, .hhmmss = "000000" }, "a_b-c" },
        { "001_a_111111-deadbeef_222222.parquet",
          { .run_id = 1, .hhmmss = "222222" },
          "a_111111-deadbeef" },
        { "001___143022.parquet", { .run_id = 1, .hhmmss = "143022" }, "_" },
        { "9223372036854775807_a_143022.parquet",
          { .run_id = INT64_MAX, .hhmmss = "143022" },
          "a" },
        { "9223372036854775808_a_143022.parquet", { 0 }, NULL },
        { "000_a_143022.parquet", { 0 }, NULL },
        { "01_a_143022.parquet", { 0 }, NULL },
        { "0001_a_143022.parquet", { 0 }, NULL },
        { "001_143022.parquet", { 0 }, NULL },
        { "001__143022.parquet", { 0 }, NULL },
        { "001_a_14302.parquet", { 0 }, NULL },
        { "001_a_143022-89ABCDEF.parquet", { 0 }, NULL },
        { "001_a_143022-89abcde.parquet", { 0 }, NULL },
        { "001_a b_143022.parquet", { 0 }, NULL },
        { "001_a/b_143022.parquet", { 0 }, NULL },
        { ".001_a_143022.parquet", { 0 }, NULL },
        { "001_a_143022.parquet.tmp", { 0 }, NULL },
        { "data_0.parquet", { 0 }, NULL },
        { ".parquet", { 0 }, NULL },
        { "-89abcdef.parquet", { 0 }, NULL },
        { "_143022.parquet", { 0 }, NULL },
        { "", { 0 }, NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
        struct lq_run_file got;

        TAP_CASE(cases[i].text);
        if (!CHECK(lq_name_parse_run_file(&got, lq_str_of(cases[i].text)) ==
                   (cases[i].name != NULL)) ||
            !cases[i].name)
            continue;
        CHECK_INT(got.run_id, cases[i].want.run_id);
        CHECK(lq_str_eq(got.name, lq_str_of(cases[i].name)));
        CHECK_STR(got.hhmmss, cases[i].want.hhmmss);
        CHECK_STR(got.run8, cases[i].want.run8);
        CHECK(got.kind == cases[i].want.kind);
        lq_name_add_run_file(&text, &got);
        CHECK_STR(lq_buf_text(&text), cases[i].text);
    }
}

int main(void)
{
    TAP_RUN(test_run_part);
    TAP_RUN(test_partition);
    TAP_RUN(test_not_escaped);
    TAP_RUN(test_partition_random);
    TAP_RUN(test_run_file);
    return tap_done();
}
