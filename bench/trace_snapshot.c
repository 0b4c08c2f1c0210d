/*
 * bench/trace_snapshot.c - what a heap snapshot takes in a trace file, and how
 * long it is packed, handed to the writer and read back.
 *
 *   trace_snapshot FILE [NUMBER]   the snapshots of a trace, or one of them
 *   trace_snapshot BLOCKS          a made heap: churned, blocks of 64 places, 2.5 pointers a block, one in four
 *                                  to anywhere: nearly the worst there is
 *
 * One line a snapshot: blocks, edges, bytes a block and an edge, ns of CPU a block
 to pack, hand over and read; the largest resident size in MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "trace/trace.h"
#include "trace/trace_snapshot_pack.h"
#include "wire/record.h"

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes of blocks (and births) and of edges in packed chunks. */
static void packed_bytes(const struct trace_packed *p, size_t *blocks, size_t *edges)
{
    *blocks = *edges = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct trace_frame frame;
        memcpy(&frame, p->chunks[i].data, sizeof frame);
        *(frame.flags <= SECTION_BIRTHS ? blocks : edges) += p->chunks[i].bytes;
    }
}

static void measure(const struct snapshot *s, const struct code *code)
{
    char path[64];
    struct trace_meta meta = { 0 };
    struct trace_writer *w;
    struct trace *t;
    struct snapshot *again;
    struct rusage usage;
    size_t blocks, edges;
    double began = cpu_s(), n = (double)s->n_blocks;
    struct trace_packed *packed = trace_snapshot_pack(s);
    double packed_s = cpu_s() - began;
    packed_bytes(packed, &blocks, &edges);
    snprintf(path, sizeof path, "/tmp/trace_snapshot.%d.own", (int)getpid());
    if (trace_write_open(&w, path, &meta))
        exit(1);
    began = cpu_s();
    if (trace_write_packed(w, code, s, packed))
        exit(1);
    double written_s = cpu_s() - began;
    if (trace_write_close(w, code, 1) || trace_open(&t, path))
        exit(1);
    began = cpu_s();
    if (trace_snapshot_read(t, 0, &again))
        exit(1);
    double read_s = cpu_s() - began;
    getrusage(RUSAGE_SELF, &usage);
    printf("trace_snapshot blocks=%zu edges=%zu bytes_a_block=%.2f bytes_an_edge=%.2f pack_ns=%.0f write_ns=%.1f read_ns=%.0f rss_mib=%ld\n",
           s->n_blocks, s->n_edges, (double)blocks / n, s->n_edges ? (double)edges / (double)s->n_edges : 0, packed_s * 1e9 / n,
           written_s * 1e9 / n, read_s * 1e9 / n, usage.ru_maxrss / 1024);
    snapshot_free(again);
    trace_close(t);
    unlink(path);
}

static void of_file(const char *path, uint32_t number)
{
    struct trace *t;
    const struct trace_snapshot *list;
    if (trace_open(&t, path)) {
        fprintf(stderr, "%s: %s\n", path, trace_error_text(NULL));
        exit(1);
    }
    size_t n = trace_snapshots(t, &list);
    for (size_t i = 0; i < n; i++) {
        struct snapshot *s;
        if ((number && list[i].number != number) || trace_snapshot_read(t, i, &s))
            continue;
        if (s->n_blocks)
            measure(s, trace_code(t));
        snapshot_free(s);
    }
    trace_close(t);
}

static struct code *make_code(void)
{
    struct code *code = code_new();
    for (uint32_t i = 0; i < 64; i++)
        code_stack_id(code, i / 2, code_frame_id(code, 0, i * 16, 0));
    return code;
}

static void make_blocks(struct snapshot *s, size_t n)
{
    uint64_t at = 0x555555560010;
    s->n_blocks = n;
    s->address = xmalloc(n * 8), s->size = xmalloc(n * 8), s->id = xmalloc(n * 8), s->born_ns = xmalloc(n * 8);
    s->stack = xmalloc(n * 4), s->thread = xmalloc(n * 4), s->owner = xmalloc(n * 4), s->family = xmalloc(n);
    for (size_t i = 0; i < n; i++) {
        s->address[i] = at;
        s->stack[i] = 1 + (uint32_t)(draw() % 64);
        s->size[i] = 16 + s->stack[i] * 8;
        s->id[i] = 1 + draw() % (n * 4);
        s->born_ns[i] = s->id[i] * 200 + draw() % 50 * 4;
        s->family[i] = WIRE_MALLOC;
        s->thread[i] = s->owner[i] = 1;
        at += ((s->size[i] + 23) & ~15ull) * (draw() % 8 ? 1 : 2);
    }
}

static void make_edges(struct snapshot *s, size_t n)
{
    size_t e = 0;
    s->first = xmalloc((n + 1) * 8), s->to = xmalloc(n * 5 * 4), s->at = xmalloc(n * 5 * 4);
    for (size_t i = 0; i < n; i++) {
        s->first[i] = e;
        for (uint32_t k = 0; k < s->stack[i] % 6; k++, e++) {
            s->at[e] = k;
            s->to[e] = (uint32_t)((draw() % 4 ? i + draw() % 64 : draw()) % n);
        }
    }
    s->first[n] = s->n_edges = e;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    if (argc > 1 && (!n || access(argv[1], F_OK) == 0)) {
        of_file(argv[1], argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0);
        return 0;
    }
    struct snapshot *s = snapshot_new();
    struct code *code = make_code();
    make_blocks(s, n);
    make_edges(s, n);
    measure(s, code);
    snapshot_free(s);
    code_free(code);
    return 0;
}
