/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "events.h"
#include "parse/json.h"

/* Under a sanitizer all takes longer: less of it does. */
#ifdef __SANITIZE_ADDRESS__
#define SHRINK 10
#else
#define SHRINK 1
#endif

/* ---- the JSON reader ---- */

static void add_token(void *ctx, enum lq_json_token token, struct lq_str text)
{
    static const char marks[] = "{}[]:";
    struct lq_buf *out = ctx;

    if (token < LQ_JSON_KEY)
        lq_buf_addc(out, marks[token]);
    else
        lq_buf_addf(out, "%s%.*s ", token == LQ_JSON_KEY ? "key:" : "", (int)text.len, text.ptr);
}

static enum lq_json_state read_json(struct lq_buf *out, struct lq_str text, size_t piece)
{
    struct lq_json json = { 0 };
    enum lq_json_state state = LQ_JSON_MORE;
    size_t used;

    lq_json_init(&json);
    for (size_t at = 0; at < text.len && state == LQ_JSON_MORE; at += piece) {
        const size_t left = text.len - at;

        state = lq_json_feed(&json, (struct lq_str){ text.ptr + at, left < piece ? left : piece },
                             add_token, out, &used);
    }
    lq_json_release(&json);
    return state;
}

static void test_json(void)
{
    static const struct {
        const char *text;
        enum lq_json_state state;
        const char *tokens;
    } cases[] = {
        { "{}", LQ_JSON_DONE, "{}" },
        { " [ 1, -2.5e+3 ,true,false,null]", LQ_JSON_DONE, "[1 -2.5e+3 true false null ]" },
        { "{\"a\":{\"b\":[\"c\",{}]},\"d\":0}", LQ_JSON_DONE, "{key:a {key:b [c {}]}key:d 0 }" },
        { "\"\\u00e9\\n\\\"\\\\\\/\"", LQ_JSON_DONE, "é\n\"\\/ " },
        { "\"\\ud83d\\ude00\"", LQ_JSON_DONE, "😀 " },
        { "\"\\ud83dx\\ude00\\ud83d\"", LQ_JSON_DONE, "\uFFFDx\uFFFD\uFFFD " },
        { "\"größe\"", LQ_JSON_DONE, "größe " },
        { "12 ", LQ_JSON_DONE, "12 " },
        { "12", LQ_JSON_MORE, "" },
        { "[1", LQ_JSON_MORE, "[" },
        { "{\"a\"", LQ_JSON_MORE, "{key:a " },
        { "\"a", LQ_JSON_MORE, "" },
        { "", LQ_JSON_MORE, "" },
        { "[1 2]", LQ_JSON_BAD, "[1 " },
        { "[1,]", LQ_JSON_BAD, "[1 " },
        { "{\"a\":1,}", LQ_JSON_BAD, "{key:a 1 " },
        { "{\"a\" 1}", LQ_JSON_BAD, "{key:a " },
        { "{a:1}", LQ_JSON_BAD, "{" },
        { "{1:1}", LQ_JSON_BAD, "{" },
        { "[}", LQ_JSON_BAD, "[" },
        { "{]", LQ_JSON_BAD, "{" },
        { "[\"a\\x\"]", LQ_JSON_BAD, "[" },
        { "[\"a\nb\"]", LQ_JSON_BAD, "[" },
        { "[\"\\u12g4\"]", LQ_JSON_BAD, "[" },
        { "[trux]", LQ_JSON_BAD, "[" },
        { "[ERROR] no", LQ_JSON_BAD, "[" },
        { "text", LQ_JSON_BAD, "" },
        { "]", LQ_JSON_BAD, "" },
        { ",", LQ_JSON_BAD, "" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        for (size_t piece = 1; piece < 40; piece += piece) {
            LQ_CLEANUP(lq_buf_release) struct lq_buf tokens = LQ_BUF_INIT;

            TAP_CASE(cases[i].text);
            CHECK_INT(read_json(&tokens, lq_str_of(cases[i].text), piece), cases[i].state);
            CHECK_STR(lq_buf_text(&tokens), cases[i].tokens);
        }
}

static void test_json_limits(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf tokens = LQ_BUF_INIT;

    for (int i = 0; i < LQ_JSON_MAX_DEPTH; i++)
        lq_buf_addc(&text, '[');
    CHECK_INT(read_json(&tokens, (struct lq_str){ text.data, text.len }, 1000), LQ_JSON_MORE);
    lq_buf_addc(&text, '[');
    CHECK_INT(read_json(&tokens, (struct lq_str){ text.data, text.len }, 1000), LQ_JSON_BAD);
    /* A long text is cut, and the value goes on behind it. */
    lq_buf_clear(&text);
    lq_buf_clear(&tokens);
    lq_buf_adds(&text, "[\"");
    for (int i = 0; i < 20000; i++)
        lq_buf_adds(&text, "ab");
    lq_buf_adds(&text, "\",1]");
    CHECK_INT(read_json(&tokens, (struct lq_str){ text.data, text.len }, 1000), LQ_JSON_DONE);
    CHECK_INT(tokens.len, 1 + LQ_JSON_TEXT_MAX_BYTES + 1 + 3);
}

static void test_json_peek(void)
{
    struct lq_json json = { 0 };
    size_t used;

    lq_json_init(&json);
    CHECK_INT(lq_json_feed(&json, LQ_STR("{ \"a\":\n"), NULL, NULL, &used), LQ_JSON_MORE);
    CHECK_INT(lq_json_peek(&json, LQ_STR("1,"), false), LQ_JSON_MORE);
    CHECK_INT(lq_json_peek(&json, LQ_STR("1}"), false), LQ_JSON_DONE);
    CHECK_INT(lq_json_peek(&json, LQ_STR("1} \t"), false), LQ_JSON_DONE);
    CHECK_INT(lq_json_peek(&json, LQ_STR("1} more"), false), LQ_JSON_BAD);
    CHECK_INT(lq_json_peek(&json, LQ_STR("make: *** x"), false), LQ_JSON_BAD);
    CHECK_INT(lq_json_peek(&json, LQ_STR("\"cut"), true), LQ_JSON_MORE);
    CHECK_INT(lq_json_peek(&json, LQ_STR("\"cut"), false), LQ_JSON_BAD);
    lq_json_release(&json);
}

/* ---- documents ---- */

static void test_json_shapes(void)
{
    /* ruff: an array, on one line and on many; one object a line */
    check_events("[{\"filename\":\"/b/a.py\",\"code\":\"F401\",\"message\":\"`os` unused\","
                 "\"location\":{\"row\":1,\"column\":8}}]\n",
                 "1-1 error /b/a.py:1:8 [F401] ruff: `os` unused\n");
    check_events("[\n  {\n    \"code\": \"F401\",\n    \"filename\": \"a.py\",\n"
                 "    \"location\": {\n      \"column\": 8,\n      \"row\": 1\n    },\n"
                 "    \"message\": \"m\"\n  }\n]\na.c:1:2: error: ‘x’\n",
                 "2-10 error a.py:1:8 [F401] ruff: m\n12-12 error a.c:1:2 gcc: ‘x’\n");
    check_events("{\"filename\":\"a.py\",\"code\":null,\"message\":\"SyntaxError\","
                 "\"location\":{\"row\":1,\"column\":8}}\n",
                 "1-1 error a.py:1:8 ruff: SyntaxError\n");
    /* eslint */
    check_events(
        "[{\"filePath\":\"/b/x.js\",\"messages\":[{\"ruleId\":\"no-var\",\"severity\":1,"
        "\"message\":\"No var.\",\"line\":3,\"column\":2},{\"ruleId\":null,\"severity\":2,"
        "\"fatal\":true,\"message\":\"Parsing\"}]},{\"filePath\":\"/b/y.js\",\"messages\":[]}]\n",
        "1-1 warning /b/x.js:3:2 [no-var] eslint: No var.\n1-1 error /b/x.js eslint: Parsing\n");
    /* pylint, mypy */
    check_events("[{\"type\":\"convention\",\"path\":\"a.py\",\"line\":1,\"column\":0,"
                 "\"symbol\":\"s\",\"message\":\"M\",\"message-id\":\"C0114\"}]\n",
                 "1-1 info a.py:1 [C0114] pylint: M\n");
    check_events("{\"file\": \"a.py\", \"line\": 3, \"column\": 4, \"message\": \"No\", \"hint\": "
                 "null, \"code\": \"misc\", \"severity\": \"note\"}\n",
                 "1-1 note a.py:3:4 [misc] mypy: No\n");
    /* gcc: the first place; notes are part of it */
    check_events("[{\"kind\": \"warning\", \"message\": \"m\", \"option\": \"-Wx\", \"children\": "
                 "[{\"kind\": \"note\", \"message\": \"n\", \"locations\": [{\"caret\": {\"file\": "
                 "\"n.c\", \"line\": 9}}]}], \"column-origin\": 1, \"locations\": [{\"caret\": "
                 "{\"file\": \"a.cpp\", \"line\": 2, \"column\": 3}}, {\"caret\": {\"file\": "
                 "\"b.c\", \"line\": 8}}]}]\n",
                 "1-1 warning a.cpp:2:3 [-Wx] g++: m\n");
    /* shellcheck and hadolint */
    check_events("[{\"file\":\"x.sh\",\"line\":3,\"column\":6,\"level\":\"info\",\"code\":2086,"
                 "\"message\":\"Quote.\"}]\n",
                 "1-1 info x.sh:3:6 [SC2086] shellcheck: Quote.\n");
    check_events("[{\"code\":\"DL3008\",\"column\":1,\"file\":\"Dockerfile\",\"level\":\"warning\","
                 "\"line\":2,\"message\":\"Pin.\"}]\n",
                 "1-1 warning Dockerfile:2:1 [DL3008] hadolint: Pin.\n");
    /* pyright counts from 0 */
    check_events("{\"generalDiagnostics\":[{\"file\":\"a.py\",\"severity\":\"error\",\"message\":"
                 "\"m\",\"range\":{\"start\":{\"line\":0,\"character\":4}},\"rule\":\"r\"}]}\n",
                 "1-1 error a.py:1:5 [r] pyright: m\n");
    check_events("[{\"description\":\"d\",\"check_name\":\"c\",\"fingerprint\":\"f\",\"severity\":"
                 "\"major\",\"location\":{\"path\":\"a.py\",\"lines\":{\"begin\":3}}}]\n",
                 "1-1 error a.py:3 [c] code-quality: d\n");
    /* JSON that is nothing to us */
    check_events("{\"error\": \"a.c:1:2: error: x\"}\n[1, 2]\n{\n  \"level\": \"error\"\n}\n", "");
}

static void test_cargo(void)
{
    check_events(
        "   Compiling x v0.1.0\n"
        "{\"reason\":\"compiler-message\",\"message\":{\"rendered\":\"r\",\"level\":\"error\","
        "\"message\":\"mismatched\",\"code\":{\"code\":\"E0308\"},\"spans\":[{\"file_name\":"
        "\"a.rs\",\"line_start\":1,\"column_start\":2,\"is_primary\":false},{\"file_name\":"
        "\"b.rs\",\"line_start\":3,\"column_start\":4,\"is_primary\":true},{\"file_name\":"
        "\"c.rs\",\"line_start\":5,\"column_start\":6,\"is_primary\":true}]}}\n"
        "{\"reason\":\"compiler-message\",\"message\":{\"level\":\"error\",\"message\":"
        "\"aborting due to 1 previous error\",\"spans\":[]}}\n"
        "{\"reason\":\"build-finished\",\"success\":false}\n",
        "2-2 error b.rs:3:4 [E0308] rustc: mismatched\n");
    check_events("{\"type\":\"test\",\"event\":\"failed\",\"name\":\"t::a\",\"stdout\":\"thread "
                 "'t::a' panicked at src/lib.rs:7:9:\\nboom\\n\"}\n"
                 "{\"type\":\"suite\",\"event\":\"failed\",\"name\":\"x\"}\n",
                 "1-1 fail t::a src/lib.rs:7:9 cargo_test: thread 't::a' panicked at "
                 "src/lib.rs:7:9:\nboom\n");
}

static void test_go(void)
{
    check_events(
        "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n"
        "{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"TestA\",\"Output\":\"=== RUN   "
        "TestA\\n\"}\n"
        "{\"Action\":\"output\",\"Package\":\"q\",\"Test\":\"TestA\",\"Output\":\"other\\n\"}\n"
        "{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"TestA\",\"Output\":\"    "
        "a_test.go:7: got 3\\n\"}\n"
        "{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"TestA\",\"Output\":\"--- FAIL: TestA "
        "(0.01s)\\n\"}\n"
        "{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestA\",\"Elapsed\":0.01}\n"
        "{\"Action\":\"skip\",\"Package\":\"p\",\"Test\":\"TestB\",\"Elapsed\":0}\n"
        "{\"Action\":\"fail\",\"Package\":\"p\",\"Elapsed\":0.1}\n",
        "4-6 fail TestA a_test.go:7 go test: got 3\n7-7 skip TestB go test: \n");
    /* What the compiler says within is read as its own. */
    check_events("{\"ImportPath\":\"p\",\"Action\":\"build-output\",\"Output\":\"./x.go:3:5: "
                 "undefined: y\\n\"}\n",
                 "1-1 error ./x.go:3:5 go: undefined: y\n");
    check_events("{\"ImportPath\":\"p\",\"Action\":\"build-output\",\"Output\":\"{\\\"a\\\":1}\"}\n"
                 "a.c:1:2: error: ‘x’\n",
                 "2-2 error a.c:1:2 gcc: ‘x’\n");
}

#define RESULT(rest)                                                                               \
    "{\"ruleId\":\"R1\",\"message\":{\"text\":\"m\"}" rest                                         \
    ",\"locations\":[{\"physicalLocation\":"                                                       \
    "{\"artifactLocation\":{\"uri\":\"file:///b/x%20y.c\"},\"region\":{\"startLine\":3}}},{"       \
    "\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"z.c\"},\"region\":{\"startLine\":9}}}]}"
#define TOOL                                                                                       \
    "\"tool\":{\"driver\":{\"name\":\"ESLint\",\"rules\":[{\"id\":\"R1\","                         \
    "\"defaultConfiguration\":{\"level\":\"note\"}}]}}"

static void test_sarif(void)
{
    /* The tool before the results, and behind them. */
    check_events("{\"runs\":[{" TOOL ",\"results\":[" RESULT(",\"level\":\"error\"") "]}]}\n",
                 "1-1 error /b/x y.c:3 [R1] eslint: m\n");
    check_events("{\"runs\":[{\"results\":[" RESULT("") "," RESULT("") "]," TOOL "}]}\n",
                 "1-1 warning /b/x y.c:3 [R1] eslint: m\n1-1 warning /b/x y.c:3 [R1] eslint: m\n");
    check_events("{\"runs\":[{\"results\":[" RESULT("") "]},{" TOOL
                                                        ",\"results\":[" RESULT("") "]}]}\n",
                 "1-1 warning /b/x y.c:3 [R1] sarif: m\n1-1 note /b/x y.c:3 [R1] eslint: m\n");
    /* What is no finding. */
    check_events("{\"runs\":[{\"results\":[" RESULT(",\"kind\":\"pass\"") "," RESULT(
                     ",\"suppressions\":[{\"kind\":\"inSource\"}]") "]}]}\n",
                 "");
    check_events(
        "{\"runs\":[{\"tool\":{\"driver\":{\"name\":\"GNU C17\"}},\"results\":[{\"ruleId\":"
        "\"error\",\"level\":\"error\",\"message\":{\"text\":\"m\"}}]}]}\n",
        "1-1 error gcc: m\n");
}

/* A document on one line, longer than any line that is parsed: all of it is read, whatever the pieces. */
static void test_long_line(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf want = LQ_BUF_INIT;

    lq_buf_adds(&log, "make: entering\n2026-11-22T15:19:24.0193070Z [");
    for (int i = 1; i <= 4000; i++) {
        lq_buf_addf(&log,
                    "%s{\"filename\":\"a.py\",\"code\":\"F401\",\"message\":\"m%d\","
                    "\"location\":{\"row\":%d,\"column\":8}}",
                    i > 1 ? "," : "", i, i);
        lq_buf_addf(&want, "2-2 error a.py:%d:8 [F401] ruff: m%d\n", i, i);
    }
    lq_buf_adds(&log, "]\na.c:1:2: error: ‘x’\n");
    lq_buf_adds(&want, "3-3 error a.c:1:2 gcc: ‘x’\n");
    for (size_t piece = 999; piece < 1000000; piece *= 31) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        parse_into(&got, add_event, (struct lq_str){ log.data, log.len }, piece);
        CHECK_STR(lq_buf_text(&got), lq_buf_text(&want));
    }
}

/* Lines of others within a document, a torn document, and what only looks like one. */
static void test_mixed(void)
{
    check_events("[\n  {\"filename\":\"a.py\",\n"
                 "a.c:1:2: error: ‘x’\n"
                 "  \"message\":\"m\",\"code\":\"E1\",\n"
                 "  \"location\":{\"row\":1,\"column\":8}}\n]\n",
                 "3-3 error a.c:1:2 gcc: ‘x’\n2-5 error a.py:1:8 [E1] ruff: m\n");
    check_events("int f(void)\n{\na.c:1:2: error: ‘x’\n}\n", "3-3 error a.c:1:2 gcc: ‘x’\n");
    check_events("[\"a\",\na.c:1:2: error: ‘x’\n", "2-2 error a.c:1:2 gcc: ‘x’\n");
    check_events("<testsuite name=\"x\">\na.c:1:2: error: ‘x’\n", "2-2 error a.c:1:2 gcc: ‘x’\n");
    check_events("<?xml version=\"1.0\"?>\n<html>\na.c:1:2: error: ‘x’\n",
                 "3-3 error a.c:1:2 gcc: ‘x’\n");
}

/* A line that begins like a panic keeps no other from being read. */
static void test_no_panic(void)
{
    check_events("panic: is what one should not do\na.c:1:2: error: ‘x’\n",
                 "2-2 error a.c:1:2 gcc: ‘x’\n");
    check_events(
        "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/b/main.go:7 +0x1d\nexit status 2\n",
        "1-5 error /b/main.go:7 [panic] go: panic: no\n");
}

static void test_junit(void)
{
    check_events(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\">"
        "<testcase classname=\"t.x\" name=\"a\" time=\"0.1\" />"
        "<testcase classname=\"t.x\" name=\"b\" time=\"0.1\"><failure message=\"assert 1 == 2&#10; "
        "+ more\">t/x.py:4: in b\n    f()\nsrc/y.py:9: AssertionError</failure></testcase>\n"
        "<testcase name=\"c\"><skipped message=\"no net\"/></testcase>"
        "<testcase name=\"d\"><error>\n  Boom: x\n</error></testcase></testsuite></testsuites>\n",
        "1-1 pass t.x.a pytest: \n"
        "1-3 fail t.x.b src/y.py:9 pytest: assert 1 == 2\n + more\n"
        "4-4 skip c pytest: no net\n4-6 error d pytest: Boom: x\n");
    check_events("<testsuite name=\"o.e.T\"><testcase name=\"f\" classname=\"o.e.T\" time=\"0\">\n"
                 "<failure message=\"no\" type=\"E\"><![CDATA[E: no\n\tat org.junit.A.f(A.java:1)\n"
                 "\tat o.e.T.f(T.java:15)\n]]></failure><system-out>a.c:1:2: error: x"
                 "</system-out></testcase></testsuite>\n",
                 "1-5 fail o.e.T.f T.java:15 [E] junit: no\n");
    check_events("<checkstyle version=\"8\"><file name=\"a.js\">\n<error line=\"3\" column=\"2\" "
                 "severity=\"warning\" message=\"m &amp; n\" source=\"eslint.rules.no-var\"/>\n"
                 "</file></checkstyle>\n",
                 "2-2 warning a.js:3:2 [no-var] eslint: m & n\n");
    check_events("<results version=\"2\"><errors>\n<error id=\"nullPointer\" severity=\"error\" "
                 "msg=\"m\"><location file=\"a.c\" line=\"3\" column=\"1\"/><location file=\"b.c\" "
                 "line=\"1\"/></error></errors></results>\n",
                 "2-2 error a.c:3:1 [nullPointer] cppcheck: m\n");
    /* A failure is told though the report is torn, and the next report is read. */
    check_events("<testsuite><testcase name=\"a\"><failure message=\"m\">x\n<testsuite>"
                 "<testcase name=\"b\"></testsuite>\n",
                 "1-2 fail a junit: m\n");
}

static void test_xml_attacks(void)
{
    check_events("<?xml version=\"1.0\"?>\n<!DOCTYPE testsuite [<!ENTITY a \"x\"><!ENTITY b "
                 "\"&a;&a;\">]>\n<testsuite><testcase name=\"&b;\"/></testsuite>\n",
                 "");
    check_events("<?xml version=\"1.0\"?>\n<!DOCTYPE testsuite SYSTEM \"file:///etc/passwd\">\n"
                 "<testsuite><testcase name=\"c\"/></testsuite>\n",
                 "3-3 pass c junit: \n");
    {
        LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;

        for (int i = 0; i < 1000; i++)
            lq_buf_adds(&log, "<testsuite>");
        lq_buf_adds(&log, "\na.c:1:2: error: ‘x’\n");
        check_events(lq_buf_text(&log), "2-2 error a.c:1:2 gcc: ‘x’\n");
    }
}

/* Instead of time: the bytes that are gone through. What would take for ever, as square of its length, does not
 * end this test either. */
static void test_no_blow_up(void)
{
    static const struct {
        const char *start, *again, *want;
        int n;
    } cases[] = {
        { "a", "a", "", 100000000 },
        { "(", "(", "", 100000000 },
        { "[", "[", "", 30000000 },
        { "{\"a\":\"", "a", "", 100000000 },
        { "[{\"filename\":\"a\",\"message\":\"", "\\u00e9", "", 10000000 },
        { "<testsuite a=\"", "a", "", 30000000 },
        { "<testsuite a=\"", ">\n", "", 2000000 },
        { "<testsuite><!--", ">\n", "", 2000000 },
        { "<testsuite><testcase name=\"a\"><failure>", "]", "1-1 fail a junit: ", 30000000 },
        { "<testsuite>", "<testsuite a=\"\n>\n>\n", "", 300000 },
        { "not ok 1 - a\n", "  ---\n  a:\n", "1-", 300000 },
        { "Traceback (most recent call last):\n", "  File \"a\", line 1\n", "", 300000 },
        { "‘", "‘", "", 10000000 },
        { "a.c:1:2: error: ", "‘'", "1-1 error a.c:1:2 gcc: ", 1000000 },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
        LQ_CLEANUP(lq_parser_free) struct lq_parser *parser = NULL;
        LQ_CLEANUP(lq_buf_release) struct lq_buf piece = LQ_BUF_INIT;
        const int n_each = 4096, n = cases[i].n / SHRINK;

        TAP_CASE(cases[i].start);
        CHECK(lq_parser_new(&parser, NULL, add_event, &got, NULL) == LQ_OK);
        for (int k = 0; k < n_each; k++)
            lq_buf_adds(&piece, cases[i].again);
        lq_parser_feed(parser, cases[i].start, strlen(cases[i].start));
        for (int k = 0; k < n; k += n_each)
            lq_parser_feed(parser, piece.data, piece.len);
        lq_parser_finish(parser);
        CHECK(strncmp(lq_buf_text(&got), cases[i].want, strlen(cases[i].want)) == 0);
        CHECK(!cases[i].want[0] == !got.len);
    }
}

static void test_tap(void)
{
    check_events(
        "TAP version 13\n1..3\nok 1 - one\nnot ok 2 two #3 # time=2ms\nok 3 # skip no net\n"
        "not ok 4 - later # TODO some day\n",
        "3-3 pass one tap: \n4-4 fail two #3 tap: \n5-5 skip 3 tap: \n"
        "6-6 skip later tap: \n");
    check_events("not ok 1 - a\n  ---\n  message: 'no way'\n  severity: fail\n  at:\n"
                 "    file: t/a.js\n    line: 7\n    column: 3\n  ...\nok 2 - b\n",
                 "1-9 fail a t/a.js:7:3 tap: no way\n10-10 pass b tap: \n");
    check_events("not ok 1 - adds\n#   Failed test 'adds'\n#   at t/m.t line 7.\n#     got: '5'\n"
                 "# expected: '4'\nok 2\n",
                 "1-5 fail adds t/m.t:7 tap: got: '5'\nexpected: '4'\n6-6 pass 2 tap: \n");
    /* Subtests: announced each (Node), by group at their own level (Perl), not at all. */
    check_events("TAP version 13\n# Subtest: top\n    # Subtest: in\n    ok 1 - in\n"
                 "    # Subtest: too\n    ok 2 - too\n    1..2\nok 1 - top\n",
                 "4-4 pass top > in tap: \n6-6 pass top > too tap: \n8-8 pass top tap: \n");
    check_events("1..1\n    # Subtest: group\n    ok 1 - a\n    ok 2 - b\n    1..2\nok 1 - group\n",
                 "3-3 pass group > a tap: \n4-4 pass group > b tap: \n6-6 pass group tap: \n");
    check_events(
        "1..2\nok 1 - a\nBail out! no disk\na.c:1:2: error: ‘x’\n",
        "2-2 pass a tap: \n3-3 error tap: Bail out! no disk\n4-4 error a.c:1:2 gcc: ‘x’\n");
    check_events("ok then\nnot ok at all\nok 12 files were read? no\n    ok 1 - indented\n", "");
}

int main(void)
{
    TAP_RUN(test_json);
    TAP_RUN(test_json_limits);
    TAP_RUN(test_json_peek);
    TAP_RUN(test_json_shapes);
    TAP_RUN(test_cargo);
    TAP_RUN(test_go);
    TAP_RUN(test_sarif);
    TAP_RUN(test_long_line);
    TAP_RUN(test_mixed);
    TAP_RUN(test_no_panic);
    TAP_RUN(test_junit);
    TAP_RUN(test_xml_attacks);
    TAP_RUN(test_tap);
    TAP_RUN(test_no_blow_up);
    return tap_done();
}
