#!/usr/bin/env bash
# The documents say what the code says.
cd -- "$(dirname -- "$0")/../.." || exit 1

bad=0
if diff <(tools/columns-table src/model/columns.h) \
    <(sed -n '/^| column | type |/,/^$/p' docs/format.md | sed '/^$/d') | sed 's/^/# /' | grep .; then
    echo 'not ok 1 - docs/format.md lists the columns of src/model/columns.h'
    bad=1
else
    echo 'ok 1 - docs/format.md lists the columns of src/model/columns.h'
fi
echo 1..1
exit "$bad"
