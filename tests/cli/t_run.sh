#!/usr/bin/env bash
# lq run, lq import, lq capture: what is recorded, and what the command's user sees of it.
. "$(dirname -- "$0")/lib.sh"

# The logs as the raw store kept them, of run number $1.
raw_log() {
    zstd -dcq .lq/raw/date=*/source=*/"$(printf '%03d' "$1")"_*.log.zst
}

test_output_and_exit_code_are_the_commands() {
    new_project
    run lq run sh -c 'echo out; echo err >&2; exit 7'
    expect_rc 7
    expect_stdout <<'END'
out
END
    expect_in_stderr 'err'
    expect_in_stderr 'lq: run 1 sh failed (exit 7)'
}

test_exit_codes() {
    new_project
    run lq run true
    expect_rc 0
    run lq run 'exit 3'
    expect_rc 3
    run lq run sh -c 'kill -SEGV $$'
    expect_rc 139
    run lq run no-such-command x
    expect_rc 127
    touch not-executable
    run lq run ./not-executable x
    expect_rc 126
    run lq run -t 1 sleep 60
    expect_rc 124
    run lq sql --csv 'SELECT run_id, exit_code, signal, outcome FROM lq_runs ORDER BY run_id'
    expect_stdout <<'END'
run_id,exit_code,signal,outcome
1,0,,ok
2,3,,fail
3,139,SIGSEGV,fail
4,127,,fail
5,126,,fail
6,124,SIGTERM,timeout
END
}

test_options_stop_at_the_first_word() {
    new_project
    run lq run echo -n -q --name x
    expect_rc 0
    expect_stdout < <(echo -n "-q --name x")
    run lq sql --csv 'SELECT source_name, command FROM lq_runs'
    expect_stdout <<'END'
source_name,command
echo,echo -n -q --name x
END
}

test_names() {
    new_project
    run lq run -n 'my build' true
    run lq run '/bin/true; exit 0'
    run lq run /usr/bin/env true
    run lq sql --csv 'SELECT source_name, command FROM lq_runs ORDER BY run_id'
    expect_stdout <<'END'
source_name,command
my build,true
true,/bin/true; exit 0
env,/usr/bin/env true
END
    expect_files .lq/logs '*_my_build_*.parquet'
}

expect_files() {
    find "$1" -name "$2" | grep -q . || fail "no file like $2 in $1"
}

test_quiet() {
    new_project
    run lq run -q echo secret
    expect_stdout </dev/null
    expect_in_stderr 'lq: run 1 echo ok'
    [[ $(raw_log 1) == secret ]] || fail "the log is not kept"
}

test_no_raw() {
    new_project
    run lq run --no-raw echo x
    expect_rc 0
    [[ ! -e .lq/raw ]] || fail "a raw log was kept"
    printf 'project: {namespace: ns, project: proj}\ncapture: {keep_raw: false}\n' >.lq/config.yaml
    run lq run echo x
    [[ ! -e .lq/raw ]] || fail "a raw log was kept"
}

test_sixteen_at_once() {
    new_project
    for _ in $(seq 16); do
        { lq run true || echo "failed: $?"; } >>all.txt 2>&1 &
    done
    wait
    grep -v '^lq: run ' all.txt && fail "something went wrong"
    run lq sql --csv 'SELECT count(*), count(DISTINCT run_id), max(run_id) FROM lq_runs'
    expect_stdout <<'END'
count_star(),count(DISTINCT run_id),max(run_id)
16,16,16
END
    [[ $(find .lq/logs -name '*.parquet' | wc -l) == 16 ]] || fail "not 16 files"
    run lq history --jsonl
    [[ $(wc -l <"$state/out") == 16 ]] || fail "not 16 rows of history"
}

test_sixteen_at_once_in_a_new_project() {
    lq init 2>/dev/null
    rm -rf .lq/state.db*
    for _ in $(seq 16); do lq run -q true 2>>all.txt & done
    wait
    [[ $(grep -c '^lq: run ' all.txt) == 16 ]] || fail "$(cat all.txt)"
}

test_odd_bytes_are_kept() {
    new_project
    printf 'a\0b\xff\xfe\r\nno newline at the end \x1b[31mred' >odd
    lq run cat odd >shown 2>/dev/null
    cmp odd shown || fail "the output was altered"
    raw_log 1 | cmp - odd || fail "the raw log differs"
}

test_one_long_line() {
    new_project
    head -c 100000000 /dev/zero | tr '\0' a >long
    lq run -q cat long 2>/dev/null
    raw_log 1 | cmp - long || fail "the raw log differs"
}

test_hostile_names() {
    local folder=$'it\'s "a" pröject\nof mine' name=$'-f\'"; DROP\nx.log'
    mkdir "$folder"
    cd "$folder" || exit 1
    lq init 2>/dev/null
    printf 'a "b".c:1:2: error: expected '"'%%s'"' \x1b]0;owned\x07\x9b2J\n' >./"$name"
    run lq run cat ./"$name"
    expect_rc 0
    run lq import -n "$name" ./"$name"
    expect_rc 0
    run lq errors
    expect_rc 0
    LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$state/out" && fail "control bytes in the output"
    run lq sql --json "SELECT DISTINCT source_name FROM lq_runs ORDER BY 1"
    python3 - "$state/out" <<'END' || fail "the name is not what it was"
import json, sys
rows = json.load(open(sys.argv[1]))
assert rows[0]["source_name"] == "-f'\"; DROP\nx.log", rows
END
}

