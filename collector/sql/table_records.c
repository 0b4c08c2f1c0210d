/*
 * collector/sql/table_records.c - `records`: the events as they were recorded,
 * before any fold: nothing is worked out, so nothing but what is asked for need
 * be read. Groups whose summaries rule a row out are passed over, columns that
 * no query wants are not unpacked (trace_select).
 */
#include <string.h>

#include "sql/sql_room.h"
#include "trace/trace_extent.h"

enum { EVENT, NS, TYPE, PROCESS, THREAD, STACK, FAMILY, ADDRESS, SIZE, EXTRA1, EXTRA2, TEXT, NUMBER };

static const struct sql_column columns[] = {
    { "event", "INTEGER", PUSH_RANGE }, { "ns", "INTEGER", PUSH_RANGE }, { "type", "TEXT", PUSH_TEXT },
    { "process", "INTEGER", PUSH_RANGE }, { "thread", "INTEGER", PUSH_RANGE }, { "stack", "INTEGER", PUSH_RANGE },
    { "family", "TEXT", 0 }, { "address", "INTEGER", PUSH_RANGE }, { "size_bytes", "INTEGER", PUSH_RANGE },
    { "extra1", "INTEGER", 0 }, { "extra2", "INTEGER", 0 }, { "text", "TEXT", 0 }, { "number", "INTEGER", 0 }, { NULL, NULL, 0 }
};

enum { ASK_EVERY = 1 << 16 };

struct cursor {
    struct sql_cursor c;
    struct trace *trace;
    struct event e;
    uint64_t number, first, last;
    uint64_t types;             /* bit 1 << enum event_type */
    unsigned asked;
};

static uint64_t types_of(const struct sql_bound *b)
{
    uint64_t types = 0;
    for (unsigned type = 1; type < EVENT_TYPES; type++)
        for (size_t i = 0; i < b->n_texts; i++)
            if (!strcmp(event_type_name(type), b->texts[i]))
                types |= 1ull << type;
    return b->n_texts ? types : UINT64_MAX;
}

/* ---- what the trace is asked ---- */

static uint32_t only(const struct sql_bound *b)
{
    return b->given && sql_bound_one(b) && b->low > 0 && b->low <= UINT32_MAX ? (uint32_t)b->low : 0;
}

static struct trace_filter filter_of(const struct cursor *k)
{
    const struct sql_bound *b = k->c.bounds, *ns = &b[NS], *a = &b[ADDRESS], *size = &b[SIZE];
    struct trace_filter f = { .types = k->types == UINT64_MAX ? 0 : k->types, .thread = only(&b[THREAD]), .process = only(&b[PROCESS]),
                              .stack = only(&b[STACK]), .first_event = k->first, .last_event = k->last };
    if (ns->has_low && ns->low > 0)
        f.low_ns = (uint64_t)ns->low;
    if (ns->has_high && ns->high >= 0 && ns->high < INT64_MAX)
        f.high_ns = (uint64_t)ns->high + 1;
    if (a->has_low && a->low > 0)
        f.low_address = (uint64_t)a->low;
    if (a->has_high && a->high >= 0 && a->high < INT64_MAX)
        f.high_address = (uint64_t)a->high + 1;
    else if (f.low_address)
        f.high_address = UINT64_MAX;
    if (size->has_low && size->low > 0)
        f.least_bytes = (uint64_t)size->low;
    if (size->has_high && size->high > 0)
        f.most_bytes = (uint64_t)size->high;
    return f;
}

static unsigned columns_of(const struct cursor *k)
{
    unsigned wanted = 0;
    uint64_t asked = k->c.columns;
    for (int i = 0; k->c.table->columns[i].name; i++)
        if (k->c.bounds[i].given)
            asked |= 1ull << i;
    if (asked & 1ull << NS)
        wanted |= TRACE_TIMES;
    if (asked & 1ull << SIZE)
        wanted |= TRACE_SIZES;
    if (asked & (1ull << ADDRESS | 1ull << NUMBER))
        wanted |= TRACE_ADDRESSES;
    if (asked & (1ull << EXTRA1 | 1ull << EXTRA2 | 1ull << TEXT))
        wanted |= TRACE_ALL;
    return wanted;
}

static void groups_count(struct sql *s, const struct trace *t, const struct trace_filter *f)
{
    const struct trace_group *list;
    for (size_t i = trace_groups(t, &list); i-- > 0;)
        if (trace_group_may(t, i, f))
            s->cost.decoded += list[i].events;
        else
            s->cost.groups_passed++;
}

/* What an event's address column names: nothing, where the number there is an id or a count. */
static uint64_t address_of(const struct event *e)
{
    struct trace_extent of[2];
    trace_extents(e, of);
    return of[0].first <= of[0].last ? e->address : 0;
}

/* ---- walking ---- */

