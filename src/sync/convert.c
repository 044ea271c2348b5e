/* SPDX-License-Identifier: MIT */
/* Exchanges folders of runs with links to the project's own, and back. */
#include "sync/convert.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "sync/remote_dir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* "date=D/source=S" */
#define RUN_DEPTH 2

/* ---- where things are ---- */

static bool is_raw_folder(const char *folder)
{
    return strstr(folder, "/_raw/") != NULL;
}

/* The project's own folder that `folder` mirrors. */
static int own_fd(const struct lq_sync_plan *plan, const char *folder)
{
    return is_raw_folder(folder) ? plan->raw_fd : plan->logs_fd;
}

static char *own_path(const struct lq_sync_plan *plan, const char *folder)
{
    LQ_CLEANUP(lq_free) char *path =
        lq_path_join(plan->store->project->lq_dir, is_raw_folder(folder) ? "raw" : "logs");

    return realpath(path, NULL);
}

/* The folder that `folder` lies in, opened, and its name there. */
static int open_parent(const struct lq_remote *remote, const char *folder)
{
    LQ_CLEANUP(lq_free) char *parent =
        lq_strndup(folder, (size_t)(lq_path_base(folder) - folder) - 1);

    return lq_dir_open(remote, parent);
}

static int exchange(int parent, const char *a, const char *b)
{
    return LQ_RETRY(renameat2(parent, a, parent, b, RENAME_EXCHANGE));
}

