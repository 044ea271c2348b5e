/* SPDX-License-Identifier: MIT */
/* The same work for many items, on several threads. */
#ifndef LQ_BASE_POOL_H
#define LQ_BASE_POOL_H

#include "base/base.h"

/*
 * Call `work` with each index below `n`, once, in order of beginning, on at most `n_threads` threads,
 * this one among them. No item is begun after `deadline` (monotonic), except the first.
 *   pause  called on this thread between its items; may be NULL
 * Returns how many were begun; all of them have ended.
 */
size_t lq_pool_run(size_t n, size_t n_threads, int64_t deadline,
                   void (*work)(void *ctx, size_t index), void (*pause)(void *ctx), void *ctx);

#endif
