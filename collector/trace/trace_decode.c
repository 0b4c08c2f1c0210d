/*
 * collector/trace/trace_decode.c - one event out of columns; the mirror of
 * trace_encode.c, step by step in the same order.
 *
 * A column that runs out gives zeros and marks the set bad; that is looked at
 * once, at the end of the event, so nothing before may depend on a value being
 * in range without checking it.
 */
#include "trace/trace_decode.h"

#include <errno.h>

void trace_decode_reset(struct trace_decoder *d)
{
    if (d->used)
        model_reset(&d->model);
    d->used = false;
    d->left = 0;
}

int trace_decode_begin(struct trace_decoder *d, uint32_t count, bool reset)
{
    struct trace_columns *s = &d->columns;
    if (reset)
        trace_decode_reset(d);
    d->used = true;
    d->left = count;
    d->run = 0;
    d->bits = 0;
    size_t bytes = cursor_left(s, EVENTS_KIND);
    if (bytes % 3 || bytes / 3 > TRACE_KINDS_MAX)
        return -EBADMSG;
    d->kind_count = (unsigned)(bytes / 3);
    for (unsigned i = 0; i < d->kind_count; i++) {
        unsigned type = cursor_byte(s, EVENTS_KIND), family = cursor_byte(s, EVENTS_KIND);
        unsigned fields = cursor_byte(s, EVENTS_KIND);
        if (!type || type >= EVENT_TYPES || fields > FIELD_ALL)
            return -EBADMSG;
        d->kinds[i] = type | fields << 5 | family << 10;
    }
    return 0;
}

static inline void decode_thread(struct trace_decoder *d, struct event *e)
{
    struct trace_columns *s = &d->columns;
    struct trace_model *m = &d->model;
    if (!d->run) {
        uint64_t run = cursor_varint(s, EVENTS_RUN);
        uint64_t thread = m->thread + cursor_zigzag(s, EVENTS_THREAD);
        uint64_t process = m->process + cursor_zigzag(s, EVENTS_PROCESS);
        if (!run || run > d->left || thread > UINT32_MAX || process > UINT32_MAX) {
            s->bad = true;
            run = 1;
        }
        d->run = (uint32_t)run;
        m->thread = (uint32_t)thread;
        m->process = (uint32_t)process;
    }
    d->run--;
    e->thread = m->thread;
    e->process = m->process;
}

/* `count` <= 29 bits of EVENTS_TIME_BITS. */
static inline uint64_t decode_bits(struct trace_decoder *d, unsigned count)
{
    const struct trace_cursor *c = &d->columns.of[EVENTS_TIME_BITS];
    size_t left = (size_t)(c->end - c->at), byte = (size_t)(d->bits / 8);
    uint64_t word = 0;
    if (d->bits + count > (uint64_t)left * 8) {
        d->columns.bad = true;
        return 0;
    }
    if (left - byte >= sizeof word)
        memcpy(&word, c->at + byte, sizeof word);
    else
        memcpy(&word, c->at + byte, left - byte);
    word >>= d->bits % 8;
    d->bits += count;
    return word & ((1ull << count) - 1);
}

static inline void decode_time(struct trace_decoder *d, struct event *e)
{
    unsigned token = cursor_byte(&d->columns, EVENTS_TIME);
    uint64_t difference = token;
    if (token >= 16) {
        unsigned exponent = (token - 16) / 8 + 4;
        if (exponent <= TRACE_TIME_EXPONENT_MAX)
            difference = (uint64_t)(8 + (token & 7)) << (exponent - 3) | decode_bits(d, exponent - 3);
        else if (token == TRACE_TIME_ESCAPE)
            difference = cursor_zigzag(&d->columns, EVENTS_TIME_FAR);
        else
            d->columns.bad = true;
    }
    d->model.ns += difference;
    e->ns = d->model.ns;
}

