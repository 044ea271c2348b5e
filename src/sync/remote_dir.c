/* SPDX-License-Identifier: MIT */
/* The remote that is a folder: local, or a mounted share. */
#include "sync/remote_dir.h"
#include "base/alloc.h"
#include "base/time.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* From this many files on, one syncfs() is cheaper than an fdatasync() for each. */
#define BULK_FILES 32
/* Deeper than any store; an end to folders that contain themselves by a mount. */
#define MAX_DEPTH 16
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A folder below the root that the batch writes to. */
struct folder {
    char *path;
    int fd;
    bool fresh; /* made by us: nothing is in it yet that we have not put there */
};

struct dir_remote {
    struct lq_remote remote;
    char *root;
    int root_fd;
    pthread_mutex_t lock; /* of `folders` */
    struct folder **folders;
    size_t n_folders, capacity;
    bool bulk;          /* one syncfs() instead of many fdatasync() */
    atomic_bool copied; /* in this batch: files, or folders made */
    bool made_folder;
    enum lq_sync_mode mode;
    mode_t umask;
    atomic_bool no_links; /* it is another file system than that of `.lq` */
};

/* lq_put.staged */
struct staged {
    struct folder *folder;
    char name[LQ_DIR_TEMPORARY_BYTES];
};

/* ---- which folder, on which file system ---- */

/*
 * The real path of `path`, of which the last parts may not exist yet. A link that leads nowhere is
 * an error, not a folder to make.
 */
static enum lq_status real_path(const char *path, char **out, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *copy = lq_strdup(path);
    LQ_CLEANUP(lq_free) char *parent = NULL;
    size_t len = strlen(copy);
    struct stat info;
    char *name;

    *out = realpath(path, NULL);
    if (*out)
        return LQ_OK;
    if (errno != ENOENT)
        return lq_error_errno(err, errno, "cannot sync to '%s'", path);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    if (lstat(copy, &info) == 0)
        return lq_error_errno(err, ENOENT, "cannot sync to '%s', a link", path);
    name = strrchr(copy, '/');
    name = name ? name + 1 : copy;
    if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        return lq_error_errno(err, ENOENT, "cannot sync to '%s'", path);
    if (name == copy) {
        LQ_TRY(real_path(".", &parent, err));
    } else {
        LQ_CLEANUP(lq_free) char *above = lq_strndup(copy, (size_t)(name - copy));

        LQ_TRY(real_path(above, &parent, err));
    }
    *out = lq_path_join(parent, name);
    return LQ_OK;
}

/*
 * What is mounted somewhere, told so that it is recognised after a reboot or a new mount. Device
 * numbers of network file systems, containers and hot-plugged disks change with each mount;
 * f_fsid comes from the UUID on most local ones; the birth time of the root's inode is left on
 * the others.
 */
enum { FS_TYPE, FS_DEVICE, FS_ID, FS_INODE, FS_BORN_NS, FS_COUNT };

static const char *const file_system_keys[FS_COUNT] = { "type=", "device=", "id=", "inode=",
                                                        "born=" };

static int describe(int root_fd, uint64_t found[static FS_COUNT])
{
    struct statfs fs;
    struct statx root;
    uint32_t id[2];

    if (fstatfs(root_fd, &fs) != 0 ||
        statx(root_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &root) != 0)
        return -1;
    memcpy(id, &fs.f_fsid, sizeof id);
    found[FS_TYPE] = (uint64_t)fs.f_type;
    found[FS_DEVICE] = (uint64_t)root.stx_dev_major << 32 | root.stx_dev_minor;
    found[FS_ID] = (uint64_t)id[1] << 32 | id[0];
    found[FS_INODE] = root.stx_ino;
    found[FS_BORN_NS] = root.stx_mask & STATX_BTIME
                            ? (uint64_t)root.stx_btime.tv_sec * 1000000000U + root.stx_btime.tv_nsec
                            : 0;
    return 0;
}

static enum lq_status set_file_system(struct lq_place *place, int root_fd, struct lq_error *err)
{
    struct lq_buf text = LQ_BUF_INIT;
    uint64_t found[FS_COUNT];

