#!/usr/bin/env bash
# sync.auto: runs come to the store by themselves.
# shellcheck disable=SC2154 # s3.sh sets the server's variables
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/s3.sh"

# configure AUTO [MORE]
configure() { printf 'project: {namespace: n, project: p}\nsync: {auto: %s%s}\n' "$1" "${2:+, $2}" >.lq/config.yaml; }

store=.lq/projects
stored() { find "$HOME/$store" "$@" -name '*.parquet' 2>/dev/null | wc -l; }

# Until N runs are in the store, and whoever brought them there is done. The limit is for a hang only.
wait_for() {
    local n=$1 left=1200
    shift
    until [[ $(stored "$@") == "$n" ]]; do
        ((left-- > 0)) || {
            fail "$(stored "$@") runs in the store, not $n"
            return
        }
        sleep 0.05
    done
    flock .lq/sync.lock true
}

test_in_the_background() {
    new_project
    configure true
    run lq run -q true
    expect_rc 0
    expect_stdout </dev/null
    wait_for 1
    lq capture -q <<<x 2>/dev/null
    wait_for 2
    echo x >log
    lq import log 2>/dev/null
    wait_for 3
    grep -qE "^[-0-9T:]+Z synced 1 run \(.*\) to '$HOME/$store'$" .lq/sync.log || fail "$(cat .lq/sync.log)"
    run lq status
    expect_stderr </dev/null
}

test_off() {
    new_project
    lq run -q true 2>/dev/null
    configure false
    lq run -q true 2>/dev/null
    [[ ! -e .lq/sync.lock && ! -e .lq/sync.log ]] || fail 'something was started'
}

test_one_worker_for_many_runs() {
    local i
    new_project
    configure true
    # As a worker that is at it would hold it.
    exec 9>.lq/sync.lock
    flock 9
    for i in 1 2 3 4 5; do lq run -q true 2>/dev/null; done
    [[ ! -e .lq/sync.log ]] || fail 'a worker was started beside another'
    exec 9>&-
    lq run -q true 2>/dev/null
    wait_for 6
    for i in 1 2 3 4 5 6 7 8; do lq run -q true 2>/dev/null 9>&- & done
    wait
    wait_for 14
}

test_wait() {
    new_project
    configure wait
    run lq run -q sh -c 'exit 3'
    expect_rc 3
    expect_stderr <<END
lq: run 1 sh failed (exit 3), ...
lq: synced 1 run (...) to '$HOME/$store'
END
    [[ $(stored) == 1 ]] || fail 'not there'
    lq capture -q <<<x 2>/dev/null
    [[ $(stored) == 2 ]] || fail 'not there'
    [[ ! -e .lq/sync.log ]] || fail 'a worker was started'
}

test_ci_waits() {
    new_project
    configure true
    CI=true lq run -q true 2>/dev/null
    [[ $(stored) == 1 ]] || fail 'not there'
    CI=false lq run -q true 2>/dev/null
    wait_for 2
}

test_failure_is_not_the_runs() {
    new_project
    configure wait
    mkdir -p "$HOME/.lq"
    echo 'a file' >"$HOME/$store"
    run lq run -q sh -c 'exit 3'
    expect_rc 3
    expect_in_stderr "lq: not synced: "
    run lq run -q true
    expect_rc 0
    run lq status
    expect_rc 0
    expect_in_stderr "lq: the sync of "
    expect_in_stderr "('lq sync' tries again)"
    run lq doctor
    expect_in_stdout 'fail  sync         cannot sync to '
    rm "$HOME/$store"
    lq sync 2>/dev/null
    run lq status
    expect_stderr </dev/null
    run lq doctor
    expect_in_stdout 'ok    sync.auto    runs are synced as they are recorded'
}

test_failure_in_the_background() {
    new_project
    configure true
    mkdir -p "$HOME/.lq"
    echo 'a file' >"$HOME/$store"
    run lq run -q true
    expect_rc 0
    expect_not_in_stderr "$store"
    until [[ -s .lq/sync.log ]]; do sleep 0.05; done
    flock .lq/sync.lock true
    run lq status
    expect_in_stderr "lq: the sync of "
    [[ $(wc -l <.lq/sync.log) == 1 ]] || fail "$(cat .lq/sync.log)"
}

test_a_clone_does_not_choose_where_logs_go() {
    new_project
    configure wait "destination: $HOME/elsewhere"
    run lq run -q true
    expect_rc 0
    expect_in_stderr "lq: not synced: sync.auto uses '$HOME/elsewhere' after one 'lq sync' by hand: config.yaml may have come with a clone"
    configure true "destination: $HOME/elsewhere"
    run lq run -q true
    expect_not_in_stderr elsewhere
    [[ ! -e $HOME/elsewhere && ! -e .lq/sync.log ]] || fail 'logs went there'
    run lq status
    expect_in_stderr "after one 'lq sync' by hand"
    run lq doctor
    expect_in_stdout "warn  sync.auto    sync.auto uses '$HOME/elsewhere' after one 'lq sync' by hand"
    # The user's own choice is one.
    store=mine
    LQ_STORE=$HOME/mine lq run -q true 2>/dev/null
    wait_for 3
    store=elsewhere
    lq sync 2>/dev/null
    lq run -q true 2>/dev/null
    wait_for 4
}

