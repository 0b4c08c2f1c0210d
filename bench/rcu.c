/*
 * bench/rcu.c - what the read side of RCU costs in each flavour of liburcu:
 * `rcu` prints a line a case, "name ns-a-section ns-with-record us-register".
 *
 * A section is what a reader of the shim would do: lock, follow one published
 * pointer, unlock; qsbr, whose locks are nothing, is measured with a quiescent
 * state after each section too. Beside it, one record is written to a ring
 * (wire/ring_writer.h), as a hook does: what a section adds there can be less,
 * since the processor overlaps them, or more. `none` follows the pointer alone.
 * Times are CPU of the thread, but for the registration of a new thread, the
 * median of many. Inlined as only LGPL-compatible programs may (_LGPL_SOURCE).
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "wire/ring_writer.h"

enum { SECTIONS = 4000000, PASSES = 5, NEW_THREADS = 400, RING_BYTES = 64 * 1024 };
struct rule { uint64_t value; };
static struct rule rule, *published = &rule;

static double now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- a ring whose reader always keeps up ---- */

static struct {
    struct wire_slot slot;
    struct wire_ring ring;
    uint8_t data[RING_BYTES];
} memory __attribute__((aligned(WIRE_PAGE)));
static const struct wire_segment segment = { (uint8_t *)&memory, sizeof memory };
static struct ring_writer writer;

static void ring_open(void)
{
    memory.ring.size_bytes = RING_BYTES;
    store_relaxed(&memory.slot.ring, offsetof(__typeof__(memory), ring));
    if (ring_writer_open(&writer, &segment, &memory.slot))
        abort();
}

static inline void record_write(uint64_t value)
{
    struct wire_record *r = ring_writer_reserve(&writer, sizeof *r);
    if (unlikely(!r)) {
        store_release(&memory.slot.tail, ring_writer_head(&writer));
        r = ring_writer_refresh(&writer, &segment, sizeof *r, 0);
        if (!r)
            abort();
    }
    *r = (struct wire_record){ .stamp = value, .size = 24, .type = WIRE_NEW };
    ring_writer_commit(&writer, sizeof *r);
}

/* ---- the cases ---- */

static inline void nothing(void) {}

/* LOCK, UNLOCK: a section; AFTER: between sections; FIRST, LAST: what a thread
 * does once. Makes NAME_sections and NAME_records (ns each), NAME_register. */
#define CASE(NAME, LOCK, UNLOCK, AFTER, FIRST, LAST)                        \
    static __attribute__((noinline)) double NAME##_loop(int with_record)    \
    {                                                                       \
        uint64_t sum = 0;                                                   \
        double began = now_ns(CLOCK_THREAD_CPUTIME_ID);                     \
        for (unsigned i = 0; i < SECTIONS; i++) {                           \
            LOCK();                                                         \
            sum += rcu_dereference(published)->value + i;                   \
            UNLOCK();                                                       \
            AFTER();                                                        \
            if (with_record)                                                \
                record_write(sum);                                          \
            __asm__ volatile("" : "+r"(sum));                               \
        }                                                                   \
        return (now_ns(CLOCK_THREAD_CPUTIME_ID) - began) / SECTIONS;        \
    }                                                                       \
    static void *NAME##_thread(void *ns)                                    \
    {                                                                       \
        double began = now_ns(CLOCK_MONOTONIC);                             \
        FIRST();                                                            \
        LOCK();                                                             \
        UNLOCK();                                                           \
        *(double *)ns = now_ns(CLOCK_MONOTONIC) - began;                    \
        LAST();                                                             \
        return NULL;                                                        \
    }                                                                       \
    static void NAME##_first(void) { FIRST(); }                             \
    static void NAME##_last(void) { LAST(); }

CASE(none, nothing, nothing, nothing, nothing, nothing)
CASE(bp, urcu_bp_read_lock, urcu_bp_read_unlock, nothing, nothing, nothing)
CASE(memb, urcu_memb_read_lock, urcu_memb_read_unlock, nothing, urcu_memb_register_thread, urcu_memb_unregister_thread)
CASE(mb, urcu_mb_read_lock, urcu_mb_read_unlock, nothing, urcu_mb_register_thread, urcu_mb_unregister_thread)
CASE(qsbr, urcu_qsbr_read_lock, urcu_qsbr_read_unlock, nothing, urcu_qsbr_register_thread, urcu_qsbr_unregister_thread)
CASE(qsbr_quiet, urcu_qsbr_read_lock, urcu_qsbr_read_unlock, urcu_qsbr_quiescent_state, urcu_qsbr_register_thread, urcu_qsbr_unregister_thread)

static const struct {
    const char *name;
    double (*loop)(int with_record);
    void *(*thread)(void *ns);
    void (*first)(void), (*last)(void);
} cases[] = {
    { "none", none_loop, none_thread, none_first, none_last },
    { "bp", bp_loop, bp_thread, bp_first, bp_last },
    { "memb", memb_loop, memb_thread, memb_first, memb_last },
    { "mb", mb_loop, mb_thread, mb_first, mb_last },
    { "qsbr", qsbr_loop, qsbr_thread, qsbr_first, qsbr_last },
    { "qsbr+quiescent", qsbr_quiet_loop, qsbr_quiet_thread, qsbr_quiet_first, qsbr_quiet_last },
};
enum { CASES = sizeof cases / sizeof *cases };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double registration_us(void *(*thread)(void *ns))
{
    static double ns[NEW_THREADS];
    for (int i = 0; i < NEW_THREADS; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, thread, &ns[i]))
            abort();
        pthread_join(t, NULL);
    }
    qsort(ns, NEW_THREADS, sizeof *ns, ascending);
    return ns[NEW_THREADS / 2] / 1000;
}

int main(void)
{
    double least[CASES][2];
    ring_open();
    for (int pass = 0; pass < PASSES; pass++) { /* in turn: a drift of the machine's speed meets all */
        for (int i = 0; i < CASES; i++) {
            cases[i].first();
            for (int with_record = 0; with_record < 2; with_record++) {
                double ns = cases[i].loop(with_record);
                if (!pass || ns < least[i][with_record])
                    least[i][with_record] = ns;
            }
            cases[i].last();
        }
    }
    for (int i = 0; i < CASES; i++)
        printf("%s %.3f %.3f %.3f\n", cases[i].name, least[i][0], least[i][1], registration_us(cases[i].thread));
    return 0;
}
