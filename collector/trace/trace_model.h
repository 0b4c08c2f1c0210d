/*
 * collector/trace/trace_model.h - what the next event is likely to be.
 *
 * Encoder and decoder keep one of these each and pass it through the same
 * steps, so what it predicts right costs next to nothing in the file. Part of
 * the format: every constant and every order of steps here is told in
 * ownscope-trace(5), and a change is a new version.
 *
 * Steps: the pair (kind, stack) is predicted from the thread's last two such
 * pairs, then from its last one. A kind is type, family and which fields are
 * not zero. Memory: an address gained is looked for among those that the
 * thread lately gave up with the same size class (allocators hand out the
 * last freed first), or is a realloc's old place; one given is named by its
 * age among the last 65,536 gains. A size is predicted from its stack.
 *
 * A gain: NEW, REALLOC_END. A give: DROP, REALLOC_BEGIN.
 */
#ifndef OWNSCOPE_TRACE_MODEL_H
#define OWNSCOPE_TRACE_MODEL_H

#include <stdint.h>
#include <string.h>

#include "event/event.h"

enum {
    MODEL_LANES = 256,
    MODEL_STEP1_BITS = 13,
    MODEL_STEP2_BITS = 15,
    MODEL_SIZE_BITS = 12,
    MODEL_FREED_BITS = 11,
    MODEL_FREED_DEPTH = 8,
    MODEL_GAINS = 65536,
    MODEL_PLACE_BEGIN = MODEL_FREED_DEPTH + 1   /* the thread's last REALLOC_BEGIN */
};

/* One thread (threads 256 serials apart share one). */
struct model_lane {
    uint64_t last, before;  /* steps */
    uint64_t begin;         /* address of the last REALLOC_BEGIN */
    uint32_t begin_class;   /* index into freed at that time */
    uint32_t pad;
};

struct model_block {
    uint64_t address, size;
};

struct trace_model {
    uint64_t ns;            /* of the event before */
    uint64_t gain;          /* where the block after the last gained one would begin */
    uint64_t give;          /* last address given */
    uint64_t address;       /* last other address */
    uint32_t thread, process;
    uint64_t gains;
    struct model_lane lanes[MODEL_LANES];
    uint64_t step1[1 << MODEL_STEP1_BITS];
    uint64_t step2[1 << MODEL_STEP2_BITS];
    uint64_t sizes[1 << MODEL_SIZE_BITS];
    uint64_t freed[1 << MODEL_FREED_BITS][MODEL_FREED_DEPTH]; /* last given first, 0: none */
    struct model_block blocks[MODEL_GAINS];                   /* gain n at n % MODEL_GAINS */
};

static inline void model_reset(struct trace_model *m) { memset(m, 0, sizeof *m); }

static inline uint32_t model_hash(uint64_t v, unsigned bits)
{
    return (uint32_t)(v * 0x9e3779b97f4a7c15u >> (64 - bits));
}

static inline bool model_is_gain(unsigned type) { return type == EVENT_NEW || type == EVENT_REALLOC_END; }
static inline bool model_is_give(unsigned type) { return type == EVENT_DROP || type == EVENT_REALLOC_BEGIN; }

static inline struct model_lane *model_lane(struct trace_model *m, uint32_t thread)
{
    return &m->lanes[thread % MODEL_LANES];
}

static inline uint64_t model_step(uint32_t kind, uint32_t stack) { return (uint64_t)kind << 32 | stack; }

static inline uint64_t *model_step1(struct trace_model *m, const struct model_lane *lane)
{
    return &m->step1[model_hash(lane->last, MODEL_STEP1_BITS)];
}

static inline uint64_t *model_step2(struct trace_model *m, const struct model_lane *lane)
{
    return &m->step2[model_hash(lane->last * 0xd6e8feb86659fd93u + lane->before, MODEL_STEP2_BITS)];
}

static inline void model_step_learn(struct model_lane *lane, uint64_t *step1, uint64_t *step2, uint64_t step)
{
    *step1 = *step2 = step;
    lane->before = lane->last;
    lane->last = step;
}

static inline uint64_t *model_size(struct trace_model *m, uint32_t stack)
{
    return &m->sizes[model_hash(stack, MODEL_SIZE_BITS)];
}

/* Bytes that an allocator takes for a block of `size`: glibc's rule. */
static inline uint64_t model_span(uint64_t size) { return (size + 23) & ~15ull; }

static inline uint32_t model_class(uint32_t thread, uint64_t size)
{
    return model_hash(model_span(size) << 16 ^ thread, MODEL_FREED_BITS);
}

/* Takes the entry `at` out of a list of freed addresses. */
static inline void model_freed_take(uint64_t *freed, unsigned at)
{
    for (; at + 1 < MODEL_FREED_DEPTH; at++)
        freed[at] = freed[at + 1];
    freed[at] = 0;
}

static inline void model_freed_push(uint64_t *freed, uint64_t address)
{
    for (unsigned i = MODEL_FREED_DEPTH - 1; i; i--)
        freed[i] = freed[i - 1];
    freed[0] = address;
}

/* After a gain's address is known, from `place`. */
static inline void model_gain_learn(struct trace_model *m, const struct model_lane *lane, uint32_t class,
                                    unsigned place, uint64_t address, uint64_t size)
{
    if (place == MODEL_PLACE_BEGIN) {
        if (m->freed[lane->begin_class][0] == address)
            model_freed_take(m->freed[lane->begin_class], 0);
    } else if (place) {
        model_freed_take(m->freed[class], place - 1);
    }
    m->blocks[m->gains++ % MODEL_GAINS] = (struct model_block){ address, size };
    m->gain = address + model_span(size);
}

/* After a give's address is known; `block`: NULL unless its age was. */
static inline void model_give_learn(struct trace_model *m, struct model_lane *lane, const struct event *e,
                                    const struct model_block *block)
{
    uint32_t class = model_class(e->thread, block ? block->size : 0);
    if (block)
        model_freed_push(m->freed[class], e->address);
    if (e->type == EVENT_REALLOC_BEGIN) {
        lane->begin = e->address;
        lane->begin_class = class;
    }
    m->give = e->address;
}

#endif
