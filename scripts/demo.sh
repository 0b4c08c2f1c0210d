#!/bin/sh
# scripts/demo.sh - what `make demo` shows once all is built: a real program,
# traced, and what its trace answers. Nothing is left behind.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
own=${B:-$root/build}/ownscope
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >handoff.py <<'EOF'
import queue, threading

jobs = queue.Queue(maxsize=8)
kept = []

def produce():
    for n in range(200):
        jobs.put(bytearray(20000 + n))
    jobs.put(None)

def consume():
    while (block := jobs.get()) is not None:
        if len(block) % 50 == 0:
            kept.append(block)

threads = [threading.Thread(target=produce), threading.Thread(target=consume)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(kept), "kept of 200")
EOF

say() {
    printf '\n$ %s\n' "$*"
}
python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
say "ownscope run -- python3 handoff.py"
"$own" run -o demo.own -- "$python" handoff.py
say "ownscope threads demo.own"
"$own" threads -n 2 demo.own
block=$("$own" events --json demo.own | grep -m1 '"by":"taken"' | sed 's/.*"node":"\(b[0-9]*\)".*/\1/')
say "ownscope history demo.own $block"
"$own" history demo.own "$block"
