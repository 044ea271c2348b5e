#!/usr/bin/env bash
# Completion, asked in the shells themselves.
. "$(dirname -- "$0")/lib.sh"

# lib.sh puts the build first.
made=${PATH%%:*}/docs/man

in_bash() {
    bash --norc -c '
        . "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        read -ra COMP_WORDS <<<"$2"
        [[ $2 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$(complete -p lq | sed "s/.*-F \([^ ]*\).*/\1/")"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$made/lq" "$1"
}

# A shell on a terminal of its own, which writes into a file what it would offer.
in_zsh() {
    : >"$state/offers"
    zsh -f -c '
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "PROMPT= fpath=(${(q)1} \$fpath) offers=${(q)3}; autoload -U compinit; compinit -D -u"
        zpty -w shell "compadd() {
            [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]] || { builtin compadd \"\$@\"; return }
            local -a hits; builtin compadd -A hits \"\$@\"
            print -rl -- \$hits >>\$offers; builtin compadd \"\$@\"
        }"
        zpty -w shell "finish() { exit }; comppostfuncs=(finish); bindkey ^I complete-word"
        zpty -w -n shell "$2"$'"'\\t'"'
        while zpty -r shell chunk; do :; done' zsh "$made" "$1" "$state/offers" >/dev/null 2>&1
    sed '/^$/d' "$state/offers"
}

in_fish() {
    fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$made/lq.fish" "$1" | cut -f 1
}

# offers SHELL LINE WORD...: exactly these, in any order.
offers() {
    local shell=$1 line=$2 got
    shift 2
    got=$("in_$shell" "$line" | sort -u)
    [[ $got == "$(printf '%s\n' "$@" | sort -u)" ]] ||
        fail "$shell: '$line' offers: ${got//$'\n'/ }, not: $*"
}

# offers_also SHELL LINE WORD: among others.
offers_also() {
    grep -qxF -e "$3" <<<"$("in_$1" "$2")" || fail "$1: '$2' does not offer: $3"
}

# What every shell has to offer.
try() {
    local shell=$1
    need "$shell"
    # What is offered here does not depend on how busy the machine is.
    mkdir "$state/bin"
    printf '#!/bin/sh\nshift\nexec "$@"\n' >"$state/bin/timeout"
    chmod +x "$state/bin/timeout"
    PATH=$state/bin:$PATH
    new_project
    lq run -n compile sh -c 'echo "a.c:1:2: error: no"; exit 3' >/dev/null 2>&1 || true
    lq run -q -n '$(touch expanded)' true 2>/dev/null
    mkdir folder
    touch file.log
    offers "$shell" 'lq sy' sync
    offers "$shell" 'lq errors --include' --include-synced
    offers "$shell" 'lq sync --dry' --dry-run
    offers "$shell" 'lq errors -o ' table json jsonl csv markdown
    offers "$shell" 'lq errors -n 5 --source ' run import capture
    offers "$shell" 'lq errors --output m' markdown
    offers_also "$shell" 'lq run --format g' gcc
    offers "$shell" 'lq ci ' check
    offers_also "$shell" 'lq import fi' file.log
    offers_also "$shell" 'lq errors -C fo' folder"$2"
    offers "$shell" 'lq errors --name com' compile
    offers_also "$shell" 'lq errors com' compile
    offers_also "$shell" 'lq context -n 2 ' 1
    offers_also "$shell" 'lq run -q tru' true
    lq register tune 'make tune' 2>/dev/null
    offers_also "$shell" 'lq run tu' tune
    offers "$shell" 'lq unregister tu' tune
    offers "$shell" 'lq last com' compile
    [[ ! -e expanded ]] || fail "$shell: a name of a run was executed"
    # What belongs to the command that is run is not lq's.
    ! grep -qx -- --no-raw <<<"$("in_$shell" 'lq run make --no')" ||
        fail "$shell: lq's options are offered for those of another command"
    # Quiet where there is nothing to ask.
    cd /
    offers "$shell" 'lq errors --name com' ''
}

test_bash() {
    try bash ''
    cd "$HOME/../work"
    offers bash 'lq errors --source=im' import
    offers bash 'lq errors --output=' table json jsonl csv markdown
    touch 'with space.log'
    offers bash 'lq import with' 'with space.log'
}
test_zsh() { try zsh ''; }
test_fish() {
    try fish /
    cd "$HOME/../work"
    offers fish 'lq errors --source=im' --source=import
}

run_tests "$@"
