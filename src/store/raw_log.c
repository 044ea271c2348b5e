/* SPDX-License-Identifier: MIT */
/* Raw logs in the zstd seekable format. */
#include "store/raw_log.h"
#include "base/alloc.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#include <zstd.h>

enum {
    FRAME_BYTES = 4 * 1024 * 1024, /* of content: what a reader decodes to get at any byte of it */
    LEVEL = 1, /* level 3 saves 5 to 8 % of the size and takes 1.5 to 2 times as long */
};

/* zstd's contrib/seekable_format: a skippable frame of (compressed, decompressed) sizes for each
 * frame, then their number, a descriptor (0: no checksums), and the magic number at the very end;
 * all little-endian. */
#define SEEK_TABLE_MAGIC UINT32_C(0x184D2A5E)
#define SEEKABLE_MAGIC UINT32_C(0x8F92EAB1)

/* How often who follows a log looks for more. */
#define FOLLOW_US 50000

enum { SEEK_HEADER_BYTES = 8, SEEK_ENTRY_BYTES = 8, SEEK_FOOTER_BYTES = 9 };

struct frame {
    uint32_t compressed, content; /* bytes */
};

struct lq_raw_log_writer {
    int fd;
    ZSTD_CCtx *zstd;
    char *out; /* ZSTD_CStreamOutSize() bytes */
    struct frame *frames;
    size_t n_frames, frames_capacity;
    struct frame open; /* the frame being written; without content there is none */
    int64_t n_bytes, n_newlines;
    bool mid_line;
};

static enum lq_status zstd_failed(struct lq_error *err, size_t code)
{
    return lq_error_set(err, LQ_IO, "cannot compress the raw log: %s", ZSTD_getErrorName(code));
}

enum lq_status lq_raw_log_writer_new(struct lq_raw_log_writer **out, int fd, struct lq_error *err)
{
    LQ_CLEANUP(lq_raw_log_writer_free) struct lq_raw_log_writer *writer = lq_alloc(sizeof *writer);

    writer->fd = fd;
    writer->zstd = ZSTD_createCCtx();
    writer->out = lq_alloc(ZSTD_CStreamOutSize());
    if (!writer->zstd)
        return lq_error_set(err, LQ_IO, "cannot compress the raw log: out of memory");
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1);
    *out = LQ_TAKE(writer);
    return LQ_OK;
}

/* Feed zstd and write what comes out, until the input is taken; with ZSTD_e_flush and ZSTD_e_end,
 * until zstd holds nothing back. */
static enum lq_status compress(struct lq_raw_log_writer *writer, ZSTD_inBuffer *in,
                               ZSTD_EndDirective mode, struct lq_error *err)
{
    size_t left;

    do {
        ZSTD_outBuffer out = { writer->out, ZSTD_CStreamOutSize(), 0 };

        left = ZSTD_compressStream2(writer->zstd, &out, in, mode);
        if (ZSTD_isError(left))
            return zstd_failed(err, left);
        LQ_TRY(lq_write_all(writer->fd, out.dst, out.pos, "raw log", err));
        writer->open.compressed += (uint32_t)out.pos;
    } while (mode == ZSTD_e_continue ? in->pos < in->size : left > 0);
    return LQ_OK;
}

static enum lq_status end_frame(struct lq_raw_log_writer *writer, struct lq_error *err)
{
    ZSTD_inBuffer nothing = { NULL, 0, 0 };

    LQ_TRY(compress(writer, &nothing, ZSTD_e_end, err));
    LQ_GROW(writer->frames, writer->n_frames, writer->frames_capacity);
    writer->frames[writer->n_frames++] = writer->open;
    writer->open = (struct frame){ 0 };
    return LQ_OK;
}

/* A plain loop that compilers turn into vector code; memchr line by line is slower on short lines. */
static int64_t count_newlines(const char *bytes, size_t len)
{
    int64_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += bytes[i] == '\n';
    return count;
}

enum lq_status lq_raw_log_write(struct lq_raw_log_writer *writer, const void *bytes, size_t len,
                                struct lq_error *err)
{
    const char *at = bytes;

    if (len == 0)
        return LQ_OK;
    writer->n_bytes += (int64_t)len;
    writer->n_newlines += count_newlines(at, len);
    writer->mid_line = at[len - 1] != '\n';
    while (len > 0) {
        const size_t room = FRAME_BYTES - writer->open.content;
        ZSTD_inBuffer in = { at, len < room ? len : room, 0 };

        LQ_TRY(compress(writer, &in, ZSTD_e_continue, err));
        writer->open.content += (uint32_t)in.size;
        at += in.size;
        len -= in.size;
        if (writer->open.content == FRAME_BYTES)
            LQ_TRY(end_frame(writer, err));
    }
    return LQ_OK;
}

enum lq_status lq_raw_log_flush(struct lq_raw_log_writer *writer, struct lq_error *err)
{
    ZSTD_inBuffer nothing = { NULL, 0, 0 };

