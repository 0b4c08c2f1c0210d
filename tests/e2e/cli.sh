#!/bin/bash
# The command line: options from file, variable and words; sources; statuses of
# the readers; documents on pipes and in files; what a terminal sees.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
mkdir -p "$XDG_CONFIG_HOME/ownscope"
CONFIG=$XDG_CONFIG_HOME/ownscope/config

# status NAME WANT CMD…: the exit status, and one line of error at most.
status() {
    local name=$1 want=$2
    shift 2
    run "$T/r" "$@"
    [ "$(code "$T/r")" = "$want" ] && [ "$(wc -l <"$T/r.err")" -le 1 ]
    verdict "$name" $? "status $(code "$T/r"): $(first_line "$T/r.err")"
}
sites() { "$PYTHON" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["sites"]))' "$1"; }

status "no command" 2 "$OWNSCOPE"
status "--help" 0 "$OWNSCOPE" --help
status "--version" 0 "$OWNSCOPE" --version
grep -q '^ownscope [0-9]' "$T/r.out"
verdict "--version says one" $?
status "help of no command" 2 "$OWNSCOPE" help nothing
status "ps with nothing to show" 1 "$OWNSCOPE" ps
status "ps --json" 1 "$OWNSCOPE" ps --json
grep -q '"sessions":\[\]' "$T/r.out"
verdict "ps --json is a document" $? "$(first_line "$T/r.out")"

"$OWNSCOPE" run -q -o old.own -- "$VICTIMS/realloc" >/dev/null
sleep 0.02
"$OWNSCOPE" run -q -o new.own -- "$VICTIMS/moves" >/dev/null
touch -d '1 hour ago' old.own
"$OWNSCOPE" run -q -o locks.own -- "$VICTIMS/lock_times" >/dev/null
"$OWNSCOPE" run -q -o broken.own -- "$VICTIMS/double_drop" >/dev/null
"$OWNSCOPE" run -q --locks off --copies off -o quiet.own -- "$VICTIMS/realloc" >/dev/null
touch -d '2 hours ago' locks.own broken.own quiet.own

# ---- sources and statuses ---------------------------------------------------
for command in report threads "events -n 5" export; do
    # shellcheck disable=SC2086
    {
        status "$command of the newest trace" 0 "$OWNSCOPE" $command
        cp r.out newest.out
        status "$command of that file" 0 "$OWNSCOPE" $command new.own
    }
    cmp -s newest.out r.out
    verdict "$command: the newest is the newest" $?
done
status "history by id" 0 "$OWNSCOPE" history b1
status "history, file first" 0 "$OWNSCOPE" history old.own b1
cp r.out first.out
status "history, id first" 0 "$OWNSCOPE" history b1 old.own
cmp -s first.out r.out
verdict "either order is the same" $?
status "locks of a program that has some" 0 "$OWNSCOPE" locks locks.own
grep -q 'mutex lock_times:busy' r.out
verdict "locks names a static one" $? "$(head -n 5 r.out)"
status "findings of a broken program" 0 "$OWNSCOPE" findings broken.own
grep -q '^double-drop' r.out && grep -q 'dropped in t1' r.out
verdict "findings says the rule and the stacks" $? "$(head -n 5 r.out)"
for command in locks copies findings; do
    status "$command of a program that has none" 1 "$OWNSCOPE" $command quiet.own
    "$OWNSCOPE" $command --json quiet.own 2>json.why | "$PYTHON" -c 'import json, sys; json.load(sys.stdin)' 2>>json.why
    verdict "$command --json is a document all the same" $? "$(first_line json.why)"
done
lock=$("$OWNSCOPE" locks --json locks.own | jq -r '[.locks[] | select(.where | tostring | test("lock_times:busy"))][0].id')
status "history of a lock" 0 "$OWNSCOPE" history "$lock" locks.own
grep -q '^lock .*: mutex lock_times:busy' r.out && grep -q ' acquire mutex' r.out
verdict "it tells who took it" $? "$(head -n 3 r.out)"
status "history of a lock that is none" 1 "$OWNSCOPE" history l999999 locks.own
status "events of locks" 0 "$OWNSCOPE" events --type acquire,release,wait locks.own
status "history of nobody" 1 "$OWNSCOPE" history b99999999
status "history of no word" 2 "$OWNSCOPE" history
status "history of nonsense" 2 "$OWNSCOPE" history new.own nonsense
status "two sources" 2 "$OWNSCOPE" report old.own new.own
status "a process and a file" 2 "$OWNSCOPE" report -p 1 new.own
status "events that there are none of" 1 "$OWNSCOPE" events --type drop --thread t4000000
status "a mark that never came" 1 "$OWNSCOPE" report --at mark:nowhere
status "since what is a snapshot" 2 "$OWNSCOPE" export -f dot --since 1ms
status "since, behind at" 2 "$OWNSCOPE" report --since event:9 --at event:2
status "a word too many" 2 "$OWNSCOPE" ps extra

