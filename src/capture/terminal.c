/* SPDX-License-Identifier: MIT */
/* The command's pseudo terminal in line mode, and our terminal following it. */
#include "capture/terminal.h"
#include "base/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BACKGROUND_MS = 500, UNREAD_MS = 20 };

static int open_pair(struct lq_terminal *terminal, int *child_fd)
{
    terminal->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (terminal->fd < 0 || grantpt(terminal->fd) != 0 || unlockpt(terminal->fd) != 0 ||
        (errno = ptsname_r(terminal->fd, terminal->path, sizeof terminal->path)) != 0)
        return -1;
    *child_fd = open(terminal->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return *child_fd < 0 ? -1 : 0;
}

enum lq_status lq_terminal_open(struct lq_terminal *terminal, int *child_fd, struct lq_error *err)
{
    int on = 1;

    if (open_pair(terminal, child_fd) != 0 || tcgetattr(STDOUT_FILENO, &terminal->ours) != 0) {
        const int failure = errno;

        lq_close(&terminal->fd);
        lq_close(child_fd);
        return lq_error_set(err, LQ_IO, "cannot make a pseudo terminal: %s", strerror(failure));
    }
    terminal->own_stdin = isatty(STDIN_FILENO);
    terminal->keyboard = terminal->own_stdin ? STDIN_FILENO : STDOUT_FILENO;
    terminal->initial = terminal->ours;
    terminal->initial.c_oflag &= ~(tcflag_t)OPOST;
    terminal->initial.c_lflag |= EXTPROC;
    tcsetattr(*child_fd, TCSANOW, &terminal->initial);
    tcgetattr(*child_fd, &terminal->initial);
    /* With EXTPROC, a change of settings is a packet of its own and none is missed. */
    ioctl(terminal->fd, TIOCPKT, &on);
    lq_terminal_resize(terminal);
    return LQ_OK;
}

void lq_terminal_resize(const struct lq_terminal *terminal)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(terminal->fd, TIOCSWINSZ, &size);
}

/* Whether lq may read and set the terminal `fd`. One that controls nobody here has no background. */
static bool is_foreground(int fd)
{
    const pid_t group = tcgetpgrp(fd);

    return group < 0 || group == getpgrp();
}

static bool same_input(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag &&
           (a->c_lflag & ~(tcflag_t)EXTPROC) == (b->c_lflag & ~(tcflag_t)EXTPROC) &&
           memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

void lq_terminal_follow(struct lq_terminal *terminal)
{
    struct termios theirs, wanted, present;

    if (tcgetattr(terminal->fd, &theirs) != 0)
        return;
    if (same_input(&theirs, &terminal->initial)) {
        lq_terminal_restore(terminal);
        return;
    }
    wanted = terminal->ours;
    wanted.c_iflag = theirs.c_iflag;
    wanted.c_lflag = theirs.c_lflag & ~(tcflag_t)EXTPROC;
    memcpy(wanted.c_cc, theirs.c_cc, sizeof wanted.c_cc);
    /* A full-screen program clears this one to move the cursor by plain line feeds. */
    if (!(theirs.c_oflag & ONLCR))
        wanted.c_oflag &= ~(tcflag_t)ONLCR;
    /* Compared with what is there, since a shell resets the terminal while a job is stopped. */
    if (!is_foreground(STDOUT_FILENO) || tcgetattr(STDOUT_FILENO, &present) != 0 ||
        (same_input(&present, &wanted) && present.c_oflag == wanted.c_oflag))
        return;
    if (tcsetattr(STDOUT_FILENO, TCSADRAIN, &wanted) == 0)
        terminal->lent = true;
}

void lq_terminal_restore(struct lq_terminal *terminal)
{
    if (terminal->lent && is_foreground(STDOUT_FILENO) &&
        tcsetattr(STDOUT_FILENO, TCSADRAIN, &terminal->ours) == 0)
        terminal->lent = false;
}

/* Whether the command has yet to read a line that it got. Programs that read key by key get keys
 * without waiting. Asked of the command's side, which stays closed otherwise: lq would not see the
 * end of the output. */
static bool has_unread_line(const struct lq_terminal *terminal)
{
    LQ_CLEANUP(lq_close) int fd = open(terminal->path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    struct pollfd waiting = { .fd = fd, .events = POLLIN };
    struct termios settings;

    /* poll, since FIONREAD does not count what is still on its way from lq's side. */
    return fd >= 0 && tcgetattr(fd, &settings) == 0 && (settings.c_lflag & ICANON) &&
           poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN);
}

int lq_terminal_poll(struct lq_terminal *terminal, struct pollfd polls[LQ_TERMINAL_POLLS])
{
    const bool wanted = terminal->own_stdin || terminal->lent;
    bool may_read = wanted && terminal->n_typed == 0 && is_foreground(terminal->keyboard);

    polls[1] = (struct pollfd){ .fd = terminal->n_typed ? terminal->fd : -1, .events = POLLOUT };
    terminal->unread = terminal->unread && has_unread_line(terminal);
    if (terminal->unread)
        may_read = false;
    polls[0] = (struct pollfd){ .fd = may_read ? terminal->keyboard : -1, .events = POLLIN };
    if (terminal->unread)
        return UNREAD_MS;
    return may_read || terminal->n_typed || !terminal->own_stdin ? -1 : BACKGROUND_MS;
}

/* Read what was typed. Nothing means end of file (Ctrl-D), which the pseudo terminal is told by
 * its character for that. */
static void read_keys(struct lq_terminal *terminal, bool hung_up)
{
    struct termios settings;
    const ssize_t n = read(terminal->keyboard, terminal->typed, sizeof terminal->typed);

    if (n > 0)
        terminal->n_typed = (size_t)n;
    else if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    else if (n == 0 && !hung_up && tcgetattr(terminal->fd, &settings) == 0 &&
             (settings.c_lflag & ICANON))
        terminal->typed[terminal->n_typed++] = (char)settings.c_cc[VEOF];
    else if (n < 0 || hung_up)
        terminal->keyboard = -1;
}

/* Line mode again after a program set all settings anew ("stty sane"). Not at once: such programs
 * look whether what they set is there. */
static void keep_line_mode(const struct lq_terminal *terminal)
{
    struct termios theirs;

    if (tcgetattr(terminal->fd, &theirs) == 0 && !(theirs.c_lflag & EXTPROC)) {
        theirs.c_lflag |= EXTPROC;
        tcsetattr(terminal->fd, TCSANOW, &theirs);
    }
}

void lq_terminal_type(struct lq_terminal *terminal, const struct pollfd polls[LQ_TERMINAL_POLLS])
{
    ssize_t n;

    if (polls[0].fd >= 0 && polls[0].revents)
        read_keys(terminal, polls[0].revents & (POLLHUP | POLLNVAL));
    if (terminal->n_typed == 0)
        return;
    keep_line_mode(terminal);
    n = write(terminal->fd, terminal->typed, terminal->n_typed);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        n = (ssize_t)terminal->n_typed; /* nobody is there to read it */
    if (n > 0) {
        terminal->unread = true;
        terminal->n_typed -= (size_t)n;
        memmove(terminal->typed, terminal->typed + n, terminal->n_typed);
    }
}

void lq_terminal_close(struct lq_terminal *terminal)
{
    lq_close(&terminal->fd);
}
