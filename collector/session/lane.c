/*
 * collector/session/lane.c - one slot, from the collector's side: its thread
 * comes, its ring grows, its thread goes. Its records are read in
 * lane_read.c. Ingest thread.
 *
 * What the other side can spoil costs its own events: a ring whose successor
 * is not the one that was offered is not read any more.
 *
 * If the collector dies here: a tail is published before the slot's `ring` is
 * moved to the successor, and both before the old ring is given back, so the
 * next collector finds the tail either in `ring` or at its seal.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/state.h"

/* Up to the second one grows for what is kept in it alone. */
enum { LANE_LARGE_BYTES = 1024 * 1024, LANE_KEEPING_BYTES = 256 * 1024 };

struct lane *lane_new(struct session *s, uint32_t index, uint64_t scratch)
{
    struct lane *l = xcalloc(1, sizeof *l);
    l->index = index;
    l->slot = wire_slot_of(&s->segment.wire, index);
    l->scratch = scratch;
    l->home = scratch ? segment_home_ring(scratch) : 0;
    l->ring = l->home;
    l->ring_size = WIRE_RING_FIRST_BYTES;
    l->claim = load_relaxed(&l->slot->claim);
    return l;
}

void lane_free(struct lane *l)
{
    decode_stack_end(&l->stack);
    free(l->hold);
    free(l);
}

void lane_poison(struct lane *l)
{
    l->poisoned = true;
    l->has_item = false;
}

/* Enters the ring that the lane believes in. */
static void open_reader(struct session *s, struct lane *l)
{
    if (ring_reader_open(&l->reader, &s->segment.wire, l->slot, l->ring) || l->reader.size != l->ring_size)
        lane_poison(l);
    l->published = l->tried = l->safe = l->marked = l->reader.tail;
    l->safe_taken = l->marked_taken = l->taken;
}

/* A newer thread under the same numbers, or a newer image of the process, proves
 * that an older one is gone; but in other pid namespaces others have these numbers. */
static bool outdates(const struct lane *newer, const struct lane *older)
{
    return newer->pid == older->pid && newer->pid != 1 && !(older->process && older->process->foreign) &&
           (newer->serial > older->serial || (newer->tid == older->tid && newer->thread > older->thread));
}

static void outdate(struct session *s, struct lane *fresh)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (l == fresh || !l->live)
            continue;
        if (outdates(fresh, l))
            l->gone = true;
        else if (outdates(l, fresh))
            fresh->gone = true;
    }
}

/* The fields that the claimer wrote, published by its claim. */
static void read_identity(struct lane *l)
{
    l->claim = load_acquire(&l->slot->claim);
    l->pid = l->slot->pid;
    l->tid = l->slot->tid;
    l->thread = l->slot->thread_serial;
    l->serial = l->slot->process_serial;
}

static void begin_life(struct session *s, struct lane *l)
{
    l->live = true;
    l->resting = false;
    l->resume_stack = 0;
    l->image = NULL;
    l->process = NULL;
    l->has_item = l->poisoned = l->exiting = l->gone = l->gone_looked = l->waited = false;
    l->last_stamp = l->last_ns = l->lost_drops = l->drops_recorded = l->taken = l->taken_counted = l->skip = 0;
    l->watched_head = UINT64_MAX;
    memset(l->lost, 0, sizeof l->lost);
    memset(l->lost_recorded, 0, sizeof l->lost_recorded);
    decode_stack_begin(&l->stack);
    s->counts.threads++;
}

void lane_claimed(struct session *s, struct lane *l)
{
    if (l->live) { /* a claim that was under way when this collector took over */
        read_identity(l);
        return;
    }
    begin_life(s, l);
    read_identity(l);
    open_reader(s, l);
    outdate(s, l);
}

void lane_look(struct session *s, struct lane *l)
{
    if (l->gone)
        l->gone_looked = true;
    ring_reader_look(&l->reader);
    l->fill = l->reader.head - l->reader.tail;
    if (load_relaxed(&l->slot->waiting))
        l->waited = true;
    if (l->poisoned && l->reader.tail != l->reader.head) {
        uint64_t bytes = l->reader.head - l->reader.tail;
        lane_lost(s, l, WIRE_LOST_TORN, 1 + bytes / (2 * sizeof(struct wire_record)), 0);
        ring_reader_skip(&l->reader);
        lane_give(s, l);
    }
}

