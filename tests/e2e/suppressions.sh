#!/bin/bash
# What a job in a CI needs of findings: suppression files (Valgrind's own output
# among them), what --gen-suppressions prints, --fail-on, --error-exitcode, and
# fingerprints that outlive a build.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset OWNSCOPE_DEBUG_DIR # frames are compared with those that valgrind names
cd "$T" || exit 99

# recorded VICTIM: its trace, made once.
recorded() { [ -f "$1.own" ] || traced "$1" "$1.own" "$VICTIMS/$1"; }
# asked TRACE FILTER OPTIONS…: of its findings.
asked() { "$OWNSCOPE" findings --json "${@:3}" "$1" 2>why | jq -c "$2"; }
# How many there are beside leaks.
others() { asked "$1" '[.findings[] | select(.rule != "leak")] | length' -n 0 "${@:2}"; }

# ---- what is generated is taken back, and silences that finding alone ----
for victim in double_drop invalid_drop mismatched_drop use_after_drop out_of_bounds overlap unordered_borrow \
    dropped_while_locked destroyed_while_held exited_holding released_by_stranger relock lock_order deadlock; do
    recorded "$victim"
    rm -f "$victim".supp*
    asked "$victim.own" . --gen-suppressions=all >"$victim.json"
    wrong=$("$PYTHON" - "$OWNSCOPE" "$victim" <<'E2' 2>&1
import json, subprocess, sys
program, victim = sys.argv[1:]
whole = json.load(open(victim + ".json"))
findings, known = whole["findings"], whole["suppressed"]  # what libc itself leaves
prints = [f["fingerprint"] for f in findings]
if not findings:
    sys.exit("no findings")
def left(files):
    asked = [program, "findings", "--json", victim + ".own"] + ["--suppressions=" + f for f in files]
    d = json.loads(subprocess.run(asked, capture_output=True, check=False).stdout)
    if d["suppressed"] - known + d["findings_total"] != len(prints):
        sys.exit("%d suppressed, %d left of %d" % (d["suppressed"], d["findings_total"], len(prints)))
    return sorted(f["fingerprint"] for f in d["findings"])
files = []
for n, f in enumerate(findings):
    files.append("%s.supp.%d" % (victim, n))
    open(files[-1], "w").write(f["suppression"])
    if left(files[-1:]) != sorted(p for p in prints if p != f["fingerprint"]):
        sys.exit("more or less than %s is silenced by %s" % (f["message"], f["suppression"]))
if left(files):
    sys.exit("not all are silenced")
open(victim + ".supp", "w").write("".join(f["suppression"] for f in findings))
E2
    )
    verdict "$victim: each generated suppression silences its finding alone" $? "$(tail -n 1 <<<"$wrong")"
done

# ---- Valgrind's own suppressions of the same errors ----
if have valgrind; then
    # victim, tool; how many of our findings Valgrind does not have (a pointer passed to a thread, a free)
    while read -r victim tool unseen; do
        timeout "$LIMIT" valgrind --tool="$tool" -q --gen-suppressions=all "$VICTIMS/$victim" >vg.log 2>&1 </dev/null
        sed -n '/^{/,/^}/p' vg.log >vg.supp
        all=$(others "$victim.own")
        [ "$all" -gt "$unseen" ] && [ "$(others "$victim.own" --suppressions vg.supp)" = "$unseen" ]
        verdict "$victim: what valgrind --tool=$tool generates is understood" $? \
            "$(asked "$victim.own" '[.suppressed, .findings[].message]' --suppressions vg.supp) $(first_line why) $(grep -c '^{' vg.supp) of valgrind's"
    done <<'E2'
double_drop memcheck 0
invalid_drop memcheck 0
out_of_bounds memcheck 0
use_after_drop memcheck 1
unordered_borrow helgrind 2
released_by_stranger helgrind 0
released_by_stranger drd 0
relock drd 0
destroyed_while_held helgrind 0
destroyed_while_held drd 0
dropped_while_locked drd 0
lock_order helgrind 0
E2
else
    skip "valgrind's suppressions" "no valgrind"
fi

