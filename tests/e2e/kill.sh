#!/bin/bash
# SIGKILL at random moments: of the program (no event it finished may be
# missing), and of the collector (the program finishes, undisturbed).
# KILLS=N times each: 12 unless told, 200 with TORTURE.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

KILLS=${KILLS:-${TORTURE:+200}}
KILLS=${KILLS:-12}
RANDOM=${SEED:-$$}
WAIT_MS=200  # --wait-ms
SLACK_MS=2500 # what a busy machine may add

nap() { sleep "$(printf '0.%03d' "$1")"; }
pid_in_books() { od -A n -t u8 -j 4088 -N 8 "$1" 2>/dev/null | tr -d ' '; }
begun() { case $(pid_in_books "$1") in '' | 0) return 1 ;; esac }
wait_for_books() { await begun "$1"; }
kill_program() {
    local threads=$1 i why status
    for i in $(seq "$KILLS"); do
        rm -f "$T/books" "$T/k.own"
        # shellcheck disable=SC2086 # two words
        "$OWNSCOPE" run -q $PATIENT -o "$T/k.own" -- "$VICTIMS/selfcount" "$T/books" "$threads" >"$T/k.out" 2>"$T/k.err" </dev/null &
        local runner=$!
        wait_for_books "$T/books" || { why="never started: $(cat "$T/k.err")"; break; }
        nap $((RANDOM % 250))
        kill -KILL "$(pid_in_books "$T/books")"
        wait "$runner" 2>/dev/null
        status=$?
        [ "$status" = 137 ] || { why="kill $i: ownscope ended with $status: $(first_line "$T/k.err")"; break; }
        "$OWNSCOPE" report --json "$T/k.own" >"$T/k.json" 2>"$T/k.err" || { why="kill $i: $(cat "$T/k.err")"; break; }
        why=$("$PYTHON" "$HERE/books.py" "$T/books" "$T/k.json" 2>&1) || { why="kill $i: $why"; break; }
        why=
    done
    [ -z "$why" ]
    verdict "$KILLS kills of a program with $threads threads" $? "$why"
}

