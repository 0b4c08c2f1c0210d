/*
 * collector/trace/trace_encode.c - one event into columns; millions a second,
 * on the ingest thread.
 *
 * Every column has room for TRACE_COUNT_MAX events, each at its longest,
 * so the path of an event has no check for room and no allocation. Pages that
 * no event needs are never touched.
 *
 * What only the encoder needs to find the models' answers (which gain or give
 * had this address, which number has this kind) is kept here and is not format.
 */
#include "trace/trace_encode.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_spot.h"

enum {
    KIND_CODES = 1 << 19,       /* of model_kind: 6 bits of type, 5 of fields, 8 of family */
    VARINT_MAX = 10
};

struct trace_encoder {
    struct trace_column columns[EVENTS_COLUMNS];
    uint32_t count;
    uint32_t run;               /* events since the thread last changed */
    uint64_t low_ns, high_ns;
    uint64_t bits;              /* of EVENTS_TIME_BITS, not in the column yet */
    uint64_t fine;              /* of EVENTS_TIME_FINE */
    unsigned bit_count, fine_count;
    bool fine_seen;             /* not all were 0 */
    unsigned kind_count;
    uint32_t kinds[TRACE_KINDS_MAX];
    uint32_t finder[1 << MODEL_FINDER_BITS];  /* address hash -> its last gain, or MODEL_FINDER_GIVE and give */
    struct summary summary;
    struct trace_model model;
    uint8_t kind_number[KIND_CODES];    /* 0: not in this chunk; else 1 + number */
};

/* Longest an event can be in each column. */
static const uint8_t event_bytes_max[EVENTS_COLUMNS] = {
    [EVENTS_STEP] = 1, [EVENTS_STACK] = 5, [EVENTS_RUN] = 3, [EVENTS_THREAD] = 5, [EVENTS_PROCESS] = 5,
    [EVENTS_PLACE] = 1, [EVENTS_GAIN] = VARINT_MAX, [EVENTS_GAIN_AGE] = 3, [EVENTS_AGE] = 1, [EVENTS_AGE_FAR] = 3,
    [EVENTS_GIVE] = VARINT_MAX, [EVENTS_ADDRESS] = VARINT_MAX, [EVENTS_SIZE] = VARINT_MAX,
    [EVENTS_EXTRA0] = VARINT_MAX, [EVENTS_EXTRA1] = VARINT_MAX, [EVENTS_TEXT_BYTES] = 3,
    [EVENTS_TIME_FINE] = 1, [EVENTS_TIME_BITS] = 4, [EVENTS_TIME_FAR] = VARINT_MAX,
    [EVENTS_TIME ... EVENTS_TIME_END - 1] = 1, [EVENTS_SPOT] = 1, [EVENTS_SPOT_SECOND] = 1,
    [EVENTS_SPOT_AGE] = 2 * 3, [EVENTS_SPOT_SLOT] = 2 * 2, [EVENTS_SPOT_FAR] = 2 * VARINT_MAX,
};

static void clear(struct trace_encoder *n)
{
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++) {
        size_t bytes = (size_t)event_bytes_max[i] * TRACE_COUNT_MAX + 16;
        if (i == EVENTS_KIND)
            bytes = 3 * TRACE_KINDS_MAX;
        if (i == EVENTS_TEXT)
            bytes = TRACE_TEXT_FLUSH_BYTES + UINT16_MAX;
        n->columns[i].bytes = 0;
        column_reserve(&n->columns[i], bytes);
    }
    for (unsigned i = 0; i < n->kind_count; i++)
        n->kind_number[n->kinds[i]] = 0;
    n->kind_count = n->count = n->run = n->bit_count = n->fine_count = 0;
    n->bits = n->fine = 0;
    n->fine_seen = false;
    n->low_ns = UINT64_MAX;
    n->high_ns = 0;
}

