/*
 * preload/unwind_step.c - see preload/unwind_step.h.
 *
 * A row that needs only rsp, rbp and the pc is applied as it stands, and every
 * word it reads is logged, so that later walks can compare it. A row that
 * needs another register is applied with registers found by unwinding from
 * this very function, all of them tracked, through our own frames as far as
 * the frame in question; nothing says when such a register changes, so a word
 * that never compares equal is put before it.
 */
#if defined(__x86_64__)
#include "preload/unwind_step.h"

#include <errno.h>

#include "preload/unwind_expression.h"
#include "preload/unwind_reach.h"

enum { CAREFUL_FRAMES_MAX = WIRE_FRAMES_MAX + 64, WALK_REGISTERS = 1u << CFI_RBP | 1u << CFI_RSP | 1u << CFI_RIP };

/* ---- rows, applied to registers ------------------------------------------- */

/* What the caller's register was, and the slot it was read from, if any. */
struct found {
    uint64_t value, slot;
    bool known;
};

/* 0 or an error of expression_run. */
static int row_register(const struct cfi_row *row, const struct cfi_tables *t, unsigned reg, uint64_t cfa,
                        struct expression_input *in, struct found *f)
{
    struct expression_term term;
    int64_t n = row->value[reg];

    *f = (struct found){.known = true};
    switch (row->how[reg]) {
    case CFI_SAME:
    case CFI_REGISTER:
        n = row->how[reg] == CFI_SAME ? (int64_t)reg : n;
        if (n < 0 || n >= CFI_REGISTERS)
            return -EINVAL;
        in->used |= 1u << n;
        f->known = in->registers->known >> n & 1;
        f->value = in->registers->value[n];
        return 0;
    case CFI_UNDEFINED:
        f->known = false;
        return 0;
    case CFI_VAL_OFFSET:
        f->value = cfa + (uint64_t)n;
        return 0;
    case CFI_OFFSET:
        f->slot = cfa + (uint64_t)n;
        break;
    default: {
        int e = expression_run(cfi_expression(t, (int32_t)n), in, &cfa, &term);
        if (e)
            return e;
        if (row->how[reg] == CFI_VAL_EXPRESSION) {
            f->value = term.value;
            return 0;
        }
        f->slot = term.value;
    }
    }
    return reach_read(in->m, f->slot, &f->value) ? 0 : -EFAULT;
}

static int row_cfa(const struct cfi_row *row, const struct cfi_tables *t, struct expression_input *in, uint64_t *cfa)
{
    const struct unwind_registers *r = in->registers;
    struct expression_term term;
    if (row->cfa_how == CFI_CFA_EXPRESSION) {
        int e = expression_run(cfi_expression(t, row->cfa_value), in, NULL, &term);
        *cfa = term.value;
        return e;
    }
    in->used |= 1u << row->cfa_register;
    if (!(r->known & 1u << row->cfa_register))
        return -EAGAIN;
    *cfa = r->value[row->cfa_register] + (uint64_t)(int64_t)row->cfa_value;
    return 0;
}

/* The caller's stack pointer: the CFA, but where the row says otherwise. */
static int row_sp(const struct cfi_row *row, const struct cfi_tables *t, uint64_t cfa, struct expression_input *in, uint64_t *sp)
{
    struct found f;
    *sp = cfa;
    if (row->how[CFI_RSP] == CFI_SAME)
        return 0;
    int e = row_register(row, t, CFI_RSP, cfa, in, &f);
    *sp = f.value;
    if (!e && f.slot && in->log && in->log->at > in->log->floor)
        unwind_append(in->log, f.slot, f.value, META_EXTRA);
    return e ? e : f.known ? 0 : -EINVAL;
}

/* ---- all registers, from here outwards ------------------------------------ */

