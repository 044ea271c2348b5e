/* SPDX-License-Identifier: MIT */
/* lq redact: take secrets out of a log as recording does, or show what that would hide. */
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/redact.h>
#include <unistd.h>

/* So much of a line is shown. */
#define SHOWN_BYTES ((size_t)1000)
/* Patterns that a line names. */
#define MAX_NAMES 8

struct redact_args {
    bool check, patterns, json;
    const char *file;
};

static const struct lq_opt redact_opts[] = {
    LQ_OPT(struct redact_args, check, 0, "check", NULL,
           "list what would be hidden: line, patterns, and the line as it would be kept"),
    LQ_OPT(struct redact_args, json, 0, "json", NULL, "with --check: an array of objects"),
    LQ_OPT(struct redact_args, patterns, 0, "patterns", NULL, "list lq's own patterns"),
    LQ_ARG(struct redact_args, file, "file", "the log; standard input by default, or -"),
    LQ_OPT_END,
};

/* ---- the list ---- */

struct check {
    FILE *out;
    bool json;
    const char *names[MAX_NAMES]; /* in the present line */
    size_t n_names;
    int64_t line, n_secrets, n_lines;
    int64_t hidden_line; /* that `names` belongs to; 0: none */
    struct lq_buf text;  /* the beginning of the present line, as it would be kept */
};

static void on_hidden(void *ctx, int64_t line, const char *pattern)
{
    struct check *check = ctx;

    check->hidden_line = line;
    check->n_secrets++;
    for (size_t i = 0; i < check->n_names; i++)
        if (strcmp(check->names[i], pattern) == 0)
            return;
    if (check->n_names < MAX_NAMES)
        check->names[check->n_names++] = pattern;
}

static void print_json(const struct check *check, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf row = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf utf8 = LQ_BUF_INIT;

    lq_buf_addf(&row, "%s {\"line\": %lld, \"patterns\": [", check->n_lines ? ",\n" : "[\n",
                (long long)check->line);
    for (size_t i = 0; i < check->n_names; i++) {
        lq_buf_adds(&row, i ? ", " : "");
        lq_out_add_json(&row, lq_str_of(check->names[i]));
    }
    lq_buf_adds(&row, "], \"text\": ");
    lq_text_add_utf8(&utf8, text);
    lq_out_add_json(&row, (struct lq_str){ lq_buf_text(&utf8), utf8.len });
    lq_buf_addc(&row, '}');
    fwrite(lq_buf_text(&row), 1, row.len, check->out);
}

static void print_row(const struct check *check, struct lq_str text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf row = LQ_BUF_INIT;

    lq_buf_addf(&row, "%lld: ", (long long)check->line);
    for (size_t i = 0; i < check->n_names; i++)
        lq_buf_addf(&row, "%s%s", i ? ", " : "", check->names[i]);
    lq_buf_adds(&row, ": ");
    lq_text_add_visible(&row, text, false);
    lq_buf_addc(&row, '\n');
    fwrite(lq_buf_text(&row), 1, row.len, check->out);
}

static void end_line(struct check *check)
{
    const size_t len =
        lq_text_cut((struct lq_str){ lq_buf_text(&check->text), check->text.len }, SHOWN_BYTES);
    const struct lq_str text = { lq_buf_text(&check->text), len };

    check->line++;
    if (check->hidden_line == check->line) {
        if (check->json)
            print_json(check, text);
        else
            print_row(check, text);
        check->n_lines++;
        check->n_names = 0;
    }
    lq_buf_clear(&check->text);
}

static enum lq_status check_bytes(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    struct check *check = ctx;
    const char *at = bytes, *const end = at + len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t piece = (size_t)((newline ? newline : end) - at);
        const size_t room = SHOWN_BYTES + 4 - check->text.len;

        lq_buf_add(&check->text, at, piece < room ? piece : room);
        if (newline)
            end_line(check);
        at += piece + (newline != NULL);
    }
    return LQ_OK;
}

/* ---- the copy ---- */

static enum lq_status write_out(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    if (fwrite(bytes, 1, len, ctx) != len)
        return lq_error_errno(err, errno, "cannot write the log");
    return LQ_OK;
}

static enum lq_status feed_all(struct lq_redactor *redactor, int fd, lq_redact_write_fn *write,
                               void *ctx, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *bytes = lq_alloc(65536);

    for (;;) {
        const ssize_t n = read(fd, bytes, 65536);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lq_error_errno(err, errno, "cannot read the log");
        if (n == 0)
            return lq_redactor_finish(redactor, write, ctx, err);
        LQ_TRY(lq_redactor_feed(redactor, bytes, (size_t)n, write, ctx, err));
    }
}

static enum lq_status check_log(struct lq_cli *cli, struct lq_redactor *redactor, int fd, bool json,
                                struct lq_error *err)
{
    struct check check = { .out = cli->out, .json = json };
    enum lq_status status;

    lq_redactor_on_hidden(redactor, on_hidden, &check);
    status = feed_all(redactor, fd, check_bytes, &check, err);
    if (check.hidden_line > check.line)
        end_line(&check); /* the last one has no line end */
    lq_buf_release(&check.text);
    if (json)
        fputs(check.n_lines ? "\n]\n" : "[]\n", cli->out);
    LQ_TRY(status);
    fflush(cli->out);
    if (check.n_secrets == 0)
        lq_say("nothing to hide");
    else
        lq_say("would hide %lld %s on %lld %s", (long long)check.n_secrets,
               check.n_secrets == 1 ? "secret" : "secrets", (long long)check.n_lines,
               check.n_lines == 1 ? "line" : "lines");
    return LQ_OK;
}

/* ---- the command ---- */

static void print_secret(void *ctx, const char *name, const char *about)
{
    fprintf(ctx, "%-18s  %s\n", name, about);
}

/* With the patterns of the project, where there is one. */
static enum lq_status open_redactor(struct lq_cli *cli, struct lq_redactor **redactor,
                                    struct lq_error *err)
{
    struct lq_error reason = { 0 };
    const enum lq_status status = lq_cli_open_project(cli, &reason);

    if (status != LQ_OK && status != LQ_NOT_FOUND) {
        *err = reason;
        return status;
    }
    if (status == LQ_OK && !cli->project.config.redact)
        lq_say("capture.redact is off in this project: what it records keeps its secrets");
    return lq_redactor_new(redactor, status == LQ_OK ? cli->project.config.redact_patterns : NULL,
                           err);
}

static enum lq_status redact_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct redact_args *args = argp;
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = NULL;
    LQ_CLEANUP(lq_close) int opened = -1;
    int fd = STDIN_FILENO;

    if (args->patterns) {
        lq_redact_secret_list(print_secret, cli->out);
        return LQ_OK;
    }
    if (args->json && !args->check)
        return lq_error_set(err, LQ_USAGE, "--json needs --check");
    LQ_TRY(open_redactor(cli, &redactor, err));
    if (args->file && strcmp(args->file, "-") != 0) {
        fd = opened = open(args->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return lq_error_errno(err, errno, "cannot open '%s'", args->file);
    }
    return args->check ? check_log(cli, redactor, fd, args->json, err)
                       : feed_all(redactor, fd, write_out, cli->out, err);
}

const struct lq_command lq_cmd_redact = {
    .name = "redact",
    .summary = "take secrets out of a log, or show what recording it would hide",
    .opts = redact_opts,
    .args_size = sizeof(struct redact_args),
    .main = redact_main,
};
