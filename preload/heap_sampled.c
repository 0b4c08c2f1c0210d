/*
 * preload/heap_sampled.c - malloc, free and their kin under a filtered gate.
 *
 * The doors (hooks_heap.c, hooks_cxx.c) jump here, with their arguments as they came.
 * What is known not to be recorded (rules_passes_new, rules_passes_drop) goes straight to
 * the real function, all else by a jump to heap.c and cxx.c. An allocation that is
 * passed over is a hook's all the same: with its guard, so that what the real function calls
 * of ours is not recorded for itself.
 *
 * Compiled with jumps for last calls (see Makefile).
 */
#include "preload/arena.h"
#include "preload/heap.h"
#include "preload/rules.h"

/* The thread records, is in no hook, and passes this block over: the hook is entered. */
static inline __attribute__((always_inline)) struct context *pass(uintptr_t frame, uintptr_t pc, unsigned state, size_t size)
{
    struct context *c = &context;
    if (unlikely(c->generation != load_relaxed(&process.page->generation) || c->guard || !rules_passes_new(c, gate_now(), size)))
        return NULL;
    c->guard_pc = pc;
    hook_guard(c, frame, state);
    c->guard_pc = pc;
    return c;
}
#define PASS(state, size) pass(HOOK_FRAME, (uintptr_t)__builtin_return_address(0), state, size)

/* In another hook, whose frame stands not far out: it is part of that. Where it is not known, heap.c looks again. */
static inline __attribute__((always_inline)) bool is_inner(uintptr_t frame)
{
    const struct context *c = &context;
    uintptr_t guard = c->guard, set_by = guard & ~(uintptr_t)CONTEXT_STATES;
    unsigned state = guard & CONTEXT_STATES;
    return (state == CONTEXT_REAL || state == CONTEXT_CXX) && set_by > frame && set_by - frame < WIRE_PAGE &&
           ((const struct hook_frame *)set_by)->pc == c->guard_pc;
}

void *sampled_malloc(size_t size)
{
    struct context *c = PASS(CONTEXT_REAL, size);
    void *p;
    if (unlikely(!c))
        return is_inner(HOOK_FRAME) ? heap_inner(real.malloc(size)) : heap_malloc(size);
    p = real.malloc(size);
    hook_leave(c);
    return p;
}

void *sampled_calloc(size_t n, size_t size)
{
    struct context *c = PASS(CONTEXT_REAL, n * size);
    void *p;
    if (unlikely(!c))
        return heap_calloc(n, size);
    p = real.calloc(n, size);
    hook_leave(c);
    return p;
}

void sampled_free(void *p)
{
    if (likely(!arena_has(p) && rules_passes_drop(gate_now(), p)))
        real.free(p);
    else
        heap_free(p);
}

#define ALIGNED(name, type, arguments, names)                        \
    type sampled_##name arguments                                    \
    {                                                                \
        struct context *c = PASS(CONTEXT_REAL, size);                \
        type r;                                                      \
        if (unlikely(!c))                                            \
            return heap_##name names;                                \
        r = real.name names;                                         \
        hook_leave(c);                                               \
        return r;                                                    \
    }
ALIGNED(posix_memalign, int, (void **to, size_t alignment, size_t size), (to, alignment, size))
ALIGNED(aligned_alloc, void *, (size_t alignment, size_t size), (alignment, size))
ALIGNED(memalign, void *, (size_t alignment, size_t size), (alignment, size))

/* A realloc of a block that is not followed, and is passed over with what it grows by: as realloc_begins (rules.c) counts it.
 * The hook is entered. If it fails, no bytes are drawn, and none were. */
static inline __attribute__((always_inline)) struct context *pass_realloc(uintptr_t frame, uintptr_t pc, void *p, size_t size)
{
    struct rules_own *own = rules_ready();
    struct context *c = &context;
    uint32_t gate = gate_now();
    uint64_t had, has = wire_drawn_bytes(size);
    if (unlikely(!own || own->simple_gate != gate || c->free_gate != gate || !size || follow_maybe(p) || !real.malloc_usable_size))
        return NULL;
    c->guard_pc = pc;
    hook_guard(c, frame, CONTEXT_REAL);
    c->guard_pc = pc;
    had = p ? real.malloc_usable_size(p) : 0;
    if (unlikely(has > had && !rules_count_down(&c->memory_left, has - had))) {
        hook_leave(c);
        return NULL;
    }
    rules_passed(own);
    return c;
}

void *sampled_realloc(void *p, size_t size)
{
    struct context *c = pass_realloc(HOOK_FRAME, (uintptr_t)__builtin_return_address(0), p, size);
    void *q;
    if (unlikely(!c))
        return heap_realloc(p, size);
    q = real.realloc(p, size);
    hook_leave(c);
    return q;
}

void *sampled_reallocarray(void *p, size_t n, size_t each)
{
    size_t size;
    struct context *c = __builtin_mul_overflow(n, each, &size) ? NULL
                        : pass_realloc(HOOK_FRAME, (uintptr_t)__builtin_return_address(0), p, size);
    void *q;
    if (unlikely(!c))
        return heap_reallocarray(p, n, each);
    q = real.reallocarray(p, n, each);
    hook_leave(c);
    return q;
}

/* See cxx.c: a guard that is gone was taken away by an allocation that failed. */
#define NEW(name, arguments, names, family, size, alignment)                                      \
    void *sampled_##name arguments                                                                \
    {                                                                                             \
        struct context *c = (alignment) & ((alignment) - 1) ? NULL : PASS(CONTEXT_CXX, size);     \
        void *p;                                                                                  \
        if (unlikely(!c))                                                                         \
            return cxx_##name names;                                                              \
        p = real.name names;                                                                      \
        if (c->guard == (HOOK_FRAME | CONTEXT_CXX))                                               \
            hook_leave(c);                                                                        \
        return p;                                                                                 \
    }

#define DELETE(name, arguments, names, family, length)                                            \
    void sampled_##name arguments                                                                 \
    {                                                                                             \
        if (likely(!arena_has(p) && rules_passes_drop(gate_now(), p)))                            \
            real.name names;                                                                      \
        else                                                                                      \
            cxx_##name names;                                                                     \
    }

CXX_OPERATORS(NEW, DELETE)
