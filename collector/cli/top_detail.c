/*
 * collector/cli/top_detail.c - what Enter shows of a row of `ownscope top`: all
 * that its document says, with whole stacks; and the help.
 *
 * A native stack stops its thread for some microseconds, so it is asked for when a detail is
 * opened and again by a key, never by the clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "cli/top.h"
#include "event/xalloc.h"

enum { FRAMES_MOST = 100, FRAME_COLUMNS = 400, SITES_MOST = 5, SPARK = 60 };

static void stack_add(struct top_lines *l, const json_t *stack, unsigned indent)
{
    size_t n = json_array_size(stack);
    for (size_t i = 0; i < n && i < FRAMES_MOST; i++) {
        char *text = frame_text(json_array_get(stack, i), FRAME_COLUMNS, true);
        top_lines_add(l, i ? TOP_PLAIN : TOP_BOLD, "%*s%s%s", (int)indent, "", i ? "  by " : "", text);
        free(text);
    }
    if (n > FRAMES_MOST)
        top_lines_add(l, TOP_DIM, "%*s  ... %zu more frames", (int)indent, "", n - FRAMES_MOST);
    if (!n)
        top_lines_add(l, TOP_DIM, "%*s(no stack)", (int)indent, "");
}

static const char *ago(const json_t *since, uint64_t now_ns, struct number *n)
{
    uint64_t ns = json_is_integer(since) ? (uint64_t)json_integer_value(since) : 0;
    *n = number_time(now_ns > ns ? now_ns - ns : 0);
    return n->text;
}

/* Of the thread that was asked about; NULL: nothing came yet. */
static const json_t *native_of(const struct top *t, const char *thread)
{
    const json_t *list = get(t->native, "threads");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(get_text(json_array_get(list, i), "id"), thread))
            return get(json_array_get(list, i), "native");
    return NULL;
}

static void native_add(struct top *t, const char *thread)
{
    const json_t *n = native_of(t, thread);
    top_lines_add(&t->lines, TOP_PLAIN, "%s", "");
    if (!n && json_is_object(t->native) && *get_text(t->native, "error")) {
        top_lines_add(&t->lines, TOP_WARN, "Native stack: %s", get_text(t->native, "error"));
    } else if (!n) {
        top_lines_add(&t->lines, TOP_DIM, "Native stack: asking ...");
    } else if (*get_text(n, "refused")) {
        top_lines_add(&t->lines, TOP_WARN, "Native stack: %s", get_text(n, "refused"));
    } else {
        top_lines_add(&t->lines, TOP_DIM, "%s stood at (stopped for %s; r looks again)", thread, number_time(get_number(n, "stood_ns")).text);
        stack_add(&t->lines, get(n, "stack"), 2);
    }
}

/* ---- a screen each ------------------------------------------------------------------ */

static void lock_add(struct top *t, const char *verb, const json_t *lock, uint64_t now_ns)
{
    const json_t *by = get(lock, "held_by");
    struct number since;
    top_lines_add(&t->lines, TOP_PLAIN, "%s", "");
    top_lines_add(&t->lines, TOP_WARN, "%s %s %s %s, for %s now, at", verb, get_text(lock, "kind"), get_text(lock, "lock"), get_text(lock, "where"),
                  ago(get(lock, "since_ns"), now_ns, &since));
    stack_add(&t->lines, get(lock, "stack"), 2);
    for (size_t i = 0; i < json_array_size(by); i++) {
        const json_t *one = json_array_get(by, i);
        top_lines_add(&t->lines, TOP_WARN, "  held by %s for %s, taken at", get_text(one, "thread"), ago(get(one, "since_ns"), now_ns, &since));
        stack_add(&t->lines, get(one, "stack"), 4);
    }
}

