#!/usr/bin/env bash
# lq ci check, lq report, lq annotate.
. "$(dirname -- "$0")/lib.sh"

# build LOG: a run called build that prints LOG; it fails when LOG has an error.
build() {
    printf '%s\n' "$@" >../log
    lq run -q -n build sh -c 'cat ../log; ! grep -q error: ../log' 2>/dev/null || true
}

commit() {
    git add -A
    git commit -qm "${1:-work}" --allow-empty
}

# A project with two commits on main, and a branch `topic` that is checked out.
two_branches() {
    new_project
    commit one
    build 'a.c:1:2: error: old [-Wold]' 'a.c:9:2: warning: odd [-Wodd]'
    build 'a.c:1:2: error: old [-Wold]' 'a.c:9:2: warning: odd [-Wodd]' 'z.c:1:1: error: mended'
    git checkout -qb topic
    commit two
}

test_check() {
    two_branches
    build 'a.c:7:2: error: old [-Wold]' 'a.c:12:2: warning: odd [-Wodd]'
    run lq ci check --baseline main
    expect_rc 0
    expect_stdout </dev/null
    expect_stderr <<'END'
lq: run 3 against run 2 (main@...): 0 new errors, 0 new warnings, 1 fixed, 2 still there
END
    build 'a.c:7:2: error: old [-Wold]' 'b.c:3:4: error: fresh one [-Wx]' 'b.c:4:4: warning: fresh two'
    run lq ci check
    expect_rc 1
    expect_stdout <<'END'
REF LOCATION MESSAGE
4:2 b.c:3:4  fresh one [-Wx]
END
    expect_stderr <<'END'
lq: run 4 against run 2 (main@...): 1 new error, 1 new warning, 2 fixed, 1 still there
END
    run lq ci check 3 --baseline main --json
    expect_rc 0
    expect_stdout <<'END'
[]
END
    run lq ci check --baseline main --csv
    expect_rc 1
    expect_in_stdout 'new,4:2,error,b.c,3,4,fresh one,-Wx,'
    build 'a.c:7:2: error: old [-Wold]' 'b.c:4:4: warning: fresh two'
    run lq ci check
    expect_rc 0
    run lq ci check -w
    expect_rc 1
    expect_in_stdout 'fresh two'
    run lq ci
    expect_rc 2
    run lq ci chuck
    expect_rc 2
}

test_a_warning_that_became_an_error_is_new() {
    two_branches
    build 'a.c:1:2: error: old [-Wold]' 'a.c:9:2: error: odd [-Wodd]'
    run lq ci check
    expect_rc 1
    expect_in_stdout 'a.c:9:2'
}

test_baselines() {
    two_branches
    first=$(git rev-parse main)
    build 'a.c:1:2: error: old [-Wold]'
    for baseline in main "$first" "${first:0:8}" 1 build:~1 "$(lq sql --csv 'SELECT run_uid FROM lq_runs WHERE run_id = 1' | tail -1)"; do
        run lq ci check --baseline "$baseline"
        expect_rc 0
        expect_in_stderr 'lq: run 3 against run '
    done
    # The run is never its own baseline.
    for baseline in 3 build '~0'; do
        run lq ci check --baseline "$baseline"
        expect_rc 1
        expect_in_stderr 'is the run itself'
    done
    run lq ci check 2 --baseline main
    expect_rc 1
    expect_in_stderr 'run 2 against run 1 ('
    run lq ci check --baseline topic
    expect_rc 1
    expect_stderr <<'END'
lq: no run 'build' of 'topic' to compare with: every error counts as new
END
    # Without a baseline a run without errors passes, and one with errors does not.
    lq run -q -n lint true 2>/dev/null
    run lq ci check
    expect_rc 0
    expect_in_stderr "lq: no run 'lint' of 'main' to compare with"
    run lq ci check nobody
    expect_rc 1
    run lq ci check --baseline "x' OR 1=1 --"
    expect_rc 0
}

test_cut_short_runs_are_no_baseline() {
    new_project
    commit one
    build 'a.c:1:2: error: old [-Wold]'
    lq run -q -t 1 -n build sleep 20 2>/dev/null || true
    git checkout -qb topic
    build 'a.c:1:2: error: old [-Wold]'
    run lq ci check
    expect_rc 0
    expect_in_stderr 'run 3 against run 1'
}

test_silent_failure() {
    two_branches
    lq run -q -n quiet true 2>/dev/null
    lq run -q -n quiet sh -c 'exit 3' 2>/dev/null || true
    run lq ci check --baseline quiet:~1
    expect_rc 1
    expect_in_stderr "ended as 'fail', and no error in its log says why"
}

