/* SPDX-License-Identifier: MIT */
/* lq run: run a command, keep its log and what the log says. */
#include "base/file.h"
#include "cli/record.h"
#include "cli/run_report.h"
#include <errno.h>
#include <lq/capture.h>
#include <lq/commands.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A century: what is longer is no timeout, and must not overflow. */
#define TIMEOUT_MAX_SEC INT64_C(3153600000)

/* What lq returns when it failed and the command did not. */
#define EXIT_LQ_FAILED 125

/* Events in a report, where --error-limit does not say. */
#define ERROR_LIMIT 20

struct run_args {
    const char *name, *format;
    int64_t timeout_sec;
    bool quiet, no_raw;
    bool json, markdown, warnings, summary;
    const char *error_limit;
    char *const *words;
};

static const struct lq_opt run_opts[] = {
    LQ_OPT(struct run_args, name, 'n', "name", "NAME", "list the run as NAME"),
    LQ_OPT(struct run_args, format, 0, "format", "FORMAT", "parse the log as FORMAT alone"),
    LQ_OPT(struct run_args, timeout_sec, 't', "timeout", "SECONDS",
           "stop the command after that time"),
    LQ_OPT(struct run_args, quiet, 'q', "quiet", NULL, "do not show the command's output"),
    LQ_OPT(struct run_args, no_raw, 0, "no-raw", NULL, "do not keep the raw log"),
    LQ_OPT(struct run_args, json, 0, "json", NULL,
           "report the run as JSON; the command's output goes to standard error"),
    LQ_OPT(struct run_args, markdown, 0, "markdown", NULL, "report it as Markdown, likewise"),
    LQ_OPT(struct run_args, warnings, 'w', "include-warnings", NULL, "list warnings in the report"),
    LQ_OPT(struct run_args, error_limit, 0, "error-limit", "N",
           "list at most N events in the report (20; 0: all)"),
    LQ_OPT(struct run_args, summary, 0, "summary", NULL, "only counts in the report"),
    LQ_ARG(struct run_args, words, "command",
           "several words are run as they are, one as a shell line"),
    LQ_OPT_END,
};

static bool wants_report(const struct run_args *args)
{
    return args->json || args->markdown;
}

/* A word that is the name of a program needs no shell. */
static bool needs_shell(const char *word)
{
    LQ_CLEANUP(lq_free) char *program = NULL;

    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-")])
        return true;
    program = lq_find_executable(word);
    return !program;
}

/* Append a word as a shell reads it, quoted where it would be taken apart. */
static void add_word(struct lq_buf *text, const char *word)
{
    const size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_./+-=:,@%^");

    lq_buf_adds(text, text->len ? " " : "");
    if (*word && !word[plain]) {
        lq_buf_adds(text, word);
        return;
    }
    lq_buf_addc(text, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            lq_buf_adds(text, "'\\''");
        else
            lq_buf_addc(text, *word);
    }
    lq_buf_addc(text, '\'');
}

char *lq_cli_command_line(char *const *words)
{
    struct lq_buf text = LQ_BUF_INIT;

    if (!words[1])
        return lq_strdup(words[0]);
    for (; *words; words++)
        add_word(&text, *words);
    return lq_buf_detach(&text);
}

/* The first word's last path component: "make" of "/usr/bin/make -j8". */
static char *default_name(const char *first)
{
    const size_t len = strcspn(first, " \t\n;|&<>()");
    LQ_CLEANUP(lq_free) char *word = lq_strndup(first, len ? len : strlen(first));
    const char *base = lq_path_base(word);

    return lq_strdup(*base ? base : "run");
}

static void take_result(struct lq_run *run, const struct lq_capture_result *result)
{
    const char *abbreviation = result->signal ? sigabbrev_np(result->signal) : NULL;

    /* started_at stays as it was when the run got its id: the file's name and date say it too. */
    run->completed_at = run->started_at + (result->completed_at - result->started_at);
    run->duration_sec = result->duration_sec;
    run->has_exit_code = true;
    run->exit_code = result->exit_code;
    if (abbreviation)
        run->signal = lq_format("SIG%s", abbreviation);
    if (result->timed_out)
        run->outcome = LQ_OUTCOME_TIMEOUT;
    else if (result->interrupted)
        run->outcome = LQ_OUTCOME_INTERRUPTED;
}

/* What is to be run, after a registered name was looked up. */
struct job {
    char *name;    /* of the run */
    char *command; /* as recorded */
    char *format;  /* NULL: every format */
    int64_t timeout_sec;
    bool shell; /* `command` is a shell line; else the words are run as they are */
};

