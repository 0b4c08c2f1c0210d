/*
 * collector/sql/table_blocks.c - `blocks`: every block up to the moment. Those
 * that live come from the view of the moment; the others from a fold of the
 * events up to it, which is left out where the query wants none
 * (dropped_ns IS NULL).
 *
 * Asked for one block by its id, as the inner side of a join does, what died is
 * kept after the first fold, sorted by id, as far as KEPT_MAX; beyond that each
 * such question folds again.
 *
 * Blocks made before --since are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/block_life.h"
#include "export/export_heap.h"
#include "sql/sql_feed.h"

enum { ID, PROCESS, ADDRESS, SIZE, FAMILY, BORN, DROPPED, THREAD, OWNER, OWNED_BY, OWNED_SINCE, BORROWER, BORROWED, DROPPED_BY,
       DROP_FAMILY, DROPPED_HOW, CLONED_FROM, STACK, DROP_STACK, HOLDER, TYPE, TYPE_BY, CLASS, RETAINED_BYTES, RETAINED_BLOCKS, RATE, WEIGHT };

static const struct sql_column columns[] = {
    { "id", "INTEGER", PUSH_KEY | PUSH_RANGE }, { "process", "INTEGER", 0 }, { "address", "INTEGER", 0 }, { "size_bytes", "INTEGER", 0 },
    { "family", "TEXT", 0 }, { "born_ns", "INTEGER", 0 }, { "dropped_ns", "INTEGER", PUSH_RANGE | PUSH_NULL },
    { "thread", "INTEGER", 0 }, { "owner", "INTEGER", 0 }, { "owned_by", "TEXT", 0 }, { "owned_since_ns", "INTEGER", 0 },
    { "borrower", "INTEGER", 0 }, { "borrowed_ns", "INTEGER", 0 }, { "dropped_by", "INTEGER", 0 }, { "drop_family", "TEXT", 0 },
    { "dropped_how", "TEXT", 0 }, { "cloned_from", "INTEGER", 0 }, { "stack", "INTEGER", 0 }, { "drop_stack", "INTEGER", 0 },
    { "holder", "TEXT", 0 }, { "type", "TEXT", 0 }, { "type_by", "TEXT", 0 }, { "class", "TEXT", 0 },
    { "retained_bytes", "INTEGER", 0 }, { "retained_blocks", "INTEGER", 0 }, { "rate_bytes", "INTEGER", 0 }, { "weight", "REAL", 0 }, { NULL, NULL, 0 }
};

enum { KEPT_MAX = 4 << 20, ASK_EVERY = 1 << 16 };
#define OF_SNAPSHOT (1ull << HOLDER | 1ull << TYPE | 1ull << TYPE_BY | 1ull << CLASS | 1ull << RETAINED_BYTES | 1ull << RETAINED_BLOCKS)

struct cursor {
    struct sql_cursor c;
    struct sql_state *state;
    struct export_heap *heap; struct frames *frames;    /* of the state's view; NULL: not asked for */
    size_t at;                  /* in the view */
    bool one;                   /* only the block `only` */
    uint64_t only;
    struct feed *feed;          /* NULL: the living come first, or nothing dead is wanted */
    struct block_lives *lives;
    struct block_life life;     /* the present row; stacks are the trace's */
    const struct view_block *living;    /* the same, if it lives */
    struct block_life *kept; size_t n_kept, kept_capacity;  /* dead ones, by id */
    struct sql_state *kept_of;  /* the moment that they are of; NULL: none are kept */
    bool kept_all;
};

static unsigned need(uint64_t wanted) { return SQL_STATE_BLOCKS | (wanted & OF_SNAPSHOT ? SQL_STATE_HEAPS : 0); }

/* ---- those that live ---- */

static void live_row(struct cursor *k, size_t i)
{
    const struct view_block *b = &k->state->source.view->blocks[i];
    k->living = b;
    k->life = block_life_of(b);
    k->life.stack = sql_state_stack(k->state, b->stack);
    k->c.row = (sqlite3_int64)b->id;
}

static bool live_next(struct cursor *k)
{
    const struct view *v = k->state->source.view;
    for (; k->at < v->n_blocks; k->at++) {
        const struct view_block *b = &v->blocks[k->at];
        if (b->born_ns < k->c.sql->since_ns || (k->c.bounds[ID].given && !sql_bound_has(&k->c.bounds[ID], (int64_t)b->id)))
            continue;
        live_row(k, k->at++);
        return true;
    }
    return false;
}

/* ---- those that died ---- */

