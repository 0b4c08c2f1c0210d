/*
 * collector/graph/graph_order_archive.c - the order of locks in a checkpoint: see
 * graph_archive.h for the rules, graph_lock_state.h for what is kept.
 *
 * Edges between classes keep their places, from which their lists follow. Inner
 * edges are numbered anew, held lock by held lock and newest first, for no place
 * of one is ever told. Keys of cycles are hashes of what is not kept, so they are
 * written as they are. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_lock_state.h"

/* ---- witnesses: of all edges in one row ------------------------------------------------ */

struct all_witnesses { struct witness *w; size_t n; struct other *others; size_t n_others; };

static void others_archive(struct archive *a, struct locks *l, struct all_witnesses *all)
{
    size_t at = 0;
    for (size_t i = 0; i < all->n; i++)
        all->n_others += all->w[i].n_others;
    all->others = archive_scratch(a, all->n_others, sizeof *all->others);
    if (!all->others)
        return;
    for (size_t i = 0; i < all->n && !a->reading; i++)
        for (unsigned j = 0; j < all->w[i].n_others; j++)
            all->others[at++] = all->w[i].others[j];
    ARCHIVE_FIELD(a, all->others, all->n_others, lock);
    ARCHIVE_INDEX(a, all->others, all->n_others, class, l->n_classes);
    ARCHIVE_INDEX(a, all->others, all->n_others, shared, 2);
    for (size_t i = 0; i < all->n && a->reading && !archive_bad(a); i++)
        for (unsigned j = 0; j < all->w[i].n_others; j++)
            all->w[i].others[j] = all->others[at++];
    free(all->others);
    all->others = NULL;
}

static void witness_fields(struct archive *a, struct graph *g, struct all_witnesses *all)
{
    struct locks *l = g->locks;
    ARCHIVE_FIELD(a, all->w, all->n, held);
    ARCHIVE_FIELD(a, all->w, all->n, taken);
    ARCHIVE_FIELD(a, all->w, all->n, ns);
    ARCHIVE_INDEX(a, all->w, all->n, held_place, l->next);
    ARCHIVE_INDEX(a, all->w, all->n, taken_place, l->next);
    ARCHIVE_INDEX(a, all->w, all->n, thread, g->n_threads);
    ARCHIVE_FIELD(a, all->w, all->n, stack_held);
    ARCHIVE_FIELD(a, all->w, all->n, stack_taken);
    ARCHIVE_INDEX(a, all->w, all->n, held_shared, 2);
    ARCHIVE_INDEX(a, all->w, all->n, taken_shared, 2);
    ARCHIVE_INDEX(a, all->w, all->n, lost, 2);
    ARCHIVE_INDEX(a, all->w, all->n, many, 2);
    ARCHIVE_INDEX(a, all->w, all->n, n_others, OTHERS_MAX + 1);
    if (!archive_bad(a))
        others_archive(a, l, all);
}

static void witnesses_archive(struct archive *a, struct graph *g, struct order_edge *edges, size_t n)
{
    struct all_witnesses all = { 0 };
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        all.n += edges[i].n;
    all.w = archive_scratch(a, all.n, sizeof *all.w);
    if (!all.w)
        return;
    for (size_t i = 0; i < n && !a->reading; i++)
        for (unsigned j = 0; j < edges[i].n; j++)
            all.w[at++] = edges[i].w[j];
    witness_fields(a, g, &all);
    for (size_t i = 0; i < n && a->reading && !archive_bad(a); i++)
        for (unsigned j = 0; j < edges[i].n; j++, at++)
            if (archive_need(a, all.w[at].held_place && all.w[at].taken_place, "locks in order have no place"))
                edges[i].w[j] = all.w[at];
    free(all.w);
}

/* ---- edges --------------------------------------------------------------------------------- */

