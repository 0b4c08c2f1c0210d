/*
 * collector/sql/sql_room.h - what the tables share: the source at its moment,
 * and the shape of a table.
 *
 * Numbers of stacks are those of the trace's own tables (event/code.h): the same in
 * every table, at every moment, for every reader of a file.
 */
#ifndef OWNSCOPE_SQL_ROOM_H
#define OWNSCOPE_SQL_ROOM_H

#include <sqlite3.h>

#include "export/frames.h"
#include "export/source.h"
#include "sql/sql.h"

enum { SQL_STATE_BLOCKS = 1, SQL_STATE_HEAPS = 2, SQL_STATES = 4 };

/* The state at the moment. */
struct sql_state {
    unsigned flags;             /* SQL_STATE_* that it has */
    struct source source;
    uint32_t *stacks;           /* the view's stack -> the trace's; made when it is asked for */
    struct dict *blocks;        /* id -> number in the view + 1; the same */
};

struct sql {
    sqlite3 *db;
    char *path, *at, *since;
    struct source source;       /* opened, nothing read: what it is, and symbols */
    uint64_t since_event, last_event;   /* last 0: nothing happened before the moment */
    uint64_t since_ns;
    bool ranged;                /* the above are known */
    bool whole;                 /* the moment is the trace's end, which has come */
    bool declaring;             /* a table tells SQLite its columns, by a CREATE that is never run */
    unsigned need;              /* SQL_STATE_* that the statement may ask for */
    struct sql_state *states[SQL_STATES]; size_t n_states;  /* the newest last; older ones may be in use */
    struct trace *code;         /* all its definitions are read */
    struct frames *frames;      /* of it */
    struct sql_cost cost;
    int failed;                 /* the source's, in this statement */
    char *damage;
    char error[512];
    bool (*stop)(void *context);
    void *stop_context;
};

/* ---- the moment (sql_moment.c) ---- */
/* 0 or -errno, and s->error. */
int sql_range_find(struct sql *s);
/* With what s->need says, and `flags`; NULL: s->failed, s->error. */
struct sql_state *sql_state(struct sql *s, unsigned flags);
void sql_states_drop(struct sql *s);
/* The state behind another event, with its blocks; to be freed. */
struct sql_state *sql_state_behind(struct sql *s, uint64_t event);
void sql_state_free(struct sql_state *st);
uint32_t sql_state_stack(struct sql_state *st, uint32_t view_stack);
/* Number in the view + 1 of a block; 0: it does not live. */
uint32_t sql_state_block(struct sql_state *st, uint64_t id);
/* The trace with all its definitions, and the frames of its stacks; NULL as above. */
struct frames *sql_frames(struct sql *s);
const struct code *sql_code(struct sql *s);
/* A new reader of the trace. NULL as above. */
struct trace *sql_reader(struct sql *s);
/* Says why; returns SQLITE_ERROR. */
int sql_fail(struct sql *s, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A reader met damage: the rows end here, and it is told. */
void sql_damaged(struct sql *s, const struct trace *t);
bool sql_stopped(const struct sql *s);
/* A fold came to event `to` from event `from` or, as there was one later, from a checkpoint: counts its cost. */
void sql_folded(struct sql *s, const struct trace *t, uint64_t from, uint64_t to);

/* ---- a constraint on a column, as far as a table may use it ---- */
enum { SQL_TEXTS = 16 };
struct sql_bound {
    bool given;                 /* there is one */
    bool none;                  /* no value satisfies it */
    bool is_null;               /* only NULL does */
    bool has_low, has_high;
    int64_t low, high;          /* as far as has_*; only where the column is a number */
    const char *texts[SQL_TEXTS];
    size_t n_texts;             /* 0: any */
};
bool sql_bound_has(const struct sql_bound *b, int64_t value);
static inline bool sql_bound_one(const struct sql_bound *b) { return b->has_low && b->has_high && b->low == b->high; }

/* ---- a table ---- */
enum sql_push {
    PUSH_RANGE = 1,             /* the table takes = < > IN of numbers */
    PUSH_TEXT = 2,              /* = and IN of texts */
    PUSH_NULL = 4,              /* IS NULL */
    PUSH_KEY = 8,               /* = finds one row (or few) at once */
    HIDDEN = 16
};
struct sql_column { const char *name, *type; unsigned flags; };

enum { SQL_COLUMNS = 48 };
struct sql_cursor {
    sqlite3_vtab_cursor base;
    const struct sql_table *table;
    struct sql *sql;
    struct sql_bound bounds[SQL_COLUMNS];
    char *texts[SQL_COLUMNS * 2]; size_t n_texts;   /* the bounds' */
    uint64_t columns;           /* bit of each that is asked for */
    bool eof;
    sqlite3_int64 row;          /* of the present row, unlike any other of the table */
};

struct sql_table {
    const char *name, *about;
    const struct sql_column *columns;   /* ended by a NULL name */
    double rows;                /* about how many */
    double key_cost;            /* of finding one by its key */
    size_t cursor_bytes;        /* a struct that begins with sql_cursor */
    unsigned (*need)(uint64_t columns); /* SQL_STATE_*; NULL: none */
    /* SQLITE_OK or an error (sql_fail). start: to the first row; both set eof behind the last. */
    int (*start)(struct sql_cursor *c);
    int (*next)(struct sql_cursor *c);
    void (*column)(struct sql_cursor *c, sqlite3_context *to, int column);
    void (*end)(struct sql_cursor *c);  /* what start took; NULL: nothing. Then start may come again */
    void (*close)(struct sql_cursor *c); /* what lasts from one start to the next; NULL: nothing */
};
extern const struct sql_table sql_events, sql_records, sql_blocks, sql_sites, sql_frames_table, sql_stacks, sql_threads, sql_processes,
                              sql_locks, sql_edges, sql_findings;
extern const struct sql_table *const sql_table_list[];  /* ended by NULL */

int sql_tables_register(struct sql *s);
int sql_functions_register(sqlite3 *db);

/* ---- values ---- */
static inline void put_u64(sqlite3_context *to, uint64_t n) { sqlite3_result_int64(to, n > INT64_MAX ? INT64_MAX : (int64_t)n); }
/* 0 is NULL. */
static inline void put_id(sqlite3_context *to, uint64_t n)
{
    if (n)
        put_u64(to, n);
}
static inline void put_static(sqlite3_context *to, const char *text)
{
    if (text)
        sqlite3_result_text(to, text, -1, SQLITE_STATIC);
}
void put_text(sqlite3_context *to, const char *text, size_t bytes);     /* bytes that are no UTF-8 become U+FFFD */
/* "b12"; NULL for 0. */
void put_node(sqlite3_context *to, char kind, uint64_t id);

#endif
