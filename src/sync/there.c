/* SPDX-License-Identifier: MIT */
/* Lists a destination, no wider than this project's own part of it. */
#include "sync/there.h"
#include "base/alloc.h"
#include "sync/track.h"
#include <stdlib.h>

static enum lq_status on_file(void *ctx, const char *path, int64_t size_bytes, struct lq_error *err)
{
    struct lq_there *there = ctx;

    LQ_GROW(there->files, there->count, there->capacity);
    there->files[there->count++] =
        (struct lq_there_file){ .path = lq_strdup(path), .size_bytes = size_bytes };
    return LQ_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_there_file *)a)->path, ((const struct lq_there_file *)b)->path);
}

static enum lq_status list_all(struct lq_there *there, const struct lq_sync_plan *plan,
                               struct lq_remote *remote, const struct lq_names *folders,
                               struct lq_error *err)
{
    for (size_t i = 0; i < folders->count; i++) {
        LQ_CLEANUP(lq_free) char *raw = NULL;

        LQ_TRY(remote->kind->list(remote, folders->items[i], on_file, there, err));
        if (!plan->opts.include_raw)
            continue;
        raw = lq_sync_raw_path(folders->items[i]);
        LQ_TRY(remote->kind->list(remote, raw, on_file, there, err));
    }
    return LQ_OK;
}

enum lq_status lq_there_list(struct lq_there *there, const struct lq_sync_plan *plan,
                             struct lq_remote *remote, struct lq_error *err)
{
    LQ_CLEANUP(lq_names_release) struct lq_names folders = { 0 };

    if (!remote)
        return LQ_OK;
    LQ_TRY(lq_track_folders(plan, &folders, err));
    LQ_TRY(list_all(there, plan, remote, &folders, err));
    if (there->count > 0)
        qsort(there->files, there->count, sizeof *there->files, by_path);
    return LQ_OK;
}

struct lq_there_file *lq_there_find(const struct lq_there *there, const char *path)
{
    const struct lq_there_file key = { .path = (char *)(uintptr_t)path };

    return there->count == 0
               ? NULL
               : bsearch(&key, there->files, there->count, sizeof *there->files, by_path);
}

void lq_there_release(struct lq_there *there)
{
    for (size_t i = 0; i < there->count; i++)
        free(there->files[i].path);
    free(there->files);
    *there = (struct lq_there){ 0 };
}
