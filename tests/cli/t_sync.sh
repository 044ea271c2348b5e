#!/usr/bin/env bash
# lq sync to a folder.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

# as_machine NAME: the same project on another machine, in ./NAME.
as_machine() {
    export LQ_HOSTNAME=$1
    mkdir "$1"
    cd -- "$1"
    new_project
}

in_store() { find "$HOME/.lq/projects" -type f -printf '%P\n' | sort; }

test_first_and_next() {
    new_project
    lq run -q -n build true 2>/dev/null
    run lq sync --dry-run
    expect_rc 0
    expect_stdout <<END
would sync 1 run (... kB) to '$HOME/.lq/projects'
END
    expect test ! -e "$HOME/.lq"
    run lq sync -nv
    expect_stdout <<END
new      namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
would sync 1 run (... kB) to '$HOME/.lq/projects'
END

    run lq sync
    expect_rc 0
    expect_stdout </dev/null
    expect_in_stderr "lq: synced 1 run ("
    expect_in_stderr "to '$HOME/.lq/projects'"
    in_store >there
    run cat there
    expect_stdout <<'END'
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
END
    run cmp .lq/logs/*/*/*.parquet "$HOME/.lq/projects/$(cat there)"
    expect_rc 0

    run lq sync
    expect_rc 0
    expect_in_stderr 'lq: nothing new'
}

test_destinations() {
    new_project
    lq run -q true 2>/dev/null
    # shellcheck disable=SC2088 # lq expands it, as in config.yaml
    run lq sync '~/a store'
    expect_rc 0
    expect test -d "$HOME/a store/namespace=acme"
    run lq sync gs://bucket/lq/
    expect_rc 1
    expect_stderr <<'END'
lq: cannot sync to 'gs://bucket/lq/': neither a folder nor s3://
END
    run lq sync s3://KEY:SECRET@bucket/
    expect_rc 1
    expect_not_in_stderr SECRET
    printf 'project: {namespace: acme, project: rocket}\nsync: {destination: ../shared}\n' \
        >.lq/config.yaml
    mkdir below
    cd below
    run lq sync
    expect_rc 0
    expect test -d ../../shared/namespace=acme
    LQ_STORE=$HOME/other run lq sync
    expect_rc 0
    expect test -d "$HOME/other/namespace=acme"
}

test_missing_store_is_not_made_again() {
    new_project
    lq run -q true 2>/dev/null
    lq sync "$HOME/share" 2>/dev/null
    rm -r "$HOME/share"
    run lq sync "$HOME/share"
    expect_rc 1
    expect_in_stderr 'is it mounted?'
    expect test ! -e "$HOME/share"
}

test_two_machines_and_a_question() {
    (as_machine snape && lq run -q -n build sh -c 'echo "a.c:1:2: error: no"; exit 1' && false) \
        2>/dev/null || true
    (as_machine hermione && lq run -q -n build true) 2>/dev/null
    (cd snape && LQ_HOSTNAME=snape lq sync) 2>/dev/null
    (cd hermione && LQ_HOSTNAME=hermione lq sync) 2>/dev/null
    run lq sql -g --csv 'SELECT hostname, error_count FROM lq_runs ORDER BY hostname'
    expect_rc 0
    expect_stdout <<'END'
hostname,error_count
hermione,0
snape,1
END
}

# Two clones with one host name record a run 001 in the same second: both are kept. A copy of the
# whole project adds nothing.
test_two_writers_of_one_name() {
    local folder=namespace=acme/project=rocket/hostname=testhost
    new_project
    lq run -q -n build true 2>/dev/null
    cp -r . "$HOME/copy"
    cp -r . "$HOME/clone"
    lq sync 2>/dev/null
    run lq sync -C "$HOME/copy"
    expect_rc 0
    expect_in_stderr 'lq: found 1 already'
    rm -r "$HOME"/clone/.lq/{logs,raw,state.db*}
    lq run -C "$HOME/clone" -q -n build true 2>/dev/null
    (cd "$HOME"/clone/.lq/logs/*/* && mv ./*.parquet 001_build_143022.parquet)
    (cd "$HOME"/.lq/projects/*/*/*/*/* && mv ./*.parquet 001_build_143022.parquet)
    run lq sync -C "$HOME/clone"
    expect_rc 0
    expect_in_stderr 'lq: synced 1 run'
    run in_store
    expect_stdout <<END
$folder/date=.../source=run/001_build_143022-....parquet
$folder/date=.../source=run/001_build_143022.parquet
END
    run lq sql -g --csv 'SELECT count(*) AS runs FROM lq_runs'
    expect_stdout <<'END'
runs
2
END
}

test_without_state_nothing_is_twice() {
    new_project
    lq run -q -n build true 2>/dev/null
    printf garbage >"$(echo .lq/logs/date=*/source=run)/002_build_000000.parquet"
    lq sync 2>/dev/null
    rm .lq/state.db*
    run lq sync
    expect_rc 0
    expect_in_stderr 'lq: found 1 already'
    expect_in_stderr '002_build_000000.parquet'
    expect_in_stderr 'not a run file'
    run in_store
    expect_stdout <<'END'
namespace=acme/...
END
}

