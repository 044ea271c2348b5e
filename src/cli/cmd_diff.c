/* SPDX-License-Identifier: MIT */
/* lq diff: which errors and warnings came and went between two runs. */
#include "cli/cli.h"
#include <lq/rows.h>

struct diff_args {
    const char *before, *after, *limit;
};

static const struct lq_opt diff_opts[] = {
    LQ_OPT(struct diff_args, limit, 'n', "limit", "N", "at most N rows"),
    LQ_ARG(struct diff_args, before, "before",
           "the older run; default: the run before the other one, of its name"),
    LQ_ARG(struct diff_args, after, "after",
           "the newer run; default: the newest, of the name of the first"),
    LQ_OPT_END,
};

static const char data_columns[] =
    "change, ref, severity, file_path, line_number, column_number, message, error_code, tool_name, "
    "test_name, error_fingerprint AS fingerprint, count_before, count_after";
static const char table_columns[] =
    "change, severity, ref, coalesce(lq_location(file_path, line_number, column_number), test_name, tool_name) AS location, message, "
    "count_before AS before, count_after AS after";
static const char *const flexible[] = { "location", "message", NULL };

/* The newest run of the name that `ref` has (of any name for NULL), or the one before `ref`. */
static enum lq_status find_other(struct lq_query *query, const struct lq_ref *ref, bool before,
                                 struct lq_ref *other, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const struct lq_value param = lq_value_text(ref->file);
    bool more;

    LQ_TRY(lq_query_run(query, false,
                        before ? "SELECT r.ref, r.file, r.run_uid FROM lq_runs r JOIN lq_runs x ON "
                                 "x.file = $1::VARCHAR AND x.source_name = r.source_name AND "
                                 "x.namespace = r.namespace AND x.project = r.project AND "
                                 "(r.started_at, r.run_uid) < (x.started_at, x.run_uid) "
                                 "ORDER BY r.started_at DESC, r.run_uid DESC LIMIT 1"
                               : "SELECT r.ref, r.file, r.run_uid FROM lq_runs r JOIN lq_runs x ON "
                                 "x.file = $1::VARCHAR AND x.source_name = r.source_name AND "
                                 "x.namespace = r.namespace AND x.project = r.project "
                                 "ORDER BY r.started_at DESC, r.run_uid DESC LIMIT 1",
                        &param, 1, &rows, err));
    if (lq_rows_is_empty(rows))
        return lq_error_set(err, LQ_NOT_FOUND,
                            "no run before '%s' has its name: name one to compare with",
                            ref->run_ref);
    LQ_TRY(lq_rows_next(rows, &more, err));
    other->run_ref = lq_rows_get_text(rows, 0);
    other->file = lq_rows_get_text(rows, 1);
    other->run_uid = lq_rows_get_text(rows, 2);
    return LQ_OK;
}

static enum lq_status find_both(struct lq_query *query, const struct diff_args *args,
                                struct lq_ref *before, struct lq_ref *after, struct lq_error *err)
{
    if (!args->before) {
        LQ_TRY(lq_query_find(query, "~0", after, err));
        return find_other(query, after, true, before, err);
    }
    LQ_TRY(lq_cli_find(query, args->before, before, err));
    if (args->after)
        return lq_cli_find(query, args->after, after, err);
    return find_other(query, before, false, after, err);
}

static enum lq_status diff_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct diff_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref before = { 0 }, after = { 0 };
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT %s FROM lq_compare($1::VARCHAR, $2::VARCHAR)",
                  lq_out_is_table(cli->format) ? table_columns : data_columns);
    int64_t limit;
    bool empty;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, 0, &limit, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_both(query, args, &before, &after, err));
    if (cli->format == LQ_OUT_TABLE)
        lq_say("from run %s to run %s", before.run_ref, after.run_ref);
    return lq_cli_print_query(
        cli, query, sql,
        (const struct lq_value[]){ lq_value_text(before.run_uid ? before.run_uid : before.file),
                                   lq_value_text(after.run_uid ? after.run_uid : after.file) },
        2, flexible, limit, err);
}

const struct lq_command lq_cmd_diff = {
    .name = "diff",
    .summary = "compare two runs: what is new, what is fixed",
    .needs = LQ_NEEDS_SCOPE,
    .opts = diff_opts,
    .args_size = sizeof(struct diff_args),
    .main = diff_main,
};
