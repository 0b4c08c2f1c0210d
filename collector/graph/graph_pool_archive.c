/*
 * collector/graph/graph_pool_archive.c - blocks in a checkpoint: numbered in
 * order of ids, in runs, each field apart.
 *
 * In that order ids and births rise by little. A loaded pool has its blocks in
 * the first places and none that is free, wherever they were before. Run by the
 * folding thread.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_places.h"

enum { AHEAD = 24, TICK_BITS = 2, BLOCK_KEPT = BLOCK_MAP | BLOCK_CLONE | BLOCK_NOTED | BLOCK_PARKED | BLOCK_LOCKS | BLOCK_USED | BLOCK_USABLE };
_Static_assert(EVENT_TICK_NS == 1 << TICK_BITS, "stamps are whole ticks");

/* ---- numbers ------------------------------------------------------------------ */

/* For parts that need not look at all blocks then. */
static void pool_number_count(struct pool *pool, const struct block *b)
{
    pool->unmade += !b->maker;
    pool->parked += (b->flags & BLOCK_PARKED) != 0;
    pool->mapped += (b->flags & (BLOCK_MAP | BLOCK_PARKED)) == BLOCK_MAP;
}

/* Places of all blocks as they come; true: their ids rise. */
static bool places_gather(struct pool *pool, uint64_t *id, uint32_t *place)
{
    uint64_t last = 0;
    size_t n = 0;
    bool rising = true;
    for (uint32_t at = 1; at < pool->next; at++) {
        uint64_t here = pool_at(pool, at)->id;
        if (!here)
            continue;
        pool_number_count(pool, pool_at(pool, at));
        rising &= here > last;
        last = here;
        id[n] = here;
        place[n++] = at;
    }
    return rising;
}

void pool_number(struct pool *pool)
{
    size_t n = pool->live;
    uint64_t *id = xmalloc((2 * n + 1) * sizeof *id);
    uint32_t *place = xmalloc((2 * n + 1) * sizeof *place);
    pool->saved = place;
    place[0] = 0;
    if (!places_gather(pool, id, place + 1))
        places_sort(id, place + 1, id + n, place + 1 + n, n);
    free(id);
}

void pool_number_end(struct pool *pool)
{
    free(pool->saved);
    free(pool->number);
    pool->saved = pool->number = NULL;
    pool->unmade = pool->parked = pool->mapped = 0;
}

/* Made when it is first asked for: few things name blocks. */
static uint32_t number_of(struct pool *pool, uint32_t place)
{
    if (!place)
        return 0;
    if (!pool->number) {
        pool->number = xcalloc(pool->next, sizeof *pool->number);
        for (uint32_t i = 1; i <= pool->live; i++)
            pool->number[pool->saved[i]] = i;
    }
    return pool->number[place];
}

void archive_block(struct archive *a, struct graph *g, uint32_t *place)
{
    uint32_t number = a->reading ? 0 : number_of(&g->pool, *place);
    archive_index(a, &number, (uint64_t)archive_blocks(g) + 1);
    if (a->reading)
        *place = number;
}

void archive_block_column(struct archive *a, struct graph *g, uint32_t *first, size_t stride, size_t n)
{
    uint32_t *numbers;
    if (a->reading) {
        archive_column(a, first, sizeof *first, stride, n);
        archive_column_below(a, first, sizeof *first, stride, n, (uint64_t)archive_blocks(g) + 1);
        return;
    }
    numbers = xmalloc((n + 1) * sizeof *numbers);
    for (size_t i = 0; i < n; i++)
        numbers[i] = number_of(&g->pool, *(const uint32_t *)(const void *)((const char *)first + i * stride));
    archive_column(a, numbers, sizeof *numbers, sizeof *numbers, n);
    free(numbers);
}

void archive_held(struct archive *a, struct graph *g, struct held_block *h)
{
    struct held_block held = *h;
    if (!a->reading && (!h->id || pool_at(&g->pool, h->block)->id != h->id))
        held.block = 0;
    archive_u64(a, &held.id);
    if (held.id)
        archive_block(a, g, &held.block);
    if (!a->reading)
        return;
    archive_need(a, held.id < g->next_block_id, "a thread names a block that never was");
    archive_need(a, !held.block || pool_at(&g->pool, held.block)->id == held.id, "a thread names another block");
    *h = archive_bad(a) ? (struct held_block){ 0 } : held;
}

