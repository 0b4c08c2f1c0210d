/*
 * collector/symbols/spans.c - see spans.h.
 *
 * Flattening is a sweep from low to high with a heap of the spans that are
 * open; those that ended stay in the heap until they come to its top. Every
 * round passes one start or one end, so n spans give at most 2n pieces in
 * O(n log n), however they overlap.
 */
#include "symbols/spans.h"

#include <stdbool.h>
#include <stdlib.h>

#include "event/xalloc.h"

void spans_add(struct spans *s, uint64_t low, uint64_t high, uint64_t rank, uint32_t value)
{
    if (low >= high)
        return;
    if (s->n == s->capacity)
        s->at = xgrow(s->at, &s->capacity, s->n + 1, sizeof *s->at);
    s->at[s->n++] = (struct span){ .low = low, .high = high, .rank = rank, .value = value };
}

static int by_low(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

static bool is_sorted(const struct spans *s)
{
    for (size_t i = 1; i < s->n; i++)
        if (s->at[i].low < s->at[i - 1].low)
            return false;
    return true;
}

static bool wins(const struct span *a, const struct span *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->value < b->value;
}

struct heap {
    const struct span **at;
    size_t n;
};

static void heap_push(struct heap *h, const struct span *span)
{
    size_t i = h->n++;
    while (i && wins(span, h->at[(i - 1) / 2])) {
        h->at[i] = h->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->at[i] = span;
}

static void heap_pop(struct heap *h)
{
    const struct span *last = h->at[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && wins(h->at[child + 1], h->at[child]))
            child++;
        if (!wins(h->at[child], last))
            break;
        h->at[i] = h->at[child];
    }
    h->at[i] = last;
}

/* Appends [low, high) of `winner`, to the piece before it where it continues that. */
static void emit(struct spans *out, const struct span *winner, uint64_t low, uint64_t high)
{
    struct span *before = out->n ? &out->at[out->n - 1] : NULL;
    if (before && before->high == low && before->value == winner->value)
        before->high = high;
    else
        spans_add(out, low, high, winner->rank, winner->value);
}

void spans_flatten(struct spans *s)
{
    if (!is_sorted(s))   /* so there is something to sort */
        qsort(s->at, s->n, sizeof *s->at, by_low);

    struct spans out = { 0 };
    struct heap open = { .at = xmalloc((s->n + 1) * sizeof *open.at) };
    uint64_t here = 0;
    for (size_t next = 0; next < s->n || open.n;) {
        if (!open.n)
            here = s->at[next].low;
        while (next < s->n && s->at[next].low <= here)
            heap_push(&open, &s->at[next++]);
        while (open.n && open.at[0]->high <= here)
            heap_pop(&open);
        if (!open.n)
            continue;
        const struct span *winner = open.at[0];
        uint64_t until = winner->high;
        if (next < s->n && s->at[next].low < until)
            until = s->at[next].low;
        emit(&out, winner, here, until);
        here = until;
    }
    free(open.at);
    free(s->at);
    *s = out;
}

uint32_t spans_find(const struct spans *s, uint64_t address)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->at[middle].high <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n && s->at[low].low <= address ? s->at[low].value : (uint32_t)SPANS_NONE;
}

void spans_free(struct spans *s)
{
    free(s->at);
    *s = (struct spans){ 0 };
}
