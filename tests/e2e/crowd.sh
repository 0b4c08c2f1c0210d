#!/bin/bash
# Eight hundred threads at once, for some millions of events with whole stacks:
# nothing is lost, every count is exact, it takes seconds, and neither the
# collector nor its rings grow with what happens.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

ROUNDS=2000   # 800 threads make and drop two blocks in each
MOST_S=60     # of CPU, of all; a sixth of it would do, but not on every machine
MOST_MIB=400  # of the collector, all rings included

# Words before a command: its seconds of CPU, and the most MiB of any one process, into $T/measured.
MEASURED=("$PYTHON" -c '
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int(used.ru_utime + used.ru_stime), used.ru_maxrss // 1024, file=open(sys.argv[1], "w"))
sys.exit(code)' "$T/measured")

counter_of "$T/counts"
# shellcheck disable=SC2086 # two words
LIMIT=300 run "$T/crowd" "${MEASURED[@]}" \
    "${COUNTING[@]}" "$OWNSCOPE" run -q $PATIENT -o "$T/crowd.own" -- "$VICTIMS/crowd" "$ROUNDS"
[ "$(code "$T/crowd")" = 0 ]
verdict "a crowd of 800 threads ends well" $? "$(code "$T/crowd"): $(first_line "$T/crowd.err")"
read -r seconds mib <"$T/measured" || exit 1
[ "$seconds" -le "$MOST_S" ]
verdict "in $MOST_S seconds of CPU" $? "$seconds s"
[ "$mib" -le "$MOST_MIB" ]
verdict "in $MOST_MIB MiB" $? "$mib MiB"

# The export of every block is victims.sh's, for fewer rounds.
grep -E '^expect (site|handoff) ' "$T/crowd.out" >"$T/said"
mkdir "$T/documents"
for command in report threads findings; do "$OWNSCOPE" $command --json "$T/crowd.own" >"$T/documents/$command"; done
why=$("$PYTHON" "$HERE/expect.py" "$T/said" "$T/documents" 2>&1)
verdict "nothing lost, nothing wrong" $? "$why"
ours=$(number "$T/crowd.own" totals.allocations totals.frees)
theirs="$(counted "$T/counts" allocations) $(counted "$T/counts" frees)"
[ "$ours" = "$theirs" ]
verdict "counts of the crowd" $? "$ours in the report, $theirs counted"
