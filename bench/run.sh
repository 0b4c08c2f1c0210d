#!/bin/sh
# make bench: measures on this machine and writes bench/RESULTS.md.
# Options go to bench/bench.py (see there): --rounds N, --only NAME,…, --no-write
set -e
cd "$(dirname "$0")/.."
mkdir -p build/bench
cc -O2 -o build/bench/cpu bench/cpu.c
cc -O2 -fno-omit-frame-pointer -o build/bench/micro bench/micro.c -lpthread
exec python3 bench/bench.py "$@"
