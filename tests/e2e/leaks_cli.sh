#!/bin/bash
# What people and jobs in a CI do with leaks: --fail-on leak and its kinds,
# suppressions that are generated and taken back (also by valgrind), the JSON
# documents, the text, leaks of a live process, two moments and two builds.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset OWNSCOPE_DEBUG_DIR # frames are compared with those that valgrind names
cd "$T" || exit 99

# One of each class, at functions of these names.
cat >app.c <<'E2'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
struct node { struct node *next; char text[56]; };
struct node *held;
char *inside;
NOINLINE static void *made(size_t n) { void *p = calloc(1, n); __asm__ volatile("" : "+r"(p)); return p; }
NOINLINE static struct node *make_lost(void) { return made(sizeof(struct node)); }
NOINLINE static struct node *make_child(void) { return made(sizeof(struct node)); }
NOINLINE static char *make_alone(void) { return made(1000); }
NOINLINE static char *make_inside(void) { return made(500); }
NOINLINE static struct node *make_held(void) { return made(sizeof(struct node)); }
#ifdef MORE
NOINLINE static char *make_more(void) { return made(123456); }
char *more;
#endif
NOINLINE static void act(void)
{
    for (int i = 0; i < 3; i++)
        make_lost()->next = make_child();
    make_alone();
    inside = make_inside() + 100;
    held = make_held();
#ifdef MORE
    more = make_more();
#endif
}
NOINLINE static void scrub(void) { char room[1 << 14]; memset(room, 0, sizeof room); __asm__ volatile("" : : "r"(room) : "memory"); }
int main(int argc, char **argv)
{
    act();
    scrub();
    if (argc > 1 && !strcmp(argv[1], "kill"))
        kill(getpid(), SIGKILL);
    if (argc > 1 && !strcmp(argv[1], "wait")) {
        puts("ready");
        fflush(stdout);
        pause();
    }
    return argc > 1 && !strcmp(argv[1], "fail") ? 3 : 0;
}
E2
cat >clean.c <<'E2'
#include <stdlib.h>
void *held;
int main(void) { held = malloc(100); free(malloc(200)); return 0; }
E2
cat >loads.c <<'E2'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_barrier_t used;
static int *(*mine)(void);
static void *work(void *ends)
{
    *mine() = 1;
    pthread_barrier_wait(&used);
    while (!ends)
        pause();
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t threads[4];
    void *lib = dlopen(argv[1], RTLD_NOW);
    mine = lib ? (int *(*)(void))dlsym(lib, "mine") : NULL;
    if (!mine)
        return 9;
    pthread_barrier_init(&used, NULL, 5);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, i < 2 ? argv : NULL);
    pthread_barrier_wait(&used);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    if (argc > 2 && puts("ready") && !fflush(stdout))
        pause();
    return 0;
}
E2
echo '__thread int own[100]; int *mine(void) { return own; }' >lib.c
have gcc || { skip "leaks" "no gcc"; exit; }
gcc -g -O1 -fno-builtin -o app app.c && gcc -g -O1 -fno-builtin -o clean clean.c && gcc -g -fPIC -shared -o lib.so lib.c && gcc -g -O1 -o loads loads.c -lpthread -ldl && mkdir two && gcc -g -O1 -fno-builtin -DMORE -o two/app app.c || exit 99

traced run app.own ./app
traced run clean.own ./clean
# leaks FILTER OPTIONS… [TRACE]
leaks() { "$OWNSCOPE" leaks --json "${@:2}" 2>why | jq -c "$1"; }

