/* SPDX-License-Identifier: MIT */
/* Replaces damaged files, links by copies and copies by links; never another's run. */
#include "sync/mend.h"
#include "base/alloc.h"
#include "sync/identify.h"
#include <pthread.h>
#include <sys/mman.h>

enum lq_status lq_step_changed(const struct lq_step *step, struct lq_error *err)
{
    return lq_error_set(err, LQ_CORRUPT, "'.lq/%s/%s' has changed since it was recorded",
                        step->file.is_raw ? "raw" : "logs", step->file.path);
}

enum lq_status lq_step_check_recorded(const struct lq_step *step, const struct lq_put *found,
                                      const struct lq_put *recorded, struct lq_error *err)
{
    if (found->size_bytes != step->file.size_bytes ||
        (step->in_state && strcmp(found->sha256, recorded->sha256) != 0))
        return lq_step_changed(step, err);
    return LQ_OK;
}

enum lq_status lq_step_check_bytes(struct lq_step *step, int fd, struct lq_error *err)
{
    struct lq_put found = step->put;

    LQ_TRY(lq_file_sha256(fd, step->file.path, found.sha256, &found.size_bytes, err));
    LQ_TRY(lq_step_check_recorded(step, &found, &step->put, err));
    step->put = found;
    return LQ_OK;
}

/*
 * Whether what has the step's name at the destination is a sound run file of another run: then the
 * name was lost to it (the store was emptied meanwhile, say). A raw log is whose its run is.
 */
static enum lq_status is_of_another(struct lq_remote *remote, const struct lq_step *step,
                                    bool *other, struct lq_error *err)
{
    /* libduckdb is not opened on several threads at once; damage is rare. */
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    LQ_CLEANUP(lq_close) int fd = memfd_create("lq", MFD_CLOEXEC);
    LQ_CLEANUP(lq_db_close) struct lq_db *db = NULL;
    LQ_CLEANUP(lq_step_release) struct lq_step found = { .path = lq_strdup(step->path) };
    enum lq_status status;

    *other = false;
    if (step->file.is_raw)
        return LQ_OK;
    LQ_TRY(remote->kind->fetch(remote, &step->put, fd, err));
    pthread_mutex_lock(&one_at_a_time);
    status = lq_sync_identify(&db, fd, &found, err);
    pthread_mutex_unlock(&one_at_a_time);
    *other = status == LQ_OK && strcmp(found.run_uid, step->run_uid) != 0;
    return status == LQ_CORRUPT ? LQ_OK : status;
}

/* The local file of a damaged one: intact, or the reason why it cannot mend it. */
static enum lq_status check_local(struct lq_remote *remote, struct lq_step *step, int fd,
                                  const struct stat *info, struct lq_error *err)
{
    const enum lq_status status = lq_step_check_bytes(step, fd, err);

    if (status == LQ_CORRUPT && err && remote->kind->is_source &&
        remote->kind->is_source(remote, &step->put, info))
        return lq_error_set(
            err, LQ_CORRUPT,
            "'.lq/%s/%s' has changed since it was recorded, and with it '%s', which "
            "is a hard link to it",
            step->file.is_raw ? "raw" : "logs", step->file.path, step->remote_path);
    return status;
}

enum lq_status lq_step_mend(struct lq_sync_plan *plan, struct lq_remote *remote,
                            struct lq_step *step, struct lq_error *err)
{
    LQ_CLEANUP(lq_close) int fd = -1;
    struct stat info;
    bool same = false, other = false;
    enum lq_status status;

    LQ_TRY(lq_sync_open_local(plan, step, &fd, &info, err));
    LQ_TRY(check_local(remote, step, fd, &info, err));
    status = remote->kind->same(remote, &step->put, &same, err);
    if (status == LQ_NOT_FOUND)
        return LQ_OK;
    LQ_TRY(status);
    if (same && step->file.why == LQ_SYNC_DAMAGED) {
        step->file.outcome = LQ_SYNC_PRESENT; /* another sync was quicker */
        return LQ_OK;
    }
    if (!same) {
        /* What was to be converted and has other bytes is --verify's, which was not asked for. */
        if (step->file.why == LQ_SYNC_CONVERT)
            return lq_error_set(err, LQ_CORRUPT,
                                "'%s' is damaged: lq sync --verify --deep mends it",
                                step->remote_path);
        LQ_TRY(is_of_another(remote, step, &other, err));
    }
    if (other)
        return LQ_OK;
    LQ_TRY(remote->kind->replace(remote, &step->put, fd, err));
    step->file.outcome = LQ_SYNC_COPIED;
    return LQ_OK;
}
