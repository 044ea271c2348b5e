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

# Each run is one request; whether the store honours If-None-Match is two more, once for a destination, and one
# where another clone has asked before. To verify is one for each 1,000 objects, and one for each that is missing.
test_requests_of_a_thousand() {
    start_s3
    make_runs 1000
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_requests 1002
    expect_requests 1001 'PutObject 200'
    expect_requests 1 'PutObject 412 .*/_lq/create-only'
    mkdir -p clone/.lq
    cp .lq/config.yaml clone/.lq
    cd clone
    runs 3
    forget_requests
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_requests 4
    cd ..
    expect test "$(objects lq | grep -c parquet)" = 1003
    rm "$s3_objects"/lq/*/*/*/*/*/0{17,18}_*.parquet
    forget_requests
    run lq sync --verify s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'verified 1000 files'
    expect_requests 4
    expect_requests 2 'ListObjectsV2 200'
    expect_requests 2 'PutObject 200'
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

# What is kept answers without the network: as much of the store as was asked for before.
test_offline() {
    start_s3
    fleet
    expect test "$(hosts_in -d s3://bucket/lq --hostname snape)" = 'snape,1 '
    forget_requests
    run lq history -d s3://bucket/lq --hostname snape --offline --csv
    expect_rc 0
    expect_in_stdout ,snape,
    expect_in_stderr "'s3://bucket/lq' as of 20"
    run lq history -d s3://bucket/lq --offline
    expect_rc 1
    expect_stderr <<'END'
lq: nothing is kept here of what is asked of 's3://bucket/lq': ask it once without --offline
END
    run lq history -d s3://bucket/lq --hostname snape --since 2020-01-01 --offline
    expect_rc 1
    run lq history -d s3://bucket/other --offline
    expect_rc 1
    expect_in_stderr "nothing is kept here of what is asked of 's3://bucket/other'"
    expect_requests 0
    # All of it tells each part.
    expect test "$(hosts_in -d s3://bucket/lq)" = 'hermione,2 snape,1 '
    stop_s3
    expect test "$(hosts_in -d s3://bucket/lq --offline)" = 'hermione,2 snape,1 '
    expect test "$(hosts_in -d s3://bucket/lq --namespace acme --until 2999-01-01 --offline)" = 'hermione,2 snape,1 '
    expect test "$(LQ_STORE=s3://bucket/lq hosts_in -g --source run --offline)" = 'hermione,2 snape,1 '
    run lq status -v -d s3://bucket/lq --offline
    expect_rc 0
    expect test "$(grep -c 'as of' "$state/err")" = 1
    run lq output build -d s3://bucket/lq --hostname snape --offline
    expect_rc 1
    expect_in_stderr 'the log is not kept here'
    echo "https://example.com/x?X-Amz-Signature=0" >urls
    run lq errors -d @urls --offline
    expect_rc 1
    expect_in_stderr 'with --offline'
    # A folder is asked as ever.
    cd snape
    run lq history --offline --csv
    expect_rc 0
    expect_in_stdout ,snape,
    expect test "$(wc -c <"$state/err")" = 0
    run lq pull s3://bucket/lq copy --offline
    expect_rc 2
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

# Two tenants, each a writer and a reader of one namespace, by the very policies that lq prints.
tenants() {
    local name
    for name in w1 r1 w2 r2 a1; do add_user "$name"; done
    start_s3
    lq policy --bucket bucket --prefix lq --namespace one --role writer --principal w1 >"$state/w1"
    lq policy --bucket bucket --prefix lq --namespace one --role reader --principal r1 >"$state/r1"
    lq policy --bucket bucket --prefix lq --namespace two --role writer --principal w2 >"$state/w2"
    lq policy --bucket bucket --prefix lq --namespace two --role reader --principal r2 >"$state/r2"
    lq policy --bucket bucket --prefix lq --namespace one --role admin --principal a1 >"$state/a1"
    put_policy "$state"/{w1,r1,w2,r2,a1}
    for name in one two; do
        mkdir "$name"
        cd "$name" || exit 1
        git -c init.defaultBranch=main init -q .
        lq init --namespace "$name" --project rocket >/dev/null 2>&1
        runs 1
        cd ..
    done
}

test_least_privilege() {
    tenants
    run as w1 lq sync -C one s3://bucket/lq
    expect_rc 0
    run as w2 lq sync -C two s3://bucket/lq
    expect_rc 0
    # Nobody writes the other's.
    (cd two && runs 1)
    run as w1 lq sync -C two s3://bucket/lq
    expect_rc 1
    expect_in_stderr "permission s3:PutObject is missing for 's3://bucket/lq/namespace=two/"
    run as r1 lq sync -C two s3://bucket/lq
    expect_rc 1
    # Each reads its own alone.
    expect test "$(as r1 lq sql -d s3://bucket/lq/namespace=one --csv 'SELECT count(*) FROM lq_runs' | tail -n 1)" = 1
    expect test "$(as r1 lq sql -d s3://bucket/lq --namespace one --csv 'SELECT count(*) FROM lq_runs' | tail -n 1)" = 1
    rm -rf ~/.cache/lq
    local path
    for path in lq/namespace=two lq ''; do
        run as r1 lq history -d "s3://bucket/$path"
        expect_rc 1
        expect_in_stderr 'permission s3:ListBucket is missing'
    done
    run as w1 lq history -d s3://bucket/lq/namespace=one
    expect_rc 1
    # An object is read by nobody without the right to, not even by its name.
    run as r2 lq errors -d "s3://bucket/$(objects | grep 'one/.*parquet')"
    expect_rc 1
    for path in '' '?list-type=2' "/$(objects | grep 'one/.*parquet')"; do
        expect test "$(curl -s -o /dev/null -w '%{http_code}' "$AWS_ENDPOINT_URL/bucket$path")" = 403
    done
    expect test "$(curl -s -o /dev/null -w '%{http_code}' -X PUT -d x "$AWS_ENDPOINT_URL/bucket/lq/namespace=one/x")" = 403
    # An admin verifies and repairs.
    rm "$s3_objects"/lq/namespace=one/*/host*/*/*/*
    run as a1 lq sync -C one --verify s3://bucket/lq
    expect_rc 0
    expect test "$(objects lq/namespace=one | grep -c parquet)" = 1
}

# A name that is taken, by what the writer may not read: it gets the run's own suffix, and so do all
# that follow.
test_taken_and_not_readable() {
    tenants
    as w1 lq sync -C one s3://bucket/lq 2>/dev/null
    local folder=$s3_objects/lq/namespace=one/project=rocket/hostname=testhost path
    cd one
    runs 1
    echo other >"$state/other"
    path=/lq/namespace=one/project=rocket/hostname=testhost/$(cd .lq/logs && echo date=*/source=run/002_*.parquet)
    put "$state/other" "${path//=/%3D}" # curl signs it as it is
    run as w1 lq sync s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: synced 1 run'
    expect test "$(objects lq/namespace=one | grep -c '/002_build_[0-9]*-[0-9a-f]*.parquet')" = 1
    expect grep -q other "$folder"/*/*/002_build_??????.parquet
    runs 1
    forget_requests
    run as w1 lq sync s3://bucket/lq
    expect_rc 0
    expect_requests 1
    expect_requests 1 'PutObject 200 .*/003_build_[0-9]*-[0-9a-f]*.parquet'
}

test_policies() {
    run lq policy --bucket b00 --role reader
    expect_rc 0
    run lq policy --bucket b00 --prefix 'p"q$r' --role reader --namespace 'a*' --project '../x'
    expect_rc 0
    python3 - "$state/out" <<'END' || fail "$(cat "$state/out")"
import json, sys
policy = json.load(open(sys.argv[1]))
assert policy["Statement"][0]["Resource"] == 'arn:aws:s3:::b00/p"q${$}r/namespace=a~2A/project=..~2Fx/*', policy
assert policy["Statement"][1]["Condition"]["StringLike"]["s3:prefix"].endswith('x/*')
END
    run lq policy --bucket b00 --prefix 'a*b' --role reader
    expect_rc 1
    run lq policy --role reader
    expect_rc 2
    run lq policy --bucket b00 --role king
    expect_rc 2
}

# Signed URLs give what they are for, and nothing else; they stand on stdout alone.
test_share() {
    start_s3
    new_project
    printf 'project: {namespace: acme, project: rocket}\nsync: {destination: s3://bucket/lq, include_raw: true}\n' >.lq/config.yaml
    lq run -q -n build sh -c 'echo "a.c:1:2: error: no"; exit 1' 2>/dev/null || true
    run lq share build
    expect_rc 1
    expect_in_stderr "is not in 's3://bucket/lq': 'lq sync' brings it there"
    lq sync 2>/dev/null
    run lq share build --run build
    expect_rc 2
    run lq share --run build --drop
    expect_rc 2
    run lq share --run build
    expect_rc 0
    expect test "$(wc -l <"$state/out")" = 2
    run lq share build --expires 2h
    expect_rc 0
    expect test "$(wc -l <"$state/out")" = 2
    expect_in_stderr 'lq: 2 URLs, good until 20'
    expect_not_in_stderr Signature
    cp "$state/out" urls
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL
    mkdir elsewhere
    cd elsewhere
    run lq errors -d @../urls --csv
    expect_rc 0
    expect_in_stdout a.c
    run lq errors -d - --csv <../urls
    expect_in_stdout a.c
    run lq context -d @../urls acme/rocket@testhost:1:1
    expect_rc 0
    expect_in_stdout 'error: no'
    expect test -z "$(find ~/.cache/lq -name 'shared*')"
    # What a killed process left goes with the next question; what is in use stays.
    mkdir -p ~/.cache/lq/shared-{killed,used}/namespace=acme
    : >~/.cache/lq/shared-killed/namespace=acme/x.parquet
    flock -s ~/.cache/lq/shared-used lq history -d @../urls >"$state/history" 2>&1
    expect test "$(cd ~/.cache/lq && echo shared-*)" = shared-used
    lq history -d @../urls >"$state/history" 2>&1
    expect test -z "$(find ~/.cache/lq -name 'shared*')"
    run lq errors -d "$(head -n 1 ../urls)"
    expect_rc 1
    expect_not_in_stderr "$(sed -n 's/.*X-Amz-Signature=//p' ../urls | head -n 1)"
    # Not for another method, nor changed, nor cut.
    expect test "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$(head -n 1 ../urls)")" = 403
    sed 's/Expires=7200/Expires=604800/' ../urls >changed
    run lq errors -d @changed
    expect_rc 1
    expect_in_stderr 'is not valid, or has ended'
    printf 'file:///etc/passwd\n' >bad
    run lq errors -d @bad
    expect_rc 1
    expect_stderr <<'END'
lq: line 1 of the list is no http URL
END
    run lq errors -d @nothing
    expect_rc 1
}

