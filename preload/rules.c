/*
 * preload/rules.c - see rules.h.
 *
 * Runs in the traced thread, within a record: its guard says RECORD. What the collector
 * wrote is input: a policy is looked at once, when it is adopted, and what bounds a
 * search (counts, offsets) is used as it was then.
 *
 * Where several includes match, the finest of them decides, alone (of the equally fine the
 * first): so what an event's chance was is known from one number, which is told.
 */
#include "preload/rules.h"

#include <string.h>

#include "preload/record.h"
/* Before a record's stack is walked: one that was walked for the rules' sake alone was never told. */
static bool wanted(struct context *c)
{
    struct rules_own *own = rules_own(c);
    if (own->walked)
        unwind_forget(c->stack);
    own->walked = false;
    return true;
}

/* ---- adoption ---- */

static void locks_forget(struct rules_own *own)
{
    own->followed_count = own->ignored_count = own->pending_count = 0;
}

/* [offset, offset + n * each) lies in the policy's bytes, and 8-aligned. */
static bool inside(uint64_t bytes, uint64_t offset, uint64_t n, uint64_t each)
{
    return offset % 8 == 0 && offset <= bytes && n <= (bytes - offset) / each;
}

static uint64_t rate_of(const struct wire_rule *r, unsigned which)
{
    uint64_t rate = which == WIRE_RATE_MEMORY ? r->sample_bytes : which == WIRE_RATE_LOCKS ? r->locks_every : r->copies_every;
    return which != WIRE_RATE_MEMORY && rate <= 1 ? 0 : rate;
}

/* Nothing is passed over unseen, until take() knows better. */
static void quick_shut(struct context *c)
{
    struct rules_own *own = rules_own(c);
    c->new_gate = c->free_gate = own->simple_gate = own->quick_gate = own->locks_gate = own->copies_gate = 0;
    c->memory_left = 0;
    memset(own->single, RULES_NOT_ONE, sizeof own->single);
    memset(own->quick, 0, sizeof own->quick);
}

/* One rule that all locks, or copies, ask, wherever they are, and which does not have each of them. */
static bool single_take(struct rules_own *own, const struct wire_policy *p, unsigned which, unsigned event)
{
    uint32_t of = own->of[__builtin_ctz(event)];
    const struct wire_rule *r = &p->rules[of ? __builtin_ctz(of) : 0];
    if (!of || of & (of - 1) || of & (own->excludes | own->sited | own->stacked | own->masked) || !rate_of(r, which) ||
        (event != WIRE_RULE_LOCK && (r->size_min || r->size_max != UINT64_MAX)))
        return false;
    own->single[which] = (uint8_t)__builtin_ctz(of);
    return true;
}

/* What the thread needs of it. False: it makes no sense. */
static bool take(struct context *c, const struct wire_policy *p, uint64_t bytes)
{
    struct rules_own *own = rules_own(c);
    uint64_t words = p->born_words;
    own->ranges_count = p->ranges_count;
    if (!inside(bytes, p->ranges_offset, own->ranges_count, sizeof(struct wire_range)) ||
        !inside(bytes, p->born_offset, words, 8) || (words & (words - 1)))
        return false;
    own->policy = p;
    own->ranges = (const struct wire_range *)((const uint8_t *)p + p->ranges_offset);
    own->born = words ? (const uint64_t *)((const uint8_t *)p + p->born_offset) : NULL;
    own->born_words = words;
    own->born_tag = (uint16_t)(p->born_serial ? p->born_serial : own->gate / WIRE_GATE_SERIAL);
    own->drops_all = p->flags & WIRE_POLICY_DROPS_ALL;
    own->settles = p->flags & WIRE_POLICY_SETTLES && rules_may_settle();
    own->rules = p->includes | p->excludes;
    own->excludes = p->excludes;
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++) {
        const struct wire_rule *r = &p->rules[i];
        uint32_t flags = r->flags, events = r->events;
        if (!(own->rules >> i & 1))
            continue;
        own->sited |= flags & WIRE_RULE_SITE ? 1u << i : 0;
        own->stacked |= flags & WIRE_RULE_STACK ? 1u << i : 0;
        own->masked |= flags & WIRE_RULE_MASKED ? 1u << i : 0;
        for (unsigned bit = 0; bit < 4; bit++)
            own->of[bit] |= events >> bit & 1 ? 1u << i : 0;
    }
    if (p->flags & WIRE_POLICY_SIMPLE && p->simple < WIRE_RULES_MAX) {
        own->single[WIRE_RATE_MEMORY] = (uint8_t)p->simple;
        own->simple_gate = own->gate;
        c->new_gate = process.plain_malloc ? own->gate : 0;
    }
    own->copies_gate = single_take(own, p, WIRE_RATE_COPIES, WIRE_RULE_COPY) ? own->gate : 0;
    own->locks_gate = single_take(own, p, WIRE_RATE_LOCKS, WIRE_RULE_LOCK) && !own->owes ? own->gate : 0;
    return true;
}

