/* SPDX-License-Identifier: MIT */
/* lq shell: one statement after the other, from a terminal with editing, or from a script. */
#include "base/text.h"
#include "cli/cli.h"
#include "cli/editor.h"
#include "cli/pager.h"
#include "cli/queries.h"
#include "cli/shell_history.h"
#include "cli/statement.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <lq/redact.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* A statement that does not end in this much is none. */
#define STATEMENT_MAX_BYTES ((size_t)16 << 20)

struct shell {
    struct lq_cli *cli;
    struct lq_queries queries;
    struct lq_buf pending;    /* lines of a statement that goes on */
    int64_t line, first_line; /* of the input: the last one read, where `pending` begins */
    char *input;              /* of getline */
    size_t input_size;
    bool over;
    bool interactive;
    struct lq_editor *editor; /* NULL in a script, and without libedit */
    struct lq_redactor *redactor;
    char *history; /* path; NULL: not kept */
    pthread_t watcher;
    atomic_bool running;
};

/* ---- Ctrl-C ends the statement that runs ---- */

static int interrupts[2] = { -1, -1 }; /* a pipe from the signal handler to the watcher */

static void on_interrupt(int number)
{
    const int saved = errno;

    (void)number;
    if (write(interrupts[1], "i", 1) < 0)
        errno = saved;
    errno = saved;
}

static void *watch(void *arg)
{
    struct shell *shell = arg;
    char byte;
    ssize_t len;

    while ((len = read(interrupts[0], &byte, 1)) > 0 || (len < 0 && errno == EINTR)) {
        if (len > 0 && atomic_load(&shell->running))
            lq_queries_interrupt(&shell->queries);
    }
    return NULL;
}

/* Again before each statement: the pager takes Ctrl-C for itself while it is there, libedit while it reads. */
static void catch_interrupts(void)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };

    sigaction(SIGINT, &action, NULL);
}

static enum lq_status start_watching(struct shell *shell, struct lq_error *err)
{
    sigset_t all, before;
    int failed;

    if (pipe2(interrupts, O_CLOEXEC) != 0)
        return lq_error_errno(err, errno, "cannot watch for signals");
    /* Signals are for the thread that reads: libedit waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    failed = pthread_create(&shell->watcher, NULL, watch, shell);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return lq_error_set(err, LQ_IO, "cannot start a thread");
    catch_interrupts();
    return LQ_OK;
}

static void stop_watching(struct shell *shell)
{
    signal(SIGINT, SIG_DFL);
    close(interrupts[1]);
    pthread_join(shell->watcher, NULL);
    close(interrupts[0]);
}

/* ---- running ---- */

static enum lq_status open_query(struct shell *shell, struct lq_query **query, struct lq_error *err)
{
    bool empty;

    return lq_cli_open_query(shell->cli, query, &empty, err);
}

/* `params` are bound in lq's own `sql`; NULL: it is the user's. */
static enum lq_status run_sql(struct shell *shell, const char *sql, const struct lq_value *params,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;

    LQ_TRY(open_query(shell, &query, err));
    if (params)
        return lq_cli_print_query(shell->cli, query, sql, params, 1, NULL, 0, err);
    return lq_cli_print_sql(shell->cli, query, sql, NULL, 0, err);
}

static bool begin_output(struct shell *shell)
{
    FILE *pager = shell->interactive ? lq_pager_open() : NULL;

    if (pager)
        shell->cli->out = pager;
    return pager != NULL;
}

static bool end_output(struct shell *shell, bool paged)
{
    bool whole = true;

    if (paged) {
        whole = lq_pager_close(shell->cli->out);
        shell->cli->out = stdout;
    }
    return fflush(stdout) == 0 && !ferror(stdout) && whole;
}

/* Run one statement, or a command's own, and show what comes; what goes wrong is in `err`. */
static enum lq_status show(struct shell *shell, const char *sql, const struct lq_value *params,
                           struct lq_error *err)
{
    const bool paged = begin_output(shell);
    enum lq_status status;

