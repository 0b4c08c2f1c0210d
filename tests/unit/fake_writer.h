/*
 * tests/unit/fake_writer.h - the traced thread's side of the wire, for tests.
 *
 * Claims a slot and writes records by the same headers as the shim, but is
 * told every word. In the test's own process or in a forked child.
 */
#ifndef TESTS_FAKE_WRITER_H
#define TESTS_FAKE_WRITER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "wire/ring_writer.h"

struct fake_writer {
    struct wire_segment segment;
    struct ring_writer ring;
    uint32_t thread, process;
    bool drop_policy;       /* a full ring loses the event; else it waits */
    unsigned patience_s;    /* looks for room by itself after so long; 0: half a second */
};

static inline int fake_map(struct wire_segment *s, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return -1;
    s->bytes = (uint64_t)st.st_size;
    s->base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return s->base == MAP_FAILED ? -1 : 0;
}

static inline uint32_t fake_process(const struct wire_segment *s)
{
    return add_relaxed(&wire_claims_of(s)->process_serial, 1) + 1;
}

/* 0, or -1: no slot READY. */
static inline int fake_claim_as(struct fake_writer *w, const struct wire_segment *s, uint32_t process, uint32_t pid,
                                uint32_t tid)
{
    struct wire_claims *claims = wire_claims_of(s);
    uint32_t n = load_acquire(&wire_pulse_of(s)->slots_ready), i, from = load_relaxed(&claims->slot_hint);
    for (i = 0; i < n; i++) {
        struct wire_slot *slot = wire_slot_of(s, (from + i) % n);
        if (load_relaxed(&slot->state) != WIRE_SLOT_READY ||
            !cas_acq_rel(&slot->state, (uint32_t)WIRE_SLOT_READY, (uint32_t)WIRE_SLOT_LIVE))
            continue;
        store_relaxed(&claims->slot_hint, (from + i) % n + 1);
        w->segment = *s;
        if (ring_writer_open(&w->ring, s, slot))
            return -1;
        slot->pid = pid;
        slot->tid = tid;
        w->thread = slot->thread_serial = add_relaxed(&claims->thread_serial, 1) + 1;
        w->process = slot->process_serial = process;
        slot->claim_stamp = wire_clock_stamp(wire_plan_of(s)->clock);
        store_release(&slot->claim, load_relaxed(&slot->claim) + 1);
        return 0;
    }
    return -1;
}

static inline int fake_claim(struct fake_writer *w, const struct wire_segment *s, uint32_t process)
{
    return fake_claim_as(w, s, process, (uint32_t)getpid(), (uint32_t)syscall(SYS_gettid));
}

/* Room for a record; waits for the reader, or NULL under drop_policy. */
static inline void *fake_room(struct fake_writer *w, uint64_t bytes, bool release)
{
    struct wire_slot *slot = w->ring.slot;
    void *room = ring_writer_reserve(&w->ring, bytes);
    while (!room && !(room = ring_writer_refresh(&w->ring, &w->segment, bytes, release))) {
        struct timespec t = {w->patience_s, w->patience_s ? 0 : 500000000}; /* a wake must come */
        uint32_t seen = load_relaxed(&slot->drain_seq);
        if (w->drop_policy) {
            count_up(&slot->lost[WIRE_LOST_RING_FULL], 1);
            if (release)
                count_up(&slot->lost_drops, 1);
            return NULL;
        }
        store_relaxed(&slot->waiting, 1);
        fence_full();
        room = ring_writer_refresh(&w->ring, &w->segment, bytes, release);
        if (!room)
            syscall(SYS_futex, &slot->drain_seq, FUTEX_WAIT, seen, &t, NULL, 0);
        store_relaxed(&slot->waiting, 0);
        if (room)
            return room;
    }
    return room;
}

