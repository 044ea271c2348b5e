/* SPDX-License-Identifier: MIT */
/* Starting the pager when the output outgrows the screen. */
#include "cli/pager.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "cli/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pager {
    FILE *file;
    char *command;
    struct lq_buf held; /* until it is more than a screen */
    size_t rows, width; /* of the screen */
    size_t column, n_lines;
    int fd; /* where it goes: the terminal, or the pager's input */
    bool flowing, failed;
    pid_t pid; /* 0: not started */
    int saved_stderr;
} pager;

/* Lines of the screen that `bytes` fill, counting what wraps. */
static void count_lines(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' || ++pager.column > pager.width) {
            pager.n_lines++;
            pager.column = 0;
        }
    }
}

static void write_on(const char *bytes, size_t len)
{
    if (!pager.failed && lq_write_all(pager.fd, bytes, len, "standard output", NULL) != LQ_OK)
        pager.failed = true;
}

static bool in_path(const char *program)
{
    LQ_CLEANUP(lq_free) char *path = lq_strdup(getenv("PATH") ? getenv("PATH") : "");
    char *rest = path;

    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    for (char *folder = strsep(&rest, ":"); folder; folder = strsep(&rest, ":")) {
        LQ_CLEANUP(lq_free) char *file = lq_path_join(folder, program);

        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

/* What is written to a shell that finds no pager would be lost. Only a plain word is looked for: others are
 * the shell's to understand. */
static bool is_missing(const char *command)
{
    LQ_CLEANUP(lq_free) char *program = lq_strndup(command, strcspn(command, " \t"));

    if (!*program || strpbrk(program, "|&;<>()$`\\\"'*?[#~=%!{"))
        return false;
    if (in_path(program))
        return false;
    lq_say("cannot find the pager '%s', which PAGER names", program);
    return true;
}

/* Start the pager with a pipe to its input. When that fails the terminal takes the output. */
static void start(void)
{
    char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, pager.command, NULL };
    posix_spawn_file_actions_t actions;
    int ends[2];

    if (is_missing(pager.command) || pipe2(ends, O_CLOEXEC) != 0)
        return;
    setenv("LESS", "FRX", 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    if (posix_spawnp(&pager.pid, "sh", &actions, NULL, argv, environ) != 0)
        pager.pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (pager.pid == 0) {
        close(ends[1]);
        return;
    }
    pager.fd = ends[1];
    /* The pager is the user's now: Ctrl-C is for it, and leaving it early ends the writing. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    /* Notes come in their place instead of over the pager's screen. */
    if (isatty(STDERR_FILENO)) {
        pager.saved_stderr = dup(STDERR_FILENO);
        dup2(pager.fd, STDERR_FILENO);
    }
}

static void flow(void)
{
    pager.flowing = true;
    write_on(lq_buf_text(&pager.held), pager.held.len);
    lq_buf_release(&pager.held);
}

static ssize_t take(void *cookie, const char *bytes, size_t len)
{
    (void)cookie;
    if (pager.flowing) {
        write_on(bytes, len);
    } else {
        lq_buf_add(&pager.held, bytes, len);
        count_lines(bytes, len);
        if (pager.n_lines >= pager.rows) {
            start();
            flow();
        }
    }
    return pager.failed ? 0 : (ssize_t)len;
}

FILE *lq_pager_open(void)
{
    const char *command = getenv("PAGER");
    const char *term = getenv("TERM");
    struct winsize size = { 0 };

    if (!command)
        command = in_path("less") ? "less" : "";
    if (!*command || strcmp(command, "cat") == 0 || !term || strcmp(term, "dumb") == 0 ||
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return NULL;
    pager = (struct pager){ .rows = size.ws_row,
                            .width = size.ws_col,
                            .fd = STDOUT_FILENO,
                            .saved_stderr = -1,
                            .command = lq_strdup(command) };
    pager.file = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = take });
    return pager.file;
}

bool lq_pager_owns(const FILE *file)
{
    return file && file == pager.file;
}

bool lq_pager_close(FILE *file)
{
    bool whole;

    if (!file)
        return true;
    fclose(file);
    if (!pager.flowing)
        flow();
    whole = !pager.failed || pager.pid != 0;
    if (pager.saved_stderr >= 0) {
        dup2(pager.saved_stderr, STDERR_FILENO);
        lq_close(&pager.saved_stderr);
    }
    if (pager.pid != 0) {
        close(pager.fd);
        while (waitpid(pager.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    free(pager.command);
    pager = (struct pager){ 0 };
    return whole;
}
