#!/usr/bin/env bash
# The reading commands beyond lists of errors: output, info, last, diff, summary, filter, inspect,
# what they save by -O, and what a terminal gets.
. "$(dirname -- "$0")/lib.sh"

# Three runs: build (2 errors, 1 warning), test (clean), build (1 error as before, 1 new).
three_runs() {
    new_project
    printf '%s\n' 'a.c:1:2: error: no such name [-Wx]' 'b.c:3: warning: odd' \
        'c.c:5:6: error: gone' >one.log
    printf '%s\n' 'a.c:9:2: error: no such name [-Wx]' 'n.c:9:2: error: brand new' >two.log
    lq run -q -n build sh -c 'cat one.log; exit 2' 2>/dev/null || true
    lq run -q -n test true 2>/dev/null
    lq run -q -n build sh -c 'cat two.log; exit 2' 2>/dev/null || true
}

test_output() {
    three_runs
    run lq output 1
    expect_rc 0
    expect cmp -s "$state/out" one.log
    run lq output
    expect cmp -s "$state/out" two.log
    run lq output 2
    expect_rc 0
    expect_stdout </dev/null
    while read -r want options; do
        # shellcheck disable=SC2086
        run lq output build:~1 $options --csv
        expect_rc 0
        got=$(sed '1d; s/,.*//' "$state/out" | tr '\n' ' ')
        [[ $got == "$want " || $want$got == - ]] || fail "lines $got, not $want: $options"
    done <<'END'
1 --head 1
3 --tail 1
- --lines 7-9
2 --lines 2
1 --lines -1
3 --lines 3-
3 --lines 2- --tail 1
2 --grep odd
- --grep ODD
2 --grep ODD -i
3 --grep ^[a-z].*gone$
3 --grep error --tail 1
END
    run lq output 1 --grep odd -C 1 --json
    expect_stdout <<'END'
[
 {"line": 1, "marked": false, "text": "a.c:1:2: error: no such name [-Wx]"},
 {"line": 2, "marked": true, "text": "b.c:3: warning: odd"},
 {"line": 3, "marked": false, "text": "c.c:5:6: error: gone"}
]
END
    run lq output 1:2
    expect_stdout <<'END'
b.c:3: warning: odd
END
    for options in '--lines 3-2' '--lines x' '--lines 0-1' '--head 1 --tail 1' '-C 1' '--grep ('; do
        # shellcheck disable=SC2086
        run lq output 1 $options
        expect_rc 2
    done
    run lq output 9 --follow
    expect_rc 1
    rm -r .lq/raw
    run lq output 1
    expect_rc 1
    expect_in_stderr 'the raw log was not kept'
}

# saw FILE TEXT: wait until the file has a line with the text.
saw() {
    until grep -q -- "$2" "$1" 2>/dev/null; do sleep 0.02; done
}

test_output_follows_a_run_that_is_recorded() {
    local recorder follower status
    new_project
    lq run -q -n old echo of old 2>/dev/null
    mkfifo go
    # Behind 128 KiB zstd hands out a block by itself: so little comes by flushing alone.
    lq run -q -n slow sh -c 'echo begun; read x; echo "ended $x"; exit 3' <go 2>/dev/null &
    recorder=$!
    exec {gate}>go
    until lq output 2 --follow --head 1 >first 2>/dev/null; do sleep 0.02; done
    expect test "$(<first)" = begun
    lq output --follow >newest &
    follower=$!
    lq output slow --follow --grep ended --json >json &
    saw newest begun
    run lq output old --follow
    expect_stdout <<'END'
of old
END
    echo well >&"$gate"
    exec {gate}>&-
    status=0
    wait "$recorder" || status=$?
    expect test "$status" = 3
    wait "$follower" || fail "following ended with $?"
    wait
    expect test "$(<newest)" = $'begun\nended well'
    expect test "$(jq_text json)" = 'ended well'
    run lq output slow --follow
    expect_stdout <<'END'
begun
ended well
END
}

# jq_text FILE: the texts of the rows in a JSON file.
jq_text() {
    python3 -c 'import json, sys
for row in json.load(open(sys.argv[1])): print(row["text"])' "$1"
}

test_output_follows_a_recording_that_dies() {
    local recorder follower status=0
    new_project
    mkfifo go
    lq run -q sh -c 'echo begun; echo $$ >child; read x' <go 2>/dev/null &
    recorder=$!
    exec {gate}>go
    until [[ -s child ]]; do sleep 0.02; done
    lq output --follow >seen 2>said &
    follower=$!
    saw seen begun
    kill -9 "$recorder" && kill "$(<child)"
    wait "$follower" || status=$?
    expect test "$status" = 1
    expect grep -q 'cut short' said
    run lq output --follow
    expect_rc 1
}

