/* SPDX-License-Identifier: MIT */
/* Which run a CI command means, and which one it is compared with. */
#include "cli/compare.h"

#define RUN_COLUMNS                                                                                \
    "r.ref, coalesce(r.run_uid, r.file), coalesce(r.source_name, ''), r.outcome, "                 \
    "coalesce(r.git_branch || '@', '') || left(r.git_commit, 7), r.error_count"
#define NEWEST " ORDER BY r.started_at DESC, r.run_uid DESC LIMIT 1"

void lq_ci_run_release(struct lq_ci_run *run)
{
    lq_free(&run->ref);
    lq_free(&run->identity);
    lq_free(&run->name);
    lq_free(&run->outcome);
    lq_free(&run->commit);
}

/* The first row of a query of RUN_COLUMNS; run->ref stays NULL without one. */
static enum lq_status fetch(struct lq_query *query, const char *sql, const struct lq_value *params,
                            size_t n_params, struct lq_ci_run *run, struct lq_error *err)
{
    LQ_CLEANUP(lq_rows_free) struct lq_rows *rows = NULL;
    char **const texts[] = { &run->ref, &run->identity, &run->name, &run->outcome, &run->commit };
    bool more;

    LQ_TRY(lq_query_run(query, false, sql, params, n_params, &rows, err));
    LQ_TRY(lq_rows_next(rows, &more, err));
    if (!more)
        return LQ_OK;
    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        *texts[i] = lq_rows_get_text(rows, i);
    run->error_count = lq_rows_get_int(rows, LQ_COUNT(texts));
    return LQ_OK;
}

enum lq_status lq_ci_find_run(struct lq_query *query, const char *text, struct lq_ci_run *run,
                              struct lq_error *err)
{
    LQ_CLEANUP(lq_ref_release) struct lq_ref ref = { 0 };

    *run = (struct lq_ci_run){ 0 };
    if (text) {
        LQ_TRY(lq_cli_find(query, text, &ref, err));
        LQ_TRY(
            fetch(query,
                  "SELECT " RUN_COLUMNS " FROM lq_runs r WHERE r.file = $1::VARCHAR AND "
                  "r.run_uid IS NOT DISTINCT FROM $2::VARCHAR",
                  (const struct lq_value[]){ lq_value_text(ref.file), lq_value_text(ref.run_uid) },
                  2, run, err));
        run->event_id = ref.event_id;
    } else {
        /* Runs of other machines may be newer: in CI what was just built is meant. */
        LQ_TRY(fetch(query,
                     "SELECT " RUN_COLUMNS " FROM lq_runs r "
                     "ORDER BY r.place <> 'local', r.started_at DESC, r.run_uid DESC LIMIT 1",
                     NULL, 0, run, err));
    }
    return run->ref ? LQ_OK : lq_error_set(err, LQ_NOT_FOUND, "no run '%s'", text ? text : "~0");
}

/* Of the same name and project, another run: $1 is the run, $2 the branch or commit. */
#define SAME_KIND                                                                                  \
    "SELECT " RUN_COLUMNS " FROM lq_runs r JOIN lq_runs s ON "                                     \
    "coalesce(s.run_uid, s.file) = $1::VARCHAR AND "                                               \
    "r.source_name IS NOT DISTINCT FROM s.source_name AND "                                        \
    "r.namespace IS NOT DISTINCT FROM s.namespace AND "                                            \
    "r.project IS NOT DISTINCT FROM s.project "                                                    \
    "WHERE coalesce(r.run_uid, r.file) <> $1::VARCHAR AND "                                        \
    "r.outcome NOT IN ('timeout', 'interrupted') AND "

/* CI checks out a commit, not a branch: then the provider's word is taken. */
static const char by_branch[] =
    SAME_KIND "coalesce(r.git_branch, regexp_replace(r.ci['ref'], '^(refs/heads/|origin/)', '')) = "
              "$2::VARCHAR" NEWEST;
static const char by_commit[] =
    SAME_KIND "regexp_full_match($2::VARCHAR, '[0-9a-fA-F]{4,64}') AND "
              "starts_with(r.git_commit, lower($2::VARCHAR)) "
              "ORDER BY r.git_dirty IS TRUE, r.started_at DESC, r.run_uid DESC LIMIT 1";

enum lq_status lq_ci_find_baseline(struct lq_query *query, const char *text,
                                   const struct lq_ci_run *run, struct lq_ci_run *baseline,
                                   struct lq_error *err)
{
    const struct lq_value params[] = { lq_value_text(run->identity), lq_value_text(text) };
    struct lq_error reason = { 0 };
    enum lq_status status;

    *baseline = (struct lq_ci_run){ 0 };
    LQ_TRY(fetch(query, by_branch, params, LQ_COUNT(params), baseline, err));
    if (!baseline->ref)
        LQ_TRY(fetch(query, by_commit, params, LQ_COUNT(params), baseline, err));
    if (baseline->ref)
        return LQ_OK;
    status = lq_ci_find_run(query, text, baseline, &reason);
    if (status == LQ_NOT_FOUND)
        return LQ_OK;
    if (status != LQ_OK && err)
        *err = reason;
    if (status == LQ_OK && strcmp(baseline->identity, run->identity) == 0) {
        lq_ci_run_release(baseline);
        return lq_error_set(err, LQ_BAD_INPUT,
                            "'%s' is the run itself, which is no baseline: name an earlier one, "
                            "such as '%s:~1'",
                            text, run->name);
    }
    return status;
}
