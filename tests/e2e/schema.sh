#!/bin/bash
# The JSON documents of real traces against the schemas that the project keeps
# (collector/export/schema).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
SCHEMAS=$ROOT/collector/export/schema

if ! "$PYTHON" -c 'import jsonschema' 2>/dev/null; then
    skip "schemas" "no python3-jsonschema"
    exit 0
fi
cat >validate.py <<'E2'
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1], encoding="utf-8"))
validator_of = jsonschema.validators.validator_for(schema)
validator_of.check_schema(schema)
validator = validator_of(schema)
text = open(sys.argv[2], encoding="utf-8").read()
documents = [json.loads(text)] if sys.argv[3] == "whole" else [json.loads(l) for l in text.splitlines()]
for document in documents:
    for error in validator.iter_errors(document):
        print("/".join(map(str, error.absolute_path)) + ": " + error.message[:200])
        sys.exit(1)
assert documents
E2

# valid TRACE SCHEMA whole|lines CMD…
valid() {
    local trace=$1 schema=$2 how=$3 why
    shift 3
    "$OWNSCOPE" "$@" >doc 2>doc.err || { not_ok "$trace: $*" "$(first_line doc.err)"; return; }
    why=$("$PYTHON" validate.py "$SCHEMAS/ownscope-$schema.schema.json" doc "$how" 2>&1)
    verdict "$trace: $*" $? "$(echo "$why" | tail -n 1)"
}
for name in moves fork_chain handoff new_forms mmap abort_double_free exec_self cancel own_malloc; do
    "$OWNSCOPE" run -q -o "$name.own" -- "$VICTIMS/$name" >/dev/null 2>&1
    valid "$name" report whole report --json "$name.own"
    valid "$name" threads whole threads --json "$name.own"
    valid "$name" export whole export -f json "$name.own"
    valid "$name" export whole export -f json --all --events "$name.own"
    [ "$name" = own_malloc ] || valid "$name" event lines events --json "$name.own"
done 2>/dev/null
valid moves export whole export -f json --at peak moves.own
for block in $("$OWNSCOPE" export -f json --all moves.own | jq -r '.nodes[] | select(.kind == "block") | .id' | head -n 5); do
    valid moves history whole history --json moves.own "$block"
done
head -c $(($(stat -c %s handoff.own) - 30)) handoff.own >torn.own
valid torn report whole report --json torn.own
"$OWNSCOPE" run -q --json run.json -o j.own -- "$VICTIMS/moves" >/dev/null
"$PYTHON" validate.py "$SCHEMAS/ownscope-report.schema.json" run.json whole >why 2>&1
verdict "run --json" $? "$(tail -n 1 why)"
