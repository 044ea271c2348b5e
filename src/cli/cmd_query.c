/* SPDX-License-Identifier: MIT */
/* lq query, lq sql: ask in SQL, about recorded runs or about a log on the spot. */
#include "cli/cli.h"
#include "cli/matchers.h"
#include <ctype.h>
#include <lq/event.h>
#include <lq/rows.h>
#include <strings.h>
#include <unistd.h>

struct query_args {
    const char *subject, *select, *where, *order, *format, *limit;
};

static const struct lq_opt query_opts[] = {
    LQ_OPT(struct query_args, select, 's', "select", "COLUMNS", "these columns of lq_events"),
    LQ_OPT(struct query_args, where, 'f', "filter", "CONDITION", "events for which this SQL holds"),
    LQ_OPT(struct query_args, order, 0, "order", "COLUMNS", "sorted by these"),
    LQ_OPT(struct query_args, limit, 'n', "limit", "N", "at most N rows"),
    LQ_OPT(struct query_args, format, 0, "format", "FORMAT", "parse a log file as FORMAT alone"),
    LQ_ARG(struct query_args, subject, "SQL or file",
           "a query over lq_events and lq_runs, or a log to parse ('-': standard input)"),
    LQ_OPT_END,
};

struct sql_args {
    bool unsafe;
    const char *sql;
};

static const struct lq_opt sql_opts[] = {
    LQ_OPT(struct sql_args, unsafe, 0, "unsafe", NULL,
           "also statements that write, such as COPY: it is your own SQL"),
    LQ_ARG(struct sql_args, sql, "SQL", "a query over lq_events and lq_runs"),
    LQ_OPT_END,
};

static const char data_columns[] =
    "ref, severity, file_path, line_number, column_number, message, error_code, tool_name, "
    "category, test_name, test_status AS status, test_duration_sec, "
    "error_fingerprint AS fingerprint, log_line_start, log_line_end, raw_text, event_id, "
    "source_name, run_id, run_uid, namespace, project, hostname, started_at";
static const char table_columns[] =
    "coalesce(ref, event_id::VARCHAR) AS ref, coalesce(severity, test_status) AS severity, "
    "coalesce(lq_location(file_path, line_number, column_number), test_name, tool_name) AS "
    "location, concat_ws(' ', coalesce(message, test_name), '[' || error_code || ']') AS message";
static const char *const flexible[] = { "location", "message", NULL };

/* Whether the argument is SQL rather than the name of a file. */
static bool is_sql(const char *text)
{
    static const char *const words[] = { "select", "from",    "with",  "describe", "summarize",
                                         "show",   "explain", "pivot", "values",   "table" };
    const size_t len = strcspn(text, " \t\r\n(");

    if (!text[len])
        return false;
    for (size_t i = 0; i < LQ_COUNT(words); i++) {
        if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0)
            return true;
    }
    return text[0] == '(' || strncmp(text, "--", 2) == 0;
}

static enum lq_status sql_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct sql_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    bool empty;

    if (!args->sql)
        return lq_error_set(err, LQ_USAGE, "lq sql needs a query");
    if (args->unsafe && cli->queries)
        return lq_error_set(err, LQ_USAGE, "--unsafe is not for a server");
    cli->unsafe = args->unsafe;
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    return lq_cli_print_sql(cli, query, args->sql, NULL, 0, err);
}

/* Events by the parts of a query that the options give. */
static char *build_select(const struct lq_cli *cli, const struct query_args *args)
{
    struct lq_buf sql = LQ_BUF_INIT;

    lq_buf_addf(&sql, "SELECT %s\nFROM lq_events",
                args->select                   ? args->select
                : lq_out_is_table(cli->format) ? table_columns
                                               : data_columns);
    if (args->where)
        lq_buf_addf(&sql, "\nWHERE (%s\n)", args->where);
    lq_buf_addf(&sql, "\nORDER BY %s",
                args->order ? args->order : "started_at DESC, run_uid DESC, event_id");
    return lq_buf_detach(&sql);
}

static enum lq_status query_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct query_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_free) char *sql = NULL;
    const bool sql_given = args->subject && is_sql(args->subject);
    int64_t limit;
    bool empty;

    if (sql_given && (args->select || args->where || args->order))
        return lq_error_set(err, LQ_USAGE,
                            "-s, -f and --order go with lq's own query, not with SQL");
    if (args->format && (sql_given || !args->subject))
        return lq_error_set(err, LQ_USAGE, "--format goes with a log file");
    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, 0, &limit, err));
    if (args->subject && !sql_given)
        LQ_TRY(lq_cli_open_log(cli, &query, args->subject, args->format, err));
    else
        LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    sql = sql_given ? lq_strdup(args->subject) : build_select(cli, args);
    return lq_cli_print_sql(cli, query, sql, sql_given || args->select ? NULL : flexible, limit,
                            err);
}

const struct lq_command lq_cmd_query = {
    .name = "query",
    .alias = "q",
    .summary = "ask about events in SQL, or parse a log file",
    .needs = LQ_NEEDS_SCOPE,
    .opts = query_opts,
    .args_size = sizeof(struct query_args),
    .main = query_main,
};

const struct lq_command lq_cmd_sql = {
    .name = "sql",
    .summary = "run a query over the views lq_events and lq_runs",
    .needs = LQ_NEEDS_SCOPE,
    .opts = sql_opts,
    .args_size = sizeof(struct sql_args),
    .main = sql_main,
};
