/* What is recorded under a policy: which rules match, who decides, what is told,
 * what is followed, and what a policy that makes no sense can do. */
#include "hook_rules_scratch.h"
#include "suite.h"

/* ---- matching ---- */

START_TEST(by_kind_size_and_family)
{
    static const struct { unsigned type, family; uint64_t size; int rule; } t[] = {
        {WIRE_NEW, WIRE_MALLOC, 99, -1}, {WIRE_NEW, WIRE_MALLOC, 100, 0}, {WIRE_NEW, WIRE_CALLOC, 200, 0}, {WIRE_NEW, WIRE_CALLOC, 201, -1},
        {WIRE_NEW, WIRE_NEW_SCALAR, 150, -1}, {WIRE_NEW, WIRE_MMAP_ANON, 150, -1}, {WIRE_NEW, WIRE_MMAP_ANON, 4096, 1},
        {WIRE_NEW, WIRE_MREMAP, 4096, 1}, {WIRE_NEW, WIRE_POSIX_MEMALIGN, 4096, -1}, {WIRE_COPY, WIRE_COPY_MEMCPY, 1000, 2},
        {WIRE_COPY, WIRE_COPY_MEMCPY | WIRE_COPY_CHECKED, 999, -1}, {WIRE_ACQUIRE, WIRE_LOCK_MUTEX, 0, 3}, {WIRE_SIGNAL, WIRE_LOCK_COND, 0, 3}};
    policy_empty();
    struct wire_rule *r = policy_rule(0, WIRE_RULE_HEAP, 0);
    r->size_min = 100, r->size_max = 200, r->families = 1u << WIRE_MALLOC | 1u << WIRE_CALLOC;
    policy_rule(1, WIRE_RULE_MAP, 0)->size_min = 4096;
    policy_rule(2, WIRE_RULE_COPY, 0)->size_min = 1000;
    policy_rule(3, WIRE_RULE_LOCK, 0)->size_min = 1; /* a lock has none */
    policy_go(SCRATCH_FILTERED);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint64_t before[4] = {hits(0), hits(1), hits(2), hits(3)};
        ck_assert_msg(wants(t[i].type, t[i].family, 0x1000 * (i + 1), t[i].size) == (t[i].rule >= 0), "row %zu", i);
        for (int k = 0; k < 4; k++)
            ck_assert_uint_eq(hits((unsigned)k) - before[k], k == t[i].rule);
    }
    ck_assert(wants(WIRE_THREAD_CREATE, 0, 1, 1) && wants(WIRE_MARK, 0, 0, 0) && wants(WIRE_FUTEX, 0, 8, 0));
    ck_assert_uint_eq(scratch_tells, 0);
}
END_TEST

START_TEST(by_site)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, WIRE_RULE_SITE);
    policy_rule(1, WIRE_RULE_EVENTS, WIRE_RULE_SITE);
    policy_rule(2, WIRE_RULE_EVENTS, WIRE_RULE_SITE | WIRE_RULE_EXCLUDE);
    policy_range(0x1000, 0x9000, SCRATCH_PROCESS - 1, 7);
    policy_range(0x1000, 0x2000, SCRATCH_PROCESS, 1);
    policy_range(0x2000, 0x3000, SCRATCH_PROCESS, 0);
    policy_range(0x3000, 0x4000, SCRATCH_PROCESS, 3);
    policy_range(0x4000, 0x5000, SCRATCH_PROCESS, 5);
    policy_range(0x8000, 0x9000, SCRATCH_PROCESS, 2);
    policy_range(0x1000, 0x9000, SCRATCH_PROCESS + 1, 7);
    static const struct { uint64_t pc; int rule; } t[] = {{0x1001, 0}, {0x1fff, 0}, {0x2000, 0}, {0x2001, -1}, {0x3001, 0}, {0x4000, 0},
                                                          {0x4800, -1}, {0x8100, 1}, {0x9000, 1}, {0x9001, -1}, {0x1000, -1}, {0x6000, -1}};
    for (int round = 0; round < 2; round++) /* asked, and remembered */
        for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
            uint64_t before = t[i].rule >= 0 ? hits((unsigned)t[i].rule) : 0;
            if (!i && !round)
                policy_go(SCRATCH_FILTERED);
            ck_assert_msg(wants_at(t[i].pc, WIRE_NEW | WIRE_MALLOC << 8, 0x10000 + i * 16, 8) == (t[i].rule >= 0), "row %zu", i);
            ck_assert(t[i].rule < 0 || hits((unsigned)t[i].rule) == before + 1);
        }
    ck_assert_uint_eq(scratch_announced, 3); /* once each of those in no range */
    policy->rules[0].flags &= ~(uint32_t)WIRE_RULE_SITE;
    policy_go(SCRATCH_FILTERED);
    ck_assert(wants_at(0x2001, WIRE_NEW | WIRE_MALLOC << 8, 0x20000, 8)); /* the next policy asks again */
}
END_TEST

