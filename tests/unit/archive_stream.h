/*
 * tests/unit/archive_stream.h - random streams of events, mixed as a test asks.
 *
 * A stream keeps a rough idea of what lives (blocks, threads, processes, locks
 * held), so that most of what happens is what programs do; the rest is what no
 * program does: `wild` events of any type with small numbers, which meet the
 * blocks, locks and threads of the others. Stamps mostly rise, by 2 us and more;
 * `late` ones lie up to 1 us back.
 */
#ifndef ARCHIVE_STREAM_H
#define ARCHIVE_STREAM_H

#include <string.h>

#include "event/code.h"
#include "event/event.h"

/* How often of the sum each kind happens. */
struct mix {
    unsigned heap, drops /* of anything */, maps, threads, processes, locks, conds, copies, modules, marks, losses, futexes, usables, snapshots, rates, covers, orders, wild;
    unsigned late;              /* of 100 events */
    uint32_t n_processes, n_threads /* of one */, n_slots /* blocks of one */, n_locks;
};

enum { PROCESSES = 6, THREADS = 24, SLOTS = 256, LOCKS = 24, MODULES = 3, STACKS = 40, SERIALS = 1 << 12, SLOT_BYTES = 128 };

struct stream_thread { uint32_t serial; bool lives, exited, moving, moving_map; uint64_t moved; int held[4]; };
struct stream_process {
    bool lives;
    uint32_t serial, pid;
    bool block[SLOTS], page[SLOTS];
    uint64_t size[SLOTS];
    struct stream_thread t[THREADS];
    uint32_t lock_holder[LOCKS];    /* 1 + thread */
};

struct stream {
    struct mix mix;
    uint64_t seed, ns;
    uint32_t next_thread, next_process;
    struct stream_process p[PROCESSES];
    struct event queue[8];          /* what follows at once */
    size_t n_queue;
};

static inline uint32_t stream_rnd(struct stream *s, uint32_t n)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return (uint32_t)((s->seed >> 20) % n);
}

static inline struct code *stream_code(void)
{
    struct code *c = code_new();
    for (uint32_t i = 1; i <= MODULES; i++)
        code_module_id(c, "/lib/x", i + 3, NULL, 0);
    for (uint32_t i = 1; i <= STACKS; i++)
        code_stack_id(c, i / 3, code_frame_id(c, i % (MODULES + 1), i * 8, 0));
    return c;
}

/* In eight parts of the heap, each in other 32 KiB. */
enum { SLOT_PARTS = 8, PART_BYTES = 0x9000, SLOTS_AT = 0x100000 };
static inline uint64_t slot_address(uint32_t slot)
{
    return SLOTS_AT + PART_BYTES * (uint64_t)(slot % SLOT_PARTS) + SLOT_BYTES * (uint64_t)(slot / SLOT_PARTS);
}
/* The slot that holds an address; SLOTS: none does. */
static inline uint32_t address_slot(uint64_t address)
{
    uint64_t at = address - SLOTS_AT, slot = at % PART_BYTES / SLOT_BYTES * SLOT_PARTS + at / PART_BYTES;
    return address >= SLOTS_AT && at / PART_BYTES < SLOT_PARTS && slot < SLOTS ? (uint32_t)slot : SLOTS;
}
static inline uint64_t page_address(uint32_t page) { return 0x10000000 + 4096 * (uint64_t)page; }
/* A third in blocks, a third in a module, the rest elsewhere. */
static inline uint64_t lock_address(uint32_t lock)
{
    return lock % 3 == 0 ? slot_address(lock / 3) + 16 : (lock % 3 == 1 ? 0x601000 : 0x901000) + 64 * (uint64_t)lock;
}
static inline uint64_t pthread_of(uint32_t serial) { return 0x70000000 + 0x1000 * (uint64_t)(serial % 61); }

static inline uint64_t stream_pointer(struct stream *s)
{
    switch (stream_rnd(s, 8)) {
    case 0: return stream_rnd(s, 5000);
    case 1: return page_address(stream_rnd(s, s->mix.n_slots)) + stream_rnd(s, 4096);
    case 2: return slot_address(stream_rnd(s, s->mix.n_slots)) + stream_rnd(s, SLOT_BYTES);
    default: return slot_address(stream_rnd(s, s->mix.n_slots));
    }
}

