/*
 * preload/unwind.c - the incremental walk; see preload/unwind.h.
 *
 * Runs in the traced thread, in a hook that keeps itself from being entered
 * twice: a walk must not begin on a memory while another is under way on it.
 * The same stack as last time is recognised by comparing words (unwind_full),
 * and anything else is walked by cached rules until it meets the old stack
 * (walk). Most walks never come here: see unwind_quick.c. unwind_memory.h says what is kept and why it is
 * enough; unwind_step.h has the steps that are out of the ordinary.
 *
 * A stack deeper than WIRE_FRAMES_MAX is cut to its innermost
 * UNWIND_KEPT_FRAMES - 1 frames, so that a deep recursion does not pay for a
 * sliding window at every event; it may then grow again to WIRE_FRAMES_MAX, or
 * shrink to UNWIND_CUT_FRAMES_MIN, before it is walked anew.
 *
 * The stack used here is under 1 KiB on the usual path, 3 KiB where rules are
 * built.
 */
#include "preload/unwind.h"

#include "preload/unwind_memory.h"

#if defined(__GNUC__) && !defined(__clang__)
/* No calls to memcpy: it may be hooked. No wide loads of what was stored
 * narrowly a moment ago: they wait for it. */
#pragma GCC optimize("no-tree-loop-distribute-patterns", "no-tree-slp-vectorize")
#endif

void unwind_forget(struct unwind_memory *m)
{
    m->generation = 0;
    m->count = m->frames = m->plain_from = 0;
    m->forgotten = 1;
}

bool unwind_frame(const struct unwind_memory *m, uint32_t *at, uint64_t *pc)
{
    while (*at < m->count) {
        uint32_t i = m->count - ++*at;
        if (i < m->plain_from && !(m->meta[i] & META_FRAME))
            continue;
        *pc = m->words[i].value;
        return true;
    }
    return false;
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
    uint32_t pop = pop_all(m);
    m->generation = 0;
    m->frames = 1;
    m->pushed[0] = site->pc;
    *change = (struct unwind_change){pop, 1, m->pushed};
}

uint32_t unwind_quick_caller(struct unwind_memory *m, uint64_t pc, uint64_t *pushed)
{
    if (unlikely(m->forgotten || m->frames != 1 || m->generation))
        return UNWIND_NOT_QUICK;
    if (m->pushed[0] == pc)
        return 0;
    *pushed = m->pushed[0] = pc;
    return 1 | 1 << 8;
}

#if defined(__x86_64__)

#include "preload/unwind_reach.h"
#include "preload/unwind_rules.h"
#include "preload/unwind_step.h"

/* What a walk knows of the stack before: words[0 .. keep) may still hold. */
struct remains {
    uint32_t keep;
    uint32_t count;   /* words there were */
    uint32_t frames;  /* frames there were */
};

/* FRAME words in [from, to). */
static uint32_t frames_in(const struct unwind_memory *m, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (; from < to; from++)
        n += m->meta[from] / META_FRAME & 1;
    return n;
}

/* The old frames above words[keep - 1]. The new walk's words, from `at` on, may
 * have been written over some of them. */
static inline uint32_t remains_popped(const struct unwind_memory *m, const struct remains *old, uint32_t at)
{
    if (likely(at >= old->count))
        return frames_in(m, old->keep, old->count);
    return old->frames - frames_in(m, 0, old->keep);
}

/* Was rbp this at the old frame at words[keep - 1], which is LIVE? */
static bool remains_rbp(const struct unwind_memory *m, const struct remains *old, uint32_t at, uint64_t fp)
{
    uint32_t i = old->keep;
    while (i < old->count && i < at && !(m->meta[i] & META_RBP))
        i++;
    if (i == old->count)
        return m->fp == fp;
    return i < at && m->words[i].value == fp;   /* written over: say no */
}

/* Drops the old frames that are further in than the frame the walk has reached,
 * and says whether the next one is that very frame: the same slot just below
 * the stack pointer, pc and, where it matters, rbp. */
static inline __attribute__((always_inline)) bool
remains_meet(const struct unwind_memory *m, struct remains *old, uint64_t slot, uint64_t pc, uint32_t exact, uint64_t fp_at, uint32_t at)
{
    uint32_t keep = old->keep;
    unsigned meta = 0;
    for (;; keep--) {
        while (keep && m->words[keep - 1].address < slot)
            keep--;
        meta = keep ? m->meta[keep - 1] : META_FRAME;
        if (likely((meta & (META_FRAME | META_ODD)) == META_FRAME))
            break;
    }
    old->keep = keep;
    if (!keep || m->words[keep - 1].address != slot || m->words[keep - 1].value != pc)
        return false;
    return (meta / META_EXACT & 1) == exact && (likely(!(meta & META_LIVE)) || remains_rbp(m, old, at, unwind_load(fp_at)));
}

