/* SPDX-License-Identifier: MIT */
/* Recording a run: log in, events aside, then Parquet and raw log published under their names. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"
#include "base/uuid.h"
#include "capture/pump.h"
#include "store/excerpt.h"
#include "store/folder.h"
#include "store/names.h"
#include "store/raw_log.h"
#include "store/run_file.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <lq/format.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file on its way: written under `temporary`, published as `name`, both in `folder`. */
struct pending {
    char *relative_folder; /* "date=2025-01-15/source=run" */
    char *folder;          /* absolute */
    int folder_fd;
    char *temporary;
    char *name;
    bool written;   /* `temporary` exists and is this run's */
    bool published; /* so does `name`, for all that is known */
};

struct lq_recorder {
    struct lq_store *store;
    struct lq_parser *parser;
    struct lq_spill *events;
    struct lq_raw_log_writer *raw_writer;
    int raw_fd;
    struct pending parquet, raw;
    struct lq_excerpter *excerpter;
    struct lq_sink sinks[3];
    size_t n_sinks;
    struct lq_redactor *redactor; /* NULL: secrets stay */
    struct lq_sink redacting;     /* feeds `sinks` by a pump of their own */
    struct lq_pump *redacted;     /* NULL: nothing has come yet */
    int64_t error_count, warning_count, pass_count, fail_count, skip_count;
    char *path; /* of the published Parquet file, relative to the project */

    bool preloading;
    pthread_t preloader;
    struct lq_run_writer *writer;
    enum lq_status writer_status;
    struct lq_error writer_error;
};

static void on_event(void *ctx, const struct lq_event *event)
{
    struct lq_recorder *recorder = ctx;

    recorder->error_count += event->severity == LQ_SEVERITY_ERROR;
    recorder->warning_count += event->severity == LQ_SEVERITY_WARNING;
    recorder->pass_count += event->test_status == LQ_TEST_PASS;
    recorder->fail_count +=
        event->test_status == LQ_TEST_FAIL || event->test_status == LQ_TEST_ERROR;
    recorder->skip_count += event->test_status == LQ_TEST_SKIP;
    lq_spill_add(recorder->events, event);
}

static enum lq_status parse_log(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_parser_feed(ctx, bytes, len);
    return LQ_OK;
}

static enum lq_status write_raw(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    return lq_raw_log_write(ctx, bytes, len, err);
}

static enum lq_status flush_raw(void *ctx, struct lq_error *err)
{
    return lq_raw_log_flush(ctx, err);
}

static enum lq_status keep_excerpt(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_excerpter_feed(ctx, bytes, len);
    return LQ_OK;
}

/* ---- secrets ---- */

static enum lq_status pass_on(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    lq_pump_add(ctx, bytes, len);
    return LQ_OK;
}

/* What is stored, parsed and shown later sees the log without its secrets only. */
static enum lq_status redact_log(void *ctx, const void *bytes, size_t len, struct lq_error *err)
{
    struct lq_recorder *recorder = ctx;

    if (!recorder->redacted)
        LQ_TRY(lq_pump_start(&recorder->redacted, recorder->sinks, recorder->n_sinks, err));
    LQ_TRY(lq_redactor_feed(recorder->redactor, bytes, len, pass_on, recorder->redacted, err));
    lq_pump_wake(recorder->redacted);
    return LQ_OK;
}

/* The log is complete: let the sinks have the rest. Returns the first failure of one. */
static enum lq_status finish_redacting(struct lq_recorder *recorder, struct lq_error *err)
{
    int64_t n_bytes;

    if (!recorder->redacted)
        return LQ_OK;
    LQ_TRY(lq_redactor_finish(recorder->redactor, pass_on, recorder->redacted, err));
    return lq_pump_finish(&recorder->redacted, &n_bytes, err);
}

static enum lq_status start_redacting(struct lq_recorder *recorder, struct lq_run *run,
                                      struct lq_error *err)
{
    const struct lq_config *config = &recorder->store->project->config;

    if (!config->redact)
        return LQ_OK;
    LQ_TRY(lq_redactor_new(&recorder->redactor, config->redact_patterns, err));
    recorder->redacting = (struct lq_sink){ .write = redact_log, .ctx = recorder };
    lq_run_redact(run, recorder->redactor);
    return LQ_OK;
}

/* ---- names ---- */

