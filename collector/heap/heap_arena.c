/*
 * collector/heap/heap_arena.c - see heap_arena.h. Layouts are those of glibc 2.17 to 2.41.
 */
#include "heap/heap_arena.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "heap/heap_memory.h"

enum {
    PAGE = 4096,
    BINS_OFFSET = 112,          /* in malloc_state */
    BINS = 127, BINS_EMPTY_MIN = 32,
    WINDOW = 64 * 1024
};
#define ARENA_ALIGN (64ull << 20)   /* HEAP_MAX_SIZE */

/* An empty bin's two links are the address two words before it. */
static bool bin_empty(const uint64_t *w, uint64_t address) { return w[0] == address - 16 && w[1] == address - 16; }

/* The window's first array of bins: index of its first word; or n. */
static size_t bins_in(const uint64_t *w, size_t n, uint64_t address)
{
    for (size_t i = 0; i + 1 < n; i++) {
        size_t empty = 0, last = i;
        if (!bin_empty(w + i, address + i * 8))
            continue;
        for (size_t b = i; b + 1 < n && b < i + 2 * BINS; b += 2)
            if (bin_empty(w + b, address + b * 8)) {
                empty++;
                last = b;
            }
        if (empty >= BINS_EMPTY_MIN)    /* the last bins are for sizes that are rare: it ends where they do */
            return last + 2 > 2 * BINS ? last + 2 - 2 * BINS : 0;
    }
    return n;
}

bool heap_arena_bins(struct heap_image *image, uint64_t start, uint64_t end, uint64_t *at, bool *found)
{
    uint64_t *w;
    bool hit = false;
    start = (start + 7) & ~7ull;
    if (start >= end || end - start < HEAP_ARENA_BYTES)
        return false;
    w = xmalloc(WINDOW);
    for (uint64_t from = start; !hit && from < end; from += WINDOW - HEAP_ARENA_BYTES) {
        size_t n = (end - from < WINDOW ? end - from : WINDOW) / 8, i;
        heap_memory_read(image, from, w, n * 8);
        i = bins_in(w, n, from);
        if (i < n) {
            *at = from + i * 8 > start + BINS_OFFSET ? from + i * 8 - BINS_OFFSET : start;
            hit = *found = true;
        }
    }
    free(w);
    return hit;
}

bool heap_arena_at(struct heap_image *image, const struct heap_map *m)
{
    uint64_t info[3], in; /* struct heap_info: its arena, the heap before, its size */
    if (m->start % ARENA_ALIGN || m->path[0] || !heap_memory_read(image, m->start, info, sizeof info))
        return false;
    in = info[0] % ARENA_ALIGN;
    return in >= 32 && in <= 96 && info[1] % ARENA_ALIGN == 0 && (info[1] || info[0] - in == m->start) &&
           info[2] && info[2] % PAGE == 0 && info[2] <= ARENA_ALIGN;
}

bool heap_arena_mapped(struct heap_image *image, uint64_t address, uint64_t size, uint64_t *end)
{
    uint64_t head[2], bytes; /* struct malloc_chunk: size of the one before, own size and flags */
    if (address % PAGE != 16 || !heap_memory_read(image, address - 16, head, sizeof head))
        return false;
    bytes = head[1] & ~7ull;
    if (head[0] || !(head[1] & 2) || bytes % PAGE || bytes < 16 || bytes - 16 < size || bytes > size + 2 * PAGE)
        return false;
    *end = address - 16 + bytes;
    return true;
}
