/*
 * preload/unwind_rules.c - fills the cache of unwind rules.
 *
 * See preload/unwind_rules.h. Any thread may build any rule at any time: two
 * that build the same store the same word. A builder that finds the generation
 * changed behind its back takes its entry out again: rules_invalidate() moves
 * the generation first, so either it is seen here, or the entry bears a
 * generation that is over. Generations are told apart modulo 64, and the table
 * is wiped whenever they wrap.
 */
#if defined(__x86_64__)
#include "preload/unwind_rules.h"

#include <errno.h>

#include "preload/unwind_expression.h"
#include "preload/unwind_modules.h"

atomic_u64 rules_table[RULE_WAYS << RULE_BUCKET_BITS] __attribute__((aligned(64)));
atomic_u32 rules_generation = 1;

static uint64_t rule_make(enum rule_kind kind, bool rbp, unsigned slot, uint64_t offset)
{
    return (uint64_t)kind << RULE_KIND_SHIFT | (rbp ? RULE_USES_RBP : 0) | (uint64_t)slot << RULE_SLOT_SHIFT | offset;
}

/* CFA = register + offset, said so or by an expression that amounts to it. */
static bool row_linear(const struct cfi_row *row, const struct cfi_tables *t, uint64_t key, unsigned *reg, int64_t *offset)
{
    if (row->cfa_how == CFI_CFA_REGISTER) {
        *reg = row->cfa_register;
        *offset = row->cfa_value;
        return true;
    }
    struct expression_term at[2];
    for (unsigned i = 0; i < 2; i++) {   /* as an exact pc and as a return address less one: must not matter */
        struct expression_input in = {.registers = NULL, .pc = key + i};
        if (expression_run(cfi_expression(t, row->cfa_value), &in, NULL, &at[i]))
            return false;
    }
    *reg = at[0].base;
    *offset = (int64_t)at[0].value;
    return at[0].base == at[1].base && at[0].value == at[1].value;
}

/* CFA = *(rbp + offset), as functions that realign their stack have it. */
static bool row_deref(const struct cfi_row *row, const struct cfi_tables *t, int64_t *offset)
{
    if (row->cfa_how != CFI_CFA_EXPRESSION)
        return false;
    struct cfi_cursor c = cfi_expression(t, row->cfa_value);
    if (cursor_fixed(&c, 1) != 0x70 + CFI_RBP)
        return false;
    *offset = cursor_sleb(&c);
    return cursor_fixed(&c, 1) == 0x06 && !c.bad && c.at == c.end;
}

/* Where the row has the caller's rbp, as a rule's slot; -1: a rule cannot say. */
static int row_slot(const struct cfi_row *row, const struct cfi_tables *t)
{
    int64_t at = row->value[CFI_RBP];
    if (row->how[CFI_RBP] == CFI_SAME)
        return 0;
    if (row->how[CFI_RBP] == CFI_OFFSET)
        return at % 8 == 0 && at <= -16 && at >= -8 * RULE_SLOT_MAX ? (int)(-at / 8) : -1;
    if (row->how[CFI_RBP] == CFI_EXPRESSION) {
        struct cfi_cursor c = cfi_expression(t, (int32_t)at);
        if (cursor_fixed(&c, 1) == 0x70 + CFI_RBP && cursor_sleb(&c) == 0 && !c.bad && c.at == c.end)
            return RULE_SLOT_AT_RBP;
    }
    return -1;
}

static uint64_t rule_of(const struct cfi_row *row, const struct cfi_tables *t, uint64_t key)
{
    unsigned reg;
    int64_t offset;
    int slot = row_slot(row, t);
    if (row->how[CFI_RIP] == CFI_UNDEFINED)
        return rule_make(RULE_END, false, 0, 0);
    if (row->signal || row->how[CFI_RIP] != CFI_OFFSET || row->value[CFI_RIP] != -8 ||
        row->how[CFI_RSP] != CFI_SAME || slot < 0)
        return rule_make(RULE_COMPLEX, false, 0, 0);
    if (row_deref(row, t, &offset) && offset % 8 == 0 && offset <= 0 && -offset / 8 <= RULE_OFFSET)
        return rule_make(RULE_DEREF, true, (unsigned)slot, (uint64_t)(-offset / 8));
    if (slot <= RULE_SLOT_MAX && row_linear(row, t, key, &reg, &offset) && (reg == CFI_RSP || reg == CFI_RBP) &&
        offset % 8 == 0 && offset >= 8 && offset / 8 <= RULE_OFFSET && (reg == CFI_RBP || slot <= offset / 8))
        return rule_make(RULE_SIMPLE, reg == CFI_RBP, (unsigned)slot, (uint64_t)(offset / 8));
    return rule_make(RULE_COMPLEX, false, 0, 0);
}

int rules_row(uint64_t key, struct cfi_row *row, struct cfi_tables *tables)
{
    int r = modules_tables(key, tables);
    return r ? r : cfi_row_at(tables, key, row);
}

/* An empty way of the bucket, else a void one, else one that changes by key. */
static atomic_u64 *rules_way(uint64_t key, uint32_t generation)
{
    atomic_u64 *bucket = rules_bucket(key);
    uint64_t now = generation % RULE_GENERATIONS;
    for (int i = 0; i < RULE_WAYS; i++) {
        uint64_t held = load_relaxed(&bucket[i]);
        if (!held || (held >> RULE_GENERATION_SHIFT) % RULE_GENERATIONS != now)
            return &bucket[i];
    }
    return &bucket[(key * 0x9e3779b97f4a7c15u) >> 62];
}

uint64_t rules_build(uint64_t key, uint32_t generation)
{
    struct cfi_row row;
    struct cfi_tables tables;
    uint64_t rule;
    int r = modules_tables(key, &tables);
    if (r)   /* no module: code made at run time, which nobody tells us when it goes */
        return rule_make(RULE_NONE, false, 0, 0);
    r = cfi_row_at(&tables, key, &row);
    if (!r)
        rule = rule_of(&row, &tables, key);
    /* A return address that is a function's first one, with nothing before it,
     * was not left by a call: the stack was made to begin there (makecontext). */
    else if (r == -ENOENT && cfi_begins(&tables, key + 1))
        rule = rule_make(RULE_END, false, 0, 0);
    else
        rule = rule_make(RULE_NONE, false, 0, 0);
    atomic_u64 *way = rules_way(key, generation);
    uint64_t entry = rule | rules_tag(key, generation) << RULE_GENERATION_SHIFT;
    store_relaxed(way, entry);
    fence_full();
    if (load_relaxed(&rules_generation) != generation)
        (void)cas_acq_rel(way, entry, (uint64_t)0);
    return rule;
}

void rules_invalidate(void)
{
    uint32_t next = add_relaxed(&rules_generation, 1) + 1;
    if (next == 0)
        next = add_relaxed(&rules_generation, 1) + 1;
    fence_full();
    if (next % RULE_GENERATIONS == 0)
        for (size_t i = 0; i < sizeof rules_table / sizeof *rules_table; i++)
            if (load_relaxed(&rules_table[i]))
                store_relaxed(&rules_table[i], 0);
}
#endif
