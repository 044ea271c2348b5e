/* SPDX-License-Identifier: MIT */
/* The process that sync.auto starts: syncs until nothing is new, and leaves lines in .lq/sync.log. */
#include "base/text.h"
#include "base/time.h"
#include "cli/auto.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lq/redact.h>
#include <sys/stat.h>
#include <unistd.h>

/* The log begins anew when it is longer, and one sync adds so many failures. */
#define LOG_MAX_BYTES (256 << 10)
#define MAX_FAILURES 20

struct worker {
    struct lq_redactor *redactor;
    int64_t n_syncs;
};

struct worker_args {
    char *const *words;
};

static const struct lq_opt worker_opts[] = {
    LQ_ARG(struct worker_args, words, "words", "the project's folder and the destination"),
    LQ_OPT_END,
};

/* One line with the time, and without escape codes and secrets. */
static void log_line(struct lq_redactor *redactor, const char *text)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *hidden = lq_redact_text(redactor, lq_str_of(text));
    char time[28];

    lq_time_rfc3339(lq_time_now(), time);
    lq_buf_addf(&line, "%.19sZ ", time);
    lq_text_add_visible(&line, lq_str_of(hidden ? hidden : text), false);
    lq_buf_addc(&line, '\n');
    if (write(STDERR_FILENO, lq_buf_text(&line), line.len) < 0)
        return; /* whom to tell? */
}

static void log_failures(struct lq_redactor *redactor, const struct lq_sync_plan *plan)
{
    size_t n_logged = 0;

    for (size_t i = 0; i < lq_sync_plan_file_count(plan) && n_logged < MAX_FAILURES; i++) {
        const char *error = lq_sync_plan_file(plan, i)->error;

        if (!error)
            continue;
        log_line(redactor, error);
        n_logged++;
    }
}

static void on_done(void *ctx, const struct lq_sync_plan *plan, enum lq_status status,
                    const struct lq_error *problem)
{
    struct worker *worker = ctx;
    LQ_CLEANUP(lq_free) char *text = NULL;
    struct lq_sync_counts counts = { 0 };
    struct stat log;

    worker->n_syncs++;
    if (fstat(STDERR_FILENO, &log) == 0 && log.st_size > LOG_MAX_BYTES &&
        ftruncate(STDERR_FILENO, 0) != 0)
        return;
    if (plan)
        lq_sync_plan_counts(plan, &counts);
    if (counts.n_failed > 1)
        log_failures(worker->redactor, plan);
    if (status != LQ_OK)
        log_line(worker->redactor, problem->message);
    text = plan ? lq_auto_describe_sync(plan) : NULL;
    if (text)
        log_line(worker->redactor, text);
}

/* Take over the variables that came by a pipe, NUL behind each; then there is nothing to read. */
static void take_credentials(void)
{
    char text[PIPE_BUF + 1];
    struct stat info;
    size_t len = 0;
    ssize_t n = 0;
    int nothing;

    if (fstat(STDIN_FILENO, &info) != 0 || !S_ISFIFO(info.st_mode))
        return;
    do {
        len += (size_t)n;
        n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    } while (n > 0 || (n < 0 && errno == EINTR && (n = 0) == 0));
    text[len] = '\0';
    for (char *at = text; at < text + len; at += strlen(at) + 1) {
        char *value = strchr(at, '=');

        if (!value)
            continue;
        *value = '\0';
        setenv(at, value + 1, 1);
        at = value + 1;
    }
    explicit_bzero(text, sizeof text);
    nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    lq_close(&nothing);
}

static enum lq_status worker_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct worker_args *args = argp;
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = NULL;
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    struct lq_sync_opts opts;
    struct worker worker = { 0 };
    enum lq_status status;

    if (!args->words || !args->words[0] || !args->words[1] || args->words[2])
        return lq_error_set(err, LQ_USAGE, "lq " LQ_WORKER_NAME " is started by lq itself");
    take_credentials();
    /* Nobody waits for it. */
    (void)!nice(10);
    LQ_TRY(lq_redactor_new(&redactor, NULL, err));
    LQ_TRY(lq_project_open(&cli->project, args->words[0], err));
    LQ_TRY(lq_store_open(&store, &cli->project, err));
    opts = lq_auto_opts(&cli->project.config);
    worker.redactor = redactor;
    status = lq_auto_sync(store, args->words[1], &opts, false, on_done, &worker, err);
    /* Otherwise it is in the log. */
    return worker.n_syncs == 0 ? status : LQ_OK;
}

const struct lq_command lq_cmd_sync_worker = {
    .name = LQ_WORKER_NAME,
    .summary = "what sync.auto starts",
    .hidden = true,
    .opts = worker_opts,
    .args_size = sizeof(struct worker_args),
    .main = worker_main,
};
