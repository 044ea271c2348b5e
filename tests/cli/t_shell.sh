#!/usr/bin/env bash
# lq shell: as a script, and on a terminal (terminal.py types).
. "$(dirname -- "$0")/lib.sh"

# on_terminal [OPTION...] <<END: lines for terminal.py. libedit forgets the names of the functions that keys are bound to.
on_terminal() {
    echo 'leak:wcsdup' >"$state/suppressions"
    export LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}suppressions=$state/suppressions:print_suppressions=0
    run python3 "$LQ_TEST_ROOT/tests/cli/terminal.py" ${under[@]+"${under[@]}"} lq shell "$@"
    expect_rc 0
    expect_stdout </dev/null
}

two_runs() {
    new_project
    lq run -q -n build sh -c 'echo "a.c:1:2: error: gone"; exit 2' >/dev/null 2>&1 || true
    LQ_HOSTNAME=other lq run -q -n test true 2>/dev/null
}

# script [OPTION...] <<END
script() {
    run lq shell --csv "$@"
}

test_a_script() {
    two_runs
    script <<'END'
-- a comment; with a semicolon
SELECT source_name
FROM lq_runs ORDER BY 1; SELECT 'it''s; $x' AS a, "run_id" AS "b;c" FROM lq_runs WHERE ref = '1';

/* of /* two */ lines;
*/ SELECT $$;$$ AS c, $tag$ ; $$ $tag$ AS d; SELECT E'\';' AS e, 1--2;
+ 1 AS f;
.mode jsonl
SELECT 1 AS g;;
.mode csv
SELECT count(*) AS last FROM lq_errors()
END
    expect_rc 0
    expect_stderr </dev/null
    expect_stdout <<'END'
source_name
build
test
a,b;c
it's; $x,1
c,d
;, ; $$ 
e,f
';,2
{"g": 1}
last
1
END
}

test_scope_and_filters() {
    two_runs
    script --hostname other <<<'SELECT source_name FROM lq_runs;'
    expect_rc 0
    expect_stdout <<'END'
source_name
test
END
    cd /
    script -g </dev/null
    expect_rc 0
    expect_stdout </dev/null
    script <<<'SELECT 1;'
    expect_rc 1
    expect_in_stderr 'lq init'
}

test_a_script_ends_with_its_first_failure() {
    two_runs
    script <<'END'
SELECT 1 AS a;

SELECT no_such_column
FROM lq_runs;
SELECT 2 AS b;
END
    expect_rc 1
    expect_in_stderr 'lq: line 3: Binder Error'
    expect_stdout <<'END'
a
1
END
    for line in '.mode nonsense' '.nonsense' '\nonsense' '.schema nonsense' "SELECT 'open" '/* open' \
        'DROP VIEW lq_events;' "COPY (SELECT 1) TO 'written';" "ATTACH 'written';" 'SET threads = 1;' \
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'written';" 'SELECT 1 WHERE $1;'; do
        script <<<"$line"
        expect_rc 1
        expect_in_stderr 'lq: line 1: '
        expect_stdout </dev/null
    done
    expect test ! -e written
    run bash -c "echo 'SELECT 1;' | lq shell >/dev/full"
    expect_rc 1
    run lq shell -O x.parquet
    expect_rc 2
    run lq shell 'SELECT 1'
    expect_rc 2
}

test_commands() {
    two_runs
    script <<'END'
\dt
\d lq_runs
\q
SELECT 'never' AS n;
END
    expect_rc 0
    expect_in_stdout 'lq_events,view'
    expect_in_stdout '"lq_errors_for(name, n)",rows'
    expect_in_stdout 'started_at,TIMESTAMP WITH TIME ZONE'
    expect_not_in_stdout _rows
    expect_not_in_stdout never
    script <<<.help
    expect_in_stdout '.schema [VIEW]'
    script <<<.tabels
    expect_in_stderr 'did you mean .tables'
}

