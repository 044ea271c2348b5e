/* SPDX-License-Identifier: MIT */
/* Events on their way to Parquet: length-prefixed records in a buffer, then in an unnamed file. */
#include "store/spill.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The texts of an event, in the order in which a record holds them. */
#define TEXTS(X)                                                                                   \
    X(file_path)                                                                                   \
    X(message) X(raw_text) X(tool_name) X(category) X(error_code) X(fingerprint) X(test_name)

enum text {
#define X(name) TEXT_##name,
    TEXTS(X)
#undef X
        N_TEXTS
};

struct record {
    int64_t line_number, column_number, log_line_start, log_line_end;
    double test_duration_sec;
    uint32_t text_bytes[N_TEXTS]; /* NO_TEXT for NULL */
    uint32_t all_text_bytes;
    uint8_t severity, test_status;
};
#define NO_TEXT UINT32_MAX

/* Written out when it is this full; a record fits in several times over. */
#define BUFFER_BYTES ((size_t)1 << 20)

struct lq_spill {
    char *folder;
    int fd;                /* -1 until the buffer was full once */
    int64_t flushed_bytes; /* in the file */
    struct lq_buf buffer;  /* writing: what is not in the file yet */
    struct lq_buf text;    /* scratch for one text */
    int64_t count;
    enum lq_status failed;
    struct lq_error error;

    int64_t read_at;     /* reading: offset of the next record over file and buffer */
    struct lq_buf chunk; /* what was read of the file, from chunk_at on */
    int64_t chunk_at;
};

struct lq_spill *lq_spill_new(const char *folder)
{
    struct lq_spill *spill = lq_alloc(sizeof *spill);

    spill->folder = lq_strdup(folder);
    spill->fd = -1;
    return spill;
}

void lq_spill_free(struct lq_spill **out)
{
    struct lq_spill *spill = *out;

    if (!spill)
        return;
    free(spill->folder);
    lq_close(&spill->fd);
    lq_buf_release(&spill->buffer);
    lq_buf_release(&spill->text);
    lq_buf_release(&spill->chunk);
    free(spill);
    *out = NULL;
}

int64_t lq_spill_count(const struct lq_spill *spill)
{
    return spill->count;
}

/* An unnamed file in the store's folder; file systems without O_TMPFILE take a named one that is
 * unlinked at once. */
