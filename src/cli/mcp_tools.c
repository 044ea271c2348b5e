/* SPDX-License-Identifier: MIT */
/* The tools: each is a command of lq, its parameters are options, its rows are the answer. */
#include "base/text.h"
#include "cli/auto.h"
#include "cli/mcp.h"
#include "cli/sync_report.h"
#include <lq/store.h>
#include <lq/sync.h>
#include <signal.h>
#include <time.h>

/* ---- the tables ---- */

enum param_kind { TEXT, INTEGER, FLAG, TEXTS, ROWS };

/* What a client may send, and the option that it becomes. */
struct param {
    const char *name;
    enum param_kind kind;
    const char
        *option; /* "--grep"; NULL: a word of its own (TEXT), or not for the command (ROWS) */
    const char *text;
    bool required;
};

#define REF(text) { "ref", TEXT, NULL, text, true }
#define LIMIT { "limit", ROWS, NULL, "at most so many (100; up to 10000)", false }
#define GLOBAL                                                                                     \
    { "global", FLAG, "--global", "all projects of the central store too, not only this one",      \
      false }
#define SCOPE                                                                                      \
    { "name", TEXT, "--name", "only runs of this name, such as build", false },                    \
        { "since", TEXT, "--since", "only runs since: 2025-01-15[T14:30], or an age: 7d", false }, \
        { "until", TEXT, "--until", "only runs before that time", false },                         \
        { "hostname", TEXT, "--hostname", "only runs of this machine", false },                    \
        { "project", TEXT, "--project", "only runs of this project (with global)", false }, GLOBAL
#define NO_PARAM { .name = NULL }

static const struct param run_params[] = {
    { "command", TEXT, NULL,
      "the name of a registered command; where the server allows any: a program or shell line",
      true },
    { "args", TEXTS, NULL, "words after it, where the server allows any command", false },
    { "name", TEXT, NULL, "list the run under this name", false },
    { "timeout", INTEGER, NULL, "stop it after so many seconds", false },
    NO_PARAM,
};
static const struct param list_params[] = {
    { "ref", TEXT, NULL, "only of this run: 5, build (the newest of that name), build:~1", false },
    LIMIT,
    SCOPE,
    NO_PARAM,
};
static const struct param events_params[] = {
    { "ref", TEXT, NULL, "only of this run: 5, build (the newest of that name), build:~1", false },
    { "severity", TEXT, "--severity", "error, warning, note, info; several with commas", false },
    LIMIT,
    SCOPE,
    NO_PARAM,
};
static const struct param event_params[] = { REF("an event: 5:3, build:3"), GLOBAL, NO_PARAM };
static const struct param info_params[] = { REF("a run: 5, build"), GLOBAL, NO_PARAM };
static const struct param context_params[] = {
    REF("an event: 5:3, build:3"),
    { "lines", INTEGER, "--lines", "lines before and after it (5)", false },
    GLOBAL,
    NO_PARAM,
};
static const struct param output_params[] = {
    REF("a run: 5, build (the newest of that name), build:~1"),
    { "head", INTEGER, "--head", "the first so many lines", false },
    { "tail", INTEGER, "--tail", "the last so many lines", false },
    { "lines", TEXT, "--lines", "lines A-B", false },
    { "grep", TEXT, "--grep", "lines that match this regular expression", false },
    { "context", INTEGER, "--context", "with grep: so many lines around each", false },
    { "limit", ROWS, NULL, "at most so many lines (100; up to 10000)", false },
    GLOBAL,
    NO_PARAM,
};
static const struct param runs_params[] = { LIMIT, SCOPE, NO_PARAM };
static const struct param diff_params[] = {
    { "before", TEXT, NULL, "a run: 4, build:~1, main", true },
    { "after", TEXT, NULL, "the run to compare with it: 5, build", true },
    LIMIT,
    GLOBAL,
    NO_PARAM,
};
static const struct param query_params[] = {
    { "sql", TEXT, NULL,
      "one SELECT in DuckDB's SQL over the views lq_events and lq_runs; DESCRIBE lq_events lists the "
      "columns",
      true },
    LIMIT,
    SCOPE,
    NO_PARAM,
};
static const struct param no_params[] = { NO_PARAM };

static enum lq_status sync_status_main(struct lq_cli *cli, const void *args, struct lq_error *err);
static const struct lq_opt no_opts[] = { LQ_OPT_END };
/* What `lq sync --status` tells, in one row. */
static const struct lq_command sync_status_command = {
    .name = "sync_status",
    .needs = LQ_NEEDS_PROJECT,
    .opts = no_opts,
    .main = sync_status_main,
};

