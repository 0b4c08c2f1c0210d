/*
 * collector/export/doc_states.c - see doc_states.h. What a thread holds and waits
 * for is the graph's; whether it runs, the kernel's; where it was last, its ring's.
 */
#include "export/doc_states.h"

#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/interval.h"
#include "export/lock_names.h"
#include "export/text.h"

struct maker {
    const struct view *v;
    const struct doc_states_input *in;
    struct frames *frames, *native;     /* of the view's stacks, of those from outside */
    struct lock_names *names;
};

/* ---- locks ------------------------------------------------------------------- */

static json_t *lock_json(struct maker *m, uint64_t lock, uint64_t since_ns, uint32_t stack)
{
    const struct view_lock *l = lock_names_row(m->names, lock);
    return json_pack("{s:o,s:s,s:o,s:o,s:o}", "lock", doc_id('l', lock), "kind", l ? lock_name(l->family) : "?",
                     "where", text_json_string(lock_names_where(m->names, lock)), "since_ns", doc_number(since_ns),
                     "stack", frames_json(m->frames, frames_view_stack(m->frames, stack)));
}

/* Who has it: those that a waiter waits for. */
static json_t *holders_json(struct maker *m, uint64_t lock)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->v->n_holds; i++) {
        const struct view_hold *h = &m->v->holds[i];
        if (h->lock == lock)
            json_array_append_new(list, json_pack("{s:o,s:o,s:b,s:o}", "thread", doc_id('t', h->thread), "since_ns", doc_number(h->since_ns),
                                                  "shared", h->shared, "stack", frames_json(m->frames, frames_view_stack(m->frames, h->stack))));
    }
    return list;
}

static json_t *waiters_json(const struct view *v, uint64_t lock)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n_waits; i++)
        if (v->waits[i].lock == lock)
            json_array_append_new(list, doc_id('t', v->waits[i].thread));
    return list;
}

static json_t *waits_json(struct maker *m, uint32_t thread)
{
    for (size_t i = 0; i < m->v->n_waits; i++) {
        const struct view_wait *w = &m->v->waits[i];
        if (w->thread != thread)
            continue;
        json_t *j = lock_json(m, w->lock, w->since_ns, w->stack);
        json_object_set_new(j, "timed", json_boolean(w->timed));
        json_object_set_new(j, "held_by", holders_json(m, w->lock));
        return j;
    }
    return json_null();
}

static json_t *holds_json(struct maker *m, uint32_t thread)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->v->n_holds; i++) {
        const struct view_hold *h = &m->v->holds[i];
        if (h->thread != thread)
            continue;
        json_t *j = lock_json(m, h->lock, h->since_ns, h->stack);
        json_object_set_new(j, "shared", json_boolean(h->shared));
        json_object_set_new(j, "waiters", waiters_json(m->v, h->lock));
        json_array_append_new(list, j);
    }
    return list;
}

/* ---- one thread ---------------------------------------------------------------- */

static json_t *rates_json(const struct maker *m, bool rated, double events, double allocations, double bytes)
{
    return rated ? json_pack("{s:o,s:f,s:f,s:f}", "over_ns", doc_number(m->in->over_ns), "events_per_s", events,
                             "allocations_per_s", allocations, "bytes_per_s", bytes) : json_null();
}

static json_t *native_json(struct maker *m, const struct doc_state *s)
{
    if (!m->in->code)
        return json_null();
    return json_pack("{s:o,s:o,s:o}", "stack", frames_json(m->native, frames_code_stack(m->native, s->native)),
                     "refused", text_json_string(s->refused), "stood_ns", doc_number(s->stood_ns));
}

static void kernel_set(json_t *j, const struct doc_state *s)
{
    const struct proc_thread *k = &s->kernel;
    const char *call = s->seen && k->syscall >= 0 ? proc_thread_syscall(k->syscall) : NULL;
    json_object_set_new(j, "state", json_string(s->seen ? proc_thread_state(k->state) : "unknown"));
    json_object_set_new(j, "wchan", s->seen && *k->wchan ? text_json_string(k->wchan) : json_null());
    json_object_set_new(j, "syscall", call ? json_string(call) : s->seen && k->syscall >= 0 ? json_sprintf("syscall %ld", k->syscall) : json_null());
    json_object_set_new(j, "cpu_ns", s->seen ? doc_number(k->cpu_ns) : json_null());
    json_object_set_new(j, "cpu_share", s->seen && s->rated ? json_real(s->cpu) : json_null());
}

