/*
 * collector/graph/graph_threads.h - threads: birth, names, borrows by
 * argument, join, and what their end leaves (rules 3 to 5).
 *
 * A thread belongs to the process of its first event; an event that claims
 * another process for it is nobody's. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_THREADS_H
#define OWNSCOPE_GRAPH_THREADS_H

#include "graph/graph_state.h"

enum { SAME_PTHREAD_MAX = 4 };      /* threads of one pthread_t that are remembered */

/* The thread of a serial, made if it is new; nobody if it is another process's. */
struct thread *thread_find_slow(struct graph *g, struct process *p, uint32_t serial, uint64_t ns);
static inline struct thread *thread_find(struct graph *g, struct process *p, uint32_t serial, uint64_t ns)
{
    struct thread *t = g->last_thread;
    if (graph_likely(t->serial == serial && t->process == p->place))
        return t;
    return thread_find_slow(g, p, serial, ns);
}

void threads_create(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void threads_created(struct graph *g, struct process *p, const struct event *e);
void threads_start(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void threads_exit(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void threads_join(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void threads_detach(struct graph *g, struct process *p, const struct event *e);
void threads_name(struct graph *g, struct process *p, const struct event *e);
void threads_gone(struct graph *g, struct process *p, struct thread *t, const struct event *e);

/* The process did something after threads of it were found gone without an
 * exit: it lives on, so what they owned outlived them. */
void threads_alive(struct graph *g, struct process *p, const struct event *e);
/* Whether it lies where a thread's stack may: below a pthread_t, memory that libc hands out again. */
bool threads_stack_at(struct process *p, uint64_t address);
/* No pthread_t is known any more. */
void threads_pthreads_clear(struct process *p);
/* All threads of a process but one (a serial, 0: none) end with their image or process. */
void threads_end_all(struct graph *g, struct process *p, uint64_t ns, uint32_t but_serial);

#endif