wait_for() { # FILE WORD: until LIMIT
    local end=$((SECONDS + LIMIT))
    until grep -q "$2" "$1" 2>/dev/null; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# ---- the document ----
totals='[.totals.definite, .totals.indirect, .totals.possible] | map([.blocks, .bytes])'
[ "$(leaks "$totals" app.own)" = '[[4,1192],[3,192],[1,500]]' ]
verdict "sums by class" $? "$(leaks .totals app.own) $(leaks '[.refused, .metadata.coverage]' app.own) $(first_line why)"
place='[.leaks[] | [.class, .blocks, .bytes, .indirect.bytes, (.stack | map(.function) | map(select(startswith("make_"))) | .[0])]]'
[ "$(leaks "$place" app.own)" = '[["definite",1,1000,0,"make_alone"],["definite",3,192,192,"make_lost"],["possible",1,500,0,"make_inside"]]' ]
verdict "places, definite first, most bytes first" $? "$(leaks "$place" app.own)"
[ "$(leaks '[.leaks[].class] | unique' --class all app.own)" = '["definite","indirect","possible","reachable"]' ] &&
    [ "$(leaks '[.leaks[].class]' --class possible app.own)" = '["possible"]' ] &&
    [ "$(leaks '.leaks | length' -n 1 app.own)" = 1 ]
verdict "--class, --top" $? "$(leaks '[.leaks[].class]' --class all app.own)"
[ "$(leaks '.snapshots | map([.why, .process, .stacks_unknown])' app.own)" = '[["exit","p1",false]]' ]
verdict "the snapshot's facts" $? "$(leaks .snapshots app.own)"
[ "$(leaks '.leaks | length' --since 1h app.own)" = 0 ] && [ "$(leaks '.leaks | length' --since event:1 app.own)" = 3 ]
verdict "--since" $?
run said "$OWNSCOPE" leaks --class lost app.own
[ "$(code said)" = 2 ] && grep -q "'lost' is no leak class" said.err
verdict "a class that is none" $? "$(code said) $(first_line said.err)"
run said "$OWNSCOPE" leaks clean.own
[ "$(code said)" = 1 ] && grep -q '    still reachable' said.out
verdict "nothing lost is nothing found" $? "$(code said) $(head -n 3 said.out)"

# ---- the text ----
run said "$OWNSCOPE" leaks app.own
[ "$(code said)" = 0 ] && grep -q '^p1 (pid [0-9]*), at its exit, at ' said.out &&
    grep -q '^    definitely lost           1,192 bytes in 4 blocks$' said.out && grep -q '^         192           3  made (app.c:10)$' said.out
verdict "leaks as text" $? "$(cat said.out)"
grep -q '^       + 192           3  lost with them$' said.out && ! grep -q 'make_child' said.out && [ "$(grep -c '\[[0-9a-f]\{16\}\]$' said.out)" = 3 ]
verdict "what is lost with them; fingerprints" $? "$(cat said.out)"
run said "$OWNSCOPE" report app.own
grep -q '^Leaks$' said.out && grep -q 'definitely lost           1,192 bytes in 4 blocks' said.out
verdict "report has a section" $? "$(head -n 30 said.out)"
[ "$("$OWNSCOPE" report --json app.own | jq -c '[.findings, .leaks.totals.definite.blocks, (.leaks.top | length)]')" = '[{"leak":3},4,2]' ]
verdict "report counts them" $? "$("$OWNSCOPE" report --json app.own | jq -c '[.findings, .leaks]' | head -c 500)"
run said "$OWNSCOPE" run -o summary.own -- ./app
grep -q '^Leaks$' said.err
verdict "so does the summary of run" $? "$(head -n 30 said.err)"
run said "$OWNSCOPE" findings app.own
grep -q '384 bytes in 3 blocks are definitely lost: 192 directly, 192 indirectly' said.out
verdict "findings says it in a sentence" $? "$(cat said.out)"

# ---- --fail-on leak ----
# ends STATUS NAME OPTIONS… -- PROGRAM…
ends() {
    local status=$1 name=$2
    shift 2
    run ended "$OWNSCOPE" run -q -o fail.own "$@"
    [ "$(code ended)" = "$status" ]
    verdict "$name: $status" $? "$(code ended): $(first_line ended.err)"
}
ends 99 "--fail-on leak" --fail-on leak -- ./app
grep -q '^ownscope: exit status 99 for --fail-on: 3 leak (./app itself exited with 0)$' ended.err
verdict "which says why" $? "$(cat ended.err)"
ends 0 "--fail-on leak of a clean program" --fail-on leak -- ./clean
ends 99 "--fail-on leak=reachable of it" --fail-on leak=reachable -- ./clean
ends 99 "--fail-on leak=possible" --fail-on leak=possible -- ./app
grep -q ' 1 leak ' ended.err
verdict "of which there is one" $? "$(cat ended.err)"
ends 0 "--fail-on of other rules" --fail-on double-drop,overlap -- ./app
ends 99 "--fail-on given again adds" --fail-on leak --fail-on overlap -- ./app
ends 99 "--fail-on any" --fail-on any --error-exitcode 99 -- ./app
ends 125 "--fail-on of no kind" --fail-on leak=lost -- ./app
ends 125 "--fail-on leak without snapshots" --fail-on leak --no-snapshot-at-exit -- ./app
grep -q '^ownscope: --fail-on leak has no answer: the leak classes of p1 (pid [0-9]*) are unknown: ' ended.err
verdict "which says why, too" $? "$(cat ended.err)"
ends 0 "--fail-on any without snapshots" --fail-on any --no-snapshot-at-exit -- ./app
grep -q '^ownscope: --fail-on says nothing of some leaks: ' ended.err
verdict "which is said" $? "$(cat ended.err)"
ends 0 "--fail-on leak where a child was killed" --fail-on leak -- sh -c './app wait >began & until [ -s began ]; do sleep 0.02; done; kill -9 $!; exit 0'
grep -q '^ownscope: --fail-on says nothing of some leaks: .*most likely it was killed' ended.err
verdict "which is said, too" $? "$(cat ended.err)"
ends 137 "a program that was killed ends as it did" --fail-on leak -- ./app kill
ends 3 "a program's own status stays" --fail-on double-drop -- ./app fail
run killed "$OWNSCOPE" run -q -o killed.own -- ./app kill
[ "$(leaks '.metadata.coverage | map(select(.kind == "classes").why)' killed.own)" = '["it was ended by signal 9 before a snapshot was taken"]' ]
verdict "a killed program's classes are not covered" $? "$(leaks .metadata.coverage killed.own)"

# ---- what libc itself leaves behind in a program with threads that opens a library ----
ends 0 "--fail-on leak of threads and dlopen" --fail-on leak -- ./loads ./lib.so
ends 0 "--fail-on any of them" --fail-on any -- ./loads ./lib.so
cp fail.own loads.own
ends 99 "--fail-on leak of them without default suppressions" --fail-on leak --default-suppressions=no -- ./loads ./lib.so
known='[.suppressed, (.leaks | length > 2, all(.class == "possible" and (.known // "" | startswith("libc: ")))),
    (.suppressions | map(.file) | unique), .leaks_total == (.suppressions | map(.findings) | add)]'