struct trace_encoder *trace_encode_new(void)
{
    struct trace_encoder *n = xcalloc(1, sizeof *n);
    summary_init(&n->summary);
    clear(n);
    return n;
}

void trace_encode_free(struct trace_encoder *n)
{
    if (!n)
        return;
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++)
        column_free(&n->columns[i]);
    summary_free(&n->summary);
    free(n);
}

void trace_encode_reset(struct trace_encoder *n)
{
    model_reset(&n->model);
    memset(n->finder, 0, sizeof n->finder);
    summary_reset(&n->summary);
}

struct summary *trace_encode_summary(struct trace_encoder *n) { return &n->summary; }

bool trace_encode_full(const struct trace_encoder *n)
{
    return n->count == TRACE_COUNT_MAX || n->kind_count == TRACE_KINDS_MAX ||
           n->columns[EVENTS_TEXT].bytes >= TRACE_TEXT_FLUSH_BYTES;
}

uint32_t trace_encode_count(const struct trace_encoder *n) { return n->count; }

void trace_encode_span(const struct trace_encoder *n, uint64_t *low_ns, uint64_t *high_ns)
{
    *low_ns = n->low_ns;
    *high_ns = n->high_ns;
}

static void close_run(struct trace_encoder *n)
{
    if (n->run)
        column_varint(&n->columns[EVENTS_RUN], n->run);
    n->run = 0;
}

/* The bytes of `bits` that hold `count` bits. */
static void close_bits(struct trace_column *c, uint64_t bits, unsigned count)
{
    column_bytes(c, &bits, (count + 7) / 8);
}

void trace_encode_hand_over(struct trace_encoder *n, struct trace_column *columns)
{
    close_run(n);
    close_bits(&n->columns[EVENTS_TIME_BITS], n->bits, n->bit_count);
    close_bits(&n->columns[EVENTS_TIME_FINE], n->fine, n->fine_count);
    if (!n->fine_seen && !n->fine)
        n->columns[EVENTS_TIME_FINE].bytes = 0;
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++) {
        struct trace_column full = n->columns[i];
        n->columns[i] = columns[i];
        columns[i] = full;
    }
    clear(n);
}

static inline void encode_thread(struct trace_encoder *n, const struct event *e)
{
    struct trace_model *m = &n->model;
    if (__builtin_expect(!n->run || e->thread != m->thread || e->process != m->process, 0)) {
        close_run(n);
        column_zigzag(&n->columns[EVENTS_THREAD], (uint64_t)e->thread - m->thread);
        column_zigzag(&n->columns[EVENTS_PROCESS], (uint64_t)e->process - m->process);
        m->thread = e->thread;
        m->process = e->process;
        summary_run(&n->summary, e);
    }
    n->run++;
}

static inline void encode_fine(struct trace_encoder *n, uint64_t ns)
{
    n->fine |= (ns & ((1 << TRACE_TICK_BITS) - 1)) << n->fine_count;
    n->fine_count += TRACE_TICK_BITS;
    if (n->fine_count == 64) {
        column_bytes(&n->columns[EVENTS_TIME_FINE], &n->fine, sizeof n->fine);
        n->fine_seen |= n->fine != 0;
        n->fine_count = 0;
        n->fine = 0;
    }
}

static inline void encode_bits(struct trace_encoder *n, uint64_t bits, unsigned count)
{
    n->bits |= bits << n->bit_count;
    n->bit_count += count;
    if (n->bit_count >= 32) {
        uint32_t word = (uint32_t)n->bits;
        column_bytes(&n->columns[EVENTS_TIME_BITS], &word, sizeof word);
        n->bits >>= 32;
        n->bit_count -= 32;
    }
}

