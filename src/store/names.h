/* SPDX-License-Identifier: MIT */
/*
 * Names on disk: partition folders (`namespace=N`) and run files. Pure functions; docs/format.md,
 * "Path names", is the contract. Columns hold the truth: names on disk only have to be safe, to
 * keep apart what differs, and to be prunable.
 */
#ifndef LQ_STORE_NAMES_H
#define LQ_STORE_NAMES_H

#include "base/buf.h"

#define LQ_NAME_RUN_MAX_BYTES ((size_t)50)
#define LQ_NAME_PARTITION_MAX_BYTES ((size_t)150)

/* Append a run's name as it stands in file names: [A-Za-z0-9_-], any other character '_', cut to
 * 50 bytes; "_" for an empty one. */
void lq_name_add_run(struct lq_buf *text, struct lq_str name);

/*
 * Append `value` (any bytes) as the value of a partition folder: never empty, ".", "..", or
 * what Hive-style readers take for NULL or an integer; at most 150 bytes, of which a longer value
 * keeps the beginning and a hash.
 */
void lq_name_add_partition(struct lq_buf *text, struct lq_str value);

/* Append the value that a partition folder stands for. false, with nothing appended: malformed, or
 * cut (then only the columns know it). "_" stands for itself, though it may have been empty. */
bool lq_name_add_unescaped(struct lq_buf *text, struct lq_str escaped);

enum lq_run_file_kind {
    LQ_RUN_FILE_PARQUET, /* "001_build_143022.parquet" */
    LQ_RUN_FILE_LOG,     /* "001_build_143022.log.zst": its raw log */
};

struct lq_run_file {
    int64_t run_id;     /* at least 1; in the name padded with zeros to three digits */
    struct lq_str name; /* of the run, as lq_name_add_run gives it; any name when building */
    char hhmmss[7];     /* start, UTC */
    char run8[9];       /* "" or the last 8 hex of run_uid: "001_build_143022-89abcdef.parquet" */
    enum lq_run_file_kind kind;
};

/* Append the file name. */
void lq_name_add_run_file(struct lq_buf *text, const struct lq_run_file *file);

/* Read a file name; file->name is borrowed from `text`. false: no name of a run file. */
bool lq_name_parse_run_file(struct lq_run_file *file, struct lq_str text);

#endif
