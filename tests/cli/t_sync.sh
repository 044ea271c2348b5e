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
