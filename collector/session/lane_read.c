/*
 * collector/session/lane_read.c - a lane's records become events, in the order
 * that drain.c asks for. Ingest thread.
 *
 * lane_run is the way of every event, tens of millions a second at best: what
 * it calls for plain records is in line, and the event is made where it waits
 * for the sink.
 *
 * What the other side can spoil costs its own events: a record that makes no
 * sense tears the ring (counted, the stack is unknown from there).
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "session/state.h"

/* Nothing is known of the thread's stack until it sends a whole one. */
void lane_lose_stack(struct lane *l)
{
    decode_stack_break(&l->stack);
    store_release(&l->slot->resync, 1);
}

/* Gives up what was seen; goes on behind it, in the ring that it lies in. */
static void torn(struct session *s, struct lane *l)
{
    struct ring_reader *r = &l->reader;
    uint64_t bytes = r->head - r->tail, next;
    s->counts.torn++;
    if (bytes > r->size)
        bytes = r->size;
    lane_lost(s, l, WIRE_LOST_TORN, 1 + bytes / (2 * sizeof(struct wire_record)), 0);
    lane_lose_stack(l);
    ring_reader_skip(r);
    next = load_acquire(&r->ring->next);
    if (next && next == l->offered) {
        struct wire_ring *n = wire_ring_at(&s->segment.wire, next);
        if (n && r->head - load_relaxed(&n->start) <= l->offered_size) {
            if (ring_reader_enter(r, next))
                lane_poison(l);
            else
                lane_moved(s, l);
        }
    }
    lane_give(s, l);
}

bool lane_next(struct session *s, struct lane *l)
{
    uint64_t left;
    int got;
    if (l->has_item)
        return true;
    while (!l->poisoned) {
        got = ring_reader_peek(&l->reader, &l->item, &left);
        if (left)
            lane_moved(s, l);
        if (l->poisoned)
            break;
        if (got == 1) {
            l->has_item = true;
            return true;
        }
        if (!got && left)
            continue;
        if (got < 0)
            torn(s, l);
        return false;
    }
    return false;
}

static inline struct order_head head_of(const struct session *s, const struct lane *l)
{
    uint64_t stamp = l->item.head.stamp;
    if (stamp < l->last_stamp || stamp > s->latest + s->margin)
        stamp = l->last_stamp; /* a thread's stamps do not go back, and nothing is stamped later than now */
    return (struct order_head){stamp, l->item.head.type, l->index};
}

struct order_head lane_head(const struct session *s, const struct lane *l)
{
    return head_of(s, l);
}

/* ---- rare records ---- */

/* The exec'd image goes on as its process: the next collector must know. */
static void note_image(struct session *s, const struct registered *m)
{
    char line[32];
    int n;
    if (s->images_fd < 0 || m->image.serial == m->image.process)
        return;
    n = snprintf(line, sizeof line, "%u %u\n", m->image.serial, m->image.process);
    if (write(s->images_fd, line, (size_t)n) != n)
        return; /* costs a takeover an id, no more */
}

/* Threads of images before this one are gone; say so before the new one starts. */
static void end_outdated(struct session *s, const struct lane *fresh)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (l != fresh && l->live && l->gone_looked && l->pid == fresh->pid && !l->has_item &&
            l->reader.tail == l->reader.head)
            lane_end(s, l);
    }
}

/* Of a process that executed another program only that one's threads are left. */
static void end_former(struct session *s, const struct lane *fresh)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (l->live && l->process == fresh->process && l->serial < fresh->serial)
            l->gone = true;
    }
}

static void resolve_image(struct session *s, struct lane *l)
{
    struct decode_birth birth;
    bool born = decode_birth(&l->item, &birth);
    l->image = registry_image(&s->registry, l->serial);
    if (!l->image) {
        end_outdated(s, l);
        l->image = registry_join(&s->registry, l->serial, l->pid, born ? &birth : NULL);
        note_image(s, l->image);
    }
    l->image->lanes++;
    l->process = registry_process(&s->registry, l->image->image.process);
    if (!l->process) { /* a late word of a process that was taken for gone */
        registry_restore(&s->registry, l->serial, l->image->image.process, l->pid);
        l->process = registry_process(&s->registry, l->image->image.process);
    }
    if (l->process->foreign) /* nobody can be asked whether they are still there */
        end_former(s, l);
    l->process->lanes++;
}

/* The id of the process that an event of birth names as its parent. */
static uint32_t parent_of(struct session *s, struct lane *l)
{
    struct decode_birth birth;
    struct registered *image;
    struct process *p;
    if (!decode_birth(&l->item, &birth))
        return 0;
    if (birth.parent_serial && (image = registry_image(&s->registry, birth.parent_serial)))
        return image->image.process;
    p = registry_by_pid(&s->registry, birth.ppid);
    return p && p != l->process ? p->id : 0;
}