/* The policy of that gate; NULL: it is the session's no longer, or does not lie where we can look. */
static const struct wire_policy *policy_of(uint32_t gate, uint64_t *bytes)
{
    const struct wire_segment *s = &process.segment;
    uint64_t offset = load_relaxed(wire_policy_word(s, gate)); /* the gate was looked at before: Q */
    const struct wire_policy *p = wire_at(s, offset, sizeof *p);
    if (!offset || !p)
        return NULL;
    *bytes = p->bytes;
    return *bytes >= sizeof *p && wire_at(s, offset, *bytes) && p->gate == gate ? p : NULL;
}

static bool tell(struct context *c, unsigned which, uint64_t rate)
{
    struct rules_own *own = rules_own(c);
    if (likely(own->told[which] == rate))
        return true;
    if (!record_rate(c, which, rate))
        return false;
    own->told[which] = rate;
    return true;
}

/* That each event is recorded. */
static bool tell_all(struct context *c)
{
    for (unsigned i = 0; i < WIRE_RATES; i++)
        if (!tell(c, i, 0))
            return false;
    return true;
}

bool rules_adopt(struct context *c, uint32_t gate)
{
    struct rules_own *own = rules_own(c);
    const struct wire_policy *p;
    uint64_t bytes = 0;
    uint32_t before = own->gate;

    if (before == gate)
        return gate & WIRE_GATE_FILTERED ? true : tell_all(c);
    quick_shut(c);
    if (!(gate & WIRE_GATE_FILTERED)) {
        own->gate = gate;
        wanted(c);
        return tell_all(c);
    }
    if (!own->random)
        own->random = wire_clock_stamp(process.clock) ^ (uint64_t)c->writer.slot->tid << 40 ^ (uintptr_t)c->stack;
    p = policy_of(gate, &bytes);
    if (!p && load_acquire(&wire_pulse_of(&process.segment)->gate) != gate)
        return false;
    own->gate = gate;
    own->rules = own->excludes = own->sited = own->stacked = own->masked = 0;
    own->settles = false;
    memset(own->of, 0, sizeof own->of);
    memset(own->left, 0, sizeof own->left);
    if (!(before & WIRE_GATE_FILTERED) || !(before & WIRE_GATE_LOCKS)) {
        locks_forget(own);
        own->owes = before != 0;
    }
    if (!p || !take(c, p, bytes)) { /* of what can be recorded nothing is asked for; nothing is to look leaked */
        own->rules = own->excludes = 0;
        memset(own->of, 0, sizeof own->of);
        quick_shut(c);
        own->born = NULL;
        own->drops_all = true;
    }
    if (!own->drops_all && !follow_is_full())
        own->quick_gate = gate;
    c->free_gate = own->born ? 0 : own->quick_gate;
    return true;
}

void rules_untold(struct context *c)
{
    struct rules_own *own = rules_own(c);
    for (unsigned i = 0; i < WIRE_RATES; i++)
        if (own->told[i]) {
            own->told[i] = RULES_UNTOLD;
            c->gate = GATE_NONE; /* asked again */
        }
}

/* ---- which rules match ---- */

static bool in_size(const struct wire_rule *r, unsigned event, uint64_t size)
{
    return event == WIRE_RULE_LOCK || (size >= r->size_min && size <= r->size_max);
}