test_a_terminal() {
    two_runs
    on_terminal <<'END'
see lq>
send SELECT source_name AS n\r
see   >
send FROM lq_runs ORDER BY 1;\r
see N
see build
see test
see lq>
send SELECT 1 FROM lq_runs WHERE false;\r
see lq: no rows
send SELECT nope;\r
see lq: Binder Error
see lq>
send DROP VIEW lq_events;\r
see only queries are allowed
see lq>
send .mode json\r
see lq>
send SELECT 42 AS a;\r
see {"a": 42}
send SELECT 'half\r
see   >
until \x03|lq>
send SELECT 43 AS a;\r
see {"a": 43}
see lq>
signal SIGSTOP
signal SIGCONT
signal SIGWINCH
send SELECT 45 AS a;\r
see {"a": 45}
see lq>
until SELECT count(*) FROM range(100000000000000) a;\r|\x03|lq: interrupted
see lq>
send SELECT 44 AS a;\r
see {"a": 44}
see lq>
send \x04
end 0
END
}

# The prompt comes when keys are taken: Ctrl-D before that would be lost.
test_a_terminal_that_is_slow() {
    need strace
    two_runs
    under=(strace -o "$state/calls" -e trace=ioctl -e inject=ioctl:delay_enter=200000)
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # it cannot trace what is traced
    on_terminal <<'END'
see lq>
send \x04
end 0
END
}

test_completion() {
    two_runs
    on_terminal --csv <<'END'
see lq>
send SELECT count(*) AS n FROM lq_source_s\t;\r
see n
see 2
see lq>
send SELECT message FROM lq_errors_f\t'build');\r
see gone
see lq>
send SELECT source_name AS n FROM lq_runs WHERE outc\t = 'fail' ORD\tBY 1;\r
see n
see build
see lq>
send SELECT lq_s\t\t
see lq_short_fp
send \x03
see lq>
send .sc\tLQ_Runs\r
see column_name,data_type
see lq>
send .schema lq_sou\t\r
see column_name,data_type
see lq>
send sel\t7 AS seven;\r
see seven
see 7
see lq>
send \tSELECT 8 AS eight;\r
see eight
see 8
see lq>
send exit\r
end 0
END
}

test_new_runs_are_seen() {
    two_runs
    { echo 'SELECT count(*) AS n FROM lq_runs;'; lq run -q true 2>/dev/null; echo 'SELECT count(*) AS n FROM lq_runs;'; } |
        lq shell --csv >"$state/out"
    expect_stdout <<'END'
n
2
n
3
END
}

test_history() {
    two_runs
    on_terminal <<'END'
see lq>
send SELECT 12\r
see   >
send + 30 AS n;\r
see 42
see lq>
send  SELECT 5 AS unseen;\r
see 5
see lq>
send SELECT 'ghp_0123456789abcdefghijABCDEFGHIJ012345' AS secret;\r
see SECRET
see lq>
send .quit\r
end 0
END
    history=$HOME/.local/state/lq/shell_history
    expect_file "$history" <<'END'
SELECT 12 + 30 AS n;
SELECT '[redacted:...]' AS secret;
.quit
END
    expect test "$(stat -c %a "$history")" = 600
    # Of another shell, from the file; and from where XDG says.
    mkdir -p "$HOME/state/lq"
    cp "$history" "$HOME/state/lq/"
    chmod 644 "$HOME/state/lq/shell_history"
    XDG_STATE_HOME=$HOME/state on_terminal <<'END'
see lq>
send \x10\x10\x10\r
see 42
see lq>
send \x04
end 0
END
    expect test "$(wc -l <"$HOME/state/lq/shell_history")" = 4
    expect test "$(stat -c %a "$HOME/state/lq/shell_history")" = 600
    # What is not typed is not kept, and a file that cannot be written disturbs nothing.
    script <<<'SELECT 6;'
    expect test "$(wc -l <"$history")" = 3
    rm -r "$HOME/state"
    : >"$HOME/state"
    XDG_STATE_HOME=$HOME/state on_terminal <<'END'
see the history is not kept
see lq>
send SELECT 77 AS n;\r
see 77
see lq>
send \x04
end 0
END
}

test_the_library_is_opened_by_the_shell_alone() {
    need ldd
    run ldd "$LQ_BUILD_ROOT/lq"
    expect_not_in_stdout libedit
}

run_tests "$@"
