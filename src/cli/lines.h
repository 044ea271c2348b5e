/* SPDX-License-Identifier: MIT */
/* Numbered lines of a log or a source file: as text for people, as rows "line marked text" else. */
#ifndef LQ_CLI_LINES_H
#define LQ_CLI_LINES_H

#include "cli/cli.h"

/* More of a line than this is cut, with "…" at the end, where a line is held in memory. */
#define LQ_LINES_MAX_BYTES ((size_t)1 << 20)

struct lq_lines {
    struct lq_cli *cli;
    struct lq_cli_list *list; /* NULL: text */
    bool numbered;            /* text has "> 12 | " in front: the mark and the number */
    size_t max_bytes;         /* of a line */
    struct lq_buf line;       /* the pieces so far */
    bool cut;
};

/* `max_bytes`: longer lines are cut. Release with lq_lines_release. */
LQ_CHECK enum lq_status lq_lines_begin(struct lq_lines *lines, struct lq_cli *cli, bool numbered,
                                       size_t max_bytes, struct lq_error *err);
/* Add a piece to the present line; true when that line is complete: in lines->line, without escape
 * sequences. lq_lines_next before the next piece. */
bool lq_lines_gather(struct lq_lines *lines, struct lq_str piece, bool ends);
void lq_lines_next(struct lq_lines *lines);
LQ_CHECK enum lq_status lq_lines_add(struct lq_lines *lines, int64_t number, bool marked,
                                     struct lq_str text, struct lq_error *err);
LQ_CHECK enum lq_status lq_lines_end(struct lq_lines *lines, struct lq_error *err);
void lq_lines_release(struct lq_lines *lines);

#endif
