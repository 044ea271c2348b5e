#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Text that speaks of errors and reports none: no event in prose.txt, and at most one in 10,000 lines of what
# this machine has (make-bait).
#
#   t_bait.sh PARSE_FILE
set -u
parse_file=$(realpath "$1") || exit 1
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

events=$("$parse_file" --no-raw prose.txt)
if [[ -z $events ]]; then
    echo 'ok 1 - prose.txt'
else
    echo 'not ok 1 - prose.txt'
    sed 's/^/# /' <<<"$events"
fi

./make-bait "$work" 2>/dev/null
lines=$(cat -- "$work"/* | wc -l)
found=0
for file in "$work"/*; do
    events=$("$parse_file" --no-raw "$file")
    [[ -n $events ]] || continue
    found=$((found + $(wc -l <<<"$events")))
    echo "# ${file##*/}:"
    head -n 20 <<<"$events" | cut -c 1-300 | sed 's/^/#   /'
done
if ((lines >= 10000 && found <= lines / 10000)); then
    echo "ok 2 - $found events in $lines lines of this machine"
else
    echo "not ok 2 - $found events in $lines lines of this machine"
fi
echo 1..2
