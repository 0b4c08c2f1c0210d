/*
 * collector/sql/table_code.c - `stacks` and `frames`: the places in the code
 * that everything else names by number.
 *
 * Stacks are the trace's whole tree: also the beginnings that longer ones share. A stack's frames are
 * looked up in symbols when a column of it is first asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/fingerprint.h"
#include "sql/sql_room.h"

/* ---- what both walk ---- */

struct walk {
    struct sql_cursor c;
    const struct code *code;
    struct frames *frames;
    uint32_t stack, last;       /* the present one, and where to end */
    struct frame_place *places; size_t n, capacity; /* of the present stack; a copy, as others ask the same frames */
    uint32_t named;             /* the stack that they are of; 0: none */
    size_t at;                  /* frames: the present one */
};

static void name(struct walk *k)
{
    const struct frame_place *places;
    if (k->named == k->stack)
        return;
    k->n = frames_places(k->frames, frames_code_stack(k->frames, k->stack), 0, &places);
    k->places = xgrow(k->places, &k->capacity, k->n + 1, sizeof *k->places);
    if (k->n)
        memcpy(k->places, places, k->n * sizeof *places);
    k->named = k->stack;
    k->c.sql->cost.symbols++;
}

static int walk_start(struct walk *k, const struct sql_bound *id)
{
    k->frames = sql_frames(k->c.sql);
    if (!k->frames)
        return SQLITE_ERROR;
    k->code = sql_code(k->c.sql);
    k->last = code_stacks(k->code);
    k->stack = id->has_low && id->low > 1 ? (id->low <= k->last ? (uint32_t)id->low : k->last + 1) : 1;
    if (id->has_high && id->high < (int64_t)k->last)
        k->last = id->high > 0 ? (uint32_t)id->high : 0;
    k->named = 0;
    k->at = 0;
    k->c.eof = k->stack > k->last;
    return SQLITE_OK;
}

static void walk_close(struct sql_cursor *c) { free(((struct walk *)c)->places); }

static void put_fact(sqlite3_context *to, const char *text)
{
    if (text)
        put_text(to, text, strlen(text));
}

/* ---- stacks ---- */

enum { S_ID, S_DEPTH, S_FUNCTION, S_FILE, S_LINE, S_MODULE, S_TEXT, S_FINGERPRINT };
static const struct sql_column stack_columns[] = {
    { "id", "INTEGER", PUSH_KEY | PUSH_RANGE }, { "depth", "INTEGER", 0 }, { "function", "TEXT", 0 }, { "file", "TEXT", 0 },
    { "line", "INTEGER", 0 }, { "module", "TEXT", 0 }, { "text", "TEXT", 0 }, { "fingerprint", "TEXT", 0 }, { NULL, NULL, 0 }
};

static int stacks_start(struct sql_cursor *c)
{
    struct walk *k = (struct walk *)c;
    int rc = walk_start(k, &c->bounds[S_ID]);
    c->row = k->stack;
    return rc;
}

static int stacks_next(struct sql_cursor *c)
{
    struct walk *k = (struct walk *)c;
    c->row = ++k->stack;
    c->eof = k->stack > k->last;
    return c->eof || k->stack % 1024 || !sql_stopped(c->sql) ? SQLITE_OK : SQLITE_INTERRUPT;
}

/* From the inside out. */
static void put_whole(sqlite3_context *to, const struct walk *k)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    for (size_t i = 0; out && i < k->n; i++) {
        const struct frame_place *p = &k->places[i];
        if (i)
            fputs(" < ", out);
        if (p->function)
            fputs(p->function, out);
        else
            fprintf(out, "0x%llx", (unsigned long long)p->offset);
    }
    if (out && !fclose(out))
        put_text(to, text, bytes);
    free(text);
}

