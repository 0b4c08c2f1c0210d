/*
 * tests/moments/moments.c - is the state at any moment of a trace what a replay
 * from its first event gives?
 *
 *     moments TRACE COUNT [SEED]
 *
 * COUNT moments are drawn: events, times, marks, the peak, the end, and the
 * places around checkpoints. The naive side folds the trace once, from its start, and
 * knows nothing of checkpoints or groups; at each moment it forks, and the child
 * makes its documents there and compares them, byte for byte as JSON, with those of
 * source_open at the moment's words. Exit 1 at the first difference, which is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "export/heaps.h"
#include "export/source.h"

struct moment { char words[96]; uint64_t event; };
struct facts { uint64_t *ns; size_t n, capacity; uint64_t *marks; char (*names)[64]; uint32_t *processes; size_t n_marks; uint64_t peak_event; };
struct text { char *bytes; size_t n, capacity; size_t ends[16]; size_t n_ends; };

static uint64_t seed;
static uint64_t rnd(uint64_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return below ? seed % below : 0;
}

static void die(const char *what, const char *why)
{
    printf("%s: %s\n", what, why);
    exit(2);
}

/* ---- documents ---- */

static int text_sink(void *context, const char *bytes, size_t n)
{
    struct text *t = context;
    t->bytes = xgrow(t->bytes, &t->capacity, t->n + n, 1);
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    return 0;
}

static int text_dump(const char *bytes, size_t n, void *context) { return text_sink(context, bytes, n); }

static const char *const names[] = { "export", "report", "threads", "locks", "copies", "findings", "leaks", "graph" };

/* The export whole; of the others the first rows, at some moments all. */
static struct text documents(const struct view *v, const struct doc_context *c)
{
    enum { ROWS = 30, ALL_EVERY = 16 };
    static json_t *(*const make[])(const struct view *, const struct doc_context *, const struct doc_options *) = {
        doc_report, doc_threads, doc_locks, doc_copies, doc_findings, doc_leaks, doc_graph };
    struct text t = { 0 };
    struct doc_export_options o = { 0 };
    struct doc_options rows = { .sites = v->events % ALL_EVERY ? ROWS : 0, .handoffs = v->events % ALL_EVERY ? ROWS : 0 };
    if (doc_export_json(v, NULL, c, &o, text_sink, &t))
        die("export", "failed");
    t.ends[t.n_ends++] = t.n;
    for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
        json_t *j = make[i](v, c, &rows);
        json_dump_callback(j, text_dump, &t, JSON_COMPACT);
        json_decref(j);
        t.ends[t.n_ends++] = t.n;
    }
    return t;
}

static bool same(const struct text *is, const struct text *should, const struct moment *m)
{
    if (is->n == should->n && !memcmp(is->bytes, should->bytes, is->n))
        return true;
    size_t at = 0, which = 0;
    while (at < is->n && at < should->n && is->bytes[at] == should->bytes[at])
        at++;
    while (which + 1 < is->n_ends && at >= is->ends[which])
        which++;
    size_t from = at > 120 ? at - 120 : 0;
    printf("--at %s (after event %" PRIu64 "): %s differs at byte %zu:\n  by --at:  %.*s\n  naively:  %.*s\n", m->words, m->event, names[which], at,
           (int)(is->n - from < 240 ? is->n - from : 240), is->bytes + from, (int)(should->n - from < 240 ? should->n - from : 240), should->bytes + from);
    return false;
}

/* ---- what the trace is, read naively ---- */

