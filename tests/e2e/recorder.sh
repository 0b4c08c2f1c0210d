#!/bin/bash
# The flight recorder (run --ring-only): the trace stays in memory, bounded, and is
# written for what it is to be written for. A server under load, killed by SIGSEGV,
# leaves a file that reads like any other.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# memory PID: bytes of the segments that a collector has, each counted once.
memory() {
    local fd
    for fd in /proc/"$1"/fd/*; do
        case $(readlink "$fd") in
        *memfd:ownscope-trace*) stat -L -c '%i %b' "$fd" ;;
        esac
    done 2>/dev/null | sort -u | awk '{ sum += $2 * 512 } END { print sum + 0 }'
}
# load SECONDS: asks the server for so long, and until old segments were dropped (at most a minute more); the most
# memory that was seen is $most.
load() {
    local bytes last=0 dropped="" until=$((SECONDS + $1)) end=$((SECONDS + $1 + 60))
    while [ $SECONDS -lt $until ] || { [ -z "$dropped" ] && [ $SECONDS -lt $end ]; }; do
        "${ask[@]}" >/dev/null 2>&1
        bytes=$(memory "$runner")
        [ "$bytes" -gt "$most" ] && most=$bytes
        [ "$bytes" -lt "$last" ] && dropped=1
        last=$bytes
    done
}
key() { "$PYTHON" -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[key]
print(value)' "$1"; }

BOUND=$((1 << 20))
most=0
if have redis-server && have redis-benchmark; then
    what=redis-server
    "$OWNSCOPE" run -q --wait-ms 20000 --ring-only=1M --trigger signal -o f.own -- redis-server --port 0 --unixsocket "$T/redis" --save '' \
        --dir "$T" >f.out 2>f.err </dev/null &
    runner=$!
    # shellcheck disable=SC2054 # commas are meant
    ask=(redis-benchmark -s "$T/redis" -q -n 4000 -r 1000 -t set,get,lpush,lpop)
    await [ -S redis ]
else
    what=selfcount
    "$OWNSCOPE" run -q --wait-ms 20000 --ring-only=1M -o f.own -- "$VICTIMS/selfcount" "$T/books" 2 600 >f.out 2>f.err </dev/null &
    runner=$!
    ask=(sleep 0.1)
fi
pid_found() {
    pid=$("$OWNSCOPE" ps --json 2>/dev/null | key "sessions" 2>/dev/null | grep -oE "'pid': [0-9]+" | head -n 1 | grep -oE '[0-9]+')
    [ -n "$pid" ]
}
await pid_found
load "$([ -n "${TORTURE-}" ] && echo 30 || echo 1)"
# The bound is kept from look to look: what a collector that was kept from running writes in one go comes on top, until it looks.
[ "$most" -gt $((BOUND / 4)) ] && [ "$most" -le $((BOUND * 3 / 2)) ]
verdict "$what under load: the trace in memory keeps its bound" $? "$most bytes, the bound is $BOUND"
[ ! -e f.own ]
verdict "there is no file while nothing happens" $?

# Who asks meanwhile reads the memory.
at=$("$OWNSCOPE" report -p "$pid" --json 2>why | key metadata.at_ns)
[ "${at:-0}" -gt 0 ] && "$OWNSCOPE" report -p "$pid" --json --at "${at}ns" >at.json 2>why
verdict "report -p --at: a moment that is in memory" $? "$(first_line why)"
"$OWNSCOPE" report -p "$pid" --at event:1 >out 2>why
status=$?
[ $status = 1 ] && [ "$(wc -l <why)" = 1 ]
verdict "and one that is no more is refused with a line" $? "exit $status: $(first_line why)"
timeout "$LIMIT" "$OWNSCOPE" events -p "$pid" --json -n 20 >events.json 2>why && [ "$(wc -l <events.json)" = 20 ]
verdict "events -p" $? "$(first_line why)"
[ -z "$(find /dev/shm "$T" -maxdepth 1 -name '*.read.*' 2>/dev/null)" ]
verdict "no copy is left of it" $?

kill -SEGV "$pid"
wait $runner
status=$?
[ $status = 139 ]
verdict "it ends as the signal ends it" $? "exit $status"
[ -f f.own ] && [ "$(stat -c %s f.own)" -le $BOUND ] && [ "$(find . -name '*.own' | wc -l)" = 1 ]
verdict "one file is written, within the bound" $? "$(ls -l -- *.own 2>&1)"
"$OWNSCOPE" report --json f.own >f.json 2>why && [ "$(key metadata.trigger <f.json)" = "signal 11 (Segmentation fault) ended process p1" ]
verdict "report: what it was written for" $? "$(first_line why) $(key metadata.trigger <f.json)"
"$OWNSCOPE" report f.own 2>why | tr -s ' \n' '  ' >report.txt
grep -q "written for: signal 11" report.txt && grep -q "the file begins at event" report.txt && grep -q "killed by SIGSEGV" report.txt
verdict "the table says so too, and from when on" $? "$(first_line why)"
"$OWNSCOPE" leaks f.own >out 2>why
status=$?
[ $status -le 1 ] && [ ! -s why ]
verdict "leaks of the file" $? "exit $status $(first_line why)"
block=$("$OWNSCOPE" events --type new --json f.own 2>why | tail -n 1 | key node)
"$OWNSCOPE" history f.own "$block" >out 2>>why && grep -q new out
verdict "history of a block in the file" $? "$block: $(first_line why)"
first=$("$OWNSCOPE" sql -f csv f.own "SELECT min(event) FROM records" | tail -n 1 | tr -d '\r') # not each has a row of facts
[ "$first" = $(($(key metadata.begins.events_before <f.json) + 1)) ]
verdict "its first event is the one that the report names" $? "$first"

# Nothing happens: no file, and a line.
run "$T/n" "$OWNSCOPE" run --ring-only=1M -o n.own -- "$VICTIMS/handoff"
[ "$(code n)" = 0 ] && ! ls n*.own >/dev/null 2>&1 && [ "$(grep -c "no trace was written" n.err)" = 1 ] && grep -q allocations n.err
verdict "nothing happened: no file, a line, and the summary" $? "$(ls n*.own 2>&1) $(grep -c "no trace was written" n.err)"

# A finding, one of those that were asked for or not.
run "$T/d" "$OWNSCOPE" run --ring-only --trigger finding -o d.own -- "$VICTIMS/double_drop"
[ -f d.own ] && "$OWNSCOPE" report --json d.own | key metadata.trigger >said && grep -q "finding double-drop" said
verdict "a finding writes a file" $? "$(cat said) $(first_line d.err)"
grep -q "trace written to d.own: finding double-drop" d.err
verdict "and a line says so" $? "$(first_line d.err)"
"$OWNSCOPE" findings d.own | grep -q double-drop
verdict "findings of the file" $?
run "$T/o" "$OWNSCOPE" run -q --ring-only --trigger finding=overlap,relock,signal -o o.own -- "$VICTIMS/double_drop"
[ ! -e o.own ]
verdict "another rule's does not" $?
run "$T/r" "$OWNSCOPE" run -q --ring-only --trigger rss=60M -o r.own -- "$PYTHON" -c 'import os, time
x = bytearray(100 << 20)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("r.own"):
    time.sleep(0.05)'
[ -f r.own ] && "$OWNSCOPE" report --json r.own | key metadata.trigger | grep -q "resident bytes, more than 62914560"
verdict "memory above a bound writes a file" $? "$(first_line r.err)"

# Another process than the program itself.
run "$T/p" "$OWNSCOPE" run -q --ring-only -o p.own -- sh -c 'sh -c "sleep 0.4; kill -SEGV \$\$"; sleep 0.4; true'
if [ "$(printf '6.15\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.15 ]; then
    [ -f p.own ] && "$OWNSCOPE" report --json p.own | key metadata.trigger | grep -qxE "signal 11 \(Segmentation fault\) ended process p[0-9]+"
    verdict "a child that a signal ends" $? "$(first_line p.err)"
else
    skip "a child that a signal ends" "Linux before 6.15 does not tell"
fi

# On demand, and once more: the newest has the name, the one before a number.
"$OWNSCOPE" run -q --ring-only=1M --trigger none --keep 2 -o c.own -- "$VICTIMS/selfcount" "$T/books2" 1 600 >c.out 2>c.err </dev/null &
runner=$!
begun() { pid=$(od -A n -t u8 -j 4088 -N 8 books2 2>/dev/null | tr -d ' ') && [ "${pid:-0}" != 0 ]; }
await begun
sleep 0.2
"$OWNSCOPE" ctl -p "$pid" dump >said 2>why && grep -qx "trace written to $T/c.own" said && "$OWNSCOPE" report c.own >out 2>>why
verdict "ctl dump" $? "$(cat said why)"
"$OWNSCOPE" ctl -p "$pid" snapshot >said 2>why && grep -qx "trace written to $T/c.own" said &&
    [ -f c.1.own ] && [ "$("$OWNSCOPE" report --json c.own | key metadata.trigger)" = "a snapshot was asked for" ] &&
    "$OWNSCOPE" graph c.own >out 2>>why && [ -s out ]
verdict "ctl snapshot has it written, with the snapshot" $? "$(cat said why)"
"$OWNSCOPE" ctl -p "$pid" dump >said 2>why
[ "$(find . -name 'c.*own' | sort | tr '\n' ' ')" = "./c.2.own ./c.own " ]
verdict "as many files as are to be kept" $? "$(find . -name 'c.*own' | tr '\n' ' ')"
kill -TERM "$pid"
wait $runner 2>/dev/null
[ "$(find . -name 'c.*own' | wc -l)" = 2 ]
verdict "--trigger none: not even a signal" $?
