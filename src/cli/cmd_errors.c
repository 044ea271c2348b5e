/* SPDX-License-Identifier: MIT */
/* lq errors, lq warnings: events of one severity, newest run first, in the order of the log. */
#include "cli/cli.h"
#include <lq/rows.h>

/* What a table shows without being asked for more. */
#define TABLE_ROWS 50

struct events_args {
    const char *ref;
    const char *limit;
};

static const struct lq_opt events_opts[] = {
    LQ_OPT(struct events_args, limit, 'n', "limit", "N",
           "at most N (50 in a table, 0: all; other formats show all)"),
    LQ_ARG(struct events_args, ref, "run", "of this run only"),
    LQ_OPT_END,
};

/* The columns of events for programs; people get fewer. */
static const char data_columns[] =
    "ref, severity, file_path, line_number, column_number, message, error_code, tool_name, "
    "category, test_name, test_status, error_fingerprint AS fingerprint, log_line_start, "
    "log_line_end, source_name, run_id, event_id, run_uid, namespace, project, hostname, started_at";
static const char table_columns[] =
    "ref, source_name AS run, coalesce(lq_location(file_path, line_number, column_number), "
    "test_name, tool_name) AS location, "
    "concat_ws(' ', message, '[' || error_code || ']') AS message";
static const char *const flexible[] = { "location", "message", NULL };

static enum lq_status show_events(struct lq_cli *cli, const struct events_args *args,
                                  const char *severity, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_free) char *sql = NULL;
    int64_t limit;
    bool empty;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    if (args->ref)
        LQ_TRY(lq_query_find(query, args->ref, &ref, err));
    sql = lq_format(
        "SELECT %s FROM lq_events WHERE severity = $1::VARCHAR AND ($2::VARCHAR IS NULL OR file = $2) "
        "AND ($3::BIGINT = 0 OR event_id = $3) "
        "ORDER BY started_at DESC, run_uid DESC, event_id",
        lq_out_is_table(cli->format) ? table_columns : data_columns);
    return lq_cli_print_query(cli, query, sql,
                              (const struct lq_value[]){ lq_value_text(severity),
                                                         lq_value_text(ref.file),
                                                         lq_value_int(ref.event_id) },
                              3, flexible, limit, err);
}

static enum lq_status errors_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return show_events(cli, args, "error", err);
}

static enum lq_status warnings_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return show_events(cli, args, "warning", err);
}

const struct lq_command lq_cmd_errors = {
    .name = "errors",
    .summary = "list errors and failed tests",
    .needs = LQ_NEEDS_SCOPE,
    .opts = events_opts,
    .args_size = sizeof(struct events_args),
    .main = errors_main,
};

const struct lq_command lq_cmd_warnings = {
    .name = "warnings",
    .summary = "list warnings",
    .needs = LQ_NEEDS_SCOPE,
    .opts = events_opts,
    .args_size = sizeof(struct events_args),
    .main = warnings_main,
};
