#!/bin/bash
# ownscope sql and bisect: every worked question of ownscope-sql(7), asked as the
# page has it of real traces and answered again from the JSON documents; formats,
# exit codes, what is refused; a live process; the prompt; bisect.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

for victim in handoff copies lock_times; do
    # shellcheck disable=SC2086
    timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT -o "$victim.own" -- "$VICTIMS/$victim" >"$victim.expect" 2>err || not_ok "traces $victim" "$(first_line err)"
done
# shellcheck disable=SC2086
timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT -o python3.own -- "$PYTHON" -I -S -c 'x = [str(i) * 900 for i in range(50)]' 2>err || not_ok "traces python3" "$(first_line err)"
"$PYTHON" "$HERE/sql_questions.py" "$OWNSCOPE" "$ROOT/man/ownscope-sql.7" handoff.own copies.own lock_times.own python3.own

# Every column stands in the page, under its table, in order.
page_columns() { sed -n "/^\.Sy $1\$/,/^\.El\$/s/^\.It Va //p" "$ROOT/man/ownscope-sql.7"; }
for table in events records blocks sites frames stacks threads processes locks edges findings; do
    difference=$(diff <("$OWNSCOPE" sql -f csv handoff.own "PRAGMA table_info($table)" | tr -d '\r' | tail -n +2 | cut -d, -f2) <(page_columns "$table"))
    verdict "columns of $table (<) and of ownscope-sql(7) (>) agree" $? "$difference"
done

# ask CODE OUTPUT WORD…: what it prints, and how it ends.
ask() {
    local code=$1 want=$2 said
    said=$(timeout "$LIMIT" "$OWNSCOPE" sql "${@:3}" 2>err </dev/null | tr -d '\r')
    [ "${PIPESTATUS[0]}" = "$code" ] && [ "$said" = "$want" ]
    local failed=$?
    [ "$failed" = 0 ] || said="$said; $(first_line err)"
    verdict "sql ${*:3}" "$failed" "$said"
}
# status CODE WORD…: it ends so, with one line on standard error unless CODE is 0 or 1.
status() {
    local code=$1
    shift
    run r "$OWNSCOPE" "$@"
    local lines
    lines=$(wc -l <r.err)
    [ "$(cat r.code)" = "$code" ] && { [ "$code" -le 1 ] || { [ "$lines" = 1 ] && grep -q '^ownscope: ' r.err; }; }
    verdict "$* ends with $code" $? "$(cat r.code) $(first_line r.err)"
}

# What the victim says of itself: a thousand blocks, made by one thread and dropped by another.
read -r blocks bytes < <(sed -n 's/^expect handoff .* blocks=\([0-9]*\) bytes=\([0-9]*\) .*/\1 \2/p' handoff.expect)
ask 0 "n,b
$blocks,$bytes" -f csv handoff.own "SELECT count(*) AS n, sum(size_bytes) AS b FROM blocks WHERE thread <> dropped_by"
ask 0 '[{"n":'"$blocks"',"x":null,"t":"a\"b"}]' --json handoff.own "SELECT count(*) n, NULL x, 'a\"b' t FROM blocks WHERE dropped_by IS NOT NULL"
ask 0 "n
1" handoff.own "SELECT 1 AS n"
ask 0 "   n = 1
text = a" -f lines handoff.own "SELECT 1 AS n, 'a' AS text"
ask 0 'a,b
"x,y",2' -f csv handoff.own "SELECT 'x,y' a, 2 b"
status 1 sql handoff.own "SELECT * FROM events WHERE type = 'mark'"
status 2 sql handoff.own "SELEC 1"
status 2 sql handoff.own "DELETE FROM blocks"
status 2 sql handoff.own "ATTACH '$T/x.db' AS x"
status 2 sql --at sometime handoff.own "SELECT 1"
status 1 sql --at mark:none handoff.own "SELECT 1"
status 125 sql /nowhere/x.own "SELECT 1"
echo nonsense >bad.own
status 125 sql bad.own "SELECT 1"
rm bad.own
[ ! -e x.db ]
verdict "no file is made" $?
echo "SELECT 1 AS a; -- two
SELECT 2 AS b;" >two.sql
[ "$("$OWNSCOPE" sql -f csv -i two.sql handoff.own | tr -d '\r' | tr '\n' ' ')" = "a 1 b 2 " ] &&
    [ "$("$OWNSCOPE" sql -f csv handoff.own <two.sql | tr -d '\r' | tr '\n' ' ')" = "a 1 b 2 " ]
verdict "several statements, from a file and from standard input" $?
ask 0 "$(printf '%s\n' events records blocks sites frames stacks threads processes locks edges findings)" handoff.own .tables
status 0 sql handoff.own ".schema blocks"
status 2 sql handoff.own ".schema nothing"
status 2 sql handoff.own ".nothing"
printf '%s\n' '.mode csv' 'SELECT 1 AS a;' '  .mode lines' '.schema sites' 'SELECT 2 AS b; .quit' 'SELECT 3;' >dots.sql
dots="a 1 $("$OWNSCOPE" sql handoff.own ".schema sites" | tr '\n' ' ')b = 2 "
[ "$("$OWNSCOPE" sql -i dots.sql handoff.own | tr -d '\r' | tr '\n' ' ')" = "$dots" ] &&
    [ "$("$OWNSCOPE" sql handoff.own <dots.sql | tr -d '\r' | tr '\n' ' ')" = "$dots" ] && [[ "$dots" = *'"allocations" INTEGER'* ]]
