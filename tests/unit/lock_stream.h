/*
 * tests/unit/lock_stream.h - a random stream of events of locks, copies and
 * threads, much as programs make them, with some that cannot be.
 *
 * What a thread has it mostly gives up, what it began it mostly ends; copies go
 * to few blocks, so that they clash; conditions, barriers, semaphores and onces
 * order some of it. Two processes, the second a fork of the first, each with an
 * exec at times.
 */
#ifndef LOCK_STREAM_H
#define LOCK_STREAM_H

#include "graph/graph.h"

enum { STREAM_THREADS = 40, STREAM_LOCKS = 60, STREAM_BLOCKS = 12, STREAM_HELD = 6, STREAM_EVENTS = 1 << 15 };

static struct stream {
    uint64_t random, ns;
    struct event events[STREAM_EVENTS];
    size_t n;
    struct { uint32_t process; bool known, over; uint64_t held[STREAM_HELD], waits, realloc; uint8_t held_family[STREAM_HELD], wait_family; } t[STREAM_THREADS + 1];
    uint32_t n_threads, processes;
    bool dense;     /* much within a microsecond */
} stream;

static inline uint32_t roll(uint32_t n)
{
    stream.random ^= stream.random << 13, stream.random ^= stream.random >> 7, stream.random ^= stream.random << 17;
    return (uint32_t)(stream.random >> 33) % n;
}

static inline struct event *say(uint32_t thread, enum event_type type, unsigned family, uint64_t address, uint64_t size)
{
    struct event *e = &stream.events[stream.n++];
    stream.dense ^= roll(60) == 0;
    stream.ns += stream.dense ? 4 * roll(60) : roll(8) ? 4 * roll(2000) : 4 * roll(100000);
    *e = (struct event){ .type = (uint8_t)type, .family = (uint8_t)family, .address = address, .size = size, .ns = stream.ns,
                         .thread = thread, .process = thread ? stream.t[thread].process : 1, .stack = roll(12) };
    if (roll(20) == 0 && stream.ns > 4000)
        e->ns -= 4 * roll(300);
    return e;
}

/* A third of the locks lie in blocks, a third in a module. */
static inline uint64_t lock_address(uint32_t lock)
{
    static const uint64_t from[] = { 0x10000, 0x601000, 0x7f0000001000 };
    return from[lock % 3] + (lock % 3 ? 64 : 256) * (lock / 3 % STREAM_BLOCKS) + 8 + 16 * (lock / 3 / STREAM_BLOCKS);
}
static inline uint64_t block_address(uint32_t block) { return 0x10000 + 256 * block; }
static inline uint8_t lock_kind(uint32_t lock)
{
    static const uint8_t of[] = { WIRE_LOCK_MUTEX, WIRE_LOCK_RWLOCK, WIRE_LOCK_MUTEX, WIRE_LOCK_MTX, WIRE_LOCK_SPIN, WIRE_LOCK_RWLOCK };
    return of[lock % 6];
}

static inline uint32_t some_thread(void)
{
    for (;;) {
        uint32_t t = 1 + roll(stream.n_threads);
        if (stream.t[t].known && !stream.t[t].over)
            return t;
    }
}

static inline void thread_new(uint32_t creator)
{
    if (stream.n_threads == STREAM_THREADS)
        return;
    uint32_t t = ++stream.n_threads;
    stream.t[t].process = stream.t[creator].process;
    say(creator, EVENT_THREAD_CREATE, 0, roll(2) ? block_address(roll(STREAM_BLOCKS)) : 0, 0)->extra[0] = t;
    say(creator, EVENT_THREAD_CREATED, 0, 0x7f1000000000 + 0x1000 * t, 0)->extra[0] = t;
    stream.t[t].known = true;
    if (roll(8))
        say(t, EVENT_THREAD_START, 0, 0x7f1000000000 + 0x1000 * t, 0)->extra[0] = 1000 + t;
}

static inline void thread_ends(uint32_t t)
{
    uint32_t by = some_thread();
    if (t <= 2 || by == t)
        return;
    stream.t[t].over = true;
    if (roll(4))
        say(t, EVENT_THREAD_EXIT, 0, roll(2) ? block_address(roll(STREAM_BLOCKS)) : 0, 0);
    if (roll(3))
        say(by, EVENT_THREAD_JOIN, 0, 0x7f1000000000 + 0x1000 * t, 0)->extra[0] = block_address(roll(STREAM_BLOCKS));
    else if (roll(2))
        say(by, EVENT_THREAD_DETACH, 0, 0x7f1000000000 + 0x1000 * t, 0);
    if (roll(2))
        say(t, EVENT_THREAD_GONE, 0, 0, 0);
}

