/*
 * preload/filter.c - see filter.h. The language is the kernel's classic BPF, as
 * far as seccomp takes it: seccomp(2), Documentation/networking/filter.rst.
 */
#include "preload/filter.h"

#include <string.h>

#include "preload/unwind_reach.h"

enum { STEPS_MAX = BPF_MAXINSNS };

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static bool alu(struct machine *m, unsigned code, uint32_t k)
{
    uint32_t by = BPF_SRC(code) == BPF_X ? m->x : k;
    switch (BPF_OP(code)) {
    case BPF_ADD: m->a += by; return true;
    case BPF_SUB: m->a -= by; return true;
    case BPF_MUL: m->a *= by; return true;
    case BPF_DIV: m->a = by ? m->a / by : 0; return by != 0;
    case BPF_OR: m->a |= by; return true;
    case BPF_AND: m->a &= by; return true;
    case BPF_XOR: m->a ^= by; return true;
    case BPF_LSH: m->a = by < 32 ? m->a << by : 0; return true;
    case BPF_RSH: m->a = by < 32 ? m->a >> by : 0; return true;
    case BPF_NEG: m->a = -m->a; return true;
    default: return false;
    }
}

/* How many instructions further on; the next one is 0. */
static uint32_t jump(const struct machine *m, const struct sock_filter *i)
{
    uint32_t by = BPF_SRC(i->code) == BPF_X ? m->x : i->k;
    bool so;
    switch (BPF_OP(i->code)) {
    case BPF_JA: return i->k;
    case BPF_JEQ: so = m->a == by; break;
    case BPF_JGT: so = m->a > by; break;
    case BPF_JGE: so = m->a >= by; break;
    case BPF_JSET: so = (m->a & by) != 0; break;
    default: return UINT32_MAX;
    }
    return so ? i->jt : i->jf;
}

static bool load(const struct machine *m, const struct sock_filter *i, const struct seccomp_data *call, uint32_t *to)
{
    switch (BPF_MODE(i->code)) {
    case BPF_IMM: *to = i->k; return true;
    case BPF_LEN: *to = sizeof *call; return true;
    case BPF_MEM: *to = m->memory[i->k % BPF_MEMWORDS]; return true;
    case BPF_ABS:
        if (i->k > sizeof *call - sizeof *to)
            return false;
        memcpy(to, (const char *)call + i->k, sizeof *to);
        return true;
    default: return false;
    }
}

bool filter_allows(const struct sock_fprog *program, const struct seccomp_data *call)
{
    struct machine m = {0};
    uint32_t at = 0;
    if (!reach_probe((uint64_t)program) || !reach_probe((uint64_t)&program->filter))
        return false;
    for (unsigned steps = 0; at < program->len && steps < STEPS_MAX; steps++, at++) {
        const struct sock_filter *i = &program->filter[at];
        uint32_t action, by;
        if (!reach_probe((uint64_t)i))
            return false;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            if (!load(&m, i, call, &m.a))
                return false;
            break;
        case BPF_LDX:
            if (!load(&m, i, call, &m.x))
                return false;
            break;
        case BPF_ST: m.memory[i->k % BPF_MEMWORDS] = m.a; break;
        case BPF_STX: m.memory[i->k % BPF_MEMWORDS] = m.x; break;
        case BPF_ALU:
            if (!alu(&m, i->code, i->k))
                return false;
            break;
        case BPF_JMP:
            by = jump(&m, i);
            if (by >= program->len - at)
                return false;
            at += by;
            break;
        case BPF_MISC:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                m.x = m.a;
            else
                m.a = m.x;
            break;
        case BPF_RET:
            action = (BPF_RVAL(i->code) == BPF_A ? m.a : i->k) & SECCOMP_RET_ACTION_FULL;
            return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
        }
    }
    return false;
}