    if (describe(root_fd, found) != 0)
        return lq_error_errno(err, errno, "cannot sync to '%s'", place->name);
    for (size_t i = 0; i < FS_COUNT; i++)
        lq_buf_addf(&text, "%s%s%" PRIx64, i ? " " : "", file_system_keys[i], found[i]);
    free(place->file_system);
    place->file_system = lq_buf_detach(&text);
    return LQ_OK;
}

static bool read_file_system(const char *text, uint64_t values[static FS_COUNT])
{
    for (size_t i = 0; i < FS_COUNT; i++) {
        const size_t key_len = strlen(file_system_keys[i]);
        char *end;

        if (strncmp(text, file_system_keys[i], key_len) != 0)
            return false;
        values[i] = strtoull(text + key_len, &end, 16);
        text = *end == ' ' ? end + 1 : end;
    }
    return true;
}

static bool same_file_system(const char *remembered, const char *found)
{
    uint64_t a[FS_COUNT], b[FS_COUNT];

    if (!read_file_system(remembered, a) || !read_file_system(found, b))
        return false;
    /* An id of 0 on both sides is a network file system (NFS, FUSE) that has none: that the type is
     * the same has to do, and it is enough to notice that the share is not mounted. */
    return a[FS_TYPE] == b[FS_TYPE] &&
           (a[FS_DEVICE] == b[FS_DEVICE] || a[FS_ID] == b[FS_ID] ||
            (a[FS_INODE] == b[FS_INODE] && a[FS_BORN_NS] && a[FS_BORN_NS] == b[FS_BORN_NS]));
}

static enum lq_status locate(const char *url, const struct lq_sync_opts *opts,
                             struct lq_place *place, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int root_fd = -1;

    LQ_TRY(real_path(url, &place->name, err));
    place->key = lq_strdup(place->name);
    root_fd = LQ_RETRY(open(place->name, FOLDER_FLAGS));
    if (root_fd < 0)
        return errno == ENOENT ? LQ_OK
                               : lq_error_errno(err, errno, "cannot sync to '%s'", place->name);
    return set_file_system(place, root_fd, err);
}

/* umask() can only be read by setting it, for all threads. */
static mode_t read_umask(void)
{
    static const char key[] = "Umask:";
    FILE *status = fopen("/proc/self/status", "re");
    unsigned long mask = 077;
    char line[256];

    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, key, sizeof key - 1) == 0)
            mask = strtoul(line + sizeof key - 1, NULL, 8);
    if (status)
        fclose(status);
    return (mode_t)mask;
}

static enum lq_status open_dir(struct lq_remote **out, struct lq_place *place,
                               const struct lq_sync_opts *opts, struct lq_error *err)
{
    LQ_CLEANUP(lq_remote_close) struct lq_remote *remote = NULL;
    struct dir_remote *dir = lq_alloc(sizeof *dir);
    const bool make = !place->file_system;

    dir->remote.kind = &lq_remote_dir;
    remote = &dir->remote;
    pthread_mutex_init(&dir->lock, NULL);
    dir->root = lq_strdup(place->name);
    dir->root_fd = -1;
    dir->mode = opts->mode;
    dir->umask = read_umask();
    if (make)
        LQ_TRY(lq_mkdirs(dir->root, err));
    dir->root_fd = LQ_RETRY(open(dir->root, FOLDER_FLAGS));
    if (dir->root_fd < 0)
        return lq_error_errno(err, errno, "cannot sync to '%s'", dir->root);
    /* From now on a missing root is an error, so it must not get lost in a power failure. */
    if (make && LQ_RETRY(syncfs(dir->root_fd)) != 0)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", dir->root);
    LQ_TRY(set_file_system(place, dir->root_fd, err));
    *out = LQ_TAKE(remote);
    return LQ_OK;
}

/* ---- folders below the root ---- */

static void close_folders(struct dir_remote *dir)
{
    for (size_t i = 0; i < dir->n_folders; i++) {
        lq_close(&dir->folders[i]->fd);
        free(dir->folders[i]->path);
        free(dir->folders[i]);
    }
    dir->n_folders = 0;
}