static void job_release(struct job *job)
{
    free(job->name);
    free(job->command);
    free(job->format);
}

static void take_words(struct job *job, const struct run_args *args)
{
    *job = (struct job){
        .name = args->name ? lq_strdup(args->name) : default_name(args->words[0]),
        .command = lq_cli_command_line(args->words),
        .format = lq_strdup(args->format),
        .timeout_sec = args->timeout_sec,
        .shell = !args->words[1] && needs_shell(args->words[0]),
    };
}

/* The words name a registered command: what the command line does not say, its entry does. */
static void take_registered(struct job *job, const struct run_args *args,
                            const struct lq_registered *registered)
{
    struct lq_buf command = LQ_BUF_INIT;

    job_release(job);
    lq_buf_adds(&command, registered->command);
    for (char *const *word = args->words + 1; *word; word++)
        add_word(&command, *word);
    *job = (struct job){
        .name = lq_strdup(args->name ? args->name : registered->name),
        .command = lq_buf_detach(&command),
        .format = lq_strdup(args->format ? args->format : registered->format),
        .timeout_sec = args->timeout_sec ? args->timeout_sec : registered->timeout_sec,
        .shell = true,
    };
}

/* A registered command is one of the project, whichever folder it is called in. */
static enum lq_status enter_root(struct lq_cli *cli, struct lq_error *err)
{
    if (chdir(cli->project.root) != 0)
        return lq_error_errno(err, errno, "cannot change to folder '%s'", cli->project.root);
    free(cli->cwd);
    cli->cwd = lq_strdup(cli->project.root);
    return LQ_OK;
}

static enum lq_status look_up(struct lq_cli *cli, const struct run_args *args, struct job *job,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    const struct lq_registered *registered;

    LQ_TRY(lq_commands_read(&commands, &cli->project, err));
    registered = lq_commands_find(&commands, args->words[0]);
    if (!registered)
        return LQ_OK;
    take_registered(job, args, registered);
    return enter_root(cli, err);
}

/* Run the command; its log goes to `sinks`. */
static enum lq_status run_job(const struct run_args *args, const struct job *job,
                              const struct lq_sink *sinks, size_t n_sinks, struct lq_run *run,
                              struct lq_error *err)
{
    char *const shell_words[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char[]){ "--" },
                                  job->command, NULL };
    char *const *words = job->shell ? shell_words : args->words;
    const struct lq_capture_opts opts = {
        .argv = words,
        .timeout_ms =
            (job->timeout_sec < TIMEOUT_MAX_SEC ? job->timeout_sec : TIMEOUT_MAX_SEC) * 1000,
        .quiet = args->quiet,
        .on_stderr = wants_report(args),
    };
    struct lq_capture_result result = { 0 };
    enum lq_status status;

    run->executable_path = lq_find_executable(words[0]);
    status = lq_capture_command(&opts, sinks, n_sinks, &result, err);
    take_result(run, &result);
    return status;
}

/* Run the command and record it. */
static enum lq_status record_command(struct lq_cli *cli, const struct run_args *args,
                                     const struct job *job, struct lq_recording *recording,
                                     struct lq_error *err)
{
    struct lq_error failure = { 0 };
    enum lq_status captured, recorded;
    size_t n_sinks;
    const struct lq_sink *sinks = lq_recorder_sinks(recording->recorder, &n_sinks);

    captured = run_job(args, job, sinks, n_sinks, &recording->run, &failure);
    cli->exit_code = recording->run.exit_code;
    recorded = lq_recording_end(recording, err);
    if ((captured != LQ_OK || recorded != LQ_OK) && cli->exit_code == 0)
        cli->exit_code = EXIT_LQ_FAILED;
    if (captured == LQ_OK)
        return recorded;
    if (recorded != LQ_OK)
        lq_say("%s", err->message);
    *err = failure;
    return captured;
}

/* The system refuses what recording needs (a full disk, say): that must not stop a build. `err`, which
 * says so, stays for the end. */
static void run_unrecorded(struct lq_cli *cli, const struct run_args *args, const struct job *job,
                           struct lq_run *run, struct lq_error *err)
{
    struct lq_error failure = { 0 };
    const enum lq_status status = run_job(args, job, NULL, 0, run, &failure);

    lq_error_prefix(err, "the run is not recorded: ");
    if (status != LQ_OK)
        lq_say("%s", failure.message);
    cli->exit_code = run->exit_code ? run->exit_code : EXIT_LQ_FAILED;
}

