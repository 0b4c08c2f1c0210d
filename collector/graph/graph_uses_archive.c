/*
 * collector/graph/graph_uses_archive.c - uses of blocks in a checkpoint: see
 * graph_archive.h for the rules, graph_uses.h for what is kept.
 *
 * Uses keep their places, and the order in which free ones come next: past the
 * limit the hand goes round over them. Each says where it stands in its block's
 * list. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_clock_state.h"

/* ---- what is kept by block ------------------------------------------------------------- */

struct users_row { uint32_t block, users; };

/* *ranks: by place of a use; may be NULL. Returns how many blocks have something. */
static size_t users_take(const struct graph *g, struct users_row *rows, uint8_t *ranks)
{
    const struct uses *u = &g->clocks->uses;
    size_t n = 0;
    for (uint32_t number = 1; number <= archive_blocks(g); number++) {
        uint32_t place = archive_block_at(g, number);
        uint8_t rank = 0;
        if (place >= u->capacity || (!u->of[place].newest && !u->of[place].users))
            continue;
        for (uint32_t at = u->of[place].newest; at && ranks; at = u->uses[at].next)
            ranks[at] = rank++;
        if (rows)
            rows[n] = (struct users_row){ number, u->of[place].users };
        n++;
    }
    return n;
}

static void users_give(struct archive *a, struct graph *g, const struct users_row *rows, size_t n)
{
    struct uses *u = &g->clocks->uses;
    u->of = archive_room(a, (size_t)rows[n - 1].block + 1, sizeof *u->of);
    if (!u->of)
        return;
    u->capacity = (size_t)rows[n - 1].block + 1;
    for (size_t i = 0; i < n; i++) {
        bool valid = rows[i].block && rows[i].block < u->capacity && (!i || rows[i - 1].block < rows[i].block) &&
                     pool_at(&g->pool, rows[i].block)->flags & BLOCK_USED;
        if (!archive_need(a, valid, "a block that nobody used has users"))
            return;
        u->of[rows[i].block].users = rows[i].users;
    }
}

static void users_archive(struct archive *a, struct graph *g)
{
    size_t n = a->reading ? 0 : users_take(g, NULL, NULL);
    archive_count(a, &n, archive_blocks(g));
    struct users_row *rows = archive_scratch(a, n, sizeof *rows);
    if (!rows)
        return;
    if (!a->reading)
        users_take(g, rows, NULL);
    ARCHIVE_INDEX(a, rows, n, block, (uint64_t)archive_blocks(g) + 1);
    ARCHIVE_FIELD(a, rows, n, users);
    if (a->reading && !archive_bad(a))
        users_give(a, g, rows, n);
    free(rows);
}

/* ---- uses ------------------------------------------------------------------------------- */

static void use_fields(struct archive *a, struct graph *g, struct past_use *uses, size_t n)
{
    ARCHIVE_INDEX(a, uses, n, thread, g->n_threads);
    ARCHIVE_BLOCK(a, g, uses, n, block);
    ARCHIVE_FIELD(a, uses, n, ns);
    ARCHIVE_FIELD(a, uses, n, offset);
    ARCHIVE_FIELD(a, uses, n, end);
    ARCHIVE_FIELD(a, uses, n, stack);
    ARCHIVE_INDEX(a, uses, n, use, CLOCKS_DROP);
    ARCHIVE_FIELD(a, uses, n, family);
}

/* Loading: those of one rank, the last rank first, so that each comes before the one behind it. */
static void uses_link(struct archive *a, const struct graph *g, const uint8_t *ranks, unsigned rank)
{
    struct uses *u = &g->clocks->uses;
    for (uint32_t at = 1; at < u->next; at++) {
        struct past_use *use = &u->uses[at];
        if (!use->thread || ranks[at] != rank)
            continue;
        bool known = use->block && use->block < u->capacity && pool_at(&g->pool, use->block)->flags & BLOCK_USED;
        uint32_t next = known ? u->of[use->block].newest : 0;
        if (!archive_need(a, known && (!next || ranks[next] == rank + 1), "a use of a block makes no sense"))
            return;
        use->next = next;
        u->of[use->block].newest = at;
    }
}

static void uses_lists(struct archive *a, const struct graph *g, const uint8_t *ranks)
{
    const struct uses *u = &g->clocks->uses;
    for (unsigned rank = USES_A_BLOCK; rank-- && !archive_bad(a);)
        uses_link(a, g, ranks, rank);
    for (size_t i = 0; i < u->capacity && !archive_bad(a); i++)
        archive_need(a, !u->of[i].newest || !ranks[u->of[i].newest], "uses of a block have no first");
}

static void uses_free_archive(struct archive *a, struct uses *u)
{
    size_t n = 0, at = 0;
    for (uint32_t place = 1; place < u->next; place++)
        n += !u->uses[place].thread;
    uint32_t *places = archive_scratch(a, n, sizeof *places);
    if (!places)
        return;
    for (uint32_t place = u->free; place && !a->reading; place = u->uses[place].next)
        places[at++] = place;
    archive_column(a, places, sizeof *places, sizeof *places, n);
    if (a->reading && archive_places(a, places, n, u->next))
        for (at = n; at--;) {
            if (!archive_need(a, places[at] && !u->uses[places[at]].thread, "a use is free and is not"))
                break;
            u->uses[places[at]] = (struct past_use){ .next = u->free };
            u->free = places[at];
        }
    free(places);
}

void uses_archive(struct archive *a, struct graph *g)
{
    struct uses *u = &g->clocks->uses;
    size_t n = u->next ? u->next - 1 : 0;
    users_archive(a, g);
    archive_count(a, &n, USES_MAX - 1);
    uint8_t *ranks = archive_scratch(a, n + 1, 1);
    if (a->reading && n)
        u->uses = archive_room(a, n + 1, sizeof *u->uses);
    if (!archive_bad(a) && n) {
        u->next = (uint32_t)n + 1;
        u->uses_capacity = a->reading ? n + 1 : u->uses_capacity;
        use_fields(a, g, u->uses + 1, n);
        if (!a->reading)
            users_take(g, NULL, ranks);
        archive_column(a, ranks + 1, 1, 1, n);
        archive_column_below(a, ranks + 1, 1, 1, n, USES_A_BLOCK);
        archive_index(a, &u->hand, u->next);
        if (a->reading && !archive_bad(a))
            uses_lists(a, g, ranks);
        uses_free_archive(a, u);
    }
    free(ranks);
}
