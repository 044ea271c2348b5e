-- The views and macros that every reading command and every `lq sql` sees.
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

-- ---- questions; n limits the rows, NULL (the default) does not ----

CREATE TEMP MACRO lq_errors(n := NULL) AS TABLE
SELECT *
FROM lq_events
WHERE severity = 'error'
ORDER BY started_at DESC, run_uid DESC, event_id
LIMIT n;

CREATE TEMP MACRO lq_errors_for(name, n := NULL) AS TABLE
SELECT *
FROM lq_events
WHERE severity = 'error' AND source_name = name
ORDER BY started_at DESC, run_uid DESC, event_id
LIMIT n;

CREATE TEMP MACRO lq_warnings(n := NULL) AS TABLE
SELECT *
FROM lq_events
WHERE severity = 'warning'
ORDER BY started_at DESC, run_uid DESC, event_id
LIMIT n;

-- The newest run of each name.
CREATE TEMP MACRO lq_status() AS TABLE
SELECT
    ref, source_name, outcome, exit_code, error_count, warning_count, test_pass_count,
    test_fail_count, started_at, duration_sec, namespace, project, hostname
FROM lq_source_status
ORDER BY started_at DESC, run_uid DESC;

-- Events counted by tool, category and severity, over all runs.
CREATE TEMP MACRO lq_summary() AS TABLE
SELECT tool_name, category, severity, count(*) AS events, count(DISTINCT run_uid) AS runs
FROM lq_events
GROUP BY ALL
ORDER BY events DESC, tool_name, category, severity;

-- The same over the newest run of each name.
CREATE TEMP MACRO lq_summary_latest() AS TABLE
SELECT e.source_name, e.tool_name, e.category, e.severity, count(*) AS events
FROM lq_events e
SEMI JOIN lq_source_status s ON s.file = e.file AND s.run_uid IS NOT DISTINCT FROM e.run_uid
GROUP BY ALL
ORDER BY e.source_name, events DESC, e.tool_name, e.category, e.severity;

CREATE TEMP MACRO lq_history(n := NULL) AS TABLE
SELECT
    ref, source_name, source_type, started_at, git_branch, git_commit, duration_sec, command,
    outcome, exit_code, error_count, warning_count, namespace, project, hostname, run_uid
FROM lq_runs
ORDER BY started_at DESC, run_uid DESC
LIMIT n;

-- Errors and warnings of two runs by severity and fingerprint: new in b, fixed since a, or in both.
-- Runs are given by what tells them apart everywhere, coalesce(run_uid, file). NULL for a: no such
-- run, so everything is new.
CREATE TEMP MACRO lq_compare(a, b) AS TABLE
WITH before AS (
    SELECT
        coalesce(error_fingerprint, message) AS fp, severity, arg_min(e, event_id) AS event,
        count(*) AS n
    FROM lq_events e
    WHERE e.severity IN ('error', 'warning') AND coalesce(e.run_uid, e.file) = a
    GROUP BY ALL
), after AS (
    SELECT
        coalesce(error_fingerprint, message) AS fp, severity, arg_min(e, event_id) AS event,
        count(*) AS n
    FROM lq_events e
    WHERE e.severity IN ('error', 'warning') AND coalesce(e.run_uid, e.file) = b
    GROUP BY ALL
)
SELECT
    CASE WHEN x.n IS NULL THEN 'new' WHEN y.n IS NULL THEN 'fixed' ELSE 'same' END AS change,
    coalesce(y.event, x.event).ref AS ref,
    coalesce(y.event, x.event).severity AS severity,
    coalesce(y.event, x.event).file_path AS file_path,
    coalesce(y.event, x.event).line_number AS line_number,
    coalesce(y.event, x.event).message AS message,
    coalesce(x.n, 0) AS count_before,
    coalesce(y.n, 0) AS count_after,
    coalesce(y.event, x.event).error_fingerprint AS error_fingerprint,
    coalesce(y.event, x.event).column_number AS column_number,
    coalesce(y.event, x.event).error_code AS error_code,
    coalesce(y.event, x.event).tool_name AS tool_name,
    coalesce(y.event, x.event).test_name AS test_name,
    coalesce(y.event, x.event).event_id AS event_id
FROM before x
FULL JOIN after y
    ON x.fp IS NOT DISTINCT FROM y.fp AND x.severity = y.severity
ORDER BY change = 'same', change DESC, severity, file_path, line_number;

-- The same of two runs given by their refs.
CREATE TEMP MACRO lq_diff(a, b) AS TABLE
SELECT *
FROM lq_compare(
    (SELECT min(coalesce(r.run_uid, r.file)) FROM lq_runs r WHERE r.ref = a),
    (SELECT min(coalesce(r.run_uid, r.file)) FROM lq_runs r WHERE r.ref = b)
);

-- One event, by its ref as this scope prints it; lq itself takes every form of reference.
CREATE TEMP MACRO lq_event(event_ref) AS TABLE
SELECT * FROM lq_events WHERE ref = event_ref;

-- Events in a file, whichever folder the tool was started in.
CREATE TEMP MACRO lq_file(path) AS TABLE
SELECT *
FROM lq_events
WHERE file_path = path OR ends_with(file_path, '/' || path)
ORDER BY started_at DESC, run_uid DESC, event_id;

-- Where else a fingerprint was seen; its short form will do.
CREATE TEMP MACRO lq_similar_events(fp, n := NULL) AS TABLE
SELECT *
FROM lq_events
WHERE error_fingerprint = fp OR lq_short_fp(error_fingerprint) = fp
ORDER BY started_at DESC, run_uid DESC, event_id
LIMIT n;
