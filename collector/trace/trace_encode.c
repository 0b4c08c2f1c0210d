/*
 * collector/trace/trace_encode.c - one event into columns; millions a second,
 * on the ingest thread.
 *
 * Every column is sized once for TRACE_COUNT_MAX events, each at its longest,
 * so the path of an event has no check for room and no allocation. Pages that
 * no event needs are never touched.
 *
 * What only the encoder needs to find the models' answers (which gain had this
 * address, which number has this kind) is kept here and is not format.
 */
#include "trace/trace_encode.h"

#include <stdlib.h>

#include "event/xalloc.h"

enum {
    KIND_CODES = 1 << 18,       /* type 5 bits, fields 5, family 8 */
    FINDER_BITS = 17,
    VARINT_MAX = 10
};

struct trace_encoder {
    struct trace_column columns[EVENTS_COLUMNS];
    uint32_t count;
    uint32_t run;               /* events since the thread last changed */
    uint64_t low_ns, high_ns;
    uint64_t bits;              /* of EVENTS_TIME_BITS, not in the column yet */
    unsigned bit_count;
    unsigned kind_count;
    uint32_t kinds[TRACE_KINDS_MAX];
    uint32_t finder[1 << FINDER_BITS];  /* address hash -> 1 + gain */
    struct trace_model model;
    uint8_t kind_number[KIND_CODES];    /* 0: not in this chunk; else 1 + number */
};

/* Longest an event can be in each column. */
static const uint8_t event_bytes_max[EVENTS_COLUMNS] = {
    [EVENTS_STEP] = 1, [EVENTS_STACK] = 5, [EVENTS_RUN] = 3, [EVENTS_THREAD] = 5, [EVENTS_PROCESS] = 5,
    [EVENTS_TIME] = 1, [EVENTS_TIME_BITS] = 4, [EVENTS_TIME_FAR] = VARINT_MAX, [EVENTS_PLACE] = 1,
    [EVENTS_GAIN] = VARINT_MAX, [EVENTS_AGE] = 3, [EVENTS_GIVE] = VARINT_MAX, [EVENTS_ADDRESS] = VARINT_MAX,
    [EVENTS_SIZE] = VARINT_MAX, [EVENTS_EXTRA0] = VARINT_MAX, [EVENTS_EXTRA1] = VARINT_MAX,
    [EVENTS_TEXT_BYTES] = 3,
};

struct trace_encoder *trace_encode_new(void)
{
    struct trace_encoder *n = xcalloc(1, sizeof *n);
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++) {
        size_t bytes = (size_t)event_bytes_max[i] * TRACE_COUNT_MAX + 16;
        if (i == EVENTS_KIND)
            bytes = 3 * TRACE_KINDS_MAX;
        if (i == EVENTS_TEXT)
            bytes = TRACE_TEXT_FLUSH_BYTES + UINT16_MAX;
        column_reserve(&n->columns[i], bytes);
    }
    return n;
}

void trace_encode_free(struct trace_encoder *n)
{
    if (!n)
        return;
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++)
        column_free(&n->columns[i]);
    free(n);
}

void trace_encode_reset(struct trace_encoder *n)
{
    model_reset(&n->model);
    memset(n->finder, 0, sizeof n->finder);
}

void trace_encode_clear(struct trace_encoder *n)
{
    for (unsigned i = 1; i < EVENTS_COLUMNS; i++)
        n->columns[i].bytes = 0;
    for (unsigned i = 0; i < n->kind_count; i++)
        n->kind_number[n->kinds[i]] = 0;
    n->kind_count = n->count = n->run = n->bit_count = 0;
    n->bits = 0;
}

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

const struct trace_column *trace_encode_columns(struct trace_encoder *n)
{
    close_run(n);
    for (; n->bit_count > 0; n->bit_count = n->bit_count > 8 ? n->bit_count - 8 : 0) {
        column_byte(&n->columns[EVENTS_TIME_BITS], (uint8_t)n->bits);
        n->bits >>= 8;
    }
    return n->columns;
}

