/*
 * preload/hold.h - a thread waits until the collector has looked at its process.
 *
 * It says so by a WIRE_HOLD record, sets slot->holding and sleeps on that word
 * until the collector answers, and no longer than the collector's heart beats
 * (wait.h). Nothing is locked meanwhile, no signal is held back, and outside
 * other hooks no guard is set: what handlers do is recorded as ever, and they may
 * leave by a jump. errno is kept.
 *
 * An end is held once a process, by the thread that ends it; another one that
 * comes to end it meanwhile waits for the first. Forked children are processes,
 * a vfork child is none and never holds.
 */
#ifndef PRELOAD_HOLD_H
#define PRELOAD_HOLD_H

#include "preload/hook.h"

/* The process has joined: its last exit functions are to be ours. */
void hold_start(void);
/* A forked child has not come to its end. */
void hold_reborn(void);

/* Right before the process ends; `site`: the hook's. */
void hold_before_end(const struct hook_frame *site);
void hold_before_abort(const struct hook_frame *site);
/* After a mark was recorded, where the plan wants a snapshot there. */
void hold_after_mark(const struct hook_frame *site);

/* The thread is between two records of its ring: records that it holds, and
 * waits. What the collector said (enum wire_holding); HOLDS: nothing, in time. */
uint32_t hold_here(struct context *c, enum wire_hold why, uintptr_t guard_meanwhile);

/* A sandbox forbids the system calls of a wait (1), or did not come to be after
 * all (-1). While one does nobody holds. */
void hold_shut(int by);

#endif
