/* SPDX-License-Identifier: MIT */
/* lq history, lq status: runs, newest first; the newest run of each name. */
#include "cli/auto.h"
#include <lq/rows.h>

#define TABLE_ROWS 50

struct history_args {
    const char *limit, *name;
};

static const struct lq_opt history_opts[] = {
    LQ_OPT(struct history_args, limit, 'n', "limit", "N",
           "at most N runs (50 in a table, 0: all; other formats show all)"),
    LQ_ARG(struct history_args, name, "name", "only runs of this name"),
    LQ_OPT_END,
};

struct status_args {
    bool verbose;
};

static const struct lq_opt status_opts[] = {
    LQ_OPT(struct status_args, verbose, 'v', "verbose", NULL,
           "also run time, tests, commit and command"),
    LQ_OPT_END,
};

static const char data_columns[] =
    "ref, run_id, source_name, source_type AS source, outcome, exit_code, signal, started_at, "
    "completed_at, duration_sec, error_count, warning_count, test_pass_count, test_fail_count, "
    "test_skip_count, git_commit, git_branch, git_dirty, command, namespace, project, hostname, "
    "run_uid";

/* Errors, warnings and tests in one narrow cell: "2 errors, 1 warning, 3/10 tests failed". */
#define FOUND                                                                                      \
    "concat_ws(', ', "                                                                             \
    "CASE WHEN error_count > 0 THEN error_count || if(error_count = 1, ' error', ' errors') END, " \
    "CASE WHEN warning_count > 0 THEN warning_count || if(warning_count = 1, ' warning', "         \
    "' warnings') END, "                                                                           \
    "CASE WHEN test_fail_count > 0 THEN test_fail_count || if(test_fail_count = 1, ' test', "      \
    "' tests') || ' failed' END)"

static const char history_columns[] = "ref, source_name AS run, outcome, " LQ_SQL_AGE(
    "started_at") " AS started, "
                  "round(duration_sec, 1) AS sec, " FOUND " AS found, "
                  "git_branch || '@' || left(git_commit, 7) || if(git_dirty, '+', '') AS \"commit\", command";
const char lq_cli_sql_found[] = FOUND;

#define STATUS                                                                                     \
    "source_name AS run, outcome, " FOUND " AS found, " LQ_SQL_AGE("started_at") " AS started, ref"
static const char status_columns[] = STATUS;
static const char status_verbose_columns[] =
    STATUS ", round(duration_sec, 1) AS sec, "
           "CASE WHEN test_pass_count + test_fail_count + test_skip_count > 0 THEN "
           "concat_ws(', ', test_pass_count || ' passed', "
           "CASE WHEN test_fail_count > 0 THEN test_fail_count || ' failed' END, "
           "CASE WHEN test_skip_count > 0 THEN test_skip_count || ' skipped' END) END AS tests, "
           "git_branch || '@' || left(git_commit, 7) || if(git_dirty, '+', '') AS \"commit\", "
           "command";
static const char *const history_flexible[] = { "command", "commit", "run", NULL };
static const char *const status_flexible[] = { "run", "command", "commit", NULL };

/* How large the indexes are that answered. */
static void say_indexes(const struct lq_query *query)
{
    struct lq_index_info info[LQ_INDEXES_MAX];
    const size_t n = lq_query_indexes(query, info);

    for (size_t i = 0; i < n; i++) {
        if (info[i].exists)
            lq_say("index of the %s runs: %lld runs, %.1f MB",
                   info[i].in_store ? "store's" : "local", (long long)info[i].n_runs,
                   (double)info[i].size_bytes / 1e6);
        else
            lq_say("no index of the %s runs: %lld files are read",
                   info[i].in_store ? "store's" : "local", (long long)info[i].n_lacking);
    }
}

/* `name`: NULL for all. */
static enum lq_status list_runs(struct lq_cli *cli, const char *columns, const char *relation,
                                const char *name, const char *const *flexible, int64_t limit,
                                bool verbose, struct lq_error *err)
{
    static const char order[] = "ORDER BY started_at DESC, run_uid DESC";
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    const struct lq_value param = lq_value_text(name);
    bool empty;

    /* What a table shows is made of the rows that it shows alone: of all it takes longer than all the rest. */
    lq_buf_addf(&sql, "SELECT %s FROM (FROM %s%s %s",
                lq_out_is_table(cli->format) ? columns : data_columns, relation,
                name ? " WHERE source_name = $1::VARCHAR" : "", order);
    if (limit > 0 && limit < INT64_MAX)
        lq_buf_addf(&sql, " LIMIT %lld", (long long)limit + 1);
    lq_buf_addf(&sql, ") %s", order);

    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    if (name) {
        LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

        LQ_TRY(lq_query_run(query, false,
                            "SELECT 1 FROM lq_runs WHERE source_name = $1::VARCHAR LIMIT 1", &param,
                            1, &rows, err));
        if (lq_rows_is_empty(rows))
            return lq_error_set(err, LQ_NOT_FOUND, "no run called '%s'", name);
    }
    LQ_TRY(lq_cli_print_query(cli, query, lq_buf_text(&sql), &param, name ? 1 : 0, flexible, limit,
                              err));
    if (verbose && !cli->scope.offline)
        lq_cli_say_as_of(query);
    if (verbose)
        say_indexes(query);
    return LQ_OK;
}

static enum lq_status history_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct history_args *args = argp;
    int64_t limit;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    return list_runs(cli, history_columns, "lq_runs", args->name, history_flexible, limit, false,
                     err);
}

static enum lq_status status_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct status_args *args = argp;

    LQ_TRY(list_runs(cli, args->verbose ? status_verbose_columns : status_columns,
                     "lq_source_status", NULL, status_flexible, 0, args->verbose, err));
    fflush(cli->out);
    lq_auto_say_problem(cli);
    return LQ_OK;
}

const struct lq_command lq_cmd_history = {
    .name = "history",
    .summary = "list runs, newest first",
    .needs = LQ_NEEDS_SCOPE,
    .opts = history_opts,
    .args_size = sizeof(struct history_args),
    .main = history_main,
};

const struct lq_command lq_cmd_status = {
    .name = "status",
    .summary = "show the newest run of each name",
    .needs = LQ_NEEDS_SCOPE,
    .opts = status_opts,
    .args_size = sizeof(struct status_args),
    .main = status_main,
};
