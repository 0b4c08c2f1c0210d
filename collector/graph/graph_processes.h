/*
 * collector/graph/graph_processes.h - processes: start, fork, exec, end.
 *
 * A process keeps its node through exec; its blocks do not. A process that
 * ended keeps its blocks (they are what was still live at the end), all
 * ended processes together at most ENDED_BLOCKS_MAX of them by address: past
 * that the blocks of the one that ended first are let go, their sums stay.
 * Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_PROCESSES_H
#define OWNSCOPE_GRAPH_PROCESSES_H

#include "graph/graph_state.h"

struct process *process_find_slow(struct graph *g, uint32_t serial, uint64_t ns);
static inline struct process *process_find(struct graph *g, uint32_t serial, uint64_t ns)
{
    if (graph_likely(g->last_process->serial == serial))
        return g->last_process;
    return process_find_slow(g, serial, ns);
}

void processes_start(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void processes_fork(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void processes_forked(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void processes_exec(struct graph *g, struct process *p, const struct event *e);
void processes_exec_failed(struct graph *g, struct process *p, const struct event *e);
void processes_exit(struct graph *g, struct process *p, const struct event *e);
void processes_gone(struct graph *g, struct process *p, const struct event *e);
void process_free(struct process *p);
/* For the shape of its maps' treap, which no stream can know. */
static inline uint32_t process_seed(const struct process *p) { return (uint32_t)((uintptr_t)p >> 4); }

#endif
