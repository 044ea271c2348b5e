/* SPDX-License-Identifier: MIT */
/* Writing a run as Parquet: run columns are constants of one SELECT over the events. */
#include "store/run_file.h"
#include "base/alloc.h"
#include "model/columns.h"
#include <sys/mman.h>
#include <unistd.h>

enum column_rows { RUN, ONCE, EVENT };

enum column {
#define X(name, type, rows, text) COLUMN_##name,
    LQ_COLUMNS(X)
#undef X
        N_COLUMNS
};

static const struct {
    const char *name, *type;
    enum column_rows rows;
} columns[N_COLUMNS] = {
#define X(name, type, rows, text) { #name, type, rows },
    LQ_COLUMNS(X)
#undef X
};

const struct lq_source_column lq_event_columns[LQ_EVENT_COLUMN_COUNT] = {
    { "event_id", LQ_VALUE_INT },           { "severity", LQ_VALUE_TEXT },
    { "file_path", LQ_VALUE_TEXT },         { "line_number", LQ_VALUE_INT },
    { "column_number", LQ_VALUE_INT },      { "message", LQ_VALUE_TEXT },
    { "raw_text", LQ_VALUE_TEXT },          { "tool_name", LQ_VALUE_TEXT },
    { "category", LQ_VALUE_TEXT },          { "error_code", LQ_VALUE_TEXT },
    { "error_fingerprint", LQ_VALUE_TEXT }, { "log_line_start", LQ_VALUE_INT },
    { "log_line_end", LQ_VALUE_INT },       { "test_name", LQ_VALUE_TEXT },
    { "test_status", LQ_VALUE_TEXT },       { "test_duration_sec", LQ_VALUE_DOUBLE },
};

/* A count that is NULL when not given. */
static struct lq_value given(int64_t number)
{
    return number > 0 ? lq_value_int(number) : (struct lq_value){ .kind = LQ_VALUE_NULL };
}

void lq_event_values(const struct lq_event *event, int64_t event_id, struct lq_value *values)
{
    const struct lq_value all[LQ_EVENT_COLUMN_COUNT] = {
        lq_value_int(event_id),
        lq_value_text(lq_severity_name(event->severity)),
        lq_value_str(event->file_path),
        given(event->line_number),
        given(event->column_number),
        lq_value_str(event->message),
        lq_value_str(event->raw_text),
        lq_value_str(event->tool_name),
        lq_value_str(event->category),
        lq_value_str(event->error_code),
        lq_value_str(event->fingerprint),
        given(event->log_line_start),
        given(event->log_line_end),
        lq_value_str(event->test_name),
        lq_value_text(lq_test_status_name(event->test_status)),
        event->test_status != LQ_TEST_NONE && event->test_duration_sec >= 0
            ? (struct lq_value){ .kind = LQ_VALUE_DOUBLE, .real = event->test_duration_sec }
            : (struct lq_value){ .kind = LQ_VALUE_NULL },
    };

    memcpy(values, all, sizeof all);
}

/* The values of the run columns; those of event columns stay NULL. */
static void run_values(const struct lq_run *run, struct lq_value values[N_COLUMNS])
{
    const struct lq_value null = { .kind = LQ_VALUE_NULL };
    const struct lq_value all[N_COLUMNS] = {
        [COLUMN_run_id] = lq_value_int(run->run_id),
        [COLUMN_source_name] = lq_value_text(run->source_name),
        [COLUMN_source_type] = lq_value_text(run->source_type),
        [COLUMN_command] = lq_value_text(run->command),
        [COLUMN_started_at] = lq_value_time(run->started_at),
        [COLUMN_completed_at] = lq_value_time(run->completed_at),
        [COLUMN_exit_code] = run->has_exit_code ? lq_value_int(run->exit_code) : null,
        [COLUMN_cwd] = lq_value_text(run->cwd),
        [COLUMN_executable_path] = lq_value_text(run->executable_path),
        [COLUMN_environment] = { .kind = LQ_VALUE_MAP, .map = &run->environment },
        [COLUMN_hostname] = lq_value_text(run->hostname),
        [COLUMN_platform] = lq_value_text(run->platform),
        [COLUMN_arch] = lq_value_text(run->arch),
        [COLUMN_git_commit] = lq_value_text(run->git_commit),
        [COLUMN_git_branch] = lq_value_text(run->git_branch),
        [COLUMN_git_dirty] =
            run->git_dirty == LQ_UNKNOWN
                ? null
                : (struct lq_value){ .kind = LQ_VALUE_BOOL, .boolean = run->git_dirty == LQ_YES },
        [COLUMN_ci] =
            run->ci.count ? (struct lq_value){ .kind = LQ_VALUE_MAP, .map = &run->ci } : null,
        [COLUMN_run_uid] = lq_value_text(run->run_uid),
        [COLUMN_origin] = lq_value_text(run->origin),
        [COLUMN_namespace] = lq_value_text(run->namespace_),
        [COLUMN_project] = lq_value_text(run->project),
        [COLUMN_duration_sec] = { .kind = LQ_VALUE_DOUBLE, .real = run->duration_sec },
        [COLUMN_outcome] = lq_value_text(lq_outcome_name(run->outcome)),
        [COLUMN_signal] = lq_value_text(run->signal),
        [COLUMN_error_count] = lq_value_int(run->error_count),
        [COLUMN_warning_count] = lq_value_int(run->warning_count),
        [COLUMN_test_pass_count] = lq_value_int(run->test_pass_count),
        [COLUMN_test_fail_count] = lq_value_int(run->test_fail_count),
        [COLUMN_test_skip_count] = lq_value_int(run->test_skip_count),
        [COLUMN_lq_version] = lq_value_text(run->lq_version),
    };

    memcpy(values, all, sizeof all);
}

