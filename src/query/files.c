/* SPDX-License-Identifier: MIT */
/* Listing the Parquet files of a scope. */
#include "query/files.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "store/names.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deeper than any store; an end to folders that contain themselves by a mount. */
#define MAX_DEPTH 16

struct walk {
    struct lq_file_list *list;
    const struct lq_place *place;
    size_t root_len; /* of every path */
    int root_fd;     /* what is known is looked at from here; -1: nothing is */
    dev_t device;    /* of the root; on another one times need not tell */
    bool times_tell;
    struct lq_path_filter filter;
};

void lq_file_list_release(struct lq_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->files[i].path);
    free(list->files);
    *list = (struct lq_file_list){ 0 };
}

void lq_file_warn(const struct lq_scope *scope, const char *path, const char *reason)
{
    LQ_CLEANUP(lq_free) char *line = lq_format("left out '%s': %s", path, reason);

    if (scope->warn)
        scope->warn(scope->warn_ctx, line);
}

/* ---- files that the engine could not read ---- */

static sqlite3 *open_unreadable(const struct lq_scope *scope, int flags)
{
    LQ_CLEANUP(lq_free) char *path = NULL;
    sqlite3 *sqlite = NULL;

    if (!scope->cache_dir)
        return NULL;
    path = lq_path_join(scope->cache_dir, "unreadable.db");
    if (!(flags & SQLITE_OPEN_CREATE) && access(path, F_OK) != 0)
        return NULL;
    if ((flags & SQLITE_OPEN_CREATE) && lq_mkdirs(scope->cache_dir, NULL) != LQ_OK)
        return NULL;
    if (sqlite3_open_v2(path, &sqlite, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(sqlite, 1000);
        return sqlite;
    }
    sqlite3_close(sqlite);
    return NULL;
}

/* Run `sql` with the path, size and modification time of a file; true when it gave a row. */
static bool about_file(sqlite3 *sqlite, const char *sql, const char *path, const struct stat *info)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;

    if (sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, info->st_size);
        sqlite3_bind_int64(statement, 3, lq_mtime_ns(info));
        row = sqlite3_step(statement) == SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    return row;
}

void lq_file_set_unreadable(const char *path, const struct lq_scope *scope)
{
    sqlite3 *sqlite = open_unreadable(scope, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    struct stat info;

    if (sqlite && stat(path, &info) == 0) {
        sqlite3_exec(sqlite,
                     "CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, size_bytes INTEGER, "
                     "mtime_ns INTEGER)",
                     NULL, NULL, NULL);
        about_file(sqlite, "INSERT OR REPLACE INTO file VALUES (?, ?, ?)", path, &info);
    }
    sqlite3_close(sqlite);
}

bool lq_is_statement_error(const struct lq_error *err)
{
    static const char *const kinds[] = { "Parser Error", "Binder Error", "Catalog Error" };

    for (size_t i = 0; i < LQ_COUNT(kinds); i++) {
        if (strncmp(err->message, kinds[i], strlen(kinds[i])) == 0)
            return true;
    }
    return false;
}

bool lq_file_error_lasts(const struct lq_error *err)
{
    return !lq_db_error_passes(err) && !lq_is_statement_error(err);
}

/* Why a file cannot be a Parquet file, NULL when it can: the magic at both ends and a footer that
 * fits between (Apache Parquet format, "File format"). */
static const char *not_parquet(int fd, const struct stat *info)
{
    unsigned char head[4], tail[8];
    uint32_t footer_bytes;

    if (info->st_size == 0)
        return "empty";
    if (info->st_size < 12 || pread(fd, head, 4, 0) != 4 ||
        pread(fd, tail, 8, info->st_size - 8) != 8 || memcmp(head, "PAR1", 4) != 0)
        return "not a Parquet file";
    if (memcmp(tail + 4, "PAR1", 4) != 0)
        return "torn: the end of the Parquet file is missing";
    footer_bytes =
        tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    return (int64_t)footer_bytes > info->st_size - 12 ? "damaged: impossible footer size" : NULL;
}

/* What follows the root; of a root that is a file, its name. */
static const char *name_within(const char *path, size_t root_len)
{
    const char *name = path + root_len;

    name += strspn(name, "/");
    return *name ? name : lq_path_base(path);
}

static void add_file(struct walk *walk, int folder_fd, const char *name, const char *path)
{
    struct stat info;
    char *copy;

    if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
        return;
    copy = lq_strdup(path);
    LQ_GROW(walk->list->files, walk->list->count, walk->list->capacity);
    walk->list->files[walk->list->count++] = (struct lq_file){
        .path = copy,
        .name = name_within(copy, walk->root_len),
        .size_bytes = info.st_size,
        .mtime_ns = lq_mtime_ns(&info),
        .in_store = walk->place->in_store,
    };
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lq_file *)a)->path, ((const struct lq_file *)b)->path);
}

