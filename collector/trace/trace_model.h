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
 * not zero. Time: a step takes about as long as it lately took, so each class
 * of durations has a column of its own. A size is predicted from its stack.
 *
 * Memory: gains and gives are numbered, and the last 32,768 of each are kept.
 * A gain is looked for behind the last one of its class (thread and size),
 * among what the thread lately gave up of that class (allocators hand out the
 * last freed first), and next to the give whose place was gained last (they
 * also hand out in the order of freeing). A give is looked for among the
 * youngest gains, and next to the gain that was given up last (who frees many,
 * frees them in the order of making).
 *
 * A gain: NEW, REALLOC_END. A give: DROP, REALLOC_BEGIN. What locks and copies
 * are near is told in trace_spot.h.
 */
#ifndef OWNSCOPE_TRACE_MODEL_H
#define OWNSCOPE_TRACE_MODEL_H

#include <stdint.h>
#include <string.h>

#include "event/event.h"
#include "trace/trace_format.h"

enum {
    MODEL_LANES = 256,
    MODEL_STEP1_BITS = 13,
    MODEL_STEP2_BITS = 15,
    MODEL_SIZE_BITS = 12,
    MODEL_PACE_BITS = 12,
    MODEL_CLASS_BITS = 11,
    MODEL_FREED = 13,
    MODEL_SPOT_BITS = 12,
    MODEL_SLOT_BITS = 12,
    MODEL_HELD = 6,
    MODEL_FINDER_BITS = 17,     /* the encoder's own */
    MODEL_KEPT = 32768      /* gains, and gives */
};

#define MODEL_FINDER_GIVE 0x80000000u

/* Where a gain's address comes from. */
enum {
    PLACE_NOWHERE,          /* a difference to its class's next */
    PLACE_FREED,            /* and the 12 behind it: entry of its class's list */
    PLACE_NEXT = PLACE_FREED + MODEL_FREED, /* its class's next */
    PLACE_TOP,              /* behind the last gain of any class */
    PLACE_BEGIN,            /* the thread's last REALLOC_BEGIN */
    PLACE_AGE,              /* a give, by its age */
    PLACE_NEAR,             /* and up to 255: near the give taken last */
    PLACE_NEAR_ZERO = (PLACE_NEAR + 256) / 2
};

/* Which gain a give ends; 1 to 127 is its age. */
enum { AGE_NOWHERE, AGE_NEAR = 128, AGE_NEAR_ZERO = 191, AGE_FAR = 255 };

/* One thread (threads 256 serials apart share one). */
struct model_lane {
    uint64_t last, before;  /* steps */
    uint64_t begin;         /* address of the last REALLOC_BEGIN */
    uint32_t begin_class;   /* its class at that time */
    uint32_t begin_give;    /* its number */
    uint64_t copy, copy_end;    /* destination of the last copy, and what is behind it */
    uint64_t waiting;       /* the last address from EVENT_WAIT on, of another type than ACQUIRE, RELEASE and COPY */
    uint64_t line;          /* 0: to a cache line */
};

struct model_block {
    uint64_t address, size;
};

/* A thread's blocks of one size: a cache line. */
struct model_class {
    uint64_t next;          /* where the block after the last gained one would begin */
    uint32_t first;         /* of the list, in freed */
    uint32_t freed[MODEL_FREED];    /* a ring: numbers of gives, the last first; 0: none */
};

/* An address of one step in one thread: trace_spot.h. */
struct model_spot {
    uint64_t at, stride;    /* the last one, and its distance from the one before */
    uint64_t behind;        /* the byte behind it */
    uint64_t from_gain;     /* its distance from the last gain at that time */
    uint64_t from_copy;     /* from the thread's last copy's destination */
    uint64_t inside;        /* its place in a block, when it last lay in the last gain */
    uint64_t extra1;        /* the event's */
    uint64_t how;           /* the way that told it */
};

struct trace_model {
    uint64_t tick;          /* of the event before */
    uint64_t top;           /* next of the last gain */
    uint64_t give;          /* last address given */
    uint64_t address;       /* last other address */
    uint32_t thread, process;
    uint32_t gains, gives;  /* numbers of the last ones */
    uint32_t dropped;       /* the gain that was given last */
    uint32_t taken;         /* the give that was gained last */
    struct model_lane lanes[MODEL_LANES];
    uint64_t held[MODEL_LANES][MODEL_HELD]; /* locks a lane acquired and did not release, the last first */
    uint64_t step1[1 << MODEL_STEP1_BITS];
    uint64_t step2[1 << MODEL_STEP2_BITS];
    uint64_t sizes[1 << MODEL_SIZE_BITS];
    uint16_t paces[1 << MODEL_PACE_BITS];
    struct model_class classes[1 << MODEL_CLASS_BITS];
    struct model_block gained[MODEL_KEPT];  /* gain n at n % MODEL_KEPT */
    uint64_t given[MODEL_KEPT];             /* address of give n likewise */
    struct model_spot spots[1 << MODEL_SPOT_BITS];
    uint64_t slots[1 << MODEL_SLOT_BITS];   /* addresses by their hash */
};

_Static_assert(sizeof(struct model_lane) == 64 && sizeof(struct model_class) == 64 && sizeof(struct model_spot) == 64, "cache lines");
_Static_assert(EVENT_TYPES <= 64, "a type has six bits in a kind");
_Static_assert(1 << TRACE_TICK_BITS == EVENT_TICK_NS, "what the collector leaves away costs nothing");

static inline void model_reset(struct trace_model *m) { memset(m, 0, sizeof *m); }

