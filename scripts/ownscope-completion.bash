# Bash completion for ownscope(1). Options come from `ownscope COMMAND --help`,
# so they are never out of step with the program.

_ownscope_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^  \(-.,\|  \) *\(--[a-z-]*\).*/\2/p'
}

_ownscope_pids() {
    "$1" ps 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ { print $1 }'
}

_ownscope_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -X '!*.own' -- "$cur") $(compgen -d -- "$cur"))
}

# The index of run's PROGRAM among the words, 0 when it has not come yet.
_ownscope_program() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) echo $((i + 1)); return ;;
        -o | --output | --json | --stacks | --locks | --copies | --suppressions | --default-suppressions | --gen-suppressions | --fail-on | --error-exitcode | --on-full | --wait-ms | --follow | --verify-unwind | --snapshot | --checkpoint-every | --rotate | --trigger | --keep | --rules | --limits | --sample) ((i++)) ;;
        -*) ;;
        *) echo "$i"; return ;;
        esac
    done
    echo 0
}

_ownscope() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-} self=${COMP_WORDS[0]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'run report threads locks copies findings leaks graph diff events history export sql bisect top states ps serve ctl plan doctor help --help --version' -- "$cur"))
        return
    fi
    if [[ $command == run ]]; then
        local at
        at=$(_ownscope_program)
        if ((at && COMP_CWORD >= at)); then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$at"
            elif ((COMP_CWORD == at)); then
                COMPREPLY=($(compgen -c -- "$cur"))
            else
                COMPREPLY=($(compgen -f -- "$cur"))
            fi
            return
        fi
    fi
    case $prev in
    --stacks) COMPREPLY=($(compgen -W 'full caller none' -- "$cur")); return ;;
    --locks) COMPREPLY=($(compgen -W 'on off' -- "$cur")); return ;;
    --copies) COMPREPLY=($(compgen -W '64 256 1K off' -- "$cur")); return ;;
    --snapshot) COMPREPLY=($(compgen -W 'copy fork' -- "$cur")); return ;;
    --rotate) COMPREPLY=($(compgen -W '64M 1G 10m 1h' -- "$cur")); return ;;
    --trigger) COMPREPLY=($(compgen -W 'signal finding signal,finding rss= none' -- "$cur")); return ;;
    --on-full) COMPREPLY=($(compgen -W 'wait drop' -- "$cur")); return ;;
    --default-suppressions) COMPREPLY=($(compgen -W 'yes no' -- "$cur")); return ;;
    --gen-suppressions) COMPREPLY=($(compgen -W 'no yes all' -- "$cur")); return ;;
    --class) COMPREPLY=($(compgen -W 'definite possible indirect reachable all' -- "$cur")); return ;;
    --fail-on) COMPREPLY=($(compgen -W 'any leak leak=definite leak=all double-drop invalid-drop mismatched-drop use-after-drop out-of-bounds overlap unordered-borrow dropped-while-locked destroyed-while-held exited-holding released-by-stranger relock lock-order deadlock' -- "$cur")); return ;;
    --sample) COMPREPLY=($(compgen -W '64K 512K 4M' -- "$cur")); return ;;
    --limits) COMPREPLY=($(compgen -W 'cpu= events= events/s= bytes= rss= time=' -- "$cur")); return ;;
    --rules) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --suppressions) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --follow) COMPREPLY=($(compgen -W 'tree none' -- "$cur")); return ;;
    --type) COMPREPLY=($(compgen -W 'new drop move borrow borrow-end acquire release wait wait-end lock thread process mark lost snapshot rate cover control' -- "$cur")); return ;;
    --at | --since) COMPREPLY=($(compgen -W 'peak end event: mark:' -- "$cur")); return ;;
    --by) COMPREPLY=($(compgen -W 'type site module thread root' -- "$cur")); return ;;
    -f | --format)
        if [[ $command == sql ]]; then
            COMPREPLY=($(compgen -W 'table csv json lines' -- "$cur"))
            return
        fi
        COMPREPLY=($(compgen -W 'json dot heapsnapshot' -- "$cur"))
        return
        ;;
    -p | --pid | --attach) COMPREPLY=($(compgen -W "$(_ownscope_pids "$self")" -- "$cur")); return ;;
    -o | --output | -i | --input) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --json) if [[ $command == run ]]; then COMPREPLY=($(compgen -f -- "$cur")); return; fi ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_ownscope_options "$self" "$command")" -- "$cur"))
        return
    fi
    case $command in
    help) COMPREPLY=($(compgen -W 'run report threads locks copies findings leaks graph diff events history export sql bisect top states ps serve ctl plan doctor' -- "$cur")) ;;
    ctl)
        case $prev in
        untrace) COMPREPLY=($(compgen -W 'all' -- "$cur")) ;;
        *) if [[ " ${COMP_WORDS[*]} " == *" trace "* ]]; then
            compopt -o nospace 2>/dev/null
            COMPREPLY=($(compgen -W 'include exclude function= stack= module= thread= process= size= events= family= sample= rate= limit=' -- "$cur"))
        elif [[ " ${COMP_WORDS[*]} " == *" limits "* ]]; then
            compopt -o nospace 2>/dev/null
            COMPREPLY=($(compgen -W 'cpu= events= events/s= bytes= rss= time= cooldown=' -- "$cur"))
        else
            COMPREPLY=($(compgen -W 'start stop status list trace untrace limits reset emergency-stop snapshot dump mark' -- "$cur"))
        fi ;;
        esac
        ;;
    run | doctor) COMPREPLY=($(compgen -c -- "$cur")) ;;
    report | threads | locks | copies | findings | leaks | graph | diff | events | history | export | sql | bisect | plan) _ownscope_files ;;
    esac
}
complete -F _ownscope ownscope
