/* SPDX-License-Identifier: MIT */
/* A byte ring between one producer and a thread per sink. */
#include "capture/pump.h"
#include "base/alloc.h"
#include "base/time.h"
#include <signal.h>

enum {
    RING_BYTES = 16 * 256 * 1024,
    PIECE_BYTES = 256 * 1024, /* most that a sink gets in one call, so that room comes back early */
    WAKE_BYTES = 64 * 1024,
};

/* From a write to the flush behind it: short for who reads along, long enough that a busy log is
 * compressed in large pieces. */
#define FLUSH_US (LQ_US_PER_SECOND / 5)

struct consumer {
    struct lq_pump *pump;
    struct lq_sink sink;
    pthread_t thread;
    uint64_t taken;   /* guarded by the pump's lock */
    int64_t flush_at; /* monotonic; INT64_MAX: nothing to flush */
    enum lq_status status;
    struct lq_error err;
};

/* Positions count bytes since the start; modulo RING_BYTES they are offsets into the ring. */
struct lq_pump {
    pthread_mutex_t lock;
    pthread_cond_t data, room;
    uint64_t added;  /* guarded by the lock, written by the producer alone */
    uint64_t unseen; /* the producer's own: added since the sinks were last woken */
    bool closed;
    char *ring;
    struct consumer *consumers;
    size_t n_consumers;
};

enum lq_status lq_thread_start(pthread_t *thread, void *(*main)(void *), void *ctx,
                               struct lq_error *err)
{
    sigset_t blocked, before;
    int failure;

    sigfillset(&blocked);
    /* Left alone, so that `stty tostop` stops a background lq as it would any program. */
    sigdelset(&blocked, SIGTTOU);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    failure = pthread_create(thread, NULL, main, ctx);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure ? lq_error_set(err, LQ_IO, "cannot start a thread: %s", strerror(failure))
                   : LQ_OK;
}

/* Called and left locked, for the time of the call unlocked. */
static void flush(struct lq_pump *pump, struct consumer *consumer)
{
    consumer->flush_at = INT64_MAX;
    if (consumer->status != LQ_OK || !consumer->sink.flush)
        return;
    pthread_mutex_unlock(&pump->lock);
    consumer->status = consumer->sink.flush(consumer->sink.ctx, &consumer->err);
    pthread_mutex_lock(&pump->lock);
}

static void wait_until(struct lq_pump *pump, int64_t time)
{
    const struct timespec at = { .tv_sec = time / LQ_US_PER_SECOND,
                                 .tv_nsec = time % LQ_US_PER_SECOND * 1000 };

    if (time == INT64_MAX)
        pthread_cond_wait(&pump->data, &pump->lock);
    else
        pthread_cond_clockwait(&pump->data, &pump->lock, CLOCK_MONOTONIC, &at);
}

/* The next bytes for `consumer`, waiting for some; 0 at the end. Called and left locked. */
static size_t next_piece(struct lq_pump *pump, struct consumer *consumer)
{
    size_t len;

    while (consumer->taken == pump->added && !pump->closed) {
        if (lq_time_monotonic() >= consumer->flush_at)
            flush(pump, consumer);
        else
            wait_until(pump, consumer->flush_at);
    }
    len = (size_t)(pump->added - consumer->taken);
    if (len > RING_BYTES - consumer->taken % RING_BYTES)
        len = RING_BYTES - consumer->taken % RING_BYTES;
    return len < PIECE_BYTES ? len : PIECE_BYTES;
}

static void *consumer_main(void *ctx)
{
    struct consumer *consumer = ctx;
    struct lq_pump *pump = consumer->pump;
    size_t len;

    pthread_mutex_lock(&pump->lock);
    while ((len = next_piece(pump, consumer)) > 0) {
        const char *bytes = pump->ring + consumer->taken % RING_BYTES;

        pthread_mutex_unlock(&pump->lock);
        if (consumer->status == LQ_OK)
            consumer->status = consumer->sink.write(consumer->sink.ctx, bytes, len, &consumer->err);
        if (consumer->sink.flush && consumer->flush_at == INT64_MAX)
            consumer->flush_at = lq_time_monotonic() + FLUSH_US;
        pthread_mutex_lock(&pump->lock);
        consumer->taken += len;
        pthread_cond_signal(&pump->room);
        if (consumer->flush_at != INT64_MAX && lq_time_monotonic() >= consumer->flush_at)
            flush(pump, consumer);
    }
    pthread_mutex_unlock(&pump->lock);
    return NULL;
}

