/*
 * preload/unwind.c - the incremental walk; see preload/unwind.h.
 *
 * Runs in the traced thread, in a hook that keeps itself from being entered
 * twice: a walk must not begin on a memory while another is under way on it.
 * Two paths: the same stack as last time is recognised by comparing words
 * (unwind_full), and anything else is walked by cached rules until it meets
 * the old stack (walk). unwind_memory.h says what is kept and why it is
 * enough; unwind_step.h has the steps that are out of the ordinary.
 *
 * A stack deeper than WIRE_FRAMES_MAX is cut to its innermost
 * UNWIND_KEPT_FRAMES - 1 frames, so that a deep recursion does not pay for a
 * sliding window at every event; it may then grow again to WIRE_FRAMES_MAX.
 *
 * The stack used here is under 1 KiB on the usual path, 3 KiB where rules are
 * built.
 */
#include "preload/unwind.h"

#include "preload/unwind_memory.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")  /* no calls to memcpy: it may be hooked */
#endif

void unwind_forget(struct unwind_memory *m)
{
    m->generation = 0;
    m->count = m->frames = 0;
    m->forgotten = 1;
}

/* Everything that was told goes; the words are void. */
static uint32_t pop_all(struct unwind_memory *m)
{
    uint32_t pop = m->forgotten ? WIRE_FRAMES_MAX + 1 : m->frames;
    m->count = m->frames = m->forgotten = 0;
    return pop;
}

void unwind_caller(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change)
{
    if (!m->forgotten && m->generation == 0 && m->frames == 1 && m->pushed[0] == site->pc) {
        *change = (struct unwind_change){0, 0, m->pushed};
        return;
    }
    uint32_t pop = pop_all(m);
    m->generation = 0;
    m->frames = 1;
    m->pushed[0] = site->pc;
    *change = (struct unwind_change){pop, 1, m->pushed};
}

#if defined(__x86_64__)

#include "preload/unwind_reach.h"
#include "preload/unwind_rules.h"
#include "preload/unwind_step.h"

/* Compares words [0, n) from the inside out. Returns how many from the outside
 * are not proven: 0, or n such that words[n - 1] differs. */
static inline __attribute__((always_inline)) uint32_t words_differ(const struct unwind_word *words, uint32_t n)
{
    while (n >= 4) {
        const struct unwind_word *w = &words[n];
        if (unlikely(unwind_load(w[-1].address) != w[-1].value))
            return n;
        if (unlikely(unwind_load(w[-2].address) != w[-2].value))
            return n - 1;
        if (unlikely(unwind_load(w[-3].address) != w[-3].value))
            return n - 2;
        if (unlikely(unwind_load(w[-4].address) != w[-4].value))
            return n - 3;
        n -= 4;
    }
    for (; n; n--)
        if (unlikely(unwind_load(words[n - 1].address) != words[n - 1].value))
            break;
    return n;
}

/* What is left of the old stack while a new walk goes on. */
struct remains {
    uint32_t keep;     /* words[0 .. keep) */
    uint32_t popped;   /* frames above them */
    uint64_t fp;       /* rbp as recorded at the outermost word above them */
};

static inline __attribute__((always_inline)) void remains_drop(const struct unwind_memory *m, struct remains *old)
{
    old->keep--;
    unsigned meta = m->meta[old->keep];
    old->popped += meta / META_FRAME & 1;
    old->fp = meta & META_RBP ? m->words[old->keep].value : old->fp;
}

/* The rbp of the frame at word `f` of the old stack, all words [f .. old->keep)
 * being proven, and rbp being `fp` at the innermost of them. */
static uint64_t remains_fp(const struct unwind_memory *m, uint32_t f, uint32_t keep, uint64_t fp)
{
    uint32_t outer = f;
    for (uint32_t i = f + 1; i < keep; i++) {
        unsigned meta = m->meta[i];
        if (meta & META_RBP)
            return m->words[i].value;
        if (!(meta & META_FRAME))
            continue;
        if (meta & META_SLOT)   /* it was not LIVE, so it was not recorded */
            return unwind_load(m->words[outer].address + 8 - 8 * (uint64_t)(meta & META_SLOT));
        outer = i;
    }
    return fp;
}

/* Takes words [from, old->keep) over into the new walk. Returns their frames. */
static uint32_t remains_adopt(struct unwind_walk *w, struct remains *old, uint32_t from)
{
    struct unwind_memory *m = w->m;
    uint32_t popped = old->popped;
    while (old->keep > from) {
        remains_drop(m, old);
        unwind_append(w, m->words[old->keep].address, m->words[old->keep].value, m->meta[old->keep] & ~META_LIVE);
    }
    return old->popped - popped;
}

/* Everything outward of words[keep - 1] was compared, and words[differ - 1] was
 * not what it was. The walk goes on from the outermost frame before it. */
