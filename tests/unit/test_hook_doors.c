/* What doors pass over: allocations, releases, copies and locks that are not drawn, by a
 * count, and everything else never. */
#include "hook_rules_scratch.h"
#include "suite.h"

#include "preload/arena.h"

enum { N = 200000, SIMPLE = 3, LOCK = 4, COPY = 5 };
#define MUTEX(type, lock) wants(type, WIRE_LOCK_MUTEX, lock, 0)
#define SOMEWHERE ((void *)(1ull << 40))

/* One rule for each family, of all there is. */
static uint32_t go(uint32_t every)
{
    policy_empty();
    policy_rule(SIMPLE, WIRE_RULE_HEAP | WIRE_RULE_MAP, 0)->sample_bytes = 1000;
    policy_rule(LOCK, WIRE_RULE_LOCK, 0)->locks_every = every;
    policy_rule(COPY, WIRE_RULE_COPY, 0)->copies_every = every;
    policy->flags = WIRE_POLICY_SIMPLE;
    policy->simple = SIMPLE;
    process.plain_malloc = true;
    return policy_go(SCRATCH_FILTERED);
}

/* Of all that a door is asked, none passes. */
static void expect_shut(uint32_t gate, const char *why)
{
    for (int i = 0; i < 3; i++)
        ck_assert_msg(!rules_door_new(gate, 1) && !rules_door_drop(gate, SOMEWHERE) && !rules_door_copy(gate) && !rules_door_lock(gate) &&
                      !rules_door_unlock(gate), "%s", why);
}

/* The first of each is drawn by the slow way, which begins the count. */
static uint32_t begun(uint32_t every)
{
    uint32_t gate = go(every);
    uint64_t address = 1 << 20;
    ck_assert(!rules_door_new(gate, 1) && !rules_door_copy(gate) && !rules_door_lock(gate));
    if (wants(WIRE_NEW, WIRE_MALLOC, address, 1))
        ck_assert(follow_take(address));
    wants(WIRE_COPY, WIRE_COPY_MEMCPY, 0x1000, 500);
    if (MUTEX(WIRE_ACQUIRE, 8))
        ck_assert(MUTEX(WIRE_RELEASE, 8));
    return gate;
}

START_TEST(chances)
{
    uint32_t gate = go(10);
    uint64_t blocks = 0, copies = 0, locks = 0, before = load_relaxed(&rules_home(c)->calls);
    for (uint64_t i = 1; i <= N; i++) {
        if (!rules_door_new(gate, 100) && wants(WIRE_NEW, WIRE_MALLOC, i * 16, 100)) {
            blocks++;
            ck_assert(!rules_door_drop(gate, (void *)(i * 16)) && follow_take(i * 16));
        } else {
            ck_assert(rules_door_drop(gate, (void *)(i * 16)));
        }
        copies += !rules_door_copy(gate) && wants(WIRE_COPY, WIRE_COPY_MEMCPY, 0x1000, 500);
        if (!rules_door_lock(gate) && MUTEX(WIRE_ACQUIRE, i * 64)) {
            locks++;
            ck_assert(!rules_door_unlock(gate) && !rules_door_lock(gate)); /* of a thread that follows one nothing is passed over */
            ck_assert(MUTEX(WIRE_RELEASE, i * 64));
        }
        ck_assert(rules_door_unlock(gate));
    }
    ck_assert_double_eq_tol((double)blocks, N * 0.0987744, 5.4 * 133.4); /* 1 - exp(-0.104) */
    ck_assert_double_eq_tol((double)copies, N * 0.1, 5.4 * 134.2);
    ck_assert_double_eq_tol((double)locks, N * 0.1, 5.4 * 134.2);
    ck_assert(hits(SIMPLE) == blocks && hits(COPY) == copies && hits(LOCK) == locks);
    ck_assert_uint_ge(load_relaxed(&rules_home(c)->calls) - before, 4 * (uint64_t)N);
}
END_TEST

START_TEST(shut)
{
    static struct process_page other = {7};
    uint32_t gate = begun(1 << 20);
    struct process_page *page = process.page;
    ck_assert(rules_door_drop(gate, SOMEWHERE) && rules_door_copy(gate) && rules_door_lock(gate) && rules_door_unlock(gate));
    expect_shut(gate + WIRE_GATE_SERIAL, "another gate");
    process.page = &other;
    ck_assert(!rules_door_copy(gate) && !rules_door_lock(gate) && !rules_door_unlock(gate)); /* another process */
    ck_assert(rules_door_drop(gate, SOMEWHERE)); /* a child's before its first record: passed over as its parent's */
    process.page = page;
    c->guard = 0x1000 | CONTEXT_CXX;
    ck_assert(!rules_door_new(gate, 1) && !rules_door_copy(gate) && !rules_door_lock(gate) && !rules_door_unlock(gate));
    c->guard = 0;
    expect_shut(policy_go(WIRE_GATE_ALL), "all is recorded");
    process.plain_malloc = false;
    gate = policy_go(SCRATCH_FILTERED);
    wants(WIRE_NEW, WIRE_MALLOC, 0x1000, 8);
    ck_assert(!rules_door_new(gate, 0)); /* another's malloc, which may call what we take */
}
END_TEST

