/*
 * collector/cli/top_rows.c - rows of `ownscope top` of the collector's documents
 * (top_model.h): a function a screen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "cli/top_model.h"
#include "event/xalloc.h"

enum { WHERE_COLUMNS = 200 };

static double real(const json_t *o, const char *key)
{
    return json_number_value(get(o, key));
}

/* ---- cells ---------------------------------------------------------------------- */

struct maker { struct top_row *row; size_t at; };

static void cell(struct maker *m, double number, enum top_look look, const char *text)
{
    m->row->cells[m->at++] = (struct top_cell){ .text = xstrdup(text), .number = number, .look = look };
}

static void cell_text(struct maker *m, const char *text) { cell(m, 0, TOP_PLAIN, *text ? text : "-"); }

/* A number, "-" where it is not known. */
static void cell_count(struct maker *m, const json_t *of)
{
    double n = json_number_value(of);
    cell(m, json_is_number(of) ? n : -1, n > 0 ? TOP_PLAIN : TOP_DIM, json_is_number(of) ? top_count(n).text : "-");
}

static void cell_short(struct maker *m, const json_t *of)
{
    double n = json_number_value(of);
    cell(m, json_is_number(of) ? n : -1, n > 0 ? TOP_PLAIN : TOP_DIM, json_is_number(of) ? top_short(n).text : "-");
}

static void cell_bytes(struct maker *m, const json_t *of)
{
    double n = json_number_value(of);
    cell(m, json_is_number(of) ? n : -1, n > 0 ? TOP_NUMBER : TOP_DIM, json_is_number(of) ? top_bytes(n).text : "-");
}

/* The same of what may be an estimate: it says so by a ~. */
static void cell_bytes_of(struct maker *m, const json_t *o, const char *key, bool estimated)
{
    char text[48];
    snprintf(text, sizeof text, "%s%s", estimated ? "~" : "", top_bytes(json_number_value(get(o, key))).text);
    cell(m, json_number_value(get(o, key)), json_number_value(get(o, key)) > 0 ? TOP_NUMBER : TOP_DIM, text);
}

static void cell_time(struct maker *m, const json_t *of)
{
    uint64_t ns = json_is_integer(of) && json_integer_value(of) > 0 ? (uint64_t)json_integer_value(of) : 0;
    cell(m, (double)ns, ns ? TOP_PLAIN : TOP_DIM, json_is_integer(of) ? number_time(ns).text : "-");
}

static void cell_share(struct maker *m, const json_t *of)
{
    char text[24] = "-";
    double n = json_number_value(of) * 100;
    if (json_is_number(of))
        snprintf(text, sizeof text, "%.1f", n);
    cell(m, json_is_number(of) ? n : -1, n >= 80 ? TOP_WARN : n >= 0.05 ? TOP_PLAIN : TOP_DIM, text);
}

static void cell_whole(struct maker *m, const json_t *of)
{
    cell(m, json_number_value(of), TOP_PLAIN, json_is_integer(of) ? number_plain((uint64_t)json_integer_value(of)).text : "-");
}

static void cell_where(struct maker *m, const json_t *stack)
{
    char *where = top_where(stack, WHERE_COLUMNS);
    cell(m, 0, TOP_PLAIN, where);
    free(where);
}

/* Threads wait for these on purpose. */
static bool is_meeting(const char *kind)
{
    return !strcmp(kind, "cond") || !strcmp(kind, "cnd") || !strcmp(kind, "sem") || !strcmp(kind, "barrier");
}

/* ---- threads --------------------------------------------------------------------- */

/* What it waits for (conditions and the like are waited for on purpose), or holds that others want, or is in; then where
 * it was last. */