static const struct tool {
    const char *name;
    const char *command; /* of lq; NULL: own, or none */
    const struct lq_command *own;
    const char *description;
    const struct param *params;
    const char *key; /* of the rows in the answer */
    bool one;        /* there is one row, which stands there without a list */
    bool closed;     /* it takes SQL */
    bool hidden;     /* it answers resources only */
} tools[] = {
    { "run", "run", NULL,
      "Run a build, test or lint command of this project, record it, and report what it came to: "
      "exit code, counts, the errors with their refs, the end of the output.",
      run_params, NULL },
    { "errors", "errors", NULL, "List errors and failed tests, newest run first.", list_params,
      "events" },
    { "warnings", "warnings", NULL, "List warnings, newest run first.", list_params, "events" },
    { "events", "events", NULL, "List all that was found in logs, by severity or run.",
      events_params, "events" },
    { "event", "event", NULL, "Show all that is known of one event: place, message, run, commit.",
      event_params, "event", .one = true },
    { "context", "context", NULL, "Show the log around an event; its own lines are marked.",
      context_params, "lines" },
    { "output", "output", NULL, "Show the log of a run, or parts of it.", output_params, "lines" },
    { "status", "status", NULL, "Show the newest run of each name and what it came to.",
      runs_params, "runs" },
    { "history", "history", NULL, "List runs, newest first.", runs_params, "runs" },
    { "diff", "diff", NULL,
      "Compare two runs by the fingerprints of their errors and warnings: new, fixed, same.",
      diff_params, "changes" },
    { "query", "sql", NULL,
      "Ask in SQL about runs (view lq_runs) and events (view lq_events). Nothing can be written, no "
      "file and no network be reached.",
      query_params, "rows", .closed = true },
    { "sync_status", NULL, &sync_status_command,
      "Tell of each destination of sync what is there, what it still lacks, and what failed.",
      no_params, "sync", .one = true },
    { "info", "info", NULL, "Show all that is known of one run.", info_params, "run", .one = true,
      .hidden = true },
};

static const struct lq_command *command_of(const struct tool *tool)
{
    return tool->own ? tool->own : lq_cli_find_command(tool->command);
}

static bool is_offered(const struct lq_mcp *mcp, const struct tool *tool)
{
    if (tool->hidden)
        return false;
    for (const char *const *at = mcp->allowed; at && *at; at++) {
        if (strcmp(*at, tool->name) == 0)
            return true;
    }
    return !mcp->allowed;
}

static const struct tool *find_tool(const char *name)
{
    for (size_t i = 0; name && i < LQ_COUNT(tools); i++) {
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    }
    return NULL;
}

bool lq_mcp_is_tool(const char *name)
{
    const struct tool *tool = find_tool(name);

    return tool && !tool->hidden;
}

/* ---- what a client sends ---- */

static bool fits(const struct param *param, const json_t *value)
{
    const json_t *item;
    size_t i;

    switch (param->kind) {
    case TEXT:
        return json_is_string(value) &&
               strlen(json_string_value(value)) == json_string_length(value);
    case INTEGER:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case ROWS:
        return json_is_integer(value) && json_integer_value(value) >= 1 &&
               json_integer_value(value) <= 10000;
    case FLAG:
        return json_is_boolean(value);
    case TEXTS:
        break;
    }
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item))
            return false;
    }
    return json_is_array(value);
}

static const char *kind_name(enum param_kind kind)
{
    static const char *const names[] = {
        [TEXT] = "a string",
        [INTEGER] = "an integer, not negative",
        [FLAG] = "a boolean",
        [TEXTS] = "an array of strings",
        [ROWS] = "an integer from 1 to 10000",
    };

    return names[kind];
}

/* Whether the arguments are what the tool's parameters say. */
static enum lq_status check_arguments(const struct tool *tool, const json_t *arguments,
                                      struct lq_error *err)
{
    const char *key;
    const json_t *value;

    if (arguments && !json_is_object(arguments))
        return lq_error_set(err, LQ_BAD_INPUT, "'arguments' is no object");
    json_object_foreach((json_t *)(uintptr_t)arguments, key, value)
    {
        const struct param *param = tool->params;

        while (param->name && strcmp(param->name, key) != 0)
            param++;
        if (!param->name)
            return lq_error_set(err, LQ_BAD_INPUT, "%s has no argument '%s'", tool->name, key);
        if (!fits(param, value))
            return lq_error_set(err, LQ_BAD_INPUT, "%s: '%s' must be %s", tool->name, key,
                                kind_name(param->kind));
    }
    for (const struct param *param = tool->params; param->name; param++) {
        if (param->required && !json_object_get(arguments, param->name))
            return lq_error_set(err, LQ_BAD_INPUT, "%s needs '%s'", tool->name, param->name);
    }
    return LQ_OK;
}

