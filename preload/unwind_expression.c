/*
 * preload/unwind_expression.c - a bounded DWARF expression machine.
 *
 * See preload/unwind_expression.h. At most EXPRESSION_STEPS operations on a
 * stack of EXPRESSION_DEPTH terms; every operand comes through a checked
 * cursor, every load through the proven ranges.
 */
#if defined(__x86_64__)
#include "preload/unwind_expression.h"

#include <errno.h>

#include "preload/unwind_reach.h"

enum { EXPRESSION_DEPTH = 16, EXPRESSION_STEPS = 256 };

struct expression_machine {
    struct cfi_cursor code;
    const uint8_t *start;
    struct expression_input *in;
    struct expression_term stack[EXPRESSION_DEPTH];
    unsigned depth;
    int error;
};

int expression_read(struct expression_input *in, uint64_t address, uint64_t *value, unsigned meta)
{
    if (!reach_read(in->m, address, value))
        return -EFAULT;
    if (in->log) {
        if (in->log->at <= in->log->floor)
            return -EFAULT;
        unwind_append(in->log, address, *value, meta);
    }
    return 0;
}

static void fail(struct expression_machine *x, int error)
{
    if (!x->error)
        x->error = error;
}

static void push(struct expression_machine *x, uint64_t value, unsigned base)
{
    if (x->depth == EXPRESSION_DEPTH)
        fail(x, -EINVAL);
    else
        x->stack[x->depth++] = (struct expression_term){value, base};
}

static struct expression_term pop(struct expression_machine *x)
{
    if (x->depth)
        return x->stack[--x->depth];
    fail(x, -EINVAL);
    return (struct expression_term){0, EXPRESSION_NUMBER};
}

static uint64_t pop_number(struct expression_machine *x)
{
    struct expression_term t = pop(x);
    if (t.base != EXPRESSION_NUMBER)
        fail(x, -EINVAL);
    return t.value;
}

static void push_register(struct expression_machine *x, uint64_t reg, int64_t offset)
{
    const struct unwind_registers *r = x->in->registers;
    if (reg >= CFI_REGISTERS) {
        fail(x, -EINVAL);
        return;
    }
    x->in->used |= 1u << reg;
    if (!r && reg == CFI_RIP)
        push(x, x->in->pc + (uint64_t)offset, EXPRESSION_NUMBER);
    else if (!r)
        push(x, (uint64_t)offset, (unsigned)reg);
    else if (r->known & 1u << reg)
        push(x, r->value[reg] + (uint64_t)offset, EXPRESSION_NUMBER);
    else
        fail(x, -EAGAIN);
}

static void load(struct expression_machine *x, unsigned bytes)
{
    uint64_t address = pop_number(x), low, high = 0;
    unsigned shift = 8 * (address & 7);
    if (!x->in->registers || bytes == 0 || bytes > 8)
        fail(x, -EINVAL);
    if (x->error)
        return;
    int r = expression_read(x->in, address & ~7ull, &low, META_EXTRA);
    if (!r && (address & 7) + bytes > 8)
        r = expression_read(x->in, (address & ~7ull) + 8, &high, META_EXTRA);
    if (r) {
        fail(x, r);
        return;
    }
    uint64_t v = shift ? low >> shift | high << (64 - shift) : low;
    push(x, bytes == 8 ? v : v & ((1ull << (8 * bytes)) - 1), EXPRESSION_NUMBER);
}

static void arithmetic(struct expression_machine *x, unsigned op)
{
    if (op == 0x22 || op == 0x1c) {   /* plus and minus keep a base */
        struct expression_term b = pop(x), a = pop(x);
        if (op == 0x22 && a.base == EXPRESSION_NUMBER) {
            struct expression_term t = a;
            a = b;
            b = t;
        }
        if (b.base != EXPRESSION_NUMBER)
            fail(x, -EINVAL);
        push(x, op == 0x22 ? a.value + b.value : a.value - b.value, a.base);
        return;
    }
    uint64_t b = pop_number(x), a = pop_number(x), v = 0;
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    switch (op) {
    case 0x1a: v = a & b; break;
    case 0x1b:
        if (!b)
            fail(x, -EINVAL);
        else
            v = sb == -1 ? -a : (uint64_t)(sa / sb);
        break;
    case 0x1d:
        if (!b)
            fail(x, -EINVAL);
        else
            v = a % b;
        break;
    case 0x1e: v = a * b; break;
    case 0x21: v = a | b; break;
    case 0x24: v = b < 64 ? a << b : 0; break;
    case 0x25: v = b < 64 ? a >> b : 0; break;
    case 0x26: v = (uint64_t)(sa >> (b < 64 ? b : 63)); break;
    case 0x27: v = a ^ b; break;
    case 0x29: v = a == b; break;
    case 0x2a: v = sa >= sb; break;
    case 0x2b: v = sa > sb; break;
    case 0x2c: v = sa <= sb; break;
    case 0x2d: v = sa < sb; break;
    case 0x2e: v = a != b; break;
    }
    push(x, v, EXPRESSION_NUMBER);
}

