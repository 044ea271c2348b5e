/* SPDX-License-Identifier: MIT */
/*
 * What was typed into lq shell, in a file of the user's: a line for each entry, the newest last, in mode
 * 0600. Shells side by side append to one file.
 */
#ifndef LQ_CLI_SHELL_HISTORY_H
#define LQ_CLI_SHELL_HISTORY_H

#include "base/base.h"
#include <lq/error.h>

/* As many are kept from one shell to the next. */
#define LQ_SHELL_HISTORY_ENTRIES 1000

/* "…/lq/shell_history" in $XDG_STATE_HOME, else in ~/.local/state. The caller's. */
char *lq_shell_history_path(void);

/* Hand out what the file holds, the oldest first. No file is no error. When there are many more than
 * are kept, the oldest leave the file. LQ_IO, LQ_DENIED. */
LQ_CHECK enum lq_status lq_shell_history_load(const char *path,
                                              void (*on_entry)(void *ctx, const char *entry),
                                              void *ctx, struct lq_error *err);

/* Append an entry, which has no line end. LQ_IO, LQ_DENIED. */
LQ_CHECK enum lq_status lq_shell_history_add(const char *path, const char *entry,
                                             struct lq_error *err);

#endif
