#!/bin/bash
# Every victim, bare and traced: the same output and exit code, nothing lost,
# and everything it says of itself ("expect" lines) found in the documents.
# Arguments: the victims to try; all without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# What expectations are checked against, made only as far as they need it.
documents() {
    local trace=$1 said=$2
    "$OWNSCOPE" report --json "$trace" >"$T/report" || return
    "$OWNSCOPE" threads --json "$trace" >"$T/threads" || return
    : >"$T/export"
    : >"$T/events"
    if grep -qE '^expect (block|blocks|clones|move|borrow) ' "$said"; then
        "$OWNSCOPE" export -f json --all "$trace" >"$T/export" || return
    fi
    if grep -qE '^expect (move|borrow) ' "$said"; then
        "$OWNSCOPE" events --json "$trace" >"$T/events" || return
    fi
}

one() {
    local name=$1 why
    local trace=$T/$1.own
    run "$T/bare" "$VICTIMS/$name"
    case $(code "$T/bare") in
    77) skip "victim $name" "cannot be done here"; return ;;
    1 | 99 | 124 | 137) not_ok "victim $name" "fails without the tool: $(first_line "$T/bare.err")"; return ;;
    esac
    traced "$T/traced" "$trace" "$VICTIMS/$name"
    why=$(same "$T/bare" "$T/traced") || { not_ok "victim $name" "$why"; return; }
    if ! why=$(documents "$trace" "$T/bare.out" 2>&1); then
        not_ok "victim $name" "cannot be read: $why"
        return
    fi
    why=$("$PYTHON" "$HERE/expect.py" "$T/bare.out" "$T/report" "$T/threads" "$T/export" "$T/events" 2>&1)
    verdict "victim $name" $? "$(echo "$why" | tail -n 3 | tr '\n' ';')"
    rm -f "$trace"
}

cd "$T" || exit 99
if [ $# -eq 0 ]; then
    cd "$ROOT/tests/victims" || exit 99
    set -- *.c *.cc
    cd "$T" || exit 99
fi
for file; do
    name=${file%.*}
    [ "$name" = selfcount ] || one "$name" # kill.sh's
done
