#!/bin/sh
# bench/run.sh - builds the little programs and runs bench/bench.py (make bench)
# or, with --instructions first, bench/instructions.py (make bench-instructions).
# The other options go to them: see `bench/run.sh --help`.
set -e
cd "$(dirname "$0")/.."
make -s bench-programs >&2
script=bench.py
if [ "${1-}" = --instructions ]; then
    script=instructions.py
    shift
fi
exec python3 -B "bench/$script" "$@"
