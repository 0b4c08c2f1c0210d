/*
 * collector/heap/heap_interior.c - see heap_interior.h.
 */
#include "heap/heap_interior.h"

#include "heap/heap_memory.h"

enum { AHEAD = 24 };

/* One word of a block, all of it inside. */
static bool block_word(struct heap_image *image, uint64_t start, uint64_t size, uint64_t address, uint64_t *word)
{
    return !(address & 7) && size >= 8 && address - start <= size - 8 && heap_memory_read(image, address, word, 8);
}

static bool is_string(struct heap_image *image, uint64_t start, uint64_t size, uint64_t word)
{
    uint64_t head[2];
    return word == start + 24 && size >= 25 && !(start & 7) && heap_memory_read(image, start, head, sizeof head) &&
           head[1] == size - 25 && head[0] <= head[1];
}

/* After a 64-bit length of the rest, or a number of elements: the first is a case of the second. */
static bool is_array(struct heap_image *image, uint64_t start, uint64_t size, uint64_t word)
{
    uint64_t n;
    return word == start + 8 && block_word(image, start, size, start, &n) && n && (size - 8) % n == 0;
}

static bool is_base(struct heap_image *image, struct heap_types *types, uint64_t start, uint64_t size, uint64_t word)
{
    uint64_t inner, first;
    return block_word(image, start, size, word, &inner) && heap_types_near(types, inner) &&
           block_word(image, start, size, start, &first) && heap_types_near(types, first) &&
           heap_types_table(types, inner) && heap_types_table(types, first);
}

void heap_interior(struct snapshot *s, struct heap_image *image, struct heap_types *types, const struct heap_inners *inners)
{
    for (size_t i = 0; i < inners->n; i++) {
        if (i + AHEAD < inners->n) {
            uint32_t next = s->to[inners->at[i + AHEAD].edge] & EDGE_TARGET;
            __builtin_prefetch(&s->address[next]);
            __builtin_prefetch(&s->size[next]);
            __builtin_prefetch(&s->type[next]);
        }
        uint64_t word = inners->at[i].word;
        uint32_t *edge = &s->to[inners->at[i].edge], to = *edge & EDGE_TARGET;
        uint64_t start = s->address[to], size = s->size[to];
        /* A block that was not noted does not begin with an address in a module. */
        bool noted = s->type[to] || types->full;
        if (is_string(image, start, size, word) || is_array(image, start, size, word) ||
            (noted && is_base(image, types, start, size, word)))
            *edge |= EDGE_GOOD;
    }
}
