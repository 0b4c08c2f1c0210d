/*
 * collector/trace/trace_spot.c - see trace_spot.h. Both directions stand here
 * side by side: what one does to the model the other has to do as well.
 */
#include "trace/trace_spot.h"

static struct model_spot *spot_of(struct trace_model *m, uint32_t thread, uint64_t step, bool second)
{
    return &m->spots[model_hash((step << 1 | second) ^ (uint64_t)thread << 48, MODEL_SPOT_BITS)];
}

static uint64_t lock_guess(const struct trace_model *m, const struct event *e, bool second)
{
    uint32_t lane = e->thread % MODEL_LANES;
    return second || e->type == EVENT_RELEASE ? m->held[lane][0] : m->lanes[lane].waiting;
}

/* What way `how` says, 0 for nothing. */
static uint64_t spot_guess(const struct trace_model *m, const struct model_spot *spot, const struct event *e,
                           bool second, unsigned how)
{
    const struct model_lane *lane = &m->lanes[e->thread % MODEL_LANES];
    switch (how) {
    case SPOT_SAME: return spot->at;
    case SPOT_STRIDE: return spot->at + spot->stride;
    case SPOT_BEHIND: return spot->behind;
    case SPOT_GAIN: return m->gained[m->gains % MODEL_KEPT].address + spot->from_gain;
    case SPOT_COPY: return lane->copy + spot->from_copy;
    case SPOT_COPY_END: return lane->copy_end;
    case SPOT_LOCK: return lock_guess(m, e, second);
    default: return 0;
    }
}

static void spot_remember(struct trace_model *m, struct model_spot *spot, const struct event *e, uint64_t at,
                          unsigned how)
{
    const struct model_lane *lane = &m->lanes[e->thread % MODEL_LANES];
    const struct model_block *gain = &m->gained[m->gains % MODEL_KEPT];
    spot->stride = at - spot->at;
    spot->at = at;
    spot->behind = at + e->size;
    spot->from_gain = at - gain->address;
    spot->from_copy = at - lane->copy;
    if (at - gain->address < gain->size)
        spot->inside = at - gain->address;
    spot->how = how;
    m->slots[model_hash(at, MODEL_SLOT_BITS)] = at;
}

/* What a difference is to. */
static uint64_t far_from(const struct trace_model *m, const struct model_spot *spot, const struct event *e, bool second)
{
    if (spot->at)
        return spot->at;
    return second ? e->address : m->address;
}

uint64_t *spot_extra1(struct trace_model *m, const struct event *e, uint64_t step)
{
    return &spot_of(m, e->thread, step, false)->extra1;
}

/* ---- writing ---- */

/* The age of the gain that lies at `address`; 0: none is kept. */
static uint32_t gain_age(const struct trace_model *m, const uint32_t *finder, uint64_t address)
{
    uint32_t gain = finder[model_hash(address, MODEL_FINDER_BITS)];
    if (gain & MODEL_FINDER_GIVE || !model_kept(gain, m->gains) || m->gained[gain % MODEL_KEPT].address != address)
        return 0;
    return m->gains - gain + 1;
}

static unsigned find_guess(const struct trace_model *m, const struct model_spot *spot, const struct event *e,
                           uint64_t at, bool second)
{
    unsigned how = 0;
    if (spot->how < SPOT_GUESSES && spot_guess(m, spot, e, second, spot->how) == at)
        return spot->how;
    while (how < SPOT_GUESSES && spot_guess(m, spot, e, second, how) != at)
        how++;
    return how;
}

/* A way that needs a number beside it, which is written. */
static unsigned find_number(const struct trace_model *m, struct trace_column *columns, const uint32_t *finder,
                            const struct model_spot *spot, const struct event *e, uint64_t at, bool second)
{
    uint32_t age = gain_age(m, finder, at - spot->inside), slot = model_hash(at, MODEL_SLOT_BITS);
    if (age) {
        column_varint(&columns[EVENTS_SPOT_AGE], age);
        return SPOT_INSIDE;
    }
    age = gain_age(m, finder, at);
    if (age) {
        column_varint(&columns[EVENTS_SPOT_AGE], age);
        return SPOT_START;
    }
    if (m->slots[slot] == at) {
        column_varint(&columns[EVENTS_SPOT_SLOT], slot);
        return SPOT_SLOT;
    }
    column_varint(&columns[EVENTS_SPOT_FAR], turn(at - far_from(m, spot, e, second)));
    return SPOT_FAR;
}

