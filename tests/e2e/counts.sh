#!/bin/bash
# The report's numbers against an independent counter's (tests/counter), which
# sees the same run: both libraries are in front of the program at once, so the
# numbers must be equal also where a program is not deterministic. Then the
# counter against valgrind, and two separate runs of deterministic victims.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/programs.sh
. "$(dirname "$0")/programs.sh"
exec 3>&1

# agree NAME TRACE COUNTS TOLERANCE: three numbers, each as far off at most.
agree() {
    local name=$1 trace=$2 counts=$3 tolerance=$4 key ours theirs numbers
    numbers=$(number "$trace" totals.allocations totals.frees totals.reallocations 2>&1) ||
        { not_ok "$name" "$numbers"; return; }
    for key in allocations frees reallocations; do
        ours=${numbers%% *} numbers=${numbers#* }
        theirs=$(counted "$counts" "$key")
        if [ $((ours - theirs)) -gt "$tolerance" ] || [ $((theirs - ours)) -gt "$tolerance" ]; then
            not_ok "$name" "$key: $ours in the report, $theirs counted"
            return
        fi
    done
    [ "$(counted "$counts" allocations)" -gt 0 ]
    verdict "$name" $? "the counter saw nothing"
}

# In one run. Programs that are ended while threads allocate may be one call a
# thread apart.
together() {
    local name=$1 tolerance=$2
    shift 2
    counter_of "$T/counts"
    # shellcheck disable=SC2086 # two words
    run "$T/out" "${COUNTING[@]}" "$OWNSCOPE" run -q $PATIENT -o "$T/together.own" -- "$@"
    agree "count $name" "$T/together.own" "$T/counts" "$tolerance"
}
program_together() {
    local name=$1 tolerance=$2
    rm -rf "$T/work"
    mkdir "$T/work"
    counter_of "$T/counts"
    # shellcheck disable=SC2086 # two words
    (cd "$T/work" && "program_$name" timeout -k 5 "$LIMIT" "${COUNTING[@]}" \
        "$OWNSCOPE" run -q $PATIENT -o "$T/together.own" -- >/dev/null 2>&1 </dev/null)
    agree "count $name" "$T/together.own" "$T/counts" "$tolerance"
}

# In two runs: exact, where the program always does the same.
apart() {
    local name=$1
    counter_of "$T/counts"
    run "$T/bare" "${COUNTING[@]}" "$VICTIMS/$name"
    traced "$T/out" "$T/apart.own" "$VICTIMS/$name"
    agree "count $name apart" "$T/apart.own" "$T/counts" 0
}

# The counter itself: allocations and reallocations as valgrind has them.
against_valgrind() {
    local name=$1 said ours
    counter_of "$T/counts"
    run "$T/bare" "${COUNTING[@]}" "$VICTIMS/$name"
    said=$(valgrind "$VICTIMS/$name" 2>&1 >/dev/null | sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' | tr -d ,)
    ours=$(($(counted "$T/counts" allocations) + $(counted "$T/counts" reallocations)))
    [ "$said" = "$ours" ]
    verdict "counter against valgrind, $name" $? "valgrind $said, counter $ours"
}

for name in ctor dlopen_loop fork_chain exec_self fail_alloc realloc new_forms throw_deep longjmp coroutine handoff libc_internal; do
    apart "$name"
done
for name in hungry realloc_race threads_many threads_at_once fork_threads tls_key detached vfork_exec; do
    together "$name" 0 "$VICTIMS/$name"
done
for name in $(programs count); do
    case $name in
    node) program_together "$name" 50 ;; # ends with threads in the heap
    xz | tar | make) ;;                  # several runs
    python_processes) ;;                 # starts a child that the counter is kept out of
    *) program_together "$name" 0 ;;
    esac
done
if have valgrind; then
    for name in new_forms realloc ctor libc_internal; do against_valgrind "$name"; done
else
    skip "counter against valgrind" "no valgrind"
fi
