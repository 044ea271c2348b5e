/* SPDX-License-Identifier: MIT */
/*
 * Reading lines from a terminal with editing, history and completion: libedit, opened with dlopen, so that
 * commands that read none do not pay for it.
 */
#ifndef LQ_CLI_EDITOR_H
#define LQ_CLI_EDITOR_H

#include "base/str.h"

struct lq_editor;

/* What may stand in place of the word before the cursor. */
struct lq_candidate {
    char *text;
    char after; /* what follows it when there is no other: '(' or a space; 0: nothing */
};

/* All that `line`, up to the cursor, may go on with, in an array that the editor frees with its texts;
 * each begins with the word that `line` ends in, in any case. */
typedef size_t lq_complete_fn(void *ctx, struct lq_str line, struct lq_candidate **candidates);

/* On standard input and output, which are a terminal. NULL: there is no libedit. */
struct lq_editor *lq_editor_open(lq_complete_fn *complete, void *ctx);
void lq_editor_close(struct lq_editor **editor);

enum lq_editor_event { LQ_EDITOR_LINE, LQ_EDITOR_CLEARED, LQ_EDITOR_END };

/* Read a line; `*line` is borrowed until the next call and has its '\n'. LQ_EDITOR_CLEARED: the user gave the
 * line up (Ctrl-C). */
enum lq_editor_event lq_editor_read(struct lq_editor *editor, const char *prompt,
                                    const char **line);

/* Add an entry to what the arrow keys bring back. */
void lq_editor_remember(struct lq_editor *editor, const char *entry);

#endif
