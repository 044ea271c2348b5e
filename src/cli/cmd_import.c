/* SPDX-License-Identifier: MIT */
/* lq import and lq capture: record a log that another program wrote, from a file or a pipe. */
#include "base/file.h"
#include "base/time.h"
#include "cli/record.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/capture.h>
#include <sys/stat.h>
#include <unistd.h>

struct import_args {
    const char *name, *format, *file;
    bool no_raw;
};

static const struct lq_opt import_opts[] = {
    LQ_OPT(struct import_args, name, 'n', "name", "NAME", "list the run as NAME (the file's name)"),
    LQ_OPT(struct import_args, format, 0, "format", "FORMAT", "parse the log as FORMAT alone"),
    LQ_OPT(struct import_args, no_raw, 0, "no-raw", NULL, "do not keep the raw log"),
    LQ_ARG(struct import_args, file, "file", "the log"),
    LQ_OPT_END,
};

struct capture_args {
    const char *name, *format;
    bool quiet, no_raw;
};

static const struct lq_opt capture_opts[] = {
    LQ_OPT(struct capture_args, name, 'n', "name", "NAME", "list the run as NAME"),
    LQ_OPT(struct capture_args, format, 0, "format", "FORMAT", "parse the log as FORMAT alone"),
    LQ_OPT(struct capture_args, quiet, 'q', "quiet", NULL, "do not pass the input on"),
    LQ_OPT(struct capture_args, no_raw, 0, "no-raw", NULL, "do not keep the raw log"),
    LQ_OPT_END,
};

/* Record all that `fd` holds. */
static enum lq_status record_fd(struct lq_cli *cli, int fd, bool echo,
                                const struct lq_record_opts *opts, struct lq_error *err)
{
    LQ_CLEANUP(lq_recording_release) struct lq_recording recording = { 0 };
    struct lq_capture_result result = { 0 };
    struct lq_error failure = { 0 };
    const struct lq_sink *sinks;
    enum lq_status captured;
    size_t n_sinks;

    LQ_TRY(lq_recording_begin(&recording, cli, opts, err));
    sinks = lq_recorder_sinks(recording.recorder, &n_sinks);
    captured = lq_capture_fd(fd, echo, sinks, n_sinks, &result, &failure);
    /* started_at stays as it was when the run got its id: the file's name and date say it too. */
    recording.run.completed_at =
        result.completed_at ? recording.run.started_at + (result.completed_at - result.started_at)
                            : lq_time_now();
    recording.run.duration_sec = result.duration_sec;
    if (result.interrupted)
        recording.run.outcome = LQ_OUTCOME_INTERRUPTED;
    LQ_TRY(lq_recording_end(&recording, err));
    if (captured != LQ_OK)
        *err = failure;
    return captured;
}

static enum lq_status import_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct import_args *args = argp;
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;

    if (args->name && !*args->name)
        return lq_error_set(err, LQ_USAGE, "--name needs a name");
    if (!args->file)
        return lq_error_set(err, LQ_USAGE, "lq import needs a file; 'lq capture' reads a pipe");
    fd = open(args->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) != 0)
        return lq_error_errno(err, errno, "cannot open '%s'", args->file);
    if (S_ISDIR(info.st_mode))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot import '%s': it is a folder", args->file);
    return record_fd(cli, fd, false,
                     &(struct lq_record_opts){
                         .source_type = "import",
                         .name = args->name ? args->name : lq_path_base(args->file),
                         .command = args->file,
                         .format = args->format,
                         .no_raw = args->no_raw,
                     },
                     err);
}

static enum lq_status capture_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct capture_args *args = argp;

    if (args->name && !*args->name)
        return lq_error_set(err, LQ_USAGE, "--name needs a name");
    return record_fd(cli, STDIN_FILENO, !args->quiet,
                     &(struct lq_record_opts){
                         .source_type = "capture",
                         .name = args->name ? args->name : "stdin",
                         .format = args->format,
                         .no_raw = args->no_raw,
                     },
                     err);
}

const struct lq_command lq_cmd_import = {
    .name = "import",
    .summary = "record a log file that another program wrote",
    .needs = LQ_NEEDS_PROJECT,
    .opts = import_opts,
    .args_size = sizeof(struct import_args),
    .main = import_main,
};

const struct lq_command lq_cmd_capture = {
    .name = "capture",
    .summary = "record standard input, and pass it on",
    .needs = LQ_NEEDS_PROJECT,
    .opts = capture_opts,
    .args_size = sizeof(struct capture_args),
    .main = capture_main,
};
