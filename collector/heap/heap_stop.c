/*
 * collector/heap/heap_stop.c - see heap_stop.h: the thread that traces, and who
 * asked it to.
 *
 * An exec of another thread and our next ptrace may wait for each other: the
 * former until the dead whom we trace are reaped, the latter until the exec is
 * over. So who asked reaps them when the tracing thread does not come back, and at last
 * leaves that thread behind: it cleans up by itself when the kernel lets it.
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
#include "heap/heap_watch.h"
#include "session/doctor.h"

struct heap_tracer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopped, let_go;       /* told by the thread; asked of it */
    bool ended;                 /* the thread is through with it */
    bool abandoned;             /* nobody waits for it any more: it frees all */
    int outcome;
    struct heap_stop stop;
    struct heap_tracing tracing;
    void (*look)(void *context, const struct heap_stop *s); /* then they go on at once; NULL: when they are let go */
    void *context;
    uint64_t stood_ns;
};

enum { REAP_NS = 50000000, ABANDON_ROUNDS = 80 };

static __thread char last_text[HEAP_TEXT_MAX];

const char *heap_stop_text(void)
{
    return last_text;
}

static void tracer_free(struct heap_tracer *t)
{
    pthread_mutex_destroy(&t->mutex);
    pthread_cond_destroy(&t->changed);
    free(t->stop.threads);
    free(t);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Under the mutex: who asked is there as long as that, or has left us behind. */
static void look_at(struct heap_tracer *t)
{
    if (!t->abandoned)
        t->look(t->context, &t->stop);
    heap_tracing_let_go(&t->tracing);
    t->stood_ns = now_ns() - t->stop.began_ns;
}

static void *trace(void *context)
{
    struct heap_tracer *t = context;
    bool abandoned;
    int outcome = heap_tracing_stop(&t->tracing);
    if (outcome)
        heap_tracing_let_go(&t->tracing);
    pthread_mutex_lock(&t->mutex);
    if (!outcome && t->look)
        look_at(t);
    t->outcome = outcome;
    t->stopped = true;
    pthread_cond_broadcast(&t->changed);
    while (!outcome && !t->look && !t->let_go && !t->abandoned)
        pthread_cond_wait(&t->changed, &t->mutex);
    abandoned = t->abandoned;
    pthread_mutex_unlock(&t->mutex);
    if (!outcome && !t->look)
        heap_tracing_let_go(&t->tracing);
    if (abandoned) {
        tracer_free(t);
        return NULL;
    }
    pthread_mutex_lock(&t->mutex);
    t->ended = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->mutex);
    return NULL;
}

static int start(struct heap_tracer *t)
{
    sigset_t all, mask;
    int e;
    t->tracing.watched = true;
    if (heap_watch_run(t->stop.pid, trace, t))
        return 0;
    t->tracing.watched = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    e = pthread_create(&t->thread, NULL, trace, t);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return -e;
}

/* Until the thread, its own or the watching one, has done all. */
static void end_wait(struct heap_tracer *t)
{
    if (!t->tracing.watched) {
        pthread_join(t->thread, NULL);
        return;
    }
    pthread_mutex_lock(&t->mutex);
    while (!t->ended)
        pthread_cond_wait(&t->changed, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}

/* Until the thread has an outcome. False: it was left behind. */
static bool outcome_wait(struct heap_tracer *t)
{
    pthread_t thread = t->thread;
    bool stopped;
    if (t->tracing.watched) { /* it has its patience, and waits for no exec */
        pthread_mutex_lock(&t->mutex);
        while (!t->stopped)
            pthread_cond_wait(&t->changed, &t->mutex);
        pthread_mutex_unlock(&t->mutex);
        return true;
    }
    pthread_mutex_lock(&t->mutex);
    for (int round = 0; !t->stopped && round < ABANDON_ROUNDS; round++) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += REAP_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_clockwait(&t->changed, &t->mutex, CLOCK_MONOTONIC, &until) && !t->stopped)
            heap_tracing_reap(t->stop.pid);
    }
    stopped = t->stopped;
    t->abandoned = !stopped;
    pthread_mutex_unlock(&t->mutex);
    if (stopped)
        return true;
    pthread_detach(thread); /* `t` is its own now */
    return false;
}

static struct heap_tracer *tracer_new(pid_t pid)
{
    struct heap_tracer *t = xcalloc(1, sizeof *t);
    t->stop.pid = pid;
    t->tracing.stop = &t->stop;
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->changed, NULL);
    return t;
}

/* Begins, and waits for the outcome. 0, or -errno: `t` is gone. */
static int tracer_run(struct heap_tracer *t)
{
    pid_t pid = t->stop.pid;
    int e;
    if (doctor_looking_kills()) {
        snprintf(last_text, sizeof last_text, "a seccomp filter would end ownscope if it looked into process %d", (int)pid);
        tracer_free(t);
        return -EPERM;
    }
    e = start(t);
    if (e) {
        snprintf(last_text, sizeof last_text, "no thread can be started to stop process %d: %s", (int)pid, strerror(-e));
        tracer_free(t);
        return e;
    }
    if (!outcome_wait(t)) {
        snprintf(last_text, sizeof last_text, "process %d could not be stopped: it is amid an exec that does not end", (int)pid);
        return -ETIMEDOUT;
    }
    e = t->outcome;
    if (e) {
        snprintf(last_text, sizeof last_text, "%s", t->tracing.text);
        end_wait(t);
        tracer_free(t);
    }
    return e;
}

int heap_stop_begin(struct heap_stop *s, pid_t pid, struct heap_held held)
{
    struct heap_tracer *t = tracer_new(pid);
    int e;
    *s = (struct heap_stop){.pid = pid};
    t->tracing.held = held;
    e = tracer_run(t);
    if (e)
        return e;
    *s = t->stop;
    s->tracer = t;
    return 0;
}

int heap_stop_look(pid_t pid, pid_t tid, void (*look)(void *context, const struct heap_stop *s), void *context, uint64_t *stood_ns)
{
    struct heap_tracer *t = tracer_new(pid);
    int e;
    *stood_ns = 0;
    t->tracing.only = tid;
    t->look = look;
    t->context = context;
    e = tracer_run(t);
    if (e)
        return e;
    end_wait(t);
    *stood_ns = t->stood_ns;
    tracer_free(t);
    return 0;
}

uint64_t heap_stop_end(struct heap_stop *s)
{
    struct heap_tracer *t = s->tracer;
    if (!t)
        return 0;
    pthread_mutex_lock(&t->mutex);
    t->let_go = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->mutex);
    end_wait(t);
    *s = t->stop; /* the tracer knows more of late wakers now */
    t->stop.threads = NULL;
    tracer_free(t);
    return now_ns() - s->began_ns;
}

void heap_stop_free(struct heap_stop *s)
{
    heap_stop_end(s);
    free(s->threads);
    s->threads = NULL;
    s->n = 0;
}