# ---- a program of our own, that breaks two rules and lives ----
cat >app.c <<'E2'
#include <stdlib.h>
#include <string.h>
#ifdef MORE
__attribute__((noinline, used)) static int first(int n) { volatile int a[64] = { n }; return a[n & 63] + rand(); }
static char filler[12345] = { 1 };
#endif
__attribute__((noinline)) static char *make(size_t n) { char *p = malloc(n); __asm__ volatile("" : "+r"(p)); return p; }
__attribute__((noinline)) static void spread(char *to, const char *from) { memcpy(to, from, 8000); __asm__ volatile(""); }
__attribute__((noinline)) static void past(char *to, const char *from) { memcpy(to, from, 3002); __asm__ volatile(""); }
int main(int argc, char **argv)
{
#ifdef MORE
    filler[first(3) & 127] = 1;
#endif
    char *large = make(9000), *small = make(3000);
    spread(large, large + 50);
    past(large, small);
    if (argc > 1)
        abort();
    free(small);
    free(large);
    return 0;
}
E2
# built NAME FLAGS…: its findings when it is built so.
built() {
    mkdir -p "$1" # the program's own name is in its fingerprints
    gcc -g -fno-builtin "${@:2}" -o "$1/app" app.c 2>why || return
    run "$1/run" "$OWNSCOPE" run -q -o "$1.own" -- "$1/app"
    asked "$1.own" '[.findings[] | .rule + " " + .fingerprint] | sort'
}
plain=$(built app.d -O2 -fPIE -pie)
cp app.d/app app && cp app.d.own app.own
[ "$(jq -r 'map(split(" ")[0]) | join(" ")' <<<"$plain")" = "out-of-bounds overlap" ]
verdict "a program has its two findings" $? "$plain $(first_line why)"
asked app.own '.findings[].suppression' --gen-suppressions=all -n 0 | jq -r . >app.supp
asked app.own '.findings[] | select(.rule == "overlap").suppression' --gen-suppressions=all | jq -r . >half.supp

# ---- the sanitizers' lines; who was silenced by what ----
printf '# known\nuse-after-drop:nowhere\n{\nours\nownscope:*\n...\nfun:main\n}\n' >lines.supp
[ "$(asked app.own '[.suppressed, .findings_total, .suppressions[0].name, .suppressions[0].line]' --suppressions lines.supp)" = '[2,0,"ours",3]' ]
verdict "which of them was used" $? "$(asked app.own . --suppressions lines.supp | head -c 300)"
printf '# known\nuse-after-drop:nowhere\noverlap:^main$\n' >lines.supp
[ "$(asked app.own '[.suppressed, .findings_total, .suppressions[0].name, .suppressions[0].line]' --suppressions lines.supp)" = \
    '[1,1,"overlap:^main$",3]' ]
verdict "lines" $? "$(asked app.own . --suppressions lines.supp | head -c 300)"
run said "$OWNSCOPE" findings -v --suppressions lines.supp app.own
grep -q '1 suppressed' said.out && grep -qF 'overlap:^main$ (lines.supp:3)' said.out && [ "$(code said)" = 0 ]
verdict "findings -v tells it" $? "$(code said) $(head -c 200 said.out)"
run said "$OWNSCOPE" findings --suppressions app.supp app.own
[ "$(code said)" = 1 ]
verdict "all silenced is nothing found" $? "$(code said) $(head -c 200 said.out)"
[ "$("$OWNSCOPE" report --json --suppressions lines.supp app.own | jq -c '[.suppressed, .findings]')" = '[1,{"out-of-bounds":1}]' ]
verdict "report counts them apart" $?
printf '{\n  n\n  ownscope:leek\n  fun:f\n}\n' >bad.supp
run said "$OWNSCOPE" findings --suppressions bad.supp app.own
[ "$(code said)" = 2 ] && grep -q '^ownscope: bad.supp:3: .*leek' said.err && [ "$(wc -l <said.err)" = 1 ]
verdict "a mistake in a file has its line" $? "$(code said) $(first_line said.err)"