static void edge_fields(struct archive *a, struct graph *g, struct order_edge *edges, size_t n)
{
    struct locks *l = g->locks;
    ARCHIVE_INDEX(a, edges, n, image, (uint64_t)l->next_image + 1);
    ARCHIVE_INDEX(a, edges, n, from, l->n_classes);
    ARCHIVE_INDEX(a, edges, n, to, l->n_classes);
    ARCHIVE_FIELD(a, edges, n, count);
    ARCHIVE_FIELD(a, edges, n, first_ns);
    ARCHIVE_INDEX(a, edges, n, n, WITNESSES_MAX + 1);
    if (!archive_bad(a))
        witnesses_archive(a, g, edges, n);
}

/* Room for n edges, place 0 unused. */
static struct order_edge *edges_room(struct archive *a, size_t n, size_t *n_to, size_t *capacity)
{
    struct order_edge *edges = archive_room(a, n + 1, sizeof *edges);
    *n_to = edges ? n : 0;
    *capacity = edges ? n + 1 : 0;
    return edges;
}

static bool edges_index(struct order *o)
{
    for (uint32_t place = 1; place <= o->n_edges; place++) {
        struct order_edge *edge = &o->edges[place];
        uint64_t of = (uint64_t)edge->image << 32 | edge->from, key = order_key(edge);
        if (!edge->n || edge->from == edge->to || dict_get(&o->edge_of, key))
            return false;
        edge->next = dict_get(&o->first_of, of);
        dict_set(&o->first_of, of, place);
        dict_set(&o->edge_of, key, place);
    }
    return true;
}

static void edges_archive(struct archive *a, struct graph *g)
{
    struct order *o = &g->locks->order;
    size_t n = o->n_edges;
    archive_count(a, &n, LOCK_EDGES_MAX);
    if (a->reading && n)
        o->edges = edges_room(a, n, &o->n_edges, &o->edges_capacity);
    if (!o->n_edges)
        return;
    edge_fields(a, g, o->edges + 1, o->n_edges);
    if (a->reading && !archive_bad(a))
        archive_need(a, edges_index(o), "an edge between locks makes no sense");
}

/* ---- inner edges --------------------------------------------------------------------------- */

static size_t inner_take(const struct locks *l, struct order_edge *to)
{
    size_t n = 0;
    for (uint32_t place = 1; place < l->next; place++)
        for (uint32_t at = lock_at(l, place)->inner_edges; at; at = l->order.inner[at].next) {
            if (to)
                to[n] = l->order.inner[at];
            n++;
        }
    return n;
}

/* All of it is between two locks, of which one is alive and has it. */
static bool inner_valid(const struct locks *l, const struct order_edge *edge)
{
    if (!edge->n || edge->from != edge->to || lock_at(l, edge->w[0].held_place)->id != edge->w[0].held || !edge->w[0].held)
        return false;
    for (unsigned i = 1; i < edge->n; i++)
        if (edge->w[i].held != edge->w[0].held || edge->w[i].taken != edge->w[0].taken ||
            edge->w[i].held_place != edge->w[0].held_place || edge->w[i].taken_place != edge->w[0].taken_place)
            return false;
    return true;
}

static bool inner_index(struct locks *l)
{
    struct order *o = &l->order;
    for (uint32_t place = 1; place <= o->n_inner; place++) {
        struct order_edge *edge = &o->inner[place], *before = place > 1 ? edge - 1 : NULL;
        edge->inner = true;
        if (!inner_valid(l, edge) || (before && before->w[0].held_place > edge->w[0].held_place) ||
            dict_get(&o->inner_of, order_key(edge)))
            return false;
        dict_set(&o->inner_of, order_key(edge), place);
        if (before && before->w[0].held_place == edge->w[0].held_place)
            before->next = place;
        else
            lock_at(l, edge->w[0].held_place)->inner_edges = place;
    }
    return true;
}