static void facts_read(struct trace *t, struct facts *f)
{
    struct event e;
    size_t marks = 0, names_room = 0, processes = 0;
    struct graph *g = graph_new(trace_code(t));
    if (!trace_has_locks(t))
        graph_without_locks(g);
    trace_rewind(t);
    while (trace_next(t, &e) > 0) {
        f->ns = xgrow(f->ns, &f->capacity, f->n + 1, sizeof *f->ns);
        f->ns[f->n++] = e.ns;
        graph_fold(g, &e);
        if (e.type != EVENT_MARK)
            continue;
        f->marks = xgrow(f->marks, &marks, f->n_marks + 1, sizeof *f->marks);
        f->names = xgrow(f->names, &names_room, f->n_marks + 1, sizeof *f->names);
        f->processes = xgrow(f->processes, &processes, f->n_marks + 1, sizeof *f->processes);
        f->marks[f->n_marks] = f->n;
        f->processes[f->n_marks] = e.process;
        snprintf(f->names[f->n_marks++], sizeof *f->names, "%.*s", e.text_bytes, e.text);
    }
    graph_settle(g, UINT64_MAX);
    struct view *v = graph_view_make(g, trace_code(t), 0);
    f->peak_event = v->totals.peak_event;
    view_free(v);
    graph_free(g);
}

/* A mark has the first snapshot of its process, of each process where nobody's thread set it, that was taken for a mark
 * later; but no further than the next mark. */
static uint64_t mark_event(const struct trace *t, const struct facts *f, size_t mark)
{
    const struct trace_snapshot *list;
    uint64_t event = f->marks[mark], until = 0;
    size_t n = trace_snapshots(t, &list);
    for (size_t i = 0; i < n; i++) {
        bool first = list[i].why == SNAPSHOT_MARK && list[i].event > event && (!f->processes[mark] || list[i].process == f->processes[mark]);
        for (size_t k = 0; k < i && first; k++)
            first = !(list[k].why == SNAPSHOT_MARK && list[k].event > event && list[k].process == list[i].process);
        if (first && list[i].event > until)
            until = list[i].event;
    }
    if (mark + 1 < f->n_marks && until >= f->marks[mark + 1])
        until = f->marks[mark + 1] - 1;
    return until > event ? until : event;
}

static struct moment moment_draw(const struct trace *t, const struct facts *f)
{
    struct moment m = { .event = f->n };
    const struct trace_checkpoint *list;
    size_t n = trace_checkpoints(t, &list), kind = rnd(100), mark;
    if (kind < 40 && n && rnd(2))
        snprintf(m.words, sizeof m.words, "event:%" PRIu64, m.event = list[rnd(n)].event + rnd(3) - 1);
    else if (kind < 40)
        snprintf(m.words, sizeof m.words, "event:%" PRIu64, m.event = rnd(f->n + 1));
    else if (kind < 90) {
        uint64_t ns = rnd(8) ? f->ns[rnd(f->n)] : rnd(trace_end(t)->end_ns + 1000);
        snprintf(m.words, sizeof m.words, "%" PRIu64 "ns", ns);
        for (m.event = 0; m.event < f->n && f->ns[m.event] <= ns;)
            m.event++;
    } else if (kind < 94 && f->n_marks) {
        for (mark = rnd(f->n_marks); *f->names[mark] == 0 && mark; mark--)
            ;
        for (size_t k = 0; k < mark; k++)
            mark = strcmp(f->names[k], f->names[mark]) ? mark : k;
        snprintf(m.words, sizeof m.words, "mark:%s", f->names[mark]);
        m.event = mark_event(t, f, mark);
    } else if (kind < 96)
        snprintf(m.words, sizeof m.words, "peak"), m.event = f->peak_event;
    else
        snprintf(m.words, sizeof m.words, "%s", kind < 98 ? "end" : "event:18446744073709551615");
    return m;
}

static int compare_moments(const void *a, const void *b)
{
    uint64_t x = ((const struct moment *)a)->event, y = ((const struct moment *)b)->event;
    return (x > y) - (x < y);
}

/* ---- one moment, in a child ---- */

static struct doc_context context_of(struct trace *t, const char *path, struct symbols *symbols, bool earlier)
{
    struct doc_context c = { .meta = trace_meta(t), .symbols = symbols, .trace_path = path, .earlier = earlier, .complete = trace_end(t)->present,
                             .duration_ns = trace_end(t)->present ? trace_end(t)->end_ns : 0, .torn_bytes = trace_torn_bytes(t) };
    c.n_snapshots = trace_snapshots(t, &c.snapshots);
    return c;
}

