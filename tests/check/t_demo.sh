#!/usr/bin/env bash
# script/demo gives the right answers, and leaves nothing behind.
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT
number=0 bad=0
status=0
# shellcheck disable=SC2034 # conditions read it
out=$("$root/script/demo" 2>&1) || status=$?

# check NAME CONDITION: one TAP line.
check() {
    number=$((number + 1))
    if eval "$2"; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        bad=1
    fi
}

check 'it ends well' '[[ $status == 0 ]]'
check 'errors of both machines' '[[ $out =~ hermione\ +5$'"'\n'"'snape\ +4 ]]'
check 'mean durations of both machines' '[[ $out =~ MEAN_SEC$'"'\n'"'hermione\ +[0-9]+\.[0-9]+$'"'\n'"'snape\ +[0-9]+\.[0-9]+ ]]'
check 'the newest failure with its context' '[[ ${out##*lq context} == *"assert 2000.0 == 1000"* ]]'
check 'nothing is left' '[[ -z $(ls -A "$TMPDIR") ]]'
((bad == 0)) || sed 's/^/# /' <<<"$out"
echo "1..$number"
exit "$bad"