static inline void encode_time(struct trace_encoder *n, uint64_t ns, uint64_t step)
{
    uint16_t *pace = model_pace(&n->model, step);
    uint64_t tick = ns >> TRACE_TICK_BITS, difference = tick - n->model.tick;
    unsigned token = (unsigned)difference;
    n->model.tick = tick;
    encode_fine(n, ns);
    if (difference >> (TRACE_TIME_EXPONENT_MAX + 1)) {
        token = TRACE_TIME_ESCAPE;
        column_zigzag(&n->columns[EVENTS_TIME_FAR], difference);
    } else if (difference >= 16) {
        unsigned exponent = 63 - (unsigned)__builtin_clzll(difference);
        unsigned rest = exponent - 3;
        token = 16 + (exponent - 4) * 8 + (difference >> rest & 7);
        encode_bits(n, difference & ((1ull << rest) - 1), rest);
    }
    column_byte(&n->columns[EVENTS_TIME + model_pace_class(*pace)], (uint8_t)token);
    model_pace_learn(pace, token);
    n->low_ns = ns < n->low_ns ? ns : n->low_ns;
    n->high_ns = ns > n->high_ns ? ns : n->high_ns;
}

static inline unsigned kind_number(struct trace_encoder *n, uint32_t kind)
{
    if (!n->kind_number[kind]) {
        struct trace_column *c = &n->columns[EVENTS_KIND];
        column_byte(c, (uint8_t)model_kind_type(kind));
        column_byte(c, (uint8_t)model_kind_family(kind));
        column_byte(c, (uint8_t)model_kind_fields(kind));
        n->kinds[n->kind_count++] = kind;
        n->kind_number[kind] = (uint8_t)n->kind_count;
    }
    return n->kind_number[kind] - 1u;
}

static inline uint64_t encode_step(struct trace_encoder *n, struct model_lane *lane, const struct event *e,
                                   uint32_t kind)
{
    uint64_t step = model_step(kind, e->stack);
    uint64_t *step1 = model_step1(&n->model, lane), *step2 = model_step2(&n->model, lane);
    if (*step2 == step) {
        column_byte(&n->columns[EVENTS_STEP], 0);
    } else if (*step1 == step) {
        column_byte(&n->columns[EVENTS_STEP], 1);
    } else {
        column_byte(&n->columns[EVENTS_STEP], (uint8_t)(2 + kind_number(n, kind)));
        column_varint(&n->columns[EVENTS_STACK], e->stack);
        summary_step(&n->summary, e);
    }
    model_step_learn(lane, step1, step2, step);
    return step;
}

static inline void encode_size(struct trace_encoder *n, const struct event *e)
{
    uint64_t *predicted = model_size(&n->model, e->stack);
    if (*predicted == e->size) {
        column_varint(&n->columns[EVENTS_SIZE], 0);
        return;
    }
    column_varint(&n->columns[EVENTS_SIZE], e->size);
    summary_size(&n->summary, e->size);
    *predicted = e->size;
}

/* The give that gave up this address last, 0 when it is not kept. */
static inline uint32_t find_give(const struct trace_encoder *n, uint32_t found, uint64_t address)
{
    uint32_t number = found & ~MODEL_FINDER_GIVE;
    if (!(found & MODEL_FINDER_GIVE) || !model_kept(number, n->model.gives) || model_given(&n->model, number) != address)
        return 0;
    return number;
}

static inline unsigned find_place(struct model_class *class, uint32_t give)
{
    for (unsigned i = 0; i < MODEL_FREED; i++)
        if (*model_freed(class, i) == give)
            return PLACE_FREED + i;
    return 0;
}

/* A give that no list of its class has. */
static unsigned encode_taken(struct trace_encoder *n, uint32_t give)
{
    uint32_t near = give - n->model.taken + PLACE_NEAR_ZERO;
    if (near >= PLACE_NEAR && near <= UINT8_MAX)
        return near;
    column_varint(&n->columns[EVENTS_GAIN_AGE], n->model.gives - give + 1);
    return PLACE_AGE;
}

