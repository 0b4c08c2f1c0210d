/*
 * collector/heap/heap_find.c - see heap_find.h.
 *
 * Invariants: before[line].blocks == blocks that begin below the line's first
 * address, .words[w] == bits of the line's words below w; so the last block that
 * begins at or before a place is number .blocks + .words[w] + (bits of word w up to
 * the place's) - 1.
 */
#include "heap/heap_find.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "event/xalloc.h"

enum { SOME = 64, CHUNK_LINED = 1u << 31, CHUNKS_MAX = 1 << 27, REACHED_MAX = 1 << 24, OUTER_CLIMB_MAX = 64 };

#define ALWAYS static inline __attribute__((always_inline))

/* `quick`: the processor counts bits itself. */
ALWAYS uint32_t count_bits(uint64_t v, bool quick)
{
    if (quick)
        return (uint32_t)__builtin_popcountll(v);
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    return (uint32_t)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

/* Number of blocks that begin at or before the word. */
static uint32_t upto_by_halves(const struct heap_find *f, uint64_t word)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (f->address[mid] <= word)
            low = mid + 1;
        else
            high = mid;
    }
    return (uint32_t)low;
}

/* Where the word's line stands; false: its chunk has none, and *before is the answer. */
ALWAYS bool line_of(const struct heap_find *f, uint64_t word, size_t *line, uint32_t *before)
{
    uint64_t place = (word - f->base) >> f->shift;
    uint32_t c = f->chunks[place >> HEAP_FIND_CHUNK_LOG];
    *before = c;    /* 0 too where nothing reaches */
    *line = (size_t)(c & ~CHUNK_LINED) * HEAP_FIND_CHUNK_LINES + (place / HEAP_FIND_LINE & (HEAP_FIND_CHUNK_LINES - 1));
    return c & CHUNK_LINED;
}

/* Blocks that begin at or before the word, and where the last of them begins, where one word of bits tells: else 0. */
ALWAYS uint32_t upto(const struct heap_find *f, uint64_t word, uint64_t *start, bool quick)
{
    size_t line;
    uint32_t n;
    *start = 0;
    if (!line_of(f, word, &line, &n))
        return n;
    uint64_t place = (word - f->base) >> f->shift;
    unsigned at = (unsigned)place / 64 % (HEAP_FIND_LINE / 64);
    uint64_t mine = f->bits[line][at] << (63 - place % 64);
    *start = mine ? f->base + ((place - (uint64_t)__builtin_clzll(mine | 1)) << f->shift) : 0;
    return f->before[line].blocks + f->before[line].words[at] + count_bits(mine, quick);
}

static inline bool holds(const struct heap_find *f, uint32_t i, uint64_t word)
{
    uint64_t into = word - f->address[i];
    return into < f->size[i] || !into;
}

/* Of the last block that begins at or before the word, the innermost that holds it. */
static inline uint32_t settle(const struct heap_find *f, uint32_t n, uint64_t word)
{
    if (!n)
        return HEAP_FIND_NONE;
    if (holds(f, n - 1, word))
        return n - 1;
    for (int climb = 0; f->outer && n && climb < OUTER_CLIMB_MAX; climb++)
        if ((n = f->outer[n - 1]) && holds(f, n - 1, word))
            return n - 1;
    return HEAP_FIND_NONE;
}

uint32_t heap_find(const struct heap_find *f, uint64_t word)
{
    if (!f->n || !heap_find_near(f, word))
        return HEAP_FIND_NONE;
    uint64_t start;
    return settle(f, f->chunks ? upto(f, word, &start, false) : upto_by_halves(f, word), word);
}

static inline uint32_t flagged(const struct heap_find *f, uint32_t block, uint64_t word)
{
    return block != HEAP_FIND_NONE && f->address[block] != word ? block | HEAP_FIND_INSIDE : block;
}

