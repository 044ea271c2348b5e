/* SPDX-License-Identifier: MIT */
/* lq serve: answer an agent over the Model Context Protocol, on standard input and output. */
#include "base/file.h"
#include "cli/mcp.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct serve_args {
    const char *tools, *timeout;
    bool allow_run_any;
};

static const struct lq_opt serve_opts[] = {
    LQ_OPT(struct serve_args, tools, 0, "tools", "LIST", "offer only these tools: errors,event,…"),
    LQ_OPT(struct serve_args, allow_run_any, 0, "allow-run-any", NULL,
           "let the run tool execute any command, not only registered ones"),
    LQ_OPT(struct serve_args, timeout, 't', "timeout", "SECONDS",
           "stop a question that takes longer (30; 0: never)"),
    LQ_OPT_END,
};

/* Input as it comes: a line in pieces. */
struct reader {
    int fd;
    struct lq_buf line;
    bool too_long; /* what is left of the line is thrown away */
    bool ended;
};

/* The names in a list with commas, checked. */
static enum lq_status read_tools(char *list, const char ***names, struct lq_error *err)
{
    size_t count = 0, capacity = 0;
    char *rest = list;

    while (rest) {
        const char *name = strsep(&rest, ",");

        if (!lq_mcp_is_tool(name))
            return lq_error_set(err, LQ_USAGE, "--tools: there is no tool '%s'", name);
        LQ_GROW(*names, count, capacity);
        (*names)[count++] = name;
    }
    LQ_GROW(*names, count, capacity);
    (*names)[count] = NULL;
    return LQ_OK;
}

/*
 * Take standard input and output for the protocol, and put /dev/null in their place: nothing that runs
 * in this process or is started by it can read a request or print between answers.
 */
static enum lq_status take_streams(int *in, int *out, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    *in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    *out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (*in < 0 || *out < 0)
        return lq_error_errno(err, errno, "cannot use standard input and output");
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return lq_error_errno(err, errno, "cannot open '/dev/null'");
    return LQ_OK;
}

static enum lq_status end_line(struct lq_mcp *mcp, struct reader *reader, struct lq_error *err)
{
    const enum lq_status status =
        reader->too_long ? lq_mcp_refuse_line(mcp, err)
                         : lq_mcp_take_line(mcp, lq_buf_text(&reader->line), reader->line.len, err);

    reader->too_long = false;
    lq_buf_clear(&reader->line);
    return status;
}

static enum lq_status take_bytes(struct lq_mcp *mcp, struct reader *reader, const char *bytes,
                                 size_t size, struct lq_error *err)
{
    for (size_t at = 0; at < size;) {
        const char *newline = memchr(bytes + at, '\n', size - at);
        const size_t len = (newline ? (size_t)(newline - bytes) : size) - at;

        if (reader->line.len + len > LQ_MCP_LINE_MAX_BYTES)
            reader->too_long = true;
        else if (!reader->too_long)
            lq_buf_add(&reader->line, bytes + at, len);
        if (newline)
            LQ_TRY(end_line(mcp, reader, err));
        at += len + (newline ? 1 : 0);
    }
    return LQ_OK;
}

static enum lq_status read_input(struct lq_mcp *mcp, struct reader *reader, struct lq_error *err)
{
    char bytes[65536];
    const ssize_t n = read(reader->fd, bytes, sizeof bytes);

    if (n > 0)
        return take_bytes(mcp, reader, bytes, (size_t)n, err);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return LQ_OK;
    if (n < 0)
        return lq_error_errno(err, errno, "cannot read standard input");
    reader->ended = true;
    return reader->line.len || reader->too_long ? end_line(mcp, reader, err) : LQ_OK;
}

