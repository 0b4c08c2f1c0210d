/*
 * preload/unwind_step.h - the steps of a walk that the fast loop cannot do.
 *
 * Private to preload/unwind*.c; runs in the traced thread, off the usual path:
 * rules that are not cached, pages not yet proven, realigned stacks, signal
 * frames, expressions, registers other than rsp and rbp.
 */
#ifndef PRELOAD_UNWIND_STEP_H
#define PRELOAD_UNWIND_STEP_H

#include "preload/unwind_rules.h"

enum unwind_step {
    STEP_ON = 0,      /* the walk has reached the next frame */
    STEP_END,         /* there is none: the stack is complete */
    STEP_STOP         /* there may be one, but it cannot be found */
};

/* From the frame whose FRAME word is at w->at to its caller: w's state moves,
 * and EXTRA and RBP words are appended (the caller's FRAME is not). */
enum unwind_step step_slow(struct unwind_walk *w, uint32_t generation);

#endif
