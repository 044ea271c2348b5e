/* SPDX-License-Identifier: MIT */
/*
 * What the views of sql/ stand on: lq_run_rows, a row per run, each run once, and lq_event_rows, out of
 * indexes and of files that no index holds. Both have `run_key`, by which an event finds its run.
 */
#ifndef LQ_QUERY_RELATIONS_H
#define LQ_QUERY_RELATIONS_H

#include "query/query.h"

/* What a run is called everywhere, in SQL over its columns. */
#define LQ_SQL_GLOBAL_REF                                                                          \
    "lq_escape(namespace) || '/' || lq_escape(project) || '@' || lq_escape(hostname) || ':' || "   \
    "run_id"

/* Make both relations, anew if they are there, of the query's files and indexes, and count the runs. */
LQ_CHECK enum lq_status lq_relations_load(struct lq_query *query, struct lq_error *err);

/* How many of the files, in the store or local, are read directly. */
size_t lq_relations_count_direct(const struct lq_query *query, bool in_store);

#endif
