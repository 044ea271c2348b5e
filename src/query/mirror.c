/* SPDX-License-Identifier: MIT */
/* Keeps a copy of an S3 store's run files, and pulls stores for people. */
#include "query/mirror.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "query/query.h"
#include "s3/config.h"
#include "store/names.h"
#include "store/pull.h"
#include <unistd.h>

/* Whoever asks a question does not wait for as long as a sync may. */
#define BUDGET_SEC 20

void lq_mirror_release(struct lq_mirror *mirror)
{
    lq_free(&mirror->url);
    lq_free(&mirror->folder);
    lq_free(&mirror->below);
    lq_free(&mirror->file);
    lq_free(&mirror->source);
}

/* "namespace=N/project=P/hostname=H/", as far as the filters go from the top. */
static char *path_of_filters(const struct lq_scope *scope, const struct lq_project *project)
{
    const bool own = scope->include_synced && project;
    const struct {
        const char *key, *value;
    } parts[] = { { "namespace=", own ? project->config.namespace_ : scope->namespace_ },
                  { "project=", own ? project->config.project : scope->project },
                  { "hostname=", scope->hostname } };
    struct lq_buf path = LQ_BUF_INIT;

    for (size_t i = 0; i < LQ_COUNT(parts) && parts[i].value; i++) {
        lq_buf_adds(&path, parts[i].key);
        lq_name_add_partition(&path, lq_str_of(parts[i].value));
        lq_buf_addc(&path, '/');
    }
    return path.len > 0 ? lq_buf_detach(&path) : lq_strdup("");
}

/* "…/x.parquet" becomes the store "…" and the file "x.parquet". */
static void split_file(struct lq_mirror *mirror)
{
    char *name = strrchr(mirror->url, '/');

    if (!name || !lq_str_ends(lq_str_of(name), LQ_STR(".parquet")))
        return;
    mirror->file = lq_strdup(name + 1);
    *name = '\0';
}

/* Two stores never share a folder: its name holds a hash of all that tells them apart. */
static enum lq_status find_folder(struct lq_mirror *mirror, const struct lq_scope *scope,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_s3_url_release) struct lq_s3_url url = { 0 };
    LQ_CLEANUP(lq_s3_config_release) struct lq_s3_config config = { 0 };
    LQ_CLEANUP(lq_free) char *identity = NULL;
    char hash[LQ_SHA256_HEX_BYTES];

    if (!scope->cache_dir)
        return lq_error_set(err, LQ_BAD_INPUT, "cannot read '%s' without a cache folder",
                            mirror->url);
    LQ_TRY(lq_s3_url_parse(&url, mirror->url, err));
    LQ_TRY(lq_s3_config_init(&config, scope->environment, url.bucket, err));
    identity = lq_format("%s\n%s\n%s", config.host, url.bucket, url.prefix);
    lq_sha256_hex(identity, strlen(identity), hash);
    mirror->folder = lq_format("%s/mirror/%s-%.16s", scope->cache_dir, url.bucket, hash);
    return scope->offline ? LQ_OK : lq_mkdirs(mirror->folder, err);
}

enum lq_status lq_mirror_init(struct lq_mirror *mirror, struct lq_scope *scope,
                              const struct lq_project *project, struct lq_error *err)
{
    const bool uses_store = scope->global || scope->include_synced;
    const char **place = scope->data ? &scope->data : &scope->store;

    if ((!scope->data && !uses_store) || !*place || strncmp(*place, "s3://", 5) != 0)
        return LQ_OK;
    mirror->url = lq_strdup(*place);
    if (scope->data)
        split_file(mirror);
    LQ_TRY(find_folder(mirror, scope, err));
    mirror->below = mirror->file ? lq_strdup(mirror->file) : path_of_filters(scope, project);
    mirror->source =
        mirror->file ? lq_path_join(mirror->folder, mirror->file) : lq_strdup(mirror->folder);
    *place = mirror->source;
    return LQ_OK;
}

/* ---- fetching ---- */

static bool is_wanted(void *ctx, const char *path)
{
    return lq_path_filter_wants(ctx, path);
}

static struct lq_pull_opts pull_opts(const struct lq_scope *scope)
{
    return (struct lq_pull_opts){
        .environment = scope->environment,
        .now = scope->now + lq_time_monotonic() - scope->now_monotonic,
        .retry_budget_sec = BUDGET_SEC,
        .warn = scope->warn,
        .warn_ctx = scope->warn_ctx,
    };
}

