/* SPDX-License-Identifier: MIT */
/* lq inspect: an event, the source it is about, who wrote that line, where else it was seen. */
#include "cli/cli.h"
#include "cli/source.h"
#include <lq/rows.h>

struct inspect_args {
    const char *ref, *around;
};

static const struct lq_opt inspect_opts[] = {
    LQ_OPT(struct inspect_args, around, 'n', "lines", "N", "source lines before and after (5)"),
    LQ_ARG(struct inspect_args, ref, "event", "5:3, build:3, ns/proj@host:5:3"),
    LQ_OPT_END,
};

#define SOURCE                                                                                     \
    "from_json($4::VARCHAR, '[{\"line\": \"BIGINT\", \"marked\": \"BOOLEAN\", \"text\": \"VARCHAR\"}]')"
#define BLAME                                                                                      \
    "from_json($5::VARCHAR, '{\"commit\": \"VARCHAR\", \"author\": \"VARCHAR\", \"date\": "        \
    "\"VARCHAR\", \"summary\": \"VARCHAR\"}')"
#define FINGERPRINT "(SELECT error_fingerprint" LQ_SQL_FROM_EVENT ")"
/* The newest ones are enough to see since when. */
#define HISTORY_ROWS "20"

static const char data_sql[] =
    "SELECT * EXCLUDE (place, file, date, source), " SOURCE " AS source_lines, " BLAME " AS blame, "
    "(SELECT list({'ref': ref, 'started_at': started_at, 'git_commit': git_commit, "
    "'git_branch': git_branch, 'hostname': hostname} ORDER BY started_at DESC, event_id) FROM "
    "(SELECT * FROM lq_events WHERE error_fingerprint = " FINGERPRINT
    " ORDER BY started_at DESC, event_id LIMIT " HISTORY_ROWS ")) AS history" LQ_SQL_FROM_EVENT;

static enum lq_status print_rows(struct lq_cli *cli, struct lq_query *query, const char *title,
                                 const char *sql, const struct lq_value *params, size_t n_params,
                                 struct lq_error *err)
{
    static const char *const flexible[] = { "text", "summary", "message", "commit", NULL };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    LQ_TRY(lq_query_run(query, false, sql, params, n_params, &rows, err));
    fprintf(cli->out, "\n%s\n", title);
    return lq_out_rows(cli->out, cli->format, rows, flexible, 0, NULL, err);
}

static enum lq_status print_for_people(struct lq_cli *cli, struct lq_query *query, const char *text,
                                       const struct lq_ref *ref, const struct lq_value params[5],
                                       struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    LQ_TRY(lq_cli_query_event(query, lq_cli_event_columns, ref, text, &rows, err));
    LQ_TRY(lq_out_record(cli->out, rows, err));
    lq_rows_free(&rows);
    if (params[3].kind != LQ_VALUE_NULL)
        LQ_TRY(print_rows(cli, query, "The source as it is now:",
                          "SELECT if(l.marked, '>', '') AS mark, l.line AS line, l.text AS text "
                          "FROM (SELECT unnest(from_json($1::VARCHAR, '[{\"line\": \"BIGINT\", "
                          "\"marked\": \"BOOLEAN\", \"text\": \"VARCHAR\"}]')) AS l)",
                          &params[3], 1, err));
    if (params[4].kind != LQ_VALUE_NULL)
        LQ_TRY(print_rows(cli, query, "The line was written by:",
                          "SELECT left(b.commit, 12) AS commit, b.author AS author, "
                          "left(b.date, 10) AS date, b.summary AS summary FROM (SELECT "
                          "from_json($1::VARCHAR, '{\"commit\": \"VARCHAR\", \"author\": "
                          "\"VARCHAR\", \"date\": \"VARCHAR\", \"summary\": \"VARCHAR\"}') AS b)",
                          &params[4], 1, err));
    return print_rows(cli, query, "Seen in:",
                      "SELECT ref, source_name AS run, " LQ_SQL_AGE(
                          "started_at") " AS started, git_branch || '@' || left(git_commit, 7) AS "
                                        "\"commit\", hostname AS host FROM lq_events "
                                        "WHERE error_fingerprint = " FINGERPRINT
                                        " ORDER BY started_at DESC, event_id LIMIT " HISTORY_ROWS,
                      params, 3, err);
}

/* Source lines and blame as JSON; they stay empty when there is nothing to say. */
static enum lq_status look_at_source(struct lq_cli *cli, struct lq_query *query,
                                     const struct lq_ref *ref, const struct inspect_args *args,
                                     struct lq_buf *source, struct lq_buf *blame,
                                     struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(lq_free) char *cwd = NULL, *named = NULL, *path = NULL;
    int64_t line, around;
    bool more;

    LQ_TRY(lq_cli_read_limit(args->around ? args->around : "5", cli->format, 0, &around, err));
    LQ_TRY(lq_cli_query_event(query, "cwd, file_path, line_number", ref, args->ref, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    cwd = lq_rows_get_text(rows, 0);
    named = lq_rows_get_text(rows, 1);
    line = lq_rows_get_int(rows, 2);
    path = lq_source_find(cli->has_project ? cli->project.root : cli->cwd, cwd, named);
    if (!path || line < 1)
        return LQ_OK;
    if (!lq_source_lines(path, line > around ? line - around : 1,
                         line < INT64_MAX - around ? line + around : line, line, source))
        lq_buf_clear(source);
    else if (!lq_source_blame(path, line, blame))
        lq_buf_clear(blame);
    return LQ_OK;
}

static enum lq_status inspect_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct inspect_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf source = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf blame = LQ_BUF_INIT;
    bool empty;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq inspect needs an event, such as 5:3");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_cli_find_event(query, "lq inspect", args->ref, &ref, err));
    LQ_TRY(look_at_source(cli, query, &ref, args, &source, &blame, err));

    const struct lq_value params[] = {
        LQ_EVENT_PARAMS(&ref),
        source.len ? lq_value_text(lq_buf_text(&source)) : lq_value_text(NULL),
        blame.len ? lq_value_text(lq_buf_text(&blame)) : lq_value_text(NULL),
    };

    if (cli->format == LQ_OUT_TABLE)
        return print_for_people(cli, query, args->ref, &ref, params, err);
    return lq_cli_print_query(cli, query, data_sql, params, LQ_COUNT(params), NULL, 0, err);
}

const struct lq_command lq_cmd_inspect = {
    .name = "inspect",
    .summary = "show an event, its source, who wrote it, where else it was seen",
    .needs = LQ_NEEDS_SCOPE,
    .opts = inspect_opts,
    .args_size = sizeof(struct inspect_args),
    .main = inspect_main,
};
