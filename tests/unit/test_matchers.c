/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "events.h"
#include <ftw.h>

/* Events that `matchers`, a JSON text, finds in `log`; NULL with a complaint when it is bad. */
static void read_with(struct lq_buf *out, const char *matchers, enum lq_matchers_kind kind,
                      const char *format, const char *log)
{
    LQ_CLEANUP(lq_matchers_free) struct lq_matchers *set = lq_matchers_new();
    LQ_CLEANUP(lq_parser_free) struct lq_parser *parser = NULL;
    const struct lq_parser_opts opts = { .format = format, .matchers = set };
    struct lq_error err = { 0 };

    if (lq_matchers_add(set, "x.json", lq_str_of(matchers), kind, &err) != LQ_OK ||
        lq_parser_new(&parser, &opts, add_event, out, &err) != LQ_OK) {
        lq_buf_adds(out, err.message);
        return;
    }
    lq_parser_feed(parser, log, strlen(log));
    lq_parser_finish(parser);
}

static void check_with(const char *matchers, const char *log, const char *want)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

    TAP_CASE(matchers);
    read_with(&got, matchers, LQ_MATCHERS_OWN, NULL, log);
    CHECK_STR(lq_buf_text(&got), want);
}

/* One matcher "o" with these patterns. */
#define ONE(patterns) "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":" patterns "}]}"
#define REGEXP(text, groups) ONE("{\"regexp\":\"" text "\"" groups "}")

static void test_form(void)
{
    /* What VS Code fills in, and what it does not when a group is told. */
    check_with(REGEXP("^XX (\\\\S+) (\\\\d+) (\\\\d+) .*$", ""), "XX a.c 3 4 hm\n",
               "1-1 error a.c:3:4 o: XX a.c 3 4 hm\n");
    check_with(REGEXP("^XX (.*)$", ",\"message\":1"), "XX hm\n", "1-1 error o: hm\n");
    check_with(
        "{\"problemMatcher\":{\"owner\":\"o\",\"severity\":\"info\",\"pattern\":[{\"regexp\":"
        "\"^XX (.*)$\",\"message\":1}]}}",
        "XX hm\n", "1-1 info o: hm\n");
    /* Severities: words, letters, a tool's own. */
    check_with(
        "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"^XX (\\\\w+) "
        "(.*)$\",\"severity\":1,\"message\":2},\"lq\":{\"severities\":{\"bad\":\"note\"},"
        "\"tool\":\"t\",\"code\":\"C1\"}}]}",
        "XX W a\nXX Warning b\nXX bad c\nXX other d\n",
        "1-1 warning [C1] t: a\n2-2 warning [C1] t: b\n3-3 note [C1] t: c\n4-4 error [C1] t: "
        "d\n");
    /* Several lines, a loop, a place in one group. */
    check_with(
        ONE("[{\"regexp\":\"^== (.+)$\",\"file\":1},{\"regexp\":\"^ +(\\\\d+,\\\\d+): (.*)$\","
            "\"location\":1,\"message\":2,\"loop\":true}]"),
        "== a.c\n 3,4: x\n 5,6: y\nno\n 7,8: z\n",
        "2-2 error a.c:3:4 o: x\n3-3 error a.c:5:6 o: y\n");
    /* A test, what follows it, and fields in what follows. */
    check_with("{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"^(GOOD|BAD) "
               "(\\\\w+) ([\\\\d.]+)$\",\"lq\":{\"testStatus\":1,\"testName\":2,\"duration\":3}},"
               "\"lq\":{\"category\":\"test\",\"statuses\":{\"GOOD\":\"pass\",\"BAD\":\"fail\"},"
               "\"follow\":\"^  (.*)$\",\"find\":[{\"regexp\":\"^  at (.+):(\\\\d+)$\",\"file\":1,"
               "\"line\":2}]}}]}",
               "GOOD a 0.5\nBAD b 1\n  why\n  at x.c:7\n",
               "1-1 pass a o: \n2-4 fail b x.c:7 o: why at x.c:7\n");
    /* A prefix is cut off, and the rest is read by all formats. */
    check_with(
        "{\"problemMatcher\":[{\"owner\":\"p\",\"pattern\":{\"regexp\":\"^worker \\\\d+> \"},"
        "\"lq\":{\"prefix\":true}}]}",
        "worker 7> a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n");
    /* Keys of VS Code that mean nothing here. */
    check_with(
        "{\"$schema\":\"x\",\"problemMatcher\":[{\"owner\":\"o\",\"source\":\"s\",\"label\":"
        "\"l\",\"fileLocation\":[\"relative\",\"x\"],\"applyTo\":\"allDocuments\","
        "\"background\":{},\"pattern\":{\"regexp\":\"^XX (.*)$\",\"kind\":\"file\",\"file\":1,"
        "\"endLine\":1}}]}",
        "XX a.c\n", "1-1 error a.c o: XX a.c\n");
}