static char *file_name(const struct lq_run *run, enum lq_run_file_kind kind, bool with_run8)
{
    struct lq_buf name = LQ_BUF_INIT;
    struct lq_run_file file = {
        .run_id = run->run_id,
        .name = lq_str_of(run->source_name),
        .kind = kind,
    };

    lq_time_hhmmss(run->started_at, file.hhmmss);
    if (with_run8)
        snprintf(file.run8, sizeof file.run8, "%s", run->run_uid + LQ_UUID_BYTES - 1 - 8);
    lq_name_add_run_file(&name, &file);
    return lq_buf_detach(&name);
}

/* Name the file and hold its folder below `.lq/TREE`, which is made when missing. */
static enum lq_status pending_init(struct pending *file, const struct lq_run *run,
                                   const char *lq_dir, const char *tree, enum lq_run_file_kind kind,
                                   struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf source = LQ_BUF_INIT;
    char date[11];

    lq_time_date(run->started_at, date);
    lq_name_add_partition(&source, lq_str_of(run->source_type));
    file->relative_folder = lq_format("date=%s/source=%s", date, lq_buf_text(&source));
    file->folder = lq_format("%s/%s/%s", lq_dir, tree, file->relative_folder);
    file->name = file_name(run, kind, false);
    /* Starts with a dot and does not end in .parquet: no reader takes it for a run. */
    file->temporary = lq_format(".%s.tmp-%s", file->name, run->run_uid + LQ_UUID_BYTES - 1 - 8);
    return lq_folder_hold(file->folder, &file->folder_fd, err);
}

static void pending_remove(struct pending *file)
{
    if (file->written)
        LQ_RETRY(unlinkat(file->folder_fd, file->temporary, 0));
    file->written = false;
}

static void pending_release(struct pending *file)
{
    pending_remove(file);
    lq_close(&file->folder_fd);
    free(file->relative_folder);
    free(file->folder);
    free(file->temporary);
    free(file->name);
}

