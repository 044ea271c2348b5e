# bash completion for lq                                       -*- shell-script -*-
# Made by tools/gen-docs.

# What a command has, what the value of an option is, and what the Nth word of a command is:
# `words A B`, `files`, `folders`, `runs`, `names`, `registered`, `command` or `none`.
_lq_options() {
    case $1 in
@options@
    esac
}
_lq_value() {
    case $1 in
@value@
    *) return 1 ;;
    esac
}
_lq_word() {
    case $1 in
@word@
    *) return 1 ;;
    esac
}

# A column of the newest runs, as far as lq tells at once. Names that a shell could
# take for more than a name are left out.
_lq_history() {
    timeout 2 lq sql --csv "SELECT $1 FROM lq_runs ORDER BY started_at DESC LIMIT 50" 2>/dev/null </dev/null |
        tail -n +2 | grep -E '^[[:alnum:]_.:/@+-]+$' | sort -u
}

_lq_registered() {
    timeout 2 lq commands --csv 2>/dev/null </dev/null | tail -n +2 | cut -d, -f 1 | grep -E '^[[:alnum:]_.:/@+-]+$'
}

# _lq_reply WHAT PREFIX: fill COMPREPLY; a colon in what is typed stays out of it (COMP_WORDBREAKS).
_lq_reply() {
    local what=${1%% *} words=${1#* } typed=$2 line kept
    case $what in
    words) ;;
    files) compopt -o filenames 2>/dev/null; words=; mapfile -t COMPREPLY < <(compgen -f -- "$typed") ;;
    folders) compopt -o filenames 2>/dev/null; words=; mapfile -t COMPREPLY < <(compgen -d -- "$typed") ;;
    command) words=; mapfile -t COMPREPLY < <(compgen -W "$(_lq_registered)" -- "$typed"; compgen -c -- "$typed") ;;
    registered) words=$(_lq_registered) ;;
    runs) words=$(_lq_history ref; _lq_history source_name) ;;
    names) words=$(_lq_history source_name) ;;
    *) words= ;;
    esac
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$typed")
    [[ $typed == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
    kept=${typed%"${typed##*:}"}
    for line in "${!COMPREPLY[@]}"; do COMPREPLY[line]=${COMPREPLY[line]#"$kept"}; done
}

_lq() {
    local line=${COMP_LINE:0:COMP_POINT} words=() word typed command= n=0 i what switch only_words=
    COMPREPLY=()
    # Words as the shell takes them, not cut at `=` and `:`.
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=('')
    typed=${words[-1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ -z $command ]]; then
            command=$word
        elif [[ $word == -- ]]; then
            only_words=1
        elif [[ $word == -* && -z $only_words ]]; then
            [[ $word == *=* ]] || ! _lq_value "$command:$word" >/dev/null || i=$((i + 1))
        elif [[ $(_lq_word "$command:*") == command ]]; then
            # The rest is a command line of its own.
            if declare -F _command_offset >/dev/null; then
                _command_offset "$i"
            else
                _lq_reply files "$typed"
            fi
            return
        else
            n=$((n + 1))
        fi
    done
    if [[ -z $command ]]; then
        _lq_reply "words @commands@ help --help --version" "$typed"
        return
    fi
    switch=${words[-2]}
    # i is behind the last word when an option before it waits for its value.
    if ((i == ${#words[@]})) && what=$(_lq_value "$command:$switch"); then
        _lq_reply "$what" "$typed"
    elif [[ $typed == --*=* && -z $only_words ]] && what=$(_lq_value "$command:${typed%%=*}"); then
        _lq_reply "$what" "${typed#*=}"
        [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/${typed%%=*}=}")
    elif [[ $typed == -* && -z $only_words ]]; then
        _lq_reply "words $(_lq_options "$command")" "$typed"
    elif what=$(_lq_word "$command:$n") || what=$(_lq_word "$command:*"); then
        _lq_reply "$what" "$typed"
    fi
}
complete -F _lq lq
