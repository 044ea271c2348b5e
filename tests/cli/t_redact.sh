#!/usr/bin/env bash
# Secrets: what a run stores of them (nothing), and lq redact.
. "$(dirname -- "$0")/lib.sh"

# No text here may look like a secret to who scans this repository.
token() { printf 'gh%s_Zk3vQ9wXb7mN5tR2yH8cuJ6dF4gS1aPeLo0i' p; }

# Fail where a file of the project, or an answer, holds TEXT; compressed and Parquet ones by their content.
expect_nowhere() {
    local file
    while IFS= read -r -d '' file; do
        case $file in
        *.zst) zstd -dcq -- "$file" ;;
        *) cat -- "$file" ;;
        esac | grep -qaF -e "$1" && fail "'$1' in $file"
    done < <(find .lq -type f -print0)
    lq sql "FROM lq_events" --json | grep -qF -e "$1" && fail "'$1' in an event"
    lq sql "FROM lq_runs" --json | grep -qF -e "$1" && fail "'$1' in a run"
    return 0
}

raw_log() { zstd -dcq .lq/raw/*/*/*.zst; }

test_a_run_stores_no_secret() {
    new_project
    printf 'project: {namespace: n, project: p}\ncapture: {env: ["X_*", NPM_TOKEN, URL, CC]}\n' >.lq/config.yaml
    cat >build.sh <<END
echo "a.c:1:2: error: no access with $(token) here"
printf 'b.c:3: warning: odd\r\nlast --password=hunter2'
END
    run env X_DB_PASSWORD=hunter2 X_PLAIN=shown NPM_TOKEN=hunter2 CC=gcc \
        "URL=https://me:hunter2@example.com/" lq run --json bash build.sh --token hunter2
    expect_rc 0
    expect_in_stdout '"command": "bash build.sh --token [redacted:option]"'
    expect_in_stdout '"message": "no access with [redacted:github-token] here"'
    expect_in_stdout '"last --password=[redacted:option]"'
    expect_not_in_stdout hunter2
    expect_not_in_stdout "$(token)"
    # Who started it sees all of it.
    expect_in_stderr "$(token)"
    expect_in_stderr hunter2
    raw_log >kept
    printf '%s\n%s\r\n%s' 'a.c:1:2: error: no access with [redacted:github-token] here' \
        'b.c:3: warning: odd' 'last --password=[redacted:option]' | cmp - kept || fail 'kept otherwise'
    expect_nowhere hunter2
    expect_nowhere "$(token)"
    run lq sql -o csv "SELECT environment['X_DB_PASSWORD'] AS a, environment['X_PLAIN'] AS b,
        environment['NPM_TOKEN'] AS c, environment['CC'] AS d, environment['URL'] AS e FROM lq_runs"
    expect_stdout <<'END'
a,b,c,d,e
[redacted:variable],shown,[redacted:variable],gcc,https://example.com/
END
    run lq events -o csv
    expect_in_stdout ',1,1,'
    expect_in_stdout ',2,2,'
}

test_a_run_that_is_not_recorded() {
    run lq run --json echo --token=hunter2
    expect_in_stdout '"command": "echo --token=[redacted:option]"'
    expect_not_in_stdout hunter2
}

test_lines_keep_their_numbers() {
    new_project
    {
        echo '-----BEGIN RSA PRIVATE KEY-----'
        for _ in 1 2 3 4; do echo 'MIIEZk3vQ9wXb7mN5tR2yH8cuJ6dF4gS1aPeLo0iZk3vQ9wXb7mN5tR2yH8cuJ6d'; done
        echo '-----END RSA PRIVATE KEY-----'
        echo 'a.c:1:2: error: no'
    } >log
    lq import log 2>/dev/null
    run lq sql -o csv 'SELECT log_line_start, log_line_end FROM lq_events'
    expect_stdout <<'END'
log_line_start,log_line_end
7,7
END
    run lq output 1
    expect_stdout <<'END'
-----BEGIN RSA PRIVATE KEY-----
[redacted:private-key]
[redacted:private-key]
[redacted:private-key]
[redacted:private-key]
-----END RSA PRIVATE KEY-----
a.c:1:2: error: no
END
    expect_nowhere MIIEZk3v
}

test_capture_passes_all_on() {
    new_project
    run lq capture < <(echo "x $(token) y")
    expect_stdout <<END
x $(token) y
END
    expect_nowhere "$(token)"
    run raw_log
    expect_stdout <<'END'
x [redacted:github-token] y
END
}

test_a_name_is_no_way_out() {
    new_project
    lq run "A=$(token) true" 2>/dev/null
    lq run -n "$(token)" true 2>/dev/null
    lq run --no-raw echo --password=hunter2 >/dev/null 2>&1
    expect_nowhere "$(token)"
    expect_nowhere hunter2
    [[ $(find .lq -name '*ghp*') == '' ]] || fail 'a file is named after a token'
}