/* A command line: words that the list owns, NULL behind the last. */
struct words {
    char **words;
    size_t count, capacity;
};

static void words_release(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->words[i]);
    free(words->words);
}

/* Takes over `word`. */
static void add_word(struct words *words, char *word)
{
    LQ_GROW(words->words, words->count, words->capacity);
    words->words[words->count++] = word;
}

static void build_words(const struct tool *tool, const json_t *arguments, struct words *words)
{
    add_word(words, lq_strdup(tool->name));
    if (command_of(tool)->needs & LQ_NEEDS_SCOPE)
        add_word(words, lq_strdup("--jsonl"));
    for (const struct param *param = tool->params; param->name; param++) {
        const json_t *value = json_object_get(arguments, param->name);

        if (!value || !param->option)
            continue;
        if (param->kind == TEXT)
            add_word(words, lq_format("%s=%s", param->option, json_string_value(value)));
        else if (param->kind == INTEGER)
            add_word(words,
                     lq_format("%s=%lld", param->option, (long long)json_integer_value(value)));
        else if (json_is_true(value))
            add_word(words, lq_strdup(param->option));
    }
    /* Behind this, nothing is taken for an option. */
    add_word(words, lq_strdup("--"));
    for (const struct param *param = tool->params; param->name; param++) {
        const json_t *value = json_object_get(arguments, param->name);

        if (value && !param->option && param->kind == TEXT)
            add_word(words, lq_strdup(json_string_value(value)));
    }
    add_word(words, NULL);
}

/* ---- rows: JSON lines of a command, taken as they come ---- */

struct rows {
    struct lq_buf text;
    size_t line; /* where the line that is being read begins */
    size_t count, most;
    bool cut; /* there are more than are taken */
};

static void end_line(struct rows *rows)
{
    rows->count++;
    lq_buf_addc(&rows->text, ',');
    rows->line = rows->text.len;
}

/* A cookie_write_function_t. Taking nothing makes the stream fail, and so ends the command. */
static ssize_t take_bytes(void *ctx, const char *bytes, size_t size)
{
    struct rows *rows = ctx;

    for (size_t at = 0; at < size;) {
        const char *newline = memchr(bytes + at, '\n', size - at);
        const size_t len = (newline ? (size_t)(newline - bytes) : size) - at;

        if (rows->count == rows->most || rows->text.len + len > LQ_MCP_ANSWER_MAX_BYTES) {
            rows->cut = true;
            return 0;
        }
        lq_buf_add(&rows->text, bytes + at, len);
        if (newline)
            end_line(rows);
        at += len + (newline ? 1 : 0);
    }
    return (ssize_t)size;
}

/* ---- an end to questions that take too long ---- */

/* On a thread of its own. */
static void ring(union sigval value)
{
    struct lq_mcp *mcp = value.sival_ptr;

    mcp->overdue = true;
    lq_queries_interrupt(&mcp->queries);
}

static void alarm_set(struct lq_mcp *mcp, timer_t *timer, bool *set)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_THREAD,
        .sigev_notify_function = ring,
        .sigev_value.sival_ptr = mcp,
    };
    const struct itimerspec when = { .it_value.tv_sec = mcp->timeout_sec };

    mcp->overdue = false;
    *set = mcp->timeout_sec > 0 && timer_create(CLOCK_MONOTONIC, &event, timer) == 0 &&
           timer_settime(*timer, 0, &when, NULL) == 0;
}

static enum lq_status run_command(struct lq_mcp *mcp, const struct tool *tool,
                                  const struct words *words, struct rows *rows,
                                  struct lq_error *err)
{
    FILE *out = fopencookie(rows, "w", (cookie_io_functions_t){ .write = take_bytes });
    struct lq_cli cli = {
        .out = out, .queries = &mcp->queries, .closed = tool->closed, .exit_code = -1
    };
    enum lq_status status;
    timer_t timer;
    bool alarmed;