static inline struct event *stream_add(struct stream *s, enum event_type type, unsigned family)
{
    struct event *e = &s->queue[s->n_queue++];
    *e = (struct event){ .type = (uint8_t)type, .family = (uint8_t)family };
    return e;
}

/* ---- memory -------------------------------------------------------------------- */

static inline void stream_heap(struct stream *s, struct stream_process *p, struct stream_thread *t)
{
    uint32_t slot = stream_rnd(s, s->mix.n_slots);
    struct event *e;
    if (t->moving) {
        e = stream_add(s, EVENT_REALLOC_END, t->moving_map ? WIRE_MREMAP : WIRE_REALLOC);
        e->extra[0] = t->moved;
        e->extra[1] = t->moving_map ? 4096 : 0;
        e->address = stream_rnd(s, 5) ? t->moving_map ? page_address(slot) : p->block[slot] ? t->moved : slot_address(slot) : 0;
        e->size = t->moving_map ? 4096 * (uint64_t)(1 + stream_rnd(s, 3)) : 1 + stream_rnd(s, SLOT_BYTES);
        t->moving = false;
        if (!t->moving_map && address_slot(e->address) < SLOTS)
            p->block[address_slot(e->address)] = true;
    } else if (p->block[slot] && !stream_rnd(s, 5)) {
        e = stream_add(s, EVENT_REALLOC_BEGIN, WIRE_REALLOC);
        e->address = t->moved = slot_address(slot);
        e->size = 1 + stream_rnd(s, SLOT_BYTES);
        p->block[slot] = false;
        t->moving = true;
        t->moving_map = false;
    } else if (p->block[slot]) {
        e = stream_add(s, EVENT_DROP, stream_rnd(s, 60) ? WIRE_FREE : WIRE_DELETE);
        e->address = slot_address(slot);
        p->block[slot] = false;
    } else {
        e = stream_add(s, EVENT_NEW, stream_rnd(s, 9) ? WIRE_MALLOC : WIRE_CALLOC);
        e->address = slot_address(slot) + (stream_rnd(s, 500) ? 0 : 4);
        e->size = stream_rnd(s, 200) ? 1 + stream_rnd(s, SLOT_BYTES) : (128 << 10) + stream_rnd(s, 1 << 20);
        if (e->size >= 128 << 10)
            e->address = 0x40000000 + (2 << 20) * (uint64_t)slot;
        else
            p->block[slot] = e->address == slot_address(slot);
    }
}

/* What programs do not do: dropped twice, given out twice, never made. */
static inline void stream_drop(struct stream *s)
{
    struct event *e = stream_add(s, stream_rnd(s, 4) ? EVENT_DROP : EVENT_NEW, WIRE_FREE);
    e->address = stream_pointer(s);
    if (e->type == EVENT_NEW)
        e->family = WIRE_MALLOC, e->size = 1 + stream_rnd(s, 300);
}

static inline void stream_map(struct stream *s, struct stream_thread *t)
{
    uint32_t what = stream_rnd(s, 9), page = stream_rnd(s, s->mix.n_slots);
    struct event *e;
    if (what == 0 && !t->moving) {
        e = stream_add(s, EVENT_REALLOC_BEGIN, WIRE_MREMAP);
        t->moving = t->moving_map = true;
        t->moved = page_address(page);
    } else {
        e = stream_add(s, what < 5 ? EVENT_NEW : EVENT_DROP, what < 5 ? WIRE_MMAP_ANON : WIRE_MUNMAP);
        e->extra[0] = what < 5 ? 0 : 4096 * (uint64_t)(1 + stream_rnd(s, 4)) - stream_rnd(s, 3);
    }
    e->address = page_address(page) + (stream_rnd(s, 50) ? 0 : 100);
    e->size = 4096 * (uint64_t)stream_rnd(s, 5) + (stream_rnd(s, 3) ? 0 : 77);
}

