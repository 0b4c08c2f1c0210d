/*
 * collector/serve/collector.c - see collector.h; who may touch what stands in
 * collector_state.h.
 */
#include "serve/collector_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/xalloc.h"

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
    if (wait) {
        heartbeat_begin(c->heart);
        checkpoints_wait(c->checkpoints);
        heartbeat_end(c->heart);
    }
    while (wait && !c->lent && !backlog_empty(&c->backlog)) {
        backlog_fold(&c->backlog, c->graph, FOLD_AT_ONCE);
        session_keep_alive(c->session);
    }
    return !c->lent && backlog_empty(&c->backlog);
}

/* What a policy is told of the blocks that live: struct policy_host. */
bool collector_live(void *context, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count)
{
    struct collector *c = context;
    if (!graph_current(c, false))
        return false;
    *count = graph_live_addresses(c->graph, fn, to);
    return true;
}

/* The session's sink. */
void collector_ingest(void *context, const struct event *events, size_t count)
{
    struct collector *c = context;
    fold(c, events, count);
    c->folded += count;
    if (c->recorder)
        recorder_see(c->recorder, events, count);
    if (!c->held)
        collector_files_write(c, events, count);
}

static void snapshot_write(void *context, const struct snapshot *s, struct trace_packed *packed)
{
    struct collector *c = context;
    int error = trace_write_packed(c->writer, c->code, s, packed);
    if (!c->trace_error)
        c->trace_error = error;
    c->flushed_events = UINT64_MAX; /* there is something to flush */
}

static uint64_t checkpoint_cut(void *context)
{
    struct collector *c = context;
    return c->trace_error ? UINT64_MAX : trace_write_cut(c->writer, c->code);
}

static void checkpoint_lend(void *context, bool lent, enum checkpoint_place place)
{
    struct collector *c = context;
    c->lent = lent;
    c->held |= lent && place == CHECKPOINT_NEXT;
}

static void checkpoint_write(void *context, enum checkpoint_place place, uint64_t event, uint64_t ns, struct archive *state)
{
    struct collector *c = context;
    if (place == CHECKPOINT_NEXT) {
        collector_files_next(c, event, ns, state);
        return;
    }
    int error = trace_write_checkpoint(c->writer, c->code, event, ns, state);
    if (!c->trace_error)
        c->trace_error = error;
    c->flushed_events = UINT64_MAX; /* there is something to flush */
}

static uint64_t checkpoint_sizes(void *context, uint64_t *state_bytes)
{
    struct collector *c = context;
    return trace_write_size_of_events(c->writer, state_bytes);
}

/* ---- opening ---- */

static void asides_begin(struct collector *c, const struct collector_options *o)
{
    struct snapshots_host snapshots = {.session = c->session, .code = c->code, .graph = c->graph, .sink = collector_ingest,
                                       .write = snapshot_write, .lend = graph_lend, .current = graph_current, .context = c,
                                       .fork = o->snapshot_fork, .number = c->snapshot_number};
    struct checkpoints_host checkpoints = {.session = c->session, .graph = c->graph, .lend = checkpoint_lend, .cut = checkpoint_cut,
                                           .write = checkpoint_write, .sizes = checkpoint_sizes, .context = c};
    c->heart = heartbeat_new(c->session);
    c->snapshots = snapshots_new(&snapshots);
    c->checkpoints = checkpoints_new(&checkpoints, &o->checkpoints, c->checkpoint_event);
}

int collector_open(struct collector **out, const struct collector_options *o, enum collector_step *step)
{
    struct collector *c = xcalloc(1, sizeof *c);
    int r;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->answer, NULL);
    published_init(&c->published);
    c->code = code_new();
    c->graph = graph_new(c->code);
    *step = COLLECTOR_SESSION;
    r = o->attach ? session_attach(&c->session, o->attach) : session_create(&c->session, &o->session);
    if (!r && !session_plan(c->session)->locks)
        graph_without_locks(c->graph);
    if (!r) {
        *step = COLLECTOR_TRACE;
        r = collector_trace_begin(c, o);
    }
    if (r) {
        collector_close(c, !o->attach);
        return r;
    }
    asides_begin(c, o);
    *step = COLLECTOR_CONTROL;
    r = collector_control_begin(c, &o->control);
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