/* The includes that match; 0 where an exclude does. */
static uint32_t matching(struct context *c, struct rules_own *own, const struct hook_frame *site, unsigned event, unsigned family,
                         uint64_t size)
{
    bool memory = event == WIRE_RULE_HEAP || event == WIRE_RULE_MAP;
    uint32_t rules = own->of[__builtin_ctz(event)], left;
    if (rules & own->masked) {
        uint64_t mine = load_relaxed(&c->writer.slot->rules);
        rules &= ~own->masked | (mine >> 32 == own->gate ? (uint32_t)mine : 0);
    }
    for (left = rules; left; left &= left - 1) {
        const struct wire_rule *r = &own->policy->rules[__builtin_ctz(left)];
        if (!in_size(r, event, size) || (memory && r->families != UINT32_MAX && !(r->families >> family & 1)))
            rules &= ~(left & -left);
    }
    if (rules & own->sited)
        rules &= ~own->sited | rules_of_site(c, own, site->pc)->rules;
    if (rules & own->stacked && site)
        rules &= ~own->stacked | rules_of_stack(c, own, site);
    return rules & own->excludes ? 0 : rules;
}

static atomic_u64 *tokens_of(unsigned rule) { return &wire_tokens_of(&process.segment)->rule[rule].left; }

static bool token_take(const struct wire_rule *r, unsigned rule)
{
    return !(r->flags & WIRE_RULE_TOKENS) || (int64_t)add_relaxed(tokens_of(rule), (uint64_t)-1) >= 1;
}

/* The finest of them that may still record; -1: none. */
static int finest(const struct rules_own *own, uint32_t rules, unsigned which)
{
    int best = -1;
    uint64_t best_rate = 0;
    for (; rules; rules &= rules - 1) {
        unsigned i = (unsigned)__builtin_ctz(rules);
        const struct wire_rule *r = &own->policy->rules[i];
        uint64_t rate = rate_of(r, which);
        if (best >= 0 && rate >= best_rate)
            continue;
        if (r->flags & WIRE_RULE_TOKENS && (int64_t)load_relaxed(tokens_of(i)) < 1)
            continue;
        best = (int)i;
        best_rate = rate;
    }
    return best;
}

bool rules_draws(struct context *c, const struct hook_frame *site, unsigned event, unsigned family, uint64_t size, uint64_t bytes)
{
    struct rules_own *own = rules_own(c);
    unsigned which = event == WIRE_RULE_LOCK ? WIRE_RATE_LOCKS : event == WIRE_RULE_COPY ? WIRE_RATE_COPIES : WIRE_RATE_MEMORY;
    uint32_t rules = matching(c, own, site, event, family, size);
    int best;
    while ((best = finest(own, rules, which)) >= 0) {
        const struct wire_rule *r = &own->policy->rules[best];
        uint64_t rate = rate_of(r, which);
        uint64_t *left = own->single[which] != best ? &own->left[which][best]
                         : which == WIRE_RATE_MEMORY ? &c->memory_left : &own->quick[which];
        if (event == WIRE_RULE_MAP)
            rate = 0; /* few, and large: each is recorded */
        else if (which == WIRE_RATE_MEMORY ? !sample_draws(&own->random, left, rate, bytes)
                                           : !sample_one_in(&own->random, left, (uint32_t)rate))
            return false;
        if (token_take(r, (unsigned)best)) {
            if (event != WIRE_RULE_MAP && !tell(c, which, rate))
                return false;
            count_up(&rules_home(c)->hits[best], 1);
            return true;
        }
        rules &= ~(1u << best);
    }
    return false;
}

/* ---- memory ---- */

static bool is_mapping(unsigned family) { return family >= WIRE_MMAP_ANON && family <= WIRE_MREMAP; }
static unsigned event_of(unsigned family) { return is_mapping(family) ? WIRE_RULE_MAP : WIRE_RULE_HEAP; }

static bool born_has(const struct rules_own *own, uint64_t address)
{
    uint64_t hash = wire_born_hash(address), bits = wire_born_bits(hash);
    return own->born && (own->born[wire_born_word(hash, own->born_words)] & bits) == bits && !follow_gone(address, own->born_tag);
}

