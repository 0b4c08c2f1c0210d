#!/bin/bash
# Orders at random to the collector of a busy threaded program: none is lost,
# none hangs, the program computes what it computes alone; the same when the
# collector is killed and replaced in the midst of them.
# ORDERS=N of each: 40 unless told, 1000 with TORTURE. SEED=N: the same again. ONLY=plain|kill.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

ORDERS=${ORDERS:-${TORTURE:+1000}}
ORDERS=${ORDERS:-40}
SEED=${SEED:-$$}

# What the trace says was asked, in order: its verbs, as orders.py logs them.
audited() {
    "$OWNSCOPE" events --type control --json "$1" | jq -r 'select(.by == "verb") | .text' |
        sed -nE 's/^(.*) \(uid [0-9]+, pid [0-9]+[^)]*\): refused: .*/refused \1/p; t; s/^(.*) \(uid [0-9]+, pid [0-9]+[^)]*\).*/done \1/p'
}

busy_start() {
    : >file
    "$OWNSCOPE" run -q --wait-ms 20000 "$@" -- "$VICTIMS/busy" file >busy.out 2>busy.err </dev/null &
    runner=$!
    await busy_answers || not_ok "a busy program" "its collector does not answer: $(first_line busy.err)"
}
busy_answers() {
    pid=$(cat file 2>/dev/null) && [ -n "$pid" ] && "$OWNSCOPE" ctl -p "$pid" status >/dev/null 2>&1
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# End of the program; 0 when it did what it does alone.
busy_end() {
    rm -f file
    await is_gone "$pid" && cmp -s busy.out bare.out && [ ! -s busy.err ]
}

"$VICTIMS/busy" >bare.out
sed -i 's/none$/some/' bare.out

orders() {
    local why
    rm -f t*.own
    busy_start -o t.own
    echo $runner >log.collector
    why=$("$PYTHON" "$HERE/orders.py" "$OWNSCOPE" "$pid" "$ORDERS" "$SEED" log "$@" 2>took)
    verdict "$ORDERS orders${1:+, and collectors killed}" $? "seed $SEED: $(echo "$why" | head -n 3 | tr '\n' ';')"
    busy_end
    verdict "the program noticed nothing${1:+ of that}" $? "$(head -n 2 busy.out busy.err | tr '\n' ' ')$(is_gone "$pid" || echo "it runs on")"
    wait $runner 2>/dev/null
    # a next collector's end is not ours to wait for
    await is_gone "$(cat log.collector)" || not_ok "the collector" "it outlives the program by a minute"
    audited t.own >asked 2>why
    diff <(grep -v '^lost' log) asked >differ
    verdict "each stands in the trace${1:+, of all collectors}" $? "$(head -n 3 differ | tr '\n' ';') $(first_line why)"
    # what a killed collector lost may make things look so: that is said with them
    why=$("$OWNSCOPE" findings --json t.own 2>/dev/null |
        jq -c '[.findings[] | select(.rule != "leak" and (.doubt | index("lost-events") | not)) | .message]')
    case $why in '[]' | '') ;; *) false ;; esac
    verdict "nothing is found that is not there${1:+, by none of them}" $? "$why"
}

case ${ONLY-} in kill) ;; *) orders ;; esac
case ${ONLY-} in plain) ;; *) orders kill ;; esac
