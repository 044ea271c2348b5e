/* SPDX-License-Identifier: MIT */
/* lq sync: bring the central store up to date with this project's runs. */
#include "base/text.h"
#include "base/time.h"
#include "cli/auto.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/size.h"
#include "cli/sync_report.h"
#include <lq/share.h>
#include <stdio.h>

struct sync_args {
    bool dry_run, status, verify, deep, force, soft, hard, raw, quiet, verbose, json;
    int64_t jobs;
    const char *mode, *drop, *destination;
};

static const struct lq_opt sync_opts[] = {
    LQ_OPT(struct sync_args, dry_run, 'n', "dry-run", NULL, "print the plan, change nothing"),
    LQ_OPT(struct sync_args, status, 0, "status", NULL, "say how things stand, change nothing"),
    LQ_OPT(struct sync_args, verify, 0, "verify", NULL,
           "compare names and sizes of all that is there, and repair it"),
    LQ_OPT(struct sync_args, deep, 0, "deep", NULL, "with --verify: compare every byte"),
    LQ_OPT(struct sync_args, force, 0, "force", NULL,
           "list what is there, rather than believe what is remembered"),
    LQ_OPT_CHOICE(struct sync_args, mode, 0, "mode", "MODE",
                  "auto (link, else copy), copy, symlink; sync.mode by default", "auto", "copy",
                  "symlink"),
    LQ_OPT(struct sync_args, soft, 0, "soft", NULL, "--mode symlink"),
    LQ_OPT(struct sync_args, hard, 0, "hard", NULL, "--mode copy"),
    LQ_OPT(struct sync_args, raw, 0, "raw", NULL, "raw logs too, as with sync.include_raw"),
    LQ_OPT(struct sync_args, jobs, 'j', "jobs", "N", "bring N files at once"),
    LQ_OPT(struct sync_args, quiet, 'q', "quiet", NULL, "say nothing but what went wrong"),
    LQ_OPT(struct sync_args, verbose, 'v', "verbose", NULL, "name each file"),
    LQ_OPT(struct sync_args, json, 0, "json", NULL, "print one JSON object"),
    LQ_OPT(struct sync_args, drop, 0, "drop", "@FILE",
           "push one run, the newest or the one given, by the URLs of lq share --drop"),
    LQ_ARG(struct sync_args, destination, "destination", "a folder; sync.destination by default"),
    LQ_OPT_END,
};

/* ---- options ---- */

static enum lq_status check_args(const struct sync_args *args, struct lq_error *err)
{
    const struct {
        bool bad;
        const char *text;
    } rules[] = {
        { args->deep && !args->verify, "--deep goes with --verify" },
        { args->soft + args->hard + (args->mode != NULL) > 1,
          "--mode, --soft and --hard exclude each other" },
        { args->status && (args->dry_run || args->verify || args->force),
          "--status excludes --dry-run, --verify and --force" },
        { args->drop &&
              (args->dry_run || args->status || args->verify || args->force || args->json),
          "--drop goes alone" },
        { args->verify && args->force, "--verify and --force exclude each other" },
        { args->quiet && args->verbose, "--quiet and --verbose exclude each other" },
        { args->jobs > 1000, "--jobs needs a number up to 1000" },
    };

    for (size_t i = 0; i < LQ_COUNT(rules); i++)
        if (rules[i].bad)
            return lq_error_set(err, LQ_USAGE, "%s", rules[i].text);
    return LQ_OK;
}

static void on_progress(void *ctx, const struct lq_sync_progress *progress)
{
    lq_progress_show(ctx, progress->n_done, progress->n_files, progress->n_done_bytes,
                     progress->n_bytes);
}

static enum lq_status make_opts(const struct lq_cli *cli, const struct sync_args *args,
                                struct lq_progress_line *line, struct lq_sync_opts *opts,
                                struct lq_error *err)
{
    const char *mode = args->soft ? "symlink" : args->hard ? "copy" : args->mode;

    *opts = lq_auto_opts(&cli->project.config);
    opts->threads = (int)args->jobs;
    opts->include_raw = opts->include_raw || args->raw;
    opts->force = args->force;
    opts->verify = args->verify;
    opts->deep = args->deep;
    opts->dry_run = args->dry_run;
    opts->progress = args->quiet ? NULL : on_progress;
    opts->ctx = line;
    if (mode && !lq_sync_mode_parse(mode, &opts->mode))
        return lq_error_set(err, LQ_USAGE, "--mode needs auto, copy or symlink, not '%s'", mode);
    return LQ_OK;
}

