/*
 * collector/export/doc_export.c - the whole graph as one streamed document
 * (doc.h): metadata, nodes, edges, events, stacks, findings, in this order.
 *
 * Blocks alive come from the view; those that were dropped, ownerships that
 * ended, and the events from replays of the trace, one each, so that memory
 * follows the live blocks. Stacks are numbered in the order of first use and
 * come after everything that uses them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/block_life.h"
#include "export/doc_parts.h"
#include "export/event_json.h"
#include "export/export_heap.h"
#include "export/export_locks.h"
#include "export/findings.h"
#include "export/leaks.h"
#include "export/replay.h"

struct export {
    struct frames *frames;
    const struct view *view;
    struct block_lives *lives;
    struct lock_names *names;
    struct export_heap *heap;
    uint32_t *index;        /* frames' stack number -> index in `stacks` + 1 */
    size_t index_capacity, index_count;
    uint32_t *order;        /* frames' stack numbers by index */
    size_t order_capacity, order_count;
    struct json_writer *w;
};

/* ---- stacks ---- */

/* The index of a stack (not 0), given when it is first asked for. */
static uint32_t stack_number(struct export *x, uint32_t stack)
{
    if (stack >= x->index_count) {
        size_t old = x->index_capacity;
        x->index = xgrow(x->index, &x->index_capacity, stack + 1u, sizeof *x->index);
        memset(x->index + old, 0, (x->index_capacity - old) * sizeof *x->index);
        x->index_count = x->index_capacity;
    }
    if (!x->index[stack]) {
        x->order = xgrow(x->order, &x->order_capacity, x->order_count + 1, sizeof *x->order);
        x->order[x->order_count++] = stack;
        x->index[stack] = (uint32_t)x->order_count;
    }
    return x->index[stack] - 1;
}

static void stack_index(struct export *x, uint32_t stack)
{
    if (stack)
        jw_u64(x->w, stack_number(x, stack));
    else
        jw_null(x->w);
}

/* export_stack of locks. */
static void view_stack_index(void *context, uint32_t stack)
{
    struct export *x = context;
    stack_index(x, frames_view_stack(x->frames, stack));
}

static void stacks(struct export *x)
{
    JW_KEY(x->w, "stacks");
    jw_array(x->w);
    for (size_t i = 0; i < x->order_count; i++)
        frames_write(x->frames, x->w, x->order[i]);
    jw_end(x->w);
}

/* ---- nodes ---- */

static void count(struct json_writer *w, const struct view_count *c)
{
    jw_object(w);
    JW_KEY(w, "blocks");
    jw_u64(w, c->blocks);
    JW_KEY(w, "bytes");
    jw_u64(w, c->bytes);
    jw_end(w);
}

static void end_ns(struct json_writer *w, bool ended, uint64_t ns)
{
    if (ended)
        jw_u64(w, ns);
    else
        jw_null(w);
}

static void process_node(struct json_writer *w, const struct view_process *p)
{
    jw_object(w);
    JW_KEY(w, "id");
    jw_id(w, 'p', p->id);
    JW_KEY(w, "kind");
    jw_string(w, "process");
    JW_KEY(w, "process");
    jw_id(w, 'p', p->id);
    JW_KEY(w, "pid");
    jw_u64(w, p->pid);
    JW_KEY(w, "parent");
    jw_id(w, 'p', p->parent);
    JW_KEY(w, "exe");
    jw_string(w, p->exe);
    JW_KEY(w, "born_ns");
    jw_u64(w, p->started_ns);
    JW_KEY(w, "ended_ns");
    end_ns(w, p->ended, p->ended_ns);
    jw_end(w);
}

static void thread_node(struct json_writer *w, const struct view_thread *t)
{
    jw_object(w);
    JW_KEY(w, "id");
    jw_id(w, 't', t->id);
    JW_KEY(w, "kind");
    jw_string(w, "thread");
    JW_KEY(w, "process");
    jw_id(w, 'p', t->process);
    JW_KEY(w, "tid");
    end_ns(w, t->tid != 0, t->tid);
    JW_KEY(w, "name");
    if (*t->name)
        jw_text(w, t->name, strnlen(t->name, sizeof t->name));
    else
        jw_null(w);
    JW_KEY(w, "creator");
    jw_id(w, 't', t->creator);
    JW_KEY(w, "joined_by");
    jw_id(w, 't', t->joined_by);
    JW_KEY(w, "born_ns");
    jw_u64(w, t->born_ns);
    JW_KEY(w, "ended_ns");
    end_ns(w, t->ended, t->ended_ns);
    JW_KEY(w, "made");
    count(w, &t->made);
    JW_KEY(w, "dropped");
    count(w, &t->dropped);
    JW_KEY(w, "owns");
    count(w, &t->owns);
    jw_end(w);
}

static void block_node(struct export *x, const struct block_life *l, const struct block_holding *h, uint32_t stack, uint32_t drop_stack)
{
    jw_object(x->w);
    block_life_members(x->w, l, h);
    JW_KEY(x->w, "stack");
    stack_index(x, stack);
    JW_KEY(x->w, "drop_stack");
    stack_index(x, drop_stack);
    jw_end(x->w);
}

