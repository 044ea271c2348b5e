# shellcheck shell=bash
# An S3 server for tests of the command line, sourced behind lib.sh:
#
#     test_push() {
#         start_s3                       versitygw with the empty bucket `bucket`, and the variables for it
#         new_project; …
#         run lq sync s3://bucket/lq
#         expect_requests 1 PutObject
#     }
#
# The server keeps objects as plain files below $s3_objects, and ends with the test. Each test has
# its own, on a free port.


# A port of 127.0.0.1 that is free now.
free_port() {
    python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# in_background NAME COMMAND...: it ends with the test, whatever ends that. Sets pid_NAME.
in_background() {
    local name=$1
    shift
    # shellcheck disable=SC2154 # lib.sh sets it
    setpriv --pdeathsig KILL "$@" >"$state/$name.log" 2>&1 </dev/null &
    printf -v "pid_$name" '%s' "$!"
    disown
}

# wait_for_port PORT PID: until something answers there; false when the process ends first.
wait_for_port() {
    local i
    for ((i = 0; i < 1000; i++)); do
        ! (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.01
    done
    return 1
}

# serve_s3 [OPTION OF VERSITYGW...]: on s3_port. False when it is not free.
serve_s3() {
    ROOT_ACCESS_KEY_ID=ROOTKEY ROOT_SECRET_ACCESS_KEY=rootsecret \
        in_background gw versitygw --port "127.0.0.1:$s3_port" --iam-dir "$s3/iam" \
        --iam-cache-disable --access-log "$s3/access.log" --quiet --keep-alive "$@" posix "$s3_root"
    # shellcheck disable=SC2154 # in_background sets it
    wait_for_port "$s3_port" "$pid_gw"
}

# start_s3 [OPTION OF VERSITYGW...]
start_s3() {
    local try
    need versitygw
    s3=$state/s3 s3_root=$s3/data s3_objects=$s3/data/bucket
    mkdir -p "$s3_objects" "$s3/iam"
    [[ -f $s3/iam/users.json ]] || printf '{"accessAccounts":{}}' >"$s3/iam/users.json"
    : >>"$s3/access.log"
    for try in 1 2 3; do
        s3_port=$(free_port)
        ! serve_s3 "$@" || break
        ((try < 3)) || { cat "$state/gw.log"; return 1; }
    done
    export AWS_ACCESS_KEY_ID=ROOTKEY AWS_SECRET_ACCESS_KEY=rootsecret AWS_REGION=us-east-1
    export AWS_ENDPOINT_URL=http://127.0.0.1:$s3_port
    # DuckDB's extension that finds credentials keeps what it made.
    echo 'leak:aws.duckdb_extension' >"$state/leaks"
    export LSAN_OPTIONS=suppressions=$state/leaks:print_suppressions=0
    forget_requests
}

# stop_s3, serve_s3 again: the objects stay.
stop_s3() {
    kill -KILL "$pid_gw"
    while kill -0 "$pid_gw" 2>/dev/null; do sleep 0.01; done
}

# add_user NAME: one without any right, whose secret is NAMEsecret. Before start_s3.
add_user() {
    mkdir -p "$state/s3/iam"
    python3 - "$state/s3/iam/users.json" "$1" <<'END'
import json, os, sys
path, name = sys.argv[1:]
users = json.load(open(path)) if os.path.exists(path) else {"accessAccounts": {}}
users["accessAccounts"][name] = {"access": name, "secret": name + "secret", "role": "user",
                                 "userID": 0, "groupID": 0, "projectID": 0}
json.dump(users, open(path, "w"))
END
}

# as NAME COMMAND...: with that user's keys.
as() { AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=${1}secret "${@:2}"; }

# put FILE PATH: as the object or other resource bucket/PATH, by its owner.
put() {
    curl -sS --fail-with-body --aws-sigv4 aws:amz:us-east-1:s3 --user ROOTKEY:rootsecret -X PUT \
        -H "x-amz-content-sha256: $(sha256sum <"$1" | cut -c-64)" --data-binary "@$1" \
        "$AWS_ENDPOINT_URL/bucket$2"
}

# put_policy FILE...: the bucket's policy is the statements of all.
put_policy() {
    python3 - "$@" >"$state/policy.json" <<'END'
import json, sys
policy = json.load(open(sys.argv[1]))
for path in sys.argv[2:]:
    policy["Statement"] += json.load(open(path))["Statement"]
for number, statement in enumerate(policy["Statement"]):
    statement["Sid"] += str(number)
json.dump(policy, sys.stdout)
END
    put "$state/policy.json" '?policy='
}

# What was asked of the server since forget_requests, a line each: "PutObject 200 KEY".
requests() { tail -n "+$((s3_seen + 1))" "$s3/access.log" | awk '{ sub(/^s3_/, "", $8); print $8, $11, $9 }'; }
forget_requests() { s3_seen=$(wc -l <"$s3/access.log"); }

# expect_requests COUNT [PATTERN]: so many since forget_requests, that match.
expect_requests() {
    local n
    n=$(requests | grep -cE -e "${2:-.}" || true)
    [[ $n == "$1" ]] && return
    fail "$n requests '${2:-}', not $1:"
    requests | head -n 20 | sed 's/^/#   /'
}

# Names of the objects below s3://bucket/PREFIX.
objects() { (cd "$s3_objects/${1:-}" 2>/dev/null && find . -type f -printf '%P\n' | sort); }

# make_runs N: a project with so many different runs, quickly: copies of one under other uids.
make_runs() {
    new_project
    lq run -q -n build sh -c 'echo "a.c:1:2: error: no"; exit 1' 2>/dev/null || true
    local file folder i
    file=$(echo .lq/logs/*/*/*.parquet) folder=$(dirname .lq/logs/*/*/*.parquet)
    for ((i = 2; i <= $1; i++)); do
        printf "COPY (SELECT * REPLACE (%d::BIGINT AS run_id, '0198c8a4-0000-7000-8000-%012x' AS run_uid) FROM '%s') TO '%s/%03d_build_120000.parquet';\n" \
            "$i" "$i" "$file" "$folder" "$i"
    done | duckdb >/dev/null
}
