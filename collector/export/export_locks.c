/*
 * collector/export/export_locks.c - see export_locks.h.
 */
#include "export/export_locks.h"

#include <stdlib.h>

#include "event/event.h"
#include "event/xalloc.h"

/* ---- nodes ---- */

static void time_write(struct json_writer *w, uint64_t ns)
{
    if (ns == VIEW_UNKNOWN)
        jw_null(w);
    else
        jw_u64(w, ns);
}

static void times(struct json_writer *w, const struct view_times *t)
{
    jw_object(w);
    JW_KEY(w, "count");
    jw_u64(w, t->count);
    JW_KEY(w, "total");
    jw_u64(w, t->total_ns);
    JW_KEY(w, "max");
    time_write(w, t->max_ns);
    JW_KEY(w, "p50");
    time_write(w, t->p50_ns);
    JW_KEY(w, "p99");
    time_write(w, t->p99_ns);
    jw_end(w);
}

static void type_words(struct json_writer *w, unsigned type)
{
    jw_array(w);
    for (size_t i = 0; i < LOCK_TYPE_WORDS; i++)
        if (type & lock_type_words[i].bit)
            jw_string(w, lock_type_words[i].word);
    jw_end(w);
}

static void lock_members(struct json_writer *w, const struct view_lock *l)
{
    JW_KEY(w, "address");
    jw_address(w, l->where.address);
    JW_KEY(w, "type");
    type_words(w, l->type);
    JW_KEY(w, "block");
    jw_id(w, 'b', l->where.kind == VIEW_WHERE_BLOCK ? l->where.block : 0);
    JW_KEY(w, "born_ns");
    jw_u64(w, l->born_ns);
    JW_KEY(w, "ended_ns");
    if (l->ended_ns)
        jw_u64(w, l->ended_ns);
    else
        jw_null(w);
    JW_KEY(w, "acquisitions");
    jw_u64(w, l->acquisitions);
    JW_KEY(w, "shared_acquisitions");
    jw_u64(w, l->shared_acquisitions);
    JW_KEY(w, "contended");
    jw_u64(w, l->contended);
    JW_KEY(w, "wait_ns");
    times(w, &l->wait);
    JW_KEY(w, "hold_ns");
    times(w, &l->hold);
}

void export_lock_node(struct json_writer *w, const struct view *v, struct lock_names *names, uint64_t id,
                      export_stack stack, void *context)
{
    static const struct view_lock unknown;
    const struct view_lock *l = lock_names_row(names, id);
    jw_object(w);
    JW_KEY(w, "id");
    jw_id(w, 'l', id);
    JW_KEY(w, "kind");
    jw_string(w, "lock");
    JW_KEY(w, "process");
    jw_id(w, 'p', l ? l->process : 0);
    JW_KEY(w, "lock_kind");
    jw_string(w, l ? lock_name(l->family) : "?");
    JW_KEY(w, "where");
    jw_string(w, lock_names_where(names, id));
    lock_members(w, l ? l : &unknown);
    if (stack) {
        JW_KEY(w, "init_stack");
        stack(context, l ? l->init_stack : 0);
    }
    jw_end(w);
}

void export_lock_nodes(struct json_writer *w, const struct view *v, struct lock_names *names, bool all,
                       export_stack stack, void *context)
{
    for (size_t i = 0; i < v->n_locks; i++)
        if (!v->locks[i].same && (all || !v->locks[i].ended_ns))
            export_lock_node(w, v, names, v->locks[i].id, stack, context);
}

/* ---- edges ---- */

static void edge(struct json_writer *w, const char *kind, char from_kind, uint64_t from, char to_kind, uint64_t to)
{
    jw_object(w);
    JW_KEY(w, "from");
    jw_id(w, from_kind, from);
    JW_KEY(w, "to");
    jw_id(w, to_kind, to);
    JW_KEY(w, "kind");
    jw_string(w, kind);
}

static void edge_end(struct json_writer *w, uint64_t since_ns, bool ended, uint64_t until_ns, const char *by, uint64_t count)
{
    JW_KEY(w, "since_ns");
    jw_u64(w, since_ns);
    JW_KEY(w, "until_ns");
    if (ended)
        jw_u64(w, until_ns);
    else
        jw_null(w);
    JW_KEY(w, "by");
    jw_string(w, by);
    JW_KEY(w, "count");
    jw_u64(w, count);
    jw_end(w);
}

/* Without a row it has no node. */
static const struct view_lock *noded(struct lock_names *names, uint64_t lock)
{
    const struct view_lock *l = lock_names_row(names, lock);
    return l && !l->ended_ns ? l : NULL;
}

void export_lock_edges(struct json_writer *w, const struct view *v, struct lock_names *names)
{
    for (size_t i = 0; i < v->n_holds; i++) {
        const struct view_hold *h = &v->holds[i];
        const struct view_lock *l = noded(names, h->lock);
        if (!l || !h->thread)
            continue;
        edge(w, h->shared ? "borrows" : "owns", 't', h->thread, 'l', h->lock);
        edge_end(w, h->since_ns, false, 0, lock_name(l->family), 1);
    }
    for (size_t i = 0; i < v->n_waits; i++) {
        const struct view_wait *wait = &v->waits[i];
        const struct view_lock *l = noded(names, wait->lock);
        if (!l || !wait->thread)
            continue;
        edge(w, "waits", 't', wait->thread, 'l', wait->lock);
        edge_end(w, wait->since_ns, false, 0, lock_name(l->family), 1);
    }
}

static int id_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void export_flow_edges(struct json_writer *w, const struct view *v, bool all)
{
    uint64_t *live = xcalloc(v->n_blocks + 1, sizeof *live);
    for (size_t i = 0; i < v->n_blocks; i++)
        live[i] = v->blocks[i].id;
    qsort(live, v->n_blocks, sizeof *live, id_compare);
    for (size_t i = 0; i < v->n_block_flows; i++) {
        const struct view_block_flow *f = &v->block_flows[i];
        bool both = f->from && f->to && (all || (bsearch(&f->from, live, v->n_blocks, sizeof *live, id_compare) &&
                                                 bsearch(&f->to, live, v->n_blocks, sizeof *live, id_compare)));
        if (!both || !f->copies)
            continue;
        edge(w, "flows", 'b', f->from, 'b', f->to);
        JW_KEY(w, "bytes");
        jw_u64(w, f->bytes);
        JW_KEY(w, "thread");
        jw_id(w, 't', f->thread);
        edge_end(w, f->first_ns, true, f->last_ns, "copied", f->copies);
    }
    free(live);
}
