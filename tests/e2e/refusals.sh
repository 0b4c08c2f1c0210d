#!/bin/bash
# What cannot be done: one clear line on standard error, the right exit code,
# and never a harmed program.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# refused NAME CODE WORDS CMD…: the code, one line that begins "ownscope: ",
# and the words (an extended pattern) in it; nothing on standard output.
refused() {
    local name=$1 want=$2 words=$3
    shift 3
    run "$T/r" "$@"
    local lines
    lines=$(wc -l <"$T/r.err")
    if [ "$(code "$T/r")" != "$want" ]; then
        not_ok "$name" "exit code $(code "$T/r"), not $want: $(first_line "$T/r.err")"
    elif [ "$lines" != 1 ] || ! grep -q '^ownscope: ' "$T/r.err"; then
        not_ok "$name" "$lines lines: $(first_line "$T/r.err")"
    elif ! grep -qiE "$words" "$T/r.err"; then
        not_ok "$name" "does not say '$words': $(first_line "$T/r.err")"
    elif [ -s "$T/r.out" ]; then
        not_ok "$name" "output: $(first_line "$T/r.out")"
    else
        ok "$name"
    fi
}
rt() { echo "$OWNSCOPE" run -q -o "$T/r.own" --; }

# shellcheck disable=SC2046 # words
{
    refused "static program" 126 'static' $(rt) "$VICTIMS/static/hello"
    refused "missing program" 127 'not found|no such' $(rt) no-such-program-anywhere
    refused "missing path" 127 'not found|no such' $(rt) ./no/such/program
    printf 'text\n' >plain
    refused "not executable" 126 'execut|permission' $(rt) ./plain
    refused "directory" 126 'directory' $(rt) /tmp
    printf '#!/no/such/interpreter\n' >script
    chmod +x script
    refused "script without interpreter" 126 'interpreter' $(rt) ./script
    refused "no program" 125 'program|usage' "$OWNSCOPE" run
    refused "unknown option of run" 125 'option|usage' "$OWNSCOPE" run --no-such-option -- true
    refused "bad value" 125 'wait-ms|number' "$OWNSCOPE" run --wait-ms lots -- true
    refused "unknown command" 2 'command|usage' "$OWNSCOPE" no-such-command
    refused "unknown option" 2 'option|usage' "$OWNSCOPE" report --no-such-option
    refused "bad format" 2 'format' "$OWNSCOPE" export -f no-such-format "$T/r.own"
}
echo 'int main(void) { return 0; }' >asan.c
if gcc -fsanitize=address -o asan asan.c 2>/dev/null; then
    # shellcheck disable=SC2046
    refused "program with a sanitizer" 126 'sanitizer' $(rt) ./asan
else
    skip "program with a sanitizer" "cannot build one"
fi
[ ! -e "$T/r.own" ]
verdict "a refusal leaves no trace file" $?

# What another user may not do.
if [ "$(id -u)" = 0 ] && have setpriv; then
    nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups env OWNSCOPE_DIR="$T/nobody/sessions" HOME="$T/nobody")
    mkdir -p nobody
    chown 65534:65534 nobody
    cp "$VICTIMS/ctor" nobody/setuid
    chmod 4755 nobody/setuid # root's
    # shellcheck disable=SC2046
    if "${nobody[@]}" test -x "$OWNSCOPE" -a -r "$SHIM"; then
        tool=$OWNSCOPE
    else
        cp "$OWNSCOPE" "$SHIM" nobody/
        tool=$T/nobody/ownscope
    fi
    refused "setuid program" 126 'set.?uid|setuid' "${nobody[@]}" "$tool" run -q -o "$T/nobody/x.own" -- "$T/nobody/setuid"
    cp /bin/true nobody/unreadable
    chmod 711 nobody/unreadable
    run "$T/r" "${nobody[@]}" "$tool" run -q -o "$T/nobody/x.own" -- "$T/nobody/unreadable"
    case $(code "$T/r") in 0 | 126) ok "unreadable program" ;; *) not_ok "unreadable program" "$(code "$T/r") $(first_line "$T/r.err")" ;; esac
    refused "unwritable folder" 125 'permission' "${nobody[@]}" "$tool" run -q -o /no.own -- true
    "${nobody[@]}" "$tool" run -q -o "$T/nobody/x.own" -- true
    chmod 600 nobody/x.own && chown root nobody/x.own
    refused "unreadable trace" 125 'permission' "${nobody[@]}" "$tool" report "$T/nobody/x.own"
