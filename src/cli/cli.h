/* SPDX-License-Identifier: MIT */
/*
 * The command line tool: what every command gets, and what a command is.
 *
 * To add a command: write cmd_<name>.c with its struct, its option table, its function and one
 * `const struct lq_command`; list it in commands.c; say in docs/man/lq-<name>.md what its options
 * do not, with an example; test it in tests/cli/t_<name>.sh.
 */
#ifndef LQ_CLI_CLI_H
#define LQ_CLI_CLI_H

#include "base/alloc.h"
#include "cli/options.h"
#include "cli/out.h"
#include <lq/project.h>
#include <lq/query.h>

/* What the dispatcher does before a command starts. */
enum lq_needs {
    LQ_NEEDS_NOTHING = 0,
    LQ_NEEDS_PROJECT = 1, /* cli->project is open; no project is an error */
    LQ_NEEDS_SCOPE = 2, /* scope, filter and output options are read into cli->scope, ->format; the
                             project is opened when there is one */
};

struct lq_queries;
struct lq_auto_start;

struct lq_cli {
    struct lq_project project;
    bool has_project;
    char *cwd;
    char *store;     /* the central store: LQ_STORE, sync.destination, ~/.lq/projects */
    char *cache_dir; /* XDG_CACHE_HOME/lq or ~/.cache/lq */
    char *data;      /* -d, with ~ expanded */
    struct lq_matchers *matchers; /* formats of users, once they were asked for (matchers.h) */
    struct lq_scope scope;
    FILE *out; /* where answers go: standard output, or the pager before it */
    enum lq_out_format format;
    const char *save; /* -O: the Parquet file to write, with format LQ_OUT_PARQUET; NULL: none */
    struct lq_query
        *query; /* that the command opened, kept open: the end of the process is quicker */
    struct lq_queries
        *queries; /* of a server, which runs many commands: open queries; NULL: none */
    struct lq_auto_start *sync; /* the process of sync.auto that waits, see auto.h; NULL: none */
    bool unsafe;                /* SQL of the user's may write */
    bool closed;    /* with `queries`: SQL must reach nothing but the runs, see lq_scope */
    bool at_prompt; /* of lq shell: an answer without rows is said to be one */
    int exit_code;  /* of a command that sets it itself (lq run); -1: by status */
};

struct lq_command {
    const char *name, *alias, *summary;
    bool hidden; /* not listed: for the build, not for users */
    unsigned needs;
    const struct lq_opt *opts;
    size_t args_size;
    enum lq_status (*main)(struct lq_cli *cli, const void *args, struct lq_error *err);
};

/* All commands in the order of the help, NULL behind the last. */
extern const struct lq_command *const lq_commands[];

/* The help has a title before some commands. NULL behind the last. */
struct lq_section {
    const struct lq_command *first;
    const char *title;
};
extern const struct lq_section lq_sections[];

/* The option tables of a command in the order of `-h`, its own first, with `values` NULL. Returns how
 * many there are. */
#define LQ_CLI_MAX_GROUPS 4
size_t lq_cli_groups(const struct lq_command *command, struct lq_opt_group *groups);

/* Add lq to the servers that `.mcp.json` in `root` tells agents of; others in it, and an entry `lq`,
 * stay as they are. LQ_BAD_INPUT: it is no such file; LQ_IO, LQ_DENIED. */
LQ_CHECK enum lq_status lq_mcp_config_add(const char *root, struct lq_error *err);

/* Open the project for a command that did not ask the dispatcher to: one that answers a missing
 * project in its own way. As lq_project_open. */
LQ_CHECK enum lq_status lq_cli_open_project(struct lq_cli *cli, struct lq_error *err);

/* The command of that name or alias; NULL: none. */
const struct lq_command *lq_cli_find_command(const char *name);

/* Parse argv[1..] and run the command with `cli`, of which `out`, `queries`, `closed` are set. What the
 * call leaves in `cli` is freed by lq_cli_release. */
LQ_CHECK enum lq_status lq_cli_run(struct lq_cli *cli, const struct lq_command *command,
                                   char **argv, struct lq_error *err);
void lq_cli_release(struct lq_cli *cli);

/* Open the runs that cli->scope names. With no run in it, says so in one line on stderr, and
 * `*empty` is set: there is nothing to find in it. */
LQ_CHECK enum lq_status lq_cli_open_query(struct lq_cli *cli, struct lq_query **query, bool *empty,
                                          struct lq_error *err);

/* Say when the scope's store was asked last what it holds, if it is no folder. */
void lq_cli_say_as_of(const struct lq_query *query);

/* Run one of lq's own queries (without LIMIT) and print its rows; `flexible` as in lq_out_rows. When `limit` cuts a
 * table short, a line on stderr says so. */
LQ_CHECK enum lq_status lq_cli_print_query(struct lq_cli *cli, struct lq_query *query,
                                           const char *sql, const struct lq_value *params,
                                           size_t n_params, const char *const *flexible,
                                           int64_t limit, struct lq_error *err);