/* ---- locks ---- */

static inline void lock_take(uint32_t t, uint32_t lock, unsigned flags)
{
    unsigned kind = lock_kind(lock), family = kind == WIRE_LOCK_RWLOCK && roll(3) ? WIRE_LOCK_RWLOCK_SHARED : kind;
    uint64_t address = lock_address(lock);
    if (stream.t[t].waits) {
        say(t, EVENT_WAIT_END, stream.t[t].wait_family, stream.t[t].waits, roll(2) ? 110 : 35);
        stream.t[t].waits = 0;
    }
    if (roll(4) == 0) {
        say(t, EVENT_WAIT, family | (roll(3) ? 0 : WIRE_LOCK_FLAG), address, 0);
        stream.t[t].waits = address;
        stream.t[t].wait_family = (uint8_t)family;
        if (roll(3) == 0)
            return;
    }
    say(t, EVENT_ACQUIRE, family | flags, address, roll(10) ? lock % 4 == 3 : roll(32));
    stream.t[t].waits = 0;
    uint32_t at = roll(STREAM_HELD);
    stream.t[t].held[at] = address;
    stream.t[t].held_family[at] = (uint8_t)kind;
}

static inline void lock_give(uint32_t t)
{
    for (int i = 0; i < STREAM_HELD; i++)
        if (stream.t[t].held[i]) {
            say(t, EVENT_RELEASE, stream.t[t].held_family[i], stream.t[t].held[i], 0);
            stream.t[t].held[i] = 0;
            return;
        }
}

static inline void lock_other(uint32_t t)
{
    uint64_t cond = 0x602000 + 64 * roll(3), mutex = roll(6) ? lock_address(0) : 0;
    uint32_t lock = roll(STREAM_LOCKS);
    switch (roll(12)) {
    case 0: say(t, EVENT_COND_WAIT, WIRE_LOCK_COND | (roll(2) ? WIRE_LOCK_FLAG : 0), cond, 0)->extra[0] = mutex; break;
    case 1: say(t, EVENT_COND_WOKEN, WIRE_LOCK_COND, cond, roll(4) ? 0 : 110)->extra[0] = mutex; break;
    case 2: say(t, EVENT_SIGNAL, WIRE_LOCK_COND, cond, 0); break;
    case 3: say(t, EVENT_ACQUIRE, WIRE_LOCK_SEM, cond + 1024, 0); break;
    case 4: say(t, EVENT_RELEASE, WIRE_LOCK_SEM, cond + 1024, 0); break;
    case 5: say(t, EVENT_WAIT, WIRE_LOCK_BARRIER, cond + 2048, 0); break;
    case 6: say(t, EVENT_ACQUIRE, WIRE_LOCK_BARRIER, cond + 2048, 0); break;
    case 7: say(t, roll(2) ? EVENT_RELEASE : EVENT_ACQUIRE, WIRE_LOCK_ONCE, cond + 4096, 0); break;
    case 8: case 9: say(t, EVENT_LOCK_INIT, lock_kind(lock), lock_address(lock), roll(16)); break;
    case 10: say(t, EVENT_LOCK_DESTROY, lock_kind(lock), lock_address(lock), 0); break;
    default: say(t, roll(2) ? EVENT_LOCK_CONSISTENT : EVENT_RELEASE, lock_kind(lock), lock_address(lock), 0); break;
    }
}

/* ---- blocks ---- */

static inline void block_event(uint32_t t)
{
    uint64_t address = block_address(roll(STREAM_BLOCKS));
    if (stream.t[t].realloc) {
        uint64_t to = roll(4) ? block_address(roll(STREAM_BLOCKS)) : 0;
        say(t, EVENT_REALLOC_END, WIRE_REALLOC, to, 64 + roll(150))->extra[0] = stream.t[t].realloc;
        stream.t[t].realloc = 0;
        return;
    }
    switch (roll(8)) {
    case 0: say(t, EVENT_DROP, roll(5) ? WIRE_FREE : WIRE_DELETE, address, 0); break;
    case 1:
        say(t, EVENT_REALLOC_BEGIN, WIRE_REALLOC, address, 200);
        stream.t[t].realloc = address;
        break;
    case 2: case 3: say(t, EVENT_NEW, roll(5) ? WIRE_MALLOC : WIRE_NEW, address, 64 + roll(190)); break;
    default: say(t, EVENT_COPY, WIRE_COPY_MEMCPY, address + roll(2) * 32, 1 + roll(64))->extra[0] = roll(2) ? block_address(roll(STREAM_BLOCKS)) : 0; break;
    }
}

