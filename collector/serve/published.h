/*
 * collector/serve/published.h - the view that API threads read while the ingest
 * thread folds on.
 *
 * Published by RCU (liburcu-bp): a reader takes a reference inside a read-side
 * section; a replaced view goes once its last reader has put it back.
 */
#ifndef OWNSCOPE_PUBLISHED_H
#define OWNSCOPE_PUBLISHED_H

#include <pthread.h>

#include "graph/view.h"

struct published {
    pthread_mutex_t lock;
    struct box *now;    /* rcu_dereference; NULL: none yet */
    struct box *boxes;  /* all that live, under the lock */
};

void published_init(struct published *p);
/* Nobody reads any more. */
void published_end(struct published *p);
/* The ingest thread: `v` is taken over. */
void published_set(struct published *p, struct view *v);

/* ---- any thread ---- */
/* The newest, to be put back; NULL: none yet. */
struct view *published_get(struct published *p);
void published_put(struct published *p, struct view *v);

#endif