static inline void stream_copy(struct stream *s)
{
    struct event *e = stream_add(s, EVENT_COPY, 1 + stream_rnd(s, WIRE_COPIES - 1));
    e->address = stream_pointer(s);
    e->size = stream_rnd(s, 20) ? 1 + stream_rnd(s, 40) : 1 + stream_rnd(s, 400);
    e->extra[0] = stream_rnd(s, 4) ? stream_pointer(s) : 0;
    e->extra[1] = e->extra[0] && !stream_rnd(s, 4) ? 1 + stream_rnd(s, (uint32_t)e->size) : 0;
}

/* ---- life ------------------------------------------------------------------------- */

static inline struct stream_thread *thread_begin(struct stream *s, struct stream_process *p)
{
    for (uint32_t i = 0; i < s->mix.n_threads; i++)
        if (!p->t[i].lives && s->next_thread < SERIALS) {
            p->t[i] = (struct stream_thread){ .serial = ++s->next_thread, .lives = true, .held = { -1, -1, -1, -1 } };
            return &p->t[i];
        }
    return NULL;
}

static inline void stream_thread(struct stream *s, struct stream_process *p, struct stream_thread *t)
{
    struct stream_thread *other = &p->t[stream_rnd(s, s->mix.n_threads)], *fresh;
    struct event *e;
    switch (stream_rnd(s, 7)) {
    case 0: case 1:
        fresh = thread_begin(s, p);
        if (!fresh)
            return;
        e = stream_add(s, EVENT_THREAD_CREATE, 0);
        e->address = stream_pointer(s);
        e->extra[0] = fresh->serial;
        e = stream_add(s, EVENT_THREAD_CREATED, 0);
        e->address = stream_rnd(s, 20) ? stream_rnd(s, 9) ? pthread_of(fresh->serial) : WIRE_PTHREAD_IN_START : 0;
        e->extra[0] = fresh->serial;
        e = stream_add(s, EVENT_THREAD_START, 0);
        e->address = stream_rnd(s, 3) ? pthread_of(fresh->serial) : 0;
        e->extra[0] = 1000 + fresh->serial;
        e->thread = fresh->serial;
        return;
    case 2:
        if (t == &p->t[0] && stream_rnd(s, 20))
            return;
        e = stream_add(s, EVENT_THREAD_EXIT, 0);
        e->address = stream_pointer(s);
        t->exited = true;
        return;
    case 3:
        if (!t->exited && stream_rnd(s, 10))
            return;
        stream_add(s, EVENT_THREAD_GONE, 0);
        t->lives = false;
        return;
    case 4:
        e = stream_add(s, EVENT_THREAD_JOIN, 0);
        e->address = pthread_of(other->serial);
        e->extra[0] = stream_pointer(s);
        return;
    case 5:
        stream_add(s, EVENT_THREAD_DETACH, 0)->address = pthread_of(other->serial);
        return;
    default:
        e = stream_add(s, EVENT_THREAD_NAME, 0);
        e->address = pthread_of(other->serial);
        e->text = "worker-of-many-words";
        e->text_bytes = (uint16_t)(1 + stream_rnd(s, 20));
    }
}

static inline void process_begin(struct stream *s, struct stream_process *p, const struct stream_process *parent, bool fork)
{
    uint32_t serial = ++s->next_process;
    *p = (struct stream_process){ .lives = true, .serial = serial, .pid = 500 + serial };
    struct stream_thread *t = thread_begin(s, p);
    if (fork)
        memcpy(p->block, parent->block, sizeof p->block);
    struct event *e = stream_add(s, EVENT_PROCESS_START, fork ? WIRE_BORN_FORK : WIRE_BORN_EXEC);
    e->address = parent ? parent->serial : 0;
    e->extra[0] = p->pid;
    e->extra[1] = parent ? parent->pid : 1;
    e->text = "/bin/x\0x\0-y";
    e->text_bytes = 12;
    e->process = serial;
    e->thread = t ? t->serial : 0;
}