    if (shell->interactive)
        catch_interrupts();
    atomic_store(&shell->running, true);
    status = run_sql(shell, sql, params, err);
    atomic_store(&shell->running, false);
    if (!end_output(shell, paged) && status == LQ_OK)
        status = lq_error_set(err, LQ_IO, "cannot write standard output");
    if (status == LQ_SQL && strncmp(err->message, "INTERRUPT", 9) == 0)
        return lq_error_set(err, LQ_CANCELLED, "interrupted");
    return status;
}

/* ---- commands ---- */

static const char list_sql[] =
    "SELECT view_name AS name, 'view' AS kind FROM duckdb_views() "
    "WHERE NOT internal AND starts_with(view_name, 'lq_') AND NOT ends_with(view_name, '_rows') "
    "UNION ALL "
    "SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', "
    "if(function_type = 'table_macro', 'rows', 'value') FROM duckdb_functions() "
    "WHERE NOT internal AND function_type IN ('macro', 'table_macro') AND "
    "starts_with(function_name, 'lq_') AND $1::VARCHAR IS NULL "
    "ORDER BY kind DESC, name";
static const char describe_sql[] =
    "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = lower($1::VARCHAR) "
    "ORDER BY column_index";

static enum lq_status list_names(struct shell *shell, const char *word, struct lq_error *err)
{
    const struct lq_value none = { .kind = LQ_VALUE_NULL };

    (void)word;
    return show(shell, list_sql, &none, err);
}

static enum lq_status describe(struct shell *shell, const char *word, struct lq_error *err)
{
    const struct lq_value name = lq_value_text(word);
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;

    if (!word)
        return list_names(shell, NULL, err);
    LQ_TRY(open_query(shell, &query, err));
    LQ_TRY(lq_query_run(query, false, describe_sql, &name, 1, &rows, err));
    if (lq_rows_is_empty(rows))
        return lq_error_set(err, LQ_NOT_FOUND, "no view '%s'", word);
    lq_rows_free(&rows);
    lq_query_close(&query);
    return show(shell, describe_sql, &name, err);
}

static enum lq_status set_mode(struct shell *shell, const char *word, struct lq_error *err)
{
    if (word && lq_out_format_parse(word, &shell->cli->format))
        return LQ_OK;
    return lq_error_set(err, LQ_USAGE, ".mode takes table, json, jsonl, csv or markdown");
}

static enum lq_status quit(struct shell *shell, const char *word, struct lq_error *err)
{
    (void)word;
    (void)err;
    shell->over = true;
    return LQ_OK;
}

static enum lq_status help(struct shell *shell, const char *word, struct lq_error *err);

static const struct command {
    const char *name, *short_name, *word, *text;
    enum lq_status (*run)(struct shell *shell, const char *word, struct lq_error *err);
} commands[] = {
    { ".help", "\\?", "", "show this", help },
    { ".tables", "\\dt", "", "list views and macros", list_names },
    { ".schema", "\\d", " [VIEW]", "list the columns of a view", describe },
    { ".mode", "\\o", " FORMAT", "print as table, json, jsonl, csv or markdown", set_mode },
    { ".quit", "\\q", "", "leave, as Ctrl-D does", quit },
};

static enum lq_status help(struct shell *shell, const char *word, struct lq_error *err)
{
    (void)word;
    (void)err;
    fprintf(shell->cli->out, "A statement of SQL ends with ';' and may take several lines.\n");
    for (size_t i = 0; i < LQ_COUNT(commands); i++) {
        LQ_CLEANUP(lq_free) char *usage = lq_format("%s%s", commands[i].name, commands[i].word);

        fprintf(shell->cli->out, "  %-16s %-4s %s\n", usage, commands[i].short_name,
                commands[i].text);
    }
    return LQ_OK;
}

static const char *command_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    return index < LQ_COUNT(commands) ? commands[index].name : NULL;
}

/* "exit" and "quit" are what people type. */
static bool is_command(const char *line)
{
    return line[0] == '.' || line[0] == '\\' || strcmp(line, "exit") == 0 ||
           strcmp(line, "quit") == 0;
}

