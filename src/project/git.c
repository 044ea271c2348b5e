/* SPDX-License-Identifier: MIT */
/* Asks git for the URL of a remote, bounded in time and size. */
#include "base/alloc.h"
#include "base/time.h"
#include "project/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIT_TIMEOUT_MS 5000
#define OUTPUT_MAX_BYTES ((size_t)16384)

static void destroy_actions(posix_spawn_file_actions_t *actions)
{
    posix_spawn_file_actions_destroy(actions);
}

/* The URL may hold a token: git writes it into our pipe, it stands in no argument list, and what
 * git says on stderr goes nowhere. The work tree may be hostile: `remote get-url` runs no hook, and
 * core.fsmonitor, the one program a configuration can name for reading commands, is off. */
static bool spawn_git(const char *folder, int out, pid_t *pid)
{
    const char *const argv[] = { "git",     "-c",     "core.fsmonitor=false",
                                 "-C",      folder,   "remote",
                                 "get-url", "origin", NULL };
    LQ_CLEANUP(destroy_actions) posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    return posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, out, 1) == 0 &&
           posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) == 0 &&
           posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ) == 0;
}

/* true when the end was reached in time and within bounds. */
static bool read_to_end(int fd, struct lq_buf *text)
{
    const int64_t deadline = lq_time_monotonic() + GIT_TIMEOUT_MS * INT64_C(1000);
    char chunk[4096];

    for (;;) {
        const int64_t left_ms = (deadline - lq_time_monotonic()) / 1000;
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (left_ms <= 0 || text->len > OUTPUT_MAX_BYTES)
            return false;
        if (poll(&wait, 1, (int)left_ms) <= 0)
            continue;
        n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return true;
        if (n > 0)
            lq_buf_add(text, chunk, (size_t)n);
        else if (errno != EINTR)
            return false;
    }
}

bool lq_git_origin_url(const char *folder, struct lq_buf *url)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_close) int in = -1;
    LQ_CLEANUP(lq_close) int out = -1;
    int ends[2], wait_status = -1;
    pid_t pid;
    bool complete;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    in = ends[0];
    out = ends[1];
    if (!spawn_git(folder, out, &pid))
        return false;
    lq_close(&out);
    complete = read_to_end(in, &text);
    if (!complete)
        kill(pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    if (!complete || !WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
        return false;
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        lq_buf_truncate(&text, text.len - 1);
    lq_buf_add(url, lq_buf_text(&text), text.len);
    return true;
}
