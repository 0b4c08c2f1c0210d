#!/bin/bash
# A program while it runs: the readers ask its collector, and give the same
# documents as they give of a file.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

"$OWNSCOPE" run -q -o live.own -- "$VICTIMS/selfcount" books 3 600 >live.out 2>live.err </dev/null &
runner=$!
begun() { pid=$(od -A n -t u8 -j 4088 -N 8 books 2>/dev/null | tr -d ' ') && [ -n "$pid" ] && [ "$pid" != 0 ]; }
await begun
sleep 0.3

[ "$(stat -c %a "$OWNSCOPE_DIR")" = 700 ]
verdict "the session folder is the user's own" $? "$(stat -c %a "$OWNSCOPE_DIR")"
"$OWNSCOPE" ps --json >ps.json 2>ps.err && grep -qw "$pid" ps.json
verdict "ps shows it" $? "$(first_line ps.err) $(head -c 200 ps.json)"

# keys FILE: the top-level keys of a document, in order of name.
keys() { "$PYTHON" -c 'import json, sys; print(*sorted(json.load(open(sys.argv[1]))))' "$1"; }
live_number() {
    "$OWNSCOPE" report -p "$pid" --json | "$PYTHON" -c '
import json, sys
print(json.load(sys.stdin)["totals"]["allocations"])'
}

