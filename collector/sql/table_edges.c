/*
 * collector/sql/table_edges.c - `edges`: who owns, borrows, waits for, contains
 * whom at the moment, as `export -f json` draws it: owns and borrows_mut of live
 * blocks, moves added up, held locks, waits, copies between live blocks, and the pointers of
 * the newest snapshots between blocks that still live.
 *
 * One kind after the other; those that `kind` leaves out cost nothing, and snapshots
 * are only read for `contains`.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/analysis.h"
#include "export/lock_names.h"
#include "heap/heap_edges.h"
#include "sql/sql_rows.h"

enum { FROM, TO, KIND, FROM_KIND, FROM_ID, TO_KIND, TO_ID, SINCE, UNTIL, BY, COUNT, BYTES, OFFSET, INTERIOR };
static const struct sql_column columns[] = {
    { "from", "TEXT", 0 }, { "to", "TEXT", 0 }, { "kind", "TEXT", PUSH_TEXT }, { "from_kind", "TEXT", 0 }, { "from_id", "INTEGER", 0 },
    { "to_kind", "TEXT", 0 }, { "to_id", "INTEGER", 0 }, { "since_ns", "INTEGER", 0 }, { "until_ns", "INTEGER", 0 },
    { "by", "TEXT", 0 }, { "count", "INTEGER", 0 }, { "bytes", "INTEGER", 0 }, { "offset_bytes", "INTEGER", 0 },
    { "interior", "INTEGER", 0 }, { NULL, NULL, 0 }
};

enum kind { OWNS, BORROWS_MUT, MOVED, BORROWS, WAITS, FLOWS, CONTAINS, KINDS };
static const char *const kind_names[KINDS] = { "owns", "borrows_mut", "moved", "borrows", "waits", "flows", "contains" };

struct end { char kind; uint64_t id; };     /* 'b' 't' 'p' 'l' 'r' */
struct edge {
    uint8_t kind;
    struct end from, to;
    uint64_t since_ns, until_ns, count, bytes, offset;
    const char *by;
    bool ended, has_bytes, has_offset, interior;
};

enum phase { BLOCKS_OWNED, BLOCKS_LENT, MOVES, HOLDS, WAITING, COPIES, POINTERS, PHASES };
struct cursor {
    struct rows rows;           /* .at counts in the phase */
    struct edge edge;
    unsigned kinds;             /* 1 << enum kind */
    enum phase phase;
    struct lock_names *names;
    struct analysis *heaps;     /* NULL until pointers are come to */
    size_t heap; uint32_t node; uint64_t next, node_end;    /* the present pointer */
    sqlite3_int64 number;
};

static struct end party(uint32_t thread, uint32_t process)
{
    return thread ? (struct end){ 't', thread } : (struct end){ 'p', process };
}

/* ---- one of a kind: false, this row makes no edge ---- */

static bool block_edge(struct edge *e, const struct view_block *b, bool lent)
{
    *e = (struct edge){ .kind = lent ? BORROWS_MUT : OWNS, .from = party(lent ? b->borrower : b->owner, b->process), .to = { 'b', b->id },
                        .since_ns = lent ? b->borrowed_ns : b->owned_since_ns, .by = lent ? "thread-arg" : b->owned_by, .count = 1 };
    return !lent || b->borrower;
}

static bool move_edge(struct edge *e, const struct view_move *m)
{
    *e = (struct edge){ .kind = MOVED, .from = party(m->from, m->process), .to = party(m->to, m->process), .since_ns = m->first_ns,
                        .until_ns = m->last_ns, .ended = true, .by = view_move_names[m->by], .count = m->blocks,
                        .bytes = m->bytes, .has_bytes = true };
    return true;
}

static bool lock_edge(struct cursor *k, uint8_t kind, uint32_t thread, uint64_t lock, uint64_t since_ns)
{
    const struct view_lock *l = lock_names_row(k->names, lock);
    if (!l || l->ended_ns || !thread)
        return false;
    k->edge = (struct edge){ .kind = kind, .from = { 't', thread }, .to = { 'l', lock }, .since_ns = since_ns,
                             .by = lock_name(l->family), .count = 1 };
    return true;
}

