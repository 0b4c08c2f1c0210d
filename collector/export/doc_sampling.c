/*
 * collector/export/doc_sampling.c - what was sampled, what was not recorded at
 * all and when: `metadata.sampling`, and its lines in `coverage`.
 */
#include <stdlib.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_control.h"
#include "export/doc_sampling.h"
#include "export/text.h"

static const char *const part_names[] = { "memory", "drops", "locks", "copies", "life" };
enum { PARTS = sizeof part_names / sizeof *part_names };

/* Of enum event_cover: ["memory","drops","locks","copies","life"]. */
static json_t *doc_cover_parts(unsigned bits)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < PARTS; i++)
        if (bits >> i & 1)
            json_array_append_new(list, json_string(part_names[i]));
    return list;
}

/* ---- metadata.sampling ------------------------------------------------------- */

static json_t *every_json(uint64_t every) { return every > 1 ? doc_number(every) : json_null(); }

static json_t *memory_json(const struct view *v)
{
    json_t *rates = json_array();
    for (size_t i = 0; i < v->n_rates; i++)
        json_array_append_new(rates, doc_number(v->rates[i]));
    return json_pack("{s:o,s:o}", "bytes", rates, "samples", doc_number(v->estimate.samples));
}

static json_t *without_json(const struct view_cover *c)
{
    json_t *j = json_object();
    for (unsigned i = 0; i < PARTS; i++)
        if (c->without_ns[i])
            json_object_set_new(j, part_names[i], doc_number(c->without_ns[i]));
    return j;
}

static json_t *cover_json(const struct view_cover *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_spans; i++)
        json_array_append_new(list, json_pack("{s:o,s:o}", "ns", doc_number(c->spans[i].ns), "recorded", doc_cover_parts(c->spans[i].bits)));
    return list;
}

json_t *doc_sampling(const struct view *v)
{
    if (!v->sampled && v->locks_every < 2 && v->copies_every < 2 && !v->cover.changes)
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "memory", v->sampled ? memory_json(v) : json_null(),
                     "locks_every", every_json(v->locks_every), "copies_every", every_json(v->copies_every),
                     "recorded", doc_cover_parts(v->cover.bits), "without_ns", without_json(&v->cover),
                     "cover", cover_json(&v->cover));
}

/* ---- coverage -------------------------------------------------------------------- */

static void add(json_t *list, const char *kind, char *what, char *why)
{
    json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "kind", kind, "what", text_json_string(what), "why", text_json_string(why)));
    free(what);
    free(why);
}

static char *rates_text(const struct view *v)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = 0; i < v->n_rates; i++) {
        low = v->rates[i] < low ? v->rates[i] : low;
        high = v->rates[i] > high ? v->rates[i] : high;
    }
    return low == high ? xasprintf("%llu", (unsigned long long)low)
                       : xasprintf("%llu to %llu", (unsigned long long)low, (unsigned long long)high);
}

static void sampled(json_t *list, const struct view *v)
{
    if (v->sampled) {
        char *rates = rates_text(v);
        add(list, "sampled", xasprintf("blocks were sampled, one in %s bytes", rates),
            xasprintf("%llu samples stand for all: sums are estimates, each with half of its 95%% interval; a block that was not drawn is not known. "
                      "Which of them were temporary cannot be told; mappings are not sampled",
                      (unsigned long long)v->estimate.samples));
        free(rates);
    }
    if (v->locks_every > 1)
        add(list, "sampled", xasprintf("locks were sampled, one acquisition in %llu", (unsigned long long)v->locks_every),
            xstrdup("counts and times of locks are estimates; no borrow is called unordered then"));
    if (v->copies_every > 1)
        add(list, "sampled", xasprintf("copies were sampled, one in %llu", (unsigned long long)v->copies_every),
            xstrdup("counts and bytes of copies are estimates"));
}

static void unrecorded(json_t *list, const struct view *v)
{
    static const char *const what[PARTS] = { "blocks were recorded only in part", "releases were not recorded", "locks were recorded only in part",
                                             "copies were recorded only in part", "lives of threads and processes were not recorded" };
    static const char *const why[PARTS] = {
        "a rule, a sample, a pause or an emergency stop: no use after a drop and no double drop is reported of what was dropped then or before",
        "a pause or an emergency stop: blocks that lived then may be gone, so none of them is reported as leaked",
        "no borrow is reported as unordered then, and who had a lock before may have given it up",
        "a rule, a sample or a pause", "an emergency stop" };
    for (unsigned i = 0; i < PARTS; i++)
        if (v->cover.without_ns[i])
            add(list, "unrecorded", xasprintf("for %.3f s %s", (double)v->cover.without_ns[i] / 1e9, what[i]), xstrdup(why[i]));
    if (v->cover.withheld)
        add(list, "unrecorded", xasprintf("%llu use%s of memory not judged", (unsigned long long)v->cover.withheld, v->cover.withheld == 1 ? " was" : "s were"),
            xstrdup("it was dropped before, and may have been given out again unseen"));
    if (v->cover.unknown_drops)
        add(list, "unrecorded", xasprintf("%llu release%s of unrecorded memory", (unsigned long long)v->cover.unknown_drops, v->cover.unknown_drops == 1 ? "" : "s"),
            xstrdup("their blocks were made when memory was recorded only in part"));
}

/* Each order that is told: limits that acted, and stops. */
static void orders(json_t *list, const struct view *v)
{
    enum { TOLD = 8 };
    size_t told = 0;
    for (size_t i = 0; i < v->cover.n_controls && told < TOLD; i++) {
        const struct view_control *o = &v->cover.controls[i];
        if (o->kind == EVENT_CONTROL_BUDGET || o->kind == EVENT_CONTROL_PROMISE || o->state == o->was)
            continue;
        told++;
        add(list, "control", xasprintf("%s from %.3f s on", doc_recording_name(o->state), (double)o->ns / 1e9), xstrdup(o->text));
    }
}

void doc_sampling_coverage(json_t *list, const struct view *v)
{
    sampled(list, v);
    unrecorded(list, v);
    orders(list, v);
}
