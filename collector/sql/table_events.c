/*
 * collector/sql/table_events.c - `events`: one row a fact, as ownscope events
 * prints them (export/event_json.c says which keys a fact has; the rest is NULL).
 *
 * `ns` is the time of the event that showed the fact: it rises with `event` but
 * for what threads do at once. A move or a birth that is dated earlier (rule 3, a clone) has that in
 * `dated_ns`. So a bound on ns is one on events, and the fold begins at the
 * checkpoint before the first group that can have them and ends behind the last.
 */
#include <string.h>

#include "export/event_reach.h"
#include "sql/sql_feed.h"

enum { EVENT, NS, TYPE, PROCESS, THREAD, NODE, BY, BLOCK, LOCK, ADDRESS, SIZE, FAMILY, STACK, FROM_THREAD, TO_THREAD, MUTABLE,
       OLD_ADDRESS, OLD_SIZE, OFFSET, COPIED_BY, LOCK_KIND, SHARED, WAIT, CLONED_FROM, DATED, PID, CODE, ERRNO, REASON, COUNT,
       NUMBER, BLOCKS, TEXT };

static const struct sql_column columns[] = {
    { "event", "INTEGER", PUSH_RANGE }, { "ns", "INTEGER", PUSH_RANGE }, { "type", "TEXT", PUSH_TEXT },
    { "process", "INTEGER", PUSH_RANGE }, { "thread", "INTEGER", PUSH_RANGE }, { "node", "TEXT", 0 }, { "by", "TEXT", 0 },
    { "block", "INTEGER", PUSH_RANGE }, { "lock", "INTEGER", PUSH_RANGE }, { "address", "INTEGER", PUSH_RANGE },
    { "size_bytes", "INTEGER", PUSH_RANGE }, { "family", "TEXT", 0 }, { "stack", "INTEGER", PUSH_RANGE },
    { "from_thread", "INTEGER", 0 }, { "to_thread", "INTEGER", 0 }, { "mutable", "INTEGER", 0 },
    { "old_address", "INTEGER", 0 }, { "old_size_bytes", "INTEGER", 0 }, { "offset_bytes", "INTEGER", 0 },
    { "copied_by", "TEXT", 0 }, { "lock_kind", "TEXT", 0 }, { "shared", "INTEGER", 0 }, { "wait_ns", "INTEGER", 0 },
    { "cloned_from", "INTEGER", 0 }, { "dated_ns", "INTEGER", 0 }, { "pid", "INTEGER", 0 }, { "code", "INTEGER", 0 },
    { "errno", "INTEGER", 0 }, { "reason", "TEXT", 0 }, { "count", "INTEGER", 0 }, { "number", "INTEGER", 0 },
    { "blocks", "INTEGER", 0 }, { "text", "TEXT", 0 }, { NULL, NULL, 0 }
};

struct cursor {
    struct sql_cursor c;
    struct feed *feed;
    const struct feed_row *at;
    uint32_t types;             /* bit 1 << enum fact_type */
};

static bool is_copy(const struct fact *f) { return f->type == FACT_BORROW && f->by && !strcmp(f->by, "copied"); }
static bool is_memory(const struct fact *f)
{
    return f->type == FACT_NEW || f->type == FACT_DROP || f->type == FACT_MOVE || f->type == FACT_BORROW || f->type == FACT_BORROW_END;
}

/* ---- which ---- */

static uint32_t types_of(const struct sql_bound *b)
{
    uint32_t types = 0;
    for (unsigned type = 1; type < FACT_TYPES; type++)
        for (size_t i = 0; i < b->n_texts; i++)
            if (!strcmp(fact_type_name(type), b->texts[i]))
                types |= 1u << type;
    return b->n_texts ? types : UINT32_MAX;
}