/* Code of a module that the collector has not heard of: an exclude may speak of it. Code of no file: none does. */
START_TEST(by_unknown_site)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, 0);
    policy_rule(1, WIRE_RULE_HEAP, WIRE_RULE_SITE | WIRE_RULE_EXCLUDE);
    policy_go(SCRATCH_FILTERED);
    ck_assert(wants_at(0x77000, WIRE_NEW | WIRE_MALLOC << 8, 0x10000, 8));
    scratch_in_a_file = true;
    ck_assert(!wants_at(0x88000, WIRE_NEW | WIRE_MALLOC << 8, 0x10010, 8));
    ck_assert(!wants_at(0x88000, WIRE_NEW | WIRE_MALLOC << 8, 0x10020, 8));
    ck_assert_uint_eq(scratch_announced, 2);
    ck_assert(wants_at(0x88000, WIRE_NEW | WIRE_MMAP_ANON << 8, 0x20000, 4096)); /* of which no exclude speaks */
    policy_range(0x88000, 0x99000, SCRATCH_PROCESS, 0);
    policy_go(SCRATCH_FILTERED);
    ck_assert(wants_at(0x88008, WIRE_NEW | WIRE_MALLOC << 8, 0x10030, 8));
}
END_TEST

/* Under rules that the program was started with, a call from code that is not known yet waits, until it is or for too long. */
START_TEST(settles)
{
    struct hook_frame here = {0, 0x88000}, beside = {0, 0x88010}, other = {0, 0x1800};
    uint64_t began = 0, first;
    uint32_t gate;
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, WIRE_RULE_SITE);
    policy_range(0x1000, 0x2000, SCRATCH_PROCESS, 1);
    scratch_in_a_file = true;
    policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_is_unsettled(c, &here)); /* rules that came later let nobody wait */
    policy->flags = WIRE_POLICY_SETTLES;
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_is_unsettled(c, NULL) && !rules_is_unsettled(c, &other));
    c->holding = true;
    ck_assert(!rules_is_unsettled(c, &here)); /* others wait for its lock */
    c->holding = false;
    ck_assert(rules_is_unsettled(c, &here));
    ck_assert(!rules_is_unsettled(c, &here)); /* asked once under a gate */
    scratch_looks = 3;
    scratch_next_gate = SCRATCH_FILTERED | (scratch_serial + 1) * WIRE_GATE_SERIAL;
    rules_settle(c, gate, &began);
    ck_assert(began && !scratch_looks);
    first = began;
    policy_range(0x88000, 0x99000, SCRATCH_PROCESS, 0); /* it is known, but not all of it */
    ((struct wire_range *)((uint8_t *)policy + policy->ranges_offset))[1].flags = WIRE_RANGE_PENDING;
    ck_assert_uint_eq(gate = policy_go(SCRATCH_FILTERED), scratch_next_gate);
    ck_assert(rules_is_unsettled(c, &here));
    rules_settle(c, gate, &began); /* no longer allowed: from now on nobody waits */
    ck_assert(began == first && !rules_is_unsettled(c, &beside));
    policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_is_unsettled(c, &here));
}
END_TEST

