/* SPDX-License-Identifier: MIT */
/* The state of the work tree, as git itself tells it. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/capture.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GIT_TIMEOUT_MS = 10000, /* a huge tree on a cold disk takes seconds */
    GIT_OUTPUT_BYTES = 64 * 1024,
};

/* What git sets for its hooks, which would point it at another repository than `folder`'s. */
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

/* Start `git status` with its output to `out`; nothing that a repository's settings name is run. */
static int spawn_status(pid_t *pid, const char *folder, int out)
{
    /* clang-format off: it would give each item a line */
    const char *const argv[] = {
        "git",
        "-C",
        folder,
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "status",
        "--porcelain=v2",
        "--branch",
        "--untracked-files=no",
        "--ignore-submodules=dirty",
        "--no-renames",
        "--no-ahead-behind",
        NULL,
    };
    /* clang-format on */
    LQ_CLEANUP(lq_free) char **environment = git_environment();
    posix_spawn_file_actions_t actions;
    int failure;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    /* The cast is execve's: it does not write to its arguments, but C cannot say so. */
    failure = posix_spawnp(pid, "git", &actions, NULL, (char *const *)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Read until the end, the deadline, or enough; false at the deadline. What is beyond
 * GIT_OUTPUT_BYTES is read and dropped: it only lists more changed files. */
static bool read_output(int fd, struct lq_buf *text)
{
    const int64_t deadline = lq_time_monotonic() + GIT_TIMEOUT_MS * INT64_C(1000);
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
        if (n > 0 && text->len < GIT_OUTPUT_BYTES)
            lq_buf_add(text, chunk, (size_t)n);
    }
}

static bool run_status(const char *folder, struct lq_buf *text)
{
    LQ_CLEANUP(lq_close) int in = -1;
    int ends[2], failure, status = 0;
    bool complete;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    in = ends[0];
    failure = spawn_status(&pid, folder, ends[1]);
    close(ends[1]);
    if (failure)
        return false;
    complete = read_output(in, text);
    if (!complete)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return complete && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The value of header `name` in the line, the caller's; NULL when it is another line. */
static char *header_value(const char *line, size_t len, const char *name)
{
    const size_t name_len = strlen(name);

    if (len <= name_len || strncmp(line, name, name_len) != 0)
        return NULL;
    return lq_strndup(line + name_len, len - name_len);
}

void lq_facts_git(struct lq_run *run, const char *folder)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_free(&run->git_commit);
    lq_free(&run->git_branch);
    run->git_dirty = LQ_UNKNOWN;
    if (!run_status(folder, &text))
        return;
    run->git_dirty = LQ_NO;
    for (const char *line = lq_buf_text(&text); *line; line += *line == '\n') {
        const size_t len = strcspn(line, "\n");

        if (line[0] != '#')
            run->git_dirty = LQ_YES;
        if (!run->git_commit)
            run->git_commit = header_value(line, len, "# branch.oid ");
        if (!run->git_branch)
            run->git_branch = header_value(line, len, "# branch.head ");
        line += len;
    }
    if (run->git_commit && run->git_commit[0] == '(')
        lq_free(&run->git_commit); /* "(initial)": no commit yet */
    if (run->git_branch && strcmp(run->git_branch, "(detached)") == 0)
        lq_free(&run->git_branch);
}