enum lq_at_folder lq_convert_look(const struct lq_sync_plan *plan, const struct lq_remote *remote,
                                  const char *folder)
{
    LQ_CLEANUP(lq_close) int parent = open_parent(remote, folder);
    const char *name = lq_path_base(folder);
    struct stat there, own;

    if (parent < 0 || fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? LQ_AT_NOTHING : LQ_AT_OTHER;
    if (S_ISDIR(there.st_mode))
        return LQ_AT_FOLDER;
    if (!S_ISLNK(there.st_mode) || own_fd(plan, folder) < 0 ||
        fstatat(parent, name, &there, 0) != 0 || fstat(own_fd(plan, folder), &own) != 0)
        return LQ_AT_OTHER;
    return there.st_dev == own.st_dev && there.st_ino == own.st_ino ? LQ_AT_OUR_LINK : LQ_AT_OTHER;
}

/* ---- whether a folder holds nothing but this project's own ---- */

struct check {
    const struct lq_sync_plan *plan;
    int own_fd;
    bool abandoned;        /* nobody is at work on it: temporary files are leftovers */
    struct lq_names files; /* found to be this project's: paths below the folder, in order found */
    struct lq_names folders;
    char *foreign; /* the first that is not */
    size_t n_foreign;
};

static void check_release(struct check *check)
{
    lq_names_release(&check->files);
    lq_names_release(&check->folders);
    free(check->foreign);
}

static void add(struct lq_names *names, const char *name)
{
    LQ_GROW(names->items, names->count, names->capacity);
    names->items[names->count++] = lq_strdup(name);
}

static void add_foreign(struct check *check, const char *path)
{
    if (check->n_foreign++ == 0)
        check->foreign = lq_strdup(path);
}

/* Whether the file `own_path` of the project has the bytes of the open file. */
static bool has_bytes(const struct check *check, const char *own_path, int fd)
{
    LQ_CLEANUP(lq_close) int own = LQ_RETRY(
        openat(check->own_fd, own_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    char own_hash[LQ_SHA256_HEX_BYTES], hash[LQ_SHA256_HEX_BYTES];
    struct stat a, b;
    int64_t size;

    if (own < 0 || fstat(own, &a) != 0 || fstat(fd, &b) != 0 || !S_ISREG(a.st_mode))
        return false;
    if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return true;
    return a.st_size == b.st_size &&
           lq_file_sha256(own, own_path, own_hash, &size, NULL) == LQ_OK &&
           lq_file_sha256(fd, own_path, hash, &size, NULL) == LQ_OK && strcmp(own_hash, hash) == 0;
}

/* "…/001_build_143022.parquet" of "…/001_build_143022-89abcdef.parquet"; NULL: no such name. */
static char *without_run8(const char *path)
{
    const char *name = lq_path_base(path);
    const char *dot = strchr(name, '.');
    const ptrdiff_t ending = 9;

    if (!dot || dot - name <= ending || dot[-ending] != '-')
        return NULL;
    return lq_format("%.*s%s", (int)(dot - ending - path), path, dot);
}

static void check_file(struct check *check, int folder_fd, const char *name, const char *path)
{
    LQ_CLEANUP(lq_close) int fd = LQ_RETRY(
        openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    LQ_CLEANUP(lq_free) char *plain = without_run8(path);
    const bool leftover = check->abandoned && lq_dir_is_temporary_name(name);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        (name[0] == '.' && !leftover) ||
        (!leftover && !has_bytes(check, path, fd) && !(plain && has_bytes(check, plain, fd))))
        add_foreign(check, path);
    else
        add(&check->files, path);
}

static void close_stream(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

/* Check all in the open folder, which is closed. */
static enum lq_status check_folder(struct check *check, int fd, const char *path, int depth,
                                   struct lq_error *err)
{
    LQ_CLEANUP(close_stream) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!stream)
        return lq_error_errno(err, errno, "cannot read '%s'", path);
    while ((errno = 0, entry = readdir(stream))) {
        LQ_CLEANUP(lq_free) char *below = NULL;
        int child;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        below = *path ? lq_path_join(path, entry->d_name) : lq_strdup(entry->d_name);
        child = depth < RUN_DEPTH ? LQ_RETRY(openat(fd, entry->d_name, FOLDER_FLAGS)) : -1;
        if (child >= 0)
            LQ_TRY(check_folder(check, child, below, depth + 1, err));
        else
            check_file(check, fd, entry->d_name, below);
    }
    if (errno != 0)
        return lq_error_errno(err, errno, "cannot read '%s'", path);
    add(&check->folders, path);
    return LQ_OK;
}

/* Check the folder `name` in `parent`; `folder` for the message. */
static enum lq_status check_all(struct check *check, int parent, const char *name,
                                const char *folder, struct lq_error *err)
{
    check->own_fd = own_fd(check->plan, folder);
    LQ_TRY(check_folder(check, LQ_RETRY(openat(parent, name, FOLDER_FLAGS)), "", 0, err));
    if (check->n_foreign == 0)
        return LQ_OK;
    return lq_error_set(
        err, LQ_EXISTS,
        "cannot make '%s/%s' a link: it holds %zu %s that this project does not have, "
        "such as '%s'",
        check->plan->place.name, folder, check->n_foreign, check->n_foreign == 1 ? "file" : "files",
        check->foreign);
}

enum lq_status lq_convert_check(const struct lq_sync_plan *plan, const struct lq_remote *remote,
                                const char *folder, struct lq_error *err)
{
    LQ_CLEANUP(check_release) struct check check = { .plan = plan };
    LQ_CLEANUP(lq_close) int parent = open_parent(remote, folder);

    return check_all(&check, parent, lq_path_base(folder), folder, err);
}

/* ---- from folder to link ---- */

static enum lq_status sync_parent(const struct lq_sync_plan *plan, int parent, struct lq_error *err)
{
    if (LQ_RETRY(fsync(parent)) != 0 && errno != EINVAL)
        return lq_error_errno(err, errno, "cannot write '%s' to disk", plan->place.name);
    return LQ_OK;
}

/* Remove the files of the folder `name` that were checked, and folders that are empty then. */
static enum lq_status remove_checked(const struct check *check, int parent, const char *name,
                                     const char *folder, struct lq_error *err)
{
    const int flags[] = { 0, AT_REMOVEDIR };
    const struct lq_names *lists[] = { &check->files, &check->folders };

    for (size_t i = 0; i < LQ_COUNT(lists); i++)
        for (size_t j = 0; j < lists[i]->count; j++) {
            LQ_CLEANUP(lq_free) char *path =
                *lists[i]->items[j] ? lq_path_join(name, lists[i]->items[j]) : lq_strdup(name);

            if (LQ_RETRY(unlinkat(parent, path, flags[i])) != 0 && errno != ENOENT)
                return lq_error_errno(err, errno,
                                      "'%s/%s' is a link now, and what somebody has added to the "
                                      "folder meanwhile lies in '%s' beside it",
                                      check->plan->place.name, folder, name);
        }
    return LQ_OK;
}

/* The link `temporary` takes the place of the folder. */
static enum lq_status swap_in_link(struct lq_sync_plan *plan, int parent, const char *temporary,
                                   const char *folder, struct lq_error *err)
{
    LQ_CLEANUP(check_release) struct check before = { .plan = plan }, after = { .plan = plan };
    const char *name = lq_path_base(folder);
    LQ_CLEANUP(lq_close) int held = LQ_RETRY(openat(parent, name, FOLDER_FLAGS));
    enum lq_status status;

    /* Once it has a temporary name, another sync must not take it for what a killed one left. */
    if (held >= 0)
        (void)!flock(held, LOCK_EX | LOCK_NB);
    LQ_TRY(check_all(&before, parent, name, folder, err));
    if (exchange(parent, temporary, name) != 0)
        return lq_error_errno(err, errno, "cannot make '%s/%s' a link: cannot exchange names there",
                              plan->place.name, folder);
    status = check_all(&after, parent, temporary, folder, err);
    if (status != LQ_OK) {
        /* Somebody has added to it meanwhile. */
        exchange(parent, temporary, name);
        return status;
    }
    LQ_TRY(sync_parent(plan, parent, err));
    return remove_checked(&after, parent, temporary, folder, err);
}

enum lq_status lq_convert_to_link(struct lq_sync_plan *plan, struct lq_remote *remote,
                                  struct lq_step *step, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *target = own_path(plan, step->remote_path);
    LQ_CLEANUP(lq_close) int parent = -1;
    const char *name = lq_path_base(step->remote_path);
    char temporary[LQ_DIR_TEMPORARY_BYTES];
    enum lq_status status = LQ_OK;

    if (!target)
        return lq_error_errno(err, errno, "cannot link to '%s'", plan->store->project->lq_dir);
    LQ_TRY(lq_dir_make(remote, step->folder, &parent, err));
    lq_dir_temporary_name(temporary);
    if (LQ_RETRY(symlinkat(target, parent, temporary)) != 0)
        return lq_error_errno(err, errno, "cannot make a link in '%s/%s'", plan->place.name,
                              step->folder);
    if (lq_rename_noreplace(parent, temporary, name) != 0) {
        const int reason = errno;

        switch (lq_convert_look(plan, remote, step->remote_path)) {
        case LQ_AT_OUR_LINK:
            break;
        case LQ_AT_FOLDER:
            status = swap_in_link(plan, parent, temporary, step->remote_path, err);
            break;
        default:
            status = lq_error_errno(err, reason, "cannot make '%s/%s' a link", plan->place.name,
                                    step->remote_path);
        }
    }
    /* The link that was not needed; a folder is not removed by this. */
    LQ_RETRY(unlinkat(parent, temporary, 0));
    return status == LQ_OK ? sync_parent(plan, parent, err) : status;
}

/* ---- from link to folder ---- */

/* How often another sync may take the new folder for what a killed one left, before it is locked. */
#define ATTEMPTS 100

static enum lq_status make_detour(struct lq_detour *detour, const char *folder,
                                  struct lq_remote *remote, struct lq_error *err)
{
    enum lq_status status = LQ_NOT_FOUND;

    for (int i = 0; status == LQ_NOT_FOUND && i < ATTEMPTS; i++) {
        char temporary[LQ_DIR_TEMPORARY_BYTES];
        struct stat info;

        lq_dir_temporary_name(temporary);
        free(detour->path);
        lq_close(&detour->fd);
        detour->path = lq_format("%.*s%s", (int)(lq_path_base(folder) - folder), folder, temporary);
        status = lq_dir_make(remote, detour->path, &detour->fd, err);
        /* Where there are no locks, age protects. */
        if (status == LQ_OK && flock(detour->fd, LOCK_EX | LOCK_NB) == 0 &&
            fstat(detour->fd, &info) == 0 && info.st_nlink == 0)
            status = LQ_NOT_FOUND;
    }
    return status;
}

enum lq_status lq_convert_begin(struct lq_sync_plan *plan, struct lq_remote *remote,
                                struct lq_error *err)
{
    if (plan->links.count > 0)
        plan->detours = lq_alloc(plan->links.count * sizeof *plan->detours);
    for (size_t i = 0; i < plan->links.count; i++)
        plan->detours[i].fd = -1;
    for (size_t i = 0; i < plan->links.count; i++)
        LQ_TRY(make_detour(&plan->detours[i], plan->links.items[i], remote, err));
    return LQ_OK;
}

void lq_convert_detour(const struct lq_sync_plan *plan, struct lq_step *step)
{
    for (size_t i = 0; plan->detours && i < plan->links.count; i++) {
        const size_t len = strlen(plan->links.items[i]);

        if (strncmp(step->folder, plan->links.items[i], len) != 0 || step->folder[len] != '/')
            continue;
        free(step->detour);
        step->detour = lq_format("%s%s", plan->detours[i].path, step->folder + len);
        step->put.folder = step->detour;
    }
}

/* Remove a folder that was made to take a link's place: nobody but this sync has put anything in it, and
 * each of its files is one of the project. */
static void drop_detour(const struct lq_sync_plan *plan, int parent, const char *name,
                        const char *folder)
{
    LQ_CLEANUP(check_release) struct check check = { .plan = plan, .abandoned = true };

    if (check_all(&check, parent, name, folder, NULL) == LQ_OK)
        (void)!remove_checked(&check, parent, name, folder, NULL);
}

/* How old what was left must be where no lock tells that nobody is at work on it. */
#define STALE_SEC (24 * 3600)

static void sweep_entry(const struct lq_sync_plan *plan, int parent, const char *name,
                        const char *folder)
{
    LQ_CLEANUP(lq_close) int fd = LQ_RETRY(openat(parent, name, FOLDER_FLAGS));
    struct stat info;
    bool stale;

    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    stale = info.st_ctim.tv_sec + STALE_SEC < plan->opts.now / LQ_US_PER_SECOND;
    if (S_ISLNK(info.st_mode) && stale)
        LQ_RETRY(unlinkat(parent, name, 0));
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && stale)))
        drop_detour(plan, parent, name, folder);
}

