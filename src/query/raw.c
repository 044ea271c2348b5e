/* SPDX-License-Identifier: MIT */
/* From a run's Parquet file to the lines of its raw log (docs/format.md, "On disk"). */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "query/query.h"
#include "store/raw_log.h"
#include <stdlib.h>
#include <unistd.h>

/* The last place where `part` stands in `path`, NULL when nowhere. */
static const char *last_of(const char *path, const char *part)
{
    const char *found = NULL;

    for (const char *at = strstr(path, part); at; at = strstr(at + 1, part))
        found = at;
    return found;
}

/*
 * Whether the raw log `path` of a store lies where its name says: "hostname=H", which `host` points at, may
 * be a link to a project's `.lq/raw` (`lq sync --mode symlink`); any other link could lead out of the store.
 */
static bool is_in_store(const char *path, const char *host)
{
    static const char raw[] = "/.lq/raw";
    const size_t rest = strcspn(host, "/");
    LQ_CLEANUP(lq_free) char *above = lq_strndup(path, (size_t)(host - path) - sizeof "_raw");
    LQ_CLEANUP(lq_free) char *folder = lq_strndup(path, (size_t)(host - path) + rest);
    LQ_CLEANUP(lq_free) char *real_above = realpath(above, NULL);
    LQ_CLEANUP(lq_free) char *real_folder = realpath(folder, NULL);
    LQ_CLEANUP(lq_free) char *real = realpath(path, NULL);
    LQ_CLEANUP(lq_free) char *plain = NULL;
    LQ_CLEANUP(lq_free) char *wanted = NULL;

    if (!real_above || !real_folder || !real)
        return false;
    plain = lq_format("%s/_raw/%.*s", real_above, (int)rest, host);
    wanted = lq_format("%s%s", real_folder, host + rest);
    return (strcmp(real_folder, plain) == 0 || lq_str_ends(lq_str_of(real_folder), LQ_STR(raw))) &&
           strcmp(real, wanted) == 0;
}

char *lq_raw_log_path(const char *file)
{
    static const char local[] = "/.lq/logs/", extension[] = ".parquet";
    struct lq_buf text = LQ_BUF_INIT;
    const size_t len = strlen(file), tail = sizeof extension - 1;
    const char *at = last_of(file, local);
    const char *rest;

    /* `-d FILE` takes a file of any name. */
    if (len < tail || strcmp(file + len - tail, extension) != 0)
        return NULL;
    if (at) {
        lq_buf_add(&text, file, (size_t)(at - file));
        lq_buf_adds(&text, "/.lq/raw/");
        rest = at + sizeof local - 1;
    } else {
        at = last_of(file, "/hostname=");
        if (!at)
            return NULL;
        lq_buf_add(&text, file, (size_t)(at - file));
        lq_buf_adds(&text, "/_raw");
        rest = at;
    }
    lq_buf_add(&text, rest, (size_t)(file + len - tail - rest));
    lq_buf_adds(&text, ".log.zst");
    return lq_buf_detach(&text);
}

static enum lq_status find_raw_log(const char *file, char **path, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *found = lq_raw_log_path(file);
    const char *host;

    if (!found)
        return lq_error_set(err, LQ_NOT_FOUND,
                            "'%s' is not named as run files of a store are: it has no raw log",
                            file);
    host = last_of(file, "/.lq/logs/") ? NULL : last_of(found, "/_raw/hostname=");
    if (access(found, F_OK) != 0)
        return lq_error_set(err, LQ_NOT_FOUND,
                            host ? "the raw log was not synced: no '%s'"
                                 : "the raw log was not kept: no '%s'",
                            found);
    if (host && !is_in_store(found, host + strlen("/_raw/")))
        return lq_error_set(err, LQ_DENIED, "a link leads out of the store: '%s'", found);
    *path = LQ_TAKE(found);
    return LQ_OK;
}

enum lq_status lq_query_log_lines(const char *file, int64_t first, int64_t last,
                                  lq_log_line_fn *on_piece, void *ctx, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = NULL;

    LQ_TRY(find_raw_log(file, &path, err));
    return lq_raw_log_lines(path, first, last, on_piece, NULL, ctx, NULL, err);
}
