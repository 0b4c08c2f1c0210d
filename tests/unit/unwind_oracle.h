/*
 * tests/unit/unwind_oracle.h - a stack, three times over.
 *
 * For tests/unit/test_unwind*.c. A tester keeps a model of the stack to which
 * every change is applied, as the collector does it, and holds it against a
 * walk with an empty memory and against libunwind's unw_step of the same
 * moment. TEST_HERE goes into a noinline function: it stands for a hook.
 */
#ifndef TESTS_UNWIND_ORACLE_H
#define TESTS_UNWIND_ORACLE_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/unwind_memory.h"

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

enum { ORACLE_MAX = 4096 };

struct tester {
    struct unwind_memory memory, fresh;
    uint64_t model[WIRE_FRAMES_MAX];   /* outermost first */
    uint64_t quick[UNWIND_QUICK_PUSH_MAX];
    uint32_t n;
    uint64_t checked, wrong, unchanged, pushed, truncated;
    uint32_t seed;
    volatile int busy;
    const char *words_of_choice;
};

#define TEST_SITE                                                                                  \
    ((struct unwind_site){.pc = ((const uintptr_t *)__builtin_frame_address(0))[1],                \
                          .sp = (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t),     \
                          .fp = ((const uintptr_t *)__builtin_frame_address(0))[0]})

static inline struct tester *tester_new(uint32_t seed)
{
    struct tester *t = aligned_alloc(64, (sizeof *t + 63) & ~63ul);
    memset(t, 0x5a, sizeof *t);   /* a recycled slot's scratch is not clear */
    memset(&t->memory, 0, 64);
    t->n = 0;
    t->checked = t->wrong = t->unchanged = t->pushed = t->truncated = 0;
    t->seed = seed;
    t->busy = 0;
    t->words_of_choice = "xyh";
    return t;
}

static inline uint32_t tester_random(struct tester *t, uint32_t below)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 17;
    t->seed ^= t->seed << 5;
    return (uint32_t)(((uint64_t)t->seed * below) >> 32);
}

static inline int tester_apply(struct tester *t, const struct unwind_change *c)
{
    if (c->pop == WIRE_FRAMES_MAX + 1)
        t->n = 0;
    else if (c->pop > t->n)
        return -1;
    else
        t->n -= c->pop;
    if (c->push > WIRE_FRAMES_MAX - t->n)
        return -1;
    for (uint32_t i = 0; i < c->push; i++)
        t->model[t->n++] = c->pushed[i];
    t->pushed += c->push;
    t->unchanged += !c->pop && !c->push;
    return 0;
}

/* The same stack by libunwind, innermost first. -1: it failed. */
static __attribute__((noinline)) int oracle_walk(const struct unwind_site *site, uint64_t *out)
{
    unw_context_t context;
    unw_cursor_t cursor;
    int n = 0, on = 0, r;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    do {
        unw_word_t ip, sp;
        unw_get_reg(&cursor, UNW_REG_IP, &ip);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        on |= ip == site->pc && sp == site->sp;
        if (on && n < ORACLE_MAX)
            out[n++] = ip | (unw_is_signal_frame(&cursor) > 0 ? WIRE_FRAME_EXACT : 0);
        r = unw_step(&cursor);
    } while (r > 0);
    return r < 0 ? -1 : n;
}

static inline void tester_show(const struct tester *t, const uint64_t *other, int n, const char *who)
{
    fprintf(stderr, "stack %lu: ours %u, %s %d\n", (unsigned long)t->checked, t->n, who, n);
    for (int i = 0; i < (int)t->n || i < n; i++)
        fprintf(stderr, "  %16lx %16lx\n", i < (int)t->n ? (unsigned long)t->model[t->n - 1 - i] : 0,
                i < n ? (unsigned long)other[i] : 0);
}

/* Model against another stack given innermost first: equal; or, where one of
 * them was cut, equal as far as the shorter. */
static inline int tester_equal(const struct tester *t, const uint64_t *other, int n)
{
    int frames = (int)t->n, cut = 0;
    if (n < 1 || frames < 1)
        return 0;
    if (t->model[0] == WIRE_FRAME_TRUNCATED)
        cut = 1, frames--;
    if (other[n - 1] == WIRE_FRAME_TRUNCATED)
        cut |= 2, n--;
    if ((!cut && frames != n) || (cut == 1 && frames > n) || (cut == 2 && n > frames))
        return 0;
    for (int i = 0; i < frames && i < n; i++)
        if (t->model[t->n - 1 - (uint32_t)i] != other[i])
            return 0;
    return 1;
}

/* One event: the incremental change, applied; a fresh walk; libunwind. */
static __attribute__((noinline)) void tester_event(struct tester *t, const struct unwind_site *site)
{
    struct unwind_change change;
    uint64_t other[ORACLE_MAX];
    int n = 0;
    t->busy = 1;
    unwind_take(&t->memory, site, false, t->quick, &change);
    t->checked++;
    if (tester_apply(t, &change)) {
        fprintf(stderr, "a change that does not fit: pop %u push %u of %u\n", change.pop, change.push, t->n);
        t->wrong++;
    }
    memset(&t->fresh, 0, 64);
    unwind_full(&t->fresh, site, &change);
    for (uint32_t i = 0; i < change.push; i++)
        other[n++] = change.pushed[change.push - 1 - i];
    if (!tester_equal(t, other, n) && !t->wrong++)
        tester_show(t, other, n, "fresh");
    n = oracle_walk(site, other);
    t->truncated += t->n && t->model[0] == WIRE_FRAME_TRUNCATED;
    if ((!tester_equal(t, other, n) || (n > 126 && t->n < 127)) && !t->wrong++)
        tester_show(t, other, n, "libunwind");
    if (n < 127 && t->model[0] == WIRE_FRAME_TRUNCATED)
        t->wrong++;
    t->busy = 0;
}

#define TEST_HERE(t)                         \
    do {                                     \
        struct unwind_site site_ = TEST_SITE; \
        tester_event((t), &site_);           \
    } while (0)

#endif
