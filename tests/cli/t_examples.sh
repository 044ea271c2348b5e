#!/usr/bin/env bash
# The examples in README.md and docs/man/*.md do what they show. `LQ_RECORD=--record t_examples.sh`
# writes what came into the documents, to be reviewed; examples.py tells how they are written.
. "$(dirname -- "$0")/lib.sh"

# The clone of examples/rocket in ~/rocket, on a machine called hermione; the runs of snape lie in
# the central store.
new_rocket() {
    need pytest make gcc
    # Compilers differ in what they make an error of.
    mkdir "$state/bin"
    printf '#!/bin/sh\nexec gcc -Wno-error=implicit-function-declaration "$@"\n' >"$state/bin/cc"
    chmod +x "$state/bin/cc"
    export PATH=$state/bin:$PATH LQ_HOSTNAME=snape PYTHONDONTWRITEBYTECODE=1
    mkdir "$HOME/snape"
    cp -r "$LQ_TEST_ROOT/examples/rocket" "$HOME/snape/rocket"
    cd "$HOME/snape/rocket"
    git -c init.defaultBranch=main init -q .
    git add .
    git commit -qm 'First flight'
    git clone -q . "$HOME/rocket"
    git remote add origin https://example.com/hogwarts/rocket.git
    {
        lq init
        lq run -n build make -k || true
        lq run -n test pytest || true
        lq sync "$HOME/.lq/projects/"
    } >/dev/null 2>&1
    cd "$HOME/rocket"
    rm -rf "$HOME/snape"
    git remote set-url origin https://example.com/hogwarts/rocket.git
    export LQ_HOSTNAME=hermione
}

# What most pages begin with: runs 1 and 3 are builds, the second after a mistake was corrected; run 2
# is of tests.
record_runs() {
    {
        lq init
        lq run -n build make -k || true
        lq run -n test pytest || true
        sed -i 's/dry_mass +/dry_mass_kg +/' src/fuel.c
        make clean
        lq run -n build make -k || true
    } >/dev/null 2>&1
}

# try_examples FILE: in the current folder.
try_examples() {
    local out
    # shellcheck disable=SC2086
    out=$(python3 "$LQ_TEST_ROOT/tests/cli/examples.py" ${LQ_RECORD:-} "$1" 2>&1) ||
        fail "examples of ${1#"$LQ_TEST_ROOT"/}"$'\n'"$out"
}

test_readme() {
    new_rocket
    try_examples "$LQ_TEST_ROOT/README.md"
}

test_man_pages() {
    local page
    new_rocket
    record_runs
    cp -a "$HOME" "$state/before"
    for page in "$LQ_TEST_ROOT"/docs/man/*.md; do
        grep -q '^```console' "$page" || continue
        cd /
        find "$HOME" -mindepth 1 -delete
        cp -a "$state/before/." "$HOME"
        cd "$HOME/rocket"
        try_examples "$page"
    done
}

run_tests "$@"
