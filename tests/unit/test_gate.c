/*
 * tests/unit/test_gate.c - the gate from the collector's side: what it says at the
 * beginning, policies behind it that stay as long as somebody may read them, emergency
 * stops, and who takes over from a collector that died.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "session/policy.h"
#include "session_fixture.h"
#include "suite.h"

static struct wire_pulse *pulse(void) { return wire_pulse_of(&shared); }
static uint32_t bits(uint32_t gate) { return gate & (WIRE_GATE_SERIAL - 1); }
static void nap(unsigned us) { nanosleep(&(struct timespec){0, us * 1000L}, NULL); }

static uint32_t publish(uint32_t wanted)
{
    uint32_t gate = 0;
    ck_assert_int_eq(session_policy_publish(session, NULL, wanted, &gate), 0);
    return gate;
}

static bool quiet_within(uint32_t gate, unsigned ms)
{
    uint64_t end = wire_clock_monotonic_ns() + ms * 1000000ull;
    while (!session_quiet(session, gate)) {
        if (wire_clock_monotonic_ns() > end)
            return false;
        nap(200);
    }
    return true;
}

/* ---- the gate ---- */

static uint32_t gate_of(const struct session_options *o)
{
    struct session *s;
    uint32_t gate;
    ck_assert_int_eq(session_create(&s, o), 0);
    gate = session_gate(s);
    session_close(s, true);
    return gate;
}

START_TEST(test_beginning)
{
    struct session_options o = {.name = "other", .preload_path = "/nowhere.so", .locks = true, .copies_min_bytes = 1};
    ck_assert_uint_eq(bits(session_gate(session)), WIRE_GATE_ALL);
    ck_assert_uint_ne(session_gate(session), WIRE_GATE_ALL); /* serials begin at 1 */
    ck_assert_uint_eq(bits(gate_of(&o)), WIRE_GATE_ALL);
    o.locks = false;
    ck_assert_uint_eq(bits(gate_of(&o)), WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_COPIES);
    o.copies_min_bytes = UINT64_MAX;
    ck_assert_uint_eq(bits(gate_of(&o)), WIRE_GATE_LIFE | WIRE_GATE_MEMORY);
    o.paused = o.locks = true;
    ck_assert_uint_eq(bits(gate_of(&o)), WIRE_GATE_LIFE);
}
END_TEST

START_TEST(test_publish)
{
    uint32_t first = session_gate(session), second = publish(WIRE_GATE_LIFE), third = publish(WIRE_GATE_LIFE);
    ck_assert_uint_eq(bits(second), WIRE_GATE_LIFE);
    ck_assert(first != second && second != third);
    ck_assert_uint_eq(load_relaxed(&pulse()->gate), third);
    ck_assert(quiet_within(second, 2000) && quiet_within(third, 2000));
}
END_TEST

/* ---- quiet ---- */

/* A slot of a thread that is in the midst of a record, as far as anybody can see. */
static struct wire_slot *acting_since(uint32_t gate, uint32_t pid, uint32_t tid)
{
    struct fake_writer w = {0};
    ck_assert_int_eq(fake_claim_as(&w, &shared, fake_process(&shared), pid, tid), 0);
    fake_new(&w, 0x1000, 8);
    store_relaxed(&w.ring.slot->acting, gate);
    return w.ring.slot;
}

START_TEST(test_quiet_waits)
{
    struct wire_slot *slot = acting_since(session_gate(session), (uint32_t)getpid(), (uint32_t)getpid());
    uint32_t gate = publish(WIRE_GATE_LIFE);
    ck_assert(!quiet_within(gate, 150));
    store_relaxed(&slot->acting, gate); /* another record, under the new one */
    ck_assert(quiet_within(gate, 2000));
    store_relaxed(&slot->acting, WIRE_ACTING_NOT);
}
END_TEST