/* Type, family, stack; returns which fields are not zero. */
static inline unsigned decode_step(struct trace_decoder *d, struct model_lane *lane, struct event *e)
{
    struct trace_columns *s = &d->columns;
    uint64_t *step1 = model_step1(&d->model, lane), *step2 = model_step2(&d->model, lane);
    unsigned code = cursor_byte(s, EVENTS_STEP);
    uint64_t step;
    if (code == 0) {
        step = *step2;
    } else if (code == 1) {
        step = *step1;
    } else {
        uint64_t stack = cursor_varint(s, EVENTS_STACK);
        if (code - 2 >= d->kind_count || stack > UINT32_MAX) {
            s->bad = true;
            return 0;
        }
        step = model_step(d->kinds[code - 2], (uint32_t)stack);
    }
    if (!step) {
        s->bad = true;
        return 0;
    }
    model_step_learn(lane, step1, step2, step);
    uint32_t kind = (uint32_t)(step >> 32);
    e->stack = (uint32_t)step;
    e->type = kind & 31;
    e->family = (uint8_t)(kind >> 10);
    return kind >> 5 & FIELD_ALL;
}

static inline void decode_size(struct trace_decoder *d, struct event *e)
{
    uint64_t *predicted = model_size(&d->model, e->stack);
    uint64_t size = cursor_varint(&d->columns, EVENTS_SIZE);
    e->size = size ? size : *predicted;
    *predicted = e->size;
}

static void decode_gain(struct trace_decoder *d, struct model_lane *lane, struct event *e)
{
    struct trace_model *m = &d->model;
    struct trace_columns *s = &d->columns;
    uint32_t class = model_class(e->thread, e->size);
    unsigned place = cursor_byte(s, EVENTS_PLACE);
    if (!place) {
        e->address = m->gain + unturn(cursor_varint(s, EVENTS_GAIN));
    } else if (place <= MODEL_FREED_DEPTH) {
        e->address = m->freed[class][place - 1];
    } else if (place == MODEL_PLACE_BEGIN && e->type == EVENT_REALLOC_END) {
        e->address = lane->begin;
    } else {
        s->bad = true;
        return;
    }
    if (place && !e->address)
        s->bad = true;
    model_gain_learn(m, lane, class, place, e->address, e->size);
}

static const struct model_block *decode_give(struct trace_decoder *d, struct model_lane *lane, struct event *e)
{
    struct trace_model *m = &d->model;
    struct trace_columns *s = &d->columns;
    uint64_t age = cursor_varint(s, EVENTS_AGE);
    const struct model_block *block = NULL;
    if (!age) {
        e->address = m->give + unturn(cursor_varint(s, EVENTS_GIVE));
    } else if (age > m->gains || age > MODEL_GAINS) {
        s->bad = true;
        return NULL;
    } else {
        block = &m->blocks[(m->gains - age) % MODEL_GAINS];
        e->address = block->address;
    }
    model_give_learn(m, lane, e, block);
    return block;
}

static void decode_text(struct trace_decoder *d, struct event *e)
{
    struct trace_columns *s = &d->columns;
    uint64_t bytes = cursor_varint(s, EVENTS_TEXT_BYTES);
    if (bytes > UINT16_MAX) {
        s->bad = true;
        return;
    }
    e->text = (const char *)cursor_bytes(s, EVENTS_TEXT, (size_t)bytes);
    e->text_bytes = e->text ? (uint16_t)bytes : 0;
}

int trace_decode_event(struct trace_decoder *d, struct event *e, uint32_t stacks)
{
    struct trace_columns *s = &d->columns;
    struct trace_model *m = &d->model;
    *e = (struct event){ 0 };
    decode_thread(d, e);
    decode_time(d, e);
    struct model_lane *lane = model_lane(m, e->thread);
    unsigned fields = decode_step(d, lane, e);
    uint64_t extra0_predicted = 0;
    if (fields & FIELD_SIZE)
        decode_size(d, e);
    if (e->type == EVENT_REALLOC_END)
        extra0_predicted = lane->begin;
    if (fields & FIELD_ADDRESS) {
        if (model_is_gain(e->type)) {
            decode_gain(d, lane, e);
        } else if (model_is_give(e->type)) {
            const struct model_block *block = decode_give(d, lane, e);
            extra0_predicted = block ? block->size : 0;
        } else {
            m->address += cursor_zigzag(s, EVENTS_ADDRESS);
            e->address = m->address;
        }
    }
    if (fields & FIELD_EXTRA0) {
        uint64_t extra0 = cursor_varint(s, EVENTS_EXTRA0);
        e->extra[0] = extra0 ? extra0 : extra0_predicted;
    }
    if (fields & FIELD_EXTRA1)
        e->extra[1] = cursor_varint(s, EVENTS_EXTRA1);
    if (fields & FIELD_TEXT)
        decode_text(d, e);
    d->left--;
    return s->bad || e->stack > stacks ? -EBADMSG : 0;
}
