/*
 * collector/sql/sql_table.c - a table as SQLite's virtual table module: which
 * constraints it takes, and how it is walked.
 *
 * xBestIndex writes what it takes as words into idxStr ("type in ns >= thread ="),
 * one an argument, so that EXPLAIN QUERY PLAN tells it; xFilter reads them again
 * into bounds. idxNum is nothing. All rows are checked again by SQLite (omit
 * stays 0): a value of another kind than the column's is simply not used.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "sql/sql_room.h"

struct module { struct sql *sql; const struct sql_table *table; };
struct vtab { sqlite3_vtab base; struct sql *sql; const struct sql_table *table; };

const struct sql_table *const sql_table_list[] = {
    &sql_events, &sql_records, &sql_blocks, &sql_sites, &sql_frames_table, &sql_stacks, &sql_threads, &sql_processes, &sql_locks,
    &sql_edges, &sql_findings, NULL
};

static int column_count(const struct sql_table *t)
{
    int n = 0;
    while (t->columns[n].name)
        n++;
    return n;
}

/* ---- schema ---- */

static char *declaration(const struct sql_table *t, const char *name, const char *gap, bool hidden)
{
    char *text = xasprintf("CREATE TABLE %s(", name);
    for (int i = 0; t->columns[i].name; i++) {
        const struct sql_column *c = &t->columns[i];
        char *longer = xasprintf("%s%s%s\"%s\" %s%s", text, i ? "," : "", gap, c->name, c->type, hidden && c->flags & HIDDEN ? " HIDDEN" : "");
        free(text);
        text = longer;
    }
    char *whole = xasprintf("%s)", text);
    free(text);
    return whole;
}

const char *const *sql_tables(void)
{
    static const char *names[16];
    for (size_t i = 0; !names[i] && sql_table_list[i]; i++)
        names[i] = sql_table_list[i]->name;
    return names;
}

char *sql_schema(const char *table)
{
    for (size_t i = 0; sql_table_list[i]; i++) {
        if (sqlite3_stricmp(sql_table_list[i]->name, table))
            continue;
        char *text = declaration(sql_table_list[i], sql_table_list[i]->name, "\n  ", false);
        char *whole = xasprintf("-- %s\n%s;\n", sql_table_list[i]->about, text);
        free(text);
        return whole;
    }
    return NULL;
}

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
    const struct module *m = aux;
    char *text = declaration(m->table, "x", " ", true);
    m->sql->declaring = true;
    int rc = sqlite3_declare_vtab(db, text);
    m->sql->declaring = false;
    free(text);
    if (rc)
        return rc;
    struct vtab *v = xcalloc(1, sizeof *v);
    v->sql = m->sql;
    v->table = m->table;
    *out = &v->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *v)
{
    free(v);
    return SQLITE_OK;
}

/* ---- planning ---- */

static const char *op_word(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return "=";
    case SQLITE_INDEX_CONSTRAINT_GT: return ">";
    case SQLITE_INDEX_CONSTRAINT_GE: return ">=";
    case SQLITE_INDEX_CONSTRAINT_LT: return "<";
    case SQLITE_INDEX_CONSTRAINT_LE: return "<=";
    case SQLITE_INDEX_CONSTRAINT_ISNULL: return "null";
    default: return NULL;
    }
}

static bool takes(const struct sql_column *c, unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return c->flags & (PUSH_RANGE | PUSH_TEXT | PUSH_KEY);
    case SQLITE_INDEX_CONSTRAINT_GT: case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_LT: case SQLITE_INDEX_CONSTRAINT_LE: return c->flags & PUSH_RANGE;
    case SQLITE_INDEX_CONSTRAINT_ISNULL: return c->flags & PUSH_NULL;
    default: return false;
    }
}