/* ---- what is said ---- */

/* "3 runs and 2 raw logs (1.2 MB)" */
static void add_amount(struct lq_buf *text, size_t n_runs, size_t n_raw, int64_t n_bytes)
{
    char size[LQ_SIZE_TEXT_BYTES];

    lq_size_format(n_bytes, size);
    if (n_runs > 0 || n_raw == 0)
        lq_buf_addf(text, "%zu %s", n_runs, n_runs == 1 ? "run" : "runs");
    if (n_raw > 0)
        lq_buf_addf(text, "%s%zu raw %s", n_runs > 0 ? " and " : "", n_raw,
                    n_raw == 1 ? "log" : "logs");
    lq_buf_addf(text, " (%s)", size);
}

static void add_folders(struct lq_buf *text, size_t n_folders)
{
    lq_buf_addf(text, "%zu %s", n_folders, n_folders == 1 ? "folder" : "folders");
}

static void print_dry_run(FILE *out, const struct lq_sync_plan *plan, bool verbose)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct lq_sync_counts counts;

    lq_sync_plan_counts(plan, &counts);
    if (verbose)
        lq_sync_print_files(out, plan);
    if (counts.n_links > 0) {
        add_folders(&text, counts.n_links);
        lq_buf_adds(&text, " of '");
    } else {
        add_amount(&text, counts.n_files - counts.n_raw, counts.n_raw, counts.n_bytes);
        lq_buf_adds(&text, " to '");
    }
    lq_text_add_visible(&text, lq_str_of(lq_sync_plan_destination(plan)), false);
    fprintf(out, "would %s %s'\n", counts.n_links > 0 ? "link" : "sync", lq_buf_text(&text));
}

static void say_extras(const struct lq_sync_plan *plan)
{
    const size_t n = lq_sync_plan_extra_count(plan);

    if (n > 0)
        lq_say("%zu %s of this project and host %s only at '%s'", n, n == 1 ? "file" : "files",
               n == 1 ? "is" : "are", lq_sync_plan_destination(plan));
}

/* What was found; what has become of it is told behind. */
static void say_verified(const struct lq_sync_plan *plan, size_t n_verified)
{
    const char *destination = lq_sync_plan_destination(plan);
    size_t n_missing = 0, n_damaged = 0;

    for (size_t i = 0; i < lq_sync_plan_file_count(plan); i++) {
        n_missing += lq_sync_plan_file(plan, i)->why == LQ_SYNC_MISSING;
        n_damaged += lq_sync_plan_file(plan, i)->why == LQ_SYNC_DAMAGED;
    }
    if (n_missing + n_damaged == 0)
        lq_say("verified %zu %s at '%s': all as they should be", n_verified,
               n_verified == 1 ? "file" : "files", destination);
    else
        lq_say("verified %zu %s at '%s': %zu missing, %zu damaged",
               n_verified + n_missing + n_damaged,
               n_verified + n_missing + n_damaged == 1 ? "file" : "files", destination, n_missing,
               n_damaged);
}

static void say_result(const struct lq_sync_plan *plan, const struct lq_sync_opts *opts)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *destination = lq_sync_plan_destination(plan);
    struct lq_sync_counts counts;

    lq_sync_plan_counts(plan, &counts);
    if (opts->verify)
        say_verified(plan, counts.n_verified);
    if (counts.n_copied_links > 0) {
        add_folders(&text, counts.n_copied_links);
        lq_say("linked %s of '%s' to this project's", lq_buf_text(&text), destination);
    } else if (counts.n_copied > 0) {
        add_amount(&text, counts.n_copied - counts.n_copied_raw, counts.n_copied_raw,
                   counts.n_copied_bytes);
        lq_say("synced %s to '%s'", lq_buf_text(&text), destination);
    }
    if (counts.n_present > 0)
        lq_say("found %zu already at '%s'", counts.n_present, destination);
    if (counts.n_files == 0 && !opts->verify)
        lq_say("nothing new for '%s'", destination);
    say_extras(plan);
}