struct lq_run_writer {
    struct lq_db *db;
    struct lq_source source;
    /* What the source reads: the events, the run row (event_id NULL) before them. */
    struct lq_spill *events;
    int64_t event_id; /* of the row handed out last; -1 before the run row */
};

static enum lq_status event_rows_rewind(void *ctx, struct lq_error *err)
{
    struct lq_run_writer *writer = ctx;

    writer->event_id = -1;
    return lq_spill_rewind(writer->events, err);
}

static enum lq_status event_rows_next(void *ctx, struct lq_value *values, bool *more,
                                      struct lq_error *err)
{
    struct lq_run_writer *writer = ctx;
    struct lq_event event;

    if (++writer->event_id == 0) {
        for (size_t i = 0; i < LQ_EVENT_COLUMN_COUNT; i++)
            values[i] = (struct lq_value){ .kind = LQ_VALUE_NULL };
        *more = true;
        return LQ_OK;
    }
    LQ_TRY(lq_spill_next(writer->events, &event, more, err));
    if (*more)
        lq_event_values(&event, writer->event_id, values);
    return LQ_OK;
}

/*
 * SNAPPY: on files of this size ZSTD saves 5 % and halves the reading speed. Small row groups keep
 * memory flat when there are millions of events.
 */
static const char copy_options[] =
    " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 20480, USE_TMP_FILE false)";

static void build_copy(struct lq_buf *sql, const char *path, const struct lq_value *values,
                       struct lq_value *params, size_t *n_params)
{
    lq_buf_adds(sql, "COPY (SELECT ");
    *n_params = 0;
    for (size_t i = 0; i < N_COLUMNS; i++) {
        lq_buf_adds(sql, i ? ", " : "");
        if (columns[i].rows == EVENT) {
            lq_buf_addf(sql, "e.%s", columns[i].name);
            continue;
        }
        /* A NULL has no type: as a parameter it would make the engine plan the statement again. */
        if (values[i].kind == LQ_VALUE_NULL) {
            lq_buf_addf(sql, "NULL::%s AS %s", columns[i].type, columns[i].name);
            continue;
        }
        params[(*n_params)++] = values[i];
        lq_buf_addf(sql,
                    columns[i].rows == RUN ? "$%zu::%s"
                                           : "CASE WHEN e.event_id IS NULL THEN $%zu::%s END",
                    *n_params, columns[i].type);
        lq_buf_addf(sql, " AS %s", columns[i].name);
    }
    lq_buf_adds(sql, " FROM lq_event_rows() e) TO ");
    lq_db_add_literal(sql, path);
    lq_buf_adds(sql, copy_options);
}

enum lq_status lq_run_writer_write(struct lq_run_writer *writer, const char *path,
                                   const struct lq_run *run, struct lq_spill *events,
                                   struct lq_error *err)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf sql = LQ_BUF_INIT;
    struct lq_value values[N_COLUMNS], params[N_COLUMNS];
    size_t n_params;
    enum lq_status status;

    writer->events = events;
    run_values(run, values);
    build_copy(&sql, path, values, params, &n_params);
    status = lq_db_exec(writer->db, lq_buf_text(&sql), params, n_params, err);
    if (status != LQ_OK)
        lq_error_prefix(err, "cannot write '%s': ", path);
    return status;
}

/* Write an empty run to a file in memory: the engine's first COPY costs milliseconds that a running
 * command hides. (Not to /dev/null: the engine locks what it writes, against other lq's too.) */
static void warm_up(struct lq_run_writer *writer)
{
    LQ_CLEANUP(lq_spill_free) struct lq_spill *no_events = lq_spill_new("/");
    LQ_CLEANUP(lq_close) int fd = memfd_create("lq", MFD_CLOEXEC);
    LQ_CLEANUP(lq_free) char *path = lq_format("/proc/self/fd/%d", fd);
    const struct lq_run no_run = { 0 };

    /* Whatever is wrong here is reported by the write that matters. */
    if (fd >= 0 && lq_run_writer_write(writer, path, &no_run, no_events, NULL) != LQ_OK)
        return;
}

enum lq_status lq_run_writer_open(struct lq_run_writer **out, struct lq_error *err)
{
    /* What ten million events need; the engine would otherwise buffer more. */
    static const struct lq_db_opts opts = { .memory_limit = "96MB" };
    LQ_CLEANUP(lq_run_writer_close) struct lq_run_writer *writer = lq_alloc(sizeof *writer);
    LQ_TRY(lq_db_open(&writer->db, &opts, err));
    writer->source = (struct lq_source){ lq_event_columns, LQ_EVENT_COLUMN_COUNT, event_rows_rewind,
                                         event_rows_next, writer };
    LQ_TRY(lq_db_add_source(writer->db, "lq_event_rows", &writer->source, err));
    warm_up(writer);
    *out = LQ_TAKE(writer);
    return LQ_OK;
}

void lq_run_writer_close(struct lq_run_writer **writer)
{
    if (!*writer)
        return;
    lq_db_close(&(*writer)->db);
    free(*writer);
    *writer = NULL;
}
