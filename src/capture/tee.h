/* SPDX-License-Identifier: MIT */
/*
 * The tee: a thread that reads one or two streams, shows what comes at once, and gives the pump
 * whole lines of each in order of arrival.
 *
 * With one stream the log is byte for byte what was read. With two, a line of one is not split by
 * the other unless it is longer than 64 KiB; an unfinished last line comes at the very end.
 */
#ifndef LQ_CAPTURE_TEE_H
#define LQ_CAPTURE_TEE_H

#include "capture/pump.h"
#include "capture/terminal.h"

enum { LQ_TEE_STREAMS = 2 };

struct lq_tee_stream {
    int in;                       /* read to its end; the tee closes it */
    int out;                      /* borrowed, what is read is written there; -1: not shown */
    struct lq_terminal *terminal; /* borrowed, whose output `in` is; NULL for others */
};

struct lq_tee;

/* Start reading. The streams' `in` belong to the tee from here on, also after a failure.
 * LQ_IO. */
LQ_CHECK enum lq_status lq_tee_start(struct lq_tee **tee, const struct lq_tee_stream *streams,
                                     size_t n_streams, struct lq_pump *pump, struct lq_error *err);

/* Readable once every stream was read to its end. Borrowed. */
int lq_tee_done_fd(const struct lq_tee *tee);

/* The writer is gone: take what it left behind; whoever else keeps a stream open is heard for a
 * moment only. May be called again. */
void lq_tee_end(struct lq_tee *tee);

/*
 * Wait for the end, free and set to NULL.
 * LQ_IO when reading failed, or showing did for another reason than that nobody reads any more
 * (EPIPE: that stream is closed, so that its writer meets the same end; EIO of a terminal that
 * was hung up). What was read up to there is with the pump; after a failure to show the rest too.
 */
LQ_CHECK enum lq_status lq_tee_finish(struct lq_tee **tee, struct lq_error *err);

#endif
