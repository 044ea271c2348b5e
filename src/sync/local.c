/* SPDX-License-Identifier: MIT */
/* Lists the folders and files of `.lq/logs` and `.lq/raw`. */
#include "sync/local.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
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

/* ---- what is known ---- */

static int known_by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_known_folder *)a)->path,
                  ((const struct lq_known_folder *)b)->path);
}

/* NULL: nothing is remembered of it. */
static const struct lq_known_folder *find_known(const struct lq_known_folders *known,
                                                const char *path)
{
    const struct lq_known_folder key = { .path = (char *)(uintptr_t)path };

    return !known || known->count == 0
               ? NULL
               : bsearch(&key, known->items, known->count, sizeof *known->items, known_by_path);
}

void lq_known_folders_release(struct lq_known_folders *known)
{
    for (size_t i = 0; i < known->count; i++) {
        free(known->items[i].path);
        free(known->items[i].content);
    }
    free(known->items);
    *known = (struct lq_known_folders){ 0 };
}

/* ---- folders ---- */

struct walk {
    struct lq_leaves *leaves;
    const struct lq_known_folders *known; /* may be NULL */
    int logs_fd;
    struct date *dates; /* of each of leaves->dates */
    atomic_flag failed;
    struct lq_error problem; /* of whoever set `failed` */
};

/* A date's own leaves. */
struct date {
    const struct walk *walk;
    const char *path;
    struct lq_leaf *leaves;
    size_t n_leaves, capacity;
};

/* Reading a date is some calls to the file system, looking at a known one is two. */
#define DATES_PER_THREAD 64
#define MAX_THREADS 2

static void walk_release(struct walk *walk)
{
    for (size_t i = 0; walk->dates && i < walk->leaves->n_dates; i++) {
        for (size_t j = 0; j < walk->dates[i].n_leaves; j++)
            free(walk->dates[i].leaves[j].path);
        free(walk->dates[i].leaves);
    }
    free(walk->dates);
}

static bool is_folder(int fd, const char *path, struct stat *info)
{
    return fstatat(fd, path, info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info->st_mode);
}

/* Takes `path` over. */
static void add_leaf(struct date *date, char *path, const struct stat *info,
                     const struct lq_known_folder *known)
{
    struct lq_leaf *leaf;

    LQ_GROW(date->leaves, date->n_leaves, date->capacity);
    leaf = &date->leaves[date->n_leaves++];
    leaf->path = path;
    leaf->mtime_ns = lq_mtime_ns(info);
    leaf->known = known;
}

static enum lq_status on_source(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    struct date *date = ctx;
    LQ_CLEANUP(lq_free) char *path = NULL;
    const struct lq_known_folder *known;
    struct stat info;

    (void)err;
    if (strncmp(name, "source=", 7) != 0 || !is_folder(folder_fd, name, &info))
        return LQ_OK;
    path = lq_path_join(date->path, name);
    known = find_known(date->walk->known, path);
    add_leaf(date, LQ_TAKE(path), &info, known);
    return LQ_OK;
}

/* Add the folders that the date is known to have, if those are all: else one that is missing held
 * something new, or was not looked at. */
static bool add_known(struct date *date, const struct lq_known_folder *row)
{
    const struct walk *walk = date->walk;
    const struct lq_known_folder *end = walk->known->items + walk->known->count;
    const struct lq_known_folder *first = row + 1;
    const size_t len = strlen(row->path);
    size_t n_known = 0;

    /* "date=D-1" sorts before "date=D/source=S". */
    while (first < end && strncmp(first->path, row->path, len) == 0 && first->path[len] < '/')
        first++;
    while (first + n_known < end && strncmp(first[n_known].path, row->path, len) == 0 &&
           first[n_known].path[len] == '/')
        n_known++;
    if (n_known != strtoul(row->content, NULL, 10))
        return false;
    for (size_t i = 0; i < n_known; i++) {
        struct stat info;

        if (is_folder(walk->logs_fd, first[i].path, &info))
            add_leaf(date, lq_strdup(first[i].path), &info, &first[i]);
    }
    return true;
}

static enum lq_status read_date(struct walk *walk, size_t index, struct lq_error *err)
{
    struct lq_date *found = &walk->leaves->dates[index];
    struct date *date = &walk->dates[index];
    struct stat info;

    *date = (struct date){ .walk = walk, .path = found->path };
    found->known = find_known(walk->known, found->path);
    if (is_folder(walk->logs_fd, found->path, &info)) {
        found->mtime_ns = lq_mtime_ns(&info);
        if (found->known && walk->leaves->times_tell && found->known->mtime_ns == found->mtime_ns &&
            add_known(date, found->known))
            return LQ_OK;
    }
    return each_name(walk->logs_fd, found->path, "logs", on_source, date, err);
}