/* ---- progress ---- */

/* Whoever dies on the way leaves a tail that is not the slot's: then nothing is known. */
static void tell_taken(struct lane *l, uint64_t to, uint64_t taken)
{
    store_release(&l->slot->taken_tail, UINT64_MAX);
    store_release(&l->slot->taken, taken);
    store_release(&l->slot->taken_tail, to);
}

/* What the next collector must find in the file, or count as lost. */
static void lane_count_taken(struct session *s, struct lane *l, uint64_t taken)
{
    atomic_u64 *drained = &wire_pulse_of(&s->segment.wire)->drained_events;
    store_relaxed(drained, load_relaxed(drained) + taken - l->taken_counted);
    l->taken_counted = taken;
}

static void give(struct session *s, struct lane *l, uint64_t to, uint64_t taken)
{
    if (to == l->published)
        return;
    session_flush(s);
    if (!session_still_ours(s)) /* asked after the sink, which may take its time */
        return;
    lane_count_taken(s, l, taken);
    l->published = to;
    if ((int64_t)(to - l->safe) > 0) {
        s->crowded |= s->keeps;
        l->safe = to;
        l->safe_taken = taken;
    }
    tell_taken(l, to, taken);
    if (ring_reader_release_to(&l->reader, to))
        session_futex(&l->slot->drain_seq, FUTEX_WAKE, INT32_MAX, 0);
    session_beat(s);
}

void lane_give(struct session *s, struct lane *l)
{
    l->tried = l->reader.tail;
    give(s, l, l->reader.tail, l->taken);
}

/* What the file has not is kept in the ring, for the next collector, as long as half of it is free: a
 * thread that waits would be worse than a gap. */
void lane_publish(struct session *s, struct lane *l)
{
    uint64_t kept = l->reader.tail - l->safe, held = l->reader.head - l->safe;
    l->tried = l->reader.tail;
    s->crowded |= s->keeps && kept > l->ring_size / 8;
    if (!s->keeps || held > l->ring_size / 2 || l->waited)
        give(s, l, l->reader.tail, l->taken);
    else
        give(s, l, l->safe, l->safe_taken);
}

/* ---- growth ---- */

/* A writer that had to sleep, or a ring that was found too full, gets four
 * times the room: a small ring when it is a quarter full, since that is where
 * the writer would have to wake a sleeping collector. So does one that keeps much
 * for the next collector. No space costs nothing
 * but the offer. */
void lane_offer(struct session *s, struct lane *l)
{
    uint64_t size;
    bool keeping = s->keeps && l->ring_size < LANE_KEEPING_BYTES && l->reader.tail - l->safe > l->ring_size / 4;
    bool crowded = l->waited || keeping || l->fill > l->ring_size / (l->ring_size < LANE_LARGE_BYTES ? 5 : 2);
    l->waited = false;
    if (!crowded || l->offered || l->poisoned || l->gone || l->ring_size >= WIRE_RING_LAST_BYTES)
        return;
    size = l->ring_size * 4 > WIRE_RING_LAST_BYTES ? WIRE_RING_LAST_BYTES : l->ring_size * 4;
    l->offered = segment_ring_take(&s->segment, size);
    if (!l->offered)
        return;
    l->offered_size = size;
    store_release(&l->slot->next_ring, l->offered); /* G: pairs with H in ring_writer.h */
}

/* The reader went on into the ring that was offered: the old one is ours. */
void lane_moved(struct session *s, struct lane *l)
{
    if (l->reader.ring_offset != l->offered || l->reader.size != l->offered_size || !session_still_ours(s)) {
        lane_poison(l);
        return;
    }
    lane_give(s, l);
    if (!session_still_ours(s))
        return;
    store_release(&l->slot->ring, l->offered);
    store_release(&l->slot->next_ring, 0);
    if (l->ring != l->home)
        segment_ring_give(&s->segment, l->ring, l->ring_size);
    l->ring = l->offered;
    l->ring_size = l->offered_size;
    l->offered = l->offered_size = 0;
}

