#!/usr/bin/env bash
# lq serve: the Model Context Protocol by hand and by the official Python SDK.
. "$(dirname -- "$0")/lib.sh"

# sdk MODE QUESTION...: see mcp_client.py. Skips the test without the SDK.
sdk() {
    python3 -c 'import mcp' 2>/dev/null || skip 'no mcp for Python'
    run python3 "$LQ_TEST_ROOT/tests/cli/mcp_client.py" "$@"
    expect_rc 0
}

# ask LINE...: what the server answers to these lines, in its stdout.
ask() {
    printf '%s\n' "$@" >requests
    serve_file requests
}

serve_file() {
    local file=$1
    shift
    run sh -c 'file=$1; shift; exec lq serve "$@" <"$file"' sh "$file" "$@"
    expect_rc 0
}

# call ID TOOL ARGUMENTS: one request.
call() {
    printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":%s}}\n' "$@"
}

# field FILTER: of the last line of stdout, by a Python expression over `it`.
field() {
    tail -n 1 -- "$state/out" | python3 -c 'import json, sys
it = json.loads(sys.stdin.readline())
print(eval(sys.argv[1]))' "$1"
}

is() {
    local got
    got=$(field "$1") || true
    [[ $got == "$2" ]] || fail "$1 is '$got', not '$2'"
}

two_runs() {
    new_project
    printf '%s\n' 'a.c:1:2: error: no such name [-Wx]' 'b.c:3: warning: odd' >one.log
    printf '%s\n' 'a.c:9:2: error: no such name [-Wx]' 'c.c:5:6: error: gone' >two.log
    lq run -n build sh -c 'cat one.log; exit 2' >/dev/null 2>&1 || true
    lq run -n build sh -c 'cat two.log; exit 2' >/dev/null 2>&1 || true
}

test_handshake_by_hand() {
    two_runs
    ask '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' \
        '{"jsonrpc":"2.0","method":"notifications/initialized"}' \
        '{"jsonrpc":"2.0","id":"two","method":"ping"}'
    expect_stdout <<'END'
{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18",...}}
{"jsonrpc":"2.0","id":"two","result":{}}
END
    expect_stderr </dev/null
    # A version that it does not speak is answered with the newest that it does.
    for version in 1999-01-01 2026-07-28; do
        ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"$version\"}}"
        is 'it["result"]["protocolVersion"]' 2025-11-25
    done
    # The last line needs no newline, and the end of input ends the server.
    printf '{"jsonrpc":"2.0","id":1,"method":"ping"}' >requests
    serve_file requests
    is 'it["result"]' '{}'
    serve_file /dev/null
    expect_stdout </dev/null
}

test_modern_revision_by_hand() {
    new_project
    local meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
    ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{$meta}}"
    is 'it["result"]["resultType"], it["result"]["cacheScope"], it["result"]["supportedVersions"][0]' \
        "('complete', 'private', '2026-07-28')"
    ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{$meta}}"
    is 'it["error"]["code"]' -32601
    ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{${meta/2026-07-28/2031-01-01}}}"
    is 'it["error"]["code"], it["error"]["data"]["requested"]' "(-32022, '2031-01-01')"
    ask '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
    is 'it["error"]["code"]' -32602
    ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"lq://none\",$meta}}"
    is 'it["error"]["code"]' -32602
    ask '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"lq://none"}}'
    is 'it["error"]["code"]' -32002
}

test_sdk_lists() {
    two_runs
    for mode in legacy auto; do
        sdk "$mode" list_tools list_resources list_resource_templates list_prompts
        python3 - "$state/out" "$mode" <<'END' || fail "lists in mode $mode"
import json, sys
from jsonschema import Draft202012Validator

version, *lines = open(sys.argv[1])
assert version.strip() == {"legacy": "2025-11-25", "auto": "2026-07-28"}[sys.argv[2]], version
tools, resources, templates, prompts = map(json.loads, lines)
names = [tool["name"] for tool in tools["tools"]]
assert names == ["run", "errors", "warnings", "events", "event", "context", "output", "status",
                 "history", "diff", "query", "sync_status"], names
for tool in tools["tools"]:
    Draft202012Validator.check_schema(tool["inputSchema"])
    Draft202012Validator.check_schema(tool["outputSchema"])
    assert tool["annotations"]["readOnlyHint"] == (tool["name"] != "run")
assert [r["uri"] for r in resources["resources"]] == ["lq://status", "lq://runs"]
assert [t["uriTemplate"] for t in templates["resourceTemplates"]] == [
    "lq://run/{ref}", "lq://event/{ref}"]
assert [p["name"] for p in prompts["prompts"]] == [
    "fix-errors", "analyze-regression", "summarize-run", "investigate-flaky"]
END
    done
}

