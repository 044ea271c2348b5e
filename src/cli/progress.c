/* SPDX-License-Identifier: MIT */
/* Draws and erases the line that tells how far a long piece of work is. */
#include "cli/progress.h"
#include "base/buf.h"
#include "base/time.h"
#include "cli/size.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Work that is done sooner needs no line. */
#define QUIET_US (1 * LQ_US_PER_SECOND)

void lq_progress_begin(struct lq_progress_line *line)
{
    const char *terminal = getenv("TERM");
    const bool capable = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;

    *line = (struct lq_progress_line){ .started = capable ? lq_time_monotonic() : 0 };
}

/* What is left if the rest goes on as what was done. */
static double seconds_left(double elapsed, size_t n_done, size_t n_files, int64_t n_done_bytes,
                           int64_t n_bytes)
{
    const double done =
        n_bytes > 0 ? (double)n_done_bytes / (double)n_bytes : (double)n_done / (double)n_files;

    return done > 0 ? elapsed / done - elapsed : 0;
}

static size_t width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void lq_progress_show(struct lq_progress_line *line, size_t n_done, size_t n_files,
                      int64_t n_done_bytes, int64_t n_bytes)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    char done[LQ_SIZE_TEXT_BYTES], all[LQ_SIZE_TEXT_BYTES], rate[LQ_SIZE_TEXT_BYTES];
    const int64_t elapsed_us = line->started ? lq_time_monotonic() - line->started : 0;
    const double elapsed = (double)elapsed_us / (double)LQ_US_PER_SECOND;
    int left;

    if (elapsed_us < QUIET_US)
        return;
    left = (int)seconds_left(elapsed, n_done, n_files, n_done_bytes, n_bytes);
    lq_size_format(n_done_bytes, done);
    lq_size_format(n_bytes, all);
    lq_size_format((int64_t)((double)n_done_bytes / elapsed), rate);
    lq_buf_addf(&text, "%zu of %zu files, %s of %s, %s/s, %d:%02d left", n_done, n_files, done, all,
                rate, left / 60, left % 60);
    if (text.len >= width())
        lq_buf_truncate(&text, width() - 1);
    lq_buf_adds(&text, "\033[K");
    (void)!write(STDERR_FILENO, "\r", 1);
    (void)!write(STDERR_FILENO, lq_buf_text(&text), text.len);
    line->shown = true;
}

void lq_progress_end(struct lq_progress_line *line)
{
    if (line->shown)
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
    line->shown = false;
}