static void encode_gain(struct trace_encoder *n, struct model_lane *lane, const struct event *e)
{
    struct trace_model *m = &n->model;
    struct model_class *class = &m->classes[model_class(e->thread, e->size)];
    uint32_t *found = &n->finder[model_hash(e->address, MODEL_FINDER_BITS)];
    uint32_t give = 0;
    unsigned place;
    if (e->type == EVENT_REALLOC_END && e->address == lane->begin) {
        place = PLACE_BEGIN;
    } else if ((give = find_give(n, *found, e->address))) {
        place = find_place(class, give);
        place = place ? place : encode_taken(n, give);
    } else if (e->address == class->next) {
        place = PLACE_NEXT;
    } else if (e->address == m->top) {
        place = PLACE_TOP;
    } else {
        place = PLACE_NOWHERE;
        column_varint(&n->columns[EVENTS_GAIN], turn(e->address - class->next));
    }
    column_byte(&n->columns[EVENTS_PLACE], (uint8_t)place);
    model_gain_learn(m, lane, class, place, give, e);
    *found = m->gains & ~MODEL_FINDER_GIVE;
}

/* The block given, NULL when its gain is not kept. */
static const struct model_block *encode_give(struct trace_encoder *n, struct model_lane *lane, const struct event *e)
{
    struct trace_model *m = &n->model;
    uint32_t *found = &n->finder[model_hash(e->address, MODEL_FINDER_BITS)], gain = *found;
    const struct model_block *block = &m->gained[gain % MODEL_KEPT];
    if (gain & MODEL_FINDER_GIVE || !model_kept(gain, m->gains) || block->address != e->address) {
        block = NULL;
        column_byte(&n->columns[EVENTS_AGE], AGE_NOWHERE);
        column_varint(&n->columns[EVENTS_GIVE], turn(e->address - m->give));
    } else {
        uint32_t age = m->gains - gain + 1, near = gain - m->dropped + AGE_NEAR_ZERO;
        if (near < AGE_NEAR || near >= AGE_FAR)
            near = AGE_FAR;
        column_byte(&n->columns[EVENTS_AGE], (uint8_t)(age < AGE_NEAR ? age : near));
        if (age >= AGE_NEAR && near == AGE_FAR)
            column_varint(&n->columns[EVENTS_AGE_FAR], age);
        m->dropped = gain;
    }
    model_give_learn(m, lane, e, block);
    *found = m->gives | MODEL_FINDER_GIVE;
    return block;
}

static void encode_text(struct trace_encoder *n, const struct event *e)
{
    column_varint(&n->columns[EVENTS_TEXT_BYTES], e->text_bytes);
    column_bytes(&n->columns[EVENTS_TEXT], e->text, e->text_bytes);
}

static inline unsigned fields_of(const struct event *e)
{
    return (e->address ? FIELD_ADDRESS : 0) | (e->size ? FIELD_SIZE : 0) | (e->extra[0] ? FIELD_EXTRA0 : 0) |
           (e->extra[1] ? FIELD_EXTRA1 : 0) | (e->text_bytes ? FIELD_TEXT : 0);
}

/* Address and extra numbers of a type that came before EVENT_WAIT. */
static inline void encode_numbers(struct trace_encoder *n, struct model_lane *lane, const struct event *e,
                                  unsigned fields)
{
    struct trace_model *m = &n->model;
    uint64_t extra0_predicted = e->type == EVENT_REALLOC_END ? lane->begin : 0;
    if (fields & FIELD_ADDRESS) {
        if (model_is_gain(e->type)) {
            encode_gain(n, lane, e);
            summary_block(&n->summary, e->address, e->size);
        } else if (model_is_give(e->type)) {
            const struct model_block *block = encode_give(n, lane, e);
            extra0_predicted = block ? block->size : 0;
            if (!block || e->extra[0] > block->size)
                summary_block(&n->summary, e->address, e->extra[0]);
        } else {
            column_zigzag(&n->columns[EVENTS_ADDRESS], e->address - m->address);
            m->address = e->address;
            summary_extents(&n->summary, e);
        }
    }
    if (fields & FIELD_EXTRA0) {
        column_varint(&n->columns[EVENTS_EXTRA0], e->extra[0] == extra0_predicted ? 0 : e->extra[0]);
        if (e->type == EVENT_REALLOC_END || !(fields & FIELD_ADDRESS))
            summary_extents(&n->summary, e);
    }
    if (fields & FIELD_EXTRA1)
        column_varint(&n->columns[EVENTS_EXTRA1], e->extra[1]);
}

