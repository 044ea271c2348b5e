/* SPDX-License-Identifier: MIT */
/* lq event, lq context: all that is known of one event; the log around it. */
#include "base/clean.h"
#include "base/text.h"
#include "cli/cli.h"
#include <lq/rows.h>
#include <unistd.h>

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

/* Find the event that `text` names in an open scope. */
static enum lq_status find_event(struct lq_query *query, const char *command, const char *text,
                                 struct lq_ref *ref, struct lq_error *err)
{
    LQ_TRY(lq_query_find(query, text, ref, err));
    if (ref->event_id == 0)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is a run: %s needs an event, such as '%s:1'",
                            text, command, ref->run_ref);
    return LQ_OK;
}

static enum lq_status query_event(struct lq_query *query, const char *columns,
                                  const struct lq_ref *ref, const char *text, struct lq_rows **rows,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT %s FROM lq_events WHERE file = $1::VARCHAR AND event_id = $2::BIGINT AND "
                  "run_uid IS NOT DISTINCT FROM $3::VARCHAR",
                  columns);
    const struct lq_value params[] = { lq_value_text(ref->file), lq_value_int(ref->event_id),
                                       lq_value_text(ref->run_uid) };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *found = NULL;

    LQ_TRY(lq_query_run(query, false, sql, params, LQ_COUNT(params), &found, err));
    if (lq_rows_is_empty(found))
        return lq_error_set(err, LQ_NOT_FOUND, "no event '%s'", text);
    *rows = LQ_TAKE(found);
    return LQ_OK;
}

/* One line per value that is known: "message   no such name". */
static enum lq_status print_record(FILE *out, struct lq_rows *rows, struct lq_error *err)
{
    bool more;

    LQ_TRY(lq_rows_next(rows, &more, err));
    for (size_t i = 0; more && i < lq_rows_column_count(rows); i++) {
        const struct lq_value value = lq_rows_get(rows, i);
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

        if (value.kind == LQ_VALUE_NULL)
            continue;
        if (value.kind == LQ_VALUE_INT)
            lq_buf_addf(&text, "%lld", (long long)value.integer);
        else if (value.kind == LQ_VALUE_DOUBLE)
            lq_buf_addf(&text, "%g", value.real);
        else if (value.kind == LQ_VALUE_BOOL)
            lq_buf_adds(&text, value.boolean ? "true" : "false");
        else
            lq_text_add_visible(&text, value.text, true);
        fprintf(out, "%-12s  ", lq_rows_column_name(rows, i));
        for (const char *at = lq_buf_text(&text); *at; at++) {
            putc(*at, out);
            if (*at == '\n')
                fprintf(out, "%-12s  ", "");
        }
        putc('\n', out);
    }
    return LQ_OK;
}

static enum lq_status event_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    static const char record_columns[] =
        "ref, source_name AS run, command, severity, test_status AS status, test_name AS test, "
        "lq_location(file_path, line_number, column_number) AS location, message, "
        "error_code AS code, tool_name AS tool, category, error_fingerprint AS fingerprint, "
        "log_line_start || if(log_line_end > log_line_start, '-' || log_line_end, '') AS "
        "\"log lines\", hostname AS host, namespace || '/' || project AS project, "
        "git_branch || '@' || left(git_commit, 12) AS \"commit\", "
        "strftime(started_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S UTC') AS started, "
        "raw_text AS text";
    const struct event_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const bool record = cli->format == LQ_OUT_TABLE;
    bool empty;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq event needs an event, such as 5:3");
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_event(query, "lq event", args->ref, &ref, err));
    LQ_TRY(query_event(query, record ? record_columns : "* EXCLUDE (place, file, date, source)",
                       &ref, args->ref, &rows, err));
    return record ? print_record(cli->out, rows, err)
                  : lq_out_rows(cli->out, cli->format, rows, NULL, 0, NULL, err);
}

/* ---- context ---- */

/* Of an event that spans more lines, such as a test named at the start and in the summary, the
 * first ones are shown. */
#define SHOWN_EVENT_LINES 60

