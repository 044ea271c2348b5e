#!/usr/bin/env bash
# One store, several machines and projects: every reading command over every scope.
. "$(dirname -- "$0")/lib.sh"

# Two machines with a clone of acme/rocket each, and another project, all synced to ~/.lq/projects.
fleet() {
    local host
    printf '%s\n' 'a.c:1:2: error: no such name' 'b.c:3: warning: odd' >one.log
    printf '%s\n' 'a.c:9:2: error: no such name' >two.log
    for host in snape hermione; do
        mkdir "$host"
        cd "$host" || exit 1
        new_project
        LQ_HOSTNAME=$host lq run -q -n build sh -c 'cat ../one.log; exit 2' 2>/dev/null || true
        LQ_HOSTNAME=$host lq run -q -n test true 2>/dev/null
        LQ_HOSTNAME=$host lq sync ~/.lq/projects/ 2>/dev/null
        cd ..
    done
    mkdir probe
    cd probe || exit 1
    new_project https://example.com/acme/probe.git
    LQ_HOSTNAME=snape lq import -n build ../two.log 2>/dev/null
    LQ_HOSTNAME=snape lq sync 2>/dev/null
    cd ..
}

# Count runs and events as a command with these options sees them.
seen() {
    lq sql "$@" --csv 'SELECT (SELECT count(*) FROM lq_runs) || $$/$$ || (SELECT count(*) FROM lq_events)' |
        tail -n 1
}

test_scopes() {
    fleet
    cd snape || exit 1
    expect test "$(seen)" = 2/2
    expect test "$(seen --include-synced)" = 4/4
    expect test "$(seen -g)" = 5/5
    expect test "$(seen -d ~/.lq/projects)" = 5/5
    expect test "$(seen -d ~/.lq/projects/namespace=acme/project=probe)" = 1/1
    LQ_HOSTNAME=snape lq run -q true 2>/dev/null     # not synced
    expect test "$(seen -g)" = 6/5
    expect test "$(seen -d ~/.lq/projects)" = 5/5
    expect test "$(LQ_STORE=$HOME/nowhere seen -g)" = 3/2
    cd / || exit 1
    expect test "$(seen -g)" = 5/5
    run lq errors
    expect_rc 1
    expect_in_stderr 'lq init'
}

test_filters_in_a_store() {
    fleet
    expect test "$(seen -g --hostname snape)" = 3/3
    expect test "$(seen -g --project probe)" = 1/1
    expect test "$(seen -g --namespace acme --project rocket --hostname hermione --name build)" = 1/2
    expect test "$(seen -g --source import)" = 1/1
    expect test "$(seen -g --since 1h --until 2100-01-01)" = 5/5
    expect test "$(seen -g --until 1h 2>/dev/null)" = 0/0
}

test_every_reading_command_takes_every_scope() {
    fleet
    cd snape || exit 1
    for scope in -g --include-synced '-d ../home/.lq/projects' '-d ~/.lq/projects'; do
        for command in errors warnings status history 'event acme/rocket@hermione:1:1' \
            "sql 'SELECT ref FROM lq_runs'" "query 'SELECT ref FROM lq_events'" query; do
            run bash -c "lq $command $scope --json"
            if [[ $scope == '-d ../'* ]]; then
                expect_rc 1
                continue
            fi
            expect_rc 0
            python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))
assert any("hermione" in row["ref"] for row in rows), rows' "$state/out" || fail "lq $command $scope"
        done
    done
}

test_global_references_work_as_input() {
    fleet
    for ref in $(lq errors -g --csv | sed '1d; s/,.*//'); do
        run lq event -g "$ref" --csv
        expect_rc 0
        [[ $(sed -n '2s/,.*//p' "$state/out") == "$ref" ]] || fail "$ref is another event"
    done
    run lq errors -g
    expect_stdout <<'END'
REF                      RUN   LOCATION MESSAGE
acme/probe@snape:1:1     build a.c:9:2  no such name
acme/rocket@hermione:1:1 build a.c:1:2  no such name
acme/rocket@snape:1:1    build a.c:1:2  no such name
END
    run lq event -g 1:1
    expect_rc 1
    expect_in_stderr "'1:1' could be 3 runs"
    expect_in_stderr 'acme/probe@snape:1'
    run lq event -g acme/rocket@snape:1:1
    expect_rc 0
}

