/* SPDX-License-Identifier: MIT */
/* lq formats: what can be read, and what is read in a log, line by line. */
#include "base/file.h"
#include "cli/matchers.h"

/* A log to explain is held in memory. */
#define LOG_MAX_BYTES ((size_t)64 << 20)

struct formats_args {
    const char *test, *format;
};

static const struct lq_opt formats_opts[] = {
    LQ_OPT(struct formats_args, test, 't', "test", "FILE",
           "explain line by line which format takes what of a log ('-': standard input)"),
    LQ_OPT(struct formats_args, format, 0, "format", "FORMAT", "with --test: try FORMAT alone"),
    LQ_OPT_END,
};

/* ---- the list ---- */

static enum lq_status add_format(struct lq_cli_list *list, const struct lq_format_info *info,
                                 struct lq_error *err)
{
    return lq_cli_list_add(
        list,
        (const struct lq_value[]){ lq_value_text(info->name), lq_value_text(info->tool_name),
                                   lq_value_text(info->description), lq_value_text(info->file) },
        err);
}

/* Both lists are sorted by name: one after the other, in turn. */
static enum lq_status list_formats(struct lq_cli *cli, struct lq_error *err)
{
    static const struct lq_cli_column columns[] = { { "format", "VARCHAR" },
                                                    { "tool_name", "VARCHAR" },
                                                    { "description", "VARCHAR" },
                                                    { "file", "VARCHAR" } };
    static const char *const flexible[] = { "description", "file", NULL };
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = NULL;
    size_t n, n_users, i = 0, u = 0;
    const struct lq_format_info *infos = lq_formats(&n);
    const struct lq_format_info *users = lq_matchers_formats(cli->matchers, &n_users);

    /* A table without formats of users has no column of files. */
    LQ_TRY(lq_cli_list_new(&list, cli, columns,
                           LQ_COUNT(columns) - (cli->format == LQ_OUT_TABLE && !n_users), flexible,
                           err));
    while (i < n || u < n_users) {
        const bool own = u == n_users || (i < n && strcmp(infos[i].name, users[u].name) <= 0);

        LQ_TRY(add_format(list, own ? &infos[i++] : &users[u++], err));
    }
    return lq_cli_list_finish(list, err);
}

/* ---- the test of a log ---- */

struct taken {
    int64_t line;
    const char *format;
    enum lq_line_part part;
};

struct found {
    struct lq_event event; /* its texts are copies */
    char *texts;
};

struct test {
    struct taken *taken;
    size_t n_taken, taken_capacity;
    struct found *found; /* in the order of their first lines */
    size_t n_found, found_capacity;
};

static void test_release(struct test *test)
{
    for (size_t i = 0; i < test->n_found; i++)
        free(test->found[i].texts);
    free(test->found);
    free(test->taken);
}

static void on_line(void *ctx, int64_t line, const char *format, enum lq_line_part part)
{
    struct test *test = ctx;

    LQ_GROW(test->taken, test->n_taken, test->taken_capacity);
    test->taken[test->n_taken++] = (struct taken){ line, format, part };
}

/* Copy the text behind `*to`. */
static void copy(struct lq_str *text, char **to)
{
    if (text->len)
        memcpy(*to, text->ptr, text->len);
    text->ptr = text->ptr ? *to : NULL;
    *to += text->len;
}

static void on_event(void *ctx, const struct lq_event *event)
{
    struct test *test = ctx;
    struct found *found;
    size_t at = test->n_found;
    char *to;

    LQ_GROW(test->found, test->n_found, test->found_capacity);
    test->n_found++;
    for (; at > 0 && test->found[at - 1].event.log_line_start > event->log_line_start; at--)
        test->found[at] = test->found[at - 1];
    found = &test->found[at];
    found->event = *event;
    to = found->texts = lq_alloc(event->file_path.len + event->message.len + event->tool_name.len +
                                 event->error_code.len + event->test_name.len + 1);
    copy(&found->event.file_path, &to);
    copy(&found->event.message, &to);
    copy(&found->event.tool_name, &to);
    copy(&found->event.error_code, &to);
    copy(&found->event.test_name, &to);
}