    if (!out)
        return lq_error_set(err, LQ_IO, "cannot open a stream");
    alarm_set(mcp, &timer, &alarmed);
    status = lq_cli_run(&cli, command_of(tool), words->words, err);
    if (alarmed)
        timer_delete(timer);
    lq_cli_release(&cli);
    fclose(out);
    if (status == LQ_SQL && mcp->overdue)
        status = lq_error_set(err, LQ_CANCELLED, "stopped after %lld seconds: ask for less",
                              (long long)mcp->timeout_sec);
    /* A command whose rows are not wanted any more fails to write them. */
    if (rows->cut)
        status = rows->count ? LQ_OK
                             : lq_error_set(err, LQ_BAD_INPUT, "one row is larger than %zu bytes",
                                            LQ_MCP_ANSWER_MAX_BYTES);
    /* Without the last comma, or the half of a line. */
    lq_buf_truncate(&rows->text, rows->line ? rows->line - 1 : 0);
    return status;
}

static void add_answer(struct lq_buf *answer, const struct tool *tool, const struct rows *rows)
{
    lq_buf_addf(answer, "{\"%s\":%s", tool->key, tool->one ? "" : "[");
    if (tool->one && !rows->count)
        lq_buf_adds(answer, "null");
    lq_buf_add(answer, lq_buf_text(&rows->text), rows->text.len);
    if (tool->one)
        lq_buf_addc(answer, '}');
    else
        lq_buf_addf(answer, "],\"truncated\":%s}", rows->cut ? "true" : "false");
}

static enum lq_status ask(struct lq_mcp *mcp, const struct tool *tool, const json_t *arguments,
                          struct lq_buf *answer, struct lq_error *err)
{
    LQ_CLEANUP(words_release) struct words words = { 0 };
    struct rows rows = { .most = 100 };
    enum lq_status status;

    if (json_object_get(arguments, "limit"))
        rows.most = (size_t)json_integer_value(json_object_get(arguments, "limit"));
    build_words(tool, arguments, &words);
    status = run_command(mcp, tool, &words, &rows, err);
    if (status == LQ_OK)
        add_answer(answer, tool, &rows);
    lq_buf_release(&rows.text);
    return status;
}

enum lq_status lq_mcp_ask(struct lq_mcp *mcp, const char *name, const json_t *arguments,
                          struct lq_buf *answer, enum lq_mcp_code *code, struct lq_error *err)
{
    const struct tool *tool = find_tool(name);

    *code = LQ_MCP_INVALID_PARAMS;
    if (!tool)
        return lq_error_set(err, LQ_NOT_FOUND, "unknown tool '%s'", name);
    LQ_TRY(check_arguments(tool, arguments, err));
    *code = LQ_MCP_OK;
    lq_mcp_await_warm_up(mcp);
    return ask(mcp, tool, arguments, answer, err);
}

/* ---- loading the database before it is asked ---- */

static void *warm_up(void *ctx)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf answer = LQ_BUF_INIT;
    struct lq_error err = { 0 };

    /* Whatever is wrong is said when somebody asks. */
    if (ask(ctx, find_tool("errors"), NULL, &answer, &err) != LQ_OK)
        return NULL;
    return NULL;
}

void lq_mcp_warm_up(struct lq_mcp *mcp)
{
    mcp->warming_up = pthread_create(&mcp->warmer, NULL, warm_up, mcp) == 0;
}

void lq_mcp_await_warm_up(struct lq_mcp *mcp)
{
    if (mcp->warming_up)
        pthread_join(mcp->warmer, NULL);
    mcp->warming_up = false;
}

/* ---- sync_status ---- */

static enum lq_status sync_status_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    const struct lq_sync_opts opts = lq_auto_opts(&cli->project.config);
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_free) char *text = NULL;
    size_t len = 0;
    FILE *out;
    enum lq_status status;

    LQ_TRY(lq_store_open(&store, &cli->project, err));
    out = open_memstream(&text, &len);
    status = lq_sync_print_status(out, store, cli->store, &opts, true, err);
    fclose(out);
    /* An answer is a line. */
    for (size_t i = 0; i + 1 < len; i++)
        if (text[i] == '\n')
            text[i] = ' ';
    fwrite(text, 1, len, cli->out);
    return status;
}

/* ---- the methods ---- */

