#!/usr/bin/env bash
# What teams ask across machines: the macros of sql/macros.sql and the commands over them, on a store of
# runs with known answers. A run lies there twice, one file lacks most columns, names and times are
# unknown here and there.
. "$(dirname -- "$0")/lib.sh"

# put FILE SQL: a run file is to be written with what the query gives; columns it does not name are those of an older lq.
put() {
    mkdir -p "store/${1%/*}"
    printf "COPY (%s) TO 'store/%s.parquet' (FORMAT parquet);\n" "$2" "$1" >>store.sql
}

# run_of UID PROJECT HOST NAME START OUTCOME SECONDS COMMIT BRANCH DIRTY [EVENTS]: EVENTS are tuples of
# severity, message, fingerprint, test_name, test_status, test_duration_sec.
run_of() {
    local uid=$1 project=$2 host=$3 name=$4 start=$5 outcome=$6 seconds=$7 commit=$8 branch=$9
    shift 9
    put "namespace=acme/project=$project/hostname=$host/date=${start%% *}/source=run/00${uid}_${name}_000000" "
        WITH run AS (
            SELECT $uid::BIGINT AS run_id, 'u$uid' AS run_uid, 'acme' AS namespace,
                '$project' AS project, '$host' AS hostname, '$name' AS source_name,
                'run' AS source_type, '$start+00'::TIMESTAMPTZ AS started_at,
                $commit AS git_commit, $branch AS git_branch, $1 AS git_dirty
        ), events AS (
            SELECT row_number() OVER () AS event_id, * FROM (
                VALUES ${2:-(NULL, NULL, NULL, NULL, NULL, NULL)}
            ) e(severity, message, error_fingerprint, test_name, test_status, test_duration_sec)
        )
        SELECT *, '$outcome' AS outcome, $seconds AS duration_sec, 1::BIGINT AS exit_code
        FROM run
        UNION ALL BY NAME
        SELECT run.*, events.*, 'tool' AS tool_name, 'f.c' AS file_path, 7::BIGINT AS line_number
        FROM run, events
        WHERE ${2:+true OR} false"
}