else
    skip "setuid program" "needs root and setpriv"
fi

printf 'echo plain; exit 9\n' >no-interpreter-line
chmod +x no-interpreter-line
run "$T/r" "$OWNSCOPE" run -q -o plain.own -- ./no-interpreter-line
[ "$(code "$T/r")" = 9 ] && [ "$(cat "$T/r.out")" = plain ]
verdict "a script without an interpreter's line is the shell's" $? "$(code "$T/r"): $(first_line "$T/r.err")"

# ---- traces that are none -------------------------------------------------
: >empty
head -c 100000 /dev/urandom >random
"$OWNSCOPE" run -q -o good.own -- "$VICTIMS/fork_chain" >/dev/null
for command in report threads events "export -f json" "history b1"; do
    # shellcheck disable=SC2086
    {
        case $command in history*) set -- "$OWNSCOPE" history empty b1 ;; *) set -- "$OWNSCOPE" $command empty ;; esac
        refused "empty trace: $command" 125 'trace' "$@"
        case $command in history*) set -- "$OWNSCOPE" history random b1 ;; *) set -- "$OWNSCOPE" $command random ;; esac
        refused "garbage trace: $command" 125 'trace' "$@"
    }
done
refused "missing trace" 125 'no such|not found' "$OWNSCOPE" report "$T/none.own"
refused "folder as trace" 125 'directory|trace' "$OWNSCOPE" report /tmp
mkdir nothing-here
(cd nothing-here && refused "no trace here" 125 'trace' "$OWNSCOPE" report)
refused "no such process" 125 'process|collector|session' "$OWNSCOPE" report -p 4194000
refused "process not traced" 125 'traced|collector|session' "$OWNSCOPE" report -p 1

# Torn at every size: it opens to its last whole chunk or is refused; a flipped
# bit anywhere does the same. Never a crash.
why=
bytes=$(stat -c %s good.own)
for i in $(seq 40); do
    head -c $((bytes * i / 41)) good.own >torn.own
    run "$T/r" "$OWNSCOPE" report --json torn.own
    case $(code "$T/r") in 0 | 125) ;; *) why="$why torn at $((bytes * i / 41)): $(code "$T/r")" ;; esac
    "$PYTHON" -c '
import sys
data = bytearray(open("good.own", "rb").read())
at = (int(sys.argv[1]) * 7919) % len(data)
data[at] ^= 1 << int(sys.argv[1]) % 8
open("flipped.own", "wb").write(data)' "$i"
    run "$T/r" "$OWNSCOPE" report --json flipped.own
    case $(code "$T/r") in 0 | 125) ;; *) why="$why flip $i: $(code "$T/r")" ;; esac
done
[ -z "$why" ]
verdict "torn and flipped traces" $? "$why"
head -c $((bytes - 20)) good.own >torn.own
"$OWNSCOPE" report --json torn.own >r.json 2>/dev/null && grep -q '"coverage"' r.json
verdict "a torn trace opens" $?
"$OWNSCOPE" report --json --at event:5 torn.own >r.json 2>err && [ "$(wc -l <err)" = 1 ] && grep -q 'is torn' err &&
    "$OWNSCOPE" report --json --at 1us torn.own >r.json 2>err && [ "$(wc -l <err)" = 1 ] &&
    "$OWNSCOPE" sql torn.own "SELECT 1" 2>&1 >/dev/null | grep -q 'is torn'
verdict "a moment of a torn trace" $? "$(first_line err)"
"$OWNSCOPE" diff --since event:2 torn.own >r.txt 2>err
[ "$(grep -c 'is torn' err)" = 1 ]
verdict "two moments of a torn trace say so once" $? "$(head -n 3 err)"
why="no byte of its events found"
for part in $(seq 5 99); do
    "$PYTHON" - good.own flipped.own "$part" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) * int(sys.argv[3]) // 100] ^= 0x55
