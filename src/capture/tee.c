/* SPDX-License-Identifier: MIT */
/* Read the command's output, show it, and hand whole lines on. */
#include "capture/tee.h"
#include "base/alloc.h"
#include "base/time.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 * 1024,
    LINE_BYTES = 64 * 1024, /* an unfinished line up to this is held back from the other stream */
    BACKLOG_BYTES = LQ_TEE_STREAMS * 1024 * 1024, /* what pipes can hold when the writer ends */
    QUIET_MS = 50,   /* a stream kept open by others: how long without a byte ends it */
    LINGER_MS = 500, /* and how long at most */
    IDLE_MS = 5,     /* after a pause of this the sinks get what little there is */
};

struct stream {
    struct lq_tee_stream fds;
    char *bytes; /* LINE_BYTES held back, and room to read READ_BYTES behind them */
    size_t held;
};

struct lq_tee {
    struct stream streams[LQ_TEE_STREAMS];
    size_t n_streams;
    struct lq_pump *pump;
    pthread_t thread;
    int end_fd, done_fd;
    /* After the end: what was read since, and when to stop hearing those who linger. */
    bool ended;
    size_t read_since_end;
    int64_t quiet_at, linger_at; /* 0: the writer's own output is still being read */
    enum lq_status status;       /* the first failure */
    struct lq_error err;
};

static void fail(struct lq_tee *tee, int errnum, const char *what)
{
    if (tee->status == LQ_OK)
        tee->status = lq_error_set(&tee->err, LQ_IO, "%s: %s", what, strerror(errnum));
}

/* Show bytes; 0 or the errno of the failure. An output that someone made non-blocking is waited
 * for: dropping bytes because a reader is slow would alter the output. */
