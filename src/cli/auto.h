/* SPDX-License-Identifier: MIT */
/* sync.auto, from the command line: what happens after a run was recorded. */
#ifndef LQ_CLI_AUTO_H
#define LQ_CLI_AUTO_H

#include "cli/cli.h"
#include <lq/auto.h>

/* The hidden command that does it in the background. */
#define LQ_WORKER_NAME "sync-worker"

/* The options of a sync that nobody asked for: those of the configuration, and the environment. */
struct lq_sync_opts lq_auto_opts(const struct lq_config *config);

/* "synced 3 runs (12 kB) to '/srv/lq'"; the caller's. NULL: nothing was brought there. */
char *lq_auto_describe_sync(const struct lq_sync_plan *plan);

/* A run is about to be written: where sync.auto wants a process of its own for it, start that one, beside
 * what else is to be done. It waits for lq_auto_release(). */
void lq_auto_before_run(struct lq_cli *cli, struct lq_store *store);

/* A run was recorded: as sync.auto says, sync it now, or see to it that a process of its own does.
 * What fails is said or remembered, and is no failure of the run. */
void lq_auto_after_run(struct lq_cli *cli, struct lq_store *store);

/* Let the process that was started begin; the end of this process does so too. */
void lq_auto_release(struct lq_auto_start **start);

/* One line on standard error when runs do not come to the store by themselves as sync.auto says. */
void lq_auto_say_problem(struct lq_cli *cli);

/* The same as a text of the caller's; NULL: nothing is wrong. `store`: open. */
char *lq_auto_describe_problem(const struct lq_cli *cli, struct lq_store *store);

#endif