more_than() { second=$(live_number 2>live.why) && [ "${second:-0}" -gt "$1" ]; }
await more_than 0
first=$second
await more_than "$first"
verdict "report -p goes on counting" $? "$first then $second; $(first_line live.why)"
"$OWNSCOPE" threads -p "$pid" --json >live-threads.json 2>live.why
verdict "threads -p" $? "$(first_line live.why)"
"$OWNSCOPE" report -p "$pid" --json >live-report.json 2>live.why
"$OWNSCOPE" export -f json -p "$pid" >live-export.json 2>live.why && keys live-export.json >/dev/null
verdict "export -p" $? "$(first_line live.why)"
timeout "$LIMIT" "$OWNSCOPE" events -p "$pid" --json -n 20 >live-events.json 2>live.why && [ -s live-events.json ]
verdict "events -p" $? "$(first_line live.why)"
block=$("$PYTHON" -c '
import json, sys
nodes = json.load(open("live-export.json"))["nodes"]
print(next(n["id"] for n in nodes if n["kind"] == "block"))' 2>live.why)
"$OWNSCOPE" history -p "$pid" "$block" --json >live-history.json 2>live.why && grep -q '"events"' live-history.json
verdict "history -p" $? "$block: $(first_line live.why)"
for table in report threads; do
    "$OWNSCOPE" $table -p "$pid" >$table.txt 2>live.why && [ -s $table.txt ]
    verdict "$table -p as a table" $? "$(first_line live.why)"
done
if [ "$(id -u)" = 0 ] && have setpriv; then
    # shellcheck disable=SC2024
    setpriv --reuid=65534 --regid=65534 --clear-groups "$OWNSCOPE" report -p "$pid" >other.out 2>other.err
    status=$?
    [ $status = 125 ] || [ $status = 126 ] || ! [ -s other.out ]
    verdict "another user gets nothing" $? "exit code $status"
fi
kill -KILL "$pid" # it would go on for a minute
wait $runner 2>/dev/null || true
"$OWNSCOPE" report --json live.own >file-report.json 2>live.why
[ "$(keys live-report.json)" = "$(keys file-report.json)" ]
verdict "the same keys, live and from the file" $? "$(keys live-report.json) / $(keys file-report.json)"
[ -z "$(ls -A "$OWNSCOPE_DIR" 2>/dev/null)" ]
verdict "nothing is left of the session" $? "$(ls -A "$OWNSCOPE_DIR")"

# ---- a program that does nothing -----------------------------------------------
"$OWNSCOPE" run -q -o sleeper.own -- sleep 600 &
runner=$!
duration() { "$OWNSCOPE" "$@" 2>/dev/null | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["metadata"]["duration_ns"])' 2>/dev/null; }
asleep() {
    sleeper=$("$OWNSCOPE" ps --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["sessions"][0]["processes"][0]["pid"])' 2>/dev/null)
    [ -n "$sleeper" ] && [ -n "$(duration report -p "$sleeper" --json)" ]
}
await asleep
for words in "report --json" "export"; do
    # shellcheck disable=SC2086
    {
        before=$(duration $words -p "$sleeper")
        sleep 0.3
        after=$(duration $words -p "$sleeper")
    }
    [ "${after:-0}" -ge $((${before:-0} + 300000000)) ]
    verdict "$words of a live process lasts until now" $? "$before then $after"
done
kill $runner
wait $runner 2>/dev/null || true

# ---- moments of a trace -----------------------------------------------------
at() { "$OWNSCOPE" report --json "$@" live.own 2>live.why | "$PYTHON" -c '
import json, sys
t = json.load(sys.stdin)["totals"]
print(t["allocations"], t["live_bytes"], t["peak_bytes"])'; }
read -r whole _ peak <<<"$(at)"
read -r half _ _ <<<"$(at --at $(($(number live.own metadata.duration_ns) / 2))ns)"
read -r _ live_at_peak _ <<<"$(at --at peak)"
read -r first _ _ <<<"$(at --at event:10)"
[ "${half:-0}" -gt 0 ] && [ "$half" -lt "${whole:-0}" ]
verdict "--at a time" $? "$half of $whole"
[ -n "$peak" ] && [ "$live_at_peak" = "$peak" ]
verdict "--at peak" $? "$live_at_peak live, peak $peak"
[ "${first:-99}" -le 10 ]
verdict "--at an event" $? "$first"
refuse=$("$OWNSCOPE" report --at nonsense live.own 2>&1)
[ $? = 2 ] && [ "$(echo "$refuse" | wc -l)" = 1 ]
verdict "--at nonsense" $? "$refuse"

# ---- a collector that serves, and programs that join it --------------------
"$OWNSCOPE" serve -q -o serve.own >serve.out 2>&1 &
server=$!
listens() { [ -n "$(find "$OWNSCOPE_DIR" -name socket 2>/dev/null)" ]; }
await listens
"$B/ownscope-preload" "$VICTIMS/fork_chain" >joined.out 2>joined.err
"$VICTIMS/fork_chain" >bare.out
cmp -s joined.out bare.out && [ ! -s joined.err ]
verdict "a program joins by ownscope-preload" $? "$(first_line joined.err)"
LD_PRELOAD=$SHIM "$VICTIMS/realloc" >/dev/null 2>joined.err
kill -TERM $server
wait $server 2>/dev/null
run "$T/served" "$OWNSCOPE" report --json serve.own
[ "$(number serve.own totals.frees 2>serve.why)" = 18 ]
verdict "serve saw both programs" $? "$(number serve.own totals 2>&1) $(first_line serve.why) $(first_line serve.out)"
"$B/ownscope-preload" "$VICTIMS/fork_chain" >joined.out 2>joined.err
cmp -s joined.out bare.out && [ ! -s joined.err ]
verdict "without a collector it runs untouched" $? "$(first_line joined.err)"

# ---- -p of one of two processes, at an earlier moment ----------------------
cat >pair.c <<'E2'
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    char *volatile p = malloc(5);
    pid_t child = fork();
    p = malloc(child ? 7 : 9);
    if (child) {
        printf("%d %d\n", getpid(), child);
        fflush(stdout);
    }
    alarm(600);
    for (;;)
        pause();
}
E2
cc -g -w -o pair pair.c
"$OWNSCOPE" run -q -o pair.own -- ./pair >pair.out 2>pair.err </dev/null &
runner=$!
await [ -s pair.out ]
read -r parent child <pair.out
child_known() { "$OWNSCOPE" graph -p "$child" --at 3000s 2>pair.why | grep -q '^p2: 2 blocks'; }
await child_known
"$OWNSCOPE" leaks -p "$parent" --at 3000s >pair.leaks 2>pair.why
grep -q "^p1 (pid $parent), no snapshot" pair.leaks && ! grep -q 'p2' pair.leaks
verdict "leaks -p --at tells of that process alone" $? "$(first_line pair.why) $(head -c 300 pair.leaks)"
"$OWNSCOPE" graph -p "$child" --at 3000s >pair.graph 2>pair.why
grep -q '^p2: 2 blocks at .*, no snapshot$' pair.graph && ! grep -q 'p1' pair.graph
verdict "graph -p --at tells of that process alone" $? "$(first_line pair.why) $(head -c 300 pair.graph)"
kill "$child" "$parent" 2>/dev/null
wait $runner 2>/dev/null || true
