/* SPDX-License-Identifier: MIT */
/* Start the command, pass signals and window changes on, keep its deadline, collect its end. */
#include "base/alloc.h"
#include "base/time.h"
#include "capture/pump.h"
#include "capture/signals.h"
#include "capture/tee.h"
#include "capture/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 1024 * 1024, /* fewer switches between the command and lq */
    KILL_AFTER_MS = 5000,
    EXIT_TIMEOUT = 124,
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
};

/*
 * A running command, and which of its processes signals go to:
 * - on a pseudo terminal it leads a session, whose groups are signalled;
 * - with pipes and a controlling terminal (lq run make | less) it stays in lq's own process group:
 *   it may read the keyboard, Ctrl-C, Ctrl-Z and hang-ups reach it from the terminal as without lq,
 *   and `fg` and `bg` work. A signal sent to lq alone goes to the tree of its descendants, since
 *   the group holds others (a script, the rest of the pipeline);
 * - with neither (CI, services) it leads a group, which is signalled.
 */
struct command {
    pid_t pid;
    int pid_fd;
    bool leads_group;
    struct lq_terminal *terminal;    /* NULL: none */
    int64_t deadline;                /* monotonic, of the next step against it; 0: none */
    struct lq_held_processes others; /* that are to end with it, once the time is up */
};

/* What the command writes to, and what lq reads of it. */
struct plumbing {
    int child_out, child_err;
    struct lq_tee_stream streams[LQ_TEE_STREAMS];
    size_t n_streams;
    struct lq_terminal terminal; /* fd -1: none */
};

#define PLUMBING_INIT                                                                              \
    { .child_out = -1,                                                                             \
      .child_err = -1,                                                                             \
      .streams = { { .in = -1 }, { .in = -1 } },                                                   \
      .terminal = LQ_TERMINAL_INIT }

static void plumbing_release(struct plumbing *plumbing)
{
    if (plumbing->child_err != plumbing->child_out)
        lq_close(&plumbing->child_err);
    lq_close(&plumbing->child_out);
    for (size_t i = 0; i < LQ_TEE_STREAMS; i++)
        lq_close(&plumbing->streams[i].in);
    lq_terminal_close(&plumbing->terminal);
}