static void say_skipped(const struct lq_sync_plan *plan)
{
    for (size_t i = 0; i < lq_sync_plan_skip_count(plan); i++) {
        const struct lq_sync_skip *skip = lq_sync_plan_skip(plan, i);

        lq_say("skipped '.lq/logs/%s': %s", skip->path, skip->reason);
    }
}

/* A single failure is told as the command's own; of very many, which mostly have one reason, the first. */
static void say_failures(const struct lq_sync_plan *plan)
{
    enum { MAX_LINES = 20 };
    struct lq_sync_counts counts;
    const char *said = "";
    size_t n_said = 0;

    lq_sync_plan_counts(plan, &counts);
    for (size_t i = 0; counts.n_failed > 1 && i < counts.n_files && n_said < MAX_LINES; i++) {
        const char *error = lq_sync_plan_file(plan, i)->error;

        /* Wrong credentials are one mistake, not one for each file. */
        if (!error || strcmp(error, said) == 0)
            continue;
        lq_say("%s", said = error);
        n_said++;
    }
    if (n_said == MAX_LINES)
        lq_say("lq sync --status lists all of them");
}

/* ---- the command ---- */

static enum lq_status apply(struct lq_cli *cli, struct lq_sync_plan *plan,
                            const struct sync_args *args, const struct lq_sync_opts *opts,
                            struct lq_error *err)
{
    enum lq_status status;

    if (args->dry_run) {
        if (!args->json)
            print_dry_run(cli->out, plan, args->verbose);
        return LQ_OK;
    }
    status = lq_sync_apply(plan, NULL, err);
    lq_progress_end(opts->ctx);
    if (args->verbose && !args->json)
        lq_sync_print_files(cli->out, plan);
    say_failures(plan);
    if (!args->quiet)
        say_result(plan, opts);
    return status;
}

/* The run that is pushed by URLs: no destination is known, and nothing is remembered. */
static enum lq_status drop(struct lq_cli *cli, const struct sync_args *args, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(lq_urls_free) char **urls = NULL;

    if (args->drop[0] != '@' && strcmp(args->drop, "-") != 0)
        return lq_error_set(err, LQ_USAGE,
                            "--drop needs @FILE, or - for standard input: URLs in an "
                            "argument list can be seen");
    LQ_TRY(lq_query_open(&query, &cli->project, &(const struct lq_scope){ 0 }, err));
    LQ_TRY(lq_query_find(query, args->destination ? args->destination : "~0", &ref, err));
    LQ_TRY(lq_urls_read(args->drop, &urls, err));
    LQ_TRY(lq_drop_push(urls, ref.file, environ, err));
    if (!args->quiet)
        lq_say("pushed run %s", ref.run_ref);
    return LQ_OK;
}

static enum lq_status sync_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct sync_args *args = argp;
    LQ_CLEANUP(lq_free) char *given =
        args->destination ? lq_cli_expand_home(args->destination) : NULL;
    const char *destination = given ? given : cli->store;
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    struct lq_progress_line line = { 0 };
    struct lq_error problem = { 0 };
    struct lq_sync_opts opts;
    enum lq_status status;

    LQ_TRY(check_args(args, err));
    if (args->drop)
        return drop(cli, args, err);
    LQ_TRY(make_opts(cli, args, &line, &opts, err));
    LQ_TRY(lq_store_open(&store, &cli->project, err));
    if (args->status)
        return lq_sync_print_status(cli->out, store, destination, &opts, args->json, err);
    lq_progress_begin(&line);
    status = lq_sync_plan_new(&plan, store, destination, &opts, &problem);
    if (status == LQ_OK) {
        say_skipped(plan);
        status = apply(cli, plan, args, &opts, &problem);
    }
    if (args->json)
        lq_sync_print_json(cli->out, plan, destination, &opts,
                           status == LQ_OK ? NULL : problem.message);
    if (status != LQ_OK && err)
        *err = problem;
    return status;
}

const struct lq_command lq_cmd_sync = {
    .name = "sync",
    .summary = "copy this project's runs to the central store",
    .needs = LQ_NEEDS_PROJECT,
    .opts = sync_opts,
    .args_size = sizeof(struct sync_args),
    .main = sync_main,
};
