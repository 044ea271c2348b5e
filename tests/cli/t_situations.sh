#!/usr/bin/env bash
# Every reading command in every situation: what it prints must not depend on where it is asked, and a
# failure must be told by its exit status.
. "$(dirname -- "$0")/lib.sh"

# The commands that read runs, each with words that fit the store of `a_store`.
reading_commands() {
    cat <<'END'
status
status -v
last
errors
warnings
events
summary -l
history
info 1
output 1
event 1:1
context 1:1
inspect 1:1
diff 1 2
query -s ref,message
filter severity=error
sql SELECT ref, message FROM lq_events ORDER BY ref
hosts
new-errors
first-seen 1:1
regressions 1 2
flaky
slowest
ci check build --baseline 1
report 1
annotate 1 --github
END
}

# Runs of two names; 1 and 2 have events.
a_store() {
    new_project
    lq run -q -n build sh -c 'echo "a.c:1:2: error: no such name [-Wx]"; echo "b.c:3: warning: odd"; exit 2' \
        2>/dev/null || true
    lq run -q -n build sh -c 'echo "a.c:9:2: error: brand new"; exit 2' 2>/dev/null || true
    lq run -q -n test true 2>/dev/null
}

# each COMMAND...: call it once for each reading command, its words in `words`.
each() {
    local line
    while read -r line; do
        read -ra words <<<"$line"
        [[ $line != sql* ]] || words=(sql "${line#sql }")
        "$@"
    done < <(reading_commands)
}

# The list above holds all commands that take a scope, so that a new one is not forgotten.
test_no_command_is_missing() {
    python3 - "$(reading_commands | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')" <<'END' || fail 'commands are missing'
import json, subprocess, sys
docs = json.loads(subprocess.run(["lq", "docs"], capture_output=True, check=True).stdout)
reading = {c["name"] for c in docs["commands"]
           if any(o.get("name") == "include-synced" for g in c["groups"] for o in g["options"])}
# Those that take the options for their output, but read no runs; a prompt has its own tests.
missing = reading - set(sys.argv[1].split()) - {"commands", "formats", "schema", "share", "prune", "shell", "index",
                                            "pull"}
assert not missing, missing
END
}

same_as_at_root() {
    local at_root=$state/at-root
    run lq "${words[@]}"
    cp "$state/out" "$at_root"
    echo "rc $rc" >>"$at_root"
    run lq -C "$root/below" -C .. "${words[@]}"
    expect_same "$at_root" 'with -C'
    cd "$root/below/it" || return
    run lq "${words[@]}"
    expect_same "$at_root" 'from below'
    cd "$root" || return
}

expect_same() {
    echo "rc $rc" >>"$state/out"
    cmp -s "$1" "$state/out" || fail "lq ${words[*]} prints something else $2"
}

test_from_elsewhere() {
    a_store
    root=$PWD
    mkdir -p below/it
    each same_as_at_root
}

fails_when_not_read() {
    local status=0
    [[ ${words[0]} != flaky ]] || return 0 # nothing is, so nothing is printed
    lq "${words[@]}" >/dev/full 2>"$state/err" || status=$?
    [[ $status == 1 ]] || fail "lq ${words[*]} >/dev/full: exit status $status"
    grep -q . "$state/err" || fail "lq ${words[*]} >/dev/full says nothing"
    status=0
    lq "${words[@]}" >&- 2>"$state/err" || status=$?
    [[ $status == 1 ]] || fail "lq ${words[*]} >&-: exit status $status"
}

test_output_that_goes_nowhere() {
    a_store
    each fails_when_not_read
}

answers_or_says_no() {
    run lq "${words[@]}"
    [[ $rc == [01] ]] || fail "exit status $rc: lq ${words[*]}"
    [[ $rc == 0 || -s $state/err ]] || fail "lq ${words[*]} fails and says nothing"
    ! grep -qiE 'INTERNAL|assert|sanitizer|signal' "$state/err" || fail "lq ${words[*]}: $(<"$state/err")"
}