/* Takes words [from, keep) over into the new walk. Returns their frames. */
static uint32_t remains_adopt(struct unwind_walk *w, struct remains *old, uint32_t from)
{
    struct unwind_memory *m = w->m;
    uint32_t frames = 0;
    while (old->keep > from) {
        old->keep--;
        unwind_append(w, m->words[old->keep].address, m->words[old->keep].value, m->meta[old->keep]);
        frames += m->meta[w->at] / META_FRAME & 1;
    }
    return frames;
}

/* Where rbp is at the frame whose slot is w->slot, from the words further in. */
static void walk_find_rbp(struct unwind_walk *w)
{
    struct unwind_memory *m = w->m;
    uint64_t outer = w->slot;
    w->fp_told = 1;
    for (w->fp_index = w->at; w->fp_index < UNWIND_WORDS; w->fp_index++) {
        unsigned meta = m->meta[w->fp_index];
        if (meta & META_RBP) {
            m->cell = m->words[w->fp_index].value;
            w->fp_at = (uint64_t)&m->cell;
            return;
        }
        if (!(meta & META_FRAME))
            continue;
        if (meta & META_SLOT) {
            w->fp_at = outer + 8 - 8 * (uint64_t)(meta & META_SLOT);
            w->fp_told = 0;
            return;
        }
        outer = m->words[w->fp_index].address;
    }
    w->fp_at = (uint64_t)&m->fp_now;
}

/* Everything outward of words[keep - 1] was compared, and words[differ - 1] was
 * not what it was. The walk takes over the words before it, and is at the
 * outermost of their frames again. Returns the frames taken over. */
static uint32_t walk_resume(struct unwind_walk *w, struct remains *old, uint32_t differ)
{
    struct unwind_memory *m = w->m;
    uint32_t f = differ;
    while ((m->meta[f] & (META_FRAME | META_ODD)) != META_FRAME)
        f++;
    w->pc = m->words[f].value;
    w->slot = m->words[f].address;
    w->sp = w->slot + 8;
    w->exact = m->meta[f] / META_EXACT & 1;
    uint32_t frames = remains_adopt(w, old, f + 1);
    old->keep = f;
    walk_find_rbp(w);
    if (unlikely(!reach_holds(m, w->sp)))
        reach_focus(m, w->sp);
    return frames;
}

/* Joins the new words to the kept ones, and tells the new frames. Returns their
 * number. */
