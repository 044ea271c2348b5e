#!/usr/bin/env bash
# The reading commands: what they print in each format, references, filters, bad files.
. "$(dirname -- "$0")/lib.sh"

# Three runs: build (2 errors, 1 warning), test (clean), build (1 error).
three_runs() {
    new_project
    printf '%s\n' 'a.c:1:2: error: no such name [-Wx]' 'b.c:3: warning: odd' \
        'c.c:5:6: error: gone' >one.log
    printf '%s\n' 'a.c:9:2: error: no such name [-Wx]' >two.log
    lq run -n build sh -c 'cat one.log; exit 2' >/dev/null 2>&1 || true
    lq run -n test true 2>/dev/null
    lq run -n build sh -c 'cat two.log; exit 2' >/dev/null 2>&1 || true
}

test_before_the_first_run() {
    new_project
    for command in errors warnings status history; do
        run lq "$command"
        expect_rc 0
        expect_stdout </dev/null
        expect_stderr <<'END'
lq: no runs yet: 'lq run COMMAND' records one
END
    done
    run lq errors --json
    expect_rc 0
    expect_stdout <<'END'
[]
END
    run lq event 1:1
    expect_rc 1
}

test_errors_table() {
    three_runs
    run lq errors
    expect_rc 0
    expect_stderr </dev/null
    expect_stdout <<'END'
REF RUN   LOCATION MESSAGE
3:1 build a.c:9:2  no such name [-Wx]
1:1 build a.c:1:2  no such name [-Wx]
1:3 build c.c:5:6  gone
END
    run lq errors 1
    expect_stdout <<'END'
REF RUN   LOCATION MESSAGE
1:1 build a.c:1:2  no such name [-Wx]
1:3 build c.c:5:6  gone
END
    run lq errors -n 1
    expect_stdout <<'END'
REF RUN   LOCATION MESSAGE
3:1 build a.c:9:2  no such name [-Wx]
END
    expect_stderr <<'END'
lq: only the first 1 are shown: -n 0 shows all
END
    run lq warnings
    expect_stdout <<'END'
REF RUN   LOCATION MESSAGE
1:2 build b.c:3    odd
END
}

test_same_rows_in_every_format() {
    three_runs
    run lq errors --json
    python3 -c 'import json, sys
for row in json.load(open(sys.argv[1])): print(row["ref"])' "$state/out" >json.txt
    run lq errors --jsonl
    python3 -c 'import json, sys
for line in open(sys.argv[1]): print(json.loads(line)["ref"])' "$state/out" >jsonl.txt
    run lq errors --csv
    python3 -c 'import csv, sys
for row in csv.DictReader(open(sys.argv[1])): print(row["ref"])' "$state/out" >csv.txt
    run lq errors --markdown
    sed -n '3,$s/^| \([^ ]*\) |.*/\1/p' "$state/out" >markdown.txt
    run lq errors -o table
    sed -n '2,$s/ .*//p' "$state/out" >table.txt
    printf '%s\n' 3:1 1:1 1:3 >want.txt
    for format in json jsonl csv markdown table; do
        cmp want.txt "$format.txt" || fail "$format has other rows"
    done
    run lq errors -o xml
    expect_rc 2
}

test_status_and_history() {
    three_runs
    run lq status
    expect_stdout <<'END'
RUN   OUTCOME FOUND   STARTED  REF
build fail    1 error just now 3
test  ok              just now 2
END
    run lq history --csv
    expect_rc 0
    run lq history -n 2 --jsonl
    [[ $(wc -l <"$state/out") == 2 ]] || fail "-n 2 gives other than two rows"
    run lq history
    expect_in_stdout '2 errors, 1 warning'
}

