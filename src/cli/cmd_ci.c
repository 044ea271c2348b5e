/* SPDX-License-Identifier: MIT */
/* lq ci check, lq report: a run against a baseline, as an exit status and as Markdown. */
#include "cli/compare.h"
#include <errno.h>
#include <stdio.h>

/* Rows that a report's table shows. */
#define REPORT_ROWS 50

/* Errors and warnings by what became of them since the baseline. */
struct counts {
    int64_t new_errors, new_warnings, fixed, same;
};

/* Make lq_change, the comparison that all of this asks; with a NULL baseline all is new. */
static enum lq_status compare(struct lq_query *query, const struct lq_ci_run *run,
                              const struct lq_ci_run *baseline, struct counts *counts,
                              struct lq_error *err)
{
    const struct lq_value params[] = { lq_value_text(baseline->identity),
                                       lq_value_text(run->identity) };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *made = NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_query_run(query, false,
                        "CREATE TEMP TABLE lq_change AS "
                        "SELECT * FROM lq_compare($1::VARCHAR, $2::VARCHAR)",
                        params, LQ_COUNT(params), &made, err));
    LQ_TRY(lq_rows_next(made, &more, err));
    LQ_TRY(lq_query_run(query, false,
                        "SELECT count(*) FILTER (change = 'new' AND severity = 'error'), "
                        "count(*) FILTER (change = 'new' AND severity = 'warning'), "
                        "count(*) FILTER (change = 'fixed'), count(*) FILTER (change = 'same') "
                        "FROM lq_change",
                        NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    counts->new_errors = lq_rows_get_int(rows, 0);
    counts->new_warnings = lq_rows_get_int(rows, 1);
    counts->fixed = lq_rows_get_int(rows, 2);
    counts->same = lq_rows_get_int(rows, 3);
    return LQ_OK;
}

/* ---- the report ---- */

#define LOCATION                                                                                   \
    "coalesce(lq_location(file_path, line_number, column_number), test_name, tool_name)"
#define MESSAGE "concat_ws(' ', message, '[' || error_code || ']')"
static const char *const no_columns[] = { NULL };

static enum lq_status print_section(FILE *out, struct lq_query *query, const char *title,
                                    const char *change, const char *severity, struct lq_error *err)
{
    const struct lq_value params[] = { lq_value_text(change), lq_value_text(severity) };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = false;

    LQ_TRY(lq_query_run(query, false,
                        "SELECT ref AS \"Ref\", " LOCATION " AS \"Where\", " MESSAGE " AS \"What\" "
                        "FROM lq_change WHERE change = $1::VARCHAR AND severity = $2::VARCHAR "
                        "ORDER BY event_id",
                        params, LQ_COUNT(params), &rows, err));
    if (lq_rows_is_empty(rows))
        return LQ_OK;
    fprintf(out, "\n### %s\n\n", title);
    LQ_TRY(lq_out_rows(out, LQ_OUT_MARKDOWN, rows, no_columns, REPORT_ROWS, &more, err));
    if (more)
        fprintf(out, "\nOnly the first %d are shown.\n", REPORT_ROWS);
    return LQ_OK;
}

/* The facts of the run, a line each; empty ones are left out. */
static const char facts_sql[] =
    "SELECT unnest(['Command', 'Outcome', 'Started', 'Commit', 'Machine', 'Found', 'Tests', 'CI']) "
    "AS \"Run\", unnest([command, "
    "concat_ws(', ', outcome, 'exit code ' || exit_code, signal), "
    "strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S UTC') || "
    "coalesce(', took ' || round(duration_sec, 1) || ' s', ''), "
    "coalesce(git_branch || '@', '') || left(git_commit, 12) || if(git_dirty, ' (changed)', ''), "
    "concat_ws(', ', hostname, platform, arch), "
    "error_count || if(error_count = 1, ' error, ', ' errors, ') || warning_count || "
    "if(warning_count = 1, ' warning', ' warnings'), "
    "if(test_pass_count + test_fail_count + test_skip_count > 0, test_pass_count || ' passed, ' || "
    "test_fail_count || ' failed, ' || test_skip_count || ' skipped', NULL), ci['url']]) AS fact "
    "FROM lq_runs WHERE coalesce(run_uid, file) = $1::VARCHAR";

static enum lq_status print_facts(FILE *out, struct lq_query *query, const struct lq_ci_run *run,
                                  struct lq_error *err)
{
    const struct lq_value identity = lq_value_text(run->identity);
    /* The head of the second column is the run; folder-name spelling leaves no quote in it. */
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "SELECT \"Run\", fact AS \"%s\" FROM (%s) WHERE fact IS NOT NULL", run->ref, facts_sql);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    LQ_TRY(lq_query_run(query, false, sql, &identity, 1, &rows, err));
    return lq_out_rows(out, LQ_OUT_MARKDOWN, rows, no_columns, 0, NULL, err);
}

