/*
 * collector/session/hold.c - threads that hold until their process has been
 * looked at, and the quiet of a process that stands still. Ingest thread.
 *
 * A hold begins with a WIRE_HOLD record and slot->holding; it is over when the
 * collector answers there, when the collector's heart has not beaten for the
 * thread's bound, or with the thread. So what a record says is only believed
 * while the slot says the same and nothing lies behind the record.
 *
 * If the collector dies, the next one lets all go on: it knows nothing of
 * what the one before it was about to do.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/proc.h"
#include "session/state.h"

enum { SETTLE_LOOKS = 8 };

/* ---- what records say ---- */

static struct lane_hold *hold_of(struct lane *l)
{
    if (!l->hold)
        l->hold = xcalloc(1, sizeof *l->hold);
    return l->hold;
}

void hold_mark(struct lane *l, const struct event *e)
{
    char *mark = hold_of(l)->mark;
    size_t n = e->text ? strnlen(e->text, e->text_bytes) : 0;
    n = n < sizeof l->hold->mark ? n : sizeof l->hold->mark - 1;
    memset(mark, 0, sizeof l->hold->mark);
    if (n)
        memcpy(mark, e->text, n);
}

/* Nobody can be asked whether it has ended: this is the last that is heard of it. */
static void foreign_ends(struct session *s, const struct process *p)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && s->lanes[i]->process == p)
            s->lanes[i]->exiting = true;
}

static int note_hold(struct session *s, struct lane *l)
{
    const struct wire_record *r = &l->item.head;
    struct lane_hold *h = hold_of(l);
    uint32_t tid = wire_extra_of(r) ? (uint32_t)decode_word(l->item.body) : l->tid;
    if (!r->size || r->size > WIRE_HOLD_FORK)
        return -EBADMSG;
    h->words = (struct session_hold){.process = l->process->id, .thread = l->thread, .sp = r->address,
                                     .why = (uint8_t)r->size};
    if (!l->process->foreign && proc_maps_same(l->pid, s->registry.segment)) {
        h->words.pid = (pid_t)l->pid;
        h->words.tid = (pid_t)tid;
    }
    if (l->process->foreign && r->size == WIRE_HOLD_EXIT)
        foreign_ends(s, l->process);
    if (r->size == WIRE_HOLD_MARK)
        memcpy(h->words.mark, h->mark, sizeof h->words.mark);
    if (r->size == WIRE_HOLD_FORK)
        l->process->image = 0;
    s->holds += !h->news;
    h->news = true;
    return 1;
}

int hold_note(struct session *s, struct lane *l)
{
    int64_t image = (int64_t)l->item.head.address;
    if (l->item.head.type == WIRE_HOLD)
        return note_hold(s, l);
    if (l->item.head.type != WIRE_IMAGE)
        return 0;
    if (!image || image > INT32_MAX || image < -4095)
        return -EBADMSG;
    l->process->image = image > 0 && l->process->foreign ? -EPERM : (int)image;
    return 1;
}

void hold_forget(struct session *s, struct lane *l)
{
    if (!l->hold)
        return;
    s->holds -= l->hold->news;
    free(l->hold);
    l->hold = NULL;
}

/* ---- holds ---- */

static bool holds(const struct lane *l)
{
    return l->live && !l->gone && load_acquire(&l->slot->holding) == WIRE_HOLDING_HOLDS;
}

bool session_hold_next(struct session *s, struct session_hold *out)
{
    uint32_t i;
    for (i = 0; s->holds && i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (!l->hold || !l->hold->news || l->has_item || l->reader.tail != l->reader.head)
            continue; /* behind a hold that still holds lies nothing */
        l->hold->news = false;
        s->holds--;
        *out = l->hold->words;
        if (holds(l))
            return true;
    }
    return false;
}

static struct lane *lane_of(const struct session *s, const struct session_hold *h)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && s->lanes[i]->thread == h->thread)
            return s->lanes[i];
    return NULL;
}

bool session_hold_lasts(const struct session *s, const struct session_hold *h)
{
    const struct lane *l = lane_of(s, h);
    return l && holds(l) && !(l->hold && l->hold->news);
}

static void answer(struct lane *l, uint32_t word)
{
    if (cas_acq_rel(&l->slot->holding, (uint32_t)WIRE_HOLDING_HOLDS, word))
        session_futex(&l->slot->holding, FUTEX_WAKE, INT32_MAX, 0);
}

void session_hold_end(struct session *s, const struct session_hold *h, bool fork)
{
    struct lane *l = lane_of(s, h);
    if (l && l->process)
        l->process->image = 0;
    if (l && session_still_ours(s))
        answer(l, fork ? WIRE_HOLDING_FORK : WIRE_HOLDING_GO);
}

