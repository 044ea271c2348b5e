/* SPDX-License-Identifier: MIT */
/* From a run's Parquet file to its raw log (docs/format.md, "On disk"). */
#include "base/alloc.h"
#include "base/buf.h"
#include "query/query.h"
#include <unistd.h>

/* The last place where `part` stands in `path`, NULL when nowhere. */
static const char *last(const char *path, const char *part)
{
    const char *found = NULL;

    for (const char *at = strstr(path, part); at; at = strstr(at + 1, part))
        found = at;
    return found;
}

enum lq_status lq_query_raw_log(const char *file, char **path, struct lq_error *err)
{
    static const char local[] = "/.lq/logs/", extension[] = ".parquet";
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    const char *end = file + strlen(file) - (sizeof extension - 1);
    const char *at = last(file, local);
    const char *rest;

    if (at) {
        lq_buf_add(&text, file, (size_t)(at - file));
        lq_buf_adds(&text, "/.lq/raw/");
        rest = at + sizeof local - 1;
    } else {
        at = last(file, "/hostname=");
        if (!at)
            return lq_error_set(err, LQ_NOT_FOUND, "'%s' lies in no store: it has no raw log", file);
        lq_buf_add(&text, file, (size_t)(at - file));
        lq_buf_adds(&text, "/_raw");
        rest = at;
    }
    lq_buf_add(&text, rest, (size_t)(end - rest));
    lq_buf_adds(&text, ".log.zst");
    if (access(lq_buf_text(&text), F_OK) != 0)
        return lq_error_set(err, LQ_NOT_FOUND,
                            at && strstr(lq_buf_text(&text), "/_raw/")
                                ? "the raw log was not synced: no '%s'"
                                : "the raw log was not kept: no '%s'",
                            lq_buf_text(&text));
    *path = lq_buf_detach(&text);
    return LQ_OK;
}
