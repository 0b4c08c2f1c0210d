/*
 * collector/cli/top_head.c - the lines above the rows of `ownscope top`: session,
 * rates, live bytes, and what the control says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "cli/top.h"
#include "event/xalloc.h"

enum { SPARK_MOST = 60 };

/* Text behind text, on one line: pairs of a dim word and a value, as many as fit whole. */
struct pen { struct canvas *c; unsigned x, y; };

static void pen_pair(struct pen *p, const char *word, enum top_look look, const char *value)
{
    unsigned gap = p->x ? 3 : 0, need = gap + canvas_columns(p->c, word) + (*word ? 1 : 0) + canvas_columns(p->c, value);
    if (p->x + need > p->c->width)
        return;
    p->x += gap;
    if (*word) {
        p->x += canvas_text(p->c, p->x, p->y, p->c->width, TOP_DIM, word);
        p->x++;
    }
    p->x += canvas_text(p->c, p->x, p->y, p->c->width, look, value);
}

static void format_share(char *to, size_t size, const json_t *of)
{
    if (json_is_number(of))
        snprintf(to, size, "%.1f%%", json_number_value(of) * 100);
    else
        snprintf(to, size, "-");
}

/* "2:05:17", "12:03", "9 s" */
static void format_time(char *to, size_t size, uint64_t ns)
{
    unsigned long long s = ns / 1000000000u;
    if (s < 60)
        snprintf(to, size, "%llu s", s);
    else if (s < 3600)
        snprintf(to, size, "%llu:%02llu", s / 60, s % 60);
    else if (s < 86400)
        snprintf(to, size, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(to, size, "%llu d %llu:%02llu", s / 86400, s / 3600 % 24, s / 60 % 60);
}

static const char *link_text(enum top_link link)
{
    switch (link) {
    case TOP_LINK_NONE: return "asking ...";
    case TOP_LINK_SLOW: return "COLLECTOR IS SILENT";
    case TOP_LINK_GONE: return "COLLECTOR IS GONE, WAITING";
    case TOP_LINK_ENDED: return "ENDED";
    case TOP_LINK_REFUSED: return "NOT ALLOWED";
    default: return "";
    }
}

static const char *state_text(const struct top *t, enum top_look *look)
{
    static const struct { const char *state, *shown; enum top_look look; } states[] = {
        { "recording", "recording", TOP_GOOD }, { "paused", "PAUSED", TOP_WARN }, { "tripped", "TRIPPED", TOP_BAD },
        { "half-open", "HALF-OPEN", TOP_WARN }, { "emergency", "EMERGENCY STOP", TOP_BAD } };
    const char *state = top_recording(t);
    *look = TOP_BAD;
    if (t->docs.link != TOP_LINK_LIVE)
        return link_text(t->docs.link);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(state, states[i].state)) {
            *look = states[i].look;
            return states[i].shown;
        }
    *look = TOP_GOOD;
    return *state ? state : "recording";
}

static void line_session(const struct top *t, struct canvas *c, unsigned y)
{
    const json_t *session = get(t->docs.states, "session");
    struct pen p = { c, 0, y };
    char text[64];
    enum top_look look;
    const char *state = state_text(t, &look);
    pen_pair(&p, "", TOP_BOLD, c->width >= 60 ? "ownscope top" : "top");
    pen_pair(&p, "", look, state);
    format_time(text, sizeof text, get_number(session, "uptime_ns"));
    pen_pair(&p, "up", TOP_PLAIN, session ? text : "-");
    pen_pair(&p, "", TOP_PLAIN, get_text(session, "name"));
    if (p.x + 6 < c->width)
        canvas_text(c, p.x + 3, y, c->width, TOP_DIM, get_text(session, "command"));
}

static void line_rates(const struct top *t, struct canvas *c, unsigned y)
{
    const json_t *totals = get(t->docs.states, "totals"), *rates = get(totals, "rates"), *session = get(t->docs.states, "session");
    uint64_t lost = get_number(totals, "lost");
    struct pen p = { c, 0, y };
    char text[64];
    pen_pair(&p, "events/s", TOP_BOLD, json_is_object(rates) ? top_short(json_number_value(get(rates, "events_per_s"))).text : "-");
    pen_pair(&p, "all", TOP_PLAIN, top_count((double)get_number(totals, "events")).text);
    pen_pair(&p, "lost", lost ? TOP_BAD : TOP_PLAIN, top_count((double)lost).text);
    format_share(text, sizeof text, get(session, "collector_cpu_share"));
    pen_pair(&p, "collector", TOP_PLAIN, text);
    format_share(text, sizeof text, get(totals, "ring_fill"));
    pen_pair(&p, "rings", json_number_value(get(totals, "ring_fill")) > 0.5 ? TOP_WARN : TOP_PLAIN, text);
    pen_pair(&p, "threads", TOP_PLAIN, number_plain(get_number(totals, "threads")).text);
}

