#!/bin/bash
# The life of collectors: killed ones leave no gap as long as the rings hold, a second one is refused or takes over,
# sessions stand side by side, dead ones go, and nobody else may control them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

pid_in_books() { od -A n -t u8 -j 4088 -N 8 "$1" 2>/dev/null | tr -d ' '; }
begun() { case $(pid_in_books "$1") in '' | 0) return 1 ;; esac }
# started BOOKS: until the victim has begun.
started() { await begun "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# ended PID
ended() { await gone "$1"; }
shown() { "$OWNSCOPE" ps --json 2>/dev/null | jq -e --argjson p "$1" '[.sessions[].collector] | index($p)' >/dev/null; }
# collected PID: until ps shows a session with that collector.
collected() { await shown "$1"; }
# A victim whose pace the rings can hold: it keeps its own books, 64 mallocs and frees in PACE microseconds, until it is told to end.
export PACE=3000
victim() {
    # shellcheck disable=SC2086 # two words
    "$OWNSCOPE" run -q $PATIENT -o "$1.own" -- "$T/paced" "$1.books" "${2:-2}" >"$1.out" 2>"$1.err" </dev/null &
    runner=$!
    started "$1.books"
}
enough() { printf '\1' | dd of="$1.books" bs=1 seek=4080 conv=notrunc status=none; } # NAME
# worked NAME: the first thread has done more since.
worked() {
    worked_before=$(first_made "$1")
    await more_than "$1" $((worked_before + 128))
}
first_made() { od -A n -t u8 -j 0 -N 8 "$1.books" | tr -d ' '; }
more_than() { [ "$(first_made "$1")" -gt "$2" ]; }
# exact NAME FILE BOOKS: all that the victim did is on record, and nothing is counted as lost; stacks are known.
exact() {
    local why
    why=$("$OWNSCOPE" report --json "$2" 2>&1 >r.json) && [ -z "$why" ] && why=$("$PYTHON" "$HERE/books.py" "$3" r.json 2>&1)
    verdict "$1" $? "$why"
}
sed 's/victim_breathe();/usleep(atoi(getenv("PACE")));/' "$ROOT/tests/victims/selfcount.c" >paced.c
cc -O1 -g -w -pthread -I"$ROOT/tests/victims" -o paced paced.c || exit 99

# ---- killed ------------------------------------------------------------------
kills() {
    rm -f killed.*
    victim killed
    for _ in 1 2 3; do
        worked killed
        sleep 0.15
        kill -KILL $runner
        wait $runner
        "$OWNSCOPE" serve -q --attach "$(pid_in_books killed.books)" >serve.out 2>&1 &
        runner=$!
        collected $runner
    done
    worked killed
    enough killed
    ended "$(pid_in_books killed.books)"
    ended $runner
    wait $runner
}
# Where the collector has the processor for a tenth of its time only, the rings hold a tenth of that pace.
for PACE in 3000 30000 300000; do
    kills 2>/dev/null
    [ "$(number killed.own lost.events)" = 0 ] && break
done
exact "three collectors killed with SIGKILL: nothing is missing, nothing twice" killed.own killed.books
[ "$(number killed.own lost.events)" = 0 ]
verdict "and none of it was lost" $? "$("$OWNSCOPE" report --json killed.own | jq -c .lost) at $PACE us"
PACE=3000

# ---- taken over --------------------------------------------------------------
victim living
session=$("$OWNSCOPE" ps --json | jq -r '.sessions[0].session')
run "$T/second" "$OWNSCOPE" serve -q --attach "$session"
[ "$(code "$T/second")" = 125 ] && [ "$(wc -l <"$T/second.err")" = 1 ] && grep -q "collector $runner has it; .*--takeover" "$T/second.err"
verdict "a second collector refuses, and names the first" $? "$(code "$T/second"): $(first_line "$T/second.err")"
"$OWNSCOPE" serve -q --takeover --attach "$session" >serve.out 2>&1 &
server=$!
collected $server
verdict "--takeover has the session" $? "$(first_line serve.out)"
kill -0 "$(pid_in_books living.books)"
verdict "while the program runs on" $?
worked living
enough living
wait $runner && grep -q 'done' living.out && [ "$(grep -c '^ownscope: ' living.err)" = 1 ] && grep -q "process $server (uid [0-9]*) has taken session $session over" living.err
verdict "the first says so in one line, and ends as the program did" $? "$(first_line living.err)"
ended $server
wait $server
exact "a session handed over alive: nothing is missing, nothing twice" living.own living.books

# ---- limits -------------------------------------------------------------------
paused() { "$OWNSCOPE" ctl -p "$1" list --json | jq -e '.state == "paused"' >/dev/null; }
# counts NAME LIMIT: a program under a limit loses one collector to SIGKILL, gives another one's place away, and pauses under the third.
counts() {
    local name=$1 session servers pid
    rm -f "$name".*
    # shellcheck disable=SC2086 # two words
    "$OWNSCOPE" run -q $PATIENT -o "$name.own" --limits "$2" -- "$VICTIMS/steady" 5000 100 >/dev/null 2>&1 </dev/null &
    servers=$!
    collected $servers
    session=$("$OWNSCOPE" ps --json | jq -r --argjson p $servers '.sessions[] | select(.collector == $p).session')
    sleep 0.5
    kill -KILL $servers
    for takes in '' --takeover; do
        # shellcheck disable=SC2086 # an option or none
        "$OWNSCOPE" serve -q $takes --attach "$session" >/dev/null 2>&1 </dev/null &
        servers=$!
        collected $servers
        sleep 0.4
    done
    pid=$("$OWNSCOPE" ps --json | jq -r --argjson p $servers '.sessions[] | select(.collector == $p).processes[0].pid')
    await paused "$pid"
    kill "$pid"
    ended $servers
    "$OWNSCOPE" report --json "$name.own" >"$name.json"
    "$OWNSCOPE" events --json -n 1 "$name.own" >"$name.first"
}
cat >counts.py <<'END'
import json, re, sys
# What the limit says it counted is what there is of all three together. The report counts from the session's start; a
# limit of time from when the collector was there, which is before the first event.
good = True
for name, of, near in ("time", lambda r: r["control"]["time_ns"]["recording"] / 1e9, 0.3), ("events", lambda r: r["events"]["new"] + r["events"]["drop"], 1500):
    r, before = json.load(open(name + ".json")), json.loads(open(name + ".first").readline())["ns"] / 1e9
    said = [re.match(name + r"=\S+: ([\d.]+)(k|s): paused", row["text"]) for row in r["control"]["log"]]
    counted = [float(m.group(1)) * (1000 if m.group(2) == "k" else 1) for m in said if m]
    print(name, counted, of(r), before, [] if counted else [row["text"] for row in r["control"]["log"]][-3:])
    good &= len(counted) == 1 and -near - (before if name == "time" else 0) < counted[0] - of(r) < near and r["control"]["state"] == "paused"
sys.exit(not good)
END
# Where a collector takes so long to come that one before the last reaches the limit, this shows nothing: then a later one.
for times in 1 4 16; do
    {
        counts time time=$((1500 * times))ms &
        counts events events=$((15 * times))k &
        wait
    } 2>/dev/null
    "$PYTHON" counts.py >why && break
done
verdict "what a limit counts goes on over collectors" $? "$(tr '\n' ' ' <why)"

# ---- serve -------------------------------------------------------------------
"$OWNSCOPE" serve -q -o served.own >first.out 2>&1 &
first=$!
collected $first
run "$T/second" "$OWNSCOPE" serve -q -o other.own
[ "$(code "$T/second")" = 125 ] && [ "$(wc -l <"$T/second.err")" = 1 ] && grep -q "collector $first serves this user already" "$T/second.err"
verdict "a second serve refuses, and names the first" $? "$(code "$T/second"): $(first_line "$T/second.err")"
"$B/ownscope-preload" "$T/paced" served.books 1 >/dev/null 2>&1 &
program=$!
started served.books
"$OWNSCOPE" serve -q --takeover >second.out 2>&1 &
server=$!
collected $server
verdict "serve --takeover has it" $? "$(first_line second.out)"
ended $first && wait $first && [ "$(wc -l <first.out)" = 1 ] && grep -q "process $server (uid [0-9]*) has taken session" first.out
verdict "the first serve ends well, with one line" $? "$(first_line first.out)"
worked served
enough served
wait $program
"$B/ownscope-preload" "$VICTIMS/exit_raw" >/dev/null
kill -TERM $server
wait $server
exact "programs of before are on record whole" served.own served.books
[ "$("$OWNSCOPE" report --json served.own | jq '.processes | length')" -ge 2 ]
verdict "and so is one that came later" $?
run "$T/second" "$OWNSCOPE" run -q --ring-only -o ring.own -- true
"$OWNSCOPE" run -q --ring-only -o ring.own -- sleep 60 &
runner=$!
collected $runner
run "$T/second" "$OWNSCOPE" serve -q --takeover --attach "$("$OWNSCOPE" ps --json | jq -r '.sessions[0].session')"
[ "$(code "$T/second")" = 125 ] && [ "$(wc -l <"$T/second.err")" = 1 ] && grep -q 'in memory' "$T/second.err" && kill -0 $runner
verdict "a flight recorder is not taken over" $? "$(code "$T/second"): $(first_line "$T/second.err")"
kill $runner
wait $runner

# ---- side by side, and dead ---------------------------------------------------
{
    victim left 1
    left=$runner
    victim right 1
    right=$runner
    [ "$("$OWNSCOPE" ps --json | jq '[.sessions[] | select(.state == "collected")] | length')" = 2 ]
    verdict "two sessions side by side" $?
    kill -KILL $left
    wait $left
    "$OWNSCOPE" ps | grep -q orphaned
    verdict "ps shows the one whose collector was killed as orphaned" $? "$("$OWNSCOPE" ps)"
    [ "$("$OWNSCOPE" report -p "$(pid_in_books right.books)" --json | jq .totals.allocations)" -gt 0 ]
    verdict "the other goes on" $?
    enough right
    wait $right
    kill -KILL "$(pid_in_books left.books)"
    ended "$(pid_in_books left.books)"
    segment=$(readlink "$OWNSCOPE_DIR"/*/segment)
    "$OWNSCOPE" ps --clear
    [ -n "$segment" ] && [ ! -e "$segment" ] && [ -z "$(ls -A "$OWNSCOPE_DIR")" ]
    verdict "a dead session is cleared, its memory too" $? "$(ls -A "$OWNSCOPE_DIR") $segment"
    mkdir -m 700 "$OWNSCOPE_DIR/run-1-dead"
    ln -s /dev/shm/ownscope-nobody-has-it "$OWNSCOPE_DIR/run-1-dead/segment"
    "$OWNSCOPE" run -q -o x.own -- true
    [ ! -e "$OWNSCOPE_DIR/run-1-dead" ]
    verdict "run clears a session whose memory is gone" $? "$(ls "$OWNSCOPE_DIR")"
} 2>/dev/null

# ---- who may ------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && have setpriv; then
    nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    other=(setpriv --reuid=65533 --regid=65533 --clear-groups)
    mkdir -m 755 theirs
    chown 65534 theirs
    tool=$OWNSCOPE
    if ! "${nobody[@]}" test -x "$OWNSCOPE" -a -r "$SHIM"; then
        cp "$OWNSCOPE" "$SHIM" theirs/
        tool=$T/theirs/ownscope
    fi
    chmod 1777 "$T"
    "${nobody[@]}" env OWNSCOPE_DIR="$T/theirs/s" "$tool" run -q -o "$T/theirs/t.own" -- sleep 300 &
    named() { pid=$(pgrep -u 65534 -n -x sleep) && [ -S "$(echo theirs/s/*/socket)" ] && ask "${nobody[@]}" && [ "$(code "$T/a")" = 0 ]; }
    ask() { OWNSCOPE_DIR=$T/theirs/s run "$T/a" "$@" "$tool" report -p "$pid" --json; }
    await named
    verdict "the owner may ask" $? "$(first_line "$T/a.err")"
    ask
    [ "$(code "$T/a")" = 0 ]
    verdict "root may ask" $? "$(first_line "$T/a.err")"
    run "$T/a" env -u OWNSCOPE_DIR "$tool" report -p "$pid" --json
    [ "$(code "$T/a")" = 0 ]
    verdict "root finds the session of another user's process" $? "$(first_line "$T/a.err")"
    ask "${other[@]}"
    [ "$(code "$T/a")" = 125 ] && [ "$(wc -l <"$T/a.err")" = 1 ]
    verdict "a third user may not" $? "$(code "$T/a"): $(first_line "$T/a.err")"
    chmod 755 theirs/s theirs/s/* && chmod 777 theirs/s/*/socket
    got=$("${other[@]}" "$PYTHON" - theirs/s/*/socket <<'E2'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"POST /v1/yield HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
print(s.recv(100).split()[1].decode())
E2
    )
    [ "$got" = 403 ] && kill -0 "$pid"
    verdict "nor through a socket that was thrown open" $? "$got"
    chmod 777 theirs/s
    ask "${nobody[@]}"
    [ "$(code "$T/a")" = 125 ] && [ "$(wc -l <"$T/a.err")" = 1 ] && grep -q 'others may write' "$T/a.err"
    verdict "a client refuses a directory that others may write to" $? "$(code "$T/a"): $(first_line "$T/a.err")"
    chmod 700 theirs/s
    # Somebody puts a socket of his own where the collector's was.
    socket=$(echo theirs/s/*/socket)
    mv "$socket" aside
    "$PYTHON" - "$socket" <<'E2' &
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chown(sys.argv[1], 65533, 65533)
os.setuid(65533)
s.listen()
time.sleep(300)
E2
    liar=$!
    changed() { [ -S "$socket" ] && [ "$(stat -c %u "$socket")" = 65533 ]; }
    await changed
    ask "${nobody[@]}"
    [ "$(code "$T/a")" = 125 ] && [ "$(wc -l <"$T/a.err")" = 1 ] && grep -q 'uid 65533' "$T/a.err"
    verdict "a client refuses a socket that is somebody else's" $? "$(code "$T/a"): $(first_line "$T/a.err")"
    kill $liar
    kill "$pid"
    wait
else
    skip "other users" "needs root and setpriv"
fi
