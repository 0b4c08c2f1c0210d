/*
 * collector/sql/sql.c - the database: opening it, what a query may be, running
 * one statement. See sql.h.
 */
#include "sql/sql.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "sql/sql_room.h"

enum { ASK_EVERY_OPS = 20000 };
/* A process has one heap of SQLite's; sorters spill to temporary files long before. */
#define SQL_HEAP_BYTES ((sqlite3_int64)512 << 20)

/* ---- failures ---- */

int sql_fail(struct sql *s, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->error, sizeof s->error, format, args);
    va_end(args);
    s->failed = error;
    return SQLITE_ERROR;
}

void sql_damaged(struct sql *s, const struct trace *t)
{
    if (!s->damage)
        s->damage = xstrdup(trace_error_text(t));
}

bool sql_stopped(const struct sql *s) { return s->stop && s->stop(s->stop_context); }
const char *sql_error(const struct sql *s) { return s->error; }
const char *sql_damage(const struct sql *s) { return s->damage; }
uint64_t sql_torn_bytes(const struct sql *s) { return trace_torn_bytes(s->source.trace); }
struct sql_cost sql_cost(const struct sql *s) { return s->cost; }

/* ---- what may be asked ---- */

static const char *const pragma_names[] = { "table_info", "table_xinfo", "table_list", "function_list" };
enum { PRAGMAS = sizeof pragma_names / sizeof *pragma_names };

static bool pragma_allowed(const char *name)
{
    for (size_t i = 0; i < PRAGMAS; i++)
        if (!strcmp(pragma_names[i], name))
            return true;
    return false;
}

/* As tables, pragma_table_info('blocks'): SQLite makes each when it is first named, which the authorizer would not let it. */
static int pragma_tables_make(sqlite3 *db)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < PRAGMAS; i++) {
        sqlite3_stmt *statement = NULL;
        char *text = xasprintf("SELECT 1 FROM pragma_%s", pragma_names[i]);
        rc = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
        sqlite3_finalize(statement);
        free(text);
    }
    return rc;
}

static bool function_denied(const char *name)
{
    static const char *const names[] = { "load_extension", "fts3_tokenizer", "sqlite_compileoption_get", "sqlite_compileoption_used" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!sqlite3_stricmp(names[i], name))
            return true;
    return false;
}

static int allow(void *context, int action, const char *first, const char *second, const char *database, const char *inner)
{
    const struct sql *s = context;
    if (s->declaring)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT: case SQLITE_READ: case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION: return function_denied(second) ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA: return pragma_allowed(first) ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
    }
}

static int ask_stop(void *context) { return sql_stopped(context); }

static void limit(sqlite3 *db)
{
    static const struct { int what, most; } limits[] = {
        { SQLITE_LIMIT_LENGTH, 64 << 20 }, { SQLITE_LIMIT_SQL_LENGTH, 1 << 20 }, { SQLITE_LIMIT_COLUMN, 500 },
        { SQLITE_LIMIT_EXPR_DEPTH, 200 }, { SQLITE_LIMIT_COMPOUND_SELECT, 100 }, { SQLITE_LIMIT_VDBE_OP, 1000000 },
        { SQLITE_LIMIT_FUNCTION_ARG, 100 }, { SQLITE_LIMIT_ATTACHED, 0 }, { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 5000 },
        { SQLITE_LIMIT_VARIABLE_NUMBER, 0 }, { SQLITE_LIMIT_TRIGGER_DEPTH, 1 }, { SQLITE_LIMIT_WORKER_THREADS, 0 } };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(db, limits[i].what, limits[i].most);
}

static void close_doors(sqlite3 *db)
{
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    limit(db);
    sqlite3_hard_heap_limit64(SQL_HEAP_BYTES);
}

static int database_open(struct sql *s)
{
    int rc = sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        close_doors(s->db);
        rc = sql_tables_register(s);
    }
    if (rc == SQLITE_OK)
        rc = sql_functions_register(s->db);
    if (rc == SQLITE_OK)
        rc = pragma_tables_make(s->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_set_authorizer(s->db, allow, s);
    sqlite3_progress_handler(s->db, ASK_EVERY_OPS, ask_stop, s);
    return rc == SQLITE_OK ? 0 : -ENOMEM;
}

/* ---- opening ---- */

static int time_check(const char *text, char **error)
{
    struct source_at at;
    if (!text || !source_at_parse(&at, text))
        return 0;
    *error = xasprintf("a moment is 12.5s, 350ms, event:N, mark:NAME, peak or end, not '%s'", text);
    return -EINVAL;
}

