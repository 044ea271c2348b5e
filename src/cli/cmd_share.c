/* SPDX-License-Identifier: MIT */
/* lq share: signed URLs to runs of an S3 store, or for pushing a run to it. */
#include "base/time.h"
#include "cli/cli.h"
#include <lq/rows.h>
#include <lq/share.h>
#include <unistd.h>

#define DEFAULT_EXPIRES_SEC 3600
#define DEFAULT_DROP_HOST "drop"

struct share_args {
    bool drop;
    const char *expires, *run, *ref;
};

static const struct lq_opt share_opts[] = {
    LQ_OPT(struct share_args, expires, 0, "expires", "TIME",
           "how long they are good: 1h by default, 7d at most"),
    LQ_OPT(struct share_args, drop, 0, "drop", NULL,
           "URLs with which a machine without credentials pushes one run: lq sync --drop"),
    LQ_OPT(struct share_args, run, 0, "run", "REF", "this run: the same as REF alone"),
    LQ_ARG(struct share_args, ref, "ref", "a run; without, all that the filters leave"),
    LQ_OPT_END,
};

/* An age such as "1h", as --since takes it. */
static enum lq_status read_expires(const char *text, int64_t *seconds, struct lq_error *err)
{
    const int64_t now = lq_time_now();
    int64_t then = 0;

    *seconds = DEFAULT_EXPIRES_SEC;
    if (!text)
        return LQ_OK;
    if (text[strspn(text, "0123456789")] == '\0' || strchr(text, '-') ||
        !lq_time_parse(text, now, &then))
        return lq_error_set(err, LQ_USAGE, "--expires needs a time such as 30m, 1h or 7d, not '%s'",
                            text);
    *seconds = (now - then) / LQ_US_PER_SECOND;
    if (*seconds < 1 || *seconds > LQ_SHARE_MAX_EXPIRES_SEC)
        return lq_error_set(err, LQ_USAGE, "--expires may be 7d at most, not '%s'", text);
    return LQ_OK;
}

static void say_end(size_t n_urls, int64_t expires_sec)
{
    char end[28];

    lq_time_rfc3339(lq_time_now() + expires_sec * LQ_US_PER_SECOND, end);
    lq_say("%zu %s, good until %.19sZ; whoever has %s needs no credentials", n_urls,
           n_urls == 1 ? "URL" : "URLs", end, n_urls == 1 ? "it" : "them");
}

/* ---- reading ---- */

struct sharing {
    struct lq_cli *cli;
    struct lq_share *share;
    int64_t expires_sec;
    size_t n_urls;
};

static void print_url(struct sharing *sharing, const char *path)
{
    LQ_CLEANUP(lq_free) char *url = lq_share_get_url(sharing->share, path, sharing->expires_sec);

    fprintf(sharing->cli->out, "%s\n", url);
    sharing->n_urls++;
}

static enum lq_status share_file(struct sharing *sharing, const struct lq_query *query,
                                 const char *file, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_share_path(query, file);
    LQ_CLEANUP(lq_free) char *raw = lq_share_raw_path(query, file);
    bool has = false;

    if (!path)
        return lq_error_set(err, LQ_NOT_FOUND, "'%s' is not in the store", file);
    print_url(sharing, path);
    if (raw)
        LQ_TRY(lq_share_has(sharing->share, raw, &has, err));
    if (has)
        print_url(sharing, raw);
    return LQ_OK;
}

static enum lq_status share_rows(struct sharing *sharing, struct lq_query *query, const char *uid,
                                 struct lq_error *err)
{
    const struct lq_value param = lq_value_text(uid);
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = false;

    LQ_TRY(lq_query_run(query, false,
                        uid ? "SELECT file FROM lq_runs WHERE run_uid = $1::VARCHAR"
                            : "SELECT file FROM lq_runs ORDER BY file",
                        &param, uid != NULL, &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *file = NULL;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        file = lq_rows_get_text(rows, 0);
        if (file)
            LQ_TRY(share_file(sharing, query, file, err));
    }
}

/* The uid of the run that `ref` means here: of this project's, unless a store was named. */
static enum lq_status find_uid(struct lq_cli *cli, const char *ref, const char *store, char **uid,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_ref_release) struct lq_ref found = { 0 };
    struct lq_scope scope = cli->scope;

