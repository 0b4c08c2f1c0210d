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
#include "wire/clock.h"

enum { REALLOC_TRIES = 5, REALLOC_NAP_US = 100, FORK_NAP_US = 50 };
#define FORK_NS 1000000000ull   /* a fork of a large process, with its page tables, takes no longer */

static struct take *take_new(const struct wish *w)
{
    struct take *k = xcalloc(1, sizeof *k);
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
    snapshot_free(k->snapshot);
    free(k);
}

void take_refuse(struct take *k, char *why)
{
    struct snapshot *s = k->snapshot;
    heap_image_free(k->image);
    k->image = NULL;
    free(s->refused);
    s->refused = why;
    s->how = SNAPSHOT_UNREAD;
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

static void settle(struct taker *t, struct take *k, uint32_t process)
{
    const struct snapshots_host *h = t->host;
    if (session_settle(h->session, h->code, h->sink, h->context, process) == -ETIMEDOUT)
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

static int stop(struct taker *t, const struct wish *w, struct heap_held held, struct take *k)
{
    if (held.tid && heap_stop_alone(&k->stop, w->pid, held, thread_pointer(t->host->graph, w->process, held.tid)))
        return 0;
    return heap_stop_begin(&k->stop, w->pid, held);
}

/* Stops it at a moment that is between no two halves of a realloc, if there is
 * one to be had. 0 or heap_stop_begin's error. */
static int stand(struct taker *t, const struct wish *w, struct heap_held held, struct take *k)
{
    uint64_t blocks;
    for (unsigned tries = 0;; tries++) {
        int e = stop(t, w, held, k);
        settle(t, k, w->process);
        if (e || graph_heap_ready(t->host->graph, w->process, &blocks) != -EAGAIN || tries == REALLOC_TRIES)
            return e;
        heap_stop_end(&k->stop);
        heap_stop_free(&k->stop);
        usleep(REALLOC_NAP_US);
    }
}

/* Here it is, in the stream. */
static void tell(struct taker *t, const struct wish *w, struct take *k)
{
    const struct snapshots_host *h = t->host;
    uint64_t blocks = 0;
    struct event e = {.type = EVENT_SNAPSHOT, .process = w->process, .address = ++t->number, .family = (uint8_t)w->why};
    graph_heap_ready(h->graph, w->process, &blocks);
    e.size = blocks;
    session_tell(h->session, h->code, h->sink, h->context, &e);
    k->snapshot->number = t->number;
}

/* What the graph knows of that moment: nothing has been folded since. */
static int know(struct taker *t, const struct wish *w, struct take *k)
{
    const struct graph *g = t->host->graph;
    bool doubtful = k->snapshot->doubtful;
    size_t n;
    int e = graph_heap_take(t->host->graph, w->process, true, k->snapshot);
    if (e)
        return e;
    k->snapshot->doubtful |= doubtful;
    n = graph_heap_threads(g, w->process, NULL, 0);
    struct graph_thread *threads = xcalloc(n + 1, sizeof *threads);
    n = graph_heap_threads(g, w->process, threads, n);
    k->threads = xcalloc(n + 1, sizeof *k->threads);
    k->n_threads = n;
    for (size_t i = 0; i < n; i++)
        k->threads[i] = (struct heap_known_thread){.serial = threads[i].serial, .tid = (pid_t)threads[i].tid,
                                                   .pthread = threads[i].pthread, .ended = threads[i].ended};
    free(threads);
    return 0;
}

static void let_go(struct taker *t, const struct wish *w, struct take *k)
{
    k->snapshot->pause_ns = heap_stop_end(&k->stop);
    if (!k->snapshot->pause_ns)
        k->snapshot->pause_ns = wire_clock_monotonic_ns() - k->stop.began_ns; /* it was alone */
    k->snapshot->stacks_unknown = k->stop.missed > 0;
    if (w->hold.thread)
        session_hold_end(t->host->session, &w->hold, false);
}

/* ---- copied ---- */

static bool is_gone(int e) { return e == -ESRCH || e == -ENOENT; }

/* The line that says why; `said` is what the room below knows, "" when that is nothing. */
static char *reason(int e, const char *said)
{
    if (said && *said)
        return xstrdup(said);
    return xasprintf("its memory cannot be read: %s", strerror(-e));
}

/* The blocks alone, as they are now. */
static int take_unread(struct taker *t, const struct wish *w, struct take *k, char *why)
{
    settle(t, k, w->process);
    tell(t, w, k);
    if (w->hold.thread)
        session_hold_end(t->host->session, &w->hold, false);
    take_refuse(k, why);
    return know(t, w, k);
}

static int copy(struct taker *t, const struct wish *w, uint64_t most_bytes, struct take *k)
{
    const struct wire_plan *plan = session_plan(t->host->session);
    struct heap_image_options o = {.segment_path = session_segment_path(t->host->session),
                                   .shim_path = (const char *)plan->preload_path, .most_bytes = most_bytes};
    struct heap_held held = {.tid = w->hold.tid, .sp = w->hold.sp};
    int e;
    if (!w->pid)
        return take_unread(t, w, k, xstrdup("it runs in another pid namespace than the collector, which cannot find it there"));
    e = heap_image_prepare(&k->image, w->pid, &o);
    if (is_gone(e) || (e == -EFBIG && most_bytes))
        return e == -EFBIG ? e : -ESRCH;
    if (e)
        return take_unread(t, w, k, reason(e, heap_image_text()));
    e = stand(t, w, held, k);
    if (is_gone(e))
        return -ESRCH;
    if (e)
        return take_unread(t, w, k, reason(e, heap_stop_text()));
    if (!session_is_ours(t->host->session)) {
        heap_stop_end(&k->stop);
        return -ESTALE;
    }
    tell(t, w, k);
    e = heap_image_copy(k->image, &k->stop);
    char *why = e && !is_gone(e) ? reason(e, heap_image_text()) : NULL;
    let_go(t, w, k);
    if (is_gone(e))
        return -ESRCH;
    k->snapshot->how = SNAPSHOT_COPIED;
    k->bytes = heap_image_bytes(k->image);
    if (why)
        take_refuse(k, why);
    return know(t, w, k);
}

int take_copied(struct taker *t, const struct wish *w, uint64_t most_bytes, struct take **out)
{
    struct take *k = take_new(w);
    int e;
    *out = NULL;
    heartbeat_begin(t->heart);
    e = copy(t, w, most_bytes, k);
    heartbeat_end(t->heart);
    if (e)
        take_free(k);
    else
        *out = k;
    return e == -ENOENT ? -ESRCH : e;
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
static pid_t image_await(struct taker *t, const struct session_hold *h)
{
    uint64_t until = wire_clock_monotonic_ns() + FORK_NS;
    pid_t pid;
    while (!(pid = session_image(t->host->session, h)) && wire_clock_monotonic_ns() < until)
        usleep(FORK_NAP_US);
    return pid;
}

static int fork_image(struct taker *t, const struct wish *w, const struct session_hold *h, struct take *k)
{
    const struct wire_plan *plan = session_plan(t->host->session);
    struct heap_image_options o = {.segment_path = session_segment_path(t->host->session),
                                   .shim_path = (const char *)plan->preload_path};
    struct heap_held held = {.tid = h->tid, .sp = h->sp};
    pid_t pid;
    int e = stand(t, w, held, k);
    session_image_unask(t->host->session);
    if (e) {
        session_hold_end(t->host->session, h, false);
        return is_gone(e) ? -ESRCH : -EAGAIN;
    }
    session_hold_end(t->host->session, h, true);
    pid = image_await(t, h);
    if (pid > 0) {
        k->image_fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (k->image_fd >= 0 && !is_child(pid, w->pid)) {
            close(k->image_fd);
            k->image_fd = -1;
        }
    }
    if (k->image_fd >= 0)
        tell(t, w, k);
    let_go(t, w, k);
    if (k->image_fd < 0)
        return -EAGAIN;
    k->snapshot->how = SNAPSHOT_FORKED;
    e = know(t, w, k);
    if (!e && (e = heap_image_of(&k->image, pid, &k->stop, &o))) {
        take_refuse(k, reason(e, heap_image_text()));
        e = 0;
    }
    return e;
}

int take_forked(struct taker *t, const struct wish *w, const struct session_hold *h, struct take **out)
{
    struct take *k = take_new(w);
    int e;
    *out = NULL;
    heartbeat_begin(t->heart);
    e = fork_image(t, w, h, k);
    heartbeat_end(t->heart);
    if (e)
        take_free(k);
    else
        *out = k;
    return e == -ENOENT ? -ESRCH : e;
}
