#!/bin/bash
# The options of run that change what is recorded.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset OWNSCOPE_DEBUG_DIR # frames of the C library are asked for by name
cd "$T" || exit 99

# report_of VICTIM OPTIONS…: traces it, and leaves the report in report.json.
report_of() {
    local victim=$1
    shift
    # shellcheck disable=SC2086 # two words
    timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT "$@" -o o.own -- "$VICTIMS/$victim" >out 2>err &&
        "$OWNSCOPE" report --json o.own >report.json 2>err
}
# holds NAME EXPRESSION: of the report r, in python.
holds() {
    local said
    said=$("$PYTHON" -c '
import json, sys
r = json.load(open("report.json"))
t = r["totals"]
made_by = lambda f: [s for s in r["sites"] if s["stack"] and s["stack"][0].get("function") == f]
said = eval(sys.argv[1])
print(said if said is not True else "")
sys.exit(said is not True)' "$2" 2>&1)
    verdict "$1" $? "$(echo "$said" | tail -n 1) $(first_line err)"
}

report_of handoff --stacks caller
holds "--stacks caller: one frame" 'all(sum(not f["inlined"] for f in s["stack"]) <= 1 for s in r["sites"]) and made_by("produce")[0]["allocations"] == 1000'
report_of handoff --stacks none
holds "--stacks none: no frame" 'all(not s["stack"] for s in r["sites"]) and t["allocations"] == 1003'
report_of handoff --stacks full
holds "--stacks full: to the start of the thread" '"start_thread" in [f.get("function") for f in made_by("produce")[0]["stack"]]'

# Every event is on record or counted as lost; a release has a reserve.
report_of hungry --on-full drop
holds "--on-full drop: what is lost is counted" \
    '1200005 <= t["allocations"] + t["frees"] + t["unknown_drops"] + r["lost"]["events"] <= 1200040 or (t, r["lost"])'
holds "--on-full drop: a lost release looks like no leak" 't["live_blocks"] <= 50 or t'
report_of hungry --on-full wait
holds "--on-full wait: nothing is lost" 't["allocations"] == 600005 and t["frees"] == 600000 and r["lost"]["events"] == 0 or (t, r["lost"])'

report_of realloc_race --strict-order
holds "--strict-order" 't["reallocations"] == 79968 and t["frees"] == 32 and t["unseen_drops"] == 0 or t'

report_of lock_returns --locks off
holds "--locks off: no lock" 'r["events"]["acquire"] == 0 and r["events"]["lock"] == 0 and not set(r["findings"]) - {"leak"} or r["events"]'
report_of lock_returns --locks on
holds "--locks on" 'r["events"]["acquire"] > 20 or r["events"]'

# copied OPTIONS…: how many copies of the sizes that copy_lengths makes.
copied() {
    timeout "$LIMIT" "$OWNSCOPE" run -q "$@" -o c.own -- "$VICTIMS/copy_lengths" >out 2>err &&
        "$OWNSCOPE" copies --json c.own 2>err | jq -r .totals.copies
}
most=$(copied --copies 1) some=$(copied --copies 256) few=$(copied --copies 4K) none=$(copied --copies off)
[ "${none:-1}" = 0 ] && [ "${few:-0}" -gt 0 ] && [ "${some:-0}" -gt "$few" ] && [ "${most:-0}" -gt "$some" ]
verdict "--copies takes only those of so many bytes" $? "1: $most, 256: $some, 4K: $few, off: $none; $(first_line err)"

cat >child.sh <<'E2'
"$1" >/dev/null
jq -n 1
E2
followed() {
    "$OWNSCOPE" run -q --follow "$1" -o f.own -- sh child.sh "$VICTIMS/ctor" >/dev/null 2>err
    "$OWNSCOPE" report --json f.own | jq -r '.processes[].exe | split("/") | last' | sort | tr '\n' ' '
}
shell=$(basename "$(readlink -f /bin/sh)")
exes=$(followed tree)
[ "$exes" = "ctor $shell jq " ] || [ "$exes" = "ctor jq $shell " ]
verdict "--follow tree" $? "$exes $(first_line err)"
exes=$(followed ctor)
case " $exes" in *" ctor "*) case " $exes" in *" jq "*) false ;; esac ;; *) false ;; esac
verdict "--follow NAME" $? "$exes $(first_line err)"
exes=$(followed none)
case " $exes" in *" ctor "* | *" jq "*) false ;; esac
verdict "--follow none" $? "$exes $(first_line err)"