static int open_unnamed(const char *folder)
{
    LQ_CLEANUP(lq_free) char *path = NULL;
    int fd = LQ_RETRY(open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    path = lq_path_join(folder, ".events-XXXXXX");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        LQ_RETRY(unlink(path));
    return fd;
}

static enum lq_status flush(struct lq_spill *spill, struct lq_error *err)
{
    if (spill->fd < 0)
        spill->fd = open_unnamed(spill->folder);
    if (spill->fd < 0)
        return lq_error_errno(err, errno, "cannot write events to '%s'", spill->folder);
    LQ_TRY(lq_write_all(spill->fd, spill->buffer.data, spill->buffer.len, "events", err));
    spill->flushed_bytes += (int64_t)spill->buffer.len;
    lq_buf_clear(&spill->buffer);
    return LQ_OK;
}

/* Append one text, valid and within `max` bytes; returns what was appended. */
static uint32_t add_text(struct lq_spill *spill, struct lq_str text, size_t max)
{
    size_t len;

    if (!text.ptr)
        return NO_TEXT;
    if (!lq_text_is_utf8(text)) {
        lq_buf_clear(&spill->text);
        lq_text_add_utf8(&spill->text, text);
        text = (struct lq_str){ lq_buf_text(&spill->text), spill->text.len };
    }
    len = lq_text_cut(text, max);
    lq_buf_add(&spill->buffer, text.ptr, len);
    return (uint32_t)len;
}

void lq_spill_add(struct lq_spill *spill, const struct lq_event *event)
{
    static const size_t max_bytes[N_TEXTS] = {
        [TEXT_file_path] = LQ_MESSAGE_MAX_BYTES,
        [TEXT_message] = LQ_MESSAGE_MAX_BYTES,
        [TEXT_raw_text] = LQ_RAW_TEXT_MAX_BYTES,
        [TEXT_tool_name] = 256,
        [TEXT_category] = 256,
        [TEXT_error_code] = 1024,
        [TEXT_fingerprint] = 1024,
        [TEXT_test_name] = LQ_MESSAGE_MAX_BYTES,
    };
    const struct lq_str texts[N_TEXTS] = {
#define X(name) [TEXT_##name] = event->name,
        TEXTS(X)
#undef X
    };
    struct record record = {
        .line_number = event->line_number,
        .column_number = event->column_number,
        .log_line_start = event->log_line_start,
        .log_line_end = event->log_line_end,
        .test_duration_sec = event->test_duration_sec,
        .severity = (uint8_t)event->severity,
        .test_status = (uint8_t)event->test_status,
    };
    size_t start;

    if (spill->failed != LQ_OK)
        return;
    if (spill->buffer.len > BUFFER_BYTES) {
        spill->failed = flush(spill, &spill->error);
        if (spill->failed != LQ_OK)
            return;
    }
    start = spill->buffer.len;
    lq_buf_add(&spill->buffer, &record, sizeof record);
    for (int i = 0; i < N_TEXTS; i++)
        record.text_bytes[i] = add_text(spill, texts[i], max_bytes[i]);
    record.all_text_bytes = (uint32_t)(spill->buffer.len - start - sizeof record);
    memcpy(spill->buffer.data + start, &record, sizeof record);
    spill->count++;
}

enum lq_status lq_spill_rewind(struct lq_spill *spill, struct lq_error *err)
{
    if (spill->failed != LQ_OK) {
        if (err)
            *err = spill->error;
        return spill->failed;
    }
    spill->read_at = 0;
    return LQ_OK;
}

/* `len` bytes at offset `at`, which lie in the file or in the buffer but never in both: the buffer
 * is flushed between records. */
static enum lq_status borrow(struct lq_spill *spill, int64_t at, size_t len, const char **bytes,
                             struct lq_error *err)
{
    if (at >= spill->flushed_bytes) {
        *bytes = spill->buffer.data + (at - spill->flushed_bytes);
        return LQ_OK;
    }
    if (at < spill->chunk_at || at + (int64_t)len > spill->chunk_at + (int64_t)spill->chunk.len) {
        size_t want = BUFFER_BYTES / 4 > len ? BUFFER_BYTES / 4 : len;

        if ((int64_t)want > spill->flushed_bytes - at)
            want = (size_t)(spill->flushed_bytes - at);
        lq_buf_clear(&spill->chunk);
        while (spill->chunk.len < want) {
            char piece[16384];
            const size_t left = want - spill->chunk.len;
            const ssize_t n = pread(spill->fd, piece, left < sizeof piece ? left : sizeof piece,
                                    at + (int64_t)spill->chunk.len);

            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return lq_error_errno(err, n < 0 ? errno : EIO, "cannot read events back");
            lq_buf_add(&spill->chunk, piece, (size_t)n);
        }
        spill->chunk_at = at;
    }
    *bytes = spill->chunk.data + (at - spill->chunk_at);
    return LQ_OK;
}

enum lq_status lq_spill_next(struct lq_spill *spill, struct lq_event *event, bool *more,
                             struct lq_error *err)
{
    struct record record;
    struct lq_str texts[N_TEXTS];
    const char *bytes = "";

    *more = spill->read_at < spill->flushed_bytes + (int64_t)spill->buffer.len;
    if (!*more)
        return LQ_OK;
    LQ_TRY(borrow(spill, spill->read_at, sizeof record, &bytes, err));
    memcpy(&record, bytes, sizeof record);
    LQ_TRY(borrow(spill, spill->read_at, sizeof record + record.all_text_bytes, &bytes, err));
    spill->read_at += (int64_t)(sizeof record + record.all_text_bytes);
    bytes += sizeof record;
    for (int i = 0; i < N_TEXTS; i++) {
        const bool none = record.text_bytes[i] == NO_TEXT;

        texts[i] = none ? (struct lq_str){ 0 } : (struct lq_str){ bytes, record.text_bytes[i] };
        bytes += texts[i].len;
    }
    *event = (struct lq_event){ .severity = record.severity,
                                .test_status = record.test_status,
                                .line_number = record.line_number,
                                .column_number = record.column_number,
                                .log_line_start = record.log_line_start,
                                .log_line_end = record.log_line_end,
                                .test_duration_sec = record.test_duration_sec,
#define X(name) .name = texts[TEXT_##name],
                                TEXTS(X)
#undef X
    };
    return LQ_OK;
}
