#!/usr/bin/env bash
# The index: the same answers with it, without it, beside others, and when it is damaged.
. "$(dirname -- "$0")/lib.sh"

# A project with $1 runs of two events each, made of one recorded run.
many_runs() {
    local first i
    new_project
    printf '%s\n' 'a.c:1:2: error: no such name' 'b.c:3: warning: odd' >log
    lq import -n build log 2>/dev/null
    first=$(find .lq/logs -name '001_*.parquet')
    need duckdb
    for ((i = 2; i <= $1; i++)); do
        echo "COPY (SELECT * REPLACE ($i AS run_id, '$(printf 'ffffffff-0000-7000-8000-%012d' "$i")' AS run_uid)
            FROM read_parquet('$first', hive_partitioning = false))
            TO '${first%/*}/$(printf %03d "$i")_build_000000.parquet' (FORMAT parquet);"
    done | duckdb
}

# As if nothing had happened in the folders since the day $1: only then do their times tell.
age() {
    find .lq/logs -type d -exec touch -d "$1" {} +
}

answers() {
    lq sql --csv "$@" "SELECT (SELECT count(*) || '/' || sum(run_id) FROM lq_runs) AS runs,
        (SELECT count(*) || '/' || count(message) FROM lq_events) AS events" | tail -n 1
}

test_same_answers_with_and_without() {
    many_runs 80
    want=80/3240,160/160
    expect test "$(answers)" = "$want"
    expect test -s .lq/index.duckdb
    expect test "$(answers)" = "$want"
    lq errors --csv -n 0 >with.csv
    rm .lq/index.duckdb
    mkdir .lq/index.duckdb # cannot be written
    lq errors --csv -n 0 >without.csv
    cmp with.csv without.csv || fail "the index changes the answer"
}

test_new_and_removed_files() {
    many_runs 80
    answers >/dev/null
    lq import -n build log 2>/dev/null # run 2 again by number: ids are taken by state.db
    expect test "$(lq sql --csv 'SELECT count(*) FROM lq_runs' | tail -1)" = 81
    rm .lq/logs/*/*/04?_*.parquet
    expect test "$(lq sql --csv 'SELECT count(*) FROM lq_runs' | tail -1)" = 71
    expect test "$(lq sql --csv 'SELECT count(*) FROM lq_events' | tail -1)" = 142
    expect test "$(lq sql --csv --since 1h 'SELECT count(*) FROM lq_events' | tail -1)" = 142
}

test_damaged_index() {
    many_runs 70
    want=70/2485,140/140
    expect test "$(answers)" = "$want"
    cp .lq/index.duckdb good
    size=$(stat -c %s good)
    for ((i = 0; i < 12; i++)); do
        cp good .lq/index.duckdb
        printf 'damage!!damage!!damage!!' |
            dd of=.lq/index.duckdb bs=1 seek=$((size * i / 12 + 100)) conv=notrunc status=none
        expect test "$(answers 2>/dev/null)" = "$want"
        expect test "$(answers 2>/dev/null)" = "$want"
    done
    for text in '' 'garbage'; do
        printf '%s' "$text" >.lq/index.duckdb
        expect test "$(answers 2>/dev/null)" = "$want"
    done
    head -c $((size / 2)) good >.lq/index.duckdb
    run lq sql --csv 'SELECT count(*) AS n FROM lq_events'
    expect_stdout <<'END'
n
140
END
    expect_in_stderr 'is made anew'
}

test_a_mistake_in_sql_costs_no_index() {
    many_runs 70
    answers >/dev/null
    run lq sql 'SELECT message::int FROM lq_events'
    expect_rc 1
    expect_in_stderr 'Conversion Error'
    expect_not_in_stderr 'made anew'
    expect test -s .lq/index.duckdb
}

test_other_version() {
    many_runs 70
    answers >/dev/null
    duckdb .lq/index.duckdb "UPDATE meta SET version = 'of the future'"
    run lq sql --csv 'SELECT count(*) AS n FROM lq_events'
    expect_stdout <<'END'
n
140
END
    expect_in_stderr 'of another version'
    run lq errors --csv
    expect_stderr </dev/null
}

test_ten_at_once_with_a_killed_writer() {
    many_runs 200
    want=200/20100,400/400
    for _ in 1 2 3; do
        rm -f .lq/index.duckdb
        for _ in $(seq 10); do answers >>all.txt 2>&1 & done
        lq status >/dev/null 2>&1 &
        disown
        kill -9 $! 2>/dev/null || true
        wait
    done
    [[ $(sort -u all.txt) == "$want" ]] || fail "$(sort all.txt | uniq -c)"
    expect test "$(find .lq -maxdepth 1 -name '*.new*' | wc -l)" = 0
}