test_context_of_another_machine() {
    fleet
    run lq context -g acme/rocket@hermione:1:1
    expect_rc 1
    expect_in_stderr 'the raw log was not synced'
    cd hermione || exit 1
    run lq context -g acme/rocket@hermione:1:1 -n 0
    expect_rc 0
    expect_stdout <<'END'
>      1 | a.c:1:2: error: no such name
END
}

# The two example queries of the sync design, as written but for the names and the place of the store,
# in the stock DuckDB command line tool.
test_example_queries_in_stock_duckdb() {
    need duckdb
    fleet
    run duckdb -csv -c "
-- All errors across all machines for this project
SELECT hostname, COUNT(*) as errors
FROM read_parquet('~/.lq/projects/namespace=acme/project=rocket/**/*.parquet')
WHERE severity = 'error'
GROUP BY hostname
ORDER BY hostname;"
    expect_rc 0
    expect_stdout <<'END'
hostname,errors
hermione,1
snape,1
END
    run duckdb -csv -c "
-- Compare build times across CI runners
SELECT hostname, AVG(duration_sec) as avg_duration
FROM read_parquet('~/.lq/projects/namespace=acme/project=rocket/**/*.parquet')
WHERE source_name = 'build'
GROUP BY hostname
ORDER BY hostname;"
    expect_rc 0
    cp "$state/out" theirs.csv
    lq sql -g --project rocket --csv "SELECT hostname, AVG(duration_sec) AS avg_duration FROM lq_runs
        WHERE source_name = 'build' GROUP BY hostname ORDER BY hostname" >ours.csv
    cmp theirs.csv ours.csv || fail "another mean than lq's"
    [[ $(wc -l <ours.csv) == 3 ]] || fail "not two machines"
}

# A second reader of the schema.
test_pyarrow_reads_the_schema() {
    python3 -c 'import pyarrow' 2>/dev/null || skip "no pyarrow"
    new_project
    lq run -q true 2>/dev/null
    python3 - "$(find .lq/logs -name '*.parquet')" <<'END' >types.txt
import sys
import pyarrow.parquet

for field in pyarrow.parquet.read_schema(sys.argv[1]):
    print(field.name, field.type)
END
    expect_file types.txt <<'END'
run_id int64
source_name string
source_type string
command string
started_at timestamp[us, tz=UTC]
completed_at timestamp[us, tz=UTC]
exit_code int64
cwd string
executable_path string
environment map<string, string ('environment')>
hostname string
platform string
arch string
git_commit string
git_branch string
git_dirty bool
ci map<string, string ('ci')>
event_id int64
severity string
file_path string
line_number int64
column_number int64
message string
raw_text string
tool_name string
category string
error_code string
error_fingerprint string
log_line_start int64
log_line_end int64
run_uid string
origin string
namespace string
project string
duration_sec double
outcome string
signal string
error_count int64
warning_count int64
test_pass_count int64
test_fail_count int64
test_skip_count int64
test_name string
test_status string
test_duration_sec double
lq_version string
END
}

test_hostile_names_travel() {
    local host project
    for host in "a b" "ü/.." "null" "42" "%2F+&?#*[]~'\"" ".." "$(printf 'x%.0s' {1..300})"; do
        project=$(printf '%s' "$host" | cut -b 1-200)
        mkdir -p clone
        cd clone || exit 1
        lq init --namespace "n $project" --project "$project" 2>/dev/null
        LQ_HOSTNAME=$host lq run -q sh -c 'cat ../one.log; true' 2>/dev/null
        run lq sync
        expect_rc 0
        cd ..
        run lq sql -g --hostname "$host" --project "$project" --csv 'SELECT count(*) FROM lq_runs'
        expect_stdout <<'END'
count_star()
1
END
        ref=$(lq history -g --hostname "$host" --csv | sed -n '2s/,.*//p')
        if [[ ${#host} -lt 100 ]]; then
            run lq errors -g "$ref"
            expect_rc 0
        fi
        rm -rf clone
    done
    expect test "$(lq sql -g --csv 'SELECT count(DISTINCT hostname) FROM lq_runs' | tail -1)" = 7
}

run_tests "$@"