static enum lq_status add_pipe(struct plumbing *plumbing, int out, int *child_end,
                               struct lq_error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return lq_error_set(err, LQ_IO, "cannot make a pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES); /* refused when the user's quota is used up: fine */
    plumbing->streams[plumbing->n_streams++] = (struct lq_tee_stream){ .in = ends[0], .out = out };
    *child_end = ends[1];
    return LQ_OK;
}

static enum lq_status add_terminal(struct plumbing *plumbing, int out, struct lq_error *err)
{
    struct lq_tee_stream *stream = &plumbing->streams[plumbing->n_streams];

    LQ_TRY(lq_terminal_open(&plumbing->terminal, &plumbing->child_out, err));
    *stream = (struct lq_tee_stream){ .in = fcntl(plumbing->terminal.fd, F_DUPFD_CLOEXEC, 0),
                                      .out = out,
                                      .terminal = &plumbing->terminal };
    if (stream->in < 0)
        return lq_error_set(err, LQ_IO, "cannot make a pseudo terminal: %s", strerror(errno));
    plumbing->n_streams++;
    return LQ_OK;
}

/* Whether standard output and standard error lead to one place (2>&1, one terminal). */
static bool outputs_are_one(void)
{
    struct stat out, err;

    return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
           out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

static enum lq_status plumb(struct plumbing *plumbing, bool quiet, bool on_stderr,
                            struct lq_error *err)
{
    const int out = quiet ? -1 : on_stderr ? STDERR_FILENO : STDOUT_FILENO;

    /* What the caller then writes to standard output is for programs: no terminal there. */
    if (on_stderr) {
        LQ_TRY(add_pipe(plumbing, out, &plumbing->child_out, err));
        plumbing->child_err = plumbing->child_out;
        return LQ_OK;
    }
    if (isatty(STDOUT_FILENO))
        LQ_TRY(add_terminal(plumbing, out, err));
    else
        LQ_TRY(add_pipe(plumbing, out, &plumbing->child_out, err));
    if (outputs_are_one()) {
        plumbing->child_err = plumbing->child_out;
        return LQ_OK;
    }
    return add_pipe(plumbing, quiet ? -1 : STDERR_FILENO, &plumbing->child_err, err);
}

static bool has_controlling_terminal(void)
{
    LQ_CLEANUP(lq_close) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

    return fd >= 0;
}

/* A text file with execute permission but without "#!" is a shell script, as execvp(3) has it. */
static int spawn_script(pid_t *pid, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *argv)
{
    LQ_CLEANUP(lq_free) char *path = lq_find_executable(argv[0]);
    LQ_CLEANUP(lq_free) char **shell_argv = NULL;
    char shell[] = "/bin/sh";
    size_t n = 0;

    if (!path)
        return ENOEXEC;
    while (argv[n])
        n++;
    shell_argv = lq_alloc((n + 2) * sizeof *shell_argv);
    shell_argv[0] = shell;
    shell_argv[1] = path;
    for (size_t i = 1; i < n; i++)
        shell_argv[i + 1] = argv[i];
    return posix_spawn(pid, shell, actions, attributes, shell_argv, environ);
}

static enum lq_status spawn(struct command *command, const struct plumbing *plumbing,
                            char *const *argv, struct lq_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (command->terminal) {
        /* The first terminal that a new session's leader opens becomes its controlling one. */
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, command->terminal->path, O_RDWR,
                                         0);
        if (command->terminal->own_stdin)
            posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDIN_FILENO);
    } else {
        posix_spawn_file_actions_adddup2(&actions, plumbing->child_out, STDOUT_FILENO);
        if (command->leads_group)
            posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    }
    posix_spawn_file_actions_adddup2(
        &actions, plumbing->child_err == plumbing->child_out ? STDOUT_FILENO : plumbing->child_err,
        STDERR_FILENO);
    failure = posix_spawnp(&command->pid, argv[0], &actions, &attributes, argv, environ);
    if (failure == ENOEXEC)
        failure = spawn_script(&command->pid, &actions, &attributes, argv);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure)
        return lq_error_set(err, failure == ENOENT || failure == ENOTDIR ? LQ_NOT_FOUND : LQ_DENIED,
                            "cannot run '%s': %s", argv[0],
                            failure == ENOENT && !strchr(argv[0], '/') ? "command not found"
                                                                       : strerror(failure));
    /* Not yet waited for, so the number still is the command's. Without pidfds (Linux before 5.3)
     * collect() just waits, and there is no deadline. */
    command->pid_fd = pidfd_open(command->pid, 0);
    return LQ_OK;
}

static void signal_command(const struct command *command, int number)
{
    if (command->leads_group)
        kill(-command->pid, number);
    else
        lq_signal_tree(command->pid, number);
}

static void pass_window_size(const struct command *command)
{
    if (!command->terminal)
        return;
    lq_terminal_resize(command->terminal);
    /* The command may have heard of it from our terminal and asked before the new size was set. */
    signal_command(command, SIGWINCH);
}

/* Ctrl-Z: stop with the command. On a pseudo terminal nobody else would stop it, and since its
 * session has no shell, only SIGSTOP does. */
static void suspend(const struct command *command)
{
    if (command->terminal) {
        signal_command(command, SIGSTOP);
        lq_terminal_restore(command->terminal);
    }
    lq_signals_suspend();
    if (command->terminal) {
        lq_terminal_follow(command->terminal);
        signal_command(command, SIGCONT);
        pass_window_size(command); /* makes a full-screen program draw anew */
    }
}

/* A signal that asks lq to stop goes to the command, but once only: a second Ctrl-C could cost it
 * its clean-up. */
static void pass_on(const struct command *command, struct lq_signal_note note)
{
    if (command->terminal && note.from_terminal && note.number != SIGHUP)
        ioctl(command->terminal->fd, TIOCSIG, note.number); /* to who is in the foreground there */
    else if (command->leads_group || !note.from_terminal)
        signal_command(command, note.number);
}

static void pass_signals(const struct lq_signals *signals, const struct command *command,
                         struct lq_capture_result *result)
{
    struct lq_signal_note note;

    while (lq_signals_next(signals, &note)) {
        if (note.number == SIGWINCH) {
            pass_window_size(command);
        } else if (note.number == SIGTSTP) {
            suspend(command);
        } else {
            result->interrupted = true;
            pass_on(command, note);
        }
    }
}

/* What the command started in process groups of their own, which its group's signals do not reach. */
static void signal_strays(const struct command *command, int number)
{
    for (size_t i = 0; command->leads_group && i < command->others.count; i++) {
        if (command->others.list[i].group != command->pid)
            kill(command->others.list[i].pid, number);
    }
}

