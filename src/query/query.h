/* SPDX-License-Identifier: MIT */
/* What the files of this room share: an open query. */
#ifndef LQ_QUERY_QUERY_H
#define LQ_QUERY_QUERY_H

#include "db/db.h"
#include "query/files.h"
#include "query/index.h"
#include "query/mirror.h"
#include "query/shared.h"
#include "store/spill.h"
#include <lq/query.h>

struct lq_query {
    struct lq_db *db;
    struct lq_scope scope;                 /* texts borrowed from the caller, who keeps them */
    struct lq_mirror mirror;               /* of a store that is no folder */
    struct lq_shared shared;               /* of a list of URLs */
    char *local_root, *store_root;         /* .lq/logs and the store; NULL: not in the scope */
    char *store_folder;                    /* the part of the store that is in the scope */
    struct lq_file_list files;             /* but for those that an index is known to have */
    struct lq_file_source file_source;     /* over them */
    struct lq_folder_source folder_source; /* over the folders of both indexes */
    int n_shares;                          /* users beside the first */
    bool shut;                             /* files and network are out of reach now */
    struct lq_index indexes[2];            /* of the local runs, of the store */
    bool global_refs;                      /* runs are called ns/proj@host:5 here, not 5 */
    bool has_copies;                       /* lq_copies has rows */
    int64_t n_runs, n_direct_runs;         /* of these, in files that no index holds */
    struct lq_definition *definitions;     /* of sql/, in their order; made when first needed */
    size_t n_definitions;
    struct lq_spill *events; /* of a log that was parsed directly */
    int64_t event_id;        /* of them, handed out last */
    struct lq_source source; /* over them */
};

/*
 * Define, over lq_run_rows and lq_event_rows, those views and macros of sql/ that `sql` names and that
 * are not there yet, and what they stand on; NULL: all. (Defining all takes longer than most questions
 * take to answer.) Where `sql` asks the catalog, all.
 */
LQ_CHECK enum lq_status lq_definitions_add(struct lq_query *query, const char *sql,
                                           struct lq_error *err);

/* Make lq_run_rows and lq_event_rows over the source lq_log_rows(), the events of the log `path`. */
LQ_CHECK enum lq_status lq_query_add_log_relations(struct lq_query *query, const char *path,
                                                   struct lq_error *err);

/* Where the raw log of a run file is, by its path alone; NULL: nowhere. The caller's. */
char *lq_raw_log_path(const char *file);

/* sql/views.sql */
extern const char lq_sql_views[];
/* sql/macros.sql */
extern const char lq_sql_macros[];
/* sql/engines.sql */
extern const char lq_sql_engines[];

#endif