test_share_ends() {
    start_s3
    new_project
    runs 1
    LQ_STORE=s3://bucket/lq
    export LQ_STORE
    lq sync 2>/dev/null
    lq share build --expires 1s >urls 2>/dev/null
    sleep 2
    run lq errors -d @urls
    expect_rc 1
    expect_in_stderr 'has ended'
    for expires in 8d 0s x 5 2026-01-01; do
        run lq share build --expires "$expires"
        expect_rc 2
    done
    run lq share
    expect_rc 2
    run lq share --since 1d
    expect_rc 0
    expect test "$(wc -l <"$state/out")" = 1
}

# A machine without credentials pushes one run, once.
test_drop() {
    start_s3
    new_project
    export LQ_STORE=s3://bucket/lq
    lq share --drop >drop 2>/dev/null
    lq share --drop --hostname sensor >again 2>/dev/null
    expect test "$(wc -l <drop)" = 2
    unset LQ_STORE
    (
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL
        runs 2
        run lq sync --drop @drop 1
        expect_rc 0
        expect_in_stderr 'lq: pushed run 1'
        run lq sync --drop @drop
        expect_rc 1
        expect_in_stderr 'was used already'
        run lq sync --drop - <again
        expect_rc 0
        run lq sync --drop "$(head -n 1 drop)"
        expect_rc 2
        exit "$failed"
    ) || failed=1
    run objects lq
    expect_stdout <<'END'
namespace=acme/project=rocket/_raw/hostname=drop/date=.../source=run/001_drop_...-....log.zst
namespace=acme/project=rocket/_raw/hostname=sensor/date=.../source=run/001_drop_...-....log.zst
namespace=acme/project=rocket/hostname=drop/date=.../source=run/001_drop_...-....parquet
namespace=acme/project=rocket/hostname=sensor/date=.../source=run/001_drop_...-....parquet
END
    rm -rf .lq/logs
    expect test "$(lq sql -d s3://bucket/lq --csv 'SELECT count(DISTINCT run_uid) FROM lq_runs' | tail -n 1)" = 2
}

