#!/usr/bin/env bash
# Each room includes only the rooms below it, and nothing in the tree names a private path.
. "$(dirname -- "$0")/lib.sh"

# room: what it may include besides itself, <lq/...> and the system. docs/architecture.md says why.
declare -A may=(
    [base]=''
    [model]='base'
    [scan]='base'
    [redact]='base scan'
    [parse]='base model scan'
    [capture]='base model'
    [project]='base redact'
    [s3]='base'
    [db]='base model s3'
    [store]='base model parse redact capture project db s3'
    [query]='base model parse capture project db store s3'
    [sync]='base model parse capture project db store s3'
    [cli]='base'
)

for path in src/*/; do
    room=$(basename "$path")
    allowed="$room ${may[$room]-}"
    problems=$(grep -rnoE '^#include "[^"]+"' "$path" | while IFS= read -r line; do
        target=${line#*\"}
        target=${target%\"}
        [[ " $allowed " == *" ${target%%/*} "* && $target == */* ]] ||
            echo "$line: $room may include only: $allowed"
    done)
    [[ -n ${may[$room]+known} ]] || problems+="$path: not in this test's table"
    report "includes of $room" "$problems"
done

report 'only db knows duckdb.h' \
    "$(grep -rnE '#include [<"]duckdb' src include tests --include='*.[ch]' | grep -v '^src/db/')"
report 'public headers include public headers only' \
    "$(grep -rnE '^#include "' include)"

# What is in git, or would be added to it.
mapfile -t files < <({ git ls-files --cached --others --exclude-standard || find . -type f; } 2>/dev/null |
    grep -vE '^(\./)?(tests/fixtures|build[^/]*)/')
report 'no private paths' "$(grep -nIE '(^|[^A-Za-z0-9_.-])/(root|work)/' -- "${files[@]}")"
report 'no package registry hosts' \
    "$(grep -nIE 'registry\.npm''js|py''pi\.org|files\.python''hosted|deb\.deb''ian' -- "${files[@]}")"
echo "1..$number"
exit "$bad"
