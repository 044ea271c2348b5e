#!/usr/bin/env bash
# The documents say what the code says.
. "$(dirname -- "$0")/lib.sh"
build=${LQ_BUILD_ROOT:-$PWD/build}

# What man and mandoc complain about in the pages that were built.
complaints() {
    local page
    for page in "$build"/docs/man/*.[1-9]; do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null |
            sed "s|^|${page##*/}: |"
        ! command -v mandoc >/dev/null || mandoc -Tlint -W warning "$page"
    done
}

report 'docs/format.md lists the columns of src/model/columns.h' \
    "$(diff <(tools/columns-table src/model/columns.h) \
        <(sed -n '/^| column | type |/,/^$/p' docs/format.md | sed '/^$/d') 2>&1)"
report 'docs/formats.md lists the formats that lq knows' \
    "$(diff <(tools/formats-page "$build/lq") <(sed '/^## Accuracy/,$d' docs/formats.md |
        sed -e :a -e '/^\n*$/{$d;N;ba' -e '}') 2>&1)"
report 'each command has a page, and no page or example an option that is none' \
    "$(tools/gen-docs --check "$build/lq" docs/man README.md docs/*.md 2>&1)"
report 'what is wrong in them would be found' "$(
    scratch=$(mktemp -d)
    trap 'rm -rf -- "$scratch"' EXIT
    cp docs/man/*.md "$scratch"
    rm "$scratch/lq-sync.md"
    echo 'And `--frobnicate`.' >>"$scratch/lq-init.md"
    printf '%s\n' '```console' '$ lq errors -n 1 --frobnicate' '$ lq run make --frobnicate' '$ lq make' '```' >"$scratch/other"
    diff - <(tools/gen-docs --check "$build/lq" "$scratch" "$scratch/other" 2>&1 |
        sed "s|$scratch/||; s/^\(lq-init.md\):[0-9]*/\1/") 2>&1 <<'END'
lq-init.md: lq init has no option --frobnicate
lq sync has no page: lq-sync.md
other:2: lq errors has no option --frobnicate
other:4: there is no command lq make
END
)"
report 'each page is built and installed' \
    "$(diff <(cd docs/man && ls -- lq-*.md) \
        <(sed -n "s/^  '\(.*\)',$/lq-\1.md/p" docs/man/meson.build | sort) 2>&1)"
if command -v man >/dev/null && ls "$build"/docs/man/lq.1 >/dev/null 2>&1; then
    report 'the pages are clean' "$(complaints)"
else
    number=$((number + 1))
    echo "ok $number - the pages are clean # SKIP no man"
fi
echo "1..$number"
exit "$bad"
