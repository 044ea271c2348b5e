/* SPDX-License-Identifier: MIT */
/*
 * An event: one diagnostic or one test result that was found in a log.
 */
#ifndef LQ_EVENT_H
#define LQ_EVENT_H

#include <lq/str.h>
#include <stdint.h>

/* Ceilings, in bytes: longer values are cut, with "…" at the end. */
#define LQ_MESSAGE_MAX_BYTES 8192
#define LQ_RAW_TEXT_MAX_BYTES 65536
/* Only this much of a line is parsed. */
#define LQ_LINE_MAX_BYTES 65536

enum lq_severity {
    LQ_SEVERITY_NONE = 0, /* stored as NULL: a test that passed or was skipped */
    LQ_SEVERITY_ERROR,
    LQ_SEVERITY_WARNING,
    LQ_SEVERITY_NOTE,
    LQ_SEVERITY_INFO,
};

enum lq_test_status {
    LQ_TEST_NONE = 0, /* not a test */
    LQ_TEST_PASS,
    LQ_TEST_FAIL,
    LQ_TEST_ERROR, /* could not run: set-up failed, crashed */
    LQ_TEST_SKIP,
};

/* Texts are borrowed from whoever hands the event over, valid until that call returns. They may
 * hold any bytes, invalid UTF-8 too; ANSI escapes are already gone. */
struct lq_event {
    enum lq_severity severity;
    enum lq_test_status test_status;
    struct lq_str file_path;   /* as printed by the tool; joined to the folder that make entered */
    int64_t line_number;       /* 1-based; 0: not given */
    int64_t column_number;     /* as printed; 0: not given */
    struct lq_str message;     /* without severity and code */
    struct lq_str raw_text;    /* the lines of the log that make up the event */
    struct lq_str tool_name;   /* "gcc", "pytest" */
    struct lq_str category;    /* "compile", "link", "lint", "test", "type", "build", "runtime" */
    struct lq_str error_code;  /* "-Wunused-variable", "F401" */
    struct lq_str fingerprint; /* tool_category_16hex */
    struct lq_str test_name;   /* as the tool names it: "tests/test_a.py::test_b" */
    double test_duration_sec;  /* negative: not given */
    int64_t log_line_start;    /* 1-based line of the raw log */
    int64_t log_line_end;      /* inclusive */
};

/* "error" …, NULL for NONE. */
const char *lq_severity_name(enum lq_severity severity);
/* "pass" …, NULL for NONE. */
const char *lq_test_status_name(enum lq_test_status status);

#endif