static void close_dir(struct lq_remote *remote)
{
    struct dir_remote *dir = (struct dir_remote *)remote;

    close_folders(dir);
    free(dir->folders);
    lq_close(&dir->root_fd);
    pthread_mutex_destroy(&dir->lock);
    free(dir->root);
    free(dir);
}

/* Folders that cannot be synced by themselves (some FUSE file systems) answer EINVAL: there is
 * nothing more to do for them. */
static int sync_folder(int fd)
{
    return LQ_RETRY(fsync(fd)) == 0 || errno == EINVAL ? 0 : -1;
}

/* `len` bytes of `path` lead to a folder that could not be opened for `reason`: say why, above all
 * that it is a link, which lq never follows below the root. */
static enum lq_status folder_error(struct dir_remote *dir, int parent, const char *name,
                                   const char *path, size_t len, int reason, struct lq_error *err)
{
    struct stat info;

    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode))
        return lq_error_set(err, LQ_DENIED, "cannot sync into '%s/%.*s': it is a symbolic link",
                            dir->root, (int)len, path);
    return lq_error_errno(err, reason, "cannot sync into '%s/%.*s'", dir->root, (int)len, path);
}

/* Open the folder `name` in `parent`, making it when missing; `*made`: it was. -1 and errno. */
static int open_or_make(struct dir_remote *dir, int parent, const char *name, bool *made)
{
    int fd = LQ_RETRY(openat(parent, name, FOLDER_FLAGS));

    *made = false;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    *made = LQ_RETRY(mkdirat(parent, name, 0777)) == 0;
    if (!*made && errno != EEXIST)
        return -1;
    dir->made_folder = true;
    if (*made && !dir->bulk && sync_folder(parent) != 0) {
        const int reason = errno;

        /* Who finds it does not sync it again. */
        LQ_RETRY(unlinkat(parent, name, AT_REMOVEDIR));
        errno = reason;
        return -1;
    }
    return LQ_RETRY(openat(parent, name, FOLDER_FLAGS));
}

/*
 * Walk down to `path`, making what is missing. Each part is opened by its own name in the folder
 * above, with O_NOFOLLOW: no link is followed, whoever puts one there meanwhile.
 */
static enum lq_status walk(struct dir_remote *dir, const char *path, int *out, bool *made,
                           struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int parent = -1;
    const char *at = path;

    while (*at) {
        const size_t len = strcspn(at, "/");
        LQ_CLEANUP(lq_free) char *name = lq_strndup(at, len);
        const int above = parent < 0 ? dir->root_fd : parent;
        int fd = open_or_make(dir, above, name, made);

        if (fd < 0)
            return folder_error(dir, above, name, path, (size_t)(at - path) + len, errno, err);
        lq_close(&parent);
        parent = fd;
        at += len + (at[len] == '/');
    }
    *out = parent;
    parent = -1;
    return LQ_OK;
}

/* Folders stay open until the batch is flushed. Plans are sorted, so the wanted one is mostly the
 * last. */
static enum lq_status find_folder(struct dir_remote *dir, const char *path, struct folder **out,
                                  struct lq_error *err)
{
    struct folder *folder;
    bool made = false;
    int fd = -1;

    for (size_t i = dir->n_folders; i > 0; i--) {
        *out = dir->folders[i - 1];
        if (strcmp((*out)->path, path) == 0)
            return LQ_OK;
    }
    LQ_TRY(walk(dir, path, &fd, &made, err));
    folder = lq_alloc(sizeof *folder);
    folder->path = lq_strdup(path);
    folder->fd = fd;
    folder->fresh = made;
    LQ_GROW(dir->folders, dir->n_folders, dir->capacity);
    dir->folders[dir->n_folders++] = *out = folder;
    return LQ_OK;
}

static enum lq_status open_folder(struct dir_remote *dir, const char *path, struct folder **out,
                                  struct lq_error *err)
{
    enum lq_status status;

    pthread_mutex_lock(&dir->lock);
    status = find_folder(dir, path, out, err);
    pthread_mutex_unlock(&dir->lock);
    return status;
}

/* ---- files ---- */

