# shellcheck shell=bash
# Command line tests in shell, printing TAP. A test file:
#
#     #!/usr/bin/env bash
#     . "$(dirname -- "$0")/lib.sh"
#
#     test_errors_of_one_run() {
#         new_project
#         run lq run sh -c 'echo "a.c:1:2: error: no"; exit 3'
#         expect_rc 3
#         expect_stdout <<'END'
#     a.c:1:2: error: no
#     END
#     }
#
#     run_tests "$@"
#
# run_tests runs every function named test_*, or those named as arguments, each in a shell and an
# empty folder of its own, with its own HOME, a fixed host name and a zone that is not UTC. A
# command that fails outside of `run` ends the test as failed; a failed expectation is reported and
# the test goes on. Exit status 77 is a skipped test.

# Nothing of the caller's environment (CI, AWS_*, LQ_*, colours) reaches a test.
if [[ -z ${LQ_TEST_ROOT:-} ]]; then
    LQ_TEST_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
    build=${LQ_BUILD_ROOT:-$LQ_TEST_ROOT/build}
    kept=()
    for name in TMPDIR ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS LQ_TEST_TOOLS LQ_TEST_FULL LQ_RECORD; do
        [[ -z ${!name:-} ]] || kept+=("$name=${!name}")
    done
    exec env -i "LQ_TEST_ROOT=$LQ_TEST_ROOT" "LQ_BUILD_ROOT=$build" "PATH=$build:$PATH" \
        LC_ALL=C.UTF-8 TZ=XST-5:45 TERM=dumb LQ_HOSTNAME=testhost \
        GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.com \
        GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.com \
        "${kept[@]}" "$BASH" "$0" "$@"
fi

# ---- within a test -------------------------------------------------------------------------------

# note TEXT...: a line for whoever reads the log.
note() { printf '%s\n' "$*" | sed 's/^/# /'; }

# fail TEXT: the test has failed, and goes on.
fail() {
    note "${0##*/}:$(current_line): $*"
    failed=1
}

# The line of the test file that is being executed.
current_line() {
    local i
    for i in "${!FUNCNAME[@]}"; do
        [[ ${FUNCNAME[i]} != test_* ]] || {
            echo "${BASH_LINENO[i - 1]}"
            return
        }
    done
    echo '?'
}

skip() {
    printf '%s' "$*" >"$state/skip"
    exit 77
}

# need COMMAND...: skip the test without them.
need() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || skip "no $name"
    done
}

# run COMMAND...: execute, keep what it says for the expectations below. Input is empty unless it is
# redirected.
run() {
    ran=$*
    rc=0
    "$@" >"$state/out" 2>"$state/err" || rc=$?
}

# as_anyone COMMAND...: permissions hold for it, although root runs the tests.
as_anyone() {
    if [[ $(id -u) == 0 ]]; then
        setpriv --inh-caps=-all --bounding-set=-all "$@"
    else
        "$@"
    fi
}

expect_rc() {
    [[ $rc == "$1" ]] && return
    fail "exit status $rc, not $1: $ran"
    head -n 20 "$state/err" | sed 's/^/#   /'
}

# expect_stdout <<END, expect_stderr <<END, expect_file PATH <<END: the whole text; `...` within a
# line stands for anything on that line.
expect_stdout() { expect_text "stdout of $ran" "$state/out"; }
expect_stderr() { expect_text "stderr of $ran" "$state/err"; }
expect_file() { expect_text "$1" "$1"; }

# expect_in_stdout TEXT: appears there somewhere.
expect_in_stdout() { expect_in "stdout of $ran" "$state/out" "$1"; }
expect_in_stderr() { expect_in "stderr of $ran" "$state/err" "$1"; }

expect_not_in_stdout() { expect_not_in "stdout of $ran" "$state/out" "$1"; }
expect_not_in_stderr() { expect_not_in "stderr of $ran" "$state/err" "$1"; }

# expect COMMAND...: it succeeds.
expect() { "$@" || fail "not so: $*"; }

# Within the empty folder: a git repository with a remote, and lq's project in it.
new_project() {
    git -c init.defaultBranch=main init -q .
    git remote add origin "${1:-https://example.com/acme/rocket.git}"
    lq init >/dev/null 2>&1
}

# ---- behind them ---------------------------------------------------------------------------------

expect_text() {
    local what=$1 got=$2 want_line got_line pattern
    cat >"$state/want"
    ! cmp -s -- "$state/want" "$got" || return 0
    # Lines that match by `...` are written as they came, so that the difference shows the others.
    while IFS= read -r want_line <&3; do
        IFS= read -r got_line <&4 || got_line=
        if [[ $want_line == *...* ]]; then
            pattern=$(sed 's/[][*?\\()|+@!]/\\&/g; s/\.\.\./*/g' <<<"$want_line")
            # shellcheck disable=SC2053
            [[ $got_line != $pattern ]] || want_line=$got_line
        fi
        printf '%s\n' "$want_line"
    done 3<"$state/want" 4<"$got" >"$state/want.filled"
    ! cmp -s -- "$state/want.filled" "$got" || return 0
    fail "$what differs (- wanted, + got)"
    diff -u -- "$state/want.filled" "$got" | sed '1,2d; s/^/#   /' || true
}

expect_in() {
    ! grep -qF -e "$3" -- "$2" || return 0
    fail "no '$3' in $1:"
    head -n 20 -- "$2" | sed 's/^/#   /'
}

expect_not_in() {
    grep -qF -e "$3" -- "$2" || return 0
    fail "'$3' in $1:"
    grep -nF -e "$3" -- "$2" | head -n 5 | sed 's/^/#   /'
}

run_tests() {
    local name number=0 bad=0 status scratch
    (($#)) || mapfile -t < <(sed -n 's/^\(test_[a-z0-9_]*\)().*/\1/p' "$0")
    (($#)) || set -- "${MAPFILE[@]}"
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "chmod -R u+rwX '$scratch'; rm -rf '$scratch'" EXIT
    for name in "$@"; do
        number=$((number + 1))
        state=$scratch/$name.state
        mkdir -p "$state" "$scratch/$name/home" "$scratch/$name/work"
        (
            trap - EXIT
            trap 'fail "failed: $BASH_COMMAND"' ERR
            export HOME=$scratch/$name/home GIT_CEILING_DIRECTORIES=$scratch
            cd "$scratch/$name/work" || exit 1
            failed=0 rc=0 ran=
            set -eEu
            "$name"
            exit "$failed"
        ) </dev/null
        status=$?
        case $status in
        0) echo "ok $number - $name" ;;
        77) echo "ok $number - $name # SKIP $(cat "$state/skip" 2>/dev/null)" ;;
        *)
            echo "not ok $number - $name"
            bad=1
            ;;
        esac
    done
    echo "1..$number"
    exit "$bad"
}
