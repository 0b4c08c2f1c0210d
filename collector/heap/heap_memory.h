/*
 * collector/heap/heap_memory.h - small reads of an image, from anywhere in it.
 *
 * For who looks at a few words here and there; the scan itself walks pieces.
 */
#ifndef OWNSCOPE_HEAP_MEMORY_H
#define OWNSCOPE_HEAP_MEMORY_H

#include <string.h>

#include "heap/heap_image.h"

/* Copies [address, address + bytes). False: not all of it was there; the rest of `to` is zeros. */
static inline bool heap_memory_read(struct heap_image *image, uint64_t address, void *to, size_t bytes)
{
    bool all = true;
    if (bytes > UINT64_MAX - address) {
        memset(to, 0, bytes);
        return false;
    }
    for (size_t done = 0, n; done < bytes; done += n) {
        n = bytes - done;
        const uint8_t *p = heap_image_at(image, address + done, &n);
        if (!n || n > bytes - done)
            n = 1;
        if (p)
            memcpy((uint8_t *)to + done, p, n);
        else
            memset((uint8_t *)to + done, 0, n);
        all &= p != NULL;
    }
    return all;
}

/* One word; 0 where nothing is. */
static inline uint64_t heap_memory_word(struct heap_image *image, uint64_t address)
{
    uint64_t w;
    return heap_memory_read(image, address, &w, sizeof w) ? w : 0;
}

#endif