bool archive_places(struct archive *a, const uint32_t *list, size_t n, uint64_t limit)
{
    uint8_t *seen = archive_bad(a) ? NULL : archive_room(a, limit / 8 + 1, 1);
    for (size_t i = 0; i < n && seen; i++) {
        bool good = list[i] < limit && !(seen[list[i] / 8] & 1u << list[i] % 8);
        if (!archive_need(a, good, "a list of the state has an entry twice, or one that it does not have"))
            break;
        seen[list[i] / 8] |= (uint8_t)(1u << list[i] % 8);
    }
    free(seen);
    return !archive_bad(a);
}

/* ---- rows ------------------------------------------------------------------------ */

enum { RUN = 16384 };   /* a field of so many is long enough to be compressed by itself */

/* Blocks and their notes, as they are written. `sizes`: by site, what the block before had, since most have that again. */
struct row_note { uint64_t since_ns, cloned_from, usable; uint32_t owner; uint8_t owned_by; };
struct run {
    uint64_t id[RUN], address[RUN], size[RUN], born_ns[RUN];
    uint32_t site[RUN], maker[RUN];
    uint8_t family[RUN], flags[RUN], low[RUN];
    struct row_note notes[RUN];
    size_t n, n_notes;
    uint64_t *sizes;
};

/* Whole ticks are small numbers so. */
static uint64_t ticks(uint64_t ns) { return ns >> TICK_BITS | ns << (64 - TICK_BITS); }
static uint64_t unticks(uint64_t ticked) { return ticked << TICK_BITS | ticked >> (64 - TICK_BITS); }
/* Heap blocks begin at multiples of 16. */
static uint64_t lines(uint64_t address) { return address >> 4 | address << 60; }
static uint64_t unlines(uint64_t lined) { return lined << 4 | lined >> 60; }

/* A difference of either sign is a small number so. */
static uint64_t signed_number(uint64_t difference) { return difference << 1 ^ (0 - (difference >> 63)); }
static uint64_t unsigned_number(uint64_t coded) { return coded >> 1 ^ (0 - (coded & 1)); }

static void run_take(const struct graph *g, uint32_t first, struct run *run)
{
    const struct pool *pool = &g->pool;
    run->n_notes = 0;
    for (size_t i = 0; i < run->n; i++) {
        uint32_t number = first + (uint32_t)i, place = pool->saved[number];
        const struct block *b = pool_at(pool, place);
        __builtin_prefetch(pool_at(pool, pool->saved[number + AHEAD <= pool->live ? number + AHEAD : number]));
        run->id[i] = b->id;
        run->address[i] = lines(b->address);
        run->size[i] = signed_number(b->size - run->sizes[b->site]);
        run->sizes[b->site] = b->size;
        run->born_ns[i] = ticks(b->born_ns);
        run->site[i] = b->site;
        run->maker[i] = b->maker;
        run->family[i] = b->family;
        run->flags[i] = b->flags;
        if (!(b->flags & BLOCK_NOTED))
            continue;
        const struct note *note = &pool->notes[dict_get(&pool->note_of, place)];
        run->notes[run->n_notes++] = (struct row_note){ .since_ns = ticks(note->owned_since_ns - b->born_ns), .cloned_from = note->cloned_from,
                                                        .usable = note->usable, .owner = note->owner, .owned_by = note->owned_by };
    }
}

#define RUN_FIELD(a, field, n) archive_column((a), (field), sizeof *(field), sizeof *(field), (n))
#define RUN_INDEX(a, field, n, limit) \
    do { RUN_FIELD(a, field, n); archive_column_below((a), (field), sizeof *(field), sizeof *(field), (n), (limit)); } while (0)