static inline void encode_thread(struct trace_encoder *n, const struct event *e)
{
    struct trace_model *m = &n->model;
    if (!n->run || e->thread != m->thread || e->process != m->process) {
        close_run(n);
        column_zigzag(&n->columns[EVENTS_THREAD], (uint64_t)e->thread - m->thread);
        column_zigzag(&n->columns[EVENTS_PROCESS], (uint64_t)e->process - m->process);
        m->thread = e->thread;
        m->process = e->process;
    }
    n->run++;
}

static inline void encode_time(struct trace_encoder *n, uint64_t ns)
{
    uint64_t difference = ns - n->model.ns;
    n->model.ns = ns;
    if (difference < 16) {
        column_byte(&n->columns[EVENTS_TIME], (uint8_t)difference);
    } else if (difference >> (TRACE_TIME_EXPONENT_MAX + 1)) {
        column_byte(&n->columns[EVENTS_TIME], TRACE_TIME_ESCAPE);
        column_zigzag(&n->columns[EVENTS_TIME_FAR], difference);
    } else {
        unsigned exponent = 63 - (unsigned)__builtin_clzll(difference);
        unsigned rest = exponent - 3;
        column_byte(&n->columns[EVENTS_TIME], (uint8_t)(16 + (exponent - 4) * 8 + (difference >> rest & 7)));
        n->bits |= (difference & ((1ull << rest) - 1)) << n->bit_count;
        n->bit_count += rest;
        if (n->bit_count >= 32) {
            uint32_t word = (uint32_t)n->bits;
            column_bytes(&n->columns[EVENTS_TIME_BITS], &word, sizeof word);
            n->bits >>= 32;
            n->bit_count -= 32;
        }
    }
    if (!n->count || ns < n->low_ns)
        n->low_ns = ns;
    if (!n->count || ns > n->high_ns)
        n->high_ns = ns;
}

static inline unsigned kind_number(struct trace_encoder *n, uint32_t kind)
{
    if (!n->kind_number[kind]) {
        struct trace_column *c = &n->columns[EVENTS_KIND];
        column_byte(c, kind & 31);
        column_byte(c, (uint8_t)(kind >> 10));
        column_byte(c, kind >> 5 & FIELD_ALL);
        n->kinds[n->kind_count++] = kind;
        n->kind_number[kind] = (uint8_t)n->kind_count;
    }
    return n->kind_number[kind] - 1u;
}

static inline void encode_step(struct trace_encoder *n, struct model_lane *lane, const struct event *e,
                               unsigned fields)
{
    uint32_t kind = e->type | fields << 5 | (uint32_t)e->family << 10;
    uint64_t step = model_step(kind, e->stack);
    uint64_t *step1 = model_step1(&n->model, lane), *step2 = model_step2(&n->model, lane);
    if (*step2 == step) {
        column_byte(&n->columns[EVENTS_STEP], 0);
    } else if (*step1 == step) {
        column_byte(&n->columns[EVENTS_STEP], 1);
    } else {
        column_byte(&n->columns[EVENTS_STEP], (uint8_t)(2 + kind_number(n, kind)));
        column_varint(&n->columns[EVENTS_STACK], e->stack);
    }
    model_step_learn(lane, step1, step2, step);
}

static inline void encode_size(struct trace_encoder *n, const struct event *e)
{
    uint64_t *predicted = model_size(&n->model, e->stack);
    column_varint(&n->columns[EVENTS_SIZE], *predicted == e->size ? 0 : e->size);
    *predicted = e->size;
}