/* At most SOME words, so that what is fetched is still there when it is read. */
ALWAYS void find_some(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n, bool quick)
{
    uint64_t starts[SOME];
    uint32_t inside[SOME + 1], before, k = 0; /* words that are no start of which is known: what is left to look at */
    size_t line;
    for (size_t i = 0; i < n; i++)
        if (line_of(f, words[i], &line, &before)) {
            __builtin_prefetch(&f->before[line]);
            __builtin_prefetch(f->bits[line]);
        }
    for (size_t i = 0; i < n; i++) {
        uint32_t last = upto(f, words[i], &starts[i], quick) - 1; /* HEAP_FIND_NONE: 0 - 1 */
        blocks[i] = last;
        inside[k] = (uint32_t)i;
        k += starts[i] != words[i];
        __builtin_prefetch(&f->size[last]);
    }
    for (uint32_t j = 0; j < k; j++) {
        uint32_t i = inside[j];
        if (starts[i] && words[i] - starts[i] < f->size[blocks[i]])
            blocks[i] |= HEAP_FIND_INSIDE;
        else
            blocks[i] = flagged(f, settle(f, blocks[i] + 1, words[i]), words[i]);
    }
}

static void find_some_plainly(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n)
{
    find_some(f, words, blocks, n, false);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void find_some_quickly(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n)
{
    find_some(f, words, blocks, n, true);
}
static bool quick(void) { return __builtin_cpu_supports("popcnt"); }
#else
static void find_some_quickly(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n)
{
    find_some(f, words, blocks, n, true);
}
static bool quick(void) { return true; }
#endif

void heap_find_many(const struct heap_find *f, const uint64_t *words, uint32_t *blocks, size_t n)
{
    bool q = quick();
    for (size_t i = 0, some; i < n; i += some) {
        some = f->chunks ? n - i < SOME ? n - i : SOME : 1;
        if (!f->chunks)
            blocks[i] = flagged(f, heap_find(f, words[i]), words[i]);
        else if (q)
            find_some_quickly(f, words + i, blocks + i, some);
        else
            find_some_plainly(f, words + i, blocks + i, some);
    }
}

/* Which blocks lie in others: mapped memory that an allocator hands out in parts. */
static void outer_fill(struct heap_find *f)
{
    uint32_t *open = NULL;      /* nested blocks that have not ended, the innermost last */
    size_t depth = 0, room = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (i && f->address[i] < end && !f->outer)
            f->outer = xcalloc(f->n, sizeof *f->outer);
        if (f->address[i] + f->size[i] > end)
            end = f->address[i] + f->size[i];
    }
    for (size_t i = 0; f->outer && i < f->n; i++) {
        while (depth && f->address[open[depth - 1]] + f->size[open[depth - 1]] <= f->address[i])
            depth--;
        f->outer[i] = depth ? open[depth - 1] + 1 : 0;
        open = xgrow(open, &room, depth + 1, sizeof *open);
        open[depth++] = (uint32_t)i;
    }
    free(open);
}

/* Chunks that hold a beginning, and chunks that only what began before reaches into. */
static void chunks_count(const struct heap_find *f, size_t *lined, uint64_t *reached)
{
    uint64_t at = UINT64_MAX, reach = 0;
    *lined = 0;
    *reached = 0;
    for (size_t i = 0; i < f->n; i++) {
        uint64_t c = (f->address[i] - f->base) >> (HEAP_FIND_CHUNK_LOG + f->shift);
        uint64_t end = (f->address[i] + f->size[i] - f->base) >> (HEAP_FIND_CHUNK_LOG + f->shift);
        if (c != at)
            ++*lined;
        at = c;
        if (end > reach)
            *reached += end - (reach > c ? reach : c);
        reach = end > reach ? end : reach;
    }
}

