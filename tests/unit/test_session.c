/*
 * tests/unit/test_session.c - a session with fake writers: forked children
 * that claim slots by the wire's protocol and are killed at any point, hostile
 * ones, short ones, and collectors that die.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "event/code.h"
#include "fake_writer.h"
#include "session/directory.h"
#include "session/segment.h"
#include "session/session.h"

static char dir[] = "/tmp/ownscope-test-XXXXXX";
static struct session *session;
static struct code *code;
static struct wire_segment shared;  /* the writers' mapping */

/* ---- what the sink saw ---- */
enum { KEEP = 1 << 16 };
static struct event kept[KEEP];
static size_t seen;
static uint64_t by_type[EVENT_TYPES], lost_events[WIRE_LOST_REASONS], lost_drops;

static void keep(void *context, const struct event *e)
{
    if (seen < KEEP)
        kept[seen] = *e;
    seen++;
    by_type[e->type]++;
    if (e->type == EVENT_LOST) {
        lost_events[e->address] += e->size;
        lost_drops += e->extra[0];
    }
}

static void forget_seen(void)
{
    seen = 0;
    lost_drops = 0;
    memset(by_type, 0, sizeof by_type);
    memset(lost_events, 0, sizeof lost_events);
}

static bool strict_order;

static void open_session(void)
{
    struct session_options o = {.preload_path = "/nowhere.so", .stacks = WIRE_STACKS_FULL, .wait_ms = 1000,
                                .command = "fake 'one two'", .trace_path = "/tmp/x.own",
                                .strict_order = strict_order};
    ck_assert_int_eq(session_create(&session, &o), 0);
    ck_assert_int_eq(fake_map(&shared, session_segment_path(session)), 0);
}

static void setup(void)
{
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OWNSCOPE_DIR", dir, 1);
    code = code_new();
    forget_seen();
    open_session();
}

static void teardown(void)
{
    if (session)
        session_close(session, true);
    session = NULL;
    munmap(shared.base, shared.bytes);
    code_free(code);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing is left */
}

static void drain_until(uint64_t *counter, uint64_t want, unsigned ms)
{
    uint64_t end = wire_clock_monotonic_ns() + ms * 1000000ull;
    while (*counter < want && wire_clock_monotonic_ns() < end) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        session_wait(session);
    }
    ck_assert_uint_ge(*counter, want);
}

/* ---- tests ---- */

static _Noreturn void child_plain(void)
{
    struct fake_writer w = {0};
    uint64_t frames[2] = {0x400100, 0x400200};
    if (fake_claim(&w, &shared, fake_process(&shared)))
        _exit(1);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    fake_module(&w, "/bin/fake", 0x400000, 0x400000, 0x500000, 7);
    fake_put(&w, &(struct fake_record){.type = WIRE_NEW, .family = WIRE_MALLOC, .address = 0x1000, .size = 5ull << 32,
                                       .push = 2, .frames = frames});
    fake_drop(&w, 0x1000);
    _exit(3);
}

START_TEST(test_life)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        child_plain();
    waitpid(pid, &status, 0);
    drain_until(&by_type[EVENT_DROP], 1, 2000);
    ck_assert_uint_eq(session_alive(session), 1);
    session_reaped(session, pid, status);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1, 2000);
    ck_assert_uint_eq(session_alive(session), 0);
    ck_assert_uint_eq(seen, 5);
    ck_assert_uint_eq(kept[0].type, EVENT_PROCESS_START);
    ck_assert_uint_eq(kept[0].extra[0], (unsigned)pid);
    ck_assert_uint_eq(kept[0].process, 1);
    ck_assert_uint_eq(kept[0].thread, 1);
    ck_assert_uint_eq(kept[1].type, EVENT_NEW);
    ck_assert_uint_eq(kept[1].size, 5ull << 32);
    ck_assert_uint_eq(code_stack(code, kept[1].stack)->depth, 2);
    ck_assert_uint_eq(code_frame(code, code_stack(code, kept[1].stack)->frame)->offset, 0x200);
    ck_assert_uint_eq(kept[2].stack, kept[1].stack);
    ck_assert_uint_eq(kept[3].type, EVENT_THREAD_GONE);
    ck_assert_uint_eq(kept[3].thread, 1);
    ck_assert_uint_eq(kept[4].type, EVENT_PROCESS_GONE);
    ck_assert_uint_eq(kept[4].extra[0], 1);
    ck_assert_int_eq(WEXITSTATUS((int)kept[4].extra[1]), 3);
    ck_assert(kept[0].ns && kept[0].ns <= kept[1].ns && kept[1].ns <= kept[2].ns && kept[2].ns <= kept[4].ns);
    ck_assert_uint_lt(kept[4].ns, session_now_ns(session) + 1);
}
END_TEST

