/* SPDX-License-Identifier: MIT */
/*
 * Open queries of a server, kept between its calls: opening one takes tens of milliseconds, asking
 * it a few. One whose run files have changed is opened anew when it is next asked for.
 */
#ifndef LQ_CLI_QUERIES_H
#define LQ_CLI_QUERIES_H

#include "cli/cli.h"
#include <pthread.h>

/* As many scopes are kept open at once. */
#define LQ_QUERIES_MAX 4

/* Zero-initialise, but for LQ_QUERIES_INIT. One thread at a time may open; any may interrupt. */
struct lq_queries {
    struct lq_kept_query {
        struct lq_query *query; /* NULL: a free place */
        struct lq_scope scope;  /* texts are owned */
        char *root;             /* of the project; NULL: none */
        uint64_t used;          /* when, counted in calls */
    } kept[LQ_QUERIES_MAX];
    uint64_t n_calls;
    pthread_mutex_t lock;     /* over `current` */
    struct lq_query *current; /* the one handed out last; borrowed from `kept` */
};

#define LQ_QUERIES_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }

/* The query for cli->scope of cli->project, which lq_query_close gives back. Errors as of
 * lq_query_open. */
LQ_CHECK enum lq_status lq_queries_open(struct lq_queries *queries, const struct lq_cli *cli,
                                        struct lq_query **query, struct lq_error *err);

/* Stop what runs in the query that was handed out last. From any thread. */
void lq_queries_interrupt(struct lq_queries *queries);

/* Close all; none may be in use. */
void lq_queries_release(struct lq_queries *queries);

#endif