static inline void stream_process(struct stream *s, struct stream_process *p)
{
    struct stream_process *other = &s->p[stream_rnd(s, s->mix.n_processes)];
    struct event *e;
    switch (stream_rnd(s, 6)) {
    case 0: case 1: case 2:
        stream_add(s, EVENT_PROCESS_FORK, 0);
        if (other->lives) {
            if (stream_rnd(s, 2))
                stream_add(s, EVENT_PROCESS_FORKED, 0)->address = stream_rnd(s, 2) ? UINT64_MAX : 77;
            return;
        }
        if (stream_rnd(s, 2))   /* the parent speaks first */
            stream_add(s, EVENT_PROCESS_FORKED, 0)->address = 501 + s->next_process;
        process_begin(s, other, p, true);
        if (s->n_queue < 3)
            stream_add(s, EVENT_PROCESS_FORKED, 0)->address = other->pid;
        return;
    case 3:
        stream_add(s, EVENT_PROCESS_EXEC, 0)->extra[0] = stream_rnd(s, 4) ? p->pid : 7;
        if (stream_rnd(s, 3)) {
            e = stream_add(s, stream_rnd(s, 3) ? EVENT_PROCESS_START : EVENT_PROCESS_EXEC_FAILED, 0);
            e->extra[0] = p->pid;
            e->text = "/bin/new\0new";
            e->text_bytes = 12;
            if (e->type == EVENT_PROCESS_START)
                memset(p->block, 0, sizeof p->block);
        }
        return;
    case 4:
        stream_add(s, EVENT_PROCESS_EXIT, 0)->address = stream_rnd(s, 256);
        return;
    default:
        e = stream_add(s, EVENT_PROCESS_GONE, 0);
        e->thread = UINT32_MAX;
        e->extra[0] = stream_rnd(s, 2);
        e->extra[1] = stream_rnd(s, 2) ? 6 : 256 * stream_rnd(s, 3);
        p->lives = false;
    }
}

/* ---- locks ------------------------------------------------------------------------ */

static inline unsigned lock_kind(uint32_t lock)
{
    static const uint8_t kinds[] = { WIRE_LOCK_MUTEX, WIRE_LOCK_MUTEX, WIRE_LOCK_RWLOCK, WIRE_LOCK_SPIN, WIRE_LOCK_MTX, WIRE_LOCK_MUTEX };
    return kinds[lock % sizeof kinds];
}

static inline void stream_lock(struct stream *s, struct stream_process *p, struct stream_thread *t)
{
    uint32_t lock = stream_rnd(s, s->mix.n_locks), self = 1 + (uint32_t)(t - p->t), slot = stream_rnd(s, 4);
    struct event *e;
    if (t->held[slot] >= 0 && stream_rnd(s, 20)) {
        lock = (uint32_t)t->held[slot];
        e = stream_add(s, EVENT_RELEASE, lock_kind(lock));
        p->lock_holder[lock] = 0;
        t->held[slot] = -1;
    } else if (!p->lock_holder[lock] && t->held[slot] < 0 && stream_rnd(s, 12)) {
        bool shared = lock_kind(lock) == WIRE_LOCK_RWLOCK && stream_rnd(s, 2);
        unsigned family = shared ? WIRE_LOCK_RWLOCK_SHARED : lock_kind(lock);
        if (!stream_rnd(s, 4))
            stream_add(s, EVENT_WAIT, family)->address = lock_address(lock);
        e = stream_add(s, EVENT_ACQUIRE, family | (stream_rnd(s, 6) ? 0 : WIRE_LOCK_FLAG));
        e->size = lock % 5 == 1 ? WIRE_LOCK_TYPE_RECURSIVE : stream_rnd(s, 50) ? 0 : stream_rnd(s, 32);
        p->lock_holder[lock] = self;
        t->held[slot] = (int)lock;
    } else {
        static const uint8_t types[] = { EVENT_WAIT, EVENT_WAIT_END, EVENT_LOCK_INIT, EVENT_LOCK_DESTROY, EVENT_LOCK_CONSISTENT, EVENT_WAIT };
        e = stream_add(s, types[stream_rnd(s, sizeof types)], lock_kind(lock) | (stream_rnd(s, 3) ? 0 : WIRE_LOCK_FLAG));
        e->size = stream_rnd(s, 4);
    }
    e->address = lock_address(lock);
}

