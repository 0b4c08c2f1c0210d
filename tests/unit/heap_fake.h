/*
 * tests/unit/heap_fake.h - an image that a test makes of its own arrays, behind
 * heap_image.h: one program of tests has either this or the real one.
 */
#ifndef HEAP_FAKE_H
#define HEAP_FAKE_H

#include <stdlib.h>
#include <string.h>

#include "heap/heap_image.h"

/* Pieces by rising address, apart. */
struct fake_piece { uint64_t start; uint8_t *bytes; size_t n; };

struct heap_image {
    struct heap_maps maps;
    struct fake_piece *pieces;
    size_t n;
    bool moves;             /* as a forked image: what was given is gone with the next call */
    uint8_t *window;
};

const struct heap_maps *heap_image_maps(const struct heap_image *i) { return &i->maps; }
uint64_t heap_image_bytes(const struct heap_image *i) { return 0; }

const uint8_t *heap_image_at(struct heap_image *i, uint64_t address, size_t *n)
{
    for (size_t k = 0; k < i->n; k++) {
        struct fake_piece *p = &i->pieces[k];
        if (address < p->start) {
            if (*n > p->start - address)
                *n = p->start - address;
            return NULL;
        }
        if (address - p->start >= p->n)
            continue;
        if (*n > p->n - (address - p->start))
            *n = p->n - (address - p->start);
        if (!i->moves)
            return p->bytes + (address - p->start);
        free(i->window);
        i->window = malloc(*n);
        memcpy(i->window, p->bytes + (address - p->start), *n);
        return i->window;
    }
    return NULL;
}

#endif
