/* SPDX-License-Identifier: MIT */
/* Reading, durable writing and create-only publishing of files. */
#include "base/file.h"
#include "base/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Not in <linux/magic.h>. */
#define ZFS_MAGIC 0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e

enum lq_status lq_file_read(const char *path, size_t max, struct lq_buf *buf, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = LQ_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    const size_t before = buf->len;
    char chunk[16384];

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    for (;;) {
        const ssize_t n = read(fd, chunk, sizeof chunk);

        if (n == 0)
            return LQ_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lq_error_errno(err, errno, "cannot read '%s'", path);
        if (buf->len - before + (size_t)n > max)
            return lq_error_set(err, LQ_BAD_INPUT, "'%s' is larger than %zu bytes", path, max);
        lq_buf_add(buf, chunk, (size_t)n);
    }
}

enum lq_status lq_file_read_regular(const char *path, size_t max, struct lq_buf *buf,
                                    struct lq_error *err)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return lq_error_errno(err, errno, "cannot open '%s'", path);
    if (!S_ISREG(info.st_mode))
        return lq_error_set(err, LQ_BAD_INPUT, "cannot read '%s': not a regular file", path);
    return lq_file_read(path, max, buf, err);
}

enum lq_status lq_write_all(int fd, const void *bytes, size_t len, const char *what,
                            struct lq_error *err)
{
    const char *at = bytes;

    while (len > 0) {
        const ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lq_error_errno(err, errno, "cannot write '%s'", what);
        at += n;
        len -= (size_t)n;
    }
    return LQ_OK;
}

/* A new folder survives a power cut only once its parent is on disk. */
static enum lq_status sync_parent(const char *folder, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *parent = lq_format("%s/..", folder);
    LQ_CLEANUP(lq_close) int fd = LQ_RETRY(open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    if (fd < 0 || LQ_RETRY(fsync(fd)) != 0)
        return lq_error_errno(err, errno, "cannot write the folder of '%s' to disk", folder);
    return LQ_OK;
}

enum lq_status lq_mkdirs(const char *path, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *partial = lq_strdup(path);
    struct stat info;

    for (char *at = partial + 1; *partial; at++) {
        const char saved = *at;

        if (saved != '/' && saved != '\0')
            continue;
        *at = '\0';
        if (LQ_RETRY(mkdir(partial, 0777)) == 0)
            LQ_TRY(sync_parent(partial, err));
        else if (errno != EEXIST)
            return lq_error_errno(err, errno, "cannot make folder '%s'", partial);
        *at = saved;
        if (!saved)
            break;
    }
    if (stat(path, &info) != 0)
        return lq_error_errno(err, errno, "cannot make folder '%s'", path);
    if (!S_ISDIR(info.st_mode))
        return lq_error_errno(err, ENOTDIR, "cannot make folder '%s'", path);
    return LQ_OK;
}

/* File systems without RENAME_NOREPLACE (some network ones) take a hard link, which is
 * create-only everywhere. */
int lq_rename_noreplace(int dir_fd, const char *from, const char *to)
{
    if (LQ_RETRY(renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE)) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    if (LQ_RETRY(linkat(dir_fd, from, dir_fd, to, 0)) != 0)
        return -1;
    return LQ_RETRY(unlinkat(dir_fd, from, 0));
}

enum lq_status lq_file_publish(int dir_fd, const char *temporary, const char *name,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd =
        LQ_RETRY(openat(dir_fd, temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    enum lq_status status = LQ_OK;

    if (fd < 0)
        status = lq_error_errno(err, errno, "cannot open '%s'", temporary);
    else if (LQ_RETRY(fsync(fd)) != 0)
        status = lq_error_errno(err, errno, "cannot write '%s' to disk", name);
    else if (lq_rename_noreplace(dir_fd, temporary, name) != 0)
        status = lq_error_errno(err, errno, "cannot create '%s'", name);
    if (status != LQ_OK) {
        LQ_RETRY(unlinkat(dir_fd, temporary, 0));
        return status;
    }
    if (LQ_RETRY(fsync(dir_fd)) != 0)
        return lq_error_errno(err, errno, "cannot write the folder of '%s' to disk", name);
    return LQ_OK;
}

enum lq_status lq_file_replace(const char *path, const void *bytes, size_t len,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *temporary = lq_format("%s.tmp-XXXXXX", path);
    LQ_CLEANUP(lq_close) int fd = mkostemp(temporary, O_CLOEXEC);
    enum lq_status status;
    struct stat info;
    mode_t mode;

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot write '%s'", path);
    if (stat(path, &info) == 0) {
        mode = info.st_mode & 0777;
    } else {
        const mode_t mask = umask(0);

        umask(mask);
        mode = 0666 & ~mask;
    }
    status = lq_write_all(fd, bytes, len, path, err);
    if (status == LQ_OK && (fchmod(fd, mode) != 0 || LQ_RETRY(fsync(fd)) != 0 ||
                            LQ_RETRY(rename(temporary, path)) != 0))
        status = lq_error_errno(err, errno, "cannot write '%s'", path);
    if (status != LQ_OK)
        LQ_RETRY(unlink(temporary));
    return status;
}

static void to_hex(const unsigned char *digest, size_t len, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * len] = '\0';
}

static void free_digest(EVP_MD_CTX **digest)
{
    EVP_MD_CTX_free(*digest);
}

enum lq_status lq_file_sha256(int fd, const char *what, char hex[static LQ_SHA256_HEX_BYTES],
                              int64_t *size_bytes, struct lq_error *err)
{
    LQ_CLEANUP(free_digest) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    LQ_CLEANUP(lq_free) char *chunk = lq_alloc(1 << 17);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    int64_t size = 0;

    if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
        return lq_error_set(err, LQ_IO, "cannot hash '%s': SHA-256 is not available", what);
    for (;;) {
        const ssize_t n = pread(fd, chunk, 1 << 17, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lq_error_errno(err, errno, "cannot read '%s'", what);
        if (n == 0)
            break;
        EVP_DigestUpdate(digest, chunk, (size_t)n);
        size += n;
    }
    EVP_DigestFinal_ex(digest, bytes, NULL);
    to_hex(bytes, 32, hex);
    *size_bytes = size;
    return LQ_OK;
}

void lq_sha256_hex(const void *bytes, size_t len, char hex[static LQ_SHA256_HEX_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

    EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL);
    to_hex(digest, 32, hex);
}

bool lq_folder_times_tell(int fd)
{
    static const unsigned long types[] = { EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC,
                                           BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                           F2FS_SUPER_MAGIC,  OVERLAYFS_SUPER_MAGIC,
                                           ZFS_MAGIC,         BCACHEFS_MAGIC };
    struct statfs info;

    if (fstatfs(fd, &info) != 0)
        return false;
    for (size_t i = 0; i < LQ_COUNT(types); i++)
        if (types[i] == ((unsigned long)info.f_type & 0xffffffff))
            return true;
    return false;
}

#define RACY_NS (3 * INT64_C(1000000000))

bool lq_folder_time_tells(int64_t mtime_ns, int64_t now)
{
    return mtime_ns + RACY_NS < now * 1000;
}

char *lq_path_join(const char *dir, const char *name)
{
    const size_t len = strlen(dir);

    return lq_format("%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/", name);
}

const char *lq_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
