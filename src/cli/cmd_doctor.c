/* SPDX-License-Identifier: MIT */
/* lq doctor: a line for each thing that can be wrong, and what to do about it. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/auto.h"
#include <errno.h>
#include <lq/keep.h>
#include <lq/sync.h>
#include <unistd.h>

struct doctor_args {
    bool fix, json;
};

static const struct lq_opt doctor_opts[] = {
    LQ_OPT(struct doctor_args, fix, 0, "fix", NULL,
           "mend what can be mended without losing anything"),
    LQ_OPT(struct doctor_args, json, 0, "json", NULL, "an array of objects"),
    LQ_OPT_END,
};

struct doctor {
    FILE *out;
    bool json;
    int64_t n_findings, n_failed;
    bool state_damaged;
};

static void add_member(struct lq_buf *line, const char *name, const char *text)
{
    lq_buf_addf(line, "\"%s\": ", name);
    if (text)
        lq_out_add_json(line, lq_str_of(text));
    else
        lq_buf_adds(line, "null");
}

static void print(void *ctx, const struct lq_finding *finding)
{
    static const char *const levels[] = { [LQ_LEVEL_OK] = "ok",
                                          [LQ_LEVEL_WARN] = "warn",
                                          [LQ_LEVEL_FAIL] = "fail" };
    struct doctor *doctor = ctx;
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;

    if (doctor->json) {
        lq_buf_adds(&line, doctor->n_findings ? ",\n {" : "[\n {");
        add_member(&line, "check", finding->check);
        lq_buf_adds(&line, ", ");
        add_member(&line, "status", levels[finding->level]);
        lq_buf_adds(&line, ", ");
        add_member(&line, "message", finding->text);
        lq_buf_adds(&line, ", ");
        add_member(&line, "hint", finding->hint);
        lq_buf_addc(&line, '}');
    } else {
        lq_buf_addf(&line, "%-4s  %-11s  ", levels[finding->level], finding->check);
        lq_text_add_visible(&line, lq_str_of(finding->text), false);
        if (finding->hint)
            lq_buf_addf(&line, " (%s)", finding->hint);
        lq_buf_addc(&line, '\n');
    }
    fwrite(lq_buf_text(&line), 1, line.len, doctor->out);
    doctor->n_findings++;
    if (finding->level != LQ_LEVEL_FAIL)
        return;
    doctor->n_failed++;
    doctor->state_damaged = doctor->state_damaged || strcmp(finding->check, "state.db") == 0;
}

static void find(struct doctor *doctor, enum lq_level level, const char *check, const char *text,
                 const char *hint)
{
    const struct lq_finding finding = { level, check, text, hint };

    print(doctor, &finding);
}

/* ---- questions ---- */

static void count_left_out(void *ctx, const char *line)
{
    int64_t *n_left_out = ctx;

    (void)line;
    ++*n_left_out;
}

/* What questions see: through the index, with files left out that cannot be read. */
static void check_questions(struct lq_cli *cli, struct doctor *doctor)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_free) char *text = NULL;
    struct lq_error reason = { 0 };
    int64_t n_left_out = 0;
    struct lq_scope scope = cli->scope;

    scope.warn = count_left_out;
    scope.warn_ctx = &n_left_out;
    if (lq_query_open(&query, &cli->project, &scope, &reason) != LQ_OK) {
        find(doctor, LQ_LEVEL_FAIL, "questions", reason.message, NULL);
        return;
    }
    text = lq_format("%lld runs answer, %lld files are left out",
                     (long long)lq_query_run_count(query), (long long)n_left_out);
    find(doctor, n_left_out ? LQ_LEVEL_WARN : LQ_LEVEL_OK, "questions", text, NULL);
}

/* ---- sync ---- */

/* Whether the destination, or the nearest folder above it that is there, can be written to. */
static bool is_writable(const char *destination)
{
    LQ_CLEANUP(lq_free) char *path = lq_strdup(destination);

    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');

        if (!slash || slash == path)
            return access("/", W_OK) == 0;
        *slash = '\0';
    }
    return access(path, W_OK | X_OK) == 0;
}