verdict "commands with a dot, from a file and from standard input" $? "$dots"
said=$("$OWNSCOPE" sql --stats handoff.own "SELECT count(*) FROM records WHERE event > 1000000" 2>&1 >/dev/null)
grep -q 'read 0 of [0-9]* events' <<<"$said"
verdict "--stats: what cannot be is not read" $? "$said"

# ---- bisect: the event that a scan finds, and its stack ----
want=$("$OWNSCOPE" sql -f csv handoff.own "SELECT event FROM events WHERE type = 'new' AND block = 500" | tr -d '\r' | tail -n 1)
run r "$OWNSCOPE" bisect --json handoff.own "SELECT count(*), max(id) FROM blocks WHERE id = 500"
"$PYTHON" -c '
import json, sys
m = json.load(open("r.out"))
assert m["event"] == int(sys.argv[1]) and m["before_event"] == m["event"] - 1 and m["type"] == "new" and m["thread"] == "t2", m
assert "produce" in [f.get("function") for f in m["stack"]] and m["value"] == "1|500" and m["value_before"] == "0|", m' "$want" 2>err
verdict "bisect finds the event" $? "$(tail -n 1 err) $(first_line r.err)"
status 1 bisect handoff.own "SELECT 0"
status 2 bisect handoff.own "SELECT nothing"

# ---- a live process: the same code on what its collector wrote out ----
timeout "$LIMIT" "$OWNSCOPE" run -q -o live.own -- "$PYTHON" -I -S -c 'import time; x = [bytearray(1000 + i) for i in range(200)]; open("ready", "w"); time.sleep(300)' 2>/dev/null &
runner=$!
await test -e ready
pid=$("$OWNSCOPE" ps --json | "$PYTHON" -c 'import json, sys; print([p["pid"] for s in json.load(sys.stdin)["sessions"] for p in s["processes"]][0])' 2>err)
query="SELECT id, size_bytes, thread, stack FROM blocks WHERE dropped_ns IS NULL AND size_bytes BETWEEN 1001 AND 1200 ORDER BY id"
"$OWNSCOPE" sql -p "$pid" -f csv "$query" >live.csv 2>err
event=$("$OWNSCOPE" sql -p "$pid" -f csv "SELECT max(event) FROM records" 2>>err | tr -d '\r' | tail -n 1)
"$OWNSCOPE" sql live.own --at "event:${event:-0}" -f csv "$query" >file.csv 2>>err
[ "$(wc -l <live.csv)" -ge 200 ] && cmp -s live.csv file.csv
verdict "a live process and its file give the same rows" $? "$(wc -l <live.csv) and $(wc -l <file.csv) lines; pid '$pid'; $(first_line err)"
query="SELECT min(event) > 100 AS since, max(event) AS at FROM records"
"$OWNSCOPE" sql -p "$pid" --since event:100 --at event:200 -f csv "$query" >live.csv 2>err
"$OWNSCOPE" bisect -p "$pid" --since event:100 --at event:200 "SELECT 1" >bisect.txt 2>>err
[ "$(tr -d '\r' <live.csv | tail -n 1)" = 1,200 ] && grep -q "event 100," bisect.txt
verdict "a live process: earlier moments" $? "$(tail -n 1 live.csv), $(first_line bisect.txt), $(first_line err)"
kill "$runner" 2>/dev/null
[ -n "$pid" ] && kill "$pid" 2>/dev/null
wait "$runner" 2>/dev/null

# ---- the prompt ----
XDG_STATE_HOME=$T/state timeout "$LIMIT" "$PYTHON" - "$OWNSCOPE" >prompt.out 2>&1 <<'PY'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execv(sys.argv[1], [sys.argv[1], "sql", "handoff.own"])
said = b""
def until(text, seconds=60):
    global said
    end = time.time() + seconds
    while text not in said and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            said += os.read(fd, 65536)
    assert text in said, (text, said[-300:])
    said = said.split(text, 1)[1]
def line(text):
    os.write(fd, text.encode() + b"\n")
until(b"ownscope> ")
line(".tables"); until(b"records")
line(".mode csv"); until(b"ownscope> ")
line("SELECT 40 +"); until(b"...> ")
line("2 AS sum;"); until(b"\n42\r")
line("SELECT 'be' || 'gins'; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;"); until(b"begins")
time.sleep(0.5); os.write(fd, b"\x03"); until(b"stopped")
line(".at event:100"); until(b"ownscope> ")
line("SELECT 'n' || max(event) FROM records;"); until(b"n100")
line("nonsense;"); until(b"syntax error")
os.write(fd, b"SELECT 'half"); until(b"'half"); os.write(fd, b"\x03"); until(b"ownscope> "); time.sleep(0.5)
line("SELECT 6 * 7 AS left;"); until(b"\n42\r")
line(".quit")
_, status = os.waitpid(pid, 0)
assert status == 0, status
assert "SELECT 40" in open(os.environ["XDG_STATE_HOME"] + "/ownscope/sql_history").read().replace("\\040", " ")
PY
verdict "the prompt: lines, dot commands, ^C, another moment, history" $? "$(tail -n 1 prompt.out)"
