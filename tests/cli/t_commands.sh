#!/usr/bin/env bash
# Registered commands: lq register, unregister, commands, lq run NAME, lq init --detect.
. "$(dirname -- "$0")/lib.sh"

test_register_and_run() {
    new_project
    run lq register --description 'all of it' --format gcc build sh -c 'echo "a.c:1:2: error: $0"' 'x y'
    expect_rc 0
    expect_stderr <<'END'
lq: 'lq run build' runs: sh -c 'echo "a.c:1:2: error: $0"' 'x y'
END
    run lq run build
    expect_rc 0
    expect_stdout <<'END'
a.c:1:2: error: x y
END
    run lq sql --csv 'SELECT source_name, command, error_count FROM lq_runs'
    expect_stdout <<'END'
source_name,command,error_count
build,"sh -c 'echo ""a.c:1:2: error: $0""' 'x y'",1
END
    run lq run -n other build
    expect_in_stderr 'run 2 other'
}

test_words_are_appended() {
    new_project
    lq register say 'printf "%s\n" first' 2>/dev/null
    run lq run say 'a  b' "it's" '$HOME' -q
    expect_stdout <<'END'
first
a  b
it's
$HOME
-q
END
    # Only the first word is a name.
    run lq run printf '%s\n' say
    expect_stdout <<'END'
say
END
}

test_where_options_stand() {
    new_project
    run lq register a -t 60 make -j8 --timeout 5
    run lq register b 'make -j8' --timeout 5 --description 'd e'
    expect_rc 0
    run lq register c 'make -j8' --timeout 5 more
    expect_rc 2
    run lq register d
    expect_rc 2
    run lq register
    expect_rc 2
    run lq register e --format nonsense make
    expect_rc 1
    run lq register 12 make
    expect_rc 1
    run lq register a:b make
    expect_rc 1
    expect_file .lq/commands.yaml <<'END'
# Commands of this project for `lq run NAME`; `lq register` adds to them.
commands:
  a:
    command: make -j8 --timeout 5
    timeout: 60
  b:
    command: make -j8
    description: d e
    timeout: 5
END
    [[ $(git check-ignore .lq/commands.yaml) == '' ]] || fail 'git ignores it'
}

test_list() {
    new_project
    run lq commands
    expect_rc 0
    expect_in_stderr 'no commands yet'
    run lq commands --json
    expect_stdout <<'END'
[]
END
    lq register build make -j8 2>/dev/null
    lq register -t 60 --format pytest --description 'the "slow" ones' test 'pytest -q' 2>/dev/null
    run lq commands --csv
    expect_stdout <<'END'
name,command,description,timeout,format
build,make -j8,,,
test,pytest -q,"the ""slow"" ones",60,pytest
END
    run lq commands --jsonl
    expect_stdout <<'END'
{"name": "build", "command": "make -j8", "description": null, "timeout": null, "format": null}
{"name": "test", "command": "pytest -q", "description": "the \"slow\" ones", "timeout": 60, "format": "pytest"}
END
    run lq commands
    expect_in_stdout 'make -j8'
}

test_timeout() {
    new_project
    lq register -t 1 slow 'exec sleep 60' 2>/dev/null
    run lq run slow
    expect_rc 124
    expect_in_stderr 'slow timed out'
    lq register -t 60 -f slow 'exec sleep 60' 2>/dev/null
    run lq run -t 1 slow
    expect_rc 124
}

test_names_are_not_overwritten() {
    new_project
    lq register build make 2>/dev/null
    run lq register build ninja
    expect_rc 1
    expect_stderr <<'END'
lq: 'build' is registered already: -f replaces it
END
    run lq register -f build ninja
    expect_rc 0
    grep -q 'command: ninja' .lq/commands.yaml || fail 'not replaced'
    run lq unregister build
    expect_rc 0
    run lq unregister build
    expect_rc 1
    expect_stderr <<'END'
lq: no command 'build' is registered
END
    run lq unregister
    expect_rc 2
}

test_at_once() {
    new_project
    for i in $(seq 12); do lq register "c$i" true 2>/dev/null & done
    wait
    [[ $(grep -c 'command: "true"' .lq/commands.yaml) == 12 ]] || fail "$(cat .lq/commands.yaml)"
}

test_in_the_projects_folder() {
    new_project
    mkdir -p a/b
    lq register where pwd 2>/dev/null
    cd a/b || exit 1
    run lq run where
    [[ $(<"$state/out") != */a/b ]] || fail "ran in the wrong folder"
    # What is not registered runs here.
    run lq run pwd
    [[ $(<"$state/out") == */a/b ]] || fail "ran in the wrong folder"
    run lq run --json -q where
    grep -q '"name": "where"' "$state/out" || fail 'no name'
}

