/*
 * collector/graph/graph_clocks.h - happens-before: vector clocks of threads and
 * of what they synchronise by, and uses of blocks held against them.
 *
 * Every doubt is decided for order: a thread whose creation nobody saw, a join
 * of a thread that is not known, lost events, more threads than indexes make
 * that all before counts as ordered. That hides findings and invents none.
 *
 * Cost: a release is a few stores, and so is an acquisition of what the same
 * thread released, or of what is known already; else as many steps as the
 * process has threads. A thread's vector is shared with what it released until
 * it comes behind something new. A sync object takes 48 bytes; vectors (8 bytes
 * a thread) together at most CLOCK_BYTES_MAX besides those that threads hold:
 * past that the older half of the objects keep a time instead (all until then
 * counts as ordered). Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_CLOCKS_H
#define OWNSCOPE_GRAPH_CLOCKS_H

#include "graph/graph_state.h"
#include "graph/graph_vectors.h"

enum {
    CLOCK_THREADS_MAX = 4096,       /* of a process at one time */
    CLOCK_BYTES_MAX = 64 << 20
};

/* What a sync object keeps: a clock, 0: none yet. */
typedef uint32_t clock_id;

/* t publishes all that it did so far through *clock (made when 0). `join`: what
 * others published there stays (semaphores, read locks, barriers, conditions),
 * else it is replaced (t has acquired it before: mutexes). */
void clocks_release(struct graph *g, struct thread *t, uint64_t ns, clock_id *clock, bool join);
/* t comes behind everything published there. */
void clocks_acquire(struct graph *g, struct thread *t, clock_id clock);
void clocks_forget(struct graph *g, clock_id *clock);
/* All threads come behind t's newest release: something was made once, and who
 * finds it made need not call anything (C++ statics, double-checked onces). */
void clocks_publish(struct graph *g, struct process *p, const struct thread *t);

/* Threads: the creator before its child, … */
void clocks_created(struct graph *g, struct thread *creator, struct thread *child, uint64_t ns);
/* … a thread's end before its joiner (child: nobody when it is not known), … */
void clocks_joined(struct graph *g, struct thread *joiner, struct thread *child, uint64_t ns);
/* … and a thread that is over, and that nobody can join, gives up its index. */
void clocks_ended(struct graph *g, struct thread *t);
/* All threads of a process: its image is replaced, or it ended. */
void clocks_image_ended(struct graph *g, struct process *p);
/* Events of a process (nobody's: of any) were lost until ns. */
void clocks_lost(struct graph *g, struct process *p, uint64_t ns);
/* t calls futex itself: it synchronises by means that nobody sees. */
void clocks_unseen(struct graph *g, struct process *p, struct thread *t, const struct event *e);

enum clocks_use { CLOCKS_READ, CLOCKS_WRITE, CLOCKS_MOVE, CLOCKS_DROP };
/* t uses bytes of a block: noted (BLOCK_USED), and held against the uses before. */
void clocks_use(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place,
                enum clocks_use use, uint64_t offset, uint64_t length);
/* t takes, drops or uses a block: what this tells of how it got the pointer. */
void clocks_handed(struct graph *g, struct process *p, struct thread *t, const struct block *b, uint64_t ns);
/* A block with BLOCK_USED ends: after clocks_use with CLOCKS_DROP. */
void clocks_block_gone(struct graph *g, uint32_t place);

void clocks_clear(struct graph *g);
/* After view_findings: adds to what it made. */
void view_clocks(const struct graph *g, struct view *v);

/* What another thread x of t's process did at ns is known to come before what t does now. */
static inline bool clocks_ordered(const struct process *p, const struct thread *t, const struct thread *x, uint64_t ns)
{
    const struct vector *seen = t->clock.seen, *published = p->clocks.published;
    if (ns <= p->clocks.floor_ns || ns <= vector_floor(seen) || ns <= vector_floor(published))
        return true;
    if (!x->clock.index)
        return false;
    uint64_t known = vector_at(seen, x->clock.index - 1), made = vector_at(published, x->clock.index - 1);
    known = known > made ? known : made;
    return known >= ns && known >= x->clock.since_ns;
}

/* Gives t its index; false: it has none, and takes part in nothing. */
bool clocks_enter_slow(struct graph *g, struct thread *t, uint64_t ns);
static inline bool clocks_enter(struct graph *g, struct thread *t, uint64_t ns)
{
    if (graph_unlikely(!t->clock.index) && !clocks_enter_slow(g, t, ns))
        return false;
    if (t->clock.now_ns < ns)
        t->clock.now_ns = ns;
    return true;
}

#endif
