/* SPDX-License-Identifier: MIT */
/* lq watch: run a command again whenever the project's files change. */
#include "base/time.h"
#include "cli/cli.h"
#include "cli/watch.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/commands.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    QUIET_MS = 200,    /* a change is complete when nothing followed it for so long */
    QUIET_FACTOR = 10, /* or, where changes do not end, after so many times that */
    /* Changes made while the command runs lead to another run, but not for ever: they may be its own. */
    MAX_OWN_RUNS = 2,
};

struct watch_args {
    const char *name;
    int64_t debounce_ms;
    bool quiet;
    char *const *words;
};

static const struct lq_opt watch_opts[] = {
    LQ_OPT(struct watch_args, name, 'n', "name", "NAME", "list the runs as NAME"),
    LQ_OPT(struct watch_args, quiet, 'q', "quiet", NULL, "do not show the command's output"),
    LQ_OPT(struct watch_args, debounce_ms, 0, "debounce", "MS",
           "wait until nothing has changed for so long (200)"),
    LQ_ARG(struct watch_args, words, "command",
           "as for lq run; without one, the registered build, else test, else the only one"),
    LQ_OPT_END,
};

struct session {
    const struct watch_args *args;
    char *const *words;
    struct lq_watch *watch;
    int signal_fd;
    sigset_t mask_before;
    bool stopped;
    struct lq_changes made; /* what the command itself changes, each time it runs */
};

static void session_release(struct session *session)
{
    lq_watch_free(&session->watch);
    lq_close(&session->signal_fd);
    lq_changes_release(&session->made);
}

/* ---- signals ---- */

static enum lq_status catch_signals(struct session *session, struct lq_error *err)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < LQ_COUNT(numbers); i++)
        sigaddset(&mask, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &mask, &session->mask_before);
    session->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return session->signal_fd < 0 ? lq_error_errno(err, errno, "cannot wait for signals") : LQ_OK;
}

/* Whoever stops lq stops the run; from the terminal it has the signal already. */
static void take_signals(struct session *session, pid_t child)
{
    struct signalfd_siginfo info;

    while (read(session->signal_fd, &info, sizeof info) == sizeof info) {
        session->stopped = true;
        if (child > 0 && info.ssi_code != SI_KERNEL)
            kill(child, (int)info.ssi_signo);
    }
}

/* ---- one run ---- */

/* `lq run`, as a process of its own: it ends like any other, and what it holds goes with it. */
static enum lq_status start_run(const struct session *session, pid_t *pid, struct lq_error *err)
{
    static char lq[] = "lq", run[] = "run", quiet[] = "-q", name[] = "-n", end[] = "--";
    LQ_CLEANUP(lq_free) char **argv = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    size_t n = 0, n_words = 0;
    int failure;

    while (session->words[n_words])
        n_words++;
    argv = lq_alloc((n_words + 7) * sizeof *argv);
    argv[n++] = lq;
    argv[n++] = run;
    if (session->args->quiet)
        argv[n++] = quiet;
    if (session->args->name) {
        argv[n++] = name;
        argv[n++] = (char *)session->args->name;
    }
    argv[n++] = end;
    memcpy(argv + n, session->words, n_words * sizeof *argv);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &session->mask_before);
    /* The keyboard is lq watch's, whose Ctrl-C ends more than the run. */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failure = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure ? lq_error_errno(err, failure, "cannot start lq run") : LQ_OK;
}

