#!/usr/bin/env bash
# lq formats, formats of users, and structured input in lq import and lq run.
. "$(dirname -- "$0")/lib.sh"

# One matcher for lines "XX FILE:LINE: text", as NAME in FILE.
write_matcher() {
    mkdir -p "$(dirname -- "$2")"
    cat >"$2" <<END
{ "problemMatcher": [ { "owner": "$1", "severity": "warning",
    "pattern": [ { "regexp": "^XX ([^:]+):(\\\\d+): (.*)$", "file": 1, "line": 2, "message": 3 } ] } ] }
END
}

test_formats_of_users_are_used() {
    new_project
    write_matcher ours .lq/matchers/a.json
    run lq run sh -c 'echo "XX a.c:3: hm"'
    expect_rc 0
    run lq events -o csv
    expect_in_stdout 'hm'
    run lq sql "SELECT tool_name, severity, file_path, line_number, message FROM lq_events" -o csv
    expect_stdout <<'END'
tool_name,severity,file_path,line_number,message
ours,warning,a.c,3,hm
END
    # In the folder of the user's configuration, and those for GitHub; in import, capture, query, register.
    rm .lq/matchers/a.json
    write_matcher own "$HOME/.config/lq/matchers/b.json"
    echo 'XX a.c:3: hm' >log
    run lq query -o csv -s tool_name,message log
    expect_in_stdout 'own,hm'
    mkdir -p "$PWD/config"
    run env XDG_CONFIG_HOME="$PWD/config" lq query -o csv -s tool_name,message log
    expect_not_in_stdout own
    rm "$HOME/.config/lq/matchers/b.json"
    write_matcher hub .github/problem-matchers/c.json
    write_matcher hubs .github/some-matcher.json
    run lq import log
    expect_in_stderr '1 warning'
    run lq sql "SELECT tool_name FROM lq_events WHERE run_id = 2" -o csv
    expect_in_stdout hubs
    run lq query --format hub -o csv -s tool_name,message log
    expect_in_stdout 'hub,hm'
    run lq register --format hub thing true
    expect_rc 0
    run lq register --format hubb thing true
    expect_rc 1
    expect_in_stderr "unknown format 'hubb'"
    # Not those of a folder above the project.
    mkdir -p sub/.github sub/inner
    run lq formats --json
    expect_in_stdout '"format": "hub", "tool_name": "hub", "description": "", "file": ".github/problem-matchers/c.json"'
}

test_a_bad_file_stops_no_run() {
    new_project
    write_matcher ours .lq/matchers/b.json
    mkdir -p .lq/matchers
    printf '{ "problemMatcher": [\n  { "owner": "x", "pattern": { "regexp": "(" } } ] }\n' >.lq/matchers/a.json
    echo 'AWS_SECRET=abc' >.lq/matchers/c.json
    mkfifo .lq/matchers/d.json
    run lq run sh -c 'echo "XX a.c:3: hm"'
    expect_rc 0
    expect_in_stderr '1 warning'
    expect_in_stderr 'lq: .lq/matchers/a.json:2:32: problemMatcher[0].pattern.regexp: missing closing parenthesis, at character 2 of the expression'
    expect_in_stderr 'lq: .lq/matchers/c.json:1:3: '
    expect_not_in_stderr AWS
    expect_in_stderr "d.json': not a regular file"
    run lq formats
    expect_rc 1
    expect_stdout </dev/null
    expect_in_stderr 'a.json:2:32: '
    expect_in_stderr "d.json': not a regular file"
    run lq formats --test /dev/null
    expect_rc 1
}

test_a_log_is_explained() {
    new_project
    write_matcher ours .lq/matchers/a.json
    cat >log <<'END'
XX a.c:3: hm
b.c:1:2: error: no such ‘y’
   1 | y
      plain
2026-11-22T15:19:24.0193070Z c.c:1: warning: odd
{"filename":"d.py","code":"E1","message":"m","location":{"row":1,"column":2}}
END
    run lq formats --test log
    expect_rc 0
    expect_in_stdout '1 ours   event  warning a.c:3 hm'
    expect_in_stdout "2 gcc    event  error b.c:1:2 no such ‘y’"
    expect_in_stdout '3 gcc    more'
    expect_in_stdout '5 prefix prefix'
    expect_in_stdout '5 gcc    event  warning c.c:1 odd'
    expect_in_stdout '6 json   event  error d.py:1:2 [E1] m'
    run lq formats --test - --json <log
    expect_in_stdout '{"line": 3, "format": "gcc", "part": "more", "severity": null'
    expect_in_stdout '{"line": 4, "format": null, "part": null'
    expect_in_stdout '"text": "      plain"}'
    run lq formats --test log --format ours -o csv
    expect_not_in_stdout gcc
    expect_in_stdout 'ours'
    run lq formats --test log --format nosuch
    expect_rc 1
    run lq formats --test missing
    expect_rc 1
    run lq formats --format gcc
    expect_rc 2
    # Bytes that are no text come out as text.
    printf 'a.c:1:2: error: \351\033[2J\n' >odd
    run lq formats --test odd --json
    expect_rc 0
    run lq formats --test odd -O odd.parquet
    expect_rc 0
}

test_structured_input() {
    local logs=$LQ_TEST_ROOT/tests/fixtures/logs
    new_project
    run lq import "$logs/junit/pytest.log"
    run lq import "$logs/sarif/ruff.log"
    run lq import "$logs/tap/node.log"
    run lq run cat "$logs/go-test/json.log"
    run lq import --format sarif "$logs/junit/pytest.log"
    run lq sql -o csv "SELECT run_id, tool_name, count(*) AS n, count(test_name) AS tests,
        min(log_line_start) AS first, max(log_line_end) AS last
        FROM lq_events GROUP BY ALL ORDER BY ALL"
    expect_stdout <<'END'
run_id,tool_name,n,tests,first,last
1,pytest,7,7,1,30
2,ruff,5,0,6,190
3,tap,5,5,4,66
4,go,2,0,2,3
4,go test,6,6,11,53
END
    run lq sql -o csv "SELECT test_name, test_status, file_path, line_number, test_duration_sec >= 0 AS timed
        FROM lq_events WHERE run_id = 1 AND test_status <> 'pass' LIMIT 2"
    expect_stdout <<'END'
test_name,test_status,file_path,line_number,timed
test_cart.test_label,fail,test_cart.py,7,true
test_cart.test_total[2],fail,test_cart.py,12,true
END
}

run_tests "$@"