static void enforce_deadline(struct command *command, struct lq_capture_result *result)
{
    if (result->timed_out) {
        signal_command(command, SIGKILL);
        command->deadline = 0;
        return;
    }
    result->timed_out = true;
    lq_processes_hold(&command->others, command->pid);
    signal_command(command, SIGTERM);
    signal_command(command, SIGCONT); /* a stopped process takes signals only when it goes on */
    signal_strays(command, SIGTERM);
    signal_strays(command, SIGCONT);
    command->deadline = lq_time_monotonic() + KILL_AFTER_MS * INT64_C(1000);
}

/* Milliseconds until `deadline`, rounded up, for poll. */
static int ms_until(int64_t deadline)
{
    const int64_t left = deadline - lq_time_monotonic();

    if (deadline == 0)
        return -1;
    if (left <= 0)
        return 0;
    return left / 1000 < INT32_MAX ? (int)((left + 999) / 1000) : INT32_MAX;
}

/* Wait for the command to end, and look after it meanwhile. */
static void attend(struct command *command, const struct lq_signals *signals,
                   struct lq_capture_result *result)
{
    struct pollfd fds[2 + LQ_TERMINAL_POLLS] = {
        { .fd = command->pid_fd, .events = POLLIN },
        { .fd = signals->fd, .events = POLLIN },
        { .fd = -1 },
        { .fd = -1 },
    };

    while (command->pid_fd >= 0 && !fds[0].revents) {
        int wait_ms = ms_until(command->deadline);

        if (command->terminal) {
            const int recheck_ms = lq_terminal_poll(command->terminal, fds + 2);

            if (wait_ms < 0 || (recheck_ms >= 0 && recheck_ms < wait_ms))
                wait_ms = recheck_ms;
        }
        if (poll(fds, LQ_COUNT(fds), wait_ms) < 0) {
            fds[0].revents = 0; /* EINTR leaves them as they were */
            continue;
        }
        if (command->deadline && lq_time_monotonic() >= command->deadline && !fds[0].revents)
            enforce_deadline(command, result);
        if (fds[1].revents)
            pass_signals(signals, command, result);
        if (command->terminal)
            lq_terminal_type(command->terminal, fds + 2);
    }
}

static void collect(const struct command *command, struct lq_capture_result *result)
{
    siginfo_t info = { 0 };

    while (waitid(P_PID, (id_t)command->pid, &info, WEXITED) != 0 && errno == EINTR)
        continue;
    if (info.si_code == CLD_EXITED) {
        result->exit_code = info.si_status;
    } else {
        result->signal = info.si_status;
        result->exit_code = 128 + info.si_status;
    }
    if (result->timed_out)
        result->exit_code = EXIT_TIMEOUT;
}

/* Wait until the tee has read everything; signals ask it to be quick. */
static void await_tee(struct lq_tee *tee, const struct lq_signals *signals,
                      struct lq_capture_result *result)
{
    struct pollfd fds[] = {
        { .fd = lq_tee_done_fd(tee), .events = POLLIN },
        { .fd = signals->fd, .events = POLLIN },
    };
    struct lq_signal_note note;

    while (!fds[0].revents) {
        if (poll(fds, LQ_COUNT(fds), -1) < 0) {
            fds[0].revents = 0;
            continue;
        }
        while (lq_signals_next(signals, &note)) {
            if (note.number == SIGTSTP) {
                lq_signals_suspend();
            } else if (note.number != SIGWINCH) {
                result->interrupted = true;
                lq_tee_end(tee);
            }
        }
    }
}

/* The first failure of several counts; the later ones are mostly its consequences. */
static enum lq_status first_failure(enum lq_status first, enum lq_status later,
                                    const struct lq_error *later_err, struct lq_error *err)
{
    if (first != LQ_OK || later == LQ_OK)
        return first;
    if (err)
        *err = *later_err;
    return later;
}

static int64_t begin(struct lq_capture_result *result)
{
    result->started_at = lq_time_now();
    return lq_time_monotonic();
}

static void end(struct lq_capture_result *result, int64_t began)
{
    const int64_t duration = lq_time_monotonic() - began;

    /* Not read from the wall clock again: that may have been set meanwhile. */
    result->completed_at = result->started_at + duration;
    result->duration_sec = (double)duration / LQ_US_PER_SECOND;
}