# ---- --fail-on ----
# ends STATUS NAME OPTIONS… -- PROGRAM…
ends() {
    local status=$1 name=$2
    shift 2
    run ended "$OWNSCOPE" run -q -o fail.own "$@"
    [ "$(code ended)" = "$status" ]
    verdict "$name: $status" $? "$(code ended): $(first_line ended.err)"
}
ends 0 "run without --fail-on" -- ./app
ends 99 "--fail-on of a rule that was broken" --fail-on overlap -- ./app
grep -q '^ownscope: exit status 99 for --fail-on: 1 overlap' ended.err
verdict "--fail-on says why, also with -q" $? "$(first_line ended.err)"
ends 99 "--fail-on any" --fail-on any -- ./app
ends 7 "--error-exitcode" --fail-on double-drop,overlap --error-exitcode 7 -- ./app
ends 0 "--fail-on of another rule" --fail-on double-drop,relock -- ./app
ends 0 "--fail-on of a clean program" --fail-on any -- "$VICTIMS/overlap_clean"
ends 0 "--fail-on of what is silenced" --fail-on any --suppressions app.supp -- ./app
ends 99 "--fail-on of what is silenced in part" --fail-on any --suppressions half.supp -- ./app
ends 99 "--fail-on where the program was killed by a signal" --fail-on any -- ./app abort
ends 134 "without it the signal stays" -- ./app abort
ends 3 "another status of the program stays" --fail-on any -- sh -c 'exit 3'
ends 125 "--fail-on of no rule" --fail-on double-free -- true
ends 125 "--error-exitcode of no status" --fail-on any --error-exitcode 256 -- true
ends 125 "run with a bad file" --suppressions bad.supp -- touch started
[ ! -e started ]
verdict "which is found before the program starts" $?
OWNSCOPE_OPTIONS="--fail-on any --error-exitcode=8" ends 8 "from OWNSCOPE_OPTIONS" -- ./app
mkdir -p "$XDG_CONFIG_HOME/ownscope"
printf '[run]\nfail-on = overlap\nerror-exitcode = 9\n' >"$XDG_CONFIG_HOME/ownscope/config"
ends 9 "from the configuration file" -- ./app
printf 'suppressions = app.supp\n[run]\nfail-on = overlap\n' >"$XDG_CONFIG_HOME/ownscope/config"
ends 0 "suppressions from the configuration file" -- ./app
rm "$XDG_CONFIG_HOME/ownscope/config"

# ---- --gen-suppressions of run; a person at a terminal ----
run generated "$OWNSCOPE" run -q --gen-suppressions all -o gen.own -- ./app
sed -n '/^{/,/^}/p' generated.err >gen.supp
ends 0 "run takes back what it generated" --fail-on any --suppressions gen.supp -- ./app
cat >typed.py <<'E2'
import os, pty, sys
answers, shown = sys.argv[1].encode().decode("unicode_escape").encode(), b""
pid, fd = pty.fork()
if not pid:
    os.execvp(sys.argv[2], sys.argv[2:])
os.write(fd, answers)
try:
    while data := os.read(fd, 65536):
        shown += data
except OSError:
    pass
os.waitpid(pid, 0)
text = shown.decode(errors="replace")
print(text.count("   ownscope:"), text.count("Print suppression?"))
E2
typed() {
    local answers=$1 said
    said=$(timeout "$LIMIT" "$PYTHON" typed.py "$answers" "$OWNSCOPE" findings --gen-suppressions=yes app.own)
    [ "$said" = "$2" ]
    verdict "--gen-suppressions=yes, answered $answers: $2" $? "$said"
}
typed 'y\nn\n' '1 2'
typed '\nY\n' '1 2'
typed 'x\ny\ny\n' '2 3'
typed 'c\n' '0 1'
run said setsid "$OWNSCOPE" findings --gen-suppressions=yes app.own
[ "$(code said)" = 2 ] && grep -q 'terminal' said.err
verdict "--gen-suppressions=yes without a terminal is refused" $? "$(first_line said.err)"

# ---- of a live process ----
"$OWNSCOPE" run -q -o live.own -- "$VICTIMS/deadlock" 1 >live.out 2>live.err &
runner=$!
# The deadlock, and that its locks were taken in another order.
found() {
    pid=$("$OWNSCOPE" ps --json 2>/dev/null | jq -r '.sessions[].processes[].pid' | head -n 1)
    [ -n "$pid" ] && [ "$(timeout "$LIMIT" "$OWNSCOPE" findings -p "$pid" --json 2>why | jq '[.findings[].rule] | contains(["deadlock"])')" = true ]
}
await found
printf 'deadlock:take_\n' >dead.supp
[ "$(timeout "$LIMIT" "$OWNSCOPE" findings -p "$pid" --json --suppressions dead.supp 2>why | jq -c '[.findings_total, .suppressed > 0]')" = '[0,true]' ]
verdict "a live process is asked with suppressions" $? "$(first_line why)"
timeout "$LIMIT" "$OWNSCOPE" findings -p "$pid" --gen-suppressions=all 2>why | grep -q '^   ownscope:deadlock'
verdict "and shows what would silence its findings" $? "$(first_line why)"
kill -KILL "${pid:-$runner}"
wait "$runner" 2>/dev/null

# ---- fingerprints: another build of the same program ----
while read -r name flags; do
    # shellcheck disable=SC2086 # words
    other=$(built "$name" $flags)
    [ -n "$plain" ] && [ "$other" = "$plain" ]
    verdict "the same fingerprints when built $name" $? "$other, not $plain"
done <<'E2'
unoptimised -O0 -fPIE -pie
moved -O2 -fPIE -pie -DMORE
fixed -O1 -no-pie -DMORE
E2