void lq_file_list_sort(struct lq_file_list *list)
{
    if (list->count > 0)
        qsort(list->files, list->count, sizeof *list->files, by_path);
}

/* FNV-1a (64 bits), over bytes. */
static uint64_t hash(uint64_t seed, const void *bytes, size_t len)
{
    for (const unsigned char *at = bytes; len > 0; at++, len--)
        seed = (seed ^ *at) * UINT64_C(0x100000001b3);
    return seed;
}

uint64_t lq_file_stamp(const struct lq_file *file)
{
    uint64_t stamp = UINT64_C(0xcbf29ce484222325);

    stamp = hash(stamp, file->name, strlen(file->name) + 1);
    stamp = hash(stamp, &file->size_bytes, sizeof file->size_bytes);
    stamp = hash(stamp, &file->mtime_ns, sizeof file->mtime_ns);
    /* Sums of these are compared: so each bit has to depend on all (SplitMix64's last steps). */
    stamp = (stamp ^ stamp >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    stamp = (stamp ^ stamp >> 27) * UINT64_C(0x94d049bb133111eb);
    return stamp ^ stamp >> 31;
}

/* Why a file is left out; NULL: it is not. `lasts`: that is in the file. */
static const char *reason_against(const char *path, sqlite3 *unreadable, bool *lasts)
{
    /* NONBLOCK: should it have become a FIFO meanwhile, that must not hang us. */
    LQ_CLEANUP(lq_close) int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    const char *reason;

    *lasts = fd >= 0 && fstat(fd, &info) == 0;
    if (!*lasts)
        return strerror(errno);
    reason = not_parquet(fd, &info);
    if (!reason && unreadable &&
        about_file(unreadable,
                   "SELECT 1 FROM file WHERE path = ? AND size_bytes = ? AND mtime_ns = ?", path,
                   &info))
        reason = "unreadable when last tried";
    return reason;
}

const char *lq_file_reason_against(const char *path, bool *lasts)
{
    return reason_against(path, NULL, lasts);
}

void lq_file_list_check(struct lq_file_list *list, const struct lq_scope *scope)
{
    sqlite3 *unreadable = open_unreadable(scope, SQLITE_OPEN_READONLY);
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        bool lasts;
        const char *reason =
            list->files[i].indexed ? NULL : reason_against(list->files[i].path, unreadable, &lasts);

        if (!reason) {
            list->files[kept++] = list->files[i];
            continue;
        }
        lq_file_warn(scope, list->files[i].path, reason);
        free(list->files[i].path);
    }
    list->count = kept;
    sqlite3_close(unreadable);
}

/* Whether the filters rule out everything below a folder of this name. */
static bool pruned(const struct lq_path_filter *filter, const char *name)
{
    if (name[0] == '_')
        return true;
    if (strncmp(name, "date=", 5) == 0)
        return (filter->since[0] && strcmp(name + 5, filter->since) < 0) ||
               (filter->until[0] && strcmp(name + 5, filter->until) > 0);
    for (size_t i = 0; i < filter->n_wanted; i++) {
        const size_t key_len = (size_t)(strchr(filter->wanted[i], '=') - filter->wanted[i]) + 1;

        if (strncmp(name, filter->wanted[i], key_len) == 0 && strcmp(name, filter->wanted[i]) != 0)
            return true;
    }
    return false;
}