static enum lq_status run_command(struct shell *shell, const char *line, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *copy = lq_strdup(line);
    char *rest = NULL;
    const char *name = strtok_r(copy, " \t", &rest);
    const char *word = strtok_r(NULL, " \t;", &rest);
    const char *nearest;

    if (is_command(name) && isalpha((unsigned char)*name))
        return quit(shell, NULL, err);
    for (size_t i = 0; i < LQ_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0 || strcmp(name, commands[i].short_name) == 0)
            return commands[i].run(shell, word, err);
    }
    nearest = lq_nearest(lq_str_of(name), command_name_at, NULL);
    return lq_error_set(err, LQ_USAGE, "no command '%s': %s%s", name,
                        nearest ? "did you mean " : "", nearest ? nearest : ".help lists them");
}

/* ---- completion, by what the engine proposes ---- */

/* A table function takes no parameter while its columns are not known, but a variable. */
static const char complete_sql[] =
    "SELECT rtrim(suggestion), suggestion_type FROM sql_auto_complete(getvariable('lq_line')) "
    "WHERE suggestion NOT IN (SELECT table_name FROM duckdb_tables()) AND "
    "NOT regexp_full_match(suggestion, 'lq_(escape|.*_rows)')";

static bool is_word(const char *text)
{
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return !*text;
}

static char after(const char *type)
{
    if (strcmp(type, "keyword") == 0)
        return ' ';
    return lq_str_ends(lq_str_of(type), LQ_STR("function")) ? '(' : '\0';
}

/* A keyword in the case of what was typed. */
static void follow_case(char *text, const char *typed)
{
    for (; islower((unsigned char)*typed) && *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

struct candidates {
    struct lq_candidate *items;
    size_t count, capacity;
};

static void add_candidate(struct candidates *found, char *text, char after_it)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].text, text) == 0) {
            free(text);
            return;
        }
    }
    LQ_GROW(found->items, found->count, found->capacity);
    found->items[found->count++] = (struct lq_candidate){ text, after_it };
}

static void complete_command(struct lq_str line, struct candidates *found)
{
    for (size_t i = 0; i < LQ_COUNT(commands); i++) {
        if (lq_str_starts(lq_str_of(commands[i].name), line))
            add_candidate(found, lq_strdup(commands[i].name + 1), commands[i].word[0]);
    }
}

/* What goes wrong leaves the line as it is. */
static enum lq_status complete_statement(struct shell *shell, const char *text, const char *typed,
                                         struct candidates *found)
{
    struct lq_error ignored = { 0 };
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    const struct lq_value param = lq_value_text(text);
    bool more;

    LQ_TRY(open_query(shell, &query, &ignored));
    LQ_TRY(lq_query_run(query, false, "SET VARIABLE lq_line = $1::VARCHAR", &param, 1, &rows,
                        &ignored));
    lq_rows_free(&rows);
    LQ_TRY(lq_query_run(query, false, complete_sql, NULL, 0, &rows, &ignored));
    while (lq_rows_next(rows, &more, &ignored) == LQ_OK && more) {
        char *suggestion = lq_rows_get_text(rows, 0);
        LQ_CLEANUP(lq_free) char *type = lq_rows_get_text(rows, 1);

        if (!suggestion || !is_word(suggestion) ||
            strncasecmp(suggestion, typed, strlen(typed)) != 0) {
            free(suggestion);
            continue;
        }
        if (strcmp(type, "keyword") == 0)
            follow_case(suggestion, typed);
        add_candidate(found, suggestion, after(type));
    }
    return LQ_OK;
}

static size_t complete(void *ctx, struct lq_str line, struct lq_candidate **candidates)
{
    struct shell *shell = ctx;
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct candidates found = { 0 };
    const bool command = shell->pending.len == 0 && line.len > 0 && strchr(".\\", line.ptr[0]);
    size_t start = line.len;

    while (start > 0 && (isalnum((unsigned char)line.ptr[start - 1]) || line.ptr[start - 1] == '_'))
        start--;
    if (command && start < 2) {
        complete_command(line, &found);
    } else {
        /* What a command takes is a view. */
        lq_buf_adds(&text, command ? "FROM " : lq_buf_text(&shell->pending));
        lq_buf_add(&text, line.ptr + (command ? start : 0), line.len - (command ? start : 0));
        if (complete_statement(shell, lq_buf_text(&text),
                               lq_buf_text(&text) + text.len - (line.len - start), &found) != LQ_OK)
            found.count = 0;
    }
    *candidates = found.items;
    return found.count;
}

