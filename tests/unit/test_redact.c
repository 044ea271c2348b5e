/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "redact/find.h"
#include <lq/redact.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Letters of no meaning; no text here may look like a secret to who scans this repository. */
#define L10 "Zk3vQ9wXb7"
#define L20 L10 "mN5tR2yH8c"
#define L36 L20 "uJ6dF4gS1aPeLo0i"
#define L40 L20 L20
#define HEX40 "0123456789abcdef0123456789abcdef01234567"

#define MARK(name) "[redacted:" name "]"

/* ---- feeding ---- */

static enum lq_status add(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_buf_add(ctx, bytes, len);
    return LQ_OK;
}

/* What is kept of a log that comes in pieces of `piece` bytes (0: whole). */
static void feed(struct lq_redactor *redactor, struct lq_str log, size_t piece, struct lq_buf *out)
{
    for (size_t at = 0; at < log.len;) {
        const size_t left = log.len - at, take = piece && piece < left ? piece : left;

        CHECK(lq_redactor_feed(redactor, log.ptr + at, take, add, out, NULL) == LQ_OK);
        at += take;
    }
    CHECK(lq_redactor_finish(redactor, add, out, NULL) == LQ_OK);
}

static struct lq_redactor *new_redactor(char *const *patterns)
{
    struct lq_redactor *redactor = NULL;
    struct lq_error err;

    CHECK(lq_redactor_new(&redactor, patterns, &err) == LQ_OK);
    return redactor;
}

static void check_kept(char *const *patterns, const char *log, const char *want)
{
    static const size_t pieces[] = { 0, 1, 2, 7, 64 };
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = new_redactor(patterns);

    TAP_CASE(log);
    for (size_t i = 0; redactor && i < LQ_COUNT(pieces); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;
        LQ_CLEANUP(lq_buf_release) struct lq_buf again = LQ_BUF_INIT;

        feed(redactor, lq_str_of(log), pieces[i], &out);
        CHECK_STR(lq_buf_text(&out), want);
        /* A log that was kept may be recorded again. */
        feed(redactor, lq_str_of(want), pieces[i], &again);
        CHECK_STR(lq_buf_text(&again), want);
    }
}

/* ---- shapes ---- */