test_kill_leaves_a_readable_store() {
    new_project
    lq run -q true 2>/dev/null
    for delay in 0 0.005 0.01 0.015 0.02 0.03 0.04 0.06; do
        lq run -q sh -c 'echo "a.c:1:2: error: x"' 2>/dev/null &
        sleep "$delay"
        kill -9 $! 2>/dev/null || true
        wait $! 2>/dev/null || true
    done
    run lq run -q true
    expect_rc 0
    run lq history --jsonl
    expect_rc 0
    expect_stderr </dev/null
    grep -q '"run_id": 1,' "$state/out" || fail "the first run is lost"
    # Every visible file is whole: nothing was left out above, and each is a row.
    [[ $(wc -l <"$state/out") == $(find .lq/logs -name '[!.]*.parquet' | wc -l) ]] ||
        fail "not every file is a run"
}

# 4 KiB pages of state.db, from the second on, are overwritten.
damage_state() {
    python3 - <<'END'
import sqlite3
sqlite3.connect(".lq/state.db").execute("pragma wal_checkpoint(truncate)")
with open(".lq/state.db", "r+b") as file:
    size = file.seek(0, 2)
    file.seek(4096)
    file.write(b"\xff" * (size - 4096))
END
}

test_damaged_state_is_rebuilt() {
    new_project
    lq run -q true 2>/dev/null
    lq run -q true 2>/dev/null
    damage_state
    run lq run -q true
    expect_rc 0
    expect_in_stderr 'lq: run 3 true ok'
    expect test -e .lq/state.db.damaged
    damage_state
    run lq sync "$HOME/store"
    expect_rc 0
    expect_in_stderr 'lq: synced 3 runs'
}

test_impossible_run_numbers() {
    new_project
    mkdir -p .lq/logs/date=2025-01-01/source=run
    : >.lq/logs/date=2025-01-01/source=run/9223372036854775807_x_120000.parquet
    run lq run -q true
    expect_in_stderr 'lq: run 1 true ok'
    python3 -c 'import sqlite3
state = sqlite3.connect(".lq/state.db")
state.execute("UPDATE counter SET run_id = 9223372036854775807")
state.commit()'
    run lq run -q true
    expect_in_stderr 'lq: run 2 true ok'
}

test_variables_that_differ_in_invalid_bytes_only() {
    new_project
    printf 'project: {namespace: n, project: p}\ncapture: {env: ["X_*"]}\n' >.lq/config.yaml
    run env $'X_\xff=1' $'X_\xfe=2' X_A=3 lq run true
    expect_rc 0
    run lq sql --csv 'SELECT cardinality(environment) AS n FROM lq_runs'
    expect_stdout <<'END'
n
2
END
}

# A file that grows past a limit of the system: as a full disk, but without one.
test_a_log_that_cannot_be_written_leaves_nothing() {
    new_project
    run bash -c 'trap "" XFSZ; ulimit -f 200; lq run -q head -c 3000000 /dev/urandom'
    expect_rc 125
    expect_in_stderr 'run 1 is recorded, but not its raw log'
    expect test -z "$(find .lq/raw .lq/logs -name '*.tmp*')"
}

test_closed_standard_streams() {
    new_project
    run bash -c 'lq run sh -c "echo out; echo err >&2" <&- >&- 2>&-'
    expect_rc 0
    expect test "$(raw_log 1 | sort)" = $'err\nout'
}

test_long_timeout() {
    new_project
    run lq run -t 9223372036854775807 sleep 0.1
    expect_rc 0
    expect_in_stderr 'lq: run 1 sleep ok'
}

# What the command started is stopped with it: children that it does not wait for, that ignore SIGTERM, that
# have a process group or a session of their own.
test_timeout_stops_children() {
    new_project
    cat >children.sh <<'END'
sh -c 'echo $$ >>pids; trap "" TERM; while :; do sleep 1; done' &
bash -c 'set -m; sleep 600 & echo $! >>pids; wait' &
setsid sh -c 'echo $$ >>pids; exec sleep 600' &
while [ "$(wc -l <pids)" -lt 3 ]; do sleep 0.1; done
sleep 600
END
    : >pids
    run lq run -t 5 sh children.sh
    expect_rc 124
    expect test -s pids
    while read -r pid; do
        ! kill -0 "$pid" 2>/dev/null || [[ $(cut -d ' ' -f 3 "/proc/$pid/stat") == Z ]] || fail "$pid still runs"
    done <pids
}

test_background_child_does_not_hang_it() {
    new_project
    run timeout 20 lq run sh -c 'sleep 30 & echo done'
    expect_rc 0
    expect_stdout <<'END'
done
END
}