[ "$(leaks "$known" loads.own)" = '[0,true,true,["default.supp"],true]' ]
verdict "leaks shows them as known" $? "$(leaks "$known" loads.own) $(leaks '[.suppressions, (.leaks | map([.class, .known, (.stack | map(.function)[:4])]))]' loads.own)"
[ "$(leaks '.totals' loads.own)" = "$(leaks '.totals' --default-suppressions=no loads.own)" ] &&
    [ "$(leaks '[.suppressions, (.leaks | map(select(.known)))]' --default-suppressions=no loads.own)" = '[[],[]]' ]
verdict "sums are the same without, and nothing is known" $? "$(leaks .totals loads.own) $(leaks .totals --default-suppressions=no loads.own)"
run said "$OWNSCOPE" leaks loads.own
[ "$(code said)" = 1 ] && grep -q '^                          known: no finding (libc: ' said.out
verdict "which is nothing found" $? "$(code said) $(cat said.out)"
run said "$OWNSCOPE" leaks --default-suppressions=no loads.own
[ "$(code said)" = 0 ] && ! grep -q known: said.out
verdict "but without them it is" $? "$(code said)"
[ "$("$OWNSCOPE" findings --json loads.own | jq -c '[.findings_total, .suppressed > 2]')" = '[0,true]' ]
verdict "findings counts what was silenced" $? "$("$OWNSCOPE" findings --json loads.own | head -c 300)"

