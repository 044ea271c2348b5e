/* SPDX-License-Identifier: MIT */
/* lq hosts, new-errors, first-seen, regressions, flaky, slowest: what teams ask, by sql/macros.sql. */
#include "base/time.h"
#include "cli/cli.h"
#include <lq/rows.h>

#define TABLE_ROWS 50
/* How far back lq new-errors looks unless told. */
#define NEW_SECONDS INT64_C(86400)

#define LOCATION                                                                                   \
    "coalesce(lq_location(file_path, line_number, column_number), test_name, tool_name) AS location"
#define MESSAGE "concat_ws(' ', coalesce(message, test_name), '[' || error_code || ']') AS message"

/* One question: the macro with its parameters, and what of its rows programs get and a table shows. */
struct question {
    const char *macro, *data, *table;
    const char *flexible[4];
};
/* As in the JSON of other commands. */
#define DATA_WITH_FINGERPRINT "* RENAME (error_fingerprint AS fingerprint)"

static const struct question hosts = {
    "lq_by_host()",
    "*",
    "hostname AS host, project_count AS projects, run_count AS runs, fail_count AS failed, "
    "error_count AS errors, warning_count AS warnings, round(mean_sec, 2) AS mean_sec, " LQ_SQL_AGE(
        "last_started_at") " AS last",
    { "host" },
};
static const struct question new_errors = {
    "lq_new_errors($1::TIMESTAMPTZ)",
    DATA_WITH_FINGERPRINT,
    LQ_SQL_AGE("first_seen") " AS first, ref, " LOCATION ", " MESSAGE
                             ", event_count AS events, host_count AS hosts",
    { "location", "message" },
};
static const struct question first_seen = {
    "lq_first_seen($1::VARCHAR)",
    DATA_WITH_FINGERPRINT,
    LQ_SQL_AGE("first_seen") " AS first, " LQ_SQL_AGE(
        "last_seen") " AS last, hostname AS host, ref, "
                     "git_branch || '@' || left(git_commit, 7) AS \"commit\", "
                     "lq_location(file_path, line_number, NULL) AS location, message, "
                     "event_count AS events",
    { "location", "message", "commit" },
};
static const struct question regressions = {
    "lq_regressions($1::VARCHAR, $2::VARCHAR)",
    DATA_WITH_FINGERPRINT,
    "kind, ref, source_name AS run, " LOCATION ", " MESSAGE,
    { "location", "message", "run" },
};
static const struct question flaky = {
    "lq_flaky()",
    "*",
    "test_name AS test, tool_name AS tool, fail_count AS failed, pass_count AS passed, "
    "commit_count AS commits, host_count AS hosts, " LQ_SQL_AGE(
        "last_seen") " AS last, ref, message",
    { "test", "message" },
};
#define SECONDS                                                                                    \
    "round(median_sec, 2) AS median_sec, round(mean_sec, 2) AS mean_sec, "                         \
    "round(max_sec, 2) AS max_sec, run_count AS runs, host_count AS hosts, ref AS slowest"
static const struct question slowest = {
    "lq_slowest()",
    "*",
    "source_name AS run, " SECONDS,
    { "run" },
};
static const struct question slowest_tests = {
    "lq_slowest_tests()",
    "*",
    "test_name AS test, " SECONDS,
    { "test" },
};

static enum lq_status print(struct lq_cli *cli, struct lq_query *query,
                            const struct question *question, const struct lq_value *params,
                            size_t n_params, int64_t limit, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT %s FROM %s",
                  lq_out_is_table(cli->format) ? question->table : question->data, question->macro);

    return lq_cli_print_query(cli, query, sql, params, n_params, question->flexible, limit, err);
}

/* ---- lq hosts, lq flaky, lq slowest, lq new-errors ---- */

struct list_args {
    const char *limit;
    bool tests;
};

#define LIMIT_OPT                                                                                  \
    LQ_OPT(struct list_args, limit, 'n', "limit", "N",                                             \
           "at most N (50 in a table, 0: all; other formats show all)")

static const struct lq_opt list_opts[] = { LIMIT_OPT, LQ_OPT_END };
static const struct lq_opt slowest_opts[] = {
    LQ_OPT(struct list_args, tests, 0, "tests", NULL, "tests instead of commands"),
    LIMIT_OPT,
    LQ_OPT_END,
};

static enum lq_status list(struct lq_cli *cli, const struct list_args *args,
                           const struct question *question, const struct lq_value *params,
                           size_t n_params, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    int64_t limit;
    bool empty;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    return print(cli, query, question, params, n_params, limit, err);
}

static enum lq_status hosts_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return list(cli, args, &hosts, NULL, 0, err);
}

static enum lq_status flaky_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    return list(cli, args, &flaky, NULL, 0, err);
}

static enum lq_status slowest_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct list_args *args = argp;

    return list(cli, args, args->tests ? &slowest_tests : &slowest, NULL, 0, err);
}

/* --since is what the question is about: the runs before it tell what is not new. */
static enum lq_status new_errors_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    const struct lq_value since = lq_value_time(
        cli->scope.since ? cli->scope.since : lq_time_now() - NEW_SECONDS * LQ_US_PER_SECOND);

    cli->scope.since = 0;
    return list(cli, args, &new_errors, &since, 1, err);
}

/* ---- lq first-seen ---- */

struct first_seen_args {
    const char *text;
};

static const struct lq_opt first_seen_opts[] = {
    LQ_ARG(struct first_seen_args, text, "event",
           "an event, or a fingerprint or the first eight digits of its hash"),
    LQ_OPT_END,
};

