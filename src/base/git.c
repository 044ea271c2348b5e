/* SPDX-License-Identifier: MIT */
/* Runs git, bounded in time and size. */
#include "base/git.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What would point git at another repository, or change what it says. */
static bool is_local_variable(const char *variable)
{
    /* clang-format off: it would give each item a line */
    static const char *const names[] = {
        "GIT_DIR=",
        "GIT_WORK_TREE=",
        "GIT_INDEX_FILE=",
        "GIT_OBJECT_DIRECTORY=",
        "GIT_COMMON_DIR=",
        "GIT_CONFIG_PARAMETERS=",
        "GIT_PREFIX=",
        "GIT_NAMESPACE=",
        "GIT_OPTIONAL_LOCKS=",
        "GIT_TRACE=",
        "LC_ALL=",
    };
    /* clang-format on */

    for (size_t i = 0; i < LQ_COUNT(names); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Our environment for git; the array is the caller's, its texts are borrowed. */
static char **git_environment(void)
{
    static char no_locks[] = "GIT_OPTIONAL_LOCKS=0", language[] = "LC_ALL=C";
    size_t n = 0, kept = 0;
    char **list;

    while (environ && environ[n])
        n++;
    list = lq_alloc((n + 3) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        if (!is_local_variable(environ[i]))
            list[kept++] = environ[i];
    }
    list[kept++] = no_locks;
    list[kept] = language;
    return list;
}

/* A descriptor to read `input` from; -1 when there is none to be had. */
static int open_input(struct lq_str input)
{
    LQ_CLEANUP(lq_close) int fd =
        input.len > 0 ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDWR | O_CLOEXEC);
    int opened = fd;

    if (fd < 0 || (input.len > 0 && (lq_write_all(fd, input.ptr, input.len, "input", NULL) ||
                                     lseek(fd, 0, SEEK_SET) != 0)))
        return -1;
    fd = -1;
    return opened;
}

/* Start git with its output to `out`; 0 or an errno. */
static int spawn_git(pid_t *pid, const char *folder, const char *const *args, int in, int out)
{
    const char *const first[] = {
        "git", "-C", folder, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"
    };
    LQ_CLEANUP(lq_free) char **environment = git_environment();
    LQ_CLEANUP(lq_free) const char **argv = NULL;
    posix_spawn_file_actions_t actions;
    size_t n_args = 0;
    int failure;

    while (args[n_args])
        n_args++;
    argv = lq_alloc((LQ_COUNT(first) + n_args + 1) * sizeof *argv);
    memcpy(argv, first, sizeof first);
    memcpy(argv + LQ_COUNT(first), args, n_args * sizeof *args);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_RDWR, 0);
    /* The cast is execve's: it does not write to its arguments, but C cannot say so. */
    failure = posix_spawnp(pid, "git", &actions, NULL, (char *const *)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Read until the end or the deadline; false at the deadline. */
static bool read_output(int fd, int64_t timeout_ms, size_t max_bytes, struct lq_buf *text)
{
    const int64_t deadline = lq_time_monotonic() + timeout_ms * 1000;
    const size_t before = text->len;
    char chunk[4096];

    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        const int64_t left = deadline - lq_time_monotonic();
        ssize_t n;

        if (left <= 0)
            return false;
        if (poll(&ready, 1, (int)(left / 1000) + 1) <= 0)
            continue;
        n = read(fd, chunk, sizeof chunk);
        if (n == 0 || (n < 0 && errno != EINTR))
            return n == 0;
        if (n > 0 && text->len - before < max_bytes)
            lq_buf_add(text, chunk, (size_t)n);
    }
}

bool lq_git_output(const char *folder, const char *const *args, struct lq_str input,
                   int64_t timeout_ms, size_t max_bytes, struct lq_buf *text)
{
    LQ_CLEANUP(lq_close) int in = -1;
    LQ_CLEANUP(lq_close) int from = open_input(input);
    int ends[2], failure, status = 0;
    bool complete;
    pid_t pid;

    if (from < 0 || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    in = ends[0];
    failure = spawn_git(&pid, folder, args, from, ends[1]);
    close(ends[1]);
    if (failure)
        return false;
    complete = read_output(in, timeout_ms, max_bytes, text);
    if (!complete)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return complete && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
