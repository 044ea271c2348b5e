/* SPDX-License-Identifier: MIT */
/* lq prune, lq clean: remove runs that are no longer wanted, and what killed processes left. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/size.h"
#include <lq/keep.h>
#include <lq/run.h>

struct prune_args {
    const char *older_than, *keep_last, *max_size;
    bool dry_run, force;
};

static const struct lq_opt prune_opts[] = {
    LQ_OPT(struct prune_args, older_than, 0, "older-than", "AGE",
           "keep runs that started since: 30d, 4w, 2025-01-15"),
    LQ_OPT(struct prune_args, keep_last, 0, "keep-last", "N",
           "keep the newest N runs of each name"),
    LQ_OPT(struct prune_args, max_size, 0, "max-size", "SIZE",
           "keep what fits into SIZE, the newest runs first: 500M, 2G, 2GiB"),
    LQ_OPT(struct prune_args, force, 0, "force", NULL,
           "also runs that are configured to be synced and are not yet"),
    LQ_OPT(struct prune_args, dry_run, 0, "dry-run", NULL, "say what would go, remove nothing"),
    LQ_OPT_END,
};

/* What the options ask for; NULL values: not given. */
struct wish {
    struct lq_value before, keep_last, max_bytes;
};

static enum lq_status read_wish(const struct prune_args *args, struct wish *wish,
                                struct lq_error *err)
{
    int64_t number;
    char *end;

    *wish = (struct wish){ 0 };
    if (!args->older_than && !args->keep_last && !args->max_size)
        return lq_error_set(err, LQ_USAGE,
                            "lq prune needs --older-than, --keep-last or --max-size");
    if (args->older_than) {
        if (!lq_time_parse(args->older_than, lq_time_now(), &number))
            return lq_error_set(err, LQ_USAGE, "--older-than needs an age such as 30d, not '%s'",
                                args->older_than);
        wish->before = lq_value_time(number);
    }
    if (args->keep_last) {
        number = strtoll(args->keep_last, &end, 10);
        if (end == args->keep_last || *end || number < 0)
            return lq_error_set(err, LQ_USAGE, "--keep-last needs a number, not '%s'",
                                args->keep_last);
        wish->keep_last = lq_value_int(number);
    }
    if (args->max_size) {
        if (!lq_size_parse(args->max_size, &number))
            return lq_error_set(err, LQ_USAGE, "--max-size needs a size such as 2G, not '%s'",
                                args->max_size);
        wish->max_bytes = lq_value_int(number);
    }
    return LQ_OK;
}

/* Size of each run of the scope, and of those that are to be synced and are not. */
static enum lq_status measure(struct lq_cli *cli, struct lq_store *store, struct lq_query *query,
                              struct lq_map *sizes, struct lq_map *unsynced, struct lq_error *err)
{
    const struct lq_config *config = &cli->project.config;
    const char *destination =
        config->sync_destination || config->sync_auto != LQ_AUTO_OFF ? cli->store : NULL;
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_query_run(query, false, "SELECT file FROM lq_runs", NULL, 0, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *file = NULL;
        struct lq_run_usage usage;
        char number[24];
        enum lq_status status;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        file = lq_rows_get_text(rows, 0);
        status = lq_store_run_usage(store, file, destination, &usage, err);
        if (status == LQ_NOT_FOUND) /* removed meanwhile */
            continue;
        LQ_TRY(status);
        snprintf(number, sizeof number, "%lld", (long long)usage.size_bytes);
        lq_map_add(sizes, file, number);
        if (destination && !usage.synced)
            lq_map_add(unsynced, file, "");
    }
}

/*
 * lq_prune: a row for each run that goes, and for each that would if it were synced. A run goes
 * when every option given lets it go. $1 sizes, $2 unsynced, $3 before, $4 keep last, $5 max bytes.
 */