test_sdk_tools() {
    two_runs
    for mode in legacy auto; do
        sdk "$mode" 'call_tool {"name": "errors", "arguments": {"limit": 2}}' \
            'call_tool {"name": "warnings"}' \
            'call_tool {"name": "event", "arguments": {"ref": "1:1"}}' \
            'call_tool {"name": "context", "arguments": {"ref": "2:2", "lines": 1}}' \
            'call_tool {"name": "status"}' 'call_tool {"name": "history", "arguments": {"limit": 1}}' \
            'call_tool {"name": "query", "arguments": {"sql": "SELECT count(*) AS n FROM lq_events"}}' \
            'call_tool {"name": "sync_status"}' \
            'call_tool {"name": "events", "arguments": {"ref": "1", "severity": "warning"}}' \
            'call_tool {"name": "output", "arguments": {"ref": "1", "grep": "odd"}}' \
            'call_tool {"name": "diff", "arguments": {"before": "1", "after": "2"}}'
        python3 - "$state/out" <<'END' || fail "answers in mode $mode"
import json, sys

answers = [json.loads(line) for line in open(sys.argv[1]).readlines()[1:]]
for answer in answers:
    assert not answer["isError"], answer
    assert json.loads(answer["content"][0]["text"]) == answer["structuredContent"]
errors, warnings, event, context, status, history, query, sync, events, output, diff = [
    answer["structuredContent"] for answer in answers]
assert [e["ref"] for e in events["events"]] == ["1:2"], events
assert [line["line"] for line in output["lines"]] == [2], output
assert sorted(c["change"] for c in diff["changes"]) == ["fixed", "new", "same"], diff
assert [e["ref"] for e in errors["events"]] == ["2:1", "2:2"] and errors["truncated"], errors
assert [e["message"] for e in warnings["events"]] == ["odd"] and not warnings["truncated"]
assert event["event"]["line_number"] == 1 and event["event"]["error_code"] == "-Wx"
assert [line["marked"] for line in context["lines"]] == [False, True], context
assert [run["ref"] for run in status["runs"]] == ["2"]
assert [run["ref"] for run in history["runs"]] == ["2"] and history["truncated"]
assert query["rows"] == [{"n": 4}]
assert sync["sync"]["destinations"][0]["pending_runs"] == 2 and not sync["sync"]["destinations"][0]["failures"]
END
    done
}

test_sdk_resources_and_prompts() {
    two_runs
    sdk auto 'read_resource {"uri": "lq://status"}' 'read_resource {"uri": "lq://runs"}' \
        'read_resource {"uri": "lq://run/build:~1"}' 'read_resource {"uri": "lq://event/1%3A1"}' 'read_resource {"uri": "lq://event/9:9"}' \
        'get_prompt {"name": "fix-errors", "arguments": {"run": "1"}}' \
        'get_prompt {"name": "summarize-run", "arguments": {}}' \
        'get_prompt {"name": "investigate-flaky", "arguments": {}}' \
        'get_prompt {"name": "analyze-regression", "arguments": {"before": "1"}}'
    python3 - "$state/out" <<'END' || fail 'resources and prompts'
import json, sys

answers = [json.loads(line) for line in open(sys.argv[1]).readlines()[1:]]
status, runs, run, event, none, fix, summary, flaky, incomplete = answers
assert len(json.loads(status["contents"][0]["text"])["runs"]) == 1
assert len(json.loads(runs["contents"][0]["text"])["runs"]) == 2
assert json.loads(run["contents"][0]["text"])["run"]["run_id"] == 1
assert json.loads(event["contents"][0]["text"])["event"]["ref"] == "1:1"
assert event["contents"][0]["uri"] == "lq://event/1%3A1"
assert none["error"] == -32602, none
facts = json.loads(fix["messages"][1]["content"]["text"])
assert [e["ref"] for e in facts["events"]] == ["1:1"], facts
assert "events" in json.loads(summary["messages"][1]["content"]["text"])
assert "runs" in json.loads(flaky["messages"][1]["content"]["text"])
assert incomplete["error"] == -32602 and "after" in incomplete["message"], incomplete
END
}