/* Start the command and see it to its end, with the pump already running. */
static enum lq_status run(const struct lq_capture_opts *opts, struct lq_pump *pump,
                          struct lq_signals *signals, struct lq_capture_result *result,
                          struct lq_error *err)
{
    LQ_CLEANUP(plumbing_release) struct plumbing plumbing = PLUMBING_INIT;
    LQ_CLEANUP(lq_close) int pid_fd = -1;
    struct command command = { .pid_fd = -1 };
    struct lq_tee *tee = NULL;
    enum lq_status status;
    int64_t began;

    LQ_TRY(plumb(&plumbing, opts->quiet, opts->on_stderr, err));
    command.leads_group = plumbing.terminal.fd >= 0 || !has_controlling_terminal();
    command.terminal = plumbing.terminal.fd >= 0 ? &plumbing.terminal : NULL;
    began = begin(result);
    status = spawn(&command, &plumbing, opts->argv, err);
    pid_fd = command.pid_fd;
    if (status != LQ_OK) {
        end(result, began);
        result->exit_code = status == LQ_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
        return status;
    }
    result->started = true;
    if (opts->timeout_ms > 0)
        command.deadline = began + opts->timeout_ms * 1000;
    if (plumbing.child_err != plumbing.child_out)
        lq_close(&plumbing.child_err);
    plumbing.child_err = -1;
    lq_close(&plumbing.child_out);
    status = lq_tee_start(&tee, plumbing.streams, plumbing.n_streams, pump, err);
    for (size_t i = 0; i < plumbing.n_streams; i++)
        plumbing.streams[i].in = -1; /* the tee's now */
    attend(&command, signals, result);
    lq_processes_end(&command.others, command.deadline);
    lq_processes_release(&command.others);
    collect(&command, result); /* without a pidfd it is this that waits */
    end(result, began);
    if (status != LQ_OK)
        return status;
    lq_tee_end(tee);
    await_tee(tee, signals, result);
    return lq_tee_finish(&tee, err);
}

enum lq_status lq_capture_command(const struct lq_capture_opts *opts, const struct lq_sink *sinks,
                                  size_t n_sinks, struct lq_capture_result *result,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_signals_release) struct lq_signals signals = LQ_SIGNALS_INIT;
    struct lq_error pump_err = { 0 };
    struct lq_pump *pump = NULL;
    enum lq_status status, pump_status;

    *result = (struct lq_capture_result){ 0 };
    LQ_TRY(lq_signals_catch(&signals, err));
    LQ_TRY(lq_pump_start(&pump, sinks, n_sinks, err));
    status = run(opts, pump, &signals, result, err);
    pump_status = lq_pump_finish(&pump, &result->n_bytes, &pump_err);
    return first_failure(status, pump_status, &pump_err, err);
}

/* As run(), for a stream that somebody else fills. */
static enum lq_status follow(int fd, bool echo, struct lq_pump *pump,
                             const struct lq_signals *signals, struct lq_capture_result *result,
                             struct lq_error *err)
{
    const struct lq_tee_stream stream = { .in = fcntl(fd, F_DUPFD_CLOEXEC, 0),
                                          .out = echo ? STDOUT_FILENO : -1 };
    struct lq_tee *tee = NULL;
    const int64_t began = begin(result);

    if (stream.in < 0)
        return lq_error_set(err, LQ_IO, "cannot read the log: %s", strerror(errno));
    fcntl(stream.in, F_SETPIPE_SZ, PIPE_BYTES); /* only pipes take it */
    LQ_TRY(lq_tee_start(&tee, &stream, 1, pump, err));
    await_tee(tee, signals, result);
    end(result, began);
    return lq_tee_finish(&tee, err);
}

enum lq_status lq_capture_fd(int fd, bool echo, const struct lq_sink *sinks, size_t n_sinks,
                             struct lq_capture_result *result, struct lq_error *err)
{
    LQ_CLEANUP(lq_signals_release) struct lq_signals signals = LQ_SIGNALS_INIT;
    struct lq_error pump_err = { 0 };
    struct lq_pump *pump = NULL;
    enum lq_status status, pump_status;

    *result = (struct lq_capture_result){ .started = true };
    LQ_TRY(lq_signals_catch(&signals, err));
    LQ_TRY(lq_pump_start(&pump, sinks, n_sinks, err));
    status = follow(fd, echo, pump, &signals, result, err);
    pump_status = lq_pump_finish(&pump, &result->n_bytes, &pump_err);
    return first_failure(status, pump_status, &pump_err, err);
}
