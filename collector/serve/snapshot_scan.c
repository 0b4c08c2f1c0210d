/*
 * collector/serve/snapshot_scan.c - see snapshot_scan.h.
 */
#include "serve/snapshot_scan.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

struct queue { struct take *first, **end; };

struct scanner {
    struct session *session;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, done;
    struct queue to_scan, scanned;  /* all below under the lock */
    size_t waiting;                 /* put and not fetched */
    uint64_t bytes;                 /* of images that were not scanned */
    bool started, ending;
};

static void queue_add(struct queue *q, struct take *k)
{
    k->next = NULL;
    *q->end = k;
    q->end = &k->next;
}

static struct take *queue_take(struct queue *q)
{
    struct take *k = q->first;
    if (k && !(q->first = k->next))
        q->end = &q->first;
    return k;
}

static void scan(struct scanner *c, struct take *k)
{
    struct heap_scan_input in = {.image = k->image, .stop = &k->stop, .threads = k->threads, .n_threads = k->n_threads,
                                 .shim_path = (const char *)session_plan(c->session)->preload_path};
    k->error = heap_scan(k->snapshot, &in, &k->code);
    if (!k->error)
        k->error = heap_image_error(k->image);
    if (!k->error && !take_image_stands(k))
        k->error = -ESRCH;
    heap_image_free(k->image);
    k->image = NULL;
    take_image_end(k);
    if (!k->error)
        k->packed = trace_snapshot_pack(k->snapshot);
}

static void *work(void *context)
{
    struct scanner *c = context;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct take *k;
        while (!c->to_scan.first && !c->ending)
            pthread_cond_wait(&c->more, &c->lock);
        if (!(k = queue_take(&c->to_scan)))
            break;
        pthread_mutex_unlock(&c->lock);
        scan(c, k);
        pthread_mutex_lock(&c->lock);
        c->bytes -= k->bytes;
        queue_add(&c->scanned, k);
        pthread_cond_signal(&c->done);
        session_wake(c->session);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

struct scanner *scanner_new(struct session *s)
{
    struct scanner *c = xcalloc(1, sizeof *c);
    c->session = s;
    c->to_scan.end = &c->to_scan.first;
    c->scanned.end = &c->scanned.first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
    pthread_cond_init(&c->done, NULL);
    return c;
}

static bool start(struct scanner *c)
{
    sigset_t all, old;
    if (c->started)
        return true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    c->started = !pthread_create(&c->thread, NULL, work, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return c->started;
}

/* Where no thread can be had, the caller scans. */
void scanner_put(struct scanner *c, struct take *k)
{
    bool started = start(c);
    if (!started)
        scan(c, k);
    pthread_mutex_lock(&c->lock);
    c->waiting++;
    if (started)
        c->bytes += k->bytes;
    queue_add(started ? &c->to_scan : &c->scanned, k);
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
}

struct take *scanner_done(struct scanner *c, bool wait)
{
    struct take *k;
    pthread_mutex_lock(&c->lock);
    while (!(k = queue_take(&c->scanned)) && wait && c->waiting)
        pthread_cond_wait(&c->done, &c->lock);
    c->waiting -= k != NULL;
    pthread_mutex_unlock(&c->lock);
    return k;
}

size_t scanner_waiting(struct scanner *c, uint64_t *bytes)
{
    size_t n;
    pthread_mutex_lock(&c->lock);
    n = c->waiting;
    *bytes = c->bytes;
    pthread_mutex_unlock(&c->lock);
    return n;
}

void scanner_free(struct scanner *c)
{
    struct take *k;
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    if (c->started)
        pthread_join(c->thread, NULL);
    while ((k = queue_take(&c->scanned)))
        take_free(k);
    pthread_cond_destroy(&c->more);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
