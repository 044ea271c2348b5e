#!/usr/bin/env bash
# Other engines open a store and count as lq does. engines.py asks them.
#
#   t_engines.sh                        those of every test run
#   t_engines.sh test_spark ...         also test_clickhouse: `script/test --engines`
. "$(dirname -- "$0")/lib.sh"

# Three machines and projects with names to stumble over, in a folder with another; runs that lie there twice,
# one of an older lq, and what is no run: raw logs, hidden files and folders.
hostile_store() {
    local names=('42' "o'brien \\ ü/..%2F~+*" 'nUll' '' '..' 'plain') name folder runs
    store="$PWD/it's a \"store\" ü"
    mkdir "$store"
    printf '%s\n' 'a.c:1:2: error: no such name' "b.c:3: warning: it's \\ odd" >one.log
    printf '%s\n' 'ok 1 - one' 'not ok 2 - two' >two.log
    for name in "${names[@]}"; do
        mkdir clone
        cd clone || exit 1
        lq init --namespace "${name:-acme}" --project "p${name}" 2>/dev/null
        LQ_HOSTNAME=$name lq run -q -n build sh -c 'cat ../one.log; exit 2' >/dev/null 2>&1 || true
        LQ_HOSTNAME=$name lq run -q -n test sh -c 'cat ../two.log' >/dev/null 2>&1 || true
        lq sync "$store" >/dev/null 2>&1
        cd ..
        rm -rf clone
    done
    folder=$store/namespace=plain/project=pplain/hostname=plain
    [[ -d $folder ]] || fail "no $folder"
    runs=$(echo "$folder"/date=*/source=run)
    cp "$runs"/001_*.parquet "$runs/999_copy.parquet"
    duckdb -c "COPY (
            SELECT 7 AS run_id, NULL::BIGINT AS event_id, 'old' AS hostname, NULL AS severity
            UNION ALL SELECT 7, 1, 'old', 'error'
        ) TO 'old.parquet' (FORMAT parquet)"
    mv old.parquet "$runs/007_old.parquet"
    mkdir -p "$store/namespace=plain/project=pplain/_raw/hostname=plain" "$store/namespace=plain/.tmp"
    for name in _raw/hostname=plain/001.log.zst _raw/hostname=plain/x.parquet .y.parquet _z.parquet; do
        echo 'no run' >"$store/namespace=plain/project=pplain/$name"
    done
    cp "$runs/999_copy.parquet" "$store/namespace=plain/.tmp/copy.parquet"
}

# compare ENGINE: has it the same answers?
compare() {
    hostile_store
    run python3 "$LQ_TEST_ROOT/tests/cli/engines.py" "$1" "$store"
    expect_rc 0
    expect_stdout </dev/null
}

test_duckdb() {
    need duckdb
    compare duckdb
}

test_polars() {
    python3 -c 'import polars' 2>/dev/null || skip "no polars"
    compare polars
}

test_pyarrow() {
    python3 -c 'import pyarrow' 2>/dev/null || skip "no pyarrow"
    compare pyarrow
}

if [[ ${1:-} == test_* ]]; then
    test_clickhouse() {
        export TZ=Asia/Kathmandu        # it knows names of zones only
        python3 -c 'import chdb' 2>/dev/null || skip "no chdb"
        compare clickhouse
    }

    test_spark() {
        python3 -c 'import pyspark' 2>/dev/null || skip "no pyspark"
        compare spark
    }
fi

test_where_the_store_is() {
    run lq schema --dialect trino s3://bucket/it\'s/
    expect_rc 0
    expect_in_stdout "external_location = 's3://bucket/it''s'"
    run lq schema --dialect spark s3://bucket/it\'s/
    expect_in_stdout "path 's3a://bucket/it\\'s'"
    run lq schema --dialect clickhouse s3://bucket/lq
    expect_in_stdout "s3('s3://bucket/lq/**/*.parquet', 'Parquet'"
    run lq schema --dialect clickhouse "some'where"
    expect_in_stdout "file('$PWD/some\\'where/**/*.parquet', 'Parquet'"
    run lq schema --dialect duckdb -d s3://bucket/lq
    expect_in_stdout "glob('s3://bucket/lq/**/*.parquet')"
    for words in 's3://KEY:SECRET@bucket/lq --sql' 's3://bucket/?X-Amz-Signature=SECRET --dialect spark'; do
        # shellcheck disable=SC2086
        run lq schema $words
        expect_rc 1
        expect_stdout </dev/null
        expect_not_in_stderr SECRET
    done
    for words in 'store' '--dialect oracle store' '--dialect spark -g store' '--dialect spark --json store'; do
        # shellcheck disable=SC2086
        run lq schema $words
        expect_rc 2
    done
    run lq schema --dialect spark
    expect_rc 1
    expect_in_stderr 'lq init'
    new_project
    run lq schema --dialect spark
    expect_rc 0
    expect_in_stdout "path 'file://$PWD/.lq/logs'"
    expect_in_stdout 'CAST(run_id AS STRING) AS ref'
}

run_tests "$@"
