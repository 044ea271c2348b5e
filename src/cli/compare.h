/* SPDX-License-Identifier: MIT */
/* What the commands for CI share: which run is meant, and which one it is compared with. */
#ifndef LQ_CLI_COMPARE_H
#define LQ_CLI_COMPARE_H

#include "cli/cli.h"

/* A run as these commands need it. Texts are owned. */
struct lq_ci_run {
    char *ref;      /* NULL: there is no such run */
    char *identity; /* coalesce(run_uid, file) */
    char *name, *outcome;
    char *commit; /* "main@0123abc"; NULL: not known */
    int64_t error_count, event_id;
};
void lq_ci_run_release(struct lq_ci_run *run);

/* The run that `text` names; NULL: the newest local run or, where none is local, the newest.
 * As lq_query_find. */
LQ_CHECK enum lq_status lq_ci_find_run(struct lq_query *query, const char *text,
                                       struct lq_ci_run *run, struct lq_error *err);

/*
 * The run that `run` is compared with: the newest one of the same name and project on the branch
 * `text`, else of the commit `text`, else the run that `text` refers to. Never `run` itself, and by
 * branch or commit none that was cut short.
 * LQ_OK, with baseline->ref NULL when there is none; LQ_BAD_INPUT: the reference is ambiguous or
 * names the run itself.
 */
LQ_CHECK enum lq_status lq_ci_find_baseline(struct lq_query *query, const char *text,
                                            const struct lq_ci_run *run, struct lq_ci_run *baseline,
                                            struct lq_error *err);

#endif