test_standard_input_passes_through() {
    new_project
    run lq run tr a-z A-Z <<<'hello'
    expect_stdout <<'END'
HELLO
END
}

test_import() {
    new_project
    printf 'a.c:1:2: error: no such name\n' >build.log
    run lq import build.log
    expect_rc 0
    run lq sql --csv 'SELECT source_name, source_type, exit_code, outcome, error_count FROM lq_runs'
    expect_stdout <<'END'
source_name,source_type,exit_code,outcome,error_count
build.log,import,,fail,1
END
    run lq import no-such-file
    expect_rc 1
    expect_stderr <<'END'
lq: cannot open 'no-such-file': No such file or directory
END
    run lq import .
    expect_rc 1
    run lq import -n '' build.log
    expect_rc 2
    run lq capture -n '' <build.log
    expect_rc 2
    expect_stderr <<'END'
lq: --name needs a name
END
}

test_capture() {
    new_project
    run lq capture -n ci < <(printf 'a.c:1:2: warning: odd\n')
    expect_rc 0
    expect_stdout <<'END'
a.c:1:2: warning: odd
END
    run lq sql --csv 'SELECT source_name, source_type, outcome FROM lq_runs'
    expect_stdout <<'END'
source_name,source_type,outcome
ci,capture,warn
END
}

test_what_cannot_be_recorded_runs_all_the_same() {
    new_project
    mkdir .lq/state.db
    run lq run echo hello
    expect_rc 125
    expect_stdout <<'END'
hello
END
    expect_in_stderr 'lq: the run is not recorded: cannot'
    run lq run sh -c 'exit 3'
    expect_rc 3
}

test_no_command_and_no_name() {
    new_project
    run lq run ''
    expect_rc 2
    run lq run -n '' true
    expect_rc 2
}

test_format() {
    new_project
    run lq run --format nonsense true
    expect_rc 125
    expect_in_stderr "nonsense"
}

test_facts() {
    new_project
    git add -A && git commit -qm one
    git checkout -qb topic
    GITHUB_ACTIONS=true GITHUB_RUN_ID=77 CI=true lq run -q true 2>/dev/null
    run lq sql --csv "SELECT git_branch, length(git_commit), git_dirty, hostname, ci['provider'] AS p FROM lq_runs"
    expect_stdout <<'END'
git_branch,length(git_commit),git_dirty,hostname,p
topic,40,false,testhost,github
END
}

test_no_project() {
    mkdir -p "$HOME/.lq/projects" "$HOME/deep/er"
    cd "$HOME/deep/er" || exit 1
    run lq run true
    expect_rc 125
    expect_in_stderr 'lq init'
    [[ ! -e $HOME/.lq/logs ]] || fail "recorded in the central store's folder"
}

test_below_the_project() {
    new_project
    mkdir -p a/b
    run lq run -q -C a/b pwd
    expect_rc 0
    [[ $(raw_log 1) == */a/b ]] || fail "ran elsewhere"
}

test_full_disk_for_output() {
    new_project
    if lq run sh -c 'echo hello' >/dev/full 2>err.txt; then
        fail "a full disk is a success"
    fi
    [[ $(raw_log 1) == hello ]] || fail "the log is lost"
}

test_columns_keep_their_types_without_events() {
    new_project
    lq run -q true 2>/dev/null
    run lq sql --csv "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('.lq/logs/**/*.parquet', hive_partitioning = false)) WHERE column_name IN ('run_id', 'event_id', 'severity', 'line_number', 'git_dirty', 'environment', 'ci', 'started_at', 'test_duration_sec')"
    expect_stdout <<'END'
column_name,column_type
run_id,BIGINT
started_at,TIMESTAMP WITH TIME ZONE
environment,"MAP(VARCHAR, VARCHAR)"
git_dirty,BOOLEAN
ci,"MAP(VARCHAR, VARCHAR)"
event_id,BIGINT
severity,VARCHAR
line_number,BIGINT
test_duration_sec,DOUBLE
END
}

test_one_word_that_looks_like_an_option() {
    new_project
    run lq run -- -no-such-command
    expect_rc 127
}

# A run's file name and uid are made when it gets its id; its columns must not say another time.
test_one_start_in_name_uid_and_columns() {
    new_project
    lq run -q true 2>/dev/null
    lq capture -q <<<x 2>/dev/null
    run lq sql --csv "SELECT run_uid, epoch_ms(started_at) AS ms FROM lq_runs"
    python3 - "$state/out" <<'END'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len(rows) == 2 and all(int(r["run_uid"].replace("-", "")[:12], 16) == int(r["ms"]) for r in rows), rows
END
}

test_times_of_a_capture() {
    new_project
    run lq capture -q < <(echo x)
    run lq sql --csv "SELECT count(*) AS n FROM lq_runs
        WHERE abs(epoch_us(completed_at) - epoch_us(started_at) - duration_sec * 1e6) < 2"
    expect_stdout <<'END'
n
1
END
}

run_tests "$@"
