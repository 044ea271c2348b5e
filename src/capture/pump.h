/* SPDX-License-Identifier: MIT */
/*
 * The pump: a ring of bytes with one producer, and for each sink a thread that sees every byte in
 * order. Memory is one fixed ring; the slowest sink holds the producer back and loses nothing.
 *
 *     lq_pump_start(&pump, sinks, n_sinks, &err);
 *     lq_pump_add(pump, bytes, len); ...
 *     lq_pump_finish(&pump, &n_bytes, &err);      also after a failure elsewhere
 */
#ifndef LQ_CAPTURE_PUMP_H
#define LQ_CAPTURE_PUMP_H

#include "base/base.h"
#include <lq/capture.h>
#include <pthread.h>

struct lq_pump;

/* Start a thread per sink; the sinks are copied. They run with signals blocked.
 * LQ_IO when the system gives no threads. */
LQ_CHECK enum lq_status lq_pump_start(struct lq_pump **pump, const struct lq_sink *sinks,
                                      size_t n_sinks, struct lq_error *err);

/* Give the sinks `len` more bytes (copied); waits while the ring is full. One thread at a time.
 * Sinks are woken when a good piece is there, so that a program writing in tiny steps does not
 * cost a thread switch each; lq_pump_wake hands over what is left. */
void lq_pump_add(struct lq_pump *pump, const void *bytes, size_t len);
void lq_pump_wake(struct lq_pump *pump);
/* Whether bytes were added that no sink was woken for. Producer's thread only. */
bool lq_pump_has_unseen(const struct lq_pump *pump);

/* Wait until every sink has taken all, end the threads, free and set to NULL. `n_bytes` out: the
 * bytes added. Returns the first sink's failure, if any; a sink that failed was not called again. */
LQ_CHECK enum lq_status lq_pump_finish(struct lq_pump **pump, int64_t *n_bytes,
                                       struct lq_error *err);

/* pthread_create with signals blocked in the new thread, so that they arrive elsewhere; SIGPIPE
 * too, so that a broken pipe is an error code there. LQ_IO. */
LQ_CHECK enum lq_status lq_thread_start(pthread_t *thread, void *(*main)(void *), void *ctx,
                                        struct lq_error *err);

#endif