    return writer->open.content > 0 ? compress(writer, &nothing, ZSTD_e_flush, err) : LQ_OK;
}

static void add_le32(struct lq_buf *buf, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        lq_buf_addc(buf, (char)(value >> shift & 0xff));
}

enum lq_status lq_raw_log_finish(struct lq_raw_log_writer *writer, struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf table = LQ_BUF_INIT;

    if (writer->open.content > 0)
        LQ_TRY(end_frame(writer, err));
    add_le32(&table, SEEK_TABLE_MAGIC);
    add_le32(&table, (uint32_t)(writer->n_frames * SEEK_ENTRY_BYTES + SEEK_FOOTER_BYTES));
    for (size_t i = 0; i < writer->n_frames; i++) {
        add_le32(&table, writer->frames[i].compressed);
        add_le32(&table, writer->frames[i].content);
    }
    add_le32(&table, (uint32_t)writer->n_frames);
    lq_buf_addc(&table, 0);
    add_le32(&table, SEEKABLE_MAGIC);
    return lq_write_all(writer->fd, table.data, table.len, "raw log", err);
}

int64_t lq_raw_log_byte_count(const struct lq_raw_log_writer *writer)
{
    return writer->n_bytes;
}

int64_t lq_raw_log_line_count(const struct lq_raw_log_writer *writer)
{
    return writer->n_newlines + writer->mid_line;
}

void lq_raw_log_writer_free(struct lq_raw_log_writer **writer)
{
    if (!*writer)
        return;
    ZSTD_freeCCtx((*writer)->zstd);
    free((*writer)->out);
    free((*writer)->frames);
    lq_free(writer);
}

/* ---- reading ---- */

struct lq_raw_log_reader {
    int fd;
    char *path;
    ZSTD_DCtx *zstd;
    char *in_bytes, *out_bytes;
    ZSTD_inBuffer in;
    bool mid_frame;  /* a frame has begun and not ended */
    bool table_seen; /* the last thing read was a seek table: the log is complete */
    bool input_ended;
    lq_raw_log_wait_fn *on_wait; /* NULL: the end of the file is the end of the log */
    void *wait_ctx;
};

enum lq_status lq_raw_log_open(struct lq_raw_log_reader **out, const char *path,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_raw_log_close) struct lq_raw_log_reader *reader = lq_alloc(sizeof *reader);

    reader->fd = LQ_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (reader->fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    reader->path = lq_strdup(path);
    reader->zstd = ZSTD_createDCtx();
    if (!reader->zstd)
        return lq_error_set(err, LQ_IO, "cannot read '%s': out of memory", path);
    /* Ours need no more than 4 MiB; a foreign file must not make lq take gigabytes. */
    ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, 27);
    reader->in_bytes = lq_alloc(ZSTD_DStreamInSize());
    reader->out_bytes = lq_alloc(ZSTD_DStreamOutSize());
    reader->in.src = reader->in_bytes;
    *out = LQ_TAKE(reader);
    return LQ_OK;
}

bool lq_raw_log_is_written(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return false;
}

/* All that is there was read. A writer that has ended may have written since: so once more. */
static enum lq_status wait_for_writer(struct lq_raw_log_reader *reader)
{
    if (!lq_raw_log_is_written(reader->fd)) {
        reader->on_wait = NULL;
        return LQ_OK;
    }
    LQ_TRY(reader->on_wait(reader->wait_ctx));
    usleep(FOLLOW_US);
    return LQ_OK;
}

/* Get at least `need` unread bytes into the buffer, fewer at the end of the file. */
static enum lq_status fill(struct lq_raw_log_reader *reader, size_t need, struct lq_error *err)
{
    size_t left = reader->in.size - reader->in.pos;

    if (left >= need || reader->input_ended)
        return LQ_OK;
    memmove(reader->in_bytes, reader->in_bytes + reader->in.pos, left);
    while (left < need && !reader->input_ended) {
        const ssize_t n = read(reader->fd, reader->in_bytes + left, ZSTD_DStreamInSize() - left);

        if (n < 0 && errno != EINTR)
            return lq_error_errno(err, errno, "cannot read '%s'", reader->path);
        if (n > 0)
            left += (size_t)n;
        if (n == 0 && reader->on_wait)
            LQ_TRY(wait_for_writer(reader));
        else
            reader->input_ended = n == 0;
    }
    reader->in.pos = 0;
    reader->in.size = left;
    return LQ_OK;
}

