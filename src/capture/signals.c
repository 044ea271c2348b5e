/* SPDX-License-Identifier: MIT */
/* Turn signals into readable notes, and signal a tree of processes. */
#include "capture/signals.h"
#include "base/alloc.h"
#include "base/time.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <unistd.h>

static const int caught[LQ_N_CAUGHT] = {
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCHLD,
};

/* What the handler writes to; a handler has no argument of its own. */
static volatile sig_atomic_t note_fd = -1;

static void on_signal(int number, siginfo_t *info, void *context)
{
    const struct lq_signal_note note = { number, info->si_code == SI_KERNEL };
    const int saved = errno;

    /* A full pipe drops the note: thousands of the same are waiting then. */
    if (write(note_fd, &note, sizeof note) < 0)
        errno = saved;
    errno = saved;
}

static void catch_one(int number)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

enum lq_status lq_signals_catch(struct lq_signals *signals, struct lq_error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return lq_error_set(err, LQ_IO, "cannot make a pipe: %s", strerror(errno));
    signals->fd = ends[0];
    signals->write_fd = ends[1];
    note_fd = ends[1];
    for (size_t i = 0; i < LQ_N_CAUGHT; i++) {
        sigaction(caught[i], NULL, &signals->before[i]);
        if (caught[i] == SIGCHLD)
            signal(SIGCHLD, SIG_DFL);
        else if (signals->before[i].sa_handler != SIG_IGN)
            catch_one(caught[i]);
    }
    return LQ_OK;
}

bool lq_signals_next(const struct lq_signals *signals, struct lq_signal_note *note)
{
    ssize_t n;

    do
        n = read(signals->fd, note, sizeof *note);
    while (n < 0 && errno == EINTR);
    return n == sizeof *note;
}

void lq_signals_suspend(void)
{
    signal(SIGTSTP, SIG_DFL);
    kill(getpid(),
         SIGTSTP); /* returns once lq is continued, or at once when nobody could do that */
    catch_one(SIGTSTP);
}

void lq_signals_release(struct lq_signals *signals)
{
    if (signals->fd < 0)
        return;
    for (size_t i = 0; i < LQ_N_CAUGHT; i++)
        sigaction(caught[i], &signals->before[i], NULL);
    note_fd = -1;
    lq_close(&signals->fd);
    lq_close(&signals->write_fd);
}

struct process {
    pid_t pid, parent, group;
    bool wanted;
};

/* By /proc/PID/stat, "PID (name) state PPID PGRP …"; no parent when it is gone. */
static void read_process(const char *pid, struct process *process)
{
    LQ_CLEANUP(lq_free) char *path = lq_format("/proc/%s/stat", pid);
    LQ_CLEANUP(lq_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[512];
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    char *at;

    if (n <= 0)
        return;
    text[n] = '\0';
    at = strrchr(text, ')'); /* the name itself may hold any character */
    if (!at || strlen(at) <= 4)
        return;
    process->parent = (pid_t)strtol(at + 4, &at, 10);
    process->group = (pid_t)strtol(at, NULL, 10);
}

static struct process *list_processes(size_t *count)
{
    struct process *list = NULL;
    size_t capacity = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    *count = 0;
    while (proc && (entry = readdir(proc))) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 0)
            continue;
        LQ_GROW(list, *count, capacity);
        list[*count] = (struct process){ .pid = pid };
        read_process(entry->d_name, &list[(*count)++]);
    }
    if (proc)
        closedir(proc);
    return list;
}

/* Mark whoever descends from a marked one, until a round finds nobody new. */
static void mark_descendants(struct process *list, size_t count, pid_t root)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            bool wanted = list[i].parent == root;

            for (size_t k = 0; k < count && !wanted; k++)
                wanted = list[k].wanted && list[k].pid == list[i].parent;
            if (wanted && !list[i].wanted)
                list[i].wanted = found = true;
        }
    }
}

void lq_signal_tree(pid_t root, int number)
{
    size_t count;
    LQ_CLEANUP(lq_free) struct process *list = list_processes(&count);

    mark_descendants(list, count, root);
    kill(root, number);
    for (size_t i = 0; i < count; i++) {
        if (list[i].wanted)
            kill(list[i].pid, number);
    }
}

void lq_processes_hold(struct lq_held_processes *held, pid_t root)
{
    size_t count;
    LQ_CLEANUP(lq_free) struct process *list = list_processes(&count);

    mark_descendants(list, count, root);
    for (size_t i = 0; i < count; i++) {
        const struct process *process = &list[i];
        int fd;

        if (process->pid == root || (!process->wanted && process->group != root))
            continue;
        fd = pidfd_open(process->pid, 0);
        if (fd < 0)
            continue;
        LQ_GROW(held->list, held->count, held->capacity);
        held->list[held->count++] = (struct lq_held_process){ process->pid, process->group, fd };
    }
}

void lq_processes_end(const struct lq_held_processes *held, int64_t deadline)
{
    for (size_t i = 0; i < held->count; i++) {
        struct pollfd ended = { .fd = held->list[i].fd, .events = POLLIN };
        int64_t left;

        do {
            left = deadline - lq_time_monotonic();
        } while (poll(&ended, 1, left > 0 ? (int)(left / 1000) : 0) < 0);
        if (!ended.revents)
            lq_signal_tree(held->list[i].pid, SIGKILL);
    }
}

void lq_processes_release(struct lq_held_processes *held)
{
    for (size_t i = 0; i < held->count; i++)
        close(held->list[i].fd);
    lq_free(&held->list);
    *held = (struct lq_held_processes){ 0 };
}