static int show(int out, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(out, bytes, len);

        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd ready = { .fd = out, .events = POLLOUT };

            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* Give the pump what is complete of `held + fresh` bytes and keep the unfinished line. */
static void pass_on(struct lq_tee *tee, struct stream *stream, size_t fresh)
{
    const size_t len = stream->held + fresh;
    const char *newline = memrchr(stream->bytes + stream->held, '\n', fresh);
    size_t ready = newline ? (size_t)(newline + 1 - stream->bytes) : 0;

    if (tee->n_streams == 1 || len - ready > LINE_BYTES)
        ready = len;
    lq_pump_add(tee->pump, stream->bytes, ready);
    stream->held = len - ready;
    memmove(stream->bytes, stream->bytes + ready, stream->held);
}

/* read(2) into `fresh`. A pseudo terminal's status byte is left out; `*status_only`: there was
 * nothing else, which is not the end. */
static ssize_t read_stream(const struct stream *stream, char *fresh, bool *status_only)
{
    char packet_status;
    const struct iovec parts[] = { { &packet_status, 1 }, { fresh, READ_BYTES } };
    ssize_t n;

    *status_only = false;
    if (!stream->fds.terminal)
        return read(stream->fds.in, fresh, READ_BYTES);
    n = readv(stream->fds.in, parts, 2);
    lq_terminal_follow(stream->fds.terminal);
    *status_only = n == 1;
    return n > 0 ? n - 1 : n;
}

/* Read once; a stream that has ended is closed. */
static void take(struct lq_tee *tee, struct stream *stream)
{
    char *fresh = stream->bytes + stream->held;
    bool status_only;
    const ssize_t n = read_stream(stream, fresh, &status_only);
    int failure = 0;

    if (status_only || (n < 0 && (errno == EINTR || errno == EAGAIN)))
        return;
    if (n <= 0) {
        /* EIO is how a pseudo terminal says that its last user is gone. */
        if (n < 0 && errno != EIO)
            fail(tee, errno, "cannot read the log");
        lq_close(&stream->fds.in);
        return;
    }
    tee->read_since_end += (size_t)n;
    if (stream->fds.out >= 0)
        failure = show(stream->fds.out, fresh, (size_t)n);
    pass_on(tee, stream, (size_t)n);
    if (!failure)
        return;
    stream->fds.out = -1;
    if (failure == EPIPE || failure == EIO)
        lq_close(&stream->fds.in);
    else if (failure != EBADF) /* closed from the start: shown to nobody */
        fail(tee, failure, "cannot show the output");
}

/* How long poll may wait: for ever, until those who linger have had their moment, or until the
 * sinks should get the last few bytes. */
static int wait_ms(struct lq_tee *tee)
{
    const int64_t now = lq_time_monotonic();
    int64_t until;

    if (tee->ended && !tee->linger_at)
        return 0;
    if (!tee->ended)
        return lq_pump_has_unseen(tee->pump) ? IDLE_MS : -1;
    until = tee->quiet_at < tee->linger_at ? tee->quiet_at : tee->linger_at;
    return until > now ? (int)((until - now + 999) / 1000) : 0;
}

/* After the end, with `n_ready` streams readable: whether reading is over. */
static bool is_over(struct lq_tee *tee, int n_ready)
{
    const int64_t now = lq_time_monotonic();

    if (!tee->linger_at) {
        /* What the writer left lies in the pipes; who lingers may add to it without end. */
        if (n_ready > 0 && tee->read_since_end < BACKLOG_BYTES)
            return false;
        tee->linger_at = now + LINGER_MS * 1000;
    } else if (n_ready == 0 || now >= tee->linger_at) {
        return now >= tee->quiet_at || now >= tee->linger_at;
    }
    tee->quiet_at = now + QUIET_MS * 1000;
    return false;
}

/* Wait for bytes and take them; false when reading is over. */
static bool step(struct lq_tee *tee)
{
    struct pollfd fds[LQ_TEE_STREAMS + 1];
    int n_ready, open = 0;

    for (size_t i = 0; i < tee->n_streams; i++) {
        fds[i] = (struct pollfd){ .fd = tee->streams[i].fds.in, .events = POLLIN };
        open += fds[i].fd >= 0;
    }
    if (open == 0)
        return false;
    fds[tee->n_streams] = (struct pollfd){ .fd = tee->ended ? -1 : tee->end_fd, .events = POLLIN };
    n_ready = poll(fds, tee->n_streams + 1, wait_ms(tee));
    if (n_ready < 0)
        return true; /* EINTR */
    if (n_ready == 0 && !tee->ended)
        lq_pump_wake(tee->pump);
    if (tee->ended && is_over(tee, n_ready))
        return false;
    if (fds[tee->n_streams].revents) {
        tee->ended = true;
        tee->read_since_end = 0;
    }
    for (size_t i = 0; i < tee->n_streams; i++) {
        if (fds[i].fd >= 0 && fds[i].revents)
            take(tee, &tee->streams[i]);
    }
    return true;
}

static void *tee_main(void *ctx)
{
    struct lq_tee *tee = ctx;
    const uint64_t one = 1;

    while (step(tee))
        continue;
    for (size_t i = 0; i < tee->n_streams; i++) {
        struct stream *stream = &tee->streams[i];

        lq_close(&stream->fds.in);
        lq_pump_add(tee->pump, stream->bytes, stream->held);
        if (stream->fds.terminal)
            lq_terminal_restore(stream->fds.terminal);
    }
    if (write(tee->done_fd, &one, sizeof one) < 0)
        fail(tee, errno, "cannot report the end of the log");
    return NULL;
}

static void tee_free(struct lq_tee **tee)
{
    if (!*tee)
        return;
    for (size_t i = 0; i < (*tee)->n_streams; i++) {
        lq_close(&(*tee)->streams[i].fds.in);
        free((*tee)->streams[i].bytes);
    }
    lq_close(&(*tee)->end_fd);
    lq_close(&(*tee)->done_fd);
    lq_free(tee);
}

enum lq_status lq_tee_start(struct lq_tee **out, const struct lq_tee_stream *streams,
                            size_t n_streams, struct lq_pump *pump, struct lq_error *err)
{
    LQ_CLEANUP(tee_free) struct lq_tee *tee = lq_alloc(sizeof *tee);

    tee->pump = pump;
    tee->n_streams = n_streams;
    for (size_t i = 0; i < n_streams; i++) {
        tee->streams[i].fds = streams[i];
        tee->streams[i].bytes = lq_alloc(LINE_BYTES + READ_BYTES);
    }
    tee->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    tee->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tee->end_fd < 0 || tee->done_fd < 0)
        return lq_error_set(err, LQ_IO, "cannot read the log: %s", strerror(errno));
    LQ_TRY(lq_thread_start(&tee->thread, tee_main, tee, err));
    *out = LQ_TAKE(tee);
    return LQ_OK;
}

int lq_tee_done_fd(const struct lq_tee *tee)
{
    return tee->done_fd;
}

void lq_tee_end(struct lq_tee *tee)
{
    const uint64_t one = 1;

    /* Full only after 2^64-2 calls. */
    while (write(tee->end_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

enum lq_status lq_tee_finish(struct lq_tee **out, struct lq_error *err)
{
    LQ_CLEANUP(tee_free) struct lq_tee *tee = LQ_TAKE(*out);

    pthread_join(tee->thread, NULL);
    if (tee->status != LQ_OK && err)
        *err = tee->err;
    return tee->status;
}
