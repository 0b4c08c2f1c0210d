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

#include "trace/trace_extent.h"
#include "trace/trace_spot.h"
#include "trace/trace_tables.h"

/* Each of the loops below is to read from top to bottom. */
#define INLINED static inline __attribute__((always_inline))

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
    d->bits = d->fine = 0;
    size_t bytes = cursor_left(s, EVENTS_KIND);
    if (bytes % 3 || bytes / 3 > TRACE_KINDS_MAX)
        return -EBADMSG;
    d->kind_count = (unsigned)(bytes / 3);
    for (unsigned i = 0; i < d->kind_count; i++) {
        unsigned type = cursor_byte(s, EVENTS_KIND), family = cursor_byte(s, EVENTS_KIND);
        unsigned fields = cursor_byte(s, EVENTS_KIND);
        if (!type || type > d->types || fields > FIELD_ALL)
            return -EBADMSG;
        d->kinds[i] = model_kind(type, fields, family);
    }
    return 0;
}

INLINED void decode_thread(struct trace_decoder *d, struct event *e)
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
INLINED uint64_t decode_bits(struct trace_decoder *d, unsigned count)
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

INLINED unsigned decode_fine(struct trace_decoder *d)
{
    const struct trace_cursor *c = &d->columns.of[EVENTS_TIME_FINE];
    uint64_t at = d->fine++ * TRACE_TICK_BITS;
    if (c->at == c->end)
        return 0;
    if (at / 8 >= (uint64_t)(c->end - c->at)) {
        d->columns.bad = true;
        return 0;
    }
    return c->at[at / 8] >> at % 8 & ((1 << TRACE_TICK_BITS) - 1);
}

INLINED void decode_time(struct trace_decoder *d, struct event *e, uint64_t step)
{
    uint16_t *pace = model_pace(&d->model, step);
    unsigned token = cursor_byte(&d->columns, EVENTS_TIME + model_pace_class(*pace));
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
    model_pace_learn(pace, token);
    d->model.tick += difference;
    e->ns = d->model.tick << TRACE_TICK_BITS | decode_fine(d);
}

/* Type, family, stack; 0: no such step. */
INLINED uint64_t decode_step(struct trace_decoder *d, struct model_lane *lane, struct event *e)
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
    e->type = (uint8_t)model_kind_type(kind);
    e->family = (uint8_t)model_kind_family(kind);
    return step;
}

INLINED void decode_size(struct trace_decoder *d, struct event *e)
{
    uint64_t *predicted = model_size(&d->model, e->stack);
    uint64_t size = cursor_varint(&d->columns, EVENTS_SIZE);
    e->size = size ? size : *predicted;
    *predicted = e->size;
}

/* The give that `place` names; 0 when it names none. */
static inline uint32_t decode_taken(struct trace_decoder *d, struct model_class *class, unsigned place)
{
    if (place >= PLACE_NEAR)
        return d->model.taken + place - PLACE_NEAR_ZERO;
    if (place == PLACE_AGE)
        return d->model.gives + 1 - (uint32_t)cursor_varint(&d->columns, EVENTS_GAIN_AGE);
    return place < PLACE_FREED + MODEL_FREED ? *model_freed(class, place - PLACE_FREED) : 0;
}

static void decode_gain(struct trace_decoder *d, struct model_lane *lane, struct event *e)
{
    struct trace_model *m = &d->model;
    struct model_class *class = &m->classes[model_class(e->thread, e->size)];
    unsigned place = cursor_byte(&d->columns, EVENTS_PLACE);
    uint32_t taken = 0;
    if (place == PLACE_NOWHERE) {
        e->address = class->next + unturn(cursor_varint(&d->columns, EVENTS_GAIN));
    } else if (place == PLACE_NEXT) {
        e->address = class->next;
    } else if (place == PLACE_TOP) {
        e->address = m->top;
    } else if (place == PLACE_BEGIN && e->type == EVENT_REALLOC_END) {
        e->address = lane->begin;
    } else {
        taken = decode_taken(d, class, place);
        if (model_kept(taken, m->gives))
            e->address = model_given(m, taken);
        else
            d->columns.bad = true;
    }
    if (place && !e->address)
        d->columns.bad = true;
    model_gain_learn(m, lane, class, place, taken, e);
}