static void thread_add(struct top *t, const json_t *r)
{
    struct top_lines *l = &t->lines;
    const json_t *rates = get(r, "rates"), *holds = get(r, "holds"), *last = get(r, "last");
    uint64_t now_ns = get_number(t->docs.states, "at_ns");
    const char *call = get_text(r, "syscall"), *wchan = get_text(r, "wchan");
    struct number since;
    top_lines_add(l, TOP_BOLD, "%s %s, thread %llu of %s (process %llu)", get_text(r, "id"), get_text(r, "name"), (unsigned long long)get_number(r, "tid"),
                  get_text(r, "process"), (unsigned long long)get_number(r, "pid"));
    top_lines_add(l, TOP_PLAIN, "%s%s%s%s%s", get_text(r, "state"), *call ? ", in " : "", call, *wchan ? ", kernel: " : "", wchan);
    top_lines_add(l, TOP_PLAIN, "events %s/s, allocations %s/s, %s/s, cpu %.1f%%", top_short(json_number_value(get(rates, "events_per_s"))).text,
                  top_short(json_number_value(get(rates, "allocations_per_s"))).text, top_bytes(json_number_value(get(rates, "bytes_per_s"))).text,
                  json_number_value(get(r, "cpu_share")) * 100);
    top_lines_add(l, TOP_PLAIN, "owns %s blocks, %s; made %s blocks, %s", top_count((double)get_number(get(r, "owns"), "blocks")).text,
                  top_bytes((double)get_number(get(r, "owns"), "bytes")).text, top_count((double)get_number(get(r, "made"), "blocks")).text,
                  top_bytes((double)get_number(get(r, "made"), "bytes")).text);
    if (json_is_object(get(r, "waits")))
        lock_add(t, "waits for", get(r, "waits"), now_ns);
    native_add(t, get_text(r, "id"));
    for (size_t i = 0; i < json_array_size(holds); i++)
        lock_add(t, "holds", json_array_get(holds, i), now_ns);
    top_lines_add(l, TOP_PLAIN, "%s", "");
    top_lines_add(l, TOP_DIM, "last event, %s ago, at", ago(get(last, "ns"), now_ns, &since));
    stack_add(l, get(last, "stack"), 2);
}

static void site_add(struct top *t, const json_t *r)
{
    const struct top_grown *g = top_growth_of(&t->growth, get(r, "stack"));
    struct top_lines *l = &t->lines;
    top_lines_add(l, TOP_BOLD, "live %s in %s blocks; %s at the peak", top_bytes(json_number_value(get(r, "live_bytes"))).text,
                  top_count(json_number_value(get(r, "live_blocks"))).text, top_bytes(json_number_value(get(r, "peak_bytes"))).text);
    top_lines_add(l, TOP_PLAIN, "%s allocations, %s; %s of them temporary", top_count(json_number_value(get(r, "allocations"))).text,
                  top_bytes(json_number_value(get(r, "bytes"))).text, top_count(json_number_value(get(r, "temporary"))).text);
    if (g) {
        char *spark = top_sparkline(&g->history, SPARK, t->utf8);
        top_lines_add(l, TOP_PLAIN, "grown %s since this was opened, %s since the last look", top_growth_text(g->now_live - g->first_live).text,
                      top_growth_text(g->now_live - g->last_live).text);
        top_lines_add(l, TOP_GOOD, "%s", spark);
        free(spark);
    }
    top_lines_add(l, TOP_PLAIN, "%s", "");
    top_lines_add(l, TOP_DIM, "made at");
    stack_add(l, get(r, "stack"), 2);
}

static void party_add(struct top *t, const char *verb, const json_t *one, uint64_t now_ns)
{
    struct number since;
    top_lines_add(&t->lines, TOP_WARN, "%s %s for %s, at", verb, get_text(one, "thread"), ago(get(one, "since_ns"), now_ns, &since));
    stack_add(&t->lines, get(one, "stack"), 2);
}