static void test_shapes(void)
{
    static const struct {
        const char *log, *want;
    } cases[] = {
        { "id AKIA"
          "IOSFODNN7EXAMPLE.",
          "id " MARK("aws-access-key-id") "." },
        { "AWS_ACCESS_KEY_ID=ASIA"
          "IOSFODNN7EXAMPLE",
          "AWS_ACCESS_KEY_ID=" MARK("aws-access-key-id") },
        { "aws_secret_access_key = " L40, "aws_secret_access_key = " MARK("aws-secret-key") },
        { "\"SecretAccessKey\": \"" L40 "\",",
          "\"SecretAccessKey\": \"" MARK("aws-secret-key") "\"," },
        { "<SecretAccessKey>" L40 "</SecretAccessKey>",
          "<SecretAccessKey>" MARK("aws-secret-key") "</SecretAccessKey>" },
        { "AKIA"
          "IOSFODNN7EXAMPLE," L40 "\n",
          MARK("aws-access-key-id") "," MARK("aws-secret-key") "\n" },
        { "aws_session_token = " L40 L40 L40 "==",
          "aws_session_token = " MARK("aws-session-token") },
        { "fatal: ghp"
          "_" L36 " is bad",
          "fatal: " MARK("github-token") " is bad" },
        { "\"t\":\"a\\ngho"
          "_" L36 "\"",
          "\"t\":\"a\\n" MARK("github-token") "\"" },
        { "github"
          "_pat_" L20 "_" L40,
          MARK("github-token") },
        { "x ghs"
          "_" L36 ",ghu"
          "_" L36,
          "x " MARK("github-token") "," MARK("github-token") },
        { "glpat"
          "-" L20,
          MARK("gitlab-token") },
        { "xoxb"
          "-123456789012-" L10,
          MARK("slack-token") },
        { "https://hooks.slack.com/services/T0/B0/" L20,
          "https://hooks.slack.com/services/" MARK("webhook-url") },
        { "https://discord.com/api/webhooks/123456789/" L40,
          "https://discord.com/api/webhooks/123456789/" MARK("webhook-url") },
        { "key=AIza" L20 L10 "abcde;", "key=" MARK("google-key") ";" },
        { "ya29"
          "." L20,
          MARK("google-key") },
        { "npm"
          "_" L36,
          MARK("npm-token") },
        { "//registry.example.com/:_authToken=" L20 "\n",
          "//registry.example.com/:_authToken=" MARK("npm-token") "\n" },
        { "pypi"
          "-AgEIcHlwaS5vcmc" L20,
          MARK("pypi-token") },
        { "t eyJ" L10 ".eyJ" L10 "." L20 " x", "t " MARK("jwt") " x" },
        { "> Authorization: Bearer abc.def\r\n",
          "> Authorization: Bearer " MARK("authorization") "\r\n" },
        { "curl -H 'authorization: Basic dXNlcjpwYXNz' u",
          "curl -H 'authorization: Basic " MARK("authorization") "' u" },
        { "{\"Authorization\":\"token abc\",\"a\":1}",
          "{\"Authorization\":\"token " MARK("authorization") "\",\"a\":1}" },
        { "{\\\"Authorization\\\": \\\"Bearer abc\\\"}",
          "{\\\"Authorization\\\": \\\"Bearer " MARK("authorization") "\\\"}" },
        { "Authorization: Digest username=\"a\", response=\"0a1b\"",
          "Authorization: Digest " MARK("authorization") },
        { "Authorization: " L20, "Authorization: " MARK("authorization") },
        { "sent bearer " L20 " to", "sent bearer " MARK("bearer") " to" },
        { "PRIVATE-TOKEN: " L10, "PRIVATE-TOKEN: " MARK("secret-header") },
        { "run --password=hunter2 -v", "run --password=" MARK("option") " -v" },
        { "run --password hunter2 -v", "run --password " MARK("option") " -v" },
        { "run --token 'a b' x", "run --token '" MARK("option") "' x" },
        { "run --db-password=\"a b\" x", "run --db-password=\"" MARK("option") "\" x" },
        { "Command '['x', '--api-key', 'abc']' failed",
          "Command '['x', '--api-key', '" MARK("option") "']' failed" },
        { "vault login -token=abc", "vault login -token=" MARK("option") },
        { "mvn -Dsonar.token=abc -Dx=1", "mvn -Dsonar.token=" MARK("property") " -Dx=1" },
        { "+ export DB_PASSWORD=hunter2", "+ export DB_PASSWORD=" MARK("variable") },
        { "NPM_TOKEN=0123456789", "NPM_TOKEN=" MARK("variable") },
        { "host=db user=app password=hunter2 dbname=x",
          "host=db user=app password=" MARK("password") " dbname=x" },
        { "GET /x?a=1&access_token=abcdef&b=2",
          "GET /x?a=1&access_token=" MARK("parameter") "&b=2" },
        { "Server=db;Uid=a;Pwd=hunter2;", "Server=db;Uid=a;Pwd=" MARK("parameter") ";" },
        { "clone https://user:s3cr3t@example.com/x.git",
          "clone https://user:" MARK("url-password") "@example.com/x.git" },
        { "https://u:p@ss@example.com/", "https://u:" MARK("url-password") "@example.com/" },
        { "postgres://:pw@db:5432/x", "postgres://:" MARK("url-password") "@db:5432/x" },
        { "https://" L36 "@example.com/", "https://" MARK("url-password") "@example.com/" },
        { "curl -s -u user:pw https://x",
          "curl -s -u user:" MARK("command-password") " https://x" },
        { "sshpass -p pw ssh h", "sshpass -p " MARK("command-password") " ssh h" },
        { "openssl x -passin pass:pw", "openssl x -passin pass:" MARK("command-password") },
        { "sk"
          "_live_" L20,
          MARK("service-token") },
        { "hf"
          "_" L36,
          MARK("service-token") },
        { "AccountKey=" L40 L40 "==;x", "AccountKey=" MARK("service-token") ";x" },
        /* The longer of two that overlap. */
        { "run --token=ghp"
          "_" L36 "-x y",
          "run --token=" MARK("option") " y" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_kept(NULL, cases[i].log, cases[i].want);
}

static void test_no_secrets(void)
{
    static const char *const cases[] = {
        "commit " HEX40,
        "Cache access key: " HEX40,
        "\"integrity\": \"sha512-" L40 L40 "abcdef==\",",
        "sha256:" HEX40 "0123456789abcdef01234567",
        "data:image/png;base64,iVBORw0KGgo" L40 L40 L40 "AAAABJRU5ErkJggg==",
        "go.sum h1:" L40 "=",
        "-----BEGIN CERTIFICATE-----\nMII" L40 "\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nMII" L40 "\n-----END PUBLIC KEY-----\n",
        "https://github.com/user/repo/pull/1@x",
        "ssh://git@github.com:22/x.git",
        "https://registry.example.com:4873/@scope/name",
        "see http://a:b, mail x@y.z",
        "the options --password and --token are needed",
        "  --token <token>  the token to use",
        "usage: x [--password [PASSWORD]]",
        "a.c:1:2: error: unexpected token: 'x'",
        "AUTHORIZATION: required",
        "password: the password of the user",
        "def login(user, password=None):",
        "login(password=self.password)",
        "gcc -DTOKEN=5 -DMAX_TOKENS=4096 -c x.c",
        "npm_config_registry=https://example.com/",
        "PWD=/home/user/project OLDPWD=/home/user",
        "{\"password\": \"\", \"token\": \"ident\", \"key\": \"value\"}",
        "TOKEN=/run/secrets/token",
        "docker run -u 1000:1000 image",
        "mypy: error: Incompatible types in \"pass\"",
        "3 pass:12 fail:0",
        "AKIAIOSFODNN7", /* too short */
        "XAKIA"
        "IOSFODNN7EXAMPLEX",
        "glue-code-for-the-thing-and-more",
        "sk-learn-is-not-a-key",
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_kept(NULL, cases[i], cases[i]);
}

/* ---- the first pass ---- */

/* Each is one word. */
#define L120 L40 L40 L40
#define GITHUB                                                                                     \
    "gho"                                                                                          \
    "_" L36
#define GITHUB_PAT                                                                                 \
    "github"                                                                                       \
    "_pat_" L36
#define GITLAB                                                                                     \
    "glpat"                                                                                        \
    "-" L20
#define SLACK                                                                                      \
    "xoxb"                                                                                         \
    "-" L20
#define SLACK_2 "xoxe.xoxp-1-" L20
#define AWS                                                                                        \
    "AKIA"                                                                                         \
    "IOSFODNN7EXAMPLE"
#define GOOGLE "AIza" L20 L10 "abcde"
#define GOOGLE_2                                                                                   \
    "ya29"                                                                                         \
    "." L36
#define NPM                                                                                        \
    "npm"                                                                                          \
    "_" L36
#define PYPI                                                                                       \
    "pypi"                                                                                         \
    "-AgE" L36
#define JWT "eyJ" L10 ".eyJ" L10 "." L36
#define JWE "eyJ" L36 ".." L36 "." L36 "." L36
#define STRIPE                                                                                     \
    "sk"                                                                                           \
    "_live_" L36

/* Words of lines that may hold a secret, or nearly. */
static const char *const words[] = {
    "password",
    "passphrase",
    "token",
    "secret",
    "api_key",
    "access-key",
    "access_token",
    "client_secret",
    "aws_secret_access_key",
    "AWS Secret Access Key [None]",
    "session_token",
    "Authorization",
    "Proxy-Authorization",
    "Bearer",
    "Basic",
    "Digest",
    "X-Api-Key",
    "PRIVATE-TOKEN",
    "x-amz-security-token",
    "DB_PASSWORD",
    "NPM_TOKEN",
    "PGPASSWORD",
    "_authToken",
    "_auth",
    "curl -s",
    "-u",
    "--user",
    "docker login",
    "-p",
    "sshpass -p",
    "-passin pass:",
    "-Dsonar.token",
    "https://",
    "x://",
    "user",
    "@",
    "/",
    "?",
    "&",
    "#",
    ";",
    "\"",
    "'",
    "\\\"",
    "=",
    ":",
    " ",
    "  ",
    "\t",
    ": ",
    " = ",
    "=>",
    ",",
    "%20",
    "+",
    "--",
    "-",
    "_",
    "[",
    "]",
    "}",
    ">",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): a token in two pieces */
    GITHUB,
    GITHUB_PAT,
    GITLAB,
    SLACK,
    SLACK_2,
    AWS,
    L40,
    L120,
    GOOGLE,
    GOOGLE_2,
    NPM,
    PYPI,
    JWT,
    JWE,
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/12345/",
    L36,
    "hunter2",
    "a!b",
    "$x",
    STRIPE,
    "AccountKey",
    "sig",
    "X-Amz-Signature",
    "Pwd",
    "&amp;",
    "\r",
    "\\n",
    "\033[0m",
};

/* Where an expression matches, the first pass must have named it: else the secret stays. */
static void test_first_pass_misses_nothing(void)
{
    struct lq_finder *finder = NULL;
    struct lq_hits hits = { .at = NULL };
    struct lq_spans some = { .at = NULL }, all = { .at = NULL };
    uint32_t seed = 7;

    CHECK(lq_finder_new(&finder, NULL, NULL) == LQ_OK);
    for (int i = 0; finder && i < 20000; i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
        struct lq_piece piece = { .is_start = true, .is_end = true };
        bool same;

        for (int n = 2 + i % 8; n > 0; n--) {
            seed = seed * 1664525 + 1013904223;
            lq_buf_adds(&line, words[(seed >> 8) % LQ_COUNT(words)]);
        }
        piece.text = (struct lq_str){ line.data, line.len };
        TAP_CASE(line.data);
        some.count = all.count = 0;
        if (!lq_finder_scan(finder, piece.text, &hits))
            break; /* no first pass on this machine */
        if (hits.count > 0)
            lq_finder_secrets(finder, &piece, hits.at, hits.count, &some);
        lq_finder_secrets(finder, &piece, NULL, 0, &all);
        same = some.count == all.count;
        for (size_t j = 0; same && j < all.count; j++)
            same = some.at[j].start == all.at[j].start && some.at[j].end == all.at[j].end;
        if (!CHECK(same))
            break;
    }
    tap_row = NULL;
    free(hits.at);
    free(some.at);
    free(all.at);
    lq_finder_free(&finder);
}

/* ---- escape sequences ---- */

static void test_escapes(void)
{
    static const struct {
        const char *log, *want;
    } cases[] = {
        { "\033[31mghp"
          "_\033[0m" L36 "\033[0m tail",
          "\033[31m" MARK("github-token") "\033[0m\033[0m tail" },
        { "\033[1m--password=\033[0mhunter2\033[K x",
          "\033[1m--password=" MARK("option") "\033[0m x" },
        { "\033]8;;https://u:pw@h/\033\\link\033]8;;\033\\",
          "\033]8;;https://u:" MARK("url-password") "@h/\033\\link\033]8;;\033\\" },
        { "\033[32mgreen\033[0m", "\033[32mgreen\033[0m" },
        { "10%\r50%\rghp"
          "_" L36 "\r\n",
          "10%\r50%\r" MARK("github-token") "\r\n" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_kept(NULL, cases[i].log, cases[i].want);
}

/* ---- private keys ---- */

#define FOUR "a b\nc d\ne f\ng h\n"
#define MANY FOUR FOUR FOUR FOUR
#define BODY "MIIE" L20 L40 "\n"
#define KEPT MARK("private-key")
#define BEGIN(kind) "-----BEGIN " kind "PRIVATE KEY-----"
#define END(kind) "-----END " kind "PRIVATE KEY-----"

static void test_private_keys(void)
{
    static const struct {
        const char *log, *want;
    } cases[] = {
        { "a\n" BEGIN("RSA ") "\n" BODY BODY "Zw==\n" END("RSA ") "\nb\n",
          "a\n" BEGIN("RSA ") "\n" KEPT "\n" KEPT "\n" KEPT "\n" END("RSA ") "\nb\n" },
        { BEGIN("") "\r\nMIIE" L40 "\r\n" END("") "\r\n",
          BEGIN("") "\r\n" KEPT "\r\n" END("") "\r\n" },
        { BEGIN("RSA ") "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" BODY END(
              "RSA ") "\n",
          BEGIN("RSA ") "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" KEPT
                        "\n" END("RSA ") "\n" },
        /* A time before each line; a diff; source code; YAML. */
        { "10:00:01 " BEGIN("") "\n10:00:01 " BODY
                                "10:00:02 Zw==\n10:00:02 " END("") "\n10:00:02 x\n",
          "10:00:01 " BEGIN("") "\n10:00:01 " KEPT "\n10:00:02 " KEPT
                                "\n10:00:02 " END("") "\n10:00:02 x\n" },
        { "k = \"" BEGIN("EC ") "\\n\"\n \"MIIE" L20 "\\n\"\n \"" END("EC ") "\"\n",
          "k = \"" BEGIN("EC ") "\\n\"\n \"" KEPT "\"\n \"" END("EC ") "\"\n" },
        /* On one line, as in JSON or by a shell that made blanks of the line ends. */
        { "{\"private_key\": \"" BEGIN("") "\\nMIIE" L40 "\\n" L40 "\\nZw==\\n" END("") "\\n\"}\n",
          "{\"private_key\": \"" BEGIN("") KEPT END("") "\\n\"}\n" },
        { BEGIN("") " MIIE" L40 " " L40 " Zw== " END("") " x\n",
          BEGIN("") " " KEPT " " END("") " x\n" },
        /* Other output in between; a key that never ends. */
        { BEGIN("") "\n" BODY "make: entering\n" BODY END("") "\n",
          BEGIN("") "\n" KEPT "\nmake: entering\n" KEPT "\n" END("") "\n" },
        { BEGIN("") "\n" BODY MANY HEX40 "\n", BEGIN("") "\n" KEPT "\n" MANY HEX40 "\n" },
        /* Only talk of one. */
        { "expected " BEGIN("") " here\nok\ndone\n", "expected " BEGIN("") " here\nok\ndone\n" },
        { "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" BODY
          "=Zk3v\n-----END PGP PRIVATE KEY BLOCK-----\n",
          "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" KEPT "\n" KEPT
          "\n-----END PGP PRIVATE KEY BLOCK-----\n" },
        { "\033[2m" BEGIN("") "\033[0m\n\033[2mMIIE" L40 "\033[0m\n" END("") "\n",
          "\033[2m" BEGIN("") "\033[0m\n\033[2m" KEPT "\033[0m\n" END("") "\n" },
        { "AGE-SECRET-KEY-1"
          "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
          KEPT },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_kept(NULL, cases[i].log, cases[i].want);
}

/* ---- long lines ---- */

static void fill(struct lq_buf *buf, const char *text, size_t len)
{
    while (len > 0) {
        const size_t n = strlen(text) < len ? strlen(text) : len;

        lq_buf_add(buf, text, n);
        len -= n;
    }
}

/* A secret somewhere in a line of a few hundred kilobytes, with or without its end. */
static void check_at(size_t at, size_t piece, bool ends)
{
    static const char secret[] = " ghp"
                                 "_" L36 " ";
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = new_redactor(NULL);
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf want = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;

    fill(&log, "some words; ", at);
    lq_buf_adds(&log, secret);
    fill(&log, "more words, ", 100000);
    fill(&want, "some words; ", at);
    lq_buf_adds(&want, " " MARK("github-token") " ");
    fill(&want, "more words, ", 100000);
    lq_buf_adds(&log, ends ? "\nx" : "");
    lq_buf_adds(&want, ends ? "\nx" : "");
    feed(redactor, (struct lq_str){ log.data, log.len }, piece, &out);
    CHECK_INT(out.len, want.len);
    CHECK(out.len == want.len && memcmp(out.data, want.data, out.len) == 0);
}

static void test_long_lines(void)
{
    static const size_t edges[] = { 0, 48 << 10, 64 << 10, (48 + 48) << 10, (48 + 64) << 10 };

    for (size_t i = 0; i < LQ_COUNT(edges); i++)
        for (size_t back = 0; back <= 50 && back <= edges[i]; back += 2) {
            check_at(edges[i] - back, 0, back % 4);
            check_at(edges[i] - back, 4096, back % 4 == 0);
        }
}

static long peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

struct tally {
    size_t n_bytes, n_newlines, longest;
};

static enum lq_status count(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    struct tally *tally = ctx;

    tally->n_bytes += len;
    for (size_t i = 0; i < len; i++)
        tally->n_newlines += ((const char *)bytes)[i] == '\n';
    return LQ_OK;
}

/* Feed `text` over and over, 64 MiB in all, behind `start`. */
static struct tally feed_much(const char *start, const char *text)
{
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = new_redactor(NULL);
    LQ_CLEANUP(lq_buf_release) struct lq_buf piece = LQ_BUF_INIT;
    struct tally tally = { 0 };
    long before;

    fill(&piece, text, 1 << 20);
    CHECK(lq_redactor_feed(redactor, start, strlen(start), count, &tally, NULL) == LQ_OK);
    CHECK(lq_redactor_feed(redactor, piece.data, piece.len, count, &tally, NULL) == LQ_OK);
    before = peak_kb();
    for (int i = 1; i < 64; i++)
        CHECK(lq_redactor_feed(redactor, piece.data, piece.len, count, &tally, NULL) == LQ_OK);
    CHECK(lq_redactor_finish(redactor, count, &tally, NULL) == LQ_OK);
    CHECK(peak_kb() - before < 4096);
    return tally;
}

static void test_endless(void)
{
    struct tally tally;

    TAP_CASE("a line without end");
    tally = feed_much("", "aaaaaaaaaaaaaaaa");
    CHECK_INT(tally.n_bytes, 64 << 20);
    TAP_CASE("a secret without end");
    tally = feed_much("--token=", "aaaaaaaaaaaaaaaa");
    CHECK_INT(tally.n_bytes, strlen("--token=" MARK("option")));
    TAP_CASE("a key without end");
    tally = feed_much(BEGIN("") "\n", "MIIE" L20 L36 "\n");
    CHECK(tally.n_newlines > (1 << 20) && tally.n_bytes < (32 << 20));
    TAP_CASE("beginnings of secrets");
    feed_much("", "eyJeyJ0meyJ");
    feed_much("", "://a:");
    feed_much("", "-----BEGIN ");
    feed_much("", "(((((((((((");
}

/* ---- the user's patterns ---- */

static void test_patterns(void)
{
    char *const plain[] = { (char[]){ "corp-[0-9]+" }, (char[]){ "(?i)pin: (\\d{4})" },
                            (char[]){ "größe=\\p{L}+" }, (char[]){ "^secret line$" }, NULL };
    char *const costly[] = { (char[]){ "(?:a|aa)+[@#]" }, NULL };

    check_kept(plain, "x corp-123 y corp-4\nPIN: 0000 ok\n",
               "x " MARK("custom-1") " y " MARK("custom-1") "\nPIN: " MARK("custom-2") " ok\n");
    check_kept(plain, "größe=übergroß! \xff corp-1", MARK("custom-3") "! \xff " MARK("custom-1"));
    check_kept(plain, "secret line\nnot a secret line\n", MARK("custom-4") "\nnot a secret line\n");
    check_kept(plain,
               "corp-1 ghp"
               "_" L36,
               MARK("custom-1") " " MARK("github-token"));
    check_kept(plain, "\033[1mcorp\033[0m-77 x", "\033[1m" MARK("custom-1") "\033[0m x");
    /* What cannot be decided in time is hidden. */
    check_kept(costly, "b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nb aa@\n",
               MARK("custom-1") "\nb " MARK("custom-1") "\n");
}

static void test_bad_patterns(void)
{
    static const struct {
        const char *regexp, *problem;
    } cases[] = {
        { "(a", "is no regular expression: missing closing parenthesis" },
        { "", "is empty" },
        { "[z-a]", "is no regular expression: range out of order in character class" },
        { "\\C", "is no regular expression: using \\C is disabled by the application" },
        { "good", NULL },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        char problem[LQ_REDACT_PROBLEM_BYTES] = "";

        TAP_CASE(cases[i].regexp);
        CHECK(lq_redact_pattern_problem(cases[i].regexp, problem) == (cases[i].problem != NULL));
        CHECK_STR(problem, cases[i].problem ? cases[i].problem : "");
    }
}

/* ---- the rest ---- */

static void on_hidden(void *ctx, int64_t line, const char *pattern)
{
    lq_buf_addf(ctx, "%lld %s\n", (long long)line, pattern);
}

static void test_lines_are_told(void)
{
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = new_redactor(NULL);
    static const char log[] = "a\nb --token=x --token=y\n\nc\nd Pwd=1;Pwd=2345;\033[0m\n--token=z";

    for (size_t piece = 0; piece < 4; piece++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;
        LQ_CLEANUP(lq_buf_release) struct lq_buf told = LQ_BUF_INIT;

        lq_redactor_on_hidden(redactor, on_hidden, &told);
        feed(redactor, lq_str_of(log), piece, &out);
        CHECK_STR(lq_buf_text(&told), "2 option\n2 option\n5 parameter\n6 option\n");
    }
}

static void test_text(void)
{
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = new_redactor(NULL);
    LQ_CLEANUP(lq_free) char *hidden = lq_redact_text(redactor, LQ_STR("x --token=abc\ny"));
    LQ_CLEANUP(lq_free) char *same = lq_redact_text(redactor, LQ_STR("make -j8"));

    CHECK_STR(hidden, "x --token=" MARK("option") "\ny");
    CHECK_STR(same, NULL);
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool secret;
    } cases[] = {
        { "GH_TOKEN", true },
        { "npm_config__authToken", true },
        { "DB_PASSWORD_2", true },
        { "AWS_SECRET_ACCESS_KEY", true },
        { "MYSQL_PASS", true },
        { "COMPOSER_AUTH", true },
        { "CARGO_REGISTRY_TOKEN", true },
        { "SLACK_WEBHOOK", true },
        { "CC", false },
        { "PATH", false },
        { "SSH_AUTH_SOCK", false },
        { "AWS_WEB_IDENTITY_TOKEN_FILE", false },
        { "CMAKE_BUILD_TYPE", false },
        { "AWS_ACCESS_KEY_ID", false },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        TAP_CASE(cases[i].name);
        CHECK(lq_redact_is_secret_name(cases[i].name) == cases[i].secret);
    }
}

int main(void)
{
    TAP_RUN(test_shapes);
    TAP_RUN(test_no_secrets);
    TAP_RUN(test_first_pass_misses_nothing);
    TAP_RUN(test_escapes);
    TAP_RUN(test_private_keys);
    TAP_RUN(test_long_lines);
    TAP_RUN(test_endless);
    TAP_RUN(test_patterns);
    TAP_RUN(test_bad_patterns);
    TAP_RUN(test_lines_are_told);
    TAP_RUN(test_text);
    TAP_RUN(test_names);
    return tap_done();
}
