#!/usr/bin/env bash
# lq sync to S3: on versitygw, requests counted from its access log.
# shellcheck disable=SC2031,SC2154 # lib.sh gives each test its HOME; s3.sh sets the server's variables
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/s3.sh"

# runs N: so many, recorded quickly.
runs() {
    local i
    for ((i = 0; i < $1; i++)); do lq run -q -n build true 2>/dev/null; done
}

test_first_next_and_none() {
    start_s3
    new_project
    runs 1
    run lq sync -n s3://bucket/lq/
    expect_rc 0
    expect_in_stdout "would sync 1 run ("
    expect_requests 0

    # Whether the store honours If-None-Match is asked once: two requests.
    run lq sync s3://bucket/lq/
    expect_rc 0
    expect_stdout </dev/null
    expect_in_stderr 'lq: synced 1 run ('
    expect_in_stderr "to 's3://bucket/lq'"
    expect_requests 3
    expect_requests 2 'PutObject 200'
    expect_requests 1 'PutObject 412'
    objects lq >there
    run cat there
    expect_stdout <<'END'
namespace=acme/project=rocket/_lq/create-only
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
END
    run cmp .lq/logs/*/*/*.parquet "$s3_objects/lq/$(sed -n 2p there)"
    expect_rc 0

    forget_requests
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: nothing new'
    expect_requests 0
    runs 1
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_requests 1
    expect_requests 1 'PutObject 200'
}

# Two machines, three runs, and a raw log, in s3://bucket/lq.
fleet() {
    local host
    for host in snape hermione; do
        mkdir "$host"
        cd "$host" || exit 1
        new_project
        LQ_HOSTNAME=$host lq run -q -n build sh -c 'echo "a.c:1:2: error: no"; exit 1' 2>/dev/null || true
        LQ_HOSTNAME=$host lq sync s3://bucket/lq 2>/dev/null
        cd ..
    done
    cd hermione || exit 1
    LQ_HOSTNAME=hermione lq run -q -n test true 2>/dev/null
    LQ_HOSTNAME=hermione lq sync s3://bucket/lq 2>/dev/null
    cd ..
}

hosts_in() { lq sql "$@" --csv 'SELECT hostname, count(*) FROM lq_runs GROUP BY 1 ORDER BY 1' 2>/dev/null | tail -n +2 | tr '\n' ' '; }

# One request lists, one fetches each object that is new here; filters of the path are asked of the server.
test_questions() {
    start_s3
    fleet
    forget_requests
    expect test "$(hosts_in -d s3://bucket/lq)" = 'hermione,2 snape,1 '
    expect_requests 4
    expect_requests 3 GetObject
    expect test "$(hosts_in -d s3://bucket/lq)" = 'hermione,2 snape,1 '
    expect_requests 5
    rm -rf ~/.cache/lq
    forget_requests
    expect test "$(hosts_in -d s3://bucket/lq --hostname snape)" = 'snape,1 '
    expect_requests 2
    expect test "$(hosts_in -d s3://bucket/lq/namespace=acme --name test)" = 'hermione,1 '
    expect test "$(LQ_STORE=s3://bucket/lq hosts_in -g)" = 'hermione,2 snape,1 '
    cd snape
    expect test "$(LQ_STORE=s3://bucket/lq hosts_in --include-synced)" = 'hermione,2 snape,1 '
    run lq errors -d "s3://bucket/lq/$(objects lq | grep snape)" --csv
    expect_rc 0
    expect_in_stdout a.c
    run lq errors -d s3://bucket/nothing
    expect_rc 0
    expect_in_stderr "no runs in 's3://bucket/nothing'"
    run lq errors -d s3://nobucket/lq
    expect_rc 1
    expect_stderr <<END
lq: '127.0.0.1:$s3_port' has no such bucket: 's3://nobucket/'
END
    # What the store loses, answers lose.
    rm -r "$s3_objects"/lq/namespace=acme/project=rocket/hostname=hermione
    expect test "$(hosts_in -d s3://bucket/lq)" = 'snape,1 '
}

# An enemy's objects: garbage, names that are no paths, folders where files are expected.
test_hostile_objects() {
    start_s3
    fleet
    local folder=$s3_objects/lq/namespace=acme/project=rocket/hostname=snape/date=2026-01-01/source=run
    mkdir -p "$folder" "$s3_objects/lq/namespace=acme/.hidden"
    printf garbage >"$folder/009_bad_000000.parquet"
    : >"$folder/010_empty_000000.parquet"
    printf x >"$s3_objects/lq/namespace=acme/.hidden/x.parquet"
    printf x >"$s3_objects/lq/namespace=acme/other.txt"
    run lq sql -d s3://bucket/lq --csv 'SELECT count(*) AS n FROM lq_runs'
    expect_rc 0
    expect_stdout <<'END'
n
3
END
    expect_in_stderr 009_bad
    expect_in_stderr 010_empty
    run lq pull s3://bucket/lq out
    expect_rc 0
    expect_in_stderr "left out 'namespace=acme/.hidden/x.parquet'"
    expect test ! -e out/namespace=acme/.hidden
    expect test ! -e out/namespace=acme/other.txt
}

test_pull() {
    start_s3
    fleet
    forget_requests
    run lq pull s3://bucket/lq ~/builds
    expect_rc 0
    expect_in_stderr 'lq: pulled 3 files ('
    expect_requests 4
    expect diff -r "$s3_objects/lq" ~/builds --exclude=_lq
    run lq pull s3://bucket/lq ~/builds
    expect_rc 0
    expect_in_stderr "lq: nothing new for '$HOME/builds'"
    expect_requests 5
    expect test "$(hosts_in -d ~/builds)" = 'hermione,2 snape,1 '
    run lq pull s3://bucket/lq part --hostname hermione --name test
    expect_rc 0
    expect test "$(find part -type f | wc -l)" = 1
    # A link in the folder is not followed.
    mkdir outside linked
    ln -s "$PWD/outside" linked/namespace=acme
    run lq pull s3://bucket/lq linked
    expect_rc 1
    expect test -z "$(ls outside)"
    # A torn file is fetched again.
    truncate -s 5 part/*/*/*/*/*/*.parquet
    run lq pull s3://bucket/lq part --name test
    expect_in_stderr 'lq: pulled 1 file ('
    run lq pull ~/builds elsewhere
    expect_rc 1
    expect_in_stderr 'not an s3:// URL'
}

run_tests "$@"