void hold_end_all(struct session *s)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live)
            answer(s->lanes[i], WIRE_HOLDING_GO);
    store_relaxed(&wire_pulse_of(&s->segment.wire)->image_wanted, 0);
}

/* ---- a process that stands still ---- */

static bool is_of(const struct lane *l, const struct process *p)
{
    return l->live && (l->process == p || (!l->process && !p->foreign && l->pid == p->pid));
}

/* Hands over what its rings hold now. True: that was all. */
static bool settle_once(struct session *s, const struct process *p)
{
    bool empty = true;
    uint32_t i;
    session_see_claims(s);
    order_clear(&s->order);
    for (i = 0; i < s->made; i++)
        if (is_of(s->lanes[i], p))
            lane_look(s, s->lanes[i]);
    s->latest = session_stamp(s);
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (!is_of(l, p))
            continue;
        if (l->process)
            lane_losses(s, l);
        if (lane_next(s, l))
            order_push(&s->order, lane_head(s, l));
    }
    session_merge(s, UINT64_MAX);
    session_flush(s);
    if (!session_still_ours(s))
        return true;
    for (i = 0; i < s->made; i++)
        if (is_of(s->lanes[i], p)) {
            lane_publish(s, s->lanes[i]);
            empty &= s->lanes[i]->poisoned || s->lanes[i]->reader.tail == load_acquire(&s->lanes[i]->slot->head);
        }
    return empty;
}

int session_settle(struct session *s, struct code *code, session_sink sink, void *context, uint32_t process)
{
    const struct process *p = registry_process(&s->registry, process);
    bool empty = !p;
    unsigned i;
    session_round_begin(s, code, sink, context);
    for (i = 0; i < SETTLE_LOOKS && !empty && session_still_ours(s); i++)
        empty = settle_once(s, p);
    session_flush(s);
    return s->stale ? -ESTALE : empty ? 0 : -ETIMEDOUT;
}

/* ---- forked images ---- */

void session_image_ask(struct session *s, uint32_t process)
{
    struct process *p = registry_process(&s->registry, process);
    uint32_t serial = 0, i;
    if (!p || !session_still_ours(s))
        return;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && s->lanes[i]->process == p && s->lanes[i]->serial > serial)
            serial = s->lanes[i]->serial;
    store_release(&wire_pulse_of(&s->segment.wire)->image_wanted, serial);
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && s->lanes[i]->process == p)
            store_release(&s->lanes[i]->slot->resync, 1);
}

void session_image_unask(struct session *s)
{
    if (session_still_ours(s))
        store_release(&wire_pulse_of(&s->segment.wire)->image_wanted, 0);
}

/* It says so before anything else. */
pid_t session_image(struct session *s, const struct session_hold *h)
{
    struct lane *l = lane_of(s, h);
    if (!l || l->gone || !l->process)
        return -ESRCH;
    if (l->process->image) /* a round came by it first */
        return l->process->image;
    lane_look(s, l);
    if (!lane_next(s, l))
        return 0;
    if (l->item.head.type != WIRE_IMAGE || hold_note(s, l) < 0)
        return -EIO;
    ring_reader_next(&l->reader, &l->item);
    l->has_item = false;
    return l->process->image;
}

/* ---- who runs ---- */

pid_t session_pid_of(const struct session *s, uint32_t process)
{
    const struct process *p = registry_process(&s->registry, process);
    return p && !p->foreign && !p->gone ? (pid_t)p->pid : 0;
}

uint32_t session_process_of(const struct session *s, pid_t pid)
{
    const struct process *p = pid > 0 ? registry_by_pid(&s->registry, (uint32_t)pid) : NULL;
    return p && !p->foreign && !p->gone ? p->id : 0;
}

size_t session_running(const struct session *s, uint32_t *processes, size_t max)
{
    const struct registry *r = &s->registry;
    size_t i, n = 0;
    for (i = 0; i < r->process_count; i++)
        if (!r->processes[i]->gone) {
            if (n < max)
                processes[n] = r->processes[i]->id;
            n++;
        }
    return n;
}

void session_tell(struct session *s, struct code *code, session_sink sink, void *context, const struct event *e)
{
    struct event mine = *e;
    session_round_begin(s, code, sink, context);
    s->latest = session_stamp(s);
    mine.ns = clock_event_ns(&s->clock, s->latest);
    session_emit(s, &mine);
    session_flush(s);
}

void session_keep_alive(struct session *s)
{
    if (session_is_ours(s)) /* s->stale is the ingest thread's */
        store_relaxed(&wire_pulse_of(&s->segment.wire)->heartbeat_stamp, session_stamp(s));
}