static enum lq_status begin(struct lq_cli *cli, const struct run_args *args, struct job *job,
                            struct lq_recording *recording, struct lq_error *err)
{
    struct lq_record_opts opts = {
        .source_type = "run",
        .no_raw = args->no_raw,
        .keep_excerpt = wants_report(args),
    };

    cli->exit_code = EXIT_LQ_FAILED;
    LQ_TRY(lq_cli_open_project(cli, err));
    LQ_TRY(look_up(cli, args, job, err));
    opts.name = job->name;
    opts.command = job->command;
    opts.format = job->format;
    return lq_recording_begin(recording, cli, &opts, err);
}

/* A report comes whatever happened: who reads it gets valid JSON even of what could not begin. */
static enum lq_status print_report(struct lq_cli *cli, const struct run_args *args,
                                   const struct lq_recording *recording, const char *error,
                                   struct lq_error *err)
{
    const struct lq_run_report report = { &recording->run, recording->recorder, error };
    const struct lq_run_report_opts opts = {
        .format = args->json ? LQ_OUT_JSON : LQ_OUT_MARKDOWN,
        .warnings = args->warnings,
        .summary = args->summary,
        .error_limit = args->error_limit ? strtoll(args->error_limit, NULL, 10) : ERROR_LIMIT,
    };

    return lq_run_report_print(cli->out, &report, &opts, err);
}

static enum lq_status check_args(const struct run_args *args, struct lq_error *err)
{
    const char *limit = args->error_limit;

    if (!args->words || !args->words[0][0])
        return lq_error_set(err, LQ_USAGE, "lq run needs a command");
    if (args->name && !*args->name)
        return lq_error_set(err, LQ_USAGE, "--name needs a name");
    if (args->json && args->markdown)
        return lq_error_set(err, LQ_USAGE, "--json and --markdown exclude each other");
    if (!wants_report(args) && (args->warnings || args->summary || limit))
        return lq_error_set(err, LQ_USAGE, "%s needs --json or --markdown",
                            args->warnings  ? "--include-warnings"
                            : args->summary ? "--summary"
                                            : "--error-limit");
    if (limit && (!*limit || limit[strspn(limit, "0123456789")]))
        return lq_error_set(err, LQ_USAGE, "--error-limit needs a number, not '%s'", limit);
    return LQ_OK;
}

/* What a recorder does: a report is kept by whoever asked for it. */
static void redact_unrecorded(const struct lq_cli *cli, struct lq_run *run)
{
    LQ_CLEANUP(lq_redactor_free) struct lq_redactor *redactor = NULL;
    const struct lq_config *config = &cli->project.config;

    if ((!cli->has_project || config->redact) &&
        lq_redactor_new(&redactor, config->redact_patterns, NULL) == LQ_OK)
        lq_run_redact(run, redactor);
}

static enum lq_status run_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct run_args *args = argp;
    LQ_CLEANUP(lq_recording_release) struct lq_recording recording = { 0 };
    LQ_CLEANUP(job_release) struct job job = { 0 };
    struct lq_run *run = &recording.run;
    struct lq_error unwritten;
    enum lq_status status;

    LQ_TRY(check_args(args, err));
    take_words(&job, args);
    status = begin(cli, args, &job, &recording, err);
    if (status == LQ_OK)
        status = record_command(cli, args, &job, &recording, err);
    else if (status == LQ_IO || status == LQ_DENIED || status == LQ_CORRUPT)
        run_unrecorded(cli, args, &job, run, err);
    if (!recording.recorder) {
        run->exit_code = cli->exit_code;
        run->source_name = run->source_name ? run->source_name : lq_strdup(job.name);
        run->command = run->command ? run->command : lq_strdup(job.command);
        run->completed_at = run->started_at;
        redact_unrecorded(cli, run);
    }
    if (wants_report(args) &&
        print_report(cli, args, &recording, status == LQ_OK ? NULL : err->message, &unwritten)) {
        if (status == LQ_OK)
            *err = unwritten;
        status = status == LQ_OK ? LQ_IO : status;
        cli->exit_code = cli->exit_code > 0 ? cli->exit_code : EXIT_LQ_FAILED;
    }
    /* What a run that could not be recorded left behind has to be removed. */
    if (status == LQ_OK)
        lq_cli_leave(cli, status, err);
    return status;
}

const struct lq_command lq_cmd_run = {
    .name = "run",
    .summary = "run a command, keep its log and what the log says",
    .opts = run_opts,
    .args_size = sizeof(struct run_args),
    .main = run_main,
};
