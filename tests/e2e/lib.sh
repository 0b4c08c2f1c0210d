# tests/e2e/lib.sh - what the end-to-end tests share; sourced by bash scripts.
#
# A test says `ok NAME`, `not ok NAME: why` or `skip NAME: why`, one a line,
# on standard output; run.sh counts them. Every script has a temporary folder
# $T and a session folder of its own, and takes both away.
#
#   B         the build folder (build, or as the caller sets it)
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for the scripts that source this

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=$(cd "$ROOT" && cd "${B:-build}" && pwd) || exit 99
OWNSCOPE=$B/ownscope
SHIM=$B/libownscope.so
VICTIMS=$B/tests/victims
COUNTER=$B/tests/counter/libcounter.so
HERE=$ROOT/tests/e2e
LIMIT=${LIMIT:-100} # seconds that any one command may take
PATIENT="--wait-ms 20000" # of run, where nothing may be lost though the machine is overrun

unset LD_PRELOAD OWNSCOPE_SESSION OWNSCOPE_DISABLE OWNSCOPE_DEBUG OWNSCOPE_OPTIONS
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1 PATH=$PATH:/usr/sbin:/sbin
T=$(mktemp -d "${TMPDIR:-/tmp}/ownscope-e2e.XXXXXX") || exit 99
export OWNSCOPE_DIR=$T/sessions XDG_CONFIG_HOME=$T/config
# To unpack the C library's debug information takes a reader 50 ms; who looks at its inner frames unsets this.
export OWNSCOPE_DEBUG_DIR=$T/no-debug-files
chmod 755 "$T"
# shellcheck source=tests/shm.sh
. "$ROOT/tests/shm.sh"
shm_choose "$T/shm"

PYTHON=python3
for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import jsonschema' 2>/dev/null; then
        PYTHON=$candidate
        break
    fi
done
export PYTHON

# Ends what a script left running: programs and collectors of its own session
# folder only, by process id.
leftovers() {
    local e pid
    for e in /proc/[0-9]*/environ; do
        pid=${e#/proc/} pid=${pid%/environ}
        if grep -qzxF "OWNSCOPE_DIR=$OWNSCOPE_DIR" "$e" 2>/dev/null; then
            case $(readlink "/proc/$pid/exe") in
            "$B"/* | "$T"/*) echo "$pid" ;;
            esac
        fi
    done
}
tidy() {
    local pid segment
    for pid in $(leftovers); do kill -KILL "$pid" 2>/dev/null; done
    for segment in "$OWNSCOPE_DIR"/*/segment; do
        [ -L "$segment" ] && rm -f "$(readlink "$segment")"
    done
    [ -n "${KEEP-}" ] || rm -rf "$T"
}
trap tidy EXIT
trap 'exit 130' INT TERM

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: ${*:2}"; }
skip() { echo "skip $1: ${*:2}"; }
# verdict NAME CODE WHY: ok when CODE is 0.
verdict() { if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1" "${@:3}"; fi; }
have() { command -v "$1" >/dev/null 2>&1; }
# await CMD…: until it succeeds, a minute at most: as fast as the machine is, and no verdict on how fast that is.
await() {
    local end=$((SECONDS + 60))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}
first_line() { head -c 300 "$1" | head -n 1; }

# run OUT CMD…: output in OUT.out and OUT.err, exit status in OUT.code; ends by LIMIT.
run() {
    local out=$1
    shift
    timeout -k 5 "$LIMIT" "$@" >"$out.out" 2>"$out.err" </dev/null
    echo $? >"$out.code"
}
# traced OUT TRACE CMD…: the same under ownscope, quietly.
traced() {
    local out=$1 trace=$2
    shift 2
    # shellcheck disable=SC2086 # two words
    run "$out" "$OWNSCOPE" run -q $PATIENT -o "$trace" -- "$@"
}
code() { cat "$1.code"; }

# same A B: what differs between two runs, in words; fails when something does.
same() {
    local a=$1 b=$2
    if [ "$(code "$a")" != "$(code "$b")" ]; then
        echo "exit code $(code "$b"), bare $(code "$a"): $(first_line "$b.err")"
        return 1
    fi
    if ! cmp -s "$a.out" "$b.out"; then
        echo "output differs: $(diff "$a.out" "$b.out" | grep -a '^[<>]' | head -n 2 | tr '\n' ' ' | cut -c1-200)"
        return 1
    fi
    if ! cmp -s "$a.err" "$b.err"; then
        echo "error output differs: $(diff "$a.err" "$b.err" | grep -a '^[<>]' | head -n 2 | tr '\n' ' ' | cut -c1-200)"
        return 1
    fi
}

# number TRACE KEY…: numbers out of the report's JSON, "totals.allocations".
number() {
    "$OWNSCOPE" report --json "$1" | "$PYTHON" -c '
import json, sys
report = json.load(sys.stdin)
values = []
for path in sys.argv[1:]:
    value = report
    for key in path.split("."):
        value = value[key]
    values.append(value)
print(*values)' "${@:2}"
}

# Leaks as memcheck sees them: `"${MEMCHECK[@]}" --xml-file=FOLDER/%p.xml CMD…`. The C library's
# own clean-up, which no program without memcheck runs, is left out.
MEMCHECK=(valgrind -q --leak-check=full --show-leak-kinds=all --leak-resolution=high --num-callers=60
    --run-libc-freeres=no --run-cxx-freeres=no --keep-debuginfo=yes --default-suppressions=no --error-limit=no --xml=yes)

# The independent counter: `counter_of FILE` makes an empty FILE and fills
# COUNTING with the words to put before a command; counted FILE KEY reads it.
# The counter leaves ownscope itself out.
counter_of() {
    rm -f "$1"
    truncate -s 4096 "$1"
    COUNTING=(env OWNCOUNT_FILE="$1" OWNCOUNT_EXCEPT=ownscope LD_PRELOAD="$COUNTER")
}
counted() {
    local at
    case $2 in allocations) at=0 ;; frees) at=8 ;; reallocations) at=16 ;; bytes) at=24 ;; esac
    od -A n -t u8 -j "$at" -N 8 "$1" | tr -d ' '
}
