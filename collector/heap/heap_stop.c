/*
 * collector/heap/heap_stop.c - see heap_stop.h: the thread that traces, and who
 * asked it to.
 */
#include "heap/heap_stop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event/xalloc.h"
#include "heap/heap_tracer.h"

struct heap_tracer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopped, let_go;       /* told by the thread; asked of it */
    int outcome;
    struct heap_tracing tracing;
};

static __thread char last_text[HEAP_TEXT_MAX];

const char *heap_stop_text(void)
{
    return last_text;
}

static void *trace(void *context)
{
    struct heap_tracer *t = context;
    int outcome = heap_tracing_stop(&t->tracing);
    if (outcome)
        heap_tracing_let_go(&t->tracing);
    pthread_mutex_lock(&t->mutex);
    t->outcome = outcome;
    t->stopped = true;
    pthread_cond_broadcast(&t->changed);
    while (!outcome && !t->let_go)
        pthread_cond_wait(&t->changed, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
    if (!outcome)
        heap_tracing_let_go(&t->tracing);
    return NULL;
}

static int start(struct heap_tracer *t)
{
    sigset_t all, mask;
    int e;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    e = pthread_create(&t->thread, NULL, trace, t);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return -e;
}

static void tracer_free(struct heap_tracer *t)
{
    pthread_mutex_destroy(&t->mutex);
    pthread_cond_destroy(&t->changed);
    free(t);
}

int heap_stop_begin(struct heap_stop *s, pid_t pid, struct heap_held held)
{
    struct heap_tracer *t = xcalloc(1, sizeof *t);
    int e;
    *s = (struct heap_stop){.pid = pid, .tracer = t};
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->changed, NULL);
    t->tracing.stop = s;
    t->tracing.held = held;
    e = start(t);
    if (e) {
        snprintf(last_text, sizeof last_text, "no thread can be started to stop process %d: %s", (int)pid, strerror(-e));
    } else {
        pthread_mutex_lock(&t->mutex);
        while (!t->stopped)
            pthread_cond_wait(&t->changed, &t->mutex);
        e = t->outcome;
        pthread_mutex_unlock(&t->mutex);
        if (e)
            pthread_join(t->thread, NULL);
        snprintf(last_text, sizeof last_text, "%s", t->tracing.text);
    }
    if (e) {
        tracer_free(t);
        s->tracer = NULL;
        heap_stop_free(s);
    }
    return e;
}

uint64_t heap_stop_end(struct heap_stop *s)
{
    struct heap_tracer *t = s->tracer;
    struct timespec now;
    if (!t)
        return 0;
    pthread_mutex_lock(&t->mutex);
    t->let_go = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->mutex);
    pthread_join(t->thread, NULL);
    tracer_free(t);
    s->tracer = NULL;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - s->began_ns;
}

void heap_stop_free(struct heap_stop *s)
{
    heap_stop_end(s);
    free(s->threads);
    s->threads = NULL;
    s->n = 0;
}
