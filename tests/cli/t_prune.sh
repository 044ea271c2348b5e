#!/usr/bin/env bash
# lq prune and lq clean.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

# runs N NAME: N clean runs of that name.
runs() {
    local i
    for ((i = 0; i < $1; i++)); do
        lq run -q -n "$2" true 2>/dev/null
    done
}

# age ID DAYS: make run ID of .lq so many days old: column, folder and file name.
age() {
    local old new
    old=$(find .lq/logs -name "00$1_*.parquet")
    new=$(date -u -d "$2 days ago" +%F)
    mkdir -p ".lq/logs/date=$new/source=run" ".lq/raw/date=$new/source=run"
    python3 - "$old" ".lq/logs/date=$new/source=run/${old##*/}" "$2" <<'END'
import datetime, os, sys
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
old, new, days = sys.argv[1], sys.argv[2], int(sys.argv[3])
table = pq.read_table(old, partitioning=None)
for name in ("started_at", "completed_at"):
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    values = pc.subtract(table.column(index), pa.scalar(datetime.timedelta(days=days)))
    table = table.set_column(index, field, values.cast(field.type))
os.remove(old)
pq.write_table(table, new)
END
    [[ ! -e ${old/logs/raw} ]] || true
    old=$(find .lq/raw -name "00$1_*.log.zst")
    mv "$old" ".lq/raw/date=$new/source=run/"
}

ids() { lq history --csv 2>/dev/null | sed -n '2,$s/,.*//p' | sort -n | paste -sd' '; }

test_needs_a_rule() {
    new_project
    run lq prune
    expect_rc 2
    expect_stderr <<'END'
lq: lq prune needs --older-than, --keep-last or --max-size
END
    for wrong in '--older-than x' '--keep-last -1' '--keep-last 1x' '--max-size 1Q' '--max-size 0x5' \
        '--max-size 1e3' '--keep-last 1 -g' '--keep-last 1 -d .'; do
        # shellcheck disable=SC2086
        run lq prune $wrong
        expect_rc 2
        expect_stdout </dev/null
    done
    run lq prune --keep-last 3
    expect_rc 0
    expect_stdout </dev/null
}

test_keep_last_is_per_name() {
    new_project
    runs 3 build
    runs 1 test
    runs 1 'a b'
    runs 1 'a_b'
    run lq prune --keep-last 1 --dry-run
    expect_rc 0
    expect_stdout <<'END'
REF RUN   OUTCOME STARTED  BYTES
1   build ok      just now ...
2   build ok      just now ...
END
    expect_in_stderr 'lq: would remove 2 runs ('
    expect test "$(ids)" = '1 2 3 4 5 6'
    run lq prune --keep-last 1 --json
    expect_rc 0
    expect_in_stderr 'lq: removed 2 runs ('
    python3 - "$state/out" <<'END'
import json, sys
rows = json.load(open(sys.argv[1]))
assert [row["run_id"] for row in rows] == [1, 2], rows
assert all(row["size_bytes"] > 1000 and row["file"].endswith(".parquet") for row in rows), rows
END
    # Names that are alike in file names only are two names.
    expect test "$(ids)" = '3 4 5 6'
    expect test -z "$(find .lq -name '00[12]_*')"
    expect test "$(sqlite3_rows 'SELECT count(*) FROM file')" = 4
    run lq prune --keep-last 1
    expect_rc 0
    expect_in_stderr 'lq: nothing to remove'
    run lq prune --keep-last 0 --name test
    expect_in_stderr 'lq: removed 1 run ('
    expect test "$(ids)" = '3 5 6'
    # A number is never given twice.
    runs 1 build
    expect test "$(ids)" = '3 5 6 7'
}