/* ---- history ---- */

static void recall(void *ctx, const char *entry)
{
    lq_editor_remember(ctx, entry);
}

/* Statements of several lines are one entry, of one line where no comment ends with a line. What begins
 * with a space is not kept, nor are secrets. */
static void remember(struct shell *shell, struct lq_str text)
{
    LQ_CLEANUP(lq_free) char *entry = NULL;
    struct lq_error err = { 0 };

    while (text.len > 0 && isspace((unsigned char)text.ptr[text.len - 1]))
        text.len--;
    if (!shell->editor || text.len == 0 || text.ptr[0] == ' ' || memchr(text.ptr, '\0', text.len))
        return;
    if (shell->redactor)
        entry = lq_redact_text(shell->redactor, text);
    if (!entry)
        entry = lq_strndup(text.ptr, text.len);
    if (strchr(entry, '\n') && strstr(entry, "--"))
        return;
    for (char *at = entry; *at; at++) {
        if (iscntrl((unsigned char)*at))
            *at = ' ';
    }
    lq_editor_remember(shell->editor, entry);
    if (shell->history && lq_shell_history_add(shell->history, entry, &err) != LQ_OK) {
        lq_say("the history is not kept: %s", err.message);
        lq_free(&shell->history);
    }
}

static void start_editing(struct shell *shell)
{
    struct lq_error err = { 0 };

    shell->editor = lq_editor_open(complete, shell);
    if (!shell->editor) {
        lq_say("no libedit here: lines are read without history and completion");
        return;
    }
    shell->history = lq_shell_history_path();
    if (lq_redactor_new(&shell->redactor, NULL, &err) != LQ_OK ||
        lq_shell_history_load(shell->history, recall, shell->editor, &err) != LQ_OK) {
        lq_say("the history is not kept: %s", err.message);
        lq_free(&shell->history);
    }
}

/* ---- reading ---- */

/* The next line with its '\n', borrowed, perhaps from `*input`; NULL at the end. `*cleared`: the user gave up
 * what was typed. */
static const char *read_line(struct shell *shell, char **input, size_t *size, bool *cleared)
{
    const char *prompt = shell->pending.len ? "  > " : "lq> ";
    const char *edited;

    *cleared = false;
    if (shell->editor) {
        const enum lq_editor_event event = lq_editor_read(shell->editor, prompt, &edited);

        *cleared = event == LQ_EDITOR_CLEARED;
        return event == LQ_EDITOR_END ? NULL : *cleared ? "" : edited;
    }
    if (shell->interactive) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    return getline(input, size, stdin) < 0 ? NULL : *input;
}

/* In a script the first failure ends it. */
static enum lq_status settle(struct shell *shell, enum lq_status status, struct lq_error *err)
{
    struct lq_error reason = *err;

    if (status == LQ_OK)
        return LQ_OK;
    if (shell->interactive) {
        if (status == LQ_CANCELLED)
            fputc('\n', stdout); /* behind the terminal's ^C */
        fflush(stdout);
        lq_cli_report(err);
        *err = (struct lq_error){ 0 };
        return LQ_OK;
    }
    lq_error_set(err, status, "line %lld: %s", (long long)shell->first_line, reason.message);
    memcpy(err->detail, reason.detail, sizeof err->detail);
    /* A mistake in a script is no mistake in the command line. */
    return status == LQ_USAGE ? LQ_BAD_INPUT : status;
}

/* Run the statements that end in what is pending; at the end of the input, the last one too. */
static enum lq_status run_pending(struct shell *shell, bool at_end, struct lq_error *err)
{
    struct lq_buf *pending = &shell->pending;

