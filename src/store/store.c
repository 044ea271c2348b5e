/* SPDX-License-Identifier: MIT */
/* Opening and closing the store of one project. */
#include "store/store.h"
#include "base/alloc.h"

enum lq_status lq_store_open(struct lq_store **out, const struct lq_project *project,
                             struct lq_error *err)
{
    LQ_CLEANUP(lq_store_close) struct lq_store *store = lq_alloc(sizeof *store);

    store->project = project;
    LQ_TRY(lq_state_open(&store->state, project->lq_dir, project->origin, err));
    *out = LQ_TAKE(store);
    return LQ_OK;
}

void lq_store_close(struct lq_store **store)
{
    if (!*store)
        return;
    lq_state_close(&(*store)->state);
    free(*store);
    *store = NULL;
}