static struct lq_value text_value(struct lq_str text)
{
    return text.len ? lq_value_str(text) : (struct lq_value){ 0 };
}

static struct lq_value number_value(int64_t number)
{
    return number > 0 ? lq_value_int(number) : (struct lq_value){ 0 };
}

static const struct lq_cli_column data_columns[] = {
    { "line", "BIGINT" },         { "format", "VARCHAR" },       { "part", "VARCHAR" },
    { "severity", "VARCHAR" },    { "tool_name", "VARCHAR" },    { "file_path", "VARCHAR" },
    { "line_number", "BIGINT" },  { "column_number", "BIGINT" }, { "error_code", "VARCHAR" },
    { "test_name", "VARCHAR" },   { "test_status", "VARCHAR" },  { "message", "VARCHAR" },
    { "log_line_end", "BIGINT" }, { "text", "VARCHAR" },
};

static enum lq_status add_data(struct lq_cli_list *list, int64_t line, const struct taken *taken,
                               const char *part, const struct lq_event *event, struct lq_str text,
                               struct lq_error *err)
{
    const struct lq_event none = { .severity = LQ_SEVERITY_NONE };
    const struct lq_event *e = event ? event : &none;

    return lq_cli_list_add(
        list,
        (const struct lq_value[]){
            lq_value_int(line), lq_value_text(taken ? taken->format : NULL), lq_value_text(part),
            lq_value_text(lq_severity_name(e->severity)), text_value(e->tool_name),
            text_value(e->file_path), number_value(e->line_number), number_value(e->column_number),
            text_value(e->error_code), text_value(e->test_name),
            lq_value_text(lq_test_status_name(e->test_status)), text_value(e->message),
            number_value(e->log_line_end), text_value(text) },
        err);
}

static const struct lq_cli_column table_columns[] = { { "line", "BIGINT" },
                                                      { "format", "VARCHAR" },
                                                      { "part", "VARCHAR" },
                                                      { "event", "VARCHAR" },
                                                      { "text", "VARCHAR" } };

/* "error a.c:3:1 [-Wx] message", "fail test_a a.py:3 message" */
static void describe(struct lq_buf *out, const struct lq_event *event)
{
    const char *severity = lq_severity_name(event->severity);
    const char *status = lq_test_status_name(event->test_status);

    if (status)
        lq_buf_addf(out, "%s %.*s", status, (int)event->test_name.len, event->test_name.ptr);
    else
        lq_buf_adds(out, severity ? severity : "none");
    if (event->file_path.len)
        lq_buf_addf(out, " %.*s", (int)event->file_path.len, event->file_path.ptr);
    if (event->line_number)
        lq_buf_addf(out, ":%lld", (long long)event->line_number);
    if (event->column_number)
        lq_buf_addf(out, ":%lld", (long long)event->column_number);
    if (event->error_code.len)
        lq_buf_addf(out, " [%.*s]", (int)event->error_code.len, event->error_code.ptr);
    if (event->message.len)
        lq_buf_addf(out, " %.*s", (int)event->message.len, event->message.ptr);
}

static enum lq_status add_row(struct lq_cli_list *list, bool table, int64_t line,
                              const struct taken *taken, const struct lq_event *event,
                              struct lq_str text, struct lq_error *err)
{
    static const char *const parts[] = { [LQ_LINE_PREFIX] = "prefix",
                                         [LQ_LINE_BEGIN] = "begin",
                                         [LQ_LINE_EVENT] = "event",
                                         [LQ_LINE_MORE] = "more" };
    const char *part = taken ? parts[taken->part] : NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf what = LQ_BUF_INIT;

