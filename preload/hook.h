/*
 * preload/hook.h - the one shape of a hook.
 *
 *   c = HOOK_ENTER(drop);            guard; NULL: forward only
 *   record_drop(c, HOOK_SITE, …);    releases before the real call
 *   p = real.function(…);
 *   record_new(c, HOOK_SITE, …);     acquisitions after it
 *   hook_leave(c);
 *
 * Before all that a hook looks at the session's gate (gate_open): where it is
 * shut, it only forwards. Those that programs call most look at it before they
 * have a frame, and jump: hooks_heap.c to heap.c, hooks_cxx.c to cxx.c,
 * hooks_copy.c to copy.c. What is recorded looks again: record.c, policy.h.
 *
 * Locks have another shape, without a guard while they block: preload/lock.h.
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

/* Another name of a hook (hooks.def's ALIAS). */
#define HOOK_ALIAS(alias, name) \
    __asm__(".globl " #alias "\n.type " #alias ", %function\n.set " #alias ", " #name);

/* A hook of hooks.def's TWICE, and its two names; `version`: none or _then. */
#ifdef REAL_VERSIONS
#define HOOKED(name, version) name##_hook##version
#define HOOKED_TWICE(name, now, then) \
    __asm__(".symver " #name "_hook, " #name "@@" #now "\n.symver " #name "_hook_then, " #name "@" #then);
#else
#define HOOKED(name, version) name
#endif

/* A hook's own frame (all are compiled with a frame pointer), which holds the
 * state that its caller will go on with. */
struct hook_frame {
    uintptr_t fp, pc;
};
#define HOOK_FRAME ((uintptr_t)__builtin_frame_address(0))
#define HOOK_SITE ((const struct hook_frame *)HOOK_FRAME)

static inline struct unwind_site hook_site(const struct hook_frame *f)
{
    return (struct unwind_site){.pc = f->pc, .sp = (uintptr_t)(f + 1), .fp = f->fp};
}

static inline void hook_guard(struct context *c, uintptr_t frame, unsigned state)
{
    c->guard = frame | state;
    fence_signal();
}

static inline __attribute__((always_inline)) struct context *
hook_enter(uintptr_t frame, uintptr_t pc, unsigned state, bool drop)
{
    struct context *c = &context;
    if (unlikely(c->generation != load_relaxed(&process.page->generation) || c->guard)) {
        if (likely(load_relaxed(&process.state) == PROCESS_INERT && !c->guard))
            return NULL;
        c = context_enter_slow(c, frame, drop);
        if (!c)
            return NULL;
    }
    c->guard_pc = pc;
    hook_guard(c, frame, state);
    c->guard_pc = pc; /* again: a handler's hook may have come in between */
    return c;
}

#define HOOK_ENTER(state, drop) \
    hook_enter(HOOK_FRAME, (uintptr_t)__builtin_return_address(0), (state), (drop))
/* For hooks that look at the gate themselves, and not before their frame stands. */
#define HOOK_ENTER_IF(bit, state, drop) (gate_open(bit) ? HOOK_ENTER(state, drop) : NULL)

/* Hooks of a process's and its threads' life. */
static inline __attribute__((always_inline)) struct context *
hook_enter_life(uintptr_t frame, uintptr_t pc, unsigned state)
{
    return gate_open(WIRE_GATE_LIFE) ? hook_enter(frame, pc, state, true) : NULL;
}

/* Makes sure that the real names are known; they are after any hook. */
static inline void names_known(void)
{
    if (unlikely(!real.free))
        process_begin();
}

static inline void hook_leave(struct context *c)
{
    fence_signal();
    c->guard = 0;
}

#endif
