/* SPDX-License-Identifier: MIT */
/* lq events, lq errors, lq warnings: events, newest run first, in the order of the log. */
#include "base/str.h"
#include "cli/cli.h"
#include <lq/rows.h>

/* What a table shows without being asked for more. */
#define TABLE_ROWS 50

struct events_args {
    const char *ref, *limit, *severity;
};

#define LIMIT_OPT                                                                                  \
    LQ_OPT(struct events_args, limit, 'n', "limit", "N",                                           \
           "at most N (50 in a table, 0: all; other formats show all)")
#define REF_ARG LQ_ARG(struct events_args, ref, "run", "of this run, or this event, only")

static const struct lq_opt severity_opts[] = { LIMIT_OPT, REF_ARG, LQ_OPT_END };
static const struct lq_opt events_opts[] = {
    LQ_OPT(struct events_args, severity, 0, "severity", "LIST",
           "only these: error,warning,note,info"),
    LIMIT_OPT,
    REF_ARG,
    LQ_OPT_END,
};

const char lq_cli_events_data[] =
    "ref, severity, file_path, line_number, column_number, message, error_code, tool_name, "
    "category, test_name, test_status, error_fingerprint AS fingerprint, log_line_start, "
    "log_line_end, source_name, run_id, event_id, run_uid, namespace, project, hostname, started_at";
#define PLACE_AND_MESSAGE                                                                          \
    "coalesce(lq_location(file_path, line_number, column_number), test_name, tool_name) AS "       \
    "location, concat_ws(' ', coalesce(message, test_name), '[' || error_code || ']') AS message"
const char lq_cli_events_table[] = "ref, source_name AS run, coalesce(severity, test_status) AS "
                                   "severity, " PLACE_AND_MESSAGE;
/* Where all are of one severity, it needs no column. */
static const char severity_table[] = "ref, source_name AS run, " PLACE_AND_MESSAGE;
static const char *const flexible[] = { "location", "message", NULL };

/* The severities that there are, of which a list has each once at most. */
#define MAX_SEVERITIES 4
#define MAX_PARAMS (MAX_SEVERITIES + 3)

static bool is_among(const struct lq_value *values, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (lq_str_eq(values[i].text, lq_str_of(text)))
            return true;
    }
    return false;
}

/* A condition is there only when it is asked for: the engine plans each that it is given. `since`: of the
 * runs that are asked about, no other can be shown; 0: not known. */
static size_t add_conditions(struct lq_buf *sql, char *severities, const struct lq_ref *ref,
                             int64_t since, struct lq_value *params)
{
    size_t n = 0;

    for (char *part = strsep(&severities, ","); part; part = strsep(&severities, ",")) {
        if (is_among(params, n, part))
            continue;
        params[n++] = lq_value_text(part);
        lq_buf_addf(sql, "%s$%zu::VARCHAR", n == 1 ? " WHERE severity IN (" : ", ", n);
    }
    if (n > 0)
        lq_buf_addc(sql, ')');
    if (ref->file) {
        params[n++] = lq_value_text(ref->file);
        lq_buf_addf(sql, " %s file = $%zu::VARCHAR", n == 1 ? "WHERE" : "AND", n);
        params[n++] = lq_value_text(ref->run_uid);
        lq_buf_addf(sql, " AND run_uid IS NOT DISTINCT FROM $%zu::VARCHAR", n);
    }
    if (since)
        lq_buf_addf(sql, " %s started_at >= make_timestamptz(%lld)", n == 0 ? "WHERE" : "AND",
                    (long long)since);
    if (ref->event_id) {
        params[n++] = lq_value_int(ref->event_id);
        lq_buf_addf(sql, " AND event_id = $%zu::BIGINT", n);
    }
    return n;
}

/* `severities`: separated by commas; NULL: all events, passed tests too. */
static enum lq_status show_events(struct lq_cli *cli, const struct events_args *args,
                                  const char *severities, const char *table, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *list = lq_strdup(severities);
    struct lq_value params[MAX_PARAMS];
    size_t n_params;
    int64_t limit, since = 0;
    bool empty;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    if (args->ref)
        LQ_TRY(lq_cli_find(query, args->ref, &ref, err));
    else
        LQ_TRY(lq_query_first_events(query, severities, limit > 0 ? limit + 1 : 0, &since, err));
    lq_buf_addf(&sql, "SELECT %s FROM lq_events",
                lq_out_is_table(cli->format) ? table : lq_cli_events_data);
    n_params = add_conditions(&sql, list, &ref, since, params);
    lq_buf_adds(&sql, " ORDER BY started_at DESC, run_uid DESC, event_id");
    return lq_cli_print_query(cli, query, lq_buf_text(&sql), params, n_params, flexible, limit,
                              err);
}

static enum lq_status errors_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return show_events(cli, args, "error", severity_table, err);
}

static enum lq_status warnings_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return show_events(cli, args, "warning", severity_table, err);
}

/* Each part of a list such as "error,warning" is a severity. */
static enum lq_status check_severities(const char *list, struct lq_error *err)
{
    static const char *const known[] = { "error", "warning", "note", "info" };
    LQ_CLEANUP(lq_free) char *copy = lq_strdup(list);
    char *rest = copy;

    for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ",")) {
        bool found = false;

        for (size_t i = 0; i < LQ_COUNT(known); i++)
            found = found || strcmp(known[i], part) == 0;
        if (!found)
            return lq_error_set(err, LQ_USAGE,
                                "unknown severity '%s': there are error, warning, note and info",
                                part);
    }
    return LQ_OK;
}

static enum lq_status events_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct events_args *args = argp;

    if (args->severity)
        LQ_TRY(check_severities(args->severity, err));
    return show_events(cli, args, args->severity, lq_cli_events_table, err);
}

const struct lq_command lq_cmd_errors = {
    .name = "errors",
    .summary = "list errors and failed tests",
    .needs = LQ_NEEDS_SCOPE,
    .opts = severity_opts,
    .args_size = sizeof(struct events_args),
    .main = errors_main,
};

const struct lq_command lq_cmd_warnings = {
    .name = "warnings",
    .summary = "list warnings",
    .needs = LQ_NEEDS_SCOPE,
    .opts = severity_opts,
    .args_size = sizeof(struct events_args),
    .main = warnings_main,
};

const struct lq_command lq_cmd_events = {
    .name = "events",
    .summary = "list events of any severity, tests too",
    .needs = LQ_NEEDS_SCOPE,
    .opts = events_opts,
    .args_size = sizeof(struct events_args),
    .main = events_main,
};
