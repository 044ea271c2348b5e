/* SPDX-License-Identifier: MIT */
/* The file of folders beside an index. */
#include "query/folders.h"
#include "base/alloc.h"
#include "base/file.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "lq folders 1 SHA256\n" of what follows: "MTIME STAMP PATH\0" of each. */
#define HEAD "lq folders 1 "
#define HEAD_BYTES (sizeof HEAD - 1 + LQ_SHA256_HEX_BYTES - 1 + 1)
#define MAX_BYTES (256 << 20)

void lq_folders_release(struct lq_folders *folders)
{
    for (size_t i = 0; i < folders->count; i++)
        free(folders->items[i].path);
    free(folders->items);
    *folders = (struct lq_folders){ 0 };
}

void lq_folders_add(struct lq_folders *folders, const char *path, int64_t mtime_ns, uint64_t stamp)
{
    LQ_GROW(folders->items, folders->count, folders->capacity);
    folders->items[folders->count++] =
        (struct lq_folder){ .path = lq_strdup(path), .mtime_ns = mtime_ns, .stamp = stamp };
}

/* ---- order ---- */

/* The slash comes first: so what is below a folder follows it before any other does. */
static int rank(char c)
{
    return c == '/' ? 1 : c ? (unsigned char)c + 1 : 0;
}

static int by_path(const void *a, const void *b)
{
    const char *x = ((const struct lq_folder *)a)->path, *y = ((const struct lq_folder *)b)->path;

    while (*x && *x == *y)
        x++, y++;
    return rank(*x) - rank(*y);
}

void lq_folders_sort(struct lq_folders *folders)
{
    if (folders->count > 0)
        qsort(folders->items, folders->count, sizeof *folders->items, by_path);
}

struct lq_folder *lq_folders_find(const struct lq_folders *folders, const char *path)
{
    const struct lq_folder key = { .path = (char *)(uintptr_t)path };

    return folders->count == 0
               ? NULL
               : bsearch(&key, folders->items, folders->count, sizeof *folders->items, by_path);
}

bool lq_folder_holds(const struct lq_folder *folder, const char *path)
{
    const size_t len = strlen(folder->path);

    return len == 0 ? *path != '\0' : strncmp(path, folder->path, len) == 0 && path[len] == '/';
}

int64_t lq_folders_stamp(const struct lq_folders *folders, uint64_t less)
{
    uint64_t sum = -less;

    for (size_t i = 0; i < folders->count; i++)
        sum += folders->items[i].stamp;
    return (int64_t)(sum >> 1) + 1;
}

/* ---- the file ---- */

char *lq_folders_path(const char *index)
{
    return lq_format("%s.folders", index);
}

/* One record of the text, which ends with a NUL; false: it is none. */
static bool read_record(struct lq_folders *folders, const char **at, const char *end)
{
    char *rest;
    const int64_t mtime_ns = strtoll(*at, &rest, 10);
    const uint64_t stamp = strtoull(rest, &rest, 16);

    if (*rest != ' ')
        return false;
    lq_folders_add(folders, rest + 1, mtime_ns, stamp);
    *at = rest + 1 + strlen(rest + 1) + 1;
    return *at <= end;
}

void lq_folders_load(struct lq_folders *folders, const char *index)
{
    LQ_CLEANUP(lq_free) char *path = lq_folders_path(index);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    char hash[LQ_SHA256_HEX_BYTES];
    const char *at, *end;

    if (lq_file_read_regular(path, MAX_BYTES, &text, NULL) != LQ_OK || text.len < HEAD_BYTES)
        return;
    at = lq_buf_text(&text) + HEAD_BYTES;
    end = lq_buf_text(&text) + text.len;
    lq_sha256_hex(at, (size_t)(end - at), hash);
    if (memcmp(lq_buf_text(&text), HEAD, sizeof HEAD - 1) != 0 ||
        memcmp(at - LQ_SHA256_HEX_BYTES, hash, LQ_SHA256_HEX_BYTES - 1) != 0)
        return;
    while (at < end) {
        if (!read_record(folders, &at, end)) {
            lq_folders_release(folders);
            return;
        }
    }
}

void lq_folders_save(const struct lq_folders *folders, const char *index)
{
    LQ_CLEANUP(lq_free) char *path = lq_folders_path(index);
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.new", path);
    LQ_CLEANUP(lq_buf_release) struct lq_buf text = LQ_BUF_INIT;
    LQ_CLEANUP(lq_buf_release) struct lq_buf head = LQ_BUF_INIT;
    LQ_CLEANUP(lq_close) int fd = -1;
    char hash[LQ_SHA256_HEX_BYTES];

    for (size_t i = 0; i < folders->count; i++) {
        lq_buf_addf(&text, "%" PRId64 " %" PRIx64 " %s", folders->items[i].mtime_ns,
                    folders->items[i].stamp, folders->items[i].path);
        lq_buf_addc(&text, '\0');
    }
    lq_sha256_hex(lq_buf_text(&text), text.len, hash);
    lq_buf_addf(&head, HEAD "%s\n", hash);
    /* Two at once may garble it, which its hash tells. */
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 || lq_write_all(fd, lq_buf_text(&head), head.len, path, NULL) != LQ_OK ||
        lq_write_all(fd, lq_buf_text(&text), text.len, path, NULL) != LQ_OK ||
        rename(temporary, path) != 0)
        unlink(temporary);
}