static uint32_t le32(const char *bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;

    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Pass over a skippable frame that starts here, if one does; the seek table is told from others.
 * `table_seen` is set once all of it was there. */
static enum lq_status skip_table(struct lq_raw_log_reader *reader, struct lq_error *err)
{
    const char *at;
    size_t left;

    LQ_TRY(fill(reader, SEEK_HEADER_BYTES, err));
    at = reader->in_bytes + reader->in.pos;
    if (reader->in.size - reader->in.pos < SEEK_HEADER_BYTES || le32(at) != SEEK_TABLE_MAGIC)
        return LQ_OK;
    left = SEEK_HEADER_BYTES + (size_t)le32(at + 4);
    while (left > 0) {
        size_t n;

        LQ_TRY(fill(reader, 1, err));
        n = reader->in.size - reader->in.pos;
        if (n == 0)
            return lq_error_set(err, LQ_CORRUPT, "raw log '%s' is cut short", reader->path);
        if (n > left)
            n = left;
        reader->in.pos += n;
        left -= n;
    }
    reader->table_seen = true;
    return LQ_OK;
}

enum lq_status lq_raw_log_read(struct lq_raw_log_reader *reader, struct lq_str *bytes,
                               struct lq_error *err)
{
    ZSTD_outBuffer out = { reader->out_bytes, ZSTD_DStreamOutSize(), 0 };

    *bytes = (struct lq_str){ reader->out_bytes, 0 };
    while (out.pos == 0) {
        bool at_end;
        size_t left;

        if (!reader->mid_frame)
            LQ_TRY(skip_table(reader, err));
        LQ_TRY(fill(reader, 1, err));
        if (reader->in.pos == reader->in.size && reader->table_seen)
            return LQ_OK;
        at_end = reader->in.pos == reader->in.size;
        reader->table_seen = false;
        left = ZSTD_decompressStream(reader->zstd, &out, &reader->in);
        if (ZSTD_isError(left))
            return lq_error_set(err, LQ_CORRUPT, "raw log '%s' is damaged: %s", reader->path,
                                ZSTD_getErrorName(left));
        /* At the end of the file zstd may still hold decoded bytes; when it does not, more should
         * have followed. */
        if (at_end && out.pos == 0)
            return lq_error_set(err, LQ_CORRUPT, "raw log '%s' is cut short", reader->path);
        reader->mid_frame = left > 0;
    }
    bytes->len = out.pos;
    return LQ_OK;
}

void lq_raw_log_close(struct lq_raw_log_reader **reader)
{
    if (!*reader)
        return;
    lq_close(&(*reader)->fd);
    ZSTD_freeDCtx((*reader)->zstd);
    free((*reader)->path);
    free((*reader)->in_bytes);
    free((*reader)->out_bytes);
    lq_free(reader);
}

/* Where a walk over the lines stands. */
struct walk {
    int64_t first, last;
    lq_raw_log_line_fn *on_piece;
    lq_raw_log_wait_fn *on_wait;
    void *ctx;
    int64_t newlines; /* so far; the line being read is this plus one */
    bool mid_line;
};

/* Give the lines of `bytes` that are wanted; what lies before them is only counted. */
static enum lq_status walk_bytes(struct walk *walk, struct lq_str bytes)
{
    while (bytes.len > 0) {
        const int64_t line = walk->newlines + 1;
        const char *newline;
        size_t len;

        /* A whole piece before the first line, or behind the last, is not cut into lines. */
        if (line > walk->last ||
            (line < walk->first && line + count_newlines(bytes.ptr, bytes.len) < walk->first)) {
            walk->newlines += count_newlines(bytes.ptr, bytes.len);
            walk->mid_line = bytes.ptr[bytes.len - 1] != '\n';
            return LQ_OK;
        }
        newline = memchr(bytes.ptr, '\n', bytes.len);
        len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        if (line >= walk->first)
            LQ_TRY(walk->on_piece(walk->ctx, line, (struct lq_str){ bytes.ptr, len }, newline));
        walk->newlines += newline != NULL;
        walk->mid_line = newline == NULL;
        bytes.ptr += len + (newline != NULL);
        bytes.len -= len + (newline != NULL);
    }
    return LQ_OK;
}

static enum lq_status walk_log(struct walk *walk, const char *path, bool to_the_end,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_raw_log_close) struct lq_raw_log_reader *reader = NULL;
    struct lq_str bytes;

    LQ_TRY(lq_raw_log_open(&reader, path, err));
    reader->on_wait = walk->on_wait;
    reader->wait_ctx = walk->ctx;
    do {
        LQ_TRY(lq_raw_log_read(reader, &bytes, err));
        LQ_TRY(walk_bytes(walk, bytes));
    } while (bytes.len > 0 && (to_the_end || walk->newlines < walk->last));
    return LQ_OK;
}

enum lq_status lq_raw_log_lines(const char *path, int64_t first, int64_t last,
                                lq_raw_log_line_fn *on_piece, lq_raw_log_wait_fn *on_wait,
                                void *ctx, int64_t *n_lines, struct lq_error *err)
{
    struct walk walk = {
        .first = first, .last = last, .on_piece = on_piece, .on_wait = on_wait, .ctx = ctx
    };
    enum lq_status status = walk_log(&walk, path, n_lines != NULL, err);
    const int64_t line = walk.newlines + 1;

    /* The last line of a log need not end with a newline. */
    if (status == LQ_OK && walk.mid_line && line >= first && line <= last)
        status = on_piece(ctx, line, (struct lq_str){ "", 0 }, true);
    if (n_lines)
        *n_lines = walk.newlines + walk.mid_line;
    return status;
}
