/*
 * tests/unit/archive_check.h - a graph that was saved and loaded against the one
 * that folded from the start.
 *
 * Oracle: the bytes of a save. Equal states give equal bytes, whatever tables
 * and places they have inside; so two graphs that tell the same facts of the same
 * events and save to the same bytes are the same. Documents of both are compared
 * as well, since what is forgotten is missing in both saves.
 */
#ifndef ARCHIVE_CHECK_H
#define ARCHIVE_CHECK_H

#include <check.h>
#include <stdlib.h>

#include "archive_stream.h"
#include "event/xalloc.h"
#include "export/doc.h"
#include "graph/view.h"
#include "state_save.h"

/* ---- bytes ---------------------------------------------------------------------- */

struct saved { char *bytes; size_t n; };

static inline void saved_append(struct saved *s, const void *bytes, size_t n)
{
    s->bytes = xrealloc(s->bytes, s->n + n + 1);
    memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

static inline struct saved saved_of(struct archive *a)
{
    struct saved s = { 0 };
    for (size_t i = 0; i < a->n_parts; i++)
        saved_append(&s, a->parts[i].data, a->parts[i].bytes);
    return s;
}

static inline struct saved save(struct graph *g)
{
    struct archive a;
    state_save(g, &a);
    struct saved s = saved_of(&a);
    archive_free(&a);
    return s;
}

static inline void saves_equal(struct graph *a, struct graph *b, const char *when)
{
    struct saved x = save(a), y = save(b);
    size_t at = 0;
    while (at < x.n && at < y.n && x.bytes[at] == y.bytes[at])
        at++;
    if (x.n != y.n || at != x.n)
        ck_abort_msg("%s, after %lu events, saves differ from byte %zu of %zu and %zu on", when,
                     (unsigned long)graph_events(a), at, x.n, y.n);
    free(x.bytes);
    free(y.bytes);
}

/* ---- documents ------------------------------------------------------------------- */

static inline int saved_sink(void *context, const char *bytes, size_t n)
{
    saved_append(context, bytes, n);
    return 0;
}

static inline void saved_doc(struct saved *s, json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(1));
    saved_append(s, text, strlen(text));
    free(text);
    json_decref(doc);
}

/* All that documents say of it: the sums, then every row. */
static inline struct saved documents(struct graph *g, const struct code *code)
{
    struct saved s = { 0 };
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    struct doc_export_options all = { 0 };
    struct view *v = graph_view_make(g, code, VIEW_BLOCKS);
    saved_doc(&s, doc_report(v, &c, NULL));
    saved_doc(&s, doc_threads(v, &c, NULL));
    saved_doc(&s, doc_locks(v, &c, NULL));
    saved_doc(&s, doc_copies(v, &c, NULL));
    saved_doc(&s, doc_findings(v, &c, NULL));
    doc_export_json(v, NULL, &c, &all, saved_sink, &s);
    saved_append(&s, "", 1);
    view_free(v);
    symbols_free(symbols);
    return s;
}

static inline void documents_equal(struct graph *a, struct graph *b, const struct code *code)
{
    struct saved x = documents(a, code), y = documents(b, code);
    size_t at = 0;
    while (at < x.n && at < y.n && x.bytes[at] == y.bytes[at])
        at++;
    size_t from = at > 300 ? at - 300 : 0;
    if (x.n != y.n || at != x.n)
        ck_abort_msg("after %lu events documents differ:\n%.400s\n---- loaded:\n%.400s", (unsigned long)graph_events(a),
                     x.bytes + from, y.bytes + from);
    free(x.bytes);
    free(y.bytes);
}

/* ---- facts ------------------------------------------------------------------------ */

struct told { struct fact f; char by[16], text[24]; };
struct facts { struct told *at; size_t n, capacity; };

static inline void facts_note(void *context, const struct fact *f)
{
    struct facts *facts = context;
    facts->at = xgrow(facts->at, &facts->capacity, facts->n + 1, sizeof *facts->at);
    struct told *t = &facts->at[facts->n++];
    memset(t, 0, sizeof *t);
    t->f = *f;
    snprintf(t->by, sizeof t->by, "%s", f->by ? f->by : "");
    memcpy(t->text, f->text ? f->text : "", f->text_bytes < sizeof t->text ? f->text_bytes : sizeof t->text);
}

static inline bool told_same(const struct told *x, const struct told *y)
{
    const struct fact *a = &x->f, *b = &y->f;
    return a->ns == b->ns && a->block == b->block && a->address == b->address && a->size == b->size && a->old_address == b->old_address &&
           a->old_size == b->old_size && a->thread == b->thread && a->process == b->process && a->from_thread == b->from_thread &&
           a->to_thread == b->to_thread && a->stack == b->stack && a->type == b->type && a->family == b->family &&
           a->text_bytes == b->text_bytes && a->event == b->event && a->cloned_from == b->cloned_from && a->lock == b->lock &&
           a->wait_ns == b->wait_ns && a->offset == b->offset && a->is_mutable == b->is_mutable && a->shared == b->shared &&
           a->lock_family == b->lock_family && !strcmp(x->by, y->by) && !memcmp(x->text, y->text, sizeof x->text);
}