bool lq_path_filter_wants(const struct lq_path_filter *filter, const char *path)
{
    const char *slash;

    for (; (slash = strchr(path, '/')); path = slash + 1) {
        LQ_CLEANUP(lq_free) char *name = lq_strndup(path, (size_t)(slash - path));

        if (pruned(filter, name))
            return false;
    }
    return path[0] != '.' && lq_str_ends(lq_str_of(path), LQ_STR(".parquet"));
}

static bool is_folder(int folder_fd, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(folder_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode);
}

/* Whether a store may hold a link of this name: to a project's `.lq/logs` (`lq sync --mode symlink`). */
static bool may_be_link(const struct walk *walk, const char *name)
{
    return walk->place->in_store && strncmp(name, "hostname=", 9) == 0;
}

/* Whether the open folder is some project's `.lq/logs`, whatever way led to it. */
static bool is_logs(int fd)
{
    static const char logs[] = "/.lq/logs";
    char link[40], path[PATH_MAX];
    ssize_t len;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path);
    return len > (ssize_t)sizeof logs &&
           memcmp(path + len - (sizeof logs - 1), logs, sizeof logs - 1) == 0;
}

/* Open a folder of the walk; below its root no link is followed but that one. -1 and errno. */
static int open_folder(const struct walk *walk, int parent_fd, const char *name, int depth)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = openat(parent_fd, name, flags | (depth > 0 ? O_NOFOLLOW : 0));

    if (fd >= 0 || depth == 0 || (errno != ENOTDIR && errno != ELOOP) || !may_be_link(walk, name))
        return fd;
    fd = openat(parent_fd, name, flags);
    if (fd >= 0 && is_logs(fd)) {
        walk->place->seen->unsafe = true;
        return fd;
    }
    /* Any other link, and one that leads nowhere, is as if it were not there. */
    lq_close(&fd);
    errno = ENOENT;
    return -1;
}

/* What a later walk may know of a folder that was opened before it is read. */
static int64_t time_to_know(const struct walk *walk, int fd)
{
    struct stat info;

    if (!walk->times_tell || fstat(fd, &info) != 0 || info.st_dev != walk->device ||
        !lq_folder_time_tells(lq_mtime_ns(&info), walk->place->now))
        return LQ_NO_TIME;
    return lq_mtime_ns(&info);
}

static enum lq_status visit_folder(struct walk *walk, int parent_fd, const char *name,
                                   const char *path, int depth, struct lq_error *err);

/* The entries of an open folder. */
static enum lq_status read_entries(struct walk *walk, DIR *folder, const char *path, int depth,
                                   struct lq_error *err)
{
    const int fd = dirfd(folder);
    const struct dirent *entry;
    enum lq_status status = LQ_OK;

    while (status == LQ_OK && (entry = readdir(folder))) {
        LQ_CLEANUP(lq_free) char *below = NULL;

        if (entry->d_name[0] == '.')
            continue;
        below = lq_path_join(path, entry->d_name);
        if (is_folder(fd, entry) || (entry->d_type != DT_REG && may_be_link(walk, entry->d_name))) {
            if (depth < MAX_DEPTH && !pruned(&walk->filter, entry->d_name))
                status = visit_folder(walk, fd, entry->d_name, below, depth + 1, err);
            if (status == LQ_NOT_FOUND) /* removed while we looked */
                status = LQ_OK;
        } else if (lq_str_ends(lq_str_of(entry->d_name), LQ_STR(".parquet"))) {
            add_file(walk, fd, entry->d_name, below);
        }
    }
    return status;
}