test_output_of_many_lines() {
    new_project
    seq 100000 | sed 's/$/ line/' >long.log
    lq run -q -n long cat long.log 2>/dev/null
    run lq output
    expect cmp -s "$state/out" long.log
    run lq output --tail 2
    expect_stdout <<'END'
99999 line
100000 line
END
    run lq output --grep '^(5|9)0000 ' -C 1
    expect_stdout <<'END'
49999 line
50000 line
50001 line
--
89999 line
90000 line
90001 line
END
    run lq output --grep '^(1+)+x'
    [[ $rc == 0 || $rc == 1 ]] || fail "exit status $rc"
}

test_info_and_last() {
    three_runs
    run lq info build:~1
    expect_rc 0
    expect_in_stdout 'ref           1'
    expect_in_stdout 'found         2 errors, 1 warning'
    expect_in_stdout 'project       acme/rocket'
    run lq info
    expect_rc 2
    run lq info 9
    expect_rc 1
    run lq last
    expect_in_stdout 'ref           3'
    expect_in_stdout '3:2 build error    n.c:9:2  brand new'
    run lq last test --jsonl
    expect_in_stdout '"errors": []'
    run lq last --json
    python3 -c 'import json, sys
row, = json.load(open(sys.argv[1]))
assert [e["ref"] for e in row["errors"]] == ["3:1", "3:2"], row' "$state/out" || fail "other errors"
    run lq last nobody
    expect_rc 1
}

test_diff() {
    three_runs
    run lq diff 1 3 --csv
    expect_rc 0
    cut -d, -f 1,2,7 "$state/out" >got.txt
    printf '%s\n' change,ref,message 'new,3:2,brand new' fixed,1:3,gone fixed,1:2,odd \
        'same,3:1,no such name' >want.txt
    expect cmp want.txt got.txt
    for given in '' 'build:~1' '1 build' 'acme/rocket@testhost:1'; do
        # shellcheck disable=SC2086
        run lq diff $given --csv
        expect test "$(cut -d, -f 1,2,7 "$state/out")" = "$(cat want.txt)"
    done
    run lq diff test
    expect_rc 0
    run lq diff 1 9
    expect_rc 1
}

test_events_and_summary() {
    three_runs
    run lq events --severity warning,note --csv
    expect test "$(sed '1d; s/,.*//' "$state/out")" = 1:2
    run lq events build
    expect_stdout <<'END'
REF RUN   SEVERITY LOCATION MESSAGE
3:1 build error    a.c:9:2  no such name [-Wx]
3:2 build error    n.c:9:2  brand new
END
    run lq events --severity eror
    expect_rc 2
    run lq summary
    expect_stdout <<'END'
TOOL  CATEGORY ERRORS WARNINGS NOTES PASSED SKIPPED RUNS
clang compile       4        1     0      0       0    2
END
    run lq summary -l
    expect_stdout <<'END'
RUN   TOOL  CATEGORY ERRORS WARNINGS NOTES PASSED SKIPPED RUNS
build clang compile       2        0     0      0       0    1
END
    run lq summary 1 --jsonl
    expect_in_stdout '"error_count": 2, "warning_count": 1'
    run lq history build --csv
    expect test "$(sed '1d; s/,.*//' "$state/out" | tr '\n' ' ')" = '3 1 '
    run lq history nobody
    expect_rc 1
    run lq status -v
    expect_in_stdout COMMAND
}

test_before_the_first_run() {
    new_project
    for command in events summary last info\ 1 output diff 'output --follow'; do
        # shellcheck disable=SC2086
        run lq $command
        case $command in events | summary) expect_rc 0 ;; *) expect_rc 1 ;; esac
        expect_stdout </dev/null
        expect_in_stderr "no runs yet"
    done
}