test_new_runs_are_seen() {
    two_runs
    mkfifo in out
    lq serve <in >out 2>err &
    exec 5>in 6<out
    call 1 errors '{}' >&5
    read -r first <&6
    lq run -n build sh -c 'cat two.log' >/dev/null 2>&1 || true
    call 2 errors '{}' >&5
    read -r second <&6
    exec 5>&- 6<&-
    wait $! || fail "rc $?"
    [[ $first == *'"2:1'* && $first != *'"3:1'* ]] || fail "first: $first"
    [[ $second == *'"3:1'* ]] || fail "second: $second"
}

test_two_servers() {
    two_runs
    sdk auto --at-once 'call_tool {"name": "errors"}' 'call_tool {"name": "status"}' >/dev/null &
    sdk auto --at-once 'call_tool {"name": "errors"}' 'call_tool {"name": "status"}'
    wait $! || fail "rc $?"
    expect_in_stdout '2:1'
}

# What a client sends must be answered with an error, whatever it is.
test_hostile_messages() {
    two_runs
    local line
    while IFS=$'\t' read -r code line; do
        ask "$line" '{"jsonrpc":"2.0","id":99,"method":"ping"}'
        is 'it["id"]' 99
        python3 -c 'import json, sys
it = json.loads(open(sys.argv[1]).readline())
sys.exit(it["error"]["code"] != int(sys.argv[2]))' "$state/out" "$code" || fail "$line: $(<"$state/out")"
    done <<'END'
-32700	{"jsonrpc":
-32700	nonsense
-32700	{"jsonrpc":"2.0","id":1e999,"method":"ping"}
-32600	[{"jsonrpc":"2.0","id":1,"method":"ping"}]
-32600	[]
-32600	17
-32600	"ping"
-32600	{}
-32600	{"jsonrpc":"1.0","id":1,"method":"ping"}
-32600	{"jsonrpc":"2.0","id":1}
-32600	{"jsonrpc":"2.0","id":1,"method":7}
-32600	{"jsonrpc":"2.0","id":1,"method":"pi\u0000ng"}
-32600	{"jsonrpc":"2.0","id":null,"method":"ping"}
-32600	{"jsonrpc":"2.0","id":{},"method":"ping"}
-32600	{"jsonrpc":"2.0","id":1.5,"method":"ping"}
-32601	{"jsonrpc":"2.0","id":1,"method":"tools/frobnicate"}
-32601	{"jsonrpc":"2.0","id":1,"method":""}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}
-32602	{"jsonrpc":"2.0","id":1,"method":"initialize"}
-32602	{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":5}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call"}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"errors","arguments":[]}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"errors","arguments":{"limit":"5"}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"errors","arguments":{"limit":0}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"errors","arguments":{"limit":10001}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"errors","arguments":{"other":1}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"event"}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"event","arguments":{"ref":"1\u0000"}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run","arguments":{"command":"x","args":[1]}}}
-32602	{"jsonrpc":"2.0","id":1,"method":"resources/read"}
-32602	{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"none"}}
-32602	{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"fix-errors","arguments":{"run":1}}}
-32002	{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"lq://event/%"}}
-32002	{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}
END
    # Neither of these is a request.
    ask '{"jsonrpc":"2.0","method":"frobnicate"}' '' '   ' '{"jsonrpc":"2.0","id":5,"result":{}}' \
        '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}'
    expect_stdout </dev/null
}

test_hostile_bytes() {
    new_project
    # Invalid UTF-8, NUL, deep nesting.
    { printf '{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}\n'
        printf '{"jsonrpc":"2.0","id":1,"method":"\0ping"}\n'
        head -c 100000 /dev/zero | tr '\0' '['
        printf '\n{"jsonrpc":"2.0","id":1,"method":"ping"}\n'; } >requests
    serve_file requests
    is 'it["result"]' '{}'
    [[ $(grep -c -- '-32700' "$state/out") == 3 ]] || fail "$(cut -c-200 "$state/out")"
}

test_endless_line() {
    new_project
    # A sanitizer reserves more than any limit that would tell something.
    local limit=2000000
    (ulimit -v "$limit" && lq --version) >/dev/null 2>&1 || limit=unlimited
    run bash -c '{ head -c 1000000000 /dev/zero | tr "\0" x; printf "\n"
        printf "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"; } |
        (ulimit -v "$0"; exec lq serve)' "$limit"
    expect_rc 0
    expect_stdout <<'END'
{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the message is longer than 4194304 bytes"}}
{"jsonrpc":"2.0","id":1,"result":{}}
END
}