static inline uint32_t model_hash(uint64_t v, unsigned bits)
{
    return (uint32_t)(v * 0x9e3779b97f4a7c15u >> (64 - bits));
}

static inline bool model_is_gain(unsigned type) { return type == EVENT_NEW || type == EVENT_REALLOC_END; }
/* Locks and copies, and all types that came with them: their addresses are trace_spot.h's. */
static inline bool model_has_spots(unsigned type) { return type >= EVENT_WAIT; }
static inline bool model_is_give(unsigned type) { return type == EVENT_DROP || type == EVENT_REALLOC_BEGIN; }

static inline struct model_lane *model_lane(struct trace_model *m, uint32_t thread)
{
    return &m->lanes[thread % MODEL_LANES];
}

/* Type, fields and family as one number; the type's sixth bit came last, so that
 * the steps of types below 32 are those of version 2. */
static inline uint32_t model_kind(unsigned type, unsigned fields, unsigned family)
{
    return (type & 31) | fields << 5 | family << 10 | type >> 5 << 18;
}

static inline unsigned model_kind_type(uint32_t kind) { return (kind & 31) | kind >> 18 << 5; }
static inline unsigned model_kind_fields(uint32_t kind) { return kind >> 5 & FIELD_ALL; }
static inline unsigned model_kind_family(uint32_t kind) { return kind >> 10 & 255; }

static inline uint64_t model_step(uint32_t kind, uint32_t stack) { return (uint64_t)kind << 32 | stack; }

static inline uint64_t *model_step1(struct trace_model *m, const struct model_lane *lane)
{
    return &m->step1[model_hash(lane->last, MODEL_STEP1_BITS)];
}

static inline uint64_t *model_step2(struct trace_model *m, const struct model_lane *lane)
{
    /* model_hash of last * 0xd6e8feb86659fd93 + before, with one product in the way of the next event instead of two. */
    const uint64_t hash = 0x9e3779b97f4a7c15u;
    return &m->step2[(lane->last * (0xd6e8feb86659fd93u * hash) + lane->before * hash) >> (64 - MODEL_STEP2_BITS)];
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

/* How long the step lately took: an average of its tokens, in sixteenths. */
static inline uint16_t *model_pace(struct trace_model *m, uint64_t step)
{
    return &m->paces[model_hash(step, MODEL_PACE_BITS)];
}

static inline unsigned model_pace_class(uint16_t pace)
{
    unsigned octave = pace >> 7;
    return octave < TRACE_TIME_CLASSES ? octave : TRACE_TIME_CLASSES - 1;
}

static inline void model_pace_learn(uint16_t *pace, unsigned token)
{
    *pace = (uint16_t)(*pace - (*pace >> 3) + 2 * token);
}

/* Bytes that an allocator takes for a block of `size`: glibc's rule. */
static inline uint64_t model_span(uint64_t size) { return (size + 23) & ~15ull; }

static inline uint32_t model_class(uint32_t thread, uint64_t size)
{
    return model_hash(model_span(size) << 16 ^ thread, MODEL_CLASS_BITS);
}

/* True when the give (or gain) `number` of `last` is still kept. */
static inline bool model_kept(uint32_t number, uint32_t last)
{
    return number && last - number < MODEL_KEPT;
}

static inline uint64_t model_given(const struct trace_model *m, uint32_t number)
{
    return m->given[number % MODEL_KEPT];
}

/* The entry `at` of a class's list. */
static inline uint32_t *model_freed(struct model_class *class, unsigned at)
{
    unsigned i = class->first + at;
    return &class->freed[i < MODEL_FREED ? i : i - MODEL_FREED];
}

/* Takes an entry out; what is before it moves up, which is mostly nothing. */
static inline void model_freed_take(struct model_class *class, unsigned at)
{
    for (; at; at--)
        *model_freed(class, at) = *model_freed(class, at - 1);
    *model_freed(class, 0) = 0;
    class->first = class->first == MODEL_FREED - 1 ? 0 : class->first + 1;
}

/* Puts a give in front; the last entry falls out. */
static inline void model_freed_push(struct model_class *class, uint32_t number)
{
    class->first = class->first ? class->first - 1 : MODEL_FREED - 1;
    class->freed[class->first] = number;
}

/* After a gain's address is known, from `place`; `taken`: the give that named it, or 0. */
static inline void model_gain_learn(struct trace_model *m, const struct model_lane *lane, struct model_class *class,
                                    unsigned place, uint32_t taken, const struct event *e)
{
    if (place == PLACE_BEGIN) {
        if (*model_freed(&m->classes[lane->begin_class], 0) == lane->begin_give)
            model_freed_take(&m->classes[lane->begin_class], 0);
    } else if (place >= PLACE_FREED && place < PLACE_FREED + MODEL_FREED) {
        model_freed_take(class, place - PLACE_FREED);
    }
    if (taken)
        m->taken = taken;
    m->gains++;
    m->gained[m->gains % MODEL_KEPT] = (struct model_block){ e->address, e->size };
    class->next = m->top = e->address + model_span(e->size);
}

/* After a give's address is known; `block`: NULL unless its gain was. */
static inline void model_give_learn(struct trace_model *m, struct model_lane *lane, const struct event *e,
                                    const struct model_block *block)
{
    uint32_t class = model_class(e->thread, block ? block->size : 0);
    m->gives++;
    m->given[m->gives % MODEL_KEPT] = e->address;
    if (block)
        model_freed_push(&m->classes[class], m->gives);
    if (e->type == EVENT_REALLOC_BEGIN) {
        lane->begin = e->address;
        lane->begin_class = class;
        lane->begin_give = m->gives;
    }
    m->give = e->address;
}

#endif
