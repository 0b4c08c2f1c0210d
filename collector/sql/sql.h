/*
 * collector/sql/sql.h - SQL over one trace: what happened in it, and the state
 * at a moment of it, as SQLite tables.
 *
 * The tables are those of ownscope-sql(7). They are virtual: nothing is copied
 * into SQLite, rows are made as a query asks for them, from the trace, from a
 * view of the moment, or from a fold of the events between two points of it.
 * Constraints on event, ns, type, thread, process, stack, size and address are
 * taken by the tables (sql_table.c), so that groups of events in which nothing
 * can be are not read; SQLite checks every row again, so a table may give too
 * many and never too few.
 *
 * Nothing can be written: the database is in memory, an authorizer lets SELECT
 * through and nothing else, and SQLite's limits bound what a query may be.
 * Long queries are ended by `stop`, asked some thousand times a second.
 *
 * One thread a struct sql. A live session's trace is read as it was when
 * sql_open or sql_move was called: what is appended later is not seen.
 */
#ifndef OWNSCOPE_SQL_H
#define OWNSCOPE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sql;
struct sql_options {
    const char *at, *since;         /* TIME; NULL: the end, the beginning */
    bool (*stop)(void *context);    /* NULL: nobody does */
    void *context;
};

/* 0, or -errno and *error, one malloc'ed line: -EINVAL for a TIME that is none, -ENOENT for a mark or
 * a file that is not there, -EBADMSG for what is no trace. */
int sql_open(struct sql **s, const char *path, const struct sql_options *o, char **error);
void sql_close(struct sql *s);
/* From here on another moment, with the file as it is now. No statement may be open. As sql_open; on failure the old moment stays. */
int sql_move(struct sql *s, const char *at, const char *since, char **error);

/* The next statement of a text; *tail is behind it. *statement NULL: only blanks and comments were left. 0; -EINVAL: wrong
 * SQL, or what is not allowed. */
int sql_prepare(struct sql *s, const char *text, sqlite3_stmt **statement, const char **tail);
/* 1: a row; 0: no more. -EINVAL: it is wrong after all; -EINTR: it was stopped; -ENOMEM: it wants too much
 * memory; another: the source cannot be read. */
int sql_step(struct sql *s, sqlite3_stmt *statement);
/* Why the last call failed, in one line. */
const char *sql_error(const struct sql *s);
/* What was met behind the rows of the last statement: the trace is damaged there. NULL: nothing. */
const char *sql_damage(const struct sql *s);
/* Bytes at the file's end that are no whole chunk, and left out. */
uint64_t sql_torn_bytes(const struct sql *s);

/* What reading cost since sql_open: for --stats, and for tests that nothing is read needlessly. */
struct sql_cost {
    uint64_t events;            /* in the trace */
    uint64_t groups;            /* of events, in the trace; 0: it has none */
    uint64_t groups_passed;     /* over, by what their summaries say, all passes added up */
    uint64_t decoded;           /* events that were read, all passes added up */
    uint64_t passes;            /* over the trace */
    uint64_t symbols;           /* stacks whose frames were named */
};
struct sql_cost sql_cost(const struct sql *s);

/* The tables' names, in the order of ownscope-sql(7), ended by NULL. */
const char *const *sql_tables(void);
/* "CREATE TABLE events(…);" with a comment on what a row is; malloc'ed. NULL: no such table. */
char *sql_schema(const char *table);
/* The moment that is shown: the number of its last event, and of the last one before --since. */
int sql_range(struct sql *s, uint64_t *since_event, uint64_t *last_event);

/* ---- bisect: the first moment at which a condition holds ---- */
struct sql_bisect {
    const char *condition;      /* a SELECT; its first value of its first row tells: no row, NULL, 0 and "" are false */
    uint64_t steps;             /* moments that are looked at evenly before halving; 0: 64 */
    bool (*progress)(void *context, uint64_t looked_at);  /* false: stop. NULL: nobody asks */
    void *context;
};
struct sql_moment {
    bool found;
    bool from_start;            /* it holds already at the first moment that was looked at */
    uint64_t event, before;     /* the first event after which it holds; the last one looked at after which it does not */
    uint64_t ns;
    uint32_t thread, process, stack;
    char type[24];              /* of the event as recorded */
    char *value, *value_before; /* what the condition's row said, columns joined by '|'; malloc'ed; NULL: no row */
    uint64_t looked_at;         /* moments */
};
/* 0; -EINVAL: the condition is wrong SQL; as sql_step. Leaves `s` at that moment (found) or where it was. */
int sql_bisect(struct sql *s, const struct sql_bisect *b, struct sql_moment *m);
void sql_moment_free(struct sql_moment *m);

#endif
