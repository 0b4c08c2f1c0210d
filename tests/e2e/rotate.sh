#!/bin/bash
# A trace in a row of files (run --rotate): bounded in number and size, each can be
# read alone, one goes on where the one before ended, and nothing is lost on the
# way; the last file tells the whole run's totals, which the program's own books judge.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# row NAME: its files, the oldest first.
row() {
    local stem=${1%.own}
    find . -maxdepth 1 -name "$stem.[0-9]*.own" -printf '%f\n' | sort -t. -k2n
    [ -f "$1" ] && echo "$1"
}
# goes_on FILE…: each begins with the event behind the last one of the file before it; prints why not.
goes_on() {
    local file
    for file; do "$OWNSCOPE" report --json "$file" || return; done | "$PYTHON" -c '
import json, sys
last = None
for name, line in zip(sys.argv[1:], sys.stdin):
    m = json.loads(line)["metadata"]
    before = m["begins"]["events_before"] if m["begins"] else 0
    if last is not None and before != last:
        sys.exit(f"{name} begins behind event {before}, the file before it ends with {last}")
    last = m["events"]["recorded"]' "$@"
}

# counting OPTION… -- FILE THREADS: the victim that keeps books, traced in the background, without an end of its own; counting_ends ends it.
counting() {
    rm -f books
    "$OWNSCOPE" run -q --wait-ms 20000 "$@" >run.out 2>run.err </dev/null &
    runner=$!
}
booked() { pid=$(od -A n -t u8 -j 4088 -N 8 books 2>/dev/null | tr -d ' ') && [ "${pid:-0}" != 0 ]; }
counting_ends() {
    await booked
    kill -KILL "$pid"
    wait $runner 2>/dev/null
}
# rotated NAME N [FILE]: there are N files of the row, and the oldest is behind that one.
rotated() {
    local -a files
    mapfile -t files < <(row "$1")
    [ ${#files[@]} -ge "$2" ] && { [ $# -lt 3 ] || [ "$(cut -d. -f2 <<<"${files[0]}")" -gt "$(cut -d. -f2 <<<"$3")" ]; }
}

counting --rotate 40K --keep 4 -o s.own -- "$VICTIMS/selfcount" "$T/books" 2
await rotated s.own 4 s.1.own
counting_ends
mapfile -t files < <(row s.own)
[ ${#files[@]} = 4 ] && [ "${files[3]}" = s.own ]
verdict "four files are kept" $? "${files[*]}; $(first_line run.err)"
largest=$(stat -c %s -- *.own | sort -n | tail -n 1)
[ "$largest" -lt $((40 * 1024 * 6)) ]
verdict "none is much larger than was asked for" $? "$largest bytes"
why=
for file in "${files[@]}"; do
    "$OWNSCOPE" report "$file" >r.txt 2>r.err && [ ! -s r.err ] || why="$why $file: $(first_line r.err)"
    "$OWNSCOPE" events -n 3 "$file" >e.txt 2>e.err && [ ! -s e.err ] && { [ "$file" = s.own ] || [ "$(grep -c . e.txt)" -ge 3 ]; } || why="$why events of $file: $(first_line e.err)"
done
[ -z "$why" ]
verdict "each is read alone" $? "$why"
why=$(goes_on "${files[@]}" 2>&1)
verdict "each goes on where the one before it ended" $? "$why"
"$OWNSCOPE" report --json s.own >s.json && why=$("$PYTHON" "$HERE/books.py" "$T/books" s.json 2>&1)
verdict "the last one has the totals of the whole run" $? "$why"
"$OWNSCOPE" report s.own | tr -s ' \n' '  ' | grep -q "the file begins at event"
verdict "the report says where the file begins" $?

# A moment is in one file or the other; of one before it a file says so.
before=$("$PYTHON" -c 'import json; print(json.load(open("s.json"))["metadata"]["begins"]["events_before"])')
"$OWNSCOPE" report --json --at "event:$before" "${files[2]}" 2>why | "$PYTHON" -c 'import json, sys
r = json.load(sys.stdin); print(r["totals"], r["sites"][:3])' >end.txt
"$OWNSCOPE" report --json --at "event:$before" s.own 2>>why | "$PYTHON" -c 'import json, sys
r = json.load(sys.stdin); print(r["totals"], r["sites"][:3])' >begin.txt
[ -s end.txt ] && cmp -s end.txt begin.txt
verdict "the end of a file is the state with which the next begins" $? "$(first_line why) $(diff end.txt begin.txt | head -c 300)"
why=
refused() { # refused COMMAND WORD...
    "$OWNSCOPE" "$@" >out 2>err && why="$why $1 answers"
    [ "$(wc -l <err)" = 1 ] && grep -q "earlier file" err || why="$why $1: $(first_line err)"
}
refused report --at event:1 s.own
refused events --at event:1 s.own
refused history --at event:1 s.own b1
refused sql --at event:1 s.own "SELECT count(*) FROM events"
[ -z "$why" ]
verdict "an earlier moment is refused with a line" $? "$why"
# refused_all NAME COMMAND…: with that line and nothing else.
refused_all() {
    local name=$1
    shift
    "$OWNSCOPE" "$@" >out 2>err
    status=$?
    [ $status = 1 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -q "begins behind event $before: look" err
    verdict "an earlier moment of $name, and nothing else" $? "exit $status: $(first_line err) $(first_line out)"
}
refused_all events events --at event:1 s.own
refused_all "events --since" events --since event:1 s.own
refused_all sql sql s.own --at event:1 "select count(*) from events"
refused_all "sql --since" sql s.own --since event:1 "select count(*) from events"
refused_all history history s.own b1 --at event:1

# What lives on from an earlier file is known by the state that the file begins with.
"$OWNSCOPE" sql -f csv s.own "select id, size_bytes, address, thread, born_ns from blocks where dropped_ns is null order by id limit 1" | tail -n 1 | tr -d '\r' >oldest
IFS=, read -r id size address thread born <oldest
"$OWNSCOPE" history --json s.own "b$id" 2>err | "$PYTHON" -c '
import json, sys
before, size, address, thread, born = sys.argv[1:]
h = json.load(sys.stdin); n = h["node"]
told = [str(h["begins"]["events_before"]), str(n["size_bytes"]), str(int(n["address"], 16)), n["thread"], str(n["born_ns"])]
assert int(born) < h["begins"]["ns"] and n["stack"], (born, h["begins"])
assert told == [before, size, address, "t" + thread, born], told' "$before" "$size" "$address" "$thread" "$born" 2>why
verdict "a block made before the file begins has its history" $? "b$id: $(first_line err) $(tail -n 1 why)"
"$OWNSCOPE" history s.own "b$id" 2>err | tr -s ' \n' '  ' | grep -q "the file begins behind event $before,"
verdict "which says where the file begins" $? "$(first_line err)"

# By age; an idle program's files are not replaced by empty ones.
began=$(date +%s%3N)
counting --rotate 200ms --keep 50 -o t.own -- "$VICTIMS/selfcount" "$T/books" 1
await rotated t.own 4
counting_ends
most=$((($(date +%s%3N) - began) / 200 + 1))
mapfile -t files < <(row t.own)
[ ${#files[@]} -ge 4 ] && [ ${#files[@]} -le $most ] && why=$(goes_on "${files[@]}" 2>&1)
verdict "a file for each 200 ms" $? "$most at most: ${files[*]} $why"
run "$T/i" "$OWNSCOPE" run -q --rotate 100ms --keep 50 -o i.own -- sleep 0.6
mapfile -t files < <(row i.own)
for file in "${files[@]}"; do "$OWNSCOPE" report --json "$file"; done | jq -es '[.[:-1][].metadata | .events.recorded - (.begins.events_before // 0)] | all(. > 0)' >why
verdict "a file without an event is not closed" $? "${files[*]}: $(tr '\n' ' ' <why)"

# Numbers go on with the next run of that name, and both together are bounded.
last=$(row t.own | tail -n 2 | head -n 1)
counting --rotate 200ms --keep 3 -o t.own -- "$VICTIMS/selfcount" "$T/books" 1
await rotated t.own 3 "$last"
counting_ends
[ "$(row t.own | wc -l)" = 3 ] && [ "$(row t.own | head -n 1 | cut -d. -f2)" -gt "$(cut -d. -f2 <<<"$last")" ]
verdict "an earlier run's files count and go" $? "$last, then $(row t.own | tr '\n' ' ')"

# Where no next file can be made, the first goes on: its name is as long as can be.
long=$(printf '%251s' '' | tr ' ' l).own
counting --rotate 20K -o "$long" -- "$VICTIMS/selfcount" "$T/books" 1
await grep -qs "no next file" run.err
larger() { [ "$(stat -c %s "$long")" -gt 200000 ]; }
await larger
counting_ends
"$OWNSCOPE" report --json "$long" >l.json 2>l.why && why=$("$PYTHON" "$HERE/books.py" "$T/books" l.json 2>&1)
status=$?
lines=$(grep -c "no next file can be begun: File name too long" run.err)
[ $status = 0 ] && [ "$lines" = 1 ] && [ "$(find . -name 'lll*' | wc -l)" = 1 ]
verdict "a rotation that fails is a line, and nothing is lost" $? "$lines lines; $why; $(first_line l.why) $(find . -name 'lll*' | cut -c 240-)"

# A collector that is killed; another goes on in its file, and in the row.
counting --rotate 100K --keep 3 -o k.own -- "$VICTIMS/selfcount" "$T/books" 2
await rotated k.own 2
kill -KILL $runner
wait $runner 2>/dev/null
last=$(row k.own | tail -n 2 | head -n 1)
await booked
(await rotated k.own 3 "$last"; kill -KILL "$pid") &
"$OWNSCOPE" serve -q --rotate 100K --keep 3 --attach "$pid" >k.serve 2>&1
mapfile -t files < <(row k.own)
[ ${#files[@]} = 3 ] && why=$(goes_on "${files[@]}" 2>&1)
verdict "a successor goes on in the row" $? "${files[*]} $why; $(first_line k.serve)"
"$OWNSCOPE" report --json k.own >k.json && why=$("$PYTHON" "$HERE/books.py" "$T/books" k.json /dev/null 2>&1)
verdict "what both wrote and what is counted as lost make the whole" $? "$why"

# The same after turns that failed: what the file that there is lacks of each thread is still known.
mkdir away
counting --rotate 50ms --keep 3 -o "$T/away/f.own" -- "$VICTIMS/selfcount" "$T/books" 2
three_away() { [ "$(find away -name 'f.*' | wc -l)" = 3 ]; }
await three_away
mv away gone
await grep -q "no next file" run.err
sleep 0.5   # a few more
mv gone away
kill -KILL $runner
wait $runner 2>/dev/null
await booked
size=$(stat -c %s away/f.own)
goes_on_there() { [ "$(stat -c %s away/f.own)" -gt $((size + 100000)) ]; }
(await goes_on_there; kill -KILL "$pid") &
"$OWNSCOPE" serve -q --rotate 1G --keep 3 --attach "$pid" >f.serve 2>&1
"$OWNSCOPE" report --json away/f.own >f.json && why=$("$PYTHON" "$HERE/books.py" "$T/books" f.json /dev/null 2>&1)
status=$?
grep -q "no next file" run.err && [ $status = 0 ]
verdict "a successor after turns that failed counts no more as lost than is" $? "$why; $(first_line run.err) $(first_line f.serve)"

# What is no regular file would be moved away, and a place that cannot be written is better known before.
mkfifo special
why=''
for words in "--rotate 1M -o special" "--ring-only -o special" "--ring-only -o no/such/folder.own" "--rotate 1s -o $T"; do
    # shellcheck disable=SC2086 # words
    "$OWNSCOPE" run -q $words -- touch ran >out 2>err
    [ $? = 125 ] && [ "$(wc -l <err)" = 1 ] && [ ! -e ran ] || why="$why$words: $(first_line err); "
done
[ -z "$why" ] && [ -p special ]
verdict "a place for no files is refused before the program begins" $? "$why"

"$OWNSCOPE" run --rotate nonsense -- true >out 2>err
status=$?
[ $status = 125 ] && [ "$(wc -l <err)" = 1 ]
verdict "--rotate takes a size or a time" $? "exit $status: $(first_line err)"
