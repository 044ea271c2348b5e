/* SPDX-License-Identifier: MIT */
/* Runs, their maps, and the names of the enumerations. */
#include "base/alloc.h"
#include "base/text.h"
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

/* The texts of a run. */
#define N_TEXTS 16
static void run_texts(struct lq_run *run, char **texts[static N_TEXTS])
{
    char **const all[N_TEXTS] = {
        &run->run_uid,  &run->source_name, &run->source_type, &run->command,
        &run->signal,   &run->cwd,         &run->hostname,    &run->executable_path,
        &run->platform, &run->arch,        &run->git_commit,  &run->git_branch,
        &run->origin,   &run->project,     &run->namespace_,  &run->lq_version,
    };

    memcpy(texts, all, sizeof all);
}

static void make_utf8(char **text)
{
    struct lq_buf valid = LQ_BUF_INIT;

    if (!*text || lq_text_is_utf8(lq_str_of(*text)))
        return;
    lq_text_add_utf8(&valid, lq_str_of(*text));
    free(*text);
    *text = lq_buf_detach(&valid);
}

/* Keys that differed in their invalid bytes alone become one: the first stays. */
static void map_make_utf8(struct lq_map *map)
{
    size_t kept = 0;

    for (size_t i = 0; i < map->count; i++) {
        bool known = false;

        make_utf8(&map->keys[i]);
        make_utf8(&map->values[i]);
        for (size_t k = 0; k < kept && !known; k++)
            known = strcmp(map->keys[k], map->keys[i]) == 0;
        if (known) {
            free(map->keys[i]);
            free(map->values[i]);
            continue;
        }
        map->keys[kept] = map->keys[i];
        map->values[kept++] = map->values[i];
    }
    map->count = kept;
}

void lq_run_make_utf8(struct lq_run *run)
{
    char **texts[N_TEXTS];

    run_texts(run, texts);
    for (size_t i = 0; i < N_TEXTS; i++)
        make_utf8(texts[i]);
    map_make_utf8(&run->environment);
    map_make_utf8(&run->ci);
}

void lq_run_release(struct lq_run *run)
{
    char **texts[N_TEXTS];

    run_texts(run, texts);
    for (size_t i = 0; i < N_TEXTS; i++)
        lq_free(texts[i]);
    lq_map_release(&run->environment);
    lq_map_release(&run->ci);
}