static void check_auto(struct lq_cli *cli, struct doctor *doctor, struct lq_store *store)
{
    LQ_CLEANUP(lq_free) char *problem = NULL;

    if (cli->project.config.sync_auto == LQ_AUTO_OFF)
        return;
    problem = lq_auto_describe_problem(cli, store);
    find(doctor, problem ? LQ_LEVEL_WARN : LQ_LEVEL_OK, "sync.auto",
         problem ? problem : "runs are synced as they are recorded", NULL);
}

static void check_sync(struct lq_cli *cli, struct doctor *doctor)
{
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;
    LQ_CLEANUP(lq_free) char *text = NULL;
    struct lq_error reason = { 0 };
    struct lq_sync_counts counts;
    struct lq_sync_opts opts;
    const bool remote = strstr(cli->store, "://") != NULL;

    if (access(cli->project.lq_dir, W_OK) != 0) {
        find(doctor, LQ_LEVEL_OK, "sync", "not checked: only who can write to .lq can sync", NULL);
        return;
    }
    /* To plan would set it aside, which only --fix may. */
    if (doctor->state_damaged) {
        find(doctor, LQ_LEVEL_WARN, "sync", "not checked: state.db is damaged", NULL);
        return;
    }
    opts = lq_auto_opts(&cli->project.config);
    opts.dry_run = true;
    if (lq_store_open(&store, &cli->project, &reason) != LQ_OK ||
        lq_sync_plan_new(&plan, store, cli->store, &opts, &reason) != LQ_OK) {
        find(doctor, LQ_LEVEL_FAIL, "sync", reason.message, NULL);
        return;
    }
    if (!remote && !is_writable(lq_sync_plan_destination(plan))) {
        text = lq_format("cannot write to '%s'", lq_sync_plan_destination(plan));
        find(doctor, cli->project.config.sync_destination ? LQ_LEVEL_FAIL : LQ_LEVEL_WARN, "sync",
             text, NULL);
        return;
    }
    lq_sync_plan_counts(plan, &counts);
    text = lq_format(counts.n_links > 0 ? "%zu folders are not yet links at '%s'"
                                        : "%zu runs are not yet at '%s'",
                     counts.n_files - counts.n_raw, lq_sync_plan_destination(plan));
    find(doctor,
         counts.n_files > 0 && cli->project.config.sync_destination ? LQ_LEVEL_WARN : LQ_LEVEL_OK,
         "sync", text, counts.n_files > 0 ? "lq sync" : NULL);
    check_auto(cli, doctor, store);
}

/* ---- programs ---- */

static bool in_path(const char *program)
{
    LQ_CLEANUP(lq_free) char *path = lq_strdup(getenv("PATH"));
    char *rest = path;
    const char *folder;

    while (rest && (folder = strsep(&rest, ":"))) {
        LQ_CLEANUP(lq_free) char *full = lq_path_join(*folder ? folder : ".", program);

        if (access(full, X_OK) == 0)
            return true;
    }
    return false;
}

static void check_programs(struct doctor *doctor)
{
    static const struct {
        const char *name, *without;
    } programs[] = {
        { "git", "runs are recorded without commit and branch" },
        { "zstd", "lq reads raw logs itself; 'zstd -dc' would too" },
    };

    for (size_t i = 0; i < LQ_COUNT(programs); i++) {
        const bool found = in_path(programs[i].name);

        find(doctor, found ? LQ_LEVEL_OK : LQ_LEVEL_WARN, programs[i].name,
             found ? "found" : "not in PATH", found ? NULL : programs[i].without);
    }
}

static enum lq_status doctor_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct doctor_args *args = argp;
    struct doctor doctor = { .out = cli->out, .json = args->json };
    struct lq_error reason = { 0 };

    if (lq_store_check(&cli->project, args->fix, lq_time_now(), print, &doctor, &reason) != LQ_OK)
        find(&doctor, LQ_LEVEL_FAIL, "store", reason.message, NULL);
    else
        check_questions(cli, &doctor);
    check_sync(cli, &doctor);
    check_programs(&doctor);
    if (doctor.json)
        fputs("\n]\n", cli->out);
    if (doctor.n_failed > 0)
        cli->exit_code = 1;
    (void)err;
    return LQ_OK;
}

const struct lq_command lq_cmd_doctor = {
    .name = "doctor",
    .summary = "check this project's store, and what lq needs",
    .needs = LQ_NEEDS_PROJECT,
    .opts = doctor_opts,
    .args_size = sizeof(struct doctor_args),
    .main = doctor_main,
};