test_detached_checkout_and_central_store() {
    new_project
    commit one
    git checkout -q --detach
    export GITHUB_ACTIONS=true
    (
        export GITHUB_REF=refs/heads/main LQ_HOSTNAME=runner1
        build 'a.c:1:2: error: old [-Wold]'
        lq sync 2>/dev/null
    )
    rm -r .lq/logs .lq/raw .lq/state.db*
    export GITHUB_REF=refs/pull/3/merge GITHUB_BASE_REF=main
    build 'a.c:5:2: error: old [-Wold]'
    run lq ci check
    expect_rc 1
    expect_in_stderr "no run 'build' of 'main'"
    for scope in -g --include-synced; do
        run lq ci check "$scope"
        expect_rc 0
        expect_in_stderr '0 new errors'
    done
}

test_other_projects_are_no_baseline() {
    mkdir one two
    (
        cd one
        new_project
        commit
        build 'a.c:1:2: error: old [-Wold]'
        lq sync 2>/dev/null
    )
    cd two
    new_project https://example.com/acme/other.git
    git checkout -qb topic
    commit
    build 'a.c:1:2: error: old [-Wold]'
    run lq ci check -g
    expect_rc 1
    expect_in_stderr "no run 'build' of 'main'"
}

test_report() {
    two_branches
    build 'a.c:7:2: error: old [-Wold]' 'b.c:3:4: error: a | b <script> `x`'
    run lq report --baseline main
    expect_rc 0
    expect_stdout <<'END'
## build: fail

| Run | 3 |
| --- | --- |
| Command | ... |
| Outcome | fail, exit code 1 |
| Started | ... |
| Commit | topic@... |
| Machine | testhost, Linux, ... |
| Found | 2 errors, 0 warnings |

Against run 2 (main@...): 1 new errors, 0 new warnings, 2 fixed, 1 still there.

### New errors

| Ref | Where | What |
| --- | --- | --- |
| 3:2 | b.c:3:4 | ... |

### Errors that are still there

| Ref | Where | What |
| --- | --- | --- |
| 3:1 | a.c:7:2 | old ... |

### Fixed errors

| Ref | Where | What |
| --- | --- | --- |
| 2:3 | z.c:1:1 | mended |
END
    expect_not_in_stdout '<script>'
    run lq report 1
    expect_rc 0
    expect_in_stdout '### Warnings'
    expect_not_in_stdout 'Against'
    run lq report --baseline nobody
    expect_in_stdout "No run of 'nobody' to compare with"
    run lq report --baseline main --csv
    expect_in_stdout 'fixed,2:3,error'
    run lq report 99
    expect_rc 1
}

test_job_summary() {
    two_branches
    build 'b.c:3:4: error: fresh'
    export GITHUB_STEP_SUMMARY=$PWD/summary.md
    echo before >summary.md
    run lq ci check
    expect_rc 1
    expect test "$(head -1 summary.md)" = before
    expect grep -q '### New errors' summary.md
    lq report >report.md
    expect test "$(grep -c '^## build: fail' summary.md)" = 2
    GITHUB_STEP_SUMMARY=/nonexistent/x run lq ci check 1 --baseline 2
    expect_rc 0
    expect_in_stderr 'cannot append to the job summary'
}

test_github() {
    new_project
    mkdir -p build src
    cd build
    printf '%s\n' '../src/a,b%.c:3:4: error: 100% of it [-Wx]' 'plain.c:5: warning: odd' \
        '/usr/include/x.h:1:1: error: far' "$(cd .. && pwd)/src/d.c:2:1: error: near" >../log
    lq run -q -n build cat ../log 2>/dev/null
    run lq annotate --github
    expect_rc 0
    expect_in_stdout '::error file=src/a%2Cb%25.c,line=3,col=4,title='
    expect_in_stdout ' -Wx::100%25 of it'
    expect_in_stdout '::warning file=build/plain.c,line=5,title='
    expect_in_stdout '::error file=/usr/include/x.h,line=1,col=1,'
    expect_in_stdout '::error file=src/d.c,line=2,col=1,'
    expect test "$(sed -n '4s/ .*//p' "$state/out")" = '::warning'
    printf '%s\n' '=== short test summary info ===' 'FAILED t/test_a.py::test_x, - assert 0' \
        '=== 1 failed in 0.01s ===' >../log
    lq run -q -n test cat ../log 2>/dev/null
    run lq annotate --github
    expect_in_stdout 'title=pytest t/test_a.py%3A%3Atest_x'
    GITHUB_ACTIONS=true run lq annotate 1:1
    expect test "$(wc -l <"$state/out")" = 1
    run lq annotate
    expect_rc 2
    run lq annotate --github --sarif
    expect_rc 2
    run lq annotate --github --json
    expect_rc 2
    run lq annotate --github 9
    expect_rc 1
    run lq annotate --github >/dev/full
}

