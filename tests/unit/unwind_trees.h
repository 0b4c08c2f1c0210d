/*
 * tests/unit/unwind_trees.h - random call trees of every common kind of frame.
 *
 * For tests/unit/test_unwind.c. Functions with saved registers, variable and
 * big and realigned frames, arguments on the stack and libc's frames between,
 * that call each other at random and now and then a hook.
 */
#ifndef TESTS_UNWIND_TREES_H
#define TESTS_UNWIND_TREES_H

#include "unwind_oracle.h"

static __thread struct tester *tester;
static volatile uint64_t sink;

static NOINLINE void hook_a(struct tester *t) { TEST_HERE(t); sink++; }
static NOINLINE void hook_b(struct tester *t) { TEST_HERE(t); sink += 2; }

static void tree(struct tester *t, int depth);

static NOINLINE void plain(struct tester *t, int depth)
{
    tree(t, depth - 1);
    sink++;
    if (tester_random(t, 3) == 0)
        tree(t, depth - 1);
    sink++;
}

static NOINLINE void many_registers(struct tester *t, int depth)
{
    uint64_t a = sink, b = a * 3, c = b ^ 7, d = c + a, e = d * b, f = e ^ c;
    tree(t, depth - 1);
    hook_a(t);
    sink = a + b + c + d + e + f;
}

static NOINLINE void variable_array(struct tester *t, int depth)
{
    volatile char bytes[tester_random(t, 3000) + 1];
    bytes[0] = 1;
    tree(t, depth - 1);
    sink += (uint64_t)bytes[0];
    hook_b(t);
}

static NOINLINE void realigned(struct tester *t, int depth)
{
    volatile char bytes[64] __attribute__((aligned(64)));
    bytes[3] = 1;
    hook_a(t);
    tree(t, depth - 1);
    sink += (uint64_t)bytes[3];
}

static NOINLINE void realigned_variable(struct tester *t, int depth)
{
    volatile char fixed[64] __attribute__((aligned(64))), bytes[tester_random(t, 500) + 1];
    fixed[0] = bytes[0] = 1;
    tree(t, depth - 1);
    sink += (uint64_t)fixed[0] + (uint64_t)bytes[0];
    hook_b(t);
}

static NOINLINE void big_frame(struct tester *t, int depth)
{
    volatile char bytes[20000];
    bytes[0] = bytes[sizeof bytes - 1] = 1;
    tree(t, depth - 1);
    sink += (uint64_t)bytes[0];
}

static NOINLINE void many_arguments(struct tester *t, int depth, long a, long b, long c, long d, long e, long f, long g)
{
    if (depth > 0)
        many_arguments(t, depth - 3, b, c, d, e, f, g, a);
    tree(t, depth - 1);
    sink += (uint64_t)(a ^ b ^ c ^ d ^ e ^ f ^ g);
}

static int order(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    if (tester_random(tester, 8) == 0)
        hook_a(tester);
    return x < y ? -1 : x > y;
}

static NOINLINE void sorting(struct tester *t, int depth)
{
    int numbers[6];
    for (int i = 0; i < 6; i++)
        numbers[i] = (int)tester_random(t, 100);
    qsort(numbers, 6, sizeof *numbers, order);
    tree(t, depth - 2);
    sink += (uint64_t)numbers[0];
}

static NOINLINE void tree(struct tester *t, int depth)
{
    switch (tester_random(t, 3)) {
    case 0: hook_a(t); break;
    case 1: hook_b(t); break;
    }
    if (depth <= 0)
        return;
    switch (tester_random(t, 9)) {
    case 0: plain(t, depth); break;
    case 1: many_registers(t, depth); break;
    case 2: variable_array(t, depth); break;
    case 3: realigned(t, depth); break;
    case 4: realigned_variable(t, depth); break;
    case 5: big_frame(t, depth); break;
    case 6: many_arguments(t, depth, 1, 2, 3, 4, 5, 6, 7); break;
    case 7: sorting(t, depth); break;
    default: plain(t, depth); break;
    }
    sink++;
}

#endif
