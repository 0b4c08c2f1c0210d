/*
 * preload/unwind_reach.h - which addresses may be read without a fault.
 *
 * Private to preload/unwind*.c; runs in the traced thread. A walk over a sound
 * stack reads nothing but that stack; this is what keeps a wild rule or a
 * broken stack from harming the program. A page is proven readable once, by a
 * system call that copies eight bytes from it and does nothing else (no file
 * descriptor, no signal), and remembered in the thread's memory.
 */
#ifndef PRELOAD_UNWIND_REACH_H
#define PRELOAD_UNWIND_REACH_H

#include "preload/unwind_memory.h"

/* True when the eight aligned bytes at `address` can be read now. */
bool reach_probe(uint64_t address);
/* A sandbox forbids the system call (1), or did not come to be after all (-1).
 * While one does nothing more is proven. */
void reach_shut(int by);
bool reach_is_shut(void);
/* Has the page been proven in this memory before? */
bool reach_known(const struct unwind_memory *m, uint64_t address);
/* Is `sp` in or at the top of the range in use? */
static inline bool reach_holds(const struct unwind_memory *m, uint64_t sp)
{
    return sp - m->ranges[0].low <= m->ranges[0].high - m->ranges[0].low;
}
/* Makes ranges[0] the one of the stack that `sp` lies in: sp - 8 must be
 * readable. */
void reach_focus(struct unwind_memory *m, uint64_t sp);
/* Reads a word, proving its page first if need be. */
bool reach_read(struct unwind_memory *m, uint64_t address, uint64_t *value);

#endif
