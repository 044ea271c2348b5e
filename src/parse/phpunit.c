/* SPDX-License-Identifier: MIT */
/* PHPUnit: its sections tell what became of the tests in them; --testdox. */
#include "base/alloc.h"
#include "parse/report.h"

#define OWNER "phpunit"

struct phpunit {
    enum lq_test_status status; /* of the section */
    struct lq_clip holder;      /* the class, with --testdox */
    struct lq_clip name;
    struct lq_report failure; /* with --testdox, told below the sentence */
};

static void phpunit_free(void *state)
{
    struct phpunit *php = state;

    lq_clip_release(&php->holder);
    lq_clip_release(&php->name);
    lq_report_release(&php->failure);
    free(php);
}

static struct phpunit *state_of(struct lq_parser *parser)
{
    void **slot = lq_parser_slot(parser, LQ_SLOT_PHPUNIT, phpunit_free);

    if (!*slot) {
        struct phpunit *php = lq_alloc(sizeof *php);

        php->status = LQ_TEST_FAIL;
        php->holder.max = php->name.max = LQ_MESSAGE_MAX_BYTES;
        *slot = php;
    }
    return *slot;
}

static enum lq_test_status status_of(struct lq_str word)
{
    static const struct {
        const char *word;
        enum lq_test_status status;
    } words[] = {
        { "error", LQ_TEST_ERROR },     { "failure", LQ_TEST_FAIL }, { "skipped", LQ_TEST_SKIP },
        { "incomplete", LQ_TEST_SKIP }, { "risky", LQ_TEST_NONE },   { "warning", LQ_TEST_NONE },
        { "✔", LQ_TEST_PASS },          { "✘", LQ_TEST_FAIL },       { "↩", LQ_TEST_SKIP },
        { "∅", LQ_TEST_SKIP },
    };

    for (size_t i = 0; i < LQ_COUNT(words); i++)
        if (lq_str_eq(word, lq_str_of(words[i].word)))
            return words[i].status;
    return LQ_TEST_NONE;
}

static void end_failure(struct lq_parser *parser, struct phpunit *php)
{
    struct lq_event event;

    if (!php->failure.open)
        return;
    php->failure.open = false;
    lq_parser_activate(parser, NULL);
    event = lq_report_test(&php->failure, OWNER, LQ_TEST_FAIL);
    lq_parser_emit(parser, &event);
}

static void finish(struct lq_parser *parser)
{
    end_failure(parser, state_of(parser));
}

/* "   │ Failed asserting that …" below a failed test: its message, then places, the first is its own. */
static bool take_line(struct lq_parser *parser, struct lq_line line)
{
    struct phpunit *php = state_of(parser);
    struct lq_report *failure = &php->failure;

    if (!lq_parser_try(parser, "^   (?:│|├|┐|┊|╵|┴)(?: (.*))?$", line.text)) {
        end_failure(parser, php);
        return false;
    }
    lq_report_add(failure, line);
    if (!failure->line_number &&
        lq_parser_try(parser, "^\\S+ +((?:/|[A-Za-z]:\\\\)[^:]*\\.php):(\\d+)$",
                      lq_trim_lines(line.text)))
        lq_report_place(failure, lq_parser_group(parser, 1), lq_parser_group(parser, 2),
                        LQ_STR(""));
    else if (!failure->message.len && lq_parser_try(parser, "^ +\\S+ +(\\S.*)$", line.text))
        lq_report_set(&failure->message, lq_parser_group(parser, 1));
    return true;
}

/* " ✘ Total" below "Cart", its class. */
static bool take_sentence(struct lq_parser *parser, struct phpunit *php, const struct lq_rule *rule,
                          struct lq_line line)
{
    const struct lq_str word = lq_parser_field(parser, rule, LQ_FIELD_TEST_STATUS);
    const struct lq_str test = lq_parser_field(parser, rule, LQ_FIELD_TEST_NAME);
    const struct lq_str above = lq_parser_earlier(parser, line, 1);
    struct lq_event event = lq_event_of(OWNER, "test", line.number);

    if (above.len && lq_parser_try(parser, "^\\w[\\w\\\\ ()]*$", above)) {
        lq_clip_clear(&php->holder);
        lq_clip_add(&php->holder, above);
    }
    event.test_status = status_of(word);
    if (event.test_status == LQ_TEST_NONE)
        return true;
    lq_clip_clear(&php->name);
    lq_clip_add(&php->name, lq_clip_text(&php->holder));
    lq_clip_add(&php->name, LQ_STR("::"));
    lq_clip_add(&php->name, test);
    if (event.test_status == LQ_TEST_FAIL) {
        lq_report_begin(&php->failure, line);
        lq_report_set(&php->failure.name, lq_clip_text(&php->name));
        lq_parser_activate(parser, &lq_family_phpunit);
        return true;
    }
    event.test_name = lq_clip_text(&php->name);
    event.raw_text = line.text;
    lq_parser_emit(parser, &event);
    return true;
}

static bool match(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line)
{
    struct phpunit *php = state_of(parser);
    const struct lq_str section = lq_parser_field(parser, rule, LQ_FIELD_MESSAGE);

    if (!section.ptr)
        return take_sentence(parser, php, rule, line);
    php->status = status_of(section);
    return true;
}

static void adjust(struct lq_parser *parser, struct lq_event *event)
{
    event->test_status = state_of(parser)->status;
    event->severity = lq_severity_of_test(event->test_status);
    if (event->test_status != LQ_TEST_NONE)
        return;
    event->test_name = (struct lq_str){ NULL, 0 };
    event->severity = LQ_SEVERITY_WARNING;
}

const struct lq_family lq_family_phpunit = { .match = match, .line = take_line, .finish = finish };
const struct lq_family lq_family_phpunit_test = { .adjust = adjust };