static inline void stream_cond(struct stream *s)
{
    static const uint8_t families[] = { WIRE_LOCK_SEM, WIRE_LOCK_BARRIER, WIRE_LOCK_ONCE };
    uint32_t what = stream_rnd(s, 7), lock = stream_rnd(s, s->mix.n_locks);
    struct event *e;
    if (what < 4) {
        e = stream_add(s, what == 0 ? EVENT_COND_WAIT : what == 1 ? EVENT_COND_WOKEN : EVENT_SIGNAL, WIRE_LOCK_COND);
        e->address = 0xa01000 + 64 * (uint64_t)(lock % 4);
        e->extra[0] = stream_rnd(s, 5) ? lock_address(lock) : 0;
        return;
    }
    e = stream_add(s, what == 4 ? EVENT_ACQUIRE : what == 5 ? EVENT_RELEASE : EVENT_WAIT, families[lock % 3]);
    e->address = 0xb01000 + 64 * (uint64_t)(lock % 6);
}

/* ---- the rest --------------------------------------------------------------------- */

static inline void stream_module(struct stream *s)
{
    struct event *e = stream_add(s, EVENT_MODULE, stream_rnd(s, 30) == 0);
    static const uint64_t where[] = { 0x601000, 0x901000, 0x800000 };
    uint32_t which = stream_rnd(s, 3);
    e->address = where[which] + 0x1000 * (uint64_t)stream_rnd(s, 2);
    e->size = 0x1000;
    e->extra[0] = where[which];
    e->extra[1] = 1 + which;
}

static inline void stream_other(struct stream *s, enum event_type type)
{
    struct event *e = stream_add(s, type, 0);
    e->address = type == EVENT_USABLE ? stream_rnd(s, 300) ? slot_address(stream_rnd(s, s->mix.n_slots)) : 0 : stream_rnd(s, 9);
    e->size = type == EVENT_USABLE ? SLOT_BYTES : 1 + stream_rnd(s, 5);
    if (type == EVENT_MARK) {
        e->text = "here";
        e->text_bytes = 4;
    }
    if (type == EVENT_SNAPSHOT)
        e->family = (uint8_t)(1 + stream_rnd(s, 4));
    if (type == EVENT_RATE) {
        static const uint64_t rates[] = { 0, 1, 24, 512, 4096 };
        e->family = (uint8_t)stream_rnd(s, WIRE_RATES);
        e->address = rates[stream_rnd(s, 5)];
        e->size = 0;
    }
    if (type == EVENT_COVER) {
        e->family = (uint8_t)(stream_rnd(s, 2) ? EVENT_COVER_ALL : stream_rnd(s, 32));
        e->thread = 0;
        e->process = 0;
        e->address = 0;
        e->size = 0;
    }
    if (type == EVENT_CONTROL) {
        e->family = (uint8_t)(1 + stream_rnd(s, 4));
        e->thread = 0;
        e->process = 0;
        e->text = "stop (uid 1000, pid 4711 bash)";
        e->text_bytes = (uint16_t)stream_rnd(s, 31);
    }
    if (type == EVENT_LOST)
        e->extra[1] = stream_rnd(s, 2) ? s->ns + 5000 : 0;
}

static inline void stream_wild(struct stream *s)
{
    struct event *e = stream_add(s, 1 + stream_rnd(s, EVENT_TYPES - 1), stream_rnd(s, 32));
    e->address = stream_rnd(s, 2) ? stream_pointer(s) : lock_address(stream_rnd(s, s->mix.n_locks));
    e->size = stream_rnd(s, 3) ? stream_rnd(s, 600) : (uint64_t)stream_rnd(s, 1000) << stream_rnd(s, 50);
    e->extra[0] = stream_rnd(s, 2) ? stream_pointer(s) : stream_rnd(s, 30);
    e->extra[1] = stream_rnd(s, 3) ? 0 : stream_rnd(s, 9000);
    if (e->type == EVENT_MODULE)
        e->extra[1] %= MODULES + 1;
    if (stream_rnd(s, 3) == 0)
        e->thread = 1 + stream_rnd(s, 40);
    if (stream_rnd(s, 3) == 0)
        e->process = 1 + stream_rnd(s, 5);
    if (stream_rnd(s, 4) == 0) {
        e->text = "wild\0text";
        e->text_bytes = 9;
    }
}

