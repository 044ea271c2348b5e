/* SPDX-License-Identifier: MIT */
/* lq output: the log of a run, or parts of it. */
#include "cli/lines.h"
#include "cli/pager.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct output_args {
    int64_t head, tail, context;
    const char *ref, *lines, *grep;
    bool ignore_case, follow;
};

static const struct lq_opt output_opts[] = {
    LQ_OPT(struct output_args, head, 0, "head", "N", "the first N lines"),
    LQ_OPT(struct output_args, tail, 0, "tail", "N", "the last N lines"),
    LQ_OPT(struct output_args, lines, 0, "lines", "A-B", "lines A to B; also A-, -B, A"),
    LQ_OPT(struct output_args, grep, 0, "grep", "RE",
           "lines that match a Perl-compatible expression"),
    LQ_OPT(struct output_args, ignore_case, 'i', "ignore-case", NULL, "match in either case"),
    LQ_OPT(struct output_args, context, 'C', "context", "N",
           "with --grep: N lines before and after too"),
    LQ_OPT(struct output_args, follow, 0, "follow", NULL,
           "of a run that is still being recorded, print what comes until it ends"),
    LQ_ARG(struct output_args, ref, "run", "5, build, build:~1 (the newest run); 5:3 its lines"),
    LQ_OPT_END,
};

/* A line that may yet be wanted, as one before a match. */
struct kept {
    int64_t number;
    struct lq_buf text;
};

struct output {
    struct lq_lines lines;
    bool recording;    /* the file is that of a run which is being recorded */
    pcre2_code *regex; /* NULL: every line */
    pcre2_match_data *match;
    bool as_is;                  /* bytes of the log, pieces of lines as they come */
    bool counting;               /* nothing is printed */
    int64_t n_lines, skip, most; /* that were chosen; of them, first ones left out; 0: all */
    struct kept *before;         /* a ring of `around` lines */
    int64_t around, n_before;
    int64_t after;  /* lines still wanted behind a match */
    int64_t newest; /* the line chosen last, for the gaps between */
    struct lq_error *err;
};

static void output_release(struct output *output)
{
    for (int64_t i = 0; i < output->around && output->before; i++)
        lq_buf_release(&output->before[i].text);
    free(output->before);
    pcre2_match_data_free(output->match);
    pcre2_code_free(output->regex);
    lq_lines_release(&output->lines);
}

/* LQ_CANCELLED when no further line is wanted: who follows a log does not wait for one. */
static enum lq_status go_on(const struct output *output)
{
    return output->most > 0 && output->n_lines >= output->most ? LQ_CANCELLED : LQ_OK;
}

/* Take a line that was chosen; LQ_CANCELLED when it was the last. */
static enum lq_status choose(struct output *output, int64_t number, bool marked, struct lq_str text)
{
    const int64_t index = output->n_lines++;

    if (output->counting || index < output->skip)
        return LQ_OK;
    if (output->around > 0 && output->newest > 0 && number > output->newest + 1 &&
        lq_out_is_table(output->lines.cli->format))
        fputs("--\n", output->lines.cli->out);
    output->newest = number;
    LQ_TRY(lq_lines_add(&output->lines, number, marked, text, output->err));
    return go_on(output);
}

static enum lq_status choose_before(struct output *output)
{
    for (int64_t i = output->n_before > output->around ? output->n_before - output->around : 0;
         i < output->n_before; i++) {
        const struct kept *kept = &output->before[i % output->around];

        LQ_TRY(choose(output, kept->number, false,
                      (struct lq_str){ lq_buf_text(&kept->text), kept->text.len }));
    }
    output->n_before = 0;
    return LQ_OK;
}

static enum lq_status match_line(struct output *output, int64_t number)
{
    const struct lq_buf *line = &output->lines.line;
    const struct lq_str text = { lq_buf_text(line), line->len };
    const int found =
        pcre2_match(output->regex, (PCRE2_SPTR)text.ptr, text.len, 0, 0, output->match, NULL);

    if (found >= 0) {
        output->after = output->around;
        LQ_TRY(choose_before(output));
        return choose(output, number, true, text);
    }
    if (found != PCRE2_ERROR_NOMATCH)
        return lq_error_set(output->err, LQ_BAD_INPUT,
                            "the expression takes too long on line %lld of the log",
                            (long long)number);
    if (output->after > 0) {
        output->after--;
        return choose(output, number, false, text);
    }
    if (output->around > 0) {
        struct kept *kept = &output->before[output->n_before++ % output->around];

        kept->number = number;
        lq_buf_clear(&kept->text);
        lq_buf_add(&kept->text, text.ptr, text.len);
    }
    return LQ_OK;
}

