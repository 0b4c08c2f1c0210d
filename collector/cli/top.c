/*
 * collector/cli/top.c - see top.h: documents become rows, and the selection stays
 * on what it was on.
 */
#include "cli/top.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

void top_begin(struct top *t, enum top_screen screen)
{
    *t = (struct top){ .screen = screen };
    for (unsigned i = 0; i < TOP_SCREENS; i++)
        t->sort[i] = top_layouts[i].sort;
}

void top_end(struct top *t)
{
    top_docs_end(&t->docs);
    top_rows_end(&t->rows);
    top_growth_end(&t->growth);
    top_lines_end(&t->lines);
    json_decref(t->detail_row);
    json_decref(t->native);
    free(t->detail_key);
    free(t->session);
    free(t->segment_path);
    free(t->selected);
    *t = (struct top){ 0 };
}

void top_say(struct top *t, enum top_look look, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->status, sizeof t->status, format, args);
    va_end(args);
    t->status_look = look;
}

void top_lines_add(struct top_lines *l, enum top_look look, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = xstrdup("");
    va_end(args);
    l->lines = xgrow(l->lines, &l->capacity, l->n + 1, sizeof *l->lines);
    l->lines[l->n++] = (struct top_line){ text, look };
}

void top_lines_end(struct top_lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->lines[i].text);
    free(l->lines);
    *l = (struct top_lines){ 0 };
}

void top_select(struct top *t, size_t at)
{
    if (!t->rows.n) {
        t->at = 0;
        return;
    }
    t->at = at < t->rows.n ? at : t->rows.n - 1;
    free(t->selected);
    t->selected = xstrdup(t->rows.rows[t->at].key);
}

const json_t *top_document(const struct top *t)
{
    switch (t->screen) {
    case TOP_THREADS: case TOP_PROCESSES: return t->docs.states;
    case TOP_SITES: return t->docs.sites;
    default: return t->docs.of == t->screen ? t->docs.screen : NULL;
    }
}

void top_again(struct top *t)
{
    top_rows_end(&t->rows);
    top_rows_make(&t->rows, t->screen, top_document(t), &t->growth);
    t->rows_all = t->rows.n;
    top_rows_filter(&t->rows, t->filter);
    top_rows_sort(&t->rows, t->screen, t->sort[t->screen], t->reversed[t->screen]);
    size_t at = top_rows_find(&t->rows, t->selected);
    if (t->selected)
        t->at = at != SIZE_MAX ? at : t->at < t->rows.n ? t->at : t->rows.n ? t->rows.n - 1 : 0;
}

static void live_note(struct top *t)
{
    const json_t *totals = get(t->docs.states, "totals");
    double live = json_number_value(get(totals, "live_bytes")), now_s = (double)get_number(t->docs.states, "at_ns") / 1e9;
    if (!json_is_object(totals) || t->docs.link != TOP_LINK_LIVE)
        return;
    if (!t->live.n) {
        t->live_first = live;
        t->first_s = now_s;
    }
    top_history_add(&t->live, live);
}

void top_update(struct top *t)
{
    live_note(t);
    top_growth_add(&t->growth, t->docs.sites);
    top_again(t);
    if (t->mode == TOP_DETAIL)
        top_detail_make(t);
}
