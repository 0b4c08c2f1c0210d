/*
 * bench/heap_scan.c - what the scan of a heap costs a word, interior pointers included.
 *
 *   heap_scan BLOCKS [POINTERS-IN-TEN]
 *
 * A made heap: blocks of 16 to 240 bytes as an allocator lays them, in two regions far apart, whose words are
 * pointers to random blocks (one in four inside), small numbers and zeros. Prints a line that begins `heap_scan`:
 * blocks, words, edges, ns of CPU a word, bytes of the finder a block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event/xalloc.h"
#include "heap/heap_find.h"
#include "heap/heap_scan.h"
#include "tests/unit/heap_fake.h"
#include "wire/record.h"

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void lay_out(struct snapshot *s, struct fake_piece pieces[2])
{
    uint64_t at = pieces[0].start + 16;
    for (size_t i = 0; i < s->n_blocks; i++) {
        if (i == s->n_blocks / 2) {
            pieces[0].n = at - pieces[0].start;
            at = pieces[1].start + 16;
        }
        s->address[i] = at;
        s->size[i] = 16 + draw() % 225;
        s->family[i] = WIRE_MALLOC;
        at += (s->size[i] + 8 + 15) / 16 * 16;
    }
    pieces[1].n = at - pieces[1].start;
}

static void fill(const struct snapshot *s, struct fake_piece *p, unsigned in_ten)
{
    p->bytes = xmalloc(p->n);
    for (size_t k = 0; k + 8 <= p->n; k += 8) {
        uint64_t r = draw(), word = r % 10 < in_ten ? s->address[draw() % s->n_blocks] : r & 1 ? 0 : r >> 50;
        if (r % 10 < in_ten && r % 40 < in_ten)
            word += 8 + (r >> 40) % 64;
        memcpy(p->bytes + k, &word, 8);
    }
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    struct snapshot *s = snapshot_new();
    struct fake_piece pieces[2] = {{.start = 0x555555554000}, {.start = 0x7f0000000000}};
    struct heap_image image = {.pieces = pieces, .n = 2};
    struct heap_stop stop = {0};
    struct heap_scan_input in = {.image = &image, .stop = &stop};
    struct heap_code code;
    struct heap_find f;

    s->n_blocks = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    s->address = xmalloc(s->n_blocks * 8);
    s->size = xmalloc(s->n_blocks * 8);
    s->family = xmalloc(s->n_blocks);
    lay_out(s, pieces);
    for (int i = 0; i < 2; i++)
        fill(s, &pieces[i], argc > 2 ? (unsigned)atoi(argv[2]) : 2);
    heap_find_init(&f, s->address, s->size, s->n_blocks);
    double bytes = (double)heap_find_bytes(&f) / (double)s->n_blocks;
    heap_find_done(&f);
    double began = cpu_ns();
    if (heap_scan(s, &in, &code))
        return 1;
    began = cpu_ns() - began;
    printf("heap_scan blocks %zu words %llu edges %zu ns_a_word %.2f finder_bytes_a_block %.2f\n", s->n_blocks,
           (unsigned long long)s->words, s->n_edges, began / (double)s->words, bytes);
    heap_code_free(&code);
    snapshot_free(s);
    free(pieces[0].bytes);
    free(pieces[1].bytes);
    return 0;
}
