/*
 * collector/session/drain.c - a round over all rings.
 *
 * Read the watermark, then look at all heads, then hand over what is stamped
 * before the watermark, merged (why that is the order: order.h). One ring that
 * has the least stamp is read on until another has a lesser one, so a single
 * busy thread costs no heap. Ingest thread.
 *
 * A round is bounded by what was in the rings when it looked.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "session/state.h"

enum {
    PAUSE_LEAST_NS = 50000,
    PAUSE_MOST_NS = 40000000,  /* a ring that fills meanwhile wakes; each round costs 25 us and more of a cold cache */
    PAUSE_CLAIMS_NS = 500000,   /* while threads come */
    PAUSE_IDLE_NS = 45000000,   /* the heartbeat is due every 50 ms */
    IDLE_AFTER_NS = 100000000
};

long session_futex(atomic_u32 *word, int operation, uint32_t value, uint64_t timeout_ns)
{
    struct timespec t = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    return syscall(SYS_futex, word, operation, value, timeout_ns ? &t : NULL, NULL, 0);
}

/* New threads get their lane; counts what is free. */
static uint32_t see_claims(struct session *s)
{
    uint32_t i, claims = 0;
    s->ready = 0;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        uint32_t state = load_relaxed(&l->slot->state);
        if (state == WIRE_SLOT_READY && !l->live)
            s->ready++;
        else if (state == WIRE_SLOT_LIVE && load_acquire(&l->slot->claim) != l->claim) {
            lane_claimed(s, l);
            claims++;
        }
    }
    return claims;
}

void session_see_claims(struct session *s)
{
    supply_note(s, see_claims(s));
}

static void see_slotless(struct session *s)
{
    struct wire_claims *claims = wire_claims_of(&s->segment.wire);
    unsigned i;
    for (i = 0; i < WIRE_LOST_REASONS; i++) {
        struct event e = {.type = EVENT_LOST, .address = i};
        uint64_t n = load_relaxed(&claims->lost[i]);
        if (n <= s->slotless_lost[i])
            continue;
        e.size = n - s->slotless_lost[i];
        e.ns = clock_event_ns(&s->clock, s->latest);
        s->slotless_lost[i] = n;
        session_emit(s, &e);
    }
}

/* What traced threads found when they held stacks against libunwind's, taken
 * from them so that nobody who takes over tells it again. */
static void see_verified(struct session *s)
{
    struct wire_claims *claims = wire_claims_of(&s->segment.wire);
    unsigned i;
    for (i = 0; s->plan.verify_unwind && session_still_ours(s) && i < WIRE_VERIFY_COUNTS; i++) {
        struct event e = {.type = EVENT_VERIFY, .address = i};
        if (!load_relaxed(&claims->verify[i]) && s->verify_told & 1u << i)
            continue;
        s->verify_told |= 1u << i;
        e.size = exchange_acq_rel(&claims->verify[i], 0);
        e.ns = clock_event_ns(&s->clock, s->latest);
        session_emit(s, &e);
    }
}

/* Looks at every ring; those with something to hand over enter the order. */
static void look(struct session *s, uint64_t watermark)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live)
            lane_look(s, s->lanes[i]);
    s->latest = session_stamp(s);
    for (i = 0; i < s->made; i++)   /* told before what came after them is handed over */
        if (s->lanes[i]->live && s->lanes[i]->process)
            lane_losses(s, s->lanes[i]);
    order_clear(&s->order);
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (l->live && lane_next(s, l)) {
            struct order_head at = lane_head(s, l);
            if (at.stamp < watermark)
                order_push(&s->order, at);
        }
    }
}

/* Hands over from the ring with the least stamp until another's is less. */
void session_merge(struct session *s, uint64_t watermark)
{
    while (s->order.count) {
        struct order_head at = s->order.heads[0], until = order_second(&s->order);
        struct lane *l = s->lanes[at.source];
        if (unlikely(l->skip) ? lane_pass(s, l, &at, watermark) : lane_run(s, l, &at, until, watermark))
            order_replace_top(&s->order, at);
        else
            order_pop(&s->order);
        if (s->stale)
            return;
    }
}

/* Gives space back, grows, ends what is over. The fullest ring, in 16ths. */
static unsigned settle(struct session *s)
{
    unsigned fullest = 0;
    uint32_t i;
    s->staying = 0;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        uint64_t fill;
        if (l->resting && (l->safe == l->reader.tail || !s->keeps || s->recent_claims))
            lane_recycle(s, l);
        if (!l->live)
            continue;
        fill = l->fill > l->ring_size ? 16 : l->fill * 16 / l->ring_size;
        fullest = fill > fullest ? (unsigned)fill : fullest;
        lane_offer(s, l);
        lane_publish(s, l);
        watch_leaving(s, l);
        if (l->gone_looked && !l->has_item && l->reader.tail == l->reader.head)
            lane_end(s, l);
        s->staying += l->live && !l->exiting && !l->gone;
    }
    return fullest;
}

