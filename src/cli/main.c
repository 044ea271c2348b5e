/* SPDX-License-Identifier: MIT */
/* The dispatcher: find the command, read its options, open what it needs, report, exit. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/auto.h"
#include "cli/cli.h"
#include "cli/pager.h"
#include "cli/queries.h"
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <lq/rows.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

void lq_say(const char *fmt, ...)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;
    LQ_CLEANUP(lq_free) char *raw = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&raw, fmt, args) < 0)
        raw = NULL;
    va_end(args);
    lq_buf_adds(&line, "lq: ");
    lq_text_add_visible(&line, lq_str_of(raw ? raw : "out of memory"), false);
    lq_buf_addc(&line, '\n');
    /* One write, so that lines of parallel processes stay whole. */
    if (write(STDERR_FILENO, lq_buf_text(&line), line.len) < 0)
        return;
}

/* HOME, else what the user database says, as shells have it for "~". */
static const char *home_folder(void)
{
    const char *home = getenv("HOME");
    const struct passwd *user = home && *home ? NULL : getpwuid(getuid());

    return user ? user->pw_dir : home;
}

char *lq_cli_expand_home(const char *path)
{
    const char *home;

    if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
        return lq_strdup(path);
    home = home_folder();
    if (!home || !*home)
        return lq_strdup(path);
    return lq_format("%s%s", home, path + 1);
}

static int exit_code_of(enum lq_status status)
{
    return status == LQ_OK ? 0 : status == LQ_USAGE ? 2 : 1;
}

void lq_cli_report(const struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    lq_say("%s", err->message);
    if (!err->detail[0])
        return;
    lq_text_add_visible(&text, lq_str_of(err->detail), true);
    lq_buf_addc(&text, '\n');
    fwrite(lq_buf_text(&text), 1, text.len, stderr);
}

/* ---- options that many commands share ---- */

struct global_args {
    bool help;
    const char *folder;
};

static const struct lq_opt global_opts[] = {
    LQ_OPT(struct global_args, help, 'h', "help", NULL, "show this"),
    LQ_OPT(struct global_args, folder, 'C', "directory", "DIR", "work as if started in DIR"),
    LQ_OPT_END,
};

struct scope_args {
    bool include_synced, global, offline;
    const char *data, *namespace_, *project, *hostname, *source, *name, *since, *until;
};

static const struct lq_opt scope_opts[] = {
    LQ_OPT(struct scope_args, include_synced, 0, "include-synced", NULL,
           "also this project's runs in the central store"),
    LQ_OPT(struct scope_args, global, 'g', "global", NULL,
           "all projects of the central store, and the local runs"),
    LQ_OPT(struct scope_args, data, 'd', "data", "PATH", "the store or run file at PATH alone"),
    LQ_OPT(struct scope_args, offline, 0, "offline", NULL,
           "ask nothing of the network: of an S3 store, what is kept here"),
    LQ_OPT(struct scope_args, namespace_, 0, "namespace", "N", "runs of this namespace"),
    LQ_OPT(struct scope_args, project, 0, "project", "P", "runs of this project"),
    LQ_OPT(struct scope_args, hostname, 0, "hostname", "H", "runs of this machine"),
    LQ_OPT_CHOICE(struct scope_args, source, 0, "source", "KIND",
                  "runs of KIND: run, import or capture", "run", "import", "capture"),
    LQ_OPT(struct scope_args, name, 0, "name", "NAME", "runs of this name"),
    LQ_OPT(struct scope_args, since, 0, "since", "TIME",
           "runs since TIME: 2025-01-15[T14:30], or an age: 7d"),
    LQ_OPT(struct scope_args, until, 0, "until", "TIME", "runs before TIME"),
    LQ_OPT_END,
};

struct out_args {
    const char *format, *save;
    bool json, jsonl, csv, markdown;
};