    if (!table)
        return add_data(list, line, taken, part, event, text, err);
    if (event)
        describe(&what, event);
    return lq_cli_list_add(list,
                           (const struct lq_value[]){
                               lq_value_int(line), lq_value_text(taken ? taken->format : NULL),
                               lq_value_text(part),
                               lq_value_text(event ? lq_buf_text(&what) : NULL), text_value(text) },
                           err);
}

/* The rows of a line: a prefix, then each event that begins in it, or what else took it. */
static enum lq_status add_line(struct lq_cli_list *list, bool table, int64_t line,
                               struct lq_str text, const struct taken **taken,
                               const struct taken *taken_end, const struct found **found,
                               const struct found *found_end, struct lq_error *err)
{
    const struct taken *last = NULL;
    bool any = false;

    for (; *taken < taken_end && (*taken)->line == line; ++*taken) {
        if (last && last->part == LQ_LINE_PREFIX)
            LQ_TRY(add_row(list, table, line, last, NULL, text, err));
        last = *taken;
    }
    if (last && last->part == LQ_LINE_PREFIX) {
        LQ_TRY(add_row(list, table, line, last, NULL, text, err));
        last = NULL;
        any = true;
    }
    for (; *found < found_end && (*found)->event.log_line_start <= line; ++*found) {
        LQ_TRY(add_row(list, table, line, last, &(*found)->event, text, err));
        any = true;
    }
    return any ? LQ_OK : add_row(list, table, line, last, NULL, text, err);
}

static enum lq_status print_test(struct lq_cli *cli, const struct test *test, struct lq_str log,
                                 struct lq_error *err)
{
    static const char *const flexible[] = { "event", "message", "text", NULL };
    const bool table = cli->format == LQ_OUT_TABLE;
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = NULL;
    const struct taken *taken = test->taken;
    const struct found *found = test->found;

    LQ_TRY(lq_cli_list_new(&list, cli, table ? table_columns : data_columns,
                           table ? LQ_COUNT(table_columns) : LQ_COUNT(data_columns), flexible,
                           err));
    for (int64_t line = 1; log.len; line++) {
        const char *newline = memchr(log.ptr, '\n', log.len);
        const size_t len = newline ? (size_t)(newline - log.ptr) : log.len;

        LQ_TRY(add_line(list, table, line, (struct lq_str){ log.ptr, len }, &taken,
                        test->taken + test->n_taken, &found, test->found + test->n_found, err));
        log.ptr += newline ? len + 1 : len;
        log.len -= newline ? len + 1 : len;
    }
    return lq_cli_list_finish(list, err);
}

static enum lq_status test_log(struct lq_cli *cli, const struct formats_args *args,
                               struct lq_error *err)
{
    const char *path = strcmp(args->test, "-") == 0 ? "/dev/stdin" : args->test;
    const struct lq_parser_opts opts = { .format = args->format,
                                         .matchers = cli->matchers,
                                         .on_line = on_line };
    LQ_CLEANUP(test_release) struct test test = { .taken = NULL };
    LQ_CLEANUP(lq_parser_free) struct lq_parser *parser = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT;

    LQ_TRY(lq_parser_new(&parser, &opts, on_event, &test, err));
    LQ_TRY(lq_file_read(path, LOG_MAX_BYTES, &log, err));
    lq_parser_feed(parser, lq_buf_text(&log), log.len);
    lq_parser_finish(parser);
    return print_test(cli, &test, (struct lq_str){ lq_buf_text(&log), log.len }, err);
}

static enum lq_status formats_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct formats_args *args = argp;

    if (args->format && !args->test)
        return lq_error_set(err, LQ_USAGE, "--format needs --test FILE");
    LQ_TRY(lq_cli_load_matchers(cli, true, err));
    return args->test ? test_log(cli, args, err) : list_formats(cli, err);
}

const struct lq_command lq_cmd_formats = {
    .name = "formats",
    .summary = "list the log formats that lq reads, or explain what is read in a log",
    .needs = LQ_NEEDS_SCOPE,
    .opts = formats_opts,
    .args_size = sizeof(struct formats_args),
    .main = formats_main,
};
