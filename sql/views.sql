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
FROM lq_run_rows r;

-- Event rows, with what is known of their run.
CREATE TEMP VIEW lq_events AS
SELECT
    r.ref || ':' || e.event_id AS ref,
    r.* EXCLUDE (ref, run_key, file, place) REPLACE (
        e.event_id AS event_id,
        e.severity AS severity,
        e.file_path AS file_path,
        e.line_number AS line_number,
        e.column_number AS column_number,
        e.message AS message,
        e.raw_text AS raw_text,
        e.tool_name AS tool_name,
        e.category AS category,
        e.error_code AS error_code,
        e.error_fingerprint AS error_fingerprint,
        e.log_line_start AS log_line_start,
        e.log_line_end AS log_line_end,
        e.test_name AS test_name,
        e.test_status AS test_status,
        e.test_duration_sec AS test_duration_sec
    ),
    CAST(r.started_at AS DATE) AS date,
    r.source_type AS source,
    r.place,
    r.file
FROM lq_event_rows e
JOIN lq_run_rows r ON r.run_key = e.run_key;

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
