-- Questions over the views of sql/views.sql, as table functions: SELECT * FROM lq_errors(10). Here `n`
-- limits the rows, and NULL, the default, does not. They take longer to define than most questions take
-- to answer, so they are defined when a statement first asks for one.

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
