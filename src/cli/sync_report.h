/* SPDX-License-Identifier: MIT */
/* What `lq sync` tells of a plan and of destinations: lines for people, one JSON object for programs. */
#ifndef LQ_CLI_SYNC_REPORT_H
#define LQ_CLI_SYNC_REPORT_H

#include <lq/sync.h>
#include <stdio.h>

/* A line for each file of the plan: what is, or would be, done with it, and its remote path; then files
 * that only the destination has. */
void lq_sync_print_files(FILE *out, const struct lq_sync_plan *plan);

/* The object of `lq sync --json` (docs/format.md); `plan` NULL: it could not be made. `error`: why the
 * sync failed; NULL: it did not. */
void lq_sync_print_json(FILE *out, const struct lq_sync_plan *plan, const char *destination,
                        const struct lq_sync_opts *opts, const char *error);

/* All of `lq sync --status`: for people, or the object of `--status --json`. As lq_sync_status. */
LQ_CHECK enum lq_status lq_sync_print_status(FILE *out, struct lq_store *store,
                                             const char *configured,
                                             const struct lq_sync_opts *opts, bool json,
                                             struct lq_error *err);

#endif
