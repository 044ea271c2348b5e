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
    expect_stdout <<'END'
namespace=acme/project=rocket/hostname=testhost/date=.../source=run/001_build_....parquet
END
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
    run cmp .lq/logs/*/*/*.parquet "$s3/root/bucket/lq/$(sed -n 2p there)"
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

run_tests "$@"
