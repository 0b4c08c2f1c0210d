/*
 * collector/event/snapshot_order.c - the blocks of a snapshot in the order
 * in which they were made: by id, equal ones as they stand. By digits, as far
 * as the ids go.
 */
#include <stdlib.h>

#include "event/snapshot.h"
#include "event/xalloc.h"

enum { DIGIT_BITS = 11, DIGIT_VALUES = 1 << DIGIT_BITS };

struct by_id { uint64_t id; uint32_t index; } __attribute__((packed));

static void sort_digit(const struct by_id *from, struct by_id *to, size_t n, unsigned shift)
{
    size_t at[DIGIT_VALUES] = { 0 };
    for (size_t i = 0; i < n; i++)
        at[from[i].id >> shift & (DIGIT_VALUES - 1)]++;
    for (size_t d = 0, sum = 0; d < DIGIT_VALUES; d++) {
        size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[from[i].id >> shift & (DIGIT_VALUES - 1)]++] = from[i];
}

uint32_t *snapshot_birth_order(const struct snapshot *s)
{
    size_t n = s->n_blocks;
    struct by_id *from = xmalloc((n + 1) * sizeof *from), *to = xmalloc((n + 1) * sizeof *to);
    uint32_t *order = xmalloc((n + 1) * sizeof *order);
    uint64_t highest = 0;
    for (size_t i = 0; i < n; i++) {
        from[i] = (struct by_id){ s->id[i], (uint32_t)i };
        highest |= s->id[i];
    }
    for (unsigned shift = 0; shift < 64 && highest >> shift; shift += DIGIT_BITS) {
        sort_digit(from, to, n, shift);
        struct by_id *was = from;
        from = to;
        to = was;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = from[i].index;
    free(from);
    free(to);
    return order;
}
