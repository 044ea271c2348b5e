/* SPDX-License-Identifier: MIT */
/*
 * The pseudo terminal that a command gets when our standard output is a terminal, as the
 * controlling terminal of a session of its own.
 *
 * It works in line mode (EXTPROC): our terminal goes on echoing and editing what is typed, and lq
 * passes finished lines on, so that neither echo nor line editing ends up in the log, and our
 * terminal keeps its settings. Where the command changes the settings of its own (no echo for a
 * password, key by key for a pager), ours follows at once, and is put back afterwards.
 *
 * A line is passed on once the command has read the one before: typed ahead, the rest stays with our
 * terminal, for the command or for whoever comes after it.
 */
#ifndef LQ_CAPTURE_TERMINAL_H
#define LQ_CAPTURE_TERMINAL_H

#include "base/base.h"
#include <poll.h>
#include <stdatomic.h>
#include <termios.h>

enum { LQ_TERMINAL_POLLS = 2 };

struct lq_terminal {
    int fd;         /* lq's side, non-blocking, in packet mode: a read begins with a status byte */
    char path[64];  /* of the command's side */
    int keyboard;   /* our terminal, for reading */
    bool own_stdin; /* standard input is a terminal: the command's is the pseudo terminal then */
    atomic_bool lent;             /* our terminal has the command's settings */
    struct termios ours, initial; /* our terminal's, and the pseudo terminal's, at the start */
    char typed[4096];             /* not yet taken by the pseudo terminal */
    size_t n_typed;
    bool unread; /* the command may not have read what it got */
};

#define LQ_TERMINAL_INIT { .fd = -1 }

/*
 * Make one with the size and settings of standard output's terminal, but for output processing:
 * the command's bytes arrive as they are, and our terminal does to them what it always does.
 *   child_fd  out, the command's side, not our controlling terminal; the caller's
 * LQ_IO.
 */
LQ_CHECK enum lq_status lq_terminal_open(struct lq_terminal *terminal, int *child_fd,
                                         struct lq_error *err);

/* Take over the size of our terminal. */
void lq_terminal_resize(const struct lq_terminal *terminal);

/* Bring our terminal's settings in line with the command's; to be called after each read. Cheap
 * when there is nothing to do; does nothing while lq is in the background. */
void lq_terminal_follow(struct lq_terminal *terminal);

/* Our terminal as it was. */
void lq_terminal_restore(struct lq_terminal *terminal);

/* Pass typing on: fill `polls` with what to wait for, then hand the answers to lq_terminal_type().
 * Returns the longest useful wait in milliseconds (-1: none): nothing tells lq that it came to the
 * foreground, or that a line was read. Without standard input from a terminal (a | lq run b) keys are the command's only
 * while it asks for them by changed settings: the rest of the pipeline may be asking too. */
int lq_terminal_poll(struct lq_terminal *terminal, struct pollfd polls[LQ_TERMINAL_POLLS]);
void lq_terminal_type(struct lq_terminal *terminal, const struct pollfd polls[LQ_TERMINAL_POLLS]);

/* Close `fd`. */
void lq_terminal_close(struct lq_terminal *terminal);

#endif
