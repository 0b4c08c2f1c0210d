/*
 * collector/heap/heap_find.h - which block a word points into.
 *
 * A bit for every place a block can begin at (all addresses' common alignment),
 * kept only for chunks of address space where one does, with the number of
 * blocks before each line of 256 bits: counting bits gives the block's number
 * at once, and the last bit its address, so a look-up touches one line of bits, its
 * count, and the block's size. Asked for many words at once, all are fetched
 * ahead. Some 1.5 bytes a block of 128. Addresses that span too much for the table of chunks are
 * searched by halves instead.
 *
 * Reads the snapshot's arrays, which must stay. Immutable: any thread.
 */
#ifndef OWNSCOPE_HEAP_FIND_H
#define OWNSCOPE_HEAP_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAP_FIND_LINE = 256, HEAP_FIND_CHUNK_LINES = 512, HEAP_FIND_CHUNK_LOG = 17 /* bits a chunk */ };
#define HEAP_FIND_NONE UINT32_MAX
#define HEAP_FIND_INSIDE (1u << 31)

struct heap_find_before { uint32_t blocks; uint8_t words[HEAP_FIND_LINE / 64]; };

struct heap_find {
    const uint64_t *address, *size;
    size_t n;
    uint64_t low, span;         /* a word in no block is often outside [low, low + span] */
    uint64_t base;              /* of chunk 0 */
    unsigned shift;             /* log2 of the alignment */
    uint32_t *chunks;           /* of each: its lines; or, where none begins, blocks before it if one reaches into it; NULL: by halves */
    size_t n_chunks;
    struct heap_find_before *before; /* HEAP_FIND_CHUNK_LINES a chunk: blocks before each line, and before each word in it */
    uint64_t (*bits)[HEAP_FIND_LINE / 64];
    size_t n_lines;
    uint32_t *outer;            /* of each block: number + 1 of the one it lies in; NULL: none does */
};

/* Blocks by rising address; n below 2^31. */
void heap_find_init(struct heap_find *f, const uint64_t *address, const uint64_t *size, size_t n);
void heap_find_done(struct heap_find *f);
uint64_t heap_find_bytes(const struct heap_find *f);

/* Worth asking: most words that are no pointers end here. */
static inline bool heap_find_near(const struct heap_find *f, uint64_t word) { return word - f->low <= f->span; }

/* The innermost block that holds the address (or has size 0 and lies at it), or HEAP_FIND_NONE. */
uint32_t heap_find(const struct heap_find *f, uint64_t word);

/* The same of many words, all of them near: each step fetches for all what the
 * next one reads. HEAP_FIND_INSIDE beside: not at the block's first byte. */
void heap_find_many(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n);

#endif
