/* SPDX-License-Identifier: MIT */
/*
 * Files: read whole, write whole, publish so that nobody ever sees half a file or loses one.
 */
#ifndef LQ_BASE_FILE_H
#define LQ_BASE_FILE_H

#include "base/buf.h"
#include <sys/stat.h>
#include <sys/types.h>

#define LQ_SHA256_HEX_BYTES 65 /* 64 digits and the NUL */

/* Read all of `path` into `buf` (appended). LQ_BAD_INPUT when it is larger than `max` bytes;
 * LQ_NOT_FOUND, LQ_DENIED, LQ_IO. */
LQ_CHECK enum lq_status lq_file_read(const char *path, size_t max, struct lq_buf *buf,
                                     struct lq_error *err);

/* The same for a file out of a clone: anything but a regular one is refused (LQ_BAD_INPUT) before it
 * is opened, since opening a FIFO would wait for ever. */
LQ_CHECK enum lq_status lq_file_read_regular(const char *path, size_t max, struct lq_buf *buf,
                                             struct lq_error *err);

/* Write all bytes, through EINTR and short writes. `what` names the file in the message. */
LQ_CHECK enum lq_status lq_write_all(int fd, const void *bytes, size_t len, const char *what,
                                     struct lq_error *err);

/* Make the folder and its missing parents (mode 0777 less umask), durably; an existing one is
 * fine. */
LQ_CHECK enum lq_status lq_mkdirs(const char *path, struct lq_error *err);

/* Rename within the folder `dir_fd`, only if `to` is free. 0, or -1 and errno: EEXIST. */
int lq_rename_noreplace(int dir_fd, const char *from, const char *to);

/*
 * Give the finished temporary file `temporary` its name `name` in the same folder `dir_fd`, only
 * if that name is free, and make both durable (fsync of file and folder). `temporary` is gone
 * afterwards, also when the name was taken.
 * LQ_OK; LQ_EXISTS: name taken, nothing changed; LQ_IO, LQ_DENIED.
 */
LQ_CHECK enum lq_status lq_file_publish(int dir_fd, const char *temporary, const char *name,
                                        struct lq_error *err);

/* Write `len` bytes as the new content of `path`: temporary file beside it, fsync, rename. A
 * reader sees the old content or the new, never half. Permissions stay as they were. */
LQ_CHECK enum lq_status lq_file_replace(const char *path, const void *bytes, size_t len,
                                        struct lq_error *err);

/* SHA-256 (FIPS 180-4) of an open file from its start, as lower-case hex; its size in bytes. */
LQ_CHECK enum lq_status lq_file_sha256(int fd, const char *what,
                                       char hex[static LQ_SHA256_HEX_BYTES], int64_t *size_bytes,
                                       struct lq_error *err);
/* SHA-256 of bytes in memory. */
void lq_sha256_hex(const void *bytes, size_t len, char hex[static LQ_SHA256_HEX_BYTES]);

/* Whether a folder of the file system of the open `fd` holds the same names as long as its modification
 * time stays: so it is on the common local ones, and not on network ones and FAT. */
bool lq_folder_times_tell(int fd);
/* Whether a folder's modification time (nanoseconds) says anything at the time `now` (microseconds UTC): nothing
 * about what happens shortly after it, in the same tick of the file system's clock. */
bool lq_folder_time_tells(int64_t mtime_ns, int64_t now);
/* In place of the time of a folder whose time says nothing: no folder has it. */
#define LQ_NO_TIME INT64_MIN

/* The modification time in nanoseconds. */
static inline int64_t lq_mtime_ns(const struct stat *info)
{
    return info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;
}

/* "dir/name", the caller's. */
char *lq_path_join(const char *dir, const char *name);
/* The part after the last '/', borrowed. */
const char *lq_path_base(const char *path);

#endif
