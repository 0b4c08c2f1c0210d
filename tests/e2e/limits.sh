#!/bin/bash
# Limits: each does what it says when it is reached, and says so in one line, in
# the report and among the events; the breaker recovers; the program notices nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

STEADY=$VICTIMS/steady

# told NAME COLLECTOR EXPRESSION: of what the session says of itself, in jq; of its state alone where the program came too late
# to be heard of. The last answer stays, for who wants to know why not.
told() {
    sleep 0.1 # there are many of us
    if [ ! -s "$1.pid" ]; then
        "$OWNSCOPE" ps --json | jq -e ".sessions[] | select(.collector == $2) | {state: .recording, log: [], pid: .processes[0].pid}" >"$1.told" &&
            jq -r '.pid // empty' "$1.told" >"$1.pid" || return
    fi
    [ ! -s "$1.pid" ] || "$OWNSCOPE" ctl -p "$(cat "$1.pid")" list --json >"$1.told" || return
    jq -e "$3" "$1.told" >/dev/null
}

# limited NAME LIMITS [PER_S SECONDS|CONDITION]…: in the background, at once with the others. The program goes on at
# that pace for so long, or until the session says so of itself.
limited() {
    local name=$1 limits=$2 quiet=-q words=() conditions=() condition n=0
    shift 2
    [ "$name" != events ] || quiet=
    for (( ; $#; )); do
        case $2 in
        [0-9]*) words+=("$1" "$2") ;;
        *) words+=("$1" "$T/$name.over$n") conditions[n++]=$2 ;;
        esac
        shift 2
    done
    {
        # shellcheck disable=SC2086 # two words, and none
        "$OWNSCOPE" run $quiet $PATIENT -o "$name.own" --limits "$limits" -- "$STEADY" "${words[@]}" >"$name.out" 2>"$name.err" </dev/null &
        n=0
        for condition in "${conditions[@]}"; do
            await told "$name" $! "$condition" 2>/dev/null || not_ok "$name: $condition" "not within a minute: $(head -c 900 "$name.told")"
            touch "$name.over$n"
            await test ! -e "$name.over$((n++))" # it goes on otherwise now
            touch "$name.met$n"
        done
        wait $!
        echo $? >"$name.code"
        "$OWNSCOPE" report --json "$name.own" >"$name.json"
    } &
}

# asked NAME EXPRESSION: of `control`, in Python: c, its log's texts, the last state.
asked() {
    "$PYTHON" - "$1.json" "$2" <<'END'
import json, re, sys
try:
    c = json.load(open(sys.argv[1])).get("control")
    log = [row["text"] for row in c["log"]]
    states = [row["state"] for row in c["log"]]
    said = lambda pattern: [t for t in log if re.fullmatch(pattern, t)]
    good = eval("(" + sys.argv[2] + ")")
except Exception as e:
    print("%s: %s" % (type(e).__name__, e))
    sys.exit(1)
print(json.dumps(c)[:900])
sys.exit(not good)
END
}

# holds NAME TITLE EXPRESSION
holds() {
    local why
    why=$(asked "$1" "$3")
    verdict "$2" $? "$why"
    [ "$(cat "$1.out") $(code "$1")" = "done 0" ] || not_ok "$2: the program" "$(code "$1"): $(first_line "$1.err")"
}

paused='.state == "paused"'
limited events events=5k 20000 "$paused" 20000 0.6
limited rate "events/s=8k,cooldown=300ms" 20000 '.state == "tripped"' 50 '.state == "recording" and ([.log[].text | select(test("on trial: closed"))] | length > 0)' 50 1 50 '.state == "recording"'
limited bytes bytes=10K 20000 "$paused" 20000 0.6
limited time time=200ms:stop 2000 '.state == "emergency"'
limited rss rss=1M 2000 "$paused"
limited coarser events=2k:coarser 20000 '[.log[] | select(.kind == "budget")] | length > 0'
limited twice events=3k 20000 "$paused" 20000 '[.log[].text | select(test("paused until start"))] | length == 2'
limited none "events=1G,events/s=1G,bytes=1T,rss=1T,time=1h" 2000 0.5

# A `start` behind a pause counts anew.
await test -e twice.met1
"$OWNSCOPE" ctl -p "$(cat twice.pid)" start >start.out 2>&1 || not_ok "start behind a pause" "$(first_line start.out)"
wait