struct context {
    FILE *out;
    bool terminal;
    enum lq_out_format format;
    int64_t first, last; /* the event's lines */
    struct lq_buf line;  /* of a line, the pieces so far */
    int64_t n_printed;
    struct lq_error *err; /* of printing */
};

/* Lines longer than this are cut in what is shown. */
#define SHOWN_LINE_MAX_BYTES 4096

static enum lq_status print_line(struct context *context, int64_t number, struct lq_error *err)
{
    const bool marked = number >= context->first && number <= context->last;
    const struct lq_str text = { lq_buf_text(&context->line), context->line.len };
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;

    if (context->format == LQ_OUT_TABLE || context->format == LQ_OUT_MARKDOWN) {
        lq_buf_addf(&out, "%c %6lld | ", marked ? '>' : ' ', (long long)number);
        lq_text_add_visible(&out, text, true);
    } else if (context->format == LQ_OUT_CSV) {
        lq_buf_addf(&out, "%lld,%s,", (long long)number, marked ? "true" : "false");
        lq_out_add_csv(&out, text, context->terminal);
    } else {
        if (context->format == LQ_OUT_JSON)
            lq_buf_adds(&out, context->n_printed ? ",\n " : "[\n ");
        lq_buf_addf(&out, "{\"line\": %lld, \"marked\": %s, \"text\": ", (long long)number,
                    marked ? "true" : "false");
        lq_out_add_json(&out, text);
        lq_buf_addc(&out, '}');
    }
    if (context->format != LQ_OUT_JSON)
        lq_buf_addc(&out, '\n');
    context->n_printed++;
    if (fwrite(lq_buf_text(&out), 1, out.len, context->out) != out.len)
        return lq_error_set(err, LQ_IO, "cannot write standard output");
    return LQ_OK;
}

static enum lq_status on_piece(void *ctx, int64_t number, struct lq_str piece, bool ends)
{
    struct context *context = ctx;
    const size_t room = SHOWN_LINE_MAX_BYTES - context->line.len;
    enum lq_status status;

    lq_buf_add(&context->line, piece.ptr, piece.len < room ? piece.len : room);
    if (!ends)
        return LQ_OK;
    /* Without escape sequences a line reads as its author meant it; whatever else could steer a
     * terminal is made visible when printed. */
    lq_buf_truncate(&context->line, lq_clean(context->line.data, context->line.len));
    status = print_line(context, number, context->err);
    lq_buf_clear(&context->line);
    return status;
}

static enum lq_status context_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct context_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    struct context context = {
        .out = cli->out, .terminal = lq_out_is_terminal(cli->out), .format = cli->format, .err = err
    };
    int64_t around, last;
    bool empty, more;
    enum lq_status status;

    if (!args->ref)
        return lq_error_set(err, LQ_USAGE, "lq context needs an event, such as 5:3");
    LQ_TRY(lq_cli_read_limit(args->lines ? args->lines : "5", cli->format, 0, &around, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(find_event(query, "lq context", args->ref, &ref, err));
    LQ_TRY(query_event(query, "log_line_start, log_line_end", &ref, args->ref, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    context.first = lq_rows_get_int(rows, 0);
    context.last = lq_rows_get_int(rows, 1);
    if (context.first < 1)
        return lq_error_set(err, LQ_NOT_FOUND, "event '%s' does not say where in the log it was",
                            args->ref);
    if (cli->format == LQ_OUT_CSV)
        fputs("line,marked,text\n", cli->out);
    last = context.last;
    if (last - context.first >= SHOWN_EVENT_LINES) {
        last = context.first + SHOWN_EVENT_LINES - 1;
        lq_say("event %s spans lines %lld to %lld of the log: %d of them are shown", args->ref,
               (long long)context.first, (long long)context.last, SHOWN_EVENT_LINES);
    }
    if (__builtin_add_overflow(last, around, &last))
        last = INT64_MAX;
    status = lq_query_log_lines(ref.file, context.first > around ? context.first - around : 1, last,
                                on_piece, &context, err);
    if (cli->format == LQ_OUT_JSON && status == LQ_OK)
        fputs(context.n_printed ? "\n]\n" : "[]\n", cli->out);
    lq_buf_release(&context.line);
    return status;
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
