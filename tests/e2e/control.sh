#!/bin/bash
# Orders to a running session, one by one: what each answers, that hooks do so, who may give them, where they are
# written down, and what becomes of them when the collector stops, dies, or another takes over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# The program stands back: orders and collectors get the processor.
begin() {
    : >file
    "$OWNSCOPE" run -q --wait-ms 20000 "$@" -- nice -n 19 "$VICTIMS/busy" file >busy.out 2>busy.err </dev/null &
    runner=$!
    await answered
}
answered() { pid=$(cat file 2>/dev/null) && [ -n "$pid" ] && "$OWNSCOPE" ctl -p "$pid" status >/dev/null 2>&1; }
end() {
    rm -f file
    wait $runner 2>/dev/null
}
ctl() { run c "$OWNSCOPE" ctl -p "$pid" "$@"; }
key() { jq -r "$1" c.out; }
made() { "$OWNSCOPE" report -p "$pid" --json | jq .totals.allocations; }
state() { "$OWNSCOPE" ctl -p "$pid" list --json | jq -r .state; }
# answers NAME CODE PATTERN VERB…: the code, and the answer in human words.
answers() {
    local name=$1 expected=$2 pattern=$3
    shift 3
    ctl "$@"
    [ "$(code c)" = "$expected" ] && cat c.out c.err | grep -qE -- "$pattern"
    verdict "$name" $? "$(code c): $(cat c.out c.err | head -n 2 | tr '\n' ' ')"
}
more_than() { [ "$(made)" -gt "$1" ]; }
grows() { await more_than "$(made)"; }
# What stands in the rings when hooks are quiet is yet to come.
stands_still() { await stood_still; }
stood_still() {
    local before
    before=$(made)
    sleep 0.05
    [ "$(made)" = "$before" ]
}
# is FILTER VERB…: the document that answers the order, asked again until it is so. A hook that has no processor is at
# its last record for as long as it has none.
is() { ctl "${@:2}" --json && [ "$(key "$1" 2>/dev/null)" = true ]; }
# What ends an answer.
QUIET='(no hook records any more after [0-9.]+ [um]?s|not all hooks act on it yet)'

begin -o t.own
answers "stop: hooks are quiet when it answers" 0 "^paused \(was recording\); $QUIET" stop
await is .settled stop && stands_still
verdict "and nothing is recorded" $? "$(made)"
"$OWNSCOPE" ps | grep -w "$pid" | grep -qw paused && "$OWNSCOPE" ps --json | jq -e '.sessions[0] | .state == "collected" and .recording == "paused"' >/dev/null
verdict "ps says paused" $? "$("$OWNSCOPE" ps | tail -n 1)"
await is '.verb == "stop" and .state == "paused" and .was == "paused" and .settled and .quiet_ns < 1000000000 and .took_ns > 0' stop
verdict "its document" $? "$(first_line c.out)"
answers "start" 0 '^recording \(was paused\)' start
grows
verdict "and it records" $? "$(made)"

answers "trace: one function" 0 '^rule 1: function=block_copy; (all hooks act on it after [0-9.]+ [um]?s|not all hooks act on it yet)$' trace function=block_copy
await is '.rules[0].hits > 0' list
[ "$(key '.rules[0] | [.number, .rule, .unmet, .hits > 0] | join(" ")')" = "1 function=block_copy false true" ]
verdict "list: its hits" $? "$(first_line c.out)"
answers "list, for people" 0 '^ +1 +[0-9,.]+( M)? +function=block_copy$' list
answers "a second rule, with words of the shell" 0 "^rule 2: function='operator nowhere\*' size=4K\.\. events=memory" trace 'function=operator nowhere*' size=4K..
await is '.rules[1].unmet' list # debug information is looked through
verdict "of what is nowhere it is said" $? "$(first_line c.out)"
answers "untrace of what is not there" 1 'no rule 9' untrace 9
answers "untrace one" 0 '^1 rule left' untrace 2
answers "a rule that makes no sense" 2 "no key 'colour'" trace colour=red
answers "one that is no rule" 2 "'foo' is no KEY=VALUE" trace foo
answers "untrace all: everything again" 0 '^no rule left: everything is traced; ' untrace all
answers "limits are set and shown" 0 '^events +1,000 M|^events +1000.0 M|^events +1,000,000,000' limits events=1G
answers "limits: what makes no sense" 2 'colour' limits colour=3
answers "limits: one is taken away" 0 'no limits' limits events=off