# Each mistake in one line, which names the variable, and no secret anywhere.
test_credentials() {
    start_s3
    new_project
    runs 2
    fails() {
        run "$@" lq sync s3://bucket/lq
        expect_rc 1
        expect test "$(wc -l <"$state/err")" = 1
        expect_not_in_stderr rootsecret
        expect_not_in_stderr wrongsecret
    }
    fails env -u AWS_SECRET_ACCESS_KEY
    expect_in_stderr 'AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not'
    fails env -u AWS_ACCESS_KEY_ID
    expect_in_stderr 'AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not'
    fails env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
    expect_in_stderr 'no credentials for S3: set AWS_ACCESS_KEY_ID'
    fails env AWS_ACCESS_KEY_ID=NOSUCHKEY
    expect_in_stderr "does not know the access key 'NOSUCHKEY' (AWS_ACCESS_KEY_ID)"
    fails env AWS_SECRET_ACCESS_KEY=wrongsecret
    expect_in_stderr "the secret key does not belong to the access key 'ROOTKEY' (AWS_SECRET_ACCESS_KEY)"
    fails env AWS_REGION=eu-west-1
    expect_in_stderr "(AWS_REGION)"
    fails env AWS_ENDPOINT_URL=127.0.0.1
    expect_in_stderr 'AWS_ENDPOINT_URL does not begin with https:// or http://'
    fails env AWS_CA_BUNDLE=/nowhere
    expect_in_stderr 'AWS_CA_BUNDLE'
    run lq sync s3://nobucket/lq
    expect_rc 1
    expect_in_stderr "has no such bucket"
    run lq sync s3://ROOTKEY:rootsecret@bucket/lq
    expect_rc 1
    expect_not_in_stderr secret
    # What is known to work goes on to say only what is wrong.
    lq sync s3://bucket/lq 2>/dev/null
    runs 2
    AWS_SECRET_ACCESS_KEY=wrongsecret run lq sync s3://bucket/lq
    expect_rc 1
    expect_stderr <<'END'
lq: the secret key does not belong to the access key 'ROOTKEY' (AWS_SECRET_ACCESS_KEY)
lq: 2 of 2 runs could not be synced
END
    run lq sync s3://bucket/lq
    expect_rc 0
    grep -rqa -e rootsecret -e wrongsecret .lq "$s3_objects" && fail 'a secret is in a file'
    return 0
}