open(sys.argv[2], "wb").write(data)
PY
    "$OWNSCOPE" events flipped.own 2>&1 >/dev/null | grep -q damaged || continue
    "$OWNSCOPE" report --at peak flipped.own 2>&1 >/dev/null | grep damaged | grep -qv 'damaged.*damaged' && why='' || why="damaged at $part hundredths: not said"
    break
done
[ -z "$why" ]
verdict "the peak of a damaged trace is told as such" $? "$why"

# ---- full disks, no shared memory -----------------------------------------
# unharmed NAME CMD…: the program's own output and exit code 7 come through.
unharmed() {
    local name=$1
    shift
    run "$T/u" "$@"
    [ "$(code "$T/u")" = 7 ] && grep -q 'block size=55701' "$T/u.out"
    verdict "$name" $? "exit code $(code "$T/u"): $(first_line "$T/u.err")"
}
if [ "$(id -u)" = 0 ] && have unshare && unshare -m true 2>/dev/null; then
    mkdir small
    cat >full.sh <<'E2'
mount -t tmpfs -o size=64k none small || exit 99
head -c 60000 /dev/zero >small/filler
exec "$@"
E2
    unharmed "full disk harms no program" unshare -m sh full.sh "$OWNSCOPE" run -o small/x.own -- "$VICTIMS/exit_raw"
    cat >full2.sh <<'E2'
mount -t tmpfs -o size=64k none small || exit 99
"$@"
E2
    run "$T/u" unshare -m sh full2.sh "$OWNSCOPE" run -o small/x.own -- "$VICTIMS/realloc_race"
    grep -qi 'space' "$T/u.err" && [ "$(code "$T/u")" = 0 ]
    verdict "full disk is said" $? "$(code "$T/u"): $(first_line "$T/u.err")"
else
    skip "full disk" "needs root and unshare"
fi
"$OWNSCOPE" run -o limited.own -- sh -c 'echo up; until [ -e limited.go ]; do sleep 0.05; done; echo done' >limited.out 2>limited.err </dev/null &
runner=$!
await grep -q up limited.out
prlimit --pid $runner --fsize=64:64
: >limited.go
wait $runner
said=$?
grep -qi 'too large' limited.err && grep -q 'done' limited.out && [ $said = 0 ]
verdict "a limit on file sizes ends the trace alone, and is said" $? "$said: $(first_line limited.err)"
if [ "$(id -u)" = 0 ] && [ -d /dev/shm ] && have unshare && unshare -m true 2>/dev/null; then
    cat >shm.sh <<'E2'
size=$1
shift
unset OWNSCOPE_SHM
mount -t tmpfs -o "$size" none /dev/shm || exit 99
"$@"
code=$?
[ -z "$(ls -A /dev/shm)" ] || { echo "left in /dev/shm: $(ls /dev/shm)" >&2; exit 98; }
exit $code
E2
    run "$T/u" unshare -m sh shm.sh size=16k "$OWNSCOPE" run -q -o shm.own -- "$VICTIMS/exit_raw"
    if [ "$(code "$T/u")" = 125 ]; then
        grep -q '^ownscope: .*shm' "$T/u.err" && [ "$(wc -l <"$T/u.err")" = 1 ]
    else
        [ "$(code "$T/u")" = 7 ] && grep -q '^ownscope: .*shm' "$T/u.err"
    fi
    verdict "full /dev/shm is refused or said" $? "$(code "$T/u"): $(first_line "$T/u.err")"
    unharmed "small /dev/shm" unshare -m sh shm.sh size=8m "$OWNSCOPE" run -q -o shm.own -- "$VICTIMS/exit_raw"
    run "$T/u" unshare -m sh shm.sh size=4m "$OWNSCOPE" run -q -o shm.own -- "$VICTIMS/threads_at_once"
    run "$T/bare" "$VICTIMS/threads_at_once"
    cmp -s "$T/u.out" "$T/bare.out" && [ "$(code "$T/u")" = 0 ]
    verdict "800 threads in a small /dev/shm run as ever" $? "$(code "$T/u"): $(first_line "$T/u.err")"
    run "$T/u" unshare -m sh shm.sh ro "$OWNSCOPE" run -q -o shm.own -- "$VICTIMS/exit_raw"
    case $(code "$T/u") in
    125) [ "$(grep -c '^ownscope: ' "$T/u.err")" = 1 ] ;;
    7) ;;
    *) false ;;
    esac
    verdict "no /dev/shm to write to" $? "$(code "$T/u"): $(first_line "$T/u.err")"