test_hostile_files() {
    new_project
    local text
    for text in 'commands: {a: {command: x, x: y}}' 'x' '- a' $'commands:\n  a: "\\e[2J"' \
        $'commands: &a\n  b: *a' '{' $'\xff'; do
        printf '%s\n' "$text" >.lq/commands.yaml
        run lq run true
        expect_rc 125
        expect_in_stderr "commands.yaml'"
        LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$state/err" && fail 'control bytes in a message'
        run lq register x true
        expect_rc 1
    done
    rm .lq/commands.yaml
    mkfifo .lq/commands.yaml
    run timeout 20 lq run true
    expect_rc 125
    expect_in_stderr 'not a regular file'
    rm .lq/commands.yaml
    head -c 2000000 /dev/zero | tr '\0' '#' >.lq/commands.yaml
    run lq run true
    expect_rc 125
}

test_comments_stay() {
    new_project
    cat >.lq/commands.yaml <<'END'
# ours
commands:
    # the usual
    build: make   # quick
    test: {command: make test, timeout: 60}

# the end
END
    run lq register lint 'ruff check'
    run lq unregister test
    expect_file .lq/commands.yaml <<'END'
# ours
commands:
    # the usual
    build: make   # quick
    lint:
        command: ruff check

# the end
END
    echo 'commands: {a: x}' >.lq/commands.yaml
    run lq register b y
    expect_rc 1
    expect_in_stderr 'edit it by hand'
    expect_file .lq/commands.yaml <<'END'
commands: {a: x}
END
}

# detected FILE...: what a project of these files (NAME or NAME=CONTENT) offers.
detected() {
    local file
    mkdir project
    cd project || exit 1
    for file in "$@"; do
        if [[ $file == *=* ]]; then printf '%b' "${file#*=}" >"${file%%=*}"; else : >"$file"; fi
    done
    run lq init --detect
    expect_rc 0
    sed -n "s/^lq: 'lq run \(.*\)' runs: /\1: /p" "$state/err" >"$state/out"
    cd ..
    rm -rf project
}

test_detect() {
    ran='detecting'
    detected 'Makefile=all: x\nX := build: no\n\tlint: no\n.PHONY: test\ncheck lint : all\n'
    expect_stdout <<'END'
build: make all
test: make check
lint: make lint
END
    detected 'makefile=x: y\n\techo\n'
    expect_stdout <<'END'
build: make
END
    detected 'CMakeLists.txt=project(x)\n  Enable_Testing()\n'
    expect_stdout <<'END'
build: cmake -S . -B build && cmake --build build
test: ctest --test-dir build --output-on-failure
END
    detected "meson.build=project('x')\n"
    expect_stdout <<'END'
build: meson setup build && meson compile -C build
test: meson test -C build --print-errorlogs
END
    detected 'package.json={"scripts": {"build": "tsc", "lint": "eslint .", "start": "x", "test": "echo \\"Error: no test specified\\" && exit 1"}}'
    expect_stdout <<'END'
build: npm run build
lint: npm run lint
END
    detected 'package.json={"scripts": {"test": "jest"}}' yarn.lock
    expect_stdout <<'END'
test: yarn run test
END
    detected 'pyproject.toml=[tool.pytest.ini_options]\n[tool.ruff.lint]\n[tool.mypy]\n'
    expect_stdout <<'END'
test: pytest
lint: ruff check
typecheck: mypy .
END
    detected 'pyproject.toml=[project]\n' conftest.py mypy.ini uv.lock
    expect_stdout <<'END'
test: uv run pytest
typecheck: uv run mypy .
END
    detected Cargo.toml go.mod
    expect_stdout <<'END'
build: cargo build
test: cargo test
lint: cargo clippy
build-go: go build ./...
test-go: go test ./...
lint-go: go vet ./...
END
    detected pom.xml mvnw
    expect_stdout <<'END'
build: ./mvnw -B compile
test: ./mvnw -B test
END
    detected build.gradle.kts
    expect_stdout <<'END'
build: gradle assemble
test: gradle test
END
    detected 'package.json={"scripts": [' 'Makefile=\0\377\0'
    expect_stdout <<'END'
build: make
END
    detected README
    expect_stdout </dev/null
    expect_in_stderr 'found no commands'
}

test_detect_keeps_what_is_there() {
    new_project
    touch Cargo.toml
    lq register build 'my own' 2>/dev/null
    lq register anything 'cargo test' 2>/dev/null
    run lq init --detect
    expect_in_stderr "'build' stays: my own; found: cargo build"
    expect_not_in_stderr "run test"
    expect_in_stderr "'lq run lint' runs: cargo clippy"
    cp .lq/commands.yaml before
    run lq init --detect
    expect_in_stderr 'found no new commands'
    cmp before .lq/commands.yaml || fail 'changed again'
}

run_tests "$@"