/* The log itself, in pieces as they come: long lines are not held. */
static enum lq_status pass_on(struct output *output, struct lq_str piece, bool ends)
{
    FILE *out = output->lines.cli->out;
    const int64_t index = output->n_lines;

    if (ends)
        output->n_lines++;
    if (output->counting || index < output->skip)
        return LQ_OK;
    if (fwrite(piece.ptr, 1, piece.len, out) != piece.len || (ends && putc('\n', out) == EOF))
        return lq_error_set(output->err, LQ_IO, "cannot write standard output");
    return ends ? go_on(output) : LQ_OK;
}

static enum lq_status on_piece(void *ctx, int64_t number, struct lq_str piece, bool ends)
{
    struct output *output = ctx;
    enum lq_status status = LQ_OK;

    if (!output->regex && (output->as_is || output->counting))
        return pass_on(output, piece, ends);
    if (!lq_lines_gather(&output->lines, piece, ends))
        return LQ_OK;
    if (output->regex)
        status = match_line(output, number);
    else
        status =
            choose(output, number, false,
                   (struct lq_str){ lq_buf_text(&output->lines.line), output->lines.line.len });
    lq_lines_next(&output->lines);
    return status;
}

static enum lq_status compile(struct output *output, const struct output_args *args,
                              struct lq_error *err)
{
    const uint32_t flags =
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | (args->ignore_case ? PCRE2_CASELESS : 0);
    PCRE2_UCHAR reason[256];
    PCRE2_SIZE at;
    int code;

    if (!args->grep)
        return LQ_OK;
    output->regex =
        pcre2_compile((PCRE2_SPTR)args->grep, PCRE2_ZERO_TERMINATED, flags, &code, &at, NULL);
    if (!output->regex) {
        pcre2_get_error_message(code, reason, sizeof reason);
        return lq_error_set(err, LQ_USAGE, "bad expression '%s': %s at character %zu", args->grep,
                            (char *)reason, (size_t)at);
    }
    /* Without the compiler for expressions they are interpreted, with the same answers. */
    (void)pcre2_jit_compile(output->regex, PCRE2_JIT_COMPLETE);
    output->match = pcre2_match_data_create_from_pattern(output->regex, NULL);
    output->around = args->context;
    output->before = lq_alloc((size_t)output->around * sizeof *output->before);
    return LQ_OK;
}

/* "10-20", "10-", "-20", "10" */
static bool read_range(const char *text, int64_t *first, int64_t *last)
{
    char *end = (char *)(uintptr_t)text;

    *first = 1;
    *last = INT64_MAX;
    if (*text != '-')
        *first = *last = strtoll(text, &end, 10);
    if (*end == '-') {
        *last = INT64_MAX;
        if (*++end)
            *last = strtoll(end, &end, 10);
    }
    return *text && !*end && *first >= 1 && *last >= *first;
}

static enum lq_status check_args(const struct output_args *args, struct lq_error *err)
{
    if (args->head > 0 && args->tail > 0)
        return lq_error_set(err, LQ_USAGE, "--head and --tail exclude each other");
    if (!args->grep && (args->context > 0 || args->ignore_case))
        return lq_error_set(err, LQ_USAGE, "-C and -i go with --grep");
    if (args->context > 1000)
        return lq_error_set(err, LQ_USAGE, "-C is at most 1000");
    return LQ_OK;
}

/* The lines that --lines asks for; without it, all. */
static enum lq_status read_lines_option(const struct output_args *args, int64_t *first,
                                        int64_t *last, struct lq_error *err)
{
    *first = 1;
    *last = INT64_MAX;
    if (args->lines && !read_range(args->lines, first, last))
        return lq_error_set(err, LQ_USAGE, "--lines needs a range such as 10-20, not '%s'",
                            args->lines);
    return LQ_OK;
}

