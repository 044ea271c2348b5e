/* SPDX-License-Identifier: MIT */
/*
 * Signals while a command runs: those that ask lq to stop or tell of a resized window become
 * readable notes instead of ending lq, and the command's processes can be signalled as a whole.
 */
#ifndef LQ_CAPTURE_SIGNALS_H
#define LQ_CAPTURE_SIGNALS_H

#include "base/base.h"
#include <signal.h>
#include <sys/types.h>

enum { LQ_N_CAUGHT = 7 };

struct lq_signals {
    int fd; /* readable when a note waits */
    int write_fd;
    struct sigaction before[LQ_N_CAUGHT];
};

#define LQ_SIGNALS_INIT { .fd = -1, .write_fd = -1 }

struct lq_signal_note {
    int number;
    bool from_terminal; /* sent by the kernel to the whole foreground group: Ctrl-C, a hang-up */
};

/*
 * Catch SIGINT, SIGTERM, SIGHUP, SIGQUIT (unless they were ignored: nohup goes on working),
 * SIGWINCH and SIGTSTP, and set SIGCHLD to its default, without which an exit code would be lost.
 * The dispositions that a command inherits are as lq found them. One at a time per process.
 * LQ_IO.
 */
LQ_CHECK enum lq_status lq_signals_catch(struct lq_signals *signals, struct lq_error *err);
/* The next note; false when there is none now. */
bool lq_signals_next(const struct lq_signals *signals, struct lq_signal_note *note);
/* Stop as SIGTSTP would have stopped lq, until it is continued. */
void lq_signals_suspend(void);
/* Everything as it was before. Accepts what was never caught. */
void lq_signals_release(struct lq_signals *signals);

/* Send `number` to `root` and all its descendants (found in /proc; without /proc to `root`). */
void lq_signal_tree(pid_t root, int number);

/* Processes that are to end, held by descriptors: a number may be another's meanwhile. */
struct lq_held_processes {
    struct lq_held_process {
        pid_t pid, group;
        int fd;
    } *list;
    size_t count, capacity;
};

/* Hold all that descend from `root` now or are in its process group; not `root` itself. */
void lq_processes_hold(struct lq_held_processes *held, pid_t root);
/* Give those that still run until the monotonic time `deadline`, then SIGKILL them and what descends from
 * them. */
void lq_processes_end(const struct lq_held_processes *held, int64_t deadline);
void lq_processes_release(struct lq_held_processes *held);

#endif
