/*
 * collector/serve/collector.c - see collector.h.
 *
 * Threads: the ingest thread owns session, code, graph and writer. API threads
 * touch only `asked`, `answered` (under the lock) and the published box (RCU).
 */
#include "serve/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <urcu-bp.h>

#include "event/xalloc.h"
#include "graph/dict.h"
#include "serve/backlog.h"
#include "serve/snapshots.h"

/* A published view with its readers counted. */
struct box {
    struct view *view;
    long readers;       /* under the lock; the publication counts as one */
    unsigned flags;
    struct box *next;   /* boxes that still have readers */
};

struct collector {
    struct session *session;
    struct code *code;
    struct graph *graph;
    struct trace_writer *writer;
    struct snapshots *snapshots;
    bool lent;                  /* the graph is: nobody reads it here, nothing is folded */
    struct backlog backlog;
    uint32_t snapshot_number;   /* of the last one in the file that is gone on with */
    struct trace_meta meta;
    char *trace_path;
    int trace_error;
    uint64_t trace_dropped, trace_bytes;
    uint64_t flushed_ns, flushed_events;
    uint64_t folded;

    pthread_mutex_t lock;
    pthread_cond_t answer;
    uint64_t view_asked, view_answered;
    uint64_t flush_asked, flush_answered;
    unsigned view_flags;
    int flush_result;
    bool ending;
    uint64_t deadlocks; /* found so far; written by the ingest thread under the lock */
    struct box *box;    /* published: rcu_dereference */
    struct box *boxes;  /* all that live, under the lock */
};

enum { FLUSH_EVERY_NS = 1000000000, SNAPSHOTS_MOST = 65536, FOLD_AT_ONCE = 1 << 17 };

/* While the graph is lent, and behind what came then: the events wait, that no thread has to. */
static void fold(struct collector *c, const struct event *events, size_t count)
{
    if (!c->lent && backlog_empty(&c->backlog))
        graph_fold_batch(c->graph, events, count);
    else
        backlog_add(&c->backlog, events, count);
}

static void graph_lend(void *context, bool lent)
{
    struct collector *c = context;
    c->lent = lent;
}

/* Nothing waits to be folded; with `wait` that is made so. */
static bool graph_current(void *context, bool wait)
{
    struct collector *c = context;
    while (wait && !c->lent && !backlog_empty(&c->backlog)) {
        backlog_fold(&c->backlog, c->graph, FOLD_AT_ONCE);
        session_keep_alive(c->session);
    }
    return !c->lent && backlog_empty(&c->backlog);
}

/* The session's sink. */
static void ingest(void *context, const struct event *events, size_t count)
{
    struct collector *c = context;
    fold(c, events, count);
    c->folded += count;
    int error = trace_write_batch(c->writer, c->code, events, count); /* after an error it counts */
    if (!c->trace_error)
        c->trace_error = error;
}

static void snapshot_write(void *context, const struct snapshot *s, struct trace_packed *packed)
{
    struct collector *c = context;
    int error = trace_write_packed(c->writer, c->code, s, packed);
    if (!c->trace_error)
        c->trace_error = error;
    c->flushed_events = UINT64_MAX; /* there is something to flush */
}

static bool file_is_ours(const void *context)
{
    const struct collector *c = context;
    return session_is_ours(c->session);
}

/* ---- opening ---- */

/* What the session records, as `run` takes it. */
static char *options_text(const struct wire_plan *p)
{
    static const char *const stacks[] = {"none", "caller", "full"}, *const follow[] = {"none", "tree", "NAMES"};
    char copies[24] = "off";
    if (p->copies_min_bytes != UINT64_MAX)
        snprintf(copies, sizeof copies, "%" PRIu64, p->copies_min_bytes);
    return xasprintf("--stacks %s --locks %s --copies %s --on-full %s --wait-ms %" PRIu64 " --follow %s%s%s",
                     p->stacks < 3 ? stacks[p->stacks] : "?", p->locks ? "on" : "off", copies,
                     p->on_full == WIRE_ON_FULL_DROP ? "drop" : "wait", p->wait_ns / 1000000,
                     p->follow < 3 ? follow[p->follow] : "?", p->clock == WIRE_CLOCK_COUNTER_STRICT ? " --strict-order" : "",
                     p->snapshots & WIRE_SNAPSHOT_AT_EXIT ? "" : " --no-snapshot-at-exit");
}

