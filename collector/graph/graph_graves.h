/*
 * collector/graph/graph_graves.h - what lay where: the newest dropped heap
 * blocks of a process, for whoever finds an address used after its drop.
 *
 * A drop writes one cache line into a ring and nothing else. What is needed
 * to look up (by start, by an address inside) is caught up when somebody looks:
 * chains of graves, newest first, by the span of memory they start in.
 *
 * Cleared when the image or the process ends; graves dug before a loss of the
 * process's events say nothing any more. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_GRAVES_H
#define OWNSCOPE_GRAPH_GRAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct graph;
struct process;

enum { GRAVES_MAX = 1 << 16 };

struct grave {
    uint64_t address, size;
    uint64_t id, born_ns;
    uint64_t ns;            /* of the drop */
    uint32_t site, maker;   /* places: where and by whom it was made */
    uint32_t stack, thread; /* of the drop: id of code.h, serial */
    uint32_t back;          /* the next older grave of its chain, so many before it; 0: none */
    uint8_t made_family, family;
};
_Static_assert(sizeof(struct grave) == 64, "a grave is a cache line");

struct grave_index;

struct graves {
    struct grave *ring, *next, *end;
    uint64_t before;        /* graves dug before ring[0] was, this time around */
    struct grave_index *index;
};

/* The next grave to be filled in has no room: makes some. */
void graves_turn(struct graves *y);
static inline struct grave *graves_dig(struct graves *y)
{
    if (__builtin_expect(y->next == y->end, 0))
        graves_turn(y);
    return y->next++;
}
void graves_clear(struct graves *y);
/* All that are known lie between ring and here. */
static inline const struct grave *graves_end(const struct graves *y) { return y->before ? y->end : y->next; }

/* The newest dropped block that held an address, if nobody can have been given
 * that memory since: no live block or younger mapping is there, no module, no
 * thread's stack, and the allocator kept it. False: nothing is known. */
bool graves_find(struct graph *g, struct process *p, uint64_t address, struct grave *out);
/* The newest dropped block that started at an address, large ones too. */
bool graves_find_start(struct graph *g, struct process *p, uint64_t address, struct grave *out);

/* A block younger than that held an address, and was dropped. */
bool graves_born_since(struct process *p, uint64_t address, uint64_t ns);

#endif
