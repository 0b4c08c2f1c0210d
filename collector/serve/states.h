/*
 * collector/serve/states.h - the state monitor: what each running thread does
 * now, of the graph, its ring, the kernel and, when asked for, its native stack.
 *
 * Rates are differences between two looks: the present one, and the newest
 * earlier one that is old enough. Who asks when there is none waits for a second look.
 *
 * Runs in the threads of connections. The program is touched only for native
 * stacks (heap/heap_stacks.h), and never without being asked.
 */
#ifndef OWNSCOPE_STATES_H
#define OWNSCOPE_STATES_H

#include <pthread.h>

#include "export/doc_states.h"
#include "serve/collector.h"

/* What somebody wants to know. */
struct states_query {
    uint32_t thread, process;   /* only this one, serials; 0: all */
    pid_t pid;                  /* likewise; 0: all */
    bool stacks;
};
/* The document. -ECANCELED: the collector is ending; -ENOENT: no such thread runs; -EBUSY: too
 * many native stacks for one question (STATES_STACKS_MAX). `lock` guards `symbols`, which is made when first needed. */
enum { STATES_STACKS_MAX = 512 };
int states_document(struct collector *c, const struct states_query *q, struct symbols **symbols, pthread_mutex_t *lock, json_t **doc);

/* ---- looks, for tests too ---- */
struct states_thread { uint32_t thread; uint64_t events, allocations, bytes, cpu_ns; };
struct states_look {
    uint64_t ns;
    uint64_t events, allocations, bytes, collector_cpu_ns;
    struct states_thread *threads; size_t n;   /* rising */
};
enum { STATES_LOOKS = 8 };
struct states_looks { struct states_look look[STATES_LOOKS]; unsigned next; };
/* The newest that is at least `least_ns` old and at most `most_ns`; NULL: none. */
const struct states_look *states_looks_find(const struct states_looks *l, uint64_t now_ns, uint64_t least_ns, uint64_t most_ns);
/* Taken over. One that comes very soon after the last takes no place: no client pushes out what others need. */
void states_looks_add(struct states_looks *l, struct states_look *look);
void states_looks_end(struct states_looks *l);
/* Rates between two looks into `out` (rated) of thread `id`. */
void states_rates(const struct states_look *before, const struct states_look *now, uint32_t id, struct doc_state *out);

#endif
