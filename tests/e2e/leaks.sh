#!/bin/bash
# Leak classes beside memcheck's: every victim that leaks (tests/victims/leak.h)
# runs bare, under memcheck and under ownscope. Output and exit code are the
# same; so are blocks and bytes by process, class and place, but for what stands
# in DIFFERENCES; and all of it is what the victim says of itself.
# Arguments: the victims to try; all without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset OWNSCOPE_DEBUG_DIR # places are told by names of the C library, also inner ones

# VICTIM FUNCTION CLASS CLASS[@PLACE] [BLOCKS | +BYTES | ?] - why: what memcheck has in the first class, made in
# FUNCTION, is in the second, made in PLACE; +BYTES larger each; ?: in either.
export DIFFERENCES='
leak_reused make_second definite reachable - glibc gives the freed place to the next block of its size, memcheck keeps it back: the stale pointer points to a block again
leak_ring make_link definite indirect 2 - a ring that a lost block holds by another link than the one at the lowest address: memcheck leaves that one definite, which is so or not as addresses fall; only a block that no other lost one holds is definite (ownership model)
leak_realloc move_lost definite definite@make_lost - a block that realloc moved is the same block (rule 6, relocated): its place is where it was made
leak_realloc move_held reachable reachable@make_held - the same
leak_realloc grow reachable reachable@make_grown - the same
leak_libc _IO_mem_finish definite definite@of_memstream - the same: open_memstream made it, fclose cuts it to size
leak_mmap_file make_readonly definite reachable - memcheck looks at no memory that cannot be written now; what was stored there before is still there
leak_mmap_file make_shared reachable definite - a file that others may map and write is not read, however large it is
* _dlfo_mappings_segment_allocate possible reachable ? - a table of the loader begins at the next line of the cache: at the start of its block, or inside, as addresses fall
* _dlfo_mappings_segment_allocate reachable possible ? - the same
* allocate_dtv possible possible +16 - the table of thread-local memory that each thread has is a line longer: the shim has some
leak_fork_threads make_waiting reachable definite - memcheck goes on looking at the stack of a thread that the forked child does not have; libc keeps that memory for threads to come, and frees it at the end where its own clean-up runs (--run-libc-freeres=yes: definite)
leak_register make_held definite reachable - memcheck no longer looks at the registers of the thread that called _exit
'

# VICTIM WORDS - why: classes are unknown, and the document says so in these words; with --snapshot-on-signal they are not.
UNKNOWN='
leak_segv ended_by_signal_11 - the kernel ends it at once: nobody stood by with ptrace to stop it first, unless asked to
'

one() {
    local name=$1 why trace=$T/$1.own
    run "$T/bare" "$VICTIMS/$name"
    case $(code "$T/bare") in
    77) skip "leaks of $name" "cannot be done here"; return ;;
    1 | 99 | 124 | 137) not_ok "leaks of $name" "fails without the tool: $(first_line "$T/bare.err")"; return ;;
    esac
    # shellcheck disable=SC2086 # two words
    run "$T/traced" "$OWNSCOPE" run -q $PATIENT -o "$trace" -- "$VICTIMS/$name"
    why=$(same "$T/bare" "$T/traced") || { not_ok "leaks of $name" "$why"; return; }
    why=$("$OWNSCOPE" leaks --class all --top 100000 --json "$trace" 2>&1 >"$T/leaks") ||
        [ -z "$why" ] || { not_ok "leaks of $name" "$why"; return; }
    if why=$(grep "^$name " <<<"$UNKNOWN"); then
        why=${why#* } why=${why%% *}
        grep -q "\"classes unknown: [^\"]*${why//_/ }" "$T/leaks"
        verdict "leaks of $name are unknown, and why" $? "$(head -c 300 "$T/leaks")"
        rm -f "$trace"
        # shellcheck disable=SC2086 # two words
        run "$T/traced" "$OWNSCOPE" run -q --snapshot-on-signal $PATIENT -o "$trace" -- "$VICTIMS/$name"
        why=$(same "$T/bare" "$T/traced") || { not_ok "leaks of $name on a signal" "$why"; return; }
        "$OWNSCOPE" leaks --class all --top 100000 --json "$trace" >"$T/leaks" 2>"$T/leaks.err"
    fi
    rm -rf "$T/memcheck" "$trace"
    mkdir "$T/memcheck"
    run "$T/checked" "${MEMCHECK[@]}" --xml-file="$T/memcheck/%p.xml" "$VICTIMS/$name"
    why=$("$PYTHON" "$HERE/leaks.py" victim "$name" "$T/bare.out" "$T/memcheck" "$T/leaks" 2>&1)
    verdict "leaks of $name" $? "$(echo "$why" | tail -n 4 | tr '\n' ';')"
}

cd "$T" || exit 99
have valgrind || { skip "leaks of victims" "no valgrind"; exit; }
if [ $# -eq 0 ]; then
    cd "$ROOT/tests/victims" || exit 99
    set -- leak_*.c leak_*.cc
    cd "$T" || exit 99
fi
for file; do one "${file%.*}"; done