test_pieces() {
    new_project
    # A secret that comes in two writes, long before the rest of its line.
    cat >slow.sh <<END
printf 'x %s' "$(token | head -c 12)"; sleep 0.2; printf '%s y\n' "$(token | tail -c +13)"
END
    lq run -q bash slow.sh 2>/dev/null
    run raw_log
    expect_stdout <<'END'
x [redacted:github-token] y
END
}

test_raw_is_the_childs_bytes_otherwise() {
    new_project
    head -c 3000000 /dev/urandom >bytes
    lq run -q cat bytes 2>/dev/null
    raw_log | cmp - bytes || fail 'other bytes'
}

test_off() {
    new_project
    printf 'project: {namespace: n, project: p}\ncapture: {redact: off, env: [NPM_TOKEN]}\n' >.lq/config.yaml
    NPM_TOKEN=hunter2 lq run -q echo --token=abc 2>/dev/null
    run raw_log
    expect_stdout <<'END'
--token=abc
END
    run lq sql -o csv "SELECT command, environment['NPM_TOKEN'] AS t FROM lq_runs"
    expect_stdout <<'END'
command,t
echo --token=abc,hunter2
END
    run lq redact < <(echo --token=abc)
    expect_stdout <<'END'
--token=[redacted:option]
END
    expect_stderr <<'END'
lq: capture.redact is off in this project: what it records keeps its secrets
END
}

test_own_patterns() {
    new_project
    printf 'project: {namespace: n, project: p}\ncapture:\n  redact:\n    - corp-[0-9]+\n    - "(?i)pin: (\\\\d{4})"\n' >.lq/config.yaml
    lq run -q printf 'a corp-77 b\nPIN: 0000\n--token=x\n' 2>/dev/null
    run raw_log
    expect_stdout <<'END'
a [redacted:custom-1] b
PIN: [redacted:custom-2]
--token=[redacted:option]
END
}

test_bad_patterns() {
    new_project
    local text
    while IFS='|' read -r text problem; do
        printf 'project: {namespace: n, project: p}\ncapture:\n  redact: %s\n' "$text" >.lq/config.yaml
        run lq history
        expect_rc 1
        expect_stderr <<END
lq: '$PWD/.lq/config.yaml' line 3: capture.redact $problem
END
    done <<'END'
[good, "(bad"]|is no regular expression: missing closing parenthesis
[""]|is empty
[[x]]|must be a list of regular expressions, or off
{a: b}|must be a list of regular expressions, or off
on|must be a list of regular expressions, or off
END
}

test_redact_command() {
    printf 'one\ntwo --token=abc\n\nlast Authorization: Basic abc=' >log
    run lq redact log
    expect_rc 0
    printf 'one\ntwo --token=[redacted:option]\n\nlast Authorization: Basic [redacted:authorization]' |
        cmp - "$state/out" || fail 'redacted otherwise'
    run lq redact --check log
    expect_rc 0
    expect_stdout <<'END'
2: option: two --token=[redacted:option]
4: authorization: last Authorization: Basic [redacted:authorization]
END
    expect_stderr <<'END'
lq: would hide 2 secrets on 2 lines
END
    run lq redact --check --json - < <(printf 'x\377 --token="a b" Pwd=1;Pwd=2345\n')
    expect_stdout <<'END'
[
 {"line": 1, "patterns": ["option", "parameter"], "text": "x� --token=\"[redacted:option]\" Pwd=1;Pwd=[redacted:parameter]"}
]
END
    run lq redact --check < <(echo nothing)
    expect_rc 0
    expect_stdout </dev/null
    expect_stderr <<'END'
lq: nothing to hide
END
    run lq redact --check --json < <(echo nothing)
    expect_stdout <<'END'
[]
END
    run lq redact --patterns
    expect_in_stdout 'github-token'
    run lq redact --json log
    expect_rc 2
    run lq redact missing
    expect_rc 1
    expect_stderr <<'END'
lq: cannot open 'missing': No such file or directory
END
    run lq redact .
    expect_rc 1
    run sh -c 'lq redact log >/dev/full'
    expect_rc 1
}

test_files_full_of_random_letters() {
    # What build logs hold: commits, hashes, lock files, pictures. Seeded, so that it is the same each time.
    need python3
    python3 - >log <<'END'
import base64, hashlib, random
r = random.Random(7)
for i in range(20000):
    data = r.randbytes(64)
    print("commit", hashlib.sha1(data).hexdigest())
    print(f'      "integrity": "sha512-{base64.b64encode(data).decode()}",')
    print(f"golang.org/x/sys v0.{i}.0 h1:{base64.b64encode(data[:32]).decode()}=")
    print(f"    --hash=sha256:{hashlib.sha256(data).hexdigest()} \\")
for i in range(200):
    print("data:image/png;base64," + base64.b64encode(r.randbytes(9000)).decode())
    print(base64.urlsafe_b64encode(r.randbytes(9000)).decode())
END
    run lq redact --check log
    expect_stdout </dev/null
    lq redact log | cmp - log
}

run_tests "$@"