enum lq_status lq_pump_start(struct lq_pump **out, const struct lq_sink *sinks, size_t n_sinks,
                             struct lq_error *err)
{
    struct lq_pump *pump = lq_alloc(sizeof *pump);

    pthread_mutex_init(&pump->lock, NULL);
    pthread_cond_init(&pump->data, NULL);
    pthread_cond_init(&pump->room, NULL);
    pump->ring = lq_alloc(RING_BYTES);
    pump->consumers = lq_alloc(n_sinks * sizeof *pump->consumers);
    for (size_t i = 0; i < n_sinks; i++) {
        struct consumer *consumer = &pump->consumers[i];
        enum lq_status status;

        *consumer = (struct consumer){ .pump = pump, .sink = sinks[i], .flush_at = INT64_MAX };
        status = lq_thread_start(&consumer->thread, consumer_main, consumer, err);
        if (status != LQ_OK) {
            int64_t n_bytes;
            const enum lq_status ignored = lq_pump_finish(&pump, &n_bytes, NULL);

            (void)ignored; /* no byte was added, so no sink can have failed */
            return status;
        }
        pump->n_consumers++;
    }
    *out = pump;
    return LQ_OK;
}

/* Room for the producer, waiting for some. Called and left locked. */
static size_t next_room(struct lq_pump *pump)
{
    for (;;) {
        uint64_t slowest = pump->added;

        for (size_t i = 0; i < pump->n_consumers; i++) {
            if (pump->consumers[i].taken < slowest)
                slowest = pump->consumers[i].taken;
        }
        if (pump->added - slowest < RING_BYTES)
            return RING_BYTES - (size_t)(pump->added - slowest);
        pthread_cond_broadcast(&pump->data);
        pthread_cond_wait(&pump->room, &pump->lock);
    }
}

void lq_pump_add(struct lq_pump *pump, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        size_t offset, n;

        pthread_mutex_lock(&pump->lock);
        n = next_room(pump);
        offset = pump->added % RING_BYTES;
        pthread_mutex_unlock(&pump->lock);
        if (n > RING_BYTES - offset)
            n = RING_BYTES - offset;
        if (n > len)
            n = len;
        memcpy(pump->ring + offset, at, n); /* nobody reads here before `added` says so */
        pthread_mutex_lock(&pump->lock);
        pump->added += n;
        pump->unseen += n;
        if (pump->unseen >= WAKE_BYTES) {
            pump->unseen = 0;
            pthread_cond_broadcast(&pump->data);
        }
        pthread_mutex_unlock(&pump->lock);
        at += n;
        len -= n;
    }
}

void lq_pump_wake(struct lq_pump *pump)
{
    pthread_mutex_lock(&pump->lock);
    pump->unseen = 0;
    pthread_cond_broadcast(&pump->data);
    pthread_mutex_unlock(&pump->lock);
}

bool lq_pump_has_unseen(const struct lq_pump *pump)
{
    return pump->unseen > 0;
}

enum lq_status lq_pump_finish(struct lq_pump **out, int64_t *n_bytes, struct lq_error *err)
{
    struct lq_pump *pump = LQ_TAKE(*out);
    enum lq_status status = LQ_OK;

    pthread_mutex_lock(&pump->lock);
    pump->closed = true;
    pthread_cond_broadcast(&pump->data);
    pthread_mutex_unlock(&pump->lock);
    for (size_t i = 0; i < pump->n_consumers; i++) {
        const struct consumer *consumer = &pump->consumers[i];

        pthread_join(consumer->thread, NULL);
        if (status == LQ_OK && consumer->status != LQ_OK) {
            status = consumer->status;
            if (err)
                *err = consumer->err;
        }
    }
    *n_bytes = (int64_t)pump->added;
    pthread_cond_destroy(&pump->data);
    pthread_cond_destroy(&pump->room);
    pthread_mutex_destroy(&pump->lock);
    free(pump->ring);
    free(pump->consumers);
    free(pump);
    return status;
}
