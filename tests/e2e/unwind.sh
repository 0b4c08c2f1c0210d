#!/bin/bash
# Stack truth: what the collector gets as a stack is what libunwind finds at
# the same moment, frame by frame (run --verify-unwind). At least 100,000
# stacks over C, C++ with exceptions, longjmp, coroutines, signals, python3
# and the C compiler; ten times as many with TORTURE set. Not one may differ.
# What cannot be compared is allowed where it is named below.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
times=${TORTURE:+10}
times=${times:-1}
LIMIT=$((LIMIT * 2 * times))
all=0

if ! ldconfig -p | grep -q 'libunwind\.so\.8'; then
    skip "stacks against libunwind's" "no libunwind.so.8"
    exit 0
fi

# verified FILE: "compared different incomparable without" of its report.
verified() { "$OWNSCOPE" report --json "$1" | jq -r '.verify_unwind | "\(.compared) \(.different) \(.incomparable) \(.processes_without_libunwind)"'; }

# truth NAME N LEAST INCOMPARABLE CMD…: every Nth stack of CMD is compared, at
# least LEAST of them, none differs, at most INCOMPARABLE cannot be compared,
# nothing is lost, and it ends as it does bare.
truth() {
    local name=$1 every=$2 least=$3 most=$4 why=
    local compared different incomparable without
    shift 4
    run bare "$@"
    # shellcheck disable=SC2086 # two words
    run traced "$OWNSCOPE" run -q $PATIENT --verify-unwind "$every" -o t.own -- "$@"
    read -r compared different incomparable without < <(verified t.own)
    [ "$(code bare)" = "$(code traced)" ] || why="exit code $(code traced), bare $(code bare): $(first_line traced.err)"
    [ "${without:-1}" = 0 ] || why="a process without libunwind: $("$OWNSCOPE" events --type mark --json t.own | head -n 1)"
    [ "${incomparable:-1}" -le "$most" ] || why="$incomparable not comparable"
    [ "${compared:-0}" -ge "$least" ] || why="${compared:-0} compared"
    [ "$(number t.own lost.events)" = 0 ] || why="$(number t.own lost.events) events lost"
    [ "${different:-1}" = 0 ] || why="$different of $compared differ: $("$OWNSCOPE" events --type mark --json t.own | grep verify-unwind | head -n 1 | cut -c1-2000)"
    [ -z "$why" ]
    verdict "$name ($compared stacks)" $? "$why"
    all=$((all + ${compared:-0}))
}

# Most of what goes wrong goes wrong between two walks: N is 1 where it can be.
truth "C: recursion, callbacks, coroutines, jumps, handlers" 1 $((20000 * times)) 0 "$VICTIMS/mixed_stacks" $((5 * times))
truth "C++: exceptions" 1 $((15000 * times)) 0 "$VICTIMS/mixed_throws" $((4 * times))
for victim in coroutine longjmp signal_jump signal_malloc align throw_deep new_throw dlopen_loop tls_cxx cancel stack_small; do
    truth "$victim" 1 10 0 "$VICTIMS/$victim"
done
truth "signal_storm" 5 30000 0 "$VICTIMS/signal_storm"

cat >work.py <<'E2'
import json, re, sys
def nest(n): return [n] if n == 0 else [nest(n - 1)]
for k in range(int(sys.argv[1])):
    d = {str(i): [i, str(i) * 3, {"a": i}] for i in range(200)}
    s = json.dumps(d)
    json.loads(s), nest(80), re.findall(r"(\d+)", s), sorted(d, key=lambda x: x[::-1])
    try: nest(2000)
    except RecursionError: pass
E2
truth "python3" 1 $((25000 * times)) 0 "$PYTHON" work.py $((20 * times))

{
    echo '#include <stdio.h>'
    for i in $(seq 1 40); do
        echo "int f$i(int a, const char *s) { int r = a; for (int i = 0; i < a; i++) { r += s[i] * $i; if (r & $i) r ^= i;
              switch (r % 7) { case 0: r++; break; case 3: r -= 2; break; default: r *= $i; } } return printf(\"%d %s\", r, s); }"
    done
} >generated.c
every=$((times > 1 ? 1 : 17))
truth "the C compiler" $every $((20000 * times)) 0 gcc -O2 -c generated.c -o generated.o

# Where code has no unwind rules a stack ends, cut, and is not held against guesses.
cat >bare.c <<'E2'
#include <stdlib.h>
void *keep(void *p) { free(p); return p; }
__asm__(".text\n.globl bare\n.type bare, @function\nbare:\n\tpush %rbp\n\tmov %rsp, %rbp\n\tmov $48300, %edi\n\tcall malloc@plt\n"
        "\tmov %rax, %rdi\n\tcall keep\n\tpop %rbp\n\tret\n.size bare, . - bare\n");
void bare(void);
int main(void) { for (int i = 0; i < 100; i++) bare(); return 0; }
E2
gcc -O1 -o bare bare.c
run bare "$OWNSCOPE" run -q --verify-unwind 1 -o bare.own -- ./bare
"$OWNSCOPE" report --json bare.own | jq -e '.verify_unwind | .different == 0 and .incomparable >= 200 and .incomparable_by["no-unwind-rules"] == .incomparable' >said
verdict "code without unwind rules is not compared" $? "$(verified bare.own)"

# Without the option nothing is loaded and nothing said; without libunwind it is said.
cat >maps.sh <<'E2'
grep -c libunwind /proc/self/maps
E2
"$OWNSCOPE" run -q -o plain.own -- sh maps.sh >plain.out
[ "$(cat plain.out)" = 0 ] && "$OWNSCOPE" report --json plain.own | jq -e 'has("verify_unwind") | not' >said
verdict "without --verify-unwind libunwind is not loaded" $? "$(cat plain.out)"
mkdir lib && : >lib/libunwind.so.8
"$OWNSCOPE" run --verify-unwind 1 -o none.own -- env LD_LIBRARY_PATH="$T/lib" "$VICTIMS/longjmp" >none.out 2>none.err # env itself has it
[[ $(verified none.own) == *" 1" ]] && grep -q '1 *process without libunwind' none.err &&
    "$OWNSCOPE" events --type mark --json none.own | grep -q 'no stack is compared: .*libunwind'
verdict "a libunwind that cannot be loaded is said" $? "$(verified none.own) $("$OWNSCOPE" events --type mark --json none.own | head -n 1)"

[ "$all" -ge $((100000 * times)) ]
verdict "$all stacks compared in all" $?
