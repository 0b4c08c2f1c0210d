/*
 * collector/sql/table_locks.c - `locks`: every lock up to the moment that the
 * view has a row for, as `locks` of ownscope-locks(1) tells of them.
 */
#include <string.h>

#include "export/lock_names.h"
#include "sql/sql_rows.h"

enum { ID, PROCESS, KIND, PLACE, TYPE, ADDRESS, BLOCK, BORN, ENDED, ACQUISITIONS, SHARED, CONTENDED, WAIT, WAIT_MAX, WAIT_P50,
       WAIT_P99, HOLD, HOLD_MAX, HOLD_P50, HOLD_P99, HELD_BY, HELD_SINCE, WAITERS, STACK };
static const struct sql_column columns[] = {
    { "id", "INTEGER", 0 }, { "process", "INTEGER", 0 }, { "kind", "TEXT", 0 }, { "place", "TEXT", 0 }, { "type", "TEXT", 0 },
    { "address", "INTEGER", 0 }, { "block", "INTEGER", 0 }, { "born_ns", "INTEGER", 0 }, { "ended_ns", "INTEGER", 0 },
    { "acquisitions", "INTEGER", 0 }, { "shared_acquisitions", "INTEGER", 0 }, { "contended", "INTEGER", 0 },
    { "wait_ns", "INTEGER", 0 }, { "wait_max_ns", "INTEGER", 0 }, { "wait_p50_ns", "INTEGER", 0 }, { "wait_p99_ns", "INTEGER", 0 },
    { "hold_ns", "INTEGER", 0 }, { "hold_max_ns", "INTEGER", 0 }, { "hold_p50_ns", "INTEGER", 0 }, { "hold_p99_ns", "INTEGER", 0 },
    { "held_by", "INTEGER", 0 }, { "held_since_ns", "INTEGER", 0 }, { "waiters", "INTEGER", 0 }, { "stack", "INTEGER", 0 }, { NULL, NULL, 0 }
};

struct cursor { struct rows rows; struct lock_names *names; };

static int locks_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    int rc = rows_begin(c, 0);
    if (rc)
        return rc;
    k->names = lock_names_new(k->rows.view, c->sql->source.symbols);
    return rows_of(c, k->rows.view->n_locks);
}

static void locks_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    if (k->names)
        lock_names_free(k->names);
    k->names = NULL;
}

static void put_words(sqlite3_context *to, unsigned type)
{
    char text[128] = "";
    for (size_t i = 0; i < LOCK_TYPE_WORDS; i++)
        if (type & lock_type_words[i].bit) {
            if (*text)
                strncat(text, ",", sizeof text - strlen(text) - 1);
            strncat(text, lock_type_words[i].word, sizeof text - strlen(text) - 1);
        }
    if (*text)
        sqlite3_result_text(to, text, -1, SQLITE_TRANSIENT);
}

/* Who excludes the others now. */
static const struct view_hold *hold_of(const struct view *v, uint64_t lock)
{
    for (size_t i = 0; i < v->n_holds; i++)
        if (v->holds[i].lock == lock && !v->holds[i].shared)
            return &v->holds[i];
    return NULL;
}

static uint64_t waiters_of(const struct view *v, uint64_t lock)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n_waits; i++)
        n += v->waits[i].lock == lock;
    return n;
}

static void put_times(sqlite3_context *to, const struct view_lock *l, int column)
{
    const struct view_times *t = column <= WAIT_P99 ? &l->wait : &l->hold;
    switch (column) {
    case WAIT: case HOLD: put_u64(to, t->total_ns); break;
    case WAIT_MAX: case HOLD_MAX: put_u64(to, t->max_ns); break;
    case WAIT_P50: case HOLD_P50: put_u64(to, t->p50_ns); break;
    case WAIT_P99: case HOLD_P99: put_u64(to, t->p99_ns); break;
    }
}

static void locks_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct cursor *k = (const struct cursor *)c;
    const struct view *v = k->rows.view;
    const struct view_lock *l = &v->locks[k->rows.at];
    const struct view_hold *h = column == HELD_BY || column == HELD_SINCE ? hold_of(v, l->id) : NULL;
    const char *place = column == PLACE ? lock_names_where(k->names, l->id) : NULL;
    switch (column) {
    case ID: put_id(to, l->id); break;
    case PROCESS: put_id(to, l->process); break;
    case KIND: put_static(to, lock_name(l->family)); break;
    case PLACE: put_text(to, place, strlen(place)); break;
    case TYPE: put_words(to, l->type); break;
    case ADDRESS: put_u64(to, l->where.address); break;
    case BLOCK: put_id(to, l->where.kind == VIEW_WHERE_BLOCK ? l->where.block : 0); break;
    case BORN: put_u64(to, l->born_ns); break;
    case ENDED: put_id(to, l->ended_ns); break;
    case ACQUISITIONS: put_u64(to, l->acquisitions); break;
    case SHARED: put_u64(to, l->shared_acquisitions); break;
    case CONTENDED: put_u64(to, l->contended); break;
    case HELD_BY: put_id(to, h ? h->thread : 0); break;
    case HELD_SINCE: if (h) put_u64(to, h->since_ns); break;
    case WAITERS: put_u64(to, waiters_of(v, l->id)); break;
    case STACK: put_id(to, sql_state_stack(k->rows.state, l->init_stack)); break;
    default: put_times(to, l, column);
    }
}

const struct sql_table sql_locks = {
    .name = "locks", .about = "every lock up to the moment: how often it was taken, waited for, and how long",
    .columns = columns, .rows = 1e3, .cursor_bytes = sizeof(struct cursor),
    .start = locks_start, .next = rows_next, .column = locks_column, .end = locks_end
};
