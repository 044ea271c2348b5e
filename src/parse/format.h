/* SPDX-License-Identifier: MIT */
/*
 * Log formats as tables. tools/gen-formats writes them from formats/ (whose README.md describes
 * the keys) when lq is built, together with the vectorscan database of all first patterns.
 */
#ifndef LQ_PARSE_FORMAT_H
#define LQ_PARSE_FORMAT_H

#include <lq/format.h>
#include <stdbool.h>
#include <stdint.h>

/* What a capturing group of a pattern may fill. */
enum lq_field {
    LQ_FIELD_FILE,
    LQ_FIELD_LINE,
    LQ_FIELD_COLUMN,
    LQ_FIELD_SEVERITY,
    LQ_FIELD_CODE,
    LQ_FIELD_MESSAGE,
    LQ_FIELD_TOOL,
    LQ_FIELD_TEST_NAME,
    LQ_FIELD_TEST_STATUS,
    LQ_FIELD_DURATION,
    LQ_FIELD_LOCATION, /* "12,5": line and column in one */
    LQ_N_FIELDS,
};

/* A tool's word and the lq_severity or lq_test_status that it means. */
struct lq_word {
    const char *word;
    int value;
};

/* A tool's word and the error code that it stands for. */
struct lq_code {
    const char *word, *code;
};

/* How an event of a matcher makes one with others of its owner; ledger.h tells more. */
enum lq_part {
    LQ_PART_WHOLE,   /* it stands alone */
    LQ_PART_RESULT,  /* of a test; when failed, its details may follow */
    LQ_PART_DETAILS, /* of a failed test, under its name */
    LQ_PART_BEFORE,  /* details of the failed test that is named next */
    LQ_PART_END,     /* no event: nothing further is said about the tests so far */
};

struct lq_family;

struct lq_matcher {
    const char *owner; /* name of the format */
    const char *tool;  /* tool_name, unless a group tells it */
    const char *category;
    const char *code;                            /* error_code of every event, or NULL */
    int severity, status;                        /* when no group tells it */
    const struct lq_word *severities, *statuses; /* ended by a NULL word; before the common words */
    const struct lq_code *codes; /* ended by a NULL word; what no word here means is kept */
    const char *follow; /* expression of the lines that still belong to the event, or NULL */
    const struct lq_rule *finds; /* rules that look for fields in those lines */
    uint16_t n_finds;
    uint16_t need; /* bits of enum lq_field: without those there is no event */
    enum lq_part part;
    bool once;                      /* an event said before by this matcher's owner is dropped */
    const struct lq_family *family; /* code that takes over, or NULL */
};

/* One pattern of a matcher. The patterns of a matcher follow each other; those of `find` come after
 * them. */
struct lq_rule {
    const struct lq_matcher *matcher;
    const char *regexp;
    uint8_t group[LQ_N_FIELDS]; /* 0: not captured; LQ_GROUP_ALL */
    bool first;                 /* may match any line; else only the line after its predecessor */
    bool last;
    bool loop;   /* matches as many lines as there are, each an event */
    bool again;  /* of `find`: the last line that matches counts, not the first */
    bool prefix; /* what it matches is cut off the line; the rest is read afresh */
    bool weak;   /* a prefix that is one only when the rest means something */
};

extern const struct lq_rule lq_rules[];
extern const size_t lq_n_rules;
extern const struct lq_format_info lq_format_infos[];
extern const size_t lq_n_format_infos;
/* The serialised vectorscan database. Its ids are indexes of lq_rules. */
extern const uint64_t lq_database_words[];
extern const size_t lq_database_bytes;

#endif