struct fake_record {
    unsigned type, family;
    uint64_t address, size;
    const uint64_t *extra;
    unsigned extras;
    uint32_t pop, push;
    const uint64_t *frames;
    uint64_t stamp;         /* 0: now */
};

static inline int fake_put(struct fake_writer *w, const struct fake_record *f)
{
    bool big = f->size >= WIRE_SIZE_IN_EXTRA;
    bool escape = f->pop >= WIRE_STACK_ESCAPE || f->push >= WIRE_STACK_ESCAPE;
    unsigned words = f->extras + big + escape;
    uint64_t bytes = sizeof(struct wire_record) + 8u * (words + (uint64_t)f->push), *at;
    struct wire_record *r = fake_room(w, bytes, f->type == WIRE_DROP || f->type == WIRE_REALLOC_BEGIN);
    if (!r)
        return -1;
    *r = (struct wire_record){.stamp = f->stamp ? f->stamp : wire_clock_stamp(wire_plan_of(&w->segment)->clock),
                              .address = f->address, .size = big ? WIRE_SIZE_IN_EXTRA : (uint32_t)f->size,
                              .type = (uint8_t)f->type, .family_extra = wire_pack_family(f->family, words),
                              .pop = escape ? WIRE_STACK_ESCAPE : (uint8_t)f->pop, .push = escape ? 0 : (uint8_t)f->push};
    at = (uint64_t *)(r + 1);
    if (escape)
        *at++ = (uint64_t)f->pop << 32 | f->push;
    if (f->extras)
        memcpy(at, f->extra, f->extras * 8u);
    at += f->extras;
    if (big)
        *at++ = f->size;
    if (f->push)
        memcpy(at, f->frames, f->push * 8u);
    ring_writer_commit(&w->ring, bytes);
    return 0;
}

static inline int fake_text(struct fake_writer *w, unsigned type, uint64_t address, const uint64_t *extra,
                            unsigned extras, const char *text, size_t text_bytes)
{
    uint64_t bytes = sizeof(struct wire_record) + 8u * extras + ((text_bytes + 7) & ~(size_t)7);
    struct wire_record *r = fake_room(w, bytes, true);
    if (!r)
        return -1;
    *r = (struct wire_record){.stamp = wire_clock_stamp(wire_plan_of(&w->segment)->clock), .address = address,
                              .size = (uint32_t)text_bytes, .type = (uint8_t)type,
                              .family_extra = wire_pack_family(0, extras)};
    if (extras)
        memcpy(r + 1, extra, extras * 8u);
    memcpy((uint8_t *)(r + 1) + 8u * extras, text, text_bytes);
    ring_writer_commit(&w->ring, bytes);
    return 0;
}

/* New of `number` (address) with a size; what most tests count. */
static inline int fake_new(struct fake_writer *w, uint64_t address, uint64_t size)
{
    return fake_put(w, &(struct fake_record){.type = WIRE_NEW, .family = WIRE_MALLOC, .address = address, .size = size});
}

static inline int fake_drop(struct fake_writer *w, uint64_t address)
{
    return fake_put(w, &(struct fake_record){.type = WIRE_DROP, .family = WIRE_FREE, .address = address});
}

static inline int fake_birth(struct fake_writer *w, uint32_t parent_serial, unsigned birth)
{
    static const char text[] = "/bin/fake\0fake\0one";
    uint64_t extra[2] = {(uint64_t)getpid() << 32 | (uint32_t)getppid(), (uint64_t)parent_serial << 32 | birth};
    return fake_text(w, WIRE_PROCESS_START, 0, extra, 2, text, sizeof text);
}

static inline int fake_module(struct fake_writer *w, const char *path, uint64_t bias, uint64_t start, uint64_t end,
                              uint8_t build_id)
{
    uint64_t extra[8] = {bias, start, end, 20};
    memset(extra + 4, build_id, 20);
    return fake_text(w, WIRE_MODULE, 0, extra, 8, path, strlen(path));
}

#endif