static bool ends_life(const struct fact *f)
{
    return f->type == FACT_DROP && !(f->by && !strcmp(f->by, "part"));
}

static void dead_node(void *context, const struct fact *f)
{
    struct export *x = context;
    if (!f->block)
        return;
    struct block_life *l = block_lives_at(x->lives, f->block);
    block_life_fold(l, f);
    if (!ends_life(f))
        return;
    if (f->event > x->view->since_event)
        block_node(x, l, NULL, frames_code_stack(x->frames, l->stack), frames_code_stack(x->frames, l->drop_stack));
    block_lives_forget(x->lives, f->block);
}

/* ---- edges ---- */

struct end { char kind; uint64_t id; };

/* A thread, or (0) its process. */
static struct end party(uint32_t thread, uint32_t process)
{
    return thread ? (struct end){ 't', thread } : (struct end){ 'p', process };
}

static void edge_begin(struct json_writer *w, const char *kind, struct end from, struct end to)
{
    jw_object(w);
    JW_KEY(w, "from");
    jw_id(w, from.kind, from.id);
    JW_KEY(w, "to");
    jw_id(w, to.kind, to.id);
    JW_KEY(w, "kind");
    jw_string(w, kind);
}

static void edge_end(struct json_writer *w, uint64_t since_ns, bool ended, uint64_t until_ns, const char *by, uint64_t n)
{
    JW_KEY(w, "since_ns");
    jw_u64(w, since_ns);
    JW_KEY(w, "until_ns");
    end_ns(w, ended, until_ns);
    JW_KEY(w, "by");
    jw_string(w, by);
    JW_KEY(w, "count");
    jw_u64(w, n);
    jw_end(w);
}

static void owns_edge(struct json_writer *w, const struct block_life *l, bool ended, uint64_t until_ns)
{
    edge_begin(w, "owns", party(l->owner, l->process), (struct end){ 'b', l->id });
    edge_end(w, l->owned_since_ns, ended, until_ns, l->owned_by, 1);
}

static void borrow_edge(struct json_writer *w, const struct block_life *l, bool ended, uint64_t until_ns)
{
    edge_begin(w, "borrows_mut", party(l->borrower, l->process), (struct end){ 'b', l->id });
    edge_end(w, l->borrowed_ns, ended, until_ns, "thread-arg", 1);
}

static void move_edges(struct json_writer *w, const struct view *v)
{
    for (size_t i = 0; i < v->n_moves; i++) {
        const struct view_move *m = &v->moves[i];
        edge_begin(w, "moved", party(m->from, m->process), party(m->to, m->process));
        JW_KEY(w, "bytes");
        jw_u64(w, m->bytes);
        edge_end(w, m->first_ns, true, m->last_ns, view_move_names[m->by], m->blocks);
    }
}

/* Ownerships and borrows that ended. */
static void ended_edge(void *context, const struct fact *f)
{
    struct export *x = context;
    if (!f->block)
        return;
    struct block_life *l = block_lives_at(x->lives, f->block);
    bool changes_hands = f->type == FACT_MOVE && !f->old_address && f->to_thread != l->owner;
    bool told = f->event > x->view->since_event;
    if (told && (changes_hands || ends_life(f)))
        owns_edge(x->w, l, true, f->ns);
    if (told && l->borrower && (f->type == FACT_BORROW_END || ends_life(f)))
        borrow_edge(x->w, l, true, f->ns);
    block_life_fold(l, f);
    if (ends_life(f))
        block_lives_forget(x->lives, f->block);
}

static void event(void *context, const struct fact *f)
{
    struct export *x = context;
    jw_object(x->w);
    event_json_members(x->w, f);
    JW_KEY(x->w, "stack");
    stack_index(x, frames_code_stack(x->frames, f->stack));
    jw_end(x->w);
}

/* ---- parts of the document ---- */

/* Observers that keep lives find an empty table. */
static int replay_for(struct export *x, struct trace *t, const struct doc_export_options *o, graph_observer observer)
{
    struct replay replay = { .trace = t, .last_event = o->until_event, .observer = observer, .context = x };
    if (observer == event && x->view->is_since)
        replay.first_event = x->view->since_event + 1;
    x->lives = observer == event ? NULL : block_lives_new();
    int error = replay_run(&replay);
    block_lives_free(x->lives);
    return error;
}

static int nodes(struct export *x, struct trace *t, const struct doc_export_options *o)
{
    const struct view *v = x->view;
    JW_KEY(x->w, "nodes");
    jw_array(x->w);
    for (size_t i = 0; i < v->n_processes; i++)
        process_node(x->w, &v->processes[i]);
    for (size_t i = 0; i < v->n_threads; i++)
        if (!v->threads[i].same)
            thread_node(x->w, &v->threads[i]);
    for (size_t i = 0; i < v->n_blocks; i++) {
        struct block_life l = block_life_of(&v->blocks[i]);
        struct block_holding h;
        bool known = export_heap_block(x->heap, &v->blocks[i], &h);
        block_node(x, &l, known ? &h : NULL, frames_view_stack(x->frames, l.stack), 0);
    }
    export_heap_nodes(x->heap, x->w);
    export_lock_nodes(x->w, v, x->names, o->all, view_stack_index, x);
    int error = o->all && t ? replay_for(x, t, o, dead_node) : 0;
    jw_end(x->w);
    return error;
}