test_sql_is_shut_in() {
    two_runs
    local sql
    echo secret >secret.txt
    while IFS= read -r sql; do
        ask "$(call 1 query "$(python3 -c 'import json, sys; print(json.dumps({"sql": sys.argv[1]}))' "$sql")")"
        is 'it["result"]["isError"]' True
        expect_not_in_stdout 'secret"'
    done <<'END'
DROP TABLE lq_run_rows
DELETE FROM lq_run_rows
CREATE TABLE x AS SELECT 1
INSERT INTO lq_run_rows SELECT * FROM lq_run_rows
COPY (SELECT 1) TO 'written.csv'
EXPLAIN ANALYZE COPY (SELECT 1) TO 'written.csv'
EXPLAIN ANALYZE /* /* */ SELECT 1 --*/ COPY (SELECT 1) TO 'written.csv'
SELECT 1; COPY (SELECT 1) TO 'written.csv'
ATTACH 'written.duckdb'
EXPORT DATABASE 'written'
SET enable_external_access = true
RESET lock_configuration
PRAGMA enable_external_access
INSTALL httpfs
LOAD httpfs
SELECT * FROM read_text('secret.txt')
SELECT * FROM 'secret.txt'
SELECT * FROM read_csv('secret.txt')
SELECT * FROM glob('*')
SELECT * FROM read_parquet('.lq/logs/**/*.parquet')
SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')
SELECT * FROM query('COPY (SELECT 1) TO ''written.csv''')
CHECKPOINT
CALL force_checkpoint()
nonsense
SELECT repeat('x', 5000000)
SELECT 'x'::INT
END
    [[ -z $(find . -name 'written*') ]] || fail 'something was written'
    # And after all that it answers.
    ask "$(call 1 query '{"sql": "FROM lq_runs SELECT count(*) AS n"}')"
    is 'it["result"]["structuredContent"]["rows"]' "[{'n': 2}]"
}

test_sql_has_an_end() {
    two_runs
    call 1 query '{"sql": "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"}' >requests
    call 2 query '{"sql": "SELECT range FROM range(1000000000)", "limit": 3}' >>requests
    serve_file requests --timeout 1
    is '[row["range"] for row in it["result"]["structuredContent"]["rows"]]' '[0, 1, 2]'
    is 'it["result"]["structuredContent"]["truncated"]' True
    expect_in_stdout 'stopped after 1 seconds: ask for less'
}

