/*
 * collector/export/history_place.h - who held a place: the last block at an
 * address, and the one before and after a block.
 *
 * One thread, the trace's. Who came there is looked for among the events that bring a block to an address, from the
 * newest on backwards, and then folded from the checkpoint before: the fold alone knows which block it was.
 * Places are a process's own.
 */
#ifndef OWNSCOPE_HISTORY_PLACE_H
#define OWNSCOPE_HISTORY_PLACE_H

#include "export/history_walk.h"

/* A block comes to where it is: made, or moved there. */
static inline bool place_comes(const struct fact *f)
{
    return f->block && (f->type == FACT_NEW || (f->type == FACT_MOVE && (f->old_address || f->old_size)));
}

struct place_life {
    struct block_life life;     /* id 0: none came yet */
    bool whole;                 /* it was seen from its birth on */
};
/* The first block that comes to the last place of `of`, another one, and what becomes of it. */
void place_life_fold(struct place_life *p, const struct block_life *of, const struct fact *f);

/* The whole life of a block. 0, or as replay_to. */
int place_life_of(struct trace *t, uint64_t id, uint64_t until, struct block_life *life);
/* The block that was last at the place of `of`, before event number `arrival` brought that there; id 0: none. */
int place_before(struct trace *t, const struct block_life *of, uint64_t arrival, uint64_t until, struct block_life *life);

/* What an address stands for after event `until`: the newest of the blocks alive there, else the last that was, else the
 * newest lock. 0; -ENOENT; as replay_to. */
struct place_found { uint64_t id; bool is_lock; };
int place_find(struct trace *t, uint64_t address, uint64_t until, struct place_found *found);

#endif
