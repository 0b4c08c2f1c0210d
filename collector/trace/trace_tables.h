/*
 * collector/trace/trace_tables.h - the code tables (event/code.h) in CODE chunks.
 *
 * Written and read in order of birth, so ids in the file are those of the
 * writer's tables, and a reader that interns them one by one gets the same.
 */
#ifndef OWNSCOPE_TRACE_TABLES_H
#define OWNSCOPE_TRACE_TABLES_H

#include "event/code.h"
#include "event/event.h"
#include "trace/trace_column.h"

/* How far the tables are in the file. */
struct trace_tables {
    uint32_t modules, frames, stacks;
};

/* True when what the event names is in `code`. */
static inline bool trace_tables_name(const struct code *code, const struct event *e)
{
    return e->stack <= code_stacks(code) && (e->type != EVENT_MODULE || e->extra[1] <= code_modules(code));
}

/* True when `code` has entries that the file does not have. */
bool trace_tables_behind(const struct trace_tables *t, const struct code *code);
/* Puts as many of them as one chunk may hold into its empty columns; returns how many. */
uint32_t trace_tables_pack(struct trace_tables *t, const struct code *code, struct trace_column *columns);

/* Adds a CODE chunk's definitions to `code`. 0 or -EBADMSG. */
int trace_tables_unpack(struct trace_columns *columns, uint32_t count, struct code *code);

#endif
