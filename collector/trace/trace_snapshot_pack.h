/*
 * collector/trace/trace_snapshot_pack.h - a heap snapshot as whole chunks, that
 * still lack their place in the file (number, first event).
 */
#ifndef OWNSCOPE_TRACE_SNAPSHOT_PACK_H
#define OWNSCOPE_TRACE_SNAPSHOT_PACK_H

#include "trace/trace.h"
#include "trace/trace_chunk.h"

enum { SNAPSHOT_NUMBERS_OF = 9 };
/* Token columns of each section's numbers; the rest 0. */
extern const uint8_t snapshot_numbers[SECTIONS][SNAPSHOT_NUMBERS_OF];

/* trace_snapshot_pack makes the PARTs of blocks and edges. */
struct trace_packed {
    struct trace_column *chunks;    /* frame and payload each */
    size_t n, capacity;
};
/* The SNAPSHOT chunk and the PARTs before those: its ids are those of now. */
struct trace_packed *trace_pack_rest(const struct snapshot *s, size_t parts);

#endif