/* Killed anywhere: what was committed is there, in order, and nothing else. */
START_TEST(test_sigkill)
{
    enum { ROUNDS = 60 };
    uint64_t *committed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned round;
    struct session_counts c;
    srand(5);
    for (round = 0; round < ROUNDS; round++) {
        uint64_t next = 0, end;
        size_t i;
        pid_t pid;
        *committed = 0;
        forget_seen();
        pid = fork();
        if (!pid) {
            struct fake_writer w = {0};
            uint64_t words[20] = {0}, n;
            if (fake_claim(&w, &shared, fake_process(&shared)))
                _exit(1);
            fake_birth(&w, 0, WIRE_BORN_EXEC);
            for (n = 1;; n++) {
                fake_put(&w, &(struct fake_record){.type = WIRE_NEW, .address = n, .pop = n > 1 ? 3 : 0,
                                                   .push = 3 + (n == 1), .frames = words});
                __atomic_store_n(committed, n, __ATOMIC_SEQ_CST);
            }
        }
        end = wire_clock_monotonic_ns() + (unsigned)(rand() % 8000) * 1000u;
        while (wire_clock_monotonic_ns() < end)
            if (rand() % 2)
                session_drain(session, code, keep, NULL);
            else
                usleep(50);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        drain_until(&by_type[EVENT_PROCESS_GONE], *committed ? 1 : 0, 3000);
        for (i = 0; i < seen && i < KEEP; i++)
            if (kept[i].type == EVENT_NEW)
                ck_assert_uint_eq(kept[i].address, ++next);
        ck_assert_uint_ge(by_type[EVENT_NEW], *committed);
        ck_assert_uint_le(by_type[EVENT_NEW], *committed + 1);
        ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    }
    session_counts(session, &c);
    ck_assert_uint_eq(c.torn, 0);
    ck_assert_uint_le(c.slots, 12); /* one at a time: a few slots do */
    munmap(committed, 4096);
}
END_TEST

static uint32_t short_process;

/* Two processes hand tokens to each other as fast as they can: exact when the
 * stamps are read in order; else a drop may come out before its new, but only
 * when the stamps themselves are a few nanoseconds the wrong way round. */
enum { TOKENS = 20000 };

static _Noreturn void child_tokens(atomic_u64 *token, unsigned me)
{
    struct fake_writer w = {0};
    uint64_t n = 0;
    if (fake_claim(&w, &shared, fake_process(&shared)))
        _exit(1);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    while (n < TOKENS) {
        while ((n = load_acquire(token)) % 2 != me)
            sched_yield();
        if (n)
            fake_drop(&w, n); /* the other one made it */
        fake_new(&w, n + 1, 8);
        store_release(token, n + 1);
    }
    _exit(0);
}

static void *idle_thread(void *arg)
{
    struct fake_writer w = {0};
    while (fake_claim(&w, &shared, short_process))
        usleep(1000);
    pause();
    return NULL;
}

static _Noreturn void child_crowd(unsigned threads)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    short_process = fake_process(&shared);
    while (threads--)
        pthread_create(&t, &attr, idle_thread, NULL);
    for (;;)
        pause();
}

/* Threads that have slots and do nothing: a look takes longer. */
static pid_t crowd_between(unsigned threads)
{
    struct session_counts c;
    pid_t pid = fork();
    if (!pid)
        child_crowd(threads);
    do {
        add_relaxed(&wire_claims_of(&shared)->wanting, 8);
        session_drain(session, code, keep, NULL);
        add_relaxed(&wire_claims_of(&shared)->wanting, (uint32_t)-8);
        session_counts(session, &c);
        usleep(500);
    } while (c.threads_live < threads);
    return pid;
}