/* A lock, a copy or another type from EVENT_WAIT on. */
static __attribute__((noinline)) void encode_spots(struct trace_encoder *n, const struct event *e)
{
    struct trace_model *m = &n->model;
    unsigned fields = fields_of(e);
    bool seen = true;
    encode_thread(n, e);
    uint64_t step = encode_step(n, model_lane(m, e->thread), e, model_kind(e->type, fields, e->family));
    encode_time(n, e->ns, step);
    if (fields & FIELD_SIZE)
        encode_size(n, e);
    if (fields & FIELD_ADDRESS)
        seen = spot_encode(m, n->columns, n->finder, e, step, false);
    if (fields & FIELD_EXTRA0)
        seen &= spot_encode(m, n->columns, n->finder, e, step, true);
    if (fields & FIELD_EXTRA1) {
        uint64_t *predicted = spot_extra1(m, e, step);
        column_varint(&n->columns[EVENTS_EXTRA1], e->extra[1] == *predicted ? 0 : e->extra[1]);
        *predicted = e->extra[1];
    }
    spot_learn(m, e);
    summary_spots(&n->summary, e, seen);
    if (fields & FIELD_TEXT)
        encode_text(n, e);
    summary_count(&n->summary, e);
    n->count++;
}

/* The others: their numbers are below 32, so their kind is plain. */
static inline void encode_event(struct trace_encoder *n, const struct event *e)
{
    struct model_lane *lane = model_lane(&n->model, e->thread);
    unsigned fields = fields_of(e);
    encode_thread(n, e);
    uint64_t step = encode_step(n, lane, e, e->type | fields << 5 | (uint32_t)e->family << 10);
    encode_time(n, e->ns, step);
    if (fields & FIELD_SIZE)
        encode_size(n, e);
    encode_numbers(n, lane, e, fields);
    if (fields & FIELD_TEXT)
        encode_text(n, e);
    summary_count(&n->summary, e);
    n->count++;
}

/* An event will come, so its memory is asked for: the finder's entry first,
 * then what that names. */
static inline void expect_finder(const struct trace_encoder *n, const struct event *e)
{
    __builtin_prefetch(&n->finder[model_hash(e->address, MODEL_FINDER_BITS)], 1);
}

static inline void expect_block(const struct trace_encoder *n, const struct event *e)
{
    const struct trace_model *m = &n->model;
    uint32_t number = n->finder[model_hash(e->address, MODEL_FINDER_BITS)];
    if (number & MODEL_FINDER_GIVE) {
        __builtin_prefetch(&m->given[number % MODEL_KEPT]);
        __builtin_prefetch(&m->classes[model_class(e->thread, e->size)], 1);
    } else {
        __builtin_prefetch(&m->gained[number % MODEL_KEPT]);
    }
}

size_t trace_encode_events(struct trace_encoder *n, const struct event *events, size_t count)
{
    enum { FAR = 12, NEAR = 6 };
    size_t done = 0;
    for (size_t i = 0; i < FAR && i < count; i++)
        expect_finder(n, &events[i]);
    while (done < count && !trace_encode_full(n)) {
        if (done + FAR < count)
            expect_finder(n, &events[done + FAR]);
        if (done + NEAR < count)
            expect_block(n, &events[done + NEAR]);
        if (__builtin_expect(model_has_spots(events[done].type), 0))
            encode_spots(n, &events[done++]);
        else
            encode_event(n, &events[done++]);
    }
    return done;
}