static void lock_detail(struct top *t, const json_t *r)
{
    struct top_lines *l = &t->lines;
    const json_t *waits = get(r, "wait_ns"), *holds = get(r, "hold_ns"), *sharers = get(r, "sharers"), *waiters = get(r, "waiters"), *sites = get(r, "sites");
    uint64_t now_ns = get_number(t->docs.states, "at_ns");
    top_lines_add(l, TOP_BOLD, "%s %s %s", get_text(r, "id"), get_text(r, "kind"), get_text(r, "where"));
    top_lines_add(l, TOP_PLAIN, "taken %s times, waited for %s times, %s in all, %s at most", top_count(json_number_value(get(r, "acquisitions"))).text,
                  top_count(json_number_value(get(r, "contended"))).text, number_time(get_number(waits, "total")).text, number_time(get_number(waits, "max")).text);
    top_lines_add(l, TOP_PLAIN, "held %s in all, %s at most, %s in the middle", number_time(get_number(holds, "total")).text,
                  number_time(get_number(holds, "max")).text, number_time(get_number(holds, "p50")).text);
    top_lines_add(l, TOP_PLAIN, "%s", "");
    if (json_is_object(get(r, "holder")))
        party_add(t, "held by", get(r, "holder"), now_ns);
    else if (!json_array_size(sharers))
        top_lines_add(l, TOP_DIM, "nobody holds it now");
    for (size_t i = 0; i < json_array_size(sharers); i++)
        party_add(t, "read by", json_array_get(sharers, i), now_ns);
    for (size_t i = 0; i < json_array_size(waiters); i++)
        party_add(t, "wanted by", json_array_get(waiters, i), now_ns);
    if (json_is_object(get(r, "holder")))
        native_add(t, get_text(get(r, "holder"), "thread"));
    for (size_t i = 0; i < json_array_size(sites) && i < SITES_MOST; i++) {
        const json_t *s = json_array_get(sites, i);
        top_lines_add(l, TOP_PLAIN, "%s", "");
        top_lines_add(l, TOP_DIM, "taken %s times, waited %s, at", top_count(json_number_value(get(s, "acquisitions"))).text,
                      number_time(get_number(get(s, "wait_ns"), "total")).text);
        stack_add(l, get(s, "stack"), 2);
    }
}

static void process_add(struct top *t, const json_t *r)
{
    struct top_lines *l = &t->lines;
    top_lines_add(l, TOP_BOLD, "%s, process %llu of %llu%s", get_text(r, "id"), (unsigned long long)get_number(r, "pid"), (unsigned long long)get_number(r, "ppid"),
                  json_is_integer(get(r, "ended_ns")) ? ", ended" : "");
    top_lines_add(l, TOP_PLAIN, "%s", get_text(r, "exe"));
    top_lines_add(l, TOP_PLAIN, "%s", get_text(r, "command"));
    top_lines_add(l, TOP_PLAIN, "live %s in %s blocks, %s allocations, resident %s", top_bytes(json_number_value(get(r, "live_bytes"))).text,
                  top_count(json_number_value(get(r, "live_blocks"))).text, top_count(json_number_value(get(r, "allocations"))).text,
                  top_bytes(json_number_value(get(r, "resident_bytes"))).text);
    top_lines_add(l, TOP_PLAIN, "%llu threads, cpu %.1f%%, began at %s, images %llu", (unsigned long long)get_number(r, "threads"),
                  json_number_value(get(r, "cpu_share")) * 100, number_time(get_number(r, "started_ns")).text, (unsigned long long)get_number(r, "images"));
}

static void finding_add(struct top *t, const json_t *r)
{
    const char *role;
    json_t *stack;
    top_lines_add(&t->lines, TOP_BOLD, "%s, %llu time%s, first at %s in %s", get_text(r, "rule"), (unsigned long long)get_number(r, "count"),
                  get_number(r, "count") == 1 ? "" : "s", number_time(get_number(r, "ns")).text, get_text(r, "thread"));
    top_lines_add(&t->lines, TOP_PLAIN, "%s", get_text(r, "message"));
    json_object_foreach((json_t *)get(r, "stacks"), role, stack) {
        top_lines_add(&t->lines, TOP_PLAIN, "%s", "");
        top_lines_add(&t->lines, TOP_DIM, "%s at", role);
        stack_add(&t->lines, stack, 2);
    }
}

