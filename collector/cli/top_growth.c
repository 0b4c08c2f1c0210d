/*
 * collector/cli/top_growth.c - what each site has grown by (top_model.h). A site
 * is its stack: modules and offsets, which no new symbol changes.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cli/table_line.h"
#include "cli/top_model.h"
#include "event/xalloc.h"

static uint64_t stack_hash(const json_t *stack)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < json_array_size(stack); i++) {
        const json_t *frame = json_array_get(stack, i);
        const char *const texts[] = { get_text(frame, "module"), get_text(frame, "offset") };
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            hash = XXH3_64bits_withSeed(texts[k], strlen(texts[k]), hash);
    }
    return hash;
}

static struct top_grown *grown_at(struct top_growth *g, uint64_t hash, bool *fresh)
{
    uint32_t place = dict_get(&g->places, hash);
    *fresh = !place;
    if (place)
        return &g->list[place - 1];
    g->list = xgrow(g->list, &g->capacity, g->n + 1, sizeof *g->list);
    g->list[g->n] = (struct top_grown){ 0 };
    dict_set(&g->places, hash, (uint32_t)++g->n);
    return &g->list[g->n - 1];
}

static void site_add(struct top_growth *g, const json_t *site)
{
    double live = json_number_value(get(site, "live_bytes")), allocations = json_number_value(get(site, "allocations"));
    bool fresh;
    struct top_grown *s = grown_at(g, stack_hash(get(site, "stack")), &fresh);
    if (!fresh && s->seen == g->look) {     /* frames that are not shown told them apart */
        s->now_live += live;
        s->now_allocations += allocations;
        s->history.values[s->history.n - 1] = s->now_live;
        s->first_live += s->begins ? live : 0;
        return;
    }
    bool begins = fresh && (g->look == 1 || !g->whole);   /* what it had before nobody knows */
    bool follows = !fresh && s->seen + 1 == g->look;
    s->begins = begins;
    if (begins)
        s->first_live = live;
    s->last_live = follows ? s->now_live : begins ? live : fresh ? 0 : s->now_live;
    s->last_allocations = follows ? s->now_allocations : begins || !fresh ? allocations : 0;
    s->now_live = live;
    s->now_allocations = allocations;
    s->seen = g->look;
    top_history_add(&s->history, live);
}

void top_growth_add(struct top_growth *g, const json_t *doc)
{
    const json_t *sites = get(doc, "sites");
    double now_s = (double)get_number(doc, "at_ns") / 1e9;
    if (!json_is_array(sites) || (g->look && now_s == g->now_s))
        return;
    if (now_s < g->now_s)
        top_growth_end(g);  /* another session */
    g->last_s = g->now_s;
    g->now_s = now_s;
    if (!g->look++)
        g->whole = json_array_size(sites) >= get_number(doc, "sites_total");
    for (size_t i = 0; i < json_array_size(sites) && i < TOP_ROWS_MAX; i++)
        site_add(g, json_array_get(sites, i));
}

void top_growth_reset(struct top_growth *g)
{
    for (size_t i = 0; i < g->n; i++)
        g->list[i].first_live = g->list[i].now_live;
}

const struct top_grown *top_growth_of(const struct top_growth *g, const json_t *stack)
{
    uint32_t place = g ? dict_get(&g->places, stack_hash(stack)) : 0;
    return place ? &g->list[place - 1] : NULL;
}

void top_growth_end(struct top_growth *g)
{
    dict_clear(&g->places);
    free(g->list);
    *g = (struct top_growth){ 0 };
}