static bool ends_life(const struct fact *f) { return f->type == FACT_DROP && f->block && !(f->by && !strcmp(f->by, "part")); }

static bool of_block(void *context, const struct fact *f, uint64_t event_ns)
{
    const struct cursor *k = context;
    return f->block && f->type <= FACT_BORROW_END && (!k->c.bounds[ID].given || sql_bound_has(&k->c.bounds[ID], (int64_t)f->block));
}

/* What lived behind an event, for who folds from there on. */
static bool lives_seed(struct cursor *k, uint64_t event)
{
    struct sql_state *st = sql_state_behind(k->c.sql, event);
    const struct view *v = st ? st->source.view : NULL;
    for (size_t i = 0; v && i < v->n_blocks; i++) {
        struct block_life *l = block_lives_at(k->lives, v->blocks[i].id);
        *l = block_life_of(&v->blocks[i]);
        l->stack = sql_state_stack(st, v->blocks[i].stack);
    }
    sql_state_free(st);
    return st;
}

/* From the first event on, or (`narrow`) from before the first drop that may be wanted. */
static bool dead_begin(struct cursor *k, bool narrow)
{
    struct sql *s = k->c.sql;
    uint64_t before = trace_events_before(s->source.trace), first = before + 1, last = s->last_event;
    if (narrow)
        feed_narrow(s, &k->c.bounds[DROPPED], &first, &last);
    struct feed_options o = { .first_event = first, .last_event = s->last_event, .enough_event = last ? last : 1, .wanted = of_block, .context = k };
    k->lives = block_lives_new();
    if (first > 1 && first <= s->last_event && !lives_seed(k, first - 1))
        return false;
    k->feed = feed_open(s, &o);
    return k->feed;
}

static void dead_end(struct cursor *k)
{
    feed_close(k->feed);
    block_lives_free(k->lives);
    k->feed = NULL;
    k->lives = NULL;
}

/* The next one that died; false at the end. */
static bool dead_next(struct cursor *k, int *rc)
{
    const struct feed_row *row;
    while ((row = feed_next(k->feed, rc)) != NULL) {
        struct block_life *l = block_lives_at(k->lives, row->fact.block);
        block_life_fold(l, &row->fact);
        if (!ends_life(&row->fact))
            continue;
        k->life = *l;
        block_lives_forget(k->lives, row->fact.block);
        if (k->life.born_ns < k->c.sql->since_ns)
            continue;
        k->living = NULL;
        k->c.row = (sqlite3_int64)k->life.id;
        return true;
    }
    return false;
}

/* ---- one that died, by its id ---- */

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct block_life *)a)->id, y = ((const struct block_life *)b)->id;
    return x < y ? -1 : x > y;
}

static int kept_make(struct cursor *k)
{
    int rc = SQLITE_OK;
    struct sql_bound ids = k->c.bounds[ID];
    k->c.bounds[ID] = (struct sql_bound){ 0 };
    bool begun = dead_begin(k, false);
    k->n_kept = 0;
    k->kept_all = true;
    while (begun && dead_next(k, &rc)) {
        if (k->n_kept == KEPT_MAX) {
            k->kept_all = false;
            break;
        }
        k->kept = xgrow(k->kept, &k->kept_capacity, k->n_kept + 1, sizeof *k->kept);
        k->kept[k->n_kept++] = k->life;
    }
    dead_end(k);
    k->c.bounds[ID] = ids;
    if (!begun || rc)
        return begun ? rc : SQLITE_ERROR;
    if (k->n_kept)
        qsort(k->kept, k->n_kept, sizeof *k->kept, by_id);
    k->kept_of = k->state;
    return SQLITE_OK;
}

static int kept_find(struct cursor *k)
{
    int rc = k->kept_of == k->state ? SQLITE_OK : kept_make(k);
    struct block_life want = { .id = k->only }, *found;
    if (rc)
        return rc;
    found = k->n_kept ? bsearch(&want, k->kept, k->n_kept, sizeof *k->kept, by_id) : NULL;
    if (found) {
        k->life = *found;
        k->living = NULL;
        k->c.row = (sqlite3_int64)found->id;
    } else if (!k->kept_all) {
        k->c.eof = !dead_begin(k, false) || !dead_next(k, &rc);
        dead_end(k);
        return rc ? rc : k->c.sql->failed ? SQLITE_ERROR : SQLITE_OK;
    }
    k->c.eof = !found;
    return SQLITE_OK;
}

/* ---- walking ---- */

