/*
 * collector/heap/heap_order.h - numbers of blocks, put in order by a key: millions
 * of them in a few passes over memory.
 */
#ifndef OWNSCOPE_HEAP_ORDER_H
#define OWNSCOPE_HEAP_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct heap_ordered { uint64_t key; uint32_t value; };

/* By rising key; equal keys stay as they were. */
void heap_order(struct heap_ordered *rows, size_t n);

#endif