# A log that tries to be a workflow command.
test_github_takes_no_orders() {
    new_project
    printf 'a.c:1:1: error: x\r::set-output name=a::b\nb.c:1:1: error: ::stop-commands::t\n' >log
    lq run -q -n build cat log 2>/dev/null
    run lq annotate --github
    expect_rc 0
    ! grep -v '^::error ' "$state/out" || fail 'a line that is no annotation'
    expect_in_stdout '::error file=b.c,line=1,col=1,title='
    expect_in_stdout '::::stop-commands::t'
}

test_gitlab() {
    new_project
    printf '%s\n' 'a.c:1:2: error: same [-Wx]' 'a.c:5:2: error: same [-Wx]' 'a.c: In function f:' \
        'b.c:3: warning: "odd"' >log
    lq run -q -n build cat log 2>/dev/null
    run lq annotate --gitlab
    expect_rc 0
    python3 - "$state/out" <<'END'
import json, sys
issues = json.load(open(sys.argv[1]))
assert [i["location"]["path"] for i in issues] == ["a.c", "a.c", "b.c"], issues
assert [i["location"]["lines"]["begin"] for i in issues] == [1, 5, 3], issues
assert [i["severity"] for i in issues] == ["major", "major", "minor"], issues
assert len({i["fingerprint"] for i in issues}) == 3, issues
assert issues[2]["description"] == '"odd"', issues
assert all(set(i) == {"description", "check_name", "fingerprint", "severity", "location"} for i in issues)
END
    cp "$state/out" first
    # Moved by a few lines, they are the same issues.
    sed -i 's/a.c:1:/a.c:100:/; s/a.c:5:/a.c:105:/' log
    lq run -q -n build cat log 2>/dev/null
    run lq annotate --gitlab
    diff <(grep -o '"fingerprint": "[^"]*"' first) <(grep -o '"fingerprint": "[^"]*"' "$state/out") ||
        fail 'fingerprints follow line numbers'
    lq run -q -n clean true 2>/dev/null
    run lq annotate --gitlab
    expect test "$(python3 -c 'import json, sys; print(json.load(sys.stdin))' <"$state/out")" = '[]'
}

# valid FILE: SARIF by its schema, which is in the folder of the tests' Python.
valid() {
    python3 - "$1" <<'END'
import json, pathlib, sys
log = json.load(open(sys.argv[1]))
try:
    import jsonschema
    schema = json.loads((pathlib.Path(sys.prefix) / "share/sarif-2.1.0.json").read_text())
except (ImportError, FileNotFoundError):
    sys.exit(77)
jsonschema.validate(log, schema, format_checker=jsonschema.FormatChecker())
END
}

test_sarif() {
    new_project
    printf '%s\n' 'a b.c:1:2: error: "one" [-Wx]' 'b.c:3: warning: two' \
        'c.py:1:1: F401 [*] `os` imported but unused' "$(printf 'd.c:1:1: error: \033[31mred\033[0m \001 \377')" \
        '/usr/include/x.h:1:1: error: far' >log
    lq run -q -n build sh -c 'cat log; exit 1' 2>/dev/null || true
    run lq annotate --sarif
    expect_rc 0
    valid "$state/out" || { [[ $? != 77 ]] || skip 'no jsonschema, or no schema'; fail 'not valid SARIF'; }
    python3 - "$state/out" <<'END'
import json, sys
log = json.load(open(sys.argv[1]))
assert log["version"] == "2.1.0"
runs = {r["tool"]["driver"]["name"]: r for r in log["runs"]}
assert len(runs) == len(log["runs"])
results = [x for r in runs.values() for x in r["results"]]
assert len(results) == 5, results
uris = {x["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for x in results}
assert {"a%20b.c", "b.c", "c.py", "file:///usr/include/x.h"} <= uris, uris
for run in runs.values():
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert {x["ruleId"] for x in run["results"]} == set(rules)
    assert run["invocations"][0]["executionSuccessful"] is False
    assert all(x["partialFingerprints"]["lqFingerprint/v1"] for x in run["results"])
END
    lq run -q -n clean true 2>/dev/null
    run lq annotate --sarif
    valid "$state/out" || fail 'not valid SARIF without results'
    expect_in_stdout '"executionSuccessful": true'
}

test_empty_and_outside() {
    run lq ci check
    expect_rc 1
    new_project
    for command in 'ci check' report 'annotate --sarif'; do
        # shellcheck disable=SC2086
        run lq $command
        expect_rc 1
        expect_stdout </dev/null
        expect_in_stderr 'no runs yet'
    done
}

run_tests "$@"