static json_t *state_json(struct maker *m, const struct view_state *t, const struct doc_state *s)
{
    static const struct view_count none;
    const struct view_thread *row = view_thread_of(m->v, t->thread);
    json_t *j = json_object();
    json_object_set_new(j, "id", doc_id('t', t->thread));
    json_object_set_new(j, "tid", t->tid ? json_integer(t->tid) : json_null());
    json_object_set_new(j, "name", row && *row->name ? text_json(row->name, strnlen(row->name, sizeof row->name))
                                   : s->seen && *s->kernel.name ? text_json_string(s->kernel.name) : json_null());
    json_object_set_new(j, "process", doc_id('p', t->process));
    json_object_set_new(j, "pid", json_integer(t->pid));
    kernel_set(j, s);
    json_object_set_new(j, "waits", waits_json(m, t->thread));
    json_object_set_new(j, "holds", holds_json(m, t->thread));
    json_t *owns = doc_count(row ? &row->owns : &none), *made = doc_count(row ? &row->made : &none);
    interval_count(owns, m->v);
    interval_count(made, m->v);
    json_object_set_new(j, "owns", owns);
    json_object_set_new(j, "made", made);
    json_object_set_new(j, "events", doc_number(t->events));
    json_object_set_new(j, "last", json_pack("{s:o,s:o}", "ns", doc_number(t->last_ns), "stack", frames_json(m->frames, frames_view_stack(m->frames, t->stack))));
    json_object_set_new(j, "rates", rates_json(m, s->rated, s->events, s->allocations, s->bytes));
    json_object_set_new(j, "ring_fill", json_real(t->ring_bytes ? (double)t->ring_fill / (double)t->ring_bytes : 0));
    json_object_set_new(j, "native", native_json(m, s));
    return j;
}

static json_t *totals_json(const struct maker *m)
{
    const struct view *v = m->v;
    const struct doc_states_input *in = m->in;
    uint64_t lost = 0;
    double fill = 0;
    for (size_t i = 0; i < sizeof v->lost / sizeof *v->lost; i++)
        lost += v->lost[i];
    for (size_t i = 0; i < v->n_states; i++)
        if (v->states[i].ring_bytes && (double)v->states[i].ring_fill / (double)v->states[i].ring_bytes > fill)
            fill = (double)v->states[i].ring_fill / (double)v->states[i].ring_bytes;
    json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:f}", "threads", doc_number(v->n_states), "events", doc_number(v->events), "lost", doc_number(lost),
                     "live_blocks", doc_number(v->totals.live_blocks), "live_bytes", doc_number(v->totals.live_bytes), "peak_bytes",
                     doc_number(v->totals.peak_bytes), "rates", rates_json(m, in->over_ns, in->events, in->allocations, in->bytes), "ring_fill", fill);
    interval_sums(j, v, (const char *const[]){ "live_bytes", "peak_bytes", NULL }, (const char *const[]){ "live_blocks", NULL });
    return j;
}

static int by_thread(const void *a, const void *b)
{
    const struct doc_rank *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

json_t *doc_states(const struct view *v, const struct doc_context *c, const struct doc_states_input *in)
{
    struct maker m = { .v = v, .in = in, .frames = frames_new(c->symbols, v, NULL), .names = lock_names_new(v, c->symbols),
                       .native = frames_new(c->symbols, NULL, in->code) };
    struct doc_rank *order = xcalloc(v->n_states + 1, sizeof *order);
    json_t *threads = json_array();
    for (size_t i = 0; i < v->n_states; i++)
        order[i] = (struct doc_rank){ .key = v->states[i].thread, .at = (uint32_t)i };
    qsort(order, v->n_states, sizeof *order, by_thread);
    for (size_t i = 0; i < v->n_states; i++)
        if (in->states[order[i].at].shown)
            json_array_append_new(threads, state_json(&m, &v->states[order[i].at], &in->states[order[i].at]));
    json_t *j = json_pack("{s:i,s:o,s:o,s:o,s:o}", "ownscope", 1, "at_ns", doc_number(c->duration_ns), "totals", totals_json(&m),
                          "threads", threads, "processes", doc_processes(v));
    free(order);
    lock_names_free(m.names);
    frames_free(m.frames);
    frames_free(m.native);
    return j;
}
