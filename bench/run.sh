#!/bin/sh
# bench/run.sh - builds the little programs and runs bench/bench.py (make bench)
# or, with --instructions first, bench/instructions.py (make bench-instructions).
# The other options go to them: see `bench/run.sh --help`.
set -e
cd "$(dirname "$0")/.."
mkdir -p build/bench
cc -O2 -o build/bench/cpu bench/cpu.c
cc -O2 -fno-builtin -fno-omit-frame-pointer -o build/bench/micro bench/micro.c -lpthread
cc -O2 -falign-loops=64 -I. -o build/bench/rcu bench/rcu.c -lurcu-bp -lurcu-memb -lurcu-mb -lurcu-qsbr -lurcu-common -lpthread
script=bench.py
if [ "${1-}" = --instructions ]; then
    script=instructions.py
    shift
fi
exec python3 -B "bench/$script" "$@"
