/* SPDX-License-Identifier: MIT */
/* lq schema: what can be asked about. */
#include "base/file.h"
#include "cli/cli.h"

struct schema_args {
    bool sql;
    const char *dialect, *store;
};

static const struct lq_opt schema_opts[] = {
    LQ_OPT(struct schema_args, sql, 0, "sql", NULL,
           "the views and macros instead, for any DuckDB over the same runs"),
    LQ_OPT_CHOICE(struct schema_args, dialect, 0, "dialect", "ENGINE",
                  "the views for ENGINE: duckdb, spark, trino or clickhouse", "duckdb", "spark",
                  "trino", "clickhouse"),
    LQ_ARG(struct schema_args, store, "store",
           "with --sql or --dialect: over this folder or URL, which is not looked at"),
    LQ_OPT_END,
};

/* The folder or URL without '/' at its end; a folder from the root. The caller's. */
static char *absolute(const struct lq_cli *cli, const char *store)
{
    LQ_CLEANUP(lq_free) char *path = lq_cli_expand_home(store);
    char *whole =
        path[0] == '/' || strstr(path, "://") ? lq_strdup(path) : lq_path_join(cli->cwd, path);

    for (size_t len = strlen(whole); len > 1 && whole[len - 1] == '/'; len--)
        whole[len - 1] = '\0';
    return whole;
}

static enum lq_status print_sql(struct lq_cli *cli, const struct schema_args *args,
                                struct lq_error *err)
{
    const struct lq_scope *scope = &cli->scope;
    const char *store = args->store     ? args->store
                        : scope->data   ? scope->data
                        : scope->global ? scope->store
                                        : NULL;
    LQ_CLEANUP(lq_free) char *path = NULL;
    LQ_CLEANUP(lq_free) char *sql = NULL;

    if (store && lq_destination_has_credentials(store))
        return lq_error_set(err, LQ_BAD_INPUT,
                            "a store must not hold credentials: the engine has its own");
    if (!store && !cli->has_project)
        LQ_TRY(lq_cli_open_project(cli, err));
    path = store ? absolute(cli, store) : lq_path_join(cli->project.lq_dir, "logs");
    sql = lq_schema_sql(args->dialect ? args->dialect : "duckdb", path, store != NULL);
    return fputs(sql, cli->out) < 0 ? lq_error_set(err, LQ_IO, "cannot write standard output")
                                    : LQ_OK;
}

static enum lq_status schema_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    static const struct lq_cli_column columns[] = {
        { "column", "VARCHAR" }, { "type", "VARCHAR" }, { "rows", "VARCHAR" }, { "text", "VARCHAR" }
    };
    static const char *const flexible[] = { "text", NULL };
    const struct schema_args *args = argp;
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = NULL;
    size_t count;
    const struct lq_column_info *infos = lq_columns(&count);

    const bool sql = args->sql || args->dialect;

    if (sql && cli->format != LQ_OUT_TABLE)
        return lq_error_set(err, LQ_USAGE, "SQL is printed as it is: it goes without -o and -O");
    if (args->store && !sql)
        return lq_error_set(err, LQ_USAGE, "a store goes with --sql or --dialect");
    if (args->store && (cli->scope.data || cli->scope.global || cli->scope.include_synced))
        return lq_error_set(err, LQ_USAGE, "name the store once: '%s', or -d, -g", args->store);
    if (sql)
        return print_sql(cli, args, err);
    LQ_TRY(lq_cli_list_new(&list, cli, columns, LQ_COUNT(columns), flexible, err));
    for (size_t i = 0; i < count; i++)
        LQ_TRY(lq_cli_list_add(
            list,
            (const struct lq_value[]){ lq_value_text(infos[i].name), lq_value_text(infos[i].type),
                                       lq_value_text(infos[i].rows), lq_value_text(infos[i].text) },
            err));
    return lq_cli_list_finish(list, err);
}

const struct lq_command lq_cmd_schema = {
    .name = "schema",
    .summary = "list the columns of runs and events, or print the views",
    .needs = LQ_NEEDS_SCOPE,
    .opts = schema_opts,
    .args_size = sizeof(struct schema_args),
    .main = schema_main,
};
