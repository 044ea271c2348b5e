/* SPDX-License-Identifier: MIT */
/* lq pull: bring an S3 store, or a part of it, to a folder. */
#include "base/time.h"
#include "cli/cli.h"
#include "cli/size.h"
#include <lq/pull.h>
#include <stdio.h>
#include <unistd.h>

struct pull_args {
    bool raw;
    int64_t jobs;
    const char *source, *folder;
};

static const struct lq_opt pull_opts[] = {
    LQ_OPT(struct pull_args, raw, 0, "raw", NULL, "raw logs too"),
    LQ_OPT(struct pull_args, jobs, 'j', "jobs", "N", "requests at once; 64 by default"),
    LQ_ARG(struct pull_args, source, "source", "an s3:// URL; the central store by default"),
    LQ_ARG(struct pull_args, folder, "folder", "where to; ~/.lq/projects by default"),
    LQ_OPT_END,
};

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    lq_say("%s", line);
}

static void say(const struct lq_pull_counts *counts, const char *folder)
{
    char size[LQ_SIZE_TEXT_BYTES];

    lq_size_format(counts->n_fetched_bytes, size);
    if (counts->n_fetched > 0)
        lq_say("pulled %zu %s (%s) to '%s'", counts->n_fetched,
               counts->n_fetched == 1 ? "file" : "files", size, folder);
    else if (counts->n_failed == 0)
        lq_say("nothing new for '%s'", folder);
}

static enum lq_status pull_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct pull_args *args = argp;
    const struct lq_pull_opts opts = {
        .environment = environ, .now = lq_time_now(), .jobs = (int)args->jobs, .warn = warn
    };
    LQ_CLEANUP(lq_free) char *folder =
        lq_cli_expand_home(args->folder ? args->folder : "~/.lq/projects");
    struct lq_pull_counts counts = { 0 };
    enum lq_status status;

    if (cli->scope.global || cli->scope.include_synced || cli->scope.data)
        return lq_error_set(err, LQ_USAGE, "lq pull takes its source as an argument");
    if (cli->scope.offline)
        return lq_error_set(err, LQ_USAGE, "lq pull asks the network: it goes without --offline");
    if (args->jobs < 0 || args->jobs > 256)
        return lq_error_set(err, LQ_USAGE, "--jobs needs a number from 1 to 256");
    status = lq_pull(args->source ? args->source : cli->store, folder, &cli->scope, args->raw,
                     &opts, &counts, err);
    say(&counts, folder);
    return status;
}

const struct lq_command lq_cmd_pull = {
    .name = "pull",
    .summary = "bring an S3 store, or a part of it, to a folder",
    .needs = LQ_NEEDS_SCOPE,
    .opts = pull_opts,
    .args_size = sizeof(struct pull_args),
    .main = pull_main,
};
