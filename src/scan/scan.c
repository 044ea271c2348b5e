/* SPDX-License-Identifier: MIT */
/* Vectorscan over blocks of lines. */
#include "scan/scan.h"

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"

/*
 * Vectorscan's kernels for AVX2 and AVX-512 lose matches, depending on where text lies in memory and
 * on which expressions are compiled together (its pull requests 368, 375, 378; seen with 5.4.9).
 * The library picks the kernel by processor; where its archive lets us (LQ_HS_KERNELS), lq takes the
 * one for SSE4.2, which is right in all of our tests and nearly as fast. Elsewhere the build asks
 * for a version without the faults, or does without the first pass (LQ_HS_NONE).
 */
typedef hs_error_t scan_fn(const hs_database_t *, const char *, unsigned, unsigned, hs_scratch_t *,
                           match_event_handler, void *);
#if defined LQ_HS_KERNELS
scan_fn corei7_hs_scan;
static scan_fn *const scan_block = corei7_hs_scan;
#elif defined LQ_HS_NONE
static scan_fn *const scan_block = NULL;
#else
static scan_fn *const scan_block = hs_scan;
#endif

struct lq_scan {
    const hs_database_t *database; /* read-only; NULL: this libhs cannot use it */
    hs_scratch_t *scratch;
};

/* The kernel is for processors of 2008 and later. */
static bool usable(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

static const hs_database_t *load(struct lq_scan_set *set)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    hs_database_t *database = NULL;

    pthread_mutex_lock(&lock);
    if (!set->tried && scan_block && usable() &&
        hs_deserialize_database((const char *)set->words, *set->n_bytes, &database) == HS_SUCCESS)
        set->database = database;
    set->tried = true;
    pthread_mutex_unlock(&lock);
    return set->database;
}

struct lq_scan *lq_scan_new(struct lq_scan_set *set)
{
    struct lq_scan *scan = lq_alloc(sizeof *scan);

    scan->database = load(set);
    if (scan->database && hs_alloc_scratch(scan->database, &scan->scratch))
        scan->scratch = NULL;
    return scan;
}

void lq_scan_free(struct lq_scan **scan)
{
    if (*scan)
        hs_free_scratch((*scan)->scratch);
    lq_free(scan);
}

void lq_hits_add(struct lq_hits *hits, size_t end, size_t rule)
{
    LQ_GROW(hits->at, hits->count, hits->capacity);
    hits->at[hits->count++] = (struct lq_hit){ (uint32_t)end, (uint32_t)rule };
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *ctx)
{
    lq_hits_add(ctx, to, id);
    return 0;
}

static int by_end(const void *a, const void *b)
{
    const struct lq_hit *one = a, *other = b;

    return one->end < other->end ? -1 : one->end > other->end;
}

/* Vectorscan tells hits nearly in order: a few late ones are moved to their place one by one; when
 * that turns out to be work, it is left to qsort. */
static void sort_hits(struct lq_hits *hits)
{
    size_t budget = 8 * hits->count;

    for (size_t i = 1; i < hits->count; i++) {
        const struct lq_hit hit = hits->at[i];
        size_t to = i;

        for (; to > 0 && hits->at[to - 1].end > hit.end; to--) {
            hits->at[to] = hits->at[to - 1];
            if (budget-- == 0) {
                hits->at[to - 1] = hit;
                qsort(hits->at, hits->count, sizeof hits->at[0], by_end);
                return;
            }
        }
        hits->at[to] = hit;
    }
}

bool lq_scan_run(struct lq_scan *scan, struct lq_str block, struct lq_hits *hits)
{
    hits->count = 0;
    if (!scan->scratch || scan_block(scan->database, block.ptr, (unsigned)block.len, 0,
                                     scan->scratch, on_hit, hits)) {
        hits->count = 0;
        return false;
    }
    sort_hits(hits);
    return true;
}
