/*
 * preload/hook.h - the one shape of a hook.
 *
 *   c = HOOK_ENTER(drop);            guard; NULL: forward only
 *   record_drop(c, &site, …);        releases before the real call
 *   p = real.function(…);
 *   record_new(c, &site, …);         acquisitions after it
 *   hook_leave(c);
 *
 * errno comes out as the real function left it: nothing here touches it on
 * the fast path, and the slow paths make their system calls through
 * preload/system.h.
 */
#ifndef PRELOAD_HOOK_H
#define PRELOAD_HOOK_H

#include "preload/context.h"
#include "preload/real.h"

#define EXPORT __attribute__((visibility("default")))

/* The state of the hook's caller, from the hook's own frame (compiled with a
 * frame pointer): three loads. */
#define HOOK_FRAME ((uintptr_t)__builtin_frame_address(0))
#if defined(__x86_64__) || defined(__aarch64__)
#define HOOK_SITE                                                    \
    ((struct unwind_site){.pc = ((const uintptr_t *)HOOK_FRAME)[1],  \
                          .sp = HOOK_FRAME + 2 * sizeof(uintptr_t),  \
                          .fp = ((const uintptr_t *)HOOK_FRAME)[0]})
#endif

static inline void hook_guard(struct context *c, uintptr_t frame, unsigned state)
{
    c->guard = frame | state;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline __attribute__((always_inline)) struct context *
hook_enter(uintptr_t frame, uintptr_t pc, unsigned state, bool drop)
{
    struct context *c = &context;
    if (unlikely(c->generation != load_relaxed(&process.page->generation) || c->guard)) {
        c = context_enter_slow(c, frame, drop);
        if (!c)
            return NULL;
    }
    c->guard_pc = pc;
    hook_guard(c, frame, state);
    return c;
}

#define HOOK_ENTER(state, drop) \
    hook_enter(HOOK_FRAME, (uintptr_t)__builtin_return_address(0), (state), (drop))

static inline void hook_leave(struct context *c)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    c->guard = 0;
}

#endif
