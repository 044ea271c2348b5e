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

run_tests "$@"