static void hand_tokens(uint64_t inverted_ns_most)
{
    atomic_u64 *token = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static uint64_t dropped_ns[TOKENS + 3];
    unsigned me, children = 2;
    size_t i;
    for (me = 0; me < 2; me++)
        if (!fork())
            child_tokens(token, me);
    while (children) {
        children -= waitpid(-1, NULL, WNOHANG) > 0;
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    ck_assert_uint_ge(by_type[EVENT_NEW], TOKENS);
    ck_assert_uint_lt(seen, KEEP);
    for (i = 0; i < seen; i++) {
        const struct event *e = &kept[i];
        if (e->type == EVENT_DROP)
            dropped_ns[e->address] = e->ns;
        else if (e->type == EVENT_NEW && dropped_ns[e->address])
            ck_assert_uint_lt(e->ns - dropped_ns[e->address], inverted_ns_most);
    }
    munmap(token, 4096);
}

START_TEST(test_causal_order) { hand_tokens(300); }
END_TEST

START_TEST(test_strict_order)
{
    session_close(session, true);
    munmap(shared.base, shared.bytes);
    strict_order = true;
    open_session();
    hand_tokens(0);
}
END_TEST

static void *lend_tid(void *arg)
{
    __atomic_store_n((uint32_t *)arg, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    while (arg)
        pause();
    return NULL;
}

/* One thread writes to two rings in turn: the first slot's, then the last one's. */
static _Noreturn void child_two_rings(uint32_t *go, uint64_t pairs)
{
    struct fake_writer first = {0}, last = {0};
    uint32_t process = fake_process(&shared), tid = 0;
    pthread_t t;
    uint64_t n;
    pthread_create(&t, NULL, lend_tid, &tid);
    while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
        usleep(100);
    fake_claim(&first, &shared, process);
    fake_birth(&first, 0, WIRE_BORN_EXEC);
    while (!__atomic_load_n(go, __ATOMIC_SEQ_CST))
        usleep(100);
    fake_claim_as(&last, &shared, process, (uint32_t)getpid(), tid);
    if (last.ring.slot - first.ring.slot < 300)
        _exit(1);
    for (n = 1; n <= pairs; n++) {
        fake_new(&first, n, 8);
        fake_drop(&last, n);
        if (n % 64 == 0)
            usleep(10); /* so that many rounds see a part */
    }
    _exit(0);
}

/* The order holds although the rings are looked at one after the other, with
 * hundreds between them. */
START_TEST(test_watermark)
{
    static uint8_t made[TOKENS + 1];
    uint32_t *go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid, crowd;
    size_t i;
    pid = fork();
    if (!pid)
        child_two_rings(go, TOKENS);
    drain_until(&by_type[EVENT_PROCESS_START], 1, 1000);
    crowd = crowd_between(400);
    *go = 1;
    while (!waitpid(pid, &status, WNOHANG))
        session_drain(session, code, keep, NULL);
    ck_assert_int_eq(status, 0);
    munmap(go, 4096);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_DROP], TOKENS);
    ck_assert_uint_lt(seen, KEEP);
    for (i = 0; i < seen; i++) {
        if (kept[i].type == EVENT_NEW)
            made[kept[i].address] = 1;
        else if (kept[i].type == EVENT_DROP)
            ck_assert_uint_eq(made[kept[i].address], 1);
    }
}
END_TEST

/* A writer that sleeps because its ring is full is woken, not left to time out. */
START_TEST(test_wakes_writer)
{
    uint64_t began;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        unsigned n;
        fake_claim(&w, &shared, fake_process(&shared));
        for (n = 0; n < WIRE_RING_FIRST_BYTES / 24; n++)
            fake_new(&w, 1, 1);
        _exit(0);
    }
    usleep(50000);
    began = wire_clock_monotonic_ns();
    while (!waitpid(pid, NULL, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        usleep(1000);
    }
    ck_assert_uint_lt(wire_clock_monotonic_ns() - began, 300000000);
}
END_TEST

static void *short_thread(void *arg)
{
    struct fake_writer w = {0};
    while (fake_claim(&w, &shared, short_process)) {
        struct timespec t = {0, 500000000}; /* a wake must come */
        struct wire_pulse *pulse = wire_pulse_of(&shared);
        add_relaxed(&wire_claims_of(&shared)->wanting, 1);
        if (exchange_acq_rel(&pulse->sleeping, 0))
            syscall(SYS_futex, &pulse->sleeping, FUTEX_WAKE, 1, NULL, NULL, 0);
        syscall(SYS_futex, &pulse->slots_ready, FUTEX_WAIT, load_relaxed(&pulse->slots_ready), &t, NULL, 0);
        add_relaxed(&wire_claims_of(&shared)->wanting, (uint32_t)-1);
    }
    fake_new(&w, 1, 1);
    fake_put(&w, &(struct fake_record){.type = WIRE_THREAD_EXIT});
    return NULL;
}

