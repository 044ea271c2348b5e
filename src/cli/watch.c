/* SPDX-License-Identifier: MIT */
/* A tree of inotify watches. */
#include "cli/watch.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/git.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GIT_TIMEOUT_MS = 60000,
    GIT_OUTPUT_BYTES = 256 * 1024 * 1024,
};

#define WATCHED                                                                                    \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR |           \
     IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct folder {
    int wd;
    char *path; /* relative to the root; "" for itself */
    size_t repository_len;
};

struct lq_watch {
    int fd;
    char *root;
    bool has_git;
    struct folder *folders; /* by wd */
    size_t count, capacity;
};

/* ---- sets of paths ---- */

void lq_changes_release(struct lq_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        free(changes->list[i].path);
    free(changes->list);
    *changes = (struct lq_changes){ 0 };
}

static void changes_add(struct lq_changes *changes, char *path, size_t repository_len)
{
    LQ_GROW(changes->list, changes->count, changes->capacity);
    changes->list[changes->count].path = path;
    changes->list[changes->count++].repository_len = repository_len;
}

void lq_changes_add(struct lq_changes *changes, const struct lq_change *change)
{
    changes_add(changes, lq_strdup(change->path), change->repository_len);
}

static int compare_changes(const void *a, const void *b)
{
    return strcmp(((const struct lq_change *)a)->path, ((const struct lq_change *)b)->path);
}

static bool contains(const struct lq_changes *changes, const struct lq_change *change)
{
    return changes->count > 0 &&
           bsearch(change, changes->list, changes->count, sizeof *change, compare_changes);
}

static void sort(struct lq_changes *changes)
{
    size_t kept = 0;

    if (changes->count == 0)
        return;
    qsort(changes->list, changes->count, sizeof *changes->list, compare_changes);
    for (size_t i = 1; i < changes->count; i++) {
        if (compare_changes(&changes->list[kept], &changes->list[i]) == 0)
            free(changes->list[i].path);
        else
            changes->list[++kept] = changes->list[i];
    }
    changes->count = kept + 1;
}

void lq_changes_reduce(struct lq_changes *changes, const struct lq_changes *others, bool keep)
{
    size_t kept = 0;

    for (size_t i = 0; i < changes->count; i++) {
        if (contains(others, &changes->list[i]) == keep)
            changes->list[kept++] = changes->list[i];
        else
            free(changes->list[i].path);
    }
    changes->count = kept;
}

void lq_changes_move(struct lq_changes *changes, struct lq_changes *from)
{
    for (size_t i = 0; i < from->count; i++)
        changes_add(changes, from->list[i].path, from->list[i].repository_len);
    from->count = 0;
}

/* ---- what git ignores ---- */

/* Of the changes within one repository, append those that it ignores. A failure ignores nothing. */
static void ask_git(const struct lq_watch *watch, const struct lq_change *first,
                    const struct lq_changes *changes, struct lq_changes *ignored)
{
    static const char *const args[] = { "check-ignore", "-z", "--stdin", NULL };
    LQ_CLEANUP(lq_free) char *repository =
        lq_format("%s/%.*s", watch->root, (int)first->repository_len, first->path);
    LQ_CLEANUP(lq_buf_release) struct lq_buf input = LQ_BUF_INIT, text = LQ_BUF_INIT;
    const size_t len = first->repository_len;

    for (size_t i = 0; i < changes->count; i++) {
        const struct lq_change *change = &changes->list[i];

        if (change->repository_len == len && strncmp(change->path, first->path, len) == 0)
            lq_buf_add(&input, change->path + len + (len > 0),
                       strlen(change->path + len + (len > 0)) + 1);
    }
    /* Its status says whether anything is ignored; so does its output. */
    if (!lq_git_output(repository, args, (struct lq_str){ lq_buf_text(&input), input.len },
                       GIT_TIMEOUT_MS, GIT_OUTPUT_BYTES, &text) &&
        text.len == 0)
        return;
    for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
        changes_add(ignored,
                    lq_format("%.*s%s%s", (int)len, first->path, len ? "/" : "", text.data + at),
                    len);
}

static bool same_repository(const struct lq_change *a, const struct lq_change *b)
{
    return a->repository_len == b->repository_len &&
           strncmp(a->path, b->path, a->repository_len) == 0;
}

static void drop_ignored(const struct lq_watch *watch, struct lq_changes *changes)
{
    LQ_CLEANUP(lq_changes_release) struct lq_changes ignored = { 0 };

    for (size_t i = 0; i < changes->count; i++) {
        bool asked = false;

        for (size_t k = 0; k < i && !asked; k++)
            asked = same_repository(&changes->list[k], &changes->list[i]);
        if (!asked && (watch->has_git || changes->list[i].repository_len > 0))
            ask_git(watch, &changes->list[i], changes, &ignored);
    }
    sort(&ignored);
    lq_changes_reduce(changes, &ignored, false);
}