/* It may read the policy of the gate that it acts on: that one stays, and no other. */
START_TEST(test_room_beside_one_that_acts)
{
    enum { BYTES = 4 << 20, TIMES = 40 };
    struct wire_policy *policy = calloc(1, BYTES);
    uint32_t gate, of_it;
    policy->bytes = BYTES;
    ck_assert_int_eq(session_policy_publish(session, policy, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &of_it), 0);
    struct wire_slot *slot = acting_since(of_it, (uint32_t)getpid(), (uint32_t)getpid());
    const struct wire_policy *its = wire_at(&shared, load_relaxed(wire_policy_word(&shared, of_it)), BYTES);
    ck_assert_uint_eq(its->gate, of_it);
    for (int i = 0; i < TIMES; i++) {
        int e = session_policy_publish(session, policy, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate);
        for (int n = 0; e == -ENOSPC && n < 200; n++) { /* a barrier takes its time */
            ck_assert(!quiet_within(gate, 10));
            e = session_policy_publish(session, policy, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate);
        }
        ck_assert_int_eq(e, 0);
        ck_assert(!quiet_within(gate, 5));
        ck_assert_uint_eq(its->gate, of_it);
    }
    store_relaxed(&slot->acting, WIRE_ACTING_NOT);
    ck_assert(quiet_within(gate, 2000));
    free(policy);
}
END_TEST

static atomic_u32 spins_tid;

static void *spin(void *nothing)
{
    store_release(&spins_tid, (uint32_t)syscall(SYS_gettid));
    while (load_acquire(&spins_tid))
        ;
    return NULL;
}

/* A thread that works on and on is in no record, though a handler that jumped left it so. */
START_TEST(test_quiet_of_one_that_jumped)
{
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    while (!load_acquire(&spins_tid))
        nap(100);
    acting_since(session_gate(session), (uint32_t)getpid(), load_acquire(&spins_tid));
    uint32_t gate = publish(WIRE_GATE_LIFE);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        nap(1000);
    }
    ck_assert(!quiet_within(gate, 300));
    ck_assert(quiet_within(gate, 5000));
    store_release(&spins_tid, 0);
    pthread_join(thread, NULL);
}
END_TEST

static int sleeps_at[2];

static void *sleep_on(void *nothing)
{
    char word;
    store_release(&spins_tid, (uint32_t)syscall(SYS_gettid));
    return (void *)(intptr_t)read(sleeps_at[0], &word, 1);
}

