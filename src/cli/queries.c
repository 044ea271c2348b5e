/* SPDX-License-Identifier: MIT */
/* Open queries of a server, found again by their scope. */
#include "cli/queries.h"

/* The texts of a scope: what a kept copy owns, and what tells two scopes apart. */
static const size_t texts[] = {
    offsetof(struct lq_scope, data),      offsetof(struct lq_scope, store),
    offsetof(struct lq_scope, cache_dir), offsetof(struct lq_scope, namespace_),
    offsetof(struct lq_scope, project),   offsetof(struct lq_scope, hostname),
    offsetof(struct lq_scope, source),    offsetof(struct lq_scope, name),
};

static const char **text_of(struct lq_scope *scope, size_t index)
{
    return (const char **)((char *)scope + texts[index]);
}

static const char *text_in(const struct lq_scope *scope, size_t index)
{
    return *(const char *const *)((const char *)scope + texts[index]);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_scope(const struct lq_scope *a, const struct lq_scope *b)
{
    for (size_t i = 0; i < LQ_COUNT(texts); i++) {
        if (!same_text(text_in(a, i), text_in(b, i)))
            return false;
    }
    return a->include_synced == b->include_synced && a->global == b->global &&
           a->offline == b->offline && a->since == b->since && a->until == b->until &&
           a->resident == b->resident && a->closed == b->closed;
}

static void forget(struct lq_queries *queries, struct lq_kept_query *kept)
{
    pthread_mutex_lock(&queries->lock);
    if (queries->current == kept->query)
        queries->current = NULL;
    pthread_mutex_unlock(&queries->lock);
    lq_query_close(&kept->query);
    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        free((char *)(uintptr_t)*text_of(&kept->scope, i));
    free(kept->root);
    *kept = (struct lq_kept_query){ 0 };
}

/* The place of the scope; without one, that which was not used for longest. */
static struct lq_kept_query *find(struct lq_queries *queries, const struct lq_scope *scope,
                                  const char *root)
{
    struct lq_kept_query *oldest = &queries->kept[0];

    for (size_t i = 0; i < LQ_COUNT(queries->kept); i++) {
        struct lq_kept_query *kept = &queries->kept[i];

        if (kept->query && same_scope(&kept->scope, scope) && same_text(kept->root, root))
            return kept;
        if (kept->used < oldest->used)
            oldest = kept;
    }
    forget(queries, oldest);
    oldest->scope = *scope;
    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        *text_of(&oldest->scope, i) = lq_strdup(text_in(scope, i));
    oldest->root = lq_strdup(root);
    return oldest;
}

enum lq_status lq_queries_open(struct lq_queries *queries, const struct lq_cli *cli,
                               struct lq_query **query, struct lq_error *err)
{
    const struct lq_project *project = cli->has_project ? &cli->project : NULL;
    struct lq_scope scope = cli->scope;
    struct lq_kept_query *kept;
    enum lq_status status;

    scope.resident = true;
    scope.closed = cli->closed;
    kept = find(queries, &scope, project ? project->root : NULL);
    if (kept->query && lq_query_is_stale(kept->query)) {
        forget(queries, kept);
        kept = find(queries, &scope, project ? project->root : NULL);
    }
    if (!kept->query) {
        status = lq_query_open(&kept->query, project, &kept->scope, err);
        if (status != LQ_OK) {
            forget(queries, kept);
            return status;
        }
    }
    kept->used = ++queries->n_calls;
    pthread_mutex_lock(&queries->lock);
    queries->current = kept->query;
    pthread_mutex_unlock(&queries->lock);
    *query = lq_query_share(kept->query);
    return LQ_OK;
}

void lq_queries_interrupt(struct lq_queries *queries)
{
    pthread_mutex_lock(&queries->lock);
    if (queries->current)
        lq_query_interrupt(queries->current);
    pthread_mutex_unlock(&queries->lock);
}

void lq_queries_release(struct lq_queries *queries)
{
    for (size_t i = 0; i < LQ_COUNT(queries->kept); i++)
        forget(queries, &queries->kept[i]);
}