# ---- fingerprints outlive a build ------------------------------------------------
for victim in double_drop out_of_bounds lock_order; do
    for flags in "-O0 -g" "-O2" "-O2 -g -fcf-protection=none"; do
        mkdir -p build
        # shellcheck disable=SC2086
        gcc -D_GNU_SOURCE $flags -I"$ROOT" -o "build/$victim" "$ROOT/tests/victims/$victim.c" -lpthread 2>build.err
        "$OWNSCOPE" run -q -o build.own -- "build/$victim" >/dev/null 2>>build.err
        "$OWNSCOPE" findings --json build.own | jq -r '.findings[] | "\(.rule) \(.fingerprint)"' | sort -u >"prints$flags"
    done
    [ -s "prints-O2" ] && cmp -s "prints-O0 -g" "prints-O2" && cmp -s "prints-O2" "prints-O2 -g -fcf-protection=none"
    verdict "$victim: fingerprints are the same in every build" $? "$(cat build.err "prints-O0 -g" prints-O2 | tr '\n' ' ')"
done

# ---- documents -----------------------------------------------------------------
for command in report threads export "history b1"; do
    # shellcheck disable=SC2086
    "$OWNSCOPE" $command --json 2>json.why | "$PYTHON" -c 'import json, sys; json.load(sys.stdin)' 2>>json.why
    verdict "$command --json is one document" $? "$(first_line json.why)"
done
"$OWNSCOPE" events --json | "$PYTHON" -c '
import json, sys
n = sum(1 for line in sys.stdin if json.loads(line))
sys.exit(n < 10)' 2>json.why
verdict "events --json is JSON Lines" $? "$(first_line json.why)"
[ "$("$OWNSCOPE" events --json -n 7 | wc -l)" = 7 ]
verdict "events -n" $?
all=$("$OWNSCOPE" events --json | wc -l)
head=$("$OWNSCOPE" events --json --at event:20 | wc -l)
tail=$("$OWNSCOPE" events --json --since event:20 | wc -l)
[ $((head + tail)) = "$all" ]
verdict "--at and --since share the events" $? "$head + $tail, $all"
"$OWNSCOPE" export --all --events >out.json
"$OWNSCOPE" export --all --events -o file.json && cmp -s out.json file.json
verdict "export -o is what standard output gets" $? "$(wc -c out.json file.json | head -n 2 | tr '\n' ' ')"
status "export into a folder that is not" 125 "$OWNSCOPE" export -o no/such/file
[ -z "$(find . -name 'file.json.*')" ]
verdict "export leaves no part behind" $?
status "export of nothing" 125 "$OWNSCOPE" export -o whole.json no-such.own
[ ! -e whole.json ]
verdict "a failed export makes no file" $?

# ---- options from elsewhere -------------------------------------------------------
"$OWNSCOPE" report --json -n 1 >words.json
printf '[report]\ntop = 1\n' >"$CONFIG"
"$OWNSCOPE" report --json >file.json
OWNSCOPE_OPTIONS='--top 2' "$OWNSCOPE" report --json >variable.json
"$OWNSCOPE" report --json -n 0 >all.json
cmp -s words.json file.json && [ "$(sites file.json)" -lt "$(sites all.json)" ]
verdict "the file's options count" $? "$(sites words.json) $(sites file.json) $(sites all.json)"
! cmp -s file.json variable.json
verdict "the variable is over the file" $?
printf '[report]\ntop 1\n' >"$CONFIG"
status "a broken file is said" 2 "$OWNSCOPE" report
grep -q 'line 2' "$T/r.err"
verdict "and where" $? "$(first_line "$T/r.err")"
printf '[report]\ntop = 1\njson = maybe\n' >"$CONFIG"
status "so is a value that cannot be" 2 "$OWNSCOPE" report
status "but only to the command it is for" 0 "$OWNSCOPE" threads
rm "$CONFIG"
OWNSCOPE_OPTIONS=--nonsense status "a broken variable is said" 2 "$OWNSCOPE" report
OWNSCOPE_OPTIONS='--stacks none' status "another command's option in the variable" 0 "$OWNSCOPE" report
OWNSCOPE_OPTIONS='--stacks none -q' "$OWNSCOPE" run -o none.own -- "$VICTIMS/realloc" >/dev/null 2>none.err
[ ! -s none.err ] && "$OWNSCOPE" events --json --type new none.own | grep -q new &&
    ! "$OWNSCOPE" export none.own | grep -q '"function":"main"'
verdict "run takes its options from the variable" $? "$(first_line none.err)"

