/*
 * collector/heap/heap_frames.h - which frame a word of a stack lies in.
 */
#ifndef OWNSCOPE_HEAP_FRAMES_H
#define OWNSCOPE_HEAP_FRAMES_H

#include "heap/heap_modules.h"
#include "heap/heap_scan.h"
#include "heap/heap_unwind.h"

/* Unwinds the stacks of the image whose threads have registers: into code->frames, by root
 * and rising address. Bounded in time; what is not known is left out. */
void heap_frames(const struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules,
                 struct heap_unwind *unwind, struct heap_code *code);

#endif