static bool flow_edge(struct cursor *k, const struct view_block_flow *f)
{
    if (!f->from || !f->to || !f->copies || !sql_state_block(k->rows.state, f->from) || !sql_state_block(k->rows.state, f->to))
        return false;
    k->edge = (struct edge){ .kind = FLOWS, .from = { 'b', f->from }, .to = { 'b', f->to }, .since_ns = f->first_ns, .until_ns = f->last_ns,
                             .ended = true, .by = "copied", .count = f->copies, .bytes = f->bytes, .has_bytes = true };
    return true;
}

/* ---- pointers ---- */

static bool lives(const struct cursor *k, const struct snapshot *s, uint32_t block)
{
    return sql_state_block(k->rows.state, s->id[block]) != 0;
}

static bool pointer_edge(struct cursor *k, const struct heap *h, uint32_t node, uint64_t e)
{
    const struct snapshot *s = h->s;
    uint32_t target = s->to[e] & EDGE_TARGET;
    bool interior = s->to[e] & EDGE_INTERIOR, far = s->at[e] == UINT32_MAX;
    if (!lives(k, s, target))
        return false;
    struct end from = { 'b', 0 };
    from.id = node < s->n_blocks ? s->id[node] : 0;
    if (node >= s->n_blocks)
        from = (struct end){ 'r', h->first_root + (node - h->tree->n_blocks) };
    k->edge = (struct edge){ .kind = CONTAINS, .from = from, .to = { 'b', s->id[target] }, .since_ns = s->ns, .count = 1,
                             .by = !interior ? "start" : s->to[e] & EDGE_GOOD ? "good" : "interior", .interior = interior,
                             .has_offset = !far, .offset = far ? 0 : heap_pointer_offset(h, node, s->at[e]) };
    return true;
}

/* To the next node that has pointers; false: there is none. */
static bool node_next(struct cursor *k)
{
    for (; k->heap < k->heaps->n; k->heap++, k->node = 0) {
        const struct heap *h = &k->heaps->heaps[k->heap];
        for (; h->tree && k->node < h->tree->lost; k->node++) {
            if (k->node < h->s->n_blocks && !lives(k, h->s, k->node))
                continue;
            struct heap_range edges = heap_edges_of(h->s, h->tree, k->node);
            if (edges.from == edges.to)
                continue;
            k->next = edges.from;
            k->node_end = edges.to;
            return true;
        }
    }
    return false;
}

static bool pointers_next(struct cursor *k)
{
    const struct view *v = k->rows.view;
    if (!k->heaps) {
        k->heaps = analysis_new(v, k->rows.c.sql->source.symbols, 0, ANALYSIS_TREE, NULL, NULL);
        k->heap = k->node = 0;
        k->next = k->node_end = 0;
        if (!node_next(k))
            return false;
    }
    while (k->heap < k->heaps->n) {
        const struct heap *h = &k->heaps->heaps[k->heap];
        while (k->next < k->node_end)
            if (pointer_edge(k, h, k->node, k->next++))
                return true;
        k->node++;
        if (!node_next(k))
            return false;
    }
    return false;
}

/* ---- walking ---- */

static size_t phase_rows(const struct view *v, enum phase phase)
{
    switch (phase) {
    case BLOCKS_OWNED: case BLOCKS_LENT: return v->n_blocks;
    case MOVES: return v->n_moves;
    case HOLDS: return v->n_holds;
    case WAITING: return v->n_waits;
    case COPIES: return v->n_block_flows;
    default: return 0;
    }
}