static void meta_fill(struct collector *c, const struct collector_options *o)
{
    const struct wire_plan *p = session_plan(c->session);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    c->meta = (struct trace_meta){
        .command = xstrdup(o->command ? o->command : ""), .host = xstrdup(host),
        .session = xstrdup(session_name(c->session)), .start_real_ns = p->start_real_ns,
        .clock_hz = p->clock_hz, .clock = p->clock, .stacks = p->stacks,
        .options = options_text(p)};
}

static void meta_free(struct trace_meta *m)
{
    free(m->command);
    free(m->host);
    free(m->session);
    free(m->options);
}

/* What a collector that died took out of the rings and did not write. */
static void count_unwritten(struct collector *c, uint64_t events)
{
    struct event e = {.type = EVENT_LOST, .address = WIRE_LOST_COLLECTOR_DIED, .size = events};
    if (!events)
        return;
    e.ns = session_now_ns(c->session);
    ingest(c, &e, 1);
}

/* Events of each thread in a file, but for those that no record was of. */
struct written { struct dict of; uint64_t in_all; };

static void written_count(struct written *w, const struct event *e)
{
    uint32_t n = dict_get(&w->of, e->thread);
    if (!e->thread || e->type == EVENT_LOST || e->type == EVENT_THREAD_GONE)
        return;
    w->in_all++;
    if (n < UINT32_MAX)
        dict_set(&w->of, e->thread, n + 1);
}

static uint64_t written_by(const void *context, uint32_t thread)
{
    const struct written *w = context;
    return dict_get(&w->of, thread);
}

/* The predecessor's file: its events are folded again, and it is gone on with. */
static int trace_resume(struct collector *c)
{
    struct trace *t;
    struct event e;
    struct written threads = {0};
    uint64_t written, unwritten;
    const struct trace_meta *m;
    const struct trace_snapshot *snapshots;
    size_t n;
    int r = trace_open(&t, c->trace_path);
    if (r)
        return r;
    m = trace_meta(t);
    c->meta = (struct trace_meta){
        .command = xstrdup(m->command), .host = xstrdup(m->host), .session = xstrdup(m->session),
        .start_real_ns = m->start_real_ns, .clock_hz = m->clock_hz, .clock = m->clock,
        .stacks = m->stacks, .options = xstrdup(m->options)};
    while ((r = trace_next(t, &e)) > 0) {
        graph_fold(c->graph, &e);
        written_count(&threads, &e);
    }
    n = trace_snapshots(t, &snapshots);
    for (size_t i = 0; i < n; i++)
        if (snapshots[i].number > c->snapshot_number)
            c->snapshot_number = snapshots[i].number;
    trace_close(t);
    unwritten = session_resume(c->session, written_by, &threads, threads.in_all);
    dict_clear(&threads.of);
    if (r < 0 || (r = trace_write_reopen(&c->writer, c->trace_path, c->code, &written)))
        return r;
    trace_write_while(c->writer, file_is_ours, c);
    count_unwritten(c, unwritten);
    return 0;
}

/* A file of its own: what the predecessor's has (if it can be read) is not told again in it. */
static uint64_t resume_beside(struct collector *c, const char *session)
{
    char path[SESSION_PATH_MAX];
    struct written threads = {0};
    struct trace *t;
    struct event e;
    uint64_t unwritten;
    if (!session_info_get(session, "trace", path, sizeof path) && !trace_open(&t, path)) {
        while (trace_next(t, &e) > 0)
            written_count(&threads, &e);
        trace_close(t);
    }
    unwritten = session_resume(c->session, written_by, &threads, threads.in_all);
    dict_clear(&threads.of);
    return unwritten;
}