test_without_runs() {
    new_project
    each answers_or_says_no
}

test_of_a_run_without_events() {
    new_project
    lq run -q true 2>/dev/null
    each answers_or_says_no
    for command in errors warnings events summary; do
        run lq "$command" --json
        expect_rc 0
        expect_stdout <<<'[]'
    done
}

test_without_raw_logs() {
    a_store
    rm -r .lq/raw
    each answers_or_says_no
    for words in 'output 1' 'context 1:1'; do
        # shellcheck disable=SC2086
        run lq $words
        expect_rc 1
        expect_in_stderr 'the raw log was not kept'
    done
}

answers_globally() {
    case ${words[*]} in ci* | diff* | regressions* | sql*) return ;; esac
    # What a ref names is named as the store does.
    run lq "${words[@]/#1/acme/rocket@testhost:1}" -d "$store"
    expect_rc 0
}

test_of_another_host() {
    store=$HOME/.lq/projects
    a_store
    lq sync 2>/dev/null
    mkdir "$HOME/elsewhere" && cd "$HOME/elsewhere" || return
    each asks_elsewhere
    run lq diff acme/rocket@testhost:1 acme/rocket@testhost:2 -g
    expect_rc 0
}

asks_elsewhere() {
    case ${words[0]} in
    output | context) return ;; # raw logs were not synced
    ci | diff | regressions | sql) return ;;
    esac
    answers_globally
}

is_quiet_when_cut_off() {
    lq "${words[@]}" -n 0 2>"$state/err" | head -n 1 >/dev/null || true
    ! [[ -s $state/err ]] || fail "lq ${words[*]} | head: $(<"$state/err")"
}

test_of_100000_events() {
    new_project
    seq -f 'a.c:%g:1: error: no such name in this scope' 100000 >big.log
    lq import -n big big.log 2>/dev/null
    lq import -n big big.log 2>/dev/null
    each answers_or_says_no
    for command in errors events 'query -s ref' 'filter severity=error'; do
        read -ra words <<<"$command"
        is_quiet_when_cut_off
    done
    run lq errors 1 -n 0 --csv
    expect test "$(wc -l <"$state/out")" = 100001
    run lq summary --json
    expect_in_stdout '"error_count": 200000'
}

# What only reads works where nothing can be written; what writes says so.
test_read_only() {
    local plans=('sync --status' 'sync --dry-run' 'prune --dry-run --keep-last 1')
    a_store
    lq sync -q
    chmod -R a-w .lq
    each answers_as_anyone
    for command in "${plans[@]}"; do
        read -ra words <<<"$command"
        answers_as_anyone
    done
    # As another program leaves state.db: without its log.
    chmod -R u+w .lq
    python3 -c 'import sqlite3; sqlite3.connect(".lq/state.db").execute("PRAGMA wal_checkpoint(TRUNCATE)")'
    rm -f .lq/state.db-wal .lq/state.db-shm
    chmod -R a-w .lq
    for command in "${plans[@]}"; do
        # shellcheck disable=SC2086
        run as_anyone lq $command
        expect_rc 0
    done
    for command in 'run true' 'import a.log' 'register x true' 'prune --keep-last 1' 'clean' 'sync'; do
        : >a.log
        # shellcheck disable=SC2086
        run as_anyone lq $command
        [[ $rc != 0 || $command == clean || $command == run* ]] || fail "lq $command in a read-only store: exit status $rc"
        [[ $rc == 0 ]] || grep -qE "ermission denied|readonly" "$state/err" || fail "lq $command does not say why: $(<"$state/err")"
    done
    chmod -R u+w .lq
}

answers_as_anyone() {
    local want
    run lq "${words[@]}"
    want=$rc
    cp "$state/out" "$state/want-out"
    run as_anyone lq "${words[@]}"
    [[ $rc == "$want" ]] || fail "exit status $rc as anyone, $want as root: lq ${words[*]}: $(<"$state/err")"
    cmp -s "$state/out" "$state/want-out" || fail "lq ${words[*]} prints something else as anyone"
}

run_tests "$@"