    for (;;) {
        const struct lq_str text = { lq_buf_text(pending), pending->len };
        const size_t len = lq_statement_length(text);
        const struct lq_str statement = { text.ptr, len ? len : text.len };
        LQ_CLEANUP(lq_free) char *sql = NULL;
        LQ_CLEANUP(lq_buf_release) struct lq_buf rest = LQ_BUF_INIT;
        enum lq_status status;

        if (len == 0 && lq_statement_is_blank(text))
            lq_buf_clear(pending);
        if (pending->len == 0 || (len == 0 && !at_end))
            return LQ_OK;
        sql = lq_strndup(statement.ptr, statement.len);
        lq_buf_add(&rest, text.ptr + statement.len, text.len - statement.len);
        lq_buf_clear(pending);
        lq_buf_add(pending, lq_buf_text(&rest), rest.len);
        if (lq_statement_is_blank(statement))
            continue;
        remember(shell, lq_str_of(sql));
        status = settle(shell, show(shell, sql, NULL, err), err);
        if (status != LQ_OK)
            return status;
    }
}

static enum lq_status take_line(struct shell *shell, const char *line, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *trimmed = lq_strndup(line, strcspn(line, "\r\n"));
    const bool begins = shell->pending.len == 0;

    shell->line++;
    if (begins)
        shell->first_line = shell->line;
    if (begins && is_command(trimmed)) {
        remember(shell, lq_str_of(trimmed));
        return settle(shell, run_command(shell, trimmed, err), err);
    }
    lq_buf_adds(&shell->pending, line);
    if (shell->pending.overflow) {
        lq_buf_clear(&shell->pending);
        return settle(shell, lq_error_set(err, LQ_BAD_INPUT, "the statement is too long"), err);
    }
    /* A long statement is not looked through again at each of its lines. */
    return begins || strchr(line, ';') ? run_pending(shell, false, err) : LQ_OK;
}

static enum lq_status read_all(struct shell *shell, struct lq_error *err)
{
    enum lq_status status = LQ_OK;
    const char *line;
    char *input = NULL;
    size_t size = 0;
    bool cleared;

    while (status == LQ_OK && !shell->over &&
           (line = read_line(shell, &input, &size, &cleared)) != NULL) {
        if (cleared)
            lq_buf_clear(&shell->pending);
        else
            status = take_line(shell, line, err);
    }
    free(input);
    if (status == LQ_OK && !shell->over && !shell->interactive)
        status = run_pending(shell, true, err);
    return status;
}

/* What may go wrong goes wrong before the first prompt. */
static enum lq_status greet(struct shell *shell, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;

    LQ_TRY(open_query(shell, &query, err));
    if (shell->interactive)
        printf("lq %s, %lld runs. '.help' tells more.\n", LQ_VERSION,
               (long long)lq_query_run_count(query));
    return LQ_OK;
}

static enum lq_status talk(struct shell *shell, struct lq_error *err)
{
    enum lq_status status;

    if (!shell->interactive)
        return read_all(shell, err);
    /* One for each answer instead of one for all. */
    if (lq_pager_owns(shell->cli->out))
        lq_pager_close(shell->cli->out);
    shell->cli->out = stdout;
    LQ_TRY(greet(shell, err));
    LQ_TRY(start_watching(shell, err));
    start_editing(shell);
    status = read_all(shell, err);
    stop_watching(shell);
    return status;
}

static enum lq_status shell_main(struct lq_cli *cli, const void *args, struct lq_error *err)
{
    struct shell shell = {
        .cli = cli,
        .queries = LQ_QUERIES_INIT,
        .pending = { .max = STATEMENT_MAX_BYTES },
        .interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
    };
    enum lq_status status;

    (void)args;
    if (cli->save)
        return lq_error_set(err, LQ_USAGE, "-O takes one query: lq sql -O FILE.parquet");
    cli->queries = &shell.queries;
    cli->at_prompt = shell.interactive;
    status = talk(&shell, err);
    lq_editor_close(&shell.editor);
    lq_redactor_free(&shell.redactor);
    lq_queries_release(&shell.queries);
    cli->queries = NULL;
    lq_buf_release(&shell.pending);
    lq_free(&shell.history);
    return status;
}

static const struct lq_opt shell_opts[] = { LQ_OPT_END };

const struct lq_command lq_cmd_shell = {
    .name = "shell",
    .summary = "ask in SQL at a prompt, or run a script of queries",
    .needs = LQ_NEEDS_SCOPE,
    .opts = shell_opts,
    .main = shell_main,
};