# Killed before, or refused, the n-th call about the index, for every n: the answer stays.
test_killed_or_refused_at_every_call() {
    local error n step library=$LQ_BUILD_ROOT/tests/inject/libinject.so
    [[ -e $library ]] || skip 'no libinject.so'
    many_runs 5
    for error in KILL ENOSPC; do
        [[ $error == KILL ]] && step=1 || step=3
        for ((n = 1; n < 100; n += step)); do
            rm -f .lq/index.duckdb*
            : >injected
            (env LD_PRELOAD="$library" LQ_INJECT_AT="$n" LQ_INJECT_ERROR="$error" \
                LQ_INJECT_REPORT="$PWD/injected" LQ_INJECT_PATH=index.duckdb \
                LQ_INJECT_CALLS=open,write,fsync,rename,unlink,truncate \
                ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
                lq index) >/dev/null 2>&1 || true
            [[ -s injected ]] || break
            expect test "$(answers 2>/dev/null)" = 5/15,10/10
        done
        ((n > 20 && n < 100)) || fail "$n calls"
    done
}

test_index_that_cannot_be_written() {
    many_runs 70
    mkdir .lq/index.duckdb.new
    expect test "$(answers)" = 70/2485,140/140
    [[ ! -e .lq/index.duckdb ]] || fail "written all the same"
}

test_a_bad_file_among_many() {
    many_runs 70
    folder=$(dirname "$(find .lq/logs -name '001_*.parquet')")
    head -c 1000 "$folder"/002_*.parquet >"$folder/torn.parquet"
    echo nonsense >"$folder/short.parquet"
    for _ in 1 2; do
        run lq sql --csv 'SELECT count(*) AS n FROM lq_runs'
        expect_stdout <<'END'
n
70
END
        expect_in_stderr torn.parquet
    done
}

test_looking_after_it() {
    many_runs 3
    run lq index --stats --csv
    expect_rc 0
    expect_stdout <<'END'
place,runs,files,lacking,gone,size_bytes,folder,path
local,0,0,3,0,0,.../.lq/logs,.../.lq/index.duckdb
END
    run lq index --csv
    expect_rc 0
    expect_stdout <<'END'
place,runs,files,lacking,gone,size_bytes,folder,path
local,3,3,0,0,...,.../.lq/logs,.../.lq/index.duckdb
END
    before=$(stat -c %y .lq/index.duckdb)
    lq index >/dev/null
    expect test "$(stat -c %y .lq/index.duckdb)" = "$before"
    lq index --rebuild >/dev/null
    expect test "$(stat -c %y .lq/index.duckdb)" != "$before"
    run lq status -v
    expect_in_stderr 'index of the local runs: 3 runs, '
    rm .lq/logs/*/*/002_*.parquet
    run lq index --stats --csv
    expect_in_stdout local,3,2,0,1,
    expect test "$(answers)" = 2/4,4/4
    lq index >/dev/null
    run lq index --stats --csv
    expect_in_stdout local,2,2,0,0,
    run lq index --drop
    expect_rc 0
    [[ ! -e .lq/index.duckdb ]] || fail "still there"
    run lq status -v
    expect_in_stderr 'no index of the local runs: 2 files are read'
    run lq index --drop --rebuild
    expect_rc 2
    run lq index --since 1d
    expect_rc 2
    mkdir .lq/index.duckdb.new .lq/index.duckdb.new/x
    run lq index
    expect_rc 1
    cd / || exit 1
    run lq index
    expect_rc 1
    expect_in_stderr 'lq init'
}

# Where the folder lies is not in the index.
test_a_moved_project() {
    many_runs 3
    lq index >/dev/null
    cd ..
    mv work moved
    mkdir work
    cd moved || exit 1
    run lq index --stats --csv
    expect_in_stdout local,3,3,0,0,
    expect test "$(answers)" = 3/6,6/6
    run lq info 2 --json
    expect_in_stdout "$PWD/.lq/logs"
    lq sync 2>/dev/null
    lq index -d ~/.lq/projects >/dev/null
    cd "$HOME" || exit 1
    run lq index --stats --csv -d .lq/../.lq/projects/
    expect_in_stdout store,3,3,0,0,
}

