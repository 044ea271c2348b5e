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

-- ---- questions about many machines and projects ----
-- A run counts to its commit only where nothing but the commit was built: not with git_dirty.

-- Where a fingerprint, or its short form, was seen: on each machine and in each project, and first there
-- where it was seen first. A test that passes has a fingerprint too, and is no such event.
CREATE TEMP MACRO lq_first_seen(fp) AS TABLE
FROM (
    SELECT
        min(started_at) AS first_seen, max(started_at) AS last_seen, namespace, project, hostname,
        unnest(arg_min(
            struct_pack(ref, git_branch, git_commit, severity, file_path, line_number, message),
            (started_at, run_uid, event_id)
        )),
        count(*) AS event_count,
        count(DISTINCT coalesce(run_uid, file)) AS run_count,
        error_fingerprint
    FROM lq_events
    WHERE
        (error_fingerprint = fp OR lq_short_fp(error_fingerprint) = fp) AND severity IS NOT NULL
    GROUP BY namespace, project, hostname, error_fingerprint
)
ORDER BY first_seen NULLS LAST, ref;

-- Errors by fingerprint that no machine had before `since`; NULL: ever. What came at a time that is not
-- known may have been before.
CREATE TEMP MACRO lq_new_errors(since := NULL) AS TABLE
FROM (
    SELECT
        min(started_at) AS first_seen, max(started_at) AS last_seen,
        unnest(arg_min(
            struct_pack(
                ref, namespace, project, hostname, file_path, line_number, column_number, message,
                error_code, tool_name, test_name, error_fingerprint
            ),
            (started_at, run_uid, event_id)
        )),
        count(*) AS event_count,
        count(DISTINCT coalesce(run_uid, file)) AS run_count,
        count(DISTINCT hostname) AS host_count,
        count(DISTINCT (namespace, project)) AS project_count
    FROM lq_events
    WHERE severity = 'error'
    GROUP BY coalesce(error_fingerprint, message)
    HAVING bool_and(since IS NULL OR coalesce(started_at >= CAST(since AS TIMESTAMPTZ), false))
)
ORDER BY first_seen DESC NULLS LAST, ref;

-- Tests that both passed and failed on one commit; those counted are the runs on such commits.
CREATE TEMP MACRO lq_flaky(n := NULL) AS TABLE
WITH results AS (
    SELECT
        *, coalesce(run_uid, file) AS run, test_status = 'pass' AS passed,
        test_status IN ('fail', 'error') AS failed
    FROM lq_events
    WHERE
        test_name IS NOT NULL AND test_status IN ('pass', 'fail', 'error')
        AND git_commit IS NOT NULL AND git_dirty IS NOT TRUE
), torn AS (
    FROM results
    WINDOW on_commit AS (PARTITION BY namespace, project, tool_name, test_name, git_commit)
    QUALIFY bool_or(passed) OVER on_commit AND bool_or(failed) OVER on_commit
)
SELECT
    namespace, project, test_name, tool_name,
    count(DISTINCT git_commit) AS commit_count,
    count(DISTINCT run) FILTER (passed) AS pass_count,
    count(DISTINCT run) FILTER (failed) AS fail_count,
    count(DISTINCT hostname) AS host_count,
    max(started_at) AS last_seen,
    arg_max(ref, (started_at, run_uid, event_id)) FILTER (failed) AS ref,
    arg_max(message, (started_at, run_uid, event_id)) FILTER (failed) AS message
FROM torn
GROUP BY namespace, project, test_name, tool_name
ORDER BY commit_count DESC, fail_count DESC, namespace, project, test_name, tool_name
LIMIT n;

-- Commands by how long they take: the median over their runs that were not interrupted.
CREATE TEMP MACRO lq_slowest(n := NULL) AS TABLE
SELECT
    namespace, project, source_name,
    median(duration_sec) AS median_sec,
    avg(duration_sec) AS mean_sec,
    max(duration_sec) AS max_sec,
    sum(duration_sec) AS total_sec,
    count(*) AS run_count,
    count(DISTINCT hostname) AS host_count,
    arg_max(ref, (duration_sec, started_at, run_uid)) AS ref,
    arg_max(hostname, (duration_sec, started_at, run_uid)) AS hostname
FROM lq_runs
WHERE duration_sec IS NOT NULL AND outcome IS DISTINCT FROM 'interrupted'
GROUP BY namespace, project, source_name
ORDER BY median_sec DESC, namespace, project, source_name
LIMIT n;

