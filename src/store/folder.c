/* SPDX-License-Identifier: MIT */
/* Folders below `.lq`: opened without following links, held while a run is recorded, walked. */
#include "store/folder.h"
#include "base/alloc.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* How often a folder may vanish between making and holding it: each time a prune was quicker. */
#define HOLD_ATTEMPTS 100

enum lq_status lq_folder_open(const char *root, const char *path, int *out, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = LQ_RETRY(open(root, FOLDER_FLAGS));

    if (fd < 0)
        return lq_error_errno(err, errno, "cannot open folder '%s'", root);
    while (*path) {
        const size_t len = strcspn(path, "/");
        LQ_CLEANUP(lq_free) char *part = lq_strndup(path, len);
        const int below = LQ_RETRY(openat(fd, part, FOLDER_FLAGS | O_NOFOLLOW));

        if (below < 0 && (errno == ELOOP || errno == ENOTDIR))
            return lq_error_set(err, LQ_BAD_INPUT, "'%s' below '%s' is a link or no folder", part,
                                root);
        if (below < 0)
            return lq_error_errno(err, errno, "cannot open folder '%s' below '%s'", part, root);
        close(fd);
        fd = below;
        path += len + strspn(path + len, "/");
    }
    *out = fd;
    fd = -1;
    return LQ_OK;
}

enum lq_status lq_folder_hold(const char *path, int *out, struct lq_error *err)
{
    for (int attempt = 0; attempt < HOLD_ATTEMPTS; attempt++) {
        const enum lq_status status = lq_mkdirs(path, err);
        LQ_CLEANUP(lq_close) int fd = -1;
        struct stat info;

        if (status != LQ_OK && status != LQ_NOT_FOUND)
            return status;
        fd = LQ_RETRY(open(path, FOLDER_FLAGS));
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return lq_error_errno(err, errno, "cannot open '%s'", path);
        /* Without locks on this file system there is nothing to hold. */
        if (LQ_RETRY(flock(fd, LOCK_SH)) == 0 && fstat(fd, &info) == 0 && info.st_nlink == 0)
            continue;
        *out = fd;
        fd = -1;
        return LQ_OK;
    }
    return lq_error_set(err, LQ_IO, "cannot make folder '%s': somebody keeps removing it", path);
}

bool lq_folder_is_free(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static enum lq_status walk(int fd, const char *path, int depth, lq_folder_fn *on_entry, void *ctx,
                           struct lq_error *err)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *item;
    enum lq_status status = LQ_OK;

    if (!folder) {
        status = lq_error_errno(err, errno, "cannot read folder '%s'", path);
        close(fd);
        return status;
    }
    while (status == LQ_OK && (item = readdir(folder))) {
        LQ_CLEANUP(lq_free) char *below = NULL;
        struct stat info;
        int below_fd;

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
            fstatat(fd, item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        below = *path ? lq_path_join(path, item->d_name) : lq_strdup(item->d_name);
        if (!S_ISDIR(info.st_mode)) {
            const struct lq_folder_entry entry = { below, item->d_name, fd, &info };

            status = on_entry(ctx, &entry, err);
            continue;
        }
        if (depth == 0)
            continue;
        below_fd = LQ_RETRY(openat(fd, item->d_name, FOLDER_FLAGS | O_NOFOLLOW));
        if (below_fd >= 0)
            status = walk(below_fd, below, depth - 1, on_entry, ctx, err);
        else if (errno != ENOENT)
            status = lq_error_errno(err, errno, "cannot read folder '%s'", below);
    }
    closedir(folder);
    return status;
}

enum lq_status lq_folder_walk(const char *root, const char *path, int depth, lq_folder_fn *on_entry,
                              void *ctx, struct lq_error *err)
{
    struct lq_error reason = { 0 };
    int fd = -1;
    const enum lq_status status = lq_folder_open(root, path, &fd, &reason);

    if (status == LQ_NOT_FOUND)
        return LQ_OK;
    if (status != LQ_OK) {
        if (err)
            *err = reason;
        return status;
    }
    return walk(fd, path, depth, on_entry, ctx, err);
}
