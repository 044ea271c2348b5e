-- The views and small functions that every reading command and every `lq sql` sees;
-- sql/macros.sql has the questions.
--
-- Below them lie two relations that the query room makes:
--   lq_run_rows    a row per run, each run once: all columns of docs/format.md, ref, file, place
--   lq_event_rows  a row per event: the columns that stand on event rows alone
-- Both have run_key, by which an event finds its run, whose columns the event's others are. `file` is the
-- Parquet file a row was read from, `place` is 'local' or 'store'.

CREATE TEMP VIEW lq_runs AS
SELECT
    ref,
    run_id, source_name, source_type, command, started_at, completed_at, exit_code, cwd,
    executable_path, environment, hostname, platform, arch, git_commit, git_branch, git_dirty, ci,
    run_uid, origin, namespace, project, duration_sec, outcome, signal, error_count, warning_count,
    test_pass_count, test_fail_count, test_skip_count, lq_version,
    CAST(started_at AS DATE) AS date, source_type AS source, place, file
FROM lq_run_rows;

-- Event rows, with what is known of their run. Every column is named: with r.* EXCLUDE … REPLACE … planning
-- takes a third longer.
CREATE TEMP VIEW lq_events AS
SELECT
    r.ref || ':' || e.event_id AS ref,
    r.run_id, r.source_name, r.source_type, r.command, r.started_at, r.completed_at, r.exit_code,
    r.cwd, r.executable_path, r.environment, r.hostname, r.platform, r.arch, r.git_commit,
    r.git_branch, r.git_dirty, r.ci, e.event_id, e.severity, e.file_path, e.line_number,
    e.column_number, e.message, e.raw_text, e.tool_name, e.category, e.error_code,
    e.error_fingerprint, e.log_line_start, e.log_line_end, r.run_uid, r.origin, r.namespace,
    r.project, r.duration_sec, r.outcome, r.signal, r.error_count, r.warning_count,
    r.test_pass_count, r.test_fail_count, r.test_skip_count, e.test_name, e.test_status,
    e.test_duration_sec, r.lq_version,
    CAST(r.started_at AS DATE) AS date, r.source_type AS source, r.place, r.file
FROM lq_event_rows e
JOIN lq_run_rows r ON r.run_key = e.run_key;

-- The newest run of each name, per project and host.
CREATE TEMP VIEW lq_source_status AS
SELECT
    r.ref,
    r.* EXCLUDE (
        ref, run_key, file, place, event_id, severity, file_path, line_number, column_number,
        message, raw_text, tool_name, category, error_code, error_fingerprint, log_line_start,
        log_line_end, test_name, test_status, test_duration_sec
    ),
    CAST(r.started_at AS DATE) AS date,
    r.source_type AS source,
    r.place,
    r.file
FROM lq_run_rows r
WHERE r.run_key IN (
    SELECT
        arg_max(run_key, (coalesce(started_at, '-infinity'), coalesce(run_uid, '')))
    FROM lq_run_rows
    GROUP BY namespace, project, hostname, source_name
);

-- ---- small functions ----

-- '5:3' of a run and an event number; '5' without an event.
CREATE TEMP MACRO lq_ref(run_id, event_id) AS
    CASE WHEN event_id IS NULL THEN CAST(run_id AS VARCHAR) ELSE run_id || ':' || event_id END;

-- The parts of a reference such as 5:3 or ns/proj@host:5:3; NULL where it has none.
CREATE TEMP MACRO lq_parse_ref(ref) AS {
    'namespace': nullif(regexp_extract(ref, '^([^/@:]*)/[^@:]*@[^:]*:', 1), ''),
    'project': nullif(regexp_extract(ref, '^[^/@:]*/([^@:]*)@[^:]*:', 1), ''),
    'hostname': nullif(regexp_extract(ref, '^[^/@:]*/[^@:]*@([^:]*):', 1), ''),
    'run_id': TRY_CAST(regexp_extract(ref, '(?:^|:)(\d+)(?::\d+)?$', 1) AS BIGINT),
    'event_id': TRY_CAST(regexp_extract(ref, '\d+:(\d+)$', 1) AS BIGINT)
};

-- 'src/main.c:10:5', as far as it is known.
CREATE TEMP MACRO lq_location(file_path, line_number, column_number) AS
    file_path || coalesce(':' || line_number || coalesce(':' || column_number, ''), '');

-- The first eight digits of a fingerprint's hash, enough to tell them apart by eye.
CREATE TEMP MACRO lq_short_fp(error_fingerprint) AS
    left(regexp_extract(error_fingerprint, '[0-9a-f]+$'), 8);
