#!/usr/bin/env bash
# lq run --json and --markdown: one valid object, whatever became of the command.
. "$(dirname -- "$0")/lib.sh"

# expect_report PYTHON...: standard output is one object of docs/run.schema.json, with no key that the
# schema lacks, and each expression about it, `r`, holds.
expect_report() {
    python3 -c 'import jsonschema' 2>/dev/null || skip "no jsonschema"
    python3 - "$LQ_TEST_ROOT/docs/run.schema.json" "$state/out" "$@" <<'END' || fail "report of $ran"
import json, sys, jsonschema

def closed(schema):
    if isinstance(schema, dict):
        if "properties" in schema:
            schema = {**schema, "additionalProperties": False}
        return {key: closed(value) for key, value in schema.items()}
    return [closed(item) for item in schema] if isinstance(schema, list) else schema

schema = json.load(open(sys.argv[1]))
cls = jsonschema.validators.validator_for(schema)
cls.check_schema(schema)
r = json.loads(open(sys.argv[2], "rb").read().decode("utf-8"))
bad = [error.message for error in cls(closed(schema)).iter_errors(r)]
bad += [check + " is not so" for check in sys.argv[3:] if not eval(check)]
for line in bad:
    print("# " + line)
if bad:
    print("# " + json.dumps(r)[:2000])
sys.exit(bool(bad))
END
}

test_a_failed_build() {
    new_project
    run lq run --json -n build sh -c 'echo "a.c:1:2: error: no [-Wx]"; echo "b.c:3: warning: hm" >&2; exit 3'
    expect_rc 3
    expect_report 'r["run_id"] == 1' 'r["name"] == "build"' 'r["status"] == "fail"' \
        'r["exit_code"] == 3' 'r["error"] is None' 'r["command"].startswith("sh -c ")' \
        'r["summary"]["error_count"] == 1 and r["summary"]["warning_count"] == 1' \
        'len(r["errors"]) == 1' 'r["errors"][0]["ref"] == "1:1"' \
        'r["errors"][0]["file_path"] == "a.c"' 'r["errors"][0]["line_number"] == 1' \
        'r["errors"][0]["log_line_start"] == 1' 'r["errors_omitted"] == 0' \
        'r["output"]["lines"] == 2' 'len(r["output"]["head"]) == 2' \
        'r["output"]["head"] == r["output"]["tail"]' 'r["started_at"] <= r["completed_at"]'
    # The command's output is on the other stream, from both of its own.
    expect_in_stderr 'a.c:1:2: error: no'
    expect_in_stderr 'b.c:3: warning: hm'
    # What the report says is what was stored.
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["errors"][0]["fingerprint"])' \
        "$state/out" >want
    run lq sql --csv 'SELECT error_fingerprint FROM lq_events WHERE ref = '"'1:1'"
    expect_stdout < <(echo error_fingerprint && cat want)
}

test_warnings_and_limits() {
    new_project
    local log='for i in $(seq 30); do echo "a.c:$i:1: error: e$i"; echo "a.c:$i:2: warning: w$i"; done'
    run lq run -q --json "$log"
    expect_report 'len(r["errors"]) == 20' 'r["errors_omitted"] == 10' 'r["status"] == "warn"' \
        'all(e["severity"] == "error" for e in r["errors"])' 'r["errors"][1]["ref"] == "1:3"'
    expect_not_in_stderr 'a.c:1:1'
    run lq run -q --json -w --error-limit 3 "$log"
    expect_report '[e["message"] for e in r["errors"]] == ["e1", "w1", "e2"]' 'r["errors_omitted"] == 57'
    run lq run -q --json --error-limit 0 "$log"
    expect_report 'len(r["errors"]) == 30' 'r["errors_omitted"] == 0'
    run lq run -q --json --summary "$log"
    expect_report 'r["errors"] == []' 'r["errors_omitted"] == 30' 'r["summary"]["error_count"] == 30' \
        'r["output"]["head"] == r["output"]["tail"] == []' 'r["output"]["lines"] == 60'
}

test_more_events_than_memory_holds() {
    new_project
    seq -f 'a.c:%g:1: error: no such name in this scope' 100000 >log
    run lq run -q --json --error-limit 0 cat log
    expect_report 'len(r["errors"]) == 100000' 'r["errors"][-1]["line_number"] == 100000' \
        'r["errors"][-1]["ref"] == "1:100000"' 'r["output"]["tail"][-1].startswith("a.c:100000:")'
}