# Profiles of AWS's own files.
test_profile() {
    start_s3
    new_project
    runs 1
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
    mkdir ~/.aws
    printf '[default]\naws_access_key_id = NOSUCH\naws_secret_access_key = x\n[work]\naws_access_key_id = ROOTKEY\naws_secret_access_key = rootsecret\n' >~/.aws/credentials
    printf '[profile work]\nregion = us-east-1\n' >~/.aws/config
    AWS_PROFILE=work run lq sync s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: synced 1 run'
    run lq sync --force s3://bucket/lq
    expect_rc 1
    expect_in_stderr "the access key 'NOSUCH' (from the profile or role in use)"
    AWS_PROFILE=none run lq sync --force s3://bucket/lq
    expect_rc 1
    expect_in_stderr "none in the profile 'none' (AWS_PROFILE)"
}

# While lq works, no secret is in an argument list, nor in the environment of what it starts.
test_no_secret_in_sight() {
    need strace
    start_s3
    new_project
    runs 1
    # Under the address sanitizer, leaks cannot be looked for by a process that is traced.
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -s 4096 -e trace=execve,execveat,write,pwrite64 -o trace lq sync -v s3://bucket/lq >out 2>&1
    grep -a -e rootsecret -e 'X-Amz-Signature' trace out && fail 'seen'
    return 0
}

