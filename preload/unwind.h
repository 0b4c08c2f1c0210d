/*
 * preload/unwind.h - the stack of a hook's caller, as a difference to the
 * thread's previous stack.
 *
 * Runs inside the traced thread, in a hook: no heap, no lock, no system call
 * on the usual path, no libc function that may take one; errno untouched.
 * Exact: a frame is found by the module's own unwind rules (.eh_frame through
 * the lock-free _dl_find_object), never by guessing. Where the rules end (no
 * CFI, generated code) the stack ends, with WIRE_FRAME_TRUNCATED outermost.
 *
 * Incremental: the next frame is a function of (pc, sp, fp) and of the stack
 * slots that its rule reads. A new walk goes on only until it meets a frame of
 * the previous one with equal state whose deeper slots all still hold what
 * they held; the rest is then the same.
 */
#ifndef PRELOAD_UNWIND_H
#define PRELOAD_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"
#include "wire/segment.h"

/* One thread's memory between walks: its first 64 bytes zero at first,
 * WIRE_SCRATCH_UNWIND_BYTES at most, used by that thread alone (it lies in its slot's
 * scratch). No call may begin on a memory while another is under way on it: the
 * hook's guard sees to that. A call that was left for good (a signal handler
 * that jumped out of it) must be followed by unwind_forget(). */
struct unwind_memory;

/* Where to start: the state of the hook's caller as it will be when the hook
 * returns. hook_site() in preload/hook.h fills it from the hook's own frame. */
struct unwind_site {
    uintptr_t pc;   /* return address of the hook */
    uintptr_t sp;   /* stack pointer after the return (the hook's CFA) */
    uintptr_t fp;   /* rbp of the caller */
};

/* What changed since the walk before: `pop` innermost frames of that stack
 * went, then `push` frames came. pushed[0] is the outermost of them. Points
 * into the memory; valid until the next walk. */
struct unwind_change {
    uint32_t pop, push;
    const uint64_t *pushed;  /* see WIRE_FRAME_EXACT, WIRE_FRAME_TRUNCATED in wire/record.h */
};

/* Full stack, at most WIRE_FRAMES_MAX frames. Of one that is deeper, or was a
 * moment ago, the innermost 127 at least, then WIRE_FRAME_TRUNCATED; how many
 * more depends on the walks before, so that a deep recursion is not told anew
 * at every event. */
void unwind_full(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change);
/* unwind_full where that is quickly done, which it is for most. Writes the new
 * frames, outermost first, to `pushed`, which has room for UNWIND_QUICK_PUSH_MAX.
 * Returns pop | push << 8, as wire_pop_of and wire_push_of read it; with
 * UNWIND_FRESH unless all of them are known to have been told before. Or
 * UNWIND_NOT_QUICK: nothing has changed, unwind_full will do it. */
enum { UNWIND_QUICK_PUSH_MAX = 12, UNWIND_QUICK_POP_MAX = 200, UNWIND_FRESH = 1 << 16, UNWIND_NOT_QUICK = 1 << 17 };
uint32_t unwind_quick(struct unwind_memory *m, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t *pushed);
/* The frames of the quick walk just done are known to be told: no UNWIND_FRESH
 * for them again, until modules change. */
void unwind_told(struct unwind_memory *m);
/* The caller's frame alone (--stacks caller), and its quick way; never UNWIND_FRESH. */
void unwind_caller(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change);
uint32_t unwind_quick_caller(struct unwind_memory *m, uint64_t pc, uint64_t *pushed);
/* The quick way, or the other. `pushed` as for unwind_quick. */
static inline void unwind_take(struct unwind_memory *m, const struct unwind_site *site, bool caller_alone,
                               uint64_t *pushed, struct unwind_change *change)
{
    uint32_t quick = caller_alone ? unwind_quick_caller(m, site->pc, pushed)
                                  : unwind_quick(m, site->pc, site->sp, site->fp, pushed);
    if (!(quick & UNWIND_NOT_QUICK))
        *change = (struct unwind_change){wire_pop_of(quick), wire_push_of(quick), pushed};
    else if (caller_alone)
        unwind_caller(m, site, change);
    else
        unwind_full(m, site, change);
}
/* Forgets the previous stack: call it when a change could not be written (a
 * lost record breaks the chain). The next change has pop == WIRE_FRAMES_MAX + 1,
 * meaning "everything", and pushes the whole stack. */
void unwind_forget(struct unwind_memory *m);
/* The frames of the last walk, one a call, innermost first: *at is 0 at first. False: there is none left. A walk that is
 * not told (no record follows) must be followed by unwind_forget() before the next that is. */
bool unwind_frame(const struct unwind_memory *m, uint32_t *at, uint64_t *pc);
/* Rules cached for code that dlclose may have unmapped are no longer trusted.
 * Called by the dlclose hook after the real call, any thread. */
void unwind_modules_changed(void);

#endif