static int trace_begin(struct collector *c, const struct collector_options *o)
{
    uint64_t unwritten;
    int r;
    if (o->attach && !o->trace_path)
        return trace_resume(c);
    unwritten = o->attach ? resume_beside(c, o->attach) : 0;
    meta_fill(c, o);
    r = trace_write_open(&c->writer, c->trace_path, &c->meta);
    if (!r)
        trace_write_while(c->writer, file_is_ours, c);
    if (!r && o->attach)
        count_unwritten(c, unwritten);
    return r;
}

static int path_begin(struct collector *c, const struct collector_options *o)
{
    char known[SESSION_PATH_MAX];
    if (o->trace_path) {
        c->trace_path = xstrdup(o->trace_path);
        return 0;
    }
    if (session_info_get(o->attach, "trace", known, sizeof known) || !*known)
        return -ENOENT;
    c->trace_path = xstrdup(known);
    return 0;
}

static void path_tell(struct collector *c)
{
    char *whole = realpath(c->trace_path, NULL);
    session_info_set(session_name(c->session), "trace", whole ? whole : c->trace_path);
    free(whole);
}

int collector_open(struct collector **out, const struct collector_options *o, enum collector_step *step)
{
    struct collector *c = xcalloc(1, sizeof *c);
    int r;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->answer, NULL);
    c->code = code_new();
    c->graph = graph_new(c->code);
    *step = COLLECTOR_SESSION;
    r = o->attach ? session_attach(&c->session, o->attach) : session_create(&c->session, &o->session);
    if (!r && !session_plan(c->session)->locks)
        graph_without_locks(c->graph);
    if (!r) {
        *step = COLLECTOR_TRACE;
        r = path_begin(c, o);
        if (!r)
            r = trace_begin(c, o);
        if (!r)
            path_tell(c);
    }
    if (!r) {
        struct snapshots_host h = {.session = c->session, .code = c->code, .graph = c->graph, .sink = ingest,
                                   .write = snapshot_write, .lend = graph_lend, .current = graph_current, .context = c, .fork = o->snapshot_fork,
                                   .number = c->snapshot_number};
        c->snapshots = snapshots_new(&h);
    }
    if (r) {
        collector_close(c, !o->attach);
        return r;
    }
    *out = c;
    return 0;
}

struct session *collector_session(struct collector *c) { return c->session; }
const char *collector_trace_path(const struct collector *c) { return c->trace_path; }
const struct trace_meta *collector_meta(const struct collector *c) { return &c->meta; }

uint64_t collector_now_ns(const struct collector *c)
{
    uint64_t now_ns = wire_clock_monotonic_ns(), start_ns = session_plan(c->session)->start_mono_ns;
    return now_ns > start_ns ? now_ns - start_ns : 0;
}

int collector_trace_error(const struct collector *c) { return c->trace_error; }
uint64_t collector_trace_dropped(const struct collector *c) { return c->trace_dropped; }
uint64_t collector_trace_bytes(const struct collector *c) { return c->trace_bytes; }

int collector_trace_rename(struct collector *c, const char *path)
{
    if (rename(c->trace_path, path))
        return -errno;
    free(c->trace_path);
    c->trace_path = xstrdup(path);
    path_tell(c);
    return 0;
}

/* ---- views ---- */

/* Under the lock. */
static void box_put(struct collector *c, struct box *b)
{
    struct box **at = &c->boxes;
    if (--b->readers)
        return;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    view_free(b->view);
    free(b);
}

static void share_put(void *context, const struct snapshot *s)
{
    collector_snapshot_put(context, s);
}