static int trace_begin(struct sql *s, char **error)
{
    int failed = trace_open(&s->source.trace, s->path);
    if (failed) {
        s->source.trace = NULL;
        *error = xstrdup(trace_error_text(NULL));
        return failed;
    }
    const struct trace_group *groups;
    s->cost.events = trace_events(s->source.trace) - trace_events_before(s->source.trace);
    s->cost.groups = trace_groups(s->source.trace, &groups);
    return 0;
}

static void moment_end(struct sql *s)
{
    sql_states_drop(s);
    if (s->frames)
        frames_free(s->frames);
    s->frames = NULL;
    if (s->code)
        trace_close(s->code);
    s->code = NULL;
    if (s->source.trace)
        trace_close(s->source.trace);
    s->source.trace = NULL;
    s->ranged = false;
}

int sql_open(struct sql **out, const char *path, const struct sql_options *o, char **error)
{
    struct sql *s = xcalloc(1, sizeof *s);
    s->path = xstrdup(path);
    s->at = o->at ? xstrdup(o->at) : NULL;
    s->since = o->since ? xstrdup(o->since) : NULL;
    s->stop = o->stop;
    s->stop_context = o->context;
    s->source.symbols = symbols_new();
    *error = NULL;
    int failed = time_check(s->at, error);
    if (!failed)
        failed = time_check(s->since, error);
    if (!failed)
        failed = trace_begin(s, error);
    if (!failed && (failed = database_open(s)))
        *error = xstrdup("no memory for a database");
    if (!failed && (s->at || s->since) && (failed = sql_range_find(s)))
        *error = xstrdup(s->error);
    if (failed) {
        sql_close(s);
        return failed;
    }
    *out = s;
    return 0;
}

void sql_close(struct sql *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    moment_end(s);
    symbols_free(s->source.symbols);
    free(s->path);
    free(s->at);
    free(s->since);
    free(s->damage);
    free(s);
}

int sql_move(struct sql *s, const char *at, const char *since, char **error)
{
    struct sql_options o = { .at = at, .since = since, .stop = s->stop, .context = s->stop_context };
    struct sql *fresh;
    *error = NULL;
    int failed = time_check(at, error);
    if (!failed)
        failed = time_check(since, error);
    if (!failed)
        failed = sql_open(&fresh, s->path, &o, error);
    if (failed)
        return failed;
    moment_end(s);
    free(s->at);
    free(s->since);
    s->at = fresh->at;
    s->since = fresh->since;
    s->source.trace = fresh->source.trace;
    s->since_event = fresh->since_event;
    s->since_ns = fresh->since_ns;
    s->last_event = fresh->last_event;
    s->whole = fresh->whole;
    s->ranged = fresh->ranged;
    s->cost.events = fresh->cost.events;
    s->cost.groups = fresh->cost.groups;
    fresh->at = fresh->since = NULL;
    fresh->source.trace = NULL;
    sql_close(fresh);
    return 0;
}

int sql_range(struct sql *s, uint64_t *since_event, uint64_t *last_event)
{
    int error = sql_range_find(s);
    *since_event = s->since_event;
    *last_event = s->last_event;
    return error;
}

/* ---- running ---- */

/* Ours: what a table said, or what SQLite says. */
static int failure(struct sql *s, int rc)
{
    if (s->failed)
        return s->failed;
    snprintf(s->error, sizeof s->error, "%s", rc == SQLITE_AUTH ? "only questions are allowed: SELECT, and nothing that changes or opens anything" :
                                              rc == SQLITE_NOMEM ? "the question wants more memory than it may have" :
                                              rc == SQLITE_INTERRUPT ? "stopped" : sqlite3_errmsg(s->db));
    return rc == SQLITE_NOMEM ? -ENOMEM : rc == SQLITE_INTERRUPT ? -EINTR : -EINVAL;
}

int sql_prepare(struct sql *s, const char *text, sqlite3_stmt **statement, const char **tail)
{
    s->failed = 0;
    s->error[0] = 0;
    s->need = 0;
    free(s->damage);
    s->damage = NULL;
    if (s->n_states > 1) {      /* no statement uses the older ones */
        struct sql_state *last = s->states[--s->n_states];
        sql_states_drop(s);
        s->states[s->n_states++] = last;
    }
    int rc = sqlite3_prepare_v2(s->db, text, -1, statement, tail);
    if (rc == SQLITE_OK && *statement && !sqlite3_stmt_readonly(*statement)) {
        sqlite3_finalize(*statement);
        *statement = NULL;
        rc = SQLITE_AUTH;
    }
    return rc == SQLITE_OK ? 0 : failure(s, rc);
}

int sql_step(struct sql *s, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : failure(s, rc);
}
