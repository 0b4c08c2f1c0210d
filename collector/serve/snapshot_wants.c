/*
 * collector/serve/snapshot_wants.c - who wants a snapshot: threads that hold,
 * processes that a signal ends, the API, marks of the user's. Others ask and wait; the
 * ingest thread puts them in line (snapshot_line.c) between two rounds.
 */
#include "serve/snapshots_state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_watch.h"

enum { RUNNING_MOST = 4096, UNKNOWN_ROUNDS = 5 };

/* ---- answers ---- */

void wants_answer(struct snapshots *s, struct ask *a, int result, const struct snapshot *snapshot)
{
    if (!a)
        return;
    pthread_mutex_lock(&s->lock);
    a->snapshot = snapshot;
    a->result = result;
    a->done = true;
    pthread_cond_broadcast(&s->answered);
    pthread_mutex_unlock(&s->lock);
}

/* ---- who holds ---- */

static void mark_set(struct waiting *w, const char *mark)
{
    strncpy(w->wish.mark, mark, sizeof w->wish.mark - 1);
}

static bool hold_wanted(const struct snapshots *s, const struct session_hold *h, enum snapshot_why *why)
{
    uint32_t plan = session_plan(s->host.session)->snapshots;
    *why = h->why == WIRE_HOLD_EXIT ? SNAPSHOT_EXIT : h->why == WIRE_HOLD_ABORT ? SNAPSHOT_ABORT : SNAPSHOT_MARK;
    return h->why == WIRE_HOLD_MARK ? plan & WIRE_SNAPSHOT_AT_MARK : plan & WIRE_SNAPSHOT_AT_EXIT;
}

void wants_see_holds(struct snapshots *s)
{
    struct session_hold h;
    enum snapshot_why why;
    while (session_hold_next(s->host.session, &h)) {
        if (h.why == WIRE_HOLD_FORK) {
            line_image_came(s, &h);
        } else if (!hold_wanted(s, &h, &why)) {
            session_hold_end(s->host.session, &h, false);
        } else {
            struct waiting *w = line_add(s, why, h.process);
            w->wish.hold = h;
            if (why == SNAPSHOT_ABORT) {
                s->aborted = xgrow(s->aborted, &s->aborted_capacity, s->n_aborted + 1, sizeof *s->aborted);
                s->aborted[s->n_aborted++] = h.process;
            }
            w->wish.pid = h.pid;
            mark_set(w, h.mark);
        }
    }
}

/* ---- who asks ---- */

/* Processes that run; to be freed. */
static uint32_t *running(const struct snapshots *s, size_t *n)
{
    uint32_t *list = xcalloc(RUNNING_MOST, sizeof *list);
    *n = session_running(s->host.session, list, RUNNING_MOST);
    if (*n > RUNNING_MOST)
        *n = RUNNING_MOST;
    return list;
}

/* That it runs, or which one does. 0 or -ESRCH, -EINVAL. */
static int process_choose(const struct snapshots *s, uint32_t *process)
{
    size_t n, i;
    uint32_t *list = running(s, &n);
    int e = 0;
    for (i = 0; i < n && list[i] != *process; i++)
        ;
    if (*process)
        e = i < n ? 0 : -ESRCH;
    else if (n == 1)
        *process = list[0];
    else
        e = n ? -EINVAL : -ESRCH;
    free(list);
    return e;
}

static void ask_snapshot(struct snapshots *s, struct ask *a)
{
    uint32_t process = a->pid ? session_process_of(s->host.session, a->pid) : a->process;
    int e = a->pid && !process ? -ESRCH : process_choose(s, &process);
    if (e) {
        wants_answer(s, a, e, NULL);
        return;
    }
    struct waiting *w = line_add(s, SNAPSHOT_ASKED, process);
    w->ask = a;
    w->fork = s->host.fork && w->wish.pid;
}

static void ask_mark(struct snapshots *s, struct ask *a)
{
    struct event e = {.type = EVENT_MARK, .text = a->mark, .text_bytes = (uint16_t)strlen(a->mark)};
    size_t n;
    uint32_t *list = running(s, &n);
    session_tell(s->host.session, s->host.code, s->host.sink, s->host.context, &e);
    if (session_plan(s->host.session)->snapshots & WIRE_SNAPSHOT_AT_MARK)
        for (size_t i = 0; i < n; i++)
            mark_set(line_add(s, SNAPSHOT_MARK, list[i]), a->mark);
    free(list);
    wants_answer(s, a, 0, NULL);
}

