/* SPDX-License-Identifier: MIT */
/* TeamCity's service messages: ##teamcity[testFailed name='a' message='b|nc']. */
#include "base/alloc.h"
#include "parse/report.h"
#include "parse/seen.h"
#include "parse/shapes.h"

#define OWNER "teamcity"
/* Suites within each other whose names are kept. */
#define MAX_SUITES 8

struct teamcity {
    struct lq_clip suites[MAX_SUITES];
    size_t n_suites;       /* open, may be more than are kept */
    struct lq_seen failed; /* tests that are not to pass when they end */
    struct lq_clip value, name, message, details, file, code;
};

static void teamcity_free(void *state)
{
    struct teamcity *tc = state;

    for (size_t i = 0; i < MAX_SUITES; i++)
        lq_clip_release(&tc->suites[i]);
    lq_seen_release(&tc->failed);
    lq_clip_release(&tc->value);
    lq_clip_release(&tc->name);
    lq_clip_release(&tc->message);
    lq_clip_release(&tc->details);
    lq_clip_release(&tc->file);
    lq_clip_release(&tc->code);
    free(tc);
}

static struct teamcity *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_TEAMCITY, teamcity_free);

    if (!*slot) {
        struct teamcity *tc = lq_alloc(sizeof *tc);
        struct lq_clip *const texts[] = { &tc->value,   &tc->name, &tc->message,
                                          &tc->details, &tc->file, &tc->code };

        for (size_t i = 0; i < LQ_COUNT(texts); i++)
            texts[i]->max = LQ_MESSAGE_MAX_BYTES;
        for (size_t i = 0; i < MAX_SUITES; i++)
            tc->suites[i].max = LQ_MESSAGE_MAX_BYTES;
        *slot = tc;
    }
    return *slot;
}

/* The character that "|" and `c` stand for. */
static char unescaped(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* The value of an attribute without its escapes; empty when there is none. */
static struct lq_str get(struct lq_clip *value, struct lq_str line, const char *name)
{
    const size_t len = strlen(name);
    const char *at = line.ptr, *const end = line.ptr + line.len;

    lq_clip_clear(value);
    while (at && (at = memmem(at, (size_t)(end - at), name, len))) {
        at += len;
        if (at[-(ptrdiff_t)len - 1] == ' ' && end - at > 2 && at[0] == '=' && at[1] == '\'')
            break;
    }
    if (!at)
        return lq_clip_text(value);
    for (at += 2; at < end && *at != '\''; at++) {
        char c = *at;

        if (c == '|' && at + 1 < end)
            c = unescaped(*++at);
        if (c != '\r')
            lq_clip_add(value, (struct lq_str){ &c, 1 });
    }
    return lq_clip_text(value);
}

/* The suite that makes a test's name whole: not the folder, nor what the name says again. */
static struct lq_str suite_of(const struct teamcity *tc, struct lq_str test)
{
    for (size_t i = tc->n_suites < MAX_SUITES ? tc->n_suites : MAX_SUITES; i > 0; i--) {
        const struct lq_str suite = lq_clip_text(&tc->suites[i - 1]);

        if (suite.len && !memchr(suite.ptr, '/', suite.len) && !lq_str_starts(test, suite))
            return suite;
    }
    return LQ_STR("");
}

static void set_name(struct teamcity *tc, struct lq_str line)
{
    const struct lq_str test = get(&tc->value, line, "name");
    const struct lq_str suite =
        !test.len || memchr(test.ptr, '.', test.len) || memmem(test.ptr, test.len, "::", 2)
            ? LQ_STR("")
            : suite_of(tc, test);

    lq_clip_clear(&tc->name);
    lq_clip_add(&tc->name, suite);
    if (suite.len)
        lq_clip_add(&tc->name, LQ_STR("::"));
    lq_clip_add(&tc->name, test);
}

static void take_test(struct lq_parser *parser, struct teamcity *tc, struct lq_line line,
                      enum lq_test_status status)
{
    struct lq_event event = lq_event_of(OWNER, "test", line.number);
    const struct lq_str milliseconds = get(&tc->value, line.text, "duration");

    event.test_status = status;
    event.test_duration_sec = milliseconds.len ? lq_seconds(milliseconds) / 1000 : 0;
    event.severity = lq_severity_of_test(status);
    set_name(tc, line.text);
    event.test_name = lq_clip_text(&tc->name);
    if (!event.test_name.len)
        return;
    if (status == LQ_TEST_PASS &&
        lq_seen_has(&tc->failed, lq_seen_hash(tc->n_suites, event.test_name)))
        return;
    if (status != LQ_TEST_PASS) {
        lq_seen_add(&tc->failed, lq_seen_hash(tc->n_suites, event.test_name));
        get(&tc->message, line.text, "message");
        get(&tc->details, line.text, "details");
        event.message = lq_trim_lines(lq_clip_text(&tc->message));
        if (status == LQ_TEST_FAIL)
            lq_place_find(parser, lq_clip_text(&tc->details), &event);
    }
    event.raw_text = line.text;
    lq_parser_emit(parser, &event);
}

/* "message" of the build, "buildProblem", "inspection". */
static void take_message(struct lq_parser *parser, struct teamcity *tc, struct lq_line line,
                         const char *text, const char *severity, enum lq_severity otherwise)
{
    struct lq_event event = lq_event_of(OWNER, "build", line.number);

    event.severity = lq_severity_of(NULL, get(&tc->value, line.text, severity), otherwise);
    if (event.severity == LQ_SEVERITY_NONE)
        return;
    get(&tc->message, line.text, text);
    get(&tc->file, line.text, "file");
    get(&tc->code, line.text, "typeId");
    event.line_number = lq_digits(get(&tc->value, line.text, "line"));
    event.message = lq_trim_lines(lq_clip_text(&tc->message));
    event.file_path = lq_clip_text(&tc->file);
    event.error_code = lq_clip_text(&tc->code);
    event.raw_text = line.text;
    if (event.message.len)
        lq_parser_emit(parser, &event);
}

static void take_suite(struct teamcity *tc, struct lq_line line)
{
    if (tc->n_suites < MAX_SUITES) {
        struct lq_clip *suite = &tc->suites[tc->n_suites];

        get(suite, line.text, "name");
    }
    tc->n_suites++;
}

static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct teamcity *tc = state_of(parser);
    const struct lq_str what = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);

    if (lq_str_eq(what, LQ_STR("testSuiteStarted"))) {
        take_suite(tc, line);
    } else if (lq_str_eq(what, LQ_STR("testSuiteFinished"))) {
        tc->n_suites -= tc->n_suites > 0;
        if (!tc->n_suites)
            lq_seen_clear(&tc->failed);
    } else if (lq_str_eq(what, LQ_STR("testFailed"))) {
        take_test(parser, tc, line, LQ_TEST_FAIL);
    } else if (lq_str_eq(what, LQ_STR("testIgnored"))) {
        take_test(parser, tc, line, LQ_TEST_SKIP);
    } else if (lq_str_eq(what, LQ_STR("testFinished"))) {
        take_test(parser, tc, line, LQ_TEST_PASS);
    } else if (lq_str_eq(what, LQ_STR("buildProblem"))) {
        take_message(parser, tc, line, "description", "status", LQ_SEVERITY_ERROR);
    } else if (lq_str_eq(what, LQ_STR("inspection"))) {
        take_message(parser, tc, line, "message", "SEVERITY", LQ_SEVERITY_WARNING);
    } else {
        take_message(parser, tc, line, "text", "status", LQ_SEVERITY_NONE);
    }
    return true;
}

const struct lq_family lq_family_teamcity = { .match = match };
