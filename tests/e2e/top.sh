#!/bin/bash
# The state monitor and the live screen: ownscope states, ownscope top in a real
# terminal (tmux) of several sizes, its keys, and what it says when the collector or the program goes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
have tmux || { skip top "no tmux"; exit 0; }
export TMUX_TMPDIR=$T
tm() { tmux -L top -f /dev/null "$@" 2>>tmux.err; }
end_all() {
    rm -f going
    kill "${runner:-0}" 2>/dev/null
    tm kill-server
    tidy
}
trap end_all EXIT

# window NAME WIDTH HEIGHT WORD…: a command on a terminal of that size.
window() { tm new-session -d -s "$1" -x "$2" -y "$3" "${*:4}; echo left with \$?; sleep 600"; }
shot() { tm capture-pane -p -t "$1"; }
keys() { tm send-keys -t "$@"; }
# seen NAME TEXT: it comes to stand on the screen; what stood there last is in shot.NAME.
stands() { shot "$1" >"shot.$1" && grep -qE -- "$2" "shot.$1"; }
seen() { await stands "$@"; }
screen() { tr '\n' '|' <"shot.$1" | head -c 700; }
pid_of() { # FILE: written by the program when it is ready
    await [ -s "$1" ]
    head -n 1 "$1"
}

# ---- two threads that wait for each other ------------------------------------------
# shellcheck disable=SC2086 # two words
"$OWNSCOPE" run -q $PATIENT -o dead.own -- "$VICTIMS/deadlock" stay >dead.out 2>dead.err </dev/null &
runner=$!
found() { pid=$(pgrep -P $runner -x deadlock) && "$OWNSCOPE" states -p "$pid" --json 2>/dev/null | grep -q right_fork; }
await found
cat >dead.py <<'END'
import json
doc = json.load(open("dead.json"))
threads = {t["id"]: t for t in doc["threads"]}
assert len(threads) == 3 and threads["t1"]["waits"] is None, threads.keys()
for me, other, take in ("t2", "t3", "take_right"), ("t3", "t2", "take_left"):
    t = threads[me]
    assert t["state"] == "sleeping", t["state"]
    assert [h["thread"] for h in t["waits"]["held_by"]] == [other], t["waits"]
    assert [h["waiters"] for h in t["holds"]] == [[other]], t["holds"]
    functions = [f.get("function", "") for f in t["native"]["stack"]]
    assert take in functions, (functions, t["native"]["refused"])
    assert functions.index(take) < functions.index("left_handed" if me == "t2" else "right_handed"), functions
    assert t["last"]["stack"] and t["rates"]["events_per_s"] == 0 and t["cpu_share"] < 0.5, t
END
# Rates are those of a while, and a thread that has no processor cannot be stopped at once.
told() { "$OWNSCOPE" states -p "$pid" --stacks --json >dead.json 2>dead.err && "$PYTHON" dead.py >dead.why 2>&1; }
await told
verdict "states: who waits for whom, and where each stands" $? "$(tail -n 1 dead.why) $(first_line dead.err)"
"$PYTHON" -c '
import json, jsonschema, sys
jsonschema.validate(json.load(open("dead.json")), json.load(open(sys.argv[1])))' "$ROOT/collector/export/schema/ownscope-states.schema.json" 2>r.why
verdict "states: the document is as its schema says" $? "$(tail -n 1 r.why)"
"$OWNSCOPE" states -p "$pid" --thread t99 >r.out 2>r.err
[ $? = 1 ] && "$OWNSCOPE" states -p "$pid" --thread t2 --json 2>/dev/null | "$PYTHON" -c 'import json, sys; assert [t["id"] for t in json.load(sys.stdin)["threads"]] == ["t2"]' 2>r.why
verdict "states: one thread; none" $? "$(first_line r.err) $(tail -n 1 r.why)"

window locks 80 24 "$OWNSCOPE" top --delay 0.2 -p "$pid" --screen locks
seen locks '^l[0-9]+ +t[23] +1 .*deadlock:(left|right)_fork'
verdict "top: the locks, their holders and who waits" $? "$(screen locks)"
keys locks Enter
seen locks '^held by t[23] for' && seen locks 't[23] stood at \(stopped for' && seen locks '^wanted by t[23]|take_(left|right)'
verdict "top: a lock's holder, and its native stack" $? "$(screen locks)"
keys locks 5
seen locks '^ +1 deadlock'
verdict "top: findings" $? "$(screen locks)"
keys locks 1 / r i g h t _ f o r k Enter
seen locks '/right_fork: 2 of 3'
verdict "top: the filter looks into stacks" $? "$(screen locks)"
# The collector goes, and another one comes. What it has written by then is known to that.
keys locks Escape
sleep 1.5 # it writes each second
session=$(basename "$(dirname "$(find "$OWNSCOPE_DIR" -name socket | head -n 1)")")
kill -KILL $runner
wait $runner 2>/dev/null
seen locks 'COLLECTOR IS GONE' && grep -q '^t2 ' shot.locks
verdict "top: the collector is gone, the program runs" $? "$(screen locks)"
"$OWNSCOPE" serve -q --attach "$session" >serve.out 2>serve.err </dev/null &
runner=$!
seen locks ' recording '
verdict "top: the next collector is found" $? "$(screen locks) $(first_line serve.err)"
kill "$pid" # by its own id
seen locks 'ENDED' && seen locks 'this is the last picture' && grep -qE 't2 |No traced thread runs' shot.locks # the last look may have come between
verdict "top: the program has ended; its last picture stays" $? "$(screen locks)"
kill $runner
wait $runner 2>/dev/null
keys locks q
seen locks 'left with 0'
verdict "top: q quits with 0" $? "$(screen locks)"