START_TEST(by_thread)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, WIRE_RULE_MASKED);
    policy_rule(4, WIRE_RULE_EVENTS, WIRE_RULE_MASKED | WIRE_RULE_EXCLUDE);
    uint32_t gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 8));
    store_relaxed(&c->writer.slot->rules, (uint64_t)gate << 32 | 1);
    ck_assert(wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 8));
    store_relaxed(&c->writer.slot->rules, (uint64_t)gate << 32 | 0x11);
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x2000, 8));
    store_relaxed(&c->writer.slot->rules, (uint64_t)(gate - WIRE_GATE_SERIAL) << 32 | 1); /* of another gate */
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x2000, 8));
}
END_TEST

START_TEST(by_exclude_and_order)
{
    policy_empty();
    policy_rule(1, WIRE_RULE_HEAP, 0)->sample_bytes = 1ull << 50;
    policy_rule(2, WIRE_RULE_HEAP, 0);
    policy_rule(3, WIRE_RULE_HEAP, 0);
    policy_rule(9, WIRE_RULE_EVENTS, WIRE_RULE_EXCLUDE)->size_min = 1000;
    policy_go(SCRATCH_FILTERED);
    for (uint64_t i = 1; i <= 100; i++)
        ck_assert(wants(WIRE_NEW, WIRE_MALLOC, i * 16, 10) && !wants(WIRE_NEW, WIRE_MALLOC, i * 16, 1000));
    ck_assert(hits(1) == 0 && hits(2) == 100 && hits(3) == 0 && hits(9) == 0); /* the finest, of the equally fine the first */
}
END_TEST

/* ---- tokens, rates ---- */

START_TEST(tokens)
{
    unsigned recorded = 0;
    policy_empty();
    policy_rule(0, WIRE_RULE_HEAP, WIRE_RULE_TOKENS);
    policy_rule(1, WIRE_RULE_HEAP, 0)->sample_bytes = 1ull << 50;
    policy_go(SCRATCH_FILTERED);
    store_relaxed(&wire_tokens_of(&process.segment)->rule[0].left, 10);
    for (uint64_t i = 1; i <= 1000; i++)
        recorded += wants(WIRE_NEW, WIRE_MALLOC, i * 16, 10);
    ck_assert(recorded == 10 && hits(0) == 10 && hits(1) == 0);
    ck_assert_int_eq((int64_t)load_relaxed(&wire_tokens_of(&process.segment)->rule[0].left), 0);
    store_relaxed(&wire_tokens_of(&process.segment)->rule[0].left, (uint64_t)-5);
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x90000, 10));
    for (uint64_t i = 1; i <= 10; i++)
        ck_assert(wants(WIRE_DROP, WIRE_FREE, i * 16, 0)); /* what was recorded is to its drop */
}
END_TEST

static void expect_told(unsigned which, uint64_t rate)
{
    ck_assert_uint_eq(scratch_tells, 1);
    ck_assert(scratch_told[0].which == which && scratch_told[0].rate == rate);
    scratch_tells = 0;
}