/* With COLLECTOR_SNAPSHOTS: the newest snapshot of each process, shared with all views that have it. */
static struct view *view_make(struct collector *c, unsigned flags)
{
    const struct snapshot **list;
    struct snapshot **shares;
    size_t n;
    if (!(flags & COLLECTOR_SNAPSHOTS))
        return graph_view_make(c->graph, c->code, flags);
    list = xcalloc(SNAPSHOTS_MOST, sizeof *list);
    shares = xcalloc(SNAPSHOTS_MOST, sizeof *shares);
    n = snapshots_newest(c->snapshots, list, SNAPSHOTS_MOST);
    for (size_t i = 0; i < n; i++)
        shares[i] = snapshot_share(list[i], share_put, c);
    struct view *v = graph_view_make_with(c->graph, c->code, flags & ~(unsigned)COLLECTOR_SNAPSHOTS, shares, n);
    free(list);
    free(shares);
    return v;
}

static void view_publish(struct collector *c, unsigned flags)
{
    struct box *b = xcalloc(1, sizeof *b), *old;
    graph_settle(c->graph, session_now_ns(c->session));
    b->view = view_make(c, flags);
    b->flags = flags;
    b->readers = 1;
    pthread_mutex_lock(&c->lock);
    b->next = c->boxes;
    c->boxes = b;
    pthread_mutex_unlock(&c->lock);
    old = rcu_xchg_pointer(&c->box, b);
    if (!old)
        return;
    synchronize_rcu(); /* nobody is between reading the pointer and counting itself */
    pthread_mutex_lock(&c->lock);
    box_put(c, old);
    pthread_mutex_unlock(&c->lock);
}

