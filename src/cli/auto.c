/* SPDX-License-Identifier: MIT */
/* sync.auto: syncs after a run, or starts the process that does. */
#include "cli/auto.h"
#include "base/file.h"
#include "base/time.h"
#include "cli/size.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lq/redact.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is to be done ---- */

static bool in_ci(void)
{
    const char *ci = getenv("CI");

    return ci && *ci && strcasecmp(ci, "false") != 0 && strcmp(ci, "0") != 0;
}

/* A machine of CI is gone when its job is: nothing can be left for later. */
static enum lq_auto mode_of(const struct lq_cli *cli)
{
    const enum lq_auto mode = cli->project.config.sync_auto;

    return mode == LQ_AUTO_ON && in_ci() ? LQ_AUTO_WAIT : mode;
}

/* The destination, for processes that are in another folder. The caller's. */
static char *destination_of(const struct lq_cli *cli)
{
    if (cli->store[0] == '/' || strstr(cli->store, "://"))
        return lq_strdup(cli->store);
    return lq_path_join(cli->cwd, cli->store);
}

static bool is_from_config(const struct lq_cli *cli)
{
    const char *store = getenv("LQ_STORE");

    return !(store && *store) && cli->project.config.sync_destination;
}

/* ---- syncing now ---- */

struct lq_sync_opts lq_auto_opts(const struct lq_config *config)
{
    struct lq_sync_opts opts = {
        .now = lq_time_now(),
        .include_raw = config->sync_include_raw,
        .environment = environ,
        .retry_budget_sec = config->sync_retry_budget_sec,
    };

    (void)lq_sync_mode_parse(config->sync_mode, &opts.mode); /* the configuration was checked */
    return opts;
}

char *lq_auto_describe_sync(const struct lq_sync_plan *plan)
{
    struct lq_sync_counts counts;
    char size[LQ_SIZE_TEXT_BYTES];
    size_t n_runs;

    lq_sync_plan_counts(plan, &counts);
    if (counts.n_copied == 0)
        return NULL;
    n_runs = counts.n_copied - counts.n_copied_raw;
    lq_size_format(counts.n_copied_bytes, size);
    return lq_format("synced %zu %s (%s) to '%s'", n_runs, n_runs == 1 ? "run" : "runs", size,
                     lq_sync_plan_destination(plan));
}

static void say_done(void *ctx, const struct lq_sync_plan *plan, enum lq_status status,
                     const struct lq_error *problem)
{
    LQ_CLEANUP(lq_free) char *text = plan ? lq_auto_describe_sync(plan) : NULL;

    if (status != LQ_OK)
        lq_say("not synced: %s", problem->message);
    if (text)
        lq_say("%s", text);
}

static void sync_now(const struct lq_cli *cli, struct lq_store *store, const char *destination)
{
    const struct lq_sync_opts opts = lq_auto_opts(&cli->project.config);

    (void)!lq_auto_sync(store, destination, &opts, true, say_done, NULL, NULL);
}

/* ---- starting the worker ---- */

/*
 * What the worker's environment leaves out, and what of it the worker is told in another way: anyone
 * who may look at the process sees its environment, and what a pipe brought only it knows.
 */
static bool is_kept_secret(const char *variable)
{
    LQ_CLEANUP(lq_free) char *name = lq_strndup(variable, strcspn(variable, "="));

    return strncmp(name, "AWS_", 4) == 0 || lq_redact_is_secret_name(name);
}

static char **make_environment(void)
{
    char **kept;
    size_t count = 0, n = 0;

    while (environ && environ[count])
        count++;
    kept = lq_alloc((count + 1) * sizeof *kept);
    for (size_t i = 0; i < count; i++)
        if (!is_kept_secret(environ[i]))
            kept[n++] = environ[i];
    return kept;
}

/* A process that was started, or is about to be. */
struct lq_auto_start {
    char *root, *log, *destination;
    char **environment;
    int input, wake; /* the ends of a pipe; the process begins when `wake` is closed */
    pthread_t thread;
    bool starting; /* the thread is to be waited for */
    int failure;   /* of starting: an errno */
};

/* The AWS_ variables, which the process needs for a remote destination only; what does not fit into one
 * write is too much for a credential. */
static void write_credentials(const struct lq_auto_start *start)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = { .max = PIPE_BUF };

    if (!strstr(start->destination, "://"))
        return;
    for (char **variable = environ; variable && *variable; variable++)
        if (strncmp(*variable, "AWS_", 4) == 0)
            lq_buf_add(&text, *variable, strlen(*variable) + 1);
    if (!text.overflow && text.len > 0 && write(start->wake, text.data, text.len) < 0)
        return; /* the sync will say that it has no credentials */
}

static void add_actions(posix_spawn_file_actions_t *actions, int input, const char *log)
{
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log,
                                     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0666);
    posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(actions, "/");
}