static bool passes(const struct cursor *k)
{
    const struct sql_bound *b = k->c.bounds;
    const struct event *e = &k->e;
    return k->number >= k->first && k->types & 1ull << e->type && (!b[THREAD].given || sql_bound_has(&b[THREAD], e->thread)) &&
           (!b[PROCESS].given || sql_bound_has(&b[PROCESS], e->process)) && (!b[STACK].given || sql_bound_has(&b[STACK], e->stack)) &&
           (!b[NS].given || sql_bound_has(&b[NS], (int64_t)e->ns)) && (!b[ADDRESS].given || sql_bound_has(&b[ADDRESS], (int64_t)address_of(e))) &&
           (!b[SIZE].given || sql_bound_has(&b[SIZE], (int64_t)e->size));
}

static int records_next(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    int got;
    while ((got = trace_next(k->trace, &k->e)) > 0) {
        k->number = trace_event_number(k->trace);
        if (k->number > k->last)
            break;
        if (++k->asked % ASK_EVERY == 0 && sql_stopped(c->sql))
            return SQLITE_INTERRUPT;
        if (!passes(k))
            continue;
        c->row = (sqlite3_int64)k->number;
        return SQLITE_OK;
    }
    if (got < 0)
        sql_damaged(c->sql, k->trace);
    c->eof = true;
    return SQLITE_OK;
}

static int records_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    const struct sql_bound *b = c->bounds;
    if (sql_range_find(c->sql))
        return SQLITE_ERROR;
    k->types = types_of(&b[TYPE]);
    k->first = c->sql->since_event + 1;
    k->last = c->sql->last_event;
    if (b[EVENT].has_low && b[EVENT].low > (int64_t)k->first)
        k->first = (uint64_t)b[EVENT].low;
    if (b[EVENT].has_high && b[EVENT].high < (int64_t)k->last)
        k->last = b[EVENT].high < 0 ? 0 : (uint64_t)b[EVENT].high;
    c->eof = k->first > k->last || !k->types;
    if (c->eof)
        return SQLITE_OK;
    k->trace = sql_reader(c->sql);
    if (!k->trace)
        return SQLITE_ERROR;
    struct trace_filter f = filter_of(k);
    int error = trace_select(k->trace, &f, columns_of(k));
    if (error)
        return sql_fail(c->sql, error, "cannot read %s: %s", c->sql->path, trace_error_text(k->trace));
    c->sql->cost.passes++;
    groups_count(c->sql, k->trace, &f);
    return records_next(c);
}

static void records_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    if (k->trace)
        trace_close(k->trace);
    k->trace = NULL;
}

static const char *family_of(const struct event *e)
{
    switch (e->type) {
    case EVENT_NEW: case EVENT_DROP: case EVENT_REALLOC_BEGIN: case EVENT_REALLOC_END: return e->family ? family_name(e->family) : NULL;
    case EVENT_COPY: return copy_name(e->family);
    case EVENT_WAIT: case EVENT_ACQUIRE: case EVENT_RELEASE: case EVENT_WAIT_END: case EVENT_COND_WAIT: case EVENT_COND_WOKEN:
    case EVENT_SIGNAL: case EVENT_LOCK_INIT: case EVENT_LOCK_DESTROY: case EVENT_LOCK_CONSISTENT: return lock_name(e->family);
    case EVENT_SNAPSHOT: return snapshot_why_name(e->family);
    default: return NULL;
    }
}

static void put_address(sqlite3_context *to, uint64_t address)
{
    if (address)
        sqlite3_result_int64(to, (sqlite3_int64)address);
}

static void records_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct cursor *k = (const struct cursor *)c;
    const struct event *e = &k->e;
    switch (column) {
    case EVENT: put_u64(to, k->number); break;
    case NS: put_u64(to, e->ns); break;
    case TYPE: put_static(to, event_type_name(e->type)); break;
    case PROCESS: put_id(to, e->process); break;
    case THREAD: put_id(to, e->thread); break;
    case STACK: put_id(to, e->stack); break;
    case FAMILY: put_static(to, family_of(e)); break;
    case ADDRESS: put_address(to, address_of(e)); break;
    case NUMBER: if (!address_of(e)) put_id(to, e->address); break;
    case SIZE: sqlite3_result_int64(to, (sqlite3_int64)e->size); break;
    case EXTRA1: sqlite3_result_int64(to, (sqlite3_int64)e->extra[0]); break;
    case EXTRA2: sqlite3_result_int64(to, (sqlite3_int64)e->extra[1]); break;
    case TEXT: if (e->text && e->text_bytes) put_text(to, e->text, e->text_bytes); break;
    }
}

const struct sql_table sql_records = {
    .name = "records", .about = "the events as they were recorded: nothing worked out, and read only as far as it is asked for",
    .columns = columns, .rows = 1e7, .cursor_bytes = sizeof(struct cursor),
    .start = records_start, .next = records_next, .column = records_column, .end = records_end
};
