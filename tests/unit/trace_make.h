/*
 * tests/unit/trace_make.h - events and files for the tests of the trace room.
 */
#ifndef TRACE_MAKE_H
#define TRACE_MAKE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "trace/trace.h"

struct make {
    uint64_t seed;
    struct code *code;
    struct event *events;
    size_t count, capacity;
    char path[64];
};

static inline uint64_t make_random(struct make *k)
{
    k->seed ^= k->seed << 13;
    k->seed ^= k->seed >> 7;
    k->seed ^= k->seed << 17;
    return k->seed;
}

static inline void make_init(struct make *k, uint64_t seed)
{
    *k = (struct make){ .seed = seed * 2654435761u + 88172645463325252u };
    k->code = code_new();
    snprintf(k->path, sizeof k->path, "%s/test_trace.%d.own", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
             (int)getpid());
}

static inline void make_free(struct make *k)
{
    for (size_t i = 0; i < k->count; i++)
        free((char *)k->events[i].text);
    free(k->events);
    code_free(k->code);
    unlink(k->path);
}

/* A module that an event names has to be there. */
static inline void make_add(struct make *k, struct event e)
{
    if (e.type == EVENT_MODULE)
        e.extra[1] %= code_modules(k->code) + 1;
    if (!e.text_bytes) {
        e.text = NULL;
    } else {
        char *copy = xmalloc(e.text_bytes);
        memcpy(copy, e.text, e.text_bytes);
        e.text = copy;
    }
    k->events = xgrow(k->events, &k->capacity, k->count + 1, sizeof e);
    k->events[k->count++] = e;
}

/* A stack of some depth; now and then a new one, with new frames and modules. */
static inline uint32_t make_stack(struct make *k)
{
    uint32_t known = code_stacks(k->code);
    if (known > 20 && make_random(k) % 16)
        return (uint32_t)(make_random(k) % (known + 1));
    char path[64];
    int n = snprintf(path, sizeof path, "/usr/lib/lib%d.so", (int)(make_random(k) % 5));
    uint32_t module = make_random(k) % 4 ? code_module_id(k->code, path, (size_t)n, (const uint8_t *)path, 20) : 0;
    uint32_t stack = known ? (uint32_t)(make_random(k) % known) : 0;
    for (int i = 0; i < 4; i++)
        stack = code_stack_id(k->code, stack, code_frame_id(k->code, module, make_random(k) >> 50, make_random(k) % 4));
    return stack;
}

/* A number of any size: every bit length is as likely. */
static inline uint64_t make_number(struct make *k)
{
    uint64_t r = make_random(k);
    return r % 8 == 0 ? 0 : r % 32 == 1 ? UINT64_MAX : make_random(k) >> (r >> 8) % 64;
}

/* Anything at all in any field. */
static inline void make_random_events(struct make *k, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[300];
        struct event e = { .ns = make_number(k), .address = make_number(k), .size = make_number(k),
                           .extra = { make_number(k), make_number(k) },
                           .thread = (uint32_t)make_number(k), .process = (uint32_t)make_number(k),
                           .stack = make_stack(k), .type = (uint8_t)(1 + make_random(k) % (EVENT_TYPES - 1)),
                           .family = (uint8_t)make_random(k), .text = text };
        e.text_bytes = make_random(k) % 4 ? 0 : (uint16_t)(make_random(k) % sizeof text);
        memset(text, (int)make_random(k), sizeof text);
        make_add(k, e);
    }
}

/* A few threads that allocate, free what they or others made, and reallocate. */
static inline void make_heap_events(struct make *k, size_t count)
{
    enum { LIVE = 512 };
    uint64_t live[LIVE] = { 0 }, sizes[LIVE] = { 0 }, top = 0x555500000000, ns = 0;
    while (k->count < count) {
        size_t at = make_random(k) % LIVE;
        struct event e = { .ns = ns += make_random(k) % 400, .thread = 1 + (uint32_t)(make_random(k) >> 20) % 3,
                           .process = 1, .stack = make_stack(k) };
        if (!live[at]) {
            sizes[at] = 16 + make_random(k) % 200;
            live[at] = top;
            top += (sizes[at] + 23) & ~15ull;
            e.type = EVENT_NEW, e.family = WIRE_MALLOC, e.address = live[at], e.size = sizes[at];
            make_add(k, e);
        } else if (make_random(k) % 8) {
            e.type = EVENT_DROP, e.family = WIRE_FREE, e.address = live[at];
            make_add(k, e);
            top = make_random(k) % 2 ? live[at] : top;
            live[at] = 0;
        } else {
            uint64_t old = live[at];
            e.type = EVENT_REALLOC_BEGIN, e.family = WIRE_REALLOC, e.address = old, e.size = sizes[at] *= 2;
            make_add(k, e);
            live[at] = make_random(k) % 2 ? old : (top += 4096);
            e.type = EVENT_REALLOC_END, e.address = live[at], e.extra[0] = old;
            make_add(k, e);
        }
    }
}

/* One thread that makes `held` blocks, frees them in the order of making, in the
 * reverse or in that of a riffled pack, and starts over where they lay: the orders
 * that the models of addresses are for. Stamps are `step_ns` apart. */
