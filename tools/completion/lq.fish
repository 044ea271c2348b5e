# fish completion for lq. Made by tools/gen-docs.

# Options that take the next word.
set -g __lq_takes_value @takes_value@

# The words behind `lq` that are neither options nor values of options: the command, and its own.
function __lq_words
    set -l skip
    for token in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip
        else if contains -- $token $__lq_takes_value
            set skip 1
        else if not string match -q -- '-*' $token
            echo $token
        end
    end
end

function __lq_needs_command
    test (count (__lq_words)) -eq 0
end

function __lq_uses
    set -l words (__lq_words)
    contains -- "$words[1]" $argv
end

# __lq_word N COMMAND...: the next word is COMMAND's Nth, counted from 0.
function __lq_word
    set -l words (__lq_words)
    contains -- "$words[1]" $argv[2..-1]
    and begin
        test $argv[1] = any
        or test (count $words) -eq (math $argv[1] + 1)
    end
end

# A column of the newest runs, as far as lq tells at once. Names that a shell could
# take for more than a name are left out.
function __lq_history
    timeout 2 lq sql --csv "SELECT $argv[1] FROM lq_runs ORDER BY started_at DESC LIMIT 50" 2>/dev/null </dev/null |
        tail -n +2 | grep -E '^[[:alnum:]_.:/@+-]+$' | sort -u
end
function __lq_runs
    __lq_history ref
    __lq_history source_name
end
function __lq_registered
    timeout 2 lq commands --csv 2>/dev/null </dev/null | tail -n +2 | cut -d, -f 1 | grep -E '^[[:alnum:]_.:/@+-]+$'
end
function __lq_names
    __lq_history source_name
end

complete -c lq -f
complete -c lq -n __lq_needs_command -l help -d 'list the commands'
complete -c lq -n __lq_needs_command -l version -d 'print the version'
@lines@
