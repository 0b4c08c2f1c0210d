#!/bin/bash
# Who holds what: dominators and retained sizes against other ways to find them,
# paths, groups, types, one node, drawings, V8's format, a live process.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
judge=$HERE/dominators.py

# ---- holders and retained sizes, by taking each node away ----
for name in leak_tree leak_ring leak_list leak_cycle_two leak_interior leak_global leak_map leak_vector leak_multiple \
    leak_shared_cycle leak_unordered_map leak_list_deque leak_function leak_tls leak_thread_stack; do
    traced "$name" "$name.own" "$VICTIMS/$name"
    "$OWNSCOPE" export -o "$name.json" "$name.own" 2>why && text=$("$PYTHON" "$judge" export "$name.json" 2>&1)
    verdict "$name: holders and retained sizes" $? "$(head -n 3 <<<"${text-}"; first_line why)"
done

# ---- a real heap, in V8's format ----
cat >heap.py <<'E2'
import json, os
rows = [json.loads('{"a": [%d, "x%d"], "b": {"c": null}}' % (i, i)) for i in range(4000)]
os._exit(0)
E2
PYTHONMALLOC=malloc traced python python.own /usr/bin/python3 heap.py
"$OWNSCOPE" export -o python.json python.own 2>why && "$OWNSCOPE" export -f heapsnapshot -o python.heapsnapshot python.own 2>>why &&
    text=$("$PYTHON" "$judge" v8 python.json python.heapsnapshot 2>&1)
verdict "python3: retained sizes in V8's format" $? "$(tail -n 3 <<<"${text-}"; first_line why)"
for name in leak_tree leak_thread_stack leak_interior; do
    "$OWNSCOPE" export -f heapsnapshot -o "$name.heapsnapshot" "$name.own" 2>why &&
        text=$("$PYTHON" "$judge" v8 "$name.json" "$name.heapsnapshot" 2>&1)
    verdict "$name: retained sizes in V8's format" $? "$(tail -n 3 <<<"${text-}"; first_line why)"
done
grep -q '"(leaked)"' leak_tree.heapsnapshot
verdict "what is lost has a node of its own there" $?

# A reader of that format, where it is installed beside the build; TORTURE fetches it, once.
modules=$B/npm
reader() {
    have npm && have node || return 1
    [ -d "$modules/node_modules/@memlab/heap-analysis" ] && return 0
    [ -n "${TORTURE-}" ] || return 1
    mkdir -p "$modules" && (cd "$modules" && PUPPETEER_SKIP_DOWNLOAD=1 timeout 60 npm install --ignore-scripts --no-audit \
        --no-fund --prefix . @memlab/heap-analysis@2) >npm.out 2>&1
}
if reader; then
    cat >"$modules/nodes.js" <<'E2'
const fs = require('fs');
const { getFullHeapFromFile } = require('@memlab/heap-analysis');
(async () => {
  const heap = await getFullHeapFromFile(process.argv[2]);
  const lines = [];
  heap.nodes.forEach(n => { lines.push(`${n.id} ${n.self_size} ${n.retainedSize} ${n.dominatorNode ? n.dominatorNode.id : '-'}\n`); });
  fs.writeFileSync(process.argv[3], lines.join(''));
})();
E2
    run memlab node "$modules/nodes.js" "$T/python.heapsnapshot" "$T/python.nodes"
    text=$("$PYTHON" "$judge" nodes python.json python.nodes 2>&1)
    verdict "python3: memlab reads the same retained sizes" $? "$(tail -n 3 <<<"$text"; first_line memlab.err)"
else
    skip "memlab reads the same retained sizes" "no @memlab/heap-analysis in $modules; TORTURE=1 fetches it where there is npm"
fi

# ---- one node ----
graph() { "$OWNSCOPE" graph --json "$@" 2>why; }
block=$(graph --by site leak_global.own >/dev/null; "$PYTHON" - leak_global.json <<'E2'
import json, sys
doc = json.load(open(sys.argv[1]))
print(next(n["id"] for n in doc["nodes"] if n["kind"] == "block" and n["size_bytes"] == 64))
E2
)
graph --of "$block" leak_global.own >of.json
"$PYTHON" - of.json "$block" >text 2>&1 <<'E2'
import json, sys
doc = json.load(open(sys.argv[1]))
root, block = doc["path"]
assert block["id"] == sys.argv[2] == doc["node"]["id"], doc["path"]
assert root["where"] == "leak_global:table" and root["offset_bytes"] == 800, root
assert doc["holder"] == root["id"] and doc["holder_node"]["symbol"] == "table", doc["holder_node"]
assert doc["owner"] == "t1" and doc["node"]["type"].startswith("make_table (leak_global.c"), doc["node"]
assert doc["pointed_by_total"] == 1 and doc["holds"] == [], doc["holds"]
E2
verdict "--of a block: its variable, the offset in it, its owner" $? "$(tail -n 1 text)"
address=$("$PYTHON" -c 'import json; print(json.load(open("of.json"))["node"]["address"])')
graph --of "$address" leak_global.own | grep -q "\"id\":\"$block\",\"kind\":\"block\""
verdict "--of an address" $? "$address"
root=$("$PYTHON" -c 'import json; print(json.load(open("of.json"))["holder"])')
graph --of "$root" leak_global.own | grep -q "\"holds\":\[{\"id\":\"$block\""
verdict "--of a root" $? "$root"