/* Run the command to its end; what changes meanwhile goes to `changes`. */
static enum lq_status run_once(struct session *session, struct lq_changes *changes,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int pid_fd = -1;
    struct pollfd fds[3];
    enum lq_status status = LQ_OK;
    pid_t pid;

    LQ_TRY(start_run(session, &pid, err));
    pid_fd = pidfd_open(pid, 0);
    fds[0] = (struct pollfd){ .fd = pid_fd, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = session->signal_fd, .events = POLLIN };
    fds[2] = (struct pollfd){ .fd = lq_watch_fd(session->watch), .events = POLLIN };
    while (pid_fd >= 0 && !fds[0].revents) {
        if (poll(fds, LQ_COUNT(fds), -1) < 0) {
            fds[0].revents = 0;
            continue;
        }
        take_signals(session, pid);
        if (status == LQ_OK && fds[2].revents)
            status = lq_watch_collect(session->watch, changes, err);
        fds[2].fd = status == LQ_OK ? fds[2].fd : -1; /* the run still comes to its end */
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return status == LQ_OK ? lq_watch_collect(session->watch, changes, err) : status;
}

/* ---- waiting ---- */

/* Wait up to `timeout_ms` (-1: for ever) for something; `*changed` says whether files changed. */
static enum lq_status wait_once(struct session *session, int timeout_ms, struct lq_changes *changes,
                                bool *changed, struct lq_error *err)
{
    struct pollfd fds[] = {
        { .fd = session->signal_fd, .events = POLLIN },
        { .fd = lq_watch_fd(session->watch), .events = POLLIN },
    };

    *changed = poll(fds, LQ_COUNT(fds), timeout_ms) > 0 && fds[1].revents;
    take_signals(session, 0);
    return *changed ? lq_watch_collect(session->watch, changes, err) : LQ_OK;
}

/* A change is under way: wait until it is complete. */
static enum lq_status await_quiet(struct session *session, struct lq_changes *changes,
                                  struct lq_error *err)
{
    const int quiet_ms = (int)session->args->debounce_ms;
    const int64_t latest = lq_time_monotonic() + (int64_t)quiet_ms * QUIET_FACTOR * 1000;
    bool changed = true;

    while (changed && !session->stopped && lq_time_monotonic() < latest)
        LQ_TRY(wait_once(session, quiet_ms, changes, &changed, err));
    return LQ_OK;
}

static enum lq_status await_change(struct session *session, struct lq_changes *changes,
                                   struct lq_error *err)
{
    bool changed;

    while (changes->count == 0 && !session->stopped) {
        LQ_TRY(wait_once(session, -1, changes, &changed, err));
        if (changes->count > 0)
            LQ_TRY(await_quiet(session, changes, err));
        lq_watch_settle(session->watch, changes);
    }
    return LQ_OK;
}

static void say_changes(const struct lq_changes *changes)
{
    const char *first = changes->list[0].path;

    if (changes->count == 1)
        lq_say("changed: %s", first);
    else
        lq_say("changed: %s and %zu more", first, changes->count - 1);
}

/*
 * What changed while the command ran: `changes` is left with what calls for another run. `common` are
 * the paths that changed in each run since the last change from outside; after `n_own` runs of that
 * kind they are taken for the command's own work.
 */
static void judge_changes(struct session *session, struct lq_changes *changes,
                          struct lq_changes *common, int n_own)
{
    lq_watch_settle(session->watch, changes);
    lq_changes_reduce(changes, &session->made, false);
    if (n_own == 0) {
        lq_changes_release(common);
        for (size_t i = 0; i < changes->count; i++)
            lq_changes_add(common, &changes->list[i]);
    } else {
        lq_changes_reduce(common, changes, true);
    }
    if (n_own < MAX_OWN_RUNS || changes->count == 0)
        return;
    lq_say("the command changes %s itself: waiting for another change (git could ignore it)",
           changes->list[0].path);
    lq_changes_move(&session->made, common);
    lq_watch_settle(session->watch, &session->made);
    lq_changes_release(changes);
}

static enum lq_status watch_loop(struct session *session, struct lq_error *err)
{
    LQ_CLEANUP(lq_changes_release) struct lq_changes changes = { 0 }, common = { 0 };
    int n_own = 0; /* runs in a row for changes made while the one before ran */

    for (;;) {
        lq_changes_release(&changes);
        LQ_TRY(run_once(session, &changes, err));
        if (session->stopped)
            return LQ_OK;
        judge_changes(session, &changes, &common, n_own);
        n_own = changes.count > 0 ? n_own + 1 : 0;
        if (changes.count > 0) {
            LQ_TRY(await_quiet(session, &changes, err));
            lq_watch_settle(session->watch, &changes);
        }
        if (changes.count == 0 && !session->stopped)
            lq_say("waiting for changes");
        LQ_TRY(await_change(session, &changes, err));
        if (session->stopped)
            return LQ_OK;
        say_changes(&changes);
    }
}

/* ---- the command ---- */

/* What to run when the command line does not say; borrowed from `commands`. */
static enum lq_status choose_name(const struct lq_commands *commands, char **name,
                                  struct lq_error *err)
{
    static const char *const usual[] = { "build", "test" };
    const struct lq_registered *found = commands->count == 1 ? &commands->list[0] : NULL;

    for (size_t i = 0; i < LQ_COUNT(usual) && !found; i++)
        found = lq_commands_find(commands, usual[i]);
    if (!found)
        return lq_error_set(err, LQ_USAGE,
                            "lq watch needs a command: neither build nor test is registered");
    *name = found->name;
    return LQ_OK;
}

static enum lq_status watch_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    struct watch_args args = *(const struct watch_args *)argp;
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(session_release) struct session session = { .args = &args, .signal_fd = -1 };
    char *chosen[2] = { NULL, NULL };

    if (args.debounce_ms > 60000)
        return lq_error_set(err, LQ_USAGE, "--debounce is at most 60000");
    args.debounce_ms = args.debounce_ms ? args.debounce_ms : QUIET_MS;
    session.words = args.words ? args.words : chosen;
    if (!args.words) {
        LQ_TRY(lq_commands_read(&commands, &cli->project, err));
        LQ_TRY(choose_name(&commands, &chosen[0], err));
    }
    LQ_TRY(catch_signals(&session, err));
    LQ_TRY(lq_watch_open(&session.watch, cli->project.root, err));
    lq_say("watching '%s' (%zu folder%s); Ctrl-C ends", cli->project.root,
           lq_watch_folder_count(session.watch),
           lq_watch_folder_count(session.watch) == 1 ? "" : "s");
    return watch_loop(&session, err);
}

const struct lq_command lq_cmd_watch = {
    .name = "watch",
    .summary = "run a command again whenever the project's files change",
    .needs = LQ_NEEDS_PROJECT,
    .opts = watch_opts,
    .args_size = sizeof(struct watch_args),
    .main = watch_main,
};