static int one_start(struct cursor *k)
{
    uint32_t place = sql_state_block(k->state, k->only);
    const struct sql_bound *dropped = &k->c.bounds[DROPPED];
    if (place)
        live_row(k, place - 1);
    else if (dropped->is_null || k->only == 0)
        k->c.eof = true;
    else
        return kept_find(k);
    return SQLITE_OK;
}

static int blocks_next(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    const struct sql_bound *dropped = &c->bounds[DROPPED];
    int rc = SQLITE_OK;
    if (k->one) {
        c->eof = true;
        return SQLITE_OK;
    }
    if (!k->feed && !dropped->has_low && !dropped->has_high && live_next(k))
        return k->at % ASK_EVERY == 0 && sql_stopped(c->sql) ? SQLITE_INTERRUPT : SQLITE_OK;
    if (dropped->is_null) {
        c->eof = true;
        return SQLITE_OK;
    }
    if (!k->feed && !dead_begin(k, true))
        return SQLITE_ERROR;
    c->eof = !dead_next(k, &rc);
    return rc;
}

static int blocks_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    const struct sql_bound *id = &c->bounds[ID];
    k->state = sql_state(c->sql, need(c->columns));
    if (!k->state)
        return SQLITE_ERROR;
    k->at = 0;
    k->one = sql_bound_one(id);
    k->only = k->one && id->low > 0 ? (uint64_t)id->low : 0;
    return k->one ? one_start(k) : blocks_next(c);
}

static void blocks_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    dead_end(k);
}

static void blocks_close(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    free(k->kept);
    if (k->heap)
        export_heap_free(k->heap);
    if (k->frames)
        frames_free(k->frames);
}

/* ---- columns ---- */

static void put_held(struct cursor *k, sqlite3_context *to, int column)
{
    if (!k->living)
        return;
    if (!k->heap) {
        k->frames = frames_new(k->c.sql->source.symbols, k->state->source.view, NULL);
        k->heap = export_heap_new(k->state->source.view, &k->state->source.doc, k->frames);
    }
    struct block_holding holding = { 0 }, *h = &holding;
    if (!export_heap_block(k->heap, k->living, h))
        return;
    switch (column) {
    case HOLDER: if (h->holder) put_text(to, h->holder, strlen(h->holder)); break;
    case TYPE: if (h->type) put_text(to, h->type, strlen(h->type)); break;
    case TYPE_BY: put_static(to, h->type_by); break;
    case CLASS: put_static(to, h->class); break;
    case RETAINED_BYTES: if (h->known) put_u64(to, h->retained_bytes); break;
    case RETAINED_BLOCKS: if (h->known) put_u64(to, h->retained_blocks); break;
    }
}

static void blocks_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    struct cursor *k = (struct cursor *)c;
    const struct block_life *l = &k->life;
    switch (column) {
    case ID: put_id(to, l->id); break;
    case PROCESS: put_id(to, l->process); break;
    case ADDRESS: put_u64(to, l->address); break;
    case SIZE: put_u64(to, l->size); break;
    case FAMILY: put_static(to, family_name(l->family)); break;
    case BORN: put_u64(to, l->born_ns); break;
    case DROPPED: if (l->dropped) put_u64(to, l->dropped_ns); break;
    case THREAD: put_id(to, l->thread); break;
    case OWNER: put_id(to, l->owner); break;
    case OWNED_BY: put_static(to, l->owned_by); break;
    case OWNED_SINCE: put_u64(to, l->owned_since_ns); break;
    case BORROWER: put_id(to, l->borrower); break;
    case BORROWED: if (l->borrower) put_u64(to, l->borrowed_ns); break;
    case DROPPED_BY: put_id(to, l->dropped_by); break;
    case DROP_FAMILY: if (l->drop_family) put_static(to, family_name(l->drop_family)); break;
    case DROPPED_HOW: put_static(to, l->dropped_how); break;
    case CLONED_FROM: put_id(to, l->cloned_from); break;
    case STACK: put_id(to, l->stack); break;
    case DROP_STACK: put_id(to, l->drop_stack); break;
    case RATE: if (l->rate) put_u64(to, l->rate); break;
    case WEIGHT: sqlite3_result_double(to, block_life_stands_for(l)); break;
    default: put_held(k, to, column);
    }
}

const struct sql_table sql_blocks = {
    .name = "blocks", .about = "every block up to the moment; dropped_ns is NULL while it lives",
    .columns = columns, .rows = 1e6, .key_cost = 50, .cursor_bytes = sizeof(struct cursor), .need = need,
    .start = blocks_start, .next = blocks_next, .column = blocks_column, .end = blocks_end, .close = blocks_close
};