static void put_telling(sqlite3_context *to, struct walk *k, int column)
{
    uint32_t shown[1];
    name(k);
    if (!frames_telling(k->places, k->n, 1, shown))
        return;
    const struct frame_place *p = &k->places[shown[0]];
    switch (column) {
    case S_FUNCTION: put_fact(to, p->function); break;
    case S_FILE: put_fact(to, p->file); break;
    case S_LINE: put_id(to, p->line); break;
    case S_MODULE: put_fact(to, p->module); break;
    }
}

static void stacks_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    struct walk *k = (struct walk *)c;
    char print[20];
    switch (column) {
    case S_ID: put_u64(to, k->stack); break;
    case S_DEPTH: put_u64(to, code_stack(k->code, k->stack)->depth); break;
    case S_TEXT:
        name(k);
        put_whole(to, k);
        break;
    case S_FINGERPRINT:
        snprintf(print, sizeof print, "%016llx",
                 (unsigned long long)fingerprint_own(k->frames, frames_code_stack(k->frames, k->stack), "made"));
        sqlite3_result_text(to, print, -1, SQLITE_TRANSIENT);
        break;
    default: put_telling(to, k, column);
    }
}

const struct sql_table sql_stacks = {
    .name = "stacks", .about = "where in the code: one row a stack, with the place of it that tells most",
    .columns = stack_columns, .rows = 1e5, .key_cost = 3, .cursor_bytes = sizeof(struct walk),
    .start = stacks_start, .next = stacks_next, .column = stacks_column, .close = walk_close
};

/* ---- frames ---- */

enum { F_STACK, F_DEPTH, F_FUNCTION, F_FILE, F_LINE, F_MODULE, F_OFFSET, F_INLINED };
static const struct sql_column frame_columns[] = {
    { "stack", "INTEGER", PUSH_KEY | PUSH_RANGE }, { "depth", "INTEGER", 0 }, { "function", "TEXT", 0 }, { "file", "TEXT", 0 },
    { "line", "INTEGER", 0 }, { "module", "TEXT", 0 }, { "offset", "INTEGER", 0 }, { "inlined", "INTEGER", 0 }, { NULL, NULL, 0 }
};

/* To the present frame, or the first of the next stack that has any. */
static int frames_settle(struct walk *k)
{
    for (; k->stack <= k->last; k->stack++, k->at = 0) {
        if (k->stack % 1024 == 0 && k->at == 0 && sql_stopped(k->c.sql))
            return SQLITE_INTERRUPT;
        name(k);
        if (k->at < k->n)
            break;
    }
    k->c.eof = k->stack > k->last;
    k->c.row = (sqlite3_int64)((uint64_t)k->stack << 24 | k->at);
    return SQLITE_OK;
}

static int frames_start(struct sql_cursor *c)
{
    struct walk *k = (struct walk *)c;
    int rc = walk_start(k, &c->bounds[F_STACK]);
    return rc ? rc : frames_settle(k);
}

static int frames_next(struct sql_cursor *c)
{
    struct walk *k = (struct walk *)c;
    k->at++;
    return frames_settle(k);
}

static void frames_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct walk *k = (const struct walk *)c;
    const struct frame_place *p = &k->places[k->at];
    switch (column) {
    case F_STACK: put_u64(to, k->stack); break;
    case F_DEPTH: put_u64(to, k->at); break;
    case F_FUNCTION: put_fact(to, p->function); break;
    case F_FILE: put_fact(to, p->file); break;
    case F_LINE: put_id(to, p->line); break;
    case F_MODULE: put_fact(to, p->module); break;
    case F_OFFSET: if (!p->truncated) sqlite3_result_int64(to, (sqlite3_int64)p->offset); break;
    case F_INLINED: sqlite3_result_int(to, p->inlined); break;
    }
}

const struct sql_table sql_frames_table = {
    .name = "frames", .about = "the frames of each stack, from the inside (depth 0) out",
    .columns = frame_columns, .rows = 1e6, .key_cost = 10, .cursor_bytes = sizeof(struct walk),
    .start = frames_start, .next = frames_next, .column = frames_column, .close = walk_close
};