static enum lq_status print_report(FILE *out, struct lq_query *query, const struct lq_ci_run *run,
                                   const struct lq_ci_run *baseline, const char *baseline_text,
                                   const struct counts *counts, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf title = LQ_BUF_INIT;

    lq_out_add_markdown(&title, lq_str_of(run->name));
    fprintf(out, "## %s: %s\n\n", lq_buf_text(&title), run->outcome ? run->outcome : "unknown");
    LQ_TRY(print_facts(out, query, run, err));
    if (!baseline_text) {
        LQ_TRY(print_section(out, query, "Errors", "new", "error", err));
        return print_section(out, query, "Warnings", "new", "warning", err);
    }
    lq_buf_clear(&title);
    lq_out_add_markdown(&title, lq_str_of(baseline_text));
    if (baseline->ref)
        fprintf(out,
                "\nAgainst run %s (%s): %lld new errors, %lld new warnings, %lld fixed, %lld "
                "still there.\n",
                baseline->ref, baseline->commit ? baseline->commit : lq_buf_text(&title),
                (long long)counts->new_errors, (long long)counts->new_warnings,
                (long long)counts->fixed, (long long)counts->same);
    else
        fprintf(out, "\nNo run of '%s' to compare with: everything counts as new.\n",
                lq_buf_text(&title));
    LQ_TRY(print_section(out, query, "New errors", "new", "error", err));
    LQ_TRY(print_section(out, query, "New warnings", "new", "warning", err));
    LQ_TRY(print_section(out, query, "Errors that are still there", "same", "error", err));
    return print_section(out, query, "Fixed errors", "fixed", "error", err);
}

/* Append the report to the job summary of GitHub Actions, where one is asked for. What goes wrong
 * with it does not change the answer. */
static void append_summary(struct lq_query *query, const struct lq_ci_run *run,
                           const struct lq_ci_run *baseline, const char *baseline_text,
                           const struct counts *counts)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    struct lq_error reason = { 0 };
    FILE *out;
    enum lq_status status;

    if (!path || !*path)
        return;
    out = fopen(path, "ae");
    if (!out) {
        lq_say("cannot append to the job summary '%s': %s", path, strerror(errno));
        return;
    }
    status = print_report(out, query, run, baseline, baseline_text, counts, &reason);
    putc('\n', out);
    if (fclose(out) != 0 && status == LQ_OK)
        status = lq_error_errno(&reason, errno, "cannot write '%s'", path);
    if (status != LQ_OK)
        lq_say("the job summary is incomplete: %s", reason.message);
}

static const char data_columns[] =
    "change, ref, severity, file_path, line_number, column_number, message, error_code, tool_name, "
    "test_name, error_fingerprint AS fingerprint, count_before, count_after";
static const char table_columns[] = "ref, " LOCATION " AS location, " MESSAGE " AS message";
static const char *const flexible[] = { "location", "message", NULL };

struct report_args {
    const char *ref, *baseline;
};

static const struct lq_opt report_opts[] = {
    LQ_OPT(struct report_args, baseline, 0, "baseline", "B",
           "say what is new since B: a branch, a commit or a run"),
    LQ_ARG(struct report_args, ref, "run", "the newest by default"),
    LQ_OPT_END,
};

static enum lq_status report_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct report_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ci_run_release) struct lq_ci_run run = { 0 };
    LQ_CLEANUP(lq_ci_run_release) struct lq_ci_run baseline = { 0 };
    LQ_CLEANUP(lq_free) char *sql = lq_format("SELECT %s FROM lq_change", data_columns);
    struct counts counts;
    bool empty;

    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_ci_find_run(query, args->ref, &run, err));
    if (args->baseline)
        LQ_TRY(lq_ci_find_baseline(query, args->baseline, &run, &baseline, err));
    LQ_TRY(compare(query, &run, &baseline, &counts, err));
    append_summary(query, &run, &baseline, args->baseline, &counts);
    if (!lq_out_is_table(cli->format))
        return lq_cli_print_query(cli, query, sql, NULL, 0, flexible, 0, err);
    return print_report(cli->out, query, &run, &baseline, args->baseline, &counts, err);
}

