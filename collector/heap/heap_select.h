/*
 * collector/heap/heap_select.h - which pages of a process an image has: those
 * that can hold blocks or roots. See heap_image.h.
 */
#ifndef OWNSCOPE_HEAP_SELECT_H
#define OWNSCOPE_HEAP_SELECT_H

#include "heap/heap_maps.h"
#include "heap/heap_stop.h"

struct heap_select {
    const char *segment_path, *shim_path;   /* NULL: none */
    uint64_t shim_bytes;                    /* from its first mapping to the end of its data; 0: not known */
};
/* `stop` NULL: stacks are taken whole. 0 or -errno; -EOVERFLOW as heap_pages_add. */
int heap_select_runs(const struct heap_select *h, pid_t pid, struct heap_maps *maps, const struct heap_stop *stop,
                     struct heap_runs *runs);
/* How much memory a library takes, by its own headers; 0: they cannot be read. */
uint64_t heap_select_span(const char *path);

#endif
