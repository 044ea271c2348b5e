/* SPDX-License-Identifier: MIT */
/* The schema as SELECT lists over Parquet files of any age. */
#ifndef LQ_QUERY_COLUMNS_H
#define LQ_QUERY_COLUMNS_H

#include "base/buf.h"

/* Append "a, b, c": the names of all columns. */
void lq_columns_add_names(struct lq_buf *sql);
/* Append "NULL::T AS a, …": one value for each column. */
void lq_columns_add_nulls(struct lq_buf *sql);

/*
 * Append a SELECT of every column with its type, and `file`, from the Parquet files in the variable
 * lq_paths (`any_files` false: no row). One file with another type would change a column of the whole
 * union, hence the casts; a relation without rows supplies the columns that no file has.
 */
void lq_columns_add_select(struct lq_buf *sql, bool any_files);

#endif
