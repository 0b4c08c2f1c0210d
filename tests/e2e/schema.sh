#!/bin/bash
# The JSON documents of real traces against the schemas that the project keeps
# (collector/export/schema).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

if ! "$PYTHON" -c 'import jsonschema' 2>/dev/null; then
    skip "schemas" "no python3-jsonschema"
    exit 0
fi

# document TRACE SCHEMA CMD…: makes one, and notes what it must be.
n=0
document() {
    local trace=$1 schema=$2
    shift 2
    n=$((n + 1))
    "$OWNSCOPE" "$@" >"doc.$n" 2>"doc.$n.err"
    printf '%s\t%s\t%s: %s\n' "doc.$n" "$schema" "$trace" "$*" >>list
}

printf 'double-drop:drop\noverlap:main\nrelock:main\n' >lines.supp
for name in moves fork_chain handoff new_forms mmap abort_double_free exec_self detached own_malloc \
    lock_times lock_order deadlock copies use_after_drop unordered_borrow atfork_locks; do
    "$OWNSCOPE" run -q -o "$name.own" -- "$VICTIMS/$name" >/dev/null 2>&1
    document "$name" report report --json "$name.own"
    document "$name" threads threads --json "$name.own"
    document "$name" locks locks --json "$name.own"
    document "$name" copies copies --json "$name.own"
    document "$name" findings findings --json "$name.own"
    document "$name" findings findings --json --gen-suppressions=all --suppressions lines.supp "$name.own"
    document "$name" export export -f json "$name.own"
    document "$name" export export -f json --all --events "$name.own"
    [ "$name" = own_malloc ] || document "$name" event events --json "$name.own"
done 2>/dev/null
for name in leak_multiple leak_thread_stack leak_mmap; do
    "$OWNSCOPE" run -q -o "$name.own" -- "$VICTIMS/$name" >/dev/null 2>&1
    document "$name" graph graph --json "$name.own"
    document "$name" export export "$name.own"
    for by in type root; do document "$name" graph graph --json --by $by "$name.own"; done
    for node in $("$OWNSCOPE" graph --json "$name.own" | jq -r '.dominators[:3][].id, .roots[:2][].id' | grep -v lost); do
        document "$name" graph graph --json --of "$node" "$name.own"
    done
done 2>/dev/null
document moves export export -f json --at peak moves.own
for name in lock_times copies lock_order moves; do
    [ -e "$name.own" ] || continue
    for doc in report threads locks copies findings; do document "$name" $doc $doc --json --since event:30 "$name.own"; done
    document "$name" export export --all --events --since event:30 "$name.own"
done
document moves history history --json --since event:30 moves.own b3
for block in $("$OWNSCOPE" export -f json --all moves.own | jq -r '.nodes[] | select(.kind == "block") | .id' | head -n 5); do
    document moves history history --json moves.own "$block"
done
for lock in $("$OWNSCOPE" locks --json lock_times.own | jq -r '.locks[].id'); do
    document lock_times history history --json lock_times.own "$lock"
done
for half in 40 80 120 160; do
    document lock_times locks locks --json --at "event:$half" lock_times.own
    document lock_times threads threads --json --at "event:$half" lock_times.own
done
head -c $(($(stat -c %s handoff.own) - 30)) handoff.own >torn.own
document torn report report --json torn.own
"$OWNSCOPE" run -q --json doc.run -o run.own -- "$VICTIMS/moves" >/dev/null
printf 'doc.run\treport\trun --json\n' >>list
document here doctor doctor --json
document nowhere doctor doctor --json /nonexistent

"$PYTHON" - "$ROOT/collector/export/schema" <<'E2'
import json, os, sys
import jsonschema

validators = {}


def validator(name):
    if name not in validators:
        schema = json.load(open(f"{sys.argv[1]}/ownscope-{name}.schema.json", encoding="utf-8"))
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        validators[name] = kind(schema)
    return validators[name]


def problem(file, schema):
    text = open(file, encoding="utf-8").read()
    documents = [json.loads(line) for line in text.splitlines()] if schema == "event" else [json.loads(text)]
    for document in documents:
        for error in validator(schema).iter_errors(document):
            return "/".join(map(str, error.absolute_path)) + ": " + error.message[:200].replace("\n", " ")
    return None if documents else "empty"


for line in open("list", encoding="utf-8"):
    file, schema, name = line.rstrip("\n").split("\t")
    try:
        why = problem(file, schema)
    except (ValueError, OSError) as e:
        said = open(file + ".err").readline() if os.path.exists(file + ".err") else ""
        why = f"{e} {said}".strip()
    print(f"not ok {name}: {why}" if why else f"ok {name}")
E2
