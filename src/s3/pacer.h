/* SPDX-License-Identifier: MIT */
/*
 * Trying again, together: the requests of one command share how many may be under way and how long
 * it goes on without any success.
 *
 *     for (attempt = 0;; attempt++) {
 *         LQ_TRY(lq_pacer_enter(pacer, err));           waits for its turn; fails once all is given up
 *         status = request();
 *         lq_pacer_leave(pacer, status == LQ_OK, verdict);
 *         if (verdict is not worth a retry || !lq_pacer_wait(pacer, attempt, &reason))
 *             return status;
 *     }
 *
 * Delays have full jitter ("Exponential backoff and jitter", AWS Architecture Blog): any time
 * between none and a limit that doubles.
 */
#ifndef LQ_S3_PACER_H
#define LQ_S3_PACER_H

#include "s3/answer.h"
#include <pthread.h>

struct lq_pacer {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int in_flight, allowed, max;
    int successes;           /* since `allowed` changed */
    int64_t budget_us;       /* without any success before giving up */
    int64_t failing_since;   /* monotonic: the first failure since the last success; 0: none */
    int64_t slowed_at;       /* monotonic */
    enum lq_status given_up; /* LQ_OK: not yet */
    struct lq_error reason;
};

void lq_pacer_init(struct lq_pacer *pacer, int max_in_flight, int budget_sec);
void lq_pacer_release(struct lq_pacer *pacer);

/* LQ_OK, or what all is given up for. */
LQ_CHECK enum lq_status lq_pacer_enter(struct lq_pacer *pacer, struct lq_error *err);
/* `err` says what a failure was; of a fatal one, everybody gets to hear it. */
void lq_pacer_leave(struct lq_pacer *pacer, enum lq_status status, enum lq_s3_verdict verdict,
                    const struct lq_error *err);
/* Sleep before attempt `attempt` + 1. false: the budget is spent, and all is given up. */
bool lq_pacer_wait(struct lq_pacer *pacer, int attempt, enum lq_status status,
                   const struct lq_error *err);

#endif