START_TEST(rates_are_told)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_HEAP, 0)->sample_bytes = 4096;
    policy_rule(1, WIRE_RULE_MAP, 0);
    policy_rule(2, WIRE_RULE_LOCK, 0)->locks_every = 1;
    policy_rule(3, WIRE_RULE_COPY, 0)->copies_every = 7;
    policy_go(SCRATCH_FILTERED);
    ck_assert(wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 1 << 20));
    expect_told(WIRE_RATE_MEMORY, 4096);
    ck_assert(wants(WIRE_NEW, WIRE_MALLOC, 0x2000, 1 << 20) && !scratch_tells);
    ck_assert(wants(WIRE_NEW, WIRE_MMAP_ANON, 0x100000, 4096) && !scratch_tells); /* which is no sample, at any rate */
    ck_assert(wants(WIRE_SIGNAL, WIRE_LOCK_COND, 1, 0) && !scratch_tells); /* 1 is each one */
    while (!wants(WIRE_COPY, WIRE_COPY_MEMCPY, 0x1000, 100))
        ck_assert(!scratch_tells);
    expect_told(WIRE_RATE_COPIES, 7);
    rules_untold(c); /* what differs from nothing told is told again */
    policy_go(WIRE_GATE_ALL);
    ck_assert_uint_eq(scratch_tells, 2);
    ck_assert(scratch_told[0].which == WIRE_RATE_MEMORY && !scratch_told[0].rate);
    ck_assert(scratch_told[1].which == WIRE_RATE_COPIES && !scratch_told[1].rate);
    scratch_tells = 0;
    policy_go(WIRE_GATE_ALL);
    ck_assert(!scratch_tells);
    policy_go(SCRATCH_FILTERED);
    scratch_no_room = true;
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x3000, 1 << 20)); /* not with a rate that is not known */
    scratch_no_room = false;
    while (!wants(WIRE_NEW, WIRE_MALLOC, 0x3000, 1 << 20))
        ck_assert(!scratch_tells);
    expect_told(WIRE_RATE_MEMORY, 4096);
}
END_TEST

/* Blocks of one rule are drawn with its chance, whatever the others do between. */
START_TEST(rates_apart)
{
    enum { N = 200000 };
    policy_empty();
    struct wire_rule *r = policy_rule(0, WIRE_RULE_HEAP, 0);
    r->sample_bytes = 1000, r->families = 1u << WIRE_MALLOC;
    r = policy_rule(1, WIRE_RULE_HEAP, 0);
    r->sample_bytes = 10000, r->families = 1u << WIRE_CALLOC;
    policy_rule(2, WIRE_RULE_LOCK, 0)->locks_every = 10;
    policy_go(SCRATCH_FILTERED);
    for (uint64_t i = 1; i <= N; i++) {
        if (wants(WIRE_NEW, WIRE_MALLOC, i * 16, 100))
            ck_assert(follow_take(i * 16));
        if (wants(WIRE_NEW, WIRE_CALLOC, i * 16, 100))
            ck_assert(follow_take(i * 16));
        wants(WIRE_SIGNAL, WIRE_LOCK_COND, 1, 0);
    }
    ck_assert_double_eq_tol((double)hits(0), N * 0.0987740, 5.4 * 133.4); /* 1 - exp(-0.104): wire_drawn_bytes */
    ck_assert_double_eq_tol((double)hits(1), N * 0.0103461, 5.4 * 45.3);
    ck_assert_double_eq_tol((double)hits(2), N * 0.1, 5.4 * 134.2);
}
END_TEST

/* ---- blocks that are followed ---- */

START_TEST(simple)
{
    struct hook_frame site = {0, 0x5000};
    uint64_t drawn = 0, word = 0;
    uint32_t gate;
    policy_empty();
    policy_rule(6, WIRE_RULE_HEAP | WIRE_RULE_MAP, 0)->sample_bytes = 1000;
    policy->flags = WIRE_POLICY_SIMPLE;
    policy->simple = 6;
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_passes_new(c, gate + WIRE_GATE_SERIAL, 1));
    for (uint64_t i = 1; i <= 200000; i++)
        if (!rules_passes_new(c, gate, 100) && rules_wants(c, &site, WIRE_NEW | WIRE_MALLOC << 8, i * 16, 100, &word)) {
            drawn++;
            ck_assert(!rules_passes_drop(gate, (void *)(i * 16)) && follow_take(i * 16));
        }
    ck_assert_double_eq_tol((double)drawn, 200000 * 0.0987740, 5.4 * 133.4);
    ck_assert_uint_eq(hits(6), drawn);
    ck_assert(load_relaxed(&rules_home(c)->calls) >= 200000 && load_relaxed(&rules_home(c)->calls) <= 200002);
    policy->flags = 0;
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_passes_new(c, gate, 1) && rules_passes_drop(gate, (void *)(1ull << 40)));
    gate = policy_go(WIRE_GATE_ALL);
    ck_assert(!rules_passes_new(c, gate, 1) && !rules_passes_drop(gate, (void *)(1ull << 40)));
}
END_TEST

