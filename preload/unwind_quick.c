/*
 * preload/unwind_quick.c - the walk as it mostly is; see unwind_quick in unwind.h.
 *
 * Runs in the traced thread, in a hook. From the leaf outwards, each frame by a
 * plain rule, until the old stack is met, which is unchanged from there on. The
 * rules come from the trail of the walk that last began here, as long as the pcs
 * are the same: then no load waits for a rule. Nothing is written before all is
 * known to be well, but to the trail, which is only a guess.
 *
 * Two loops: for plain stacks, where rbp matters to no rule (programs without
 * frame pointers), and for the others. In a large program what our code costs is
 * its fetching, more than its running: the first is short, and not unrolled.
 */
#include "preload/unwind.h"
#include "preload/unwind_memory.h"

#if defined(__x86_64__)

#include "preload/unwind_reach.h"
#include "preload/unwind_rules.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os", "no-tree-loop-distribute-patterns", "no-tree-slp-vectorize")
#endif

/* The walk's frames until the old stack, innermost first. rbp matters where a
 * rule uses it: then the frames that pass it on unchanged are LIVE, and the word
 * that it was saved in is kept (see unwind_memory.h). */
struct steps {
    uint64_t slot[UNWIND_QUICK_PUSH_MAX + 1]; /* one more: of the frame met */
    uint64_t pc[UNWIND_QUICK_PUSH_MAX];
    uint8_t rule[UNWIND_QUICK_PUSH_MAX];
    uint32_t live;    /* bit n: frame n is */
    uint32_t savers;  /* bit n: the rbp that frame n saved is used */
};

/* Where rbp is at the frame reached: saved by the `behind`th frame before, the
 * innermost being the first, or (0) as the walk began. */
struct rbp {
    uint64_t at;
    uint32_t behind;
};

static inline uint64_t rbp_value(const struct rbp *r, uint64_t fp)
{
    return r->behind ? unwind_load(r->at) : fp;
}

/* The frames [behind, end) pass rbp on to where it is used. */
static inline void rbp_used(struct steps *s, const struct rbp *r, uint32_t end)
{
    s->live |= (1u << end) - (1u << r->behind);
    s->savers |= (1u << r->behind) >> 1;
}

/* The frame met is LIVE: is rbp there what it was? */
static bool rbp_holds(const struct unwind_memory *m, uint32_t keep, uint64_t value)
{
    for (uint32_t i = keep; i < m->count; i++)
        if (m->meta[i] & META_RBP)
            return m->words[i].value == value;
    return m->fp == value;
}

static inline struct unwind_trail *trail_of(struct unwind_memory *m, uint64_t pc, uint64_t sp)
{
    uint64_t key = (pc ^ sp << 20) * 0x9e3779b97f4a7c15u;
    return &m->trails[key >> (64 - UNWIND_TRAIL_BITS)];
}

/* The walk has left the trail, or gone beyond it. */
static inline void trail_note(struct unwind_memory *m, struct unwind_trail *t, uint32_t n, uint64_t pc, uint64_t rule)
{
    uint16_t plain = t->plain < n ? t->plain : (uint16_t)n;
    if (n > t->count)
        return; /* a trail has no gaps */
    t->plain = plain + (plain == n && !(rule & RULE_USES_RBP));
    t->epoch = m->trails_epoch;
    t->told = t->told < n ? t->told : (uint16_t)n;
    t->pc[n] = pc;
    t->words[n] = rule & RULE_OFFSET;
    t->rule[n] = rule >> RULE_SLOT_SHIFT & META_RULE;
    t->count = (uint8_t)(n + 1);
}

/* The kept words, and the new ones over what was above them. */
static inline __attribute__((always_inline)) void
steps_join(struct unwind_memory *m, const struct steps *s, uint32_t n, uint32_t keep, uint64_t *pushed)
{
    while (n-- > 0) {
        if (unlikely(s->savers >> n & 1)) {
            uint64_t at = s->slot[n + 1] + 8 - 8 * (uint64_t)(s->rule[n] & META_SLOT);
            m->words[keep] = (struct unwind_word){at, unwind_load(at)};
            m->meta[keep++] = META_RBP;
        }
        m->words[keep] = (struct unwind_word){s->slot[n], s->pc[n]};
        m->meta[keep++] = (uint16_t)(META_FRAME | s->rule[n] | (s->live >> n & 1) * META_LIVE);
        *pushed++ = s->pc[n];
    }
    m->count = keep;
}