# What cannot be read is remembered as long as it stays as it is, and said each time.
test_bad_files_in_the_index() {
    many_runs 4
    folder=$(dirname "$(find .lq/logs -name '001_*.parquet')")
    good=$folder/002_build_000000.parquet
    cp "$good" good.parquet
    # The footer is whole, what it tells of is not.
    python3 - "$good" "$folder" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
size = int.from_bytes(data[-8:-4], "little")
open(sys.argv[1], "wb").write(data[:4] + b"\xff" * (len(data) - 12 - size) + data[-size - 8:])
open(sys.argv[2] + "/torn.parquet", "wb").write(data[:-1])
open(sys.argv[2] + "/empty.parquet", "wb")
END
    for _ in 1 2 3; do
        run lq index --csv
        expect_rc 0
        expect_in_stdout local,3,6,0,0,
        run lq sql --csv 'SELECT count(*) AS runs, sum(run_id) AS ids FROM lq_runs'
        expect_stdout <<'END'
runs,ids
3,8
END
        expect test "$(wc -l <"$state/err")" = 3
        expect_in_stderr "002_build_000000.parquet': "
        expect_in_stderr "empty.parquet': empty"
    done
    age 2025-01-01
    lq index >/dev/null
    run lq status
    expect test "$(wc -l <"$state/err")" = 3
    cp good.parquet "$good" # mended
    expect test "$(answers 2>/dev/null)" = 4/10,8/8
    chmod 0 "$good"
    run as_anyone lq index --csv
    expect_in_stdout local,3,5,
    chmod 644 "$good"
    expect test "$(answers 2>/dev/null)" = 4/10,8/8
}

# Of folders that are as they were, nothing is read: one that says so and holds something else is believed.
test_folders_that_are_as_they_were() {
    many_runs 4
    day=$(dirname "$(dirname "$(find .lq/logs -name '001_*.parquet')")")
    mkdir -p "${day%/*}/date=2025-01-02/source=run"
    mv "$day"/*/003_* "${day%/*}/date=2025-01-02/source=run"
    age 2025-01-01
    lq index >/dev/null
    [[ -s .lq/index.duckdb.folders ]] || fail "nothing is known of the folders"
    time=$(stat -c %y .lq/index.duckdb.folders)
    expect test "$(answers)" = 4/10,8/8
    expect test "$(stat -c %y .lq/index.duckdb.folders)" = "$time"
    cp "$day"/*/004_* new.parquet
    rm "$day"/*/002_*
    expect test "$(answers)" = 3/8,6/6
    # What a time hides is not seen, but by lq index.
    age 2025-01-02
    expect test "$(answers)" = 3/8,6/6
    rm "$day"/*/004_*
    age 2025-01-02
    expect test "$(answers)" = 3/8,6/6
    lq index >/dev/null
    expect test "$(answers)" = 2/4,4/4
    # A folder that comes, one that goes, one that changes its name.
    mkdir -p "${day%/*}/date=2025-01-03/source=run"
    cp new.parquet "${day%/*}/date=2025-01-03/source=run/004_build_000000.parquet"
    expect test "$(answers)" = 3/8,6/6
    age 2025-01-03
    expect test "$(answers)" = 3/8,6/6
    mv "${day%/*}/date=2025-01-03" "${day%/*}/date=2025-01-04"
    expect test "$(answers)" = 3/8,6/6
    expect test "$(answers --since 2025-01-04 --until 2025-01-05)" = ,0/0
    rm -r "${day%/*}/date=2025-01-02"
    expect test "$(answers)" = 2/5,4/4
}

test_damaged_folders() {
    many_runs 4
    age 2025-01-01
    lq index >/dev/null
    cp .lq/index.duckdb.folders good
    rm .lq/logs/*/*/003_*
    size=$(stat -c %s good)
    for ((i = 0; i < size; i += 7)); do
        cp good .lq/index.duckdb.folders
        printf '7' | dd of=.lq/index.duckdb.folders bs=1 seek="$i" conv=notrunc status=none
        expect test "$(answers)" = 3/7,6/6
    done
    for text in '' 'garbage' "$(head -c 90 good)"; do
        printf '%s' "$text" >.lq/index.duckdb.folders
        expect test "$(answers)" = 3/7,6/6
    done
    # Of an index that is no more.
    lq index >/dev/null
    cp good .lq/index.duckdb.folders
    expect test "$(answers)" = 3/7,6/6
    rm .lq/index.duckdb
    expect test "$(answers)" = 3/7,6/6
    lq index >/dev/null
    lq index --drop >/dev/null
    [[ ! -e .lq/index.duckdb.folders ]] || fail "still there"
}

test_store_index_is_a_cache() {
    many_runs 70
    lq sync 2>/dev/null
    expect test "$(answers -g)" = 70/2485,140/140
    expect test "$(find "$HOME/.cache/lq" -name 'index-*.duckdb' | wc -l)" = 1
    expect test "$(answers -d ~/.lq/projects)" = 70/2485,140/140
    expect test "$(answers --include-synced)" = 70/2485,140/140
    expect test "$(answers -d ~/.lq/projects --hostname testhost)" = 70/2485,140/140
    rm -r "$HOME/.lq/projects/namespace=acme"
    expect test "$(answers -d ~/.lq/projects 2>/dev/null)" = ,0/0
    expect test "$(answers -g)" = 70/2485,140/140
}

run_tests "$@"