START_TEST(born_and_gone)
{
    uint64_t lived[] = {0x10000, 0x20000, 0x30000};
    uint32_t gate;
    policy_empty();
    policy_born(64, 9, lived, 3);
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_passes_drop(gate, (void *)0x10000) && rules_passes_drop(gate, (void *)0x10010));
    ck_assert(wants(WIRE_USABLE, 0, 0x10000, 24) && !wants(WIRE_USABLE, 0, 0x10010, 24));
    ck_assert(wants(WIRE_DROP, WIRE_FREE, 0x10000, 0));
    ck_assert(!wants(WIRE_DROP, WIRE_FREE, 0x10000, 0)); /* somebody else's by now */
    ck_assert(rules_passes_drop(gate, (void *)0x10000));
    gate = policy_go(SCRATCH_FILTERED); /* the same filter, handed on */
    ck_assert(rules_passes_drop(gate, (void *)0x10000) && wants(WIRE_DROP, WIRE_FREE, 0x20000, 0));
    policy->born_serial = 10;
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(wants(WIRE_DROP, WIRE_FREE, 0x10000, 0) && wants(WIRE_DROP, WIRE_FREE, 0x20000, 0));
    policy->flags = WIRE_POLICY_DROPS_ALL;
    policy->born_words = 0;
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_passes_drop(gate, (void *)0x999990) && wants(WIRE_DROP, WIRE_FREE, 0x999990, 0));
}
END_TEST

#define MAPPING(i) ((i) << 20)
START_TEST(too_many)
{
    uint64_t i = 0;
    uint32_t gate;
    policy_empty();
    policy_rule(0, WIRE_RULE_MAP, 0);
    gate = policy_go(SCRATCH_FILTERED);
    while (!follow_is_full())
        ck_assert(!wants(WIRE_DROP, WIRE_FREE, 0x777770, 0) && wants(WIRE_NEW, WIRE_MMAP_ANON, MAPPING(++i), 4096));
    ck_assert(scratch_texts == 1 && wants(WIRE_NEW, WIRE_MMAP_ANON, MAPPING(++i), 4096) && scratch_texts == 1); /* said once */
    ck_assert(wants(WIRE_DROP, WIRE_FREE, 0x777770, 0) && !rules_passes_drop(gate, (void *)0x777770));
    ck_assert(!rules_passes_drop(policy_go(SCRATCH_FILTERED), (void *)0x777770));
}
END_TEST

/* As record.c asks: at the beginning, and at the end of what moves; what grows is a New. */
static bool moves(unsigned family, uint64_t from, uint64_t to, uint64_t size, uint64_t had, bool *made)
{
    struct rules_own *own = rules_own(c);
    struct hook_frame site = {0, 0x5000};
    uint64_t word = 0;
    bool begun;
    own->realloc = RULES_REALLOC_NOT;
    own->had_bytes = had;
    begun = rules_wants(c, &site, WIRE_REALLOC_BEGIN | family << 8, from, size, &word);
    ck_assert(begun == (own->realloc == RULES_REALLOC_NOT));
    word = from;
    *made = !begun && to && rules_wants(c, &site, WIRE_NEW | family << 8, to, size, &word);
    ck_assert(!begun || rules_wants(c, &site, WIRE_REALLOC_END | family << 8, to, size, &word));
    own->realloc = RULES_REALLOC_NOT;
    return begun;
}

static size_t usable(void *p) { return 24; }

