/* SPDX-License-Identifier: MIT */
/* lq run: run a command, keep its log and what the log says. */
#include "base/file.h"
#include "cli/record.h"
#include <lq/capture.h>
#include <signal.h>
#include <string.h>

/* What lq returns when it failed and the command did not. */
#define EXIT_LQ_FAILED 125

struct run_args {
    const char *name, *format;
    int64_t timeout_sec;
    bool quiet, no_raw;
    char *const *words;
};

static const struct lq_opt run_opts[] = {
    LQ_OPT(struct run_args, name, 'n', "name", "NAME", "list the run as NAME"),
    LQ_OPT(struct run_args, format, 0, "format", "FORMAT", "parse the log as FORMAT alone"),
    LQ_OPT(struct run_args, timeout_sec, 't', "timeout", "SECONDS",
           "stop the command after that time"),
    LQ_OPT(struct run_args, quiet, 'q', "quiet", NULL, "do not show the command's output"),
    LQ_OPT(struct run_args, no_raw, 0, "no-raw", NULL, "do not keep the raw log"),
    LQ_ARG(struct run_args, words, "command",
           "several words are run as they are, one as a shell line"),
    LQ_OPT_END,
};

/* A word that is the name of a program needs no shell. */
static bool needs_shell(const char *word)
{
    LQ_CLEANUP(lq_free) char *program = NULL;

    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-")])
        return true;
    program = lq_find_executable(word);
    return !program;
}

/* The words as one line, those quoted that a shell would take apart. */
static char *command_text(char *const *words)
{
    struct lq_buf text = LQ_BUF_INIT;

    if (!words[1])
        return lq_strdup(words[0]);
    for (; *words; words++) {
        const size_t plain = strspn(*words, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_./+-=:,@%^");

        lq_buf_adds(&text, text.len ? " " : "");
        if (**words && !(*words)[plain]) {
            lq_buf_adds(&text, *words);
            continue;
        }
        lq_buf_addc(&text, '\'');
        for (const char *at = *words; *at; at++) {
            if (*at == '\'')
                lq_buf_adds(&text, "'\\''");
            else
                lq_buf_addc(&text, *at);
        }
        lq_buf_addc(&text, '\'');
    }
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

    run->started_at = result->started_at ? result->started_at : run->started_at;
    run->completed_at = result->completed_at ? result->completed_at : run->started_at;
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

static enum lq_status run_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct run_args *args = argp;
    LQ_CLEANUP(lq_recording_release) struct lq_recording recording = { 0 };
    LQ_CLEANUP(lq_free) char *command = NULL, *name = NULL;
    struct lq_capture_result result = { 0 };
    struct lq_error failure = { 0 };
    enum lq_status captured, recorded;
    size_t n_sinks;

    if (!args->words)
        return lq_error_set(err, LQ_USAGE, "lq run needs a command");
    cli->exit_code = EXIT_LQ_FAILED;
    command = command_text(args->words);
    name = args->name ? lq_strdup(args->name) : default_name(args->words[0]);
    LQ_TRY(lq_recording_begin(&recording, cli,
                              &(struct lq_record_opts){ .source_type = "run",
                                                        .name = name,
                                                        .command = command,
                                                        .format = args->format,
                                                        .no_raw = args->no_raw },
                              err));
    {
        const bool shell = !args->words[1] && needs_shell(args->words[0]);
        char *const shell_words[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, args->words[0],
                                      NULL };
        char *const *words = shell ? shell_words : args->words;
        const struct lq_capture_opts opts = {
            .argv = words,
            .timeout_ms = args->timeout_sec * 1000,
            .quiet = args->quiet,
        };
        const struct lq_sink *sinks = lq_recorder_sinks(recording.recorder, &n_sinks);

        recording.run.executable_path = lq_find_executable(words[0]);
        captured = lq_capture_command(&opts, sinks, n_sinks, &result, &failure);
    }
    take_result(&recording.run, &result);
    cli->exit_code = result.exit_code;
    recorded = lq_recording_end(&recording, err);
    if (captured != LQ_OK) {
        if (recorded != LQ_OK)
            lq_say("%s", err->message);
        *err = failure;
    }
    if ((captured != LQ_OK || recorded != LQ_OK) && cli->exit_code == 0)
        cli->exit_code = EXIT_LQ_FAILED;
    lq_cli_leave(cli, captured != LQ_OK ? captured : recorded, err);
    return captured != LQ_OK ? captured : recorded;
}

const struct lq_command lq_cmd_run = {
    .name = "run",
    .summary = "run a command, keep its log and what the log says",
    .needs = LQ_NEEDS_PROJECT,
    .opts = run_opts,
    .args_size = sizeof(struct run_args),
    .main = run_main,
};