sqlite3_rows() { python3 -c 'import sqlite3, sys
print(*[row[0] for row in sqlite3.connect(".lq/state.db").execute(sys.argv[1])])' "$1"; }

test_older_than() {
    python3 -c 'import pyarrow' 2>/dev/null || skip 'no pyarrow'
    new_project
    runs 4 build
    age 1 40
    age 2 31
    age 3 29
    run lq prune --older-than 30d --keep-last 3 --dry-run --csv
    expect_rc 0
    expect test "$(sed -n '2,$s/,.*//p' "$state/out" | paste -sd' ')" = 1
    run lq prune --older-than 30d
    expect_rc 0
    expect test "$(ids)" = '3 4'
    # Their folders went with them, the others stayed.
    expect test "$(find .lq/logs -name 'date=*' | wc -l)" = 2
    expect test "$(find .lq/raw -name 'date=*' | wc -l)" = 2
}

test_max_size() {
    new_project
    runs 4 build
    each=$(lq prune --keep-last 0 --dry-run --csv 2>/dev/null |
        python3 -c 'import csv, sys
print(max(int(row["size_bytes"]) for row in csv.DictReader(sys.stdin)))')
    run lq prune --max-size "$((each * 2 + each / 2))"
    expect_rc 0
    expect test "$(ids)" = '3 4'
    run lq prune --max-size 1G
    expect_rc 0
    expect test "$(ids)" = '3 4'
    run lq prune --max-size 1k --keep-last 1
    expect test "$(ids)" = 4
}

test_unsynced_runs_stay() {
    new_project
    printf 'project: {namespace: acme, project: rocket}\nsync: {destination: ../store}\n' \
        >.lq/config.yaml
    runs 2 build
    lq sync 2>/dev/null
    runs 2 build
    run lq prune --keep-last 0
    expect_rc 0
    expect_in_stderr "lq: keeping 2 runs that are not yet at '"
    expect_in_stderr 'lq: removed 2 runs ('
    expect test "$(ids)" = '3 4'
    expect test "$(sqlite3_rows 'SELECT count(*) FROM synced')" = 0
    expect test "$(find ../store -name '*.parquet' | wc -l)" = 2
    # An unmounted destination protects as well.
    lq sync 2>/dev/null
    mv ../store ../elsewhere
    runs 1 build
    run lq prune --keep-last 0
    expect_in_stderr 'lq: keeping 1 run that is not yet at '
    expect test "$(ids)" = 5
    run lq prune --keep-last 0 --force
    expect_rc 0
    expect test "$(ids)" = ''
    run lq errors -g --csv
    expect_rc 0
}

test_a_run_being_recorded_is_left_alone() {
    new_project
    mkfifo go
    lq run -q -n long sh -c 'echo begun; read -r line <go; echo done' 2>/dev/null &
    until [[ -n $(find .lq/raw -name '.001_*' 2>/dev/null) ]]; do sleep 0.05; done
    runs 2 build
    # All that is left in these folders is the long run's temporary file, days old by its time.
    find .lq -name '.*.tmp-*' -exec touch -d '5 days ago' {} +
    run lq prune --keep-last 0
    expect_in_stderr 'removed 2 runs ('
    run lq clean
    expect_in_stderr 'nothing to clean'
    echo >go
    wait
    expect test "$(ids)" = 1
    run lq context 1:1
    zstd -dcq .lq/raw/*/*/001_*.log.zst | grep -q 'done' || fail 'its raw log is incomplete'
}

test_without_raw_log_folders_are_held_too() {
    new_project
    mkfifo go
    lq run -q --no-raw -n long sh -c 'touch begun; read -r line <go' 2>/dev/null &
    until [[ -e begun ]]; do sleep 0.05; done
    runs 1 build
    run lq prune --keep-last 0
    expect_rc 0
    expect test -n "$(find .lq/logs -name 'source=*')"
    expect test -z "$(find .lq/raw -name 'date=*')"
    echo >go
    wait
    expect test "$(ids)" = 1
}

test_links_are_not_followed() {
    new_project
    runs 2 build
    mkdir outside
    mv .lq/raw/date=* outside/
    ln -s "$PWD/outside"/date=* .lq/raw/
    run lq prune --keep-last 0
    expect_rc 1
    expect_in_stderr 'is a link or no folder'
    expect test "$(find outside -type f | wc -l)" = 2
    rm .lq/raw/date=*
    mv outside/* .lq/raw/
    mv .lq/logs .lq/elsewhere
    ln -s elsewhere .lq/logs
    run lq prune --keep-last 0
    expect_rc 1
    expect test "$(find .lq/elsewhere -name '*.parquet' | wc -l)" = 2
}

test_cannot_remove() {
    new_project
    runs 2 build
    chmod a-w .lq/logs/*/*
    run as_anyone lq prune --keep-last 0
    expect_rc 1
    expect_in_stderr 'cannot remove'
    expect_in_stderr 'lq: nothing to remove'
}

test_clean() {
    new_project
    runs 1 build
    folder=$(dirname .lq/logs/*/*/001_*)
    raw=$(dirname .lq/raw/*/*/001_*)
    run lq clean
    expect_rc 0
    expect_stdout </dev/null
    expect_in_stderr 'nothing to clean'
    touch -d '2 days ago' "$folder/.002_x_000000.parquet.tmp-01234567" \
        "$raw/.002_x_000000.log.zst.tmp-01234567" .lq/config.yaml.tmp-abcdef "$folder/.keep" "$raw/note"
    touch "$folder/.003_x_000000.parquet.tmp-01234567" .lq/state.db.damaged .lq/state.db.damaged-wal
    ln -s /etc/passwd "$raw/.link.tmp-01234567"
    run lq clean --dry-run
    expect_rc 0
    expect test "$(wc -l <"$state/out")" = 5
    expect_in_stderr 'would remove 5 files'
    run lq clean
    expect_rc 0
    expect test "$(wc -l <"$state/out")" = 5
    expect_in_stdout '.lq/state.db.damaged-wal'
    expect test -e "$folder/.003_x_000000.parquet.tmp-01234567"
    expect test -e "$folder/.keep"
    expect test -e "$raw/note"
    expect test -L "$raw/.link.tmp-01234567"
    expect test "$(ids)" = 1
    touch .lq/index.duckdb .lq/index.duckdb.folders
    run lq clean
    expect_in_stderr 'nothing to clean'
    run lq clean --cache
    expect_stdout <<'END'
.lq/index.duckdb
.lq/index.duckdb.folders
END
}

run_tests "$@"
