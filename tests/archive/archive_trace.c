/*
 * tests/archive/archive_trace.c - saves and loads the fold of a real trace at
 * random events, and holds what was loaded against what folded from the start.
 *
 *   archive_trace TRACE [LOADS [SEED]]
 *
 * At each of LOADS events the graph is saved and loaded; the copy folds on beside
 * the other up to the next one, tells the same facts, and saves to the same
 * bytes there. Prints what the largest save cost. Exit 0, 1: they differ, 99: no
 * trace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "event/archive.h"
#include "event/xalloc.h"
#include "graph/graph.h"
#include "trace/trace.h"

struct side { struct graph *g; uint64_t facts, hash; };

static struct { uint64_t blocks, raw, packed; double save_ms, load_ms; } largest;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void mix(uint64_t *hash, uint64_t v)
{
    *hash = (*hash ^ v) * 0x9e3779b97f4a7c15u;
    *hash ^= *hash >> 29;
}

static void observe(void *context, const struct fact *f)
{
    struct side *s = context;
    const uint64_t words[] = { f->ns, f->block, f->address, f->size, f->old_address, f->old_size, f->thread, f->process, f->from_thread,
                               f->to_thread, f->stack, f->type, f->family, f->event, f->cloned_from, f->lock, f->wait_ns, f->offset,
                               f->is_mutable, f->shared, f->lock_family, f->text_bytes };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        mix(&s->hash, words[i]);
    for (const char *c = f->by; c && *c; c++)
        mix(&s->hash, (uint8_t)*c);
    s->facts++;
}

static void save(struct graph *g, struct archive *a)
{
    archive_write_begin(a);
    graph_save(g, a);
    archive_write_end(a);
}

static uint64_t packed_bytes(const struct archive *a)
{
    uint64_t packed = 0;
    size_t room = ZSTD_compressBound(ARCHIVE_PART_BYTES);
    void *to = xmalloc(room);
    for (size_t i = 0; i < a->n_parts; i++)
        packed += ZSTD_compress(to, room, a->parts[i].data, a->parts[i].bytes, 3);
    free(to);
    return packed;
}

static bool same(const struct archive *a, const struct archive *b)
{
    bool equal = a->n_parts == b->n_parts;
    for (size_t i = 0; equal && i < a->n_parts; i++)
        equal = a->parts[i].bytes == b->parts[i].bytes && !memcmp(a->parts[i].data, b->parts[i].data, a->parts[i].bytes);
    return equal;
}

static void fail(struct graph *g, const char *why)
{
    printf("after %lu events: %s\n", (unsigned long)graph_events(g), why);
    exit(1);
}

/* Both save to the same bytes; those of `a` are kept in *saved. */
static void hold(struct graph *a, struct graph *b, struct archive *saved, const char *why)
{
    struct archive other;
    save(a, saved);
    save(b, &other);
    if (!same(saved, &other))
        fail(a, why);
    archive_free(&other);
}

static struct graph *load(struct graph *g, const struct code *code)
{
    struct archive a, in, again;
    struct archive_replay replay;
    double began = now_ms(), saved, loaded;
    save(g, &a);
    saved = now_ms();
    archive_read_again(&in, &replay, &a);
    struct graph *copy = graph_load(code, &in);
    loaded = now_ms();
    if (!copy)
        fail(g, in.flaw);
    save(copy, &again);
    if (!same(&a, &again))
        fail(g, "what was just loaded saves to other bytes");
    if (archive_bytes_written(&a) > largest.raw) {
        largest.blocks = graph_rows(g);
        largest.raw = archive_bytes_written(&a);
        largest.packed = packed_bytes(&a);
        largest.save_ms = saved - began;
        largest.load_ms = loaded - saved;
    }
    archive_free(&again);
    archive_free(&in);
    archive_free(&a);
    return copy;
}

static void compare(struct side *start, struct side *copy)
{
    struct archive saved;
    if (start->facts != copy->facts || start->hash != copy->hash)
        fail(start->g, "a copy that was saved and loaded told other facts");
    hold(start->g, copy->g, &saved, "a copy that was saved and loaded came to another state");
    archive_free(&saved);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void copy_begin(struct side *start, struct side *copy, const struct code *code)
{
    graph_free(copy->g);
    *copy = (struct side){ .g = load(start->g, code) };
    graph_observe(copy->g, observe, copy);
    start->facts = start->hash = 0;
}

int main(int argc, char **argv)
{
    struct trace *t;
    struct event e;
    struct side start = { 0 }, copy = { 0 };
    size_t loads = argc > 2 ? strtoul(argv[2], NULL, 10) : 20, next = 0;
    int got;
    if (argc < 2 || trace_open(&t, argv[1])) {
        fprintf(stderr, "archive_trace: %s\n", argc < 2 ? "no trace" : trace_error_text(NULL));
        return 99;
    }
    srand48(argc > 3 ? strtol(argv[3], NULL, 10) : 1);
    uint64_t *at = xcalloc(loads + 1, sizeof *at);
    for (size_t i = 0; i < loads; i++)
        at[i] = (uint64_t)(drand48() * (double)trace_events(t));
    qsort(at, loads, sizeof *at, compare_numbers);
    start.g = graph_new(trace_code(t));
    if (!trace_has_locks(t))
        graph_without_locks(start.g);
    graph_observe(start.g, observe, &start);
    while ((got = trace_next(t, &e)) > 0) {
        graph_fold(start.g, &e);
        if (copy.g)
            graph_fold(copy.g, &e);
        for (; next < loads && at[next] <= graph_events(start.g); next++) {
            if (copy.g)
                compare(&start, &copy);
            copy_begin(&start, &copy, trace_code(t));
        }
    }
    graph_settle(start.g, UINT64_MAX);
    if (copy.g) {
        graph_settle(copy.g, UINT64_MAX);
        compare(&start, &copy);
    }
    printf("%lu events, %zu loads: the largest of %lu rows, %lu bytes, %lu packed, saved in %.1f and loaded in %.1f ms of the processor\n",
           (unsigned long)graph_events(start.g), loads, (unsigned long)largest.blocks, (unsigned long)largest.raw,
           (unsigned long)largest.packed, largest.save_ms, largest.load_ms);
    graph_free(copy.g);
    graph_free(start.g);
    free(at);
    trace_close(t);
    return got < 0 ? 99 : 0;
}