static bool name_is_taken(const struct pending *file)
{
    return file->folder_fd >= 0 &&
           faccessat(file->folder_fd, file->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* When another run of a copied or restored project has the run's name, both files take the name
 * with the end of the run's uid: they keep together. */
static void settle_names(struct lq_recorder *recorder, const struct lq_run *run)
{
    if (!name_is_taken(&recorder->parquet) && !name_is_taken(&recorder->raw))
        return;
    free(recorder->parquet.name);
    recorder->parquet.name = file_name(run, LQ_RUN_FILE_PARQUET, true);
    free(recorder->raw.name);
    recorder->raw.name = file_name(run, LQ_RUN_FILE_LOG, true);
}

static enum lq_status pending_publish(struct pending *file, struct lq_error *err)
{
    enum lq_status status;

    file->written = false; /* gone in any case once publishing was tried */
    status = lq_file_publish(file->folder_fd, file->temporary, file->name, err);
    file->published = status == LQ_OK;
    return status;
}

/* ---- the recorder ---- */

static enum lq_status open_raw(struct lq_recorder *recorder, const struct lq_run *run,
                               struct lq_error *err)
{
    struct pending *raw = &recorder->raw;

    LQ_TRY(pending_init(raw, run, recorder->store->project->lq_dir, "raw", LQ_RUN_FILE_LOG, err));
    recorder->raw_fd = LQ_RETRY(openat(raw->folder_fd, raw->temporary,
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (recorder->raw_fd < 0)
        return lq_error_errno(err, errno, "cannot create '%s/%s'", raw->folder, raw->temporary);
    raw->written = true;
    /* Tells who follows the log that it grows; without such locks here nobody can follow it. */
    flock(recorder->raw_fd, LOCK_EX | LOCK_NB);
    LQ_TRY(lq_raw_log_writer_new(&recorder->raw_writer, recorder->raw_fd, err));
    recorder->sinks[recorder->n_sinks++] =
        (struct lq_sink){ .write = write_raw, .ctx = recorder->raw_writer, .flush = flush_raw };
    return LQ_OK;
}

enum lq_status lq_recorder_new(struct lq_recorder **out, struct lq_store *store,
                               const struct lq_recorder_opts *opts, struct lq_run *run,
                               struct lq_error *err)
{
    LQ_CLEANUP(lq_recorder_free) struct lq_recorder *recorder = lq_alloc(sizeof *recorder);
    const struct lq_project *project = store->project;

    recorder->store = store;
    recorder->raw_fd = recorder->raw.folder_fd = recorder->parquet.folder_fd = -1;
    recorder->events = lq_spill_new(project->lq_dir);
    LQ_TRY(lq_parser_new(&recorder->parser, &opts->parser, on_event, recorder, err));
    recorder->sinks[recorder->n_sinks++] =
        (struct lq_sink){ .write = parse_log, .ctx = recorder->parser };

    LQ_TRY(start_redacting(recorder, run, err));
    LQ_TRY(lq_state_take_run_id(store->state, &run->run_id, err));
    run->run_uid = lq_alloc(LQ_UUID_BYTES);
    lq_uuid_v7(run->started_at, run->run_uid);
    run->origin = lq_strdup(project->origin);
    run->namespace_ = lq_strdup(project->config.namespace_);
    run->project = lq_strdup(project->config.project);
    run->lq_version = lq_strdup(LQ_VERSION);

    LQ_TRY(
        pending_init(&recorder->parquet, run, project->lq_dir, "logs", LQ_RUN_FILE_PARQUET, err));
    if (opts->keep_raw)
        LQ_TRY(open_raw(recorder, run, err));
    if (opts->keep_excerpt) {
        recorder->excerpter = lq_excerpter_new();
        recorder->sinks[recorder->n_sinks++] =
            (struct lq_sink){ .write = keep_excerpt, .ctx = recorder->excerpter };
    }
    *out = LQ_TAKE(recorder);
    return LQ_OK;
}

const struct lq_sink *lq_recorder_sinks(struct lq_recorder *recorder, size_t *n_sinks)
{
    *n_sinks = recorder->redactor ? 1 : recorder->n_sinks;
    return recorder->redactor ? &recorder->redacting : recorder->sinks;
}

static void *preload(void *ctx)
{
    struct lq_recorder *recorder = ctx;
    char unused[LQ_SHA256_HEX_BYTES];

    lq_sha256_hex("", 0, unused); /* the first hash makes OpenSSL read its configuration */
    recorder->writer_status = lq_run_writer_open(&recorder->writer, &recorder->writer_error);
    return NULL;
}

void lq_recorder_preload(struct lq_recorder *recorder)
{
    /* Signals blocked: they belong to the thread that looks after the command. */
    recorder->preloading = lq_thread_start(&recorder->preloader, preload, recorder, NULL) == LQ_OK;
}

static enum lq_status open_writer(struct lq_recorder *recorder, struct lq_error *err)
{
    if (recorder->preloading) {
        pthread_join(recorder->preloader, NULL);
        recorder->preloading = false;
    } else if (!recorder->writer) {
        preload(recorder);
    }
    if (recorder->writer_status != LQ_OK && err)
        *err = recorder->writer_error;
    return recorder->writer_status;
}

/* The outcome, where capturing did not settle it (timeout, interrupted). */
static enum lq_outcome judge(const struct lq_run *run)
{
    if (run->outcome == LQ_OUTCOME_TIMEOUT || run->outcome == LQ_OUTCOME_INTERRUPTED)
        return run->outcome;
    if (run->has_exit_code && run->exit_code != 0)
        return LQ_OUTCOME_FAIL;
    if (!run->has_exit_code && (run->error_count > 0 || run->test_fail_count > 0))
        return LQ_OUTCOME_FAIL;
    return run->error_count > 0 || run->warning_count > 0 ? LQ_OUTCOME_WARN : LQ_OUTCOME_OK;
}

static enum lq_status finish_raw(struct lq_recorder *recorder, struct lq_error *err)
{
    if (!recorder->raw_writer)
        return LQ_OK;
    LQ_TRY(lq_raw_log_finish(recorder->raw_writer, err));
    return pending_publish(&recorder->raw, err);
}

/* The raw log of a run that could not be recorded is one of nothing. */
static void retract_raw(struct lq_recorder *recorder)
{
    if (recorder->raw.published && !recorder->parquet.published)
        LQ_RETRY(unlinkat(recorder->raw.folder_fd, recorder->raw.name, 0));
    recorder->raw.published = false;
}

/* Give the room back that a raw log has taken in vain: the run itself may need it. */
static void abandon_raw(struct lq_recorder *recorder)
{
    lq_raw_log_writer_free(&recorder->raw_writer);
    lq_close(&recorder->raw_fd);
    pending_remove(&recorder->raw);
}

static enum lq_status finish_parquet(struct lq_recorder *recorder, const struct lq_run *run,
                                     struct lq_error *err)
{
    struct pending *file = &recorder->parquet;
    LQ_CLEANUP(lq_free) char *temporary = lq_path_join(file->folder, file->temporary);
    LQ_CLEANUP(lq_close) int fd = -1;
    LQ_CLEANUP(lq_free) char *path = NULL;
    char sha256[LQ_SHA256_HEX_BYTES];
    enum lq_status status;
    struct stat info;
    struct lq_state_file row = {
        .sha256 = sha256,
        .run_uid = run->run_uid,
        .namespace_ = run->namespace_,
        .project = run->project,
        .hostname = run->hostname,
    };

    LQ_TRY(open_writer(recorder, err));
    file->written = true;
    LQ_TRY(lq_run_writer_write(recorder->writer, temporary, run, recorder->events, err));
    fd = LQ_RETRY(openat(file->folder_fd, file->temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0)
        return lq_error_errno(err, errno, "cannot open '%s'", temporary);
    LQ_TRY(lq_file_sha256(fd, temporary, sha256, &row.size_bytes, err));
    status = pending_publish(file, err);
    /* One that has a name was published, though the folder may not be on disk. */
    file->published = fstat(fd, &info) != 0 || info.st_nlink > 0;
    LQ_TRY(status);
    path = lq_format("%s/%s", file->relative_folder, file->name);
    row.path = path;
    recorder->path = lq_format(".lq/logs/%s", path);
    /* The run is on disk: a row that could not be written is found again by sync from the file. */
    (void)!lq_state_add_file(recorder->store->state, &row, NULL);
    return LQ_OK;
}

enum lq_status lq_recorder_finish(struct lq_recorder *recorder, struct lq_run *run,
                                  struct lq_error *err)
{
    enum lq_status raw_status, sink_status, status;
    struct lq_error raw_error = { 0 };

    sink_status = finish_redacting(recorder, &raw_error);
    lq_parser_finish(recorder->parser);
    run->error_count = recorder->error_count;
    run->warning_count = recorder->warning_count;
    run->test_pass_count = recorder->pass_count;
    run->test_fail_count = recorder->fail_count;
    run->test_skip_count = recorder->skip_count;
    run->outcome = judge(run);
    /* What was not known when the run began; and text that it is part of was not UTF-8 then. */
    if (recorder->redactor)
        lq_run_redact(run, recorder->redactor);
    lq_run_make_utf8(run);
    settle_names(recorder, run);
    /* The raw log first: a run that can be seen has one. Without it the run is still recorded. */
    raw_status = sink_status != LQ_OK ? sink_status : finish_raw(recorder, &raw_error);
    if (raw_status != LQ_OK)
        abandon_raw(recorder);
    status = finish_parquet(recorder, run, err);
    if (status != LQ_OK)
        retract_raw(recorder);
    LQ_TRY(status);
    if (raw_status != LQ_OK && err) {
        *err = raw_error;
        lq_error_prefix(err, "run %lld is recorded, but not its raw log: ", (long long)run->run_id);
    }
    return raw_status;
}

int64_t lq_recorder_event_count(const struct lq_recorder *recorder)
{
    return lq_spill_count(recorder->events);
}

enum lq_status lq_recorder_rewind_events(struct lq_recorder *recorder, struct lq_error *err)
{
    return lq_spill_rewind(recorder->events, err);
}

enum lq_status lq_recorder_next_event(struct lq_recorder *recorder, struct lq_event *event,
                                      bool *more, struct lq_error *err)
{
    return lq_spill_next(recorder->events, event, more, err);
}

void lq_recorder_excerpt(struct lq_recorder *recorder, struct lq_excerpt *excerpt)
{
    lq_excerpter_finish(recorder->excerpter, excerpt);
}

const char *lq_recorder_path(const struct lq_recorder *recorder)
{
    return recorder->path;
}

void lq_recorder_free(struct lq_recorder **out)
{
    struct lq_recorder *recorder = *out;

    if (!recorder)
        return;
    if (recorder->preloading)
        pthread_join(recorder->preloader, NULL);
    lq_run_writer_close(&recorder->writer);
    if (recorder->redacted) {
        int64_t n_bytes;

        (void)!lq_pump_finish(&recorder->redacted, &n_bytes, NULL);
    }
    lq_redactor_free(&recorder->redactor);
    lq_parser_free(&recorder->parser);
    lq_spill_free(&recorder->events);
    lq_excerpter_free(&recorder->excerpter);
    lq_raw_log_writer_free(&recorder->raw_writer);
    lq_close(&recorder->raw_fd);
    pending_release(&recorder->parquet);
    pending_release(&recorder->raw);
    free(recorder->path);
    free(recorder);
    *out = NULL;
}