/* The lines of chunk c, which begins with block i; returns the first block behind it. */
static size_t chunk_fill(struct heap_find *f, size_t c, size_t lined, size_t i)
{
    f->chunks[c] = (uint32_t)lined | CHUNK_LINED;
    for (size_t l = 0; l < HEAP_FIND_CHUNK_LINES; l++) {
        size_t line = lined * HEAP_FIND_CHUNK_LINES + l;
        uint64_t from = f->base + ((((uint64_t)c << HEAP_FIND_CHUNK_LOG) + l * HEAP_FIND_LINE) << f->shift);
        f->before[line] = (struct heap_find_before){.blocks = (uint32_t)i};
        for (; i < f->n && (f->address[i] - from) >> f->shift < HEAP_FIND_LINE; i++) {
            unsigned bit = (unsigned)((f->address[i] - from) >> f->shift);
            f->bits[line][bit / 64] |= 1ull << bit % 64;
            for (unsigned w = bit / 64 + 1; w < HEAP_FIND_LINE / 64; w++)
                f->before[line].words[w]++;
        }
    }
    return i;
}

static void lines_fill(struct heap_find *f, size_t lined)
{
    unsigned log = HEAP_FIND_CHUNK_LOG + f->shift;
    uint64_t reach = f->low;
    size_t next = 0;    /* chunk behind the last one filled */
    f->n_lines = lined * HEAP_FIND_CHUNK_LINES;
    f->before = xmalloc(f->n_lines * sizeof *f->before);
    f->bits = xcalloc(f->n_lines, sizeof *f->bits);
    lined = 0;
    for (size_t i = 0, first; i < f->n;) {
        size_t c = (size_t)((f->address[i] - f->base) >> log);
        for (; next < c && f->base + ((uint64_t)next << log) < reach; next++)
            f->chunks[next] = (uint32_t)i;
        first = i;
        i = chunk_fill(f, c, lined++, i);
        for (; first < i; first++)
            if (f->address[first] + f->size[first] > reach)
                reach = f->address[first] + f->size[first];
        next = c + 1;
    }
    for (; next < f->n_chunks && f->base + ((uint64_t)next << log) < reach; next++)
        f->chunks[next] = (uint32_t)f->n;
}

void heap_find_init(struct heap_find *f, const uint64_t *address, const uint64_t *size, size_t n)
{
    uint64_t low_bits = 1 << 6, end = 0;
    *f = (struct heap_find){.address = address, .size = size, .n = n};
    if (!n)
        return;
    for (size_t i = 0; i < n; i++) {
        low_bits |= address[i];
        if (address[i] + size[i] > end)
            end = address[i] + size[i];
    }
    if (end < address[n - 1] + 1)
        end = address[n - 1] + 1;
    f->low = address[0];
    f->span = end - 1 - f->low;
    f->shift = (unsigned)__builtin_ctzll(low_bits);
    f->base = f->low >> (HEAP_FIND_CHUNK_LOG + f->shift) << (HEAP_FIND_CHUNK_LOG + f->shift);
    outer_fill(f);
    uint64_t chunks = ((end - 1 - f->base) >> (HEAP_FIND_CHUNK_LOG + f->shift)) + 1, reached;
    size_t lined;
    if (chunks > CHUNKS_MAX)
        return;
    chunks_count(f, &lined, &reached);
    if (reached > REACHED_MAX || lined >= CHUNK_LINED)
        return;
    /* Most of it lies between heaps far apart, and stays untouched: the kernel's zero page. */
    f->n_chunks = (size_t)chunks;
    f->chunks = mmap(NULL, f->n_chunks * sizeof *f->chunks, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->chunks == MAP_FAILED) {
        f->chunks = NULL;
        return;
    }
    lines_fill(f, lined);
}

void heap_find_done(struct heap_find *f)
{
    if (f->chunks)
        munmap(f->chunks, f->n_chunks * sizeof *f->chunks);
    free(f->before);
    free(f->bits);
    free(f->outer);
    *f = (struct heap_find){0};
}

uint64_t heap_find_bytes(const struct heap_find *f)
{
    return f->n_lines * (sizeof *f->before + sizeof *f->bits) + (f->outer ? f->n * sizeof *f->outer : 0);
}