# The first column of what was saved, and of each format.
test_every_format_gives_the_same_rows() {
    three_runs
    while read -r key columns command; do
        eval "words=($command)"
        run lq "${words[@]}" -O saved.parquet
        expect_rc 0
        expect_stdout </dev/null
        lq sql --csv "SELECT \"$key\" FROM 'saved.parquet'" | sed 1d >parquet.txt
        rm saved.parquet
        for format in json jsonl csv markdown table; do
            run lq "${words[@]}" -o "$format"
            expect_rc 0
            python3 - "$format" "$key" "$columns" "$state/out" >"$format.txt" <<'END'
import csv, json, sys
form, key, column, path = sys.argv[1:]
text = open(path).read()
if form == "json":
    rows = [row[key] for row in json.loads(text)]
elif form == "jsonl":
    rows = [json.loads(line)[key] for line in text.splitlines()]
elif form == "csv":
    rows = [row[key] for row in csv.DictReader(text.splitlines())]
elif column == "lines":
    rows = range(1, len(text.splitlines()) + 1)
elif column == "record":
    rows = [line.split(None, 1)[1] for line in text.splitlines() if line.startswith("ref ")] \
        if form == "table" else [line.split("|")[1].strip() for line in text.splitlines()[2:]]
elif form == "markdown":
    rows = [line.split("|")[int(column)].strip() for line in text.splitlines()[2:]]
else:
    rows = [line.split()[int(column) - 1] for line in text.splitlines()[1:]]
print("\n".join(str(row).replace("\\", "") for row in rows))
END
            cmp -s parquet.txt "$format.txt" ||
                fail "$command: $format has other rows: $(tr '\n' ' ' <"$format.txt"), not $(tr '\n' ' ' <parquet.txt)"
        done
    done <<'END'
ref 1 errors
ref 1 warnings
ref 1 events
ref 1 events --severity warning
ref 1 history
source_name 1 status
tool_name 1 summary
source_name 1 summary -l
change 1 diff
ref record event 1:1
ref record info 1
line lines output 1
line lines context 1:2 -n 9
ref 1 query -s ref,message
ref 1 filter severity=error
count 1 filter -c severity=error
ref record inspect 1:1
column 1 schema
format 1 formats
ref 1 query
run_id 1 sql 'SELECT run_id FROM lq_runs ORDER BY 1'
END
}

test_filter() {
    three_runs
    while read -r want words; do
        eval "words=($words)"
        run lq filter "${words[@]}" --csv
        expect_rc 0
        got=$(sed '1d; s/,.*//' "$state/out" | tr '\n' ' ')
        [[ "$got" == "${want//+/ }" || $want$got == - ]] || fail "$got, not $want: ${words[*]}"
    done <<'END'
3:1+3:2+1:1+1:3+ severity=error
1:2+ severity=warning,note
1:2+ -v severity=error
1:2+ severity!=error
3:1+1:1+ code=-Wx
3:2+1:2+1:3+ code=
3:2+ message~brand 'severity=error'
- message~BRAND
3:2+ message~BRAND -i
1:1+1:2+1:3+ 1
1:3+ build:~1 file=c.c
3:1+1:1+ message!~"no such" -n 0 -v
- message='%' name=build
- "message=x' OR '1'='1"
END
    run lq f -c severity=error --csv
    expect_stdout <<'END'
count
4
END
    run lq f -c one.log severity~err --csv
    expect_stdout <<'END'
count
2
END
    run lq f severty=error
    expect_rc 2
    expect_stderr <<'END'
lq: unknown key 'severty': did you mean 'severity'?
END
    run lq f severity=error nobody
    expect_rc 1
}

test_schema_and_formats() {
    three_runs
    run lq schema --csv
    expect_in_stdout 'error_fingerprint,VARCHAR,event,'
    run lq formats --jsonl
    expect_in_stdout '"format": "pytest"'
    run lq schema --sql
    expect_rc 0
    cp "$state/out" local.sql
    run lq schema --sql -d .lq/logs
    cp "$state/out" store.sql
    need duckdb
    expect test "$(duckdb -init local.sql -csv -noheader -c "SELECT ref FROM lq_errors(1)" 2>/dev/null)" = 3:1
    expect test "$(duckdb -init store.sql -csv -noheader -c "SELECT ref FROM lq_errors(1)" 2>/dev/null)" = acme/rocket@testhost:3:1
}

test_inspect() {
    three_runs
    seq 20 | sed 's/^/line /' >n.c
    git add n.c
    git commit -qm 'Add n.c'
    run lq inspect 3:2 -n 1
    expect_rc 0
    expect_in_stdout 'location      n.c:9:2'
    expect_in_stdout '>       9 line 9'
    expect_in_stdout 'Add n.c'
    expect_in_stdout 'Seen in:'
    run lq inspect 1:1 --json
    python3 -c 'import json, sys
row, = json.load(open(sys.argv[1]))
assert row["source_lines"] is None and row["blame"] is None, row
assert [seen["ref"] for seen in row["history"]] == ["3:1", "1:1"], row' "$state/out" || fail "other facts"
    # What a log names outside of the project is not opened; nor is what is no file.
    mkfifo p.c
    ln -s /etc/passwd link.c
    printf '%s\n' "/etc/passwd:1:1: error: x" "../../../../../etc/passwd:1:1: error: y" \
        "p.c:1:1: error: z" "link.c:1:1: error: w" >evil.log
    lq run -q -n evil cat evil.log 2>/dev/null
    for event in 1 2 3 4; do
        run timeout 60 lq inspect "evil:$event" --json
        expect_rc 0
        expect_in_stdout '"source_lines": null'
        expect_not_in_stdout 'root:'
    done
    run lq inspect 1
    expect_rc 1
}