static const struct model_block *decode_give(struct trace_decoder *d, struct model_lane *lane, struct event *e)
{
    struct trace_model *m = &d->model;
    unsigned age = cursor_byte(&d->columns, EVENTS_AGE);
    const struct model_block *block = NULL;
    if (age == AGE_NOWHERE) {
        e->address = m->give + unturn(cursor_varint(&d->columns, EVENTS_GIVE));
    } else {
        uint32_t gain = age < AGE_NEAR   ? m->gains + 1 - age
                        : age == AGE_FAR ? m->gains + 1 - (uint32_t)cursor_varint(&d->columns, EVENTS_AGE_FAR)
                                         : m->dropped + age - AGE_NEAR_ZERO;
        if (!model_kept(gain, m->gains)) {
            d->columns.bad = true;
            return NULL;
        }
        block = &m->gained[gain % MODEL_KEPT];
        e->address = block->address;
        m->dropped = gain;
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

/* Address and extra numbers of a type that came before EVENT_WAIT. */
INLINED void decode_numbers(struct trace_decoder *d, struct model_lane *lane, struct event *e, unsigned fields)
{
    struct trace_columns *s = &d->columns;
    struct trace_model *m = &d->model;
    uint64_t extra0_predicted = e->type == EVENT_REALLOC_END ? lane->begin : 0;
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
}

static void decode_spots(struct trace_decoder *d, struct event *e, uint64_t step, unsigned fields)
{
    struct trace_columns *s = &d->columns;
    struct trace_model *m = &d->model;
    if (fields & FIELD_ADDRESS)
        spot_decode(m, s, e, step, false);
    if (fields & FIELD_EXTRA0)
        spot_decode(m, s, e, step, true);
    if (fields & FIELD_EXTRA1) {
        uint64_t *predicted = spot_extra1(m, e, step), extra1 = cursor_varint(s, EVENTS_EXTRA1);
        e->extra[1] = extra1 ? extra1 : *predicted;
        *predicted = e->extra[1];
    }
    spot_learn(m, e);
}

int trace_decode_event(struct trace_decoder *d, struct event *e, const struct code *code)
{
    struct trace_columns *s = &d->columns;
    *e = (struct event){ 0 };
    decode_thread(d, e);
    struct model_lane *lane = model_lane(&d->model, e->thread);
    uint64_t step = decode_step(d, lane, e);
    unsigned fields = model_kind_fields((uint32_t)(step >> 32));
    decode_time(d, e, step);
    if (fields & FIELD_SIZE)
        decode_size(d, e);
    if (model_has_spots(e->type))
        decode_spots(d, e, step, fields);
    else
        decode_numbers(d, lane, e, fields);
    if (fields & FIELD_TEXT)
        decode_text(d, e);
    d->left--;
    return s->bad || !trace_tables_name(code, e) ? -EBADMSG : 0;
}

/* ---- selection ---- */

/* How much of an event is decoded; each depth has what is before it as well. */
enum decode_depth { DEPTH_STEPS, DEPTH_SIZES, DEPTH_ALL };

#define COLUMN(id) (1ull << (id))

void trace_decode_want(struct decode_want *w, const struct trace_filter *f, unsigned columns)
{
    const uint64_t times = COLUMN(EVENTS_TIME_END) - COLUMN(EVENTS_TIME_FINE), steps = COLUMN(EVENTS_PROCESS + 1) - 1;
    *w = (struct decode_want){ .filter = *f };
    w->filter.types = f->types ? f->types : UINT64_MAX;
    w->times = columns & TRACE_TIMES || f->low_ns || f->high_ns;
    w->addresses = columns & (TRACE_ADDRESSES | TRACE_REST) || f->high_address;
    w->sizes = w->addresses || columns & TRACE_SIZES || f->least_bytes || f->most_bytes;
    w->unwanted = ~steps & ~(w->times ? times : 0) & ~(w->sizes ? COLUMN(EVENTS_SIZE) : 0);
    if (w->addresses)
        w->unwanted = w->times ? 0 : times;
}

static inline bool step_passes(const struct trace_filter *f, const struct event *e)
{
    return f->types >> e->type & 1 && (!f->thread || e->thread == f->thread) &&
           (!f->process || e->process == f->process) && (!f->stack || e->stack == f->stack);
}

static bool addresses_pass(const struct trace_filter *f, const struct event *e)
{
    struct trace_extent of[2];
    trace_extents(e, of);
    for (unsigned i = 0; i < 2; i++)
        if (of[i].first <= of[i].last && of[i].first < f->high_address && of[i].last >= f->low_address)
            return f->low_address < f->high_address;
    return false;
}

static inline bool rest_passes(const struct trace_filter *f, const struct event *e, uint64_t number)
{
    return number >= f->first_event && (!f->last_event || number <= f->last_event) &&
           e->ns >= f->low_ns && (!f->high_ns || e->ns <= f->high_ns) &&
           e->size >= f->least_bytes && (!f->most_bytes || e->size <= f->most_bytes) &&
           (!f->high_address || addresses_pass(f, e));
}

/* What is not decoded stays 0, so that a filter that does not ask for it lets it pass. */
INLINED int decode_find(struct trace_decoder *d, struct event *e,
    const struct code *code, const struct decode_want *w, uint64_t behind, bool times, enum decode_depth depth)
{
    struct trace_columns *s = &d->columns;
    *e = (struct event){ 0 };
    while (d->left) {
        if (depth == DEPTH_ALL)
            *e = (struct event){ 0 };
        decode_thread(d, e);
        struct model_lane *lane = model_lane(&d->model, e->thread);
        uint64_t step = decode_step(d, lane, e);
        unsigned fields = model_kind_fields((uint32_t)(step >> 32));
        if (times)
            decode_time(d, e, step);
        if (depth == DEPTH_SIZES)
            e->size = 0;
        if (depth >= DEPTH_SIZES && fields & FIELD_SIZE)
            decode_size(d, e);
        if (depth == DEPTH_ALL) {
            if (model_has_spots(e->type))
                decode_spots(d, e, step, fields);
            else
                decode_numbers(d, lane, e, fields);
            if (fields & FIELD_TEXT)
                decode_text(d, e);
        }
        d->left--;
        if (__builtin_expect(s->bad, 0))
            return -EBADMSG;
        if (step_passes(&w->filter, e) && rest_passes(&w->filter, e, behind - d->left))
            return trace_tables_name(code, e) ? 1 : -EBADMSG;
    }
    return 0;
}

int trace_decode_find(struct trace_decoder *d, struct event *e, const struct code *code, const struct decode_want *w,
                      uint64_t behind)
{
    if (w->addresses)
        return w->times ? decode_find(d, e, code, w, behind, true, DEPTH_ALL) : decode_find(d, e, code, w, behind, false, DEPTH_ALL);
    if (w->sizes)
        return w->times ? decode_find(d, e, code, w, behind, true, DEPTH_SIZES) : decode_find(d, e, code, w, behind, false, DEPTH_SIZES);
    return w->times ? decode_find(d, e, code, w, behind, true, DEPTH_STEPS) : decode_find(d, e, code, w, behind, false, DEPTH_STEPS);
}