static char *doing(const json_t *t, uint64_t now_ns, enum top_look *look)
{
    const json_t *waits = get(t, "waits"), *by = get(waits, "held_by"), *holds = get(t, "holds");
    const char *call = get_text(t, "syscall");
    uint64_t since = get_number(waits, "since_ns");
    *look = TOP_PLAIN;
    if (json_is_object(waits)) {
        const char *holder = get_text(json_array_get(by, 0), "thread"), *kind = get_text(waits, "kind");
        *look = is_meeting(kind) ? TOP_DIM : TOP_WARN;
        return xasprintf("waits for %s %s%s%s, %s", kind, get_text(waits, "where"), *holder ? " of " : "", holder,
                         number_time(now_ns > since ? now_ns - since : 0).text);
    }
    for (size_t i = 0; i < json_array_size(holds); i++) {
        const json_t *h = json_array_get(holds, i);
        size_t n = json_array_size(get(h, "waiters"));
        if (n)
            return xasprintf("holds %s %s, wanted by %zu", get_text(h, "kind"), get_text(h, "where"), n);
    }
    char *where = top_where(get(get(t, "last"), "stack"), WHERE_COLUMNS), *text;
    text = xasprintf("%s%s%s", call, *call ? "; " : "", where);
    free(where);
    return text;
}

static void thread_make(struct maker *m, const json_t *t, uint64_t now_ns)
{
    const json_t *rates = get(t, "rates");
    const char *state = get_text(t, "state");
    enum top_look look;
    char *text = doing(t, now_ns, &look);
    m->row->key = xstrdup(get_text(t, "id"));
    cell_text(m, get_text(t, "id"));
    cell_whole(m, get(t, "tid"));
    cell_text(m, get_text(t, "name"));
    cell(m, 0, !strcmp(state, "running") ? TOP_GOOD : !strcmp(state, "disk") || !strcmp(state, "zombie") ? TOP_BAD : TOP_PLAIN, state);
    cell_share(m, get(t, "cpu_share"));
    cell_short(m, get(rates, "events_per_s"));
    cell_short(m, get(rates, "allocations_per_s"));
    cell_bytes(m, get(rates, "bytes_per_s"));
    cell_bytes_of(m, get(t, "owns"), "bytes", get_number(get(t, "owns"), "error_bytes") > 0);
    cell(m, 0, look, text);
    free(text);
}

/* ---- sites ------------------------------------------------------------------------ */

static void cell_growth(struct maker *m, const struct top_grown *g, double grown)
{
    cell(m, g ? grown : 0, !g || grown == 0 ? TOP_DIM : grown > 0 ? TOP_WARN : TOP_GOOD, g ? top_growth_text(grown).text : "-");
}

static void site_make(struct maker *m, const json_t *s, const struct top_growth *g)
{
    const struct top_grown *grown = top_growth_of(g, get(s, "stack"));
    double seconds = g && g->look > 1 ? g->now_s - g->last_s : 0;
    m->row->key = xasprintf("s%td", grown ? grown - g->list : -1);
    m->row->live = real(s, "live_bytes");
    cell_bytes_of(m, s, "live_bytes", get_number(get(s, "error"), "live_bytes") > 0);
    cell_growth(m, grown, grown ? grown->now_live - grown->first_live : 0);
    cell_growth(m, grown, grown ? grown->now_live - grown->last_live : 0);
    double more = grown && seconds > 0 ? (grown->now_allocations - grown->last_allocations) / seconds : 0;
    cell(m, more, more > 0 ? TOP_PLAIN : TOP_DIM, seconds > 0 ? top_short(more).text : "-");
    cell_count(m, get(s, "live_blocks"));
    cell_count(m, get(s, "allocations"));
    cell_where(m, get(s, "stack"));
}

/* ---- locks, processes, findings ----------------------------------------------------- */

/* All that was waited, with the waits that last; locks come before what is waited for on purpose. */
static void cell_waited(struct maker *m, const json_t *l, uint64_t now_ns)
{
    const json_t *waiters = get(l, "waiters");
    uint64_t ns = get_number(get(l, "wait_ns"), "total");
    for (size_t i = 0; i < json_array_size(waiters); i++) {
        uint64_t since = get_number(json_array_get(waiters, i), "since_ns");
        ns += now_ns > since ? now_ns - since : 0;
    }
    cell(m, (double)ns - (is_meeting(get_text(l, "kind")) ? 1e18 : 0), ns ? TOP_PLAIN : TOP_DIM, number_time(ns).text);
}