static void begin(struct lq_remote *remote, size_t n_files)
{
    struct dir_remote *dir = (struct dir_remote *)remote;

    dir->bulk = n_files >= BULK_FILES;
    dir->made_folder = false;
    dir->copied = false;
}

/* Copy to the end, by reading and writing. -1 and errno. */
static int copy_by_hand(int from, int to)
{
    LQ_CLEANUP(lq_free) char *chunk = lq_alloc(1 << 17);

    for (;;) {
        const ssize_t n = read(from, chunk, 1 << 17);

        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        for (ssize_t done = 0; done < n;) {
            const ssize_t written = write(to, chunk + done, (size_t)(n - done));

            if (written < 0 && errno != EINTR)
                return -1;
            done += written > 0 ? written : 0;
        }
    }
}

/* copy_file_range() lets the file system share or copy the blocks itself; where it cannot, it
 * says so in many ways, one of them an early end. */
static int copy_bytes(int from, int to, int64_t size)
{
    while (size > 0) {
        const ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)size, 0);

        size -= n > 0 ? n : 0;
        if (n > 0 || (n < 0 && errno == EINTR))
            continue;
        if (n == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ||
            errno == EPERM || errno == EBADF)
            return copy_by_hand(from, to);
        return -1;
    }
    return 0;
}

/* Two names of one batch, or of two processes, never meet; a leftover of a killed process is known
 * by its form. */
void lq_dir_temporary_name(char name[static LQ_DIR_TEMPORARY_BYTES])
{
    uint64_t random = 0;

    while (getrandom(&random, sizeof random, 0) != sizeof random)
        continue;
    snprintf(name, LQ_DIR_TEMPORARY_BYTES, ".lq-%016" PRIx64 ".tmp", random);
}

bool lq_dir_is_temporary_name(const char *name)
{
    return strncmp(name, ".lq-", 4) == 0 && strspn(name + 4, "0123456789abcdef") == 16 &&
           strcmp(name + 20, ".tmp") == 0;
}

static enum lq_status fill(struct dir_remote *dir, struct lq_put *put, int source_fd, int fd,
                           bool durable, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_format("%s/%s/%s", dir->root, put->folder, put->name);

    dir->copied = true;
    if (copy_bytes(source_fd, fd, put->size_bytes) != 0)
        return lq_error_errno(err, errno, "cannot write '%s'", path);
    /* What is hashed is the copy, so that no bytes become visible but those that were recorded. */
    LQ_TRY(lq_file_sha256(fd, path, put->sha256, &put->size_bytes, err));
    if (durable && LQ_RETRY(fdatasync(fd)) != 0)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", path);
    return LQ_OK;
}

/*
 * Whether a link to the file gives everybody what a copy would: who may read a copy of ours may read
 * the link. In a folder that hands its group down, a file that not all may read needs that group.
 */
static bool may_link(const struct dir_remote *dir, const struct folder *folder,
                     const struct stat *source)
{
    const mode_t wanted = 0444 & ~dir->umask;
    struct stat info;

    if (!S_ISREG(source->st_mode) || (source->st_mode & wanted) != wanted)
        return false;
    return (source->st_mode & 0444) == 0444 ||
           (fstat(folder->fd, &info) == 0 &&
            (!(info.st_mode & S_ISGID) || info.st_gid == source->st_gid));
}

