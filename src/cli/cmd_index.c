/* SPDX-License-Identifier: MIT */
/* lq index: look after the index, which otherwise looks after itself. */
#include "cli/cli.h"
#include <lq/rows.h>

struct index_args {
    bool rebuild, drop, stats;
};

static const struct lq_opt index_opts[] = {
    LQ_OPT(struct index_args, rebuild, 0, "rebuild", NULL, "make it anew"),
    LQ_OPT(struct index_args, drop, 0, "drop", NULL, "remove it: the next question makes one"),
    LQ_OPT(struct index_args, stats, 0, "stats", NULL, "say what is in it, change nothing"),
    LQ_OPT_END,
};

static const struct lq_cli_column columns[] = {
    { "place", "VARCHAR" },  { "runs", "BIGINT" },  { "files", "BIGINT" },
    { "lacking", "BIGINT" }, { "gone", "BIGINT" },  { "size_bytes", "BIGINT" },
    { "folder", "VARCHAR" }, { "path", "VARCHAR" },
};
static const char *const flexible[] = { "folder", "path", NULL };

static enum lq_status print_indexes(struct lq_cli *cli, const struct lq_query *query,
                                    struct lq_error *err)
{
    LQ_CLEANUP(lq_cli_list_free) struct lq_cli_list *list = NULL;
    struct lq_index_info info[LQ_INDEXES_MAX];
    const size_t n = lq_query_indexes(query, info);

    LQ_TRY(lq_cli_list_new(&list, cli, columns, LQ_COUNT(columns), flexible, err));
    for (size_t i = 0; i < n; i++) {
        const struct lq_value row[] = {
            lq_value_text(info[i].in_store ? "store" : "local"),
            lq_value_int(info[i].n_runs),
            lq_value_int(info[i].n_files),
            lq_value_int(info[i].n_lacking),
            lq_value_int(info[i].n_gone),
            lq_value_int(info[i].size_bytes),
            lq_value_text(info[i].folder),
            lq_value_text(info[i].path),
        };

        LQ_TRY(lq_cli_list_add(list, row, err));
    }
    return lq_cli_list_finish(list, err);
}

static enum lq_status index_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct index_args *args = argp;
    struct lq_scope *scope = &cli->scope;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    size_t n_dropped;
    bool empty;

    if (args->rebuild + args->drop + args->stats > 1)
        return lq_error_set(err, LQ_USAGE, "--rebuild, --drop and --stats exclude each other");
    if (scope->namespace_ || scope->project || scope->hostname || scope->source || scope->name ||
        scope->since || scope->until)
        return lq_error_set(err, LQ_USAGE, "an index is of a whole store: it takes no filter");
    if (!cli->has_project && !scope->global && !scope->data)
        LQ_TRY(lq_cli_open_project(cli, err));
    if (args->drop) {
        LQ_TRY(lq_index_drop(cli->has_project ? &cli->project : NULL, scope, &n_dropped, err));
        if (n_dropped == 0)
            lq_say("there is no index to remove");
        return LQ_OK;
    }
    scope->index = args->stats ? LQ_INDEX_KEEP : args->rebuild ? LQ_INDEX_REBUILD : LQ_INDEX_UPDATE;
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    return print_indexes(cli, query, err);
}

const struct lq_command lq_cmd_index = {
    .name = "index",
    .summary = "look after the index of run files",
    .needs = LQ_NEEDS_SCOPE,
    .opts = index_opts,
    .args_size = sizeof(struct index_args),
    .main = index_main,
};
