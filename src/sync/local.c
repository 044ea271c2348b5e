/* SPDX-License-Identifier: MIT */
/* Lists the folders and files of `.lq/logs` and `.lq/raw`. */
#include "sync/local.h"
#include "base/alloc.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- reading a folder ---- */

static void close_stream(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

/* Call `on_name` for each name in the folder `path` below `fd`, until it fails. `what` for messages. */
static enum lq_status each_name(int fd, const char *path, const char *what,
                                enum lq_status (*on_name)(void *ctx, int folder_fd,
                                                          const char *name, struct lq_error *err),
                                void *ctx, struct lq_error *err)
{
    const int folder_fd = LQ_RETRY(openat(fd, path, FOLDER_FLAGS));
    LQ_CLEANUP(close_stream) DIR *stream = folder_fd < 0 ? NULL : fdopendir(folder_fd);
    const struct dirent *entry;

    /* Not a folder, or gone since: nothing of lq's is in it. */
    if (!stream && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT))
        return LQ_OK;
    if (!stream)
        return lq_error_errno(err, errno, "cannot read '.lq/%s/%s'", what, path);
    while ((errno = 0, entry = readdir(stream)))
        LQ_TRY(on_name(ctx, folder_fd, entry->d_name, err));
    if (errno != 0)
        return lq_error_errno(err, errno, "cannot read '.lq/%s/%s'", what, path);
    return LQ_OK;
}

/* ---- folders ---- */

struct date {
    struct lq_leaves *leaves;
    const char *name;
};

static enum lq_status on_source(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    const struct date *date = ctx;
    struct lq_leaves *leaves = date->leaves;
    struct stat info;

    if (strncmp(name, "source=", 7) != 0 ||
        fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode))
        return LQ_OK;
    LQ_GROW(leaves->items, leaves->count, leaves->capacity);
    leaves->items[leaves->count++] = (struct lq_leaf){
        .path = lq_path_join(date->name, name),
        .mtime_ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec,
    };
    return LQ_OK;
}

static enum lq_status on_date(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    struct date date = { ctx, name };

    if (strncmp(name, "date=", 5) != 0)
        return LQ_OK;
    return each_name(folder_fd, name, "logs", on_source, &date, err);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_leaf *)a)->path, ((const struct lq_leaf *)b)->path);
}

enum lq_status lq_leaves_list(struct lq_leaves *leaves, int logs_fd, struct lq_error *err)
{
    if (logs_fd < 0)
        return LQ_OK;
    leaves->times_tell = lq_folder_times_tell(logs_fd);
    LQ_TRY(each_name(logs_fd, ".", "logs", on_date, leaves, err));
    if (leaves->count > 0)
        qsort(leaves->items, leaves->count, sizeof *leaves->items, by_path);
    return LQ_OK;
}

void lq_leaves_release(struct lq_leaves *leaves)
{
    for (size_t i = 0; i < leaves->count; i++)
        free(leaves->items[i].path);
    free(leaves->items);
    *leaves = (struct lq_leaves){ 0 };
}

/* ---- files ---- */

struct wanted {
    struct lq_names *names;
    struct lq_str suffix;
};

static enum lq_status on_file(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    const struct wanted *wanted = ctx;
    struct lq_names *names = wanted->names;

    if (name[0] == '.' || !lq_str_ends(lq_str_of(name), wanted->suffix))
        return LQ_OK;
    LQ_GROW(names->items, names->count, names->capacity);
    names->items[names->count++] = lq_strdup(name);
    return LQ_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum lq_status lq_names_list(struct lq_names *names, int fd, const char *folder, const char *path,
                             const char *suffix, struct lq_error *err)
{
    struct wanted wanted = { names, lq_str_of(suffix) };

    LQ_TRY(each_name(fd, path, folder, on_file, &wanted, err));
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_bytes);
    return LQ_OK;
}

bool lq_names_have(const struct lq_names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->items, names->count, sizeof *names->items, by_bytes);
}

void lq_names_release(struct lq_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct lq_names){ 0 };
}
