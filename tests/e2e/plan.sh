#!/bin/bash
# A plan fits its budget, keeps the site that grows whole, and costs what it promised: events within a factor of one and a half, of
# what the program does, since the machine that the tests run on does not keep its pace.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

cat >paced.c <<'E2'
/* Ticks of 2 ms, each with 100 temporary blocks and one that stays, whose size says which. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static void *volatile sink;
__attribute__((noinline)) static void temporary(void)
{
    for (int i = 0; i < 100; i++) {
        sink = malloc(100 + i);
        free(sink);
    }
    __asm__("");
}
__attribute__((noinline)) static void growing(int tick)
{
    sink = malloc(1000 + tick);
    __asm__("");
}
int main(int argc, char **argv)
{
    int ticks = atoi(argv[1]);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    for (int i = 0; i < ticks; i++) {
        temporary();
        growing(i);
        at.tv_nsec += 2000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    return 0;
}
E2
cc -O1 -g -o paced paced.c || exit 99

"$OWNSCOPE" run -q -o first.own -- ./paced 500
"$OWNSCOPE" plan first.own --cpu 0.8% -o planned.rules 2>err
verdict "a plan of a trace" $? "$(first_line err)"
grep -q '^# Kept: growing grows' planned.rules && grep -qE '^trace function=[^ ]*growing' planned.rules && grep -q '^trace events=memory sample=' planned.rules
verdict "it keeps what grows, and samples the rest" $? "$(cat planned.rules)"
! grep -qE '^trace function=[^ ]*temporary' planned.rules
verdict "what is hot and says nothing is not recorded whole" $?
cpu=$(sed -n 's/^promise cpu=\([0-9.]*\)%.*/\1/p' planned.rules)
awk -v c="$cpu" 'BEGIN { exit !(c > 0 && c <= 0.8) }'
verdict "it promises no more than was allowed" $? "$cpu"
"$OWNSCOPE" run --rules planned.rules -o second.own -- ./paced 1300 >out 2>err
grep -q '^Plan: promised at most .* it was ' err
verdict "the end of a run compares" $? "$(first_line err)"
"$OWNSCOPE" report --json second.own >second.json
# But for its first blocks: until its name has been looked up it is one of the rest. From some tick on, and that in the first two
# seconds, there is each one's.
"$OWNSCOPE" sql --json second.own "SELECT size_bytes - 1000 AS tick FROM blocks
    WHERE stack IN (SELECT stack FROM frames WHERE function = 'growing') ORDER BY id" >ticks.json 2>err
"$PYTHON" -c '
import json
ticks, known = [row["tick"] for row in json.load(open("ticks.json"))], 1300
for tick in reversed(ticks):
    if tick != known - 1:
        break
    known = tick
print(f"{len(ticks)} of 1300, each from tick {known} on")
exit(known > 1000 or len(ticks) > 1300)' >ticks 2>>err
verdict "the growing site is exact once its name is known" $? "$(cat ticks) $(first_line err) $(jq -c '[.sites[] | [.stack[0].function, .allocations]]' second.json)"
jq -e '.plan | (.promised.events_per_s, .promised.bytes_per_h, .promised.cpu, .real.events_per_s, .real.bytes_per_h, .real.cpu) | type == "number"' second.json >/dev/null
verdict "report --json has the promise and what was" $? "$(jq -c .plan second.json)"
first_ns=$("$OWNSCOPE" report --json first.own | jq .metadata.at_ns)
# of a tick's, however long ticks took; and what is told of a second or more is not above what there was in all
jq -e --argjson first_ns "$first_ns" '((.events | .new + .drop) / 1300) / (.plan.promised.events_per_s * $first_ns / 1e9 / 500) | . > 0.6 and . < 1.5' second.json >/dev/null &&
    jq -e '.plan.real.events_per_s > 0 and .plan.real.events_per_s <= .metadata.events.recorded' second.json >/dev/null
verdict "events are what was promised" $? "$(jq -c "[.plan, .events]" second.json) after $first_ns ns, $(grep -v "^#" planned.rules | tr "\n" ";")"

"$OWNSCOPE" run -q -o live.own -- ./paced 60000 >/dev/null 2>&1 &
runner=$!
traced_pid() { pid=$("$OWNSCOPE" ps --json 2>/dev/null | jq -r '.sessions[0].processes[0].pid // empty') && [ -n "$pid" ]; }
await traced_pid
"$OWNSCOPE" plan -p "$pid" --seconds 1 --cpu 20% >live.rules 2>err && grep -q '^promise cpu=[0-9.]*% of=program' live.rules
verdict "a plan of a live second" $? "$(first_line err)"
kill "$pid"
wait $runner 2>/dev/null
for words in "--cpu much" "--cpu 0%" "--cpu 3"; do
    # shellcheck disable=SC2086 # words
    run "$T/r" "$OWNSCOPE" plan $words first.own
    [ "$(code "$T/r")" = 2 ] && [ "$(wc -l <"$T/r.err")" = 1 ]
    verdict "plan $words" $? "$(code "$T/r"): $(first_line "$T/r.err")"
done
