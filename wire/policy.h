/*
 * wire/policy.h - which events hooks record, where that is more than the gate's
 * bits (wire/segment.h): rules, rates, and the blocks that are followed.
 *
 * The collector writes a whole policy into the pool and publishes its offset
 * (wire_policy_word), then the gate (P, pairs with Q). Nothing in it changes afterwards but by a
 * next one; the old one is taken back after a grace period (slot->acting). Hooks
 * compare integers alone: names were resolved by the collector.
 *
 * What is asked of an event, in this order:
 *   1. A release of a block, or a realloc of one, that is followed is recorded, whatever
 *      the rules say: a block that was recorded is recorded to its drop. Followed are the
 *      blocks whose New was recorded under a filtered policy (the process's own table), and
 *      those that lived before (the policy's `born`, which may say yes too often, never no).
 *   2. An exclude that matches: not recorded.
 *   3. Of the includes that match and have a token left (where they need one) the finest one, of the equally fine
 *      the first by number, decides alone: if its rate draws it, it is recorded, and counted as its hit. So the
 *      chance of what is recorded is known from the one rate that is told before it (WIRE_RATE). With no include: not recorded.
 *
 * What is drawn, and is one token and one hit:
 *   - A block, when it is made; its release belongs to it. A realloc of one that is not followed is drawn for the
 *     bytes that it grows by, and recorded as a New of the new size: so a block of s bytes, however it grew,
 *     is in the sample with the chance of one of s bytes. (What shrank keeps the chance of its largest size.)
 *     A munmap or mremap is recorded where it touches a followed mapping; as long as there is a `born`, always.
 *   - A lock's acquisition, tried for or waited for; its WAIT, WAIT_END and RELEASE belong to it, and a condition's wait with its
 *     mutex. An acquisition of a lock that the thread follows already belongs to that. A RELEASE is recorded
 *     if this thread's acquisition was; what others release only forwards. A thread that recorded everything before still
 *     records the releases of what it held then.
 *   - A condition's wait with a mutex that is not followed (its records then name none), a signal, a sem_post, a
 *     semaphore's or barrier's wait with its end, a once: each by itself.
 *   - A copy.
 * Where any include has locks, LOCK_INIT, LOCK_DESTROY and LOCK_CONSISTENT are recorded without being drawn, from all
 * sites: they tell one lock at an address from the next. USABLE is told of followed blocks. All other events: always.
 *
 * A rule matches when all hold: `events` has the event's kind; `families` its family (memory alone); its size
 * (memory: asked for; copies: bytes; locks have none: any) lies in [size_min, size_max]; WIRE_RULE_SITE: the calling
 * pc, less 1, lies in a range that names the rule; WIRE_RULE_STACK: that of some frame lies in one that has it in `stacks`;
 * WIRE_RULE_MASKED: slot->rules has the rule (0 as long as it is of another gate).
 */
#ifndef WIRE_POLICY_H
#define WIRE_POLICY_H

#include "wire/segment.h"

enum wire_rule_event { WIRE_RULE_HEAP = 1, WIRE_RULE_MAP = 2, WIRE_RULE_LOCK = 4, WIRE_RULE_COPY = 8,
                       WIRE_RULE_EVENTS = 15 };
enum wire_rule_flag { WIRE_RULE_USED = 1, WIRE_RULE_EXCLUDE = 2, WIRE_RULE_SITE = 4, WIRE_RULE_MASKED = 8,
                      WIRE_RULE_TOKENS = 16, WIRE_RULE_STACK = 32 };

/* Number i of a policy is one rule as long as that rule lasts: its tokens (wire_tokens) and hits (wire_home) are at i. */
struct wire_rule {
    uint32_t flags;           /* enum wire_rule_flag */
    uint32_t events;          /* enum wire_rule_event */
    uint32_t families;        /* 1 << enum wire_family; UINT32_MAX: any */
    uint32_t locks_every;     /* one in how many acquisitions, at random; 0 and 1: each */
    uint32_t copies_every;
    uint32_t pad;
    uint64_t size_min, size_max;
    uint64_t sample_bytes;    /* memory: the mean of bytes from one sample to the next (Poisson); 0: each block */
};