test_saving() {
    three_runs
    run lq errors -O x.json
    expect_rc 2
    run lq errors -O x.parquet --json
    expect_rc 2
    run lq errors -O no-such-folder/x.parquet
    expect_rc 1
    run lq sql 'SELECT 1 AS one, now() AS t, MAP {1: 2} AS m;' -O "it's.parquet"
    expect_rc 0
    run lq sql --csv "SELECT typeof(t) AS t, typeof(m) AS m FROM 'it''s.parquet'"
    expect_stdout <<'END'
t,m
TIMESTAMP WITH TIME ZONE,"MAP(INTEGER, INTEGER)"
END
    run lq sql "SELECT 1) TO 'evil.csv'; --" -O x.parquet
    expect_rc 1
    run lq errors -n 1 -O x.parquet
    run lq sql --csv "SELECT count(*) AS n FROM 'x.parquet'"
    expect_stdout <<'END'
n
1
END
    expect test ! -e evil.csv
    expect test -z "$(find . -name '*~')"
    # Nothing is left of a file that is not finished.
    lq sql 'SELECT a.range FROM range(1000000) a, range(1000000)' -O huge.parquet &
    until [[ -n $(find . -name '*huge*' -size +100k) ]]; do sleep 0.02; done
    kill -TERM $!
    rc=0
    wait $! || rc=$?
    expect_rc 143
    expect test -z "$(find . -name '*huge*')"
}

test_nearest_name() {
    for pair in 'erors errors' 'sumary summary' 'staus status' 'hist history'; do
        run lq "${pair% *}"
        expect_rc 2
        expect_stderr <<END
lq: unknown command '${pair% *}': did you mean '${pair#* }'?
END
    done
    run lq xyzzy
    expect_stderr <<'END'
lq: unknown command 'xyzzy': 'lq --help' lists them
END
    run lq errors --hostnam x
    expect_rc 2
    expect_stderr <<'END'
lq: unknown option '--hostnam': did you mean '--hostname'?
END
}

# on_terminal COMMAND...: what it shows on a terminal of 60 columns and 10 rows.
on_terminal() {
    TERM=xterm timeout 60 script -qec "stty cols 60 rows 10; $*" /dev/null </dev/null | tr -d '\r' >seen.txt
}

test_a_terminal() {
    need script
    new_project
    for ((i = 1; i <= 30; i++)); do
        echo "f.c:$i:1: error: a message that is longer than a terminal is wide, number $i"
    done >many.log
    lq run -q -n many cat many.log 2>/dev/null
    on_terminal PAGER= lq events -n 3
    expect grep -q $'\e\\[31merror' seen.txt
    expect grep -q "cut to the terminal's width: message" seen.txt
    # The widest column gives first.
    echo "deep/folder/f.c:123:45: error: $(printf 'word %.0s' {1..30})" >deep.log
    lq run -q -n deep cat deep.log 2>/dev/null
    on_terminal PAGER= lq errors deep
    expect grep -q "deep/folder/f.c:123:45 word word" seen.txt
    expect grep -q "cut to the terminal's width: message;" seen.txt
    on_terminal NO_COLOR=1 PAGER= lq events many -n 3
    expect grep -q "error" seen.txt
    expect_fails grep -q $'\e' seen.txt
    on_terminal "PAGER='sed s/^/paged:/' lq errors many"
    expect test "$(grep -c '^paged:1:' seen.txt)" = 30
    on_terminal "PAGER='sed s/^/paged:/' lq errors -n 3"
    expect_fails grep -q paged: seen.txt
    on_terminal "PAGER='head -n 3' lq output many"
    expect test "$(wc -l <seen.txt)" = 3
    # A pager that is not there costs a line, not the answer.
    for pager in no-such-pager /no/such/pager\ -R; do
        on_terminal "PAGER='$pager' lq errors many"
        expect test "$(grep -c '^1:' seen.txt)" = 30
        expect grep -q "cannot find the pager '${pager%% *}'" seen.txt
    done
}

expect_fails() { ! "$@" || fail "should fail: $*"; }

run_tests "$@"