# Made once for all tests of this file, which only read it.
new_store() {
    need duckdb
    [[ -d ${state%/*}/store ]] || make_store
    cp -r "${state%/*}/store" store
}

make_store() {
    local a="('error', 'gone', 'tool_x_00000000000000aa', NULL, NULL, NULL)"
    local b="('error', 'lost', 'tool_x_00000000000000bb', NULL, NULL, NULL)"
    local w="('warning', 'lost', 'tool_x_00000000000000bb', NULL, NULL, NULL)"
    local plain="('error', 'no fingerprint', NULL, NULL, NULL, NULL)"
    local one="'tool_t_0000000000000001', 't_one'" two="'tool_t_0000000000000002', 't_two'"

    run_of 1 rocket snape build '2025-01-01 10:00:00' fail 10.0 "'c1c1c1c1'" "'main'" false "$a, $w"
    run_of 2 rocket hermione build '2025-01-02 10:00:00' fail 30.0 "'c1c1c1c1'" "'main'" false "$a"
    run_of 3 probe snape build '2025-01-03 10:00:00' fail 4.0 "'d1d1d1d1'" "'main'" NULL "$a, $b, $plain"
    run_of 4 rocket snape build '2025-01-04 10:00:00' ok 20.0 "'c2c2c2c2'" "'next'" false
    run_of 5 rocket snape build '2025-01-04 11:00:00' interrupted 900.0 "'c2c2c2c2'" "'side'" false
    # On c1c1c1c1 t_one is torn over two machines, t_two within one run; on c2c2c2c2 only where the tree
    # was dirty.
    run_of 6 rocket snape test '2025-01-01 12:00:00' ok 1.0 "'c1c1c1c1'" "'main'" false \
        "(NULL, NULL, $one, 'pass', 0.5), (NULL, NULL, $two, 'pass', 2.0), ('error', 'no', $two, 'error', 3.0)"
    run_of 7 rocket hermione test '2025-01-02 12:00:00' fail 1.0 "'c1c1c1c1'" "'main'" NULL \
        "('error', 'no', $one, 'fail', 0.7), (NULL, NULL, $two, 'skip', NULL)"
    run_of 8 rocket snape test '2025-01-04 12:00:00' fail 1.0 "'c2c2c2c2'" "'next'" false \
        "(NULL, NULL, $one, 'pass', NULL), ('error', 'no', 'tool_t_0000000000000003', 't_three', 'fail', 0.1)"
    run_of 9 rocket snape test '2025-01-04 13:00:00' fail 1.0 "'c2c2c2c2'" "'dirty'" true \
        "('error', 'no', $one, 'fail', NULL), (NULL, NULL, 'tool_t_0000000000000003', 't_three', 'pass', NULL)"
    # The same run once more under another name; and of an lq that knew few columns.
    put old/hostname=~342/001_old_000000 \
        "SELECT 1 AS run_id, NULL::BIGINT AS event_id, NULL AS message, NULL AS severity, NULL AS error_fingerprint
         UNION ALL SELECT 1, 1, 'gone', 'error', 'tool_x_00000000000000aa'"
    duckdb -bail <store.sql
    folder=store/namespace=acme/project=rocket/hostname=hermione/date=2025-01-02/source=run
    cp "$folder/002_build_000000.parquet" "$folder/002_copy_000000.parquet"
    mv store "${state%/*}/store"
}

# ask SQL: over the store, as CSV.
ask() { run lq sql -d store --csv "$1"; }

test_first_seen() {
    new_store
    ask "SELECT first_seen, last_seen, project, hostname, ref, git_commit, event_count, run_count, severity
         FROM lq_first_seen('tool_x_00000000000000aa')"
    expect_stdout <<'END'
first_seen,last_seen,project,hostname,ref,git_commit,event_count,run_count,severity
2025-01-01T10:00:00.000000Z,2025-01-01T10:00:00.000000Z,rocket,snape,acme/rocket@snape:1:1,c1c1c1c1,1,1,error
2025-01-02T10:00:00.000000Z,2025-01-02T10:00:00.000000Z,rocket,hermione,acme/rocket@hermione:2:1,c1c1c1c1,1,1,error
2025-01-03T10:00:00.000000Z,2025-01-03T10:00:00.000000Z,probe,snape,acme/probe@snape:3:1,d1d1d1d1,1,1,error
,,,,_/_@_:1:1,,1,1,error
END
    # The warning came first; a test that passes is no mistake.
    ask "SELECT ref, severity, event_count FROM lq_first_seen('00000000')"
    expect_in_stdout 'acme/rocket@snape:1:2,warning,1'
    ask "SELECT ref, event_count FROM lq_first_seen('tool_t_0000000000000001') WHERE hostname = 'snape'"
    expect_stdout <<'END'
ref,event_count
acme/rocket@snape:9:1,1
END
    ask "SELECT count(*) AS n FROM lq_first_seen(NULL)"
    expect_stdout <<'END'
n
0
END
    run lq first-seen -d store acme/rocket@hermione:2:1
    expect_rc 0
    expect_stdout <<'END'
FIRST      LAST       HOST     REF                      COMMIT       LOCATION MESSAGE EVENTS
2025-01-01 2025-01-01 snape    acme/rocket@snape:1:1    main@c1c1c1c f.c:7    gone         1
2025-01-02 2025-01-02 hermione acme/rocket@hermione:2:1 main@c1c1c1c f.c:7    gone         1
2025-01-03 2025-01-03 snape    acme/probe@snape:3:1     main@d1d1d1d f.c:7    gone         1
                               _/_@_:1:1                                      gone         1
END
    for what in nothing "x' OR true --" '%' acme/rocket@snape:4:1 acme/rocket@snape:4; do
        run lq first-seen -d store "$what"
        expect_rc 1
        expect_stdout </dev/null
    done
    run lq first-seen -d store acme/probe@snape:3:3
    expect_rc 1
    expect_in_stderr 'has no fingerprint'
    run lq first-seen -d store
    expect_rc 2
}

test_new_errors() {
    new_store
    # As an error, bb is new in run 3; aa may be older than any run whose time is known.
    ask "SELECT first_seen, ref, message, event_count, run_count, host_count, project_count
         FROM lq_new_errors('2025-01-02')"
    expect_stdout <<'END'
first_seen,ref,message,event_count,run_count,host_count,project_count
2025-01-04T12:00:00.000000Z,acme/rocket@snape:8:2,no,1,1,1,1
2025-01-03T10:00:00.000000Z,acme/probe@snape:3:2,lost,1,1,1,1
2025-01-03T10:00:00.000000Z,acme/probe@snape:3:3,no fingerprint,1,1,1,1
2025-01-02T12:00:00.000000Z,acme/rocket@hermione:7:1,no,2,2,2,1
END
    ask "SELECT count(*) AS n, sum(event_count) AS events FROM lq_new_errors()"
    expect_stdout <<'END'
n,events
6,10
END
    ask "SELECT count(*) AS n FROM lq_new_errors(now() + INTERVAL 1 DAY)"
    expect_stdout <<'END'
n
0
END
    # --since says what counts as new, and does not hide what was before.
    run lq new-errors -d store --since 2025-01-03
    expect_rc 0
    expect_stdout <<'END'
FIRST      REF                   LOCATION MESSAGE        EVENTS HOSTS
2025-01-04 acme/rocket@snape:8:2 f.c:7    no                  1     1
2025-01-03 acme/probe@snape:3:2  f.c:7    lost                1     1
2025-01-03 acme/probe@snape:3:3  f.c:7    no fingerprint      1     1
END
    run lq new-errors -d store --since 2025-01-03 --until 2025-01-04 --hostname snape --csv
    expect_in_stdout acme/probe@snape:3:2
    expect_not_in_stdout acme/rocket@snape:8:2
    run lq new-errors -d store                       # of the last day
    expect_rc 0
    expect_stdout </dev/null
    run lq new-errors -d store --since yesterday
    expect_rc 2
}

test_flaky() {
    new_store
    ask "SELECT * EXCLUDE (message) FROM lq_flaky()"
    expect_stdout <<'END'
namespace,project,test_name,tool_name,commit_count,pass_count,fail_count,host_count,last_seen,ref
acme,rocket,t_one,tool,1,1,1,2,2025-01-02T12:00:00.000000Z,acme/rocket@hermione:7:1
acme,rocket,t_two,tool,1,1,1,1,2025-01-01T12:00:00.000000Z,acme/rocket@snape:6:3
END
    ask "SELECT test_name FROM lq_flaky(1)"
    expect_stdout <<'END'
test_name
t_one
END
    run lq flaky -d store --hostname snape
    expect_rc 0
    expect_stdout <<'END'
TEST  TOOL FAILED PASSED COMMITS HOSTS LAST       REF                   MESSAGE
t_two tool      1      1       1     1 2025-01-01 acme/rocket@snape:6:3 no
END
}

test_slowest() {
    new_store
    ask "SELECT * FROM lq_slowest()"
    expect_stdout <<'END'
namespace,project,source_name,median_sec,mean_sec,max_sec,total_sec,run_count,host_count,ref,hostname
acme,rocket,build,20,20,30,60,3,2,acme/rocket@hermione:2,hermione
acme,probe,build,4,4,4,4,1,1,acme/probe@snape:3,snape
acme,rocket,test,1,1,1,4,4,2,acme/rocket@snape:9,snape
END
    run lq slowest -d store -n 1
    expect_stdout <<'END'
RUN   MEDIAN_SEC MEAN_SEC MAX_SEC RUNS HOSTS SLOWEST
build         20       20      30    3     2 acme/rocket@hermione:2
END
    expect_in_stderr 'only the first 1'
    run lq slowest -d store --tests --csv
    expect_stdout <<'END'
namespace,project,test_name,tool_name,median_sec,mean_sec,max_sec,total_sec,run_count,host_count,ref,hostname
acme,rocket,t_two,tool,2.5,2.5,3,5,1,1,acme/rocket@snape:6:3,snape
acme,rocket,t_one,tool,0.6,0.6,0.7,1.2,2,2,acme/rocket@hermione:7:1,hermione
acme,rocket,t_three,tool,0.1,0.1,0.1,0.1,1,1,acme/rocket@snape:8:2,snape
END
}

test_regressions() {
    new_store
    # From one run to another: by fingerprint, whatever the project.
    run lq regressions -d store acme/rocket@snape:1 acme/rocket@hermione:2 --csv
    expect_rc 0
    expect_stdout <<'END'
kind,namespace,project,ref,hostname,source_name,file_path,line_number,column_number,message,error_code,tool_name,test_name,fingerprint,event_count
END
    # Tests by name: t_three failed nowhere before, t_one passes again.
    run lq regressions -d store c1c1c1c1 next
    expect_rc 0
    expect_stdout <<'END'
KIND REF                   RUN  LOCATION MESSAGE
test acme/rocket@snape:8:2 test f.c:7    no
END
    # A run that went wrong without an error to be seen.
    run lq regressions -d store acme/rocket@snape:4 side
    expect_rc 0
    expect_stdout <<'END'
KIND REF                 RUN   LOCATION MESSAGE
run  acme/rocket@snape:5 build          interrupted (exit 1)
END
    # Of dirty trees nothing counts to the commit.
    ask "SELECT count(*) AS n FROM lq_runs_of('c2c2c2c2') WHERE run_uid = 'u9'"
    expect_in_stdout 0
    ask "SELECT string_agg(run_uid, ' ' ORDER BY run_uid) AS runs FROM lq_runs_of('main')"
    expect_in_stdout 'u1 u2 u3 u6 u7'
    for what in c1c 'c1c1_1c1' "' OR true --" nothing; do
        run lq regressions -d store "$what" next
        expect_rc 1
        expect_in_stderr "$what"
    done
    run lq regressions -d store main
    expect_rc 2
}

test_by_host() {
    new_store
    ask "SELECT * FROM lq_by_host()"
    expect_stdout <<'END'
hostname,project_count,run_count,fail_count,error_count,warning_count,mean_sec,last_started_at
hermione,1,2,2,2,0,15.5,2025-01-02T12:00:00.000000Z
snape,2,7,5,7,1,133.85714285714286,2025-01-04T13:00:00.000000Z
,1,1,0,1,0,,
END
    run lq hosts -d store --name build --project rocket
    expect_stdout <<'END'
HOST     PROJECTS RUNS FAILED ERRORS WARNINGS MEAN_SEC LAST
hermione        1    1      1      1        0       30 2025-01-02
snape           1    3      2      1        1      310 2025-01-04
END
}

# Each macro alone and all at once, in any case; those that are built on others too.
test_macros_are_defined_when_named() {
    new_store
    ask "SELECT (SELECT count(*) FROM LQ_Diff('acme/rocket@snape:1', 'acme/rocket@hermione:2')) AS a,
        (SELECT count(*) FROM lq_errors()) AS b, (SELECT count(*) FROM \"lq_errors\"(2)) AS c"
    expect_stdout <<'END'
a,b,c
2,10,2
END
    ask "SELECT * FROM lq_errors_of_nobody()"
    expect_rc 1
    expect_in_stderr 'lq_errors_of_nobody'
    local calls='' call macro
    while read -r macro; do
        case $macro in
        lq_errors_for | lq_event | lq_file | lq_similar_events | lq_first_seen | lq_runs_of) call="$macro('x')" ;;
        lq_compare | lq_diff | lq_regressions) call="$macro('x', 'y')" ;;
        *) call="$macro()" ;;
        esac
        calls+="${calls:+, }(SELECT count(*) FROM $call)"
    done < <(sed -n 's/^CREATE TEMP MACRO \(lq_[a-z_]*\)(.*/\1/p' "$LQ_TEST_ROOT/sql/macros.sql")
    ask "SELECT $calls"
    expect_rc 0
}

test_any_duckdb_gives_the_same_answers() {
    new_store
    local number=0 macro
    lq schema -d store --sql >lq.sql
    for macro in "lq_first_seen('tool_x_00000000000000aa')" "lq_new_errors('2025-01-02')" 'lq_flaky()' \
        'lq_slowest()' 'lq_slowest_tests()' "lq_regressions('main', 'next')" 'lq_by_host()'; do
        number=$((number + 1))
        lq sql -d store -O "$number.parquet" "SELECT * FROM $macro"
        echo "SELECT count(*) FROM ((FROM '$number.parquet' EXCEPT ALL FROM $macro)
            UNION ALL (FROM $macro EXCEPT ALL FROM '$number.parquet'));"
    done >compare.sql
    run duckdb -csv -noheader -init lq.sql -f compare.sql
    expect_stdout < <(yes 0 | head -n 7)
}

run_tests "$@"