# make_certificate HOST: tls/server.pem and server.key, by the authority tls/ca.pem.
make_certificate() {
    need openssl
    mkdir tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls/ca.key \
        -out tls/ca.pem -days 2 -subj '/CN=test CA' 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls/server.key \
        -out tls/server.csr -subj "/CN=$1" 2>/dev/null
    printf 'subjectAltName = DNS:%s' "$1" >tls/san
    openssl x509 -req -in tls/server.csr -CA tls/ca.pem -CAkey tls/ca.key -CAcreateserial -days 2 \
        -extfile tls/san -out tls/server.pem 2>/dev/null
    chmod 644 tls/*
}

# Where sts.us-east-1.amazonaws.com is this machine: DuckDB's extension asks for a role's keys there, by TLS and the
# system's certificates, and neither a variable nor a proxy leads it elsewhere. So the test has its own network.
with_own_token_service() {
    printf '127.0.0.1 localhost\n192.0.2.1 sts.us-east-1.amazonaws.com\n' >hosts
    mount --bind hosts /etc/hosts
    mount --bind tls/ca.pem /etc/ssl/certs/ca-certificates.crt
    # Up, and with an address besides 127.0.0.1, which alone is as good as none to the resolver.
    python3 -c 'import fcntl, socket, struct
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))
    fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, bytes((192, 0, 2, 1))))'
    in_background sts python3 "$LQ_TEST_ROOT/tests/cli/sts.py" tls/server.pem tls/server.key token "$AWS_ROLE_ARN"
    wait_for_port 443 "$pid_sts"
    start_s3
    export AWS_ENDPOINT_URL_S3=$AWS_ENDPOINT_URL
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    runs 2
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'AWS_ENDPOINT_URL_S3 is for the store alone'
    unset AWS_ENDPOINT_URL
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: synced 2 runs'
    expect_requests 2 'PutObject 200 .*parquet'
    run lq history -d s3://bucket/lq
    expect_rc 0
    AWS_ROLE_SESSION_NAME=with-token run lq sync --force s3://bucket/lq
    expect_rc 1
    expect_in_stderr "the session token of access key 'ROOTKEY' is not valid (from the profile or role in use)"
    expect_not_in_stderr secretsession
    printf 'of another' >other
    AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/other run lq sync --force s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'gives none to the role in AWS_ROLE_ARN for the token in AWS_WEB_IDENTITY_TOKEN_FILE'
    expect_not_in_stderr 'of another'
    run sort -u "$state/sts.log"
    expect_stdout <<'END'
200
400
END
    exit "$failed"
}

test_web_identity() {
    local user=()
    need versitygw
    make_certificate sts.us-east-1.amazonaws.com
    new_project
    printf 'a token' >token
    export AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token AWS_ROLE_ARN=arn:aws:iam::123456789012:role/lq-writer
    export AWS_EC2_METADATA_DISABLED=true state failed rc ran
    [[ $(id -u) == 0 ]] || user=(--map-root-user)
    # shellcheck disable=SC2046 # names of functions
    export -f $(compgen -A function)
    unshare "${user[@]}" --mount --net "$BASH" -euc with_own_token_service || failed=1
}

# Certificates are verified, and there is no switch to turn that off.
test_tls() {
    make_certificate localhost
    start_s3 --cert "$PWD/tls/server.pem" --key "$PWD/tls/server.key"
    new_project
    runs 1
    export AWS_ENDPOINT_URL=https://localhost:$s3_port
    run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'the certificate does not hold'
    AWS_CA_BUNDLE=tls/ca.pem AWS_ENDPOINT_URL=https://127.0.0.1:$s3_port run lq sync s3://bucket/lq
    expect_rc 1
    expect_in_stderr 'the certificate does not hold'
    expect test -z "$(objects)"
    export AWS_CA_BUNDLE=tls/ca.pem
    run lq sync s3://bucket/lq
    expect_rc 0
    run lq errors -d s3://bucket/lq
    expect_rc 0
    lq share -d s3://bucket/lq --since 1d >urls 2>/dev/null
    run lq history -d @urls
    expect_rc 0
    AWS_CA_BUNDLE='' run lq history -d @urls
    expect_rc 1
    expect_not_in_stderr Signature
    expect_requests 1 'PutObject 200 .*parquet'
}

# peak_of FILE COMMAND...: its peak memory in MB goes to FILE.
peak_of() {
    python3 - "$@" <<'END'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
sys.exit(code)
END
}

# A large raw log goes in flat memory, whole; LQ_TEST_FULL=1 (script/fuzz) takes 1 GB in place of 50 MB.
test_large_raw_log() {
    local megabytes=50
    [[ -z ${LQ_TEST_FULL:-} ]] || megabytes=1000
    start_s3
    new_project
    runs 1
    lq run -q -n large sh -c "head -c $((megabytes + megabytes / 20))MB /dev/urandom | base64" 2>/dev/null
    expect test "$(stat -c %s .lq/raw/*/*/002_*.zst)" -gt "${megabytes}000000"
    run peak_of pushing lq sync --raw s3://bucket/lq
    expect_rc 0
    expect cmp .lq/raw/*/*/002_*.zst "$s3_objects"/lq/*/*/_raw/*/*/*/002_*.zst
    run peak_of pulling lq pull s3://bucket/lq copy --raw --name large
    expect_rc 0
    expect cmp .lq/raw/*/*/002_*.zst copy/*/*/_raw/*/*/*/002_*.zst
    note "$megabytes MB: $(<pushing) MB of memory to push, $(<pulling) to pull"
    [[ -n ${ASAN_OPTIONS:-}${UBSAN_OPTIONS:-} ]] || expect test "$(<pushing)" -lt 32
}

# Another server: listing, names, create-only, and reading them back.
test_on_moto() {
    need moto_server
    start_s3
    local port
    port=$(free_port)
    in_background moto moto_server -H 127.0.0.1 -p "$port"
    wait_for_port "$port" "$pid_moto"
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port
    curl -sf -X PUT "$AWS_ENDPOINT_URL/bucket" >/dev/null
    git -c init.defaultBranch=main init -q .
    lq init --namespace "a b+c%20&ü'" --project 'p/../q' >/dev/null 2>&1
    runs 3
    run lq sync s3://bucket/lq
    expect_rc 0
    rm .lq/state.db*
    run lq sync s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: found 3 already'
    run lq pull s3://bucket/lq copy
    expect_rc 0
    expect test "$(cat copy/*/*/*/*/*/*.parquet | sha256sum)" = "$(cat .lq/logs/*/*/*.parquet | sha256sum)"
    run lq sync --verify --deep s3://bucket/lq
    expect_rc 0
    expect_in_stderr 'lq: verified 3 files'
}

run_tests "$@"