/* A size is only told of memory, an address of locks too. */
static bool wanted(void *context, const struct fact *f, uint64_t event_ns)
{
    const struct cursor *k = context;
    const struct sql_bound *b = k->c.bounds;
    return k->types & 1u << f->type && (!b[THREAD].given || sql_bound_has(&b[THREAD], f->thread)) &&
           (!b[PROCESS].given || sql_bound_has(&b[PROCESS], f->process)) && (!b[NS].given || sql_bound_has(&b[NS], (int64_t)event_ns)) &&
           (!b[BLOCK].given || sql_bound_has(&b[BLOCK], (int64_t)f->block)) && (!b[LOCK].given || sql_bound_has(&b[LOCK], (int64_t)f->lock)) &&
           (!b[STACK].given || sql_bound_has(&b[STACK], f->stack)) &&
           (!b[ADDRESS].given || ((is_memory(f) || f->lock) && sql_bound_has(&b[ADDRESS], (int64_t)f->address))) &&
           (!b[SIZE].given || (is_memory(f) && sql_bound_has(&b[SIZE], (int64_t)f->size)));
}

static uint64_t only(const struct sql_bound *b, uint64_t most)
{
    return b->given && sql_bound_one(b) && b->low > 0 && (uint64_t)b->low <= most ? (uint64_t)b->low : 0;
}

/* Which events such facts come of, as far as a summary can tell. */
static size_t narrow_to_events(const struct cursor *k, struct trace_filter filters[EVENT_FILTERS_MAX])
{
    const struct sql_bound *b = k->c.bounds, *a = &b[ADDRESS];
    const struct doc_events_options o = {
        .types = k->types == UINT32_MAX ? 0 : k->types, .thread = (uint32_t)only(&b[THREAD], UINT32_MAX), .process = (uint32_t)only(&b[PROCESS], UINT32_MAX),
        .addresses = a->has_low || a->has_high, .low_address = a->has_low && a->low > 0 ? (uint64_t)a->low : 0,
        .high_address = !a->has_high ? UINT64_MAX : a->high < 0 ? 0 : (uint64_t)a->high + 1 };
    const struct event_reach reach = { .o = &o, .block = only(&b[BLOCK], INT64_MAX), .stack = (uint32_t)only(&b[STACK], UINT32_MAX),
                                       .until = k->c.sql->last_event };
    return event_reach(k->c.sql->source.trace, &reach, filters);
}

/* Facts about blocks come behind what came before the first of them. */
static uint64_t first_of_blocks(const struct cursor *k)
{
    const struct sql_bound *b = &k->c.bounds[BLOCK];
    return b->has_low && b->low > 0 ? event_before_block(k->c.sql->source.trace, (uint64_t)b->low, k->c.sql->last_event) + 1 : 0;
}

static int events_next(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    int rc;
    k->at = feed_next(k->feed, &rc);
    c->eof = !k->at;
    if (k->at)
        c->row = (sqlite3_int64)(k->at->fact.event << 24 | (k->at->nth & 0xffffff));
    return rc;
}

static int events_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    const struct sql_bound *b = c->bounds;
    if (sql_range_find(c->sql))
        return SQLITE_ERROR;
    k->types = types_of(&b[TYPE]);
    uint64_t first = c->sql->since_event + 1, last = c->sql->last_event;
    if (b[EVENT].has_low && b[EVENT].low > (int64_t)first)
        first = (uint64_t)b[EVENT].low;
    if (b[EVENT].has_high && b[EVENT].high < (int64_t)last)
        last = b[EVENT].high < 0 ? 0 : (uint64_t)b[EVENT].high;
    feed_narrow(c->sql, &b[NS], &first, &last);
    c->eof = first > last || !k->types || b[EVENT].is_null || b[NS].is_null;
    if (c->eof)
        return SQLITE_OK;
    uint64_t born = first_of_blocks(k);
    first = born > first ? born : first;
    struct trace_filter filters[EVENT_FILTERS_MAX];
    struct feed_options o = { .first_event = first, .last_event = c->sql->last_event, .enough_event = last, .wanted = wanted, .context = k,
                              .filters = filters, .n_filters = narrow_to_events(k, filters) };
    k->feed = feed_open(c->sql, &o);
    return k->feed ? events_next(c) : SQLITE_ERROR;
}

static void events_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    feed_close(k->feed);
    k->feed = NULL;
}

/* ---- columns ---- */

static void put_node_of(sqlite3_context *to, const struct fact *f)
{
    if (f->block)
        put_node(to, 'b', f->block);
    else if (f->lock)
        put_node(to, 'l', f->lock);
    else if (f->type == FACT_THREAD)
        put_node(to, 't', f->to_thread ? f->to_thread : f->thread);
    else if (f->type == FACT_PROCESS || f->type == FACT_SNAPSHOT)
        put_node(to, 'p', f->process);
}

