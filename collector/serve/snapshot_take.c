/*
 * collector/serve/snapshot_take.c - see snapshot_take.h.
 */
#include "serve/snapshot_take.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_refusal.h"
#include "heap/heap_watch.h"
#include "wire/clock.h"

enum { REALLOC_TRIES = 5, REALLOC_NAP_US = 100, FORK_NAP_US = 50, LONG_BYTES = 32 << 20, LONG_BLOCKS = 50000 };
#define FORK_NS 1000000000ull   /* a fork of a large process, with its page tables, takes no longer */

struct take *take_new(struct taker *t, const struct wish *w, uint64_t most_bytes)
{
    struct take *k = xcalloc(1, sizeof *k);
    k->taker = t;
    k->wish = *w;
    k->most_bytes = most_bytes;
    k->snapshot = snapshot_new();
    k->snapshot->why = (uint8_t)w->why;
    if (w->why == SNAPSHOT_MARK)
        k->snapshot->mark = xstrdup(w->mark);
    k->image_fd = -1;
    return k;
}

void take_free(struct take *k)
{
    if (!k)
        return;
    heap_image_free(k->image);
    heap_stop_free(&k->stop);
    take_image_end(k);
    trace_packed_free(k->packed);
    heap_code_free(&k->code);
    free(k->threads);
    free(k->said);
    snapshot_free(k->snapshot);
    free(k);
}

void take_refuse(struct take *k, char *why)
{
    heap_image_free(k->image);
    k->image = NULL;
    snapshot_refuse(k->snapshot, why);
}

void take_image_end(struct take *k)
{
    if (k->image_fd < 0)
        return;
    syscall(SYS_pidfd_send_signal, k->image_fd, SIGKILL, NULL, 0);
    close(k->image_fd);
    k->image_fd = -1;
}

bool take_image_stands(const struct take *k)
{
    struct pollfd p = {.fd = k->image_fd, .events = POLLIN};
    return k->image_fd < 0 || poll(&p, 1, 0) == 0;
}

/* ---- standing still ---- */

static void settle(struct take *k)
{
    const struct snapshots_host *h = k->taker->host;
    if (session_settle(h->session, h->code, h->sink, h->context, k->wish.process) == -ETIMEDOUT)
        k->snapshot->doubtful = true;
}

/* Of a thread that runs, where it is its pthread_t; 0: not known. */
static uint64_t thread_pointer(const struct graph *g, uint32_t process, pid_t tid)
{
    struct graph_thread threads[8]; /* of a process with one thread */
    size_t n = graph_heap_threads(g, process, threads, 8);
#if !defined(__x86_64__)
    n = 0;
#endif
    for (size_t i = 0; i < n && i < 8; i++)
        if (!threads[i].ended && (pid_t)threads[i].tid == tid)
            return threads[i].pthread;
    return 0;
}

static int stop(struct take *k, struct heap_held held)
{
    const struct graph *g = k->taker->host->graph;
    if (held.tid && heap_stop_alone(&k->stop, k->wish.pid, held, thread_pointer(g, k->wish.process, held.tid)))
        return 0;
    return heap_stop_begin(&k->stop, k->wish.pid, held);
}

/* Stops it at a moment that is between no two halves of a realloc, if there is
 * one to be had. 0 or heap_stop_begin's error. */
static int stand(struct take *k, struct heap_held held)
{
    uint64_t blocks;
    for (unsigned tries = 0;; tries++) {
        int e = stop(k, held);
        settle(k);
        if (e || graph_heap_ready(k->taker->host->graph, k->wish.process, &blocks) != -EAGAIN || tries == REALLOC_TRIES ||
            k->wish.dying) /* it will not get any further */
            return e;
        heap_stop_end(&k->stop);
        heap_stop_free(&k->stop);
        usleep(REALLOC_NAP_US);
    }
}

/* Here it is, in the stream. */
static void tell(struct take *k)
{
    const struct snapshots_host *h = k->taker->host;
    uint64_t blocks = 0;
    struct event e = {.type = EVENT_SNAPSHOT, .process = k->wish.process, .address = ++k->taker->number,
                      .family = (uint8_t)k->wish.why};
    graph_heap_ready(h->graph, k->wish.process, &blocks);
    e.size = blocks;
    session_tell(h->session, h->code, h->sink, h->context, &e);
    k->snapshot->number = k->taker->number;
}