static inline void stream_happen(struct stream *s, struct stream_process *p, struct stream_thread *t)
{
    const struct mix *m = &s->mix;
    const unsigned weights[] = { m->heap, m->drops, m->maps, m->threads, m->processes, m->locks, m->conds, m->copies, m->modules, m->marks,
                                 m->losses, m->futexes, m->usables, m->snapshots, m->rates, m->covers, m->orders, m->wild };
    unsigned sum = 0, kind = 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        sum += weights[i];
    for (unsigned at = stream_rnd(s, sum); at >= weights[kind]; kind++)
        at -= weights[kind];
    switch (kind) {
    case 0: stream_heap(s, p, t); break;
    case 1: stream_drop(s); break;
    case 2: stream_map(s, t); break;
    case 3: stream_thread(s, p, t); break;
    case 4: stream_process(s, p); break;
    case 5: stream_lock(s, p, t); break;
    case 6: stream_cond(s); break;
    case 7: stream_copy(s); break;
    case 8: stream_module(s); break;
    case 9: stream_other(s, stream_rnd(s, 4) ? EVENT_MARK : EVENT_VERIFY); break;
    case 10: stream_other(s, EVENT_LOST); break;
    case 11: stream_other(s, EVENT_FUTEX); break;
    case 12: stream_other(s, EVENT_USABLE); break;
    case 13: stream_other(s, EVENT_SNAPSHOT); break;
    case 14: stream_other(s, EVENT_RATE); break;
    case 15: stream_other(s, EVENT_COVER); break;
    case 16: stream_other(s, EVENT_CONTROL); break;
    default: stream_wild(s);
    }
}

static inline void stream_begin(struct stream *s, struct mix mix, uint64_t seed)
{
    *s = (struct stream){ .mix = mix, .seed = 0x9e3779b97f4a7c15ull * (seed + 1) };
    process_begin(s, &s->p[0], NULL, false);
}

/* All its threads are over: so is it. */
static inline void process_runs_out(struct stream *s, struct stream_process *p)
{
    for (uint32_t i = 0; i < s->mix.n_threads; i++)
        if (p->t[i].lives)
            return;
    stream_add(s, EVENT_PROCESS_GONE, 0)->thread = UINT32_MAX;
    p->lives = false;
}

/* The next event. A thread that moves a block does nothing else. */
static inline struct event stream_next(struct stream *s)
{
    static struct stream_process *p;
    static struct stream_thread *t;
    while (!s->n_queue) {
        p = &s->p[stream_rnd(s, s->mix.n_processes)];
        t = &p->t[stream_rnd(s, s->mix.n_threads)];
        if (!s->p[0].lives && !stream_rnd(s, 50))
            process_begin(s, &s->p[0], NULL, false);
        else if (p->lives && t->lives && t->moving && stream_rnd(s, 30))
            stream_heap(s, p, t);
        else if (p->lives && t->lives)
            stream_happen(s, p, t);
        else if (p->lives)
            process_runs_out(s, p);
    }
    struct event e = s->queue[0];
    memmove(s->queue, s->queue + 1, --s->n_queue * sizeof *s->queue);
    s->ns += stream_rnd(s, 3) ? 2000 + stream_rnd(s, 9000) : 4 * stream_rnd(s, 200);
    e.ns = s->ns;
    if (stream_rnd(s, 100) < s->mix.late)
        e.ns -= e.ns > 1000 ? 4 * stream_rnd(s, 250) : 0;
    e.process = e.process ? e.process : p ? p->serial : 1;
    e.thread = e.thread == UINT32_MAX ? 0 : e.thread ? e.thread : t ? t->serial : 1;
    e.stack = e.thread ? 1 + stream_rnd(s, STACKS) : 0;
    return e;
}

#endif