static const char plan_sql[] =
    "CREATE TEMP TABLE lq_prune AS WITH measured AS ("
    " SELECT unnest(map_entries($1::MAP(VARCHAR, VARCHAR))) AS m"
    "), unsynced AS ("
    " SELECT unnest(map_keys($2::MAP(VARCHAR, VARCHAR))) AS file"
    "), sized AS ("
    " SELECT r.*, m.value::BIGINT AS size_bytes,"
    "  row_number() OVER (PARTITION BY source_name ORDER BY started_at DESC, run_uid DESC) AS nth"
    " FROM lq_runs r JOIN measured ON r.file = m.key"
    "), judged AS ("
    " SELECT *, ($3::TIMESTAMPTZ IS NULL OR started_at < $3::TIMESTAMPTZ) AND"
    "  ($4::BIGINT IS NULL OR nth > $4::BIGINT) AS goes FROM sized"
    "), summed AS ("
    " SELECT *, sum(size_bytes) OVER () - coalesce(sum(size_bytes) FILTER (WHERE goes) OVER ("
    "  ORDER BY started_at, run_uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS rest"
    " FROM judged"
    ") SELECT s.* EXCLUDE (nth, goes, rest), u.file IS NOT NULL AS unsynced"
    " FROM summed s LEFT JOIN unsynced u ON u.file = s.file"
    " WHERE goes AND ($5::BIGINT IS NULL OR rest > $5::BIGINT)";

static enum lq_status scalar(struct lq_query *query, const char *sql, int64_t *value,
                             struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_query_run(query, false, sql, NULL, 0, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    *value = lq_rows_get_int(rows, 0);
    return LQ_OK;
}

static enum lq_status execute(struct lq_query *query, const char *sql,
                              const struct lq_value *params, size_t n_params, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_query_run(query, false, sql, params, n_params, &rows, err));
    return lq_rows_next(rows, &more, err);
}

/* The files of lq_prune, oldest run first. */
static enum lq_status list_files(struct lq_query *query, struct lq_map *files, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more;

    LQ_TRY(lq_query_run(query, false, "SELECT file FROM lq_prune ORDER BY started_at, run_uid",
                        NULL, 0, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *file = NULL;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        file = lq_rows_get_text(rows, 0);
        lq_map_add(files, file, "");
    }
}

/* Remove what lq_prune lists; what cannot be removed is reported and taken from the list. */
static enum lq_status remove_runs(struct lq_store *store, struct lq_query *query,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_map_release) struct lq_map files = { 0 };
    enum lq_status first = LQ_OK;

    LQ_TRY(list_files(query, &files, err));
    for (size_t i = 0; i < files.count; i++) {
        const struct lq_value file = lq_value_text(files.keys[i]);
        struct lq_error reason = { 0 };
        const enum lq_status status = lq_store_remove_run(store, files.keys[i], &reason);

        if (status == LQ_OK)
            continue;
        lq_say("%s: %s", files.keys[i], reason.message);
        first = first == LQ_OK ? status : first;
        LQ_TRY(execute(query, "DELETE FROM lq_prune WHERE file = $1::VARCHAR", &file, 1, err));
    }
    return first == LQ_OK ? LQ_OK : lq_error_set(err, first, "some runs could not be removed");
}

static const char table_columns[] = "ref, source_name AS run, outcome, " LQ_SQL_AGE(
    "started_at") " AS started, size_bytes AS bytes";
static const char data_columns[] =
    "ref, run_id, source_name, outcome, started_at, size_bytes, file, run_uid";
static const char *const flexible[] = { "run", NULL };

static enum lq_status show(struct lq_cli *cli, struct lq_query *query, bool dry_run,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql =
        lq_format("SELECT %s FROM lq_prune ORDER BY started_at, run_uid",
                  lq_out_is_table(cli->format) ? table_columns : data_columns);
    int64_t count = 0, bytes = 0;
    char size[LQ_SIZE_TEXT_BYTES];

    LQ_TRY(lq_cli_print_query(cli, query, sql, NULL, 0, flexible, 0, err));
    fflush(cli->out);
    LQ_TRY(scalar(query, "SELECT count(*) FROM lq_prune", &count, err));
    LQ_TRY(scalar(query, "SELECT coalesce(sum(size_bytes), 0)::BIGINT FROM lq_prune", &bytes, err));
    lq_size_format(bytes, size);
    if (count == 0)
        lq_say("nothing to remove");
    else
        lq_say("%s %lld %s (%s)", dry_run ? "would remove" : "removed", (long long)count,
               count == 1 ? "run" : "runs", size);
    return LQ_OK;
}

/* Take runs that are not synced from the list, and say so. */
static enum lq_status protect_unsynced(struct lq_cli *cli, struct lq_query *query,
                                       struct lq_error *err)
{
    int64_t count = 0;