/* Take down what a folder holds; its own files stand among those listed from `first` on. */
static void see(struct walk *walk, const char *path, int64_t mtime_ns, size_t first)
{
    const char *within = path + walk->root_len + strspn(path + walk->root_len, "/");
    const size_t path_len = strlen(path);
    uint64_t stamp = 0;

    for (size_t i = first; i < walk->list->count; i++) {
        if (lq_path_base(walk->list->files[i].path) == walk->list->files[i].path + path_len + 1)
            stamp += lq_file_stamp(&walk->list->files[i]);
    }
    lq_folders_add(walk->place->seen, within, mtime_ns, stamp);
}

static enum lq_status read_folder(struct walk *walk, int parent_fd, const char *name,
                                  const char *path, int depth, struct lq_error *err)
{
    const int fd = open_folder(walk, parent_fd, name, depth);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const size_t first = walk->list->count;
    enum lq_status status;
    int64_t time;

    /* A folder that belongs to others must not keep an answer about the rest. */
    if (fd < 0 && depth > 0 && errno == EACCES) {
        lq_file_warn(walk->place->scope, path, strerror(errno));
        see(walk, path, LQ_NO_TIME, first);
        return LQ_OK;
    }
    if (!folder) {
        status = lq_error_errno(err, errno, "cannot read folder '%s'", path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    time = time_to_know(walk, fd);
    status = read_entries(walk, folder, path, depth, err);
    see(walk, path, time, first);
    closedir(folder);
    return status;
}

/* A folder that is as it was: only the folders in it are looked at. */
static enum lq_status visit_known(struct walk *walk, struct lq_folder *folder, int depth,
                                  struct lq_error *err)
{
    const struct lq_folders *known = walk->place->known;
    const struct lq_folder *end = known->items + known->count;
    const struct lq_folder *next;

    folder->same = true;
    lq_folders_add(walk->place->seen, folder->path, folder->mtime_ns, folder->stamp);
    for (const struct lq_folder *below = folder + 1;
         below < end && lq_folder_holds(folder, below->path); below = next) {
        LQ_CLEANUP(lq_free) char *path = lq_path_join(walk->place->root, below->path);
        enum lq_status status = LQ_OK;

        for (next = below + 1; next < end && lq_folder_holds(below, next->path);)
            next++;
        if (!pruned(&walk->filter, lq_path_base(below->path)))
            status = visit_folder(walk, walk->root_fd, below->path, path, depth + 1, err);
        if (status != LQ_OK && status != LQ_NOT_FOUND) /* removed while we looked */
            return status;
    }
    return LQ_OK;
}

/* List a folder, or find that it is as it was. `name` is relative to `parent_fd`. */
static enum lq_status visit_folder(struct walk *walk, int parent_fd, const char *name,
                                   const char *path, int depth, struct lq_error *err)
{
    const char *within = path + walk->root_len + strspn(path + walk->root_len, "/");
    struct lq_folder *known =
        walk->root_fd < 0 ? NULL : lq_folders_find(walk->place->known, within);
    struct stat info;

    if (known && fstatat(parent_fd, name, &info, depth > 0 ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
        S_ISDIR(info.st_mode) && info.st_dev == walk->device &&
        lq_mtime_ns(&info) == known->mtime_ns)
        return visit_known(walk, known, depth, err);
    return read_folder(walk, parent_fd, name, path, depth, err);
}

static void want(struct lq_path_filter *filter, const char *key, const char *value)
{
    struct lq_buf text = LQ_BUF_INIT;

    if (!value)
        return;
    lq_buf_addf(&text, "%s=", key);
    lq_name_add_partition(&text, lq_str_of(value));
    filter->wanted[filter->n_wanted++] = lq_buf_detach(&text);
}

struct lq_path_filter lq_path_filter_of(const struct lq_scope *scope)
{
    struct lq_path_filter filter = { 0 };

    want(&filter, "namespace", scope->namespace_);
    want(&filter, "project", scope->project);
    want(&filter, "hostname", scope->hostname);
    want(&filter, "source", scope->source);
    if (scope->since)
        lq_time_date(scope->since, filter.since);
    if (scope->until)
        lq_time_date(scope->until - 1, filter.until);
    return filter;
}

void lq_path_filter_release(struct lq_path_filter *filter)
{
    for (size_t i = 0; i < filter->n_wanted; i++)
        free(filter->wanted[i]);
    *filter = (struct lq_path_filter){ 0 };
}

/* Look at the file system of the root, and open it for what is known. */
static void look_at_root(struct walk *walk)
{
    const struct lq_place *place = walk->place;
    struct stat info;

    walk->root_fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (walk->root_fd < 0 || fstat(walk->root_fd, &info) != 0)
        return;
    walk->device = info.st_dev;
    walk->times_tell = lq_folder_times_tell(walk->root_fd);
    if (!walk->times_tell || !place->known || place->known->count == 0)
        lq_close(&walk->root_fd);
}

enum lq_status lq_file_list_add(struct lq_file_list *list, const struct lq_place *place,
                                struct lq_error *err)
{
    struct walk walk = {
        .list = list,
        .place = place,
        .root_len = strlen(place->root),
        .root_fd = -1,
        .filter = lq_path_filter_of(place->scope),
    };
    struct lq_error reason = { 0 };
    struct stat info;
    enum lq_status status;

    if (stat(place->folder, &info) == 0 && S_ISREG(info.st_mode)) {
        add_file(&walk, AT_FDCWD, place->folder, place->folder);
        place->seen->unsafe = true;
        status = LQ_OK;
    } else {
        look_at_root(&walk);
        status = visit_folder(&walk, AT_FDCWD, place->folder, place->folder, 0, &reason);
    }
    lq_close(&walk.root_fd);
    lq_path_filter_release(&walk.filter);
    lq_folders_sort(place->seen);
    if (status == LQ_NOT_FOUND && place->missing_ok)
        return LQ_OK;
    if (status != LQ_OK && err)
        *err = reason;
    return status;
}

void lq_file_list_drop(struct lq_file_list *list, bool in_store)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (list->files[i].in_store == in_store)
            free(list->files[i].path);
        else
            list->files[kept++] = list->files[i];
    }
    list->count = kept;
}

/* ---- the list as a relation ---- */

static const struct lq_source_column columns[] = {
    { "position", LQ_VALUE_INT },  { "path", LQ_VALUE_TEXT },    { "name", LQ_VALUE_TEXT },
    { "in_store", LQ_VALUE_BOOL }, { "indexed", LQ_VALUE_BOOL }, { "size_bytes", LQ_VALUE_INT },
    { "mtime_ns", LQ_VALUE_INT },
};

static enum lq_status rewind_rows(void *ctx, struct lq_error *err)
{
    struct lq_file_source *source = ctx;

    source->next = 0;
    return LQ_OK;
}

static enum lq_status next_row(void *ctx, struct lq_value *row, bool *more, struct lq_error *err)
{
    struct lq_file_source *source = ctx;
    const struct lq_file *file;

    /* A name that is no UTF-8 no engine can be asked for. */
    while (source->next < source->files->count &&
           !lq_text_is_utf8(lq_str_of(source->files->files[source->next].path)))
        source->next++;
    *more = source->next < source->files->count;
    if (!*more)
        return LQ_OK;
    file = &source->files->files[source->next];
    row[0] = lq_value_int((int64_t)source->next++);
    row[1] = lq_value_text(file->path);
    row[2] = lq_value_text(file->name);
    row[3] = (struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = file->in_store };
    row[4] = (struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = file->indexed };
    row[5] = lq_value_int(file->size_bytes);
    row[6] = lq_value_int(file->mtime_ns);
    return LQ_OK;
}

enum lq_status lq_file_source_add(struct lq_file_source *source, struct lq_db *db,
                                  const struct lq_file_list *files, struct lq_error *err)
{
    *source = (struct lq_file_source){
        .source = { columns, LQ_COUNT(columns), rewind_rows, next_row, source },
        .files = files,
    };
    return lq_db_add_source(db, "lq_file_rows", &source->source, err);
}
