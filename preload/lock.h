/*
 * preload/lock.h - what the hooks of locks share.
 *
 *   LOCK_OFF(name, …)                     not recorded now, or too early: only forward
 *   if (!lock_room(HOOK_SITE)) forward    inside another hook, or not traced
 *   r = real.name_trylock(l);             free: one record tells all
 *   if (busy) {
 *       lock_wait(HOOK_SITE, WIRE_WAIT…)  else it is told that the thread waits
 *       r = real.name(l);
 *   }
 *   lock_got(HOOK_SITE, WIRE_ACQUIRE…)
 *
 * No guard is set while a real function runs, which may block for long: what a
 * signal handler does meanwhile is recorded as ever, and it may jump out of it.
 * Room in the ring is made before a lock is taken, so that nobody waits for the
 * collector with the lock just got. Releases are recorded before they happen.
 * A wait that a cancellation ends is told by lock_unwound, which the unwinder
 * calls as it passes the hook.
 */
#ifndef PRELOAD_LOCK_H
#define PRELOAD_LOCK_H

#include <errno.h>

#include "preload/hook.h"
#include "preload/record.h"

/* Where nothing is recorded: forwards. `early` is what is returned while the real
 * names are being looked up, by the only thread there is. */
#define LOCK_OFF(name, names, early)                    \
    if (unlikely(!gate_open_early(WIRE_GATE_LOCKS))) {  \
        if (likely(real.name != NULL))                  \
            return real.name names;                     \
        process_begin();                                \
        if (!gate_open_early(WIRE_GATE_LOCKS))          \
            return real.name ? real.name names : early; \
    }

/* The hooks that programs call most have a door before them (doors_lock.c), which looks at the gate without a frame and
 * jumps here where locks are recorded, or the real names are not known yet. */
#define LOCK_HOT(name, arguments)                                      \
    __attribute__((visibility("hidden"))) int lock_##name arguments;   \
    int lock_##name arguments
#define LOCK_EARLY(name, early)         \
    if (unlikely(!real.name)) {         \
        process_begin();                \
        if (unlikely(!real.name))       \
            return early;               \
    }

/* An event of a lock. `kind`: enum wire_type | enum wire_lock << 8, perhaps with
 * LOCK_FLAG. errno is kept. */
enum { LOCK_FLAG = WIRE_LOCK_FLAG << 8 };
#define LOCK_KIND(type, lock) (WIRE_##type | WIRE_LOCK_##lock << 8)
void lock_note(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size);
/* The same with an extra word: a condition's mutex, a semaphore's value. */
void lock_note_word(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size, uint64_t word);
/* The same right after a lock was got: does not wait for the collector. */
void lock_got(const struct hook_frame *site, unsigned kind, const volatile void *lock, uint64_t size);

/* sem_post's: the only one that a signal handler may call. Recorded also where that interrupted the real
 * function of another hook. */
void lock_post(const struct hook_frame *site, unsigned kind, const volatile void *lock);

/* Room for `bytes` of records, before a lock is taken. False: nothing is to be
 * recorded here. */
bool lock_room_slow(const struct hook_frame *site, uint64_t bytes);
static inline __attribute__((always_inline)) bool lock_room(const struct hook_frame *site)
{
    struct context *c = &context;
    if (likely(c->generation == load_relaxed(&process.page->generation) && !c->guard &&
               ring_writer_reserve(&c->writer, RECORD_QUICK_BYTES)))
        return true;
    return lock_room_slow(site, RECORD_QUICK_BYTES);
}

/* The lock is not free: tells that the thread waits, and makes room again. */
void lock_wait(const struct hook_frame *site, unsigned kind, const volatile void *lock);

/* A wait that may be cancelled, or a once's routine: lies in the hook's frame. */
struct lock_within {
    struct lock_within *outer;
    const struct hook_frame *site;
    unsigned family;                /* enum wire_lock */
    const volatile void *lock;
    const volatile void *mutex;     /* of a condition's wait */
    void (*routine)(void);          /* of a once */
};

/* A function that does nothing but call a real one that an unwinder may go through,
 * between lock_enter and lock_leave: the unwinder asks lock_unwound when it takes
 * this frame away. */
int lock_unwound(int version, int actions, uint64_t language, void *exception, void *place);
#define LOCK_BLOCKS(name, type, arguments, names)                 \
    static __attribute__((noinline)) type name##_blocks arguments \
    {                                                             \
        __asm__ volatile(".cfi_personality 0x1b, lock_unwound");  \
        return real.name names;                                   \
    }

static inline void lock_enter(struct lock_within *w, const struct hook_frame *site, unsigned family, const volatile void *lock)
{
    w->site = site;
    w->family = family;
    w->lock = lock;
    w->outer = context.within;
    context.within = w;
}

static inline void lock_leave(const struct lock_within *w) { context.within = w->outer; }

/* A condition's wait, before and after: it gives the mutex up and has it again.
 * False: it is not recorded, and there is no after. */
bool lock_cond_wait(struct lock_within *w, const struct hook_frame *site, unsigned family, const volatile void *cond,
                    const void *mutex);
void lock_cond_woken(struct lock_within *w, unsigned result);

/* A mutex's kind, as glibc keeps it: a type, and bits. */
enum { MUTEX_RECURSIVE = 1, MUTEX_ERRORCHECK = 2, MUTEX_TYPES = 3, MUTEX_ROBUST = 16, MUTEX_INHERIT = 32, MUTEX_PROTECT = 64,
       MUTEX_SHARED = 128 };
enum { MUTEX_OWNER = 0x3fffffff };  /* of a lock's word, in the kinds whose word has it */

/* Its WIRE_LOCK_TYPE_* bits. A robust one has MUTEX_SHARED always: its attributes know. */
static inline unsigned lock_mutex_type(const pthread_mutex_t *m)
{
    unsigned kind = (unsigned)m->__data.__kind;
    if (likely(!(kind & (MUTEX_TYPES | MUTEX_ROBUST | MUTEX_SHARED))))
        return 0;
    return ((kind & MUTEX_TYPES) == MUTEX_RECURSIVE ? WIRE_LOCK_TYPE_RECURSIVE : 0) |
           ((kind & MUTEX_TYPES) == MUTEX_ERRORCHECK ? WIRE_LOCK_TYPE_ERRORCHECK : 0) |
           (kind & MUTEX_ROBUST ? WIRE_LOCK_TYPE_ROBUST : kind & MUTEX_SHARED ? WIRE_LOCK_TYPE_SHARED : 0);
}

static inline unsigned lock_shared(int shared) { return shared ? WIRE_LOCK_TYPE_SHARED : 0; }

/* As libc checks it before it tries: what fails there is left to it. */
static inline bool lock_time_valid(const struct timespec *t) { return t && (unsigned long)t->tv_nsec < 1000000000; }
static inline bool lock_clock_valid(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

#endif
