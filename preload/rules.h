/*
 * preload/rules.h - what is recorded under a filtered gate (wire/policy.h).
 *
 * A thread adopts a policy in the slow path of its first record under a new gate:
 * what it needs of it lies from then on in its home page, for that gate alone. All
 * of it is read and written by that thread, within a record (slot->acting says the
 * gate), so the policy stays where it is meanwhile.
 *
 * Memory is passed over as early as can be: rules_passes_new and rules_passes_drop are
 * what a hook asks before it makes anything of the call.
 */
#ifndef PRELOAD_RULES_H
#define PRELOAD_RULES_H

#include "preload/context.h"
#include "preload/follow.h"
#include "preload/hook.h"
#include "preload/sample.h"
#include "wire/policy.h"

enum { RULES_NOT_ONE = 255, RULES_SITES = 64, RULES_LOCKS = 64, RULES_PENDING = 8 };

/* What a realloc or mremap under way is: recorded as one; one of a block that is not followed, which may be drawn for what
 * it grows by, and is a New then; or nothing. */
enum rules_realloc { RULES_REALLOC_NOT = 0, RULES_REALLOC_MOVES, RULES_REALLOC_GROWS };

/* A wait under way: is it recorded? `mutex`: of a condition's, if it is followed. */
struct rules_pending { uint64_t lock, mutex; bool drawn; };
struct rules_site { uint64_t pc; uint32_t gate, rules, stacks, pad; };

/* The thread's own, in its home page; zeros at a claim. */
struct rules_own {
    /* What hooks ask first, in one line with the counts before it. The gate that was adopted, or 0: where */
    uint32_t simple_gate;             /* context.memory_left says which blocks are passed over; */
    uint32_t quick_gate;              /* a release is recorded only of what is followed, or of `born` */
    uint64_t quick[WIRE_RATES];       /* events to the next sample of single[], locks and copies; 0: not drawn yet */
    uint32_t locks_gate, copies_gate; /* quick[] says which locks, and copies, are passed over */
    uint32_t gate;                    /* adopted last; all is of it */
    uint8_t single[WIRE_RATES];       /* the one rule that all of them ask; RULES_NOT_ONE */
    uint64_t left[WIRE_RATES][WIRE_RULES_MAX]; /* the same of every other rule */
    uint64_t random;                  /* 0: not seeded yet */
    const struct wire_policy *policy;
    const struct wire_range *ranges;
    const uint64_t *born;             /* NULL: none */
    uint64_t born_words;
    uint32_t ranges_count;
    uint32_t rules;                   /* those in use, */
    uint32_t excludes, sited, stacked, masked; /* of them */
    uint32_t of[4];                   /* by bit of enum wire_rule_event */
    uint16_t born_tag;
    bool drops_all;
    bool settles;                     /* code that is not known yet is waited for (rules_settle) */
    bool unsettled;                   /* some was met */
    bool walked;                      /* the thread's stack was walked and not told since: what is told next is all of it */
    bool owes;                        /* the thread may hold locks whose acquisition was recorded before */
    uint8_t realloc;                  /* enum rules_realloc of the one under way */
    uint64_t grows_bytes;             /* GROWS: by how many */
    uint64_t had_bytes;               /* mremap's old length */
    uint64_t told[WIRE_RATES];        /* WIRE_RATE as told last; RULES_UNTOLD: not known to the collector */
    uint32_t followed_count, ignored_count, pending_count;
    uint64_t followed[RULES_LOCKS];  /* locks that the thread holds and whose acquisition was recorded, once each time */
    uint64_t ignored[RULES_LOCKS];   /* while it owes: those whose acquisition was not */
    struct rules_pending pending[RULES_PENDING];
    uint64_t timed_from;              /* preload/timing.h: when the record began that stands at timed_at, if that was timed; */
    const uint8_t *timed_at;          /* else NULL */
    struct rules_site sites[RULES_SITES];
};
_Static_assert(sizeof(struct rules_own) <= sizeof ((struct wire_home *)0)->own, "it lies in the home page");
#define RULES_UNTOLD UINT64_MAX

static inline struct wire_home *rules_home(const struct context *c)
{
    return (struct wire_home *)((uint8_t *)c->stack + WIRE_SCRATCH_UNWIND_BYTES);
}
static inline struct rules_own *rules_own(const struct context *c) { return (struct rules_own *)rules_home(c)->own; }

/* The thread's records are under this gate from now on; slot->acting says so. False: the policy is not to be had
 * (a next one is being published): nothing is recorded. May record WIRE_RATE. */
bool rules_adopt(struct context *c, uint32_t gate);
/* The collector has forgotten what it was told, or a next one never knew it. */
void rules_untold(struct context *c);

/* The event comes from code of which the collector does not know yet what rules say, and that is to be waited for: first
 * slot->acting is taken back, then rules_settle waits for another gate than this. *began_stamp: 0 before an event's first wait. */
bool rules_may_settle(void);
bool rules_look(struct context *c, const struct hook_frame *site);
void rules_settle(struct context *c, uint32_t gate, uint64_t *began_stamp);
static inline bool rules_is_unsettled(struct context *c, const struct hook_frame *site)
{
    return unlikely(rules_own(c)->settles) && site && !c->holding && rules_look(c, site);
}

/* Whether this event is to be recorded under the filtered gate that was adopted. `kind`: as record_put's; *word: its extra
 * word or 0, which may be changed (a condition's mutex that is not followed). May record WIRE_RATE, WIRE_MODULE. */
