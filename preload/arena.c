/*
 * preload/arena.c - see arena.h. Each block is preceded by its size, 16 bytes
 * before it, so that blocks keep malloc's alignment.
 */
#include "preload/arena.h"

#include "preload/follow.h"
#include "wire/atomic.h"

uint8_t arena_memory[ARENA_BYTES] __attribute__((aligned(4096)));
static atomic_u64 arena_used_bytes;

void *arena_alloc(size_t bytes, size_t alignment)
{
    size_t at, need;
    if (alignment < 16)
        alignment = 16;
    if (bytes > ARENA_BYTES || alignment > 4096)
        return NULL;
    need = 16 + alignment + ((bytes + 15) & ~(size_t)15);
    at = add_relaxed(&arena_used_bytes, need);
    if (at > ARENA_BYTES || need > ARENA_BYTES - at)
        return NULL;
    at = (at + 16 + alignment - 1) & ~(alignment - 1);
    *(size_t *)(arena_memory + at - 16) = bytes;
    follow_pin((uintptr_t)arena_memory + at); /* its release is looked at */
    return arena_memory + at;
}

bool arena_is_used(void) { return load_relaxed(&arena_used_bytes) != 0; }

size_t arena_size(const void *p)
{
    return *(const size_t *)((const uint8_t *)p - 16);
}
