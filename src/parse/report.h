/* SPDX-License-Identifier: MIT */
/* struct lq_report: an event that a family puts together from several lines; it owns its texts. */
#ifndef LQ_PARSE_REPORT_H
#define LQ_PARSE_REPORT_H

#include "parse/clip.h"
#include "parse/engine.h"

struct lq_report {
    bool open;
    struct lq_clip name, file, message, code, raw;
    int64_t line_number, column_number, first, last;
};

/* Start afresh with a first line. */
void lq_report_begin(struct lq_report *report, struct lq_line line);
/* A further line; empty ones count only when more follows. */
void lq_report_add(struct lq_report *report, struct lq_line line);
void lq_report_set(struct lq_clip *clip, struct lq_str text);
/* Digits as in lq_digits. */
void lq_report_place(struct lq_report *report, struct lq_str file, struct lq_str line,
                     struct lq_str column);
/* The event so far, an error; its texts are the report's. */
struct lq_event lq_report_event(const struct lq_report *report, const char *tool,
                                const char *category);
/* The same for a test. */
struct lq_event lq_report_test(const struct lq_report *report, const char *tool,
                               enum lq_test_status status);
void lq_report_release(struct lq_report *report);

#endif
