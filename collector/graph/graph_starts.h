/*
 * collector/graph/graph_starts.h - which block does a pointer into the middle
 * of one belong to?
 *
 * Asked only of arguments and results of threads. So a process has this index
 * from its first such question on (NULL before: New and Drop of a program
 * that never asks pay one predictable branch), built then from its table and
 * kept up to date after.
 *
 * One bit for each 8 bytes at which a block starts, in regions of 32 KiB (64
 * words of 64 bits under one summary word), regions by hash; their order is
 * sorted anew at a question only if regions came since the last. Blocks that
 * do not start at a multiple of 8 are found by their exact start alone.
 */
#ifndef OWNSCOPE_GRAPH_STARTS_H
#define OWNSCOPE_GRAPH_STARTS_H

#include <stdbool.h>
#include <stdint.h>

struct starts;

struct starts *starts_new(void);
void starts_free(struct starts *s);
void starts_add(struct starts *s, uint64_t address);
void starts_remove(struct starts *s, uint64_t address);
/* The nearest start at or below address: true and *start, or false. */
bool starts_below(struct starts *s, uint64_t address, uint64_t *start);

#endif
