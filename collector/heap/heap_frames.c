/*
 * collector/heap/heap_frames.c - see heap_frames.h.
 */
#include "heap/heap_frames.h"

void heap_frames(const struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules, struct heap_code *code)
{
    code->n_frames = 0;
}
