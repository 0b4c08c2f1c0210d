/*
 * collector/serve/aside.h - one piece of work in a thread of its own, while the
 * ingest thread goes on draining; its end wakes the ingest thread.
 */
#ifndef OWNSCOPE_ASIDE_H
#define OWNSCOPE_ASIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "session/session.h"

struct aside {
    struct session *session;
    void (*work)(void *context);
    void *context;
    pthread_t thread;
    atomic_u32 ended;
    bool started;
};

/* All zero: nothing is at work. Where no thread can be had, it is done here and now. */
void aside_start(struct aside *a, struct session *s, void (*work)(void *context), void *context);
/* True: it has ended, or nothing was started; the next may start. */
bool aside_ended(struct aside *a, bool wait);

#endif