/* A loss that a record tells of has its place in the order; what the counters
 * tell as well is the same loss. False: nothing new. */
static bool lost_is_news(struct lane *l, struct event *e)
{
    uint64_t told;
    if (e->address >= WIRE_LOST_REASONS)
        e->address = WIRE_LOST_TORN;
    told = l->lost_recorded[e->address] += e->size;
    if (told <= l->lost[e->address])
        return false;
    e->size = told - l->lost[e->address];
    l->lost[e->address] = told;
    told = l->drops_recorded += e->extra[0];
    e->extra[0] = told > l->lost_drops ? told - l->lost_drops : 0;
    l->lost_drops += e->extra[0];
    return true;
}

/* Whose the event is, and when. */
static inline void sign(const struct session *s, struct lane *l, struct event *e)
{
    e->thread = l->thread;
    e->process = l->process->id;
    e->ns = clock_event_ns(&s->clock, l->last_stamp);
    if (e->ns < l->last_ns)
        e->ns = l->last_ns;
    l->last_ns = e->ns;
}

/* What the rest of the session has to know of an event. */
static void note_life(struct lane *l, const struct event *e)
{
    if (e->type == EVENT_THREAD_EXIT)
        l->exiting = true;
    else if (e->type == EVENT_PROCESS_EXIT)
        l->process->exiting = PROCESS_EXITING_LOOKS;
}

static __attribute__((noinline)) void deliver_rare(struct session *s, struct lane *l)
{
    struct event e;
    int got = hold_note(s, l);
    if (got > 0)
        return;
    if (!got)
        got = decode_record(&s->decode, &l->image->image, &l->stack, &l->item, &e);
    if (got < 0) {
        s->counts.torn++;
        lane_lost(s, l, WIRE_LOST_TORN, 1, 0);
        return;
    }
    sign(s, l, &e);
    note_life(l, &e);
    if (e.type == EVENT_PROCESS_START)
        e.address = parent_of(s, l);
    else if (e.type == EVENT_MARK)
        hold_mark(l, &e);
    else if (e.type == EVENT_MODULE)
        own_locks_tell(&s->own_locks, s->decode.code, l->process->pid, &e);
    l->taken += e.type != EVENT_LOST;
    if (e.type != EVENT_LOST || lost_is_news(l, &e))
        session_emit(s, &e);
}

/* ---- the way of all records ---- */

static inline void deliver(struct session *s, struct lane *l, uint64_t stamp)
{
    struct event *e;
    bool first = !l->image;
    if (unlikely(first))
        resolve_image(s, l);
    if (unlikely(stamp < s->last_stamp))
        s->counts.late++;
    else
        s->last_stamp = stamp;
    if (stamp > l->last_stamp)
        l->last_stamp = stamp;
    e = session_room(s); /* after what may have emitted */
    if (likely(decode_plain(&s->decode, &l->image->image, &l->stack, &l->item, e))) {
        sign(s, l, e);
        l->taken++;
        session_took(s);
    } else {
        deliver_rare(s, l);
    }
    ring_reader_next(&l->reader, &l->item);
    l->has_item = false;
    if (unlikely(first))
        lane_losses(s, l);
    if (l->reader.tail - l->tried >= SESSION_PUBLISH_BYTES)
        lane_publish(s, l);
}

bool lane_run(struct session *s, struct lane *l, struct order_head *at, struct order_head until, uint64_t watermark)
{
    do {
        deliver(s, l, at->stamp);
        if (likely(ring_reader_plain(&l->reader, &l->item)))
            l->has_item = true;
        else if (!lane_next(s, l))
            return false;
        *at = head_of(s, l);
    } while (at->stamp < watermark && order_before(at, &until));
    return at->stamp < watermark;
}

/* It counts for what comes after it. */
bool lane_pass(struct session *s, struct lane *l, struct order_head *at, uint64_t watermark)
{
    struct event e;
    if (!l->image)
        resolve_image(s, l);
    if (at->stamp > l->last_stamp)
        l->last_stamp = at->stamp;
    if (decode_record(&s->decode, &l->image->image, &l->stack, &l->item, &e) > 0 && e.type != EVENT_LOST) {
        sign(s, l, &e);
        note_life(l, &e);
        l->taken++;
        if (!--l->skip)
            lane_go_on(s, l);
    }
    ring_reader_next(&l->reader, &l->item);
    l->has_item = false;
    if (!lane_next(s, l))
        return false;
    *at = head_of(s, l);
    return at->stamp < watermark;
}