static _Noreturn void child_short_threads(unsigned batches, unsigned at_once)
{
    pthread_t t[512];
    unsigned b, i;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    short_process = fake_process(&shared);
    for (b = 0; b < batches; b++) {
        for (i = 0; i < at_once; i++)
            if (pthread_create(&t[i], &attr, short_thread, NULL))
                _exit(2);
        for (i = 0; i < at_once; i++)
            pthread_join(t[i], NULL);
    }
    _exit(0);
}

static void run_short_threads(unsigned batches, unsigned at_once)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid)
        child_short_threads(batches, at_once);
    while (!waitpid(pid, &status, WNOHANG)) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        session_wait(session);
    }
    ck_assert_int_eq(status, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_NEW], (uint64_t)batches * at_once);
    ck_assert_uint_eq(by_type[EVENT_THREAD_GONE], (uint64_t)batches * at_once);
    ck_assert_uint_eq(by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
}

/* Slots are used again: many threads, few slots. */
START_TEST(test_recycling)
{
    struct session_counts first, c;
    run_short_threads(1000, 4);
    session_counts(session, &first);
    ck_assert_uint_le(first.slots, 600);
    forget_seen();
    run_short_threads(1500, 4);
    session_counts(session, &c);
    ck_assert_uint_le(c.slots, 600);
    ck_assert_uint_eq(c.threads_live, 0);
    ck_assert_uint_eq(c.processes_live, 0);
}
END_TEST

/* Many at once: slots are added for those that wait. */
START_TEST(test_crowd)
{
    struct session_counts c;
    run_short_threads(3, 500);
    session_counts(session, &c);
    ck_assert_uint_le(c.slots, WIRE_SLOTS_MAX);
}
END_TEST

/* A busy writer gets larger rings, and all it wrote arrives in order. */
START_TEST(test_growth)
{
    enum { EVENTS = 400000 };
    struct session_counts c;
    uint64_t next = 0;
    size_t i;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        uint64_t n;
        fake_claim(&w, &shared, fake_process(&shared));
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        for (n = 1; n <= EVENTS; n++)
            fake_new(&w, n, 1);
        _exit(w.ring.mask + 1 > WIRE_RING_FIRST_BYTES ? 0 : 1);
    }
    while (!waitpid(pid, (int *)&i, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        usleep(2000); /* a slow collector */
    }
    ck_assert_int_eq((int)i, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_NEW], EVENTS);
    for (i = 0; i < KEEP; i++)
        if (kept[i].type == EVENT_NEW)
            ck_assert_uint_eq(kept[i].address, ++next);
    session_counts(session, &c);
    ck_assert_uint_eq(c.torn, 0);
    ck_assert_uint_lt(c.reserved_bytes, 8 << 20); /* the large rings were given back or are few */
}
END_TEST