static inline void make_orderly_events(struct make *k, size_t count, size_t held, uint64_t step_ns)
{
    uint64_t *at = xcalloc(held, sizeof *at), ns = 0;
    uint32_t made_in = make_stack(k), freed_in = make_stack(k);
    for (size_t i = 0; i < held; i++)
        at[i] = 0x555500000000 + i * 64;
    for (unsigned turn = 0; k->count < count; turn++) {
        for (size_t i = 0; i < held; i++)
            make_add(k, (struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .address = at[i], .size = 56,
                                        .ns = ns += step_ns, .thread = 1, .process = 1, .stack = made_in });
        for (size_t i = 0; i < held / 2 && turn % 3 == 1; i++) {
            uint64_t other = at[i];
            at[i] = at[held - 1 - i];
            at[held - 1 - i] = other;
        }
        for (size_t i = 0; i + 1 < held && turn % 3 == 2; i += 2) {
            uint64_t other = at[i];
            at[i] = at[i + 1];
            at[i + 1] = other;
        }
        for (size_t i = 0; i < held; i++)
            make_add(k, (struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .address = at[i],
                                        .ns = ns += step_ns, .thread = 1, .process = 1, .stack = freed_in });
    }
    free(at);
}

/* Threads that take locks, wait for conditions, make blocks and copy into them: much as the models
 * of spots expect it, and one time in `wild` not. */
static inline void make_lock_events(struct make *k, size_t count, unsigned wild)
{
    uint64_t ns = 0, top = 0x555500000000, block = top, behind = top;
    uint32_t stacks[16];
    for (unsigned i = 0; i < 16; i++)
        stacks[i] = make_stack(k);
    while (k->count < count) {
        uint32_t thread = 1 + (uint32_t)(make_random(k) >> 20) % 4;
        uint64_t lock = 0x7f0000001000 + make_random(k) % 3 * 40, condition = lock + 0x100;
        struct event e = { .ns = ns += make_random(k) % 300, .thread = thread, .process = 1, .family = WIRE_LOCK_MUTEX };
        unsigned step = (unsigned)(make_random(k) % 6), from = (unsigned)k->count;
        e.address = lock;
        for (unsigned i = 0; step == 0 && i < 3; i++) {     /* contended, then given up */
            static const uint8_t types[] = { EVENT_WAIT, EVENT_ACQUIRE, EVENT_RELEASE };
            e.type = types[i], e.stack = stacks[i / 2];
            make_add(k, e);
        }
        for (unsigned i = 0; step == 1 && i < 2; i++) {
            e.type = i ? EVENT_COND_WOKEN : EVENT_COND_WAIT, e.family = WIRE_LOCK_COND, e.stack = stacks[2];
            e.address = condition, e.extra[0] = lock, e.size = i * 110;
            make_add(k, e);
        }
        if (step == 2) {
            e.type = EVENT_NEW, e.family = WIRE_MALLOC, e.stack = stacks[3], e.size = 64 + make_random(k) % 4 * 32;
            e.address = block = top, behind = block, top += e.size + 16;
            make_add(k, e);
            e.type = EVENT_LOCK_INIT, e.family = WIRE_LOCK_SEM, e.address = block + 24, e.size = 0, e.extra[0] = 5;
            make_add(k, e);
        } else if (step >= 3) {
            e.type = EVENT_COPY, e.family = WIRE_COPY_MEMCPY, e.stack = stacks[step + 1], e.size = 8 * step;
            e.address = step == 3 ? behind : block + 8 * step;
            e.extra[0] = step == 5 ? 0 : behind - 4096, e.extra[1] = step == 4 ? 3 : 0;
            behind = e.address + e.size;
            make_add(k, e);
        }
        for (size_t i = from; wild && i < k->count; i++)
            if (make_random(k) % wild == 0)
                *(uint64_t *[]){ &k->events[i].address, &k->events[i].extra[0], &k->events[i].extra[1], &k->events[i].size }
                    [make_random(k) % 4] = make_number(k);
    }
}

static inline struct trace_meta make_meta(void)
{
    return (struct trace_meta){ .command = (char *)"'a program' --with arguments", .host = (char *)"here",
                                .session = (char *)"s1", .options = (char *)"", .start_real_ns = UINT64_MAX,
                                .clock_hz = 2100000000, .clock = 1, .stacks = 2 };
}

/* Writes all events, flushing every `flush` of them (0: never). Returns close's answer. */
static inline int make_file(const struct make *k, size_t flush)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    int error = trace_write_open(&w, k->path, &meta);
    if (error)
        return error;
    for (size_t i = 0; i < k->count; i++) {
        trace_write_event(w, k->code, &k->events[i]);
        if (flush && i % flush == flush - 1)
            trace_write_flush(w, k->code);
    }
    return trace_write_close(w, k->code, 12345);
}

static inline bool make_equal(const struct event *a, const struct event *b)
{
    return a->ns == b->ns && a->address == b->address && a->size == b->size && a->extra[0] == b->extra[0] &&
           a->extra[1] == b->extra[1] && a->thread == b->thread && a->process == b->process &&
           a->stack == b->stack && a->type == b->type && a->family == b->family &&
           a->text_bytes == b->text_bytes && (!a->text_bytes || !memcmp(a->text, b->text, a->text_bytes));
}

static inline uint8_t *make_slurp(const char *path, size_t *bytes)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    fstat(fd, &st);
    uint8_t *data = xmalloc((size_t)st.st_size);
    *bytes = (size_t)read(fd, data, (size_t)st.st_size);
    close(fd);
    return data;
}

static inline void make_spill(const char *path, const void *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(fd, data, bytes) != (ssize_t)bytes)
        abort();
    close(fd);
}

#endif