/* How long to sleep, by the fullest ring; many new threads count as a quarter. */
static void choose_pause(struct session *s, unsigned fullest, bool busy)
{
    uint64_t now_ns = wire_clock_monotonic_ns();
    if (busy)
        s->busy_ns = now_ns;
    if (fullest >= 4)
        s->pause_ns /= 2;
    else if (fullest < 1)
        s->pause_ns *= 2;
    if (s->pause_ns < PAUSE_LEAST_NS)
        s->pause_ns = PAUSE_LEAST_NS;
    if (s->pause_ns > (s->recent_claims ? PAUSE_CLAIMS_NS : PAUSE_MOST_NS))
        s->pause_ns = s->recent_claims ? PAUSE_CLAIMS_NS : PAUSE_MOST_NS;
    if (fullest >= 8)
        s->pause_ns = 0;
    else if (now_ns - s->busy_ns > IDLE_AFTER_NS)
        s->pause_ns = PAUSE_IDLE_NS;
}

static int64_t drain_round(struct session *s, bool everything)
{
    uint64_t before = s->counts.events, watermark;
    uint32_t claims;
    unsigned fullest;

    if (!session_still_ours(s))
        return -ESTALE;
    session_beat(s);
    clock_refine(&s->clock);
    watermark = everything ? UINT64_MAX : session_stamp(s) - s->margin;
    claims = see_claims(s);
    supply_note(s, claims);
    supply_keep(s);
    watch_round(s, everything); /* before the look: what is gone has said all */
    look(s, watermark);
    session_merge(s, watermark);
    session_flush(s);
    if (!session_still_ours(s))
        return -ESTALE;
    fullest = settle(s);
    s->fullest = fullest > s->fullest ? fullest : s->fullest;
    supply_keep(s);
    see_slotless(s);
    see_verified(s);
    session_flush(s);
    if (!session_still_ours(s))
        return -ESTALE;
    choose_pause(s, claims > 4 && fullest < 4 ? 4 : fullest, s->counts.events != before);
    return (int64_t)(s->counts.events - before);
}

void session_round_begin(struct session *s, struct code *code, session_sink sink, void *context)
{
    s->sink = sink;
    s->context = context;
    decode_use(&s->decode, code);
    if (s->taken_over)
        session_relearn_modules(s);
}

int64_t session_drain(struct session *s, struct code *code, session_sink sink, void *context)
{
    int64_t n;
    session_round_begin(s, code, sink, context);
    n = drain_round(s, false);
    session_flush(s);
    return n;
}

int64_t session_finish(struct session *s, struct code *code, session_sink sink, void *context)
{
    int64_t n = 0, sum = 0;
    int i;
    if (!session_still_ours(s))
        return -ESTALE;
    session_round_begin(s, code, sink, context);
    see_claims(s); /* before a process is taken for over */
    watch_round(s, true);
    /* A round to read the rings of what is gone, one to end it, one for its process. */
    for (i = 0; i < 4 && n >= 0; i++) {
        n = drain_round(s, true);
        sum += n;
    }
    session_flush(s);
    return n < 0 ? n : sum;
}

void session_wait(struct session *s)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    if (!s->pause_ns || s->stale)
        return;
    session_beat(s);
    store_relaxed(&pulse->sleeping, 1);
    fence_full(); /* orders sleeping before awake: pairs with session_wake */
    if (!exchange_acq_rel(&s->awake, 0))
        session_futex(&pulse->sleeping, FUTEX_WAIT, 1, s->pause_ns);
    store_relaxed(&pulse->sleeping, 0);
    store_relaxed(&s->awake, 0);
    session_beat(s);
}

void session_wait_little(struct session *s)
{
    struct timespec little = {.tv_nsec = 100000};
    if (s->pause_ns && !s->stale)
        nanosleep(&little, NULL);
    session_beat(s);
}

void session_wake(struct session *s)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    store_relaxed(&s->awake, 1);
    fence_full(); /* orders awake before sleeping: pairs with session_wait */
    if (exchange_acq_rel(&pulse->sleeping, 0))
        session_futex(&pulse->sleeping, FUTEX_WAKE, 1, 0);
}