void unwind_settle(struct unwind_memory *m)
{
    uint32_t i = m->count;
    if (!(m->meta[0] & META_CUT) && m->count <= UNWIND_PLAIN_WORDS)
        while (i && (m->meta[i - 1] & ~META_SLOT) == META_FRAME)
            i--;
    m->plain_from = i;
}

void unwind_unsettle(struct unwind_memory *m)
{
    for (uint32_t i = m->plain_from; i < m->count; i++) {
        uint64_t key = m->words[i].value - 1, rule = rules_get(key, m->generation);
        if (unlikely(rule_kind(rule) == RULE_MISS))
            rule = rules_build(key, m->generation);
        m->meta[i] = META_FRAME | (rule >> RULE_SLOT_SHIFT & META_SLOT);
    }
    m->plain_from = m->count;
}

static __attribute__((noinline)) uint32_t
quick_with_rbp(struct unwind_memory *m, struct unwind_trail *t, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t *pushed)
{
    const uint64_t high = m->ranges[0].high;
    uint32_t known = t->epoch == m->trails_epoch ? t->count : 0;
    uint32_t keep = m->count, popped = 0, n = 0;
    struct rbp rbp = {0, 0};
    struct steps s;

    s.live = s.savers = 0;
    for (;; n++) {
        const struct unwind_word *w;
        uint64_t cfa, words, rule;
        unsigned meta;
        s.slot[n] = sp - 8;
        for (;; keep--) { /* frames further in are gone */
            if (unlikely(keep == 0))
                return UNWIND_NOT_QUICK;
            w = &m->words[keep - 1];
            meta = m->meta[keep - 1];
            if (w->address >= sp - 8 && (meta & (META_FRAME | META_ODD)) == META_FRAME)
                break;
            popped += meta / META_FRAME & 1;
        }
        if (w->address == sp - 8 && w->value == pc && !(meta & META_EXACT)) {
            if (likely(!(meta & META_LIVE)))
                break;
            if (!rbp_holds(m, keep, rbp_value(&rbp, fp)))
                return UNWIND_NOT_QUICK;
            rbp_used(&s, &rbp, n);
            break;
        }
        if (unlikely(n == UNWIND_QUICK_PUSH_MAX))
            return UNWIND_NOT_QUICK;
        if (likely(n < known && t->pc[n] == pc)) {
            words = t->words[n];
            rule = t->rule[n];
        } else {
            uint64_t found = rules_get(pc - 1, m->generation);
            if (unlikely(found & RULE_KIND))
                return UNWIND_NOT_QUICK;
            words = found & RULE_OFFSET;
            rule = found >> RULE_SLOT_SHIFT & META_RULE;
            known = 0;
            if (n < UNWIND_TRAIL_FRAMES)
                trail_note(m, t, n, pc, found);
        }
        s.pc[n] = pc;
        s.rule[n] = (uint8_t)rule;
        cfa = sp + 8 * words;
        if (unlikely(rule & META_USES_RBP)) {
            cfa = rbp_value(&rbp, fp) + 8 * words;
            if (unlikely(cfa - sp - 1 >= high - sp || cfa - sp < 8 * (rule & META_SLOT) || cfa & 7))
                return UNWIND_NOT_QUICK;
            rbp_used(&s, &rbp, n + 1);
        }
        if (unlikely(cfa > high))
            return UNWIND_NOT_QUICK;
        rbp = rule & META_SLOT ? (struct rbp){cfa - 8 * (rule & META_SLOT), n + 1} : rbp;
        pc = unwind_load(cfa - 8);
        sp = cfa;
    }
    if (unlikely(words_differ(m->words, keep - 1) || m->meta[0] & META_CUT || popped > UNWIND_QUICK_POP_MAX ||
                 m->frames - popped + n > WIRE_FRAMES_MAX || keep + 2 * n > UNWIND_WORDS / 2))
        return UNWIND_NOT_QUICK;
    steps_join(m, &s, n, keep, pushed);
    m->frames += n - popped;
    m->fp = fp;
    unwind_settle(m);
    m->last_push = n;
    return popped | n << 8 | (n <= t->told ? 0 : UNWIND_FRESH);
}