# ---- suppressions ----
"$OWNSCOPE" leaks --class all --json --gen-suppressions=all app.own >gen.json
wrong=$("$PYTHON" - "$OWNSCOPE" <<'E2' 2>&1
import json, subprocess, sys
rows = json.load(open("gen.json"))["leaks"]
if len(rows) < 5:
    sys.exit("%d places" % len(rows))
def left(*files):
    asked = [sys.argv[1], "leaks", "--class", "all", "--json", "app.own"] + ["--suppressions=" + f for f in files]
    d = json.loads(subprocess.run(asked, capture_output=True, check=False).stdout)
    if d["suppressed"] + d["leaks_total"] != len(rows):
        sys.exit("%d suppressed, %d left of %d" % (d["suppressed"], d["leaks_total"], len(rows)))
    blocks = sum(c["blocks"] for c in d["totals"].values())
    if blocks != sum(r["blocks"] for r in rows):
        sys.exit("%d blocks in all, %s" % (blocks, d["totals"]))
    return sorted(r["ids"] for r in d["leaks"])
files = []
for n, r in enumerate(rows):
    if not r["suppression"]:
        sys.exit("none for %s" % r)
    files.append("supp.%d" % n)
    open(files[-1], "w").write(r["suppression"])
    if left(files[-1]) != sorted(o["ids"] for o in rows if o is not r):
        sys.exit("more or less than %s is silenced by %s" % (r["ids"], r["suppression"]))
if left(*files):
    sys.exit("not all are silenced")
open("all.supp", "w").write("".join(r["suppression"] for r in rows))
open("lost.supp", "w").write("".join(r["suppression"] for r in rows if r["class"] in ("definite", "possible")))
E2
)
verdict "each generated suppression silences its place alone" $? "$(tail -n 1 <<<"$wrong")"
ends 0 "--fail-on leak of what is silenced" --fail-on leak --suppressions lost.supp -- ./app
printf 'leak:make_inside\nleak:make_al\n' >lsan.supp
[ "$(leaks '[.totals.suppressed.blocks, .totals.definite.blocks, .totals.possible.blocks]' --suppressions lsan.supp app.own)" = '[2,3,0]' ]
verdict "LeakSanitizer's lines" $? "$(leaks .totals --suppressions lsan.supp app.own)"
run said "$OWNSCOPE" leaks -v --suppressions lsan.supp app.own
grep -q 'suppressed           1,500 bytes in 2 blocks' said.out && grep -qF 'leak:make_inside (lsan.supp:1)' said.out
verdict "leaks -v says what was used" $? "$(tail -n 5 said.out)"
run said "$OWNSCOPE" leaks --gen-suppressions=all app.own
sed -n '/^{/,/^}/p' said.out >text.supp
cmp -s text.supp lost.supp
verdict "the text has the same blocks" $? "$(diff text.supp lost.supp | head -n 3)"
if have valgrind; then
    run bare valgrind -q --leak-check=full --error-exitcode=9 ./app
    run given valgrind -q --leak-check=full --error-exitcode=9 --suppressions=lost.supp ./app
    [ "$(code bare),$(code given)" = 9,0 ]
    verdict "valgrind takes what was generated" $? "$(code bare),$(code given): $(head -n 12 given.err)"
    run bare valgrind -q --leak-check=full --gen-suppressions=all ./app
    sed -n '/^{/,/^}/p' bare.err >vg.supp
    ends 0 "valgrind's own suppressions of these leaks" --fail-on leak --suppressions vg.supp -- ./app
else
    skip "valgrind takes what was generated" "no valgrind"
fi

# ---- a live process ----
"$OWNSCOPE" run -q -o live.own -- ./app wait >live.out 2>live.err &
collector=$!
wait_for live.out ready
pid=$(pgrep -P "$collector" -x app | head -n 1)
[ "$(leaks "$totals" -p "$pid")" = '[[4,1192],[3,192],[1,500]]' ] && [ "$(leaks '.snapshots | map(.why)' -p "$pid")" = '["asked"]' ]
verdict "leaks -p takes a snapshot" $? "$(leaks '[.totals, .snapshots, .refused]' -p "$pid" | head -c 600) $(first_line why)"
"$OWNSCOPE" leaks -p "$pid" >text.live 2>&1
grep -q ', asked for, at ' text.live
verdict "and says so" $? "$(head -n 5 text.live)"
[ "$(leaks '.leaks | length' -p "$pid" --since 1h)" = 0 ] && [ "$(leaks '.leaks | length' -p "$pid" --since event:1)" = 3 ]
verdict "leaks -p --since" $? "$(first_line why)"
"$OWNSCOPE" diff --json -p "$pid" --since event:1 >diff.live 2>why
[ "$(jq '.totals.after.blocks - .totals.before.blocks == .totals.blocks and .totals.blocks >= 8' diff.live)" = true ]
verdict "diff -p --since" $? "$(head -c 300 diff.live) $(first_line why)"
run said "$OWNSCOPE" leaks -p "$pid" --suppressions lost.supp
[ "$(code said)" = 1 ] && grep -q 'suppressed           1,692 bytes in 5 blocks' said.out
verdict "leaks -p with suppressions" $? "$(code said) $(head -n 8 said.out)"
kill "$pid" 2>/dev/null
wait "$collector"
"$OWNSCOPE" run -q -o live.own -- ./loads ./lib.so wait >live.out 2>live.err &
collector=$!
wait_for live.out ready
pid=$(pgrep -P "$collector" -x loads | head -n 1)
[ "$(leaks '.leaks | all(.known)' -p "$pid")" = true ] && [ "$(leaks '.leaks | length > 2 and all(.known | not)' -p "$pid" --default-suppressions=no)" = true ]
verdict "leaks -p with and without default suppressions" $? "$(leaks '.leaks | map([.class, .known])' -p "$pid") $(first_line why)"
kill "$pid" 2>/dev/null
wait "$collector"