holds events "events=: pauses, for good" 'said(r"events=5k: \S+: paused until start") and c["state"] == "paused" and states.count("paused") == 1 and c["time_ns"]["paused"] > 0.5e9'
[ "$(grep -c '^ownscope: limit events=5k: .*: paused until start; see ownscope ctl -p [0-9]* list$' events.err)" = 1 ] && [ ! -s time.err ]
verdict "a trip is said when it comes, and with -q not" $? "$(first_line events.err)"
holds bytes "bytes=: pauses" 'said(r"bytes=10K: \S+: paused until start") and c["state"] == "paused"'
holds time "time=:stop: all hooks only forward" 'said(r"time=200ms: \S+: stopped, .*") and c["state"] == "emergency" and
    0.2 <= float(re.match(r"time=200ms: (\S+)s:", log[-1])[1]) <= c["time_ns"]["recording"] / 1e9 + 0.06'
holds rss "rss=: pauses" 'said(r"rss=1M: \S+: paused until start") and c["state"] == "paused"'
holds twice "a start behind a pause counts anew" 'len(said(r"events=3k: \S+: paused until start")) == 2 and states[-1] == "paused"'
holds none "limits that are not reached do nothing" 'not c["trips"] and c["state"] == "recording" and len(log) == 1'
holds coarser "events=:coarser: samples" 'c["state"] == "recording" and re.match(r"events=2k: \S+: memory each -> 1.00KiB, ", c["budget"]["log"][0]["text"])'
holds rate "events/s=: trips, and recovers once it is light" 'said(r"events/s=8k: \S+ in a second: tripped, again in 300ms") and said(r"events/s: on trial for \S+") and
    said(r"events/s: kept for \S+ on trial: closed") and c["state"] == "recording" and c["time_ns"]["tripped"] > 0.25e9'

# Nothing is recorded while it is open; 30 ms after the trip all hooks act on it, but for a thread that was kept from running
# amid one: that has one event to come.
"$OWNSCOPE" events --json rate.own | "$PYTHON" -c '
import json, sys
open_ns, inside = None, 0
for line in sys.stdin:
    e = json.loads(line)
    if e["type"] == "control":
        open_ns = e["ns"] if e.get("state") == "tripped" else None
        underway = 1
    elif e["type"] in ("new", "drop") and open_ns is not None and e["ns"] > open_ns + 30000000:
        inside += not underway
        underway = 0
print(inside)
sys.exit(inside != 0)' >inside
verdict "nothing is recorded while it is open" $? "$(cat inside) events between a trip and its trial"
"$OWNSCOPE" events --type control rate.own | grep -q "tripped, again in 300ms"
verdict "a trip is one line among the events" $?

# The adaptive rate's log: each line goes on where the one before ended, and says by which numbers.
run cpu "$OWNSCOPE" run -q -o cpu.own --limits cpu=3% -- "$PYTHON" -c '
import json, time
kept = []
while time.process_time() < 1.2:
    kept = [json.loads("[[1, 2], {\"a\": \"%d\"}]" % i) for i in range(1000)]
print("done")'
"$OWNSCOPE" report --json cpu.own >cpu.json
"$PYTHON" - cpu.json >why <<'END'
import json, re, sys
log = [row["text"] for row in json.load(open(sys.argv[1]))["control"]["budget"]["log"]]
cost = r"\d+\.\d% \(hooks \d+\.\d, collector \d+\.\d\)"
rates = [re.fullmatch(r"(?:cpu=3%%: (?:it begins coarse|%s)|a ring is \d+%% full): memory (\S+) -> (\S+?)(?:, locks and copies \S+ -> \S+)?" % cost, t)
         for t in log if "cannot be held" not in t]
good = rates and all(rates) and rates[0].group(1) == "each" and all(a.group(2) == b.group(1) for a, b in zip(rates, rates[1:]))
print("; ".join(log))
sys.exit(not good)
END
verdict "cpu=: the log explains each change of rates" $? "$(head -c 600 why)"
[ "$(cat cpu.out) $(code cpu)" = "done 0" ] || not_ok "cpu=: the program" "$(first_line cpu.err)"