static void asks_see(struct snapshots *s)
{
    struct ask *a, *next;
    pthread_mutex_lock(&s->lock);
    a = s->asks;
    s->asks = NULL;
    pthread_mutex_unlock(&s->lock);
    for (; a; a = next) {
        next = a->next;
        if (a->mark)
            ask_mark(s, a);
        else
            ask_snapshot(s, a);
    }
}

/* ---- whom a signal ends ---- */

/* abort() has had its snapshot before it raised its signal. */
static bool has_aborted(const struct snapshots *s, uint32_t process)
{
    for (size_t i = 0; i < s->n_aborted; i++)
        if (s->aborted[i] == process)
            return true;
    return false;
}

/* What it says of itself may still lie in its ring: it is looked for again behind the next rounds. */
static bool dying_later(struct snapshots *s, struct dying *d)
{
    if (++d->rounds > UNKNOWN_ROUNDS)
        return false;
    pthread_mutex_lock(&s->lock);
    d->next = s->dying;
    s->dying = d;
    pthread_mutex_unlock(&s->lock);
    session_wake(s->host.session);
    return true;
}

static void dying_see(struct snapshots *s)
{
    struct dying *d, *next;
    pthread_mutex_lock(&s->lock);
    d = s->dying;
    s->dying = NULL;
    pthread_mutex_unlock(&s->lock);
    for (; d; d = next) {
        uint32_t process = session_process_of(s->host.session, d->pid);
        next = d->next;
        if (!process && dying_later(s, d))
            continue;
        if (!process || (d->signal_number == SIGABRT && has_aborted(s, process)))
            heap_watch_release(d->pid);
        else
            line_add(s, SNAPSHOT_SIGNAL, process)->wish.dying = d->pid;
        free(d);
    }
}

void wants_see(struct snapshots *s)
{
    wants_see_holds(s);
    asks_see(s);
    dying_see(s);
}

void wants_end(struct snapshots *s)
{
    struct ask *a, *next;
    struct dying *dying, *later;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    dying = s->dying;
    s->dying = NULL;
    a = s->asks;
    s->asks = NULL;
    pthread_mutex_unlock(&s->lock);
    for (; a; a = next) {
        next = a->next;
        wants_answer(s, a, -ECANCELED, NULL);
    }
    for (; dying; dying = later) {
        later = dying->next;
        heap_watch_release(dying->pid);
        free(dying);
    }
}

/* ---- other threads ---- */

static int ask_wait(struct snapshots *s, struct ask *a)
{
    struct ask **at = &s->asks;
    pthread_mutex_lock(&s->lock);
    if (s->ending) {
        pthread_mutex_unlock(&s->lock);
        return -ECANCELED;
    }
    while (*at)
        at = &(*at)->next;
    *at = a;
    pthread_mutex_unlock(&s->lock);
    session_wake(s->host.session);
    pthread_mutex_lock(&s->lock);
    while (!a->done)
        pthread_cond_wait(&s->answered, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return a->result;
}

int snapshots_ask(struct snapshots *s, uint32_t process, pid_t pid, const struct snapshot **out)
{
    struct ask a = {.process = process, .pid = pid};
    int e = ask_wait(s, &a);
    *out = a.snapshot;
    return e;
}

int snapshots_mark(struct snapshots *s, const char *name)
{
    struct ask a = {.mark = name};
    if (!*name || strlen(name) >= WISH_MARK_BYTES)
        return -EINVAL;
    return ask_wait(s, &a);
}

bool snapshots_fatal(struct snapshots *s, pid_t pid, int signal_number)
{
    struct dying *d = xcalloc(1, sizeof *d);
    bool ending;
    d->pid = pid;
    d->signal_number = signal_number;
    pthread_mutex_lock(&s->lock);
    ending = s->ending;
    if (!ending) {
        d->next = s->dying;
        s->dying = d;
    }
    pthread_mutex_unlock(&s->lock);
    if (ending)
        free(d);
    else
        session_wake(s->host.session);
    return !ending;
}