    scope.data = cli->has_project && !cli->data ? NULL : store;
    scope.global = scope.include_synced = false;
    LQ_TRY(lq_query_open(&query, cli->has_project ? &cli->project : NULL, &scope, err));
    LQ_TRY(lq_query_find(query, ref, &found, err));
    if (!found.run_uid)
        return lq_error_set(err, LQ_NOT_FOUND, "run '%s' has no uid", ref);
    *uid = LQ_TAKE(found.run_uid);
    return LQ_OK;
}

static bool has_filter(const struct lq_scope *scope)
{
    return scope->namespace_ || scope->project || scope->hostname || scope->source || scope->name ||
           scope->since || scope->until;
}

static enum lq_status share_runs(struct sharing *sharing, const char *ref, const char *store,
                                 struct lq_error *err)
{
    struct lq_cli *cli = sharing->cli;
    LQ_CLEANUP(lq_query_close) struct lq_query *query = NULL;
    LQ_CLEANUP(lq_free) char *uid = NULL;
    struct lq_scope scope = cli->scope;

    if (!ref && !has_filter(&scope))
        return lq_error_set(err, LQ_USAGE, "lq share needs a run, or a filter such as --since 1d");
    if (ref)
        LQ_TRY(find_uid(cli, ref, store, &uid, err));
    scope.data = store;
    scope.global = scope.include_synced = false;
    LQ_TRY(lq_query_open(&query, NULL, &scope, err));
    LQ_TRY(share_rows(sharing, query, uid, err));
    if (sharing->n_urls > 0)
        return LQ_OK;
    return ref ? lq_error_set(err, LQ_NOT_FOUND,
                              "run '%s' is not in '%s': 'lq sync' brings it there", ref, store)
               : lq_error_set(err, LQ_NOT_FOUND, "no run in '%s' matches these filters", store);
}

/* ---- dropping ---- */

static enum lq_status print_drop(struct sharing *sharing, struct lq_error *err)
{
    const struct lq_scope *scope = &sharing->cli->scope;
    const struct lq_config *config = &sharing->cli->project.config;
    const bool own = sharing->cli->has_project;
    const char *namespace_ = scope->namespace_ ? scope->namespace_
                             : own             ? config->namespace_
                                               : NULL;
    const char *project = scope->project ? scope->project : own ? config->project : NULL;
    char *urls[2];

    if (!namespace_ || !project)
        return lq_error_set(err, LQ_USAGE,
                            "--drop needs --namespace and --project outside of a project");
    lq_share_drop_urls(sharing->share, namespace_, project,
                       scope->hostname ? scope->hostname : DEFAULT_DROP_HOST, sharing->expires_sec,
                       urls);
    for (size_t i = 0; i < LQ_COUNT(urls); i++) {
        fprintf(sharing->cli->out, "%s\n", urls[i]);
        free(urls[i]);
        sharing->n_urls++;
    }
    return LQ_OK;
}

static enum lq_status share_main(struct lq_cli *cli, const void *argp, struct lq_error *err)
{
    const struct share_args *args = argp;
    const char *ref = args->run ? args->run : args->ref;
    const char *store = cli->data ? cli->data : cli->store;
    struct sharing sharing = { .cli = cli };
    enum lq_status status;

    LQ_TRY(read_expires(args->expires, &sharing.expires_sec, err));
    if (args->run && args->ref)
        return lq_error_set(err, LQ_USAGE, "lq share takes one run: '%s' or --run '%s'", args->ref,
                            args->run);
    if (args->drop && ref)
        return lq_error_set(err, LQ_USAGE,
                            "--drop is for a run that is not there yet: it takes no "
                            "run");
    LQ_TRY(lq_share_open(&sharing.share, store, environ, lq_time_now(), err));
    status = args->drop ? print_drop(&sharing, err) : share_runs(&sharing, ref, store, err);
    lq_share_close(&sharing.share);
    if (status != LQ_OK)
        return status;
    fflush(cli->out);
    say_end(sharing.n_urls, sharing.expires_sec);
    return LQ_OK;
}

const struct lq_command lq_cmd_share = {
    .name = "share",
    .summary = "print signed URLs: access to runs in S3 without credentials",
    .needs = LQ_NEEDS_SCOPE,
    .opts = share_opts,
    .args_size = sizeof(struct share_args),
    .main = share_main,
};
