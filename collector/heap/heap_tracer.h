/*
 * collector/heap/heap_tracer.h - the threads of one process, stopped and let go
 * by the one thread that calls all of this.
 */
#ifndef OWNSCOPE_HEAP_TRACER_H
#define OWNSCOPE_HEAP_TRACER_H

#include "heap/heap_stop.h"

enum { HEAP_TEXT_MAX = 400 };

enum heap_traced_state {
    TRACED_RUNS,                /* seized and interrupted, has not stopped yet */
    TRACED_STOPPED,             /* heap_stop.threads has its registers */
    TRACED_ASLEEP,              /* in uninterruptible sleep: it stops when it wakes */
    TRACED_GONE                 /* it ended, or let go */
};
struct heap_traced { pid_t tid; int signal; /* that it was about to get */ enum heap_traced_state state; size_t at; /* in heap_stop.threads */ };

struct heap_tracing {
    struct heap_stop *stop;
    struct heap_held held;
    pid_t only;                 /* this thread alone; 0: all */
    struct heap_traced *list; size_t n, capacity; /* by rising tid */
    size_t threads_capacity;
    size_t settled;             /* of the list, that stopped or are gone */
    bool became_another;        /* exec */
    bool watched;               /* heap_watch has its threads, and calls this: who stopped goes on behind it */
    char text[HEAP_TEXT_MAX];
};

/* As heap_stop_begin. On failure nothing is let go yet. */
int heap_tracing_stop(struct heap_tracing *t);
/* Lets all go that stopped; the rest follows when the calling thread ends. */
void heap_tracing_let_go(struct heap_tracing *t);
/* From another thread of ours: reaps dead threads that we trace, but no first
 * thread (its end is its parent's to see). */
void heap_tracing_reap(pid_t pid);

#endif