/* The fingerprint of the event that `text` names, or the text itself: only references have a colon. */
static enum lq_status find_fingerprint(struct lq_query *query, const char *text, char **fingerprint,
                                       struct lq_error *err)
{
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    if (!strchr(text, ':')) {
        *fingerprint = lq_strdup(text);
        return LQ_OK;
    }
    LQ_TRY(lq_cli_find_event(query, "lq first-seen", text, &ref, err));
    LQ_TRY(lq_cli_query_event(query, "error_fingerprint", &ref, text, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *fingerprint = lq_rows_get_text(rows, 0);
    return *fingerprint ? LQ_OK
                        : lq_error_set(err, LQ_NOT_FOUND, "event '%s' has no fingerprint", text);
}

static enum lq_status first_seen_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct first_seen_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_free) char *fingerprint = NULL;
    struct lq_value param;
    bool empty;

    if (!args->text)
        return lq_error_set(err, LQ_USAGE, "lq first-seen needs an event or a fingerprint");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_fingerprint(query, args->text, &fingerprint, err));
    param = lq_value_text(fingerprint);
    LQ_TRY(lq_query_run(query, false, "SELECT 1 FROM lq_first_seen($1::VARCHAR) LIMIT 1", &param, 1,
                        &rows, err));
    if (lq_rows_is_empty(rows))
        return lq_error_set(err, LQ_NOT_FOUND, "no error, warning or note '%s' here", args->text);
    lq_rows_free(&rows);
    return print(cli, query, &first_seen, &param, 1, 0, err);
}

/* ---- lq regressions ---- */

struct regressions_args {
    const char *limit, *before, *after;
};

static const struct lq_opt regressions_opts[] = {
    LQ_OPT(struct regressions_args, limit, 'n', "limit", "N",
           "at most N (50 in a table, 0: all; other formats show all)"),
    LQ_ARG(struct regressions_args, before, "before", "a run, a branch or a commit"),
    LQ_ARG(struct regressions_args, after, "after", "the one that may be worse"),
    LQ_OPT_END,
};

/* What lq_runs_of takes for `text`: the identity of the run that it refers to, else a branch or commit
 * as it is. */
static enum lq_status find_side(struct lq_query *query, const char *text, char **side,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const struct lq_value param = lq_value_text(text);
    struct lq_error reason = { 0 };
    const enum lq_status status = lq_query_find(query, text, &ref, &reason);

    if (status == LQ_OK) {
        *side = lq_strdup(ref.run_uid ? ref.run_uid : ref.file);
        return LQ_OK;
    }
    if (status == LQ_NOT_FOUND || status == LQ_BAD_INPUT) {
        LQ_TRY(lq_query_run(query, false, "SELECT 1 FROM lq_runs_of($1::VARCHAR) LIMIT 1", &param,
                            1, &rows, err));
        if (!lq_rows_is_empty(rows)) {
            *side = lq_strdup(text);
            return LQ_OK;
        }
    }
    if (status == LQ_NOT_FOUND)
        return lq_error_set(err, LQ_NOT_FOUND, "no run, branch or commit '%s'", text);
    *err = reason;
    return status;
}

static enum lq_status regressions_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct regressions_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_free) char *before = NULL, *after = NULL;
    int64_t limit;
    bool empty;

    if (!args->after)
        return lq_error_set(err, LQ_USAGE,
                            "lq regressions needs two runs, branches or commits: from, to");
    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, TABLE_ROWS, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_side(query, args->before, &before, err));
    LQ_TRY(find_side(query, args->after, &after, err));
    return print(cli, query, &regressions,
                 (const struct lq_value[]){ lq_value_text(before), lq_value_text(after) }, 2, limit,
                 err);
}

const struct lq_command lq_cmd_hosts = {
    .name = "hosts",
    .summary = "list machines with what ran there",
    .needs = LQ_NEEDS_SCOPE,
    .opts = list_opts,
    .args_size = sizeof(struct list_args),
    .main = hosts_main,
};

const struct lq_command lq_cmd_new_errors = {
    .name = "new-errors",
    .summary = "list errors that no machine had before --since (default: 1d)",
    .needs = LQ_NEEDS_SCOPE,
    .opts = list_opts,
    .args_size = sizeof(struct list_args),
    .main = new_errors_main,
};

const struct lq_command lq_cmd_first_seen = {
    .name = "first-seen",
    .summary = "show when and where an error first came up",
    .needs = LQ_NEEDS_SCOPE,
    .opts = first_seen_opts,
    .args_size = sizeof(struct first_seen_args),
    .main = first_seen_main,
};

const struct lq_command lq_cmd_regressions = {
    .name = "regressions",
    .summary = "list what got worse between runs, branches or commits",
    .needs = LQ_NEEDS_SCOPE,
    .opts = regressions_opts,
    .args_size = sizeof(struct regressions_args),
    .main = regressions_main,
};

const struct lq_command lq_cmd_flaky = {
    .name = "flaky",
    .summary = "list tests that passed and failed on one commit",
    .needs = LQ_NEEDS_SCOPE,
    .opts = list_opts,
    .args_size = sizeof(struct list_args),
    .main = flaky_main,
};

const struct lq_command lq_cmd_slowest = {
    .name = "slowest",
    .summary = "list commands, or tests, by how long they take",
    .needs = LQ_NEEDS_SCOPE,
    .opts = slowest_opts,
    .args_size = sizeof(struct list_args),
    .main = slowest_main,
};