# ---- a program that works -------------------------------------------------------------
touch going
# shellcheck disable=SC2086 # two words
"$OWNSCOPE" run -q $PATIENT -o busy.own -- "$VICTIMS/busy" going >busy.out 2>busy.err </dev/null &
runner=$!
pid=$(pid_of going)
window busy 80 24 "$OWNSCOPE" top --delay 0.2
seen busy 'EVENT/S.*DOING' && seen busy '^t[0-9]+ ' && seen busy 'recording'
verdict "top: the newest session of this user" $? "$(screen busy)"
keys busy s
seen busy 'PAUSED' && seen busy 'stop: recording -> paused'
verdict "top: s stops recording, and the answer is shown" $? "$(screen busy)"
keys busy 2
seen busy "MADE BY"
tm resize-window -t busy -x 200 -y 50 && seen busy 'h Help'
cat >busy.py <<'END'
import json, re
doc, lines = json.load(open("busy.json")), open("shot.busy").read().split("\n")
def text(n):
    for unit in "B", "KiB", "MiB", "GiB":
        if n < 1023.95 or unit == "GiB":
            return f"{n:.1f} {unit}" if unit != "B" and n < 99.95 else f"{n:.0f} {unit}"
        n /= 1024
assert "PAUSED" in lines[0] and str(doc["session"]["name"]) in lines[0], lines[0]
assert "live " + text(doc["totals"]["live_bytes"]) in lines[1], (lines[1], doc["totals"])
assert re.search(r"lost 0\b", lines[2]) and "records nothing" in lines[3], lines[2:4]
assert sum(line.count("<") for line in lines[6:]) > 5 and len(lines) >= 50, lines[6:9]
assert max(map(len, lines)) <= 200
END
# Paused, so that both are of the same state, once the screen has been drawn again.
agree() { "$OWNSCOPE" states -p "$pid" --json >busy.json 2>busy.err && shot busy >shot.busy && "$PYTHON" busy.py >busy.why 2>&1; }
await agree
verdict "top at 200x50: the same as --json of that moment" $? "$(tail -n 1 busy.why)"
keys busy s
seen busy 'start: paused -> recording'
verdict "top: s starts again" $? "$(screen busy)"
keys busy m h e r e Enter
seen busy 'marked here'
verdict "top: a mark" $? "$(screen busy)"
keys busy E n o Enter
seen busy 'nothing was stopped'
verdict "top: an emergency stop wants a yes" $? "$(screen busy)"
tm resize-window -t busy -x 40 -y 10
keys busy 1
seen busy 'ID +NAME' && [ "$(wc -L <shot.busy)" -le 40 ] && grep -q Thr shot.busy
verdict "top at 40x10" $? "$(screen busy)"
tm resize-window -t busy -x 30 -y 6
seen busy 'too small: 30x6' && tm resize-window -t busy -x 80 -y 24 && seen busy '1 Threads'
verdict "top: too small says so, and comes back" $? "$(screen busy)"
tm capture-pane -p -e -t busy >colour.txt
! grep -qE $'\033\\[[0-9;]*(3[0-7]|4[0-7]|38;5|48;5)' colour.txt && grep -q $'\033\\[[0-9;]*7m' colour.txt
verdict "top: NO_COLOR is bold and reverse alone" $? "$(grep -m1 -aoE $'\033\\[[0-9;]*m' colour.txt | cat -v)"

# ---- as text ---------------------------------------------------------------------------
"$OWNSCOPE" top -p "$pid" --batch 2 --delay 0.3 --screen sites >text.txt 2>text.err
[ "$(grep -c 'MADE BY' text.txt)" = 2 ] && ! grep -q $'\033' text.txt && [ "$(wc -L <text.txt)" -le 80 ]
verdict "top --batch into a file" $? "$(first_line text.err) $(head -n 3 text.txt)"
LC_ALL=C "$OWNSCOPE" top -p "$pid" --screen sites >ascii.txt 2>text.err && [ -s ascii.txt ] && ! LC_ALL=C grep -q '[^ -~]' ascii.txt
verdict "top without UTF-8, without a terminal" $? "$(first_line text.err) $(LC_ALL=C grep -m1 '[^ -~]' ascii.txt)"

# ---- a terminal that goes --------------------------------------------------------------
tm kill-session -t busy
ended() { [ -z "$(pgrep -f "^$OWNSCOPE top --delay 0.2$")" ]; }
await ended
verdict "top ends with its terminal" $? "$(pgrep -af "^$OWNSCOPE top")"
rm -f going