/* A session of its own, and signals as a program expects them: nothing that ends the run's terminal
 * or group ends the worker. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    static const int defaults[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGCHLD };
    sigset_t set;

    posix_spawnattr_init(attributes);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(attributes, &set);
    for (size_t i = 0; i < LQ_COUNT(defaults); i++)
        sigaddset(&set, defaults[i]);
    posix_spawnattr_setsigdefault(attributes, &set);
}

static void *spawn(void *ctx)
{
    struct lq_auto_start *start = ctx;
    char *const words[] = { (char[]){ "lq" }, (char[]){ LQ_WORKER_NAME }, (char[]){ "--" },
                            start->root,      start->destination,         NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;

    add_actions(&actions, start->input, start->log);
    set_attributes(&attributes);
    start->failure =
        posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, words, start->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return NULL;
}

/* Start it on a thread: this one has a run to write. Takes `destination` over. */
static struct lq_auto_start *start_worker(const struct lq_cli *cli, char *destination)
{
    struct lq_auto_start *start = lq_alloc(sizeof *start);
    int ends[2];

    *start = (struct lq_auto_start){
        .root = lq_strdup(cli->project.root),
        .log = lq_path_join(cli->project.lq_dir, "sync.log"),
        .environment = make_environment(),
        .input = -1,
        .wake = -1,
    };
    start->destination = destination;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        start->failure = errno;
        return start;
    }
    start->input = ends[0];
    start->wake = ends[1];
    write_credentials(start);
    start->starting = pthread_create(&start->thread, NULL, spawn, start) == 0;
    if (!start->starting)
        spawn(start);
    return start;
}

/* Until the process is there, or cannot be. */
static void join(struct lq_auto_start *start)
{
    if (start->starting)
        pthread_join(start->thread, NULL);
    start->starting = false;
}

void lq_auto_release(struct lq_auto_start **out)
{
    struct lq_auto_start *start = *out;

    if (!start)
        return;
    join(start);
    lq_close(&start->input);
    lq_close(&start->wake);
    free(start->root);
    free(start->log);
    free(start->destination);
    free(start->environment);
    lq_free(out);
}

/* Twenty runs in a row need one worker: that which is at it sees them all. */
static bool wants_worker(const struct lq_cli *cli, struct lq_store *store, const char *destination)
{
    return lq_auto_check(store, destination, is_from_config(cli), NULL) == LQ_OK &&
           !lq_auto_is_running(&cli->project);
}

void lq_auto_before_run(struct lq_cli *cli, struct lq_store *store)
{
    LQ_CLEANUP(lq_free) char *destination = NULL;

    lq_auto_release(&cli->sync); /* of the run before, in a server */
    if (mode_of(cli) != LQ_AUTO_ON)
        return;
    destination = destination_of(cli);
    if (wants_worker(cli, store, destination))
        cli->sync = start_worker(cli, LQ_TAKE(destination));
}

/* One that was at work when the run began to be written may have looked for the last time. */
static void sync_later(struct lq_cli *cli, struct lq_store *store, const char *destination)
{
    struct lq_error problem = { 0 };

    if (!cli->sync && !lq_auto_is_running(&cli->project))
        cli->sync = start_worker(cli, lq_strdup(destination));
    if (!cli->sync)
        return;
    join(cli->sync);
    if (!cli->sync->failure)
        return;
    (void)!lq_error_errno(&problem, cli->sync->failure, "cannot start the sync of sync.auto");
    (void)!lq_auto_note(store, destination, lq_time_now(), problem.message, NULL);
}

void lq_auto_after_run(struct lq_cli *cli, struct lq_store *store)
{
    const enum lq_auto mode = mode_of(cli);
    LQ_CLEANUP(lq_free) char *destination = NULL;
    struct lq_error problem = { 0 };

    if (mode == LQ_AUTO_OFF)
        return;
    destination = destination_of(cli);
    if (!cli->sync && lq_auto_check(store, destination, is_from_config(cli), &problem) != LQ_OK) {
        /* In the background it shows up in lq status. */
        if (mode == LQ_AUTO_WAIT)
            lq_say("not synced: %s", problem.message);
    } else if (mode == LQ_AUTO_WAIT) {
        sync_now(cli, store, destination);
    } else {
        sync_later(cli, store, destination);
    }
}

/* ---- how it went ---- */

char *lq_auto_describe_problem(const struct lq_cli *cli, struct lq_store *store)
{
    LQ_CLEANUP(lq_free) char *destination = destination_of(cli);
    LQ_CLEANUP(lq_free) char *problem = NULL;
    struct lq_error reason = { 0 };
    int64_t when;
    char time[28];

    if (lq_auto_check(store, destination, is_from_config(cli), &reason) != LQ_OK)
        return lq_strdup(reason.message);
    if (lq_auto_problem(store, destination, &problem, &when, NULL) != LQ_OK || !problem)
        return NULL;
    lq_time_rfc3339(when, time);
    return lq_format("the sync of %.10s %.5s UTC failed: %s ('lq sync' tries again)", time,
                     time + 11, problem);
}

void lq_auto_say_problem(struct lq_cli *cli)
{
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_free) char *problem = NULL;

    if (!cli->has_project || mode_of(cli) == LQ_AUTO_OFF ||
        access(cli->project.lq_dir, W_OK) != 0 ||
        lq_store_open(&store, &cli->project, NULL) != LQ_OK)
        return;
    problem = lq_auto_describe_problem(cli, store);
    if (problem)
        lq_say("%s", problem);
}
