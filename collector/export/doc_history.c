/*
 * collector/export/doc_history.c - the life of one block or lock (doc.h).
 *
 * A release at the block's place after its own drop, with nothing known living
 * there, belongs to its story too: that is how a double free looks. So do the
 * locks that lie in it while it lives, and, in short, the blocks that held its
 * place before and after it (history_place.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/event_json.h"
#include "export/export_locks.h"
#include "export/history_head.h"
#include "export/history_place.h"
#include "export/moment.h"

enum { EVENTS_MAX = 100000 };

int doc_target_parse(struct doc_target *t, const char *text)
{
    t->is_address = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    t->is_lock = *text == 'l';
    int error = t->is_address ? parse_address(text, &t->value) : parse_count(text + (*text == 'b' || t->is_lock), &t->value);
    return error || !t->value ? -EINVAL : 0;
}

/* ---- its story ---- */

struct story {
    struct frames *frames;
    struct block_life life;
    uint64_t id;
    bool of_lock;               /* id is a lock's */
    uint64_t since;             /* facts of events up to that number are not told */
    uint64_t total;
    bool met;
    bool inherited;             /* it lived when the file began: earlier events of it are in another file */
    uint64_t arrival;           /* number of the event that brought it to where it is */
    bool taken_over;            /* another block lives at its place now */
    struct place_life after;    /* the first that came there */
    struct json_writer writer;
    char *text;
    size_t text_bytes, text_capacity;
};

static int story_sink(void *context, const char *bytes, size_t n)
{
    struct story *s = context;
    s->text = xgrow(s->text, &s->text_capacity, s->text_bytes + n, 1);
    memcpy(s->text + s->text_bytes, bytes, n);
    s->text_bytes += n;
    return 0;
}

/* Facts of others that touch the dead block's place. */
static bool after_death(struct story *s, const struct fact *f)
{
    if (!s->life.dropped || s->taken_over || f->address != s->life.address || f->process != s->life.process)
        return false;
    s->taken_over = f->block != 0 && (f->type == FACT_NEW || f->type == FACT_MOVE);
    return f->type == FACT_DROP && !f->block;
}

/* A lock inside the living block. */
static bool inside(const struct story *s, const struct fact *f)
{
    const struct block_life *l = &s->life;
    return f->lock && l->id && !l->dropped && f->process == l->process && f->address - l->address < l->size;
}

static void event_tell(struct story *s, const struct fact *f)
{
    if (f->event <= s->since || s->total++ >= EVENTS_MAX)
        return;
    jw_object(&s->writer);
    event_json_members(&s->writer, f);
    JW_KEY(&s->writer, "stack");
    frames_write(s->frames, &s->writer, frames_code_stack(s->frames, f->stack));
    jw_end(&s->writer);
}

static void lock_fact(void *context, const struct fact *f)
{
    struct story *s = context;
    if (f->lock != s->id)
        return;
    s->met = true;
    event_tell(s, f);
}

static void block_fact(void *context, const struct fact *f)
{
    struct story *s = context;
    if (f->block == s->id) {
        block_life_fold(&s->life, f);
        if (place_comes(f))
            s->arrival = f->event;
    } else {
        if (s->life.dropped)
            place_life_fold(&s->after, &s->life, f);
        if (!after_death(s, f) && !inside(s, f))
            return;
    }
    s->met = true;
    event_tell(s, f);
}

/* The block, and then what becomes of the next one at its place. Of a fork's copy the birth may be told later, by an event
 * that does not name it: until something is, nothing is left out. */
static const struct block_life *story_subject(void *context)
{
    static const struct block_life unborn;
    const struct story *s = context;
    if (s->inherited && s->life.cloned_from && !s->total)
        return &unborn;
    if (!s->life.dropped || !s->taken_over)
        return &s->life;
    return s->after.whole && !s->after.life.dropped ? &s->after.life : NULL;
}

/* ---- the document ---- */

static void node_write(struct story *s, const struct block_life *l)
{
    struct json_writer *w = &s->writer;
    jw_object(w);
    block_life_members(w, l, NULL);
    JW_KEY(w, "stack");
    frames_write(s->frames, w, frames_code_stack(s->frames, l->stack));
    JW_KEY(w, "drop_stack");
    if (l->dropped && l->drop_stack)
        frames_write(s->frames, w, frames_code_stack(s->frames, l->drop_stack));
    else
        jw_null(w);
    jw_end(w);
}

static void neighbour_write(struct story *s, const struct block_life *l)
{
    if (l->id)
        node_write(s, l);
    else
        jw_null(&s->writer);
}

