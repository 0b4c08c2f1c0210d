/*
 * preload/hooks_heap.c - malloc and its kin: the doors.
 *
 * One look at the session's gate, and a jump by what it says of memory: to the real
 * function where it is not recorded, to heap.c where all of it is, and between the two, under a
 * filtered gate, to what asks whether this call is passed over (rules.h). Where each
 * door leads is in a table, so that nothing is compared on the way. Before the real
 * functions are known every way leads to heap.c; a block of that time is the arena's for
 * ever, and once there is one, releases are looked at.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/arena.h"
#include "preload/heap.h"
#include "preload/rules.h"

/* The ways, by two bits of the gate. FILTERED without MEMORY: of memory nothing is recorded. */
enum { WAYS = 4, MEMORY = WIRE_GATE_MEMORY | WIRE_GATE_FILTERED };
_Static_assert(MEMORY / WIRE_GATE_MEMORY == WAYS - 1, "the two stand side by side");

/* Every door: name, type, arguments, names. */
#define DOORS(DOOR)                                                                                     \
    DOOR(malloc, void *, (size_t size), (size))                                                         \
    DOOR(free, void, (void *p), (p))                                                                    \
    DOOR(calloc, void *, (size_t n, size_t size), (n, size))                                            \
    DOOR(realloc, void *, (void *p, size_t size), (p, size))                                            \
    DOOR(reallocarray, void *, (void *p, size_t n, size_t each), (p, n, each))                          \
    DOOR(posix_memalign, int, (void **to, size_t alignment, size_t size), (to, alignment, size))        \
    DOOR(aligned_alloc, void *, (size_t alignment, size_t size), (alignment, size))                     \
    DOOR(memalign, void *, (size_t alignment, size_t size), (alignment, size))

#define WAYS_OF(name, type, arguments, names) type (*name[WAYS]) arguments;
#define EARLY(name, type, arguments, names) .name = {heap_##name, heap_##name, heap_##name, heap_##name},
static struct { DOORS(WAYS_OF) } ways __attribute__((aligned(64))) = { DOORS(EARLY) };

/* ways.name[the two bits as a number], by one instruction less. */
#define WAY(name) (*(__typeof__(&ways.name[0]))((char *)ways.name + (gate_now() & MEMORY) * (sizeof(void *) / WIRE_GATE_MEMORY)))
#define DOOR_BY_WAY(name, type, arguments, names) EXPORT type name arguments { return WAY(name) names; }
DOORS(DOOR_BY_WAY)

/* Those that programs call most have a way of their own under a filtered gate; what passes goes on from here. The gate is
 * read again for that: if it has changed, it is not the one that the thread has adopted. */
static void *filtered_malloc(size_t size)
{
    if (likely(rules_door_new(gate_now(), size)))
        return real.malloc(size);
    return sampled_malloc(size);
}

static void *filtered_calloc(size_t n, size_t size)
{
    if (likely(rules_door_new(gate_now(), n * size)))
        return real.calloc(n, size);
    return sampled_calloc(n, size);
}

static void filtered_free(void *p)
{
    if (likely(rules_door_drop(gate_now(), p)))
        real.free(p);
    else
        sampled_free(p);
}

/* Not recorded, of a process that has blocks of the arena. */
static void looked_free(void *p)
{
    if (likely(!arena_has(p)))
        real.free(p);
    else
        heap_free(p);
}

static void *looked_realloc(void *p, size_t size) { return likely(!arena_has(p)) ? real.realloc(p, size) : heap_realloc(p, size); }

static void *looked_reallocarray(void *p, size_t n, size_t each)
{
    return likely(!arena_has(p)) ? real.reallocarray(p, n, each) : heap_reallocarray(p, n, each);
}

static void free_way(void (*way)(void *))
{
    __atomic_store_n(&ways.free[0], way, __ATOMIC_RELAXED);
    __atomic_store_n(&ways.free[WIRE_GATE_FILTERED / WIRE_GATE_MEMORY], way, __ATOMIC_RELAXED);
}

void heap_doors_look(void) { free_way(looked_free); }

void heap_doors_open(void)
{
#define OPEN(name, unrecorded, filtered)                                             \
    ways.name[0] = ways.name[WIRE_GATE_FILTERED / WIRE_GATE_MEMORY] = (unrecorded);  \
    ways.name[WAYS - 1] = (filtered);
    OPEN(malloc, real.malloc, filtered_malloc)
    OPEN(calloc, real.calloc, filtered_calloc)
    OPEN(realloc, looked_realloc, sampled_realloc)
    OPEN(reallocarray, looked_reallocarray, sampled_reallocarray)
    OPEN(posix_memalign, real.posix_memalign, sampled_posix_memalign)
    OPEN(aligned_alloc, real.aligned_alloc, sampled_aligned_alloc)
    OPEN(memalign, real.memalign, sampled_memalign)
    ways.free[WAYS - 1] = filtered_free;
    free_way(real.free);
    fence_full(); /* B, pairs with A in heap.c: whoever uses the arena from here on sees to it himself */
    if (arena_is_used())
        heap_doors_look();
}

/* ---- those that are rarely called ---- */

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

DOOR(valloc, void *, (size_t size), (size))
DOOR(pvalloc, void *, (size_t size), (size))
DOOR_OF_BLOCK(malloc_usable_size, size_t, (void *p), (p), true)
DOOR_OF_BLOCK(free_sized, void, (void *p, size_t size), (p, size), real.free_sized)
DOOR_OF_BLOCK(free_aligned_sized, void, (void *p, size_t alignment, size_t size), (p, alignment, size), real.free_aligned_sized)
