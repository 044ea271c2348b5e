#!/usr/bin/env bash
# What every kind of central store must hold, on each of them: a folder, and S3 on versitygw.
# shellcheck disable=SC2030,SC2031,SC2119,SC2154 # each test has its HOME; s3.sh sets the server's variables
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/s3.sh"

# on_folder, on_s3: sets store, as lq is told, there, the folder in which its files can be seen, and mode, in which
# they are copies.
on_folder() { store=$HOME/store there=$HOME/store mode=copy; }
on_s3() {
    start_s3
    store=s3://bucket/lq there=$s3_objects/lq mode=auto
}

# as_machine NAME: the same project on another machine, in ./NAME.
as_machine() {
    export LQ_HOSTNAME=$1
    mkdir "$1"
    cd -- "$1"
    new_project
}

run_one() { lq run -q -n "${1:-build}" sh -c 'echo "a.c:1:2: error: no"; exit 1' 2>/dev/null || true; }

# Files in the store, less what only asked the server something.
in_store() { (cd "$there" && find . -type f ! -path '*/_lq/*' -printf '%P\n' | sort); }
runs_in_store() { lq sql -d "$store" --csv 'SELECT count(*) FROM lq_runs' 2>/dev/null | tail -n 1; }

a_first_and_a_next_sync() {
    new_project
    run_one
    run lq sync -nv "$store"
    expect_rc 0
    expect_in_stdout 'new      namespace=acme/project=rocket/hostname=testhost/date='
    expect_in_stdout "would sync 1 run ("
    expect test ! -e "$there"
    run lq sync "$store"
    expect_rc 0
    expect_stdout </dev/null
    expect_in_stderr 'lq: synced 1 run ('
    run in_store
    expect_stdout <<'END'
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
END
    expect cmp .lq/logs/*/*/*.parquet "$there/$(in_store)"
    run lq sync "$store"
    expect_rc 0
    expect_in_stderr 'lq: nothing new'
    run_one
    run lq sync "$store" -v
    expect_in_stderr 'lq: synced 1 run ('
    expect test "$(in_store | wc -l)" = 2
}

two_machines_and_a_question() {
    local host
    for host in snape hermione; do
        mkdir "$host"
        cd "$host"
        new_project
        LQ_HOSTNAME=$host run_one
        LQ_HOSTNAME=$host lq sync "$store" 2>/dev/null
        cd ..
    done
    LQ_STORE=$store run lq sql -g --csv 'SELECT hostname, error_count FROM lq_runs ORDER BY hostname'
    expect_rc 0
    expect_stdout <<'END'
hostname,error_count
hermione,1
snape,1
END
}

# Two clones with one host name record a run 001 in the same second: both are kept. A copy of the
# whole project adds nothing.
two_writers_of_one_name() {
    local folder=namespace=acme/project=rocket/hostname=testhost
    new_project
    run_one
    cp -r . "$HOME/copy"
    cp -r . "$HOME/clone"
    lq sync "$store" 2>/dev/null
    run lq sync -C "$HOME/copy" "$store"
    expect_rc 0
    expect_in_stderr 'lq: found 1 already'
    rm -r "$HOME"/clone/.lq/{logs,raw,state.db*}
    (cd "$HOME/clone" && run_one)
    (cd "$HOME"/clone/.lq/logs/*/* && mv ./*.parquet 001_build_143022.parquet)
    # A hard link's other name stays.
    (cd "$there"/*/*/host*/*/* && mv ./*.parquet 001_build_143022.parquet)
    run lq sync -C "$HOME/clone" "$store"
    expect_rc 0
    expect_in_stderr 'lq: synced 1 run'
    run in_store
    expect_stdout <<END
$folder/date=.../source=run/001_build_143022-....parquet
$folder/date=.../source=run/001_build_143022.parquet
END
    expect test "$(runs_in_store)" = 2
}

without_state_nothing_is_twice() {
    new_project
    run_one
    run_one
    printf garbage >"$(echo .lq/logs/date=*/source=run)/003_build_000000.parquet"
    lq sync "$store" 2>/dev/null
    rm .lq/state.db*
    run lq sync "$store"
    expect_rc 0
    expect_in_stderr 'lq: found 2 already'
    expect_in_stderr '003_build_000000.parquet'
    expect_in_stderr 'not a run file'
    expect test "$(in_store | wc -l)" = 2
}