static void add_schema_of(struct lq_buf *out, const struct param *param)
{
    static const char *const types[] = {
        [TEXT] = "\"type\":\"string\"",
        [INTEGER] = "\"type\":\"integer\",\"minimum\":0",
        [FLAG] = "\"type\":\"boolean\"",
        [TEXTS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
        [ROWS] = "\"type\":\"integer\",\"minimum\":1,\"maximum\":10000",
    };

    lq_buf_addf(out, "\"%s\":{%s,\"description\":", param->name, types[param->kind]);
    lq_out_add_json(out, lq_str_of(param->text));
    lq_buf_addc(out, '}');
}

static void add_input_schema(struct lq_buf *out, const struct tool *tool)
{
    const char *separator = "";

    lq_buf_adds(out, "\"inputSchema\":{\"type\":\"object\",\"properties\":{");
    for (const struct param *param = tool->params; param->name; param++) {
        lq_buf_adds(out, param == tool->params ? "" : ",");
        add_schema_of(out, param);
    }
    lq_buf_adds(out, "},\"required\":[");
    for (const struct param *param = tool->params; param->name; param++) {
        if (!param->required)
            continue;
        lq_buf_addf(out, "%s\"%s\"", separator, param->name);
        separator = ",";
    }
    lq_buf_adds(out, "],\"additionalProperties\":false}");
}

static void add_output_schema(struct lq_buf *out, const struct tool *tool)
{
    lq_buf_adds(out, ",\"outputSchema\":{\"type\":\"object\"");
    if (tool->one)
        lq_buf_addf(out, ",\"properties\":{\"%s\":{\"type\":\"object\"}},\"required\":[\"%s\"]",
                    tool->key, tool->key);
    else if (tool->key)
        lq_buf_addf(out,
                    ",\"properties\":{\"%s\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
                    "\"truncated\":{\"type\":\"boolean\"}},\"required\":[\"%s\",\"truncated\"]",
                    tool->key, tool->key);
    lq_buf_addc(out, '}');
}

enum lq_mcp_code lq_mcp_list_tools(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                   struct lq_buf *members, struct lq_error *err)
{
    const char *separator = "";

    lq_buf_adds(members, "\"tools\":[");
    for (size_t i = 0; i < LQ_COUNT(tools); i++) {
        const struct tool *tool = &tools[i];

        if (!is_offered(mcp, tool))
            continue;
        lq_buf_addf(members, "%s{\"name\":\"%s\",\"description\":", separator, tool->name);
        lq_out_add_json(members, lq_str_of(tool->description));
        lq_buf_addf(members, ",\"annotations\":{\"readOnlyHint\":%s,\"openWorldHint\":false},",
                    tool->key ? "true" : "false");
        add_input_schema(members, tool);
        add_output_schema(members, tool);
        lq_buf_addc(members, '}');
        separator = ",";
    }
    lq_buf_addc(members, ']');
    return LQ_MCP_OK;
}

void lq_mcp_add_tool_result(struct lq_buf *members, struct lq_str answer, bool is_error)
{
    lq_buf_adds(members, "\"content\":[{\"type\":\"text\",\"text\":");
    lq_out_add_json(members, answer);
    lq_buf_adds(members, "}],\"structuredContent\":");
    lq_buf_add(members, answer.ptr, answer.len);
    lq_buf_addf(members, ",\"isError\":%s", is_error ? "true" : "false");
}

void lq_mcp_add_tool_failure(struct lq_buf *members, const struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_buf_addf(&text, "%s%s%s", err->message, err->detail[0] ? "\n" : "", err->detail);
    lq_buf_adds(members, "\"content\":[{\"type\":\"text\",\"text\":");
    lq_out_add_json(members, (struct lq_str){ lq_buf_text(&text), text.len });
    lq_buf_adds(members, "}],\"isError\":true");
}

enum lq_mcp_code lq_mcp_call_tool(struct lq_mcp *mcp, const struct lq_mcp_request *request,
                                  struct lq_buf *members, struct lq_error *err)
{
    const char *name = lq_mcp_text(request->params, "name");
    const json_t *arguments = json_object_get(request->params, "arguments");
    const struct tool *tool = find_tool(name);
    LQ_CLEANUP(lq_buf_release) struct lq_buf answer = LQ_BUF_INIT;
    enum lq_mcp_code code;

    if (!tool || !is_offered(mcp, tool)) {
        lq_error_set(err, LQ_NOT_FOUND, "unknown tool '%s'", name ? name : "");
        return LQ_MCP_INVALID_PARAMS;
    }
    if (!tool->key) {
        if (check_arguments(tool, arguments, err) != LQ_OK)
            return LQ_MCP_INVALID_PARAMS;
        return lq_mcp_run(mcp, request, arguments, members, err);
    }
    if (lq_mcp_ask(mcp, name, arguments, &answer, &code, err) == LQ_OK)
        lq_mcp_add_tool_result(members, (struct lq_str){ lq_buf_text(&answer), answer.len }, false);
    else if (code == LQ_MCP_OK)
        lq_mcp_add_tool_failure(members, err);
    return code;
}
