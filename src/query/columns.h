/* SPDX-License-Identifier: MIT */
/* The schema as SELECT lists over Parquet files of any age. */
#ifndef LQ_QUERY_COLUMNS_H
#define LQ_QUERY_COLUMNS_H

#include "base/buf.h"

/* Append "p.a, p.b, p.c": the names of the columns that stand on run rows, those of event rows alone;
 * `prefix` "p.", "" for none. */
void lq_columns_add_run_names(struct lq_buf *sql, const char *prefix);
void lq_columns_add_event_names(struct lq_buf *sql, const char *prefix);

/* Append all columns of a run row in their order: those of events are NULL. */
void lq_columns_add_run_row(struct lq_buf *sql);

/* Append "NULL::T AS a, …": one value for each column. */
void lq_columns_add_nulls(struct lq_buf *sql);

/*
 * Append a SELECT of every column with its type, and `file`, from the Parquet files in the variable
 * lq_paths (`any_files` false: no row). One file with another type would change a column of the whole
 * union, hence the casts; a relation without rows supplies the columns that no file has.
 */
void lq_columns_add_select(struct lq_buf *sql, bool any_files);

#endif