int collector_trace_rename(struct collector *c, const char *path)
{
    if (!c->recorder && rename(c->trace_path, path))
        return -errno;
    free(c->trace_path);
    c->trace_path = xstrdup(path);
    if (!c->recorder)
        collector_trace_tell(c);
    return 0;
}

/* ---- views ---- */

static void share_put(void *context, const struct snapshot *s)
{
    collector_snapshot_put(context, s);
}

/* Every thread that runs, as its ring tells; malloc'ed. */
static struct view_state *states_make(struct collector *c, size_t *n)
{
    size_t most = session_threads(c->session, NULL, 0);
    struct session_thread *list = xcalloc(most + 1, sizeof *list);
    struct view_state *states = xcalloc(most + 1, sizeof *states);
    *n = session_threads(c->session, list, most);
    for (size_t i = 0; i < *n; i++) {
        const struct session_thread *t = &list[i];
        states[i] = (struct view_state){ .thread = t->thread, .process = t->process, .pid = t->pid, .tid = t->tid,
                                         .start_time = t->start_time, .foreign = t->foreign, .stack = t->stack, .last_ns = t->last_ns,
                                         .events = t->events, .ring_bytes = t->ring_bytes, .ring_fill = t->ring_fill };
    }
    free(list);
    return states;
}

/* With COLLECTOR_SNAPSHOTS: the newest snapshot of each process, shared with all views that have it. */
static struct view *view_make(struct collector *c, struct graph *g, unsigned flags)
{
    const struct snapshot **list = NULL;
    struct snapshot **shares = NULL;
    struct view_state *states = NULL;
    size_t n = 0, n_states = 0;
    if (flags & COLLECTOR_STATES)
        states = states_make(c, &n_states);
    if (flags & COLLECTOR_SNAPSHOTS) {
        list = xcalloc(SNAPSHOTS_MOST, sizeof *list);
        shares = xcalloc(SNAPSHOTS_MOST, sizeof *shares);
        n = snapshots_newest(c->snapshots, list, SNAPSHOTS_MOST);
    }
    for (size_t i = 0; i < n; i++)
        shares[i] = snapshot_share(list[i], share_put, c);
    struct view *v = graph_view_make_live(g, c->code, flags & ~(unsigned)(COLLECTOR_SNAPSHOTS | COLLECTOR_STATES), shares, n, states, n_states);
    v->flags = flags;
    free(list);
    free(shares);
    return v;
}

/* By the clock events may be let go that a replay, which has no clock, would not let go there. So it is a copy that is
 * settled: checkpoints stay what a replay of the file has. */
static struct graph *graph_copy(struct collector *c)
{
    struct archive saved, again;
    struct archive_replay replay;
    archive_write_begin(&saved);
    graph_save(c->graph, &saved);
    archive_write_end(&saved);
    archive_read_again(&again, &replay, &saved);
    struct graph *g = graph_load(c->code, &again);
    archive_free(&again);
    archive_free(&saved);
    if (g && !session_plan(c->session)->locks)
        graph_without_locks(g);
    return g;
}

static void view_publish(struct collector *c, unsigned flags)
{
    uint64_t now_ns = session_now_ns(c->session);
    struct graph *settled = graph_unsettled(c->graph, now_ns) ? graph_copy(c) : NULL;
    if (settled)
        graph_settle(settled, now_ns);
    published_set(&c->published, view_make(c, settled ? settled : c->graph, flags));
    graph_free(settled);
}

void collector_view_put(struct collector *c, struct view *v)
{
    if (v)
        published_put(&c->published, v);
}