static void hold_answer(struct take *k)
{
    if (k->wish.hold.thread)
        session_hold_end(k->taker->host->session, &k->wish.hold, false);
    if (k->wish.dying)
        heap_watch_release(k->wish.dying);
    k->wish.dying = 0;
    k->wish.hold.thread = 0; /* it may hold again at once, for another */
}

static void let_go(struct take *k)
{
    k->snapshot->pause_ns = heap_stop_end(&k->stop);
    if (!k->snapshot->pause_ns)
        k->snapshot->pause_ns = wire_clock_monotonic_ns() - k->stop.began_ns; /* it was alone */
    k->snapshot->stacks_unknown = k->stop.missed > 0;
    hold_answer(k);
}

static bool is_gone(int e) { return e == -ESRCH || e == -ENOENT; }

/* The line that says why; `said` is what the room below knows, "" when that is nothing. */
static char *reason(int e, const char *said)
{
    if (said && *said)
        return xstrdup(said);
    return xasprintf("its memory cannot be read: %s", strerror(-e));
}

/* ---- room ---- */

static void room_make(void *context)
{
    struct take *k = context;
    const struct snapshots_host *h = k->taker->host;
    struct heap_image_options o = {.segment_path = session_segment_path(h->session),
                                   .shim_path = (const char *)session_plan(h->session)->preload_path,
                                   .most_bytes = k->most_bytes};
    k->error = heap_image_prepare(&k->image, k->wish.pid, &o);
    if (k->error)
        k->said = reason(k->error, heap_image_text());
}

/* ---- standing ---- */

/* The blocks alone, as they are now. */
static int stand_unread(struct take *k, char *why)
{
    settle(k);
    tell(k);
    hold_answer(k);
    take_refuse(k, why);
    return 0;
}

/* Its thread held for it, and holds no more. */
static bool went_on(const struct take *k)
{
    return k->wish.hold.thread && !session_hold_lasts(k->taker->host->session, &k->wish.hold);
}

static char *went_on_text(const struct take *k)
{
    return xasprintf("it went on after --wait-ms (%llu ms) amid its own snapshot",
                     (unsigned long long)(session_plan(k->taker->host->session)->wait_ns / 1000000));
}

static bool runs(pid_t pid)
{
    char state = heap_refusal_state(pid, pid);
    return state && state != 'Z' && state != 'X';
}

static int stand_and_copy(struct take *k)
{
    struct heap_held held = {.tid = k->wish.hold.tid, .sp = k->wish.hold.sp};
    int e;
    if (!k->wish.pid)
        return stand_unread(k, xstrdup("it runs in another pid namespace than the collector, which cannot find it there"));
    if (is_gone(k->error))
        return -ESRCH;
    if (k->error == -EFBIG && k->most_bytes)
        return -EFBIG;
    if (went_on(k))
        return runs(k->wish.pid) ? stand_unread(k, went_on_text(k)) : -ESRCH;
    if (k->error)
        return stand_unread(k, xstrdup(k->said));
    e = stand(k, held);
    if (is_gone(e))
        return -ESRCH;
    if (e)
        return stand_unread(k, reason(e, heap_stop_text()));
    if (!session_is_ours(k->taker->host->session)) {
        heap_stop_end(&k->stop);
        return -ESTALE;
    }
    tell(k);
    e = heap_image_copy(k->image, &k->stop);
    /* one that is held is not always stopped: what was read since it went on is of no moment */
    char *why = went_on(k) ? went_on_text(k) : e && !is_gone(e) ? reason(e, heap_image_text()) : NULL;
    let_go(k);
    if (is_gone(e) && !why)
        return -ESRCH;
    k->snapshot->how = SNAPSHOT_COPIED;
    k->bytes = heap_image_bytes(k->image);
    if (why)
        take_refuse(k, why);
    return 0;
}

/* ---- what the graph knows ---- */

/* Of that moment: nothing has been folded since. */
static void know(void *context)
{
    struct take *k = context;
    struct graph *g = k->taker->host->graph;
    bool doubtful = k->snapshot->doubtful;
    size_t n;
    k->error = graph_heap_take(g, k->wish.process, true, k->snapshot);
    if (k->error)
        return;
    k->snapshot->doubtful |= doubtful;
    n = graph_heap_threads(g, k->wish.process, NULL, 0);
    struct graph_thread *threads = xcalloc(n + 1, sizeof *threads);
    n = graph_heap_threads(g, k->wish.process, threads, n);
    k->threads = xcalloc(n + 1, sizeof *k->threads);
    k->n_threads = n;
    for (size_t i = 0; i < n; i++)
        k->threads[i] = (struct heap_known_thread){.serial = threads[i].serial, .tid = (pid_t)threads[i].tid,
                                                   .pthread = threads[i].pthread, .ended = threads[i].ended};
    free(threads);
}