bool rules_born_passes(struct context *c, uint32_t gate, const void *p)
{
    struct wire_slot *slot = c->writer.slot;
    bool passes;
    if (c->guard)
        return false;
    c->guard_pc = (uintptr_t)__builtin_return_address(0);
    hook_guard(c, HOOK_FRAME, CONTEXT_RECORD); /* as within a record */
    store_relaxed(&slot->acting, gate);
    fence_signal();
    passes = load_relaxed(&wire_pulse_of(&process.segment)->gate) == gate && !born_has(rules_own(c), (uintptr_t)p);
    store_release(&slot->acting, WIRE_ACTING_NOT);
    hook_leave(c);
    return passes;
}

/* Where it cannot be remembered, each release will be recorded, and that is said. */
static void follow(struct context *c, struct rules_own *own, unsigned family, uint64_t address, uint64_t size)
{
    static const char full[] = "ownscope: too many blocks are followed: from now on all releases of this process are recorded";
    bool was_full = follow_is_full();
    if (likely(is_mapping(family) ? follow_add_map(address, address + size) : follow_add(address)))
        return;
    own->quick_gate = c->free_gate = 0;
    if (!was_full)
        record_text(c, WIRE_MARK, 0, NULL, 0, full, sizeof full - 1);
}

static bool unfollow(struct rules_own *own, unsigned family, uint64_t address, uint64_t length)
{
    bool maps = family == WIRE_MUNMAP || is_mapping(family), followed, born;
    if (maps) { /* of a mapping that was there before any piece may go */
        followed = follow_take_map(address, address + length);
        return followed || own->born || own->drops_all || follow_is_full();
    }
    followed = follow_take(address);
    born = born_has(own, address);
    if (born)
        follow_gone_add(address, own->born_tag);
    return followed || born || own->drops_all || follow_is_full();
}

/* Before the real call: another thread may have the block's address right after it. */
static bool realloc_begins(struct rules_own *own, unsigned family, uint64_t p, uint64_t size)
{
    uint64_t had = own->had_bytes, has = size;
    if (unfollow(own, family, p, had))
        return true;
    if (!is_mapping(family)) {
        had = real.malloc_usable_size ? real.malloc_usable_size((void *)(uintptr_t)p) : 0;
        has = wire_drawn_bytes(size);
    }
    own->grows_bytes = has > had ? has - had : 0;
    own->realloc = RULES_REALLOC_GROWS;
    return false;
}

static bool made(struct context *c, struct rules_own *own, const struct hook_frame *site, unsigned family, uint64_t address, uint64_t size)
{
    uint64_t bytes = is_mapping(family) ? size : wire_drawn_bytes(size);
    if (own->realloc == RULES_REALLOC_GROWS) {
        if (!own->grows_bytes)
            return false;
        bytes = own->grows_bytes;
    }
    if (!rules_draws(c, site, event_of(family), family, size, bytes))
        return false;
    follow(c, own, family, address, size);
    return true;
}

static bool wants(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word)
{
    struct rules_own *own = rules_own(c);
    unsigned type = kind & 255, family = kind >> 8;
    switch (type) {
    case WIRE_NEW:
        count_up(&rules_home(c)->calls, 1);
        return made(c, own, site, family, address, size);
    case WIRE_REALLOC_BEGIN:
        count_up(&rules_home(c)->calls, 1);
        return realloc_begins(own, family, address, size);
    case WIRE_REALLOC_END: /* failed: the block is where it was, *word */
        follow(c, own, family, address ? address : *word, address ? size : own->had_bytes);
        return true;
    case WIRE_DROP:
        count_up(&rules_home(c)->calls, 1);
        return unfollow(own, family, address, *word);
    case WIRE_COPY:
        return rules_draws(c, site, WIRE_RULE_COPY, 0, size, 0);
    case WIRE_USABLE:
        return !address || follow_has(address) || born_has(own, address);
    case WIRE_WAIT: case WIRE_ACQUIRE: case WIRE_RELEASE: case WIRE_WAIT_END: case WIRE_COND_WAIT: case WIRE_COND_WOKEN:
    case WIRE_SIGNAL: case WIRE_LOCK_INIT: case WIRE_LOCK_DESTROY: case WIRE_LOCK_CONSISTENT:
        return rules_wants_lock(c, site, type, family & ~(unsigned)WIRE_LOCK_FLAG, address, size, word);
    default:
        return true;
    }
}

bool rules_wants(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word)
{
    return wants(c, site, kind, address, size, word) && wanted(c);
}