static bool row_edge(struct cursor *k, size_t i)
{
    const struct view *v = k->rows.view;
    switch (k->phase) {
    case BLOCKS_OWNED: case BLOCKS_LENT: return block_edge(&k->edge, &v->blocks[i], k->phase == BLOCKS_LENT);
    case MOVES: return move_edge(&k->edge, &v->moves[i]);
    case HOLDS: return lock_edge(k, v->holds[i].shared ? BORROWS : OWNS, v->holds[i].thread, v->holds[i].lock, v->holds[i].since_ns);
    case WAITING: return lock_edge(k, WAITS, v->waits[i].thread, v->waits[i].lock, v->waits[i].since_ns);
    case COPIES: return flow_edge(k, &v->block_flows[i]);
    default: return false;
    }
}

static bool phase_wanted(const struct cursor *k)
{
    static const unsigned makes[PHASES] = { 1 << OWNS, 1 << BORROWS_MUT, 1 << MOVED, 1 << OWNS | 1 << BORROWS, 1 << WAITS, 1 << FLOWS,
                                            1 << CONTAINS };
    return k->kinds & makes[k->phase];
}

static int edges_next(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    c->row = ++k->number;
    if (k->number % 4096 == 0 && sql_stopped(c->sql))
        return SQLITE_INTERRUPT;
    for (; k->phase < PHASES; k->phase++, k->rows.at = 0) {
        if (!phase_wanted(k))
            continue;
        size_t n = phase_rows(k->rows.view, k->phase);
        while (k->rows.at < n)
            if (row_edge(k, k->rows.at++))
                return SQLITE_OK;
        if (k->phase == POINTERS && pointers_next(k))
            return SQLITE_OK;
    }
    c->eof = true;
    return SQLITE_OK;
}

static unsigned kinds_of(const struct sql_bound *b)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < b->n_texts; i++)
        for (unsigned kind = 0; kind < KINDS; kind++)
            if (!strcmp(kind_names[kind], b->texts[i]))
                kinds |= 1u << kind;
    return b->n_texts ? kinds : UINT32_MAX;
}

static int edges_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    k->kinds = kinds_of(&c->bounds[KIND]);
    int rc = rows_begin(c, SQL_STATE_BLOCKS | (k->kinds & 1u << CONTAINS ? SQL_STATE_HEAPS : 0));
    if (rc)
        return rc;
    k->names = lock_names_new(k->rows.view, c->sql->source.symbols);
    k->phase = 0;
    k->number = 0;
    return edges_next(c);
}

static void edges_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    if (k->names)
        lock_names_free(k->names);
    analysis_free(k->heaps);
    k->names = NULL;
    k->heaps = NULL;
}

static const char *end_kind(char kind)
{
    switch (kind) {
    case 'b': return "block";
    case 't': return "thread";
    case 'p': return "process";
    case 'l': return "lock";
    default: return "root";
    }
}

static void edges_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct edge *e = &((const struct cursor *)c)->edge;
    switch (column) {
    case FROM: put_node(to, e->from.kind, e->from.id); break;
    case TO: put_node(to, e->to.kind, e->to.id); break;
    case KIND: put_static(to, kind_names[e->kind]); break;
    case FROM_KIND: put_static(to, end_kind(e->from.kind)); break;
    case FROM_ID: put_id(to, e->from.id); break;
    case TO_KIND: put_static(to, end_kind(e->to.kind)); break;
    case TO_ID: put_id(to, e->to.id); break;
    case SINCE: put_u64(to, e->since_ns); break;
    case UNTIL: if (e->ended) put_u64(to, e->until_ns); break;
    case BY: put_static(to, e->by); break;
    case COUNT: put_u64(to, e->count); break;
    case BYTES: if (e->has_bytes) put_u64(to, e->bytes); break;
    case OFFSET: if (e->has_offset) put_u64(to, e->offset); break;
    case INTERIOR: if (e->kind == CONTAINS) sqlite3_result_int(to, e->interior); break;
    }
}

static unsigned need(uint64_t wanted) { return SQL_STATE_BLOCKS; }

const struct sql_table sql_edges = {
    .name = "edges", .about = "who owns, borrows, waits for, contains whom at the moment",
    .columns = columns, .rows = 1e6, .cursor_bytes = sizeof(struct cursor), .need = need,
    .start = edges_start, .next = edges_next, .column = edges_column, .end = edges_end
};
