/* SPDX-License-Identifier: MIT */
/* lq event, lq context: all that is known of one event; the log around it. */
#include "cli/lines.h"
#include <lq/rows.h>

struct event_args {
    const char *ref;
};

static const struct lq_opt event_opts[] = {
    LQ_ARG(struct event_args, ref, "event", "5:3, build:3, ns/proj@host:5:3"),
    LQ_OPT_END,
};

struct context_args {
    const char *ref, *lines;
};

static const struct lq_opt context_opts[] = {
    LQ_OPT(struct context_args, lines, 'n', "lines", "N", "lines before and after (5)"),
    LQ_ARG(struct context_args, ref, "event", "5:3, build:3, ns/proj@host:5:3"),
    LQ_OPT_END,
};

enum lq_status lq_cli_find(struct lq_query *query, const char *text, struct lq_ref *ref,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    LQ_TRY(lq_query_find(query, text, ref, err));
    return ref->event_id ? lq_cli_query_event(query, "event_id", ref, text, &rows, err) : LQ_OK;
}

enum lq_status lq_cli_find_event(struct lq_query *query, const char *command, const char *text,
                                 struct lq_ref *ref, struct lq_error *err)
{
    LQ_TRY(lq_query_find(query, text, ref, err));
    if (ref->event_id == 0)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is a run: %s needs an event, such as '%s:1'",
                            text, command, ref->run_ref);
    return LQ_OK;
}

enum lq_status lq_cli_query_event(struct lq_query *query, const char *columns,
                                  const struct lq_ref *ref, const char *text, struct lq_rows **rows,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format("SELECT %s" LQ_SQL_FROM_EVENT, columns);
    const struct lq_value params[] = { LQ_EVENT_PARAMS(ref) };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *found = NULL;

    LQ_TRY(lq_query_run(query, false, sql, params, LQ_COUNT(params), &found, err));
    if (lq_rows_is_empty(found))
        return lq_error_set(err, LQ_NOT_FOUND, "no event '%s'", text);
    *rows = LQ_TAKE(found);
    return LQ_OK;
}

const char lq_cli_event_columns[] =
    "ref, source_name AS run, command, severity, test_status AS status, test_name AS test, "
    "lq_location(file_path, line_number, column_number) AS location, message, "
    "error_code AS code, tool_name AS tool, category, error_fingerprint AS fingerprint, "
    "log_line_start || if(log_line_end > log_line_start, '-' || log_line_end, '') AS "
    "\"log lines\", hostname AS host, namespace || '/' || project AS project, "
    "git_branch || '@' || left(git_commit, 12) AS \"commit\", "
    "strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S UTC') AS started, "
    "raw_text AS text";

#define ALL_COLUMNS "* EXCLUDE (place, file, date, source)"
/* As JSON they need no second planning. */
#define ALL_COLUMNS_TEXT                                                                           \
    ALL_COLUMNS " REPLACE (to_json(environment) AS environment, to_json(ci) AS ci)"

static enum lq_status event_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct event_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool empty, more;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq event needs an event, such as 5:3");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_cli_find_event(query, "lq event", args->ref, &ref, err));
    LQ_TRY(lq_cli_query_event(query,
                              cli->format == LQ_OUT_TABLE ? lq_cli_event_columns : ALL_COLUMNS_TEXT,
                              &ref, args->ref, &rows, err));
    if (cli->format == LQ_OUT_TABLE)
        return lq_out_record(cli->out, rows, err);
    if (!cli->save)
        return lq_out_rows(cli->out, cli->format, rows, NULL, 0, &more, err);
    lq_rows_free(&rows);
    return lq_cli_print_query(cli, query, "SELECT " ALL_COLUMNS LQ_SQL_FROM_EVENT,
                              (const struct lq_value[]){ LQ_EVENT_PARAMS(&ref) }, 3, NULL, 0, err);
}

/* ---- context ---- */

/* Of an event that spans more lines, such as a test named at the start and in the summary, the
 * first ones are shown. */
#define SHOWN_EVENT_LINES 60

/* Lines longer than this are cut in what is shown. */
#define SHOWN_LINE_MAX_BYTES 4096

struct context {
    struct lq_lines lines;
    int64_t first, last; /* the event's lines */
    struct lq_error *err;
};

static void context_release(struct context *context)
{
    lq_lines_release(&context->lines);
}

static enum lq_status on_piece(void *ctx, int64_t number, struct lq_str piece, bool ends)
{
    struct context *context = ctx;
    const struct lq_buf *line = &context->lines.line;
    enum lq_status status;

    if (!lq_lines_gather(&context->lines, piece, ends))
        return LQ_OK;
    status =
        lq_lines_add(&context->lines, number, number >= context->first && number <= context->last,
                     (struct lq_str){ lq_buf_text(line), line->len }, context->err);
    lq_lines_next(&context->lines);
    return status;
}

static enum lq_status context_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct context_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    LQ_CLEANUP(context_release) struct context context = { .err = err };
    int64_t around, last;
    bool empty, more;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq context needs an event, such as 5:3");
    LQ_TRY(lq_cli_read_limit(args->lines ? args->lines : "5", cli->format, 0, &around, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_cli_find_event(query, "lq context", args->ref, &ref, err));
    LQ_TRY(lq_cli_query_event(query, "log_line_start, log_line_end", &ref, args->ref, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    context.first = lq_rows_get_int(rows, 0);
    context.last = lq_rows_get_int(rows, 1);
    if (context.first < 1)
        return lq_error_set(err, LQ_NOT_FOUND, "event '%s' does not say where in the log it was",
                            args->ref);
    last = context.last;
    if (last - context.first >= SHOWN_EVENT_LINES) {
        last = context.first + SHOWN_EVENT_LINES - 1;
        lq_say("event %s spans lines %lld to %lld of the log: %d of them are shown", args->ref,
               (long long)context.first, (long long)context.last, SHOWN_EVENT_LINES);
    }
    if (__builtin_add_overflow(last, around, &last))
        last = INT64_MAX;
    LQ_TRY(lq_lines_begin(&context.lines, cli, true, SHOWN_LINE_MAX_BYTES, err));
    LQ_TRY(lq_query_need_log(query, ref.file, err));
    LQ_TRY(lq_query_log_lines(ref.file, context.first > around ? context.first - around : 1, last,
                              on_piece, &context, err));
    return lq_lines_end(&context.lines, err);
}

const struct lq_command lq_cmd_event = {
    .name = "event",
    .summary = "show all that is known of one event",
    .needs = LQ_NEEDS_SCOPE,
    .opts = event_opts,
    .args_size = sizeof(struct event_args),
    .main = event_main,
};

const struct lq_command lq_cmd_context = {
    .name = "context",
    .summary = "show the log around an event",
    .needs = LQ_NEEDS_SCOPE,
    .opts = context_opts,
    .args_size = sizeof(struct context_args),
    .main = context_main,
};