/* Answer until the input has ended and with it the last command, or a signal comes. */
static enum lq_status serve(struct lq_mcp *mcp, struct reader *reader, struct lq_error *err)
{
    for (;;) {
        struct pollfd fds[LQ_MCP_JOBS + 2] = { { .fd = mcp->stop_fd, .events = POLLIN } };
        struct lq_mcp_job *jobs[LQ_MCP_JOBS + 2] = { NULL };
        nfds_t n = 1;

        for (size_t i = 0; i < LQ_MCP_JOBS; i++) {
            if (!mcp->jobs[i].pid)
                continue;
            jobs[n] = &mcp->jobs[i];
            fds[n++] = (struct pollfd){ .fd = mcp->jobs[i].out, .events = POLLIN };
        }
        if (reader->ended && n == 1)
            return LQ_OK;
        if (!reader->ended)
            fds[n++] = (struct pollfd){ .fd = reader->fd, .events = POLLIN };
        if (poll(fds, n, -1) < 0)
            continue;
        if (fds[0].revents)
            return LQ_OK;
        for (nfds_t i = 1; i < n; i++) {
            if (!fds[i].revents)
                continue;
            LQ_TRY(jobs[i] ? lq_mcp_job_continue(mcp, jobs[i], err) : read_input(mcp, reader, err));
        }
    }
}

/* ---- signals ---- */

/* How often a question is interrupted that may have begun meanwhile. */
#define INTERRUPT_EVERY_MS 50

static sigset_t ending_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

/* On a thread of its own, so that neither a long question nor a client that does not read puts it off. */
static void *await_signal(void *ctx)
{
    const struct timespec pause = { .tv_nsec = INTERRUPT_EVERY_MS * INT64_C(1000000) };
    const sigset_t signals = ending_signals();
    struct lq_mcp *mcp = ctx;
    const uint64_t one = 1;
    int number = 0;

    if (sigwait(&signals, &number) != 0 || mcp->ended)
        return NULL;
    mcp->stopped_by = number;
    if (write(mcp->stop_fd, &one, sizeof one) < 0)
        return NULL;
    while (!mcp->ended) {
        lq_queries_interrupt(&mcp->queries);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* End what still runs, and see each to its end: it is being recorded as interrupted. */
static void stop_jobs(struct lq_mcp *mcp)
{
    for (size_t i = 0; i < LQ_MCP_JOBS; i++) {
        struct lq_mcp_job *job = &mcp->jobs[i];

        if (!job->pid)
            continue;
        lq_mcp_job_cancel(mcp, job->id);
        while (job->pid) {
            if (lq_mcp_job_continue(mcp, job, NULL) != LQ_OK)
                break;
        }
    }
}

static enum lq_status serve_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct serve_args *args = argp;
    LQ_CLEANUP(lq_free) char *list = lq_strdup(args->tools);
    LQ_CLEANUP(lq_free) const char **names = NULL;
    LQ_CLEANUP(lq_close) int out = -1;
    LQ_CLEANUP(lq_close) int in = -1;
    LQ_CLEANUP(lq_close) int stop = eventfd(0, EFD_CLOEXEC);
    struct lq_mcp mcp = { .run_any = args->allow_run_any, .queries = LQ_QUERIES_INIT };
    struct reader reader = { .line.max = LQ_MCP_LINE_MAX_BYTES };
    const sigset_t caught = ending_signals();
    enum lq_status status;
    pthread_t watcher;

    LQ_TRY(lq_cli_read_limit(args->timeout ? args->timeout : "30", LQ_OUT_JSON, 0, &mcp.timeout_sec,
                             err));
    if (list)
        LQ_TRY(read_tools(list, &names, err));
    LQ_TRY(take_streams(&in, &out, err));
    mcp.allowed = names;
    mcp.out_fd = out;
    mcp.stop_fd = stop;
    reader.fd = in;
    pthread_sigmask(SIG_BLOCK, &caught, NULL);
    if (stop < 0 || pthread_create(&watcher, NULL, await_signal, &mcp) != 0)
        return lq_error_set(err, LQ_IO, "cannot watch for signals");
    lq_mcp_warm_up(&mcp);
    status = serve(&mcp, &reader, err);
    stop_jobs(&mcp);
    lq_mcp_await_warm_up(&mcp);
    mcp.ended = true;
    pthread_kill(watcher, SIGHUP); /* wakes it: the signal is blocked */
    pthread_join(watcher, NULL);
    if (mcp.stopped_by) {
        cli->exit_code = 128 + mcp.stopped_by;
        status = LQ_OK;
    }
    lq_cli_leave(cli, status, err);
    lq_queries_release(&mcp.queries);
    lq_buf_release(&reader.line);
    return status;
}

const struct lq_command lq_cmd_serve = {
    .name = "serve",
    .summary = "answer an agent over MCP, on standard input and output",
    .opts = serve_opts,
    .args_size = sizeof(struct serve_args),
    .main = serve_main,
};