struct view *collector_view_get(struct collector *c, unsigned flags)
{
    struct view *v = NULL;
    struct box *b;
    uint64_t ticket;
    pthread_mutex_lock(&c->lock);
    ticket = ++c->view_asked;
    c->view_flags |= flags;
    pthread_mutex_unlock(&c->lock);
    session_wake(c->session);
    pthread_mutex_lock(&c->lock);
    while (c->view_answered < ticket && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    pthread_mutex_unlock(&c->lock);
    rcu_read_lock();
    b = rcu_dereference(c->box);
    if (b) {
        pthread_mutex_lock(&c->lock);
        b->readers++;
        v = b->view;
        pthread_mutex_unlock(&c->lock);
    }
    rcu_read_unlock();
    return v;
}

void collector_view_put(struct collector *c, struct view *v)
{
    struct box *b;
    pthread_mutex_lock(&c->lock);
    for (b = c->boxes; b && b->view != v; b = b->next)
        ;
    if (b)
        box_put(c, b);
    pthread_mutex_unlock(&c->lock);
}

/* ---- snapshots ---- */

int collector_snapshot(struct collector *c, uint32_t process, const struct snapshot **out)
{
    return snapshots_ask(c->snapshots, process, 0, out);
}

int collector_snapshot_of(struct collector *c, pid_t pid, const struct snapshot **out)
{
    return snapshots_ask(c->snapshots, 0, pid, out);
}

size_t collector_snapshots(struct collector *c, const struct snapshot **list, size_t max)
{
    return snapshots_newest(c->snapshots, list, max);
}

void collector_snapshot_put(struct collector *c, const struct snapshot *s)
{
    snapshots_put(c->snapshots, s);
}

bool collector_fatal(void *collector, pid_t pid, int signal_number)
{
    struct collector *c = collector;
    return snapshots_fatal(c->snapshots, pid, signal_number);
}

int collector_mark(struct collector *c, const char *name)
{
    return snapshots_mark(c->snapshots, name);
}

/* ---- deadlocks ---- */

bool collector_deadlock_wait(struct collector *c, uint64_t *seen)
{
    pthread_mutex_lock(&c->lock);
    while (c->deadlocks <= *seen && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    *seen = c->deadlocks;
    bool goes_on = !c->ending;
    pthread_mutex_unlock(&c->lock);
    return goes_on;
}

/* Between two rounds: wakes who waits for one. */
static void deadlocks_tell(struct collector *c)
{
    uint64_t found = graph_deadlocks(c->graph);
    if (found == c->deadlocks)
        return;
    pthread_mutex_lock(&c->lock);
    c->deadlocks = found;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
}

/* ---- flushing ---- */

int collector_trace_flush(struct collector *c)
{
    uint64_t ticket;
    int r;
    pthread_mutex_lock(&c->lock);
    ticket = ++c->flush_asked;
    pthread_mutex_unlock(&c->lock);
    session_wake(c->session);
    pthread_mutex_lock(&c->lock);
    while (c->flush_answered < ticket && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    r = c->flush_result;
    pthread_mutex_unlock(&c->lock);
    return r;
}

static int flush(struct collector *c)
{
    int r = c->trace_error;
    if (!r)
        r = trace_write_flush(c->writer, c->code);
    if (r)
        c->trace_error = r;
    c->flushed_events = c->folded;
    return r;
}

/* What other threads asked for since the last round. */
static void requests_serve(struct collector *c)
{
    uint64_t view, flushes;
    unsigned flags;
    bool view_due, flush_due;
    int r = 0;
    pthread_mutex_lock(&c->lock);
    view = c->view_asked;
    flushes = c->flush_asked;
    flags = c->view_flags;
    view_due = c->view_answered < view;
    flush_due = c->flush_answered < flushes;
    if (view_due)
        c->view_flags = 0;
    pthread_mutex_unlock(&c->lock);
    if (!view_due && !flush_due)
        return;
    if (flush_due)
        r = flush(c);
    if (view_due)
        view_publish(c, flags);
    pthread_mutex_lock(&c->lock);
    if (flush_due) {
        c->flush_answered = flushes;
        c->flush_result = r;
    }
    if (view_due)
        c->view_answered = view;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
}

/* ---- the loop ---- */

/* The fold goes on with what waits for it. True: it has caught up. */
static bool catch_up(struct collector *c)
{
    if (!c->lent && !backlog_empty(&c->backlog))
        backlog_fold(&c->backlog, c->graph, FOLD_AT_ONCE);
    if (backlog_full(&c->backlog)) { /* better to wait here than to grow on */
        snapshots_wait(c->snapshots);
        graph_current(c, true);
    }
    return graph_current(c, false);
}

int collector_run(struct collector *c, bool (*done)(void *context), void *context)
{
    for (;;) {
        int64_t n = session_drain(c->session, c->code, ingest, c);
        uint64_t now_ns;
        if (n < 0)
            return (int)n;
        if (catch_up(c) || c->lent)
            snapshots_round(c->snapshots);
        if (catch_up(c)) {
            requests_serve(c);
            deadlocks_tell(c);
        }
        now_ns = session_now_ns(c->session);
        if (now_ns - c->flushed_ns >= FLUSH_EVERY_NS) {
            c->flushed_ns = now_ns;
            if (c->folded != c->flushed_events)
                flush(c);
        }
        if (done(context))
            return 0;
        if (c->lent || backlog_empty(&c->backlog))
            session_wait(c->session);
    }
}

void collector_finish(struct collector *c)
{
    uint64_t end_ns;
    int r;
    session_finish(c->session, c->code, ingest, c);
    snapshots_finish(c->snapshots);
    graph_current(c, true);
    requests_serve(c);
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
    end_ns = session_now_ns(c->session);
    graph_settle(c->graph, UINT64_MAX);
    trace_write_flush(c->writer, c->code);
    c->trace_dropped = trace_write_dropped(c->writer);
    r = trace_write_close(c->writer, c->code, end_ns);
    c->writer = NULL;
    if (r && !c->trace_error)
        c->trace_error = r;
}

struct view *collector_last_view(struct collector *c)
{
    return view_make(c, COLLECTOR_SNAPSHOTS);
}

void collector_close(struct collector *c, bool over)
{
    if (c->writer)
        trace_write_close(c->writer, c->code, 0);
    while (c->boxes) {
        c->boxes->readers = 1;
        box_put(c, c->boxes);
    }
    snapshots_free(c->snapshots); /* its threads use the session */
    if (c->session)
        session_close(c->session, over);
    backlog_clear(&c->backlog);
    graph_free(c->graph);
    code_free(c->code);
    meta_free(&c->meta);
    free(c->trace_path);
    pthread_cond_destroy(&c->answer);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