test_references() {
    three_runs
    uid=$(lq sql --csv "SELECT run_uid FROM lq_runs WHERE run_id = 1" | tail -1)
    while read -r ref want; do
        run lq event "$ref" --csv
        expect_rc 0
        [[ $(sed -n '2s/,.*//p' "$state/out") == "$want" ]] || fail "$ref is not $want"
    done <<END
1:3 1:3
build:1 3:1
$uid:2 1:2
${uid: -8}:2 1:2
acme/rocket@testhost:1:1 1:1
acme/rocket@testhost:build:1 3:1
build:~1:2 1:2
~2:3 1:3
~0:1 3:1
acme/rocket@testhost:build:~1:1 1:1
acme/rocket@testhost:~2:1 1:1
END
    while read -r ref want; do
        run lq errors "$ref" --csv
        expect_rc 0
        [[ $(sed -n '2s/,.*//p' "$state/out") == "$want" ]] || fail "$ref is not $want"
    done <<END
build 3:1
build:~1 1:1
~0 3:1
~2 1:1
$uid 1:1
END
    for ref in 9 nobody build:~2 build:~2:1 ~1:99 :~1:1 build:~1:0 1:99 acme/rocket@other:1:1 ''; do
        run lq event "$ref"
        expect_rc 1
        expect_stdout </dev/null
    done
    # Commands that show the run of an event do not make one up either.
    for command in errors events 'annotate --github' info summary report 'ci check' diff 'diff 1' 'filter -c'; do
        read -ra words <<<"$command"
        run lq "${words[@]}" 1:99
        expect_rc 1
        expect_stdout </dev/null
        expect_stderr <<'END'
lq: no event '1:99'
END
    done
    run lq event 1
    expect_rc 1
    expect_stderr <<'END'
lq: '1' is a run: lq event needs an event, such as '1:1'
END
}

