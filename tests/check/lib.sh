# shellcheck shell=bash
# What the checks of the tree share; they run in its root.
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." || exit 1
number=0
bad=0

# report NAME PROBLEMS: one TAP line; problems are one a line.
report() {
    number=$((number + 1))
    if [[ -n $2 ]]; then
        sed 's/^/# /' <<<"$2"
        echo "not ok $number - $1"
        # shellcheck disable=SC2034 # whoever sources this exits with it
        bad=1
    else
        echo "ok $number - $1"
    fi
}