static void test_javascript(void)
{
    static const struct {
        const char *regexp, *line;
        bool matches;
    } cases[] = {
        { "^\\\\u0058X", "XX", true },  { "^X[^]X", "XXX", true },
        { "^X[]", "XX", false },        { "(Y)?\\\\1XX", "XX", true },
        { "^X\\\\/X$", "X/X", true },   { "^[✖✗] X", "✗ X", true },
        { "^[✖✗] X", "\xE2 X", false }, { "^.X$", "äX", false }, /* bytes, without a character */
        { "^\\\\u00e4X$", "äX", true }, { "^(?<name>X)\\\\k<name>", "XX", true },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf matchers = LQ_BUF_INIT;
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        TAP_CASE(cases[i].regexp);
        lq_buf_addf(&matchers, REGEXP("%s", ",\"message\":0"), cases[i].regexp);
        read_with(&got, lq_buf_text(&matchers), LQ_MATCHERS_OWN, NULL, cases[i].line);
        CHECK_STR(got.len ? "matches" : "none", cases[i].matches ? "matches" : "none");
        if (cases[i].matches)
            CHECK(strstr(lq_buf_text(&got), " error o: "));
    }
}

static void test_complaints(void)
{
    static const struct {
        const char *matchers, *want;
    } cases[] = {
        { "", "x.json:1:1: '[' or '{' expected" },
        { "{\n  \"a\": secret\n}", "x.json:2:13: invalid token" },
        { "[]", "x.json:1:1: must be an object" },
        { "{}", "x.json:1:1: needs 'problemMatcher'" },
        { "{\"problemMatcher\":[],\n \"x\":1}", "x.json:2:2: x: unknown key" },
        { "{\"a\":1,\"a\":2}", "x.json:1:10: duplicate object key" },
        { "{\"problemMatcher\":[7]}", "x.json:1:20: problemMatcher[0]: must be an object" },
        { "{\"problemMatcher\":[{}]}", "x.json:1:20: problemMatcher[0]: needs 'owner'" },
        { "{\"problemMatcher\":[\n{\"owner\":\"o\"}]}",
          "x.json:2:1: problemMatcher[0]: needs 'pattern'" },
        { "{\"problemMatcher\":[\n{\"owner\":7}]}",
          "x.json:2:2: problemMatcher[0].owner: must be text" },
        { "{\"problemMatcher\":[\n{\"owner\":\"a b\"}]}",
          "x.json:2:2: problemMatcher[0].owner: must be one word" },
        { "{\"problemMatcher\":{\"owner\":\"o\",\"severity\":\"awful\"}}",
          "x.json:1:32: problemMatcher.severity: unknown value 'awful'" },
        { "{\"problemMatcher\":[{\"owner\":\"o\",\n\"patern\":[]}]}",
          "x.json:2:1: problemMatcher[0].patern: unknown key" },
        { ONE("[\"$gcc\"]"), "x.json:1:44: problemMatcher[0].pattern[0]: names a pattern of VS "
                             "Code's, of which lq has none" },
        { ONE("[\n{\"file\":1}]"), "x.json:2:1: problemMatcher[0].pattern[0]: needs 'regexp'" },
        { ONE("[{\"regexp\":\"x\"},\n{\"regexp\":\"x(\"}]"),
          "x.json:2:2: problemMatcher[0].pattern[1].regexp: missing closing parenthesis, at "
          "character 3 of the expression" },
        { REGEXP("(x)", ",\n\"line\":2"),
          "x.json:2:1: problemMatcher[0].pattern.line: group 2 is not in the expression" },
        { REGEXP("(x)", ",\"line\":\"1\""),
          "x.json:1:59: problemMatcher[0].pattern.line: must be the number of a group" },
        { REGEXP("(x)", ",\"lq\":{\"testNam\":1}"),
          "x.json:1:65: problemMatcher[0].pattern.lq.testNam: unknown key" },
        { REGEXP("x\\\\C", ""), "x.json:1:44: problemMatcher[0].pattern.regexp: using \\C is "
                                "disabled by the application, at character 4 of the expression" },
        { ONE("[{\"regexp\":\"x\"},{\"regexp\":\"y\"}]"),
          "x.json:1:33: problemMatcher[0].pattern: needs 'message' in one of its patterns" },
        { ONE("[{\"regexp\":\"x\",\"loop\":true},{\"regexp\":\"y\",\"message\":0}]"),
          "x.json:1:58: problemMatcher[0].pattern[0].loop: only the last pattern can loop" },
        { "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"x\"},\"lq\":{\"family\":"
          "\"cc\"}}]}",
          "x.json:1:64: problemMatcher[0].lq.family: is for the formats that lq brings along" },
        { "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"x\"},\"lq\":{\"find\":["
          "{\"regexp\":\"[\"}]}}]}",
          "x.json:1:73: problemMatcher[0].lq.find[0].regexp: missing terminating ] for character "
          "class, at character 2 of the expression" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_with(cases[i].matchers, "", cases[i].want);
}

static void test_order(void)
{
    static const char matchers[] =
        "{\"problemMatcher\":[{\"owner\":\"o\",\"unknown\":1,\"pattern\":{\"regexp\":\"^(a.c):.*\","
        "\"file\":1,\"message\":0}}]}";
    LQ_CLEANUP(lq_buf_release) struct lq_buf github = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf named = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf other = LQ_BUF_INIT;

    /* GitHub's come behind lq's own, and what is not known in them is left alone. */
    read_with(&github, matchers, LQ_MATCHERS_GITHUB, NULL, "a.c:1:2: error: ‘x’\na.c: y\n");
    CHECK_STR(lq_buf_text(&github), "1-1 error a.c:1:2 gcc: ‘x’\n2-2 error a.c o: a.c: y\n");
    read_with(&named, matchers, LQ_MATCHERS_GITHUB, "o", "a.c:1:2: error: ‘x’\n");
    CHECK_STR(lq_buf_text(&named), "1-1 error a.c o: a.c:1:2: error: ‘x’\n");
    read_with(&other, "{\"matcher\":1}", LQ_MATCHERS_GITHUB, NULL, "a.c:1:2: error: ‘x’\n");
    CHECK_STR(lq_buf_text(&other), "1-1 error a.c:1:2 gcc: ‘x’\n");
    /* A user's own comes first; of two, the one with the lower priority. */
    check_with(
        "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"^(a.c):.*\"}},"
        "{\"owner\":\"p\",\"pattern\":{\"regexp\":\"^(a.c):1.*\"},\"lq\":{\"priority\":3}}]}",
        "a.c:1:2: error: ‘x’\na.c:2: error: ‘x’\n",
        "1-1 error a.c p: a.c:1:2: error: ‘x’\n2-2 error a.c o: a.c:2: error: ‘x’\n");
}

/* What begins with any line, as GitHub's for ESLint does, keeps no other format from its lines. */
static void test_greedy(void)
{
    check_with(
        ONE("[{\"regexp\":\"^([^\\\\s].*)$\",\"file\":1},{\"regexp\":\"^\\\\s+(\\\\d+):(\\\\d+)\\\\s+"
            "(error|warning)\\\\s+(.*)$\",\"line\":1,\"column\":2,\"severity\":3,\"message\":4,"
            "\"loop\":true}]"),
        "a.c:1:2: error: ‘x’\nodd.x\n  3:4  warning  no\n  5:6  error  bad\nb.c:1: error: ‘y’\n",
        "1-1 error a.c:1:2 gcc: ‘x’\n3-3 warning odd.x:3:4 o: no\n4-4 error odd.x:5:6 o: bad\n"
        "5-5 error b.c:1 gcc: ‘y’\n");
}

/* An expression made to take for ever is no longer tried after some lines; others are. */
static void test_hostile(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf matchers = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

    for (int i = 0; i < 2000; i++)
        lq_buf_adds(&log, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n");
    lq_buf_adds(&log, "XX hm\n");
    read_with(&got,
              "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"^(a+)+$\"}},{"
              "\"owner\":\"p\",\"pattern\":{\"regexp\":\"^XX (.*)$\",\"message\":1}}]}",
              LQ_MATCHERS_OWN, NULL, lq_buf_text(&log));
    CHECK_STR(lq_buf_text(&got), "2001-2001 error p: hm\n");

    /* Too much of anything is a complaint. */
    lq_buf_adds(&matchers, "{\"problemMatcher\":[");
    for (int i = 0; i < 300; i++)
        lq_buf_addf(&matchers, "%s{\"owner\":\"o\",\"pattern\":{\"regexp\":\"x\"}}", i ? "," : "");
    lq_buf_adds(&matchers, "]}");
    lq_buf_clear(&got);
    read_with(&got, lq_buf_text(&matchers), LQ_MATCHERS_OWN, NULL, "");
    CHECK(strstr(lq_buf_text(&got), "problemMatcher[256]: more than 256 matchers in all"));
    lq_buf_clear(&matchers);
    lq_buf_adds(&matchers, "{\"problemMatcher\":[{\"owner\":\"o\",\"pattern\":{\"regexp\":\"");
    for (int i = 0; i < 5000; i++)
        lq_buf_addc(&matchers, 'x');
    lq_buf_adds(&matchers, "\"}}]}");
    lq_buf_clear(&got);
    read_with(&got, lq_buf_text(&matchers), LQ_MATCHERS_OWN, NULL, "");
    CHECK(strstr(lq_buf_text(&got), "longer than 4096 bytes"));
    lq_buf_clear(&matchers);
    for (int i = 0; i < 100000; i++)
        lq_buf_addc(&matchers, '[');
    lq_buf_clear(&got);
    read_with(&got, lq_buf_text(&matchers), LQ_MATCHERS_OWN, NULL, "");
    CHECK(strstr(lq_buf_text(&got), "x.json:"));
}

/* lq's own formats, those without code, are in the form that users write. */
static int n_own;

static int read_own(const char *path, const struct stat *info, int type, struct FTW *at)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_matchers_free) struct lq_matchers *set = lq_matchers_new();
    struct lq_error err = { 0 };
    size_t n;

    if (type != FTW_F || !strstr(path, ".json"))
        return 0;
    TAP_CASE(path);
    CHECK(lq_file_read(path, 1 << 20, &text, &err) == LQ_OK);
    if (strstr(lq_buf_text(&text), "\"family\""))
        return 0;
    if (!CHECK(lq_matchers_add(set, lq_path_base(path),
                               (struct lq_str){ lq_buf_text(&text), text.len }, LQ_MATCHERS_OWN,
                               &err) == LQ_OK))
        printf("# %s\n", err.message);
    lq_matchers_formats(set, &n);
    n_own += n > 0;
    return 0;
}

static void test_own(void)
{
    LQ_CLEANUP(lq_free) char *formats = lq_path_join(getenv("LQ_SOURCE_ROOT"), "formats");

    CHECK(nftw(formats, read_own, 16, FTW_PHYS) == 0);
    CHECK(n_own >= 10);
}

static void test_listing(void)
{
    static const char matchers[] =
        "{\"problemMatcher\":[{\"owner\":\"b\",\"pattern\":{\"regexp\":\"x\"},\"lq\":{\"description\":"
        "\"B\"}},{\"owner\":\"a\",\"pattern\":{\"regexp\":\"x\"}},{\"owner\":\"b\",\"pattern\":{"
        "\"regexp\":\"y\"}}]}";
    LQ_CLEANUP(lq_matchers_free) struct lq_matchers *set = lq_matchers_new();
    const struct lq_format_info *infos;
    size_t n;

    CHECK(lq_matchers_add(set, "x.json", lq_str_of(matchers), LQ_MATCHERS_OWN, NULL) == LQ_OK);
    infos = lq_matchers_formats(set, &n);
    CHECK_INT(n, 2);
    CHECK_STR(infos[0].name, "a");
    CHECK_STR(infos[1].name, "b");
    CHECK_STR(infos[1].description, "B");
    CHECK_STR(infos[1].file, "x.json");
    lq_matchers_formats(NULL, &n);
    CHECK_INT(n, 0);
}

int main(void)
{
    TAP_RUN(test_form);
    TAP_RUN(test_javascript);
    TAP_RUN(test_complaints);
    TAP_RUN(test_order);
    TAP_RUN(test_greedy);
    TAP_RUN(test_hostile);
    TAP_RUN(test_own);
    TAP_RUN(test_listing);
    return tap_done();
}
