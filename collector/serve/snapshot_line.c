/*
 * collector/serve/snapshot_line.c - wishes for snapshots in line, and what becomes of
 * each. Run by the ingest thread, between two rounds.
 *
 * A wish waits until there is room for its copy, and, when its process is to fork an
 * image, until a thread of it has come by. What was taken is scanned aside, and
 * published when that is done.
 */
#include "serve/snapshots_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_watch.h"
#include "wire/clock.h"

enum { SCANS_MOST = 64 };
#define IMAGE_WAIT_NS 200000000ull      /* a thread of a process that forks has come by, or it is copied */

/* ---- answers ---- */

/* Into the trace and to the readers. */
static void publish(struct snapshots *s, struct take *k)
{
    struct snapshot *made = k->snapshot;
    struct ask *a = k->owner;
    k->snapshot = NULL;
    s->host.write(s->host.context, made, k->packed);
    k->packed = NULL;
    pthread_mutex_lock(&s->lock);
    keep_add(&s->keep, made, s->host.session);
    if (a)
        keep_get(&s->keep, made);
    pthread_mutex_unlock(&s->lock);
    wants_answer(s, a, 0, made);
    take_free(k);
}

/* ---- wishes ---- */

struct waiting *line_add(struct snapshots *s, enum snapshot_why why, uint32_t process)
{
    struct waiting *w = xcalloc(1, sizeof *w), **at = &s->line;
    w->wish.why = why;
    w->wish.process = process;
    w->wish.pid = session_pid_of(s->host.session, process);
    while (*at)
        at = &(*at)->next;
    *at = w;
    return w;
}

static void wish_drop(struct snapshots *s, struct waiting *w)
{
    struct waiting **at = &s->line;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (s->imaged == w) {
        session_image_unask(s->host.session);
        s->imaged = NULL;
    }
    free(w);
}

static void wish_first(struct snapshots *s, struct waiting *w)
{
    struct waiting **at = &s->line;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    w->next = s->line;
    s->line = w;
}

/* What came of a wish: its snapshot, or nothing. */
static void wish_done(struct snapshots *s, struct waiting *w, struct take *k, int error)
{
    struct ask *a = w->ask;
    if (w->wish.hold.thread)
        session_hold_end(s->host.session, &w->wish.hold, false);
    if (w->wish.dying)
        heap_watch_release(w->wish.dying);
    wish_drop(s, w);
    if (!k) {
        wants_answer(s, a, error, NULL);
        return;
    }
    k->owner = a;
    if (k->image)
        scanner_put(s->scanner, k);
    else
        publish(s, k);
}

/* ---- scans ---- */

/* Its image ended, or could not be read, before all of it was: the half that was seen is
 * worth nothing, and the process is copied. */
static void copied_instead(struct snapshots *s, struct take *k)
{
    struct ask *a = k->owner;
    if (session_pid_of(s->host.session, k->wish.process))
        line_add(s, k->wish.why, k->wish.process)->ask = a;
    else
        wants_answer(s, a, -ESRCH, NULL);
    take_free(k);
}

static void scanned(struct snapshots *s, struct take *k)
{
    if (k->error && k->snapshot->how == SNAPSHOT_FORKED) {
        copied_instead(s, k);
        return;
    }
    if (k->error)
        take_refuse(k, xasprintf("its memory could not be scanned: %s", strerror(-k->error)));
    else
        heap_intern(k->snapshot, &k->code, s->host.code);
    publish(s, k);
}

void line_fetch(struct snapshots *s, bool wait)
{
    struct take *k;
    while ((k = scanner_done(s->scanner, wait))) {
        s->full = false;
        scanned(s, k);
    }
}

/* ---- wishes in turn ---- */

/* A copy of its memory. NULL: there is no room yet. */
static struct take *copy_begin(struct snapshots *s, const struct waiting *w)
{
    uint64_t bytes;
    size_t scans = scanner_waiting(s->scanner, &bytes);
    if (s->full || (scans && (scans >= SCANS_MOST || bytes >= s->most_bytes)))
        return NULL;
    return take_new(&s->taker, &w->wish, scans ? s->most_bytes - bytes : 0);
}

/* Goes on with the first in line. False: it takes its time. */
static bool current_go_on(struct snapshots *s, bool wait)
{
    struct take *k = s->current;
    int e = take_go_on(k, wait);
    if (e == -EINPROGRESS)
        return false;
    s->current = NULL;
    s->line->wish.hold = k->wish.hold;
    s->line->wish.dying = k->wish.dying;
    if (e) {
        take_free(k);
        k = NULL;
    }
    if (e == -EFBIG) {
        s->full = true; /* while another is scanned */
        return false;
    }
    wish_done(s, s->line, k, e);
    return true;
}

/* The process is asked for an image, one at a time. False: it takes a while. */
static bool wish_image(struct snapshots *s, struct waiting *w)
{
    uint64_t now_ns = wire_clock_monotonic_ns();
    if (s->imaged && s->imaged != w)
        return false;
    if (!w->asked && !heap_maps_unforked(w->wish.pid)) {
        w->asked = true;
        w->asked_ns = now_ns;
        s->imaged = w;
        session_image_ask(s->host.session, w->wish.process);
        return false;
    }
    if (w->asked && now_ns - w->asked_ns < IMAGE_WAIT_NS && session_pid_of(s->host.session, w->wish.process))
        return false;
    session_image_unask(s->host.session);
    s->imaged = NULL;
    w->fork = false;
    return true;
}

/* A thread of the process that was asked has come by. */
void line_image_came(struct snapshots *s, const struct session_hold *h)
{
    struct waiting *w = s->imaged;
    struct take *k;
    int e;
    session_image_unask(s->host.session);
    s->imaged = NULL;
    if (!w || w->wish.process != h->process || s->current || !s->host.current(s->host.context, false)) {
        session_hold_end(s->host.session, h, false);
        if (w)
            w->fork = false; /* it is copied */
        return;
    }
    k = take_new(&s->taker, &w->wish, 0);
    w->fork = false;
    e = take_fork(k, h);
    if (e) {
        take_free(k);
        if (e != -EAGAIN)
            wish_done(s, w, NULL, e);
        return;
    }
    wish_first(s, w);
    s->current = k;
}

void line_serve(struct snapshots *s)
{
    struct waiting *w, *next;
    if (s->current && !current_go_on(s, false))
        return;
    for (w = s->line; w; w = next) {
        next = w->next;
        if (!w->fork || wish_image(s, w)) {
            s->current = copy_begin(s, w);
            if (!s->current)
                return; /* in turn */
            wish_first(s, w);
            next = s->line->next;
            if (!current_go_on(s, false))
                return;
        }
    }
}

void snapshots_wait(struct snapshots *s)
{
    if (s->current)
        current_go_on(s, true);
}

void line_finish_current(struct snapshots *s)
{
    while (s->current && !current_go_on(s, true))
        ;
}

void line_drop(struct snapshots *s)
{
    while (s->line)
        wish_done(s, s->line, NULL, -ECANCELED);
}
