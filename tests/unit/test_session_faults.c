/*
 * tests/unit/test_session_faults.c - writers that are killed or hostile,
 * collectors that die or were stopped, no space.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "session/directory.h"
#include "session/segment.h"
#include "session_fixture.h"
#include "suite.h"

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
        if (*committed)
            drain_until(&by_type[EVENT_PROCESS_GONE], 1);
        else /* it may have claimed a slot, or written a record, or nothing */
            drain_while(&by_type[EVENT_PROCESS_GONE], 1, 500);
        for (i = 0; i < seen && i < KEEP; i++)
            if (kept[i].type == EVENT_NEW)
                ck_assert_uint_eq(kept[i].address, ++next);
        ck_assert_uint_ge(by_type[EVENT_NEW], *committed);
        ck_assert_uint_le(by_type[EVENT_NEW], *committed + 1);
        ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    }
    session_counts(session, &c);
    ck_assert_uint_eq(c.torn, 0);
    ck_assert_uint_le(c.slots, ROUNDS / 2); /* one at a time: a few slots do */
    munmap(committed, 4096);
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

static void count_to(void *context, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (events[i].type == EVENT_NEW)
            __atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
}

START_TEST(test_takeover)
{
    struct totals { uint64_t written, first; uint32_t stop; char name[64]; } *t;
    struct session *other = NULL;
    pid_t reader, writer;
    unsigned i;
    uint64_t stacks = 0, modules = 0;

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
    ck_assert_uint_eq(session_plan(session)->locks, 1); /* what is recorded stays as it was asked for */
    ck_assert_uint_eq(session_plan(session)->copies_min_bytes, 300);
    ck_assert_int_eq(fake_map(&shared, session_segment_path(session)), 0);
    drain_until(&by_type[EVENT_NEW], 3000);
    ck_assert_uint_eq(session_alive(session), 1);
    __atomic_store_n(&t->stop, 1, __ATOMIC_SEQ_CST);
    waitpid(writer, NULL, 0);
    session_finish(session, code, keep, NULL);
    /* What the first had taken and told of, and what came after, is all there is. */
    ck_assert_uint_ge(t->first + by_type[EVENT_NEW], t->written);
    ck_assert_uint_eq(by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    /* The modules of before are told again, first of all, with what has no bytes in the file. */
    for (i = 0; i < seen && kept[i].type == EVENT_MODULE; i++) {
        uint64_t start = kept[i].address, end = start + kept[i].size, bss = (uint64_t)(uintptr_t)(kept + KEEP / 2);
        ck_assert_uint_eq(kept[i].process, 1);
        ck_assert_uint_ne(kept[i].ns, 0);
        if (strstr(code_module(code, (uint32_t)kept[i].extra[1])->path, "/test_")) {
            ck_assert(start <= (uint64_t)(uintptr_t)&test_takeover_fn && bss < end);
            ck_assert_uint_eq(kept[i].extra[0], start);
            modules++;
        }
    }
    ck_assert_uint_eq(modules, 1);
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

struct resumed { uint64_t taken; uint32_t written; char name[64]; };

static void die_at(void *context, const struct event *events, size_t count)
{
    struct resumed *t = context;
    t->taken += count;
    if (t->taken >= 1500)
        _exit(0);
}

static uint64_t written_by(const void *context, uint32_t thread, uint32_t *stack)
{
    return thread == 1 ? ((const struct resumed *)context)->written : 0;
}

/* A collector dies behind a write and before it gave the space back, or before
 * the write: the next one hands over what the file has not, each event once. */
START_TEST(test_resume)
{
    static const int beside[] = {0, -100, -1499, 100000};   /* the file has fewer, or claims more than is true */
    enum { ALL = 2000 };
    struct fake_writer w = {0};
    uint64_t first = 0, next = 0;
    struct resumed *t;
    pid_t reader;
    int go[2];

    session_close(session, true);
    session = NULL;
    munmap(shared.base, shared.bytes);
    t = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(pipe(go), 0);
    reader = fork();
    if (!reader) {
        char c;
        open_session();
        strcpy(t->name, session_name(session));
        if (read(go[0], &c, 1) == 1)
            for (;;)
                session_drain(session, code, die_at, t);
        _exit(1);
    }
    while (!t->name[0])
        usleep(1000);
    usleep(5000);
    char path[SESSION_PATH_MAX];
    session_path(path, sizeof path, t->name, "segment");
    ck_assert_int_eq(fake_map(&shared, path), 0);
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    for (uint64_t n = 1; n <= ALL; n++)
        fake_new(&w, n, 1);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    waitpid(reader, NULL, 0);
    ck_assert_uint_ge(t->taken, 1500);

    ck_assert_int_eq(session_attach(&session, t->name), 0);
    t->written = (uint32_t)((int)t->taken + beside[_i]);
    uint64_t unwritten = session_resume(session, written_by, t, t->written);
    drain_until(&by_type[EVENT_NEW], 100);
    ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
    for (size_t i = 0; i < seen && i < KEEP; i++)
        if (kept[i].type == EVENT_NEW) {
            first = first ? first : kept[i].address;
            ck_assert(!next || kept[i].address == next);
            next = kept[i].address + 1;
        }
    ck_assert_uint_eq(next, ALL + 1);
    if (_i < 3) /* each is in the file, counted, or handed over */
        ck_assert_uint_eq(t->written + unwritten + by_type[EVENT_NEW] + by_type[EVENT_PROCESS_START], ALL + 1);
    if (!_i)    /* the events of the file are the birth and News from 1 on */
        ck_assert_uint_eq(first, t->taken);
    else
        ck_assert_uint_lt(first, t->taken);
    close(go[0]);
    close(go[1]);
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

static uint64_t written_none(const void *context, uint32_t thread, uint32_t *stack)
{
    return 0;
}

/* The sink of a collector that is stopped here, and wakes when another has the session. */
static void be_overtaken(void *context, const struct event *events, size_t count)
{
    *(uint32_t *)context = load_relaxed(&wire_pulse_of(&shared)->slots_ready);
    store_relaxed(&wire_pulse_of(&shared)->collector_pid, 1);
    store_relaxed(&wire_pulse_of(&shared)->heartbeat_stamp, 7);
    store_relaxed(&wire_claims_of(&shared)->wanting, 100);
}

/* What it finds out in the middle of a round it does not finish: a ring that it
 * would offer now may be another thread's. */
START_TEST(test_stale_in_round)
{
    struct fake_writer w = {0};
    struct wire_pulse *pulse = wire_pulse_of(&shared);
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    struct wire_slot *slot = w.ring.slot;
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    for (uint64_t n = 1; n <= 1000; n++)    /* more than a fifth of its ring */
        fake_new(&w, n, 1);
    uint64_t tail = load_relaxed(&slot->tail), drained = load_relaxed(&pulse->drained_events);
    uint32_t ready = 0;
    ck_assert_int_eq(session_drain(session, code, be_overtaken, &ready), -ESTALE);
    ck_assert_uint_eq(load_relaxed(&slot->next_ring), 0);
    ck_assert_uint_eq(load_relaxed(&slot->tail), tail);
    ck_assert_uint_eq(load_relaxed(&slot->state), WIRE_SLOT_LIVE);
    ck_assert_uint_eq(load_relaxed(&pulse->slots_ready), ready);
    ck_assert_uint_eq(load_relaxed(&pulse->drained_events), drained);
    ck_assert_uint_eq(load_relaxed(&pulse->heartbeat_stamp), 7);
    char name[64];
    snprintf(name, sizeof name, "%s", session_name(session));
    session_close(session, true);
    store_relaxed(&wire_claims_of(&shared)->wanting, 0);
    ck_assert_int_eq(session_attach(&session, name), 0);
    session_resume(session, written_none, NULL, 0);
    drain_until(&by_type[EVENT_NEW], 1000);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
}
END_TEST

/* A stop falls into a system call: room that was reserved in it is not handed
 * out, nor written to, when it lasted until the segment was another's. */
START_TEST(test_stale_room)
{
    static struct segment s;
    uint64_t ring, from, scratch, home;
    ck_assert_int_eq(segment_attach(&s, session_segment_path(session)), 0);
    s.bump = shared.bytes - (1 << 20);      /* where nobody has anything */
    s.owner = (uint32_t)getpid();
    ring = segment_ring_take(&s, WIRE_RING_FIRST_BYTES);
    ck_assert_uint_eq(ring, shared.bytes - (1 << 20));
    from = s.bump;
    memset(shared.base + from, 7, 256 << 10);
    s.owner++;
    ck_assert_uint_eq(segment_ring_take(&s, WIRE_RING_FIRST_BYTES), 0);
    ck_assert_int_ne(segment_home(&s, 20, &scratch, &home), 0);
    for (uint64_t i = 0; i < 256 << 10; i += 8)
        ck_assert_int_eq(shared.base[from + i], 7);
    s.kept_bytes = UINT64_MAX / 2;          /* what is given back now would be cut out of the file */
    memset(shared.base + ring, 9, 64);
    segment_ring_give(&s, ring, WIRE_RING_FIRST_BYTES);
    ck_assert_int_eq(shared.base[ring], 9);
    segment_detach(&s);
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

int main(void)
{
    Suite *s = suite_create("session_faults");
    TCase *t = tcase_create("session_faults");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_sigkill);
    tcase_add_test(t, test_hostile);
    tcase_add_test(t, test_takeover);
    tcase_add_loop_test(t, test_resume, 0, 4);
    tcase_add_test(t, test_stale);
    tcase_add_test(t, test_stale_in_round);
    tcase_add_test(t, test_stale_room);
    tcase_add_test(t, test_no_space);
    suite_add_tcase(s, t);
    return suite_run(s);
}