/* ---- losses ---- */

/* Told where it stands in the order: before all that came after it. */
void lane_lost(struct session *s, struct lane *l, unsigned reason, uint64_t events, uint64_t drops)
{
    struct event e = {.type = EVENT_LOST, .address = reason, .size = events, .extra = {drops}};
    e.extra[1] = clock_event_ns(&s->clock, s->latest);
    e.ns = s->last_stamp ? clock_event_ns(&s->clock, s->last_stamp) : e.extra[1];
    if (l->process) {
        e.thread = l->thread;
        e.process = l->process->id;
    }
    if (e.ns < l->last_ns)
        e.ns = l->last_ns;
    session_emit(s, &e);
}

void lane_losses(struct session *s, struct lane *l)
{
    uint64_t drops = load_relaxed(&l->slot->lost_drops), fresh_drops;
    unsigned i;
    fresh_drops = drops > l->lost_drops ? drops - l->lost_drops : 0;
    for (i = 0; i < WIRE_LOST_REASONS; i++) {
        uint64_t n = load_relaxed(&l->slot->lost[i]), fresh, mine;
        if (n <= l->lost[i])
            continue;
        fresh = n - l->lost[i];
        mine = fresh_drops < fresh ? fresh_drops : fresh;
        l->lost[i] = n;
        fresh_drops -= mine;
        l->lost_drops += mine;
        lane_lost(s, l, i, fresh, mine);
    }
}

/* ---- the end ---- */

static void emit_gone(struct session *s, struct lane *l)
{
    struct event e = {.type = EVENT_THREAD_GONE, .thread = l->thread, .process = l->process->id};
    e.ns = clock_event_ns(&s->clock, s->latest);
    if (e.ns < l->last_ns)
        e.ns = l->last_ns;
    session_emit(s, &e);
}

static void take_rings_back(struct session *s, struct lane *l)
{
    if (l->offered)
        segment_ring_give(&s->segment, l->offered, l->offered_size);
    if (l->ring != l->home)
        segment_ring_give(&s->segment, l->ring, l->ring_size);
    l->offered = l->offered_size = 0;
    l->ring = l->home;
    l->ring_size = WIRE_RING_FIRST_BYTES;
}

/* The slot as the next claimer finds it. Positions go on rising. */
static void reset_slot(struct session *s, struct lane *l)
{
    struct wire_slot *slot = l->slot;
    uint64_t head = (load_relaxed(&slot->head) + 7) & ~7ull;
    unsigned i;
    segment_ring_format(&s->segment, l->home, WIRE_RING_FIRST_BYTES, head);
    store_relaxed(&slot->head, head);
    store_relaxed(&slot->tail, head);
    store_relaxed(&slot->ring, l->home);
    store_relaxed(&slot->taken, 0);
    store_relaxed(&slot->taken_tail, head);
    store_relaxed(&slot->next_ring, 0);
    store_relaxed(&slot->waiting, 0);
    store_relaxed(&slot->holding, WIRE_HOLDING_NOT);
    store_relaxed(&slot->acting, WIRE_ACTING_NOT);
    store_relaxed(&slot->rules, 0);
    store_relaxed(&slot->resync, 0);
    slot->scratch = l->scratch;
    for (i = 0; i < WIRE_LOST_REASONS; i++)
        store_relaxed(&slot->lost[i], 0);
    store_relaxed(&slot->lost_drops, 0);
    slot->thread_serial = slot->process_serial = 0;
    slot->pid = slot->tid = 0;
    slot->claim_stamp = 0;
}

/* Where many threads come and go their slots are needed at once. */
enum { LANE_REST_CLAIMS = SESSION_SLOTS_AHEAD };

void lane_end(struct session *s, struct lane *l)
{
    lane_losses(s, l);
    hold_forget(s, l);
    if (l->process) {
        emit_gone(s, l);
        l->process->lanes--;
        l->image->lanes--;
    }
    l->live = l->has_item = false;
    l->process = NULL;
    l->image = NULL;
    if (!l->home || !session_still_ours(s))
        return;
    l->resting = s->keeps && l->safe != l->reader.tail && s->recent_claims <= LANE_REST_CLAIMS;
    s->crowded |= l->resting;
    if (!l->resting)
        lane_recycle(s, l);
}