static int registers_step(struct unwind_memory *m, struct unwind_registers *r, bool *exact)
{
    struct cfi_row row;
    struct cfi_tables t;
    struct unwind_registers next;
    struct expression_input in = {.registers = r, .m = m};
    uint64_t cfa, sp;
    int e = rules_row(r->value[CFI_RIP] - !*exact, &row, &t);

    if (!e)
        e = row_cfa(&row, &t, &in, &cfa);
    if (!e)
        e = row_sp(&row, &t, cfa, &in, &sp);
    next.known = 0;
    for (unsigned i = 0; i < CFI_REGISTERS && !e; i++) {
        struct found f;
        if (i == CFI_RSP)
            continue;
        int one = row_register(&row, &t, i, cfa, &in, &f);
        if (one && one != -EAGAIN)
            e = one;
        next.value[i] = f.value;
        next.known |= (uint32_t)(f.known && !one) << i;
    }
    if (e || !(next.known & 1u << CFI_RIP))
        return -ENOENT;
    next.value[CFI_RSP] = sp;
    next.known |= 1u << CFI_RSP;
    *exact = row.signal;
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        r->value[i] = next.value[i];
    r->known = next.known;
    return 0;
}

/* The registers at the frame that a walk has reached. */
static __attribute__((noinline)) int registers_at(const struct unwind_walk *w, struct unwind_registers *r)
{
    bool exact = true;
    *r = (struct unwind_registers){.known = 1u << CFI_RBX | 1u << CFI_RBP | 1u << CFI_RSP | 0xfu << 12 | 1u << CFI_RIP};
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "D"(r->value)
                     : "rax", "memory");
    for (unsigned i = 0; i < CAREFUL_FRAMES_MAX; i++) {
        if (r->value[CFI_RSP] == w->sp && r->value[CFI_RIP] == w->pc)
            return 0;
        if (registers_step(w->m, r, &exact))
            break;
    }
    return -ENOENT;
}

/* ---- the kinds of step ----------------------------------------------------- */

/* An RBP word that stands whether a rule uses it or not. */
static void step_tell_rbp(struct unwind_walk *w, uint64_t address, uint64_t value)
{
    unwind_append(w, address, value, META_RBP);
    w->fp_index = w->at;
    w->fp_told = 1;
}

/* The new state must be further out on the same stack, or on another one. A
 * zero return address is the stack's end, and logged as such. */
static enum unwind_step step_to(struct unwind_walk *w, struct found pc, uint64_t sp, bool signal)
{
    const struct unwind_range *here = &w->m->ranges[0];
    bool back = sp <= w->sp && sp - 8 >= here->low && sp - 8 < here->high;
    if (sp & 7 || (back && !signal))
        return STEP_STOP;
    if (pc.value == 0) {
        unwind_append(w, pc.slot ? pc.slot : (uint64_t)&w->m->zero, 0, META_EXTRA);
        return STEP_END;
    }
    w->pc = pc.value;
    w->slot = pc.slot ? pc.slot : (uint64_t)&w->m->zero;
    w->sp = sp;
    w->exact = signal;
    return STEP_ON;
}

static enum unwind_step step_simple(struct unwind_walk *w, uint64_t rule)
{
    struct unwind_memory *m = w->m;
    unsigned slot = rule >> RULE_SLOT_SHIFT & META_SLOT;
    uint64_t offset = 8 * (rule & RULE_OFFSET), cfa = w->sp + offset, fp = 0, saved;
    struct found pc = {.known = true};

    if (rule & RULE_USES_RBP)
        fp = unwind_use_rbp(w);
    if (rule_kind(rule) == RULE_DEREF) {
        if (!reach_read(m, fp - offset, &cfa))
            return STEP_STOP;
        unwind_append(w, fp - offset, cfa, META_EXTRA);
    } else if (rule & RULE_USES_RBP) {
        cfa = fp + offset;
    }
    if (slot) {
        uint64_t at = slot == RULE_SLOT_AT_RBP ? fp : cfa - 8 * slot;
        if (!reach_read(m, at, &saved))
            return STEP_STOP;
        unwind_saved_rbp(w, at);
        if (slot == RULE_SLOT_AT_RBP)   /* the slot cannot be found again from the FRAME words */
            step_tell_rbp(w, at, saved);
    }
    pc.slot = cfa - 8;
    if (!reach_read(m, pc.slot, &pc.value))
        return STEP_STOP;
    return step_to(w, pc, cfa, false);
}

/* A frame's row applied: its caller's registers. */
struct applied {
    uint64_t sp;
    struct found pc, fp;
    uint32_t used;
};