static inline void told_show(const char *who, const struct told *t)
{
    fprintf(stderr, "%s: %s by '%s' b%lu l%lu %lx+%lu event %lu ns %lu t%u p%u t%u->t%u stack %u from b%lu\n", who, fact_type_name(t->f.type), t->by,
            (unsigned long)t->f.block, (unsigned long)t->f.lock, (unsigned long)t->f.address, (unsigned long)t->f.size, (unsigned long)t->f.event,
            (unsigned long)t->f.ns, t->f.thread, t->f.process, t->f.from_thread, t->f.to_thread, t->f.stack, (unsigned long)t->f.cloned_from);
}

static inline void facts_equal(const struct facts *a, const struct facts *b)
{
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        if (i < a->n && i < b->n && told_same(&a->at[i], &b->at[i]))
            continue;
        if (i < a->n)
            told_show("from the start", &a->at[i]);
        if (i < b->n)
            told_show("from a save   ", &b->at[i]);
        ck_abort_msg("fact %zu differs", i);
    }
}

/* ---- the whole --------------------------------------------------------------------- */

enum { FOLLOWERS = 3 };

struct follower { struct graph *g; struct facts facts; size_t until; };

struct archive_run {
    struct code *code;
    struct graph *g;
    struct facts facts;
    struct follower followers[FOLLOWERS];
};

/* A follower is loaded now, to go on for `events`. */
static inline void follower_begin(struct archive_run *run, size_t which, size_t now, size_t events)
{
    struct follower *f = &run->followers[which];
    f->g = graph_twin(run->g, run->code);
    f->until = now + events;
    saves_equal(run->g, f->g, "just loaded");
    graph_observe(f->g, facts_note, &f->facts);
}

static inline void follower_end(struct archive_run *run, struct follower *f, bool settle)
{
    if (!f->g)
        return;
    saves_equal(run->g, f->g, "folded on");
    if (settle)
        graph_settle(f->g, UINT64_MAX);
    if (settle)
        facts_equal(&run->facts, &f->facts);
    documents_equal(run->g, f->g, run->code);
    saves_equal(run->g, f->g, "viewed");
    graph_free(f->g);
    free(f->facts.at);
    *f = (struct follower){ 0 };
}

static inline void run_fold(struct archive_run *run, const struct event *e)
{
    run->facts.n = 0;
    graph_fold(run->g, e);
    for (size_t i = 0; i < FOLLOWERS; i++) {
        struct follower *f = &run->followers[i];
        if (!f->g)
            continue;
        f->facts.n = 0;
        graph_fold(f->g, e);
        facts_equal(&run->facts, &f->facts);
    }
}

/* Folds `events` of a stream, saves and loads `loads` times on the way, and
 * holds what was loaded against what was not: now, a while later, at the end. */
static inline void archive_check(struct mix mix, uint64_t seed, size_t events, size_t loads)
{
    struct archive_run run = { .code = stream_code(), .g = NULL };
    struct stream *s = xcalloc(1, sizeof *s);
    run.g = graph_new(run.code);
    graph_observe(run.g, facts_note, &run.facts);
    stream_begin(s, mix, seed);
    uint64_t dice = seed;
    for (size_t i = 0; i < events; i++) {
        struct event e = stream_next(s);
        run_fold(&run, &e);
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        if ((dice >> 33) % (events / loads) == 0)
            for (size_t k = 0; k < FOLLOWERS; k++)
                if (!run.followers[k].g) {
                    follower_begin(&run, k, i, 1 + (dice >> 20) % (2 * events / loads + (k ? 0 : 2 * events)));
                    break;
                }
        for (size_t k = 0; k < FOLLOWERS; k++)
            if (run.followers[k].g && run.followers[k].until <= i)
                follower_end(&run, &run.followers[k], false);
    }
    if (!run.followers[0].g)
        follower_begin(&run, 0, events, 0);
    for (size_t k = 0; k < FOLLOWERS; k++)
        if (run.followers[k].g)
            saves_equal(run.g, run.followers[k].g, "at the end");
    run.facts.n = 0;
    for (size_t k = 0; k < FOLLOWERS; k++)
        run.followers[k].facts.n = 0;
    graph_settle(run.g, UINT64_MAX);
    for (size_t k = 0; k < FOLLOWERS; k++)
        if (run.followers[k].g) {
            graph_settle(run.followers[k].g, UINT64_MAX);
            facts_equal(&run.facts, &run.followers[k].facts);
            follower_end(&run, &run.followers[k], false);
        }
    graph_free(run.g);
    code_free(run.code);
    free(run.facts.at);
    free(s);
}

#endif