/* The lines of the log that are asked about. */
static enum lq_status find_range(struct lq_query *query, const struct output_args *args,
                                 const struct lq_ref *ref, int64_t *first, int64_t *last,
                                 struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(read_lines_option(args, first, last, err));
    if (args->lines || ref->event_id == 0)
        return LQ_OK;
    LQ_TRY(lq_cli_query_event(query, "log_line_start, log_line_end", ref, args->ref, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *first = lq_rows_get_int(rows, 0);
    *last = lq_rows_get_int(rows, 1);
    if (*first < 1)
        return lq_error_set(err, LQ_NOT_FOUND, "event '%s' does not say where in the log it was",
                            args->ref);
    return LQ_OK;
}

/* More is to come: who reads along sees what there is. */
static enum lq_status on_wait(void *ctx)
{
    struct output *output = ctx;

    if (fflush(output->lines.cli->out) != 0)
        return lq_error_set(output->err, LQ_IO, "cannot write standard output");
    return LQ_OK;
}

/* One pass over the log. */
static enum lq_status pass(struct output *output, const char *file, int64_t first, int64_t last,
                           struct lq_error *err)
{
    enum lq_status status;

    output->n_lines = output->n_before = output->after = 0;
    output->err = err;
    if (output->recording)
        status = lq_query_follow_lines(file, first, last, on_piece,
                                       output->counting ? NULL : on_wait, output, err);
    else
        status = lq_query_log_lines(file, first, last, on_piece, output, err);
    /* A log that is not complete yet is counted as far as it goes. */
    if (status == LQ_CANCELLED || (status == LQ_CORRUPT && output->recording && output->counting))
        return LQ_OK;
    return status;
}

static enum lq_status print_lines(struct output *output, const struct output_args *args,
                                  const char *file, int64_t first, int64_t last,
                                  struct lq_error *err)
{
    /* The end of a log is not known before it was read: count first, so that memory stays flat. */
    if (args->tail > 0) {
        output->counting = true;
        LQ_TRY(pass(output, file, first, last, err));
        output->counting = false;
        output->skip = output->n_lines > args->tail ? output->n_lines - args->tail : 0;
    }
    output->most = args->head;
    return pass(output, file, first, last, err);
}

static enum lq_status print_file(struct output *output, struct lq_cli *cli,
                                 const struct output_args *args, const char *file, int64_t first,
                                 int64_t last, struct lq_error *err)
{
    output->as_is = cli->format == LQ_OUT_TABLE && !lq_out_is_terminal(cli->out);
    LQ_TRY(lq_lines_begin(&output->lines, cli, false, LQ_LINES_MAX_BYTES, err));
    LQ_TRY(print_lines(output, args, file, first, last, err));
    return lq_lines_end(&output->lines, err);
}

static enum lq_status print_recorded(struct output *output, struct lq_cli *cli,
                                     const struct output_args *args, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    int64_t first, last;
    bool empty;

    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(lq_query_find(query, args->ref ? args->ref : "~0", &ref, err));
    LQ_TRY(find_range(query, args, &ref, &first, &last, err));
    LQ_TRY(lq_query_need_log(query, ref.file, err));
    return print_file(output, cli, args, ref.file, first, last, err);
}

/* Print the log of a run that is being recorded. LQ_NOT_FOUND: none that was asked for is. */
static enum lq_status print_recording(struct output *output, struct lq_cli *cli,
                                      const struct output_args *args, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *file = NULL;
    int64_t first, last;

    LQ_TRY(lq_query_find_recording(&cli->project, args->ref, &file, err));
    LQ_TRY(read_lines_option(args, &first, &last, err));
    /* A pager would hold back what has come until the screen is full. */
    if (lq_pager_owns(cli->out)) {
        lq_pager_close(cli->out);
        cli->out = stdout;
    }
    output->recording = true;
    return print_file(output, cli, args, file, first, last, err);
}

/* Runs of another store, events and counts backwards are of recorded runs only. */
static bool may_be_recording(const struct lq_cli *cli, const struct output_args *args)
{
    return args->follow && cli->has_project && !cli->scope.data &&
           (!args->ref || !strpbrk(args->ref, ":~/@"));
}

static enum lq_status output_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct output_args *args = argp;
    LQ_CLEANUP(output_release) struct output output = { 0 };
    struct lq_error reason = { 0 };
    enum lq_status status;

    LQ_TRY(check_args(args, err));
    LQ_TRY(compile(&output, args, err));
    if (may_be_recording(cli, args)) {
        status = print_recording(&output, cli, args, &reason);
        /* Not found also when it has just ended: then it is recorded. */
        if (status != LQ_NOT_FOUND) {
            if (err)
                *err = reason;
            return status;
        }
        output.recording = false;
        lq_lines_release(&output.lines);
    }
    return print_recorded(&output, cli, args, err);
}

const struct lq_command lq_cmd_output = {
    .name = "output",
    .summary = "print the log of a run",
    .needs = LQ_NEEDS_SCOPE,
    .opts = output_opts,
    .args_size = sizeof(struct output_args),
    .main = output_main,
};