static void run_archive(struct archive *a, const struct graph *g, struct run *run)
{
    size_t n = run->n;
    RUN_INDEX(a, run->site, n, g->n_sites);
    archive_plain(a, run->size, n);
    RUN_FIELD(a, run->family, n);
    RUN_INDEX(a, run->maker, n, g->n_threads);
    RUN_FIELD(a, run->flags, n);
    RUN_FIELD(a, run->id, n);
    archive_noise(a, run->born_ns, run->low, n);
    RUN_FIELD(a, run->address, n);
    if (a->reading) {
        run->n_notes = 0;
        for (size_t i = 0; i < n; i++)
            run->n_notes += (run->flags[i] & BLOCK_NOTED) != 0;
    }
    ARCHIVE_FIELD(a, run->notes, run->n_notes, since_ns);
    ARCHIVE_FIELD(a, run->notes, run->n_notes, cloned_from);
    ARCHIVE_FIELD(a, run->notes, run->n_notes, usable);
    ARCHIVE_INDEX(a, run->notes, run->n_notes, owner, g->n_threads);
    ARCHIVE_INDEX(a, run->notes, run->n_notes, owned_by, OWNED_OUTLIVED + 1);
}

static bool row_sound(const struct graph *g, const struct run *run, size_t i, uint64_t last_id)
{
    uint8_t flags = run->flags[i];
    return run->id[i] > last_id && run->id[i] < g->next_block_id && run->site[i] && !(flags & ~BLOCK_KEPT) &&
           !(flags & BLOCK_USABLE && !(flags & BLOCK_NOTED)) && !(flags & BLOCK_MAP) == !family_maps(run->family[i]);
}

/* Loading: room for one more; a chunk is made when the one before is full. */
static bool place_make(struct archive *a, struct pool *pool)
{
    if (pool->next / POOL_CHUNK < pool->n_chunks)
        return true;
    struct block *chunk = archive_room(a, POOL_CHUNK, sizeof *chunk);
    if (!chunk)
        return false;
    pool->chunks = xgrow(pool->chunks, &pool->chunks_capacity, pool->n_chunks + 1, sizeof *pool->chunks);
    pool->chunks[pool->n_chunks++] = chunk;
    return true;
}

static void run_put(struct archive *a, struct graph *g, const struct run *run, uint64_t *last_id)
{
    const struct row_note *from = run->notes;
    for (size_t i = 0; i < run->n; i++) {
        if (!archive_need(a, row_sound(g, run, i, *last_id), "a block of the state makes no sense") || !place_make(a, &g->pool))
            return;
        uint32_t place = g->pool.next++, site = run->site[i];
        struct block *b = pool_at(&g->pool, place);
        uint64_t size = run->sizes[site] += unsigned_number(run->size[i]);
        *b = (struct block){ .address = unlines(run->address[i]), .size = size, .born_ns = unticks(run->born_ns[i]), .id = run->id[i],
                             .family = run->family[i], .flags = run->flags[i] & ~BLOCK_NOTED & 255, .site = site, .maker = run->maker[i] & 0xffffff };
        *last_id = b->id;
        g->pool.live++;
        pool_number_count(&g->pool, b);
        if (!(run->flags[i] & BLOCK_NOTED))
            continue;
        *pool_note(&g->pool, place) = (struct note){ .owned_since_ns = unticks(from->since_ns) + b->born_ns, .cloned_from = from->cloned_from,
                                                     .usable = from->usable, .owner = from->owner, .owned_by = from->owned_by };
        from++;
    }
}

void pool_archive(struct archive *a, struct graph *g)
{
    size_t n = g->pool.live, done = 0;
    uint64_t last_id = 0;
    archive_count(a, &n, UINT32_MAX - POOL_CHUNK);
    if (a->reading && g->next_block_id > 1) {   /* place 0 is looked at: nobody's */
        place_make(a, &g->pool);
        g->pool.next = 1;
    }
    struct run *run = xmalloc(sizeof *run);
    run->sizes = archive_scratch(a, g->n_sites, sizeof *run->sizes);
    while (done < n && archive_need(a, run->sizes, "blocks of a state without sites")) {
        run->n = n - done < RUN ? n - done : RUN;
        if (!a->reading)
            run_take(g, (uint32_t)done + 1, run);
        run_archive(a, g, run);
        if (a->reading && !archive_bad(a))
            run_put(a, g, run, &last_id);
        done += run->n;
    }
    free(run->sizes);
    free(run);
}
