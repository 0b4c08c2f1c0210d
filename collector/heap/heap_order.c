/*
 * collector/heap/heap_order.c - see heap_order.h. A radix sort of bytes that
 * leaves out those that all keys have in common; few rows are inserted.
 */
#include "heap/heap_order.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { FEW = 48 };

static void insert(struct heap_ordered *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct heap_ordered row = rows[i];
        size_t j = i;
        for (; j && rows[j - 1].key > row.key; j--)
            rows[j] = rows[j - 1];
        rows[j] = row;
    }
}

/* One pass: from `rows` to `out`, by the byte at `shift`. */
static void pass(const struct heap_ordered *rows, struct heap_ordered *out, size_t n, unsigned shift)
{
    size_t place[256] = {0};
    for (size_t i = 0; i < n; i++)
        place[rows[i].key >> shift & 255]++;
    for (size_t sum = 0, b = 0; b < 256; b++) {
        size_t count = place[b];
        place[b] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        out[place[rows[i].key >> shift & 255]++] = rows[i];
}

void heap_order(struct heap_ordered *rows, size_t n)
{
    if (n <= FEW) {
        insert(rows, n);
        return;
    }
    uint64_t differ = 0;
    for (size_t i = 1; i < n; i++)
        differ |= rows[i].key ^ rows[0].key;
    struct heap_ordered *other = xmalloc(n * sizeof *other), *from = rows, *to = other;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 255))
            continue;
        pass(from, to, n, shift);
        struct heap_ordered *swap = from;
        from = to;
        to = swap;
    }
    if (from != rows)
        memcpy(rows, from, n * sizeof *rows);
    free(other);
}
