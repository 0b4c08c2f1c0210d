/*
 * collector/export/doc_locks.c - the document `locks` (doc.h): each lock and
 * each class of locks with its times and the places that take it, orders that
 * close a circle, and threads that wait for each other now.
 *
 * Rows of the view's tables are found by an order of indexes sorted once
 * (struct grouped); nothing is searched for one lock at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/interval.h"
#include "export/doc_parts.h"
#include "export/lock_names.h"
#include "export/text.h"

enum { LOCKS_DEFAULT = 1000, CLASSES_DEFAULT = 1000, CYCLES_MAX = 1000, SITES_OF_LOCK = 100, SITES_OF_MANY = 3, SITES_MAX = 20000 };

/* Indexes of a table, those of one key together, the largest weight first. */
struct grouped_row { uint64_t key, weight; uint32_t at; };
struct grouped { struct grouped_row *rows; size_t n; };

struct maker {
    const struct view *v;
    struct symbols *symbols;
    struct frames *frames;
    struct lock_names *names;
    struct grouped sites, holds, waits, guards;
    size_t sites_left;      /* of SITES_MAX rows in all */
};

static int grouped_compare(const void *a, const void *b)
{
    const struct grouped_row *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void grouped_sort(struct grouped *g)
{
    if (g->n)
        qsort(g->rows, g->n, sizeof *g->rows, grouped_compare);
}

/* The first row of a key; rows go on while the key is the same. */
static size_t grouped_first(const struct grouped *g, uint64_t key)
{
    size_t low = 0, high = g->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (g->rows[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#define GROUP(m, table, key_expr, weight_expr) do { \
        (m)->table.n = rows; \
        (m)->table.rows = xcalloc(rows + 1, sizeof *(m)->table.rows); \
        for (size_t i = 0; i < rows; i++) \
            (m)->table.rows[i] = (struct grouped_row){ key_expr, weight_expr, (uint32_t)i }; \
        grouped_sort(&(m)->table); \
    } while (0)

static void maker_begin(struct maker *m, const struct view *v, struct symbols *symbols)
{
    size_t rows;
    *m = (struct maker){ .v = v, .symbols = symbols, .frames = frames_new(symbols, v, NULL), .names = lock_names_new(v, symbols),
                         .sites_left = SITES_MAX };
    rows = v->n_lock_sites;
    GROUP(m, sites, v->lock_sites[i].class, v->lock_sites[i].acquisitions);
    rows = v->n_holds;
    GROUP(m, holds, v->holds[i].lock, 0);
    rows = v->n_waits;
    GROUP(m, waits, v->waits[i].lock, 0);
    rows = v->n_guards;
    GROUP(m, guards, v->guards[i].lock, v->guards[i].touches);
}

static void maker_end(struct maker *m)
{
    free(m->sites.rows);
    free(m->holds.rows);
    free(m->waits.rows);
    free(m->guards.rows);
    lock_names_free(m->names);
    frames_free(m->frames);
}

/* ---- parts ---- */

static json_t *time_json(uint64_t ns) { return ns == VIEW_UNKNOWN ? json_null() : doc_number(ns); }

/* {"count","total","max","p50","p99"} in nanoseconds. */
static json_t *doc_times(const struct view_times *t)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "count", doc_number(t->count), "total", doc_number(t->total_ns), "max", time_json(t->max_ns),
                     "p50", time_json(t->p50_ns), "p99", time_json(t->p99_ns));
}

void doc_lock_sums(json_t *j, const struct view *v, uint64_t acquisitions, uint64_t shared, uint64_t contended, const struct view_times *wait,
                   const struct view_times *hold)
{
    if (v->locks_every > 1)
        json_object_set_new(j, "error", json_pack("{s:o,s:o}", "acquisitions", doc_number(interval_every(v->locks_every, acquisitions, 1)),
                                                  "contended", doc_number(interval_every(v->locks_every, contended, 1))));
    json_object_set_new(j, "acquisitions", doc_number(acquisitions));
    json_object_set_new(j, "shared_acquisitions", doc_number(shared));
    json_object_set_new(j, "contended", doc_number(contended));
    json_object_set_new(j, "wait_ns", doc_times(wait));
    json_object_set_new(j, "hold_ns", doc_times(hold));
}

/* WIRE_LOCK_TYPE_* as words. */
static json_t *doc_lock_type(unsigned type)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LOCK_TYPE_WORDS; i++)
        if (type & lock_type_words[i].bit)
            json_array_append_new(list, json_string(lock_type_words[i].word));
    return list;
}