answers "emergency stop" 0 "^emergency stop \(was recording\); $QUIET" emergency-stop
await is '.settled and .quiet_ns < 10000000 and .state == "emergency"' emergency-stop
verdict "within ten milliseconds" $? "$(first_line c.out)"
stands_still && "$OWNSCOPE" ps | grep -w "$pid" | grep -qw emergency
verdict "and nothing is recorded then" $? "$("$OWNSCOPE" ps | tail -n 1)"
answers "stop does not lift it" 125 'emergency stop holds' stop
answers "rules may be given meanwhile" 0 'it counts from the next start' trace events=memory
answers "reset does" 0 '^recording \(was emergency\)' reset
answers "mark" 0 '^marked here' mark here
answers "no such verb" 2 "there is no verb 'begin'" begin
answers "words where none are" 2 "takes no 'now'" start now
answers "none where some are needed" 2 'needs a rule' trace

# Past the collector: it is stopped, then killed.
kill -STOP $runner
answers "emergency stop past a stopped collector" 0 'was recording\); by the segment, since the collector does not answer' emergency-stop
kill -CONT $runner
in_state() { [ "$(state)" = "$1" ]; }
await in_state emergency && "$OWNSCOPE" ctl -p "$pid" list | grep -qE "emergency-stop \(uid $(id -u), pid [0-9]+ ownscope\): by the segment"
verdict "it knows when it goes on, and who did it" $? "$(state) $("$OWNSCOPE" ctl -p "$pid" list | tail -n 2 | tr '\n' ' ')"
answers "start lifts that" 0 '^recording \(was emergency\)' start
ctl untrace all
ctl trace events=heap size=64..
ctl limits time=10h
ctl stop
kill -KILL $runner
wait $runner 2>/dev/null
answers "without a collector there are no orders" 125 'serve --attach' start
answers "but an emergency stop" 0 'was paused\); by the segment, since the session has no collector' emergency-stop
"$OWNSCOPE" serve -q --attach "$pid" 2>serve.err &
runner=$!
await is '.state == "emergency"' list
[ "$(key '[.state, .rules[0].number, .rules[0].rule, .limits.text] | join(" ")')" = "emergency 4 size=64.. events=heap time=10h" ]
verdict "the next collector goes on with rules, limits and the stop" $? "$(first_line c.out) $(first_line serve.err)"
answers "and reset with the state before it" 0 '^paused \(was emergency\)' reset
answers "numbers are not given again" 0 '^rule 5: ' trace events=lock
ctl start
mode=$(stat -c %a "$OWNSCOPE_DIR"/*/control)
[ "$mode" = 600 ]
verdict "what is kept for the next one is its owner's alone" $? "$mode"

# Somebody else.
if [ "$(id -u)" = 0 ] && have setpriv; then
    chmod 777 "$OWNSCOPE_DIR"/*/socket
    chmod 711 "$OWNSCOPE_DIR" "$OWNSCOPE_DIR"/*/
    setpriv --reuid 65534 --regid 65534 --clear-groups curl -s --unix-socket "$(echo "$OWNSCOPE_DIR"/*/socket)" -X POST http://x/v1/stop >c.out 2>&1
    grep -q "only the session's owner and root" c.out && [ "$(state)" = recording ]
    verdict "another user may not" $? "$(first_line c.out) $(state)"
    chmod 700 "$OWNSCOPE_DIR" "$OWNSCOPE_DIR"/*/
    stranger=yes
else
    skip "another user may not" "needs root and setpriv"
fi
end
"$VICTIMS/busy" >bare.out
sed 's/none$/some/' bare.out | cmp -s - busy.out && [ ! -s busy.err ]
verdict "the program noticed nothing of all that" $? "$(head -n 2 busy.out busy.err | tr '\n' ' ')"

"$OWNSCOPE" events --type control t.own >log 2>&1
me="uid $(id -u), pid [0-9]+ ownscope"
missing=
for line in "stop \($me\)" "start \($me\)" "trace function=block_copy \($me\)" "trace colour=red \($me\): refused: no key" "untrace 9 \($me\): refused" \
    "untrace all \($me\)" "limits events=1G \($me\)" "emergency-stop \($me\): all hooks quiet" "stop \($me\): refused: an emergency stop" "mark here \($me\)" \
    "reset \($me\)" ${stranger:+"stop \(uid 65534, pid [0-9]+ curl\): refused: only the session"}; do
    grep -qE -- "$line" log || missing="$missing [$line]"
done
[ -z "$missing" ]
verdict "each order is in the trace, with who gave it" $? "$missing $(head -n 3 log)"

# From the beginning.
cat >rules <<'EOF'
# of the heap, one of two functions
trace function=block_make events=heap   # the one
trace exclude size=..15

limits time=1h
promise cpu=2%
EOF
begin -o p.own --paused --rules rules --limits events=2G,rss=1T --limits 'cpu=90%'
ctl list --json
[ "$(key '[.state, (.rules | map(.rule) | join("+")), (.limits.text | contains("time=1h") and contains("cpu=90%") and contains("events=2G")), .promise] | join(" ")')" = \
    "paused function=block_make events=heap+exclude size=..15 events=memory,copy true cpu=2%" ]
verdict "run --paused --rules --limits" $? "$(first_line c.out)"
[ "$(made)" = 0 ] && stands_still
verdict "paused: nothing is recorded" $? "$(made)"
ctl start
grows
verdict "until ctl start" $? "$(made)"
end
[ "$(number p.own totals.allocations)" -gt 0 ] && "$OWNSCOPE" events --type control p.own | grep -q 'paused from the start'
verdict "and the trace says so" $? "$("$OWNSCOPE" events --type control p.own | head -n 2)"

"$OWNSCOPE" run --rules rules -o s.own -- "$VICTIMS/busy" >/dev/null 2>s.err
grep -A3 '^Rules' s.err | grep -qE '^ +1 +[1-9][0-9,.]*( M)? +function=block_make events=heap$'
verdict "the summary of a run has the rules' hits" $? "$(grep -A3 '^Rules' s.err)"

# A program that is over before a table of symbols has been read.
for rule in "function=wanted" "stack=wanted events=heap" "module=rounds function=wanted size=1.."; do
    printf 'trace %s\n' "$rule" >first.rules
    echo round | "$OWNSCOPE" run --wait-ms 60000 --rules first.rules -o f.own -- "$VICTIMS/rounds" >/dev/null 2>f.err
    grep -A1 '^ rule' f.err | grep -qE '^ +1 +1,000 '
    verdict "rules that a program is started under hold from its first call: $rule" $? "$(grep -A2 '^Rules' f.err)"
done

printf 'trace size=1..2\ntrace family=free\n' >wrong
run w "$OWNSCOPE" run -q --rules wrong -- true
[ "$(code w)" = 125 ] && grep -q 'line 2: family=free' w.err
verdict "a rules file that makes no sense is refused by its line" $? "$(code w) $(cat w.err)"
run w "$OWNSCOPE" run -q --limits events=many -- true
[ "$(code w)" = 125 ] && grep -q 'events=many' w.err
verdict "so are limits" $? "$(code w) $(cat w.err)"
run w "$OWNSCOPE" run -q --sample 0 -- true
[ "$(code w)" = 125 ] && grep -q -- '--sample' w.err
verdict "and a sample of nothing" $? "$(code w) $(cat w.err)"
mkdir -p "$XDG_CONFIG_HOME/ownscope"
printf '[run]\nlimits = events=5G\npaused = true\n' >"$XDG_CONFIG_HOME/ownscope/config"
OWNSCOPE_OPTIONS='--sample 64K' begin -o c.own
ctl list --json
[ "$(key '[.state, .rules[0].rule, .limits.text] | join(" ")')" = "paused sample=64K events=5G" ]
verdict "the same from the file and the variable" $? "$(first_line c.out)"
end
