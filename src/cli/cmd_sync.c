/* SPDX-License-Identifier: MIT */
/* lq sync: bring the central store up to date with this project's runs. */
#include "base/text.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/size.h"
#include <lq/sync.h>
#include <stdio.h>
#include <unistd.h>

struct sync_args {
    bool dry_run;
    const char *destination;
};

static const struct lq_opt sync_opts[] = {
    LQ_OPT(struct sync_args, dry_run, 'n', "dry-run", NULL, "print the plan, change nothing"),
    LQ_ARG(struct sync_args, destination, "destination", "a folder; sync.destination by default"),
    LQ_OPT_END,
};

static void say_runs(const char *what, size_t n_runs, int64_t n_bytes, const char *destination)
{
    char size[LQ_SIZE_TEXT_BYTES];

    lq_size_format(n_bytes, size);
    lq_say("%s %zu %s (%s) to '%s'", what, n_runs, n_runs == 1 ? "run" : "runs", size, destination);
}

static void print_plan(FILE *out, const struct lq_sync_plan *plan)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    struct lq_sync_counts counts;

    lq_sync_plan_counts(plan, &counts);
    for (size_t i = 0; i < counts.n_files; i++) {
        lq_buf_clear(&line);
        lq_text_add_visible(&line, lq_str_of(lq_sync_plan_file(plan, i)->remote_path), false);
        fprintf(out, "%s\n", lq_buf_text(&line));
    }
    fflush(out);
    say_runs("would sync", counts.n_files, counts.n_bytes, lq_sync_plan_destination(plan));
}

static enum lq_status apply(struct lq_sync_plan *plan, struct lq_error *err)
{
    const char *destination = lq_sync_plan_destination(plan);
    struct lq_sync_counts counts;
    enum lq_status status = lq_sync_apply(plan, &counts, err);

    /* A single failure stands in `err` already. */
    for (size_t i = 0; counts.n_failed > 1 && i < counts.n_files; i++)
        if (lq_sync_plan_file(plan, i)->error)
            lq_say("%s", lq_sync_plan_file(plan, i)->error);
    if (counts.n_copied > 0)
        say_runs("synced", counts.n_copied, counts.n_copied_bytes, destination);
    if (counts.n_present > 0)
        lq_say("found %zu already at '%s'", counts.n_present, destination);
    if (counts.n_files == 0)
        lq_say("nothing new for '%s'", destination);
    return status;
}

static enum lq_status sync_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct sync_args *args = argp;
    const struct lq_sync_opts opts = { .now = lq_time_now(), .environment = environ };
    LQ_CLEANUP(lq_free) char *given =
        args->destination ? lq_cli_expand_home(args->destination) : NULL;
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    LQ_TRY(lq_store_open(&store, &cli->project, err));
    LQ_TRY(lq_sync_plan_new(&plan, store, given ? given : cli->store, &opts, err));
    for (size_t i = 0; i < lq_sync_plan_skip_count(plan); i++) {
        const struct lq_sync_skip *skip = lq_sync_plan_skip(plan, i);

        lq_say("skipped '.lq/logs/%s': %s", skip->path, skip->reason);
    }
    if (!args->dry_run)
        return apply(plan, err);
    print_plan(cli->out, plan);
    return LQ_OK;
}

const struct lq_command lq_cmd_sync = {
    .name = "sync",
    .summary = "copy this project's runs to the central store",
    .needs = LQ_NEEDS_PROJECT,
    .opts = sync_opts,
    .args_size = sizeof(struct sync_args),
    .main = sync_main,
};