verify_and_repair() {
    local i files
    new_project
    for i in 1 2 3 4; do run_one; done
    lq sync "$store" 2>/dev/null
    mapfile -t files < <(in_store)
    run lq sync --verify "$store"
    expect_rc 0
    expect_in_stderr 'lq: verified 4 files'
    # In place of the file, not into it: it may be a hard link to the run itself.
    rm "$there/${files[0]}" "$there/${files[1]}" "$there/${files[2]}"
    head -c 10 /dev/zero >"$there/${files[1]}"
    head -c "$(stat -c %s .lq/logs/*/*/003_*.parquet)" /dev/zero >"$there/${files[2]}"
    run lq sync "$store"
    expect_rc 0
    expect test ! -e "$there/${files[0]}"
    run lq sync --verify -v "$store"
    expect_rc 0
    expect_in_stdout "${files[0]}"
    expect_in_stdout "${files[1]}"
    expect_not_in_stdout "${files[2]}"
    run lq sync --verify --deep "$store"
    expect_rc 0
    for i in 0 1 2 3; do expect cmp .lq/logs/*/*/00$((i + 1))_*.parquet "$there/${files[i]}"; done
    run lq sync --verify --deep "$store"
    expect_in_stderr 'all as they should be'
    rm "$there/${files[3]}"
    run lq sync --force "$store"
    expect_rc 0
    expect cmp .lq/logs/*/*/004_*.parquet "$there/${files[3]}"
}

raw_logs() {
    new_project
    run_one
    run lq sync --raw "$store"
    expect_rc 0
    run in_store
    expect_stdout <<'END'
namespace=acme/project=rocket/_raw/hostname=testhost/date=.../source=run/001_build_....log.zst
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
END
    rm -rf .lq/logs .lq/raw
    run lq output -d "$store"
    expect_rc 0
    expect_stdout <<'END'
a.c:1:2: error: no
END
    run lq context -d "$store" 'acme/rocket@testhost:1:1'
    expect_rc 0
    expect_in_stdout 'a.c:1:2: error: no'
}

raw_log_of_another_machine() {
    (as_machine snape && lq run -q -n build sh -c 'echo one; echo "a.c:1:2: error: no"; exit 1' && false) \
        2>/dev/null || true
    (as_machine hermione && lq run -q -n build true) 2>/dev/null
    (cd snape && LQ_HOSTNAME=snape lq sync "$store") 2>/dev/null
    cd hermione
    export LQ_STORE=$store
    run lq output -g acme/rocket@snape:1
    expect_rc 1
    expect_in_stderr 'the raw log was not synced'
    (cd ../snape && printf 'project: {namespace: acme, project: rocket}\nsync: {include_raw: true}\n' >.lq/config.yaml && LQ_HOSTNAME=snape lq sync) \
        2>"$state/sync"
    run cat "$state/sync"
    expect_stdout <<END
lq: synced 1 raw log (...) to '$store'
END
    run lq output -g acme/rocket@snape:1
    expect_rc 0
    expect_stdout <<'END'
one
a.c:1:2: error: no
END
    run lq context -g acme/rocket@snape:1:1 -n 1
    expect_rc 0
    expect_stdout <<'END'
       1 | one
>      2 | a.c:1:2: error: no
END
}

# Two clones, of which one's run goes by its own name: so does its raw log.
raw_log_of_a_taken_name() {
    local file uid
    new_project
    lq run -q -n build sh -c 'echo first' 2>/dev/null
    cp -r . "$HOME/clone"
    rm -r "$HOME"/clone/.lq/{logs,raw,state.db*}
    lq run -C "$HOME/clone" -q -n build sh -c 'echo second' 2>/dev/null
    for file in .lq/{logs,raw}/*/*/* "$HOME"/clone/.lq/{logs,raw}/*/*/*; do
        mv -n "$file" "${file%_*}_143022.${file#*.lq/*.}"
    done
    rm .lq/state.db* "$HOME"/clone/.lq/state.db*
    lq sync --raw "$store" 2>/dev/null
    run lq sync --raw -C "$HOME/clone" "$store"
    expect_rc 0
    expect_in_stderr 'lq: synced 1 run and 1 raw log'
    run in_store
    sed -i 's/-[0-9a-f]\{8\}\./-RUN8./' "$state/out"
    expect_stdout <<'END'
namespace=acme/project=rocket/_raw/hostname=testhost/date=.../source=run/001_build_143022-RUN8.log.zst
namespace=acme/project=rocket/_raw/hostname=testhost/date=.../source=run/001_build_143022.log.zst
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_143022-RUN8.parquet
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_143022.parquet
END
    for uid in $(lq sql -d "$store" --csv 'SELECT right(run_uid, 8) FROM lq_runs ORDER BY run_uid' | tail -n 2); do
        lq output -d "$store" "$uid"
    done >"$state/logs" 2>&1
    run cat "$state/logs"
    expect_stdout <<'END'
first
second
END
}

