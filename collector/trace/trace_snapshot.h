/*
 * collector/trace/trace_snapshot.h - heap snapshots in a trace file: what is
 * predicted of their parts, by who packs and who reads alike.
 *
 * A part's numbers go on where the part before of the same section stopped; so
 * parts are read from the first one of their snapshot on, and need nothing of
 * any other chunk but the definitions before them.
 *
 *   SECTION_BLOCKS   an item a block, by address. Its stack by that of the two blocks before,
 *                    its size and type by its stack.
 *   SECTION_BIRTHS   an item a block, by id: stamps then rise.
 *   SECTION_LAYOUT   an item a node, and one an edge of a node whose pointers do not lie
 *                    where they did in the last node of its stack and size.
 *   SECTION_TARGETS  an item an edge: what pointed where at this place of that stack last.
 */
#ifndef OWNSCOPE_TRACE_SNAPSHOT_H
#define OWNSCOPE_TRACE_SNAPSHOT_H

#include "event/snapshot.h"
#include "trace/trace_number.h"

enum { STACK_SLOTS_BITS = 14, LAYOUT_SLOTS_BITS = 16, TARGET_SLOTS_BITS = 16 };

struct snapshot_target { uint32_t last, difference; };

struct snapshot_model {
    uint32_t stack, before;                             /* of the block before, and of the one before it */
    uint32_t next_stack[1 << STACK_SLOTS_BITS];         /* by both */
    uint64_t size_of[1 << STACK_SLOTS_BITS];            /* by stack */
    uint32_t type_of[1 << STACK_SLOTS_BITS];            /* by stack and size */
    uint32_t layout_of[1 << LAYOUT_SLOTS_BITS];         /* by stack and size: node + 1 */
    struct snapshot_target target_of[1 << TARGET_SLOTS_BITS]; /* by stack, size and word */
};

static inline uint32_t snapshot_hash(uint64_t v, unsigned bits)
{
    return (uint32_t)((v * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}

/* What nodes that are made alike have in common: never 0. */
static inline uint64_t snapshot_kin(uint32_t stack, uint64_t size)
{
    return (((uint64_t)stack << 32) ^ (size * 0xd6e8feb86659fd93ull)) | 1;
}
static inline uint64_t snapshot_node_kin(const struct snapshot *s, size_t node)
{
    return node < s->n_blocks ? snapshot_kin(s->stack[node], s->size[node])
                              : snapshot_kin(UINT32_MAX, (uint64_t)s->roots[node - s->n_blocks].kind << 32 | node);
}

static inline uint32_t *model_next_stack(struct snapshot_model *m)
{
    return &m->next_stack[snapshot_hash((uint64_t)m->before << 32 | m->stack, STACK_SLOTS_BITS)];
}
static inline uint64_t *model_size_of(struct snapshot_model *m, uint32_t stack)
{
    return &m->size_of[snapshot_hash(stack, STACK_SLOTS_BITS)];
}
static inline uint32_t *model_type_of(struct snapshot_model *m, uint64_t kin)
{
    return &m->type_of[snapshot_hash(kin, STACK_SLOTS_BITS)];
}
static inline uint32_t *model_layout_of(struct snapshot_model *m, uint64_t kin)
{
    return &m->layout_of[snapshot_hash(kin, LAYOUT_SLOTS_BITS)];
}
static inline struct snapshot_target *model_target_of(struct snapshot_model *m, uint64_t kin, uint32_t at)
{
    return &m->target_of[snapshot_hash(kin + (uint64_t)at * 0x2545f4914f6cdd1dull, TARGET_SLOTS_BITS)];
}

/* Where the next block begins when it is malloc's neighbour. */
static inline uint64_t snapshot_after(uint64_t address, uint64_t size) { return address + ((size + 23) & ~(uint64_t)15); }

#endif
