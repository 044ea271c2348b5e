/* SPDX-License-Identifier: MIT */
/* How things stand with each destination, from what is known here. */
#include "base/alloc.h"
#include "sync/plan.h"
#include "sync/track.h"

static const char *const mode_names[] = {
    [LQ_SYNC_MODE_AUTO] = "auto",
    [LQ_SYNC_MODE_COPY] = "copy",
    [LQ_SYNC_MODE_SYMLINK] = "symlink",
};

bool lq_sync_mode_parse(const char *text, enum lq_sync_mode *mode)
{
    *mode = LQ_SYNC_MODE_AUTO;
    if (!text)
        return true;
    for (size_t i = 0; i < LQ_COUNT(mode_names); i++) {
        if (strcmp(mode_names[i], text) != 0)
            continue;
        *mode = (enum lq_sync_mode)i;
        return true;
    }
    return false;
}

const char *lq_sync_mode_name(enum lq_sync_mode mode)
{
    return mode_names[mode];
}

/* What all destinations are compared with. */
struct review {
    struct lq_store *store;
    const struct lq_sync_opts *opts;
    struct lq_leaves leaves;
    struct lq_names *names; /* the runs of each leaf */
    lq_sync_state_fn *on_state;
    void *ctx;
};

static void review_release(struct review *review)
{
    for (size_t i = 0; review->names && i < review->leaves.count; i++)
        lq_names_release(&review->names[i]);
    free(review->names);
    lq_leaves_release(&review->leaves);
}

static enum lq_status list_runs(struct review *review, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;

    LQ_TRY(lq_sync_open_folder(review->store, "logs", &fd, err));
    LQ_TRY(lq_leaves_list(&review->leaves, fd, NULL, err));
    review->names = lq_alloc((review->leaves.count + 1) * sizeof *review->names);
    for (size_t i = 0; i < review->leaves.count; i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;

        LQ_TRY(lq_names_read(&text, fd, "logs", review->leaves.items[i].path, ".parquet", err));
        lq_names_add(&review->names[i], &text);
    }
    return LQ_OK;
}

/* Runs that are neither at the destination nor known to be no runs. */
static enum lq_status count_pending(const struct review *review, const struct lq_sync_plan *plan,
                                    int64_t *n_pending, struct lq_error *err)
{
    LQ_CLEANUP(lq_cursor_release) struct lq_cursor synced = { 0 };
    LQ_CLEANUP(lq_cursor_release) struct lq_cursor bad = { 0 };

    for (size_t i = 0; i < review->leaves.count; i++) {
        const char *leaf = review->leaves.items[i].path;

        LQ_TRY(lq_cursor_open(&synced, LQ_CURSOR_SYNCED, plan, leaf, err));
        LQ_TRY(lq_cursor_open(&bad, LQ_CURSOR_BAD, plan, leaf, err));
        for (size_t j = 0; j < review->names[i].count; j++) {
            LQ_CLEANUP(lq_free) char *path = lq_path_join(leaf, review->names[i].items[j]);
            bool there, is_bad;

            LQ_TRY(lq_cursor_find(&synced, path, &there, err));
            LQ_TRY(lq_cursor_find(&bad, path, &is_bad, err));
            *n_pending += !there && !is_bad;
        }
    }
    return LQ_OK;
}

static void free_failures(struct lq_sync_failure **failures)
{
    for (struct lq_sync_failure *at = *failures; at && at->path; at++) {
        free((char *)(uintptr_t)at->path);
        free((char *)(uintptr_t)at->reason);
    }
    free(*failures);
}

/* Tell of the destination that `plan` knows; a URL that leads nowhere now, or elsewhere, still has what
 * was brought there before. */
static enum lq_status tell(const struct review *review, struct lq_sync_plan *plan, bool configured,
                           struct lq_error *err)
{
    LQ_CLEANUP(free_failures) struct lq_sync_failure *failures = NULL;
    LQ_CLEANUP(lq_free) char *last_error = NULL, *auto_error = NULL;
    int64_t when;
    struct lq_error problem = { 0 };
    struct lq_sync_state state = {
        .destination = plan->place.name,
        .configured = configured,
        .known = plan->destination_id != 0,
        .mode = plan->remembered_mode < 0 ? review->opts->mode
                                          : (enum lq_sync_mode)plan->remembered_mode,
    };

    LQ_TRY(count_pending(review, plan, &state.n_pending, err));
    if (plan->destination_id)
        LQ_TRY(lq_track_state(plan, &state, &last_error, &failures, err));
    if (plan->remembered_mode == LQ_SYNC_MODE_SYMLINK) {
        state.n_present = state.n_pending;
        state.n_pending = 0;
    }
    state.failures = failures;
    /* A sync that could not even be started is remembered by sync.auto alone. */
    LQ_TRY(lq_state_get_auto(review->store->state, plan->url, &auto_error, &when, err));
    state.problem = last_error ? last_error : auto_error;
    if (lq_sync_check_place(plan, &problem) != LQ_OK)
        state.problem = problem.message;
    review->on_state(review->ctx, &state);
    return LQ_OK;
}

/* The plan without files of a sync to `url`; where that leads nowhere, of what is known as `key`. */
static enum lq_status look_at(const struct review *review, const char *url, const char *key,
                              struct lq_sync_plan *plan, struct lq_error *err)
{
    struct lq_error problem = { 0 };

    plan->store = review->store;
    plan->logs_fd = plan->raw_fd = -1;
    plan->opts = *review->opts;
    plan->url = lq_strdup(url);
    LQ_TRY(lq_remote_kind_of(url, &plan->kind, err));
    if (plan->kind->locate(url, &plan->opts, &plan->place, &problem) != LQ_OK ||
        (key && strcmp(plan->place.key, key) != 0)) {
        lq_place_release(&plan->place);
        plan->place.name = lq_strdup(url);
        plan->place.key = lq_strdup(key ? key : url);
    }
    return lq_track_find(plan, err);
}

static enum lq_status tell_others(const struct review *review, int64_t told_id,
                                  struct lq_error *err)
{
    LQ_CLEANUP(lq_names_release) struct lq_names places = { 0 };

    /* Pairs of key and URL. */
    LQ_TRY(lq_track_destinations(review->store->state, &places, err));
    for (size_t i = 0; i + 1 < places.count; i += 2) {
        LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = lq_alloc(sizeof *plan);

        LQ_TRY(look_at(review, places.items[i + 1], places.items[i], plan, err));
        if (plan->destination_id != told_id)
            LQ_TRY(tell(review, plan, false, err));
    }
    return LQ_OK;
}

enum lq_status lq_sync_status(struct lq_store *store, const char *configured,
                              const struct lq_sync_opts *opts, lq_sync_state_fn *on_state,
                              void *ctx, struct lq_error *err)
{
    static const struct lq_sync_opts defaults = { 0 };
    LQ_CLEANUP(review_release) struct review review = {
        .store = store, .opts = opts ? opts : &defaults, .on_state = on_state, .ctx = ctx
    };
    LQ_CLEANUP(lq_sync_plan_free) struct lq_sync_plan *plan = NULL;

    LQ_TRY(list_runs(&review, err));
    if (configured) {
        plan = lq_alloc(sizeof *plan);
        LQ_TRY(look_at(&review, configured, NULL, plan, err));
        LQ_TRY(tell(&review, plan, true, err));
    }
    return tell_others(&review, plan ? plan->destination_id : 0, err);
}
