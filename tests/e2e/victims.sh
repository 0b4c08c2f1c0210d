#!/bin/bash
# Every victim, bare and traced: the same output and exit code, nothing lost,
# and everything it says of itself ("expect" lines) found in the documents.
# Arguments: the victims to try; all without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# What expectations are checked against, made only as far as they need it.
documents() {
    local trace=$1 said=$2 command
    rm -rf "$T/documents"
    mkdir "$T/documents"
    for command in report threads findings; do
        "$OWNSCOPE" $command --json "$trace" >"$T/documents/$command" || [ $command$? = findings1 ] || return
    done
    for command in lock:locks copies:copies flow:copies; do
        if grep -q "^expect ${command%:*} " "$said"; then
            "$OWNSCOPE" "${command#*:}" --json "$trace" >"$T/documents/${command#*:}" || return
        fi
    done
    if grep -qE '^expect (block|blocks|clones|move|borrow) ' "$said"; then
        "$OWNSCOPE" export -f json --all "$trace" >"$T/documents/export" || return
    fi
    if grep -qE '^expect (move|borrow) ' "$said"; then
        "$OWNSCOPE" events --json "$trace" >"$T/documents/events" || return
    fi
}

# The victim's own options of run, from its head comment.
options_of() { sed -n '1,12s/^.*RUN: *\([^*]*\).*$/\1/p' "$ROOT/tests/victims/$1".c*; }
# What a victim measures of itself is another in every run.
without_times() { sed -i '/^expect lock /s/=[0-9]*//g' "$1.out"; }

one() {
    local name=$1 why tries
    local trace=$T/$1.own
    run "$T/bare" "$VICTIMS/$name"
    case $(code "$T/bare") in
    77) skip "victim $name" "cannot be done here"; return ;;
    1 | 99 | 124 | 137) not_ok "victim $name" "fails without the tool: $(first_line "$T/bare.err")"; return ;;
    esac
    tries=0
    until tried "$name" "$trace" || [ $((++tries)) -ge 5 ] || ! only_times "$why"; do :; done
    [ -z "$why" ]
    verdict "victim $name" $? "$(echo "$why" | tail -n 3 | tr '\n' ';')"
    rm -f "$trace"
}
# A thread that is kept from running between its own look at the clock and ours is no flaw: it is measured again.
only_times() { ! grep -qvE '^expect lock .*: (wait|hold)_(total|max|p50|p99) is [0-9]+$' <<<"$1"; }
tried() {
    local name=$1 trace=$2
    # shellcheck disable=SC2046,SC2086 # words
    run "$T/traced" "$OWNSCOPE" run -q $PATIENT $(options_of "$name") -o "$trace" -- "$VICTIMS/$name"
    cp "$T/traced.out" "$T/said"
    without_times "$T/bare"
    without_times "$T/traced"
    ! grep -q '^expect finding deadlock' "$T/said" || sed -i '/^ownscope: deadlock in process /d' "$T/traced.err"
    why=$(same "$T/bare" "$T/traced") || return
    if ! why=$(documents "$trace" "$T/said" 2>&1); then
        why="cannot be read: $why"
        return 1
    fi
    why=$("$PYTHON" "$HERE/expect.py" "$T/said" "$T/documents" 2>&1)
}

cd "$T" || exit 99
if [ $# -eq 0 ]; then
    cd "$ROOT/tests/victims" || exit 99
    set -- *.c *.cc
    cd "$T" || exit 99
fi
for file; do
    name=${file%.*}
    case $name in selfcount | lockcount | leak_*) ;; *) one "$name" ;; esac # kill.sh's, locks.sh's, leaks.sh's
done
