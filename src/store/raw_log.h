/* SPDX-License-Identifier: MIT */
/*
 * The raw log of a run, `….log.zst`: the bytes of the log as zstd frames of at most 4 MiB of
 * content each, then the seek table of the zstd seekable format (a skippable frame). Every zstd
 * tool decodes it: `zstd -dc`. Frames carry checksums, so damage is found on reading.
 *
 * Writing, where `fd` is the temporary file that the caller made and publishes:
 *
 *     lq_raw_log_writer_new(&writer, fd, &err);
 *     lq_raw_log_write(writer, bytes, len, &err); ...
 *     lq_raw_log_finish(writer, &err);
 *     lq_raw_log_writer_free(&writer);
 *
 * Memory is a few MB to write and less than 1 MB to read, whatever the size of the log.
 */
#ifndef LQ_STORE_RAW_LOG_H
#define LQ_STORE_RAW_LOG_H

#include "base/str.h"

struct lq_raw_log_writer;

/* Begin at the file's present position. `fd` is borrowed, open for writing. LQ_OK. */
LQ_CHECK enum lq_status lq_raw_log_writer_new(struct lq_raw_log_writer **writer, int fd,
                                              struct lq_error *err);

/* The next `len` bytes of the log. LQ_IO: the file could not be written (disk full); nothing can
 * be added after that. */
LQ_CHECK enum lq_status lq_raw_log_write(struct lq_raw_log_writer *writer, const void *bytes,
                                         size_t len, struct lq_error *err);

/* Make what was written so far readable in the file. Costs some of the compression. LQ_IO. */
LQ_CHECK enum lq_status lq_raw_log_flush(struct lq_raw_log_writer *writer, struct lq_error *err);

/* End the last frame and write the seek table. Syncs nothing. LQ_IO. */
LQ_CHECK enum lq_status lq_raw_log_finish(struct lq_raw_log_writer *writer, struct lq_error *err);

/* Bytes and lines of the log so far; a last line without newline counts. */
int64_t lq_raw_log_byte_count(const struct lq_raw_log_writer *writer);
int64_t lq_raw_log_line_count(const struct lq_raw_log_writer *writer);

/* Free and set to NULL; accepts NULL. What was not finished stays in the file as it is. */
void lq_raw_log_writer_free(struct lq_raw_log_writer **writer);

struct lq_raw_log_reader;

/* Open `path` for reading from its start. LQ_NOT_FOUND, LQ_DENIED, LQ_IO. */
LQ_CHECK enum lq_status lq_raw_log_open(struct lq_raw_log_reader **reader, const char *path,
                                        struct lq_error *err);

/*
 * The next bytes of the log: `*bytes` is borrowed until the next call; empty at the end.
 * LQ_CORRUPT: the file is damaged, cut short, or no raw log; everything before the damage was
 * given. LQ_IO.
 */
LQ_CHECK enum lq_status lq_raw_log_read(struct lq_raw_log_reader *reader, struct lq_str *bytes,
                                        struct lq_error *err);

/* Whether the open file `fd` is a log that is still being written: its writer holds an exclusive
 * flock on it. */
bool lq_raw_log_is_written(int fd);

void lq_raw_log_close(struct lq_raw_log_reader **reader);

/* A piece of line number `line` (from 1), without its newline; borrowed for the call. Long lines
 * come in several pieces, of which the last has `ends`. Return anything but LQ_OK to stop. */
typedef enum lq_status lq_raw_log_line_fn(void *ctx, int64_t line, struct lq_str piece, bool ends);

/* Called when all that is there was read and more is to come. Return anything but LQ_OK to stop. */
typedef enum lq_status lq_raw_log_wait_fn(void *ctx);

/*
 * Stream lines `first` to `last` (1-based, inclusive; numbers past the end give nothing) of the log
 * at `path` to `on_piece`.
 *
 *   on_wait  may be NULL; else a log that is still being written is followed to its end. One whose
 *            writer dies is cut short.
 *   n_lines  out, may be NULL: the lines of the whole log. Costs decoding it to its end, which is
 *            otherwise left off after line `last`.
 *
 * LQ_OK; what on_piece returned; otherwise as lq_raw_log_open and lq_raw_log_read, with the lines
 * before the damage given and `n_lines` the lines up to there.
 */
LQ_CHECK enum lq_status lq_raw_log_lines(const char *path, int64_t first, int64_t last,
                                         lq_raw_log_line_fn *on_piece, lq_raw_log_wait_fn *on_wait,
                                         void *ctx, int64_t *n_lines, struct lq_error *err);

#endif
