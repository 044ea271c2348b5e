/* SPDX-License-Identifier: MIT */
/*
 * What the parser offers to the families: code for formats that lines alone do not tell.
 *
 * A rule whose matcher names a family calls the family's `match`. A family that must see the
 * lines that follow makes itself the active one: every line is then offered to `line` before
 * anything else looks at it.
 */
#ifndef LQ_PARSE_ENGINE_H
#define LQ_PARSE_ENGINE_H

#include "base/str.h"
#include "parse/clip.h"
#include "parse/format.h"

struct lq_line {
    struct lq_str text; /* without line end, escapes, CI prefix */
    int64_t number;
    bool goes_on; /* it is longer: what follows comes to the active family's `piece` */
};

struct lq_family {
    /* A rule matched; groups are read by lq_parser_group. true: the line is taken. NULL: the
     * matcher's events are made as usual, and only `adjust` is called. */
    bool (*match)(struct lq_parser *parser, const struct lq_rule *rule, struct lq_line line);
    /* The family is active. true: the line is taken; false: it is nothing of ours. */
    bool (*line)(struct lq_parser *parser, struct lq_line line);
    /* May be NULL: the rest of a line that goes on, in pieces; `last`: the line ends with this one. */
    void (*piece)(struct lq_parser *parser, struct lq_str bytes, bool last);
    /* The log ends: hand over what is held, be as new. */
    void (*finish)(struct lq_parser *parser);
    /* An event of the matcher is complete: improve it. */
    void (*adjust)(struct lq_parser *parser, struct lq_event *event);
    bool documents; /* it reads formats of several names, and asks lq_parser_wants */
};

extern const struct lq_family lq_family_catch, lq_family_catch_failure, lq_family_cc,
    lq_family_cc_context, lq_family_docker, lq_family_gotest, lq_family_java, lq_family_jest,
    lq_family_json, lq_family_makedirs, lq_family_mocha, lq_family_nodetest, lq_family_phpunit,
    lq_family_phpunit_test, lq_family_playwright, lq_family_playwright_progress, lq_family_pytest,
    lq_family_python, lq_family_shellcheck, lq_family_tap, lq_family_teamcity, lq_family_unittest,
    lq_family_vitest, lq_family_xml;

/* A family's own state, made by the family and freed by `release`. */
enum lq_family_slot {
    LQ_SLOT_CATCH,
    LQ_SLOT_DOCKER,
    LQ_SLOT_GOTEST,
    LQ_SLOT_GOTEST_JSON,
    LQ_SLOT_JEST,
    LQ_SLOT_JSON,
    LQ_SLOT_MAKEDIRS,
    LQ_SLOT_MOCHA,
    LQ_SLOT_NODETEST,
    LQ_SLOT_PHPUNIT,
    LQ_SLOT_PLAYWRIGHT,
    LQ_SLOT_PYTEST,
    LQ_SLOT_PYTHON,
    LQ_SLOT_SARIF,
    LQ_SLOT_SHELLCHECK,
    LQ_SLOT_TAP,
    LQ_SLOT_TEAMCITY,
    LQ_SLOT_UNITTEST,
    LQ_SLOT_XML,
    LQ_N_SLOTS
};
void **lq_parser_slot(struct lq_parser *parser, enum lq_family_slot slot, void (*release)(void *));

/* The compiler's dialect as the log told so far; owned by the cc family. */
int *lq_parser_dialect(struct lq_parser *parser);
/* g++ or gfortran instead of gcc, by the file that its diagnostic is about. */
void lq_cc_set_language(struct lq_parser *parser, struct lq_event *event);

/* Make `family` the active one, or with NULL none. */
void lq_parser_activate(struct lq_parser *parser, const struct lq_family *family);

/* Whether events of the format `name` are asked for: all are, or this one. */
bool lq_parser_wants(const struct lq_parser *parser, const char *name);

/* Read a line afresh that was wrapped in another: from its family's `match` only, when none is active. */
void lq_parser_reread(struct lq_parser *parser, struct lq_line line);

/* A group of the rule or expression that matched last; ptr NULL when it took no part. */
struct lq_str lq_parser_group(const struct lq_parser *parser, unsigned number);

/* The group of the rule that matched last which fills `field`; ptr NULL when there is none. */
struct lq_str lq_parser_field(const struct lq_parser *parser, const struct lq_rule *rule,
                              enum lq_field field);

/* Match an expression, a static text, against a line; then its groups can be read. */
bool lq_parser_try(struct lq_parser *parser, const char *regexp, struct lq_str line);

/* Hand over an event; fills the fingerprint and cuts what is too long. An open event of the rules
 * goes first. */
void lq_parser_emit(struct lq_parser *parser, struct lq_event *event);

/* Hand over what is part of a test's event; `owner` is static. See ledger.h. */
void lq_parser_report(struct lq_parser *parser, const char *owner, enum lq_part part,
                      const struct lq_event *event);

/* A path as make or ninja, whose folder was entered, mean it; else as it is. Valid until the next call. */
struct lq_str lq_makedirs_resolve(struct lq_parser *parser, struct lq_str path);

/* Whether a file of a stack is a tool's or a library's, by the folder that it is installed in (place.c). */
bool lq_place_is_foreign(struct lq_str path);

/* Whether what a Go test printed reads like a failure, not like a log (gotest.c). */
bool lq_gotest_complains(struct lq_parser *parser, struct lq_str text);

/* An event with nothing in it. */
struct lq_event lq_event_of(const char *tool, const char *category, int64_t line);

/* The value of a tool's word: in `words` (may be NULL), else a common one; `otherwise` for any other. */
enum lq_severity lq_severity_of(const struct lq_word *words, struct lq_str text,
                                enum lq_severity otherwise);
enum lq_test_status lq_test_status_of(const struct lq_word *words, struct lq_str text,
                                      enum lq_test_status otherwise);
/* Failing and broken tests are errors; others have no severity. */
enum lq_severity lq_severity_of_test(enum lq_test_status status);

/* `text` without blanks and empty lines at its ends. */
struct lq_str lq_trim_lines(struct lq_str text);

/* Digits at the start of `text`, at most 18; 0 when there are none. */
int64_t lq_digits(struct lq_str text);
/* "0.25"; negative when it is no number. */
double lq_seconds(struct lq_str text);

/* The line before `line` of the log, `back` lines up, as far as the parser still has it, cut like
 * `line`; ptr NULL when it has not. */
struct lq_str lq_parser_earlier(const struct lq_parser *parser, struct lq_line line, int back);

#endif