START_TEST(reallocs)
{
    bool made;
    policy_empty();
    policy_rule(0, WIRE_RULE_HEAP | WIRE_RULE_MAP, 0)->size_min = 8192;
    policy_go(SCRATCH_FILTERED);
    ck_assert(wants(WIRE_NEW, WIRE_MMAP_ANON, 0x10000, 8192));
    ck_assert(moves(WIRE_MREMAP, 0x10000, 0x50000, 4096, 8192, &made)); /* followed, though no rule asks for such a size */
    ck_assert(moves(WIRE_MREMAP, 0x50000, 0, 4096, 4096, &made));       /* failed */
    ck_assert(moves(WIRE_MREMAP, 0x50000, 0x60000, 4096, 4096, &made));
    ck_assert(!follow_take_map(0x50000, 0x51000) && follow_take_map(0x60000, 0x61000));
    ck_assert(!moves(WIRE_MREMAP, 0x90000, 0xa0000, 4096, 2048, &made) && !made); /* not followed, and not asked for */
    ck_assert(!moves(WIRE_MREMAP, 0x90000, 0xa0000, 12288, 4096, &made) && made && hits(0) == 2);
    ck_assert(follow_take_map(0xa0000, 0xa1000) && follow_take_map(0xa0000, 0xa3000));
    ck_assert(!moves(WIRE_MREMAP, 0x90000, 0xa0000, 8192, 8192, &made) && !made); /* it does not grow */
    ck_assert(wants(WIRE_NEW, WIRE_MALLOC, 0x777770, 9000));
    ck_assert(moves(WIRE_REALLOC, 0x777770, 0x888880, 10, 0, &made) && !follow_has(0x777770) && follow_has(0x888880));
    ck_assert(moves(WIRE_REALLOC, 0x888880, 0, 10, 0, &made) && follow_has(0x888880));
    ck_assert(wants(WIRE_DROP, WIRE_FREE, 0x888880, 0));
}
END_TEST

/* A block that is not followed is drawn for what it grows by, beyond what it could use. */
START_TEST(growth)
{
    uint64_t drawn = 0;
    bool made;
    policy_empty();
    policy_rule(0, WIRE_RULE_HEAP, 0)->sample_bytes = 1000;
    policy_go(SCRATCH_FILTERED);
    real.malloc_usable_size = usable;
    for (uint64_t i = 1; i <= 200000; i++)
        if (!moves(WIRE_REALLOC, i * 32, i * 32 + 16, 116, 0, &made) && made) {
            drawn++;
            ck_assert(follow_take(i * 32 + 16));
        }
    ck_assert_double_eq_tol((double)drawn, 200000 * 0.0915359, 5.4 * 129.0); /* of the 120 that it may use then, less the 24 that it could */
    for (uint64_t i = 1; i <= 2000; i++)
        ck_assert(!moves(WIRE_REALLOC, i * 32, i * 32 + 16, 24, 0, &made) && !made);
}
END_TEST

/* ---- policies that make no sense ---- */

static void expect_nothing(void)
{
    uint32_t gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 100) && !rules_passes_new(c, gate, 1) && !wants(WIRE_ACQUIRE, WIRE_LOCK_MUTEX, 1, 0));
    ck_assert(wants(WIRE_DROP, WIRE_FREE, 0x1000, 0) && !rules_passes_drop(gate, (void *)0x1000)); /* and nothing looks leaked */
}

START_TEST(hostile)
{
    struct wire_policy good;
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, 0);
    policy->flags = WIRE_POLICY_SIMPLE;
    good = *policy;