/* The same for SQL that the user wrote. */
LQ_CHECK enum lq_status lq_cli_print_sql(struct lq_cli *cli, struct lq_query *query,
                                         const char *sql, const char *const *flexible,
                                         int64_t limit, struct lq_error *err);

/* Write the rows to cli->save, as lq_query_save does; of a file that a signal interrupts nothing is left. */
LQ_CHECK enum lq_status lq_cli_save_query(struct lq_cli *cli, struct lq_query *query, bool user_sql,
                                          const char *sql, const struct lq_value *params,
                                          size_t n_params, int64_t limit, struct lq_error *err);

/* The value of -n: NULL gives `table_rows` for a table and 0, all, for other formats. */
LQ_CHECK enum lq_status lq_cli_read_limit(const char *text, enum lq_out_format format,
                                          int64_t table_rows, int64_t *limit, struct lq_error *err);

/* As lq_query_find, but an event that its run does not have is LQ_NOT_FOUND. */
LQ_CHECK enum lq_status lq_cli_find(struct lq_query *query, const char *text, struct lq_ref *ref,
                                    struct lq_error *err);
/* Find the event that `text` names; LQ_BAD_INPUT when it names a run. `command` for the message:
 * "lq event". */
LQ_CHECK enum lq_status lq_cli_find_event(struct lq_query *query, const char *command,
                                          const char *text, struct lq_ref *ref,
                                          struct lq_error *err);
/* Its row; LQ_NOT_FOUND when its run has no such event. */
LQ_CHECK enum lq_status lq_cli_query_event(struct lq_query *query, const char *columns,
                                           const struct lq_ref *ref, const char *text,
                                           struct lq_rows **rows, struct lq_error *err);
#define LQ_SQL_FROM_EVENT                                                                          \
    " FROM lq_events WHERE file = $1::VARCHAR AND event_id = $2::BIGINT AND "                      \
    "run_uid IS NOT DISTINCT FROM $3::VARCHAR"
#define LQ_EVENT_PARAMS(ref)                                                                       \
    lq_value_text((ref)->file), lq_value_int((ref)->event_id), lq_value_text((ref)->run_uid)
/* What a record for people shows of an event. */
extern const char lq_cli_event_columns[];
/* The columns of lists of events, for programs and for tables. */
extern const char lq_cli_events_data[], lq_cli_events_table[];
/* "2 errors, 1 warning, 3 tests failed" of a run, in SQL. */
extern const char lq_cli_sql_found[];

/* Rows that no query gives, printed in the format that was asked for, or saved by -O:
 * lq_cli_list_new, lq_cli_list_add for each row, lq_cli_list_finish. */
struct lq_cli_column {
    const char *name;
    const char *type; /* in SQL */
};
struct lq_cli_list;
LQ_CHECK enum lq_status lq_cli_list_new(struct lq_cli_list **list, struct lq_cli *cli,
                                        const struct lq_cli_column *columns, size_t n_columns,
                                        const char *const *flexible, struct lq_error *err);
LQ_CHECK enum lq_status lq_cli_list_add(struct lq_cli_list *list, const struct lq_value *values,
                                        struct lq_error *err);
LQ_CHECK enum lq_status lq_cli_list_finish(struct lq_cli_list *list, struct lq_error *err);
void lq_cli_list_free(struct lq_cli_list **list);

/* "3 min ago" of the time that the SQL expression yields, for tables. */
#define LQ_SQL_AGE(time)                                                                           \
    "CASE WHEN epoch(now() - " time ") < 60 THEN 'just now' "                                      \
    "WHEN epoch(now() - " time ") < 5400 THEN (epoch(now() - " time ") // 60)::INT || ' min ago' " \
    "WHEN epoch(now() - " time ") < 129600 THEN (epoch(now() - " time ") // 3600)::INT || "        \
    "' h ago' ELSE strftime(" time " AT TIME ZONE 'UTC', '%Y-%m-%d') END"

/*
 * End the process with what a command came to: reports `err`, flushes standard output, and leaves
 * without freeing what the kernel frees faster (closing libduckdb takes milliseconds). Returns
 * only under a sanitizer, which wants to see everything freed.
 */
void lq_cli_leave(struct lq_cli *cli, enum lq_status status, struct lq_error *err);

/* The words of a command as one shell line, quoted where needed; a single word is a line already.
 * The caller's. */
char *lq_cli_command_line(char *const *words);

/* What went wrong, on standard error: the line, and the detail below it. */
void lq_cli_report(const struct lq_error *err);

/* One line of lq's own on standard error: "lq: …", control bytes made visible. */
void lq_say(const char *fmt, ...) LQ_PRINTF(1, 2);

/* "~/x" with the home folder in place of "~"; anything else unchanged. The caller's. */
char *lq_cli_expand_home(const char *path);

#endif