static json_t *stack_json(struct maker *m, uint32_t stack)
{
    return frames_json(m->frames, frames_view_stack(m->frames, stack));
}

static json_t *stack_or_null(struct maker *m, uint32_t stack)
{
    return stack ? stack_json(m, stack) : json_null();
}

static json_t *class_id(const struct maker *m, uint32_t class)
{
    return class && class <= m->v->n_lock_classes ? doc_id('c', class) : json_null();
}

static json_t *sites_json(struct maker *m, uint32_t class, size_t most)
{
    json_t *list = json_array();
    for (size_t i = grouped_first(&m->sites, class); class && i < m->sites.n && m->sites.rows[i].key == class && most && m->sites_left; i++, most--, m->sites_left--) {
        const struct view_lock_site *s = &m->v->lock_sites[m->sites.rows[i].at];
        json_t *j = json_pack("{s:o,s:o}", "stack", stack_json(m, s->stack), "first_lock", doc_id('l', s->first_lock));
        doc_lock_sums(j, m->v, s->acquisitions, s->shared_acquisitions, s->contended, &s->wait, &s->hold);
        json_array_append_new(list, j);
    }
    return list;
}

/* Who has it: alone (holder), or with others (sharers). */
static void holders_set(json_t *j, struct maker *m, uint64_t lock)
{
    json_t *holder = json_null(), *sharers = json_array(), *waiters = json_array();
    for (size_t i = grouped_first(&m->holds, lock); i < m->holds.n && m->holds.rows[i].key == lock; i++) {
        const struct view_hold *h = &m->v->holds[m->holds.rows[i].at];
        json_t *one = json_pack("{s:o,s:o,s:o}", "thread", doc_id('t', h->thread), "since_ns", doc_number(h->since_ns), "stack", stack_json(m, h->stack));
        if (h->shared || !json_is_null(holder))
            json_array_append_new(sharers, one);
        else
            holder = one;
    }
    for (size_t i = grouped_first(&m->waits, lock); i < m->waits.n && m->waits.rows[i].key == lock; i++) {
        const struct view_wait *w = &m->v->waits[m->waits.rows[i].at];
        json_array_append_new(waiters, json_pack("{s:o,s:o,s:b,s:o}", "thread", doc_id('t', w->thread), "since_ns", doc_number(w->since_ns),
                                                 "timed", w->timed, "stack", stack_json(m, w->stack)));
    }
    json_object_set_new(j, "holder", holder);
    json_object_set_new(j, "sharers", sharers);
    json_object_set_new(j, "waiters", waiters);
}

static json_t *guards_json(struct maker *m, uint64_t lock)
{
    json_t *list = json_array();
    for (size_t i = grouped_first(&m->guards, lock); i < m->guards.n && m->guards.rows[i].key == lock; i++) {
        const struct view_guard *g = &m->v->guards[m->guards.rows[i].at];
        json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "stack", stack_json(m, g->site_stack), "blocks", doc_number(g->blocks),
                                              "touches", doc_number(g->touches)));
    }
    return list;
}

static json_t *lock_json(struct maker *m, const struct view_lock *l)
{
    bool many = l->class && l->class <= m->v->n_lock_classes && m->v->lock_classes[l->class - 1].locks > 1;
    json_t *j = json_object();
    json_object_set_new(j, "id", doc_id('l', l->id));
    json_object_set_new(j, "kind", json_string(lock_name(l->family)));
    where_members(j, m->v, m->symbols, m->frames, &l->where);
    json_object_set_new(j, "process", doc_id('p', l->process));
    json_object_set_new(j, "class", class_id(m, l->class));
    json_object_set_new(j, "type", doc_lock_type(l->type));
    json_object_set_new(j, "born_ns", doc_number(l->born_ns));
    json_object_set_new(j, "ended_ns", doc_end_ns(l->ended_ns != 0, l->ended_ns));
    json_object_set_new(j, "init_stack", stack_or_null(m, l->init_stack));
    doc_lock_sums(j, m->v, l->acquisitions, l->shared_acquisitions, l->contended, &l->wait, &l->hold);
    json_object_set_new(j, "sites", sites_json(m, l->class, many ? SITES_OF_MANY : SITES_OF_LOCK));
    json_object_set_new(j, "sites_of_class", json_boolean(many));
    holders_set(j, m, l->id);
    json_object_set_new(j, "guards", guards_json(m, l->id));
    return j;
}

