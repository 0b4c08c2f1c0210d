/*
 * collector/sql/sql_rows.h - a table whose rows are an array of the state's
 * view: a cursor that counts.
 */
#ifndef OWNSCOPE_SQL_ROWS_H
#define OWNSCOPE_SQL_ROWS_H

#include "sql/sql_room.h"

struct rows {
    struct sql_cursor c;
    struct sql_state *state;
    const struct view *view;
    size_t at, n;
};

static inline int rows_next(struct sql_cursor *c)
{
    struct rows *k = (struct rows *)c;
    c->row = (sqlite3_int64)++k->at;
    c->eof = k->at >= k->n;
    return SQLITE_OK;
}

/* `count` of the view, once it is there. */
static inline int rows_begin(struct sql_cursor *c, unsigned flags)
{
    struct rows *k = (struct rows *)c;
    k->state = sql_state(c->sql, flags);
    if (!k->state)
        return SQLITE_ERROR;
    k->view = k->state->source.view;
    k->at = 0;
    c->row = 0;
    return SQLITE_OK;
}

static inline int rows_of(struct sql_cursor *c, size_t n)
{
    struct rows *k = (struct rows *)c;
    k->n = n;
    c->eof = !n;
    return SQLITE_OK;
}

#endif
