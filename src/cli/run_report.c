/* SPDX-License-Identifier: MIT */
/* The report of one run, as one JSON object or as Markdown. */
#include "cli/run_report.h"
#include "base/text.h"
#include "base/time.h"

#define JSON_VERSION 1

struct printer {
    FILE *out;
    const struct lq_run *run;
    struct lq_recorder *recorder;
    const struct lq_run_report_opts *opts;
    bool published;    /* the run has a number that others can use */
    int64_t n_listed;  /* events */
    struct lq_buf buf; /* what is not written yet */
};

static enum lq_status write_out(struct printer *printer, struct lq_error *err)
{
    const struct lq_buf *buf = &printer->buf;
    const bool whole =
        fwrite(lq_buf_text(buf), 1, buf->len, printer->out) == buf->len && !buf->overflow;

    lq_buf_clear(&printer->buf);
    return whole ? LQ_OK : lq_error_set(err, LQ_IO, "cannot write the report");
}

/* ---- events ---- */

typedef void event_fn(struct printer *printer, int64_t event_id, const struct lq_event *event);

static bool is_listed(const struct printer *printer, const struct lq_event *event)
{
    return event->severity == LQ_SEVERITY_ERROR ||
           (printer->opts->warnings && event->severity == LQ_SEVERITY_WARNING);
}

/* How many there are to list, shown or not. */
static int64_t count_listable(const struct printer *printer)
{
    return printer->run->error_count + (printer->opts->warnings ? printer->run->warning_count : 0);
}

static enum lq_status list_events(struct printer *printer, event_fn *print, struct lq_error *err)
{
    const int64_t limit = printer->opts->error_limit;
    int64_t n = count_listable(printer);
    struct lq_event event;
    bool more;

    if (!printer->recorder || printer->opts->summary)
        return LQ_OK;
    if (limit > 0 && limit < n)
        n = limit;
    LQ_TRY(lq_recorder_rewind_events(printer->recorder, err));
    for (int64_t event_id = 1; printer->n_listed < n; event_id++) {
        LQ_TRY(lq_recorder_next_event(printer->recorder, &event, &more, err));
        if (!more)
            return LQ_OK;
        if (!is_listed(printer, &event))
            continue;
        print(printer, event_id, &event);
        printer->n_listed++;
        if (printer->buf.len > 65536)
            LQ_TRY(write_out(printer, err));
    }
    return LQ_OK;
}

/* ---- JSON ---- */

static void add_text(struct lq_buf *buf, const char *key, struct lq_str text)
{
    lq_buf_addf(buf, "\"%s\": ", key);
    if (text.ptr)
        lq_out_add_json(buf, text);
    else
        lq_buf_adds(buf, "null");
}

/* A number that is not known is 0 in an event. */
static void add_number(struct lq_buf *buf, const char *key, int64_t number, bool known)
{
    if (known)
        lq_buf_addf(buf, "\"%s\": %lld", key, (long long)number);
    else
        lq_buf_addf(buf, "\"%s\": null", key);
}

static void add_time(struct lq_buf *buf, const char *key, int64_t time)
{
    char text[28];

    lq_time_rfc3339(time, text);
    add_text(buf, key, time > 0 ? lq_str_of(text) : (struct lq_str){ 0 });
}

static void json_event(struct printer *printer, int64_t event_id, const struct lq_event *event)
{
    struct lq_buf *buf = &printer->buf;
    const struct {
        const char *key;
        struct lq_str text;
        int64_t number; /* of the keys without text */
        bool is_number;
    } values[] = {
        { "severity", lq_str_of(lq_severity_name(event->severity)), 0, false },
        { "file_path", event->file_path, 0, false },
        { "line_number", { 0 }, event->line_number, true },
        { "column_number", { 0 }, event->column_number, true },
        { "message", event->message, 0, false },
        { "error_code", event->error_code, 0, false },
        { "fingerprint", event->fingerprint, 0, false },
        { "test_name", event->test_name, 0, false },
        { "log_line_start", { 0 }, event->log_line_start, true },
        { "log_line_end", { 0 }, event->log_line_end, true },
    };

    lq_buf_adds(buf, printer->n_listed ? ",\n    {" : "\n    {");
    if (printer->published)
        lq_buf_addf(buf, "\"ref\": \"%lld:%lld\"", (long long)printer->run->run_id,
                    (long long)event_id);
    else
        lq_buf_adds(buf, "\"ref\": null");
    for (size_t i = 0; i < LQ_COUNT(values); i++) {
        lq_buf_adds(buf, ", ");
        if (values[i].is_number)
            add_number(buf, values[i].key, values[i].number, values[i].number > 0);
        else
            add_text(buf, values[i].key, values[i].text);
    }
    lq_buf_addc(buf, '}');
}

static void add_lines(struct lq_buf *buf, const char *key, const struct lq_str *lines, size_t n)
{
    lq_buf_addf(buf, ",\n    \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        lq_buf_adds(buf, i ? ",\n      " : "\n      ");
        lq_out_add_json(buf, lines[i]);
    }
    lq_buf_adds(buf, n ? "\n    ]" : "]");
}