static json_t *class_json(struct maker *m, uint32_t at)
{
    const struct view_lock_class *c = &m->v->lock_classes[at];
    json_t *j = json_object();
    json_object_set_new(j, "id", doc_id('c', at + 1u));
    json_object_set_new(j, "kind", json_string(lock_name(c->family)));
    where_members(j, m->v, m->symbols, m->frames, &c->where);
    json_object_set_new(j, "locks", doc_number(c->locks));
    json_object_set_new(j, "init_stack", stack_or_null(m, c->init_stack));
    doc_lock_sums(j, m->v, c->acquisitions, c->shared_acquisitions, c->contended, &c->wait, &c->hold);
    json_object_set_new(j, "sites", sites_json(m, at + 1u, SITES_OF_LOCK));
    return j;
}

/* ---- lists ---- */

bool doc_lock_excludes(unsigned family)
{
    return family != WIRE_LOCK_SEM && family != WIRE_LOCK_BARRIER && family != WIRE_LOCK_COND && family != WIRE_LOCK_CND;
}

/* Locks before what threads meet at, those waited for longest first, then those taken most. */
static uint64_t rank_key(unsigned family, const struct view_times *wait, uint64_t acquisitions)
{
    const uint64_t most = (1ull << 62) - 1;
    uint64_t first = doc_lock_excludes(family) ? 1ull << 63 : 0, weight = wait->total_ns ? wait->total_ns : acquisitions;
    return first + (wait->total_ns ? 1ull << 62 : 0) + (weight < most ? weight : most);
}

struct doc_rank *doc_locks_rank(const struct view *v)
{
    struct doc_rank *order = xcalloc(v->n_locks + 1, sizeof *order);
    for (size_t i = 0; i < v->n_locks; i++)
        order[i] = (struct doc_rank){ rank_key(v->locks[i].family, &v->locks[i].wait, v->locks[i].acquisitions), (uint32_t)i };
    doc_rank_sort(order, v->n_locks);
    return order;
}

static json_t *locks_json(struct maker *m, size_t most)
{
    json_t *list = json_array();
    struct doc_rank *order = doc_locks_rank(m->v);
    for (size_t i = 0; i < m->v->n_locks && json_array_size(list) < most; i++)
        if (!m->v->locks[order[i].at].same)
            json_array_append_new(list, lock_json(m, &m->v->locks[order[i].at]));
    free(order);
    return list;
}

static json_t *classes_json(struct maker *m, size_t most)
{
    const struct view_lock_class *classes = m->v->lock_classes;
    json_t *list = json_array();
    struct doc_rank *order = xcalloc(m->v->n_lock_classes + 1, sizeof *order);
    for (size_t i = 0; i < m->v->n_lock_classes; i++)
        order[i] = (struct doc_rank){ rank_key(classes[i].family, &classes[i].wait, classes[i].acquisitions), (uint32_t)i };
    doc_rank_sort(order, m->v->n_lock_classes);
    for (size_t i = 0; i < m->v->n_lock_classes && json_array_size(list) < most; i++)
        if (!classes[order[i].at].same)
            json_array_append_new(list, class_json(m, order[i].at));
    free(order);
    return list;
}

/* ---- circles ---- */

static json_t *edge_json(struct maker *m, const struct view_order_edge *e)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "lock", doc_id('l', e->held),
                     "where", text_json_string(lock_names_where(m->names, e->held)), "then", doc_id('l', e->taken),
                     "then_where", text_json_string(lock_names_where(m->names, e->taken)), "thread", doc_id('t', e->thread),
                     "stack_held", stack_json(m, e->stack_held), "stack_taken", stack_json(m, e->stack_taken),
                     "count", doc_number(e->count), "ns", doc_number(e->first_ns));
}

static json_t *order_json(struct maker *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->v->n_cycles && i < CYCLES_MAX; i++) {
        const struct view_cycle *c = &m->v->cycles[i];
        json_t *edges = json_array();
        for (uint32_t k = 0; k < c->n && (size_t)c->first + k < m->v->n_order_edges; k++)
            json_array_append_new(edges, edge_json(m, &m->v->order_edges[c->first + k]));
        json_array_append_new(list, json_pack("{s:o,s:b}", "cycle", edges, "by_class", c->by_class));
    }
    return list;
}

/* Since when a thread waits for a lock. */
static uint64_t wait_since(struct maker *m, uint64_t lock, uint32_t thread, uint64_t otherwise)
{
    for (size_t i = grouped_first(&m->waits, lock); i < m->waits.n && m->waits.rows[i].key == lock; i++)
        if (m->v->waits[m->waits.rows[i].at].thread == thread)
            return m->v->waits[m->waits.rows[i].at].since_ns;
    return otherwise;
}