static const struct lq_opt out_opts[] = {
    LQ_OPT_CHOICE(struct out_args, format, 'o', "output", "FORMAT",
                  "table, json, jsonl, csv or markdown", "table", "json", "jsonl", "csv",
                  "markdown"),
    LQ_OPT(struct out_args, json, 0, "json", NULL, "same as -o json"),
    LQ_OPT(struct out_args, jsonl, 0, "jsonl", NULL, "same as -o jsonl: a JSON object a line"),
    LQ_OPT(struct out_args, csv, 0, "csv", NULL, "same as -o csv"),
    LQ_OPT(struct out_args, markdown, 0, "markdown", NULL, "same as -o markdown"),
    LQ_OPT(struct out_args, save, 'O', "save", "FILE", "write the rows to FILE.parquet instead"),
    LQ_OPT_END,
};

static enum lq_status read_time(const char *option, const char *text, int64_t *time,
                                struct lq_error *err)
{
    if (text && !lq_time_parse(text, lq_time_now(), time))
        return lq_error_set(
            err, LQ_USAGE, "--%s needs a time such as 2025-01-15, 2025-01-15T14:30 or 7d, not '%s'",
            option, text);
    return LQ_OK;
}

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    lq_say("%s", line);
}

static enum lq_status read_scope(struct lq_cli *cli, const struct scope_args *args,
                                 struct lq_error *err)
{
    if (args->include_synced + args->global + (args->data != NULL) > 1)
        return lq_error_set(err, LQ_USAGE,
                            "--include-synced, --global and --data exclude each other");
    cli->data = args->data ? lq_cli_expand_home(args->data) : NULL;
    cli->scope = (struct lq_scope){
        .include_synced = args->include_synced,
        .global = args->global,
        .data = cli->data,
        .offline = args->offline,
        .namespace_ = args->namespace_,
        .project = args->project,
        .hostname = args->hostname,
        .source = args->source,
        .name = args->name,
        .environment = environ,
        .now = lq_time_now(),
        .now_monotonic = lq_time_monotonic(),
        .warn = warn,
    };
    LQ_TRY(read_time("since", args->since, &cli->scope.since, err));
    return read_time("until", args->until, &cli->scope.until, err);
}

static enum lq_status read_out(struct lq_cli *cli, const struct out_args *args,
                               struct lq_error *err)
{
    const char *name = args->format;

    name = args->json ? "json" : args->jsonl ? "jsonl" : args->csv ? "csv" : name;
    name = args->markdown ? "markdown" : name;
    if (name && !lq_out_format_parse(name, &cli->format))
        return lq_error_set(err, LQ_USAGE, "unknown output format '%s'", name);
    if (!args->save)
        return LQ_OK;
    if (name)
        return lq_error_set(err, LQ_USAGE, "-O writes Parquet and goes without -o");
    if (!lq_str_ends(lq_str_of(args->save), LQ_STR(".parquet")))
        return lq_error_set(err, LQ_USAGE, "-O writes Parquet: '%s' does not end in .parquet",
                            args->save);
    cli->save = args->save;
    cli->format = LQ_OUT_PARQUET;
    return LQ_OK;
}

/* ---- opening ---- */

static enum lq_status open_project(struct lq_cli *cli, bool required, struct lq_error *err)
{
    struct lq_error reason = { 0 };
    const enum lq_status status = lq_project_open(&cli->project, cli->cwd, &reason);

    cli->has_project = status == LQ_OK;
    if (status == LQ_OK || (status == LQ_NOT_FOUND && !required))
        return LQ_OK;
    *err = reason;
    return status;
}

/* What config.yaml says is relative to the project, from whichever folder lq is started. */
static char *configured_store(const struct lq_project *project)
{
    LQ_CLEANUP(lq_free) char *store = lq_cli_expand_home(project->config.sync_destination);

    if (store[0] == '/' || strstr(store, "://"))
        return LQ_TAKE(store);
    return lq_path_join(project->root, store);
}

/* The central store and the cache, which the environment and the project decide. */
static void find_places(struct lq_cli *cli)
{
    const char *store = getenv("LQ_STORE");
    const char *cache = getenv("XDG_CACHE_HOME");

    lq_free(&cli->store);
    lq_free(&cli->cache_dir);
    if (store && *store)
        cli->store = lq_cli_expand_home(store);
    else if (cli->has_project && cli->project.config.sync_destination)
        cli->store = configured_store(&cli->project);
    else
        cli->store = lq_cli_expand_home("~/.lq/projects");
    cli->cache_dir =
        cache && *cache == '/' ? lq_path_join(cache, "lq") : lq_cli_expand_home("~/.cache/lq");
    cli->scope.store = cli->store;
    cli->scope.cache_dir = cli->cache_dir;
}

