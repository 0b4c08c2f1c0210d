/*
 * collector/graph/graph_batch.c - folds events in a row.
 *
 * In a large graph most of a fold's time is waiting for memory: the table's
 * bucket, then the block that it names, and the bit of its start. So all are prefetched for a whole batch
 * before it is folded. That reads the graph and changes nothing: what it
 * guesses wrong (a thread of another process, an address that the batch itself
 * makes) costs time alone. Sites are few and repeat: fetching them did not pay.
 * Run by the folding thread.
 */
#include "graph/graph.h"
#include "graph/graph_state.h"

enum {
    BATCH = 64,
    FAR_BLOCKS = 8192       /* fewer stay in the cache with their table */
};

/* What a batch's events look for: hashes of addresses, then places of blocks. */
struct wanted {
    uint32_t of[BATCH];
};

static inline void fetch_line(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile(""); /* or gcc takes its callers for functions without effect */
}

static inline bool wants_heap(const struct process *p, const struct event *e)
{
    return e->type <= EVENT_REALLOC_END && e->process == p->serial;
}

static void fetch_buckets(const struct table *t, const struct event *e, size_t n, struct wanted *w)
{
    for (size_t i = 0; i < n; i++) {
        w->of[i] = table_hash(e[i].address);
        fetch_line(&t->buckets[table_home(t, w->of[i])]);
    }
}

/* As far as the home bucket tells, else some place: a branch that cannot be
 * foreseen costs more than a wrong hint. */
static inline uint32_t place_near(const struct table *t, uint32_t hash)
{
    const struct bucket *b = &t->buckets[table_home(t, hash)];
    return b->place[__builtin_ctz(bucket_match(b->hash, hash) | 1u << (BUCKET_SLOTS - 1))];
}

static void fetch_blocks(const struct graph *g, const struct table *t, const struct event *e, size_t n, struct wanted *w)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t place = place_near(t, w->of[i]);
        const char *b = (const char *)pool_at(&g->pool, e[i].type == EVENT_NEW ? 0 : place);
        fetch_line(b);
        fetch_line(b + sizeof(struct block) - 1); /* it may lie on two */
    }
}

static void fetch_starts(const struct starts *s, const struct event *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        starts_fetch(s, e[i].address);
}

static void fetch(const struct graph *g, const struct event *e, size_t n)
{
    const struct process *p = g->last_process;
    const struct table *t = &p->heap;
    struct wanted w;
    if (t->used < FAR_BLOCKS || !g->pool.n_chunks || !wants_heap(p, &e[0]) || !wants_heap(p, &e[n - 1]))
        return;
    fetch_buckets(t, e, n, &w);
    fetch_blocks(g, t, e, n, &w);
    if (p->starts)
        fetch_starts(p->starts, e, n);
}

void graph_fold_batch(struct graph *g, const struct event *events, size_t count)
{
    while (count) {
        size_t n = count < BATCH ? count : BATCH;
        fetch(g, events, n);
        for (size_t i = 0; i < n; i++)
            graph_fold(g, &events[i]);
        events += n;
        count -= n;
    }
}
