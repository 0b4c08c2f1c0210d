/*
 * collector/serve/heartbeat.c - see heartbeat.h.
 *
 * The thread is started by the first heartbeat_begin, sleeps between its beats,
 * and goes on sleeping for a while after the last end: a snapshot of a
 * small process costs no wake.
 */
#include "serve/heartbeat.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/session.h"

enum { BEAT_MOST_NS = 20000000, BEAT_LEAST_NS = 1000000, IDLE_BEATS = 50 };

struct heartbeat {
    struct session *session;
    uint64_t every_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t due;
    atomic_u32 busy;    /* between begin and end */
    bool parked;        /* under the lock: waits for `due` */
    bool started, ending;
};

/* Waits until it is wanted. False: for good. */
static bool wanted(struct heartbeat *h, unsigned *idle)
{
    bool ending;
    pthread_mutex_lock(&h->lock);
    while (*idle >= IDLE_BEATS && !h->ending && !load_relaxed(&h->busy)) {
        h->parked = true;
        pthread_cond_wait(&h->due, &h->lock);
    }
    h->parked = false;
    ending = h->ending;
    pthread_mutex_unlock(&h->lock);
    return !ending;
}

static void *beat(void *context)
{
    struct heartbeat *h = context;
    for (unsigned idle = 0; wanted(h, &idle);) {
        usleep((useconds_t)(h->every_ns / 1000));
        idle = load_relaxed(&h->busy) ? 0 : idle + 1;
        if (!idle)
            session_keep_alive(h->session);
    }
    return NULL;
}

struct heartbeat *heartbeat_new(struct session *s)
{
    struct heartbeat *h = xcalloc(1, sizeof *h);
    h->session = s;
    h->every_ns = session_plan(s)->wait_ns / 4; /* the bound of who waits */
    h->every_ns = h->every_ns > BEAT_MOST_NS ? BEAT_MOST_NS : h->every_ns < BEAT_LEAST_NS ? BEAT_LEAST_NS : h->every_ns;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->due, NULL);
    return h;
}

void heartbeat_begin(struct heartbeat *h)
{
    sigset_t all, old;
    store_relaxed(&h->busy, 1);
    session_keep_alive(h->session);
    pthread_mutex_lock(&h->lock);
    if (h->parked)
        pthread_cond_signal(&h->due);
    pthread_mutex_unlock(&h->lock);
    if (h->started)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    h->started = !pthread_create(&h->thread, NULL, beat, h); /* without it long waits end by their bound */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void heartbeat_end(struct heartbeat *h)
{
    store_relaxed(&h->busy, 0);
}

void heartbeat_free(struct heartbeat *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_cond_signal(&h->due);
    pthread_mutex_unlock(&h->lock);
    if (h->started)
        pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->due);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
