/*
 * collector/graph/graph_facts.h - telling the observer what the fold made of
 * an event. Counts are kept for all; the fact itself is only built when
 * somebody observes. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_FACTS_H
#define OWNSCOPE_GRAPH_FACTS_H

#include "graph/graph_state.h"

/* New and Drop of a block, as it stands in `b`, by the event's thread. */
void fact_block_tell(struct graph *g, enum fact_type type, const struct event *e, const struct block *b, const char *by);
static inline void fact_block(struct graph *g, enum fact_type type, const struct event *e, const struct block *b, const char *by)
{
    g->by_fact[type]++;
    if (graph_unlikely(g->observe != NULL))
        fact_block_tell(g, type, e, b, by);
}

/* A drop of an address at which nothing known lives. */
void fact_unknown(struct graph *g, const struct event *e);
/* A drop of `bytes` at `address` out of a mapped block that lives on. */
void fact_part(struct graph *g, const struct event *e, const struct block *b, uint64_t address, uint64_t bytes);
/* A block's end that is nobody's act: unseen, exec. */
void fact_ended(struct graph *g, const struct event *e, const struct block *b, const char *by);
/* A clone becomes a block (rule 9); the event is the one that touches it. */
void fact_clone(struct graph *g, const struct block *b, uint64_t cloned_from);
/* From hand to hand (places of threads), dated ns. */
void fact_move(struct graph *g, const struct event *e, const struct block *b, enum move_by by,
               uint64_t ns, uint32_t from, uint32_t to);
/* From place to place, by the event's thread. */
void fact_relocated(struct graph *g, const struct event *e, const struct block *b,
                    uint64_t old_address, uint64_t old_size, uint32_t stack);
/* `type` FACT_BORROW or FACT_BORROW_END; id is that of a block that may be gone (b NULL). */
void fact_borrow(struct graph *g, enum fact_type type, const struct event *e, uint64_t id,
                 const struct block *b, uint32_t to, uint64_t ns);
struct lock;
/* FACT_LOCK, and FACT_ACQUIRE to FACT_WAIT_END of a lock by the event's thread. */
void fact_lock_tell(struct graph *g, enum fact_type type, const struct event *e, const struct lock *lock,
                    const char *by, uint64_t wait_ns, bool shared);
static inline void fact_custody(struct graph *g, enum fact_type type, const struct event *e, const struct lock *lock,
                                const char *by, uint64_t wait_ns, bool shared)
{
    g->by_fact[type]++;
    if (graph_unlikely(g->observe != NULL))
        fact_lock_tell(g, type, e, lock, by, wait_ns, shared);
}
static inline void fact_lock(struct graph *g, enum fact_type type, const struct event *e, const struct lock *lock, const char *by)
{
    fact_custody(g, type, e, lock, by, 0, false);
}
/* Bytes of a block are read or written by a copy of the event. */
void fact_copied(struct graph *g, const struct event *e, const struct block *b, uint64_t offset, uint64_t bytes, bool written);
/* Life of threads and processes, marks, losses: address, size and text of the event. */
void fact_life(struct graph *g, enum fact_type type, const struct event *e, const char *by, uint32_t to_serial);

#endif