enum lq_status lq_cli_open_project(struct lq_cli *cli, struct lq_error *err)
{
    LQ_TRY(open_project(cli, true, err));
    find_places(cli);
    return LQ_OK;
}

void lq_cli_say_as_of(const struct lq_query *query)
{
    const char *url;
    const int64_t as_of = lq_query_as_of(query, &url);
    char time[28];

    if (as_of == 0)
        return;
    lq_time_rfc3339(as_of, time);
    /* To the second. */
    lq_say("'%s' as of %.19sZ", url, time);
}

enum lq_status lq_cli_open_query(struct lq_cli *cli, struct lq_query **query, bool *empty,
                                 struct lq_error *err)
{
    const struct lq_scope *scope = &cli->scope;

    if (!cli->has_project && !scope->global && !scope->data)
        LQ_TRY(open_project(cli, true, err));
    if (cli->queries)
        LQ_TRY(lq_queries_open(cli->queries, cli, query, err));
    else
        LQ_TRY(lq_query_open(query, cli->has_project ? &cli->project : NULL, scope, err));
    if (!cli->queries && !cli->query)
        cli->query = lq_query_share(*query);
    if (scope->offline)
        lq_cli_say_as_of(*query);
    *empty = lq_query_run_count(*query) == 0;
    if (!*empty)
        return LQ_OK;
    if (scope->namespace_ || scope->project || scope->hostname || scope->source || scope->name ||
        scope->since || scope->until)
        lq_say("no run matches these filters");
    else if (scope->data)
        lq_say("no runs in '%s'", scope->data);
    else
        lq_say("no runs yet: 'lq run COMMAND' records one");
    return LQ_OK;
}

/* ---- saving ---- */

static char *unfinished; /* a file that is to be removed when a signal ends lq */

static void on_end(int number)
{
    unlink(unfinished);
    signal(number, SIG_DFL);
    raise(number);
}

/* What is ignored stays so. */
static void remove_when_ended(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    const struct sigaction action = { .sa_handler = on_end };
    struct sigaction before;

    for (size_t i = 0; i < LQ_COUNT(numbers); i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
    }
}

enum lq_status lq_cli_save_query(struct lq_cli *cli, struct lq_query *query, bool user_sql,
                                 const char *sql, const struct lq_value *params, size_t n_params,
                                 int64_t limit, struct lq_error *err)
{
    if (!unfinished) {
        unfinished = lq_query_unfinished(cli->save);
        remove_when_ended();
    }
    return lq_query_save(query, user_sql, sql, params, n_params, limit, cli->save, err);
}

static enum lq_status print_rows(struct lq_cli *cli, struct lq_query *query, bool user_sql,
                                 const char *sql, const struct lq_value *params, size_t n_params,
                                 const char *const *flexible, int64_t limit, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = false;

    if (cli->save)
        return lq_cli_save_query(cli, query, user_sql, sql, params, n_params, limit, err);
    LQ_TRY(lq_query_run(query, user_sql, sql, params, n_params, &rows, err));
    if (cli->at_prompt && lq_rows_is_empty(rows))
        lq_say("no rows");
    LQ_TRY(lq_out_rows(cli->out, cli->format, rows, flexible, limit, &more, err));
    if (more) {
        fflush(cli->out);
        lq_say("only the first %lld are shown: -n 0 shows all", (long long)limit);
    }
    return LQ_OK;
}

enum lq_status lq_cli_print_query(struct lq_cli *cli, struct lq_query *query, const char *sql,
                                  const struct lq_value *params, size_t n_params,
                                  const char *const *flexible, int64_t limit, struct lq_error *err)
{
    /* One row more than is shown tells that there are more; the engine need not sort the rest. */
    LQ_CLEANUP(lq_free) char *limited = limit > 0 && limit < INT64_MAX
                                            ? lq_format("%s LIMIT %lld", sql, (long long)limit + 1)
                                            : lq_strdup(sql);

    return print_rows(cli, query, false, limited, params, n_params, flexible, limit, err);
}

