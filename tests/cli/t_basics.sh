#!/usr/bin/env bash
# What every command shares: help, version, usage errors.
. "$(dirname -- "$0")/lib.sh"

test_version() {
    run lq --version
    expect_rc 0
    expect_stdout <<'END'
lq 0...
END
    expect_stderr </dev/null
}

test_help() {
    run lq --help
    expect_rc 0
    expect_in_stdout 'usage: lq'
    expect_in_stdout '  run '
    expect_stderr </dev/null
}

test_unknown_command() {
    run lq frobnicate
    expect_rc 2
    expect_stdout </dev/null
    expect_in_stderr "lq: "
    expect_in_stderr "'frobnicate'"
}

test_unknown_option() {
    run lq history --frobnicate
    expect_rc 2
    expect_stdout </dev/null
    expect_in_stderr "--frobnicate"
}

test_value_not_among_those_it_takes() {
    run lq history --source exports
    expect_rc 2
    expect_stdout </dev/null
    expect_stderr <<'END'
lq: --source is run, import or capture, not 'exports'
END
}

# tools/gen-docs makes the man pages from it.
test_docs_as_json() {
    lq docs >docs.json
    run python3 -c '
import json
docs = json.load(open("docs.json"))
commands = {c["name"]: c for c in docs["commands"]}
assert "docs" not in commands and "gcc" in docs["formats"]
print(*(o["name"] for g in commands["event"]["groups"] for o in g["options"]))
'
    expect_in_stdout 'event include-synced global'
    expect_in_stdout 'output json'
    expect_in_stdout 'help directory'
}

run_tests "$@"