# From the kill on: the program's own half second, --wait-ms, and the slack. Told in naps of ten milliseconds that
# this script had meanwhile: where the machine stands still, or has no time for the program, it has none for them.
kill_collector() {
    local signal=$1 times=$2 i why='' runner naps
    for i in $(seq "$times"); do
        rm -f "$T/books" "$T/c.out"
        # shellcheck disable=SC2016 # for the inner shell
        "$OWNSCOPE" run -q --wait-ms $WAIT_MS -o "$T/c.own" -- \
            sh -c '"$1" "$2" 2 0.5; echo "code $?"; : >"$2.end"' sh "$VICTIMS/selfcount" "$T/books" \
            >"$T/c.out" 2>"$T/c.err" </dev/null &
        runner=$!
        wait_for_books "$T/books" || { why="never started: $(cat "$T/c.err")"; break; }
        nap $((RANDOM % 400))
        kill "-$signal" $runner
        for ((naps = 0; naps < 1000; naps++)); do
            [ -e "$T/books.end" ] && break
            sleep 0.01
        done
        kill -KILL $runner
        wait
        [ -e "$T/books.end" ] || { why="time $i: the program hung"; break; }
        rm -f "$T/books.end"
        [ "$(cat "$T/c.out")" = "done
code 0" ] || { why="time $i: the program said: $(tr '\n' ' ' <"$T/c.out")"; break; }
        [ $((naps * 10)) -le $((500 + WAIT_MS + SLACK_MS)) ] || { why="time $i: took $naps naps of 10 ms more"; break; }
        grep -v '^longest step' "$T/c.err" >"$T/c.more"
        [ ! -s "$T/c.more" ] || { why="time $i: said: $(first_line "$T/c.more")"; break; }
        if [ -s "$T/c.own" ]; then
            "$OWNSCOPE" report --json "$T/c.own" >/dev/null 2>"$T/c.err" || { why="time $i: trace: $(cat "$T/c.err")"; break; }
        fi
        rm -f "$T/c.own"
    done
    [ -z "$why" ]
    verdict "$times times SIG$signal to the collector" $? "$why"
}

written() { [ -e "$1" ] && [ "$(stat -c %s "$1")" -gt "$2" ]; } # FILE BYTES: more than these
gone() { ! kill -0 "$1"; }
# A session whose collector was killed: seen by ps, taken over by a new
# collector, and what neither of the two has on record is counted as lost.
orphan() {
    local runner pid server why
    rm -f "$T/books" "$T/o.own" "$T/o2.own"
    "$OWNSCOPE" run -q -o "$T/o.own" -- "$VICTIMS/selfcount" "$T/books" 2 >"$T/o.out" 2>"$T/o.err" </dev/null &
    runner=$!
    wait_for_books "$T/books"
    nap 300
    kill -KILL $runner
    wait $runner
    pid=$(pid_in_books "$T/books")
    kill -0 "$pid"
    verdict "the program outlives its collector" $?
    "$OWNSCOPE" ps >"$T/ps" 2>&1
    grep -qw "$pid" "$T/ps"
    verdict "ps shows the orphan" $? "$(first_line "$T/ps")"
    "$OWNSCOPE" serve -q --attach "$pid" -o "$T/o2.own" >"$T/serve" 2>&1 &
    server=$!
    await written "$T/o2.own" 100000
    printf '\1' | dd of="$T/books" bs=1 seek=4080 conv=notrunc status=none # it has done enough
    await gone "$pid"
    grep -q "done" "$T/o.out"
    verdict "the orphan finishes" $? "$(cat "$T/o.out")"
    await gone $server
    kill -TERM $server
    wait $server
    "$OWNSCOPE" report --json "$T/o.own" >"$T/o.json" && "$OWNSCOPE" report --json "$T/o2.own" >"$T/o2.json"
    why=$("$PYTHON" "$HERE/books.py" "$T/books" "$T/o.json" "$T/o2.json" 2>&1)
    verdict "two collectors and the counted gap make the whole" $? "$why; $(first_line "$T/serve")"
    why=$("$OWNSCOPE" events --type new --json "$T/o2.own" | tail -n 50 | grep -c '"function":"counted_malloc"')
    [ "$why" -ge 40 ]
    verdict "and stacks are known again" $? "of $why of the last 50 allocations"
}

# A collector that was stopped, and wakes when another has its session and goes
# on in its file, writes nothing more there.
overtaken() {
    local runner server pid why
    rm -f "$T/books" "$T/v.own"
    "$OWNSCOPE" run -q -o "$T/v.own" -- "$VICTIMS/selfcount" "$T/books" 2 >"$T/v.out" 2>"$T/v.err" </dev/null &
    runner=$!
    wait_for_books "$T/books"
    await written "$T/v.own" 20000
    kill -STOP $runner
    sleep 2.2 # then it counts as dead
    pid=$(pid_in_books "$T/books")
    "$OWNSCOPE" serve -q --attach "$pid" >"$T/serve" 2>&1 &
    server=$!
    await written "$T/v.own" $(($(stat -c %s "$T/v.own") + 20000)) # by the next one
    kill -CONT $runner
    await written "$T/v.own" $(($(stat -c %s "$T/v.own") + 20000))
    kill -KILL "$pid" # it would go on for ever
    wait $runner
    why=$(first_line "$T/v.err")
    await gone $server
    kill -TERM $server
    wait $server
    "$OWNSCOPE" report --json "$T/v.own" >"$T/v.json" 2>"$T/v.err" && [ ! -s "$T/v.err" ] &&
        "$PYTHON" "$HERE/books.py" "$T/books" "$T/v.json" /dev/null >"$T/v.said" 2>&1
    verdict "a collector that wakes up too late leaves the file alone" $? "$(cat "$T/v.err" "$T/v.said"); $why"
}

# Sessions whose collector was killed and whose program has ended can be cleared.
left_behind() {
    local folders
    "$OWNSCOPE" ps --clear >"$T/ps" 2>&1
    folders=$(find "$OWNSCOPE_DIR" -mindepth 1 -maxdepth 1 -type d | wc -l)
    [ "$folders" = 0 ]
    verdict "ps --clear removes dead sessions" $? "$folders folders are left, and their segments in /dev/shm: $(first_line "$T/ps")"
}

{
    kill_program 1
    kill_program 4
    kill_collector KILL "$KILLS"
    kill_collector STOP 2
    orphan
    overtaken
    left_behind
} 2>/dev/null # the shell's own words about what was killed
