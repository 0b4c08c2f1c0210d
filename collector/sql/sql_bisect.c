/*
 * collector/sql/sql_bisect.c - the first moment at which a condition holds.
 *
 * Some moments spread over the trace are looked at from the earliest on, until
 * one has the condition; then the last one without and the first one with it
 * are brought together by halving, until they are one event apart. So what is found
 * is a moment at which the condition begins to hold; a condition that came and went
 * between two of the moments that were looked at first is not seen.
 *
 * Moments are those of checkpoints where there are some (they open at once),
 * and between them evenly by events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "sql/sql_room.h"

enum { STEPS = 64 };

struct search {
    struct sql *s;
    const struct sql_bisect *b;
    struct sql_moment *m;
    char *value;                /* of the last moment looked at */
};

/* ---- one moment ---- */

static bool truth(sqlite3_value *v)
{
    switch (sqlite3_value_type(v)) {
    case SQLITE_NULL: return false;
    case SQLITE_INTEGER: return sqlite3_value_int64(v) != 0;
    case SQLITE_FLOAT: return sqlite3_value_double(v) != 0;
    default: return sqlite3_value_bytes(v) != 0 && strcmp((const char *)sqlite3_value_text(v), "0");
    }
}

static char *row_text(sqlite3_stmt *st)
{
    char *text = NULL;
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        const char *value = (const char *)sqlite3_column_text(st, i);
        char *longer = text ? xasprintf("%s|%s", text, value ? value : "") : xstrdup(value ? value : "");
        free(text);
        text = longer;
    }
    return text;
}

/* 1 it holds, 0 it does not, or -errno. */
static int holds_now(struct search *x)
{
    sqlite3_stmt *st = NULL;
    const char *tail;
    free(x->value);
    x->value = NULL;
    int got = sql_prepare(x->s, x->b->condition, &st, &tail);
    if (!got && !st) {
        sql_fail(x->s, -EINVAL, "the condition is empty");
        return -EINVAL;
    }
    if (!got && tail[strspn(tail, " \t\r\n;")]) {
        sqlite3_finalize(st);
        sql_fail(x->s, -EINVAL, "the condition is more than one statement");
        return -EINVAL;
    }
    if (got)
        return got;
    got = sql_step(x->s, st);
    int holds = got > 0 && truth(sqlite3_column_value(st, 0));
    if (got > 0)
        x->value = row_text(st);
    sqlite3_finalize(st);
    return got < 0 ? got : holds;
}

static int holds_at(struct search *x, uint64_t event)
{
    char at[32], *error;
    snprintf(at, sizeof at, "event:%llu", (unsigned long long)event);
    x->m->looked_at++;
    if (x->b->progress && !x->b->progress(x->b->context, x->m->looked_at)) {
        sql_fail(x->s, -EINTR, "stopped");
        return -EINTR;
    }
    int failed = sql_move(x->s, at, NULL, &error);
    if (failed) {
        sql_fail(x->s, failed, "%s", error);
        free(error);
        return failed;
    }
    return holds_now(x);
}

/* ---- which moments ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Rising, in [first, last], both among them; malloc'ed. */
static uint64_t *moments(const struct sql *s, uint64_t first, uint64_t last, uint64_t steps, size_t *n)
{
    const struct trace_checkpoint *list;
    size_t some = trace_checkpoints(s->source.trace, &list), kept = 0;
    uint64_t *at = xcalloc(some + steps + 2, sizeof *at);
    for (size_t i = 0; i < some; i++)
        if (list[i].event >= first && list[i].event <= last)
            at[kept++] = list[i].event;
    for (uint64_t i = 0; i <= steps; i++)
        at[kept++] = first + (uint64_t)((long double)(last - first) * i / steps);
    qsort(at, kept, sizeof *at, by_number);
    *n = 0;
    for (size_t i = 0; i < kept; i++)
        if (!*n || at[*n - 1] != at[i])
            at[(*n)++] = at[i];
    return at;
}

/* ---- the search ---- */

static void value_take(struct search *x, char **to)
{
    free(*to);
    *to = x->value;
    x->value = NULL;
}

/* The first of the moments that has it, and the one before: 1, 0 none has, -errno. */
static int forward(struct search *x, const uint64_t *at, size_t n)
{
    struct sql_moment *m = x->m;
    for (size_t i = 0; i < n; i++) {
        int holds = holds_at(x, at[i]);
        if (holds < 0)
            return holds;
        value_take(x, holds ? &m->value : &m->value_before);
        if (holds) {
            m->event = at[i];
            m->from_start = i == 0;
            return 1;
        }
        m->before = at[i];
    }
    return 0;
}

static int halve(struct search *x)
{
    struct sql_moment *m = x->m;
    while (m->event - m->before > 1) {
        uint64_t middle = m->before + (m->event - m->before) / 2;
        int holds = holds_at(x, middle);
        if (holds < 0)
            return holds;
        value_take(x, holds ? &m->value : &m->value_before);
        if (holds)
            m->event = middle;
        else
            m->before = middle;
    }
    return 0;
}

/* What the event was. */
static void event_tell(struct sql *s, struct sql_moment *m)
{
    struct trace *t = sql_reader(s);
    struct event e;
    if (!t)
        return;
    uint64_t number = trace_events_before(t);
    if (m->event > number && !trace_seek(t, m->event - 1))
        number = m->event - 1;
    while (number < m->event && trace_next(t, &e) > 0)
        number++;
    if (number == m->event && number > trace_events_before(t)) {
        m->ns = e.ns;
        m->thread = e.thread;
        m->process = e.process;
        m->stack = e.stack;
        snprintf(m->type, sizeof m->type, "%s", event_type_name(e.type));
    }
    trace_close(t);
}

int sql_bisect(struct sql *s, const struct sql_bisect *b, struct sql_moment *m)
{
    struct search x = { .s = s, .b = b, .m = m };
    char *at = s->at ? xstrdup(s->at) : NULL, *since = s->since ? xstrdup(s->since) : NULL, *error = NULL;
    size_t n;
    *m = (struct sql_moment){ 0 };
    int got = sql_range_find(s);
    if (!got) {
        uint64_t before = trace_events_before(s->source.trace), first = s->since_event > before ? s->since_event : before;
        uint64_t *list = moments(s, first, s->last_event > first ? s->last_event : first, b->steps ? b->steps : STEPS, &n);
        got = forward(&x, list, n);
        free(list);
    }
    m->found = got > 0;
    if (m->found && !m->from_start)
        got = halve(&x);
    if (m->found && got >= 0) {
        event_tell(s, m);
        got = holds_at(&x, m->event);
        m->looked_at--;
    } else if (!m->found && got == 0 && sql_move(s, at, since, &error)) {
        got = sql_fail(s, -EIO, "%s", error) ? -EIO : 0;
    }
    free(error);
    free(x.value);
    free(at);
    free(since);
    return got < 0 ? got : 0;
}

void sql_moment_free(struct sql_moment *m)
{
    free(m->value);
    free(m->value_before);
    m->value = m->value_before = NULL;
}
