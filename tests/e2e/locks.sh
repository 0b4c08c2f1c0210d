#!/bin/bash
# Locks, copies and findings from outside: a program that hangs, kills in the
# middle of lock traffic, lost events, forks, the options; the documents, live
# and of a file. What each rule finds is victims.sh's.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# holds NAME FILE EXPRESSION: of the document d in FILE, in python.
holds() {
    local said
    said=$("$PYTHON" -c '
import json, re, sys
d = json.load(open(sys.argv[1]))
names = lambda stack: [f.get("function", "") for f in stack]
said = eval(sys.argv[2])
print(said if said is not True else "")
sys.exit(said is not True)' "$2" "${3//$'\n'/ }" 2>&1)
    verdict "$1" $? "$(echo "$said" | tail -n 1 | cut -c1-300)"
}
pid_now() { "$OWNSCOPE" ps --json 2>/dev/null | jq -er '[.sessions[].processes[].pid][0] // empty' 2>/dev/null; }
pid_of() { await pid_now; } # of the only traced process of our sessions

# ---- a program that hangs ----------------------------------------------------
hung() {
    local runner pid at
    "$OWNSCOPE" run -o hung.own -- "$VICTIMS/deadlock" for-ever >hung.out 2>hung.err </dev/null &
    runner=$!
    pid=$(pid_of)
    await grep -q deadlock hung.err
    kill -0 "$pid" && [ "$(grep -c '^ownscope: .*deadlock' hung.err)" = 1 ]
    verdict "a deadlock is said while the program hangs" $? "$(first_line hung.err)"
    "$OWNSCOPE" locks -p "$pid" --json >hung.json 2>why
    holds "locks -p names one cycle" hung.json 'len(d["deadlocks"]) == 1 and len(d["deadlocks"][0]["threads"]) == 2 or d["deadlocks"]'
    holds "its locks" hung.json '
sorted((re.sub(".*:", "", t["holds_where"]), re.sub(".*:", "", t["waits_where"])) for t in d["deadlocks"][0]["threads"])
== [("left_fork", "right_fork"), ("right_fork", "left_fork")] or d["deadlocks"]'
    holds "its threads" hung.json 'len({t["thread"] for t in d["deadlocks"][0]["threads"]}) == 2 or d["deadlocks"]'
    holds "its stacks" hung.json '
all((names(t["stack_held"])[:2], names(t["stack_waited"])[:2]) in (
    (["take_left", "left_handed"], ["take_right", "left_handed"]), (["take_right", "right_handed"], ["take_left", "right_handed"]))
    for t in d["deadlocks"][0]["threads"]) or d["deadlocks"]'
    "$OWNSCOPE" locks -p "$pid" >hung.txt 2>why && grep -q left_fork hung.txt && grep -q take_right hung.txt
    verdict "locks -p for people names them too" $? "$(first_line hung.txt) $(cat why)"
    "$OWNSCOPE" findings -p "$pid" --json >hung-findings.json 2>why
    holds "findings -p has the deadlock" hung-findings.json 'sum(f["rule"] == "deadlock" for f in d["findings"]) == 1 or d["findings"]'
    sleep 1
    [ "$(grep -c deadlock hung.err)" = 1 ]
    verdict "it is said once" $? "$(grep -c deadlock hung.err) times"
    at=$("$PYTHON" -c 'import json; d = json.load(open("hung.json")); print(d["metadata"]["at_ns"] / 1e9)' 2>why)
    kill -KILL "$pid"
    wait $runner
    [ $? = 137 ]
    verdict "killed while it hangs: as bare" $? "exit code $?"
    "$OWNSCOPE" locks --json --at "${at}s" hung.own >hung-file.json 2>why
    "$PYTHON" - >why 2>&1 <<'E2'
import json, sys


def shape(path):
    """What live and file must agree on: all but how long it hangs already."""
    d = json.load(open(path))
    locks = {(l["id"], l["kind"], json.dumps(l["where"]), l["acquisitions"], l["contended"]) for l in d["locks"]}
    dead = [[(t["thread"], t["holds"], t["waits"], t["stack_held"], t["stack_waited"]) for t in c["threads"]] for c in d["deadlocks"]]
    return sorted(d), sorted(locks), dead, [c["cycle"] for c in d["order"]]


a, b = shape("hung.json"), shape("hung-file.json")
for x, y in zip(a, b):
    if x != y:
        print(f"live {x}, file {y}"[:400])
        sys.exit(1)
E2
    verdict "locks: live and file give the same document" $? "$(tail -n 1 why)"
    "$OWNSCOPE" findings --json hung.own >hung-findings.json
    holds "a deadlock that was killed is in the findings" hung-findings.json 'sum(f["rule"] == "deadlock" for f in d["findings"]) == 1 or d["findings"]'
}

# A hang with oneself.
relock() {
    local runner pid
    "$OWNSCOPE" run -q -o relock.own -- "$VICTIMS/relock" for-ever >relock.out 2>relock.err </dev/null &
    runner=$!
    pid=$(pid_of)
    relock_found() { "$OWNSCOPE" findings -p "$pid" --json >relock.json 2>/dev/null && grep -q '"relock"' relock.json; }
    await relock_found
    kill -KILL "$pid"
    wait $runner
    holds "a relock that hangs is found while it hangs" relock.json '
any(f["rule"] == "relock" and "take_for_ever" in names(f["stacks"]["used"]) for f in d["findings"]) or d["findings"]'
}

# ---- kills in the middle of lock traffic ------------------------------------
books() { # FILE FINDINGS BOOKS
    "$PYTHON" - "$@" <<'E2'
import json, re, struct, sys
locks, findings = (json.load(open(p)) for p in sys.argv[1:3])
begun, done = (sum(c) for c in zip(*struct.iter_unpack("<2Q", open(sys.argv[3], "rb").read(4080))))
seen = sum(l["acquisitions"] for l in locks["locks"] if re.search(r"\bcounted_(own|all)\b", json.dumps(l["where"])))
print(f"{seen} on record, {done} done, {begun} begun, findings {findings['findings']}"[:300])
sys.exit(not (done <= seen <= begun and not findings["findings"]))
E2
}
kill_program() {
    local i runner pid why=''
    for i in 1 2 3 4 5 6; do
        rm -f books
        # shellcheck disable=SC2086
        "$OWNSCOPE" run -q $PATIENT -o kill.own -- "$VICTIMS/lockcount" books $((i % 3 + 1)) >/dev/null 2>kill.err </dev/null &
        runner=$!
        booked() { pid=$(od -A n -t u8 -j 4088 -N 8 books 2>/dev/null | tr -d ' ') && [ "${pid:-0}" != 0 ]; }
        await booked
        sleep "0.$((RANDOM % 3 + 1))"
        kill -KILL "$pid"
        wait $runner
        "$OWNSCOPE" locks --json -n 0 kill.own >kill.json 2>why || { why="time $i: $(cat why)"; break; }
        "$OWNSCOPE" findings --json kill.own >kill-findings.json 2>why
        why=$(books kill.json kill-findings.json books 2>&1) || { why="time $i: $why"; break; }
        why=
    done
    [ -z "$why" ]
    verdict "6 kills of a program at its locks: nothing missing, nothing found" $? "$why"
}
kill_collector() {
    local runner
    # shellcheck disable=SC2016 # for the inner shell
    "$OWNSCOPE" run -q --wait-ms 200 -o coll.own -- sh -c '"$1" 2; echo "code $?" >coll.code' sh "$VICTIMS/lock_storm" >coll.out 2>coll.err </dev/null &
    runner=$!
    pid_of >/dev/null
    sleep 0.4
    kill -KILL $runner
    wait $runner
    await test -s coll.code
    [ "$(cat coll.code)" = "code 0" ] && [ ! -s coll.err ]
    verdict "the collector is killed: a program at its locks goes on" $? "$(cat coll.code coll.err)"
    "$OWNSCOPE" findings --json coll.own >coll.json 2>why
    # a collector that was kept from running may have lost events of a program that waits 200 ms at most: that is said with them
    holds "what is on record until then breaks no rule" coll.json '[f for f in d["findings"] if not f.get("doubt")] == [] or [(f["rule"], f["doubt"], f["message"]) for f in d["findings"][:3]]'
}

# ---- lost events -----------------------------------------------------------------
lost_events() {
    local runner lost i seconds
    for seconds in 2 4 8 16; do # as long as a starved program needs
        "$OWNSCOPE" run -q --on-full drop -o lost.own -- "$VICTIMS/lock_storm" $seconds >/dev/null 2>lost.err </dev/null &
        runner=$!
        pid_of >/dev/null
        for i in 1 2 3 4; do # a collector that sleeps now and then
            sleep 0.15
            kill -STOP $runner
            sleep 0.2
            kill -CONT $runner
        done
        wait $runner
        lost=$(number lost.own lost.events 2>why)
        [ "${lost:-0}" -le 1000 ] || break
    done
    [ "${lost:-0}" -gt 1000 ]
    verdict "--on-full drop: events were lost" $? "$lost $(cat why)"
    "$OWNSCOPE" findings --json lost.own >lost.json 2>why
    holds "lost events make no certain finding" lost.json '[f for f in d["findings"] if not f.get("doubt")] == [] or [(f["rule"], f["message"]) for f in d["findings"][:3]]'
    "$OWNSCOPE" locks --json lost.own >lost-locks.json 2>why
    verdict "locks of a trace with loss" $? "$(cat why)"
}

# ---- options --------------------------------------------------------------------------
options() {
    "$OWNSCOPE" run -q --locks off -o off.own -- "$VICTIMS/lock_order" >/dev/null 2>why
    "$OWNSCOPE" locks --json off.own >off.json 2>why
    holds "--locks off: none" off.json 'd["locks"] == [] and d["order"] == [] or d'
    "$OWNSCOPE" report --json off.own >off-report.json
    holds "--locks off: the coverage says so" off-report.json '"lock" in json.dumps(d["coverage"]) or d["coverage"]'
    "$OWNSCOPE" run -q --copies off -o off.own -- "$VICTIMS/copies" >/dev/null 2>why
    "$OWNSCOPE" copies --json off.own >off.json 2>why
    holds "--copies off: none" off.json 'd["totals"]["copies"] == 0 or d["totals"]'
    "$OWNSCOPE" report --json off.own >off-report.json
    holds "--copies off: the coverage says so" off-report.json '"cop" in json.dumps(d["coverage"]) or d["coverage"]'
    for least in 1:214 3:214 4:114 12000:114 12001:14 20000:12 20001:0; do
        "$OWNSCOPE" run -q --copies "${least%:*}" -o copies.own -- "$VICTIMS/copies" >/dev/null 2>why
        "$OWNSCOPE" copies --json copies.own >copies.json 2>why
        # main's own, and those of our victim only: libc copies within itself
        holds "--copies ${least%:*}" copies.json "(lambda n: n == ${least#*:} or n)(sum(s['copies'] for s in d['sites'] if set(names(s['stack'])) & {'copy_over', 'move_over', 'take_in', 'give_out', 'write_text'} or names(s['stack'])[:1] == ['main'] and 'puts' not in names(s['stack'])))"
    done
}

{
    hung
    relock
    kill_program
    kill_collector
    lost_events
    options
} 2>/dev/null # the shell's own words about what was killed
