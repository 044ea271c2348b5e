/* SPDX-License-Identifier: MIT */
/* One line on the terminal about work that takes longer than a second. */
#ifndef LQ_CLI_PROGRESS_H
#define LQ_CLI_PROGRESS_H

#include "base/base.h"

struct lq_progress_line {
    int64_t started; /* monotonic; 0: standard error is no terminal, nothing is shown */
    bool shown;
};

/* Begin to count the time. */
void lq_progress_begin(struct lq_progress_line *line);
/* Show how far the work is: "1234 of 10000 files, 12.3 MB of 100.0 MB, 5.2 MB/s, 0:17 left". */
void lq_progress_show(struct lq_progress_line *line, size_t n_done, size_t n_files,
                      int64_t n_done_bytes, int64_t n_bytes);
/* Take the line away, before anything else is said. */
void lq_progress_end(struct lq_progress_line *line);

#endif