static void line_live(const struct top *t, struct canvas *c, unsigned y)
{
    const json_t *totals = get(t->docs.states, "totals");
    double live = json_number_value(get(totals, "live_bytes"));
    double over_s = (double)get_number(t->docs.states, "at_ns") / 1e9 - t->first_s;
    struct pen p = { c, 0, y };
    char text[96];
    uint64_t error = get_number(get(totals, "error"), "live_bytes");
    snprintf(text, sizeof text, "%.30s%s%.30s", top_bytes(live).text, !error ? "" : c->utf8 ? " ±" : " +-", error ? top_bytes((double)error).text : "");
    pen_pair(&p, "live", TOP_NUMBER, text);
    pen_pair(&p, "in", TOP_PLAIN, top_count((double)get_number(totals, "live_blocks")).text);
    snprintf(text, sizeof text, "%.30s in %.0f s", top_growth_text(live - t->live_first).text, over_s > 0 ? over_s : 0);
    if (t->live.n > 1)
        pen_pair(&p, "", live > t->live_first ? TOP_WARN : TOP_PLAIN, text);
    pen_pair(&p, "peak", TOP_PLAIN, top_bytes(json_number_value(get(totals, "peak_bytes"))).text);
    if (p.x + 8 < c->width) {
        unsigned room = c->width - p.x - 3;
        char *spark = top_sparkline(&t->live, room < SPARK_MOST ? room : SPARK_MOST, c->utf8);
        canvas_text(c, p.x + 3, y, room, TOP_GOOD, spark);
        free(spark);
    }
}

/* "cpu=3% 2.1%", what limits there are and how near. */
static void limits_pairs(struct pen *p, const json_t *limits)
{
    const char *key, *breaker = get_text(limits, "breaker");
    json_t *one;
    json_object_foreach((json_t *)limits, key, one) {
        char text[64];
        const json_t *limit = get(one, "limit"), *now = get(one, "now");
        bool share = !strcmp(key, "cpu");
        if (!json_is_number(limit))
            continue;
        double n = json_number_value(now), most = json_number_value(limit), by = !strcmp(key, "time") ? 1e9 : 1;
        if (share)
            snprintf(text, sizeof text, "%.1f%% of %g%%", n * 100, most * 100);
        else if (!strcmp(key, "bytes") || !strcmp(key, "rss"))
            snprintf(text, sizeof text, "%.20s of %.20s", top_bytes(n).text, top_bytes(most).text);
        else
            snprintf(text, sizeof text, "%.20s of %.20s%s", top_short(n / by).text, top_short(most / by).text, by > 1 ? " s" : "");
        pen_pair(p, key, json_is_number(now) && n > most ? TOP_BAD : TOP_PLAIN, text);
    }
    if (*breaker)
        pen_pair(p, "breaker", strcmp(breaker, "closed") ? TOP_BAD : TOP_PLAIN, breaker);
}

static void line_control(const struct top *t, struct canvas *c, unsigned y)
{
    const json_t *rules = get(t->docs.control, "rules"), *limits = get(t->docs.control, "limits");
    uint64_t sample = get_number(limits, "sample_bytes");
    size_t n = json_array_size(rules);
    struct pen p = { c, 0, y };
    char text[TOP_TEXT_MAX];
    if (!json_is_object(t->docs.control)) {
        pen_pair(&p, "records", TOP_PLAIN, "everything");
        return;
    }
    if (n == 1)
        snprintf(text, sizeof text, "%.150s", get_text(json_array_get(rules, 0), "rule"));
    else
        snprintf(text, sizeof text, n ? "%zu rules" : "everything", n);
    if (!strcmp(top_recording(t), "paused") || !strcmp(top_recording(t), "tripped") || !strcmp(top_recording(t), "emergency"))
        pen_pair(&p, "records", TOP_WARN, "nothing");
    else
        pen_pair(&p, "records", n ? TOP_WARN : TOP_PLAIN, text);
    pen_pair(&p, "sample", TOP_PLAIN, sample ? top_bytes((double)sample).text : "each");
    limits_pairs(&p, limits);
}

unsigned top_head(const struct top *t, struct canvas *c, unsigned most)
{
    static void (*const lines[])(const struct top *t, struct canvas *c, unsigned y) = { line_session, line_live, line_rates, line_control };
    enum { LINES = sizeof lines / sizeof *lines };
    unsigned n = most < LINES ? most : LINES;
    for (unsigned y = 0; y < n; y++)
        lines[y](t, c, y);
    return n;
}
