/*
 * bench/heap_tree.c - what leak classes, dominators and retained sizes of a large
 * heap cost: time, and the most memory that was needed (the snapshot included).
 *
 *   heap_tree [MILLIONS OF BLOCKS [EDGES A BLOCK]]
 *
 * The heap is shaped as programs' are: objects made one after another point to
 * each other, mostly to what was made shortly before or after, some to anything;
 * a few tables hold very many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "event/event.h"
#include "event/snapshot.h"
#include "event/xalloc.h"
#include "heap/heap_tree.h"

static uint64_t seed = 88172645463325252u;
static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double now_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void) { return now_of(CLOCK_MONOTONIC); }

static struct snapshot *blocks_make(size_t n)
{
    struct snapshot *s = snapshot_new();
    s->n_blocks = n;
    s->n_roots = 16;
    s->roots = xcalloc(s->n_roots, sizeof *s->roots);
    s->address = xmalloc(n * 8);
    s->size = xmalloc(n * 8);
    s->id = xmalloc(n * 8);
    s->born_ns = xmalloc(n * 8);
    s->stack = xmalloc(n * 4);
    s->thread = xmalloc(n * 4);
    s->owner = xmalloc(n * 4);
    s->type = xmalloc(n * 4);
    s->family = xmalloc(n);
    for (size_t i = 0; i < n; i++) {
        s->address[i] = 0x1000000 + i * 64;
        s->size[i] = 16 + any() % 200;
        s->id[i] = s->born_ns[i] = i + 1;
        s->stack[i] = s->thread[i] = s->owner[i] = 1;
        s->type[i] = 0;
        s->family[i] = WIRE_MALLOC;
    }
    for (size_t i = 0; i < s->n_roots; i++)
        s->roots[i].kind = ROOT_DATA;
    return s;
}

/* How many pointers a node holds. */
static uint64_t pointers(size_t node, size_t n, double each)
{
    if (node >= n)
        return 50;
    if (node % 100000 == 7)
        return 20000;
    return (uint64_t)(each * 2 * (double)(any() % 1000) / 1000);
}

static uint32_t target(size_t node, size_t n)
{
    uint64_t way = any() % 16;
    size_t to = way < 12 ? node + any() % 64 : way < 14 && node > 1000 ? node - any() % 1000 : any() % n;
    uint32_t flags = any() % 20 ? 0 : EDGE_INTERIOR;
    return (uint32_t)(to < n ? to : any() % n) | flags;
}

static void edges_make(struct snapshot *s, double each)
{
    size_t n = s->n_blocks, nodes = snapshot_nodes(s), capacity = 0, other = 0;
    s->first = xmalloc((nodes + 1) * 8);
    for (size_t node = 0; node < nodes; node++) {
        s->first[node] = s->n_edges;
        uint64_t count = pointers(node, n, each);
        s->to = xgrow(s->to, &capacity, s->n_edges + count, 4);
        s->at = xgrow(s->at, &other, s->n_edges + count, 4);
        for (uint64_t i = 0; i < count; i++) {
            s->at[s->n_edges] = (uint32_t)i;
            s->to[s->n_edges++] = target(node, n);
        }
    }
    s->first[nodes] = s->n_edges;
    s->to = xrealloc(s->to, s->n_edges * 4);
    s->at = xrealloc(s->at, s->n_edges * 4);
}

static double peak_gib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / (1 << 20);
}

static void tell(void *context, const char *step, uint64_t done, uint64_t total)
{
    static const char *last;
    static double began;
    if (last && strcmp(last, step) != 0)
        printf("  %-12s %6.2f s\n", last, now() - began);
    if (!last || strcmp(last, step) != 0) {
        last = step;
        began = now();
    }
}

int main(int argc, char **argv)
{
    size_t n = (size_t)((argc > 1 ? atof(argv[1]) : 1) * 1e6);
    struct snapshot *s = blocks_make(n);
    edges_make(s, argc > 2 ? atof(argv[2]) : 2.85);
    printf("%zu blocks, %zu edges: snapshot %.2f GiB\n", s->n_blocks, s->n_edges, peak_gib());
    double began = now(), cpu_began = now_of(CLOCK_PROCESS_CPUTIME_ID);
    struct heap_reach *r = heap_reach_new(s);
    double reached = now();
    printf("  %-12s %6.2f s   reachable %lu possible %lu indirect %lu definite %lu\n", "classes", reached - began,
           r->totals[0].blocks, r->totals[1].blocks, r->totals[2].blocks, r->totals[3].blocks);
    struct heap_tree *t = heap_tree_new(s, r, NULL, 0, tell, NULL);
    tell(NULL, "end", 0, 0);
    double ended = now();
    printf("classes %.2f s, tree %.2f s, all %.2f s, peak %.2f GiB, CPU %.2f s\n", reached - began, ended - reached, ended - began,
           peak_gib(), now_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_began);
    heap_tree_free(t);
    heap_reach_free(r);
    snapshot_free(s);
    return 0;
}
