#!/usr/bin/env bash
# Each header compiles alone, without warnings.
cd -- "$(dirname -- "$0")/../.." || exit 1

number=0 bad=0
duckdb=$(script/duckdb-dir | sed -n 2p)
while IFS= read -r header; do
    number=$((number + 1))
    if problems=$("${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wno-unused-parameter \
        -Werror -fsyntax-only -Iinclude -Isrc -isystem "$duckdb" -x c - 2>&1 \
        <<<"#include \"$header\"
extern int not_empty;"); then
        echo "ok $number - $header"
    else
        sed 's/^/# /' <<<"$problems"
        echo "not ok $number - $header"
        bad=1
    fi
done < <(find include/lq -name '*.h' -printf 'lq/%P\n'; find src -name '*.h' -printf '%P\n')
echo "1..$number"
exit "$bad"
