/* SPDX-License-Identifier: MIT */
/* What a run takes below `.lq`, removing it, and removing what killed processes left. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "store/folder.h"
#include "store/names.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/keep.h>
#include <unistd.h>

/* A run's place, below `logs` and, for its raw log, below `raw`. */
struct place {
    char *folder; /* "date=2025-01-15/source=run" */
    char *name;   /* "001_build_143022.parquet" */
    char *log;    /* "001_build_143022.log.zst" */
};

static void place_release(struct place *place)
{
    free(place->folder);
    free(place->name);
    free(place->log);
}

static enum lq_status place_of(struct lq_store *store, const char *file, struct place *place,
                               struct lq_error *err)
{
    static const char extension[] = ".parquet";
    LQ_CLEANUP(lq_free) char *logs = lq_format("%s/logs/", store->project->lq_dir);
    const char *base = lq_path_base(file);
    const size_t len = strlen(logs);

    if (strncmp(file, logs, len) != 0 || strstr(file, "/../") ||
        !lq_str_ends(lq_str_of(base), lq_str_of(extension)))
        return lq_error_set(err, LQ_BAD_INPUT, "'%s' is no run file of this project", file);
    place->folder =
        base > file + len ? lq_strndup(file + len, (size_t)(base - file) - len - 1) : lq_strdup("");
    place->name = lq_strdup(base);
    place->log = lq_format("%.*s.log.zst", (int)(strlen(base) - (sizeof extension - 1)), base);
    return LQ_OK;
}

static char *relative_path(const struct place *place)
{
    return *place->folder ? lq_path_join(place->folder, place->name) : lq_strdup(place->name);
}

/* Open the run's folder below `.lq/TREE`. */
static enum lq_status open_folder(struct lq_store *store, const char *tree,
                                  const struct place *place, int *fd, struct lq_error *err)
{
    LQ_CLEANUP(lq_free) char *path = lq_path_join(tree, place->folder);

    return lq_folder_open(store->project->lq_dir, path, fd, err);
}

/* ---- a run ---- */

/* Size of a regular file; a missing one takes nothing. */
static int64_t size_of(int folder_fd, const char *name)
{
    struct stat info;

    if (folder_fd < 0 || fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode))
        return 0;
    return info.st_size;
}

enum lq_status lq_store_run_usage(struct lq_store *store, const char *file, const char *destination,
                                  struct lq_run_usage *usage, struct lq_error *err)
{
    LQ_CLEANUP(place_release) struct place place = { 0 };
    LQ_CLEANUP(lq_free) char *path = NULL, *real = NULL;
    LQ_CLEANUP(lq_close) int logs_fd = -1, raw_fd = -1;
    enum lq_status status;
    int64_t raw_bytes;

    *usage = (struct lq_run_usage){ 0 };
    LQ_TRY(place_of(store, file, &place, err));
    LQ_TRY(open_folder(store, "logs", &place, &logs_fd, err));
    status = open_folder(store, "raw", &place, &raw_fd, err);
    if (status != LQ_OK && status != LQ_NOT_FOUND)
        return status;
    raw_bytes = size_of(raw_fd, place.log);
    usage->size_bytes = size_of(logs_fd, place.name) + raw_bytes;
    path = relative_path(&place);
    if (!destination)
        return LQ_OK;
    real = realpath(destination, NULL);
    return lq_state_is_synced(store->state, path, real ? real : destination, destination,
                              store->project->config.sync_include_raw && raw_bytes > 0,
                              &usage->synced, err);
}

static enum lq_status remove_file(int folder_fd, const char *name, struct lq_error *err)
{
    if (folder_fd >= 0 && LQ_RETRY(unlinkat(folder_fd, name, 0)) != 0 && errno != ENOENT)
        return lq_error_errno(err, errno, "cannot remove '%s'", name);
    return LQ_OK;
}