void lq_convert_sweep(const struct lq_sync_plan *plan, const struct lq_remote *remote,
                      const char *folder)
{
    LQ_CLEANUP(lq_close) int parent = open_parent(remote, folder);
    LQ_CLEANUP(close_stream) DIR *stream = parent < 0 ? NULL : fdopendir(dup(parent));
    const struct dirent *entry;

    while (stream && (entry = readdir(stream)))
        if (lq_dir_is_temporary_name(entry->d_name))
            sweep_entry(plan, parent, entry->d_name, folder);
}

static enum lq_status swap_in_folder(const struct lq_sync_plan *plan, int parent, const char *name,
                                     const char *folder, struct lq_error *err)
{
    struct stat info;

    if (exchange(parent, name, lq_path_base(folder)) != 0)
        return lq_error_errno(
            err, errno, "cannot make a folder of the link '%s/%s': cannot exchange names there",
            plan->place.name, folder);
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode)) {
        LQ_RETRY(unlinkat(parent, name, 0));
        return LQ_OK;
    }
    /* Another sync was quicker: its folder stays, and gets from the next sync what it lacks. */
    exchange(parent, name, lq_path_base(folder));
    return lq_error_set(err, LQ_EXISTS,
                        "cannot make a folder of the link '%s/%s': another sync was quicker",
                        plan->place.name, folder);
}

enum lq_status lq_convert_end(struct lq_sync_plan *plan, struct lq_remote *remote, bool complete,
                              struct lq_error *err)
{
    enum lq_status result = LQ_OK;

    for (size_t i = 0; plan->detours && i < plan->links.count; i++) {
        const char *folder = plan->links.items[i];
        const char *name = lq_path_base(plan->detours[i].path);
        LQ_CLEANUP(lq_close) int parent = open_parent(remote, folder);
        enum lq_status status = LQ_OK;

        if (complete)
            status = swap_in_folder(plan, parent, name, folder, err);
        if (complete && status == LQ_OK)
            status = sync_parent(plan, parent, err);
        if (!complete || status != LQ_OK)
            drop_detour(plan, parent, name, folder);
        if (status != LQ_OK)
            result = status;
    }
    return result;
}