static void inner_archive(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    struct order *o = &l->order;
    size_t n = a->reading ? 0 : inner_take(l, NULL);
    archive_count(a, &n, LOCK_EDGES_MAX);
    if (!n)
        return;
    struct order_edge *edges = a->reading ? NULL : xcalloc(n, sizeof *edges);
    if (a->reading)
        o->inner = edges_room(a, n, &o->n_inner, &o->inner_capacity);
    else
        inner_take(l, edges);
    if (edges || o->inner)
        edge_fields(a, g, edges ? edges : o->inner + 1, n);
    if (a->reading && !archive_bad(a))
        archive_need(a, inner_index(l), "an edge inside of a class of locks makes no sense");
    free(edges);
}

/* ---- cycles -------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = ((const struct dict_entry *)a)->key, y = ((const struct dict_entry *)b)->key;
    return (x > y) - (x < y);
}

/* As it is, in order of keys. Values: 1 to `last`. */
static void keys_archive(struct archive *a, struct dict *d, size_t most, uint64_t last)
{
    size_t n = d->used, at = 0;
    archive_count(a, &n, most);
    struct dict_entry *rows = archive_scratch(a, n, sizeof *rows);
    if (!rows)
        return;
    for (uint32_t i = 0; i < d->capacity && !a->reading; i++)
        if (d->entries[i].value)
            rows[at++] = d->entries[i];
    if (!a->reading)
        qsort(rows, n, sizeof *rows, compare_entries);
    ARCHIVE_FIELD(a, rows, n, key);
    ARCHIVE_INDEX(a, rows, n, value, last + 1);
    for (size_t i = 0; i < n && a->reading && !archive_bad(a); i++)
        if (archive_need(a, rows[i].value && (!i || rows[i - 1].key < rows[i].key), "keys of cycles make no sense"))
            dict_set(d, rows[i].key, rows[i].value);
    free(rows);
}

static void cycle_rows_archive(struct archive *a, struct locks *l)
{
    struct order *o = &l->order;
    archive_rows(a, (void **)&o->cycle_edges, &o->n_cycle_edges, &o->cycle_edges_capacity, sizeof *o->cycle_edges,
                 LOCK_CYCLES_MAX * CYCLE_LOCKS_MAX);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.held);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.taken);
    ARCHIVE_INDEX(a, o->cycle_edges, o->n_cycle_edges, row.held_class, l->n_classes);
    ARCHIVE_INDEX(a, o->cycle_edges, o->n_cycle_edges, row.taken_class, l->n_classes);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.thread);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.stack_held);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.stack_taken);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.count);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, row.first_ns);
    ARCHIVE_FIELD(a, o->cycle_edges, o->n_cycle_edges, key);
    ARCHIVE_INDEX(a, o->cycle_edges, o->n_cycle_edges, inner, 2);
    archive_rows(a, (void **)&o->cycles, &o->n_cycles, &o->cycles_capacity, sizeof *o->cycles, LOCK_CYCLES_MAX);
    ARCHIVE_FIELD(a, o->cycles, o->n_cycles, first);
    ARCHIVE_INDEX(a, o->cycles, o->n_cycles, n, CYCLE_LOCKS_MAX + 1);
    ARCHIVE_INDEX(a, o->cycles, o->n_cycles, by_class, 2);
    for (size_t i = 0; i < o->n_cycles && a->reading; i++)
        if (!archive_need(a, (uint64_t)o->cycles[i].first + o->cycles[i].n <= o->n_cycle_edges, "a cycle has no edges"))
            return;
}

void order_archive(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    if (!l || archive_bad(a))
        return;
    edges_archive(a, g);
    inner_archive(a, g);
    archive_u64(a, &l->order.inner_swept);
    cycle_rows_archive(a, l);
    keys_archive(a, &l->order.cycle_of, LOCK_CYCLES_MAX, l->order.n_cycles);
    keys_archive(a, &l->order.class_cycle_of, LOCK_CYCLES_MAX, l->order.n_cycles);
    keys_archive(a, &l->order.class_finding_of, LOCK_CYCLES_MAX, g->n_findings);
}