/* From the nth frame's stack pointer to its CFA, or 0: its rule is not plain.
 * The rule goes on the trail. */
static __attribute__((noinline)) uint64_t plain_words(struct unwind_memory *m, struct unwind_trail *t, uint32_t n, uint64_t pc)
{
    uint64_t rule = rules_get(pc - 1, m->generation);
    if (rule & (RULE_KIND | RULE_USES_RBP))
        return 0;
    if (n < UNWIND_TRAIL_FRAMES)
        trail_note(m, t, n, pc, rule);
    return rule & RULE_OFFSET;
}

__attribute__((hot)) uint32_t
unwind_quick(struct unwind_memory *m, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t *pushed)
{
    struct unwind_trail *t = trail_of(m, pc, sp);
    uint64_t slots[UNWIND_QUICK_PUSH_MAX], pcs[UNWIND_QUICK_PUSH_MAX], slot = sp - 8, words;
    const uint64_t last = m->ranges[0].high - 8;
    struct unwind_word *w = m->words + m->count, *end = w;
    const struct unwind_word *deep, *plain = m->words + m->plain_from;
    uint32_t n = 0, pop;

    if (unlikely(m->generation != load_acquire(&rules_generation) || !reach_holds(m, sp)))
        return UNWIND_NOT_QUICK;
    m->last_trail = t;
    if (unlikely(w == plain))
        return quick_with_rbp(m, t, pc, sp, fp, pushed);
    if (unlikely(t->epoch != m->trails_epoch))
        t->plain = t->count = t->told = 0;
    for (;;) {
        do {
            if (unlikely(w == plain))
                return UNWIND_NOT_QUICK;
            w--;
        } while (w->address < slot);
        if (w->address != slot || w->value != pc) {
            w++;
            if (unlikely(n == UNWIND_QUICK_PUSH_MAX))
                return UNWIND_NOT_QUICK;
            slots[n] = slot;
            pcs[n++] = pc;
        } else {
            for (deep = w;; deep--) {
                if (deep == m->words)
                    goto met;
                if (unlikely(unwind_load(deep[-1].address) != deep[-1].value))
                    break;
            }
            /* The same frames as far as *deep, and then another caller. */
            for (; w >= deep; w--) {
                if (unlikely(w < plain || n == UNWIND_QUICK_PUSH_MAX))
                    return UNWIND_NOT_QUICK;
                slots[n] = slot = w->address;
                pcs[n++] = pc = w->value;
            }
            w++;
        }
        words = n <= t->plain && t->pc[n - 1] == pc ? t->words[n - 1] : plain_words(m, t, n - 1, pc);
        slot += 8 * words;
        if (unlikely(slot > last || !words))
            return UNWIND_NOT_QUICK;
        pc = unwind_load(slot);
    }
met:
    pop = (uint32_t)(end - ++w);
    if (unlikely(pop > UNWIND_QUICK_POP_MAX || m->count - pop + n > UNWIND_PLAIN_WORDS))
        return UNWIND_NOT_QUICK;
    m->count += n - pop;
    m->frames += n - pop;
    m->fp = fp;
    m->last_push = n;
    pop |= n << 8 | (n <= t->told ? 0 : UNWIND_FRESH);
    while (n-- > 0) {
        *w++ = (struct unwind_word){slots[n], pcs[n]};
        *pushed++ = pcs[n];
    }
    return pop;
}

void unwind_told(struct unwind_memory *m)
{
    struct unwind_trail *t = m->last_trail;
    if (t)
        t->told = (uint16_t)(m->last_push < t->count ? m->last_push : t->count);
}

#endif