# ---- variables ----
VARIABLES=1 traced variables variables.own "$VICTIMS/leak_variables"
graph --by root variables.own >variables.json
"$PYTHON" - "$OWNSCOPE" variables.json <<'E2' >text 2>&1
import json, re, subprocess, sys
words = dict(line.split()[1:] for line in open("variables.out") if line.startswith("variable "))
def of(address):
    r = subprocess.run([sys.argv[1], "graph", "--json", "--of", address, "variables.own"], capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.stdout else None
for name, size in ("first", 8), ("third", 8), ("across", 8000):
    status, doc = of(words[name])
    node = doc["node"]
    assert status == 0 and node["symbol"] == name and node["address"] == words[name] and node["size_bytes"] == size, node
    last, doc = of(hex(int(words[name], 16) + size - 1))
    assert last == 0 and doc["node"]["id"] == node["id"], doc
    if name == "across":
        assert node["retained_blocks"] == 1000, node
for name in "plain", "second", "gap":
    assert of(words[name])[0] == 1, (name, of(words[name])[1])
E2
verdict "--of variables: each has its own size, those that hold nothing are no other's, one over two mappings is one" $? "$(tail -n 1 text)"

# ---- several processes ----
traced both both.own "$VICTIMS/leak_fork_both"
"$OWNSCOPE" graph both.own >both.tree && "$OWNSCOPE" graph --by root both.own >both.by &&
    grep -q 'lost: nothing holds it (p1)$' both.tree && grep -q 'lost: nothing holds it (p3)$' both.by &&
    grep -q ' leak_fork_both:of_child (p2)$' both.by && ! "$OWNSCOPE" graph --by root variables.own | grep -q '(p1)$'
verdict "rows say whose they are, where there are several processes" $? "$(grep lost both.tree both.by | head -n 4)"
"$OWNSCOPE" leaks --process p2 both.own >both.p2
grep -q '^p2 ' both.p2 && ! grep -q 'classes unknown' both.p2
verdict "of a process that nobody asked for, nothing is said to be unknown" $? "$(tail -n 2 both.p2)"
lost=$("$OWNSCOPE" leaks --json both.own | "$PYTHON" -c '
import json, sys
print(next(i for l in json.load(sys.stdin)["leaks"] if l["class"] == "definite" for i in l["ids"]))')
"$OWNSCOPE" graph --of "$lost" both.own >lost.txt && grep -q 'holder  *nothing$' lost.txt &&
    "$OWNSCOPE" graph --of "$(graph --by root both.own | "$PYTHON" -c '
import json, sys
print(next(g["id"] for g in json.load(sys.stdin)["groups"] if g["kind"] == "root"))')" both.own >root.txt && ! grep -q 'holder' root.txt
verdict "what is lost has nothing for a holder, a root has no such line" $? "$(grep holder lost.txt root.txt)"
run killed "$OWNSCOPE" run -q -o killed.own -- sh -c 'kill -9 $$'
"$OWNSCOPE" leaks killed.own >killed.txt
grep -q 'classes unknown: ' killed.txt && ! grep -q 'definitely lost' killed.txt
verdict "where classes are unknown, no zeros are told" $? "$(head -n 4 killed.txt)"
"$OWNSCOPE" graph killed.own 2>&1 | grep -q '^p1: .* no snapshot$'
verdict "graph: no moment of a snapshot where there is none" $? "$("$OWNSCOPE" graph killed.own 2>&1 | head -n 2)"
run r "$OWNSCOPE" graph --of b999999 leak_global.own
[ "$(code r)" = 1 ] && [ "$(wc -l <r.err)" = 1 ]
verdict "--of what is not there: 1, and a line" $? "$(code r): $(first_line r.err)"
for words in "--of x1" "--by colour" "--of b1 --by type" "--depth 0"; do
    # shellcheck disable=SC2086 # words
    run r "$OWNSCOPE" graph $words leak_global.own
    [ "$(code r)" = 2 ] && [ "$(wc -l <r.err)" = 1 ]
    verdict "graph $words: wrong usage" $? "$(code r): $(first_line r.err)"
done

# ---- groups ----
for by in type site module thread root; do
    graph --by $by leak_map.own >by.json
    "$PYTHON" - by.json $by >text 2>&1 <<'E2'
import json, sys
doc = json.load(open(sys.argv[1]))
rows, totals = doc["groups"], doc["totals"]
assert doc["by"] == sys.argv[2] and rows
if sys.argv[2] != "root":   # which has what they hold directly
    assert sum(r["bytes"] for r in rows) == totals["bytes"] + totals["mapped_bytes"]
    assert sum(r["blocks"] for r in rows) == totals["blocks"] + totals["mapped_blocks"]
else:
    assert sum(r["retained_bytes"] for r in rows) == totals["bytes"] + totals["mapped_bytes"]
assert all(r["retained_bytes"] >= r["bytes"] or sys.argv[2] == "root" for r in rows)
assert [r["retained_bytes"] for r in rows] == sorted((r["retained_bytes"] for r in rows), reverse=True)
E2
    verdict "--by $by adds up" $? "$(tail -n 1 text)"
done
for want in "leak_virtual:vtable:Square" "leak_vector:frame:long\[\]" "leak_tree:site:make_held" "leak_map:frame:std::_Rb_tree_node<std::pair<int const, long> >"; do
    IFS=: read -r name by type <<<"$want"
    [ -f "$name.own" ] || traced "$name" "$name.own" "$VICTIMS/$name"
    graph --by type "$name.own" | grep -q "\"type\":\"${type}[^\"]*\",\"type_by\":\"$by\""
    verdict "$name: a type by its $by" $? "$type"
done

# ---- drawings and tables ----
"$OWNSCOPE" export -f dot leak_tree.own >tree.dot 2>why && "$OWNSCOPE" export -f dot --of "$block" leak_global.own >node.dot 2>>why &&
    grep -q "\"$root\" -> \"$block\"" node.dot
verdict "export -f dot" $? "$(first_line why)"
if have dot; then
    dot -Tsvg tree.dot >tree.svg 2>why && dot -Tsvg node.dot >node.svg 2>>why
    verdict "graphviz draws them" $? "$(first_line why)"
else
    skip "graphviz draws them" "no dot"
fi
run r "$OWNSCOPE" graph leak_tree.own
[ "$(code r)" = 0 ] && grep -q 'Who holds most' r.out && ! grep -q '.\{81\}' <<<"$(COLUMNS=80 "$OWNSCOPE" graph leak_tree.own | grep -v '(')"
verdict "graph as a table" $? "$(first_line r.err)"

# ---- live ----
cat >wait.c <<'E2'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct node { struct node *next; char room[1000]; };
struct node *chain;
int main(void)
{
    for (int i = 0; i < 100; i++) {
        struct node *n = calloc(1, sizeof *n);
        n->next = chain;
        chain = n;
    }
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
E2
cc -g -o wait wait.c
"$OWNSCOPE" run -q -o wait.own -- ./wait >wait.out 2>wait.err </dev/null &
await grep -qs ready wait.out
pid=$("$OWNSCOPE" ps --json | "$PYTHON" -c 'import json, sys
print(next(p["pid"] for s in json.load(sys.stdin)["sessions"] for p in s["processes"]))' 2>/dev/null)
if [ -z "$pid" ]; then pid=$("$OWNSCOPE" ps 2>/dev/null | awk 'NR > 1 && $1 ~ /^[0-9]+$/ { print $1; exit }'); fi
graph -p "$pid" >live.json
"$PYTHON" - live.json >text 2>&1 <<'E2'
import json, sys
doc = json.load(open(sys.argv[1]))
if doc["refused"]:
    print(doc["refused"])
    sys.exit(77)
node = next(n for n in doc["dominators"] if n["retained_blocks"] >= 90)    # the variable, or the first block where a register has it too
root = next(n for n in doc["roots"] if n["where"] == "wait:chain")
assert root["pointers"] == 1, root
if node["kind"] == "block":
    node = {"retained_blocks": node["retained_blocks"], "retained_bytes": node["retained_bytes"], "children": [dict(node, children=node["children"][:])]}
assert node["retained_blocks"] == 100 and node["retained_bytes"] == 100 * 1008, node
depth = 0
while node["children"]:
    node = node["children"][0]
    depth += 1
    assert node["retained_bytes"] == (101 - depth) * 1008, (depth, node["retained_bytes"])
assert depth in (2, 3), depth
E2
status=$?
if [ $status = 77 ]; then skip "graph -p" "$(cat text)"; else verdict "graph -p: the chain below its variable" $status "$(tail -n 1 text) $(first_line why)"; fi
"$OWNSCOPE" export -p "$pid" -f heapsnapshot -o live.heapsnapshot 2>why && "$PYTHON" -c 'import json; json.load(open("live.heapsnapshot"))' 2>>why
verdict "export -f heapsnapshot -p" $? "$(first_line why)"
kill "$pid" 2>/dev/null
wait