/* ---- all steps ---- */

static void lend(struct taker *t, bool lent)
{
    if (t->lent == lent)
        return;
    t->lent = lent;
    t->host->lend(t->host->context, lent);
}

/* Here, or aside where it takes long. */
static void work(struct take *k, void (*piece)(void *context), bool is_long, bool wait)
{
    if (is_long && !wait)
        aside_start(&k->taker->aside, k->taker->host->session, piece, k);
    else
        piece(k);
}

/* One step; the next one has begun, aside or not at all. */
static int step(struct take *k, bool wait)
{
    struct taker *t = k->taker;
    uint64_t blocks = 0;
    int e = 0;
    switch (k->step) {
    case TAKE_ROOM:
        heartbeat_begin(t->heart); /* for what is done here: who holds waits */
        if (k->wish.pid && !went_on(k))
            work(k, room_make, heap_resident_bytes(k->wish.pid) >= LONG_BYTES, wait);
        heartbeat_end(t->heart);
        k->step = TAKE_STAND;
        return 0;
    case TAKE_STAND:
        heartbeat_begin(t->heart);
        e = stand_and_copy(k);
        heartbeat_end(t->heart);
        k->step = TAKE_KNOW;
        return e;
    case TAKE_KNOW:
        graph_heap_ready(t->host->graph, k->wish.process, &blocks);
        lend(t, blocks >= LONG_BLOCKS && !wait);
        work(k, know, t->lent, wait);
        k->step = TAKE_KNOWN;
        return 0;
    default:
        return k->error;
    }
}

int take_go_on(struct take *k, bool wait)
{
    for (;;) {
        enum take_step now = k->step;
        int e;
        if (!aside_ended(&k->taker->aside, wait))
            return -EINPROGRESS;
        lend(k->taker, false);
        if (now == TAKE_STAND && !k->taker->host->current(k->taker->host->context, wait))
            return -EINPROGRESS;
        e = step(k, wait);
        if (e)
            return is_gone(e) ? -ESRCH : e;
        if (now == TAKE_KNOWN)
            return 0;
    }
}

/* ---- forked ---- */

/* A traced process said so, so it is looked at: that it is a child of that very process. */
static bool is_child(pid_t pid, pid_t parent)
{
    char path[64], line[512], *at;
    int ppid = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    if (fgets(line, sizeof line, f) && (at = strrchr(line, ')')) && sscanf(at + 1, " %*c %d", &ppid) != 1)
        ppid = 0;
    fclose(f);
    return ppid == parent;
}

/* Waits for the word of the thread that forks. */
static pid_t image_await(struct session *s, const struct session_hold *h)
{
    uint64_t until = wire_clock_monotonic_ns() + FORK_NS;
    pid_t pid;
    while (!(pid = session_image(s, h)) && wire_clock_monotonic_ns() < until)
        usleep(FORK_NAP_US);
    return pid;
}

static int stand_and_fork(struct take *k, const struct session_hold *h)
{
    const struct snapshots_host *host = k->taker->host;
    struct heap_image_options o = {.segment_path = session_segment_path(host->session),
                                   .shim_path = (const char *)session_plan(host->session)->preload_path};
    struct heap_held held = {.tid = h->tid, .sp = h->sp};
    pid_t pid;
    int e = stand(k, held);
    if (e) {
        session_hold_end(host->session, h, false);
        return is_gone(e) ? -ESRCH : -EAGAIN;
    }
    session_hold_end(host->session, h, true);
    pid = image_await(host->session, h);
    if (pid > 0)
        k->image_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (k->image_fd >= 0 && !is_child(pid, k->wish.pid)) {
        close(k->image_fd);
        k->image_fd = -1;
    }
    if (k->image_fd >= 0)
        tell(k);
    let_go(k);
    if (k->image_fd < 0)
        return -EAGAIN;
    k->snapshot->how = SNAPSHOT_FORKED;
    return heap_image_of(&k->image, pid, &k->stop, &o) ? -EAGAIN : 0; /* it ended at once, or cannot be read */
}

int take_fork(struct take *k, const struct session_hold *h)
{
    int e;
    heartbeat_begin(k->taker->heart);
    e = stand_and_fork(k, h);
    heartbeat_end(k->taker->heart);
    k->step = TAKE_KNOW;
    return e;
}