/* Nor is one that sleeps in a call of the program's. One that stands still amid a record is, and is named. */
START_TEST(test_quiet_of_one_that_sleeps)
{
    pthread_t thread;
    uint32_t tid, pid_told = 0, tid_told = 0;
    ck_assert_int_eq(pipe(sleeps_at), 0);
    pthread_create(&thread, NULL, sleep_on, NULL);
    while (!(tid = load_acquire(&spins_tid)))
        nap(100);
    acting_since(session_gate(session), (uint32_t)getpid(), tid);
    uint32_t gate = publish(WIRE_GATE_LIFE);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        nap(1000);
    }
    ck_assert(!quiet_within(gate, 300));
    ck_assert(session_unquiet(session, gate, &pid_told, &tid_told));
    ck_assert(pid_told == (uint32_t)getpid() && tid_told == tid);
    ck_assert(session_acts(session, &pid_told, &tid_told));
    ck_assert(quiet_within(gate, 5000));
    ck_assert(!session_unquiet(session, gate, &pid_told, &tid_told));
    ck_assert_int_eq(write(sleeps_at[1], "", 1), 1);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_quiet_of_one_that_stands_still)
{
    pid_t child = fork();
    if (!child)
        for (;;)
            pause();
    struct wire_slot *slot = acting_since(session_gate(session), (uint32_t)child, (uint32_t)child);
    ck_assert_int_eq(kill(child, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(child, NULL, WUNTRACED), child);
    uint32_t gate = publish(WIRE_GATE_LIFE), pid_told = 0, tid_told = 0;
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        nap(1000);
    }
    ck_assert(!quiet_within(gate, 1500));
    ck_assert(session_unquiet(session, gate, &pid_told, &tid_told));
    ck_assert(pid_told == (uint32_t)child && tid_told == (uint32_t)child);
    store_release(&slot->acting, WIRE_ACTING_NOT);
    ck_assert(quiet_within(gate, 2000));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

START_TEST(test_quiet_of_the_dead)
{
    pid_t child = fork();
    uint32_t gate;
    if (!child) {
        acting_since(load_relaxed(&pulse()->gate), (uint32_t)getpid(), (uint32_t)getpid());
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    gate = publish(WIRE_GATE_LIFE);
    for (int i = 0; i < 400 && !session_quiet(session, gate); i++) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        nap(10000);
    }
    ck_assert(session_quiet(session, gate));
}
END_TEST

struct act { struct wire_slot *slot; unsigned ms; };

static void *act_for(void *given)
{
    struct act *a = given;
    nap(a->ms * 1000);
    store_release(&a->slot->acting, WIRE_ACTING_NOT);
    return NULL;
}

START_TEST(test_wait_quiet)
{
    struct act a = {acting_since(session_gate(session), (uint32_t)getpid(), (uint32_t)getpid()), 60};
    pthread_t t;
    uint64_t took;
    session_emergency(session);
    ck_assert_uint_eq(session_wait_quiet(session, 20000000), UINT64_MAX);
    pthread_create(&t, NULL, act_for, &a);
    took = session_wait_quiet(session, 5000000000);
    ck_assert_uint_ge(took, 30000000);
    ck_assert_uint_lt(took, 5000000000);
    pthread_join(t, NULL);
    ck_assert_uint_lt(session_wait_quiet(session, 1000000000), 5000000); /* when, not until it was known */
}
END_TEST

/* ---- policies: readers as hooks are, and memory that comes and goes under them ---- */

enum { READERS = 3, POLICY_BYTES = 1 << 20, ROUNDS = 10 };
static atomic_u32 over, torn, reads;

/* A policy whose bytes behind its head all say which it is. */
static struct wire_policy *policy_make(uint8_t mark)
{
    struct wire_policy *p = malloc(POLICY_BYTES);
    memset(p, mark, POLICY_BYTES);
    p->bytes = POLICY_BYTES;
    p->includes = mark;
    return p;
}

static bool whole(const struct wire_policy *p, uint8_t mark)
{
    const uint8_t *at = (const uint8_t *)(p + 1);
    for (size_t i = 0; i < POLICY_BYTES - sizeof *p; i += 4096)
        if (at[i] != mark)
            return false;
    return true;
}

static void *read_policies(void *given)
{
    struct fake_writer w;
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    while (!load_relaxed(&over)) {
        uint32_t gate = load_relaxed(&pulse()->gate);
        const struct wire_policy *p;
        store_relaxed(&w.ring.slot->acting, gate);
        fence_signal();
        if (load_acquire(&pulse()->gate) == gate && gate & WIRE_GATE_FILTERED) {
            p = wire_at(&shared, load_relaxed(wire_policy_word(&shared, gate)), sizeof *p);
            if (p && p->gate == gate) {
                uint8_t mark = (uint8_t)p->includes;
                for (int i = 0; i < 8; i++) {
                    if (!whole(p, mark))
                        add_relaxed(&torn, 1);
                    nap(given ? 4000 : 10); /* one of them takes longer than a barrier does */
                }
                add_relaxed(&reads, 1);
            }
        }
        store_release(&w.ring.slot->acting, WIRE_ACTING_NOT);
    }
    return NULL;
}

START_TEST(test_grace_period)
{
    pthread_t t[READERS];
    uint32_t gate;
    store_relaxed(&over, 0);
    for (int i = 0; i < READERS; i++)
        pthread_create(&t[i], NULL, read_policies, i ? NULL : &over);
    for (int i = 0; i < ROUNDS; i++) {
        struct wire_policy *p = policy_make((uint8_t)(i + 1));
        ck_assert_int_eq(session_policy_publish(session, p, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate), 0);
        free(p);
        ck_assert(quiet_within(gate, 5000));
        nap(2000);
    }
    store_relaxed(&over, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(t[i], NULL);
    ck_assert_uint_eq(torn, 0);
    ck_assert_uint_gt(reads, 0);
}
END_TEST

static uint64_t file_bytes(void)
{
    struct stat st;
    ck_assert_int_eq(stat(session_segment_path(session), &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

START_TEST(test_policies_are_bounded)
{
    struct wire_slot *slot = acting_since(session_gate(session), (uint32_t)getpid(), (uint32_t)getpid());
    struct wire_policy *p = policy_make(7);
    uint64_t before = file_bytes();
    uint32_t gate = 0, last = 0;
    int n = 0, e;
    while (!(e = session_policy_publish(session, p, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate)) && ++n < 200)
        last = gate;
    ck_assert_int_eq(e, -ENOSPC);                   /* somebody may still read the first */
    ck_assert_int_gt(n, 20);
    ck_assert_uint_eq(session_gate(session), last); /* the one before stays */
    store_relaxed(&slot->acting, WIRE_ACTING_NOT);
    ck_assert(quiet_within(last, 2000));
    ck_assert_uint_lt(file_bytes() - before, 24 << 20);
    ck_assert_int_eq(session_policy_publish(session, p, WIRE_GATE_LIFE, &gate), 0);
    free(p);
}
END_TEST

/* ---- emergency ---- */

START_TEST(test_emergency)
{
    uint32_t before = session_gate(session), gate = 0, after;
    ck_assert(!session_emergency(session) && session_emergency(session));
    ck_assert_uint_eq(session_gate(session), 0);
    ck_assert_int_eq(session_policy_publish(session, NULL, WIRE_GATE_ALL, &gate), -EPERM);
    ck_assert_uint_eq(session_gate(session), 0);
    session_emergency_end(session);
    ck_assert(!session_is_emergency(session));
    ck_assert_uint_eq(session_gate(session), 0);
    after = publish(WIRE_GATE_ALL);
    ck_assert_uint_ne(after, before);
    ck_assert(quiet_within(after, 2000));
}
END_TEST

START_TEST(test_emergency_by_path)
{
    const char *path = session_segment_path(session);
    char link_path[256], junk[256];
    FILE *f;
    snprintf(link_path, sizeof link_path, "%s/link", dir);
    snprintf(junk, sizeof junk, "%s/junk", dir);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(segment_emergency(path), -EPERM);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(symlink(path, link_path), 0);
    ck_assert_int_eq(segment_emergency(link_path), -ELOOP);
    unlink(link_path);
    ck_assert_ptr_nonnull(f = fopen(junk, "w"));
    fputs("no segment", f);
    fclose(f);
    chmod(junk, 0600);
    ck_assert_int_eq(segment_emergency(junk), -EBADMSG);
    ck_assert_int_eq(truncate(junk, 1 << 30), 0);
    ck_assert_int_eq(segment_emergency(junk), -EBADMSG);
    unlink(junk);
    ck_assert_int_eq(segment_emergency(junk), -ENOENT);
    ck_assert(!session_is_emergency(session));
    ck_assert_int_eq(segment_emergency(path), 0);
    ck_assert(session_is_emergency(session));
    ck_assert_uint_eq(session_gate(session), 0);
    if (!geteuid()) { /* who is not the owner, nor root */
        pid_t child;
        int status;
        session_emergency_end(session);
        child = fork();
        if (!child)
            _exit(setuid(65534) || segment_emergency(path) == 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        ck_assert(!session_is_emergency(session));
    }
}
END_TEST

/* Whoever stops finds the gate shut from then on, however fast it is opened elsewhere. */
static void *publish_always(void *given)
{
    uint32_t gate;
    while (!load_relaxed(&over))
        session_policy_publish(session, NULL, WIRE_GATE_ALL, &gate);
    return NULL;
}

START_TEST(test_emergency_wins)
{
    pthread_t t;
    unsigned opened = 0, stops = 0, reopened = 0;
    uint64_t began = wire_clock_monotonic_ns(), end = began + 400000000, last = began + 40000000000;
    store_relaxed(&over, 0);
    pthread_create(&t, NULL, publish_always, NULL);
    for (; wire_clock_monotonic_ns() < (reopened > 10 ? end : last); stops++) {
        session_emergency(session);
        for (int i = 0; i < 200; i++)
            opened += bits(load_acquire(&pulse()->gate)) != 0;
        session_emergency_end(session);
        for (int i = 0; i < 2000 && !bits(load_acquire(&pulse()->gate)); i++)
            sched_yield();
        reopened += bits(load_acquire(&pulse()->gate)) != 0;
    }
    store_relaxed(&over, 1);
    pthread_join(t, NULL);
    ck_assert_msg(!opened, "open %u times in %u stops", opened, stops);
    ck_assert_uint_gt(reopened, 10);
}
END_TEST

/* ---- taking over ---- */

static void take_over(void)
{
    char name[64];
    snprintf(name, sizeof name, "%s", session_name(session));
    session_close(session, false);
    session = NULL;
    ck_assert_int_eq(session_attach(&session, name), 0);
}

START_TEST(test_takeover)
{
    struct wire_policy *p = policy_make(9);
    const struct wire_policy *there;
    uint32_t gate, after;
    ck_assert_int_eq(session_policy_publish(session, p, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate), 0);
    free(p);
    take_over();
    ck_assert_uint_eq(session_gate(session), gate);
    there = wire_at(&shared, load_relaxed(wire_policy_word(&shared, gate)), sizeof *there);
    ck_assert_ptr_nonnull(there);
    p = policy_make(10); /* lies elsewhere, while the one in force may be read */
    ck_assert_int_eq(session_policy_publish(session, p, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &after), 0);
    free(p);
    ck_assert_uint_eq(there->gate, gate);
    ck_assert(whole(there, 9));
    ck_assert(quiet_within(after, 2000));
    session_emergency(session);
    take_over();
    ck_assert(session_is_emergency(session));
    ck_assert_uint_eq(session_gate(session), 0);
    session_emergency_end(session);
    ck_assert_uint_ne(publish(WIRE_GATE_ALL), after);
}
END_TEST

static void publish_mark(uint8_t mark)
{
    struct wire_policy *p = policy_make(mark);
    uint32_t gate;
    ck_assert_int_eq(session_policy_publish(session, p, WIRE_GATE_ALL | WIRE_GATE_FILTERED, &gate), 0);
    free(p);
}

/* Who stands still amid a record finds its policy as it was, however many collectors come and go; then its memory is given back. */
START_TEST(test_takeover_beside_one_that_acts)
{
    struct wire_slot *slots[2];
    const struct wire_policy *its[2];
    uint64_t before = file_bytes();
    for (unsigned i = 0; i < 2; i++) {
        publish_mark((uint8_t)(20 + i));
        its[i] = wire_at(&shared, load_relaxed(wire_policy_word(&shared, session_gate(session))), POLICY_BYTES);
        slots[i] = acting_since(session_gate(session), (uint32_t)getpid(), (uint32_t)getpid());
    }
    publish_mark(30);
    publish_mark(31);
    for (uint8_t times = 0; times < 3; times++) {
        take_over();
        ck_assert(!session_quiet(session, session_gate(session)));
        for (uint8_t i = 0; i < 4; i++) {
            publish_mark((uint8_t)(40 + i));
            ck_assert(!quiet_within(session_gate(session), 10));
            ck_assert(whole(its[0], 20) && whole(its[1], 21));
        }
    }
    store_relaxed(&slots[0]->acting, WIRE_ACTING_NOT);
    store_relaxed(&slots[1]->acting, WIRE_ACTING_NOT);
    ck_assert(quiet_within(session_gate(session), 2000));
    ck_assert_uint_eq(load_relaxed(&pulse()->policy_retired), 0);
    publish_mark(50);
    ck_assert(quiet_within(session_gate(session), 2000));
    ck_assert_uint_lt(file_bytes() - before, 24 << 20);
}
END_TEST

/* What is named as replaced is input: whatever it says, the next collector goes on. */
START_TEST(test_takeover_of_lies_retired)
{
    static const uint64_t offsets[] = {8, 4096, 1ull << 62, 3, WIRE_SLOTS_OFFSET};
    publish_mark(20);
    uint64_t own = load_relaxed(wire_policy_word(&shared, session_gate(session)));
    acting_since(session_gate(session), (uint32_t)getpid(), (uint32_t)getpid());
    publish_mark(21);
    ((struct wire_policy *)wire_at(&shared, own, POLICY_BYTES))->retired_before = _i % 2 ? own : offsets[_i / 2];
    if (_i % 3)
        store_relaxed(&pulse()->policy_retired, offsets[_i / 2]);
    take_over();
    publish_mark(22);
    ck_assert(!quiet_within(session_gate(session), 10));
    ck_assert(whole(wire_at(&shared, own, POLICY_BYTES), 20));
}
END_TEST

START_TEST(test_takeover_of_lies)
{
    static const uint64_t offsets[] = {8, 4096, 1ull << 62, 3, WIRE_SLOTS_OFFSET};
    uint32_t gate = session_gate(session);
    store_relaxed(wire_policy_word(&shared, gate), offsets[_i]);
    take_over();
    ck_assert_uint_ne(session_gate(session), gate);
    ck_assert_uint_eq(bits(session_gate(session)), WIRE_GATE_LIFE); /* nobody knows what is to be recorded */
}
END_TEST

/* ---- what threads and collector tell each other ---- */

static unsigned threads_seen;
static void see_thread(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid)
{
    threads_seen++;
    session_thread_rules(session, slot, 5);
    *(uint32_t *)context = thread;
}

START_TEST(test_words)
{
    struct fake_writer w = {0};
    struct wire_home *home;
    uint32_t thread = 0;
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    drain_until(&by_type[EVENT_PROCESS_START], 1);
    session_each_thread(session, see_thread, &thread);
    ck_assert_uint_eq(threads_seen, 1);
    ck_assert_uint_eq(thread, w.thread);
    ck_assert_uint_eq(load_relaxed(&w.ring.slot->rules), (uint64_t)session_gate(session) << 32 | 5);
    session_thread_rules(session, 100000, 5);

    home = wire_home_of(&shared, w.ring.slot);
    ck_assert_uint_eq(session_hits(session, 3), 0);
    store_relaxed(&home->hits[3], 41);
    store_relaxed(&home->calls, 7);
    w.ring.slot->scratch = 1ull << 60; /* the thread's word is not asked where its page lies */
    ck_assert_uint_eq(session_hits(session, 3), 41);
    ck_assert_uint_eq(session_calls(session), 7);
    ck_assert_uint_eq(session_hits(session, WIRE_RULES_MAX), 0);

    session_tokens_set(session, 2, 10);
    session_tokens_add(session, 2, -13);
    ck_assert_int_eq(session_tokens(session, 2), -3);
    session_tokens_set(session, WIRE_RULES_MAX, 10);
    ck_assert_int_eq(session_tokens(session, WIRE_RULES_MAX), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *c = tcase_create("gate");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_beginning);
    tcase_add_test(c, test_publish);
    tcase_add_test(c, test_quiet_waits);
    tcase_add_test(c, test_room_beside_one_that_acts);
    tcase_add_test(c, test_quiet_of_one_that_jumped);
    tcase_add_test(c, test_quiet_of_one_that_sleeps);
    tcase_add_test(c, test_quiet_of_one_that_stands_still);
    tcase_add_test(c, test_quiet_of_the_dead);
    tcase_add_test(c, test_wait_quiet);
    tcase_add_test(c, test_grace_period);
    tcase_add_test(c, test_policies_are_bounded);
    tcase_add_test(c, test_emergency);
    tcase_add_test(c, test_emergency_by_path);
    tcase_add_test(c, test_emergency_wins);
    tcase_add_test(c, test_takeover);
    tcase_add_test(c, test_takeover_beside_one_that_acts);
    tcase_add_loop_test(c, test_takeover_of_lies_retired, 0, 10);
    tcase_add_loop_test(c, test_takeover_of_lies, 0, 5);
    tcase_add_test(c, test_words);
    suite_add_tcase(s, c);
    return suite_run(s);
}