static void encode_gain(struct trace_encoder *n, struct model_lane *lane, const struct event *e)
{
    struct trace_model *m = &n->model;
    uint32_t class = model_class(e->thread, e->size);
    unsigned place = 0;
    if (e->type == EVENT_REALLOC_END && e->address == lane->begin) {
        place = MODEL_PLACE_BEGIN;
    } else {
        const uint64_t *freed = m->freed[class];
        while (place < MODEL_FREED_DEPTH && freed[place] != e->address)
            place++;
        place = place == MODEL_FREED_DEPTH ? 0 : place + 1;
    }
    column_byte(&n->columns[EVENTS_PLACE], (uint8_t)place);
    if (!place)
        column_varint(&n->columns[EVENTS_GAIN], turn(e->address - m->gain));
    model_gain_learn(m, lane, class, place, e->address, e->size);
    n->finder[model_hash(e->address, FINDER_BITS)] = (uint32_t)m->gains;
}

/* The block given, NULL when it is not among the last gains. */
static const struct model_block *encode_give(struct trace_encoder *n, struct model_lane *lane, const struct event *e)
{
    struct trace_model *m = &n->model;
    uint32_t found = n->finder[model_hash(e->address, FINDER_BITS)];
    const struct model_block *block = NULL;
    if (found && m->gains - found < MODEL_GAINS) {
        block = &m->blocks[(found - 1) % MODEL_GAINS];
        if (block->address != e->address)
            block = NULL;
    }
    column_varint(&n->columns[EVENTS_AGE], block ? m->gains - found + 1 : 0);
    if (!block)
        column_varint(&n->columns[EVENTS_GIVE], turn(e->address - m->give));
    model_give_learn(m, lane, e, block);
    return block;
}

static void encode_text(struct trace_encoder *n, const struct event *e)
{
    column_varint(&n->columns[EVENTS_TEXT_BYTES], e->text_bytes);
    column_bytes(&n->columns[EVENTS_TEXT], e->text, e->text_bytes);
}

void trace_encode_expect(const struct trace_encoder *n, const struct event *e)
{
    if (e->type <= EVENT_REALLOC_END)
        __builtin_prefetch(&n->finder[model_hash(e->address, FINDER_BITS)], 1);
}

void trace_encode_expect_block(const struct trace_encoder *n, const struct event *e)
{
    if (model_is_give(e->type))
        __builtin_prefetch(&n->model.blocks[(n->finder[model_hash(e->address, FINDER_BITS)] - 1) % MODEL_GAINS]);
    else if (model_is_gain(e->type))
        __builtin_prefetch(&n->model.freed[model_class(e->thread, e->size)], 1);
}

void trace_encode_event(struct trace_encoder *n, const struct event *e)
{
    struct trace_model *m = &n->model;
    struct model_lane *lane = model_lane(m, e->thread);
    unsigned fields = (e->address ? FIELD_ADDRESS : 0) | (e->size ? FIELD_SIZE : 0) |
                      (e->extra[0] ? FIELD_EXTRA0 : 0) | (e->extra[1] ? FIELD_EXTRA1 : 0) |
                      (e->text_bytes ? FIELD_TEXT : 0);
    uint64_t extra0_predicted = 0;
    encode_thread(n, e);
    encode_time(n, e->ns);
    encode_step(n, lane, e, fields);
    if (fields & FIELD_SIZE)
        encode_size(n, e);
    if (e->type == EVENT_REALLOC_END)
        extra0_predicted = lane->begin;
    if (fields & FIELD_ADDRESS) {
        if (model_is_gain(e->type)) {
            encode_gain(n, lane, e);
        } else if (model_is_give(e->type)) {
            const struct model_block *block = encode_give(n, lane, e);
            extra0_predicted = block ? block->size : 0;
        } else {
            column_zigzag(&n->columns[EVENTS_ADDRESS], e->address - m->address);
            m->address = e->address;
        }
    }
    if (fields & FIELD_EXTRA0)
        column_varint(&n->columns[EVENTS_EXTRA0], e->extra[0] == extra0_predicted ? 0 : e->extra[0]);
    if (fields & FIELD_EXTRA1)
        column_varint(&n->columns[EVENTS_EXTRA1], e->extra[1]);
    if (fields & FIELD_TEXT)
        encode_text(n, e);
    n->count++;
}
