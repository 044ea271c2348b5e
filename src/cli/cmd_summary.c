/* SPDX-License-Identifier: MIT */
/* lq summary: events counted by tool and category. */
#include "cli/cli.h"

struct summary_args {
    bool latest;
    const char *ref;
};

static const struct lq_opt summary_opts[] = {
    LQ_OPT(struct summary_args, latest, 'l', "latest", NULL, "the newest run of each name only"),
    LQ_ARG(struct summary_args, ref, "run", "this run only"),
    LQ_OPT_END,
};

#define COUNTS                                                                                     \
    "tool_name, category, count(*) FILTER (severity = 'error') AS error_count, "                   \
    "count(*) FILTER (severity = 'warning') AS warning_count, "                                    \
    "count(*) FILTER (severity IN ('note', 'info')) AS note_count, "                               \
    "count(*) FILTER (test_status = 'pass') AS test_pass_count, "                                  \
    "count(*) FILTER (test_status = 'skip') AS test_skip_count, "                                  \
    "count(DISTINCT file) AS run_count"
#define ORDER "error_count DESC, warning_count DESC, note_count DESC, tool_name, category"

static const char all[] = "SELECT " COUNTS " FROM lq_events WHERE $1::VARCHAR IS NULL OR file = $1 "
                          "GROUP BY tool_name, category ORDER BY " ORDER;
static const char latest[] =
    "SELECT e.source_name, " COUNTS " FROM lq_events e SEMI JOIN lq_source_status s ON "
    "s.file = e.file AND s.run_uid IS NOT DISTINCT FROM e.run_uid "
    "GROUP BY e.source_name, tool_name, category ORDER BY e.source_name, " ORDER;

static const char *const flexible[] = { "tool_name", "category", "source_name", NULL };

static enum lq_status summary_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct summary_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    struct lq_value param;
    LQ_CLEANUP(lq_free) char *sql = NULL;
    bool empty;

    if (args->latest && args->ref)
        return lq_error_set(err, LQ_USAGE, "-l goes without a run");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    if (args->ref)
        LQ_TRY(lq_cli_find(query, args->ref, &ref, err));
    param = lq_value_text(ref.file);
    /* For people the same rows under shorter names. */
    sql = lq_out_is_table(cli->format)
              ? lq_format("SELECT %stool_name AS tool, category, error_count AS errors, "
                          "warning_count AS warnings, note_count AS notes, "
                          "test_pass_count AS passed, test_skip_count AS skipped, "
                          "run_count AS runs FROM (%s)",
                          args->latest ? "source_name AS run, " : "", args->latest ? latest : all)
              : lq_strdup(args->latest ? latest : all);
    return lq_cli_print_query(cli, query, sql, &param, args->latest ? 0 : 1, flexible, 0, err);
}

const struct lq_command lq_cmd_summary = {
    .name = "summary",
    .summary = "count events by tool and category",
    .needs = LQ_NEEDS_SCOPE,
    .opts = summary_opts,
    .args_size = sizeof(struct summary_args),
    .main = summary_main,
};