# A machine's folder is a link to .lq/logs: new runs are there at once, and no run twice.
test_mode_symlink() {
    local store=$HOME/.lq/projects
    local host=$store/namespace=acme/project=rocket/hostname=testhost
    new_project
    lq run -q -n build true 2>/dev/null
    run lq sync --soft -v
    expect_rc 0
    expect_stdout <<'END'
linked   namespace=acme/project=rocket/hostname=testhost
END
    expect test -L "$host"
    lq run -q -n build true 2>/dev/null
    run lq sync --soft
    expect_in_stderr 'lq: nothing new'
    for scope in -g --include-synced "-d $store"; do
        # shellcheck disable=SC2086 # two words
        run lq sql $scope --csv 'SELECT count(*) AS runs FROM lq_runs'
        expect_stdout <<'END'
runs
2
END
    done
    run lq sync --status
    expect_stdout <<END
$store  (configured)
  present   2 runs, by a link to .lq/logs
  pending   0 runs
  failed    0
  last sync ... UTC
END
    printf 'project: {namespace: acme, project: rocket}\nsync: {mode: symlink, destination: ~/.lq/projects}\n' \
        >.lq/config.yaml
    run lq doctor
    expect_rc 0
    expect_in_stdout "0 runs are not yet at"
    run lq sync --mode auto
    expect_rc 0
    expect_in_stderr 'lq: synced 2 runs'
    expect test ! -L "$host"
    run lq sql -d "$store" --csv 'SELECT count(*) AS runs FROM lq_runs'
    expect_stdout <<'END'
runs
2
END
}

# In a store of an enemy, links lead elsewhere: only a project's .lq/logs is followed.
test_links_in_a_store() {
    local store=$HOME/.lq/projects
    new_project
    lq run -q -n build true 2>/dev/null
    lq sync 2>/dev/null
    mkdir -p "$store/namespace=x/project=y/_raw" elsewhere/logs deep/.lq
    cp "$(find .lq/logs -name '*.parquet')" elsewhere/logs/001_x_000000.parquet
    cp -r .lq/logs deep/elsewhere
    ln -s ../elsewhere deep/.lq/logs
    ln -s "$PWD/elsewhere/logs" "$store/namespace=x/project=y/hostname=a"
    ln -s "$PWD/deep/.lq/logs" "$store/namespace=x/project=y/hostname=b"
    ln -s hostname=c "$store/namespace=x/project=y/hostname=c"
    ln -s /nowhere/.lq/logs "$store/namespace=x/project=y/hostname=d"
    ln -s /dev/zero "$store/namespace=x/project=y/hostname=e"
    mkfifo "$store/namespace=x/project=y/hostname=f"
    run lq sql -d "$store" --csv 'SELECT count(*) AS files FROM (SELECT DISTINCT file FROM lq_runs)'
    expect_rc 0
    expect_stdout <<'END'
files
1
END
    # shellcheck disable=SC2012 # one name
    mkdir -p "$store/namespace=acme/project=rocket/_raw"
    ln -s "$PWD/.lq/raw" "$store/namespace=acme/project=rocket/_raw/hostname=testhost"
    run lq output -d "$store" 1
    expect_rc 0
    rm "$store/namespace=acme/project=rocket/_raw/hostname=testhost"
    cp -r .lq/raw elsewhere/raw
    ln -s "$PWD/elsewhere/raw" "$store/namespace=acme/project=rocket/_raw/hostname=testhost"
    run lq output -d "$store" 1
    expect_rc 1
    expect_in_stderr 'a link leads out of the store'
}