struct view *collector_view_get(struct collector *c, unsigned flags)
{
    struct view *v = NULL;
    bool ending = false;
    do {
        collector_view_put(c, v);   /* somebody's who asked for less came between */
        pthread_mutex_lock(&c->lock);
        uint64_t ticket = ++c->view_asked;
        c->view_flags |= flags;
        pthread_mutex_unlock(&c->lock);
        session_wake(c->session);
        pthread_mutex_lock(&c->lock);
        while (c->view_answered < ticket && !c->ending)
            pthread_cond_wait(&c->answer, &c->lock);
        ending = c->ending;
        pthread_mutex_unlock(&c->lock);
        v = published_get(&c->published);
    } while (v && (v->flags & flags) != flags && !ending);
    return v;
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

void collector_trace_keep(struct collector *c)
{
    if (c->writer && !c->held)
        flush(c);
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

/* The fold goes on with what waits for it: with more than came in the last round, else it would never be done.
 * True: it has caught up. */
static bool catch_up(struct collector *c, size_t came)
{
    if (!c->lent && !backlog_empty(&c->backlog))
        backlog_fold(&c->backlog, c->graph, came > FOLD_AT_ONCE / 2 ? came * 2 : FOLD_AT_ONCE);
    if (backlog_full(&c->backlog)) { /* better to wait here than to grow on */
        snapshots_wait(c->snapshots);
        graph_current(c, true);
    }
    return graph_current(c, false);
}

int collector_run(struct collector *c, bool (*done)(void *context), void *context)
{
    for (;;) {
        int64_t n = session_drain(c->session, c->code, collector_ingest, c);
        uint64_t now_ns;
        if (n < 0)
            return (int)n;
        if (catch_up(c, (size_t)n) || c->lent)
            snapshots_round(c->snapshots);
        if (catch_up(c, (size_t)n)) {
            requests_serve(c);
            deadlocks_tell(c);
        }
        if (graph_current(c, false))
            collector_files_round(c);
        checkpoints_round(c->checkpoints, graph_current(c, false) && snapshots_idle(c->snapshots));
        if (graph_current(c, false) && !c->held && snapshots_idle(c->snapshots) && collector_yield_round(c))
            return -ESTALE;
        now_ns = session_now_ns(c->session);
        collector_keep_round(c, now_ns);
        control_round(c->control, now_ns);
        if (now_ns - c->flushed_ns >= FLUSH_EVERY_NS) {
            c->flushed_ns = now_ns;
            if (c->folded != c->flushed_events)
                flush(c);
        }
        if (done(context))
            return 0;
        if (control_hurries(c->control))
            session_wait_little(c->session);
        else if (c->lent || backlog_empty(&c->backlog))
            session_wait(c->session);
    }
}

void collector_finish(struct collector *c)
{
    uint64_t end_ns;
    bool wanted;
    int r;
    control_end(c->control);
    session_finish(c->session, c->code, collector_ingest, c);
    snapshots_finish(c->snapshots);
    graph_current(c, true);
    requests_serve(c);
    wanted = collector_files_last(c);
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
    end_ns = session_now_ns(c->session);
    checkpoints_finish(c->checkpoints);
    graph_settle(c->graph, UINT64_MAX);
    trace_write_flush(c->writer, c->code);
    c->trace_dropped = trace_write_dropped(c->writer);
    r = trace_write_close(c->writer, c->code, end_ns);
    c->writer = NULL;
    if (wanted)
        collector_files_finish(c);
    if (r && !c->trace_error)
        c->trace_error = r;
}

struct view *collector_last_view(struct collector *c)
{
    return view_make(c, c->graph, COLLECTOR_SNAPSHOTS);
}

void collector_close(struct collector *c, bool over)
{
    checkpoints_free(c->checkpoints);
    collector_files_end(c);
    if (c->writer)
        trace_write_close(c->writer, c->code, 0);
    published_end(&c->published);
    collector_control_end(c);
    snapshots_free(c->snapshots); /* its threads use the session */
    heartbeat_free(c->heart);
    if (c->session)
        session_close(c->session, over);
    backlog_clear(&c->backlog);
    graph_free(c->graph);
    code_free(c->code);
    collector_meta_free(c);
    free(c->trace_path);
    free(c->yield_to);
    free(c->trip_why);
    pthread_cond_destroy(&c->answer);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