static int compare_at(struct trace *t, struct graph *g, const struct moment *m, const char *path, struct symbols *symbols)
{
    bool earlier = m->event < trace_events(t);
    struct heaps_options heaps = { .events = m->event, .earlier = earlier };
    struct snapshot **snapshots;
    struct source_options o = { .flags = VIEW_BLOCKS, .heaps = true };
    struct source s;
    graph_settle(g, UINT64_MAX);
    size_t n = heaps_read(t, g, &heaps, &snapshots);
    struct view *v = graph_view_make_with(g, trace_code(t), VIEW_BLOCKS, snapshots, n);
    struct doc_context c = context_of(t, path, symbols, earlier);
    struct text should = documents(v, &c);
    if (source_at_parse(&o.at, m->words) || source_open(&s, path, &o)) {
        printf("--at %s: %s\n", m->words, source_error());
        return 1;
    }
    struct symbols *own = s.doc.symbols;
    s.doc.symbols = symbols;
    struct text is = documents(s.view, &s.doc);
    s.doc.symbols = own;
    return !same(&is, &should, m);
}

static void compare_apart(struct trace *t, struct graph *g, const struct moment *m, const char *path, struct symbols *symbols)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        int failed = compare_at(t, g, m, path, symbols);
        fflush(stdout);
        _exit(failed);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die(path, "cannot fork");
    if (WIFSIGNALED(status))
        printf("--at %s: ended by signal %d\n", m->words, WTERMSIG(status));
    if (status)
        exit(1);
}

/* Else the test would pass by folding from the start. */
static size_t checkpoints_check(struct trace *t)
{
    const struct trace_checkpoint *list;
    size_t n = trace_checkpoints(t, &list);
    for (size_t i = 0; i < n; i++) {
        struct archive a = { 0 };
        struct graph *g = trace_checkpoint_begin(t, i, &a) ? NULL : graph_load(trace_code(t), &a);
        const char *flaw = a.flaw;
        if (!g || trace_checkpoint_end(t, &a)) {
            printf("the checkpoint after event %" PRIu64 " cannot be loaded: %s\n", list[i].event, flaw ? flaw : trace_error_text(t));
            exit(1);
        }
        graph_free(g);
    }
    return n;
}

int main(int argc, char **argv)
{
    struct trace *t;
    struct facts f = { 0 };
    struct event e;
    if (argc < 3 || trace_open(&t, argv[1]))
        die("moments TRACE COUNT [SEED]", trace_error_text(NULL));
    size_t count = strtoul(argv[2], NULL, 10);
    seed = (argc > 3 ? strtoull(argv[3], NULL, 10) : 1) * 0x9e3779b97f4a7c15u | 1;
    facts_read(t, &f);
    if (!f.n)
        die(argv[1], "no events");
    struct moment *moments = xcalloc(count + 1, sizeof *moments);
    for (size_t i = 0; i < count; i++)
        moments[i] = moment_draw(t, &f);
    qsort(moments, count, sizeof *moments, compare_moments);
    /* Names are looked up once, not in each child. */
    struct source end;
    struct source_options o = { .flags = VIEW_BLOCKS, .heaps = true };
    struct symbols *symbols = symbols_new();
    if (source_open(&end, argv[1], &o))
        die(argv[1], source_error());
    struct symbols *own = end.doc.symbols;
    end.doc.symbols = symbols;
    struct text warm = documents(end.view, &end.doc);
    free(warm.bytes);
    end.doc.symbols = own;
    source_close(&end);
    size_t checkpoints = checkpoints_check(t), i = 0;
    struct graph *g = graph_new(trace_code(t));
    if (!trace_has_locks(t))
        graph_without_locks(g);
    trace_rewind(t);
    for (uint64_t n = 0;; n++) {
        for (; i < count && moments[i].event <= n; i++)
            compare_apart(t, g, &moments[i], argv[1], symbols);
        if (i == count || trace_next(t, &e) <= 0)
            break;
        graph_fold(g, &e);
    }
    for (; i < count; i++)      /* past the end */
        compare_apart(t, g, &moments[i], argv[1], symbols);
    printf("%zu moments of %zu events are equal; %zu checkpoints\n", count, f.n, checkpoints);
    return 0;
}
