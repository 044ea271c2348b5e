/* SPDX-License-Identifier: MIT */
/* References: from "build:~1" to one run. */
#include "base/alloc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "query/query.h"
#include "store/names.h"
#include <ctype.h>

/* A reference taken apart. Texts are owned. */
struct parts {
    char *origin[3]; /* namespace, project, hostname; NULL: not given */
    char *run;       /* what names the run: "5", "build", "", a uid */
    int64_t back;    /* "~N" */
    bool has_back;
    int64_t event_id;
};

static void parts_release(struct parts *parts)
{
    for (size_t i = 0; i < 3; i++)
        free(parts->origin[i]);
    free(parts->run);
}

/* A whole number without sign or leading nonsense. */
static bool number(struct lq_str text, int64_t *value)
{
    *value = 0;
    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.ptr[i]))
            return false;
        *value = *value * 10 + (text.ptr[i] - '0');
    }
    return true;
}

/* What "~~" and the digits after it are to a value that was cut, since it is too long for a folder. */
#define HASH_DIGITS 16

/* A value that was cut becomes "~~" and its hash. */
static bool unescape(const char *from, const char *to, char **value)
{
    struct lq_buf text = LQ_BUF_INIT;
    const char *hash = to - from > HASH_DIGITS + 2 ? to - HASH_DIGITS - 2 : NULL;

    if (hash && hash[0] == '~' && hash[1] == '~') {
        *value = lq_strndup(hash, HASH_DIGITS + 2);
        return true;
    }
    if (!lq_name_add_unescaped(&text, (struct lq_str){ from, (size_t)(to - from) }))
        return false;
    *value = lq_buf_detach(&text);
    return true;
}

/* Take "ns/proj@host:" off the front, if it is there. */
static bool parse_origin(const char **text, struct parts *parts)
{
    const char *slash = strchr(*text, '/');
    const char *at = slash ? strchr(slash, '@') : NULL;
    const char *colon = at ? strchr(at, ':') : NULL;

    if (!colon)
        return true;
    if (!unescape(*text, slash, &parts->origin[0]) || !unescape(slash + 1, at, &parts->origin[1]) ||
        !unescape(at + 1, colon, &parts->origin[2]))
        return false;
    *text = colon + 1;
    return true;
}

/* Take "~N" or ":~N" off the end, if it is there. */
static bool parse_back(struct parts *parts)
{
    char *colon = strrchr(parts->run, ':'), *tail = colon ? colon + 1 : parts->run;

    if (tail[0] != '~' || !number(lq_str_of(tail + 1), &parts->back))
        return true;
    parts->has_back = true;
    *(colon ? colon : tail) = '\0';
    return colon != parts->run;
}

/* What follows the last ':' is an event's number, and what stands before it may end in "~N"; a name may hold
 * colons itself. */
static bool parse(const char *text, struct parts *parts)
{
    const char *colon;

    if (!parse_origin(&text, parts))
        return false;
    colon = strrchr(text, ':');
    if (colon && number(lq_str_of(colon + 1), &parts->event_id)) {
        parts->run = lq_strndup(text, (size_t)(colon - text));
        return parts->event_id > 0 && *parts->run && parse_back(parts);
    }
    parts->run = lq_strdup(text);
    return *text != '\0' && parse_back(parts);
}

/* "($1 IS NULL OR …) AND " for a column; a value may be given by its hash. */
#define IS(column, parameter)                                                                      \
    "(" parameter "::VARCHAR IS NULL OR " column " = " parameter " OR (" parameter                 \
    " LIKE '~~%%' AND '~~' || left(sha256(" column "), 16) = " parameter ")) AND "
#define ORIGIN IS("namespace", "$1") IS("project", "$2") IS("hostname", "$3")
#define NEWEST " ORDER BY started_at DESC, run_uid DESC LIMIT 1 OFFSET $5"

/* The ways to read the part that names a run, in the order in which they are tried. */
static const struct way {
    const char *condition; /* $4: the text, $5: how many runs back */
    bool by_number;        /* the text must be a number */
    bool counts_back;      /* newest first; otherwise all that fit, which must be one */
} ways[] = {
    { "run_id = TRY_CAST($4::VARCHAR AS BIGINT)", true, false },
    { "source_name = $4::VARCHAR", false, true },
    { "lower(run_uid) = lower($4::VARCHAR)", false, false },
    { "length($4::VARCHAR) = 8 AND right(run_uid, 8) = lower($4::VARCHAR)", false, false },
};