/* What editors leave beside a file while it is open. */
static bool is_editors_own(const char *name)
{
    static const char *const patterns[] = {
        "*~", ".*.sw?", "4913", ".#*", "#*#", ".goutputstream-*"
    };

    for (size_t i = 0; i < LQ_COUNT(patterns); i++) {
        if (fnmatch(patterns[i], name, 0) == 0)
            return true;
    }
    return false;
}

void lq_watch_settle(struct lq_watch *watch, struct lq_changes *changes)
{
    size_t kept = 0;

    for (size_t i = 0; i < changes->count; i++) {
        if (is_editors_own(lq_path_base(changes->list[i].path)))
            free(changes->list[i].path);
        else
            changes->list[kept++] = changes->list[i];
    }
    changes->count = kept;
    sort(changes);
    drop_ignored(watch, changes);
}

/* ---- folders ---- */

static struct folder *find_folder(const struct lq_watch *watch, int wd)
{
    size_t low = 0, high = watch->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (watch->folders[middle].wd < wd)
            low = middle + 1;
        else
            high = middle;
    }
    return low < watch->count && watch->folders[low].wd == wd ? &watch->folders[low] : NULL;
}

static void remove_folder(struct lq_watch *watch, struct folder *folder)
{
    const size_t at = (size_t)(folder - watch->folders);

    free(folder->path);
    memmove(folder, folder + 1, (--watch->count - at) * sizeof *folder);
}

static enum lq_status refuse_watch(const struct lq_watch *watch, const char *path, int failure,
                                   struct lq_error *err)
{
    if (failure == ENOSPC)
        return lq_error_set(err, LQ_IO,
                            "cannot watch more than %zu folders: raise the limit of the system "
                            "(sysctl fs.inotify.max_user_watches), or let git ignore large folders",
                            watch->count);
    return lq_error_set(err, LQ_IO, "cannot watch '%s': %s", path, strerror(failure));
}

/* Watch one folder; one that is gone or unreadable by now is left out. */
static enum lq_status add_folder(struct lq_watch *watch, const struct lq_change *found,
                                 struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(watch->root, found->path);
    const int wd = inotify_add_watch(watch->fd, path, WATCHED);
    struct folder *known;

    if (wd < 0 && found->path[0] &&
        (errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP))
        return LQ_OK;
    if (wd < 0)
        return refuse_watch(watch, path, errno, err);
    known = find_folder(watch, wd);
    if (known) { /* watched before, perhaps under another name */
        free(known->path);
        known->path = lq_strdup(found->path);
        known->repository_len = found->repository_len;
        return LQ_OK;
    }
    LQ_GROW(watch->folders, watch->count, watch->capacity);
    known = &watch->folders[watch->count++];
    /* The kernel counts up: nearly always the place is right at once. */
    while (known > watch->folders && known[-1].wd > wd) {
        *known = known[-1];
        known--;
    }
    *known = (struct folder){ wd, lq_strdup(found->path), found->repository_len };
    return LQ_OK;
}

static bool is_skipped(const struct lq_watch *watch, const char *name, size_t repository_len)
{
    if (strcmp(name, ".git") == 0 || strcmp(name, ".lq") == 0)
        return true;
    return name[0] == '.' && !watch->has_git && repository_len == 0;
}

static bool is_folder(const char *folder, const struct dirent *entry)
{
    LQ_CLEANUP(lq_free) char *path = NULL;
    struct stat info;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    path = lq_path_join(folder, entry->d_name);
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static char *path_below(const char *folder, const char *name)
{
    return *folder ? lq_path_join(folder, name) : lq_strdup(name);
}

/* The folders in a folder go to `folders`, its files to `files`, if not NULL. */
static void list_folder(const struct lq_watch *watch, const struct lq_change *folder,
                        struct lq_changes *folders, struct lq_changes *files)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(watch->root, folder->path);
    LQ_CLEANUP(lq_free) char *git = lq_path_join(path, ".git");
    const size_t len =
        folder->path[0] && access(git, F_OK) == 0 ? strlen(folder->path) : folder->repository_len;
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        struct lq_changes *to = is_folder(path, entry) ? folders : files;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || !to ||
            (to == folders && is_skipped(watch, entry->d_name, len)))
            continue;
        changes_add(to, path_below(folder->path, entry->d_name), len);
    }
    if (dir)
        closedir(dir);
}

/*
 * Watch a folder and those below it, level by level, so that git is asked once for each level. The
 * watch comes before the listing: what is made in between is seen by one of them, or both.
 */
static enum lq_status add_tree(struct lq_watch *watch, const char *path, size_t repository_len,
                               struct lq_changes *files, struct lq_error *err)
{
    LQ_CLEANUP(lq_changes_release) struct lq_changes level = { 0 };

    changes_add(&level, lq_strdup(path), repository_len);
    if (*path)
        drop_ignored(watch, &level);
    while (level.count > 0) {
        LQ_CLEANUP(lq_changes_release) struct lq_changes next = { 0 };

        for (size_t i = 0; i < level.count; i++) {
            LQ_TRY(add_folder(watch, &level.list[i], err));
            list_folder(watch, &level.list[i], &next, files);
        }
        drop_ignored(watch, &next);
        lq_changes_release(&level);
        level = next;
        next = (struct lq_changes){ 0 };
    }
    return LQ_OK;
}

