/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/file.h"
#include "store/raw_log.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/lq-raw-log-XXXXXX";

/* Write `text` in steps of `step` bytes; the counts out. */
static bool write_log(struct lq_str text, size_t step, int64_t *n_bytes, int64_t *n_lines)
{
    LQ_CLEANUP(lq_raw_log_writer_free) struct lq_raw_log_writer *writer = NULL;
    LQ_CLEANUP(lq_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = lq_raw_log_writer_new(&writer, fd, NULL) == LQ_OK;

    for (size_t at = 0; at < text.len && good; at += step) {
        const size_t left = text.len - at;

        good = lq_raw_log_write(writer, text.ptr + at, left < step ? left : step, NULL) == LQ_OK;
    }
    good = good && lq_raw_log_finish(writer, NULL) == LQ_OK;
    *n_bytes = lq_raw_log_byte_count(writer);
    *n_lines = lq_raw_log_line_count(writer);
    return good;
}

static enum lq_status read_log(struct lq_buf *text, struct lq_error *err)
{
    LQ_CLEANUP(lq_raw_log_close) struct lq_raw_log_reader *reader = NULL;
    struct lq_str bytes;

    LQ_TRY(lq_raw_log_open(&reader, path, err));
    do {
        LQ_TRY(lq_raw_log_read(reader, &bytes, err));
        lq_buf_add(text, bytes.ptr, bytes.len);
    } while (bytes.len > 0);
    return LQ_OK;
}

static void test_round_trip(void)
{
    static const struct {
        const char *name;
        struct lq_str text;
        int64_t n_lines;
    } cases[] = {
        { "empty", { "", 0 }, 0 },
        { "one line", { "one\n", 4 }, 1 },
        { "no final newline", { "one\ntwo", 7 }, 2 },
        { "NUL, CR, bytes that are no text", { "a\0b\r\n\xff\xfe\n", 8 }, 2 },
        { "empty lines", { "\n\n\n", 3 }, 3 },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        for (size_t step = 1; step < 10; step += 4) {
            LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
            int64_t n_bytes, n_lines;

            TAP_CASE(cases[i].name);
            CHECK(write_log(cases[i].text, step, &n_bytes, &n_lines));
            CHECK_INT(n_bytes, cases[i].text.len);
            CHECK_INT(n_lines, cases[i].n_lines);
            CHECK(read_log(&got, NULL) == LQ_OK);
            CHECK(got.len == cases[i].text.len &&
                  !memcmp(lq_buf_text(&got), cases[i].text.ptr, got.len));
        }
    }
}

/* A log of several frames, line i being "line <i>". */
static void make_long(struct lq_buf *text, int n_lines)
{
    for (int i = 1; i <= n_lines; i++)
        lq_buf_addf(text, "line %d\n", i);
}

static uint32_t le32_at(const struct lq_buf *file, size_t from_end)
{
    const unsigned char *at = (const unsigned char *)file->data + file->len - from_end;

    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The seek table as other programs find it: from the end of the file. */
static void test_seek_table(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf file = LQ_BUF_INIT;
    int64_t n_bytes, n_lines, content = 0, compressed = 0;
    uint32_t n_frames;

    make_long(&text, 1000000);
    CHECK(write_log((struct lq_str){ text.data, text.len }, 100000, &n_bytes, &n_lines));
    CHECK(lq_file_read(path, 1 << 26, &file, NULL) == LQ_OK);
    CHECK(le32_at(&file, 4) == 0x8F92EAB1);
    n_frames = le32_at(&file, 9);
    CHECK_INT(n_frames, (text.len + (4 << 20) - 1) / (4 << 20));
    CHECK(le32_at(&file, 9 + n_frames * 8 + 8) == 0x184D2A5E);
    CHECK_INT(le32_at(&file, 9 + n_frames * 8 + 4), n_frames * 8 + 9);
    for (uint32_t i = 0; i < n_frames; i++) {
        compressed += le32_at(&file, 9 + (n_frames - i) * 8);
        content += le32_at(&file, 9 + (n_frames - i) * 8 - 4);
        CHECK(le32_at(&file, 9 + (n_frames - i) * 8 - 4) <= 4 << 20);
    }
    CHECK_INT(content, text.len);
    CHECK_INT(compressed + 8 + n_frames * 8 + 9, file.len);
}

struct collected {
    struct lq_buf text; /* "LINE:content;" for each */
    int64_t line;       /* whose pieces are being put together; 0: none */
    int stop_at;        /* stop when this line has ended */
};

static enum lq_status collect(void *ctx, int64_t line, struct lq_str piece, bool ends)
{
    struct collected *got = ctx;

    if (got->line != line)
        lq_buf_addf(&got->text, "%lld:", (long long)line);
    got->line = line;
    lq_buf_add(&got->text, piece.ptr, piece.len);
    if (!ends)
        return LQ_OK;
    lq_buf_addc(&got->text, ';');
    got->line = 0;
    return got->stop_at == line ? LQ_CANCELLED : LQ_OK;
}

static void test_lines(void)
{
    static const struct {
        const char *text;
        int64_t first, last, n_lines;
        const char *want;
    } cases[] = {
        { "a\nb\nc\n", 1, 3, 3, "1:a;2:b;3:c;" },
        { "a\nb\nc\n", 2, 2, 3, "2:b;" },
        { "a\nb\nc", 3, 9, 3, "3:c;" },
        { "a\nb\nc", 1, 2, 3, "1:a;2:b;" },
        { "a\n\nc\n", 2, 3, 3, "2:;3:c;" },
        { "a\n", 2, 5, 1, "" },
        { "a\n", 0, 1, 1, "1:a;" },
        { "a\nb\n", 2, 1, 2, "" },
        { "", 1, 1, 0, "" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct collected got = { .stop_at = 0 };
        struct collected again = { .stop_at = 0 };
        int64_t n_bytes, n_lines;

        TAP_CASE(cases[i].text);
        CHECK(write_log((struct lq_str){ cases[i].text, strlen(cases[i].text) }, 1, &n_bytes,
                        &n_lines));
        CHECK(lq_raw_log_lines(path, cases[i].first, cases[i].last, collect, NULL, &got, &n_lines,
                               NULL) == LQ_OK);
        CHECK_STR(lq_buf_text(&got.text), cases[i].want);
        CHECK_INT(n_lines, cases[i].n_lines);
        CHECK(lq_raw_log_lines(path, cases[i].first, cases[i].last, collect, NULL, &again, NULL,
                               NULL) == LQ_OK);
        CHECK_STR(lq_buf_text(&again.text), cases[i].want);
        lq_buf_release(&got.text);
        lq_buf_release(&again.text);
    }
}

static void test_lines_of_a_long_log(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    struct collected got = { .stop_at = 0 };
    int64_t n_bytes, n_lines;

    make_long(&text, 1000000);
    CHECK(write_log((struct lq_str){ text.data, text.len }, 1 << 20, &n_bytes, &n_lines));
    CHECK(lq_raw_log_lines(path, 777777, 777778, collect, NULL, &got, &n_lines, NULL) == LQ_OK);
    CHECK_STR(lq_buf_text(&got.text), "777777:line 777777;777778:line 777778;");
    CHECK_INT(n_lines, 1000000);
    lq_buf_clear(&got.text);
    got.stop_at = 2;
    CHECK(lq_raw_log_lines(path, 1, 1000000, collect, NULL, &got, NULL, NULL) == LQ_CANCELLED);
    CHECK_STR(lq_buf_text(&got.text), "1:line 1;2:line 2;");
    lq_buf_release(&got.text);
}

static void test_damage(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf file = LQ_BUF_INIT;
    struct lq_error err = { 0 };
    int64_t n_bytes, n_lines;
    size_t first_frame, cuts[4];

    make_long(&text, 1000000);
    CHECK(write_log((struct lq_str){ text.data, text.len }, 1 << 20, &n_bytes, &n_lines));
    CHECK(lq_file_read(path, 1 << 26, &file, NULL) == LQ_OK);
    first_frame = le32_at(&file, 9 + le32_at(&file, 9) * 8);
    cuts[0] = first_frame;      /* between two frames */
    cuts[1] = first_frame + 99; /* inside the second */
    cuts[2] = file.len - 1;     /* inside the seek table */
    cuts[3] = file.len - 9 - le32_at(&file, 9) * 8 - 4;
    for (size_t i = 0; i < LQ_COUNT(cuts); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        CHECK(lq_file_replace(path, file.data, cuts[i], NULL) == LQ_OK);
        CHECK(read_log(&got, &err) == LQ_CORRUPT);
        CHECK(strstr(err.message, "cut short") != NULL);
        CHECK(got.len >= (size_t)4 << 20 && memcmp(got.data, text.data, got.len) == 0);
    }
    {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        file.data[first_frame + 1000] ^= 0x55;
        CHECK(lq_file_replace(path, file.data, file.len, NULL) == LQ_OK);
        CHECK(read_log(&got, &err) == LQ_CORRUPT);
        CHECK(got.len >= (size_t)4 << 20 && memcmp(got.data, text.data, (size_t)4 << 20) == 0);
    }
    CHECK(lq_file_replace(path, "plain text\n", 11, NULL) == LQ_OK);
    CHECK(lq_raw_log_lines(path, 1, 1, NULL, NULL, NULL, NULL, &err) == LQ_CORRUPT);
    CHECK(lq_raw_log_lines("/nonexistent/x", 1, 1, NULL, NULL, NULL, NULL, &err) == LQ_NOT_FOUND);
}

static void test_full_disk(void)
{
    LQ_CLEANUP(lq_raw_log_writer_free) struct lq_raw_log_writer *writer = NULL;
    LQ_CLEANUP(lq_close) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct lq_error err = { 0 };

    CHECK(lq_raw_log_writer_new(&writer, fd, &err) == LQ_OK);
    CHECK(lq_raw_log_write(writer, "x\n", 2, &err) == LQ_OK);
    CHECK(lq_raw_log_finish(writer, &err) == LQ_IO);
    CHECK_STR(err.message, "cannot write 'raw log': No space left on device");
}

int main(void)
{
    const int fd = mkstemp(path);

    if (fd < 0)
        return 1;
    close(fd);
    TAP_RUN(test_round_trip);
    TAP_RUN(test_seek_table);
    TAP_RUN(test_lines);
    TAP_RUN(test_lines_of_a_long_log);
    TAP_RUN(test_damage);
    TAP_RUN(test_full_disk);
    unlink(path);
    return tap_done();
}