static void shuffle(struct expression_machine *x, unsigned op)
{
    unsigned index = op == 0x14 ? 1 : op == 0x15 ? (unsigned)cursor_fixed(&x->code, 1) : 0;
    struct expression_term a, b, c;
    switch (op) {
    case 0x12: case 0x14: case 0x15:   /* dup, over, pick */
        if (index >= x->depth)
            fail(x, -EINVAL);
        else
            push(x, x->stack[x->depth - 1 - index].value, x->stack[x->depth - 1 - index].base);
        break;
    case 0x13: pop(x); break;
    case 0x16:
        a = pop(x), b = pop(x);
        push(x, a.value, a.base), push(x, b.value, b.base);
        break;
    case 0x17:
        a = pop(x), b = pop(x), c = pop(x);
        push(x, a.value, a.base), push(x, c.value, c.base), push(x, b.value, b.base);
        break;
    }
}

static void constant(struct expression_machine *x, unsigned op)
{
    uint64_t v = 0;
    switch (op) {
    case 0x03: case 0x0e: case 0x0f: v = cursor_fixed(&x->code, 8); break;
    case 0x08: v = cursor_fixed(&x->code, 1); break;
    case 0x09: v = (uint64_t)(int64_t)(int8_t)cursor_fixed(&x->code, 1); break;
    case 0x0a: v = cursor_fixed(&x->code, 2); break;
    case 0x0b: v = (uint64_t)(int64_t)(int16_t)cursor_fixed(&x->code, 2); break;
    case 0x0c: v = cursor_fixed(&x->code, 4); break;
    case 0x0d: v = (uint64_t)(int64_t)(int32_t)cursor_fixed(&x->code, 4); break;
    case 0x10: v = cursor_uleb(&x->code); break;
    case 0x11: v = (uint64_t)cursor_sleb(&x->code); break;
    }
    push(x, v, EXPRESSION_NUMBER);
}

static void jump(struct expression_machine *x, bool always)
{
    int64_t distance = (int16_t)cursor_fixed(&x->code, 2);
    if (!always && pop_number(x) == 0)
        return;
    if (distance < x->start - x->code.at || distance > x->code.end - x->code.at)
        fail(x, -EINVAL);
    else
        x->code.at += distance;
}

static void unary(struct expression_machine *x, unsigned op)
{
    struct expression_term t = pop(x);
    if (op == 0x23) {   /* plus_uconst keeps a base */
        push(x, t.value + cursor_uleb(&x->code), t.base);
        return;
    }
    if (t.base != EXPRESSION_NUMBER)
        fail(x, -EINVAL);
    switch (op) {
    case 0x19: t.value = (int64_t)t.value < 0 ? -t.value : t.value; break;
    case 0x1f: t.value = -t.value; break;
    case 0x20: t.value = ~t.value; break;
    }
    push(x, t.value, EXPRESSION_NUMBER);
}

static void operate(struct expression_machine *x)
{
    unsigned op = (unsigned)cursor_fixed(&x->code, 1);
    switch (op) {
    case 0x06: load(x, 8); return;
    case 0x94: load(x, (unsigned)cursor_fixed(&x->code, 1)); return;
    case 0x03: case 0x08 ... 0x11: constant(x, op); return;
    case 0x12 ... 0x17: shuffle(x, op); return;
    case 0x19: case 0x1f: case 0x20: case 0x23: unary(x, op); return;
    case 0x1a ... 0x1e: case 0x21: case 0x22: case 0x24 ... 0x27: case 0x29 ... 0x2e: arithmetic(x, op); return;
    case 0x28: jump(x, false); return;
    case 0x2f: jump(x, true); return;
    case 0x30 ... 0x4f: push(x, op - 0x30, EXPRESSION_NUMBER); return;
    case 0x50 ... 0x6f: push_register(x, op - 0x50, 0); return;
    case 0x70 ... 0x8f: push_register(x, op - 0x70, cursor_sleb(&x->code)); return;
    case 0x92: {
        uint64_t reg = cursor_uleb(&x->code);
        push_register(x, reg, cursor_sleb(&x->code));
        return;
    }
    case 0x96: return;
    }
    fail(x, -EINVAL);
}

int expression_run(struct cfi_cursor c, struct expression_input *in, const uint64_t *initial, struct expression_term *result)
{
    struct expression_machine x;   /* its stack needs no clearing */
    x.code = c;
    x.start = c.at;
    x.in = in;
    x.depth = 0;
    x.error = 0;
    if (initial)
        push(&x, *initial, EXPRESSION_NUMBER);
    for (unsigned steps = 0; x.code.at < x.code.end && !x.code.bad && !x.error; steps++) {
        if (steps == EXPRESSION_STEPS)
            return -EINVAL;
        operate(&x);
    }
    *result = pop(&x);
    return x.code.bad ? -EINVAL : x.error;
}
#endif
