/*
 * collector/sql/sql_moment.c - the source at its moment: which events are
 * before it, the state, the code. Each is found when a table first asks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/dict.h"
#include "sql/sql_room.h"

/* ---- which events ---- */

static int moment(struct sql *s, const char *text, struct source_at *at, uint64_t *event)
{
    source_at_parse(at, text);
    int error = source_event_at(&s->source, at, event);
    if (error == -ENOENT)
        sql_fail(s, error, "%s has no mark '%s'", s->path, at->mark ? at->mark : text);
    else if (error == -EBADMSG) {
        sql_damaged(s, s->source.trace);    /* what lies before it */
        error = 0;
    } else if (error == -ERANGE)
        sql_fail(s, error, "%s: %s", s->path, source_error());
    else if (error)
        sql_fail(s, error, "cannot read %s: %s", s->path, strerror(-error));
    return error;
}

int sql_range_find(struct sql *s)
{
    struct source_at at;
    int error = 0;
    if (s->ranged)
        return 0;
    s->since_event = s->since_ns = 0;
    s->last_event = trace_events(s->source.trace);
    s->whole = !s->at && trace_end(s->source.trace)->present;
    if (s->at)
        error = moment(s, s->at, &at, &s->last_event);
    if (!error && s->since)
        error = moment(s, s->since, &at, &s->since_event);
    if (!error && s->since && source_ns_at(&s->source, &at, &s->since_ns))
        s->since_ns = 0;
    s->ranged = !error;
    return error;
}

struct trace *sql_reader(struct sql *s)
{
    struct trace *t;
    int error = trace_open(&t, s->path);
    if (!error)
        return t;
    sql_fail(s, error, "cannot read %s: %s", s->path, trace_error_text(NULL));
    return NULL;
}

void sql_folded(struct sql *s, const struct trace *t, uint64_t from, uint64_t to)
{
    const struct trace_checkpoint *list;
    uint64_t begun = from < trace_events_before(t) ? trace_events_before(t) : from;
    for (size_t i = trace_checkpoints(t, &list); i-- > 0;)
        if (list[i].event <= to) {
            begun = list[i].event > begun ? list[i].event : begun;
            break;
        }
    s->cost.decoded += to > begun ? to - begun : 0;
}

/* ---- the state ---- */

static struct sql_state *state_make(struct sql *s, unsigned flags, struct source_at at)
{
    struct sql_state *st = xcalloc(1, sizeof *st);
    struct source_options o = { .flags = flags & SQL_STATE_BLOCKS ? VIEW_BLOCKS : 0, .heaps = flags & SQL_STATE_HEAPS, .at = at };
    int error = source_open(&st->source, s->path, &o);
    if (error) {
        sql_fail(s, error, "cannot read %s: %s", s->path, *source_error() ? source_error() : strerror(-error));
        free(st);
        return NULL;
    }
    if (st->source.damage && !s->damage)
        s->damage = xstrdup(st->source.damage);
    st->source.doc.symbols = s->source.symbols;
    st->flags = flags;
    s->cost.passes++;
    sql_folded(s, st->source.trace, 0, st->source.events);
    return st;
}

struct sql_state *sql_state_behind(struct sql *s, uint64_t event)
{
    return state_make(s, SQL_STATE_BLOCKS, (struct source_at){ .kind = SOURCE_EVENT, .value = event });
}

void sql_state_free(struct sql_state *st)
{
    if (!st)
        return;
    source_close(&st->source);
    free(st->stacks);
    if (st->blocks)
        dict_clear(st->blocks);
    free(st->blocks);
    free(st);
}

struct sql_state *sql_state(struct sql *s, unsigned flags)
{
    for (size_t i = s->n_states; i-- > 0;)
        if ((s->states[i]->flags & flags) == flags)
            return s->states[i];
    if (sql_range_find(s))
        return NULL;
    if (s->n_states == SQL_STATES) {
        sql_fail(s, -ENOMEM, "too many states for one question");
        return NULL;
    }
    struct source_at at = { 0 };
    if (s->at)
        source_at_parse(&at, s->at);
    else if (!s->whole)     /* it may have grown since */
        at = (struct source_at){ .kind = SOURCE_EVENT, .value = s->last_event };
    struct sql_state *st = state_make(s, flags | s->need, at);
    if (st)
        s->states[s->n_states++] = st;
    return st;
}

void sql_states_drop(struct sql *s)
{
    while (s->n_states)
        sql_state_free(s->states[--s->n_states]);
}

uint32_t sql_state_block(struct sql_state *st, uint64_t id)
{
    const struct view *v = st->source.view;
    if (!st->blocks) {
        st->blocks = xcalloc(1, sizeof *st->blocks);
        for (size_t i = 0; i < v->n_blocks; i++)
            dict_set(st->blocks, v->blocks[i].id, (uint32_t)i + 1);
    }
    return dict_get(st->blocks, id);
}

/* ---- the view's stacks among the trace's ---- */

static bool same_module(const struct code_module *a, const struct code_module *b)
{
    return !strcmp(a->path, b->path) && a->build_id_bytes == b->build_id_bytes &&
           !memcmp(a->build_id, b->build_id, a->build_id_bytes);
}

/* A view keeps the order of the tables that it was made of, and leaves rows out: so one walk finds all. */
static uint32_t *stacks_match(const struct view *v, const struct code *c)
{
    uint32_t *modules = xcalloc(v->n_modules + 1, sizeof *modules), *frames = xcalloc(v->n_frames + 1, sizeof *frames);
    uint32_t *stacks = xcalloc(v->n_stacks + 1, sizeof *stacks), id = 1;
    for (size_t i = 0; i < v->n_modules; i++, id++) {
        while (id <= code_modules(c) && !same_module(&v->modules[i], code_module(c, id)))
            id++;
        modules[i + 1] = id;
    }
    id = 1;
    for (size_t i = 0; i < v->n_frames; i++, id++) {
        const struct code_frame *want = &v->frames[i], *f;
        for (; (f = code_frame(c, id)) != NULL; id++)
            if (f->offset == want->offset && f->flags == want->flags && f->module == modules[want->module])
                break;
        frames[i + 1] = id;
    }
    id = 1;
    for (size_t i = 0; i < v->n_stacks; i++, id++) {
        const struct code_stack *want = &v->stacks[i], *k;
        for (; (k = code_stack(c, id)) != NULL; id++)
            if (k->frame == frames[want->frame] && k->parent == stacks[want->parent])
                break;
        stacks[i + 1] = k ? id : 0;
    }
    free(modules);
    free(frames);
    return stacks;
}

uint32_t sql_state_stack(struct sql_state *st, uint32_t stack)
{
    if (!st->stacks)
        st->stacks = stacks_match(st->source.view, trace_code(st->source.trace));
    return stack <= st->source.view->n_stacks ? st->stacks[stack] : 0;
}

/* ---- the code ---- */

/* Reads all definitions. */
static void code_complete(struct trace *t)
{
    struct event e;
    if (trace_seek(t, trace_events(t)))
        trace_rewind(t);
    while (trace_next(t, &e) > 0)
        ;
}

const struct code *sql_code(struct sql *s)
{
    if (!s->code && (s->code = sql_reader(s)))
        code_complete(s->code);
    return s->code ? trace_code(s->code) : NULL;
}

struct frames *sql_frames(struct sql *s)
{
    const struct code *code = sql_code(s);
    if (code && !s->frames)
        s->frames = frames_new(s->source.symbols, NULL, code);
    return s->frames;
}