static uint32_t walk_resume(struct unwind_walk *w, struct remains *old, uint32_t differ)
{
    struct unwind_memory *m = w->m;
    uint32_t f = differ;
    while ((m->meta[f] & (META_FRAME | META_ODD)) != META_FRAME)
        f++;
    w->fp = remains_fp(m, f, old->keep, w->fp);
    w->pc = m->words[f].value;
    w->slot = m->words[f].address;
    w->sp = w->slot + 8;
    w->exact = (m->meta[f] & META_EXACT) != 0;
    if (unlikely(!reach_holds(m, w->sp)))
        reach_focus(m, w->sp);
    return remains_adopt(w, old, f);
}

/* Joins the new words to the kept ones, drops what no rule further out needs,
 * and tells the new frames. Returns their number. */
static uint32_t walk_join(struct unwind_memory *m, uint32_t at, uint32_t keep)
{
    uint32_t pushed = 0;
    unsigned live = keep ? m->meta[keep - 1] & META_LIVE : 0;   /* META_LIVE or 0 */
    for (; at < UNWIND_WORDS; at++) {   /* no branch: the kinds of words follow no pattern */
        unsigned meta = m->meta[at];
        struct unwind_word word = m->words[at];
        unsigned frame = meta / META_FRAME & 1, rbp = meta / META_RBP & 1, forced = meta / META_FORCED & 1;
        unsigned uses = meta / META_USES_RBP & 1, slot = (meta & META_SLOT) != 0;
        unsigned next = uses ? META_LIVE : slot ? 0 : live;
        live = frame ? next : live;
        m->pushed[pushed] = word.value | (uint64_t)(meta / META_EXACT & 1) << 63;
        pushed += frame;
        m->words[keep] = word;
        m->meta[keep] = (uint16_t)(meta | (frame ? live : 0));
        keep += (rbp ^ 1) | forced | live / META_LIVE;
    }
    m->count = keep;
    return pushed;
}

/* The stack is too deep: only the innermost frames stay. Returns their number. */
static uint32_t walk_cut(struct unwind_walk *w, struct remains *old, uint32_t frames)
{
    const uint16_t *meta = w->m->meta;
    frames += remains_adopt(w, old, 0);
    while (frames >= UNWIND_KEPT_FRAMES || !(meta[w->at] & META_FRAME)) {
        frames -= (meta[w->at] & META_FRAME) != 0;
        w->at++;
    }
    return frames;
}

/* The outermost word of a stack that does not end where it should. */
static void walk_truncate(struct unwind_walk *w)
{
    unwind_append(w, (uint64_t)&w->m->one, WIRE_FRAME_TRUNCATED, META_FRAME | META_ODD);
}

/* Drops the old frames that are further in than a frame of the new walk, and
 * says whether the next one is that very frame: the same slot (just below the
 * stack pointer), pc and, where it matters, rbp. */
static inline __attribute__((always_inline)) bool
remains_meet(const struct unwind_memory *m, struct remains *old, uint64_t slot, uint64_t pc, uint64_t fp, uint32_t exact)
{
    while (old->keep && ((m->meta[old->keep - 1] & (META_FRAME | META_ODD)) != META_FRAME ||
                         m->words[old->keep - 1].address < slot))
        remains_drop(m, old);
    if (!old->keep)
        return false;
    unsigned meta = m->meta[old->keep - 1];
    const struct unwind_word *top = &m->words[old->keep - 1];
    return top->address == slot && top->value == pc && (meta & META_EXACT) == exact * META_EXACT &&
           (!(meta & META_LIVE) || old->fp == fp);
}

/* Goes on over frames of the usual kind, as far as the old stack or a frame of
 * another kind; which of them it is shows the caller's own look. All that
 * changes is kept in registers. Returns the frames passed. */
static inline __attribute__((always_inline)) uint32_t
walk_usual(struct unwind_walk *walk, struct remains *remains, uint32_t room, uint32_t generation)
{
    struct unwind_memory *m = walk->m;
    struct remains old = *remains;
    const uint64_t high = m->ranges[0].high;
    uint64_t pc = walk->pc, sp = walk->sp, fp = walk->fp;
    uint32_t at = walk->at, frames = 0;

    for (; frames < room; frames++) {
        if (remains_meet(m, &old, sp - 8, pc, fp, 0) || at < old.keep + UNWIND_STEP_WORDS)
            break;
        uint64_t rule = rules_get(pc - 1, generation);
        if (unlikely(rule & RULE_KIND || pc >> 47))
            break;
        uint64_t cfa = (rule & RULE_USES_RBP ? fp : sp) + 8 * (rule & RULE_OFFSET);
        uint64_t slot = rule >> (RULE_SLOT_SHIFT - 3) & 8 * META_SLOT;
        uint64_t grown = cfa - sp;
        if (unlikely(grown > high - sp || grown == 0 || grown < slot || cfa & 7))
            break;
        uint64_t caller = unwind_load(cfa - 8);
        if (unlikely(caller == 0))
            break;
        uint64_t saved_at = cfa - (slot ? slot : 8);
        uint64_t saved = unwind_load(saved_at);
        m->words[at - 1] = (struct unwind_word){sp - 8, pc};
        m->meta[at - 1] = (uint16_t)(META_FRAME | (rule >> RULE_SLOT_SHIFT & META_RULE));
        m->words[at - 2] = (struct unwind_word){saved_at, saved};
        m->meta[at - 2] = META_RBP;
        at -= 1 + (slot != 0);
        fp = slot ? saved : fp;
        pc = caller;
        sp = cfa;
    }
    walk->pc = pc;
    walk->sp = sp;
    walk->fp = fp;
    walk->slot = sp - 8;
    walk->at = at;
    *remains = old;
    return frames;
}