/* Remove the folder and those above it that are empty, as long as no recorder holds them. */
static void remove_empty(struct lq_store *store, const char *tree, const struct place *place)
{
    LQ_CLEANUP(lq_free) char *path = lq_strdup(place->folder);

    while (*path) {
        LQ_CLEANUP(lq_free) char *full = lq_path_join(tree, path);
        char *slash = strrchr(full, '/');
        LQ_CLEANUP(lq_close) int fd = -1, parent_fd = -1;

        *slash = '\0';
        if (lq_folder_open(store->project->lq_dir, full, &parent_fd, NULL) != LQ_OK)
            return;
        fd =
            LQ_RETRY(openat(parent_fd, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (fd < 0 || !lq_folder_is_free(fd) ||
            LQ_RETRY(unlinkat(parent_fd, slash + 1, AT_REMOVEDIR)) != 0)
            return;
        slash = strrchr(path, '/');
        *(slash ? slash : path) = '\0';
    }
}

enum lq_status lq_store_remove_run(struct lq_store *store, const char *file, struct lq_error *err)
{
    LQ_CLEANUP(place_release) struct place place = { 0 };
    LQ_CLEANUP(lq_free) char *path = NULL;
    LQ_CLEANUP(lq_close) int logs_fd = -1, raw_fd = -1;
    enum lq_status status;

    LQ_TRY(place_of(store, file, &place, err));
    path = relative_path(&place);
    status = open_folder(store, "raw", &place, &raw_fd, err);
    if (status != LQ_OK && status != LQ_NOT_FOUND)
        return status;
    LQ_TRY(remove_file(raw_fd, place.log, err));
    status = open_folder(store, "logs", &place, &logs_fd, err);
    if (status != LQ_OK && status != LQ_NOT_FOUND)
        return status;
    LQ_TRY(remove_file(logs_fd, place.name, err));
    remove_empty(store, "raw", &place);
    remove_empty(store, "logs", &place);
    return lq_state_forget_file(store->state, path, err);
}

/* ---- leftovers ---- */

#define LEFTOVER_AGE_SEC INT64_C(86400)

struct clean {
    const struct lq_clean_opts *opts;
    bool in_tree;          /* logs or raw, where recorders write */
    enum lq_status status; /* of the first failure */
    struct lq_error *reason;
};

static bool is_leftover(const struct clean *clean, const struct lq_folder_entry *entry)
{
    const bool temporary = strstr(entry->name, ".tmp-") != NULL;
    const bool old =
        clean->opts->now / LQ_US_PER_SECOND - entry->info->st_mtim.tv_sec > LEFTOVER_AGE_SEC;

    if (clean->in_tree)
        return temporary && old && entry->name[0] == '.';
    if (strncmp(entry->name, "state.db.damaged", 16) == 0)
        return true;
    /* Not index.duckdb.lock: a lock that is removed locks nobody out. */
    if (strcmp(entry->name, "index.duckdb") == 0 ||
        strcmp(entry->name, "index.duckdb.folders") == 0)
        return clean->opts->indexes;
    return old && (temporary || strncmp(entry->name, "index.duckdb.new", 16) == 0);
}

/* A recorder whose command says nothing for days still holds the folder of its temporary files. */
static bool is_held(const struct clean *clean, const struct lq_folder_entry *entry)
{
    LQ_CLEANUP(lq_close) int fd = -1;

    if (!clean->in_tree)
        return false;
    fd = LQ_RETRY(openat(entry->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd < 0 || !lq_folder_is_free(fd);
}

static enum lq_status clean_entry(void *ctx, const struct lq_folder_entry *entry,
                                  struct lq_error *err)
{
    struct clean *clean = ctx;

    (void)err;
    if (!S_ISREG(entry->info->st_mode) || !is_leftover(clean, entry) || is_held(clean, entry))
        return LQ_OK;
    if (!clean->opts->dry_run && LQ_RETRY(unlinkat(entry->folder_fd, entry->name, 0)) != 0) {
        if (errno != ENOENT && clean->status == LQ_OK)
            clean->status =
                lq_error_errno(clean->reason, errno, "cannot remove '.lq/%s'", entry->path);
        return LQ_OK;
    }
    if (clean->opts->on_file)
        clean->opts->on_file(clean->opts->ctx, entry->path, entry->info->st_size);
    return LQ_OK;
}

enum lq_status lq_store_clean(const struct lq_project *project, const struct lq_clean_opts *opts,
                              struct lq_error *err)
{
    static const struct {
        const char *path;
        int depth;
    } places[] = { { "", 0 }, { "logs", 4 }, { "raw", 4 } };
    struct clean clean = { .opts = opts, .reason = err };

    for (size_t i = 0; i < LQ_COUNT(places); i++) {
        clean.in_tree = *places[i].path != '\0';
        LQ_TRY(lq_folder_walk(project->lq_dir, places[i].path, places[i].depth, clean_entry, &clean,
                              err));
    }
    return clean.status;
}
