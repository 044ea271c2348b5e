#!/usr/bin/env bash
# lq watch: what starts another run, and what does not. Nothing here depends on how long anything takes:
# each step waits for what lq says, and a change that must not start a run is followed by one that must.
. "$(dirname -- "$0")/lib.sh"

# said TEXT: how many lines of what it says hold the text.
said() { grep -cF -e "$1" "$state/said.txt" || true; }

# start_watch ARG...: in the background; what it says goes to said.txt beside the project.
start_watch() {
    : >"$state/said.txt"
    : >"$state/out.txt"
    lq watch --debounce 20 "$@" >"$state/out.txt" 2>"$state/said.txt" &
    watcher=$!
    # shellcheck disable=SC2064
    trap "kill $watcher 2>/dev/null || true" EXIT
}

# await COUNT TEXT: until so many lines of what it says hold the text.
await() {
    local tries=0
    until [[ $(said "$2") -ge $1 ]]; do
        if ((++tries > 600)) || ! kill -0 "$watcher" 2>/dev/null; then
            fail "not $1 times '$2':"
            sed 's/^/#   /' "$state/said.txt"
            kill "$watcher" 2>/dev/null || true
            exit 1
        fi
        sleep 0.05
    done
}

idle() { await "$1" 'lq: waiting for changes'; }

# stop: it ends as Ctrl-C ends it.
stop() {
    local rc=0
    kill -"${1:-TERM}" "$watcher"
    wait "$watcher" || rc=$?
    [[ $rc == 0 ]] || fail "exit status $rc"
}

expect_changes() {
    grep '^lq: changed: ' "$state/said.txt" >"$state/changes" || true
    expect_text 'changes' "$state/changes"
}

test_runs_again_on_change() {
    new_project
    mkdir src
    echo one >src/a.c
    start_watch -n build cat src/a.c
    idle 1
    echo two >src/a.c
    idle 2
    # A new folder, and what is in it; a file renamed; a file removed.
    mkdir -p src/deep/er
    echo x >src/deep/er/new.c
    idle 3
    echo y >>src/deep/er/new.c
    idle 4
    mv src/deep/er/new.c src/deep/er/moved.c
    idle 5
    rm src/deep/er/moved.c
    idle 6
    stop
    expect_changes <<'END'
lq: changed: src/a.c
lq: changed: src/deep/er/new.c
lq: changed: src/deep/er/new.c
lq: changed: src/deep/er/moved.c and 1 more
lq: changed: src/deep/er/moved.c
END
    [[ $(<"$state/out.txt") == $'one\ntwo\ntwo\ntwo\ntwo\ntwo' ]] || fail "$(<"$state/out.txt")"
    run lq sql --csv 'SELECT count(*) AS n, min(source_name) AS name FROM lq_runs'
    expect_stdout <<'END'
n,name
6,build
END
}

test_what_git_ignores() {
    new_project
    printf '*.o\nout/\n' >.gitignore
    mkdir out sub
    echo '/local' >sub/.gitignore
    echo 1 >a.c
    start_watch true
    idle 1
    echo x >b.o
    echo x >out/file
    mkdir -p out/more && echo x >out/more/file
    echo x >sub/local
    echo x >.git/file
    echo x >.lq/file
    echo x >.a.c.swp
    echo 2 >a.c
    idle 2
    # What is ignored no more counts, in folders that were left out before too.
    echo '*.o' >.gitignore
    idle 3
    echo x >out/more/file
    idle 4
    stop
    expect_changes <<'END'
lq: changed: a.c
lq: changed: .gitignore
lq: changed: out/more/file
END
}

test_without_git() {
    lq init 2>/dev/null
    mkdir .hidden .lq/x src
    start_watch true
    idle 1
    echo x >.hidden/file
    echo x >.lq/x/file
    echo x >src/file
    idle 2
    stop
    expect_changes <<'END'
lq: changed: src/file
END
}

test_a_repository_within() {
    new_project
    mkdir inner
    git -C inner init -q
    echo '*.o' >inner/.gitignore
    start_watch true
    idle 1
    echo x >inner/x.o
    echo x >inner/x.c
    idle 2
    stop
    expect_changes <<'END'
lq: changed: inner/x.c
END
}

test_a_command_that_changes_files() {
    new_project
    echo 1 >a.c
    # shellcheck disable=SC2016
    start_watch sh -c 'date +%N >out.txt; cat a.c'
    await 1 'the command changes out.txt itself'
    idle 1
    [[ $(wc -l <"$state/out.txt") == 3 ]] || fail "$(wc -l <"$state/out.txt") runs, not 3"
    # It is known now: one run for one change.
    echo 2 >a.c
    idle 2
    [[ $(wc -l <"$state/out.txt") == 4 ]] || fail "$(wc -l <"$state/out.txt") runs, not 4"
    stop
}

test_a_change_during_the_run() {
    new_project
    echo 1 >a.c
    mkfifo "$state/gate"
    start_watch sh -c "cat a.c; cat '$state/gate'"
    until grep -q 1 "$state/out.txt"; do sleep 0.05; done
    echo 2 >a.c
    echo >"$state/gate"
    # The run comes to its end, and another follows.
    await 1 'changed: a.c'
    echo >"$state/gate"
    idle 1
    stop
    [[ $(tr -d '\n' <"$state/out.txt") == 12 ]] || fail "$(<"$state/out.txt")"
}

test_registered_names() {
    new_project
    run lq watch
    expect_rc 2
    lq register test 'echo tested' 2>/dev/null
    lq register other 'echo other' 2>/dev/null
    start_watch
    idle 1
    stop INT
    [[ $(<"$state/out.txt") == tested ]] || fail "$(<"$state/out.txt")"
    mkdir sub
    cd sub || exit 1
    start_watch -q other
    idle 1
    echo x >../file
    idle 2
    stop HUP
    [[ ! -s $state/out.txt ]] || fail 'not quiet'
    grep -q 'run 3 other ok' "$state/said.txt" || fail 'not run'
}

test_stopped_during_a_run() {
    new_project
    start_watch sh -c 'echo started; exec sleep 600'
    until grep -q started "$state/out.txt"; do sleep 0.05; done
    stop
    run lq sql --csv 'SELECT outcome FROM lq_runs'
    expect_stdout <<'END'
outcome
interrupted
END
}

test_ctrl_c_on_a_terminal() {
    new_project
    run timeout 60 python3 - <<'END'
import os, pty, sys

# During a run, and while it waits.
for command, until in ("echo started; sleep 600", b"started"), ("true", b"waiting for"):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("lq", ["lq", "watch", "sh", "-c", command])
    seen = b""
    while until not in seen:
        seen += os.read(fd, 1000)
    os.write(fd, b"\x03")
    try:
        while data := os.read(fd, 1000):
            seen += data
    except OSError:
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0:
        sys.exit("exit status %d: %r" % (code, seen))
END
    expect_rc 0
}

test_a_failing_command_goes_on() {
    new_project
    echo 1 >a.c
    start_watch sh -c 'exit 3'
    await 1 'failed (exit 3)'
    idle 1
    echo 2 >a.c
    await 2 'failed (exit 3)'
    idle 2
    stop
}

test_the_project_is_removed() {
    mkdir p
    cd p || exit 1
    new_project
    start_watch true
    idle 1
    cd ..
    rm -rf p
    rc=0
    wait "$watcher" || rc=$?
    [[ $rc == 1 ]] || fail "exit status $rc"
    grep -q "is gone" "$state/said.txt" || fail "$(<"$state/said.txt")"
}

run_tests "$@"