static int table_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct vtab *v = (struct vtab *)base;
    const struct sql_table *t = v->table;
    double rows = t->rows, cost = t->rows;
    sqlite3_str *words = sqlite3_str_new(NULL);
    int arguments = 0;
    sqlite3_str_appendf(words, "columns %llx", (unsigned long long)info->colUsed);
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *k = &info->aConstraint[i];
        const struct sql_column *c = k->iColumn >= 0 ? &t->columns[k->iColumn] : NULL;
        if (!k->usable || !c || !takes(c, k->op))
            continue;
        if (c->flags & PUSH_TEXT && strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
            continue;
        bool in = k->op == SQLITE_INDEX_CONSTRAINT_EQ && !(c->flags & PUSH_KEY) && sqlite3_vtab_in(info, i, -1);
        if (in)
            sqlite3_vtab_in(info, i, 1);
        sqlite3_str_appendf(words, " %s %s", c->name, in ? "in" : op_word(k->op));
        info->aConstraintUsage[i].argvIndex = ++arguments;
        if (k->op == SQLITE_INDEX_CONSTRAINT_EQ && c->flags & PUSH_KEY) {
            rows = 1;
            cost = t->key_cost < cost ? t->key_cost : cost;
        } else {
            rows /= k->op == SQLITE_INDEX_CONSTRAINT_EQ ? 20 : 4;
            cost /= k->op == SQLITE_INDEX_CONSTRAINT_EQ ? 10 : 3;
        }
    }
    info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    info->estimatedCost = cost + 1;
    info->idxStr = sqlite3_str_finish(words);
    info->needToFreeIdxStr = 1;
    if (!info->idxStr)
        return SQLITE_NOMEM;
    v->sql->need |= t->need ? t->need(info->colUsed) : 0;
    return SQLITE_OK;
}

/* ---- bounds ---- */

bool sql_bound_has(const struct sql_bound *b, int64_t value)
{
    return !b->none && !b->is_null && (!b->has_low || value >= b->low) && (!b->has_high || value <= b->high);
}

static void bound_low(struct sql_bound *b, int64_t low)
{
    if (!b->has_low || low > b->low)
        b->low = low;
    b->has_low = true;
}

static void bound_high(struct sql_bound *b, int64_t high)
{
    if (!b->has_high || high < b->high)
        b->high = high;
    b->has_high = true;
}

/* A number as the whole numbers around it; false: it is none. */
static bool whole(sqlite3_value *v, int64_t *floor_, int64_t *ceil_)
{
    int type = sqlite3_value_type(v);
    if (type == SQLITE_INTEGER) {
        *floor_ = *ceil_ = sqlite3_value_int64(v);
        return true;
    }
    double d = type == SQLITE_FLOAT ? sqlite3_value_double(v) : NAN;
    if (!(d > -9e18 && d < 9e18))
        return false;
    *floor_ = (int64_t)floor(d);
    *ceil_ = (int64_t)ceil(d);
    return true;
}

static void bound_compare(struct sql_bound *b, const char *op, sqlite3_value *v)
{
    int64_t low, high;
    if (sqlite3_value_type(v) == SQLITE_NULL) {
        b->none = true;
        return;
    }
    if (!whole(v, &low, &high))
        return;
    if (*op == '=' || *op == '>')
        bound_low(b, low);
    if (*op == '=' || *op == '<')
        bound_high(b, high);
}

static void bound_text(struct sql_cursor *c, struct sql_bound *b, sqlite3_value *v)
{
    const char *text = (const char *)sqlite3_value_text(v);
    if (!text || b->n_texts == SQL_TEXTS || c->n_texts == sizeof c->texts / sizeof *c->texts)
        return;
    b->texts[b->n_texts++] = c->texts[c->n_texts++] = xstrdup(text);
}

/* Of a list: numbers between its least and its largest, or any of its texts. */
static void bound_in(struct sql_cursor *c, struct sql_bound *b, unsigned flags, sqlite3_value *list)
{
    int64_t low = INT64_MAX, high = INT64_MIN, floor_, ceil_;
    bool numbers = true, any = false;
    size_t texts = 0, before = b->n_texts;
    sqlite3_value *v;
    for (int rc = sqlite3_vtab_in_first(list, &v); rc == SQLITE_OK && v; rc = sqlite3_vtab_in_next(list, &v)) {
        if (sqlite3_value_type(v) == SQLITE_NULL)
            continue;
        any = true;
        texts++;
        if (flags & PUSH_TEXT) {
            bound_text(c, b, v);
        } else if (!whole(v, &floor_, &ceil_)) {
            numbers = false;
        } else {
            low = floor_ < low ? floor_ : low;
            high = ceil_ > high ? ceil_ : high;
        }
    }
    b->none |= !any;
    if (flags & PUSH_TEXT) {
        if (before || b->n_texts != texts)  /* two lists, or too long a one: SQLite looks at it alone */
            b->n_texts = 0;
    } else if (any && numbers) {
        bound_low(b, low);
        bound_high(b, high);
    }
}