test_raw_log_of_another_machine() {
    (as_machine snape && lq run -q -n build sh -c 'echo one; echo "a.c:1:2: error: no"; exit 1' && false) \
        2>/dev/null || true
    (as_machine hermione && lq run -q -n build true) 2>/dev/null
    (cd snape && LQ_HOSTNAME=snape lq sync) 2>/dev/null
    cd hermione
    run lq output -g acme/rocket@snape:1
    expect_rc 1
    expect_in_stderr 'the raw log was not synced'
    (cd ../snape && printf 'project: {namespace: acme, project: rocket}\nsync: {include_raw: true}\n' >.lq/config.yaml && LQ_HOSTNAME=snape lq sync) \
        2>"$state/sync"
    run cat "$state/sync"
    expect_stdout <<'END'
lq: synced 1 raw log (...) to '...'
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
test_raw_log_of_a_taken_name() {
    new_project
    lq run -q -n build sh -c 'echo first' 2>/dev/null
    cp -r . "$HOME/clone"
    rm -r "$HOME"/clone/.lq/{logs,raw,state.db*}
    lq run -C "$HOME/clone" -q -n build sh -c 'echo second' 2>/dev/null
    for file in .lq/{logs,raw}/*/*/* "$HOME"/clone/.lq/{logs,raw}/*/*/*; do
        mv -n "$file" "${file%_*}_143022.${file#*.lq/*.}"
    done
    rm .lq/state.db* "$HOME"/clone/.lq/state.db*
    lq sync --raw 2>/dev/null
    run lq sync --raw -C "$HOME/clone"
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
    for uid in $(lq sql -g --csv 'SELECT right(run_uid, 8) FROM lq_runs ORDER BY run_uid' | tail -n 2); do
        lq output -d "$HOME/.lq/projects" "$uid"
    done >"$state/logs" 2>&1
    run cat "$state/logs"
    expect_stdout <<'END'
first
second
END
}

test_verify_and_json() {
    local store=$HOME/.lq/projects
    new_project
    lq run -q -n build true 2>/dev/null
    lq run -q -n test true 2>/dev/null
    lq sync --hard 2>/dev/null
    truncate -s 100 "$(find "$store" -name '001*')"
    rm "$(find "$store" -name '002*')"
    run lq sync --hard
    expect_in_stderr 'nothing new'
    run lq sync --hard --verify --dry-run -v
    expect_stdout <<END
damaged  namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
missing  namespace=acme/project=rocket/hostname=testhost/date=.../source=run/002_test_....parquet
would sync 2 runs (...) to '$store'
END
    run lq sync --hard --verify --json
    expect_rc 0
    python3 - "$state/out" <<'END' || fail 'the JSON'
import json, sys

answer = json.load(open(sys.argv[1]))
assert answer["version"] == 1 and answer["mode"] == "copy" and not answer["dry_run"], answer
assert answer["error"] is None and answer["extra"] == [] and answer["skipped"] == [], answer
assert [(f["kind"], f["why"], f["outcome"]) for f in answer["files"]] == [
    ("run", "damaged", "synced"), ("run", "missing", "synced")], answer
assert answer["counts"]["synced"] == 2 and answer["counts"]["verified"] == 0, answer
END
    truncate -s 100 "$(find "$store" -name '001*')"
    run lq sync --hard --verify
    expect_stderr <<END
lq: verified 2 files at '$store': 0 missing, 1 damaged
lq: synced 1 run (...) to '$store'
END
    run lq sync --hard --verify --deep
    expect_stderr <<END
lq: verified 2 files at '$store': all as they should be
END
    for file in .lq/logs/*/*/*; do cmp "$file" "$(find "$store" -name "${file##*/}")"; done
    mv "$store" "$HOME/away"
    run lq sync --json
    expect_rc 1
    python3 - "$state/out" <<'END' || fail 'the JSON of a failure'
import json, sys

answer = json.load(open(sys.argv[1]))
assert "is it mounted?" in answer["error"] and answer["files"] == [], answer
END
    run lq sync --status --json
    expect_rc 0
    python3 - "$state/out" <<'END' || fail 'the JSON of the status'
import json, sys

[state] = json.load(open(sys.argv[1]))["destinations"]
assert state["configured"] and "is it mounted?" in state["problem"], state
assert state["present_runs"] == 2 and state["pending_runs"] == 0 and state["last_success"], state
END
}

test_arguments() {
    new_project
    for words in --deep '--soft --hard' '--mode copy --soft' '--status --verify' '--verify --force' \
        '--mode hardlink' '-q -v' '--jobs 1001' '--jobs x'; do
        # shellcheck disable=SC2086 # words
        run lq sync $words
        expect_rc 2
    done
    run lq sync --soft s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'it is no folder'
    run lq sync -q
    expect_rc 0
    expect_stderr </dev/null
}

test_not_a_project() {
    run lq sync "$HOME/store"
    expect_rc 1
    expect_in_stderr 'lq init'
    expect test ! -e "$HOME/store"
}

test_home_is_not_set() {
    new_project
    lq run -q true 2>/dev/null
    # Whoever has no HOME has one by the user database; a folder called "~" nobody wants.
    run env -u HOME lq sync --dry-run
    [[ $(<"$state/out") == *" to '/"* ]] || fail "where to? $(<"$state/out")"
    # shellcheck disable=SC2088 # lq is to expand it
    run env -u HOME lq sync -n '~/here'
    [[ $(<"$state/out") != *"$PWD"* ]] || fail "where to? $(<"$state/out")"
}

run_tests "$@"