static void lock_make(struct maker *m, const json_t *l, uint64_t now_ns)
{
    const json_t *holder = get(l, "holder"), *sharers = get(l, "sharers");
    size_t waiters = json_array_size(get(l, "waiters"));
    char *by = json_is_object(holder) ? xstrdup(get_text(holder, "thread"))
               : json_array_size(sharers) > 1 ? xasprintf("%zu read", json_array_size(sharers))
               : xstrdup(get_text(json_array_get(sharers, 0), "thread"));
    m->row->key = xstrdup(get_text(l, "id"));
    cell_text(m, get_text(l, "id"));
    cell_text(m, get_text(l, "kind"));
    cell(m, 0, *by ? TOP_GOOD : TOP_DIM, *by ? by : "-");
    cell(m, (double)waiters, waiters ? TOP_WARN : TOP_DIM, number_plain(waiters).text);
    cell_count(m, get(l, "contended"));
    cell_waited(m, l, now_ns);
    cell_count(m, get(l, "acquisitions"));
    cell_time(m, get(get(l, "hold_ns"), "max"));
    cell_text(m, get_text(l, "where"));
    free(by);
}

static void process_make(struct maker *m, const json_t *p)
{
    m->row->key = xstrdup(get_text(p, "id"));
    cell_text(m, get_text(p, "id"));
    cell_whole(m, get(p, "pid"));
    cell_count(m, get(p, "threads"));
    cell_share(m, get(p, "cpu_share"));
    cell_bytes(m, get(p, "resident_bytes"));
    cell_bytes_of(m, p, "live_bytes", get_number(get(p, "error"), "live_bytes") > 0);
    cell_count(m, get(p, "live_blocks"));
    cell_short(m, get(p, "allocations_per_s"));
    cell_text(m, *get_text(p, "command") ? get_text(p, "command") : get_text(p, "exe"));
    for (size_t i = 0; i < m->at && json_is_integer(get(p, "ended_ns")); i++)
        m->row->cells[i].look = TOP_DIM;
}

static void finding_make(struct maker *m, const json_t *f)
{
    m->row->key = xasprintf("%s %s", get_text(f, "fingerprint"), get_text(f, "node"));
    cell_count(m, get(f, "count"));
    cell_text(m, get_text(f, "rule"));
    cell_text(m, get_text(f, "thread"));
    cell_time(m, get(f, "ns"));
    cell_text(m, get_text(f, "message"));
}

/* ---- the whole --------------------------------------------------------------------- */

static const char *list_key(enum top_screen screen)
{
    static const char *const keys[TOP_SCREENS] = { "threads", "sites", "locks", "processes", "findings" };
    return keys[screen];
}

void top_rows_make(struct top_rows *r, enum top_screen screen, const json_t *doc, const struct top_growth *g)
{
    const json_t *list = get(doc, list_key(screen));
    size_t n = json_array_size(list), capacity = 0;
    uint64_t now_ns = get_number(doc, "at_ns");
    *r = (struct top_rows){ 0 };
    n = n < TOP_ROWS_MAX ? n : TOP_ROWS_MAX;
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_array_get(list, i);
        r->rows = xgrow(r->rows, &capacity, r->n + 1, sizeof *r->rows);
        r->rows[r->n] = (struct top_row){ .doc = json_incref(one) };
        struct maker m = { .row = &r->rows[r->n++] };
        switch (screen) {
        case TOP_THREADS: thread_make(&m, one, now_ns); break;
        case TOP_SITES: site_make(&m, one, g); break;
        case TOP_LOCKS: lock_make(&m, one, get_number(get(doc, "metadata"), "at_ns")); break;
        case TOP_PROCESSES: process_make(&m, one); break;
        default: finding_make(&m, one); break;
        }
    }
}

void top_row_end(struct top_row *r)
{
    for (size_t k = 0; k < TOP_COLUMNS_MAX; k++)
        free(r->cells[k].text);
    free(r->key);
    json_decref(r->doc);
}

void top_rows_end(struct top_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        top_row_end(&r->rows[i]);
    free(r->rows);
    *r = (struct top_rows){ 0 };
}