-- Tests likewise, as far as their tools tell.
CREATE TEMP MACRO lq_slowest_tests(n := NULL) AS TABLE
SELECT
    namespace, project, test_name, tool_name,
    median(test_duration_sec) AS median_sec,
    avg(test_duration_sec) AS mean_sec,
    max(test_duration_sec) AS max_sec,
    sum(test_duration_sec) AS total_sec,
    count(DISTINCT coalesce(run_uid, file)) AS run_count,
    count(DISTINCT hostname) AS host_count,
    arg_max(ref, (test_duration_sec, started_at, run_uid, event_id)) AS ref,
    arg_max(hostname, (test_duration_sec, started_at, run_uid, event_id)) AS hostname
FROM lq_events
WHERE test_name IS NOT NULL AND test_duration_sec IS NOT NULL
GROUP BY namespace, project, test_name, tool_name
ORDER BY median_sec DESC, namespace, project, test_name, tool_name
LIMIT n;

-- The runs that a text names: a run by its ref or run_uid; else of a branch, or of a commit by at least
-- four digits of its hash, the newest run of each name on each machine.
CREATE TEMP MACRO lq_runs_of(what) AS TABLE
WITH named AS (
    FROM lq_runs r WHERE r.ref = what OR r.run_uid = what OR r.file = what
), on_branch AS (
    FROM lq_runs r WHERE r.git_branch = what AND NOT EXISTS (FROM named)
), of_commit AS (
    FROM lq_runs r
    WHERE
        regexp_full_match(what, '[0-9a-fA-F]{4,64}') AND starts_with(r.git_commit, lower(what))
        AND r.git_dirty IS NOT TRUE AND NOT EXISTS (FROM named) AND NOT EXISTS (FROM on_branch)
)
FROM named
UNION ALL
FROM (
    FROM (FROM on_branch UNION ALL FROM of_commit)
    QUALIFY row_number() OVER (
        PARTITION BY namespace, project, hostname, source_name
        ORDER BY started_at DESC, run_uid DESC
    ) = 1
);

-- What got worse from a to b, each as in lq_runs_of: names of which every run ended well and one does not
-- any more ('run'), tests that fail and did not ('test'), errors whose fingerprint is new ('error').
CREATE TEMP MACRO lq_regressions(a, b) AS TABLE
WITH before AS (
    FROM lq_runs_of(a)
), after AS (
    FROM lq_runs_of(b)
), found AS (
    SELECT
        e.*, r.later, coalesce(test_name, error_fingerprint, message) AS key,
        if(test_name IS NULL, 'error', 'test') AS kind
    FROM lq_events e
    JOIN (
        SELECT file, run_uid, bool_and(later) AS later
        FROM (SELECT *, false AS later FROM before UNION ALL SELECT *, true AS later FROM after)
        GROUP BY ALL
    ) r ON r.file = e.file AND r.run_uid IS NOT DISTINCT FROM e.run_uid
    WHERE severity = 'error'
)
SELECT
    kind, namespace, project,
    unnest(arg_min(
        struct_pack(
            ref, hostname, source_name, file_path, line_number, column_number, message, error_code,
            tool_name, test_name, error_fingerprint
        ),
        (started_at, run_uid, event_id)
    )),
    count(*) AS event_count
FROM found
GROUP BY namespace, project, kind, key
HAVING bool_and(later)
UNION ALL BY NAME
SELECT
    'run' AS kind, namespace, project, ref, hostname, source_name,
    outcome || coalesce(' (' || coalesce(signal, 'exit ' || exit_code) || ')', '') AS message
FROM after r
SEMI JOIN (
    SELECT namespace, project, source_name
    FROM before
    GROUP BY ALL
    HAVING bool_and(outcome IN ('ok', 'warn'))
) well
ON
    well.namespace IS NOT DISTINCT FROM r.namespace
    AND well.project IS NOT DISTINCT FROM r.project
    AND well.source_name IS NOT DISTINCT FROM r.source_name
WHERE outcome NOT IN ('ok', 'warn')
ORDER BY kind DESC, namespace, project, source_name, ref;

-- Machines, with what ran there and what came of it.
CREATE TEMP MACRO lq_by_host() AS TABLE
WITH events AS (
    SELECT
        hostname,
        count(*) FILTER (severity = 'error') AS error_count,
        count(*) FILTER (severity = 'warning') AS warning_count
    FROM lq_events
    GROUP BY hostname
)
SELECT
    r.hostname,
    count(DISTINCT (r.namespace, r.project)) AS project_count,
    count(*) AS run_count,
    count(*) FILTER (r.outcome NOT IN ('ok', 'warn')) AS fail_count,
    coalesce(any_value(e.error_count), 0) AS error_count,
    coalesce(any_value(e.warning_count), 0) AS warning_count,
    avg(r.duration_sec) AS mean_sec,
    max(r.started_at) AS last_started_at
FROM lq_runs r
LEFT JOIN events e ON e.hostname IS NOT DISTINCT FROM r.hostname
GROUP BY r.hostname
ORDER BY r.hostname NULLS LAST;
