#!/usr/bin/env bash
# lq sync to places that are not as they should be: a clear line, and it works once they are mended.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

# runs N: N clean runs.
runs() {
    local i
    for ((i = 0; i < $1; i++)); do
        lq run -q -n build true 2>/dev/null
    done
}

n_there() { find "$1" -name '*.parquet' | wc -l; }
n_pending() { lq sync "$1" --dry-run --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["counts"]["files"])'; }

# fails TEXT COMMAND...: exit status 1 and one line that contains TEXT.
fails() {
    local text=$1
    shift
    run "$@"
    expect_rc 1
    expect_in_stderr "$text"
    [[ $(wc -l <"$state/err") == 1 ]] || fail "not one line: $(<"$state/err")"
}

# in_own_mounts FUNCTION: run it where it may mount.
in_own_mounts() {
    local user=()
    [[ $(id -u) == 0 ]] || user=(--map-root-user)
    # shellcheck disable=SC2163 # the function of that name
    export -f "$1" runs n_there
    unshare "${user[@]}" --mount bash -euc "$1"
}

test_read_only() {
    new_project
    runs 1
    mkdir "$HOME/store"
    chmod a-w "$HOME/store"
    fails "'$HOME/store/namespace=acme': Permission denied" as_anyone lq sync "$HOME/store"
    expect test "$(n_pending "$HOME/store")" == 1
    chmod u+w "$HOME/store"
    run as_anyone lq sync "$HOME/store"
    expect_rc 0
    expect test "$(n_there "$HOME/store")" == 1

    # The folder of the day exists by now.
    runs 1
    chmod a-w "$HOME"/store/*/*/*/*/*
    fails 'Permission denied' as_anyone lq sync "$HOME/store"
    expect test "$(n_pending "$HOME/store")" == 1
    chmod u+w "$HOME"/store/*/*/*/*/*
    run as_anyone lq sync "$HOME/store"
    expect_rc 0
    expect test "$(n_there "$HOME/store")" == 2
}

test_missing() {
    new_project
    runs 1
    run lq sync "$HOME/not/there/yet"
    expect_rc 0
    expect test "$(n_there "$HOME/not/there/yet")" == 1
    fails "'/proc/lq'" lq sync /proc/lq/store
    mkdir "$HOME/closed"
    chmod a-rwx "$HOME/closed"
    fails "$HOME/closed" as_anyone lq sync "$HOME/closed/store"
    chmod u+rwx "$HOME/closed"
    run as_anyone lq sync "$HOME/closed/store"
    expect_rc 0
}

test_no_folder() {
    new_project
    runs 1
    echo text >"$HOME/file"
    fails "cannot sync to '$HOME/file': Not a directory" lq sync "$HOME/file"
    fails "$HOME/file/store': Not a directory" lq sync "$HOME/file/store"
    mkfifo "$HOME/pipe"
    fails "cannot sync to '$HOME/pipe': Not a directory" timeout 20 lq sync "$HOME/pipe"
    expect test "$(<"$HOME/file")" == text
    rm "$HOME/file"
    run lq sync "$HOME/file"
    expect_rc 0
    expect test "$(n_there "$HOME/file")" == 1
}

test_links() {
    new_project
    runs 1
    ln -s nowhere "$HOME/dangling"
    fails "cannot sync to '$HOME/dangling', a link: No such file or directory" \
        lq sync "$HOME/dangling"
    expect test ! -e "$HOME/nowhere"
    ln -s round "$HOME/round"
    fails "$HOME/round': Too many levels of symbolic links" lq sync "$HOME/round"
    mkdir "$HOME/nowhere"
    run lq sync "$HOME/dangling"
    expect_rc 0
    expect test "$(n_there "$HOME/nowhere")" == 1

    # Below the destination no link is followed.
    mkdir "$HOME/store" "$HOME/outside"
    ln -s "$HOME/outside" "$HOME/store/namespace=acme"
    fails "cannot sync into '$HOME/store/namespace=acme': it is a symbolic link" \
        lq sync "$HOME/store"
    expect test -z "$(ls -A "$HOME/outside")"
    rm "$HOME/store/namespace=acme"
    run lq sync "$HOME/store"
    expect_rc 0
    expect test "$(n_there "$HOME/store")" == 1
}

# A share on another file system: copies; when it is not mounted, nothing is written below its folder.
on_a_share() {
    mkdir "$HOME/disk" "$HOME/share"
    mount -t tmpfs tmpfs "$HOME/disk"
    mkdir "$HOME/disk/store"
    mount --bind "$HOME/disk/store" "$HOME/share"
    lq sync "$HOME/share"
    [[ $(n_there "$HOME/share") == 1 ]]
    cmp "$HOME"/share/*/*/*/*/*/*.parquet .lq/logs/*/*/*.parquet
    [[ $(stat -c %h "$HOME"/share/*/*/*/*/*/*.parquet) == 1 ]]
    runs 1
    umount "$HOME/share"
    lq sync "$HOME/share" 2>unmounted && exit 1
    grep -q 'is the right one mounted' unmounted
    [[ -z $(ls -A "$HOME/share") ]]
    mount --bind "$HOME/disk/store" "$HOME/share"
    lq sync "$HOME/share"
    [[ $(n_there "$HOME/share") == 2 ]]
}

test_another_file_system() {
    new_project
    runs 1
    run in_own_mounts on_a_share
    expect_rc 0
}

on_a_full_disk() {
    mkdir "$HOME/small"
    mount -t tmpfs -o size=56k tmpfs "$HOME/small"
    lq sync "$HOME/small" 2>full && exit 1
    grep -q 'No space left on device' full
    grep -v '^lq: ' full && exit 1
    there=$(n_there "$HOME/small")
    ((there > 0 && there < 10))
    for file in $(cd "$HOME/small" && find . -name '*.parquet'); do
        cmp "$HOME/small/$file" .lq/logs/"${file#*/hostname=testhost/}"
    done
    [[ -z $(find "$HOME/small" -type f ! -name '*.parquet') ]]
    lq sync "$HOME/small" --dry-run --json | grep -q "\"files\": $((10 - there)),"
    lq sync "$HOME/small" 2>/dev/null && exit 1
    mount -o remount,size=10m "$HOME/small"
    lq sync "$HOME/small"
    [[ $(n_there "$HOME/small") == 10 ]]
}

test_full() {
    new_project
    runs 10
    run in_own_mounts on_a_full_disk
    expect_rc 0
}

run_tests "$@"
