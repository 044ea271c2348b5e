/* SPDX-License-Identifier: MIT */
/*
 * Capture: start a command, show its output as it comes, and hand a copy to the sinks.
 *
 * Reading, and each sink, have a thread of their own with a bounded ring of blocks between them:
 * memory does not grow with the output, and a slow sink slows the command and loses nothing.
 */
#ifndef LQ_CAPTURE_H
#define LQ_CAPTURE_H

#include <lq/error.h>
#include <lq/run.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the log in order, in pieces of any size, on its own thread. A failure is remembered and
 * returned by lq_capture_*; the sink is then not called again, and the command goes on. */
struct lq_sink {
    enum lq_status (*write)(void *ctx, const void *bytes, size_t len, struct lq_error *err);
    void *ctx;
    /* Pass on what write() still holds back, for who reads along: called a moment after a write,
     * and then not before the next one. May be NULL. */
    enum lq_status (*flush)(void *ctx, struct lq_error *err);
};

struct lq_capture_opts {
    char *const *argv;  /* NULL-terminated; executed as it is, found by PATH */
    int64_t timeout_ms; /* 0: none. SIGTERM to the process group, SIGKILL 5 s later */
    bool quiet;         /* do not show the output */
    bool on_stderr;     /* show all of it on standard error; standard output is the caller's own */
};

struct lq_capture_result {
    int exit_code; /* the child's; 128+n for signal n; 124 timeout; 126, 127 cannot start */
    int signal;    /* that ended the child, or 0 */
    bool started;  /* false: exit_code is 126 or 127, and `err` says why */
    bool timed_out;
    bool interrupted;                 /* lq was asked to stop: SIGINT, SIGTERM, SIGHUP, SIGQUIT */
    int64_t started_at, completed_at; /* microseconds UTC */
    double duration_sec;
    int64_t n_bytes; /* of log */
};

/*
 * Run a command to its end. When standard output is a terminal the command gets a pseudo terminal
 * of the same size (post-processing off, so that the bytes are its own; window changes are passed
 * on), in a session of its own; if standard input is a terminal too, what is typed there is passed
 * on line by line, or key by key while the command asks for that. Otherwise standard output and
 * standard error are two pipes, shown on ours, and the log takes whole lines of each in order of
 * arrival; where ours lead to one place (2>&1) or with on_stderr so do the command's, and its own
 * order stays. A standard input that is no terminal is the command's as it is.
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command's processes, once; ignored ones stay
 * ignored. Descriptors 0 to 2 must be open, and SIGPIPE must be as it was found: the command
 * inherits it. When nobody reads our output any more (EPIPE) the command's is closed, so that it
 * ends as it would have. One capture at a time per process.
 *
 * Returns when the child has ended and what it wrote has been read; a grandchild that keeps the
 * output open is waited for no longer than a moment.
 *
 * LQ_OK when the child was run, whatever its exit code; LQ_NOT_FOUND or LQ_DENIED when it could
 * not be started (exit_code 127 or 126); LQ_IO when capturing or a sink failed (the child has run to its
 * end, `result` is filled).
 */
LQ_CHECK enum lq_status lq_capture_command(const struct lq_capture_opts *opts,
                                           const struct lq_sink *sinks, size_t n_sinks,
                                           struct lq_capture_result *result, struct lq_error *err);

/*
 * Read a file descriptor to its end in the same way; with `echo`, copy it to standard output.
 * `result`: exit_code 0; interrupted when a signal asked to stop (what was read is kept).
 */
LQ_CHECK enum lq_status lq_capture_fd(int fd, bool echo, const struct lq_sink *sinks,
                                      size_t n_sinks, struct lq_capture_result *result,
                                      struct lq_error *err);

/* ---- facts about where a run happens; each fills what it finds and leaves the rest NULL ---- */

/* hostname (LQ_HOSTNAME, else `configured` when not NULL, else the CI runner's stable name:
 * RUNNER_NAME, NODE_NAME…, else the machine's), platform, arch. */
void lq_facts_host(struct lq_run *run, const char *configured);
/* git_commit, git_branch (NULL when detached), git_dirty (of tracked files) of the work tree that
 * `folder` lies in. Runs git, without what the repository's settings would have it run; takes
 * milliseconds, and gives up after 10 s, so call it on a thread while the child runs. No git, no
 * repository: nothing. */
void lq_facts_git(struct lq_run *run, const char *folder);
/* `ci`: "provider" ("github", "gitlab", "jenkins", "circleci", "travis", "buildkite", "azure",
 * "generic"), and as far as the provider tells: run_id, job, url, ref, commit, actor, event,
 * pull_request, runner. User names and passwords in URLs are left out. Nothing outside CI. */
void lq_facts_ci(struct lq_run *run);
/* `environment`: the variables of the process that `names` (NULL-terminated) lists; a name that
 * ends in '*' stands for all with that beginning. Credentials in URLs are left out. */
void lq_facts_environment(struct lq_run *run, char *const *names);
/* The absolute path that argv[0] would run, by PATH; NULL when there is none. The caller's. */
char *lq_find_executable(const char *name);

#endif