# ---- pipes and terminals ------------------------------------------------------------
out=$( ("$OWNSCOPE" events --json; echo "$?" >left.code) 2>left.err | head -n 1)
[ -n "$out" ] && [ ! -s left.err ] && case $(cat left.code) in 0 | 141) ;; *) false ;; esac
verdict "a reader that leaves ends it quietly" $? "$(cat left.code) $(first_line left.err)"
(trap '' PIPE; "$OWNSCOPE" events --json 2>left.err; echo "$?" >left.code) | head -n 1 >/dev/null
[ ! -s left.err ] && case $(cat left.code) in 0 | 141) ;; *) false ;; esac
verdict "also where SIGPIPE is ignored" $? "$(cat left.code) $(first_line left.err)"
if have script; then
    unset NO_COLOR
    TERM=xterm script -qec "'$OWNSCOPE' report" /dev/null </dev/null >colour.out
    grep -q $'\033\[' colour.out
    verdict "colour on a terminal" $?
    for off in "--no-colour" "--no-color"; do
        TERM=xterm script -qec "'$OWNSCOPE' report $off" /dev/null </dev/null >colour.out
        ! grep -q $'\033\[[0-9;]*m' colour.out
        verdict "$off" $?
    done
    NO_COLOR=1 TERM=xterm script -qec "'$OWNSCOPE' report" /dev/null </dev/null >colour.out
    ! grep -q $'\033\[[0-9;]*m' colour.out
    verdict "NO_COLOR" $?
    export NO_COLOR=1
else
    skip "colour on a terminal" "no script(1)"
fi
"$OWNSCOPE" report >plain.out
! grep -q $'\033' plain.out
verdict "no colour in a file" $?

# ---- a collector that dies, and one that goes on ---------------------------------------
"$OWNSCOPE" run -q -o orphan.own -- "$VICTIMS/selfcount" books 2 >/dev/null 2>&1 &
runner=$!
grown() { [ "$(stat -c %s orphan.own 2>/dev/null || echo 0)" -gt "$1" ]; } # the trace, to more bytes than that
await grown 100000
pid=$(od -A n -t u8 -j 4088 -N 8 books | tr -d ' ')
kill -KILL $runner
wait $runner 2>/dev/null
status "a dead collector cannot be asked" 125 "$OWNSCOPE" report -p "$pid"
grep -q -- '--attach' "$T/r.err"
verdict "and the line says what to do" $? "$(first_line "$T/r.err")"
"$OWNSCOPE" ps >ps.out && grep -w "$pid" ps.out | grep -q orphaned
verdict "ps shows the orphan" $? "$(cat ps.out)"
"$OWNSCOPE" report --json orphan.own >before.json 2>before.err
(await grown $(($(stat -c %s orphan.own) + 100000)); kill -KILL "$pid") &
status "serve --attach goes on to its end" 0 "$OWNSCOPE" serve -q --attach "$pid"
before=$("$PYTHON" -c 'import json; print(json.load(open("before.json"))["totals"]["allocations"])')
[ "$before" -gt 0 ] && [ "$(number orphan.own totals.allocations)" -gt "$before" ]
verdict "in the same trace" $? "$before then $(number orphan.own totals.allocations)"
case $(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null) in '' | Z) ;; *) false ;; esac
verdict "when the process had ended" $? "it runs on"
[ -z "$(ls -A "$OWNSCOPE_DIR")" ]
verdict "and leaves nothing of the session" $? "$(ls -A "$OWNSCOPE_DIR")"
status "attach to nothing" 125 "$OWNSCOPE" serve --attach nothing-of-that-name

# ---- the API by other hands ---------------------------------------------------------------
"$OWNSCOPE" serve -q -o serve.own >serve.out 2>&1 &
server=$!
has_socket() { socket=$(find "$OWNSCOPE_DIR" -name socket 2>/dev/null) && [ -n "$socket" ]; }
await has_socket
status "one server a user" 125 "$OWNSCOPE" serve -q -o other.own
[ "$(stat -c %a "$socket")" = 600 ]
verdict "the socket is private" $? "$(stat -c %a "$socket")"
if have curl; then
    answer=$(curl -s --unix-socket "$socket" http://x/v1/status)
    "$PYTHON" -c 'import json, sys; sys.exit(json.loads(sys.argv[1])["collector"] != int(sys.argv[2]))' "$answer" "$server" 2>/dev/null
    verdict "curl can ask" $? "$answer"
    [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$socket" http://x/v1/nothing)" = 404 ]
    verdict "curl gets a 404" $?
else
    skip "curl can ask" "no curl"
fi
kill -INT $server
wait $server
verdict "an interrupt ends serve well" $? "$(first_line serve.out)"
[ -z "$(ls -A "$OWNSCOPE_DIR")" ]
verdict "serve leaves nothing of its session" $? "$(ls -A "$OWNSCOPE_DIR")"
