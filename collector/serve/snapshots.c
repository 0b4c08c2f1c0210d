/*
 * collector/serve/snapshots.c - see snapshots.h: its life, its rounds, its readers.
 * Who wants one stands in snapshot_wants.c, how it gets it in snapshot_line.c.
 */
#include "serve/snapshots_state.h"

#include <stdlib.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/heartbeat.h"

struct snapshots *snapshots_new(const struct snapshots_host *h)
{
    struct snapshots *s = xcalloc(1, sizeof *s);
    s->host = *h;
    s->taker = (struct taker){.host = &s->host, .heart = heartbeat_new(h->session), .number = h->number};
    s->scanner = scanner_new(h->session);
    s->most_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->answered, NULL);
    return s;
}

void snapshots_free(struct snapshots *s)
{
    if (!s)
        return;
    scanner_free(s->scanner);
    heartbeat_free(s->taker.heart);
    keep_end(&s->keep);
    pthread_cond_destroy(&s->answered);
    pthread_mutex_destroy(&s->lock);
    free(s->aborted);
    free(s);
}

/* ---- rounds ---- */

void snapshots_round(struct snapshots *s)
{
    line_fetch(s, false);
    wants_see(s);
    line_serve(s);
}

bool snapshots_idle(const struct snapshots *s) { return !s->line; }

void snapshots_finish(struct snapshots *s)
{
    wants_see_holds(s);
    line_finish_current(s);
    line_drop(s);
    line_fetch(s, true);
    line_drop(s); /* of images that ended meanwhile */
    wants_end(s);
}

/* ---- readers ---- */

size_t snapshots_newest(struct snapshots *s, const struct snapshot **list, size_t max)
{
    size_t n;
    pthread_mutex_lock(&s->lock);
    n = keep_newest(&s->keep, list, max);
    pthread_mutex_unlock(&s->lock);
    return n;
}

void snapshots_put(struct snapshots *s, const struct snapshot *snapshot)
{
    pthread_mutex_lock(&s->lock);
    keep_put(&s->keep, snapshot);
    pthread_mutex_unlock(&s->lock);
}
