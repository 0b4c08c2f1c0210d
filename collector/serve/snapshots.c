/*
 * collector/serve/snapshots.c - see snapshots.h.
 *
 * A wish waits in line until there is room for its copy, and, when its process
 * is to fork an image, until a thread of it has come by. Asks belong to the
 * threads that wait for them; kept snapshots and asks are under the lock, all
 * else is the ingest thread's.
 */
#include "serve/snapshots.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_watch.h"
#include "serve/heartbeat.h"
#include "serve/snapshot_keep.h"
#include "serve/snapshot_scan.h"
#include "serve/snapshot_take.h"
#include "wire/clock.h"

enum { SCANS_MOST = 64, RUNNING_MOST = 4096, UNKNOWN_ROUNDS = 5 };
#define IMAGE_WAIT_NS 200000000ull      /* a thread of a process that forks has come by, or it is copied */

/* What a thread waits for. */
struct ask {
    uint32_t process;               /* 0: `pid`, or the one that runs */
    pid_t pid;
    const char *mark;               /* NULL: a snapshot */
    const struct snapshot *snapshot;
    int result;
    bool done;
    struct ask *next;
};

/* A process that stands for its fatal signal. */
struct dying {
    pid_t pid;
    int signal_number;
    unsigned rounds;                /* that it was not known in */
    struct dying *next;
};

/* A wish in line. */
struct waiting {
    struct wish wish;
    struct ask *ask;                /* NULL: nobody waits for the result */
    bool fork, asked;               /* an image is wanted; its process was asked */
    uint64_t asked_ns;
    struct waiting *next;
};

struct snapshots {
    struct snapshots_host host;
    struct taker taker;
    struct scanner *scanner;
    struct waiting *line;
    struct take *current;           /* of the first in line, once it was begun */
    struct waiting *imaged;         /* whose process was asked for an image; it stands in line */
    uint64_t most_bytes;            /* of copies that wait */
    uint32_t *aborted; size_t n_aborted, aborted_capacity; /* processes that had one in abort() */
    bool full;                      /* there was no room: until a scan ends */

    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct ask *asks;
    struct dying *dying;
    struct keep keep;
    bool ending;
};

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

/* ---- answers ---- */

/* The ask's thread may be gone the moment the lock is given up. */
static void ask_answer(struct snapshots *s, struct ask *a, int result, const struct snapshot *snapshot)
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
    ask_answer(s, a, 0, made);
    take_free(k);
}

/* ---- wishes ---- */

static struct waiting *wish_add(struct snapshots *s, enum snapshot_why why, uint32_t process)
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

static void mark_set(struct waiting *w, const char *mark)
{
    strncpy(w->wish.mark, mark, sizeof w->wish.mark - 1);
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
        ask_answer(s, a, error, NULL);
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
        wish_add(s, k->wish.why, k->wish.process)->ask = a;
    else
        ask_answer(s, a, -ESRCH, NULL);
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

static void scans_fetch(struct snapshots *s, bool wait)
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
static void image_came(struct snapshots *s, const struct session_hold *h)
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

static void wishes_serve(struct snapshots *s)
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

/* ---- who wants one ---- */

static bool hold_wanted(const struct snapshots *s, const struct session_hold *h, enum snapshot_why *why)
{
    uint32_t plan = session_plan(s->host.session)->snapshots;
    *why = h->why == WIRE_HOLD_EXIT ? SNAPSHOT_EXIT : h->why == WIRE_HOLD_ABORT ? SNAPSHOT_ABORT : SNAPSHOT_MARK;
    return h->why == WIRE_HOLD_MARK ? plan & WIRE_SNAPSHOT_AT_MARK : plan & WIRE_SNAPSHOT_AT_EXIT;
}

static void holds_see(struct snapshots *s)
{
    struct session_hold h;
    enum snapshot_why why;
    while (session_hold_next(s->host.session, &h)) {
        if (h.why == WIRE_HOLD_FORK) {
            image_came(s, &h);
        } else if (!hold_wanted(s, &h, &why)) {
            session_hold_end(s->host.session, &h, false);
        } else {
            struct waiting *w = wish_add(s, why, h.process);
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
        ask_answer(s, a, e, NULL);
        return;
    }
    struct waiting *w = wish_add(s, SNAPSHOT_ASKED, process);
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
            mark_set(wish_add(s, SNAPSHOT_MARK, list[i]), a->mark);
    free(list);
    ask_answer(s, a, 0, NULL);
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
            wish_add(s, SNAPSHOT_SIGNAL, process)->wish.dying = d->pid;
        free(d);
    }
}

/* ---- rounds ---- */

void snapshots_round(struct snapshots *s)
{
    scans_fetch(s, false);
    holds_see(s);
    asks_see(s);
    dying_see(s);
    wishes_serve(s);
}

bool snapshots_idle(const struct snapshots *s) { return !s->line; }

void snapshots_wait(struct snapshots *s)
{
    if (s->current)
        current_go_on(s, true);
}

static void line_drop(struct snapshots *s)
{
    while (s->line)
        wish_done(s, s->line, NULL, -ECANCELED);
}

void snapshots_finish(struct snapshots *s)
{
    struct ask *a, *next;
    struct dying *dying, *later;
    holds_see(s);
    while (s->current && !current_go_on(s, true))
        ;
    line_drop(s);
    scans_fetch(s, true);
    line_drop(s); /* of images that ended meanwhile */
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    dying = s->dying;
    s->dying = NULL;
    a = s->asks;
    s->asks = NULL;
    pthread_mutex_unlock(&s->lock);
    for (; a; a = next) {
        next = a->next;
        ask_answer(s, a, -ECANCELED, NULL);
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
