/* SPDX-License-Identifier: MIT */
/* Recording a run from the command line: facts, recorder, closing line. */
#include "cli/record.h"
#include "base/time.h"
#include "cli/auto.h"
#include "cli/matchers.h"

/* Facts that cost time; the child runs meanwhile. */
static void *gather_facts(void *ctx)
{
    struct lq_recording *recording = ctx;

    lq_facts_ci(&recording->run);
    lq_facts_git(&recording->run, recording->run.cwd);
    return NULL;
}

enum lq_status lq_recording_begin(struct lq_recording *recording, struct lq_cli *cli,
                                  const struct lq_record_opts *opts, struct lq_error *err)
{
    const struct lq_config *config = &cli->project.config;
    struct lq_recorder_opts recorder_opts = {
        .keep_raw = config->keep_raw && !opts->no_raw,
        .keep_excerpt = opts->keep_excerpt,
    };
    struct lq_run *run = &recording->run;

    recording->cli = cli;
    run->source_type = lq_strdup(opts->source_type);
    run->source_name = lq_strdup(opts->name);
    run->command = lq_strdup(opts->command);
    run->cwd = lq_strdup(cli->cwd);
    run->started_at = lq_time_now();
    lq_facts_host(run, config->sync_hostname);
    lq_facts_environment(run, config->capture_env);
    LQ_TRY(lq_cli_parser_opts(cli, opts->format, &recorder_opts.parser, err));
    LQ_TRY(lq_store_open(&recording->store, &cli->project, err));
    LQ_TRY(lq_recorder_new(&recording->recorder, recording->store, &recorder_opts, run, err));
    lq_recorder_preload(recording->recorder);
    recording->gathering = pthread_create(&recording->facts, NULL, gather_facts, recording) == 0;
    if (!recording->gathering)
        gather_facts(recording);
    return LQ_OK;
}

static void join_facts(struct lq_recording *recording)
{
    if (recording->gathering)
        pthread_join(recording->facts, NULL);
    recording->gathering = false;
}

/* "3 errors", "1 error"; nothing for 0. */
static void add_count(struct lq_buf *text, int64_t count, const char *noun)
{
    if (count > 0)
        lq_buf_addf(text, ", %lld %s%s", (long long)count, noun, count == 1 ? "" : "s");
}

/* lq: run 5 build failed (exit 2): 3 errors, 1 warning, 0.8 s, .lq/logs/… */
static void say_result(const struct lq_recording *recording)
{
    static const char *const verbs[] = {
        [LQ_OUTCOME_OK] = "ok",
        [LQ_OUTCOME_WARN] = "ok",
        [LQ_OUTCOME_FAIL] = "failed",
        [LQ_OUTCOME_TIMEOUT] = "timed out",
        [LQ_OUTCOME_INTERRUPTED] = "interrupted",
    };
    const struct lq_run *run = &recording->run;
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_buf_addf(&text, "run %lld %s %s", (long long)run->run_id, run->source_name,
                verbs[run->outcome]);
    if (run->signal)
        lq_buf_addf(&text, " (%s)", run->signal);
    else if (run->has_exit_code && run->exit_code != 0)
        lq_buf_addf(&text, " (exit %d)", run->exit_code);
    add_count(&text, run->error_count, "error");
    add_count(&text, run->warning_count, "warning");
    add_count(&text, run->test_fail_count, "failed test");
    lq_buf_addf(&text, ", %.1f s, %s", run->duration_sec, lq_recorder_path(recording->recorder));
    lq_say("%s", lq_buf_text(&text));
}

enum lq_status lq_recording_end(struct lq_recording *recording, struct lq_error *err)
{
    enum lq_status status;

    join_facts(recording);
    lq_auto_before_run(recording->cli, recording->store);
    status = lq_recorder_finish(recording->recorder, &recording->run, err);
    if (lq_recorder_path(recording->recorder)) {
        say_result(recording);
        lq_auto_after_run(recording->cli, recording->store);
    }
    return status;
}

void lq_recording_release(struct lq_recording *recording)
{
    join_facts(recording);
    lq_recorder_free(&recording->recorder);
    lq_store_close(&recording->store);
    lq_run_release(&recording->run);
}
