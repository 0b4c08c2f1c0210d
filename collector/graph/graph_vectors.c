/*
 * collector/graph/graph_vectors.c - see graph_vectors.h.
 */
#include "graph/graph_vectors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

void vector_give(struct vectors *all, struct vector *v)
{
    if (!v || --v->refs)
        return;
    all->bytes -= vector_bytes(v->n);
    free(v);
}

/* *v becomes its holder's own, with at least n components. */
static struct vector *vector_own(struct vectors *all, struct vector **v, uint32_t n)
{
    struct vector *old = *v, *own;
    if (old && old->refs == 1 && old->n >= n)
        return old;
    if (old && old->n > n)
        n = old->n;
    n = (n + VECTOR_STEP - 1) & ~(uint32_t)(VECTOR_STEP - 1);
    own = xmalloc(vector_bytes(n));
    all->bytes += vector_bytes(n);
    uint32_t kept = old ? old->n : 0;
    own->refs = 1;
    own->n = n;
    own->floor_ns = vector_floor(old);
    if (kept)
        memcpy(own->at, old->at, kept * sizeof *own->at);
    memset(own->at + kept, 0, (n - kept) * sizeof *own->at);
    vector_give(all, old);
    *v = own;
    return own;
}

void vector_set(struct vectors *all, struct vector **v, uint32_t index, uint64_t ns)
{
    if (vector_at(*v, index) < ns)
        vector_own(all, v, index + 1)->at[index] = ns;
}

void vector_set_floor(struct vectors *all, struct vector **v, uint64_t ns)
{
    if (vector_floor(*v) < ns)
        vector_own(all, v, 0)->floor_ns = ns;
}

static bool vector_covers(const struct vector *v, const struct vector *over)
{
    uint32_t i, n = over->n < v->n ? over->n : v->n;
    bool less = v->floor_ns < over->floor_ns;
    for (i = 0; i < n; i++)
        less |= v->at[i] < over->at[i];
    for (; i < over->n; i++)
        less |= over->at[i] != 0;
    return !less;
}

void vector_raise(struct vectors *all, struct vector **v, struct vector *over)
{
    if (!over || *v == over || (*v && vector_covers(*v, over)))
        return;
    if (!*v) {
        *v = vector_share(over);
        return;
    }
    struct vector *own = vector_own(all, v, over->n);
    for (uint32_t i = 0; i < over->n; i++)
        own->at[i] = own->at[i] > over->at[i] ? own->at[i] : over->at[i];
    if (own->floor_ns < over->floor_ns)
        own->floor_ns = over->floor_ns;
}
