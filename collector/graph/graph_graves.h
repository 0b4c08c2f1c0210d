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

struct archive;
struct graph;
struct process;

enum { GRAVES_FIRST = 64, GRAVES_MAX = 1 << 16 };   /* room: it grows by fours */

struct grave {
    uint64_t address, size;
    uint64_t id, born_ns;
    uint64_t ns;            /* of the drop */
    uint32_t site, maker;   /* places: where and by whom it was made */
    uint32_t stack, thread; /* of the drop: id of code.h, serial */
    uint32_t back;          /* the next older grave of its chain, so many before it; 0: none */
    uint8_t made_family;
};
_Static_assert(sizeof(struct grave) == 64, "a grave is a cache line");

struct grave_index;

struct graves {
    struct grave *ring, *next, *end;
    uint64_t before;        /* graves dug before ring[0] was, this time around */
    uint64_t loaded;        /* graves before this one came from a checkpoint: holes, and such as hide no other */
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
/* The n-th grave lies at ring[n % room]; the newest `room` of them are known. */
static inline size_t graves_room(const struct graves *y) { return (size_t)(y->end - y->ring); }
static inline uint64_t graves_dug(const struct graves *y) { return y->before + (uint64_t)(y->next - y->ring); }
static inline uint64_t graves_oldest(const struct graves *y)
{
    uint64_t dug = graves_dug(y), room = graves_room(y);
    return dug > room ? dug - room : 0;
}
static inline struct grave *grave_at(const struct graves *y, uint64_t number)
{
    return &y->ring[number & (graves_room(y) - 1)];
}
/* Which places of the ring have a grave that can ever be found again: `found` has room for all. */
void graves_findable(struct graves *y, bool *found);

/* One grave that is kept elsewhere, in a checkpoint. */
void grave_archive(struct archive *a, struct graph *g, struct grave *v);

/* The newest dropped block that held an address, if nobody can have been given
 * that memory since: no live block or younger mapping is there, no module, no
 * thread's stack, and the allocator kept it. False: nothing is known. */
bool graves_find(struct graph *g, struct process *p, uint64_t address, struct grave *out);
/* The newest dropped block that started at an address, large ones too. */
bool graves_find_start(struct graph *g, struct process *p, uint64_t address, struct grave *out);

/* A block younger than that held an address, and was dropped. */
bool graves_born_since(struct process *p, uint64_t address, uint64_t ns);

#endif
