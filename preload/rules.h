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

enum { RULES_SITES = 64, RULES_LOCKS = 64, RULES_PENDING = 8 };

/* What a realloc or mremap under way is: recorded as one; one of a block that is not followed, which may be drawn for what
 * it grows by, and is a New then; or nothing. */
enum rules_realloc { RULES_REALLOC_NOT = 0, RULES_REALLOC_MOVES, RULES_REALLOC_GROWS };

/* A wait under way: is it recorded? `mutex`: of a condition's, if it is followed. */
struct rules_pending { uint64_t lock, mutex; bool drawn; };
struct rules_site { uint64_t pc; uint32_t gate, rules, stacks, pad; };

/* The thread's own, in its home page; zeros at a claim. */
struct rules_own {
    uint32_t gate;                    /* adopted last; what follows is of it */
    uint32_t quick_gate;              /* the same where a release is recorded only of what is followed, or of `born` */
    uint32_t simple_gate;             /* the same where left[simple] says which blocks are passed over */
    uint32_t simple;
    uint64_t left[WIRE_RULES_MAX];    /* bytes to a rule's next sample; 0: not drawn yet */
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

/* Whether this event is to be recorded under the filtered gate that was adopted. `kind`: as record_put's; *word: its extra
 * word or 0, which may be changed (a condition's mutex that is not followed). May record WIRE_RATE, WIRE_MODULE. */
bool rules_wants(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word);
/* Of locks' events (rules_lock.c). */
bool rules_wants_lock(struct context *c, const struct hook_frame *site, unsigned type, unsigned family, uint64_t address,
                       uint64_t size, uint64_t *word);
/* Is it drawn by a rule: of enum wire_rule_event; a lock's size is 0. The rate is told, the hit counted. */
bool rules_draws(struct context *c, const struct hook_frame *site, unsigned event, unsigned family, uint64_t size, uint64_t bytes);

/* May this block be in the `born` of the thread's policy? It stands still: the gate is looked at again. */
bool rules_born_passes(struct context *c, uint32_t gate, const void *p);

/* A block of `size` is not recorded, and counted as a call. `gate`: as the hook read it; the hook's guard is set. */
static inline bool rules_passes_new(struct context *c, uint32_t gate, size_t size)
{
    struct rules_own *own = rules_own(c);
    uint64_t *left = &own->left[own->simple];
    uint64_t bytes = wire_drawn_bytes(size);
    if (unlikely(own->simple_gate != gate || bytes >= *left))
        return false;
    *left -= bytes;
    count_up(&rules_home(c)->calls, 1);
    return true;
}

/* The release of p is not recorded, and counted as a call. With or without a guard. */
static inline bool rules_passes_drop(uint32_t gate, const void *p)
{
    struct context *c = &context;
    if (unlikely(follow_maybe(p) || c->generation != load_relaxed(&process.page->generation) ||
                 rules_own(c)->quick_gate != gate))
        return false;
    if (rules_own(c)->born && !rules_born_passes(c, gate, p))
        return false;
    count_up(&rules_home(c)->calls, 1);
    return true;
}

#endif
