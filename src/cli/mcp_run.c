/* SPDX-License-Identifier: MIT */
/*
 * The run tool: `lq run --json` in a process of its own, so that the server goes on answering, a
 * client can cancel it, and nothing the command does touches the protocol.
 */
#include "cli/mcp.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/commands.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* As many errors stand in a report. */
#define ERROR_LIMIT "--error-limit=50"

void lq_mcp_job_release(struct lq_mcp_job *job)
{
    json_decref(job->id);
    lq_buf_release(&job->report);
    *job = (struct lq_mcp_job){ 0 };
}

/* Whether the project registers a command of that name. */
static enum lq_status check_registered(const char *name, struct lq_error *err)
{
    LQ_CLEANUP(lq_project_release) struct lq_project project = { 0 };
    LQ_CLEANUP(lq_commands_release) struct lq_commands commands = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf names = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *cwd = getcwd(NULL, 0);

    if (!cwd)
        return lq_error_errno(err, errno, "cannot tell the current folder");
    LQ_TRY(lq_project_open(&project, cwd, err));
    LQ_TRY(lq_commands_read(&commands, &project, err));
    if (lq_commands_find(&commands, name))
        return LQ_OK;
    for (size_t i = 0; i < commands.count; i++)
        lq_buf_addf(&names, "%s%s", i ? ", " : "", commands.list[i].name);
    return lq_error_set(err, LQ_NOT_FOUND, "no command '%s' is registered here; there are: %s",
                        name, names.len ? lq_buf_text(&names) : "none ('lq register' adds one)");
}

static enum lq_status check_allowed(const struct lq_mcp *mcp, const json_t *arguments,
                                    struct lq_error *err)
{
    if (mcp->run_any)
        return LQ_OK;
    if (json_array_size(json_object_get(arguments, "args")) > 0)
        return lq_error_set(err, LQ_DENIED,
                            "'args' is refused: this server runs registered commands as they are");
    return check_registered(lq_mcp_text(arguments, "command"), err);
}

/* The words of `lq run`; `words` has room for all of them. */
static void build_words(const json_t *arguments, char **words)
{
    const char *name = lq_mcp_text(arguments, "name");
    const json_t *timeout = json_object_get(arguments, "timeout");
    const json_t *arg;
    size_t n = 0, i;

    words[n++] = lq_strdup("lq");
    words[n++] = lq_strdup("run");
    words[n++] = lq_strdup("--json");
    words[n++] = lq_strdup("--quiet");
    words[n++] = lq_strdup(ERROR_LIMIT);
    if (name)
        words[n++] = lq_format("--name=%s", name);
    if (timeout)
        words[n++] = lq_format("--timeout=%lld", (long long)json_integer_value(timeout));
    words[n++] = lq_strdup("--");
    words[n++] = lq_strdup(lq_mcp_text(arguments, "command"));
    json_array_foreach(json_object_get(arguments, "args"), i, arg) words[n++] =
        lq_strdup(json_string_value(arg));
}

/* Of what the server has blocked or redirected the command knows nothing. */
static enum lq_status spawn(struct lq_mcp_job *job, char *const *words, struct lq_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2], failure;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return lq_error_errno(err, errno, "cannot make a pipe");
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    failure = posix_spawn(&job->pid, "/proc/self/exe", &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failure) {
        job->pid = 0;
        close(ends[0]);
        return lq_error_errno(err, failure, "cannot start 'lq run'");
    }
    job->out = ends[0];
    return LQ_OK;
}

static struct lq_mcp_job *free_job(struct lq_mcp *mcp)
{
    for (size_t i = 0; i < LQ_COUNT(mcp->jobs); i++) {
        if (!mcp->jobs[i].pid)
            return &mcp->jobs[i];
    }
    return NULL;
}

static enum lq_status start(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                            const json_t *arguments, struct lq_error *err)
{
    const size_t n_words = 16 + json_array_size(json_object_get(arguments, "args"));
    struct lq_mcp_job *job = free_job(mcp);
    char **words;
    enum lq_status status;

    LQ_TRY(check_allowed(mcp, arguments, err));
    if (!job)
        return lq_error_set(err, LQ_EXISTS, "%d commands are running: wait for one of them",
                            LQ_MCP_JOBS);
    words = lq_alloc(n_words * sizeof *words);
    build_words(arguments, words);
    status = spawn(job, words, err);
    for (size_t i = 0; i < n_words; i++)
        free(words[i]);
    free(words);
    if (status != LQ_OK)
        return status;
    job->id = json_deep_copy(request->id);
    job->modern = request->modern;
    job->report.max = LQ_MCP_ANSWER_MAX_BYTES;
    return LQ_OK;
}

enum lq_mcp_code lq_mcp_run(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                            const json_t *arguments, struct lq_buf *members, struct lq_error *err)
{
    if (start(mcp, request, arguments, err) == LQ_OK)
        return LQ_MCP_LATER;
    lq_mcp_add_tool_failure(members, err);
    return LQ_MCP_OK;
}

/* The report, or that there is none. */
static void add_report(struct lq_buf *members, const struct lq_mcp_job *job, int status)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf answer = LQ_BUF_INIT;
    json_t *report = json_loadb(lq_buf_text(&job->report), job->report.len, 0, NULL);
    struct lq_error err = { 0 };

    if (json_is_object(report) && !job->report.overflow) {
        lq_mcp_add_json(&answer, report);
        lq_mcp_add_tool_result(members, (struct lq_str){ lq_buf_text(&answer), answer.len }, false);
    } else {
        lq_error_set(&err, LQ_IO, "lq run gave no report (%s %d): its standard error says why",
                     WIFSIGNALED(status) ? "signal" : "exit",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        lq_mcp_add_tool_failure(members, &err);
    }
    json_decref(report);
}

enum lq_status lq_mcp_job_continue(struct lq_mcp *mcp, struct lq_mcp_job *job, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf members = LQ_BUF_INIT;
    enum lq_status status = LQ_OK;
    int exit_status = 0;
    char bytes[65536];
    const ssize_t n = read(job->out, bytes, sizeof bytes);

    if (n > 0)
        lq_buf_add(&job->report, bytes, (size_t)n);
    if (n > 0 || (n < 0 && errno == EINTR))
        return LQ_OK;
    close(job->out);
    while (waitpid(job->pid, &exit_status, 0) < 0 && errno == EINTR)
        continue;
    if (!job->cancelled) {
        add_report(&members, job, exit_status);
        status = lq_mcp_send_result(mcp, job->id, job->modern, &members, err);
    }
    lq_mcp_job_release(job);
    return status;
}

void lq_mcp_job_cancel(struct lq_mcp *mcp, const json_t *id)
{
    for (size_t i = 0; i < LQ_COUNT(mcp->jobs); i++) {
        struct lq_mcp_job *job = &mcp->jobs[i];

        if (!job->pid || !json_equal(job->id, id))
            continue;
        job->cancelled = true;
        kill(job->pid, SIGTERM);
    }
}
