/* SPDX-License-Identifier: MIT */
/*
 * The MCP server of `lq serve`, by topic: mcp_message.c lines and requests, mcp_protocol.c methods,
 * mcp_tools.c tools, mcp_run.c commands that run meanwhile, mcp_resources.c, mcp_prompts.c.
 *
 * To add a tool: a row of the table in mcp_tools.c, which names the command that answers it; the
 * schema that clients see and the check of what they send follow from the row's parameters.
 */
#ifndef LQ_CLI_MCP_H
#define LQ_CLI_MCP_H

#include "cli/mcp_message.h"
#include "cli/queries.h"
#include <stdatomic.h>
#include <sys/types.h>

/* An answer is cut, and says so, when its rows take more. */
#define LQ_MCP_ANSWER_MAX_BYTES ((size_t)4 * 1024 * 1024)
/* So many commands run at once. */
#define LQ_MCP_JOBS 8

/* A command that the `run` tool started, and that is answered when it has ended. */
struct lq_mcp_job {
    pid_t pid;      /* 0: a free place */
    int out;        /* what it prints: the report */
    json_t *id;     /* of the request */
    bool modern;    /* its revision */
    bool cancelled; /* no answer is wanted any more */
    struct lq_buf report;
};

struct lq_mcp {
    int out_fd;                 /* answers, and nothing else */
    int stop_fd;                /* readable once a signal asked the server to end */
    atomic_int stopped_by;      /* that signal; 0: none */
    atomic_bool ended;          /* nobody waits for signals any more */
    const char *const *allowed; /* names of tools, NULL-terminated; NULL: all */
    bool run_any;               /* run takes commands that are not registered, too */
    int64_t timeout_sec;        /* for a question; 0: none */
    atomic_bool overdue;        /* the one that runs has taken longer */
    struct lq_queries queries;
    struct lq_mcp_job jobs[LQ_MCP_JOBS];
    pthread_t warmer; /* loads the database before anybody asks */
    bool warming_up;
};

struct lq_mcp_request {
    const json_t *params; /* may be NULL */
    const json_t *id;
    bool modern;
};

/* Answer a request: append the members of its result to `members`, without braces. Otherwise the
 * code and err->message are the answer. */
typedef enum lq_mcp_code lq_mcp_handler(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                        struct lq_buf *members, struct lq_error *err);

/* Read one line and write what there is to answer. LQ_IO when it cannot be written. */
LQ_CHECK enum lq_status lq_mcp_take_line(struct lq_mcp *mcp, const char *line, size_t len,
                                         struct lq_error *err);
/* Answer a line that was too long to be read. */
LQ_CHECK enum lq_status lq_mcp_refuse_line(struct lq_mcp *mcp, struct lq_error *err);
/* Write a result that took longer. */
LQ_CHECK enum lq_status lq_mcp_send_result(struct lq_mcp *mcp, const json_t *id, bool modern,
                                           const struct lq_buf *members, struct lq_error *err);

lq_mcp_handler lq_mcp_list_tools, lq_mcp_call_tool;
lq_mcp_handler lq_mcp_list_resources, lq_mcp_list_templates, lq_mcp_read_resource;
lq_mcp_handler lq_mcp_list_prompts, lq_mcp_get_prompt;

/* Whether there is a tool of that name at all. */
bool lq_mcp_is_tool(const char *name);

/*
 * What a tool answers, as the text of a JSON object.
 *   arguments  an object, checked here; NULL: none
 *   code       out: LQ_MCP_OK unless the arguments are at fault
 * Errors of the command that answers it; LQ_NOT_FOUND for no such tool.
 */
LQ_CHECK enum lq_status lq_mcp_ask(struct lq_mcp *mcp, const char *tool, const json_t *arguments,
                                   struct lq_buf *answer, enum lq_mcp_code *code,
                                   struct lq_error *err);

/* Load the database and this project's runs on a thread; lq_mcp_ask waits for it. */
void lq_mcp_warm_up(struct lq_mcp *mcp);
void lq_mcp_await_warm_up(struct lq_mcp *mcp);

/* ---- the run tool ---- */

/* Start it: LQ_MCP_LATER, or why not. */
enum lq_mcp_code lq_mcp_run(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                            const json_t *arguments, struct lq_buf *members, struct lq_error *err);
/* Read what a command printed; at its end, answer. */
LQ_CHECK enum lq_status lq_mcp_job_continue(struct lq_mcp *mcp, struct lq_mcp_job *job,
                                            struct lq_error *err);
/* End the command of the request `id`, whose answer is not wanted any more. */
void lq_mcp_job_cancel(struct lq_mcp *mcp, const json_t *id);
void lq_mcp_job_release(struct lq_mcp_job *job);

/* Append the members of a tool's result: `answer`, the text of a JSON object. */
void lq_mcp_add_tool_result(struct lq_buf *members, struct lq_str answer, bool is_error);
/* The same for a tool that failed: what a person would read, in place of the object. */
void lq_mcp_add_tool_failure(struct lq_buf *members, const struct lq_error *err);

#endif