/* ---- opening --------------------------------------------------------------------------- */

/* The thread whose native stack belongs here; "": none. */
static const char *native_wanted(const struct top *t)
{
    if (t->screen == TOP_THREADS)
        return get_text(t->detail_row, "id");
    return t->screen == TOP_LOCKS ? get_text(get(t->detail_row, "holder"), "thread") : "";
}

static void native_ask(struct top *t)
{
    const char *thread = native_wanted(t);
    char target[80];
    if (!*thread || !t->feed || strlen(thread) > 20)
        return;
    snprintf(target, sizeof target, "/v1/states?thread=%s&stacks=1", thread);
    top_feed_order(t->feed, false, target);
}

void top_detail_make(struct top *t)
{
    size_t at = top_rows_find(&t->rows, t->detail_key);
    if (at != SIZE_MAX) {
        json_decref(t->detail_row);
        t->detail_row = json_incref(t->rows.rows[at].doc);
    }
    top_lines_end(&t->lines);
    if (at == SIZE_MAX)
        top_lines_add(&t->lines, TOP_WARN, "This is gone; what stands here is as it was last.");
    switch (t->screen) {
    case TOP_THREADS: thread_add(t, t->detail_row); break;
    case TOP_SITES: site_add(t, t->detail_row); break;
    case TOP_LOCKS: lock_detail(t, t->detail_row); break;
    case TOP_PROCESSES: process_add(t, t->detail_row); break;
    default: finding_add(t, t->detail_row); break;
    }
}

void top_detail_open(struct top *t)
{
    if (t->at >= t->rows.n)
        return;
    free(t->detail_key);
    t->detail_key = xstrdup(t->rows.rows[t->at].key);
    json_decref(t->detail_row);
    t->detail_row = json_incref(t->rows.rows[t->at].doc);
    json_decref(t->native);
    t->native = NULL;
    t->mode = TOP_DETAIL;
    t->lines_first = 0;
    top_select(t, t->at);
    top_detail_make(t);
    native_ask(t);
}

void top_help_make(struct top *t)
{
    static const char *const help[] = {
        "Looking",
        "  1-5, Tab       threads, sites, locks, processes, findings",
        "  arrows, PgUp, PgDn, Home, End, j, k   select",
        "  Enter          a site's stack, a lock's holder, a thread's native stack",
        "  r              look again now; in a detail, take the native stack again",
        "  < >, F6        sort by the column before or behind; I turns the order",
        "  /, F4          only rows with this text in a column or a stack",
        "  z              growth is counted from now on",
        "  Esc            back; q, F10 quits",
        "",
        "Telling the collector (its answer stands below)",
        "  s              stop recording, or start it again",
        "  t              trace the function or thread that is selected: a rule",
        "  u              untrace: take a rule away",
        "  l              limits: cpu=3% events/s=100k rss=2G ...",
        "  m              set a mark",
        "  S              take a heap snapshot",
        "  R              reset: limits and counts anew, out of an emergency stop",
        "  E              emergency stop: all hooks forward and nothing else",
        "",
        "GROWN is since top was opened (or z), LAST since the look before.",
        "A native stack stops its thread for microseconds, only when you ask.",
    };
    top_lines_end(&t->lines);
    for (size_t i = 0; i < sizeof help / sizeof *help; i++)
        top_lines_add(&t->lines, *help[i] && *help[i] != ' ' ? TOP_BOLD : TOP_PLAIN, "%s", help[i]);
    t->mode = TOP_HELP;
    t->lines_first = 0;
}