/* ---- when which part was asked for ---- */

/* Beside the files, ".asked" has a line for each part of the store that was: "TIME BELOW FILTERS", time in microseconds
 * UTC, below what the server was asked for, filters what was left out of that. No part holds a space. */
#define MAX_ASKED_BYTES (1 << 20)

/* The filters that mirror->below does not stand for. */
static void add_filters(struct lq_buf *text, const struct lq_mirror *mirror,
                        const struct lq_path_filter *filter)
{
    for (size_t i = 0; i < filter->n_wanted; i++) {
        if (!strstr(mirror->below, filter->wanted[i]))
            lq_buf_addf(text, "%s;", filter->wanted[i]);
    }
    if (filter->since[0])
        lq_buf_addf(text, "since=%s;", filter->since);
    if (filter->until[0])
        lq_buf_addf(text, "until=%s;", filter->until);
}

struct asked {
    int64_t time;
    const char *below, *filters;
};

/* Take the next line off `at`; false: there is none. */
static bool next_asked(char **at, struct asked *asked)
{
    char *line = strsep(at, "\n");
    const char *time = strsep(&line, " ");

    asked->below = strsep(&line, " ");
    asked->filters = line;
    asked->time = time ? strtoll(time, NULL, 10) : 0;
    return asked->filters;
}

/* Whether what was asked for tells all of `below` with `filters`. */
static bool covers(const struct asked *asked, const char *below, const char *filters)
{
    return strncmp(below, asked->below, strlen(asked->below)) == 0 &&
           (!*asked->filters || strcmp(asked->filters, filters) == 0);
}

static char *asked_path(const struct lq_mirror *mirror)
{
    return lq_path_join(mirror->folder, ".asked");
}

/* When the newest of what tells all of this was asked for; 0: never. `others`, may be NULL: the lines that
 * this one does not tell all of. */
static int64_t find_asked(const struct lq_mirror *mirror, const char *filters,
                          struct lq_buf *others)
{
    LQ_CLEANUP(lq_free) char *path = asked_path(mirror);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const struct asked this = { 0, mirror->below, filters };
    struct asked asked;
    int64_t newest = 0;
    char *at;

    if (lq_file_read_regular(path, MAX_ASKED_BYTES, &text, NULL) != LQ_OK || text.len == 0)
        return 0;
    at = text.data;
    while (next_asked(&at, &asked)) {
        if (covers(&asked, mirror->below, filters) && asked.time > newest)
            newest = asked.time;
        if (others && !covers(&this, asked.below, asked.filters))
            lq_buf_addf(others, "%lld %s %s\n", (long long)asked.time, asked.below, asked.filters);
    }
    return newest;
}

/* Remember that this was asked for. That it cannot be only keeps it from answering offline. */
static void set_asked(struct lq_mirror *mirror, const char *filters, int64_t time)
{
    LQ_CLEANUP(lq_free) char *path = asked_path(mirror);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

    mirror->as_of = time;
    find_asked(mirror, filters, &text);
    lq_buf_addf(&text, "%lld %s %s\n", (long long)time, mirror->below, filters);
    if (lq_file_replace(path, lq_buf_text(&text), text.len, NULL) != LQ_OK)
        unlink(path);
}

static enum lq_status ask_store(struct lq_mirror *mirror, const struct lq_scope *scope,
                                struct lq_path_filter *filter, const char *filters,
                                struct lq_error *err)
{
    const struct lq_pull_opts opts = pull_opts(scope);
    const struct lq_pull pull = { .url = mirror->url,
                                  .folder = mirror->folder,
                                  .opts = &opts,
                                  .below = mirror->below,
                                  .wanted = is_wanted,
                                  .ctx = filter,
                                  .mirror = true };
    struct lq_pull_counts counts;
    struct lq_error reason = { 0 };
    const enum lq_status status = lq_pull_run(&pull, &counts, &reason);

    if (status == LQ_OK)
        set_asked(mirror, filters, opts.now);
    /* Single objects that failed were named; the answer about the others is of use. */
    if (status == LQ_OK || counts.n_failed > 0)
        return LQ_OK;
    if (err)
        *err = reason;
    return status;
}

enum lq_status lq_mirror_update(struct lq_mirror *mirror, const struct lq_scope *scope,
                                struct lq_error *err)
{
    LQ_CLEANUP(lq_path_filter_release) struct lq_path_filter filter = lq_path_filter_of(scope);
    LQ_CLEANUP(lq_buf_release) struct lq_buf filters = LQ_BUF_INIT;

