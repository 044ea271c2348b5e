/* SPDX-License-Identifier: MIT */
/* What `lq run --json` and `--markdown` say about the run that has just ended (docs/format.md). */
#ifndef LQ_CLI_RUN_REPORT_H
#define LQ_CLI_RUN_REPORT_H

#include "cli/out.h"
#include <lq/store.h>

struct lq_run_report_opts {
    enum lq_out_format format; /* LQ_OUT_JSON or LQ_OUT_MARKDOWN */
    bool warnings;             /* list warnings too */
    bool summary;              /* counts only: no list of errors, no output */
    int64_t error_limit;       /* so many errors are listed; 0: all */
};

struct lq_run_report {
    const struct lq_run *run;
    struct lq_recorder *recorder; /* finished; NULL: lq failed before the command could start */
    const char *error;            /* what went wrong beside the command's own result; or NULL */
};

/* LQ_IO: it could not be written whole. */
LQ_CHECK enum lq_status lq_run_report_print(FILE *out, const struct lq_run_report *report,
                                            const struct lq_run_report_opts *opts,
                                            struct lq_error *err);

#endif