test_no_command() {
    new_project
    run lq run --json no-such-command x
    expect_rc 127
    expect_report 'r["exit_code"] == 127' 'r["status"] == "fail"' '"command not found" in r["error"]' \
        'r["run_id"] == 1'
    touch not-executable
    run lq run --json ./not-executable x
    expect_rc 126
    expect_report 'r["exit_code"] == 126' 'r["error"]'
}

test_killed_and_timed_out() {
    new_project
    run lq run --json sh -c 'echo before; kill -KILL $$'
    expect_rc 137
    expect_report 'r["signal"] == "SIGKILL"' 'r["exit_code"] == 137' \
        'r["output"]["tail"] == ["before"]' 'r["status"] == "fail"'
    run lq run --json -t 1 sh -c 'echo before; exec sleep 60'
    expect_rc 124
    expect_report 'r["status"] == "timeout"' 'r["exit_code"] == 124' 'r["output"]["lines"] == 1'
}

test_interrupted() {
    new_project
    # shellcheck disable=SC2016
    run lq run --json sh -c 'kill -TERM $PPID; exec sleep 60'
    expect_report 'r["status"] == "interrupted"' 'r["run_id"] == 1'
}

test_not_recorded() {
    run lq run --json 'echo x'
    expect_rc 125
    expect_report 'r["status"] == "error"' 'r["run_id"] is None' '"lq init" in r["error"]' \
        'r["command"] == "echo x"' 'r["exit_code"] == 125'
    new_project
    run lq run --json --format nonsense true
    expect_rc 125
    expect_report 'r["status"] == "error"' '"nonsense" in r["error"]' 'r["exit_code"] == 125'
    # The command has run, and its run cannot be published.
    run lq run --json sh -c 'echo "a.c:1:2: error: no"; chmod 0 .lq/logs/*/*; rm -rf .lq/logs; : >.lq/logs; exit 5'
    expect_rc 5
    expect_report 'r["run_id"] is None' 'r["error"]' 'r["exit_code"] == 5' \
        'r["errors"][0]["ref"] is None' 'r["output"]["lines"] == 1'
    # The command line: no object.
    run lq run --json
    expect_rc 2
    expect_stdout </dev/null
    run lq run --summary true
    expect_rc 2
    run lq run --json --error-limit x true
    expect_rc 2
    run lq run --json --markdown true
    expect_rc 2
}

test_odd_output() {
    new_project
    printf 'nul\0 \xff\xfe \x1b[31mred\x1b[0m "quoted" \\ \xe2\x80\xae\r\n50%%\r100%%\n%s' end >odd
    head -c 5000 /dev/zero | tr '\0' x >>odd
    run lq run -q --json cat odd
    expect_report 'r["output"]["lines"] == 3' 'r["output"]["head"][1] == "100%"' \
        '"red \"quoted\" \\ \u202e" in r["output"]["head"][0]' \
        'r["output"]["head"][2].endswith("x…")' 'len(r["output"]["head"][2].encode()) < 1100'
    LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$state/out" && fail "control bytes in the report"
    run lq run -q --json true
    expect_report 'r["output"] == {"lines": 0, "bytes": 0, "head": [], "tail": []}'
    # Arguments, too, may hold any bytes.
    run lq run -q --json -n $'n\xff"' echo $'a\xff\n"'
    expect_report '"\ufffd" in r["name"] and "\ufffd" in r["command"]'
    seq 1000 >numbers
    run lq run -q --json cat numbers
    expect_report 'r["output"]["head"] == [str(i) for i in range(1, 11)]' \
        'r["output"]["tail"] == [str(i) for i in range(981, 1001)]' 'r["output"]["bytes"] == 3893'
}

test_a_report_that_cannot_be_written() {
    new_project
    lq run --json true >/dev/full 2>/dev/null && fail "a full disk is a success"
    lq run --json sh -c 'exit 9' >/dev/full 2>/dev/null || rc=$?
    [[ $rc == 9 ]] || fail "exit status $rc"
}

test_markdown() {
    new_project
    run lq run -q --markdown -w -n build sh -c 'echo "a.c:1:2: error: <b> | c"; echo "\`\`\`"; exit 2'
    expect_rc 2
    expect_stdout <<'END'
## build: fail (exit 2)

Run 1: sh -c ... s, errors: 1

| ref | severity | location | message |
| --- | --- | --- | --- |
| 1:1 | error | a.c:1:2 | \<b\> \| c |

````
a.c:1:2: error: <b> | c
```
````
END
    run lq run -q --markdown --error-limit 1 'seq -f "a.c:%g:1: error: no" 100'
    expect_in_stdout 'and 99 more'
    expect_in_stdout '… 70 lines …'
    run lq run -q --markdown true
    expect_rc 0
    expect_in_stdout '## true: ok'
}

run_tests "$@"