/* One try at a row with the registers there are. */
static int row_apply(struct unwind_walk *w, const struct cfi_row *row, const struct cfi_tables *t,
                     const struct unwind_registers *r, bool log, struct applied *a)
{
    struct expression_input in = {.registers = r, .m = w->m, .log = log ? w : NULL};
    uint64_t cfa;
    int e = row_cfa(row, t, &in, &cfa);
    if (!e)
        e = row_sp(row, t, cfa, &in, &a->sp);
    if (!e)
        e = row_register(row, t, CFI_RIP, cfa, &in, &a->pc);
    if (!e && !a->pc.known)
        e = -EAGAIN;
    if (!e)
        e = row_register(row, t, CFI_RBP, cfa, &in, &a->fp);
    if (!e && !a->fp.known && row->how[CFI_RBP] != CFI_UNDEFINED)
        e = -EAGAIN;
    a->used = in.used;
    return e;
}

/* A word that never compares equal: no later walk takes what is beyond it for
 * unchanged because of what is before it. */
static void step_bar(struct unwind_walk *w)
{
    unwind_append(w, (uint64_t)&w->m->zero, 1, META_EXTRA);
}

static enum unwind_step step_complex(struct unwind_walk *w, uint64_t key)
{
    struct cfi_row row;
    struct cfi_tables t;
    struct unwind_registers r = {.known = WALK_REGISTERS};
    struct applied a;
    uint32_t frame = w->at;

    if (rules_row(key, &row, &t))
        return STEP_STOP;
    r.value[CFI_RBP] = unwind_load(w->fp_at);
    r.value[CFI_RSP] = w->sp;
    r.value[CFI_RIP] = w->pc;
    int e = row_apply(w, &row, &t, &r, true, &a);
    if (e == -EAGAIN) {
        w->at = frame;
        step_bar(w);
        e = registers_at(w, &r);
        if (!e)
            e = row_apply(w, &row, &t, &r, false, &a);
    }
    if (e)
        return STEP_STOP;
    unsigned meta = (a.used & 1u << CFI_RBP ? META_USES_RBP : 0) | (row.how[CFI_RBP] == CFI_SAME ? 0 : RULE_SLOT_OTHER);
    w->m->meta[frame] |= (uint16_t)meta;
    if (meta & META_USES_RBP)
        unwind_use_rbp(w);
    if (meta & META_SLOT) {
        bool computed = !a.fp.slot && a.fp.known;
        if (computed)
            step_bar(w);   /* no word stands for it */
        w->m->cell = a.fp.value;
        w->fp_at = (uint64_t)&w->m->cell;
        step_tell_rbp(w, a.fp.slot ? a.fp.slot : (uint64_t)&w->m->zero, a.fp.value);
    }
    return step_to(w, a.pc, a.sp, row.signal);
}

/* Where the process's stack began: no frame lies further out. glibc's loader
 * starts programs from code without rules, whose frame lies there. */
extern void *__libc_stack_end __attribute__((weak));

static enum unwind_step step_none(const struct unwind_walk *w)
{
    return &__libc_stack_end && w->sp == (uint64_t)__libc_stack_end ? STEP_END : STEP_STOP;
}

enum unwind_step step_slow(struct unwind_walk *w, uint32_t generation)
{
    uint64_t key = w->pc - !w->exact;
    struct unwind_memory *m = w->m;
    enum unwind_step s = STEP_STOP;

    if (key >> 47 || key < 4096)
        return STEP_STOP;
    w->floor = w->at - UNWIND_STEP_WORDS + 5;  /* what is appended without a look: a bar, two RBP, a zero, a FRAME */
    uint64_t rule = rules_get(key, generation);
    if (rule_kind(rule) == RULE_MISS)
        rule = rules_build(key, generation);
    uint32_t frame = w->at;
    m->meta[frame] = (uint16_t)((m->meta[frame] & ~META_RULE) | (rule >> RULE_SLOT_SHIFT & META_RULE));
    switch (rule_kind(rule)) {
    case RULE_END: return STEP_END;
    case RULE_SIMPLE:
    case RULE_DEREF: s = step_simple(w, rule); break;
    case RULE_COMPLEX: s = step_complex(w, key); break;
    case RULE_NONE: return step_none(w);
    }
    if (s == STEP_ON && !reach_holds(m, w->sp)) {
        uint64_t top;
        if (!reach_read(m, w->sp - 8, &top))
            return STEP_STOP;
        reach_focus(m, w->sp);
    }
    return s;
}
#endif