#define WITH(field, value) *policy = good, policy->field = (value), expect_nothing()
    WITH(bytes, sizeof *policy - 1);
    WITH(bytes, 0);
    WITH(bytes, UINT64_MAX);
    WITH(bytes, SCRATCH_BYTES - SCRATCH_POLICY + 1);
    WITH(ranges_count, 1);
    WITH(ranges_offset, UINT64_MAX - 7);
    WITH(ranges_offset, sizeof *policy + 8);
    WITH(ranges_offset, 3);
    WITH(born_words, 1);
    WITH(born_words, 1ull << 63);
    WITH(born_offset, UINT64_MAX - 7);
    WITH(born_offset, 4);
    *policy = good, policy->bytes += 64, policy->born_words = 3, expect_nothing();
    *policy = good, policy->simple = WIRE_RULES_MAX;
    ck_assert(!rules_passes_new(c, policy_go(SCRATCH_FILTERED), 1));
    *policy = good, policy->simple = UINT32_MAX;
    ck_assert(!rules_passes_new(c, policy_go(SCRATCH_FILTERED), 1));
    *policy = good, policy->includes = UINT32_MAX, policy->excludes = 0; /* rules of zeros, and of noise */
    for (unsigned i = 1; i < WIRE_RULES_MAX; i++)
        for (unsigned k = 0; k < sizeof(struct wire_rule); k++)
            ((uint8_t *)&policy->rules[i])[k] = (uint8_t)(i * 37 + k * 11);
    policy_go(SCRATCH_FILTERED);
    for (unsigned i = 0; i < 1000; i++)
        wants_at(i * 77, WIRE_NEW | (i % WIRE_FAMILIES) << 8, i * 16, i);
    *policy = good; /* offsets of the policy itself */
    for (uint64_t at = 1; at; at <<= 1) {
        uint32_t gate = SCRATCH_FILTERED | ++scratch_serial * WIRE_GATE_SERIAL;
        store_relaxed(wire_policy_word(&process.segment, gate), at | 4);
        store_relaxed(&wire_pulse_of(&process.segment)->gate, gate);
        ck_assert(rules_adopt(c, gate) && !wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 100));
    }
}
END_TEST

/* Ranges in no order: the search ends, and says something. */
START_TEST(hostile_ranges)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, WIRE_RULE_SITE);
    for (uint64_t i = 0; i < 1000; i++)
        policy_range(i * 7919 % 1000 << 12, i * 104729 % 1000 << 12, (uint32_t)(i * 13 % 5), (uint32_t)i);
    policy_go(SCRATCH_FILTERED);
    for (uint64_t pc = 0; pc < 2000; pc++)
        wants_at(pc << 11, WIRE_NEW | WIRE_MALLOC << 8, pc * 16, 1);
}
END_TEST

/* A next one is being published: its policy lies there, its gate does not stand yet, or stands already. */
START_TEST(overtaken)
{
    struct wire_pulse *pulse = wire_pulse_of(&process.segment);
    uint32_t gate;
    policy_empty();
    policy_rule(0, WIRE_RULE_EVENTS, 0);
    gate = policy_go(SCRATCH_FILTERED);
    policy->gate = gate + 2 * WIRE_GATE_SERIAL;
    store_relaxed(&pulse->gate, gate + 2 * WIRE_GATE_SERIAL);
    ck_assert(!rules_adopt(c, gate + WIRE_GATE_SERIAL)); /* the one that was looked at is over */
    ck_assert(rules_adopt(c, gate + 2 * WIRE_GATE_SERIAL) && wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 1));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rules");
    TCase *t = tcase_create("rules");
    tcase_add_checked_fixture(t, scratch_begin, scratch_end);
    tcase_add_test(t, by_kind_size_and_family);
    tcase_add_test(t, by_site);
    tcase_add_test(t, by_unknown_site);
    tcase_add_test(t, settles);
    tcase_add_test(t, by_thread);
    tcase_add_test(t, by_exclude_and_order);
    tcase_add_test(t, tokens);
    tcase_add_test(t, rates_are_told);
    tcase_add_test(t, rates_apart);
    tcase_add_test(t, simple);
    tcase_add_test(t, born_and_gone);
    tcase_add_test(t, reallocs);
    tcase_add_test(t, growth);
    tcase_add_test(t, too_many);
    tcase_add_test(t, hostile);
    tcase_add_test(t, hostile_ranges);
    tcase_add_test(t, overtaken);
    suite_add_tcase(s, t);
    return suite_run(s);
}
