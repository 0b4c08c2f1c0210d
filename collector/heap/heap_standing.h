/*
 * collector/heap/heap_standing.h - where the program stands, of a thread that waits
 * in our shim.
 *
 * The shim's frames, and libc's that led there (exit, a thread's end), have places
 * that nobody writes to, with addresses that older calls left. What the program
 * itself holds is in its own frames and in the registers that it called with. A
 * thread that holds says on its stack where it stands (struct wire_hold_state);
 * it is unwound from there to the first frame that is neither's.
 */
#ifndef OWNSCOPE_HEAP_STANDING_H
#define OWNSCOPE_HEAP_STANDING_H

#include "heap/heap_scan.h"
#include "heap/heap_unwind.h"

/* A copy of the stop in which a held thread has the program's stack pointer and
 * the registers that calls keep (pc 0: no red zone). To be freed by heap_standing_done. */
struct heap_stop heap_standing(const struct heap_scan_input *in, const struct heap_modules *modules, struct heap_unwind *unwind);
void heap_standing_done(struct heap_stop *s);

#endif