else
    skip "full /dev/shm" "needs root, unshare and a /dev/shm"
fi
if [ "$(id -u)" = 0 ] && have unshare && unshare -pf true 2>/dev/null; then
    run "$T/u" timeout -k 1 90 "$OWNSCOPE" run -q -o pidns.own -- unshare -pf sh -c '/bin/true; exit 4'
    [ "$(code "$T/u")" = 4 ]
    verdict "a program in a pid namespace of its own ends" $? "$(code "$T/u"): $(first_line "$T/u.err")"
    run "$T/u" timeout -k 1 90 "$OWNSCOPE" run -q -o two.own -- unshare -pf unshare -pf sh -c 'sleep 0.1; exit 6'
    [ "$(code "$T/u")" = 6 ]
    verdict "so do two that are each the first of theirs" $? "$(code "$T/u"): $(first_line "$T/u.err")"
    "$OWNSCOPE" leaks pidns.own >pidns.out 2>&1
    grep -q 'runs in another pid namespace' pidns.out && ! grep -q 'process 1 ' pidns.out
    verdict "its pid 1 is not taken for ours" $? "$(grep -m1 'process 1' pidns.out)"
else
    skip "pid namespaces" "needs root and unshare"
fi
run "$T/u" timeout -k 1 90 "$OWNSCOPE" run -q -o outer.own -- "$OWNSCOPE" run -q -o inner.own -- "$VICTIMS/exit_raw"
[ "$(code "$T/u")" = 7 ] && "$OWNSCOPE" events inner.own 2>/dev/null | grep -q 'process start.*exit_raw' &&
    "$OWNSCOPE" events outer.own 2>/dev/null | grep -q 'process start.*ownscope' &&
    ! "$OWNSCOPE" events outer.own 2>/dev/null | grep -q 'process start.*exit_raw'
verdict "a run in a run sees its own program" $? "$(code "$T/u"): $(first_line "$T/u.err")"
refused "unwritable trace" 125 'no such|cannot|directory' "$OWNSCOPE" run -q -o /no/such/folder/x.own -- true
run "$T/u" "$OWNSCOPE" run -q -o /dev/full -- "$VICTIMS/exit_raw"
case $(code "$T/u") in 7 | 125) grep -q '^ownscope: ' "$T/u.err" ;; *) false ;; esac
verdict "/dev/full as the trace" $? "$(code "$T/u"): $(first_line "$T/u.err")"
run "$T/u" sh -c 'exec "$@" >/dev/full' sh "$OWNSCOPE" export -f json good.own
[ "$(code "$T/u")" = 125 ] && [ "$(wc -l <"$T/u.err")" = 1 ]
verdict "a document that cannot be written is said" $? "$(code "$T/u"): $(first_line "$T/u.err")"

# ---- switched off -----------------------------------------------------------
run "$T/u" env OWNSCOPE_DISABLE=1 "$OWNSCOPE" run -q -o off.own -- "$VICTIMS/exit_raw"
[ "$(code "$T/u")" = 7 ]
verdict "OWNSCOPE_DISABLE runs the program" $? "$(code "$T/u")"
run "$T/u" env LD_PRELOAD="$SHIM" "$VICTIMS/exit_raw"
[ "$(code "$T/u")" = 7 ] && [ ! -s "$T/u.err" ]
verdict "the shim alone is inert" $? "$(code "$T/u"): $(first_line "$T/u.err")"
run "$T/u" env LD_PRELOAD="$SHIM" OWNSCOPE_SESSION=no-such-session "$VICTIMS/exit_raw"
[ "$(code "$T/u")" = 7 ] && [ ! -s "$T/u.err" ]
verdict "a session that is gone is no failure" $? "$(code "$T/u"): $(first_line "$T/u.err")"
run "$T/u" env LD_PRELOAD="$SHIM" OWNSCOPE_DEBUG=1 OWNSCOPE_SESSION=no-such-session "$VICTIMS/exit_raw"
[ "$(code "$T/u")" = 7 ] && grep -q ownscope "$T/u.err"
verdict "OWNSCOPE_DEBUG says why" $? "$(code "$T/u"): $(first_line "$T/u.err")"