static inline uint32_t walk_join(struct unwind_memory *m, uint32_t at, uint32_t keep)
{
    uint32_t pushed = 0;
    for (; at < UNWIND_WORDS; at++, keep++) {
        unsigned meta = m->meta[at];
        struct unwind_word word = m->words[at];
        m->pushed[pushed] = word.value | (uint64_t)(meta / META_EXACT & 1) << 63;
        pushed += meta / META_FRAME & 1;
        m->words[keep] = word;
        m->meta[keep] = (uint16_t)meta;
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
static void walk_truncate(struct unwind_walk *w, unsigned cut)
{
    unwind_append(w, (uint64_t)&w->m->one, WIRE_FRAME_TRUNCATED, META_FRAME | META_ODD | cut);
}

/* Goes on over frames of the usual kind, as far as the old stack or a frame of
 * another kind; which of them it is shows the caller's own look. All that
 * changes is kept in registers. Returns the frames passed. */
static inline __attribute__((always_inline)) uint32_t
walk_usual(struct unwind_walk *w, struct remains *remains, uint32_t room, uint32_t generation)
{
    struct remains old = {.keep = remains->keep, .count = remains->count, .frames = remains->frames};
    struct unwind_memory *m = w->m;
    const uint64_t high = m->ranges[0].high;
    uint64_t pc = w->pc, sp = w->sp, fp_at = w->fp_at;
    uint32_t at = w->at, fp_index = w->fp_index, fp_told = w->fp_told, frames = 0;

    for (; frames < room; frames++) {
        if (remains_meet(m, &old, sp - 8, pc, 0, fp_at, at) || at < old.keep + UNWIND_STEP_WORDS)
            break;
        uint64_t rule = rules_get(pc - 1, generation);
        if (unlikely(rule & RULE_KIND))
            break;
        uint64_t cfa = sp + 8 * (rule & RULE_OFFSET);
        uint64_t slot = rule >> (RULE_SLOT_SHIFT - 3) & 8 * META_SLOT;
        if (rule & RULE_USES_RBP) {
            cfa = unwind_load(fp_at) + 8 * (rule & RULE_OFFSET);
            uint64_t grown = cfa - sp;
            if (unlikely(grown > high - sp || grown == 0 || grown < slot || cfa & 7))
                break;
        }
        if (unlikely(cfa > high))
            break;
        uint64_t caller = unwind_load(cfa - 8);
        if (unlikely(caller == 0))
            break;
        at--;
        m->words[at].address = sp - 8;
        m->words[at].value = pc;
        m->meta[at] = (uint16_t)(META_FRAME | (rule >> RULE_SLOT_SHIFT & META_RULE));
        if (rule & RULE_USES_RBP) {
            struct unwind_walk use = {.m = m, .at = at, .fp_at = fp_at, .fp_index = fp_index, .fp_told = fp_told};
            unwind_use_rbp(&use);
            at = use.at;
            fp_index = use.fp_index;
            fp_told = 1;
        }
        fp_at = slot ? cfa - slot : fp_at;
        fp_index = slot ? at : fp_index;
        fp_told = slot ? 0 : fp_told;
        pc = caller;
        sp = cfa;
    }
    remains->keep = old.keep;
    w->pc = pc;
    w->sp = sp;
    w->slot = sp - 8;
    w->fp_at = fp_at;
    w->at = at;
    w->fp_index = fp_index;
    w->fp_told = fp_told;
    return frames;
}

/* The whole walk, after the memory was found to hold another stack. */
static inline __attribute__((always_inline)) void
walk(struct unwind_memory *m, const struct unwind_site *site, struct unwind_change *change, uint32_t generation)
{
    struct unwind_walk w = {.m = m, .pc = site->pc, .sp = site->sp, .slot = site->sp - 8, .at = UNWIND_WORDS,
                            .fp_at = (uint64_t)&m->fp_now, .fp_index = UNWIND_WORDS, .fp_told = 1};
    struct remains old = {.keep = m->count, .count = m->count, .frames = m->frames};
    uint32_t frames = 0, popped, cut = 0;
    enum unwind_step s = STEP_ON;

    m->fp_now = site->fp;
    if (unlikely(!reach_holds(m, w.sp)))
        reach_focus(m, w.sp);
    do {
        if (likely(!w.exact && w.slot == w.sp - 8))
            frames += walk_usual(&w, &old, WIRE_FRAMES_MAX - frames, generation);
        if (remains_meet(m, &old, w.sp - 8, w.pc, w.exact, w.fp_at, w.at) && w.slot == w.sp - 8) {
            if (unlikely(m->meta[old.keep - 1] & META_LIVE))
                unwind_use_rbp(&w);
            uint32_t differ = words_differ(m->words, old.keep - 1);
            if (likely(differ == 0))
                goto met;
            frames += walk_resume(&w, &old, differ);
            continue;
        }
        unwind_append(&w, w.slot, w.pc, META_FRAME | w.exact * META_EXACT | (w.slot == w.sp - 8 ? 0 : META_ODD));
        frames++;
        if (unlikely(w.at < old.keep + UNWIND_STEP_WORDS))   /* old frames so far in can only be met by a stack too deep */
            old.keep = w.at < UNWIND_STEP_WORDS ? 0 : w.at - UNWIND_STEP_WORDS;
        if (unlikely(frames >= WIRE_FRAMES_MAX || w.at < UNWIND_STEP_WORDS)) {
            s = STEP_STOP;
            cut = META_CUT;
            old.keep = 0;
            frames = walk_cut(&w, &old, frames);
        } else {
            s = step_slow(&w, generation);
        }
    } while (s == STEP_ON);
    old.keep = 0;
    if (s == STEP_STOP) {
        walk_truncate(&w, cut);
        frames++;
    }
met:
    popped = remains_popped(m, &old, w.at);
    if (unlikely(old.frames - popped + frames > WIRE_FRAMES_MAX)) {
        popped = old.frames;
        frames = walk_cut(&w, &old, frames) + 1;
        walk_truncate(&w, META_CUT);
    }
    change->pop = popped;
    change->push = walk_join(m, w.at, old.keep);
    change->pushed = m->pushed;
    m->frames = old.frames - popped + frames;
    m->fp = site->fp;
    unwind_settle(m);
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
    m->trails_epoch++;
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
    if (unlikely(load_relaxed(&rules_generation) != m->generation ||  /* found out by this very walk */
                 (m->meta[0] & META_CUT && m->frames < UNWIND_CUT_FRAMES_MIN))) {
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
    unwind_unsettle(m);
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

uint32_t unwind_quick(struct unwind_memory *m, uint64_t pc, uint64_t sp, uint64_t fp, uint64_t *pushed)
{
    (void)m, (void)pc, (void)sp, (void)fp, (void)pushed;
    return UNWIND_NOT_QUICK;
}

void unwind_told(struct unwind_memory *m)
{
    (void)m;
}

void unwind_modules_changed(void)
{
}

#endif