test_no_credential_in_a_destination() {
    new_project
    configure true
    LQ_STORE=s3://KEY:hunter2@bucket/x lq run -q true 2>/dev/null
    LQ_STORE=s3://KEY:hunter2@bucket/x run lq status
    expect_in_stderr 'holds credentials'
    expect_not_in_stderr hunter2
    ! grep -raq hunter2 .lq || fail 'it is in a file'
}

test_log_is_bounded_and_plain() {
    new_project
    configure true
    head -c 300000 /dev/zero | tr '\0' x >.lq/sync.log
    lq run -q true 2>/dev/null
    wait_for 1
    [[ $(stat -c %s .lq/sync.log) -lt 1000 ]] || fail 'it grows'
    # A pipe in its place must not hold the run up.
    rm .lq/sync.log
    mkfifo .lq/sync.log
    run lq run -q true
    expect_rc 0
    run lq status
    expect_in_stderr 'cannot start the sync of sync.auto'
    run lq sync --status
    expect_in_stdout 'cannot start the sync of sync.auto'
}

test_worker_stands_alone() {
    need strace
    new_project
    configure true
    exec 8</etc/passwd
    AWS_SECRET_ACCESS_KEY=hunter2 MY_TOKEN=hunter2 SHOWN=yes \
        ASAN_OPTIONS=detect_leaks=0 strace -f -v -s 4096 -o "$HOME/trace" lq run -q true 2>/dev/null
    exec 8<&-
    wait_for 1
    # strace follows it to its end.
    grep -E 'execve\(.*"sync-worker"' "$HOME/trace" >"$HOME/exec" || fail 'no worker'
    grep -q '"SHOWN=yes"' "$HOME/exec" || fail 'no environment'
    ! grep -q hunter2 "$HOME/exec" || fail 'a secret in its environment'
    grep -q 'setsid(' "$HOME/trace" || fail 'no session of its own'
    grep -qE 'close_range\(3, ' "$HOME/trace" || fail 'inherits descriptors'
    grep -qE 'chdir\("/"' "$HOME/trace" || fail 'holds a folder'
    grep -qE 'open(at)?\((AT_FDCWD, )?"/dev/null", O_RDONLY' "$HOME/trace" || fail 'has an input'
}

test_s3_in_the_background() {
    start_s3
    new_project
    configure true 'destination: s3://bucket/lq/'
    lq run -q true 2>/dev/null
    [[ ! -e .lq/sync.log ]] || fail 'logs went where config.yaml says'
    lq sync 2>/dev/null
    lq run -q true 2>/dev/null
    until [[ -s .lq/sync.log ]]; do sleep 0.05; done
    flock .lq/sync.lock true
    grep -q "synced 1 run (.*) to 's3://bucket/lq'$" .lq/sync.log || fail "$(cat .lq/sync.log)"
    [[ $(find "$s3_objects" -name '*.parquet' | wc -l) == 2 ]] || fail 'not there'
    ! grep -raq rootsecret .lq || fail 'a secret in a file'
    # A server that is gone is no failure of the run.
    kill "$pid_gw"
    run lq run -q true
    expect_rc 0
}

test_prune_waits_for_raw_logs() {
    new_project
    configure false "destination: $HOME/$store"
    lq run -q true 2>/dev/null
    lq sync 2>/dev/null
    configure false "destination: $HOME/$store, include_raw: true"
    run lq prune --keep-last 0
    expect_in_stderr 'lq: keeping 1 run that is not yet at '
    lq sync 2>/dev/null
    run lq prune --keep-last 0
    expect_in_stderr 'lq: removed 1 run ('
}

test_modes_and_raw_logs() {
    new_project
    configure true 'include_raw: true, mode: copy'
    lq run -q true 2>/dev/null
    wait_for 1
    [[ $(find "$HOME/$store" -name '*.log.zst' | wc -l) == 1 ]] || fail 'no raw log'
    [[ $(find "$HOME/$store" -name '*.parquet' -links 1 | wc -l) == 1 ]] || fail 'no copy'
    grep -qF 'synced 1 run (' .lq/sync.log || fail "$(cat .lq/sync.log)"
}

test_prune_keeps_what_is_still_to_be_synced() {
    new_project
    lq run -q true 2>/dev/null
    configure true
    run lq prune --keep-last 0
    expect_rc 0
    expect_in_stderr "lq: keeping 1 run that is not yet at '$HOME/$store': 'lq sync' first, or --force"
    lq sync 2>/dev/null
    run lq prune --keep-last 0
    expect_in_stderr 'lq: removed 1 run'
    lq run -q true 2>/dev/null
    wait_for 2
    configure false
    lq run -q true 2>/dev/null
    configure true
    run lq prune --keep-last 0 --force
    expect_in_stderr 'lq: removed 2 runs'
}

run_tests "$@"
