# shellcheck shell=bash
# What the scripts share: where things are, Debian packages, pinned downloads. Sourced, not run:
#
#     set -euo pipefail
#     . "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lq-dev
versions=$root/script/versions
# The folder is named for what script/versions pins.
# shellcheck disable=SC2034
duckdb_dev=$cache/duckdb-1.5.5

# A meson of our own, when the distribution's is too old.
[[ ! -x $cache/venv-meson/bin/meson ]] || PATH=$cache/venv-meson/bin:$PATH

say() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if ((status)); then
        cat -- "$log" >&2
        say "failed ($status): $*"
    fi
    rm -f -- "$log"
    return "$status"
}

# ---- Debian packages -----------------------------------------------------------------------------

# present HOW: `cmd:NAME` a command, `pc:NAME` a library known to pkg-config, `file:PATH`,
# `py:NAME` a Python module.
present() {
    case $1 in
    cmd:*) command -v "${1#*:}" ;;
    pc:*) pkg-config --exists "${1#*:}" ;;
    file:*) test -e "${1#*:}" ;;
    py:*) python3 -c "import ${1#*:}" ;;
    esac >/dev/null 2>&1
}

# need_packages PACKAGE=HOW...: install the packages whose HOW is not present; `a|b` is the first
# of two packages that the distribution has. Nothing is run when nothing is missing.
need_packages() {
    local item package names=() sudo=()
    for item in "$@"; do
        present "${item#*=}" || names+=("${item%%=*}")
    done
    ((${#names[@]})) || return 0
    command -v apt-get >/dev/null || die "please install first: ${names[*]} (named as in Debian)"
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || die "as root, please: apt-get install ${names[*]}"
        sudo=(sudo)
    fi
    say "installing Debian packages: ${names[*]}"
    quietly "${sudo[@]}" apt-get -q update
    for package in "${!names[@]}"; do
        item=${names[package]}
        [[ $item != *'|'* ]] || names[package]=$(apt-cache show "${item%|*}" >/dev/null 2>&1 &&
            echo "${item%|*}" || echo "${item#*|}")
    done
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends "${names[@]}"
}

# ---- pinned downloads ----------------------------------------------------------------------------

# One script at a time changes the cache; the lock ends with the script.
lock_cache() {
    mkdir -p -- "$cache"
    [[ -n ${cache_lock:-} ]] || exec {cache_lock}>"$cache/lock"
    flock "$cache_lock"
}

# pins KIND MACHINE-OR-VENV: the lines of script/versions, without those two columns.
pins() {
    awk -v kind="$1" -v group="$2" \
        '$1 == kind && ($2 == group || $2 == "any") { $1 = $2 = ""; print substr($0, 3) }' \
        "$versions"
}

pip() {
    if present cmd:pip3; then command pip3 "$@"; else python3 -m pip "$@"; fi
}

# fetch KIND PACKAGE SHA256: download a package into the cache, unless it is there, and check it.
# Prints the path.
fetch() {
    local kind=$1 package=$2 sha256=$3 dest=$cache/downloads/$3 dir file
    if [[ ! -f $dest ]]; then
        mkdir -p -- "$cache/downloads"
        say "fetching $package"
        dir=$(mktemp -d -- "$cache/downloads/partial.XXXXXX")
        case $kind in
        npm) (cd -- "$dir" && quietly npm pack --loglevel error "$package") ;;
        wheel) quietly pip download -q --no-deps --ignore-requires-python --only-binary :all: -d "$dir" "$package" ;;
        # pip asks a source package about itself, with the setuptools of the virtual environment.
        sdist) quietly "$cache/venv-engines/bin/pip" download -q --no-deps --no-build-isolation --no-binary :all: -d "$dir" "$package" ;;
        esac || { rm -rf -- "$dir"; die "cannot fetch $package"; }
        file=$(find "$dir" -type f)
        if ! echo "$sha256  $file" | sha256sum --check --status; then
            say "wrong checksum: $package is $(sha256sum <"$file" | cut -c-64), not $sha256"
            rm -rf -- "$dir"
            return 1
        fi
        mv -- "$file" "$dest"
        rm -rf -- "$dir"
    fi
    printf '%s\n' "$dest"
}

# need_venv NAME: a virtual environment with the pinned packages of that name; its programs are
# then in $cache/venv-NAME/bin.
need_venv() {
    local name=$1 dir=$cache/venv-$1 want
    want=$(pins pip "$name")
    [[ -n $want ]] || die "no packages for '$name' in $versions"
    [[ ! -f $dir/pins || $(<"$dir/pins") != "$want" ]] || return 0
    need_packages python3-venv=py:ensurepip
    lock_cache
    say "fetching Python packages for $name"
    rm -rf -- "$dir"
    quietly python3 -m venv "$dir"
    awk '{ printf "%s", $1; for (i = 2; i <= NF; i++) printf " --hash=sha256:%s", $i; print "" }' \
        <<<"$want" >"$dir/requirements.txt"
    quietly "$dir/bin/pip" install -q --no-deps --only-binary :all: --require-hashes \
        -r "$dir/requirements.txt"
    printf '%s\n' "$want" >"$dir/pins"
}

# need_go_programs NAME...: build the pinned Go programs of these names into $cache/go, which is
# added to PATH. Each is built in its module's own folder, so that its go.sum holds.
need_go_programs() {
    local name module sum package dest go=go info
    PATH=$cache/go:$PATH
    for name in "$@"; do
        read -r module sum package < <(pins go "$name") || die "no Go module for '$name' in $versions"
        dest=$cache/go/$name
        [[ ! -x $dest || ! -f $dest.pin || $(<"$dest.pin") != "$module $sum" ]] || continue
        # Both modules want Go 1.25; a distribution's may be older.
        if ! go version 2>/dev/null | grep -qE 'go1\.(2[5-9]|[3-9][0-9])'; then
            need_venv go
            go=$cache/venv-go/bin/go
        fi
        lock_cache
        say "building $module (takes minutes)"
        mkdir -p -- "$cache/go"
        info=$(GOFLAGS='' GOTOOLCHAIN=local "$go" mod download -json "$module") ||
            die "cannot fetch $module"
        [[ $(json_value Sum <<<"$info") == "$sum" ]] ||
            die "wrong checksum: $module is $(json_value Sum <<<"$info"), not $sum"
        (cd -- "$(json_value Dir <<<"$info")" &&
            GOFLAGS='' GOTOOLCHAIN=local CGO_ENABLED=0 quietly "$go" build -mod=readonly -trimpath \
                -ldflags '-s -w' -o "$dest.new" "$package") || die "cannot build $module"
        mv -- "$dest.new" "$dest"
        printf '%s %s\n' "$module" "$sum" >"$dest.pin"
    done
}

# The text of one key of the JSON object on standard input.
json_value() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# ---- building ------------------------------------------------------------------------------------

# build_in DIR [MESON OPTION...]: configure once, then build; quiet when it works.
build_in() {
    local dir=$root/$1
    shift
    [[ -f $dir/build.ninja ]] || quietly meson setup "$dir" "$root" "$@"
    quietly ninja -C "$dir"
}
