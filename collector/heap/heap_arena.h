/*
 * collector/heap/heap_arena.h - memory that is glibc's malloc's own.
 *
 * Its lists lead through free memory, and an address of a free chunk lies in the
 * last word of the block before it: what its book-keeping points to is not held.
 * All is told by content, since stripped libraries name none of it.
 */
#ifndef OWNSCOPE_HEAP_ARENA_H
#define OWNSCOPE_HEAP_ARENA_H

#include "heap/heap_image.h"

enum { HEAP_ARENA_BYTES = 2200 /* struct malloc_state, about */ };

/* The first malloc_state in [start, end): most of its bins are empty and point to themselves. Sets *found too. */
bool heap_arena_bins(struct heap_image *image, uint64_t start, uint64_t end, uint64_t *at, bool *found);
/* The mapping is an arena of a thread, empty ones too. */
bool heap_arena_at(struct heap_image *image, const struct heap_map *m);
/* The block has a mapping of its own, which ends at *end. */
bool heap_arena_mapped(struct heap_image *image, uint64_t address, uint64_t size, uint64_t *end);

#endif