    LQ_TRY(scalar(query, "SELECT count(*) FROM lq_prune WHERE unsynced", &count, err));
    if (count == 0)
        return LQ_OK;
    lq_say("keeping %lld %s not yet at '%s': 'lq sync' first, or --force", (long long)count,
           count == 1 ? "run that is" : "runs that are", cli->store);
    return execute(query, "DELETE FROM lq_prune WHERE unsynced", NULL, 0, err);
}

static enum lq_status prune_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct prune_args *args = argp;
    LQ_CLEANUP(lq_store_close) struct lq_store *store = NULL;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_map_release) struct lq_map sizes = { 0 };
    LQ_CLEANUP(lq_map_release) struct lq_map unsynced = { 0 };
    enum lq_status removed = LQ_OK;
    struct wish wish;
    bool empty;

    LQ_TRY(read_wish(args, &wish, err));
    if (cli->scope.global || cli->scope.include_synced || cli->scope.data)
        return lq_error_set(err, LQ_USAGE,
                            "lq prune removes this project's own runs only: "
                            "no --global, --include-synced or --data");
    LQ_TRY(lq_store_open(&store, &cli->project, err));
    LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    LQ_TRY(measure(cli, store, query, &sizes, &unsynced, err));
    LQ_TRY(execute(query, plan_sql,
                   (const struct lq_value[]){ { .kind = LQ_VALUE_MAP, .map = &sizes },
                                              { .kind = LQ_VALUE_MAP, .map = &unsynced },
                                              wish.before,
                                              wish.keep_last,
                                              wish.max_bytes },
                   5, err));
    if (!args->force)
        LQ_TRY(protect_unsynced(cli, query, err));
    if (!args->dry_run)
        removed = remove_runs(store, query, err);
    LQ_TRY(show(cli, query, args->dry_run, removed == LQ_OK ? err : NULL));
    return removed;
}

const struct lq_command lq_cmd_prune = {
    .name = "prune",
    .summary = "remove old runs of this project",
    .needs = LQ_NEEDS_PROJECT | LQ_NEEDS_SCOPE,
    .opts = prune_opts,
    .args_size = sizeof(struct prune_args),
    .main = prune_main,
};

/* ---- clean ---- */

struct clean_args {
    bool dry_run, cache;
};

static const struct lq_opt clean_opts[] = {
    LQ_OPT(struct clean_args, cache, 0, "cache", NULL,
           "also the index, which the next question builds again"),
    LQ_OPT(struct clean_args, dry_run, 0, "dry-run", NULL, "say what would go, remove nothing"),
    LQ_OPT_END,
};

struct cleaned {
    FILE *out;
    int64_t n_files, n_bytes;
};

static void on_cleaned(void *ctx, const char *path, int64_t size_bytes)
{
    struct cleaned *cleaned = ctx;
    LQ_CLEANUP(lq_buf_release) struct lq_buf line = LQ_BUF_INIT;

    lq_text_add_visible(&line, lq_str_of(path), false);
    fprintf(cleaned->out, ".lq/%s\n", lq_buf_text(&line));
    cleaned->n_files++;
    cleaned->n_bytes += size_bytes;
}

static enum lq_status clean_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct clean_args *args = argp;
    struct cleaned cleaned = { .out = cli->out };
    const struct lq_clean_opts opts = {
        .now = lq_time_now(),
        .indexes = args->cache,
        .dry_run = args->dry_run,
        .on_file = on_cleaned,
        .ctx = &cleaned,
    };
    const enum lq_status status = lq_store_clean(&cli->project, &opts, err);
    char size[LQ_SIZE_TEXT_BYTES];

    fflush(cli->out);
    lq_size_format(cleaned.n_bytes, size);
    if (cleaned.n_files == 0)
        lq_say("nothing to clean");
    else
        lq_say("%s %lld %s (%s)", args->dry_run ? "would remove" : "removed",
               (long long)cleaned.n_files, cleaned.n_files == 1 ? "file" : "files", size);
    return status;
}

const struct lq_command lq_cmd_clean = {
    .name = "clean",
    .summary = "remove what killed processes left behind",
    .needs = LQ_NEEDS_PROJECT,
    .opts = clean_opts,
    .args_size = sizeof(struct clean_args),
    .main = clean_main,
};
