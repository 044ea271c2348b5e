/* SPDX-License-Identifier: MIT */
/* A set of hashes. */
#include "parse/seen.h"
#include "base/alloc.h"

uint64_t lq_seen_hash(uint64_t seed, struct lq_str text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

static uint64_t *find(uint64_t *table, size_t capacity, uint64_t hash)
{
    size_t at = hash & (capacity - 1);

    while (table[at] && table[at] != hash)
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

bool lq_seen_has(const struct lq_seen *seen, uint64_t hash)
{
    return seen->capacity && *find(seen->table, seen->capacity, hash) != 0;
}

bool lq_seen_add(struct lq_seen *seen, uint64_t hash)
{
    if (lq_seen_has(seen, hash))
        return false;
    if (seen->count >= LQ_SEEN_MAX)
        return true;
    if (2 * (seen->count + 1) > seen->capacity) {
        const size_t capacity = seen->capacity ? 2 * seen->capacity : 64;
        uint64_t *table = lq_alloc(capacity * sizeof *table);

        for (size_t i = 0; i < seen->capacity; i++)
            if (seen->table[i])
                *find(table, capacity, seen->table[i]) = seen->table[i];
        free(seen->table);
        seen->table = table;
        seen->capacity = capacity;
    }
    *find(seen->table, seen->capacity, hash) = hash;
    seen->count++;
    return true;
}

void lq_seen_clear(struct lq_seen *seen)
{
    if (seen->count)
        memset(seen->table, 0, seen->capacity * sizeof seen->table[0]);
    seen->count = 0;
}

void lq_seen_release(struct lq_seen *seen)
{
    free(seen->table);
    *seen = (struct lq_seen){ .table = NULL };
}
