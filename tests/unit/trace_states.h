/*
 * tests/unit/trace_states.h - states that are no fold's, and the chunks of a file,
 * for the tests of checkpoints in trace files.
 */
#ifndef TRACE_STATES_H
#define TRACE_STATES_H

#include "trace_check.h"

#include <errno.h>

#include "trace/trace_chunk.h"

enum { SMALL = 100, LARGE = 460000 };      /* numbers; the large state has several parts */

/* Some numbers that depend on a seed. */
static inline void state_walk(struct archive *a, uint64_t seed, size_t numbers)
{
    struct make r = { .seed = seed * 2654435761u + 88172645463325252u };
    for (size_t i = 0; i < numbers; i++) {
        uint64_t made = make_random(&r) >> i % 3, v = made;
        archive_u64(a, &v);
        archive_need(a, v == made, "another number than was written");
    }
}

static inline struct archive state_make(uint64_t seed, size_t numbers)
{
    struct archive a;
    archive_write_begin(&a);
    state_walk(&a, seed, numbers);
    archive_write_end(&a);
    return a;
}

/* 0 when checkpoint `i` is the state of `seed`. */
static inline int state_read(struct trace *t, size_t i, uint64_t seed, size_t numbers)
{
    struct archive a;
    int error = trace_checkpoint_begin(t, i, &a);
    if (!error)
        state_walk(&a, seed, numbers);
    int ended = trace_checkpoint_end(t, &a);
    return error ? error : ended;
}

/* The chunks of a file in memory: where each begins; one more, where the last ends. */
static inline size_t chunks_of(const uint8_t *data, size_t bytes, size_t *at, size_t most)
{
    size_t n = 0, here = sizeof(struct trace_file_head);
    struct trace_frame frame;
    at[0] = here;
    while (bytes - here >= sizeof frame) {
        memcpy(&frame, data + here, sizeof frame);
        if (frame.magic != TRACE_FRAME_MAGIC)
            break;
        here += sizeof frame + frame.payload_bytes;
        ck_assert_uint_lt(++n, most);
        at[n] = here;
    }
    return n;
}

static inline unsigned chunk_type(const uint8_t *data, size_t at)
{
    return data[at + offsetof(struct trace_frame, type)];
}

#endif
