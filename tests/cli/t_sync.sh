#!/usr/bin/env bash
# lq sync to a folder: what is about folders, their links, modes and places. What holds for every store is in t_store.sh.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

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

# A store that is gone is a failure with a reason, in JSON as well.
test_json_without_the_store() {
    local store=$HOME/.lq/projects
    new_project
    lq run -q -n build true 2>/dev/null
    lq run -q -n test true 2>/dev/null
    lq sync 2>/dev/null
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