static int story_of_block(struct story *s, struct trace *t, uint64_t until)
{
    struct history_walk walk = { .trace = t, .block = s->id, .until = until, .observer = block_fact, .context = s, .subject = story_subject };
    struct block_life before = { 0 };
    struct json_writer *w = &s->writer;
    s->met = s->inherited = head_block(t, s->id, &s->life);
    int error = history_walk(&walk);
    if (s->met)
        place_before(t, &s->life, s->arrival, until, &before);
    if (s->after.life.id && !s->after.whole)
        place_life_of(t, s->after.life.id, until, &s->after.life);
    jw_end(w);
    JW_KEY(w, "node");
    node_write(s, &s->life);
    JW_KEY(w, "before");
    neighbour_write(s, &before);
    JW_KEY(w, "after");
    neighbour_write(s, &s->after.life);
    return error;
}

/* Events between which all that happened to the lock lies; open where it is not known. */
static void lock_span(struct story *s, struct trace *t, const struct view *v, uint64_t *first, uint64_t *last)
{
    const uint64_t late_ns = 10000000000;    /* no stamp lies further behind the event before it */
    struct source_at at = { .kind = SOURCE_NS };
    uint64_t event;
    for (size_t i = 0; i < v->n_locks; i++) {
        const struct view_lock *l = &v->locks[i];
        if (l->id != s->id)
            continue;
        s->inherited = trace_events_before(t) && l->born_ns <= head_ns(t);
        s->met |= s->inherited;
        at.value = l->born_ns ? l->born_ns - 1 : 0;
        if (l->born_ns && !moment_find(t, &at, NULL, NULL, &event) && event != UINT64_MAX)
            *first = event + 1;
        at.value = l->ended_ns + late_ns;
        if (l->ended_ns && !moment_find(t, &at, NULL, NULL, &event) && event < *last)
            *last = event;
    }
}

static int story_of_lock(struct story *s, struct trace *t, struct symbols *symbols, uint64_t until)
{
    struct graph *g;
    uint64_t first = 0, last = until;
    int error = replay_to(t, until, &g, NULL);
    if (!g)
        return error;
    graph_settle(g, UINT64_MAX);
    struct view *v = graph_view_make(g, trace_code(t), 0);
    graph_free(g);
    lock_span(s, t, v, &first, &last);
    struct replay r = { .trace = t, .first_event = first, .last_event = last == UINT64_MAX ? 0 : last, .observer = lock_fact, .context = s };
    int damaged = replay_run(&r);
    jw_end(&s->writer);
    struct lock_names *names = lock_names_new(v, symbols);
    JW_KEY(&s->writer, "node");
    export_lock_node(&s->writer, v, names, s->id, NULL, NULL);
    lock_names_free(names);
    view_free(v);
    return error ? error : damaged;
}

/* 0 and *doc when the block or lock was met. */
static int story_tell(struct trace *t, const struct doc_context *c, const struct place_found *found, const struct doc_history_options *o, json_t **doc)
{
    struct story *s = xcalloc(1, sizeof *s);
    s->id = found->id;
    s->of_lock = found->is_lock;
    s->since = o->since_event;
    s->frames = frames_new(c->symbols, NULL, trace_code(t));
    jw_init(&s->writer, story_sink, s);
    jw_object(&s->writer);
    JW_KEY(&s->writer, "events");
    jw_array(&s->writer);
    uint64_t until = o->until_event ? o->until_event : UINT64_MAX;
    int error = s->of_lock ? story_of_lock(s, t, c->symbols, until) : story_of_block(s, t, until);
    JW_KEY(&s->writer, "events_total");
    jw_u64(&s->writer, s->total);
    if (s->inherited) {
        JW_KEY(&s->writer, "begins");
        jw_object(&s->writer);
        JW_KEY(&s->writer, "events_before");
        jw_u64(&s->writer, trace_events_before(t));
        JW_KEY(&s->writer, "ns");
        jw_u64(&s->writer, head_ns(t));
        jw_end(&s->writer);
    }
    if (o->since) {
        JW_KEY(&s->writer, "since_ns");
        jw_u64(&s->writer, o->since_ns);
    }
    jw_end(&s->writer);
    jw_finish(&s->writer);
    *doc = s->met ? json_loadb(s->text, s->text_bytes, JSON_ALLOW_NUL, NULL) : NULL;
    if (*doc)
        error = 0;
    else if (!error)
        error = -ENOENT;
    frames_free(s->frames);
    free(s->text);
    free(s);
    return error;
}

int doc_history(struct trace *t, const struct doc_context *c, const struct doc_target *target,
                const struct doc_history_options *o, json_t **doc)
{
    static const struct doc_history_options all;
    struct place_found found = { .id = target->value, .is_lock = target->is_lock };
    o = o ? o : &all;
    *doc = NULL;
    int error = target->is_address ? place_find(t, target->value, o->until_event ? o->until_event : UINT64_MAX, &found) : 0;
    if (!error)
        error = story_tell(t, c, &found, o, doc);
    replay_forget();
    return error;
}
