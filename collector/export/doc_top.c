/*
 * collector/export/doc_top.c - report.top: the few places that matter.
 *
 * Sites differ by their whole stack, so one busy function is often thousands
 * of sites. Here they are added up by what a person would read: the innermost
 * frames that are no plumbing (frames_telling). A group keeps the whole stack
 * of its largest site; `shown` lists which of its frames name the group.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"
#include "export/interval.h"
#include "export/doc_parts.h"

enum { TOP_DEFAULT = 5, TOP_FRAMES_DEFAULT = 3, PLACES_READ = 256 };

struct group {
    uint64_t hash;
    struct view_site sum;
    uint32_t largest;       /* index of a site */
    uint64_t largest_key;
    uint64_t sites;
};

struct groups {
    struct group *list;
    size_t count, capacity;
    uint32_t *index;        /* open addressing: position in list + 1 */
    size_t mask;
};

static struct group *group_of(struct groups *g, uint64_t hash)
{
    size_t at = hash & g->mask;
    for (; g->index[at]; at = (at + 1) & g->mask)
        if (g->list[g->index[at] - 1].hash == hash)
            return &g->list[g->index[at] - 1];
    g->list = xgrow(g->list, &g->capacity, g->count + 1, sizeof *g->list);
    g->list[g->count] = (struct group){ .hash = hash };
    g->index[at] = (uint32_t)++g->count;
    return &g->list[g->count - 1];
}

static uint64_t telling_hash(struct frames *f, uint32_t stack, unsigned most)
{
    const struct frame_place *places;
    uint32_t labels[FRAMES_TELLING_MAX];
    size_t n = frames_places(f, stack, PLACES_READ, &places);
    size_t count = frames_telling(places, n, most, labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = places[labels[i]].label;
    return XXH3_64bits(labels, sizeof *labels * count);
}

static void groups_add(struct groups *g, const struct view *v, uint32_t site, uint64_t hash)
{
    const struct view_site *s = &v->sites[site];
    struct group *group = group_of(g, hash);
    uint64_t key = s->peak_bytes + s->live_bytes + s->bytes;
    if (!group->sites || key > group->largest_key) {
        group->largest = site;
        group->largest_key = key;
    }
    group->sites++;
    group->sum.allocations += s->allocations;
    group->sum.bytes += s->bytes;
    group->sum.live_blocks += s->live_blocks;
    group->sum.live_bytes += s->live_bytes;
    group->sum.peak_bytes += s->peak_bytes;
    group->sum.temporary += s->temporary;
}

static uint64_t peak_of(const struct group *g) { return g->sum.peak_bytes; }
static uint64_t live_of(const struct group *g) { return g->sum.live_bytes; }
static uint64_t allocations_of(const struct group *g) { return g->sum.allocations; }
static uint64_t temporary_of(const struct group *g) { return g->sum.temporary; }

static const struct {
    const char *key;
    uint64_t (*value)(const struct group *);
} lists[] = {
    { "peak", peak_of }, { "live", live_of }, { "allocations", allocations_of }, { "temporary", temporary_of },
};

static json_t *group_json(const struct group *g, const struct view *v, struct frames *f, unsigned most)
{
    const struct frame_place *places;
    uint32_t stack = frames_view_stack(f, v->sites[g->largest].stack);
    size_t n = frames_places(f, stack, PLACES_READ, &places);
    uint32_t shown[FRAMES_TELLING_MAX];
    json_t *indexes = json_array();
    size_t count = frames_telling(places, n, most, shown);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(indexes, json_integer(shown[i]));
    static const char *const bytes[] = { "bytes", "live_bytes", "peak_bytes", NULL }, *const blocks[] = { "allocations", "live_blocks", NULL };
    json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "stack", frames_json(f, stack),
                     "shown", indexes, "sites", doc_number(g->sites),
                     "allocations", doc_number(g->sum.allocations), "bytes", doc_number(g->sum.bytes),
                     "live_blocks", doc_number(g->sum.live_blocks), "live_bytes", doc_number(g->sum.live_bytes),
                     "peak_bytes", doc_number(g->sum.peak_bytes), "temporary", doc_number(g->sum.temporary));
    interval_sums(j, v, bytes, blocks);
    return j;
}

json_t *doc_top(const struct view *v, struct frames *f, const struct doc_options *o)
{
    size_t top = o && o->top ? o->top : TOP_DEFAULT;
    unsigned most = o && o->top_frames ? o->top_frames : TOP_FRAMES_DEFAULT;
    if (most > FRAMES_TELLING_MAX)
        most = FRAMES_TELLING_MAX;
    struct groups g = { .mask = 1023 };
    while (g.mask < v->n_sites * 2)
        g.mask = g.mask * 2 + 1;
    g.index = xcalloc(g.mask + 1, sizeof *g.index);
    for (size_t i = 0; i < v->n_sites; i++)
        groups_add(&g, v, (uint32_t)i, telling_hash(f, frames_view_stack(f, v->sites[i].stack), most));
    json_t *j = json_object();
    struct doc_rank *order = xcalloc(g.count, sizeof *order);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        json_t *list = json_array();
        for (size_t i = 0; i < g.count; i++)
            order[i] = (struct doc_rank){ lists[l].value(&g.list[i]), (uint32_t)i };
        doc_rank_sort(order, g.count);
        for (size_t i = 0; i < top && i < g.count && order[i].key; i++)
            json_array_append_new(list, group_json(&g.list[order[i].at], v, f, most));
        json_object_set_new(j, lists[l].key, list);
    }
    free(order);
    free(g.index);
    free(g.list);
    return j;
}