enum lq_status lq_cli_print_sql(struct lq_cli *cli, struct lq_query *query, const char *sql,
                                const char *const *flexible, int64_t limit, struct lq_error *err)
{
    return print_rows(cli, query, !cli->unsafe, sql, NULL, 0, flexible, limit, err);
}

enum lq_status lq_cli_read_limit(const char *text, enum lq_out_format format, int64_t table_rows,
                                 int64_t *limit, struct lq_error *err)
{
    char *end;

    *limit = format == LQ_OUT_TABLE ? table_rows : 0;
    if (!text)
        return LQ_OK;
    errno = 0;
    *limit = strtoll(text, &end, 10);
    if (errno || end == text || *end || *limit < 0)
        return lq_error_set(err, LQ_USAGE, "-n needs a number, not '%s'", text);
    return LQ_OK;
}

/* ---- dispatching ---- */

size_t lq_cli_groups(const struct lq_command *command, struct lq_opt_group *groups)
{
    size_t n = 0;

    groups[n++] = (struct lq_opt_group){ NULL, command->opts, NULL };
    if (command->needs & LQ_NEEDS_SCOPE) {
        groups[n++] = (struct lq_opt_group){ "Which runs:", scope_opts, NULL };
        groups[n++] = (struct lq_opt_group){ "Output:", out_opts, NULL };
    }
    groups[n++] = (struct lq_opt_group){ "General:", global_opts, NULL };
    return n;
}

static void start_pager(struct lq_cli *cli)
{
    FILE *pager = lq_pager_open();

    if (pager)
        cli->out = pager;
}

/* All that was printed is on its way; the user has left the pager. */
static bool finish_output(struct lq_cli *cli)
{
    bool whole = true;

    if (lq_pager_owns(cli->out)) {
        whole = lq_pager_close(cli->out);
        cli->out = stdout;
    }
    return fflush(stdout) == 0 && !ferror(stdout) && whole;
}

enum lq_status lq_cli_run(struct lq_cli *cli, const struct lq_command *command, char **argv,
                          struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *title = lq_format("lq %s", command->name);
    LQ_CLEANUP(lq_free) void *args = lq_alloc(command->args_size);
    struct global_args global = { 0 };
    struct scope_args scope = { 0 };
    struct out_args out = { 0 };
    struct lq_opt_group groups[LQ_CLI_MAX_GROUPS];
    const size_t n_groups = lq_cli_groups(command, groups);

    groups[0].values = args;
    if (command->needs & LQ_NEEDS_SCOPE) {
        groups[1].values = &scope;
        groups[2].values = &out;
    }
    groups[n_groups - 1].values = &global;
    LQ_TRY(lq_options_parse(title, argv, groups, n_groups, err));
    if (global.help) {
        lq_options_help(title, command->summary, groups, n_groups);
        return LQ_OK;
    }
    if (global.folder && chdir(global.folder) != 0)
        return lq_error_errno(err, errno, "cannot change to folder '%s'", global.folder);
    cli->cwd = getcwd(NULL, 0);
    if (!cli->cwd)
        return lq_error_errno(err, errno, "cannot tell the current folder");
    if (command->needs & LQ_NEEDS_SCOPE) {
        lq_query_preload();
        LQ_TRY(read_scope(cli, &scope, err));
        LQ_TRY(read_out(cli, &out, err));
    }
    if (command->needs)
        LQ_TRY(open_project(cli, command->needs & LQ_NEEDS_PROJECT, err));
    find_places(cli);
    if ((command->needs & LQ_NEEDS_SCOPE) && cli->out == stdout && isatty(STDOUT_FILENO))
        start_pager(cli);
    return command->main(cli, args, err);
}

static void print_title_before(const struct lq_command *command)
{
    for (const struct lq_section *at = lq_sections; at->first; at++) {
        if (at->first == command)
            printf("\n%s:\n", at->title);
    }
}

static void help(void)
{
    printf("usage: lq [-C DIR] COMMAND [options]\n"
           "Run builds, tests and linters; keep their logs; ask what went wrong, anywhere.\n");
    for (const struct lq_command *const *at = lq_commands; *at; at++) {
        if ((*at)->hidden)
            continue;
        print_title_before(*at);
        printf("  %-12s%s\n", (*at)->name, (*at)->summary);
    }
    printf("\n'lq COMMAND -h' shows the options of a command.\n");
}