test_context() {
    three_runs
    run lq context 1:2 -n 1
    expect_stdout <<'END'
       1 | a.c:1:2: error: no such name [-Wx]
>      2 | b.c:3: warning: odd
       3 | c.c:5:6: error: gone
END
    run lq context 1:1 -n 0 --json
    expect_stdout <<'END'
[
 {"line": 1, "marked": true, "text": "a.c:1:2: error: no such name [-Wx]"}
]
END
    run lq context 1:1 -n 9223372036854775807
    expect_in_stdout '       3 | c.c:5:6: error: gone'
    printf 'a.c:1:2: error: "no", \033[1;31mnever\033[0m\n 10%%\r 90%%\n' >log
    lq import log 2>/dev/null
    run lq context log:1 --csv
    expect_stdout <<'END'
line,marked,text
1,true,"a.c:1:2: error: ""no"", never"
2,false, 90%
END
    { printf 'a.c:1:2: error: no\n' && yes 'a line of the log' | head -n 20000; } >long.log
    lq import long.log 2>/dev/null
    run bash -c 'lq context long.log:1 -n 20000 >/dev/full'
    expect_rc 1
    expect_stderr <<'END'
lq: cannot write standard output
END
    cp .lq/logs/*/source=import/*_long_log_*.parquet copy
    run lq context -d copy long.log:1
    expect_rc 1
    expect_in_stderr 'it has no raw log'
    rm -r .lq/raw
    run lq context 1:2
    expect_rc 1
    expect_in_stderr 'the raw log was not kept'
}

test_event() {
    three_runs
    run lq event 1:1
    expect_in_stdout 'location      a.c:1:2'
    expect_in_stdout 'message       no such name'
    expect_in_stdout 'code          -Wx'
}

test_filters() {
    three_runs
    LQ_HOSTNAME=elsewhere lq run -n lint -q true 2>/dev/null
    lq import -n old one.log 2>/dev/null
    count() { lq sql --csv "$@" 'SELECT count(*) FROM lq_runs' 2>/dev/null | tail -1; }
    expect test "$(count)" = 5
    expect test "$(count --hostname elsewhere)" = 1
    expect test "$(count --hostname testhost)" = 4
    expect test "$(count --name build)" = 2
    expect test "$(count --source import)" = 1
    expect test "$(count --namespace acme --project rocket)" = 5
    expect test "$(count --namespace "acme' OR '1'='1")" = 0
    expect test "$(count --name "%")" = 0
    expect test "$(count --since 1h)" = 5
    expect test "$(count --until 1h)" = 0
    expect test "$(count --since 2020-01-01 --until 2020-01-02T10:00)" = 0
    run lq errors --since yesterdayish
    expect_rc 2
    run lq errors --source elsewhere
    expect_rc 2
    run lq errors -g -d .
    expect_rc 2
    run lq errors --name nobody
    expect_rc 0
    expect_stderr <<'END'
lq: no run matches these filters
END
}

test_query() {
    three_runs
    run lq q -s 'ref, file_path' -f "error_code = '-Wx'" --csv
    expect_stdout <<'END'
ref,file_path
3:1,a.c
1:1,a.c
END
    run lq query --csv "SELECT source_name, count(*) AS n FROM lq_events GROUP BY ALL ORDER BY ALL"
    expect_stdout <<'END'
source_name,n
build,4
END
    run lq query one.log --csv -s 'severity, file_path, line_number' --order line_number
    expect_stdout <<'END'
severity,file_path,line_number
error,a.c,1
warning,b.c,3
error,c.c,5
END
    run lq query - --csv -s 'message' < one.log
    expect_rc 0
    run lq query no-such-file
    expect_rc 1
    run lq query 'SELECT 1' -s ref
    expect_rc 2
}

# What is no number in JSON is null in it, also within lists and structures.
test_json_knows_no_nan() {
    new_project
    lq run -q true 2>/dev/null
    run lq sql --jsonl "SELECT 'NaN'::DOUBLE AS a, ['NaN'::DOUBLE, 1, '-Infinity'::DOUBLE] AS b,
        {'NaN\"': 'Infinity'::FLOAT, 't': '[NaN, \\\", Infinity'} AS c"
    expect_stdout <<'END'
{"a": null, "b": [null,1.0,null], "c": {"NaN\"":null,"t":"[NaN, \\\", Infinity"}}
END
    run lq sql --markdown "SELECT 'a &lt; b' AS t"
    expect_stdout <<'END'
| t |
| --- |
| a \&lt; b |
END
}

test_query_of_a_file_needs_no_project() {
    printf 'a.c:1:2: error: no such name\n' >a.log
    run lq q --csv -s 'file_path, message' a.log
    expect_rc 0
    expect_stdout <<'END'
file_path,message
a.c,no such name
END
}

test_sql_only_reads() {
    three_runs
    before=$(find . -type f ! -name 'state.db*' -exec sha256sum {} + | sort)
    for sql in "DROP VIEW lq_events" "COPY (SELECT 1) TO 'x.csv'" "ATTACH 'x.db'" "SET threads = 2" \
        "CREATE TABLE t AS SELECT 1" "INSTALL httpfs" "SELECT 1; DROP VIEW lq_events" \
        "DELETE FROM lq_run_rows" "EXPORT DATABASE 'x'" "PRAGMA version; COPY lq_runs TO 'x'" \
        "SELECT * FROM enable_logging(storage = 'file', storage_path = 'logs')" \
        "EXPLAIN ANALYZE SELECT * FROM enable_profiling(format = 'json', save_location = 'x.json')" \
        "WITH c AS (FROM Force_Checkpoint()) FROM c" "SELECT (SELECT write_log('x'))" \
        "FROM query('SELECT * FROM checkpoint()')"; do
        run lq sql "$sql"
        expect_rc 1
        expect_stdout </dev/null
    done
    for part in "1=1); DROP VIEW lq_events; --" "1=1) UNION SELECT 1"; do
        run lq q -f "$part"
        expect_rc 1
    done
    [[ $before == "$(find . -type f ! -name 'state.db*' -exec sha256sum {} + | sort)" ]] ||
        fail "something was written"
    run lq sql "SELECT no_such_column FROM lq_runs"
    expect_rc 1
    expect_in_stderr 'lq: Binder Error'
}

test_unsafe_sql_may_write() {
    three_runs
    run lq sql --unsafe "COPY (SELECT ref FROM lq_runs ORDER BY ref) TO 'x.csv'"
    expect_rc 0
    expect_file x.csv <<'END'
ref
1
2
3
END
    run lq sql "COPY (SELECT 1) TO 'y.csv'"
    expect_rc 1
    [[ ! -e y.csv ]] || fail "written"
}

test_macros() {
    three_runs
    run lq sql --csv "SELECT ref, message FROM lq_errors()"
    expect_stdout <<'END'
ref,message
3:1,no such name
1:1,no such name
1:3,gone
END
    run lq sql --csv "SELECT ref FROM lq_errors(1)"
    expect_stdout <<'END'
ref
3:1
END
    run lq sql --csv "SELECT change, ref, message FROM lq_diff('1', '3')"
    expect_stdout <<'END'
change,ref,message
fixed,1:3,gone
fixed,1:2,odd
same,3:1,no such name
END
    run lq sql --csv "SELECT ref FROM lq_file('c.c')"
    expect_stdout <<'END'
ref
1:3
END
    for macro in 'lq_errors_for('"'build'"')' 'lq_warnings(3)' 'lq_status()' 'lq_summary()' \
        'lq_summary_latest()' 'lq_history(2)' "lq_event('1:1')" "lq_similar_events('x')"; do
        run lq sql "SELECT * FROM $macro"
        expect_rc 0
    done
    run lq sql --csv "SELECT lq_ref(5, 3) AS a, lq_ref(5, NULL) AS b, lq_location('a', 1, NULL) AS c, lq_short_fp('gcc_compile_0123456789abcdef') AS d"
    expect_stdout <<'END'
a,b,c,d
5:3,5,a:1,01234567
END
}

test_bad_files_are_left_out() {
    three_runs
    folder=$(dirname "$(find .lq/logs -name '001_*.parquet')")
    : >"$folder/empty.parquet"
    echo garbage, and more than twelve bytes of it >"$folder/garbage.parquet"
    head -c 3000 "$folder"/001_*.parquet >"$folder/torn.parquet"
    python3 - "$folder" <<'END'
import glob, sys
folder = sys.argv[1]
data = bytearray(open(glob.glob(folder + "/001_*.parquet")[0], "rb").read())
data[4:400] = b"\xff" * 396                     # data pages gone, footer whole
open(folder + "/pages.parquet", "wb").write(data)
data[-300:-8] = b"\x07" * 292                   # footer gone
open(folder + "/footer.parquet", "wb").write(data)
END
    mkfifo "$folder/fifo.parquet"
    ln -s /etc/passwd "$folder/link.parquet"
    mkdir "$folder/folder.parquet"
    for _ in 1 2; do
        run timeout 60 lq errors
        expect_rc 0
        expect_stdout <<'END'
REF RUN   LOCATION MESSAGE
3:1 build a.c:9:2  no such name [-Wx]
1:1 build a.c:1:2  no such name [-Wx]
1:3 build c.c:5:6  gone
END
        for name in empty garbage torn pages footer; do
            expect_in_stderr "$name.parquet"
        done
    done
    [[ -e $folder/empty.parquet && -e $folder/pages.parquet ]] || fail "a bad file was removed"
    expect_in_stderr "pages.parquet': unreadable when last tried"
}

test_foreign_schemas() {
    three_runs
    need python3
    folder=$(dirname "$(find .lq/logs -name '001_*.parquet')")
    lq_duckdb_copy "SELECT 1 AS x" "$folder/foreign.parquet"
    # An older lq without run_uid; another one whose numbers are texts.
    lq_duckdb_copy "SELECT * EXCLUDE (run_uid, lq_version) REPLACE (40 AS run_id) FROM read_parquet('$(echo "$folder"/001_*.parquet)')" \
        "$folder/040_old_000000.parquet"
    lq_duckdb_copy "SELECT * REPLACE (run_id::VARCHAR AS run_id, line_number::VARCHAR AS line_number, 'u50' AS run_uid) FROM read_parquet('$(echo "$folder"/001_*.parquet)')" \
        "$folder/050_text_000000.parquet"
    run lq sql --csv "SELECT typeof(run_id) AS t, count(*) AS n FROM lq_runs GROUP BY ALL"
    expect_stdout <<'END'
t,n
BIGINT,5
END
    run lq sql --csv "SELECT count(*) AS n, count(line_number) AS lines FROM lq_events"
    expect_stdout <<'END'
n,lines
10,10
END
}

# Write a query's rows as Parquet, with the stock DuckDB command line tool.
lq_duckdb_copy() {
    need duckdb
    duckdb -c "COPY ($1) TO '$2' (FORMAT parquet)"
}

test_a_run_counts_once() {
    three_runs
    folder=$(dirname "$(find .lq/logs -name '001_*.parquet')")
    cp "$folder"/001_*.parquet "$folder/999_copy_000000.parquet"
    mkdir -p .lq/logs/elsewhere
    cp "$folder"/001_*.parquet .lq/logs/elsewhere/
    run lq sql --csv 'SELECT (SELECT count(*) FROM lq_runs) AS runs, (SELECT count(*) FROM lq_events) AS events'
    expect_stdout <<'END'
runs,events
3,4
END
}

test_data_option() {
    three_runs
    run lq sql -d .lq/logs --csv 'SELECT count(*) AS n FROM lq_runs'
    expect_stdout <<'END'
n
3
END
    run lq errors -d "$(find .lq/logs -name '003_*.parquet')" --csv -n 0
    [[ $(sed -n '2s/,.*//p' "$state/out") == acme/rocket@testhost:3:1 ]] || fail "no global ref"
    run lq errors -d no-such-folder
    expect_rc 1
    run lq errors -d s3://bucket/lq/
    expect_rc 1
    run lq errors -d 's3://AKIAIOSFODNN7EXAMPLE:secret@bucket/'
    expect_rc 1
    expect_not_in_stderr secret
}

