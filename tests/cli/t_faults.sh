#!/usr/bin/env bash
# lq sync to S3 when requests fail, servers stop and lq is killed: everything arrives, or what is missing is
# named and the next sync brings it.
#
# LQ_TEST_FULL=1 (script/fuzz) takes 1,000 runs, three rates and 50 kills in place of 40, one and 8, and
# the silence of 30 s.
# shellcheck disable=SC2031,SC2119,SC2154 # lib.sh gives each test its HOME; s3.sh sets the server's variables
. "$(dirname -- "$0")/lib.sh"
. "$(dirname -- "$0")/s3.sh"

if [[ -n ${LQ_TEST_FULL:-} ]]; then
    n_runs=1000 rates='0.05 0.1 0.3' n_kills=50 n_push=200
else
    n_runs=40 rates=0.3 n_kills=8 n_push=40
fi

# break_requests SEED RATE FAULT...: requests go through the proxy from now on.
break_requests() {
    rm -f "$state/proxy.log"
    in_background proxy python3 "$LQ_TEST_ROOT/tests/cli/fault_proxy.py" "$s3_port" "$@"
    until [[ -s $state/proxy.log ]]; do sleep 0.01; done
    AWS_ENDPOINT_URL=http://127.0.0.1:$(<"$state/proxy.log")
}
mend_requests() {
    kill "$pid_proxy"
    export AWS_ENDPOINT_URL=http://127.0.0.1:$s3_port
}

# start_toxiproxy: requests go through it from now on.
start_toxiproxy() {
    local port
    need toxiproxy-server
    toxiproxy=127.0.0.1:$(free_port) port=$(free_port)
    in_background toxiproxy toxiproxy-server -seed 1 -host 127.0.0.1 -port "${toxiproxy#*:}"
    wait_for_port "${toxiproxy#*:}" "$pid_toxiproxy"
    ask_toxiproxy proxies '{"name": "s3", "listen": "127.0.0.1:%d", "upstream": "127.0.0.1:%d", "enabled": true}' "$port" "$s3_port"
    AWS_ENDPOINT_URL=http://127.0.0.1:$port
}
# ask_toxiproxy PATH FORMAT ARGUMENT...
ask_toxiproxy() {
    # shellcheck disable=SC2059 # a format
    curl -sSf -o "$state/toxiproxy.answer" -d "$(printf "$2" "${@:3}")" "http://$toxiproxy/$1"
}
# poison STREAM TYPE TOXICITY ATTRIBUTES, heal: what goes wrong with that part of all connections.
poison() {
    ask_toxiproxy proxies/s3/toxics '{"name": "toxic", "stream": "%s", "type": "%s", "toxicity": %s, "attributes": {%s}}' "$@"
}
heal() { curl -sSf -X DELETE "http://$toxiproxy/proxies/s3/toxics/toxic"; }

# expect_all_there N: each run once, with its bytes; nothing else.
expect_all_there() {
    local there=$s3_objects/lq/namespace=acme/project=rocket/hostname=testhost
    expect test "$(objects lq | grep -c parquet)" = "$1"
    expect diff <(cd .lq/logs && find . -name '*.parquet' -exec sha256sum {} + | cut -c-64 | sort) \
        <(find "$there" -name '*.parquet' -exec sha256sum {} + | cut -c-64 | sort)
}

test_random_faults() {
    local rate
    for rate in $rates; do
        rm -rf "$state/s3" .lq .git
        start_s3
        make_runs "$n_runs"
        break_requests "seed $rate" "$rate" 503 500 reset_before reset_after lost truncate drip
        run lq sync s3://bucket/lq
        expect_rc 0
        mend_requests
        expect_all_there "$n_runs"
        # Reading through the same.
        break_requests "reading $rate" "$rate" 503 500 reset_before lost truncate drip
        run lq pull s3://bucket/lq ~/copy
        expect_rc 0
        run diff -r --exclude=_lq "$s3_objects/lq" ~/copy
        expect_rc 0
        rm -r ~/copy
        mend_requests
        stop_s3
    done
}

test_lost_answers() {
    start_s3
    make_runs 8
    break_requests 1 0.5 lost
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 8
}

# When nothing gets through, what is missing is named, and the next sync brings it.
test_budget() {
    local fault
    start_s3
    new_project
    printf 'project: {namespace: acme, project: rocket}\nsync: {retry_budget_sec: 1}\n' >.lq/config.yaml
    FAULTS_WHILE=$state/broken break_requests 1 1 503 500 reset_after
    lq run -q -n first true 2>/dev/null
    lq sync s3://bucket/lq 2>/dev/null
    for fault in one two three; do lq run -q -n "$fault" true 2>/dev/null; done
    touch "$state/broken"
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr '3 of 3 runs could not be synced'
    for fault in 002_one 003_two 004_three; do
        expect test "$(grep -c "/${fault}_[0-9]*.parquet' is missing there: " "$state/err")" = 1
    done
    expect test "$(objects lq | grep -c parquet)" = 1
    run lq sync --status s3://bucket/lq
    expect_rc 0
    rm "$state/broken"
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 4
}

