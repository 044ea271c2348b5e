/* SPDX-License-Identifier: MIT */
/* How many requests are under way, and when to stop trying. */
#include "s3/pacer.h"
#include "base/time.h"
#include <sys/random.h>
#include <time.h>

#define FIRST_DELAY_US (100 * INT64_C(1000))
#define MAX_DELAY_US (10 * LQ_US_PER_SECOND)
/* So many successes in a row earn one more request at a time. */
#define SUCCESSES_PER_STEP 8
/* What is refused in one go counts once. */
#define SLOW_EVERY_US (LQ_US_PER_SECOND / 2)

void lq_pacer_init(struct lq_pacer *pacer, int max_in_flight, int budget_sec)
{
    *pacer = (struct lq_pacer){
        .allowed = max_in_flight,
        .max = max_in_flight,
        .budget_us = budget_sec * LQ_US_PER_SECOND,
    };
    pthread_mutex_init(&pacer->lock, NULL);
    pthread_cond_init(&pacer->turn, NULL);
}

void lq_pacer_release(struct lq_pacer *pacer)
{
    pthread_cond_destroy(&pacer->turn);
    pthread_mutex_destroy(&pacer->lock);
}

enum lq_status lq_pacer_enter(struct lq_pacer *pacer, struct lq_error *err)
{
    enum lq_status status;

    pthread_mutex_lock(&pacer->lock);
    while (pacer->given_up == LQ_OK && pacer->in_flight >= pacer->allowed)
        pthread_cond_wait(&pacer->turn, &pacer->lock);
    status = pacer->given_up;
    if (status == LQ_OK)
        pacer->in_flight++;
    else if (err)
        *err = pacer->reason;
    pthread_mutex_unlock(&pacer->lock);
    return status;
}

static void give_up(struct lq_pacer *pacer, enum lq_status status, const struct lq_error *err)
{
    if (pacer->given_up != LQ_OK)
        return;
    pacer->given_up = status;
    pacer->reason = *err;
    pthread_cond_broadcast(&pacer->turn);
}

/* Half as many requests at a time. */
static void slow_down(struct lq_pacer *pacer, int64_t now)
{
    pacer->successes = 0;
    if (pacer->allowed == 1 || now - pacer->slowed_at < SLOW_EVERY_US)
        return;
    pacer->allowed /= 2;
    pacer->slowed_at = now;
}

static void speed_up(struct lq_pacer *pacer)
{
    if (++pacer->successes < SUCCESSES_PER_STEP || pacer->allowed == pacer->max)
        return;
    pacer->successes = 0;
    pacer->allowed++;
}

void lq_pacer_leave(struct lq_pacer *pacer, enum lq_status status, enum lq_s3_verdict verdict,
                    const struct lq_error *err)
{
    const int64_t now = lq_time_monotonic();

    pthread_mutex_lock(&pacer->lock);
    pacer->in_flight--;
    if (status == LQ_OK || verdict == LQ_S3_FINAL) {
        pacer->failing_since = 0;
        speed_up(pacer);
    } else if (verdict == LQ_S3_FATAL) {
        give_up(pacer, status, err);
    } else {
        if (pacer->failing_since == 0)
            pacer->failing_since = now;
        if (verdict == LQ_S3_SLOW)
            slow_down(pacer, now);
    }
    pthread_cond_broadcast(&pacer->turn);
    pthread_mutex_unlock(&pacer->lock);
}

static int64_t random_below(int64_t limit)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return limit / 2;
    return (int64_t)(number % (uint64_t)limit);
}

bool lq_pacer_wait(struct lq_pacer *pacer, int attempt, enum lq_status status,
                   const struct lq_error *err)
{
    const int64_t limit = attempt > 6 ? MAX_DELAY_US : FIRST_DELAY_US << attempt;
    int64_t delay = random_below(limit < MAX_DELAY_US ? limit : MAX_DELAY_US) + 1;
    struct timespec time;
    int64_t left;

    pthread_mutex_lock(&pacer->lock);
    left = pacer->budget_us;
    if (pacer->failing_since != 0)
        left += pacer->failing_since - lq_time_monotonic();
    if (left <= 0) {
        struct lq_error reason = *err;

        lq_error_prefix(&reason, "given up after %d s without success: ",
                        (int)(pacer->budget_us / LQ_US_PER_SECOND));
        give_up(pacer, status, &reason);
    }
    pthread_mutex_unlock(&pacer->lock);
    if (left <= 0)
        return false;
    if (delay > left)
        delay = left;
    time.tv_sec = (time_t)(delay / LQ_US_PER_SECOND);
    time.tv_nsec = (long)(delay % LQ_US_PER_SECOND) * 1000;
    nanosleep(&time, NULL);
    return true;
}