test_tools_can_be_chosen() {
    two_runs
    { echo '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        call 2 status '{}'; } >requests
    serve_file requests --tools errors,event
    is 'it["error"]["code"]' -32602
    python3 -c 'import json, sys
names = [tool["name"] for tool in json.loads(open(sys.argv[1]).readline())["result"]["tools"]]
sys.exit(names != ["errors", "event"])' "$state/out" || fail "tools: $(head -c 300 "$state/out")"
    run lq serve --tools errors,frobnicate
    expect_rc 2
    expect_in_stderr "no tool 'frobnicate'"
}

test_run_needs_permission() {
    two_runs
    { call 1 run '{"command": "touch ran"}'
        call 2 run '{"command": "touch", "args": ["ran"]}'
        call 3 run '{"command": "--version"}'; } >requests
    serve_file requests
    [[ $(grep -c '"isError":true' "$state/out") == 3 ]] || fail "$(<"$state/out")"
    [[ ! -e ran ]] || fail 'it was run'
}

test_run_registered() {
    two_runs
    lq register check 'cat one.log; exit 2' 2>/dev/null
    call 1 run '{"command": "check"}' >requests
    serve_file requests
    is 'it["result"]["isError"]' False
    is 'it["result"]["structuredContent"]["command"]' 'cat one.log; exit 2'
    is 'it["result"]["structuredContent"]["errors"][0]["ref"]' 3:1
    call 1 run '{"command": "check", "args": ["; touch ran"]}' >requests
    serve_file requests
    is 'it["result"]["isError"]' True
    call 1 run '{"command": "chec"}' >requests
    serve_file requests
    is 'it["result"]["content"][0]["text"]' \
        "no command 'chec' is registered here; there are: check"
    [[ ! -e ran ]] || fail 'it was run'
}

test_run_any() {
    two_runs
    # The command sees no request, and what it prints stays out of the protocol.
    { call 1 run '{"command": "sh", "args": ["-c", "cat; echo hello; cat one.log; exit 2"], "name": "again"}'
        echo '{"jsonrpc":"2.0","id":2,"method":"ping"}'; } >requests
    serve_file requests --allow-run-any
    [[ $(wc -l <"$state/out") == 2 ]] || fail "$(<"$state/out")"
    is 'it["id"], it["result"]["isError"]' '(1, False)'
    is 'it["result"]["structuredContent"]["exit_code"]' 2
    is 'it["result"]["structuredContent"]["errors"][0]["ref"]' 3:1
    run lq history -n 1 --csv
    expect_in_stdout ',again,'
}

test_run_can_be_cancelled() {
    new_project
    mkfifo in out
    lq serve --allow-run-any <in >out 2>err &
    exec 5>in 6<out
    call 1 run '{"command": "sh", "args": ["-c", "echo started >started; exec sleep 100"], "name": "long"}' >&5
    until [[ -s started ]]; do sleep 0.02; done
    echo '{"jsonrpc":"2.0","id":2,"method":"ping"}' >&5
    read -r answer <&6
    [[ $answer == *'"id":2'* ]] || fail "while it runs: $answer"
    echo '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}' >&5
    exec 5>&-
    [[ -z $(cat <&6) ]] || fail 'a cancelled request was answered'
    wait $! || fail "rc $?"
    exec 6<&-
    run lq history --csv
    expect_in_stdout interrupted
}

test_signal_ends_what_runs() {
    new_project
    mkfifo in
    lq serve --allow-run-any <in >out 2>err &
    exec 5>in
    call 1 run '{"command": "sh", "args": ["-c", "echo started >started; exec sleep 100"], "name": "long"}' >&5
    until [[ -s started ]]; do sleep 0.02; done
    kill -TERM $!
    rc=0
    wait $! || rc=$?
    [[ $rc == 143 ]] || fail "rc $rc"
    exec 5>&-
    run lq history --csv
    expect_in_stdout interrupted
}

# ends_with PID STATUS: the server ends so.
ends_with() {
    rc=0
    wait "$1" || rc=$?
    [[ $rc == "$2" ]] || fail "rc $rc, not $2"
}

test_signal_ends_a_question() {
    new_project
    mkfifo in
    lq serve --timeout 0 <in >out 2>err &
    exec 5>in
    printf '{"jsonrpc":"2.0","id":7,"method":"ping"}\n' >&5
    call 1 query '{"sql": "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"}' >&5
    until [[ -s out ]]; do sleep 0.02; done
    kill -TERM $!
    ends_with $! 143
    exec 5>&-
}

test_signal_ends_a_server_that_nobody_reads() {
    new_project
    mkfifo in out
    lq serve <in >out 2>err &
    exec 5>in 6<out
    # More than a pipe holds; after that the server waits, and so does who asks.
    for ((i = 0; i < 20; i++)); do printf '{"jsonrpc":"2.0","id":%d,"method":"tools/list"}\n' "$i"; done >&5
    python3 - <<'END'
import array, fcntl, termios, time
size, before = array.array("i", [0]), -1
while size[0] < 30000 or size[0] != before:
    before = size[0]
    time.sleep(0.3)
    fcntl.ioctl(6, termios.FIONREAD, size)
END
    kill -TERM $!
    ends_with $! 143
    exec 5>&- 6<&-
}

test_without_a_project() {
    ask "$(call 1 errors '{}')"
    is 'it["result"]["isError"]' True
    expect_in_stdout 'lq init'
}

test_empty_store() {
    new_project
    ask "$(call 1 errors '{}')"
    is 'it["result"]["structuredContent"]' "{'events': [], 'truncated': False}"
    ask "$(call 1 event '{"ref": "1:1"}')"
    is 'it["result"]["isError"]' True
}

test_init_mcp() {
    run lq init --mcp
    expect_rc 0
    expect_file .mcp.json <<'END'
{
  "mcpServers": {
    "lq": {
      "command": "lq",
      "args": [
        "serve"
      ]
    }
  }
}
END
    echo '{"z": 1.5, "mcpServers": {"other": {"command": "x"}}, "a": [null, "é"]}' >real.json
    chmod 600 real.json
    ln -sf real.json .mcp.json
    run lq init --mcp
    expect_rc 0
    [[ -L .mcp.json && $(stat -c %a real.json) == 600 ]] || fail 'the link or the mode is gone'
    expect python3 -c 'import json
assert json.load(open("real.json")) == {"z": 1.5, "a": [None, "é"], "mcpServers": {
    "other": {"command": "x"}, "lq": {"command": "lq", "args": ["serve"]}}}'
    # What is there already, or is no such file, is left alone.
    for text in '{"mcpServers":{"lq":{"command":"mine"}}}' '{"mcpServers":[]}' '{,}' '[]'; do
        echo "$text" >real.json
        run lq init --mcp
        [[ $(<real.json) == "$text" ]] || fail "$text became $(<real.json)"
        expect_in_stderr 'real.json'
        [[ $text == *mine* ]] || expect_rc 1
    done
}

run_tests "$@"
