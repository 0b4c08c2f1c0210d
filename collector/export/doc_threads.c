/*
 * collector/export/doc_threads.c - the document `threads` (doc.h): what each
 * made, dropped and owns, which locks it holds and for which it waits.
 */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/interval.h"
#include "export/lock_names.h"
#include "export/text.h"

enum { HANDOFFS_IN_THREADS = 1000 };

/* Rows of one thread in a list sorted by thread. */
struct of_thread { uint32_t thread, at; };
struct thread_maker {
    const struct view *v;
    struct frames *frames;
    struct lock_names *names;
    struct of_thread *holds, *waits;
};

static int of_thread_compare(const void *a, const void *b)
{
    const struct of_thread *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static size_t of_thread_first(const struct of_thread *rows, size_t n, uint32_t thread)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rows[middle].thread < thread)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void thread_maker_begin(struct thread_maker *m, const struct view *v, struct frames *f, struct symbols *symbols)
{
    *m = (struct thread_maker){ .v = v, .frames = f, .names = lock_names_new(v, symbols) };
    m->holds = xcalloc(v->n_holds + 1, sizeof *m->holds);
    m->waits = xcalloc(v->n_waits + 1, sizeof *m->waits);
    for (size_t i = 0; i < v->n_holds; i++)
        m->holds[i] = (struct of_thread){ v->holds[i].thread, (uint32_t)i };
    for (size_t i = 0; i < v->n_waits; i++)
        m->waits[i] = (struct of_thread){ v->waits[i].thread, (uint32_t)i };
    qsort(m->holds, v->n_holds, sizeof *m->holds, of_thread_compare);
    qsort(m->waits, v->n_waits, sizeof *m->waits, of_thread_compare);
}

static void thread_maker_end(struct thread_maker *m)
{
    lock_names_free(m->names);
    free(m->holds);
    free(m->waits);
}

static json_t *thread_lock_json(struct thread_maker *m, uint64_t lock, uint64_t since_ns, uint32_t stack)
{
    const struct view_lock *l = lock_names_row(m->names, lock);
    return json_pack("{s:o,s:s,s:o,s:o,s:o}", "lock", doc_id('l', lock), "kind", l ? lock_name(l->family) : "?",
                     "where", text_json_string(lock_names_where(m->names, lock)), "since_ns", doc_number(since_ns),
                     "stack", frames_json(m->frames, frames_view_stack(m->frames, stack)));
}

static void thread_locks_set(json_t *j, struct thread_maker *m, uint32_t thread)
{
    const struct view *v = m->v;
    json_t *ids = json_array(), *held = json_array(), *waits = json_null(), *waits_for = json_null();
    for (size_t i = of_thread_first(m->holds, v->n_holds, thread); i < v->n_holds && m->holds[i].thread == thread; i++) {
        const struct view_hold *h = &v->holds[m->holds[i].at];
        json_t *one = thread_lock_json(m, h->lock, h->since_ns, h->stack);
        json_object_set_new(one, "shared", json_boolean(h->shared));
        json_array_append_new(held, one);
        json_array_append_new(ids, doc_id('l', h->lock));
    }
    size_t i = of_thread_first(m->waits, v->n_waits, thread);
    if (i < v->n_waits && m->waits[i].thread == thread) {
        const struct view_wait *w = &v->waits[m->waits[i].at];
        waits = doc_id('l', w->lock);
        waits_for = thread_lock_json(m, w->lock, w->since_ns, w->stack);
        json_object_set_new(waits_for, "timed", json_boolean(w->timed));
    }
    json_object_set_new(j, "holds", ids);
    json_object_set_new(j, "waits", waits);
    json_object_set_new(j, "locks_held", held);
    json_object_set_new(j, "waits_for", waits_for);
}

static json_t *count_json(const struct view *v, const struct view_count *c)
{
    json_t *j = doc_count(c);
    interval_count(j, v);
    return j;
}

static json_t *thread_json(struct thread_maker *m, const struct view_thread *t)
{
    json_t *j = json_object();
    json_object_set_new(j, "id", doc_id('t', t->id));
    json_object_set_new(j, "tid", t->tid ? json_integer(t->tid) : json_null());
    json_object_set_new(j, "name", *t->name ? text_json(t->name, strnlen(t->name, sizeof t->name)) : json_null());
    json_object_set_new(j, "process", doc_id('p', t->process));
    json_object_set_new(j, "made", count_json(m->v, &t->made));
    json_object_set_new(j, "dropped", count_json(m->v, &t->dropped));
    json_object_set_new(j, "owns", count_json(m->v, &t->owns));
    thread_locks_set(j, m, t->id);
    json_object_set_new(j, "creator", doc_id('t', t->creator));
    json_object_set_new(j, "born_ns", doc_number(t->born_ns));
    json_object_set_new(j, "ended_ns", doc_end_ns(t->ended, t->ended_ns));
    json_object_set_new(j, "joined_by", doc_id('t', t->joined_by));
    json_object_set_new(j, "detached", json_boolean(t->detached));
    return j;
}

json_t *doc_threads(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct frames *f = frames_new(c->symbols, v, NULL);
    struct thread_maker m;
    thread_maker_begin(&m, v, f, c->symbols);
    json_t *threads = json_array();
    for (size_t i = 0; i < v->n_threads; i++)
        if (!v->threads[i].same)
            json_array_append_new(threads, thread_json(&m, &v->threads[i]));
    thread_maker_end(&m);
    json_t *handoffs = doc_handoffs(v, f, o && o->handoffs ? o->handoffs : HANDOFFS_IN_THREADS);
    json_t *coverage = doc_coverage(v, c, f);
    json_t *j = json_object();
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    doc_since(j, v);
    json_object_set_new(j, "threads", threads);
    json_object_set_new(j, "handoffs", handoffs);
    json_object_set_new(j, "handoffs_total", doc_number(v->n_handoffs));
    json_object_set_new(j, "moves", doc_moves(v));
    json_decref(coverage);
    frames_free(f);
    return j;
}