static void bound_take(struct sql_cursor *c, int column, const char *op, sqlite3_value *v)
{
    struct sql_bound *b = &c->bounds[column];
    unsigned flags = c->table->columns[column].flags;
    bool first = !b->given;
    b->given = true;
    if (!strcmp(op, "null")) {
        b->is_null = true;
    } else if (!strcmp(op, "in")) {
        bound_in(c, b, flags, v);
    } else if (flags & PUSH_TEXT) {
        if (sqlite3_value_type(v) == SQLITE_NULL)
            b->none = true;
        else if (first)
            bound_text(c, b, v);
    } else {
        bound_compare(b, op, v);
    }
}

static int column_find(const struct sql_table *t, const char *name, size_t bytes)
{
    for (int i = 0; t->columns[i].name; i++)
        if (strlen(t->columns[i].name) == bytes && !memcmp(t->columns[i].name, name, bytes))
            return i;
    return -1;
}

static void bounds_read(struct sql_cursor *c, const char *words, int argc, sqlite3_value **argv)
{
    char op[8];
    c->columns = strtoull(words + strlen("columns "), (char **)&words, 16);
    for (int i = 0; i < argc && *words == ' '; i++) {
        size_t name = strcspn(++words, " ");
        int column = column_find(c->table, words, name);
        words += name + 1;
        size_t n = strcspn(words, " ");
        snprintf(op, sizeof op, "%.*s", (int)n, words);
        words += n;
        if (column >= 0)
            bound_take(c, column, op, argv[i]);
    }
}

static void bounds_drop(struct sql_cursor *c)
{
    for (size_t i = 0; i < c->n_texts; i++)
        free(c->texts[i]);
    c->n_texts = 0;
    memset(c->bounds, 0, sizeof c->bounds);
}

/* ---- walking ---- */

static int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    const struct vtab *v = (struct vtab *)base;
    struct sql_cursor *c = xcalloc(1, v->table->cursor_bytes);
    c->table = v->table;
    c->sql = v->sql;
    c->eof = true;
    *out = &c->base;
    return SQLITE_OK;
}

static void walk_end(struct sql_cursor *c)
{
    if (c->table->end)
        c->table->end(c);
    bounds_drop(c);
}

static int table_close(sqlite3_vtab_cursor *base)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    walk_end(c);
    if (c->table->close)
        c->table->close(c);
    free(base);
    return SQLITE_OK;
}

static int walk_result(struct sql_cursor *c, int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_INTERRUPT)
        return rc;
    c->base.pVtab->zErrMsg = sqlite3_mprintf("%s", c->sql->error);
    return rc;
}

static int table_filter(sqlite3_vtab_cursor *base, int number, const char *words, int argc, sqlite3_value **argv)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    walk_end(c);
    bounds_read(c, words, argc, argv);
    c->eof = false;
    for (int i = 0; c->table->columns[i].name; i++)
        c->eof |= c->bounds[i].none;
    return c->eof ? SQLITE_OK : walk_result(c, c->table->start(c));
}

static int table_next(sqlite3_vtab_cursor *base)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    return walk_result(c, c->table->next(c));
}

static int table_eof(sqlite3_vtab_cursor *base) { return ((struct sql_cursor *)base)->eof; }

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int column)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    c->table->column(c, to, column);
    return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
    *row = ((struct sql_cursor *)base)->row;
    return SQLITE_OK;
}

int sql_tables_register(struct sql *s)
{
    /* No xCreate: a table is there under its own name, and no other can be made. */
    static const sqlite3_module module = {
        .iVersion = 2, .xConnect = table_connect, .xBestIndex = table_plan, .xDisconnect = table_disconnect,
        .xDestroy = table_disconnect, .xOpen = table_open, .xClose = table_close, .xFilter = table_filter,
        .xNext = table_next, .xEof = table_eof, .xColumn = table_column, .xRowid = table_rowid };
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && sql_table_list[i]; i++) {
        struct module *m = xcalloc(1, sizeof *m);
        m->sql = s;
        m->table = sql_table_list[i];
        if ((size_t)column_count(m->table) > SQL_COLUMNS)
            abort();
        rc = sqlite3_create_module_v2(s->db, m->table->name, &module, m, free);
    }
    return rc;
}
