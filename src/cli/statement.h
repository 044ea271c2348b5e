/* SPDX-License-Identifier: MIT */
/* Where a statement of SQL ends, for a shell that gets it line by line. */
#ifndef LQ_CLI_STATEMENT_H
#define LQ_CLI_STATEMENT_H

#include "base/str.h"

/* Length of the first statement in `text` with its ';'; 0: it does not end here. A ';' in quotes, in a
 * comment or between $tags$ ends nothing. */
size_t lq_statement_length(struct lq_str text);

/* Whether there is nothing in `text` but white space, comments and ';'. */
bool lq_statement_is_blank(struct lq_str text);

#endif
