/*
 * collector/serve/published.c - see published.h.
 */
#include "serve/published.h"

#include <stdlib.h>
#include <urcu-bp.h>

#include "event/xalloc.h"

/* A published view with its readers counted. */
struct box {
    struct view *view;
    long readers;       /* under the lock; the publication counts as one */
    struct box *next;
};

void published_init(struct published *p)
{
    *p = (struct published){ 0 };
    pthread_mutex_init(&p->lock, NULL);
}

/* Under the lock. */
static void box_put(struct published *p, struct box *b)
{
    struct box **at = &p->boxes;
    if (--b->readers)
        return;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    view_free(b->view);
    free(b);
}

void published_end(struct published *p)
{
    while (p->boxes) {
        p->boxes->readers = 1;
        box_put(p, p->boxes);
    }
    pthread_mutex_destroy(&p->lock);
}

void published_set(struct published *p, struct view *v)
{
    struct box *b = xcalloc(1, sizeof *b), *old;
    b->view = v;
    b->readers = 1;
    pthread_mutex_lock(&p->lock);
    b->next = p->boxes;
    p->boxes = b;
    pthread_mutex_unlock(&p->lock);
    old = rcu_xchg_pointer(&p->now, b);
    if (!old)
        return;
    synchronize_rcu(); /* nobody is between reading the pointer and counting itself */
    pthread_mutex_lock(&p->lock);
    box_put(p, old);
    pthread_mutex_unlock(&p->lock);
}

struct view *published_get(struct published *p)
{
    struct view *v = NULL;
    struct box *b;
    rcu_read_lock();
    b = rcu_dereference(p->now);
    if (b) {
        pthread_mutex_lock(&p->lock);
        b->readers++;
        v = b->view;
        pthread_mutex_unlock(&p->lock);
    }
    rcu_read_unlock();
    return v;
}

void published_put(struct published *p, struct view *v)
{
    struct box *b;
    pthread_mutex_lock(&p->lock);
    for (b = p->boxes; b && b->view != v; b = b->next)
        ;
    if (b)
        box_put(p, b);
    pthread_mutex_unlock(&p->lock);
}