test_output_that_cannot_be_written() {
    three_runs
    for format in table json jsonl csv markdown; do
        rc=0
        lq errors -o "$format" >/dev/full 2>err.txt || rc=$?
        [[ $rc == 1 ]] || fail "-o $format to a full disk: exit status $rc"
    done
    lq history -n 0 | head -n 1 >/dev/null
}

test_no_control_bytes_reach_a_terminal() {
    need script
    new_project
    printf 'a.c:1:2: error: x \x1b]0;title\x07 \x9b31m \xc2\x9b31m \x7f \xe2\x80\xae end\nb\x07\n' >evil.log
    lq run -q -n $'n\x1b[31m' cat evil.log 2>/dev/null
    for command in 'errors' 'errors --json' 'errors --csv' 'errors --markdown' 'event 1:1' \
        'context 1:1' 'context 1:1 --csv' 'context 1:1 --json' 'context 1:1 --markdown' 'history' \
        'status' 'history --json' 'sql "SELECT * FROM lq_events"' \
        'sql --json "SELECT {a: message} AS nested, [message] AS list FROM lq_events"'; do
        script -qec "lq $command" /dev/null >seen.txt </dev/null
        python3 - seen.txt <<'END' || fail "lq $command lets control bytes through"
import sys
seen = open(sys.argv[1], "rb").read().replace(b"\r\n", b"\n")
bad = [b for b in seen if (b < 0x20 and b not in (9, 10)) or b == 0x7f]
assert not bad and b"\xc2\x9b" not in seen and b"\xe2\x80\xae" not in seen, seen
seen.decode()
END
    done
}

