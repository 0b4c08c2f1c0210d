/*
 * collector/serve/collector_open.c - how a collector's trace begins: a new file,
 * or what its predecessor left, folded again and gone on with. Ingest thread,
 * before its first round.
 */
#include "serve/collector_state.h"
#include "serve/series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "export/replay.h"
#include "serve/written.h"

static bool file_is_ours(const void *context)
{
    const struct collector *c = context;
    return session_is_ours(c->session);
}

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
    char *options = options_text(p);
    c->meta = (struct trace_meta){
        .command = xstrdup(o->command ? o->command : ""), .host = xstrdup(host),
        .session = xstrdup(session_name(c->session)), .start_real_ns = p->start_real_ns,
        .clock_hz = p->clock_hz, .clock = p->clock, .stacks = p->stacks,
        .options = o->recorder.bytes ? xasprintf("%s --ring-only=%" PRIu64, options, o->recorder.bytes) : xstrdup(options)};
    free(options);
}

void collector_meta_free(struct collector *c)
{
    struct trace_meta *m = &c->meta;
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
    collector_ingest(c, &e, 1);
}

static void meta_copy(struct collector *c, const struct trace_meta *m)
{
    c->meta = *m;
    c->meta.command = xstrdup(m->command);
    c->meta.host = xstrdup(m->host);
    c->meta.session = xstrdup(m->session);
    c->meta.options = xstrdup(m->options);
}

/* Its state at its end, by the newest checkpoint; what of each thread is in it and the files before it. */
static int predecessor_read(struct collector *c, struct trace *t, struct written *w)
{
    const struct trace_snapshot *snapshots;
    const struct trace_checkpoint *checkpoints;
    struct graph *g;
    uint64_t before = trace_events_before(t);
    size_t n = trace_snapshots(t, &snapshots);
    int r = replay_to(t, UINT64_MAX, &g, NULL);
    if (r) {
        graph_free(g);
        return r;
    }
    graph_free(c->graph);
    c->graph = g;
    graph_use_code(g, c->code);
    for (size_t i = 0; i < n; i++)
        if (snapshots[i].number > c->snapshot_number)
            c->snapshot_number = snapshots[i].number;
    n = trace_checkpoints(t, &checkpoints);
    c->checkpoint_event = n ? checkpoints[n - 1].event : 0;
    c->events_before = before;
    if (before)
        written_find(w, session_name(c->session), before);
    return written_read(w, t);
}

/* The predecessor's file is gone on with. */
static int trace_resume(struct collector *c)
{
    struct trace *t;
    struct written threads = {0};
    uint64_t written, unwritten;
    int r = trace_open(&t, c->trace_path);
    if (r)
        return r;
    meta_copy(c, trace_meta(t));
    c->events_resumed = trace_events(t);
    r = predecessor_read(c, t, &threads);
    trace_close(t);
    unwritten = session_resume(c->session, written_by, &threads, threads.in_all);
    c->written = threads;
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
    uint64_t unwritten;
    if (!session_info_get(session, "trace", path, sizeof path) && !trace_open(&t, path)) {
        if (trace_events_before(t))
            written_find(&threads, session, trace_events_before(t));
        written_read(&threads, t);
        c->events_resumed = trace_events(t);
        trace_close(t);
    }
    unwritten = session_resume(c->session, written_beside, &threads, threads.in_all);
    written_clear(&threads);
    return unwritten;
}

static int file_begin(struct collector *c, const struct collector_options *o)
{
    uint64_t unwritten;
    int r;
    if (o->attach && !o->trace_path)
        return trace_resume(c);
    unwritten = o->attach ? resume_beside(c, o->attach) : 0;
    meta_fill(c, o);
    r = collector_file_new(c, o);
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

void collector_trace_tell(struct collector *c)
{
    char *whole = realpath(c->trace_path, NULL);
    session_info_set(session_name(c->session), "trace", whole ? whole : c->trace_path);
    free(whole);
}

int collector_trace_begin(struct collector *c, const struct collector_options *o)
{
    int r = path_begin(c, o);
    if (!r && (o->recorder.bytes || o->rotation.bytes || o->rotation.ns))
        r = series_check(c->trace_path);
    if (!r)
        r = file_begin(c, o);
    if (!r)
        collector_files_begin(c, o, c->events_before);
    if (!r && !c->recorder)
        collector_trace_tell(c);
    return r;
}