static json_t *kind_json(struct maker *m, uint64_t lock)
{
    const struct view_lock *l = lock_names_row(m->names, lock);
    return l ? json_string(lock_name(l->family)) : json_null();
}

static json_t *waiting_json(struct maker *m, const struct view_order_edge *e)
{
    const struct view_thread *t = view_thread_of(m->v, e->thread);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "thread", doc_id('t', e->thread),
                     "name", t && *t->name ? text_json(t->name, strnlen(t->name, sizeof t->name)) : json_null(),
                     "holds", doc_id('l', e->held), "holds_kind", kind_json(m, e->held),
                     "holds_where", text_json_string(lock_names_where(m->names, e->held)), "stack_held", stack_json(m, e->stack_held),
                     "waits", doc_id('l', e->taken), "waits_kind", kind_json(m, e->taken),
                     "waits_where", text_json_string(lock_names_where(m->names, e->taken)), "stack_waited", stack_json(m, e->stack_taken),
                     "since_ns", doc_number(wait_since(m, e->taken, e->thread, e->first_ns)));
}

static json_t *deadlocks_json(struct maker *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->v->n_deadlocks && i < CYCLES_MAX; i++) {
        const struct view_cycle *c = &m->v->deadlocks[i];
        json_t *threads = json_array();
        uint32_t process = 0;
        for (uint32_t k = 0; k < c->n && (size_t)c->first + k < m->v->n_deadlock_edges; k++) {
            const struct view_order_edge *e = &m->v->deadlock_edges[c->first + k];
            const struct view_thread *t = view_thread_of(m->v, e->thread);
            process = t ? t->process : process;
            json_array_append_new(threads, waiting_json(m, e));
        }
        json_array_append_new(list, json_pack("{s:o,s:o}", "process", doc_id('p', process), "threads", threads));
    }
    return list;
}

/* ---- the document ---- */

json_t *doc_locks_totals(const struct view *v)
{
    uint64_t acquisitions = 0, contended = 0, wait_ns = 0, lock_contended = 0, lock_wait_ns = 0;
    for (size_t i = 0; i < v->n_lock_classes; i++) {
        const struct view_lock_class *c = &v->lock_classes[i];
        bool excludes = doc_lock_excludes(c->family);
        acquisitions += c->acquisitions;
        contended += c->contended;
        wait_ns += c->wait.total_ns;
        lock_contended += excludes ? c->contended : 0;
        lock_wait_ns += excludes ? c->wait.total_ns : 0;
    }
    json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "locks", doc_number(v->locks_seen), "left_out", doc_number(v->locks_left_out),
                     "acquisitions", doc_number(acquisitions), "contended", doc_number(contended), "wait_ns", doc_number(wait_ns),
                     "lock_contended", doc_number(lock_contended), "lock_wait_ns", doc_number(lock_wait_ns),
                     "held_now", doc_number(v->n_holds), "waiting_now", doc_number(v->n_waits));
    if (v->locks_every > 1) {
        json_object_set_new(j, "estimated", json_true());
        json_object_set_new(j, "error", json_pack("{s:o,s:o}", "acquisitions", doc_number(interval_every(v->locks_every, acquisitions, 1)),
                                                  "contended", doc_number(interval_every(v->locks_every, contended, 1))));
    }
    return j;
}

json_t *doc_locks(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct maker m;
    maker_begin(&m, v, c->symbols);
    json_t *j = json_object();
    json_t *locks = locks_json(&m, o && o->sites ? o->sites : LOCKS_DEFAULT);
    json_t *classes = classes_json(&m, o && o->sites ? o->sites : CLASSES_DEFAULT);
    json_t *order = order_json(&m), *deadlocks = deadlocks_json(&m);
    json_t *coverage = doc_coverage(v, c, m.frames);
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    doc_since(j, v);
    json_object_set_new(j, "totals", doc_locks_totals(v));
    json_object_set_new(j, "deadlocks", deadlocks);
    json_object_set_new(j, "order", order);
    json_object_set_new(j, "locks", locks);
    size_t changed = 0;
    for (size_t i = 0; i < v->n_locks; i++)
        changed += !v->locks[i].same;
    json_object_set_new(j, "locks_total", doc_number(changed));
    json_object_set_new(j, "classes", classes);
    json_decref(coverage);
    maker_end(&m);
    return j;
}