static void put_memory(sqlite3_context *to, const struct fact *f, int column)
{
    bool copy = is_copy(f), hands = f->type == FACT_MOVE || ((f->type == FACT_BORROW || f->type == FACT_BORROW_END) && !copy);
    switch (column) {
    case SIZE: put_u64(to, f->size); break;
    case FAMILY: if (!copy && f->family) put_static(to, family_name(f->family)); break;
    case COPIED_BY: if (copy) put_static(to, copy_name(f->family)); break;
    case OFFSET: if (copy) put_u64(to, f->offset); break;
    case FROM_THREAD: if (f->type == FACT_MOVE) put_id(to, f->from_thread); break;
    case TO_THREAD: put_id(to, hands ? f->to_thread : copy ? (f->to_thread ? f->to_thread : f->thread) : 0); break;
    case MUTABLE: if (copy || (hands && f->type != FACT_MOVE)) sqlite3_result_int(to, copy ? f->is_mutable : 1); break;
    case OLD_ADDRESS: if (hands) put_id(to, f->old_address); break;
    case OLD_SIZE: if (hands && f->old_address) put_u64(to, f->old_size); break;
    case CLONED_FROM: put_id(to, f->cloned_from); break;
    }
}

static void put_lock(sqlite3_context *to, const struct fact *f, int column)
{
    switch (column) {
    case LOCK_KIND: put_static(to, lock_name(f->lock_family)); break;
    case SHARED: if (f->type == FACT_ACQUIRE || f->type == FACT_RELEASE) sqlite3_result_int(to, f->shared); break;
    case WAIT: if (f->type == FACT_ACQUIRE) put_u64(to, f->wait_ns); break;
    case ERRNO: if (f->type == FACT_WAIT_END) put_u64(to, f->size); break;
    }
}

static void put_life(sqlite3_context *to, const struct fact *f, int column)
{
    const char *by = f->by ? f->by : "";
    bool process = f->type == FACT_PROCESS, lost = f->type == FACT_LOST, snapshot = f->type == FACT_SNAPSHOT;
    switch (column) {
    case PID: if (process && !strcmp(by, "fork")) put_u64(to, f->address); break;
    case CODE: if (process && !strcmp(by, "exit")) put_u64(to, f->address); break;
    case ERRNO: if (process && !strcmp(by, "exec-failed")) put_u64(to, f->address); break;
    case REASON: if (lost) put_static(to, lost_name((unsigned)(f->address < WIRE_LOST_REASONS ? f->address : WIRE_LOST_REASONS))); break;
    case COUNT: if (lost) put_u64(to, f->size); break;
    case NUMBER: if (snapshot || f->type == FACT_RATE) put_u64(to, f->address); break;
    case BLOCKS: if (snapshot) put_u64(to, f->size); break;
    case TEXT: if (f->text && f->text_bytes) put_text(to, f->text, strnlen(f->text, f->text_bytes)); break;
    }
}

static void events_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct feed_row *row = ((struct cursor *)c)->at;
    const struct fact *f = &row->fact;
    switch (column) {
    case EVENT: put_u64(to, f->event); return;
    case NS: put_u64(to, row->event_ns); return;
    case TYPE: put_static(to, fact_type_name(f->type)); return;
    case PROCESS: put_id(to, f->process); return;
    case THREAD: put_id(to, f->thread); return;
    case NODE: put_node_of(to, f); return;
    case BY: put_static(to, f->by); return;
    case BLOCK: put_id(to, f->block); return;
    case LOCK: put_id(to, f->lock); return;
    case ADDRESS: if (is_memory(f) || f->lock) put_u64(to, f->address); return;
    case STACK: put_id(to, f->stack); return;
    case DATED: if (f->ns != row->event_ns) put_u64(to, f->ns); return;
    }
    if (is_memory(f))
        put_memory(to, f, column);
    else if (f->lock)
        put_lock(to, f, column);
    else
        put_life(to, f, column);
}

const struct sql_table sql_events = {
    .name = "events", .about = "what happened, in order: one row a fact, as ownscope events prints them",
    .columns = columns, .rows = 1e7, .cursor_bytes = sizeof(struct cursor),
    .start = events_start, .next = events_next, .column = events_column, .end = events_end
};