verify_in_words_and_json() {
    local file
    new_project
    lq run -q -n build true 2>/dev/null
    lq run -q -n test true 2>/dev/null
    [[ $mode == auto ]] || printf 'project: {namespace: acme, project: rocket}\nsync: {mode: %s}\n' "$mode" >.lq/config.yaml
    lq sync "$store" 2>/dev/null
    truncate -s 100 "$(find "$there" -name '001*')"
    rm "$(find "$there" -name '002*')"
    run lq sync "$store"
    expect_in_stderr 'nothing new'
    run lq sync "$store" --verify --dry-run -v
    expect_stdout <<END
damaged  namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
missing  namespace=acme/project=rocket/hostname=testhost/date=.../source=run/002_test_....parquet
would sync 2 runs (...) to '$store'
END
    run lq sync "$store" --verify --json
    expect_rc 0
    python3 - "$state/out" "$mode" <<'END' || fail "the JSON: $(cat "$state/out")"
import json, sys

answer = json.load(open(sys.argv[1]))
assert answer["version"] == 1 and answer["mode"] == sys.argv[2] and not answer["dry_run"], answer
assert answer["error"] is None and answer["extra"] == [] and answer["skipped"] == [], answer
assert [(f["kind"], f["why"], f["outcome"]) for f in answer["files"]] == [
    ("run", "damaged", "synced"), ("run", "missing", "synced")], answer
assert answer["counts"]["synced"] == 2 and answer["counts"]["verified"] == 0, answer
END
    truncate -s 100 "$(find "$there" -name '001*')"
    run lq sync "$store" --verify
    expect_stderr <<END
lq: verified 2 files at '$store': 0 missing, 1 damaged
lq: synced 1 run (...) to '$store'
END
    run lq sync "$store" --verify --deep
    expect_stderr <<END
lq: verified 2 files at '$store': all as they should be
END
    for file in .lq/logs/*/*/*; do expect cmp "$file" "$(find "$there" -name "${file##*/}")"; done
}

outside_of_a_project() {
    run lq sync "$store"
    expect_rc 1
    expect_in_stderr 'lq init'
    expect test ! -e "$there"
}

status_of_a_store() {
    new_project
    run_one
    lq sync "$store" 2>/dev/null
    run_one
    LQ_STORE=$store run lq sync --status --json
    expect_rc 0
    python3 - "$state/out" <<'END' || fail "$(cat "$state/out")"
import json, sys

[state] = json.load(open(sys.argv[1]))["destinations"]
assert state["configured"] and not state["problem"] and state["last_success"], state
assert state["present_runs"] == 1 and state["pending_runs"] == 1, state
END
}

# Names that mean something to a shell, a URL, SQL or a server.
hostile_names() {
    local name
    for name in "a b+c%20&d=e?f#g" "x'y\"z;--" '../../up' 'null' '0123' 'ünïcode/é' '[a]*{b}'; do
        rm -rf project
        mkdir project
        cd project
        git -c init.defaultBranch=main init -q .
        lq init --namespace "$name" --project "p$name" >/dev/null 2>&1
        LQ_HOSTNAME="h$name" run_one "n$name"
        LQ_HOSTNAME="h$name" run lq sync "$store"
        expect_rc 0
        cd ..
        run lq sql -d "$store" --namespace "$name" --hostname "h$name" --csv \
            'SELECT namespace || project || source_name AS name FROM lq_runs'
        expect_rc 0
        [[ $(lq sql -d "$store" --namespace "$name" --json 'SELECT namespace AS n FROM lq_runs' |
            python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["n"])') == "$name" ]] ||
            fail "not read back: $name"
    done
    expect test "$(runs_in_store)" = 7
    expect test ! -e "$there/../up"
}

# Eight machines of one name, each with a run 001 of the same second, at once.
eight_at_once() {
    local i
    new_project
    for i in 1 2 3 4 5 6 7 8; do
        mkdir "$HOME/m$i"
        cp -r .lq .git "$HOME/m$i"
        rm "$HOME/m$i/.lq/origin"
        (cd "$HOME/m$i" && run_one && cd .lq/logs/*/* && mv ./*.parquet 001_build_143022.parquet)
        rm "$HOME/m$i"/.lq/state.db*
    done
    for i in 1 2 3 4 5 6 7 8; do
        lq sync -C "$HOME/m$i" "$store" 2>"$HOME/err$i" &
    done
    for i in $(jobs -p); do wait "$i" || fail "a sync failed: $(cat "$HOME"/err*)"; done
    expect test "$(in_store | wc -l)" = 8
    expect test "$(runs_in_store)" = 8
}

for test in a_first_and_a_next_sync two_machines_and_a_question two_writers_of_one_name \
    without_state_nothing_is_twice verify_and_repair verify_in_words_and_json raw_logs \
    raw_log_of_another_machine raw_log_of_a_taken_name status_of_a_store outside_of_a_project hostile_names \
    eight_at_once; do
    for kind in folder s3; do
        eval "test_${test}_on_$kind() { on_$kind; $test; }"
        tests+=("test_${test}_on_$kind")
    done
done
(($#)) || set -- "${tests[@]}"
run_tests "$@"