/* Two threads take turns on bytes that no lock guards. */
static inline void block_turns(uint32_t t)
{
    uint32_t other = some_thread();
    uint64_t address = block_address(roll(STREAM_BLOCKS));
    for (uint32_t i = roll(30); i && stream.n + 64 < STREAM_EVENTS; i--) {
        say(t, EVENT_COPY, WIRE_COPY_MEMCPY, address, 16)->stack = 3;
        say(other, EVENT_COPY, WIRE_COPY_MEMCPY, address, 16)->stack = 4;
    }
    if (roll(3) == 0)
        say(other, EVENT_COPY, WIRE_COPY_MEMCPY, address, 16)->stack = 4;
}

/* ---- seldom ---- */

static inline void stream_seldom(uint32_t t)
{
    switch (roll(9)) {
    case 0: say(t, EVENT_LOST, 0, 1, roll(5)); break;
    case 1: say(roll(2) ? t : 0, EVENT_MODULE, 0, 0x601000, 64 * (1 + roll(12)))->extra[1] = 1 + roll(3); break;
    case 2: case 3: thread_new(t); break;
    case 4: thread_ends(t); break;
    case 5:
        if (stream.t[t].process == 2)
            say(t, EVENT_FUTEX, 0, 0, 0);
        break;
    case 6:
        if (stream.processes == 1) {
            uint32_t child = ++stream.n_threads;
            stream.processes = 2;
            stream.t[child].known = true;
            stream.t[child].process = 2;
            say(t, EVENT_PROCESS_FORK, 0, 0, 0);
            say(t, EVENT_PROCESS_FORKED, 0, 200, 0);
            say(child, EVENT_PROCESS_START, WIRE_BORN_FORK, 1, 0)->extra[0] = 200;
        }
        break;
    case 7:
        if (roll(12) == 0) {
            say(t, EVENT_PROCESS_EXEC, 0, 0, 0)->extra[0] = stream.t[t].process * 100;
            say(t, EVENT_PROCESS_START, WIRE_BORN_EXEC, 0, 0)->extra[0] = stream.t[t].process * 100;
        }
        break;
    default:
        if (stream.t[t].process == 2 && roll(40) == 0)
            say(0, EVENT_PROCESS_GONE, 0, 0, 0)->process = 2;
        break;
    }
}

static inline void stream_make(uint64_t seed, size_t n)
{
    stream = (struct stream){ .random = seed * 0x9e3779b97f4a7c15u | 1, .ns = 1000000, .n_threads = 1, .processes = 1 };
    stream.t[1].known = true;
    stream.t[1].process = 1;
    say(1, EVENT_PROCESS_START, WIRE_BORN_EXEC, 0, 0)->extra[0] = 100;
    for (int i = 0; i < 5; i++)
        thread_new(1);
    for (uint32_t block = 0; block < STREAM_BLOCKS && roll(10); block++)
        say(1, EVENT_NEW, WIRE_MALLOC, block_address(block), 200);
    if (roll(2))
        say(0, EVENT_MODULE, 0, 0x601000, 0x1000)->extra[1] = 1;
    for (uint32_t lock = 0; lock < STREAM_LOCKS && roll(20); lock++)
        say(1, EVENT_LOCK_INIT, lock_kind(lock), lock_address(lock), 0)->stack = 5 + lock % 2;
    while (stream.n + 80 < n) {
        uint32_t t = some_thread(), what = roll(200);
        if (what < 50)
            lock_take(t, roll(roll(2) ? 6 : STREAM_LOCKS), roll(6) ? 0 : WIRE_LOCK_FLAG);
        else if (what < 100)
            lock_give(t);
        else if (what < 130)
            lock_other(t);
        else if (what < 190)
            block_event(t);
        else if (what < 192)
            block_turns(t);
        else
            stream_seldom(t);
    }
}

#endif