/* Rows that one way gives: the first into `ref`, a line for each into `all`. */
static enum lq_status try_way(struct lq_query *query, const struct parts *parts, const char *where,
                              bool newest, struct lq_ref *ref, size_t *count, struct lq_buf *all,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *sql = lq_format(
        "SELECT ref, run_uid, file, run_id, source_name, "
        "strftime(started_at AT TIME ZONE 'UTC', '%%Y-%%m-%%d %%H:%%M:%%S') "
        "FROM lq_run_rows WHERE " ORIGIN "$4::VARCHAR IS NOT NULL AND $5::BIGINT >= 0 AND "
        "%s%s",
        where, newest ? NEWEST : " ORDER BY started_at DESC");
    const struct lq_value params[] = {
        lq_value_text(parts->origin[0]), lq_value_text(parts->origin[1]),
        lq_value_text(parts->origin[2]), lq_value_text(parts->run),
        lq_value_int(parts->back),
    };
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    bool more = true;

    *count = 0;
    LQ_TRY(lq_db_query(query->db, LQ_DB_ANY, sql, params, LQ_COUNT(params), &rows, err));
    for (;;) {
        LQ_CLEANUP(lq_free) char *run_ref = NULL, *uid = NULL, *name = NULL, *start = NULL;

        LQ_TRY(lq_rows_next(rows, &more, err));
        if (!more)
            return LQ_OK;
        if ((*count)++ == 0) {
            ref->run_ref = lq_rows_get_text(rows, 0);
            ref->run_uid = lq_rows_get_text(rows, 1);
            ref->file = lq_rows_get_text(rows, 2);
            ref->run_id = lq_rows_get_int(rows, 3);
        }
        run_ref = lq_rows_get_text(rows, 0);
        uid = lq_rows_get_text(rows, 1);
        name = lq_rows_get_text(rows, 4);
        start = lq_rows_get_text(rows, 5);
        lq_buf_addf(all, "%s%s  %s  %s  %s", all->len ? "\n" : "", uid ? uid : "-",
                    run_ref ? run_ref : "-", name ? name : "-", start ? start : "-");
    }
}

void lq_ref_release(struct lq_ref *ref)
{
    lq_free(&ref->run_ref);
    lq_free(&ref->run_uid);
    lq_free(&ref->file);
}

static enum lq_status find_run(struct lq_query *query, const struct parts *parts, const char *text,
                               struct lq_ref *ref, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf all = LQ_BUF_INIT;
    int64_t unused;
    size_t count = 0;

    if (parts->has_back && !*parts->run) {
        LQ_TRY(try_way(query, parts, "true", true, ref, &count, &all, err));
    } else {
        for (size_t i = 0; i < LQ_COUNT(ways) && count == 0; i++) {
            const struct way *way = &ways[i];

            if ((parts->has_back && !way->counts_back) ||
                (way->by_number && !number(lq_str_of(parts->run), &unused)))
                continue;
            LQ_TRY(try_way(query, parts, way->condition, way->counts_back, ref, &count, &all, err));
        }
    }
    if (count == 0)
        return lq_error_set(err, LQ_NOT_FOUND, "no run '%s'", text);
    if (count > 1)
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' could be %zu runs: name one by its uid\n%s",
                            text, count, lq_buf_text(&all));
    return LQ_OK;
}

enum lq_status lq_query_find(struct lq_query *query, const char *text, struct lq_ref *ref,
                             struct lq_error *err)
{
    LQ_CLEANUP(parts_release) struct parts parts = { 0 };
    enum lq_status status;

    *ref = (struct lq_ref){ 0 };
    if (!lq_text_is_utf8(lq_str_of(text)) || !parse(text, &parts))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is no reference to a run or event", text);
    ref->event_id = parts.event_id;
    status = find_run(query, &parts, text, ref, err);
    if (status != LQ_OK)
        lq_ref_release(ref);
    return status;
}
