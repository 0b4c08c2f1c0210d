#!/bin/bash
# Checkpoints of real programs are exact: at random events of their traces the
# fold is saved, loaded, and held against the one that folded on.
# LOADS=N a trace: 12 unless told, 200 with TORTURE.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
LOADS=${LOADS:-${TORTURE:+200}}
LOADS=${LOADS:-12}

# held NAME CMD…: its trace, saved and loaded at LOADS events.
held() {
    local name=$1 code
    shift
    # shellcheck disable=SC2086
    run "run.$name" "$OWNSCOPE" run -q $PATIENT --checkpoint-every 0 --no-snapshot-at-exit --copies 1 -o "$name.own" -- "$@"
    [ -s "$name.own" ] || {
        not_ok "archive $name" "no trace: $(first_line "run.$name.err")"
        return
    }
    run "held.$name" "$B/tests/archive/archive_trace" "$name.own" "$LOADS" "${SEED:-1}"
    code=$(cat "held.$name.code")
    verdict "archive $name" "$code" "$(first_line "held.$name.out")$(first_line "held.$name.err")"
    rm -f "$name.own"
}

for victim in handoff moves mmap realloc_race fork_chain fork_threads fork_realloc exec_self lock_storm lock_order lock_kinds deadlock_many \
    unordered_borrow ordered_borrow copies double_drop dropped_while_locked cxx_locks names once; do
    [ -x "$VICTIMS/$victim" ] || continue
    held "$victim" "$VICTIMS/$victim"
done
have python3 && PYTHONMALLOC=malloc held python3 "$PYTHON" -c 'import json, threading
def work(): json.dumps([{"a": str(i)} for i in range(3000)])
t = [threading.Thread(target=work) for i in range(3)]
[x.start() for x in t]
[x.join() for x in t]'
have git && held git git -C "$ROOT" log --stat -n 20
have gcc && printf '#include <stdio.h>\nint main(void) { puts("x"); return 0; }\n' >x.c && held gcc gcc -O2 -o x x.c
