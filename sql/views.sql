-- The views and small functions that every reading command and every `lq sql` sees;
-- sql/macros.sql has the questions.
--
-- Below them lie two relations that the query room makes:
--   lq_run_rows    a row per run, each run once: all columns of docs/format.md, ref, file, place
--   lq_event_rows  a row per event of those runs: all columns, file
-- `file` is the Parquet file a row was read from, `place` is 'local' or 'store'.

CREATE TEMP VIEW lq_runs AS
SELECT
    r.ref,
    r.* EXCLUDE (
        ref, file, place, event_id, severity, file_path, line_number, column_number, message,
        raw_text, tool_name, category, error_code, error_fingerprint, log_line_start,
        log_line_end, test_name, test_status, test_duration_sec
    ),
    CAST(r.started_at AS DATE) AS date,
    r.source_type AS source,
    r.place,
    r.file
FROM lq_run_rows r;

-- Event rows; what stands on the run row only is filled in.
CREATE TEMP VIEW lq_events AS
SELECT
    r.ref || ':' || e.event_id AS ref,
    e.* EXCLUDE (file) REPLACE (
        r.environment AS environment,
        r.ci AS ci,
        r.duration_sec AS duration_sec,
        r.outcome AS outcome,
        r.signal AS signal,
        r.error_count AS error_count,
        r.warning_count AS warning_count,
        r.test_pass_count AS test_pass_count,
        r.test_fail_count AS test_fail_count,
        r.test_skip_count AS test_skip_count
    ),
    CAST(r.started_at AS DATE) AS date,
    r.source_type AS source,
    r.place,
    r.file
FROM lq_event_rows e
JOIN lq_run_rows r ON r.file = e.file AND r.run_uid IS NOT DISTINCT FROM e.run_uid;

-- The newest run of each name, per project and host.
CREATE TEMP VIEW lq_source_status AS
SELECT *
FROM lq_runs
QUALIFY row_number() OVER (
    PARTITION BY namespace, project, hostname, source_name ORDER BY started_at DESC, run_uid DESC
) = 1;

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