# The same when not even the first request of the first sync gets through.
test_no_way_there() {
    local name
    start_s3
    new_project
    printf 'project: {namespace: acme, project: rocket}\nsync: {retry_budget_sec: 1, include_raw: true}\n' >.lq/config.yaml
    for name in one two; do lq run -q -n "$name" true 2>/dev/null; done
    stop_s3
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr '4 of 4 files could not be synced'
    for name in /001_one_ /002_two_; do
        expect test "$(grep -c "'namespace=acme/project=rocket/hostname=.*${name}[0-9]*.parquet' is missing there: " "$state/err")" = 1
        expect test "$(grep -c "'namespace=acme/project=rocket/_raw/.*${name}[0-9]*.log.zst' is missing there: " "$state/err")" = 1
    done
    run lq sync --json s3://bucket/lq
    expect_rc 1
    expect test "$(grep -c '"outcome": "failed"' "$state/out")" = 4
    expect_in_stdout '"error": "4 of 4 files could not be synced"'
    serve_s3
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 2
}

# Slow, dripping, silent, cut and reset connections, in both directions: each time all of it arrives, and comes back.
test_toxic_ways() {
    local type toxicity attributes stream number=0
    start_s3
    make_runs 12
    start_toxiproxy
    while read -r type toxicity attributes <&3; do
        for stream in upstream downstream; do
            number=$((number + 1))
            poison "$stream" "$type" "$toxicity" "$attributes"
            run lq sync "s3://bucket/lq$number"
            expect_rc 0
            run lq pull "s3://bucket/lq$number" "$HOME/copy$number"
            expect_rc 0
            heal
            expect diff -r --exclude=_lq "$s3_objects/lq$number" "$HOME/copy$number"
            expect test "$(objects "lq$number" | grep -c parquet)" = 12
        done
    done 3<<'END'
latency 1 "latency": 100, "jitter": 50
bandwidth 1 "rate": 40
slicer 1 "average_size": 64, "size_variation": 32, "delay": 500
timeout 0.5 "timeout": 50
reset_peer 0.5 "timeout": 20
limit_data 0.5 "bytes": 3000
END
    expect test "$number" = 12
}

# The way there goes down in the middle of a sync, and is up again.
test_down_and_up() {
    start_s3
    make_runs 40
    start_toxiproxy
    poison downstream latency 1 '"latency": 100'
    lq sync -j 4 s3://bucket/lq 2>"$state/err" &
    local pid=$!
    until objects lq | grep -q parquet; do sleep 0.01; done
    ask_toxiproxy proxies/s3 '{"enabled": false}'
    sleep 0.5
    ask_toxiproxy proxies/s3 '{"enabled": true}'
    wait "$pid" || fail "$(cat "$state/err")"
    expect_all_there 40
    # Down from the start, and for good.
    lq run -q true 2>/dev/null
    ask_toxiproxy proxies/s3 '{"enabled": false}'
    printf 'project: {namespace: acme, project: rocket}\nsync: {retry_budget_sec: 1}\n' >.lq/config.yaml
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'is missing there: '
    ask_toxiproxy proxies/s3 '{"enabled": true}'
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 41
}

test_wrong_clock() {
    start_s3
    make_runs 2
    break_requests 1 1 skew
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'the clock of this machine is too far from that of'
    mend_requests
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 2
}

# A store that ignores If-None-Match is found out: every run gets a name that no other has.
test_condition_is_ignored() {
    start_s3
    make_runs 3
    break_requests 1 0 strip
    run lq sync s3://bucket/lq
    expect_rc 0
    expect test "$(objects lq | grep -cE '/00[0-9]_build_[0-9]{6}-[0-9a-f]{8}.parquet$')" = 3
    lq run -q true 2>/dev/null
    run lq sync s3://bucket/lq
    expect_rc 0
    expect test "$(objects lq | grep -cE -- '-[0-9a-f]{8}.parquet$')" = 4
}

test_server_restarts() {
    start_s3
    make_runs 16
    break_requests 1 0.5 drip
    lq sync -j 2 s3://bucket/lq 2>"$state/err" &
    local pid=$!
    until objects lq | grep -q parquet; do sleep 0.01; done
    stop_s3
    sleep 0.3
    serve_s3
    wait "$pid" || fail "$(cat "$state/err")"
    expect_all_there 16
}

# Killed at any moment, nothing is lost and nothing is there twice. The moments are numbers of requests that the server
# has answered by then, from none to that of the last run.
test_kills() {
    local i moment
    start_s3
    make_runs "$n_push"
    for ((i = 0; i < n_kills; i++)); do
        moment=$((s3_seen + i * n_push / n_kills))
        lq sync -j 4 s3://bucket/lq 2>/dev/null &
        until (($(wc -l <"$s3/access.log") >= moment)) || ! kill -0 $! 2>/dev/null; do :; done
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        expect diff <(cd .lq/logs && find . -name '*.parquet' -printf '%f %s\n' | sort) \
            <(find "$s3_objects" .lq/logs -name '*.parquet' -printf '%f %s\n' | sort -u)
        forget_requests
    done
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there "$n_push"
}

test_silence() {
    [[ -n ${LQ_TEST_FULL:-} ]] || return 0
    start_s3
    make_runs 20
    break_requests 1 0.1 silence
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_all_there 20
}

run_tests "$@"