    add_filters(&filters, mirror, &filter);
    if (!scope->offline)
        return ask_store(mirror, scope, &filter, lq_buf_text(&filters), err);
    mirror->as_of = find_asked(mirror, lq_buf_text(&filters), NULL);
    if (mirror->as_of == 0)
        return lq_error_set(err, LQ_NOT_FOUND,
                            "nothing is kept here of what is asked of '%s': ask it once without "
                            "--offline",
                            mirror->url);
    return LQ_OK;
}

static bool is_raw_log(void *ctx, const char *path)
{
    return strcmp(path, ctx) == 0;
}

enum lq_status lq_mirror_fetch_raw(const struct lq_mirror *mirror, const struct lq_scope *scope,
                                   const char *file, struct lq_error *err)
{
    const size_t folder_len = mirror->url ? strlen(mirror->folder) : 0;
    LQ_CLEANUP(lq_free) char *path = NULL;
    struct lq_pull_opts opts = pull_opts(scope);
    struct lq_pull_counts counts;

    if (!mirror->url || strncmp(file, mirror->folder, folder_len) != 0)
        return LQ_OK;
    path = lq_raw_log_path(file);
    if (!path || access(path, F_OK) == 0)
        return LQ_OK;
    if (scope->offline)
        return lq_error_set(err, LQ_NOT_FOUND, "the log is not kept here: ask without --offline");
    opts.warn = NULL;
    return lq_pull_run(
        &(const struct lq_pull){
            .url = mirror->url,
            .folder = mirror->folder,
            .opts = &opts,
            .below = path + folder_len + 1,
            .wanted = is_raw_log,
            .ctx = path + folder_len + 1,
        },
        &counts, err);
}

/* ---- for people ---- */

struct pulled {
    struct lq_path_filter filter;
    char *name; /* of the runs, as file names have it; NULL: any */
    bool raw;
};

static bool has_name(const struct pulled *pulled, const char *path)
{
    struct lq_run_file file;

    return !pulled->name || (lq_name_parse_run_file(&file, lq_str_of(lq_path_base(path))) &&
                             lq_str_eq(file.name, lq_str_of(pulled->name)));
}

/* Raw logs lie below "…/_raw/", apart from that as their runs. */
static bool is_pulled(void *ctx, const char *path)
{
    const struct pulled *pulled = ctx;
    const char *raw = strstr(path, "/_raw/");

    if (!has_name(pulled, path))
        return false;
    if (raw) {
        const struct lq_str ending = LQ_STR(".log.zst");
        LQ_CLEANUP(lq_free) char *run =
            lq_format("%.*s%s", (int)(raw - path), path, raw + strlen("/_raw"));
        char *at = run + strlen(run) - ending.len;

        if (!pulled->raw || !lq_str_ends(lq_str_of(run), ending))
            return false;
        snprintf(at, ending.len + 1, "%s", ".parquet");
        return lq_path_filter_wants(&pulled->filter, run);
    }
    return lq_path_filter_wants(&pulled->filter, path);
}

enum lq_status lq_pull(const char *url, const char *folder, const struct lq_scope *scope, bool raw,
                       const struct lq_pull_opts *opts, struct lq_pull_counts *counts,
                       struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *below = path_of_filters(scope, NULL);
    LQ_CLEANUP(lq_buf_release) struct lq_buf name = LQ_BUF_INIT;
    struct pulled pulled = { .filter = lq_path_filter_of(scope), .raw = raw };
    const char *host = strstr(below, "hostname=");
    struct lq_pull pull = { .url = url,
                            .folder = folder,
                            .opts = opts,
                            .below = below,
                            .wanted = is_pulled,
                            .ctx = &pulled };
    enum lq_status status;

    if (scope->name) {
        lq_name_add_run(&name, lq_str_of(scope->name));
        pulled.name = name.data;
    }
    /* A machine's raw logs do not lie below its folder. */
    if (host && raw)
        below[host - below] = '\0';
    status = strncmp(url, "s3://", 5) == 0
                 ? lq_pull_run(&pull, counts, err)
                 : lq_error_set(err, LQ_BAD_INPUT, "cannot pull from '%s': not an s3:// URL", url);
    lq_path_filter_release(&pulled.filter);
    return status;
}