static enum lq_status link_there(struct lq_remote *remote, const struct lq_put *put, int folder_fd,
                                 const char *path, bool *linked, struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    struct folder *folder;
    struct stat info;

    *linked = false;
    if (dir->no_links)
        return LQ_OK;
    LQ_TRY(open_folder(dir, put->folder, &folder, err));
    if (fstatat(folder_fd, path, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        info.st_size != put->size_bytes || !may_link(dir, folder, &info))
        return LQ_OK;
    *linked = linkat(folder_fd, path, folder->fd, put->name, 0) == 0;
    if (!*linked && errno == EEXIST)
        return lq_error_errno(err, EEXIST, "cannot create '%s/%s/%s'", dir->root, put->folder,
                              put->name);
    /* Whatever else is in the way (no links there, too many, not one's own file): a copy may do. */
    if (!*linked && errno == EXDEV)
        dir->no_links = true;
    return LQ_OK;
}

/* Copy put's file under a temporary name, which is staged->name then. `durable`: now, not later with
 * the rest of the batch. */
static enum lq_status stage_copy(struct dir_remote *dir, struct lq_put *put, int source_fd,
                                 struct staged *staged, bool durable, struct lq_error *err)
{
    enum lq_status status;
    int fd;

    lq_dir_temporary_name(staged->name);
    fd = LQ_RETRY(openat(staged->folder->fd, staged->name,
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (fd < 0) {
        /* EEXIST would mean that the run's own name is taken. */
        return lq_error_errno(err, errno == EEXIST ? EIO : errno, "cannot create a file in '%s/%s'",
                              dir->root, put->folder);
    }
    status = fill(dir, put, source_fd, fd, durable, err);
    /* Network file systems tell of a full disk or quota only here. */
    if (close(fd) != 0 && errno != EINTR && status == LQ_OK)
        status = lq_error_errno(err, errno, "cannot write '%s/%s/%s'", dir->root, put->folder,
                                put->name);
    if (status != LQ_OK)
        LQ_RETRY(unlinkat(staged->folder->fd, staged->name, 0));
    return status;
}

static enum lq_status stage(struct lq_remote *remote, struct lq_put *put, int source_fd,
                            struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    LQ_CLEANUP(lq_free) struct staged *staged = lq_alloc(sizeof *staged);
    struct stat info;

    LQ_TRY(open_folder(dir, put->folder, &staged->folder, err));
    if (!staged->folder->fresh &&
        fstatat(staged->folder->fd, put->name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return lq_error_errno(err, EEXIST, "cannot create '%s/%s/%s'", dir->root, put->folder,
                              put->name);
    LQ_TRY(stage_copy(dir, put, source_fd, staged, !dir->bulk, err));
    put->staged = LQ_TAKE(staged);
    return LQ_OK;
}

static enum lq_status settle(struct lq_remote *remote, struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;

    if (dir->bulk && dir->copied && LQ_RETRY(syncfs(dir->root_fd)) != 0)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", dir->root);
    return LQ_OK;
}

static enum lq_status publish(struct lq_remote *remote, struct lq_put *put, struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    struct staged *staged = put->staged;

    if (lq_rename_noreplace(staged->folder->fd, staged->name, put->name) != 0)
        return lq_error_errno(err, errno, "cannot create '%s/%s/%s'", dir->root, put->folder,
                              put->name);
    lq_free(&put->staged);
    return LQ_OK;
}

static void unstage(struct lq_remote *remote, struct lq_put *put)
{
    struct staged *staged = put->staged;

    LQ_RETRY(unlinkat(staged->folder->fd, staged->name, 0));
    lq_free(&put->staged);
}

static enum lq_status flush(struct lq_remote *remote, struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    enum lq_status status = LQ_OK;

    if (dir->n_folders >= BULK_FILES || (dir->bulk && dir->made_folder)) {
        if (LQ_RETRY(syncfs(dir->root_fd)) != 0)
            status = lq_error_errno(err, errno, "cannot write '%s' to disk", dir->root);
    } else {
        for (size_t i = 0; i < dir->n_folders && status == LQ_OK; i++)
            if (sync_folder(dir->folders[i]->fd) != 0)
                status = lq_error_errno(err, errno, "cannot write '%s/%s' to disk", dir->root,
                                        dir->folders[i]->path);
    }
    close_folders(dir);
    return status;
}

static enum lq_status flush_all(struct lq_remote *remote, struct lq_error *err)
{
    const struct dir_remote *dir = (struct dir_remote *)remote;

    if (LQ_RETRY(syncfs(dir->root_fd)) != 0)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", dir->root);
    return LQ_OK;
}

/* ---- what is there ---- */

/* Open the folder `path` below the root without making anything. -1 and errno. */
static int open_existing(const struct dir_remote *dir, const char *path)
{
    int parent = fcntl(dir->root_fd, F_DUPFD_CLOEXEC, 0);

    while (parent >= 0 && *path) {
        const size_t len = strcspn(path, "/");
        LQ_CLEANUP(lq_free) char *name = lq_strndup(path, len);
        const int fd = LQ_RETRY(openat(parent, name, FOLDER_FLAGS));
        const int reason = errno;

        close(parent);
        errno = reason;
        parent = fd;
        path += len + (path[len] == '/');
    }
    return parent;
}

int lq_dir_open(const struct lq_remote *remote, const char *path)
{
    return open_existing((const struct dir_remote *)remote, path);
}

enum lq_status lq_dir_make(struct lq_remote *remote, const char *path, int *fd,
                           struct lq_error *err)
{
    bool made;

    return walk((struct dir_remote *)remote, path, fd, &made, err);
}

/* Nothing of lq's is where there is no folder, or a link. */
static bool is_no_folder(int reason)
{
    return reason == ENOENT || reason == ENOTDIR || reason == ELOOP;
}

struct listing {
    const struct dir_remote *dir;
    lq_remote_file_fn *on_file;
    void *ctx;
};

static void close_stream(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

/* List the open folder, which is closed. `path` is below the root. */
static enum lq_status list_folder(const struct listing *listing, int fd, const char *path,
                                  int depth, struct lq_error *err)
{
    LQ_CLEANUP(close_stream) DIR *stream = fdopendir(fd);
    const struct dirent *entry;

    while (stream && (errno = 0, entry = readdir(stream))) {
        LQ_CLEANUP(lq_free) char *below = NULL;
        struct stat info;

        if (entry->d_name[0] == '.' || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        below = *path ? lq_path_join(path, entry->d_name) : lq_strdup(entry->d_name);
        if (S_ISREG(info.st_mode)) {
            LQ_TRY(listing->on_file(listing->ctx, below, info.st_size, err));
        } else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
            const int child = LQ_RETRY(openat(fd, entry->d_name, FOLDER_FLAGS));

            if (child >= 0)
                LQ_TRY(list_folder(listing, child, below, depth + 1, err));
            else if (!is_no_folder(errno))
                return lq_error_errno(err, errno, "cannot list '%s/%s'", listing->dir->root, below);
        }
    }
    if (errno != 0)
        return lq_error_errno(err, errno, "cannot list '%s/%s'", listing->dir->root, path);
    return LQ_OK;
}

static enum lq_status list(struct lq_remote *remote, const char *folder, lq_remote_file_fn *on_file,
                           void *ctx, struct lq_error *err)
{
    const struct listing listing = { (struct dir_remote *)remote, on_file, ctx };
    const int fd = open_existing(listing.dir, folder);

    if (fd < 0)
        return is_no_folder(errno)
                   ? LQ_OK
                   : lq_error_errno(err, errno, "cannot list '%s/%s'", listing.dir->root, folder);
    return list_folder(&listing, fd, folder, 0, err);
}

/*
 * Open put's file for reading: a regular one. Anything else that has the name (a link, a pipe, a
 * socket, a folder) is another's, whatever it leads to: *fd is -1.
 */
static enum lq_status open_put(struct dir_remote *dir, const struct lq_put *put, int *fd,
                               struct stat *info, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int folder = open_existing(dir, put->folder);

    *fd = folder < 0 ? -1
                     : LQ_RETRY(openat(folder, put->name,
                                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (*fd < 0 && folder >= 0 && (errno == ELOOP || errno == ENXIO))
        return LQ_OK;
    if (*fd < 0 || fstat(*fd, info) != 0)
        return lq_error_errno(err, errno, "cannot read '%s/%s/%s'", dir->root, put->folder,
                              put->name);
    if (!S_ISREG(info->st_mode))
        lq_close(fd);
    return LQ_OK;
}

static enum lq_status same(struct lq_remote *remote, const struct lq_put *put, bool *same_bytes,
                           struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    LQ_CLEANUP(lq_close) int fd = -1;
    char sha256[LQ_SHA256_HEX_BYTES];
    struct stat info;
    int64_t size;

    *same_bytes = false;
    LQ_TRY(open_put(dir, put, &fd, &info, err));
    if (fd < 0 || info.st_size != put->size_bytes)
        return LQ_OK;
    LQ_TRY(lq_file_sha256(fd, put->name, sha256, &size, err));
    *same_bytes = size == put->size_bytes && strcmp(sha256, put->sha256) == 0;
    return LQ_OK;
}

static enum lq_status fetch(struct lq_remote *remote, const struct lq_put *put, int fd,
                            struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    LQ_CLEANUP(lq_close) int source = -1;
    struct stat info;

    LQ_TRY(open_put(dir, put, &source, &info, err));
    if (source < 0)
        return lq_error_set(err, LQ_CORRUPT, "'%s/%s/%s' is not a regular file", dir->root,
                            put->folder, put->name);
    if (copy_bytes(source, fd, info.st_size) != 0)
        return lq_error_errno(err, errno, "cannot copy '%s/%s/%s'", dir->root, put->folder,
                              put->name);
    return LQ_OK;
}

static bool is_source(struct lq_remote *remote, const struct lq_put *put, const struct stat *source)
{
    LQ_CLEANUP(lq_close) int folder = open_existing((struct dir_remote *)remote, put->folder);
    struct stat info;

    return folder >= 0 && fstatat(folder, put->name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           info.st_dev == source->st_dev && info.st_ino == source->st_ino;
}

/* Link the open file under the temporary name staged->name. false: it cannot be. */
static bool stage_link(struct dir_remote *dir, int source_fd, struct staged *staged)
{
    char path[32];
    struct stat info;

    if (dir->mode != LQ_SYNC_MODE_AUTO || dir->no_links || fstat(source_fd, &info) != 0 ||
        !may_link(dir, staged->folder, &info))
        return false;
    lq_dir_temporary_name(staged->name);
    snprintf(path, sizeof path, "/proc/self/fd/%d", source_fd);
    return LQ_RETRY(linkat(AT_FDCWD, path, staged->folder->fd, staged->name, AT_SYMLINK_FOLLOW)) ==
           0;
}

static enum lq_status replace(struct lq_remote *remote, struct lq_put *put, int source_fd,
                              struct lq_error *err)
{
    struct dir_remote *dir = (struct dir_remote *)remote;
    LQ_CLEANUP(lq_free) struct staged *staged = lq_alloc(sizeof *staged);
    enum lq_status status;

    LQ_TRY(open_folder(dir, put->folder, &staged->folder, err));
    if (!stage_link(dir, source_fd, staged))
        LQ_TRY(stage_copy(dir, put, source_fd, staged, true, err));
    if (LQ_RETRY(renameat(staged->folder->fd, staged->name, staged->folder->fd, put->name)) == 0) {
        /* Where both are links to one file, rename() leaves both. */
        LQ_RETRY(unlinkat(staged->folder->fd, staged->name, 0));
        if (sync_folder(staged->folder->fd) == 0)
            return LQ_OK;
    }
    status =
        lq_error_errno(err, errno, "cannot replace '%s/%s/%s'", dir->root, put->folder, put->name);
    LQ_RETRY(unlinkat(staged->folder->fd, staged->name, 0));
    return status;
}

static void sweep(struct lq_remote *remote, const char *folder, int64_t before)
{
    const int fd = open_existing((struct dir_remote *)remote, folder);
    LQ_CLEANUP(close_stream) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    while (stream && (entry = readdir(stream))) {
        struct stat info;

        if (lq_dir_is_temporary_name(entry->d_name) &&
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
            info.st_ctim.tv_sec < before / LQ_US_PER_SECOND)
            LQ_RETRY(unlinkat(fd, entry->d_name, 0));
    }
}

const struct lq_remote_kind lq_remote_dir = {
    .scheme = "",
    .threads = 2,
    .files_per_thread = 4,
    .locate = locate,
    .same_file_system = same_file_system,
    .open = open_dir,
    .close = close_dir,
    .begin = begin,
    .link = link_there,
    .stage = stage,
    .settle = settle,
    .publish = publish,
    .unstage = unstage,
    .flush = flush,
    .flush_all = flush_all,
    .list = list,
    .same = same,
    .fetch = fetch,
    .is_source = is_source,
    .replace = replace,
    .sweep = sweep,
};
