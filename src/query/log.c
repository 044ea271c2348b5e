/* SPDX-License-Identifier: MIT */
/* Asking about a log that was not recorded: parsed on the spot, seen through the same views. */
#include "base/alloc.h"
#include "query/query.h"
#include "store/run_file.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/format.h>
#include <unistd.h>

static void on_event(void *ctx, const struct lq_event *event)
{
    lq_spill_add(ctx, event);
}

static enum lq_status parse(const char *path, const struct lq_parser_opts *opts,
                            struct lq_spill *events, struct lq_error *err)
{
    LQ_CLEANUP(lq_parser_free) struct lq_parser *parser = NULL;
    LQ_CLEANUP(lq_free) char *chunk = lq_alloc(1 << 17);
    LQ_CLEANUP(lq_close) int fd =
        strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    LQ_TRY(lq_parser_new(&parser, opts, on_event, events, err));
    for (;;) {
        const ssize_t n = read(fd, chunk, 1 << 17);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lq_error_errno(err, errno, "cannot read '%s'", path);
        if (n == 0)
            break;
        lq_parser_feed(parser, chunk, (size_t)n);
    }
    lq_parser_finish(parser);
    return LQ_OK;
}

static enum lq_status events_rewind(void *ctx, struct lq_error *err)
{
    struct lq_query *query = ctx;

    query->event_id = 0;
    return lq_spill_rewind(query->events, err);
}

static enum lq_status events_next(void *ctx, struct lq_value *values, bool *more,
                                  struct lq_error *err)
{
    struct lq_query *query = ctx;
    struct lq_event event;

    LQ_TRY(lq_spill_next(query->events, &event, more, err));
    if (*more)
        lq_event_values(&event, ++query->event_id, values);
    return LQ_OK;
}

enum lq_status lq_query_open_log(struct lq_query **out, const char *path,
                                 const struct lq_parser_opts *opts, struct lq_error *err)
{
    LQ_CLEANUP(lq_query_close) struct lq_query *query = lq_alloc(sizeof *query);
    const char *temp = getenv("TMPDIR");

    query->events = lq_spill_new(temp && *temp ? temp : "/tmp");
    LQ_TRY(parse(path, opts, query->events, err));
    LQ_TRY(lq_db_open(&query->db, NULL, err));
    query->source = (struct lq_source){ lq_event_columns, LQ_EVENT_COLUMN_COUNT, events_rewind,
                                        events_next, query };
    LQ_TRY(lq_db_add_source(query->db, "lq_log_rows", &query->source, err));
    LQ_TRY(lq_query_add_log_relations(query, path, err));
    *out = LQ_TAKE(query);
    return LQ_OK;
}