static void look_at_date(void *ctx, size_t index)
{
    struct walk *walk = ctx;
    struct lq_error problem = { 0 };

    if (read_date(walk, index, &problem) != LQ_OK && !atomic_flag_test_and_set(&walk->failed))
        walk->problem = problem;
}

static enum lq_status on_date(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    struct lq_leaves *leaves = ctx;

    (void)folder_fd;
    (void)err;
    if (strncmp(name, "date=", 5) != 0)
        return LQ_OK;
    LQ_GROW(leaves->dates, leaves->n_dates, leaves->dates_capacity);
    leaves->dates[leaves->n_dates++] =
        (struct lq_date){ .path = lq_strdup(name), .mtime_ns = LQ_NO_TIME };
    return LQ_OK;
}

/* Look at all dates, on threads if they are many. */
static enum lq_status look_at_dates(struct walk *walk, struct lq_error *err)
{
    struct lq_leaves *leaves = walk->leaves;
    const size_t useful = leaves->n_dates / DATES_PER_THREAD;

    walk->dates = lq_alloc((leaves->n_dates + 1) * sizeof *walk->dates);
    lq_pool_run(leaves->n_dates, useful < MAX_THREADS ? useful : MAX_THREADS, INT64_MAX,
                look_at_date, NULL, walk);
    if (walk->problem.status != LQ_OK) {
        if (err)
            *err = walk->problem;
        return walk->problem.status;
    }
    for (size_t i = 0; i < leaves->n_dates; i++) {
        struct date *date = &walk->dates[i];

        for (size_t j = 0; j < date->n_leaves; j++) {
            LQ_GROW(leaves->items, leaves->count, leaves->capacity);
            leaves->items[leaves->count++] = date->leaves[j];
        }
        date->n_leaves = 0;
    }
    return LQ_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_leaf *)a)->path, ((const struct lq_leaf *)b)->path);
}

static int date_by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_date *)a)->path, ((const struct lq_date *)b)->path);
}

enum lq_status lq_leaves_list(struct lq_leaves *leaves, int logs_fd,
                              const struct lq_known_folders *known, struct lq_error *err)
{
    LQ_CLEANUP(walk_release) struct walk walk = { leaves, known, logs_fd,
                                                  .failed = ATOMIC_FLAG_INIT };

    if (logs_fd < 0)
        return LQ_OK;
    leaves->times_tell = lq_folder_times_tell(logs_fd);
    LQ_TRY(each_name(logs_fd, ".", "logs", on_date, leaves, err));
    if (leaves->n_dates > 0)
        qsort(leaves->dates, leaves->n_dates, sizeof *leaves->dates, date_by_path);
    LQ_TRY(look_at_dates(&walk, err));
    if (leaves->count > 0)
        qsort(leaves->items, leaves->count, sizeof *leaves->items, by_path);
    return LQ_OK;
}

void lq_leaves_release(struct lq_leaves *leaves)
{
    for (size_t i = 0; i < leaves->count; i++)
        free(leaves->items[i].path);
    free(leaves->items);
    for (size_t i = 0; i < leaves->n_dates; i++)
        free(leaves->dates[i].path);
    free(leaves->dates);
    *leaves = (struct lq_leaves){ 0 };
}

/* ---- files ---- */

struct wanted {
    struct lq_buf *text;
    struct lq_str suffix;
};

static enum lq_status on_file(void *ctx, int folder_fd, const char *name, struct lq_error *err)
{
    const struct wanted *wanted = ctx;
    const struct lq_str text = lq_str_of(name);

    if (name[0] != '.' && lq_str_ends(text, wanted->suffix))
        lq_buf_add(wanted->text, name, text.len + 1);
    (void)folder_fd;
    (void)err;
    return LQ_OK;
}

enum lq_status lq_names_read(struct lq_buf *text, int fd, const char *folder, const char *path,
                             const char *suffix, struct lq_error *err)
{
    struct wanted wanted = { text, lq_str_of(suffix) };

    return each_name(fd, path, folder, on_file, &wanted, err);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lq_names_add(struct lq_names *names, const struct lq_buf *text)
{
    const char *at = lq_buf_text(text);

    for (const char *end = at + text->len; at < end; at += strlen(at) + 1) {
        LQ_GROW(names->items, names->count, names->capacity);
        names->items[names->count++] = lq_strdup(at);
    }
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_bytes);
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
