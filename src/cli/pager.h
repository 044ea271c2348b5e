/* SPDX-License-Identifier: MIT */
/*
 * The pager: what a reading command prints on a terminal goes through $PAGER once it is longer than
 * the screen. Short answers start no other program.
 */
#ifndef LQ_CLI_PAGER_H
#define LQ_CLI_PAGER_H

#include "base/base.h"
#include <stdio.h>

/*
 * A stream that takes the place of standard output, which must be a terminal; NULL when there is no
 * pager: $PAGER is empty or "cat", or is unset and there is no less(1), or the terminal is dumb.
 * LESS is set to FRX when it is unset. One at a time.
 */
FILE *lq_pager_open(void);

/* Whether `file` is that stream. */
bool lq_pager_owns(const FILE *file);

/* Hand over what is left and wait until the user has left the pager. Accepts NULL. Returns false
 * when something could not be written; that the user left early is no failure. */
bool lq_pager_close(FILE *file);

#endif