const struct lq_command lq_cmd_report = {
    .name = "report",
    .summary = "describe a run in Markdown, and what is new in it",
    .needs = LQ_NEEDS_SCOPE,
    .opts = report_opts,
    .args_size = sizeof(struct report_args),
    .main = report_main,
};

/* ---- ci check ---- */

struct ci_args {
    const char *action, *ref, *baseline;
    bool warnings;
};

static const struct lq_opt ci_opts[] = {
    LQ_OPT(struct ci_args, baseline, 0, "baseline", "B",
           "a branch, a commit or a run (the target of the merge request, else main)"),
    LQ_OPT(struct ci_args, warnings, 'w', "warnings", NULL, "new warnings fail too"),
    LQ_ARG(struct ci_args, action, "check", "fail when the run has errors that are new"),
    LQ_ARG(struct ci_args, ref, "run", "the newest by default"),
    LQ_OPT_END,
};

/* What a merge request is to be merged into, where the provider tells. */
static const char *default_baseline(void)
{
    static const char *const names[] = { "GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
                                         "CHANGE_TARGET" };

    for (size_t i = 0; i < LQ_COUNT(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return value;
    }
    return "main";
}

/* Whether the run failed in a way that its events do not tell, and the baseline did not. */
static bool failed_silently(const struct lq_ci_run *run, const struct lq_ci_run *baseline)
{
    static const char *const bad[] = { "fail", "timeout", "interrupted" };
    bool failed = false;

    for (size_t i = 0; i < LQ_COUNT(bad); i++)
        failed = failed || (run->outcome && strcmp(run->outcome, bad[i]) == 0);
    return failed && run->error_count == 0 &&
           !(baseline->ref && baseline->error_count == 0 && baseline->outcome &&
             strcmp(run->outcome, baseline->outcome) == 0);
}

static void say_verdict(const struct lq_ci_run *run, const struct lq_ci_run *baseline,
                        const char *text, const struct counts *counts)
{
    if (!baseline->ref)
        lq_say("no run '%s' of '%s' to compare with: every error counts as new", run->name, text);
    else
        lq_say(
            "run %s against run %s%s%s%s: %lld new %s, %lld new %s, %lld fixed, %lld still there",
            run->ref, baseline->ref, baseline->commit ? " (" : "",
            baseline->commit ? baseline->commit : "", baseline->commit ? ")" : "",
            (long long)counts->new_errors, counts->new_errors == 1 ? "error" : "errors",
            (long long)counts->new_warnings, counts->new_warnings == 1 ? "warning" : "warnings",
            (long long)counts->fixed, (long long)counts->same);
}

static enum lq_status ci_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct ci_args *args = argp;
    const char *text = args->baseline ? args->baseline : default_baseline();
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ci_run_release) struct lq_ci_run run = { 0 };
    LQ_CLEANUP(lq_ci_run_release) struct lq_ci_run baseline = { 0 };
    LQ_CLEANUP(lq_free) char *sql = NULL;
    struct counts counts;
    bool empty;

    if (!args->action || strcmp(args->action, "check") != 0)
        return lq_error_set(err, LQ_USAGE, "lq ci needs what to do: lq ci check");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_ci_find_run(query, args->ref, &run, err));
    LQ_TRY(lq_ci_find_baseline(query, text, &run, &baseline, err));
    LQ_TRY(compare(query, &run, &baseline, &counts, err));
    sql = lq_format("SELECT %s FROM lq_change WHERE change = 'new' AND "
                    "(severity = 'error' OR $1::BOOLEAN) ORDER BY severity, event_id",
                    lq_out_is_table(cli->format) ? table_columns : data_columns);
    LQ_TRY(lq_cli_print_query(
        cli, query, sql,
        &(const struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = args->warnings }, 1, flexible,
        0, err));
    fflush(cli->out);
    append_summary(query, &run, &baseline, text, &counts);
    say_verdict(&run, &baseline, text, &counts);
    if (failed_silently(&run, &baseline)) {
        lq_say("run %s ended as '%s', and no error in its log says why", run.ref, run.outcome);
        cli->exit_code = 1;
    }
    if (counts.new_errors > 0 || (args->warnings && counts.new_warnings > 0))
        cli->exit_code = 1;
    return LQ_OK;
}

const struct lq_command lq_cmd_ci = {
    .name = "ci",
    .summary = "check: fail when a run has errors that its baseline has not",
    .needs = LQ_NEEDS_SCOPE,
    .opts = ci_opts,
    .args_size = sizeof(struct ci_args),
    .main = ci_main,
};
