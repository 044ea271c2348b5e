#!/usr/bin/env bash
# lq doctor.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

two_runs() {
    new_project
    lq run -q -n build sh -c 'echo "a.c:1:2: error: no"' 2>/dev/null
    lq run -q -n test true 2>/dev/null
}

state_sql() { python3 -c 'import sqlite3, sys
with sqlite3.connect(".lq/state.db") as db: print(*db.execute(sys.argv[1]).fetchall())' "$1"; }

test_all_is_well() {
    two_runs
    run lq doctor
    expect_rc 0
    expect_stdout <<'END'
ok    libduckdb    v1.5.5
ok    run files    2, all readable
ok    raw logs     2, all readable
ok    state.db     sound
ok    permissions  as they should be
ok    leftovers    none
...  disk space   ...
ok    questions    2 runs answer, 0 files are left out
ok    sync         2 runs are not yet at '...
ok    git          found
...  zstd         ...
END
    run lq doctor --json
    expect_rc 0
    python3 - "$state/out" <<'END'
import json, sys
findings = json.load(open(sys.argv[1]))
assert len(findings) == 11, findings
assert all(set(f) == {"check", "status", "message", "hint"} for f in findings)
assert {f["status"] for f in findings} <= {"ok", "warn"}
END
    expect test ! -e "$HOME/.lq"
}

test_before_the_first_run() {
    run lq doctor
    expect_rc 1
    new_project
    run lq doctor
    expect_rc 0
    expect_in_stdout 'run files    0, all readable'
    mkdir below
    run lq -h
    run lq doctor -C below
    expect_rc 0
}

test_files() {
    two_runs
    folder=$(dirname .lq/logs/*/*/001_*)
    raw=$(dirname .lq/raw/*/*/001_*)
    head -c 3000 "$folder"/001_*.parquet >"$folder/003_torn_000000.parquet"
    : >"$folder/004_empty_000000.parquet"
    mkfifo "$folder/005_pipe_000000.parquet"
    mv "$folder"/002_test_*.parquet "$folder/007_other_000000.parquet"
    printf 'x' | dd of="$(echo "$raw"/001_*)" bs=1 seek=12 conv=notrunc 2>/dev/null
    duckdb -c "COPY (SELECT 1 AS a) TO '$folder/foreign.parquet'" >/dev/null 2>&1 || true
    cp -r .lq before
    run lq doctor
    expect_rc 1
    expect_in_stdout "fail  run files    '.lq/${folder#.lq/}/003_torn_000000.parquet' cannot be read"
    expect_in_stdout "004_empty_000000.parquet' cannot be read"
    expect_in_stdout "005_pipe_000000.parquet': not a regular file"
    expect_in_stdout "warn  names        '.lq/${folder#.lq/}/007_other_000000.parquet' should be '"
    expect_in_stdout "fail  raw logs     "
    expect_in_stdout "/002_test_"
    expect_in_stdout 'belongs to no run'
    [[ ! -e $folder/foreign.parquet ]] || expect_in_stdout "foreign.parquet' is no run of lq"
    # Not even --fix touches a run file or a raw log.
    run lq doctor --fix
    expect_rc 1
    expect diff -rq before/raw .lq/raw
    expect test "$(find .lq/logs | wc -l)" = "$(find before/logs | wc -l)"
}

test_rows_and_leftovers() {
    two_runs
    lq sync 2>/dev/null
    rm .lq/logs/*/*/001_*
    touch .lq/state.db.damaged
    state_sql 'UPDATE counter SET run_id = 1' >/dev/null
    run lq doctor
    expect_rc 0
    expect_in_stdout 'warn  state.db     1 rows are of files that are gone (lq doctor --fix removes them)'
    expect_in_stdout 'warn  state.db     run ids are counted from 1, though run 2 is there'
    expect_in_stdout 'warn  leftovers    1 files'
    expect test "$(state_sql 'SELECT count(*) FROM file')" = '(2,)'
    run lq doctor --fix
    expect_rc 0
    expect_in_stdout 'ok    state.db     removed 1 rows'
    expect test "$(state_sql 'SELECT (SELECT count(*) FROM file), (SELECT count(*) FROM synced), run_id FROM counter')" = '(1, 1, 2)'
    expect test ! -e .lq/state.db.damaged
    run lq doctor
    expect_in_stdout 'ok    state.db     sound'
    lq run -q -n next true 2>/dev/null
    expect test "$(lq history --csv | sed -n '2s/,.*//p')" = 3
}

test_damaged_state() {
    two_runs
    # Without its write-ahead log, and with its pages overwritten.
    state_sql 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
    python3 - <<'END'
with open(".lq/state.db", "r+b") as file:
    size = file.seek(0, 2)
    file.seek(4096)
    file.write(b"\xaa" * (size - 4096))
END
    run lq doctor
    expect_rc 1
    expect_in_stdout 'fail  state.db     damaged: '
    expect test ! -e .lq/state.db.damaged
    run lq doctor --fix
    expect_in_stdout 'ok    state.db     was damaged: set aside and made again'
    run lq doctor
    expect_rc 0
    lq run -q -n next true 2>/dev/null
    expect test "$(lq history --csv | sed -n '2s/,.*//p')" = 3
}

test_sync() {
    two_runs
    printf 'project: {namespace: acme, project: rocket}\nsync: {destination: ../store}\n' \
        >.lq/config.yaml
    run lq doctor
    expect_rc 0
    expect_in_stdout "warn  sync         2 runs are not yet at '"
    lq sync 2>/dev/null
    run lq doctor
    expect_in_stdout "ok    sync         0 runs are not yet at '"
    mv ../store ../elsewhere
    run lq doctor
    expect_rc 1
    expect_in_stdout 'fail  sync         '
}

test_permissions() {
    two_runs
    chmod o+w .lq/logs
    run lq doctor
    expect_rc 0
    expect_in_stdout 'warn  permissions  anybody on this machine may change what is in .lq (chmod -R o-w .lq)'
}

test_without_programs() {
    two_runs
    mkdir bin
    ln -s "$(command -v lq)" bin/lq
    PATH=$PWD/bin run lq doctor
    expect_rc 0
    expect_in_stdout 'warn  git          not in PATH'
}

test_output_that_cannot_be_written() {
    two_runs
    rc=0
    lq doctor >/dev/full 2>/dev/null || rc=$?
    expect test "$rc" = 1
}

run_tests "$@"
