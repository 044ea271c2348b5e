/* SPDX-License-Identifier: MIT */
/* Runs, their maps, and the names of the enumerations. */
#include "base/alloc.h"
#include <lq/event.h>
#include <lq/run.h>

const char *lq_severity_name(enum lq_severity severity)
{
    static const char *const names[] = { NULL, "error", "warning", "note", "info" };

    return names[severity];
}

const char *lq_test_status_name(enum lq_test_status status)
{
    static const char *const names[] = { NULL, "pass", "fail", "error", "skip" };

    return names[status];
}

const char *lq_outcome_name(enum lq_outcome outcome)
{
    static const char *const names[] = { "ok", "warn", "fail", "timeout", "interrupted" };

    return names[outcome];
}

void lq_map_add(struct lq_map *map, const char *key, const char *value)
{
    if (map->count == map->capacity) {
        map->capacity = map->capacity ? map->capacity * 2 : 8;
        map->keys = lq_realloc(map->keys, map->capacity, sizeof *map->keys);
        map->values = lq_realloc(map->values, map->capacity, sizeof *map->values);
    }
    map->keys[map->count] = lq_strdup(key);
    map->values[map->count] = lq_strdup(value);
    map->count++;
}

const char *lq_map_get(const struct lq_map *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], key) == 0)
            return map->values[i];
    }
    return NULL;
}

void lq_map_release(struct lq_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->keys[i]);
        free(map->values[i]);
    }
    free(map->keys);
    free(map->values);
    *map = (struct lq_map){ 0 };
}

void lq_run_release(struct lq_run *run)
{
    char **const texts[] = {
        &run->run_uid,    &run->source_name, &run->source_type,     &run->command, &run->signal,
        &run->cwd,        &run->hostname,    &run->executable_path, &run->platform, &run->arch,
        &run->git_commit, &run->git_branch,  &run->origin,          &run->project, &run->namespace_,
        &run->lq_version,
    };

    for (size_t i = 0; i < LQ_COUNT(texts); i++)
        lq_free(texts[i]);
    lq_map_release(&run->environment);
    lq_map_release(&run->ci);
}
