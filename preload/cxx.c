/*
 * preload/cxx.c - see heap.h: C++ operator new and delete in all their forms, where
 * memory is recorded.
 *
 * One event each, with its family: the malloc inside operator new and the
 * free inside operator delete only forward while the operator's guard is set.
 * No C++ library is needed or brought in; the program's own operator (or that
 * of a library it opened locally) is called.
 *
 * operator new may throw. That happens after an allocation inside it failed:
 * the inner hook then takes the guard away (heap_inner), so that
 * no guard outlives the frame that set it, and a new-handler is traced like
 * any code. If the handler found memory, the inner allocation has been
 * recorded as malloc's; it is recorded over as the operator's.
 */
#include "preload/arena.h"
#include "preload/heap.h"
#include "preload/record.h"

static inline __attribute__((always_inline)) void
made(struct context *c, const struct hook_frame *site, uintptr_t frame, unsigned family,
     void *p, size_t size, size_t alignment)
{
    bool ours = c->guard == (frame | CONTEXT_CXX);
    if (p && likely(ours))
        record_new(c, site, family, p, size, alignment);
    else if (p && !c->guard) {
        hook_guard(c, frame, CONTEXT_REAL);
        record_drop(c, site, WIRE_DELETE, p, 0);
        record_new(c, site, family, p, size, alignment);
    }
    if (p || ours)
        hook_leave(c);
}

/* No C++ library is to be found anywhere; whoever wanted one has to have memory. */
static __attribute__((noinline)) void *unowned(size_t size, size_t alignment)
{
    void *p = alignment > 16 ? real.memalign(alignment, size) : real.malloc(size ? size : 1);
    if (!p)
        __builtin_trap();
    return p;
}

#define NEW(name, arguments, names, family, size, alignment)                          \
    void *cxx_##name arguments                                                        \
    {                                                                                 \
        bool odd = (alignment) & ((alignment) - 1);                                   \
        struct context *c = odd ? NULL : HOOK_ENTER(CONTEXT_CXX, false);              \
        __typeof__(name) *f = REAL_LATER(name);                                       \
        void *p;                                                                      \
        p = likely(f != NULL) ? f names : unowned(size, alignment);                   \
        if (likely(c != NULL))                                                        \
            made(c, HOOK_SITE, HOOK_FRAME, family, p, size, alignment);              \
        return p;                                                                     \
    }

#define DELETE(name, arguments, names, family, length)                                \
    void cxx_##name arguments                                                         \
    {                                                                                 \
        struct context *c = HOOK_ENTER(CONTEXT_REAL, true);                           \
        __typeof__(name) *f = REAL_LATER(name);                                       \
        if (c && p)                                                                   \
            record_drop(c, HOOK_SITE, family, p, length);                            \
        if (likely(f != NULL))                                                        \
            f names;                                                                  \
        else if (real.free && !arena_has(p))                                      \
            real.free(p);                                                             \
        if (c)                                                                        \
            hook_leave(c);                                                            \
    }

CXX_OPERATORS(NEW, DELETE)