test_a_table_fits_the_terminal() {
    need script
    new_project
    printf 'a.c:1:2: error: %0300d\n' 7 >wide.log
    lq run -q cat wide.log 2>/dev/null
    script -qec 'stty cols 60; lq errors' /dev/null </dev/null | tr -d '\r' >seen.txt
    [[ $(wc -L <seen.txt) -le 60 ]] || fail "wider than the terminal: $(wc -L <seen.txt)"
    run lq errors
    [[ $(wc -L <"$state/out") -gt 300 ]] || fail "cut off a terminal"
    # Where it is narrow, also what is left whole elsewhere.
    lq run -q -n "$(printf 'long-name%.0s' {1..20})" sh -c 'cat wide.log wide.log; echo "not ok 1 - x"' 2>/dev/null
    for width in 40 25; do
        for command in status 'status -v' history errors summary 'diff 1 2' hosts; do
            script -qec "stty cols $width; lq $command 2>/dev/null" /dev/null </dev/null | tr -d '\r' >seen.txt
            [[ -s seen.txt ]] || fail "nothing of $command"
            [[ $(wc -L <seen.txt) -le $width ]] || fail "$command is wider than $width: $(wc -L <seen.txt)"
        done
    done
}

test_only_queries() {
    three_runs
    while read -r sql; do
        run lq sql "$sql"
        expect_rc 1
        expect_in_stderr 'only queries are allowed'
        [[ ! -e written ]] || fail "it was done: $sql"
        rm -rf written
    done <<'END'
COPY (SELECT 1) TO 'written'
EXPLAIN COPY (SELECT 1) TO 'written'
EXPLAIN ANALYZE COPY (SELECT 1) TO 'written'
explain /* SELECT */ (analyze) copy (select 1) to 'written'
EXPLAIN (FORMAT json, ANALYZE) COPY (SELECT 1) TO 'written'
EXPORT DATABASE 'written'
EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1
ATTACH 'written'
EXPLAIN (ANALYZE /*) SELECT 1 --*/ ) COPY (SELECT 1) TO 'written'
INSTALL httpfs
SET threads = 1
CALL enable_logging()
SELECT 1; COPY (SELECT 1) TO 'written'
END
    while read -r sql; do
        run lq sql "$sql"
        expect_rc 0
    done <<'END'
SELECT 1;
FROM lq_runs
WITH a AS (SELECT 1) FROM a
VALUES (1)
TABLE lq_runs
DESCRIBE lq_runs
SUMMARIZE lq_runs
SHOW TABLES
PIVOT lq_events ON severity IN ('error', 'warning') USING count(*)
SELECT count(*) FROM lq_errors()
/* why */ SELECT 1
EXPLAIN SELECT 1
EXPLAIN ANALYZE SELECT 1
EXPLAIN (FORMAT json) FROM lq_runs
END
}

# One file with a time that no calendar has must not end every question across the store.
test_impossible_times() {
    three_runs
    run lq sql --jsonl "SELECT make_timestamptz(9223372036854775806) AS t, 1 AS n"
    expect_rc 0
    expect_stdout <<'END'
{"t": null, "n": 1}
END
}

run_tests "$@"