static void json_run(struct printer *printer, const char *status, const char *error)
{
    struct lq_buf *buf = &printer->buf;
    const struct lq_run *run = printer->run;
    const bool published = printer->published;
    static const char next[] = ",\n  ";

    lq_buf_addf(buf, "{\n  \"version\": %d,\n  ", JSON_VERSION);
    add_number(buf, "run_id", run->run_id, published);
    lq_buf_adds(buf, next);
    add_text(buf, "run_uid", lq_str_of(published ? run->run_uid : NULL));
    lq_buf_adds(buf, next);
    add_text(buf, "name", lq_str_of(run->source_name));
    lq_buf_adds(buf, next);
    add_text(buf, "command", lq_str_of(run->command));
    lq_buf_adds(buf, next);
    add_text(buf, "status", lq_str_of(status));
    lq_buf_adds(buf, next);
    add_number(buf, "exit_code", run->exit_code, true);
    lq_buf_adds(buf, next);
    add_text(buf, "signal", lq_str_of(run->signal));
    lq_buf_adds(buf, next);
    add_text(buf, "error", lq_str_of(error));
    lq_buf_adds(buf, next);
    add_time(buf, "started_at", run->started_at);
    lq_buf_adds(buf, next);
    add_time(buf, "completed_at", run->completed_at);
    lq_buf_addf(buf, ",\n  \"duration_sec\": %.6f", run->duration_sec);
}

static void json_summary(struct printer *printer)
{
    const struct lq_run *run = printer->run;
    const struct {
        const char *key;
        int64_t count;
    } counts[] = {
        { "event_count", printer->recorder ? lq_recorder_event_count(printer->recorder) : 0 },
        { "error_count", run->error_count },
        { "warning_count", run->warning_count },
        { "test_pass_count", run->test_pass_count },
        { "test_fail_count", run->test_fail_count },
        { "test_skip_count", run->test_skip_count },
    };

    lq_buf_adds(&printer->buf, ",\n  \"summary\": {");
    for (size_t i = 0; i < LQ_COUNT(counts); i++) {
        lq_buf_adds(&printer->buf, i ? ", " : "");
        add_number(&printer->buf, counts[i].key, counts[i].count, true);
    }
    lq_buf_adds(&printer->buf, "}");
}

static void json_output(struct printer *printer, const struct lq_excerpt *excerpt)
{
    struct lq_buf *buf = &printer->buf;
    const bool summary = printer->opts->summary;

    lq_buf_addf(buf, ",\n  \"output\": {\n    \"lines\": %lld,\n    \"bytes\": %lld",
                (long long)excerpt->n_lines, (long long)excerpt->n_bytes);
    add_lines(buf, "head", excerpt->head, summary ? 0 : excerpt->n_head);
    add_lines(buf, "tail", excerpt->tail, summary ? 0 : excerpt->n_tail);
    lq_buf_adds(buf, "\n  }\n}\n");
}

static enum lq_status print_json(struct printer *printer, const char *status, const char *error,
                                 const struct lq_excerpt *excerpt, struct lq_error *err)
{
    enum lq_status listed;

    json_run(printer, status, error);
    json_summary(printer);
    lq_buf_adds(&printer->buf, ",\n  \"errors\": [");
    /* Events that cannot be read back end the list, not the object. */
    listed = list_events(printer, json_event, err);
    lq_buf_adds(&printer->buf, printer->n_listed ? "\n  ]" : "]");
    lq_buf_addf(&printer->buf, ",\n  \"errors_omitted\": %lld",
                (long long)(count_listable(printer) - printer->n_listed));
    json_output(printer, excerpt);
    LQ_TRY(write_out(printer, err));
    return listed;
}

/* ---- Markdown ---- */

static void markdown_event(struct printer *printer, int64_t event_id, const struct lq_event *event)
{
    struct lq_buf *buf = &printer->buf;

    if (printer->n_listed == 0)
        lq_buf_adds(buf, "| ref | severity | location | message |\n| --- | --- | --- | --- |\n");
    if (printer->published)
        lq_buf_addf(buf, "| %lld:%lld ", (long long)printer->run->run_id, (long long)event_id);
    else
        lq_buf_adds(buf, "| ");
    lq_buf_addf(buf, "| %s | ", lq_severity_name(event->severity));
    lq_out_add_markdown(buf, event->file_path);
    if (event->line_number > 0)
        lq_buf_addf(buf, ":%lld", (long long)event->line_number);
    if (event->column_number > 0)
        lq_buf_addf(buf, ":%lld", (long long)event->column_number);
    lq_buf_adds(buf, " | ");
    if (event->test_name.len > 0) {
        lq_out_add_markdown(buf, event->test_name);
        lq_buf_adds(buf, event->message.len > 0 ? ": " : "");
    }
    lq_out_add_markdown(buf, event->message);
    if (event->error_code.len > 0) {
        lq_buf_adds(buf, " (");
        lq_out_add_markdown(buf, event->error_code);
        lq_buf_addc(buf, ')');
    }
    lq_buf_adds(buf, " |\n");
}

