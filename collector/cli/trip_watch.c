/*
 * collector/cli/trip_watch.c - see trip_watch.h.
 */
#include "cli/trip_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/message.h"
#include "event/xalloc.h"
#include "serve/collector.h"

struct trip_watch {
    struct collector *collector;
    pthread_t thread;
};

static void *watch(void *context)
{
    const struct trip_watch *w = context;
    uint64_t seen = 0;
    char *why;
    bool goes_on;
    do {
        goes_on = collector_trip_wait(w->collector, &seen, &why);
        if (why)
            message("limit %s; see ownscope ctl -p %d list", why, (int)getpid());
        free(why);
    } while (goes_on);
    return NULL;
}

struct trip_watch *trip_watch_start(struct collector *c)
{
    struct trip_watch *w = xcalloc(1, sizeof *w);
    sigset_t all, old;
    w->collector = c;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error)
        return w;
    free(w);
    return NULL;
}

void trip_watch_stop(struct trip_watch *w)
{
    if (!w)
        return;
    pthread_join(w->thread, NULL);
    free(w);
}
