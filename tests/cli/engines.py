# SPDX-License-Identifier: MIT
"""Ask another engine about a store, and compare its answers with lq's.

    engines.py duckdb|spark|clickhouse STORE   by the views of `lq schema --dialect`
    engines.py polars|pyarrow STORE            by the files themselves

Prints what differs. Times are compared as instants; the order of rows is not compared.
"""
import datetime
import json
import subprocess
import sys

QUESTIONS = {
    "counts": "SELECT namespace, project, hostname, severity, count(*) AS n FROM lq_events "
    "GROUP BY namespace, project, hostname, severity",
    "runs": "SELECT ref, run_uid, source_name, started_at, date, source, place, outcome, duration_sec, git_dirty, "
    "error_count FROM lq_runs",
    "events": "SELECT ref, severity, file_path, line_number, message, test_name, duration_sec, error_count, "
    "started_at, date FROM lq_events",
    "newest": "SELECT ref, source_name FROM lq_source_status",
}


def lq(*words):
    return subprocess.run(["lq", *words], check=True, capture_output=True, text=True).stdout


def ours(store, question):
    return [list(row.values()) for row in json.loads(lq("sql", "-d", store, "--json", question))]


def statements(dialect, store):
    sql = lq("schema", "--dialect", dialect, store)
    return [text for text in sql.split(";\n") if text.strip()]


def duckdb(store):
    with open("views.sql", "w", encoding="utf-8") as file:
        file.write(lq("schema", "--dialect", "duckdb", store))

    def ask(question):
        command = ["duckdb", "-init", "views.sql", "-jsonlines", "-c", question]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return [list(json.loads(line).values()) for line in done.stdout.splitlines()]

    return ask


def spark(store):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "Asia/Kathmandu",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    for statement in statements("spark", store):
        session.sql(statement)
    return lambda question: [list(row) for row in session.sql(question).collect()]


def clickhouse(store):
    from chdb import session as sessions

    session = sessions.Session()
    session.query("SET session_timezone = 'Asia/Kathmandu'")
    for statement in statements("clickhouse", store):
        session.query(statement)

    def ask(question):
        lines = session.query("SELECT * FROM (" + question + ")", "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in lines.splitlines()]

    return ask


COUNTED = ["run_uid", "namespace", "project", "hostname", "severity", "event_id"]


def count(rows):
    """The answer to "counts", from (file, run_uid, namespace, project, hostname, severity, event_id): each run
    from one file only."""
    files, counts = {}, {}
    for file, uid, *_ in rows:
        files[uid or file] = min(file, files.get(uid or file, file))
    for file, uid, *key, event in rows:
        if event is not None and files[uid or file] == file:
            counts[tuple(key)] = counts.get(tuple(key), 0) + 1
    return [[*key, n] for key, n in counts.items()]


def polars(store):
    import polars as pl

    frame = pl.scan_parquet(
        store + "/namespace=*/project=*/hostname=*/date=*/source=*/*.parquet",
        hive_partitioning=False,
        include_file_paths="file",
        missing_columns="insert",
        extra_columns="ignore",
        schema=dict.fromkeys(COUNTED[:-1], pl.String) | {"event_id": pl.Int64},
    )
    rows = frame.select("file", *COUNTED).collect().rows()
    return lambda question: count(rows)


def pyarrow(store):
    import pyarrow
    import pyarrow.dataset

    schema = pyarrow.schema([(name, pyarrow.string()) for name in COUNTED[:-1]] + [("event_id", pyarrow.int64())])
    data = pyarrow.dataset.dataset(store, format="parquet", schema=schema)
    rows = []
    for fragment in data.get_fragments():
        for row in fragment.to_table(schema=schema, columns=COUNTED).to_pylist():
            rows.append((fragment.path, *(row[name] for name in COUNTED)))
    return lambda question: count(rows)


def settle(value):
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
            value = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        except ValueError:
            return value
    if isinstance(value, datetime.datetime):
        # Without a zone it is local time: so PySpark gives it.
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat() + "T00:00:00+00:00"
    return value


def main(engine, store):
    ask = globals()[engine](store)
    good = True
    for name, question in QUESTIONS.items():
        if engine in ("polars", "pyarrow") and name != "counts":
            continue
        want = sorted(json.dumps([settle(v) for v in row]) for row in ours(store, question))
        got = sorted(json.dumps([settle(v) for v in row]) for row in ask(question))
        assert want, name
        for sign, some, others in (("-", want, got), ("+", got, want)):
            for row in some:
                if some.count(row) != others.count(row):
                    print(f"{name}: {sign} {row}")
                    good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