void lane_recycle(struct session *s, struct lane *l)
{
    l->resting = false;
    lane_count_taken(s, l, l->taken);
    reset_slot(s, l);
    take_rings_back(s, l);
    if (!session_still_ours(s))
        return;
    l->claim = load_relaxed(&l->slot->claim);
    store_release(&l->slot->state, WIRE_SLOT_READY); /* pairs with the claimer's CAS */
    s->ready++;
}

/* ---- what the trace file has ---- */

void session_keep(struct session *s, bool keep) { s->keeps = keep; }

bool session_crowded(struct session *s)
{
    bool crowded = s->crowded;
    s->crowded = false;
    return crowded;
}

void session_mark(struct session *s)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        l->marked = l->reader.tail;
        l->marked_taken = l->taken;
    }
}

void session_safe(struct session *s)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if ((!l->live && !l->resting) || (int64_t)(l->marked - l->safe) <= 0) /* positions go on over a slot's lives */
            continue;
        l->safe = l->marked;
        l->safe_taken = l->marked_taken;
    }
}

/* ---- taking over ---- */

/* The rings that the slot names, when they can be. */
static int restore_ring(struct session *s, struct lane *l, uint64_t offset, uint64_t *ring, uint64_t *size)
{
    struct wire_ring *r;
    int e;
    if (offset == l->home) {
        *ring = offset;
        *size = WIRE_RING_FIRST_BYTES;
        return 0;
    }
    r = wire_ring_at(&s->segment.wire, offset);
    if (!r)
        return -EBADMSG;
    *size = r->size_bytes;
    if (*size > WIRE_RING_LAST_BYTES || *size < WIRE_RING_FIRST_BYTES)
        return -EBADMSG;
    e = segment_adopt(&s->segment, offset, sizeof *r + *size);
    if (!e)
        *ring = offset;
    return e;
}

/* What was lost between the file and the tail is lost: the file's count goes on. */
void lane_resume(struct lane *l, uint64_t written, uint32_t stack)
{
    uint64_t taken = load_relaxed(&l->slot->taken), bytes = load_relaxed(&l->slot->head) - l->reader.tail;
    bool known = load_relaxed(&l->slot->taken_tail) == l->reader.tail && taken <= written &&
                 written - taken <= bytes / sizeof(struct wire_record);
    if (!known)
        taken = written;
    l->taken = l->taken_counted = l->safe_taken = l->marked_taken = taken;
    l->skip = written - taken;
    l->resume_stack = known ? stack : 0;
}

/* Behind what the file has the thread's stack is the file's last of it. */
void lane_go_on(struct session *s, struct lane *l)
{
    if (l->resume_stack && l->stack.broken)
        decode_stack_set(&s->decode, &l->stack, l->resume_stack);
    l->resume_stack = 0;
}

void lane_restore(struct session *s, struct lane *l, const uint32_t (*images)[2], size_t image_count)
{
    uint64_t next = load_relaxed(&l->slot->next_ring);
    size_t i;

    begin_life(s, l);
    read_identity(l);
    lane_lose_stack(l);
    if (restore_ring(s, l, load_relaxed(&l->slot->ring), &l->ring, &l->ring_size)) {
        lane_poison(l);
        l->ring = l->home;
        l->ring_size = WIRE_RING_FIRST_BYTES;
    }
    if (next == l->ring)
        store_relaxed(&l->slot->next_ring, 0);
    else if (next && restore_ring(s, l, next, &l->offered, &l->offered_size))
        lane_poison(l);
    if (l->poisoned)
        ring_reader_open(&l->reader, &s->segment.wire, l->slot, l->home);
    else
        open_reader(s, l);
    if (!l->serial || !l->thread || registry_image(&s->registry, l->serial))
        return;
    for (i = 0; i < image_count && images[i][0] != l->serial; i++)
        ;
    registry_restore(&s->registry, l->serial, i < image_count ? images[i][1] : l->serial, l->pid);
}