/* A folder has gone elsewhere with all that is in it. */
static void remove_tree(struct lq_watch *watch, const char *path)
{
    const size_t len = strlen(path);

    for (size_t i = watch->count; i-- > 0;) {
        struct folder *folder = &watch->folders[i];

        if (strncmp(folder->path, path, len) == 0 &&
            (folder->path[len] == '/' || folder->path[len] == '\0')) {
            inotify_rm_watch(watch->fd, folder->wd);
            remove_folder(watch, folder);
        }
    }
}

/* ---- the watch ---- */

enum lq_status lq_watch_open(struct lq_watch **out, const char *root, struct lq_error *err)
{
    static const char *const args[] = { "rev-parse", "--is-inside-work-tree", NULL };
    LQ_CLEANUP(lq_watch_free) struct lq_watch *watch = lq_alloc(sizeof *watch);
    LQ_CLEANUP(lq_buf_release) struct lq_buf unused = LQ_BUF_INIT;

    watch->root = lq_strdup(root);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0 && errno == EMFILE)
        return lq_error_set(err, LQ_IO,
                            "cannot watch '%s': too many programs do: raise the limit of the "
                            "system (sysctl fs.inotify.max_user_instances)",
                            root);
    if (watch->fd < 0)
        return refuse_watch(watch, root, errno, err);
    watch->has_git = lq_git_output(root, args, (struct lq_str){ 0 }, GIT_TIMEOUT_MS, 4096, &unused);
    LQ_TRY(add_tree(watch, "", 0, NULL, err));
    *out = LQ_TAKE(watch);
    return LQ_OK;
}

void lq_watch_free(struct lq_watch **out)
{
    struct lq_watch *watch = *out;

    if (!watch)
        return;
    lq_close(&watch->fd);
    for (size_t i = 0; i < watch->count; i++)
        free(watch->folders[i].path);
    free(watch->folders);
    free(watch->root);
    lq_free(out);
}

size_t lq_watch_folder_count(const struct lq_watch *watch)
{
    return watch->count;
}

int lq_watch_fd(const struct lq_watch *watch)
{
    return watch->fd;
}

/* Creating a file says little: its writer closes it later. What has no writer counts at once. */
static bool is_complete(const struct lq_watch *watch, const char *path)
{
    LQ_CLEANUP(lq_free) char *whole = lq_path_join(watch->root, path);
    struct stat info;

    return lstat(whole, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_nlink > 1);
}

static enum lq_status take_event(struct lq_watch *watch, const struct inotify_event *event,
                                 struct lq_changes *changes, struct lq_error *err)
{
    struct folder *folder = find_folder(watch, event->wd);
    LQ_CLEANUP(lq_free) char *path = NULL;
    size_t len;

    if (event->mask & IN_Q_OVERFLOW) { /* who knows what happened, and where folders are new */
        changes_add(changes, lq_strdup("."), 0);
        return add_tree(watch, "", 0, NULL, err);
    }
    if (!folder)
        return LQ_OK;
    if (event->mask & IN_IGNORED) {
        const bool is_root = !folder->path[0];

        remove_folder(watch, folder);
        return is_root ? lq_error_set(err, LQ_NOT_FOUND, "'%s' is gone", watch->root) : LQ_OK;
    }
    if (event->len == 0)
        return LQ_OK;
    /* The root itself is not seen to go while it is somebody's current folder. */
    if (!folder->path[0] && strcmp(event->name, ".lq") == 0 &&
        (event->mask & (IN_DELETE | IN_MOVED_FROM)))
        return lq_error_set(err, LQ_NOT_FOUND, "'%s' is gone, or no project any more", watch->root);
    path = path_below(folder->path, event->name);
    len = folder->repository_len;
    if (event->mask & IN_ISDIR) {
        if (is_skipped(watch, event->name, len))
            return LQ_OK;
        if (event->mask & IN_MOVED_FROM) {
            remove_tree(watch, path);
            changes_add(changes, lq_format("%s/", path), len);
        }
        return event->mask & (IN_CREATE | IN_MOVED_TO) ? add_tree(watch, path, len, changes, err)
                                                       : LQ_OK;
    }
    if (strcmp(event->name, ".git") == 0 ||
        ((event->mask & IN_CREATE) && !is_complete(watch, path)))
        return LQ_OK;
    changes_add(changes, LQ_TAKE(path), len);
    /* What was ignored may no longer be. */
    return strcmp(event->name, ".gitignore") == 0 ? add_tree(watch, "", 0, NULL, err) : LQ_OK;
}

enum lq_status lq_watch_collect(struct lq_watch *watch, struct lq_changes *changes,
                                struct lq_error *err)
{
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

    for (;;) {
        const ssize_t n = read(watch->fd, bytes, sizeof bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return LQ_OK;
        if (n <= 0)
            return lq_error_set(err, LQ_IO, "cannot watch '%s': %s", watch->root, strerror(errno));
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const struct inotify_event *)(bytes + at);

            LQ_TRY(take_event(watch, event, changes, err));
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}
