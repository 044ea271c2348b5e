/* SPDX-License-Identifier: MIT */
/* lq filter: events by simple conditions, without SQL. */
#include "cli/cli.h"
#include "cli/matchers.h"
#include <sys/stat.h>

#define TABLE_ROWS 50

struct filter_args {
    bool invert, count, ignore_case;
    const char *limit;
    char **words;
};

static const struct lq_opt filter_opts[] = {
    LQ_OPT(struct filter_args, invert, 'v', "invert", NULL, "events that do not fit"),
    LQ_OPT(struct filter_args, count, 'c', "count", NULL, "only their number"),
    LQ_OPT(struct filter_args, ignore_case, 'i', "ignore-case", NULL, "in either case"),
    LQ_OPT(struct filter_args, limit, 'n', "limit", "N",
           "at most N (50 in a table, 0: all; other formats show all)"),
    LQ_ARG(struct filter_args, words, "condition",
           "k=v, k=a,b (either), k!=v, k~part (contains), k!~part; all must hold; else a log file "
           "or a run"),
    LQ_OPT_END,
};

/* What a key may be called, and the column it stands for. */
static const struct key {
    const char *name, *column;
} keys[] = {
    { "severity", "severity" },
    { "file", "file_path" },
    { "file_path", "file_path" },
    { "line", "line_number" },
    { "line_number", "line_number" },
    { "column", "column_number" },
    { "message", "message" },
    { "code", "error_code" },
    { "error_code", "error_code" },
    { "tool", "tool_name" },
    { "tool_name", "tool_name" },
    { "category", "category" },
    { "fingerprint", "error_fingerprint" },
    { "test", "test_name" },
    { "test_name", "test_name" },
    { "status", "test_status" },
    { "test_status", "test_status" },
    { "text", "raw_text" },
    { "raw_text", "raw_text" },
    { "name", "source_name" },
    { "source_name", "source_name" },
    { "run", "run_id" },
    { "run_id", "run_id" },
    { "event", "event_id" },
    { "event_id", "event_id" },
    { "ref", "ref" },
    { "host", "hostname" },
    { "hostname", "hostname" },
    { "project", "project" },
    { "namespace", "namespace" },
    { "branch", "git_branch" },
    { "commit", "git_commit" },
};

static const char *key_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    return index < LQ_COUNT(keys) ? keys[index].name : NULL;
}

struct filter {
    struct lq_buf where;
    struct lq_value *params;
    size_t n_params, capacity;
    const char *subject; /* the word without an operator */
};

static void filter_release(struct filter *filter)
{
    lq_buf_release(&filter->where);
    free(filter->params);
}

static enum lq_status find_key(struct lq_str name, const char **column, struct lq_error *err)
{
    const char *nearest;

    for (size_t i = 0; i < LQ_COUNT(keys); i++) {
        *column = keys[i].column;
        if (lq_str_eq(name, lq_str_of(keys[i].name)))
            return LQ_OK;
    }
    nearest = lq_nearest(name, key_name_at, NULL);
    return lq_error_set(err, LQ_USAGE, "unknown key '%.*s'%s%s%s", (int)name.len, name.ptr,
                        nearest ? ": did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
}

/* Add "k=v" to the condition; the value is bound. */
static enum lq_status add_condition(struct filter *filter, const char *word, bool ignore_case,
                                    struct lq_error *err)
{
    const size_t at = strcspn(word, "=~!");
    const bool negated = word[at] == '!';
    const char kind = word[at + negated];
    const char *fold = ignore_case ? "lower" : "";
    const char *column;

    if (kind != '=' && kind != '~')
        return lq_error_set(err, LQ_USAGE, "'%s' is no condition: k=v, k!=v, k~v or k!~v", word);
    LQ_TRY(find_key((struct lq_str){ word, at }, &column, err));
    LQ_GROW(filter->params, filter->n_params, filter->capacity);
    filter->params[filter->n_params++] = lq_value_text(word + at + negated + 1);
    lq_buf_addf(&filter->where, "%s%s", filter->n_params > 1 ? " AND " : "", negated ? "NOT " : "");
    /* A value that is missing is as good as an empty one. */
    if (kind == '~')
        lq_buf_addf(&filter->where, "contains(%s(coalesce(%s::VARCHAR, '')), %s($%zu::VARCHAR))",
                    fold, column, fold, filter->n_params);
    else
        lq_buf_addf(&filter->where,
                    "list_contains(string_split(%s($%zu::VARCHAR), ','), "
                    "%s(coalesce(%s::VARCHAR, '')))",
                    fold, filter->n_params, fold, column);
    return LQ_OK;
}

/* Whether a key and an operator come first: "build:~1" is a run. */
static bool is_condition(const char *word)
{
    const size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz_");

    return len > 0 && word[len] && strchr("=~!", word[len]);
}

static enum lq_status read_words(struct filter *filter, const struct filter_args *args,
                                 struct lq_error *err)
{
    for (char **word = args->words; *word; word++) {
        if (is_condition(*word)) {
            LQ_TRY(add_condition(filter, *word, args->ignore_case, err));
            continue;
        }
        if (filter->subject)
            return lq_error_set(err, LQ_USAGE, "lq filter: one word too many: '%s'", *word);
        filter->subject = *word;
    }
    if (filter->n_params == 0)
        lq_buf_adds(&filter->where, "true");
    return LQ_OK;
}

static bool is_log(const char *word)
{
    struct stat status;

    return strcmp(word, "-") == 0 || (stat(word, &status) == 0 && !S_ISDIR(status.st_mode));
}

static enum lq_status filter_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    static const char *const flexible[] = { "location", "message", NULL };
    const struct filter_args *args = argp;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };
    LQ_CLEANUP(filter_release) struct filter filter = { 0 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    int64_t limit;
    bool empty, log;

    LQ_TRY(lq_cli_read_limit(args->limit, cli->format, args->count ? 0 : TABLE_ROWS, &limit, err));
    LQ_TRY(read_words(&filter, args, err));
    log = filter.subject && is_log(filter.subject);
    if (log)
        LQ_TRY(lq_cli_open_log(cli, &query, filter.subject, NULL, err));
    else
        LQ_TRY(lq_cli_open_query(cli, &query, &empty, err));
    if (filter.subject && !log)
        LQ_TRY(lq_cli_find(query, filter.subject, &ref, err));
    LQ_GROW(filter.params, filter.n_params, filter.capacity);
    filter.params[filter.n_params++] = lq_value_text(ref.file);
    lq_buf_addf(
        &sql, "SELECT %s FROM lq_events WHERE %s(%s) AND ($%zu::VARCHAR IS NULL OR file = $%zu)",
        args->count                    ? "count(*) AS count"
        : lq_out_is_table(cli->format) ? lq_cli_events_table
                                       : lq_cli_events_data,
        args->invert ? "NOT " : "", lq_buf_text(&filter.where), filter.n_params, filter.n_params);
    if (!args->count)
        lq_buf_adds(&sql, " ORDER BY started_at DESC, run_uid DESC, event_id");
    return lq_cli_print_query(cli, query, lq_buf_text(&sql), filter.params, filter.n_params,
                              flexible, limit, err);
}

const struct lq_command lq_cmd_filter = {
    .name = "filter",
    .alias = "f",
    .summary = "find events by simple conditions: k=v, k~part",
    .needs = LQ_NEEDS_SCOPE,
    .opts = filter_opts,
    .args_size = sizeof(struct filter_args),
    .main = filter_main,
};
