/*
 * preload/lock.c - see lock.h.
 *
 * Runs in the traced thread, before and after the real functions of locks.
 */
#include "preload/lock.h"

#include "preload/wait.h"

/* The guard of a record that a hook's own frame stands for. */
static inline __attribute__((always_inline)) struct context *enter(const struct hook_frame *site, bool drop)
{
    return hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, drop); /* also for the few instructions around a record */
}

void lock_note(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size)
{
    struct context *c = enter(site, true);
    if (unlikely(!c))
        return;
    record_put(c, site, kind, (uintptr_t)lock, size);
    hook_leave(c);
}

void lock_note_word(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size, uint64_t word)
{
    struct context *c = enter(site, true);
    if (unlikely(!c))
        return;
    record_put_word(c, site, kind, (uintptr_t)lock, size, word);
    hook_leave(c);
}

void lock_got(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size)
{
    struct context *c = enter(site, true);
    if (unlikely(!c))
        return;
    c->holding = true;
    record_put(c, site, kind, (uintptr_t)lock, size);
    c->holding = false;
    hook_leave(c);
}

static void woken(const struct lock_within *w, unsigned result)
{
    struct context *c = enter(w->site, true);
    if (unlikely(!c))
        return;
    c->holding = true;
    record_put_word(c, w->site, WIRE_COND_WOKEN | w->family << 8, (uintptr_t)w->lock, result, (uintptr_t)w->mutex);
    c->holding = false;
    hook_leave(c);
}

bool lock_room_slow(const struct hook_frame *site, uint64_t bytes)
{
    struct context *c = &context;
    if (c->generation != load_relaxed(&process.page->generation) || c->guard) {
        c = context_enter_slow(c, (uintptr_t)site, false);
        if (!c)
            return false;
    }
    c->guard_pc = site->pc;
    hook_guard(c, (uintptr_t)site, CONTEXT_RECORD);
    c->guard_pc = site->pc;
    if (!ring_writer_reserve(&c->writer, bytes))
        wait_before_lock(c, bytes);
    hook_leave(c);
    return true;
}

void lock_wait(const struct hook_frame *site, unsigned kind, const volatile void *lock)
{
    lock_note(site, kind, lock, 0);
    lock_room_slow(site, RECORD_QUICK_BYTES);
}

bool lock_cond_wait(struct lock_within *w, const struct hook_frame *site, unsigned family, const volatile void *cond,
                    const volatile void *mutex)
{
    if (!lock_room_slow(site, 2 * (RECORD_QUICK_BYTES + 8)))
        return false;
    lock_note_word(site, WIRE_COND_WAIT | family << 8, cond, 0, (uintptr_t)mutex);
    w->mutex = mutex;
    lock_enter(w, site, family & ~(unsigned)WIRE_LOCK_FLAG, cond);
    return true;
}

void lock_cond_woken(struct lock_within *w, unsigned result)
{
    lock_leave(w);
    woken(w, result);
}

/* The personality of LOCK_BLOCKS functions: the unwinder calls it for their
 * frames. A cancellation, or pthread_exit in a signal handler, is about to take
 * the frame away; what libc did inside it (it takes the mutex again) is done.
 * There is nothing to land on: on it goes. */
enum { UNWIND_FORCED = 8, UNWIND_ON = 8 };
int lock_unwound(int version, int actions, uint64_t language, void *exception, void *place)
{
    struct lock_within *w = context.within;
    if (!(actions & UNWIND_FORCED) || !w)
        return UNWIND_ON;
    lock_leave(w);
    if (w->mutex)
        woken(w, ECANCELED);
    else
        lock_note(w->site, WIRE_WAIT_END | w->family << 8, w->lock, ECANCELED);
    return UNWIND_ON;
}
