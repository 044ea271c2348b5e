/* SPDX-License-Identifier: MIT */
/* lq info, lq last: all that is known of one run. */
#include "cli/cli.h"
#include <lq/rows.h>

/* What `lq last` shows of the newest run's errors in a table. */
#define TABLE_ROWS 10

struct info_args {
    const char *ref;
};

static const struct lq_opt info_opts[] = {
    LQ_ARG(struct info_args, ref, "run", "5, build, build:~1, ns/proj@host:5"),
    LQ_OPT_END,
};

struct last_args {
    const char *name, *limit;
};

static const struct lq_opt last_opts[] = {
    LQ_OPT(struct last_args, limit, 'n', "limit", "N", "at most N errors (10 in a table, 0: all)"),
    LQ_ARG(struct last_args, name, "name", "the newest run of this name"),
    LQ_OPT_END,
};

#define FROM_RUN                                                                                   \
    " FROM lq_runs WHERE file = $1::VARCHAR AND run_uid IS NOT DISTINCT FROM $2::VARCHAR"
#define ERRORS_OF_RUN                                                                              \
    " FROM lq_events WHERE severity = 'error' AND file = $1::VARCHAR AND "                         \
    "run_uid IS NOT DISTINCT FROM $2::VARCHAR"
#define TIME_FORMAT "AT TIME ZONE 'UTC', '%%Y-%%m-%%d %%H:%%M:%%S UTC')"
#define MAP_LINES(map)                                                                             \
    "nullif(array_to_string(list_transform(map_entries(" map "), "                                 \
    "lambda e: e.key || '=' || e.value), chr(10)), '')"

/* %s: lq_cli_sql_found; %%: a percent sign of strftime. */
static const char record_columns[] =
    "ref, source_name AS name, source AS kind, command, outcome, exit_code AS \"exit code\", signal, "
    "nullif(%s, '') AS found, "
    "CASE WHEN test_pass_count + test_fail_count + test_skip_count > 0 THEN test_pass_count || "
    "' passed, ' || test_fail_count || ' failed, ' || test_skip_count || ' skipped' END AS tests, "
    "strftime(started_at " TIME_FORMAT " AS started, "
    "strftime(completed_at " TIME_FORMAT " AS ended, "
    "round(duration_sec, 3) || ' s' AS duration, cwd AS folder, executable_path AS program, "
    "git_branch || '@' || left(git_commit, 12) || if(git_dirty, ' with changes', '') AS "
    "\"commit\", namespace || '/' || project AS project, hostname AS host, "
    "concat_ws(' ', platform, arch) AS platform, run_uid AS uid, file, "
    "CASE place WHEN 'store' THEN 'the central store' WHEN 'local' THEN 'here' ELSE place END AS "
    "\"lies in\", lq_version AS \"lq version\", " MAP_LINES("ci") " AS ci, " MAP_LINES(
        "environment") " AS environment";
static const char data_columns[] = "* EXCLUDE (date, source_type), source_type";
static const char *const flexible[] = { "location", "message", NULL };

static enum lq_status print_run(struct lq_cli *cli, struct lq_query *query,
                                const struct lq_ref *ref, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const struct lq_value params[] = { lq_value_text(ref->file), lq_value_text(ref->run_uid) };

    lq_buf_adds(&sql, "SELECT ");
    lq_buf_addf(&sql, record_columns, lq_cli_sql_found);
    lq_buf_adds(&sql, FROM_RUN);
    LQ_TRY(lq_query_run(query, false, lq_buf_text(&sql), params, LQ_COUNT(params), &rows, err));
    return lq_out_record(cli->out, rows, err);
}

static enum lq_status info_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct info_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_free) char *sql = lq_format("SELECT %s" FROM_RUN, data_columns);
    bool empty;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq info needs a run, such as 5 or build");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_cli_find(query, args->ref, &ref, err));
    if (cli->format == LQ_OUT_TABLE)
        return print_run(cli, query, &ref, err);
    return lq_cli_print_query(
        cli, query, sql,
        (const struct lq_value[]){ lq_value_text(ref.file), lq_value_text(ref.run_uid) }, 2, NULL,
        0, err);
}

/* ---- last ---- */

static enum lq_status find_newest(struct lq_query *query, const char *name, struct lq_ref *ref,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const struct lq_value param = lq_value_text(name);
    bool more;

    LQ_TRY(lq_query_run(query, false,
                        "SELECT file, run_uid FROM lq_runs WHERE $1::VARCHAR IS NULL OR "
                        "source_name = $1 ORDER BY started_at DESC, run_uid DESC LIMIT 1",
                        &param, 1, &rows, err));
    if (lq_rows_is_empty(rows))
        return name ? lq_error_set(err, LQ_NOT_FOUND, "no run called '%s'", name)
                    : lq_error_set(err, LQ_NOT_FOUND, "there is no newest run");
    LQ_TRY(lq_rows_next(rows, &more, err));
    ref->file = lq_rows_get_text(rows, 0);
    ref->run_uid = lq_rows_get_text(rows, 1);
    return LQ_OK;
}

/* The run, and its errors in a column of their own. */
static enum lq_status print_data(struct lq_cli *cli, struct lq_query *query,
                                 const struct lq_ref *ref, int64_t limit, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "SELECT %s, coalesce((SELECT list(e ORDER BY event_id) FROM (SELECT ref, severity, "
        "file_path, line_number, column_number, message, error_code, "
        "error_fingerprint AS fingerprint, test_name, log_line_start, log_line_end, event_id" ERRORS_OF_RUN
        " ORDER BY event_id LIMIT $3::BIGINT) e), []) AS errors" FROM_RUN,
        data_columns);
    const struct lq_value params[] = { lq_value_text(ref->file), lq_value_text(ref->run_uid),
                                       lq_value_int(limit ? limit : INT64_MAX) };

    return lq_cli_print_query(cli, query, sql, params, LQ_COUNT(params), NULL, 0, err);
}

static enum lq_status last_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct last_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT %s" ERRORS_OF_RUN " ORDER BY event_id", lq_cli_events_table);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    int64_t limit;
    bool empty;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_newest(query, args->name, &ref, err));
    if (cli->format != LQ_OUT_TABLE)
        return print_data(cli, query, &ref, limit, err);
    LQ_TRY(print_run(cli, query, &ref, err));
    LQ_TRY(lq_query_run(
        query, false, sql,
        (const struct lq_value[]){ lq_value_text(ref.file), lq_value_text(ref.run_uid) }, 2, &rows,
        err));
    if (lq_rows_is_empty(rows))
        return LQ_OK;
    lq_rows_free(&rows);
    putc('\n', cli->out);
    return lq_cli_print_query(
        cli, query, sql,
        (const struct lq_value[]){ lq_value_text(ref.file), lq_value_text(ref.run_uid) }, 2,
        flexible, limit, err);
}

const struct lq_command lq_cmd_info = {
    .name = "info",
    .summary = "show all that is known of one run",
    .needs = LQ_NEEDS_SCOPE,
    .opts = info_opts,
    .args_size = sizeof(struct info_args),
    .main = info_main,
};

const struct lq_command lq_cmd_last = {
    .name = "last",
    .summary = "show the newest run and its errors",
    .needs = LQ_NEEDS_SCOPE,
    .opts = last_opts,
    .args_size = sizeof(struct last_args),
    .main = last_main,
};