/* Losses that the writer counted come out once, with the releases among them. */
START_TEST(test_losses)
{
    unsigned news = 0, drops = 0;
    pid_t pid;
    uint64_t *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid = fork();
    if (!pid) {
        struct fake_writer w = {.drop_policy = true};
        fake_claim(&w, &shared, fake_process(&shared));
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        for (unsigned i = 0; i < 10000; i++) {
            news += fake_new(&w, 1, 1) != 0;
            drops += fake_drop(&w, 1) != 0;
        }
        counts[0] = news;
        counts[1] = drops;
        count_up(&w.ring.slot->lost[WIRE_LOST_NESTED], 5); /* no release is counted twice */
        w.drop_policy = false;
        fake_put(&w, &(struct fake_record){.type = WIRE_LOST, .address = WIRE_LOST_RING_FULL, .size = news + drops,
                                           .extra = counts + 1, .extras = 1});
        _exit(0);
    }
    usleep(50000); /* time to lose */
    while (!waitpid(pid, NULL, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    session_finish(session, code, keep, NULL);
    ck_assert_uint_gt(counts[0], counts[1]);
    ck_assert_uint_gt(counts[1], 0);
    ck_assert_uint_eq(lost_events[WIRE_LOST_RING_FULL], counts[0] + counts[1]);
    ck_assert_uint_eq(lost_events[WIRE_LOST_NESTED], 5);
    ck_assert_uint_eq(lost_drops, counts[1]);
    add_relaxed(&wire_claims_of(&shared)->lost[WIRE_LOST_NO_SLOT], 12);
    session_drain(session, code, keep, NULL);
    session_drain(session, code, keep, NULL);
    ck_assert_uint_eq(lost_events[WIRE_LOST_NO_SLOT], 12);
    munmap(counts, 4096);
}
END_TEST

/* An exec'd image goes on as its process; a forked child is a new one. */
START_TEST(test_images)
{
    struct fake_writer w[3] = {0};
    uint32_t first = fake_process(&shared);
    uint64_t frame = 0x400100;
    size_t i;
    pid_t pid = fork();
    if (!pid) {
        fake_claim(&w[0], &shared, first);
        fake_birth(&w[0], 0, WIRE_BORN_EXEC);
        fake_module(&w[0], "/bin/one", 0x400000, 0x400000, 0x500000, 1);
        fake_new(&w[0], 1, 1);
        if (!fork()) { /* its child has its modules, without a word of them */
            fake_claim(&w[1], &shared, fake_process(&shared));
            fake_birth(&w[1], first, WIRE_BORN_FORK);
            fake_put(&w[1], &(struct fake_record){.type = WIRE_NEW, .address = 2, .push = 1, .frames = &frame});
            _exit(0);
        }
        wait(NULL);
        fake_claim(&w[2], &shared, fake_process(&shared)); /* as after an exec */
        fake_birth(&w[2], 0, WIRE_BORN_EXEC);
        fake_put(&w[2], &(struct fake_record){.type = WIRE_NEW, .address = 3, .push = 1, .frames = &frame});
        pause();
    }
    drain_until(&by_type[EVENT_NEW], 3, 3000);
    drain_until(&by_type[EVENT_THREAD_GONE], 2, 3000);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1, 3000);
    ck_assert_uint_eq(session_alive(session), 1);
    for (i = 0; i < seen; i++) {
        const struct event *e = &kept[i];
        uint32_t module = e->stack ? code_frame(code, code_stack(code, e->stack)->frame)->module : 0;
        if (e->type == EVENT_NEW && e->address == 2) {
            ck_assert_uint_eq(e->process, 2);
            ck_assert_uint_ne(module, 0);
        } else if (e->type == EVENT_NEW && e->address == 3) {
            ck_assert_uint_eq(e->process, 1);
            ck_assert_uint_eq(e->thread, 3);
            ck_assert_uint_eq(module, 0);
        } else if (e->type == EVENT_PROCESS_START && e->family == WIRE_BORN_FORK) {
            ck_assert_uint_eq(e->address, 1);
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    drain_until(&by_type[EVENT_PROCESS_GONE], 2, 3000);
    ck_assert_uint_eq(kept[seen - 1].process, 1);
}
END_TEST

/* ---- hostile writers ---- */

static _Noreturn void child_hostile(unsigned seed)
{
    struct fake_writer w = {0};
    struct wire_slot *slot;
    uint32_t *bytes;
    unsigned i, k;
    srand(seed);
    if (fake_claim(&w, &shared, fake_process(&shared)))
        _exit(0);
    slot = w.ring.slot;
    bytes = (uint32_t *)w.ring.data;
    for (k = 0; k < 40; k++) {
        for (i = 0; i < 4096; i++)
            bytes[i] = (uint32_t)rand() >> rand() % 32;
        switch (rand() % 7) {
        case 0: store_release(&slot->head, load_relaxed(&slot->head) + (unsigned)(rand() % 16384)); break;
        case 1: store_release(&slot->head, (uint64_t)rand() << (rand() % 33)); break;
        case 2: store_relaxed(&((struct wire_ring *)bytes - 1)->next, (uint64_t)rand() * 8 % shared.bytes); break;
        case 3: store_relaxed(&((struct wire_ring *)bytes - 1)->next, (uint8_t *)(bytes - 16) - shared.base); break;
        case 4: ((struct wire_ring *)bytes - 1)->size_bytes = 1ull << rand() % 64; break;
        case 5: store_relaxed(&((struct wire_ring *)bytes - 1)->start, load_relaxed(&slot->head)); break;
        case 6: store_relaxed(&slot->ring, (uint64_t)rand() * 8); store_relaxed(&slot->next_ring, (uint64_t)rand()); break;
        }
        if (rand() % 10 == 0)
            slot->process_serial = (uint32_t)rand();
        if (rand() % 10 == 0)
            add_relaxed(&slot->claim, 1);
        store_relaxed(&slot->lost[rand() % WIRE_LOST_REASONS], (uint64_t)rand());
        usleep((unsigned)rand() % 500);
    }
    _exit(0);
}

START_TEST(test_hostile)
{
    unsigned round;
    uint64_t news = 0;
    struct session_counts c;
    for (round = 0; round < 40; round++) {
        pid_t good, bad = fork();
        if (!bad)
            child_hostile(round);
        good = fork();
        if (!good) {
            struct fake_writer w = {0};
            if (fake_claim(&w, &shared, fake_process(&shared)))
                _exit(1);
            fake_birth(&w, 0, WIRE_BORN_EXEC);
            for (uint64_t n = 1; n <= 3000; n++)
                fake_new(&w, 0xabcdef00000000 + n, 424242);
            _exit(0);
        }
        while (waitpid(bad, NULL, WNOHANG) == 0) {
            ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
            usleep(200);
        }
        do
            session_drain(session, code, keep, NULL);
        while (waitpid(good, NULL, WNOHANG) == 0);
        session_finish(session, code, keep, NULL);
        for (size_t i = 0; i < seen && i < KEEP; i++)
            news += kept[i].type == EVENT_NEW && kept[i].size == 424242 && kept[i].address == 0xabcdef00000001 + news % 3000;
        seen = 0;
        ck_assert_uint_eq(news, (round + 1) * 3000);
    }
    session_counts(session, &c);
    ck_assert_uint_gt(c.torn, 0);
    ck_assert_uint_gt(lost_events[WIRE_LOST_TORN], 0);
    ck_assert_uint_eq(c.threads_live, 0);
    ck_assert_uint_lt(c.slots, 64);
}
END_TEST

/* ---- collectors that die ---- */

static void count_to(void *context, const struct event *e)
{
    if (e->type == EVENT_NEW)
        __atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
}

START_TEST(test_takeover)
{
    struct totals { uint64_t written, first; uint32_t stop; char name[64]; } *t;
    struct session *other = NULL;
    pid_t reader, writer;
    unsigned i;
    uint64_t stacks = 0;

    session_close(session, true);
    session = NULL;
    munmap(shared.base, shared.bytes);
    t = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    reader = fork();
    if (!reader) {
        open_session();
        strcpy(t->name, session_name(session));
        for (;;) {
            session_drain(session, code, count_to, &t->first);
            session_wait(session);
        }
    }
    while (!t->name[0])
        usleep(1000);
    usleep(5000);
    ck_assert_int_eq(session_attach(&other, t->name), -EBUSY);
    ck_assert_str_ne(session_error_text(), "");
    writer = fork();
    if (!writer) {
        struct fake_writer w = {0};
        char path[SESSION_PATH_MAX];
        uint64_t here = (uint64_t)(uintptr_t)&test_takeover_fn, frames[3] = {here, here, here};
        session_path(path, sizeof path, t->name, "segment");
        if (fake_map(&shared, path) || fake_claim(&w, &shared, fake_process(&shared)))
            _exit(1);
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        while (!__atomic_load_n(&t->stop, __ATOMIC_SEQ_CST)) {
            uint64_t n = t->written + 1;
            struct fake_record r = {.type = WIRE_NEW, .address = n, .pop = n % 2 == 0, .push = n % 2, .frames = frames};
            if (n % 1000 == 0) { /* a full stack now and then */
                r.pop = WIRE_FRAMES_MAX + 1;
                r.push = 3;
            }
            fake_put(&w, &r);
            __atomic_store_n(&t->written, n, __ATOMIC_SEQ_CST);
            if (n % 50 == 0)
                usleep(100);
        }
        _exit(0);
    }
    usleep(150000);
    kill(reader, SIGKILL);
    waitpid(reader, NULL, 0);
    usleep(20000);
    ck_assert_int_eq(session_attach(&session, t->name), 0);
    ck_assert_int_eq(fake_map(&shared, session_segment_path(session)), 0);
    drain_until(&by_type[EVENT_NEW], 3000, 5000);
    ck_assert_uint_eq(session_alive(session), 1);
    __atomic_store_n(&t->stop, 1, __ATOMIC_SEQ_CST);
    waitpid(writer, NULL, 0);
    session_finish(session, code, keep, NULL);
    /* What the first had taken and told of, and what came after, is all there is. */
    ck_assert_uint_ge(t->first + by_type[EVENT_NEW], t->written);
    ck_assert_uint_eq(by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    for (i = 1; i < seen && i < KEEP; i++) {
        if (kept[i].type == EVENT_NEW && kept[i - 1].type == EVENT_NEW)
            ck_assert_uint_eq(kept[i].address, kept[i - 1].address + 1);
        stacks += kept[i].stack != 0;
        if (kept[i].stack) {
            const struct code_frame *f = code_frame(code, code_stack(code, kept[i].stack)->frame);
            uint32_t depth = code_stack(code, kept[i].stack)->depth;
            ck_assert(depth == 3 || depth == 4); /* never half of one */
            ck_assert_uint_ne(f->module, 0); /* learnt from /proc */
            ck_assert(strstr(code_module(code, f->module)->path, "/test_"));
        }
    }
    ck_assert_uint_gt(stacks, 0);
    munmap(t, 4096);
}
END_TEST

/* A collector that was only stopped does not come back to life beside another. */
START_TEST(test_stale)
{
    char name[64];
    store_relaxed(&wire_pulse_of(&shared)->collector_pid, 1);
    ck_assert_int_eq(session_drain(session, code, keep, NULL), -ESTALE);
    ck_assert_int_eq(session_finish(session, code, keep, NULL), -ESTALE);
    store_relaxed(&wire_pulse_of(&shared)->collector_pid, (uint32_t)getpid());
    snprintf(name, sizeof name, "%s", session_name(session));
    session_close(session, true); /* takes nothing away */
    ck_assert_int_eq(session_attach(&session, name), 0);
    ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
}
END_TEST

/* ---- the rest ---- */

static int list_one(void *context, const struct session_listing *l)
{
    *(struct session_listing *)context = *l;
    ck_assert_str_eq(l->command, "fake 'one two'");
    ck_assert_str_eq(l->trace_path, "/tmp/x.own");
    ck_assert_str_eq(l->segment_path, session_segment_path(session));
    ck_assert(!l->process_count || l->processes[0].threads == 1);
    return 7;
}

START_TEST(test_list)
{
    struct session_listing l;
    struct fake_writer w = {0};
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert(l.collector_alive && !l.segment_gone);
    ck_assert_uint_eq(l.process_count, 0);
    fake_claim(&w, &shared, fake_process(&shared));
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert_uint_eq(l.process_count, 1);
    unlink(session_segment_path(session));
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert(l.segment_gone && !l.collector_alive);
}
END_TEST

START_TEST(test_directory)
{
    char path[SESSION_PATH_MAX], value[256];
    struct session_options o = {.name = "bad/name"};
    struct session *s;
    ck_assert_int_eq(session_create(&s, &o), -EINVAL);
    o.name = session_name(session);
    ck_assert_int_eq(session_create(&s, &o), -EEXIST);
    ck_assert_int_eq(session_info_set(session_name(session), "a", "1\n2"), 0);
    ck_assert_int_eq(session_info_set(session_name(session), "ab", "x"), 0);
    ck_assert_int_eq(session_info_set(session_name(session), "a", "3"), 0);
    ck_assert_int_eq(session_info_get(session_name(session), "a", value, sizeof value), 0);
    ck_assert_str_eq(value, "3");
    ck_assert_int_eq(session_info_get(session_name(session), "ab", value, sizeof value), 0);
    ck_assert_str_eq(value, "x");
    ck_assert_int_eq(session_info_get(session_name(session), "b", value, sizeof value), -ENOENT);
    chmod(dir, 0770);
    ck_assert_int_eq(session_directory(path, sizeof path), -EPERM);
    o.name = NULL;
    ck_assert_int_eq(session_create(&s, &o), -EPERM);
    chmod(dir, 0700);
    if (!geteuid()) {
        ck_assert_int_eq(chown(dir, 1, 1), 0);
        ck_assert_int_eq(session_directory(path, sizeof path), -EPERM);
        ck_assert_int_eq(chown(dir, 0, 0), 0);
    }
    o.joinable = true;
    ck_assert_int_eq(session_create(&s, &o), 0);
    snprintf(path, sizeof path, "%s/current", dir);
    ck_assert_int_eq((int)readlink(path, value, sizeof value), (int)strlen(session_segment_path(s)));
    session_close(s, true);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_no_space)
{
    struct session_options o = {0};
    struct rlimit limit = {1 << 20, 1 << 20};
    struct session *s;
    pid_t pid = fork();
    int status;
    if (!pid) {
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(session_create(&s, &o) == -EFBIG && *session_error_text() ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
    setenv("OWNSCOPE_SHM", "/nowhere", 1);
    ck_assert_int_eq(session_create(&s, &o), -ENOENT);
    unsetenv("OWNSCOPE_SHM");
    pid = fork();
    if (!pid) { /* a small tmpfs, where we may make one */
        char where[64];
        struct session_counts c;
        struct fake_writer w = {0};
        int i;
        snprintf(where, sizeof where, "%s/shm", dir);
        if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) || mkdir(where, 0700) ||
            mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("t", where, "tmpfs", 0, "size=256k"))
            _exit(77);
        setenv("OWNSCOPE_SHM", where, 1);
        if (session_create(&s, &o) != -ENOSPC || !strstr(session_error_text(), "bytes needed"))
            _exit(1);
        if (mount("t", where, "tmpfs", 0, "size=2m") || session_create(&s, &o))
            _exit(2);
        fake_map(&shared, session_segment_path(s));
        add_relaxed(&wire_claims_of(&shared)->wanting, 100);
        for (i = 0; i < 300; i++) { /* no space for more slots or rings: refusals, no harm */
            fake_claim(&w, &shared, 1);
            fake_new(&w, 1, 1);
            if (session_drain(s, code, keep, NULL) < 0)
                _exit(3);
        }
        session_counts(s, &c);
        if (!c.denials || !c.denied_bytes || c.slots < 8)
            _exit(4);
        session_close(s, true);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ck_assert_msg(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77, "step %d", WEXITSTATUS(status));
    {
        char where[64];
        snprintf(where, sizeof where, "%s/shm", dir);
        rmdir(where);
    }
}
END_TEST

static void *waker(void *arg)
{
    usleep(20000);
    session_wake(session);
    return NULL;
}

START_TEST(test_wait)
{
    struct wire_pulse *pulse = wire_pulse_of(&shared);
    uint64_t began, took, beat;
    pthread_t t;
    unsigned i;
    for (i = 0; i < 60; i++) { /* until it is idle */
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    beat = load_relaxed(&pulse->heartbeat_stamp);
    began = wire_clock_monotonic_ns();
    session_wait(session);
    took = wire_clock_monotonic_ns() - began;
    ck_assert_uint_ge(took, 30000000);
    ck_assert_uint_le(took, 60000000);
    ck_assert_uint_gt(load_relaxed(&pulse->heartbeat_stamp), beat);
    pthread_create(&t, NULL, waker, NULL);
    began = wire_clock_monotonic_ns();
    session_wait(session);
    took = wire_clock_monotonic_ns() - began;
    ck_assert_uint_le(took, 35000000);
    pthread_join(t, NULL);
    session_wake(session); /* before the wait: it does not sleep */
    began = wire_clock_monotonic_ns();
    session_wait(session);
    ck_assert_uint_le(wire_clock_monotonic_ns() - began, 10000000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    SRunner *r;
    int failed;
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_life);
    tcase_add_test(t, test_sigkill);
    tcase_add_test(t, test_causal_order);
    tcase_add_test(t, test_strict_order);
    tcase_add_test(t, test_watermark);
    tcase_add_test(t, test_wakes_writer);
    tcase_add_test(t, test_recycling);
    tcase_add_test(t, test_crowd);
    tcase_add_test(t, test_growth);
    tcase_add_test(t, test_losses);
    tcase_add_test(t, test_images);
    tcase_add_test(t, test_hostile);
    tcase_add_test(t, test_takeover);
    tcase_add_test(t, test_stale);
    tcase_add_test(t, test_list);
    tcase_add_test(t, test_directory);
    tcase_add_test(t, test_no_space);
    tcase_add_test(t, test_wait);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
