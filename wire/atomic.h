/*
 * wire/atomic.h - atomics with the order in the name.
 *
 * The only file that spells a memory order. Used by both processes on the
 * shared segment and by the shim on its own process-wide state. There is no
 * silent seq_cst: where a full fence is needed, it is asked for by name.
 */
#ifndef WIRE_ATOMIC_H
#define WIRE_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic(uint32_t) atomic_u32;
typedef _Atomic(uint64_t) atomic_u64;

/* Lock-free in both processes or the border cannot work at all. */
_Static_assert(sizeof(atomic_u32) == 4, "atomic_u32 must be plain");
_Static_assert(sizeof(atomic_u64) == 8, "atomic_u64 must be plain");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "the border needs lock-free atomics");

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)

/* Evaluates to true when *p held `want` and now holds `next`. */
#define cas_acq_rel(p, want, next)                                            \
    __extension__({                                                           \
        __typeof__(want) cas_want_ = (want);                                  \
        atomic_compare_exchange_strong_explicit((p), &cas_want_, (next),      \
                                                memory_order_acq_rel,         \
                                                memory_order_relaxed);        \
    })

/* Full fence: orders a store before a later load (Dekker). Slow paths only. */
#define fence_full() atomic_thread_fence(memory_order_seq_cst)

/* Against a signal handler of the same thread: an order for the compiler alone. */
#define fence_signal() atomic_signal_fence(memory_order_seq_cst)

/* A counter with a single writer: no locked instruction. */
#define count_up(p, n) store_relaxed((p), load_relaxed(p) + (n))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
