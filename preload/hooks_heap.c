/*
 * preload/hooks_heap.c - malloc and its kin: the doors.
 *
 * One look at the session's gate sends them on to the real function where memory is
 * not recorded, and else to heap.c: both by a jump. The gate is shut only once the real
 * functions are known. A block of the time before them is the arena's for ever.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/arena.h"
#include "preload/heap.h"
#include "preload/rules.h"

enum { FULL = WIRE_GATE_MEMORY, FILTERED = WIRE_GATE_MEMORY | WIRE_GATE_FILTERED };

/* Those that programs call most have a way of their own under a filtered gate; what `passes` goes on from here. The gate is
 * read again for that: if it has changed, it is not the one that the thread has adopted. */
#define DOOR_OF_TWO(name, type, arguments, names, passes, known)       \
    EXPORT type name arguments                                         \
    {                                                                  \
        const atomic_u32 *word = __atomic_load_n(&process.gate, __ATOMIC_ACQUIRE); \
        uint32_t gate = load_relaxed(word) & FILTERED;                 \
        if (likely(gate == FULL))                                      \
            return heap_##name names;                                  \
        if (gate == FILTERED) {                                        \
            if (likely(passes))                                        \
                return real.name names;                                \
            return sampled_##name names;                               \
        }                                                              \
        return (known) ? real.name names : heap_##name names;          \
    }

#define DOOR(name, type, arguments, names)                             \
    EXPORT type name arguments                                         \
    {                                                                  \
        if (likely(gate_open(WIRE_GATE_MEMORY)))                       \
            return heap_##name names;                                  \
        return real.name names;                                        \
    }

/* What is given a block. */
#define DOOR_OF_BLOCK(name, type, arguments, names, known)             \
    EXPORT type name arguments                                         \
    {                                                                  \
        if (likely(gate_open(WIRE_GATE_MEMORY)) || unlikely(arena_has(p)) || !(known)) \
            return heap_##name names;                                  \
        return real.name names;                                        \
    }

DOOR_OF_TWO(malloc, void *, (size_t size), (size), rules_door_new(load_relaxed(word), size), true)
DOOR_OF_TWO(calloc, void *, (size_t n, size_t size), (n, size), rules_door_new(load_relaxed(word), n * size), true)
DOOR_OF_TWO(posix_memalign, int, (void **to, size_t alignment, size_t size), (to, alignment, size), false, true)
DOOR_OF_TWO(aligned_alloc, void *, (size_t alignment, size_t size), (alignment, size), false, true)
DOOR_OF_TWO(memalign, void *, (size_t alignment, size_t size), (alignment, size), false, true)
DOOR(valloc, void *, (size_t size), (size))
DOOR(pvalloc, void *, (size_t size), (size))
DOOR_OF_TWO(free, void, (void *p), (p), rules_door_drop(load_relaxed(word), p), likely(!arena_has(p)))
DOOR_OF_TWO(realloc, void *, (void *p, size_t size), (p, size), false, likely(!arena_has(p)))
DOOR_OF_TWO(reallocarray, void *, (void *p, size_t n, size_t each), (p, n, each), false, likely(!arena_has(p)))
DOOR_OF_BLOCK(malloc_usable_size, size_t, (void *p), (p), true)
DOOR_OF_BLOCK(free_sized, void, (void *p, size_t size), (p, size), real.free_sized)
DOOR_OF_BLOCK(free_aligned_sized, void, (void *p, size_t alignment, size_t size), (p, alignment, size), real.free_aligned_sized)