bool spot_encode(struct trace_model *m, struct trace_column *columns, const uint32_t *finder, const struct event *e,
                 uint64_t step, bool second)
{
    struct model_spot *spot = spot_of(m, e->thread, step, second);
    uint64_t at = second ? e->extra[0] : e->address;
    unsigned how = find_guess(m, spot, e, at, second);
    if (how == SPOT_GUESSES)
        how = find_number(m, columns, finder, spot, e, at, second);
    column_byte(&columns[second ? EVENTS_SPOT_SECOND : EVENTS_SPOT], (uint8_t)(how == spot->how ? 0 : 1 + how));
    spot_remember(m, spot, e, at, how);
    return how == SPOT_SAME || how == SPOT_LOCK || how == SPOT_SLOT;
}

/* ---- reading ---- */

static uint64_t read_gain(struct trace_model *m, struct trace_columns *s, uint64_t inside)
{
    uint32_t gain = m->gains + 1 - (uint32_t)cursor_varint(s, EVENTS_SPOT_AGE);
    if (model_kept(gain, m->gains))
        return m->gained[gain % MODEL_KEPT].address + inside;
    s->bad = true;
    return 0;
}

static uint64_t read_number(struct trace_model *m, struct trace_columns *s, const struct model_spot *spot,
                            const struct event *e, bool second, unsigned how)
{
    uint64_t slot;
    switch (how) {
    case SPOT_INSIDE: return read_gain(m, s, spot->inside);
    case SPOT_START: return read_gain(m, s, 0);
    case SPOT_SLOT:
        slot = cursor_varint(s, EVENTS_SPOT_SLOT);
        if (slot < 1u << MODEL_SLOT_BITS)
            return m->slots[slot];
        s->bad = true;
        return 0;
    default: return far_from(m, spot, e, second) + unturn(cursor_varint(s, EVENTS_SPOT_FAR));
    }
}

void spot_decode(struct trace_model *m, struct trace_columns *s, struct event *e, uint64_t step, bool second)
{
    struct model_spot *spot = spot_of(m, e->thread, step, second);
    unsigned token = cursor_byte(s, second ? EVENTS_SPOT_SECOND : EVENTS_SPOT);
    unsigned how = token ? token - 1 : spot->how;
    uint64_t at = how < SPOT_GUESSES ? spot_guess(m, spot, e, second, how) : read_number(m, s, spot, e, second, how);
    if (how >= SPOT_WAYS || !at)
        s->bad = true;
    if (second)
        e->extra[0] = at;
    else
        e->address = at;
    spot_remember(m, spot, e, at, how < SPOT_WAYS ? how : 0);
}

/* ---- both ---- */

static void held_push(uint64_t held[MODEL_HELD], uint64_t lock)
{
    memmove(held + 1, held, (MODEL_HELD - 1) * sizeof *held);
    held[0] = lock;
}

static void held_take(uint64_t held[MODEL_HELD], uint64_t lock)
{
    unsigned i = 0;
    while (i < MODEL_HELD && held[i] != lock)
        i++;
    for (; i < MODEL_HELD; i++)
        held[i] = i + 1 < MODEL_HELD ? held[i + 1] : 0;
}

void spot_learn(struct trace_model *m, const struct event *e)
{
    struct model_lane *lane = model_lane(m, e->thread);
    switch (e->type) {
    case EVENT_COPY:
        lane->copy = e->address;
        lane->copy_end = e->address + e->size;
        break;
    case EVENT_ACQUIRE:
        held_push(m->held[e->thread % MODEL_LANES], e->address);
        break;
    case EVENT_RELEASE:
        held_take(m->held[e->thread % MODEL_LANES], e->address);
        break;
    default:
        lane->waiting = e->address;
        break;
    }
    m->address = e->address;
}
