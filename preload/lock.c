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

void lock_post(const struct hook_frame *site, unsigned kind, const volatile void *lock)
{
    struct context *c = enter(site, true), *inside = &context;
    unsigned state = inside->guard & CONTEXT_STATES;
    if (likely(c != NULL)) {
        record_put(c, site, kind, (uintptr_t)lock, 0);
        hook_leave(c);
    } else if ((state == CONTEXT_REAL || state == CONTEXT_CXX) && inside->guard != state && !process.verify_unwind &&
               inside->generation == load_relaxed(&process.page->generation)) {
        record_put(inside, site, kind, (uintptr_t)lock, 0); /* the ring is between two records; the guard stays */
    }
}

/* libc refused to give the mutex up, or could not have it again. Of C11's it says only that something failed. */
static bool has_mutex(unsigned result) { return result != EPERM && result != ENOTRECOVERABLE && result != EINVAL; }

/* Libc will refuse to give the mutex up: it is not this thread's, and of a kind that looks. */
static bool is_anothers(const struct context *c, const pthread_mutex_t *m)
{
    unsigned kind = (unsigned)m->__data.__kind;
    uint32_t tid = c->writer.slot->tid;
    if (kind & MUTEX_ROBUST)
        return ((uint32_t)__atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED) & MUTEX_OWNER) != tid;
    return ((kind & MUTEX_TYPES) == MUTEX_RECURSIVE || (kind & MUTEX_TYPES) == MUTEX_ERRORCHECK) &&
           (uint32_t)__atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) != tid;
}

static void woken(const struct lock_within *w, unsigned result)
{
    const uintptr_t mutex = has_mutex(result) ? (uintptr_t)w->mutex : 0;
    struct context *c = enter(w->site, true);
    if (unlikely(!c))
        return;
    c->holding = true;
    record_put_word(c, w->site, WIRE_COND_WOKEN | w->family << 8, (uintptr_t)w->lock, result, mutex);
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
                    const void *mutex)
{
    if (!lock_room_slow(site, 2 * (RECORD_QUICK_BYTES + 8)))
        return false;
    lock_note_word(site, WIRE_COND_WAIT | family << 8, cond, 0, is_anothers(&context, mutex) ? 0 : (uintptr_t)mutex);
    w->mutex = mutex;
    w->routine = NULL;
    lock_enter(w, site, family & ~(unsigned)WIRE_LOCK_FLAG, cond);
    return true;
}

void lock_cond_woken(struct lock_within *w, unsigned result)
{
    lock_leave(w);
    woken(w, result);
}

/* The personality of LOCK_BLOCKS functions: the unwinder calls it for their
 * frames, in its second phase right before it takes the frame away. What libc
 * did inside it (it takes the mutex again) is done. A forced one is a
 * cancellation, or pthread_exit in a signal handler, and ends the wait; a once's
 * routine that is left, by an exception too, was not done and tells nothing.
 * There is nothing to land on: on it goes. */
enum { UNWIND_CLEANUP = 2, UNWIND_FORCED = 8, UNWIND_ON = 8 };
int lock_unwound(int version, int actions, uint64_t language, void *exception, void *place)
{
    struct lock_within *w = context.within;
    if (!(actions & UNWIND_CLEANUP) || !w)
        return UNWIND_ON;
    lock_leave(w);
    if (w->routine || !(actions & UNWIND_FORCED))
        return UNWIND_ON;
    if (w->mutex)
        woken(w, ECANCELED);
    else
        lock_note(w->site, WIRE_WAIT_END | w->family << 8, w->lock, ECANCELED);
    return UNWIND_ON;
}
