#!/bin/bash
# Limits: each does what it says when it is reached, and says so in one line, in
# the report and among the events; the breaker recovers; the program notices nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

STEADY=$VICTIMS/steady

# limited NAME LIMITS WORDS…: in the background, at once with the others.
limited() {
    local name=$1 limits=$2 quiet=-q
    shift 2
    [ "$name" != events ] || quiet=
    {
        # shellcheck disable=SC2086 # two words, and none
        run "$name" "$OWNSCOPE" run $quiet $PATIENT -o "$name.own" --limits "$limits" -- "$STEADY" "$@"
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

limited events events=5k 20000 1
limited rate "events/s=8k,cooldown=300ms" 20000 0.6 50 2.5
limited bytes bytes=10K 20000 2
limited time time=200ms:stop 2000 0.6
limited rss rss=1M 2000 0.5
limited coarser events=2k:coarser 20000 0.8
limited twice events=3k 20000 2.5
limited none "events=1G,events/s=1G,bytes=1T,rss=1T,time=1h" 2000 0.5

# A `start` behind a pause counts anew.
for _ in $(seq 200); do
    pid=$(pgrep -f "^$STEADY 20000 2.5" | head -n 1)
    [ -n "$pid" ] && "$OWNSCOPE" ctl -p "$pid" list --json 2>/dev/null | jq -e '.state == "paused"' >/dev/null 2>&1 && break
    sleep 0.02
done
"$OWNSCOPE" ctl -p "$pid" start >start.out 2>&1
wait

holds events "events=: pauses, for good" 'said(r"events=5k: \S+: paused until start") and c["state"] == "paused" and states.count("paused") == 1 and c["time_ns"]["paused"] > 0.5e9'
[ "$(grep -c '^ownscope: limit events=5k: .*: paused until start; see ownscope ctl -p [0-9]* list$' events.err)" = 1 ] && [ ! -s time.err ]
verdict "a trip is said when it comes, and with -q not" $? "$(first_line events.err)"
holds bytes "bytes=: pauses" 'said(r"bytes=10K: \S+: paused until start") and c["state"] == "paused"'
holds time "time=:stop: all hooks only forward" 'said(r"time=200ms: \d+\.\ds: stopped, .*") and c["state"] == "emergency" and c["time_ns"]["recording"] >= 0.2e9'
holds rss "rss=: pauses" 'said(r"rss=1M: \S+: paused until start") and c["state"] == "paused"'
holds twice "a start behind a pause counts anew" 'len(said(r"events=3k: \S+: paused until start")) == 2 and states[-1] == "paused"'
holds none "limits that are not reached do nothing" 'not c["trips"] and c["state"] == "recording" and len(log) == 1'
holds coarser "events=:coarser: samples" 'c["state"] == "recording" and re.match(r"events=2k: \S+: memory each -> 1.00KiB, ", c["budget"]["log"][0]["text"])'
holds rate "events/s=: trips, and recovers once it is light" 'said(r"events/s=8k: \S+ in a second: tripped, again in 300ms") and said(r"events/s: on trial for \S+") and
    said(r"events/s: kept for \S+ on trial: closed") and c["state"] == "recording" and c["time_ns"]["tripped"] > 0.25e9'

# Nothing is recorded while it is open; 30 ms after the trip all hooks act on it.
"$OWNSCOPE" events --json rate.own | "$PYTHON" -c '
import json, sys
open_ns, inside = None, 0
for line in sys.stdin:
    e = json.loads(line)
    if e["type"] == "control":
        open_ns = e["ns"] if e.get("state") == "tripped" else None
    elif e["type"] in ("new", "drop") and open_ns is not None and e["ns"] > open_ns + 30000000:
        inside += 1
sys.exit(inside != 0)'
verdict "nothing is recorded while it is open" $? "events between a trip and its trial"
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