bool rules_wants(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word);
/* The rules that name the caller's place, and those that name some frame of the stack (rules_site.c). Until the collector has
 * learnt of a new module, excludes that may speak of it hold. */
const struct rules_site *rules_of_site(struct context *c, struct rules_own *own, uint64_t pc);
uint32_t rules_of_stack(struct context *c, struct rules_own *own, const struct hook_frame *frame);
/* Of locks' events (rules_lock.c). */
bool rules_wants_lock(struct context *c, const struct hook_frame *site, unsigned type, unsigned family, uint64_t address,
                       uint64_t size, uint64_t *word);
/* Is it drawn by a rule: of enum wire_rule_event; a lock's size is 0. The rate is told, the hit counted. */
bool rules_draws(struct context *c, const struct hook_frame *site, unsigned event, unsigned family, uint64_t size, uint64_t bytes);

/* May this block be in the `born` of the thread's policy? It stands still: the gate is looked at again. */
bool rules_born_passes(struct context *c, uint32_t gate, const void *p);

/* The thread records, and is in no hook: what it has adopted. */
static inline __attribute__((always_inline)) struct rules_own *rules_ready(void)
{
    const struct context *c = &context;
    return likely(c->generation == load_relaxed(&process.page->generation) && !c->guard) ? rules_own(c) : NULL;
}

/* So many bytes, or events, and no sample among them. A handler's may come in between: read once, and written. */
static inline __attribute__((always_inline)) bool rules_count_down(volatile uint64_t *left, uint64_t by)
{
    uint64_t had = *left;
    if (unlikely(by >= had))
        return false;
    *left = had - by;
    return true;
}

static inline __attribute__((always_inline)) void rules_passed(const struct rules_own *own)
{
    struct wire_home *home = (struct wire_home *)((uint8_t *)(uintptr_t)own - offsetof(struct wire_home, own));
    ++*(uint64_t *)&home->calls; /* one instruction: a call that a handler makes meanwhile is counted too */
}

/* wire_drawn_bytes, without a branch: of a size that no malloc gives it is something small. */
static inline __attribute__((always_inline)) uint64_t rules_bytes(uint64_t size)
{
    uint64_t bytes = ((size + 23) & ~15ull) - 8;
    return __builtin_expect_with_probability(bytes < 24, 1, 0.5) ? 24 : bytes;
}

/* A block of `size` is not recorded, and counted as a call. `gate`: as the hook read it; the hook's guard is set. */
static inline bool rules_passes_new(struct context *c, uint32_t gate, size_t size)
{
    struct rules_own *own = rules_own(c);
    if (unlikely(own->simple_gate != gate) || !rules_count_down(&c->memory_left, wire_drawn_bytes(size)))
        return false;
    rules_passed(own);
    return true;
}

/* The release of p is not recorded, and counted as a call. With or without a guard. */
static inline bool rules_passes_drop(uint32_t gate, const void *p)
{
    struct context *c = &context;
    struct rules_own *own = rules_own(c);
    if (unlikely(follow_maybe(p) || c->generation != load_relaxed(&process.page->generation)))
        return false;
    if (unlikely(c->free_gate != gate) && (own->quick_gate != gate || !rules_born_passes(c, gate, p)))
        return false;
    rules_passed(own);
    return true;
}

/* ---- what doors ask, without a frame: neither recorded nor of any other matter to us. Counted as calls. ---- */

/* An allocation that calls nothing of ours. It and the next do not ask whether the thread's slot is still its process's: in
 * a forked child that has recorded nothing yet, what is passed over is counted with its parent's. */
static inline __attribute__((always_inline)) bool rules_door_new(uint32_t gate, size_t size)
{
    struct context *c = &context;
    if (unlikely(c->new_gate != gate || c->guard) || !rules_count_down(&c->memory_left, rules_bytes(size)))
        return false;
    rules_passed(rules_own(c));
    return true;
}

/* A block's release. */
static inline __attribute__((always_inline)) bool rules_door_drop(uint32_t gate, const void *p)
{
    const struct context *c = &context;
    if (unlikely(follow_maybe(p) || c->free_gate != gate))
        return false;
    rules_passed(rules_own(c));
    return true;
}

/* A copy of as many bytes as are recorded. */
static inline __attribute__((always_inline)) bool rules_door_copy(uint32_t gate)
{
    struct rules_own *own = rules_ready();
    if (unlikely(!own || own->copies_gate != gate) || !rules_count_down(&own->quick[WIRE_RATE_COPIES], 1))
        return false;
    rules_passed(own);
    return true;
}

/* An acquisition, a post, a signal: by a thread that follows no lock, and owes none (rules_lock.c). */
static inline __attribute__((always_inline)) bool rules_door_lock(uint32_t gate)
{
    struct rules_own *own = rules_ready();
    if (unlikely(!own || own->locks_gate != gate || own->followed_count || own->pending_count) ||
        !rules_count_down(&own->quick[WIRE_RATE_LOCKS], 1))
        return false;
    rules_passed(own);
    return true;
}

/* The release of a lock that is held: such a thread has none to tell of. */
static inline __attribute__((always_inline)) bool rules_door_unlock(uint32_t gate)
{
    struct rules_own *own = rules_ready();
    if (unlikely(!own || own->locks_gate != gate || own->followed_count))
        return false;
    rules_passed(own);
    return true;
}

#endif
