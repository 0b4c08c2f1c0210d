/*
 * collector/serve/states_looks.c - looks at a session's counts, and the rates
 * between two of them (states.h). No clock, no /proc: what was seen is handed in.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/states.h"

#define SOON_NS 200000000ull

const struct states_look *states_looks_find(const struct states_looks *l, uint64_t now_ns, uint64_t least_ns, uint64_t most_ns)
{
    const struct states_look *found = NULL;
    for (unsigned i = 0; i < STATES_LOOKS; i++) {
        const struct states_look *look = &l->look[i];
        if (look->ns && look->ns + least_ns <= now_ns && look->ns + most_ns >= now_ns && (!found || look->ns > found->ns))
            found = look;
    }
    return found;
}

void states_looks_add(struct states_looks *l, struct states_look *look)
{
    struct states_look *place = &l->look[l->next];
    const struct states_look *last = &l->look[(l->next + STATES_LOOKS - 1) % STATES_LOOKS];
    if (last->ns && look->ns < last->ns + SOON_NS) {
        free(look->threads);
    } else {
        free(place->threads);
        *place = *look;
        l->next = (l->next + 1) % STATES_LOOKS;
    }
    *look = (struct states_look){ 0 };
}

void states_looks_end(struct states_looks *l)
{
    for (unsigned i = 0; i < STATES_LOOKS; i++)
        free(l->look[i].threads);
    *l = (struct states_looks){ 0 };
}

static const struct states_thread *thread_find(const struct states_look *l, uint32_t id)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->threads[middle].thread < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->n && l->threads[low].thread == id ? &l->threads[low] : NULL;
}

/* Counts do not fall, but where somebody took the session over. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

void states_rates(const struct states_look *before, const struct states_look *now, uint32_t id, struct doc_state *out)
{
    static const struct states_thread none; /* it began since: all it did was done since */
    const struct states_thread *is = thread_find(now, id), *was = before ? thread_find(before, id) : NULL;
    if (!is || !before || now->ns <= before->ns)
        return;
    double seconds = (double)(now->ns - before->ns) / 1e9;
    was = was ? was : &none;
    out->rated = true;
    out->events = rate(was->events, is->events, seconds);
    out->allocations = rate(was->allocations, is->allocations, seconds);
    out->bytes = rate(was->bytes, is->bytes, seconds);
    out->cpu = rate(was->cpu_ns, is->cpu_ns, seconds * 1e9);
}
