-- The views of sql/views.sql for other engines: `lq schema --dialect`. What stands in braces is filled in
-- by src/query/schema.c. Below lies lq_rows: all rows of all run files, with the columns of
-- docs/format.md and `file`, their file.

CREATE OR REPLACE {temporary}VIEW lq_runs AS
SELECT
    {ref} AS ref,
    {run_columns},
    {date} AS date,
    source_type AS source,
    '{place}' AS place,
    file
FROM (
    SELECT *, row_number() OVER (PARTITION BY coalesce(run_uid, file) ORDER BY file) AS copy_number
    FROM lq_rows
    WHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL)
) r
WHERE copy_number = 1;

CREATE OR REPLACE {temporary}VIEW lq_events AS
SELECT
    concat(r.ref, ':', CAST(e.event_id AS {text})) AS ref,
    {event_columns},
    r.date AS date,
    r.source AS source,
    r.place AS place,
    r.file AS file
FROM lq_rows e
JOIN lq_runs r ON r.file = e.file AND coalesce(r.run_uid, '') = coalesce(e.run_uid, '')
WHERE e.event_id IS NOT NULL;

CREATE OR REPLACE {temporary}VIEW lq_source_status AS
SELECT
    ref,
    {run_columns},
    date,
    source,
    place,
    file
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY namespace, project, hostname, source_name
        ORDER BY started_at DESC, run_uid DESC
    ) AS age_number
    FROM lq_runs
) r
WHERE age_number = 1;