/* Code of one process (its serial in the segment: an image's). Sorted by process, then begin; disjoint. All modules that the collector
 * knows are covered, by ranges without rules too: an address in none is of a module it has not heard of, which
 * the hook announces. */
enum wire_range_flag { WIRE_RANGE_PENDING = 1 /* the names that rules ask for are still looked up here */ };
struct wire_range { uint64_t begin, end; uint32_t process, rules, stacks, flags; };

enum wire_policy_flag {
    WIRE_POLICY_DROPS_ALL = 1, /* all releases are recorded: `born` is being made */
    WIRE_POLICY_SIMPLE = 2,    /* one include that matches all of memory: hooks may draw without asking further */
    WIRE_POLICY_SETTLES = 4    /* the rules are those that the programs were started under: a call from code that the collector
                                * has not heard of, or whose names it is looking up, waits for that (no longer than for room in a
                                * ring), so that a rule holds from the first call on */
};
struct wire_policy {
    uint64_t bytes;           /* of all of it */
    uint32_t gate;            /* that it belongs to */
    uint32_t flags;           /* enum wire_policy_flag */
    uint32_t includes, excludes; /* masks of rules */
    uint32_t ranges_count;
    uint32_t simple;          /* the number of SIMPLE's rule */
    uint64_t ranges_offset;   /* from here */
    uint64_t born_offset;     /* from here; 64-bit words */
    uint64_t born_words;      /* a power of two; 0: none lived */
    uint32_t born_serial;     /* of the filter: another each time one is made, the same where it is handed on to a next policy.
                               * Processes remember by it which of its blocks are gone */
    uint32_t pad;
    uint64_t retired_before;  /* the collectors' own: the next in the list that begins at wire_pulse.policy_retired */
    struct wire_rule rules[WIRE_RULES_MAX];
};

/* ---- born: a filter of addresses (Bloom, of words): 4 bits in one word an address ---- */
static inline uint64_t wire_born_hash(uint64_t address) { return (address >> 4) * 0x9e3779b97f4a7c15ull; }
static inline uint64_t wire_born_bits(uint64_t hash)
{
    return 1ull << (hash & 63) | 1ull << (hash >> 6 & 63) | 1ull << (hash >> 12 & 63) | 1ull << (hash >> 18 & 63);
}
static inline uint64_t wire_born_word(uint64_t hash, uint64_t words) { return (hash >> 32) & (words - 1); }

/* In stamps: 20 us of a fast counter, and no more than 60 of the slow clock. */
enum { WIRE_TIMED_EACH = 16, WIRE_TIMED_MOST_STAMPS = 60000 };
/* The rest of a slot's scratch: written by the thread, read by the collector. Zeros at a claim but for hits and
 * calls, which go on over the slot's lives. */
struct wire_home {
    atomic_u64 hits[WIRE_RULES_MAX];  /* events recorded for a rule */
    atomic_u64 calls;                 /* calls of memory's hooks, recorded or not, while filtered; about: told with the samples */
    atomic_u64 tries;                 /* records made or asked for, while filtered; what they cost is told by every WIRE_TIMED_EACHth: */
    atomic_u64 timed, timed_stamps;   /* so many took so long; those that were interrupted are left out */
    uint8_t own[WIRE_PAGE - 8 * (WIRE_RULES_MAX + 4)];  /* the thread's: decisions by address, locks that it follows */
};
_Static_assert(sizeof(struct wire_home) == WIRE_PAGE, "the last page of the scratch");

static inline struct wire_home *wire_home_of(const struct wire_segment *s, const struct wire_slot *slot)
{
    return (struct wire_home *)wire_at(s, slot->scratch + WIRE_SCRATCH_UNWIND_BYTES, sizeof(struct wire_home));
}

#endif