# ---- two moments, two builds ----
traced run two.own ./two/app
"$OWNSCOPE" diff --json app.own two.own >diff.json 2>why
[ "$(jq -c '[.totals.blocks, .totals.bytes, (.sites | map([.change, .blocks, .bytes]))]' diff.json)" = '[1,123456,[["new",1,123456]]]' ]
verdict "diff of two builds" $? "$(jq -c '[.totals, .sites]' diff.json | head -c 800) $(first_line why)"
[ "$("$OWNSCOPE" diff --json two.own app.own | jq -c '.sites | map([.change, .bytes])')" = '[["gone",-123456]]' ]
verdict "and back" $?
run said "$OWNSCOPE" diff --fail-if-grown 120K app.own two.own
[ "$(code said)" = 99 ] && [ "$(first_line said.err)" = "ownscope: grown by 123456 bytes in all and 123456 in one place; --fail-if-grown lets 122880 pass" ]
verdict "a growth fails the job" $? "$(code said) $(cat said.err)"
run said "$OWNSCOPE" diff --fail-if-grown 123456 --error-exitcode 7 app.own two.own
[ "$(code said)" = 0 ] && [ ! -s said.err ]
verdict "a growth of just so much does not" $? "$(code said) $(cat said.err)"
run said "$OWNSCOPE" diff --fail-if-grown 0 --error-exitcode 7 app.own two.own
[ "$(code said)" = 7 ]
verdict "with a status of one's own" $? "$(code said) $(cat said.err)"
run said "$OWNSCOPE" diff --fail-if-grown 0 two.own app.own
[ "$(code said)" = 0 ] && [ ! -s said.err ]
verdict "what went is no growth" $? "$(code said) $(cat said.err)"
run said "$OWNSCOPE" diff --fail-if-grown 1Q app.own two.own
[ "$(code said)" = 2 ]
verdict "a growth that is no number is wrong usage" $? "$(code said) $(cat said.err)"
run said "$OWNSCOPE" diff app.own app.own
[ "$(code said)" = 1 ] && grep -q 'the same blocks' said.out
verdict "diff of the same is nothing found" $? "$(code said) $(cat said.out)"
run said "$OWNSCOPE" diff app.own two.own
[ "$(code said)" = 0 ] && grep -q '^Grew$' said.out && grep -q '+120.6 KiB' said.out
verdict "diff as text" $? "$(code said) $(cat said.out)"
run said "$OWNSCOPE" diff --json --since event:1 app.own
[ "$(code said)" = 0 ] && [ "$(jq '.totals.after.blocks - .totals.before.blocks == .totals.blocks and .totals.blocks >= 8' said.out)" = true ]
verdict "diff --since" $? "$(code said) $(jq -c .totals said.out) $(first_line said.err)"
run said "$OWNSCOPE" diff app.own
[ "$(code said)" = 2 ]
verdict "diff of one source wants two moments" $? "$(code said) $(first_line said.err)"

# ---- schemas ----
if "$PYTHON" -c 'import jsonschema' 2>/dev/null; then
    "$OWNSCOPE" leaks --json --class all app.own >leaks.json
    "$OWNSCOPE" leaks --json killed.own >leaks2.json
    "$OWNSCOPE" leaks --json loads.own >leaks3.json
    "$OWNSCOPE" findings --json app.own >findings.json
    "$OWNSCOPE" report --json app.own >report.json
    schema=$ROOT/collector/export/schema/ownscope-
    wrong=$("$PYTHON" "$ROOT/tests/unit/schema_check.py" "${schema}leaks.schema.json" leaks.json "${schema}leaks.schema.json" leaks2.json "${schema}leaks.schema.json" leaks3.json \
        "${schema}leaks.schema.json" gen.json "${schema}findings.schema.json" findings.json "${schema}report.schema.json" report.json \
        "${schema}diff.schema.json" diff.json 2>&1)
    verdict "documents match their schemas" $? "$(head -n 3 <<<"$wrong")"
else
    skip "documents match their schemas" "no python3-jsonschema"
fi
