/*
 * preload/unwind_rules.h - the cache of unwind rules, one word a rule.
 *
 * Private to preload/unwind*.c. Process-wide, shared by all threads, lock-free:
 * an entry is a single atomic word that holds the whole key and the whole
 * rule, so no reader can see a torn one, and no order is needed.
 *
 *   63            31 30    25 24  22  21  20      15 14        0
 *   +---------------+--------+------+-----+---------+-----------+
 *   | key >> 14     | gener. | kind | rbp | slot    | offset / 8|
 *   +---------------+--------+------+-----+---------+-----------+
 *
 * The key is the address looked up: a return address less one, or an exact pc.
 * Its low 14 bits are the bucket's number, mixed with the high ones in a way
 * that can be undone, so tag and bucket together are the key. A bucket has
 * four ways. An entry of another generation (see rules_invalidate) is void.
 */
#ifndef PRELOAD_UNWIND_RULES_H
#define PRELOAD_UNWIND_RULES_H

#include "preload/unwind_cfi.h"

enum {
    RULE_OFFSET = 0x7fff,
    RULE_SLOT_SHIFT = 15,       /* slot and rbp are META_RULE's bits of a FRAME */
    RULE_SLOT = 0x3f << RULE_SLOT_SHIFT,
    RULE_USES_RBP = 1 << 21,
    RULE_KIND_SHIFT = 22,
    RULE_KIND = 7 << RULE_KIND_SHIFT,
    RULE_GENERATION_SHIFT = 25,
    RULE_TAG_SHIFT = 31,

    RULE_BUCKET_BITS = 14,
    RULE_WAYS = 4,
    RULE_GENERATIONS = 64
};

enum rule_kind {
    RULE_SIMPLE = 0,  /* CFA = (rsp or rbp) + 8 * offset; pc at CFA - 8; rbp at CFA - 8 * slot, or unchanged if that
                       * is 0. By rsp: 0 < offset, slot <= offset */
    RULE_DEREF,       /* CFA = *(rbp - 8 * offset); else the same, or rbp at *rbp (RULE_SLOT_AT_RBP) */
    RULE_END,         /* the outermost frame */
    RULE_COMPLEX,     /* its row must be read each time */
    RULE_NONE,        /* no rules, or none that make sense */
    RULE_MISS = 7     /* not in the cache */
};

/* Values of slot that are no distance. */
enum { RULE_SLOT_MAX = 60, RULE_SLOT_AT_RBP = 61, RULE_SLOT_OTHER = 63 };

extern __attribute__((visibility("hidden"))) atomic_u64 rules_table[RULE_WAYS << RULE_BUCKET_BITS];
extern __attribute__((visibility("hidden"))) atomic_u32 rules_generation;   /* starts at 1, never 0 */

static inline unsigned rule_kind(uint64_t rule)
{
    return rule >> RULE_KIND_SHIFT & 7;
}

static inline atomic_u64 *rules_bucket(uint64_t key)
{
    uint64_t high = key >> RULE_BUCKET_BITS;
    return &rules_table[RULE_WAYS * ((key ^ high ^ high >> 10) & ((1u << RULE_BUCKET_BITS) - 1))];
}

/* Tag and generation, as the upper bits of an entry. Beyond 2^47 no entry has it. */
static inline uint64_t rules_tag(uint64_t key, uint32_t generation)
{
    return key >> RULE_BUCKET_BITS << (RULE_TAG_SHIFT - RULE_GENERATION_SHIFT) | generation % RULE_GENERATIONS;
}

/* The rule in the cache, or RULE_MISS. */
static inline __attribute__((always_inline)) uint64_t rules_get(uint64_t key, uint32_t generation)
{
    atomic_u64 *bucket = rules_bucket(key);
    uint64_t want = rules_tag(key, generation);
    for (int i = 0; i < RULE_WAYS; i++) {
        uint64_t rule = load_relaxed(&bucket[i]);
        if (likely(rule >> RULE_GENERATION_SHIFT == want))
            return rule;
    }
    return (uint64_t)RULE_MISS << RULE_KIND_SHIFT;
}

/* Finds the rule of an address in its module and caches it. */
uint64_t rules_build(uint64_t key, uint32_t generation);
/* The whole row of an address, and the tables its expressions lie in. 0 or -errno. */
int rules_row(uint64_t key, struct cfi_row *row, struct cfi_tables *tables);
/* Every rule cached so far is void. Any thread. */
void rules_invalidate(void);

#endif
