"""Checks documents against schemas: schema_check.py SCHEMA FILE [SCHEMA FILE]...
A file that ends in .jsonl holds a document a line. Also: equally named $defs of
all schemas beside the first one must be equal."""
import glob
import json
import os
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)

status = 0
known = {}
for path in sorted(glob.glob(os.path.join(os.path.dirname(sys.argv[1]), "*.schema.json"))):
    with open(path) as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, body in schema.get("$defs", {}).items():
        if known.setdefault(name, body) != body:
            print(f"{path}: $defs/{name} differs from that of another schema")
            status = 1

for schema_path, path in zip(sys.argv[1::2], sys.argv[2::2]):
    with open(schema_path) as f:
        validator = jsonschema.Draft202012Validator(json.load(f))
    with open(path) as f:
        documents = [json.loads(line) for line in f] if path.endswith(".jsonl") else [json.load(f)]
    for document in documents:
        for error in validator.iter_errors(document):
            print(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
            status = 1
sys.exit(status)
