/*
 * preload/arena.h - memory for allocations that dlsym makes while the real
 * malloc is not known yet.
 *
 * A bump allocator in the shim's own data. Blocks are never reused and stay
 * valid for ever: the program (dlerror's buffer, the loader) may free or
 * reallocate them at any later time, and then the hooks recognise them by
 * address. Any thread; lock-free.
 */
#ifndef PRELOAD_ARENA_H
#define PRELOAD_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_BYTES = 256 * 1024 };
extern __attribute__((visibility("hidden"))) uint8_t arena_memory[ARENA_BYTES];

static inline bool arena_has(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena_memory < ARENA_BYTES;
}

/* Zeroed memory; NULL when the arena is used up. `alignment`: a power of two. */
void *arena_alloc(size_t bytes, size_t alignment);
/* A block was had, ever. */
bool arena_is_used(void);
/* Bytes that were asked for when p was made. */
size_t arena_size(const void *p);

#endif