/* Where one count cannot say what is drawn. */
START_TEST(not_single)
{
    uint32_t gate;
    static const struct { uint32_t events, flags; uint64_t size_min; bool locks, copies; } t[] = {
        {WIRE_RULE_LOCK | WIRE_RULE_COPY, 0, 0, false, false}, {WIRE_RULE_LOCK, WIRE_RULE_SITE, 0, false, true},
        {WIRE_RULE_COPY, WIRE_RULE_EXCLUDE, 0, true, false}, {WIRE_RULE_LOCK, WIRE_RULE_EXCLUDE | WIRE_RULE_MASKED, 0, false, true}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        go(1 << 20);
        policy_rule(9, t[i].events, t[i].flags)->locks_every = 1 << 20;
        gate = policy_go(SCRATCH_FILTERED);
        c->writer.slot->rules = 0;
        wants(WIRE_COPY, WIRE_COPY_MEMCPY, 0x1000, 500);
        wants(WIRE_SIGNAL, WIRE_LOCK_COND, 1, 0);
        ck_assert_msg(rules_door_copy(gate) == t[i].copies && rules_door_unlock(gate) == t[i].locks, "row %zu", i);
    }
    go(1 << 20);
    policy->rules[COPY].size_min = 1000; /* a copy's size is not looked at by its door */
    policy->rules[LOCK].locks_every = 1; /* each */
    gate = policy_go(SCRATCH_FILTERED);
    wants(WIRE_COPY, WIRE_COPY_MEMCPY, 0x1000, 5000);
    ck_assert(!rules_door_copy(gate) && !rules_door_lock(gate) && !rules_door_unlock(gate));
}
END_TEST

/* What was held when all was recorded is to be told of; so is a lock amid its wait. */
START_TEST(owed)
{
    uint32_t gate;
    policy_go(WIRE_GATE_ALL);
    gate = go(1 << 20);
    ck_assert(!MUTEX(WIRE_ACQUIRE, 8) && !rules_door_lock(gate) && !rules_door_unlock(gate) && MUTEX(WIRE_RELEASE, 16));
    scratch_end();
    scratch_begin();
    gate = begun(1 << 20);
    ck_assert(!wants(WIRE_WAIT, WIRE_LOCK_MUTEX, 8, 0) && !rules_door_lock(gate));
    ck_assert(!MUTEX(WIRE_ACQUIRE, 8) && rules_door_lock(gate));
}
END_TEST

START_TEST(releases)
{
    uint64_t lived[] = {0x10000};
    uint32_t gate = go(10);
    void *early = arena_alloc(100, 16);
    ck_assert(rules_door_drop(gate, SOMEWHERE) && !rules_door_drop(gate, early)); /* the arena's is no block of malloc's */
    ck_assert(!rules_passes_drop(gate, early));
    ck_assert(follow_add(0x20000) && !rules_door_drop(gate, (void *)0x20000) && rules_door_drop(gate, (void *)0x20020));
    ck_assert(follow_take(0x20000) && rules_door_drop(gate, (void *)0x20000));
    policy_born(64, 9, lived, 1);
    gate = policy_go(SCRATCH_FILTERED);
    ck_assert(!rules_door_drop(gate, SOMEWHERE) && rules_passes_drop(gate, SOMEWHERE)); /* the slower look tells */
    policy->flags |= WIRE_POLICY_DROPS_ALL;
    ck_assert(!rules_door_drop(policy_go(SCRATCH_FILTERED), SOMEWHERE));
}
END_TEST

/* A door's count of bytes is the sampler's, of every size that can be had. */
START_TEST(bytes)
{
    for (uint64_t size = 0; size < 100000; size++)
        ck_assert_uint_eq(rules_bytes(size), wire_drawn_bytes(size));
    ck_assert_uint_eq(rules_bytes(1ull << 62), wire_drawn_bytes(1ull << 62));
    ck_assert_uint_eq(rules_bytes(UINT64_MAX), 24);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("doors");
    TCase *t = tcase_create("doors");
    tcase_add_checked_fixture(t, scratch_begin, scratch_end);
    tcase_add_test(t, chances);
    tcase_add_test(t, shut);
    tcase_add_test(t, not_single);
    tcase_add_test(t, owed);
    tcase_add_test(t, releases);
    tcase_add_test(t, bytes);
    suite_add_tcase(s, t);
    return suite_run(s);
}