const struct lq_command *lq_cli_find_command(const char *name)
{
    for (const struct lq_command *const *at = lq_commands; *at; at++) {
        if (strcmp((*at)->name, name) == 0 || ((*at)->alias && strcmp((*at)->alias, name) == 0))
            return *at;
    }
    return NULL;
}

static const char *command_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    return lq_commands[index] ? lq_commands[index]->name : NULL;
}

static enum lq_status unknown_command(const char *name, struct lq_error *err)
{
    const char *nearest = lq_nearest(lq_str_of(name), command_name_at, NULL);

    if (nearest)
        return lq_error_set(err, LQ_USAGE, "unknown command '%s': did you mean '%s'?", name,
                            nearest);
    return lq_error_set(err, LQ_USAGE, "unknown command '%s': 'lq --help' lists them", name);
}

/* `-C DIR` before the command, as git has it; any number. */
static enum lq_status change_folder(char ***argv, struct lq_error *err)
{
    while ((*argv)[1] && strcmp((*argv)[1], "-C") == 0) {
        const char *folder = (*argv)[2];

        if (!folder)
            return lq_error_set(err, LQ_USAGE, "-C needs a folder");
        if (chdir(folder) != 0)
            return lq_error_errno(err, errno, "cannot change to folder '%s'", folder);
        *argv += 2;
    }
    return LQ_OK;
}

static enum lq_status dispatch(struct lq_cli *cli, char **argv, struct lq_error *err)
{
    const struct lq_command *command;
    const char *name;

    LQ_TRY(change_folder(&argv, err));
    name = argv[1];
    if (!name)
        return lq_error_set(err, LQ_USAGE, "no command given: 'lq --help' lists them");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (!argv[2]) {
            help();
            return LQ_OK;
        }
        name = argv[2];
    }
    if (strcmp(name, "--version") == 0) {
        printf("lq %s\n", LQ_VERSION);
        return LQ_OK;
    }
    command = lq_cli_find_command(name);
    if (!command)
        return unknown_command(name, err);
    if (name == argv[2])
        return lq_cli_run(cli, command, (char *[]){ argv[0], (char[]){ "-h" }, NULL }, err);
    return lq_cli_run(cli, command, argv + 1, err);
}

/* Report and flush; the exit code. */
static int conclude(struct lq_cli *cli, enum lq_status status, struct lq_error *err)
{
    if (!finish_output(cli) && status == LQ_OK)
        status = lq_error_set(err, LQ_IO, "cannot write standard output");
    if (status != LQ_OK)
        lq_cli_report(err);
    fflush(stderr);
    return cli->exit_code >= 0 ? cli->exit_code : exit_code_of(status);
}

void lq_cli_leave(struct lq_cli *cli, enum lq_status status, struct lq_error *err)
{
#ifndef LQ_UNDER_SANITIZER
    if (!cli->queries)
        lq_query_tidy(cli->query);
    if (!cli->queries)
        _exit(conclude(cli, status, err));
#else
    (void)cli, (void)status, (void)err;
#endif
}

/* Where a standard stream is closed, the next file that is opened would take its place, and what is
 * printed would end up in there. Opened the wrong way round, reading and writing still fail. */
static void open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            abort();
}

void lq_cli_release(struct lq_cli *cli)
{
    lq_auto_release(&cli->sync);
    lq_query_close(&cli->query);
    lq_matchers_free(&cli->matchers);
    lq_project_release(&cli->project);
    lq_free(&cli->cwd);
    lq_free(&cli->store);
    lq_free(&cli->cache_dir);
    lq_free(&cli->data);
}

int main(int argc, char **argv)
{
    struct lq_cli cli = { .exit_code = -1, .out = stdout };
    struct lq_error err = { 0 };
    enum lq_status status;
    int code;

    (void)argc;
    open_standard_streams();
    setlocale(LC_CTYPE, "");
    status = dispatch(&cli, argv, &err);
    lq_cli_leave(&cli, status, &err);
    code = conclude(&cli, status, &err);
    lq_cli_release(&cli);
    return code;
}