static int edges(struct export *x, struct trace *t, const struct doc_export_options *o)
{
    const struct view *v = x->view;
    JW_KEY(x->w, "edges");
    jw_array(x->w);
    for (size_t i = 0; i < v->n_blocks; i++) {
        struct block_life l = block_life_of(&v->blocks[i]);
        owns_edge(x->w, &l, false, 0);
        if (l.borrower)
            borrow_edge(x->w, &l, false, 0);
    }
    move_edges(x->w, v);
    export_lock_edges(x->w, v, x->names);
    export_flow_edges(x->w, v, o->all && t);
    export_heap_edges(x->heap, x->w);
    int error = o->all && t ? replay_for(x, t, o, ended_edge) : 0;
    jw_end(x->w);
    return error;
}

static int events(struct export *x, struct trace *t, const struct doc_export_options *o)
{
    int error = 0;
    JW_KEY(x->w, "events");
    jw_array(x->w);
    if (o->events && t)
        error = replay_for(x, t, o, event);
    jw_end(x->w);
    return error;
}

static json_t *finding_stack(void *context, uint32_t stack)
{
    return stack ? json_integer(stack_number(context, stack)) : json_null();
}

/* Bytes that are written later. */
struct kept { char *text; size_t bytes, capacity; };

static int kept_sink(const char *bytes, size_t n, void *context)
{
    struct kept *k = context;
    k->text = xgrow(k->text, &k->capacity, k->bytes + n, 1);
    memcpy(k->text + k->bytes, bytes, n);
    k->bytes += n;
    return 0;
}

/* Made before `stacks` is written, as they have stacks of their own; written behind it. */
static struct kept findings_text(struct export *x)
{
    struct snapshot **some = xcalloc(x->view->n_snapshots + 1, sizeof *some);
    struct view all, end = leaks_of_end(x->view, some);
    struct leaks *leaks = leaks_new(&end, 0);
    struct finding_maker m = { .view = &all, .frames = x->frames, .names = x->names, .stack = finding_stack, .context = x };
    struct kept k = { 0 };
    leaks_view(&all, leaks, LEAK_KINDS_ERRORS);
    kept_sink("[", 1, &k);
    for (size_t i = 0; i < all.n_findings; i++) {
        json_t *j = finding_json(&m, &all.findings[i]);
        if (i)
            kept_sink(",", 1, &k);
        json_dump_callback(j, kept_sink, &k, JSON_COMPACT);
        json_decref(j);
    }
    kept_sink("]", 1, &k);
    leaks_view_free(&all);
    leaks_free(leaks);
    free(some);
    return k;
}

static void metadata(struct export *x, const struct doc_context *c)
{
    frames_use_view_modules(x->frames);
    json_t *coverage = doc_coverage(x->view, c, x->frames);
    json_t *j = doc_metadata(x->view, c, coverage);
    char *text = json_dumps(j, JSON_COMPACT);
    JW_KEY(x->w, "metadata");
    if (text)
        jw_raw(x->w, text, strlen(text));
    else
        jw_null(x->w);
    free(text);
    json_decref(j);
    json_decref(coverage);
}

int doc_export_json(const struct view *v, struct trace *t, const struct doc_context *c,
                    const struct doc_export_options *o, doc_sink sink, void *sink_context)
{
    struct export *x = xcalloc(1, sizeof *x);
    x->view = v;
    x->w = xmalloc(sizeof *x->w);
    x->frames = frames_new(c->symbols, v, t ? trace_code(t) : NULL);
    x->names = lock_names_new(v, c->symbols);
    x->heap = export_heap_new(v, c, x->frames);
    jw_init(x->w, sink, sink_context);
    jw_object(x->w);
    JW_KEY(x->w, "ownscope");
    jw_u64(x->w, 1);
    metadata(x, c);
    if (v->is_since) {
        JW_KEY(x->w, "since_ns");
        jw_u64(x->w, v->since_ns);
    }
    int error = nodes(x, t, o), later = edges(x, t, o);
    error = error ? error : later;
    later = events(x, t, o);
    error = error ? error : later;
    struct kept findings = findings_text(x);
    stacks(x);
    JW_KEY(x->w, "findings");
    jw_raw(x->w, findings.text, findings.bytes);
    free(findings.text);
    jw_end(x->w);
    int written = jw_finish(x->w);
    export_heap_free(x->heap);
    lock_names_free(x->names);
    frames_free(x->frames);
    free(x->index);
    free(x->order);
    free(x->w);
    free(x);
    return written ? written : error;
}
