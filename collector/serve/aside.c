/*
 * collector/serve/aside.c - see aside.h.
 */
#include "serve/aside.h"

#include <signal.h>

static void *run(void *context)
{
    struct aside *a = context;
    a->work(a->context);
    store_release(&a->ended, 1); /* pairs with aside_ended */
    session_wake(a->session);
    return NULL;
}

void aside_start(struct aside *a, struct session *s, void (*work)(void *context), void *context)
{
    sigset_t all, old;
    a->session = s;
    a->work = work;
    a->context = context;
    store_relaxed(&a->ended, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    a->started = !pthread_create(&a->thread, NULL, run, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!a->started)
        work(context);
}

bool aside_ended(struct aside *a, bool wait)
{
    if (!a->started)
        return true;
    if (!wait && !load_acquire(&a->ended))
        return false;
    pthread_join(a->thread, NULL);
    a->started = false;
    return true;
}