static void markdown_run(struct printer *printer, const char *status, const char *error)
{
    struct lq_buf *buf = &printer->buf;
    const struct lq_run *run = printer->run;
    const struct {
        const char *what;
        int64_t count;
    } counts[] = {
        { "errors", run->error_count },
        { "warnings", run->warning_count },
        { "tests passed", run->test_pass_count },
        { "tests failed", run->test_fail_count },
        { "tests skipped", run->test_skip_count },
    };

    lq_buf_adds(buf, "## ");
    lq_out_add_markdown(buf, lq_str_of(run->source_name));
    lq_buf_addf(buf, ": %s", status);
    if (run->signal)
        lq_buf_addf(buf, " (%s)", run->signal);
    else if (run->exit_code != 0)
        lq_buf_addf(buf, " (exit %d)", run->exit_code);
    lq_buf_adds(buf, "\n\n");
    if (printer->published)
        lq_buf_addf(buf, "Run %lld: ", (long long)run->run_id);
    lq_out_add_markdown(buf, lq_str_of(run->command ? run->command : ""));
    lq_buf_addf(buf, ", %.1f s", run->duration_sec);
    for (size_t i = 0; i < LQ_COUNT(counts); i++) {
        if (counts[i].count > 0)
            lq_buf_addf(buf, ", %s: %lld", counts[i].what, (long long)counts[i].count);
    }
    lq_buf_adds(buf, "\n");
    if (error) {
        lq_buf_adds(buf, "\n");
        lq_out_add_markdown(buf, lq_str_of(error));
        lq_buf_adds(buf, "\n");
    }
}

/* Longer than any run of backticks in the lines, which would end the block. */
static size_t fence_length(const struct lq_excerpt *excerpt)
{
    size_t longest = 2;

    for (size_t i = 0; i < excerpt->n_head + excerpt->n_tail; i++) {
        const struct lq_str line =
            i < excerpt->n_head ? excerpt->head[i] : excerpt->tail[i - excerpt->n_head];
        size_t run = 0;

        for (size_t k = 0; k < line.len; k++) {
            run = line.ptr[k] == '`' ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
    }
    return longest + 1;
}

static void add_fence(struct lq_buf *buf, size_t length)
{
    while (length-- > 0)
        lq_buf_addc(buf, '`');
    lq_buf_addc(buf, '\n');
}

static void markdown_output(struct printer *printer, const struct lq_excerpt *excerpt)
{
    struct lq_buf *buf = &printer->buf;
    const size_t fence = fence_length(excerpt);
    const int64_t left_out = excerpt->n_lines - (int64_t)excerpt->n_head - (int64_t)excerpt->n_tail;
    const size_t shown_twice = left_out < 0 ? (size_t)-left_out : 0;

    if (excerpt->n_lines == 0 || printer->opts->summary)
        return;
    lq_buf_adds(buf, "\n");
    add_fence(buf, fence);
    for (size_t i = 0; i < excerpt->n_head; i++) {
        lq_text_add_visible(buf, excerpt->head[i], true);
        lq_buf_addc(buf, '\n');
    }
    if (left_out > 0)
        lq_buf_addf(buf, "… %lld lines …\n", (long long)left_out);
    for (size_t i = shown_twice; i < excerpt->n_tail; i++) {
        lq_text_add_visible(buf, excerpt->tail[i], true);
        lq_buf_addc(buf, '\n');
    }
    add_fence(buf, fence);
}

static enum lq_status print_markdown(struct printer *printer, const char *status, const char *error,
                                     const struct lq_excerpt *excerpt, struct lq_error *err)
{
    enum lq_status listed;
    int64_t omitted;

    markdown_run(printer, status, error);
    if (count_listable(printer) > 0 && !printer->opts->summary)
        lq_buf_adds(&printer->buf, "\n");
    listed = list_events(printer, markdown_event, err);
    omitted = count_listable(printer) - printer->n_listed;
    if (omitted > 0 && !printer->opts->summary)
        lq_buf_addf(&printer->buf, "\nand %lld more\n", (long long)omitted);
    markdown_output(printer, excerpt);
    LQ_TRY(write_out(printer, err));
    return listed;
}

enum lq_status lq_run_report_print(FILE *out, const struct lq_run_report *report,
                                   const struct lq_run_report_opts *opts, struct lq_error *err)
{
    struct printer printer = {
        .out = out,
        .run = report->run,
        .recorder = report->recorder,
        .opts = opts,
        .published = report->recorder && lq_recorder_path(report->recorder),
    };
    const char *status = report->recorder ? lq_outcome_name(report->run->outcome) : "error";
    struct lq_excerpt excerpt = { 0 };
    enum lq_status printed;

    if (report->recorder)
        lq_recorder_excerpt(report->recorder, &excerpt);
    printed = opts->format == LQ_OUT_JSON
                  ? print_json(&printer, status, report->error, &excerpt, err)
                  : print_markdown(&printer, status, report->error, &excerpt, err);
    lq_buf_release(&printer.buf);
    if (printed == LQ_OK && fflush(out) != 0)
        return lq_error_set(err, LQ_IO, "cannot write the report");
    return printed;
}
