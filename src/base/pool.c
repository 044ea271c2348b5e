/* SPDX-License-Identifier: MIT */
/* Threads that take the next item until none is left. */
#include "base/pool.h"
#include "base/time.h"
#include <pthread.h>
#include <stdatomic.h>

#define MAX_THREADS 256

struct pool {
    size_t n;
    int64_t deadline;
    void (*work)(void *ctx, size_t index);
    void *ctx;
    atomic_size_t next;
};

static bool work_on_next(struct pool *pool)
{
    const bool late = pool->next > 0 && lq_time_monotonic() > pool->deadline;
    const size_t i = late ? pool->n : atomic_fetch_add(&pool->next, 1);

    if (i >= pool->n)
        return false;
    pool->work(pool->ctx, i);
    return true;
}

static void *worker(void *ctx)
{
    while (work_on_next(ctx))
        continue;
    return NULL;
}

size_t lq_pool_run(size_t n, size_t n_threads, int64_t deadline,
                   void (*work)(void *ctx, size_t index), void (*pause)(void *ctx), void *ctx)
{
    struct pool pool = { .n = n, .deadline = deadline, .work = work, .ctx = ctx };
    pthread_t threads[MAX_THREADS];
    size_t n_started = 0;

    while (n_started < LQ_COUNT(threads) && n_started + 1 < n_threads && n_started + 1 < n &&
           pthread_create(&threads[n_started], NULL, worker, &pool) == 0)
        n_started++;
    while (work_on_next(&pool))
        if (pause)
            pause(ctx);
    for (size_t i = 0; i < n_started; i++)
        pthread_join(threads[i], NULL);
    return pool.next < n ? pool.next : n;
}