static __attribute__((noinline)) void
walk(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change, uint32_t generation)
{
    struct unwind_walk w = {.m = m, .pc = site->pc, .sp = site->sp, .fp = site->fp, .slot = site->sp - 8, .at = UNWIND_WORDS};
    struct remains old = {.keep = m->count, .fp = m->fp};
    uint32_t frames = 0;
    enum unwind_step s = STEP_ON;

    if (unlikely(!reach_holds(m, w.sp)))
        reach_focus(m, w.sp);
    do {
        if (!w.exact && w.slot == w.sp - 8)
            frames += walk_usual(&w, &old, WIRE_FRAMES_MAX - frames, generation);
        if (remains_meet(m, &old, w.sp - 8, w.pc, w.fp, w.exact) && w.slot == w.sp - 8) {
            uint32_t differ = words_differ(m->words, old.keep - 1);
            if (differ == 0)
                goto met;
            frames += walk_resume(&w, &old, differ);
        } else {
            unwind_append(&w, w.slot, w.pc, META_FRAME | (w.exact ? META_EXACT : 0) | (w.slot == w.sp - 8 ? 0 : META_ODD));
            frames++;
        }
        while (unlikely(old.keep && w.at - old.keep < UNWIND_STEP_WORDS))
            remains_drop(m, &old);
        if (unlikely(frames >= WIRE_FRAMES_MAX || w.at < UNWIND_STEP_WORDS)) {
            s = STEP_STOP;
            old.keep = 0;
            frames = walk_cut(&w, &old, frames);
        } else {
            s = step_slow(&w, generation);
        }
    } while (s == STEP_ON);
    old.keep = 0;
    old.popped = m->frames;
    if (s == STEP_STOP) {
        walk_truncate(&w);
        frames++;
    }
met:
    if (unlikely(m->frames - old.popped + frames > WIRE_FRAMES_MAX)) {
        frames = walk_cut(&w, &old, frames) + 1;
        walk_truncate(&w);
    }
    change->pop = old.popped;
    change->push = walk_join(m, w.at, old.keep);
    change->pushed = m->pushed;
    m->frames += frames - old.popped;
    m->fp = site->fp;
}

/* Nothing of an earlier walk can be used. */
static __attribute__((noinline)) void
walk_afresh(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change)
{
    if (!m->ready) {
        m->zero = 0;
        m->one = 1;
        for (int i = 0; i < UNWIND_RANGES; i++)
            m->ranges[i] = (struct unwind_range){0, 0};
        m->ready = 1;
    }
    m->generation = 0;
    uint32_t pop = pop_all(m);
    for (unsigned tries = 0; tries < 2 && m->generation != load_acquire(&rules_generation); tries++) {
        m->generation = load_acquire(&rules_generation);
        m->count = m->frames = 0;
        walk(m, site, change, m->generation);
    }
    change->pop = pop;
}

static __attribute__((noinline)) void
walk_again(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change)
{
    uint32_t told = m->frames;
    walk(m, site, change, m->generation);
    if (unlikely(load_relaxed(&rules_generation) != m->generation)) {  /* found out by this very walk */
        m->frames = told;
        walk_afresh(m, site, change);
    }
}

void unwind_full(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change)
{
    if (unlikely(m->generation != load_acquire(&rules_generation))) {
        walk_afresh(m, site, change);
        return;
    }
    uint32_t top = m->count - 1;   /* a stack has a frame at least */
    if (m->words[top].address != site->sp - 8 || m->words[top].value != site->pc ||
        (m->meta[top] & META_LIVE && m->fp != site->fp) || words_differ(m->words, top) != 0) {
        walk_again(m, site, change);
        return;
    }
    change->pop = change->push = 0;
    change->pushed = m->pushed;
}

void unwind_modules_changed(void)
{
    rules_invalidate();
}

#else

/* No rules are read on this architecture: the caller, and the end unknown. */
void unwind_full(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change)
{
    if (!m->forgotten && m->frames == 2 && m->pushed[1] == site->pc) {
        *change = (struct unwind_change){0, 0, m->pushed};
        return;
    }
    uint32_t pop = pop_all(m);
    m->frames = 2;
    m->pushed[0] = WIRE_FRAME_TRUNCATED;
    m->pushed[1] = site->pc;
    *change = (struct unwind_change){pop, 2, m->pushed};
}

void unwind_modules_changed(void)
{
}

#endif
