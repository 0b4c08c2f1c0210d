/*
 * collector/export/doc_history.c - the life of one block or lock (doc.h).
 *
 * By address the trace is read twice: first to find the block that held it
 * last, then for that block's facts, since an address may come to a block late
 * (realloc). A release at the block's place after its own drop, with nothing
 * known living there, belongs to its story too: that is how a double free looks.
 * So do the locks that lie in it while it lives.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/block_life.h"
#include "export/doc_parts.h"
#include "export/event_json.h"
#include "export/export_locks.h"
#include "export/replay.h"

enum { EVENTS_MAX = 100000, BLOCKS_MAX = 1000 };

int doc_target_parse(struct doc_target *t, const char *text)
{
    char *end;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    t->is_lock = *text == 'l';
    const char *digits = hex ? text + 2 : *text == 'b' || t->is_lock ? text + 1 : text;
    if (!(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits)))
        return -EINVAL;
    errno = 0;
    t->is_address = hex;
    t->value = strtoull(digits, &end, hex ? 16 : 10);
    return errno || *end || !t->value ? -EINVAL : 0;
}

/* ---- who lived at an address ---- */

struct tenants {
    uint64_t address;
    uint64_t last;          /* id of the newest */
    uint64_t last_lock;     /* of the newest lock that lay there */
    uint64_t total;
    json_t *list;           /* the first BLOCKS_MAX ids */
};

static void tenant_fact(void *context, const struct fact *f)
{
    struct tenants *t = context;
    if (f->lock && f->address == t->address)
        t->last_lock = f->lock;
    bool comes = f->type == FACT_NEW || (f->type == FACT_MOVE && f->old_address);
    if (!comes || !f->block || t->address < f->address || t->address - f->address >= (f->size ? f->size : 1))
        return;
    if (f->block == t->last)
        return;
    t->last = f->block;
    if (t->total++ < BLOCKS_MAX)
        json_array_append_new(t->list, doc_id('b', f->block));
}

/* ---- its story ---- */

struct story {
    struct frames *frames;
    struct block_life life;
    uint64_t id;
    bool of_lock;           /* id is a lock's */
    uint64_t total;
    bool taken_over;        /* another block lives at its place now */
    struct json_writer writer;
    char *text;
    size_t text_bytes, text_capacity;
};

static int story_sink(void *context, const char *bytes, size_t n)
{
    struct story *s = context;
    s->text = xgrow(s->text, &s->text_capacity, s->text_bytes + n, 1);
    memcpy(s->text + s->text_bytes, bytes, n);
    s->text_bytes += n;
    return 0;
}

/* Facts of others that touch the dead block's place. */
static bool after_death(struct story *s, const struct fact *f)
{
    if (!s->life.dropped || s->taken_over || f->address != s->life.address || f->process != s->life.process)
        return false;
    s->taken_over = f->block != 0 && (f->type == FACT_NEW || f->type == FACT_MOVE);
    return f->type == FACT_DROP && !f->block;
}

/* A lock inside the living block. */
static bool inside(const struct story *s, const struct fact *f)
{
    const struct block_life *l = &s->life;
    return f->lock && l->id && !l->dropped && f->process == l->process && f->address - l->address < l->size;
}

static void story_fact(void *context, const struct fact *f)
{
    struct story *s = context;
    if (s->of_lock && f->lock != s->id)
        return;
    if (!s->of_lock && f->block == s->id)
        block_life_fold(&s->life, f);
    else if (!s->of_lock && !after_death(s, f) && !inside(s, f))
        return;
    if (s->total++ >= EVENTS_MAX)
        return;
    jw_object(&s->writer);
    event_json_members(&s->writer, f);
    JW_KEY(&s->writer, "stack");
    frames_write(s->frames, &s->writer, frames_code_stack(s->frames, f->stack));
    jw_end(&s->writer);
}

static void lock_node(struct story *s, const struct view *v, struct symbols *symbols)
{
    struct json_writer *w = &s->writer;
    struct lock_names *names = lock_names_new(v, symbols);
    JW_KEY(w, "node");
    export_lock_node(w, v, names, s->id, NULL, NULL);
    lock_names_free(names);
}

static void story_node(struct story *s)
{
    struct json_writer *w = &s->writer;
    JW_KEY(w, "node");
    jw_object(w);
    block_life_members(w, &s->life, NULL);
    JW_KEY(w, "stack");
    frames_write(s->frames, w, frames_code_stack(s->frames, s->life.stack));
    JW_KEY(w, "drop_stack");
    if (s->life.dropped && s->life.drop_stack)
        frames_write(s->frames, w, frames_code_stack(s->frames, s->life.drop_stack));
    else
        jw_null(w);
    jw_end(w);
}

/* 0 and *doc when the block was met. */
static int story_tell(struct trace *t, const struct doc_context *c, uint64_t id, bool of_lock, uint64_t until_event, json_t **doc)
{
    struct story *s = xcalloc(1, sizeof *s);
    struct view *view = NULL;
    s->id = id;
    s->of_lock = of_lock;
    s->frames = frames_new(c->symbols, NULL, trace_code(t));
    jw_init(&s->writer, story_sink, s);
    jw_object(&s->writer);
    JW_KEY(&s->writer, "events");
    jw_array(&s->writer);
    struct replay replay = { .trace = t, .last_event = until_event, .observer = story_fact, .context = s,
                             .view = of_lock ? &view : NULL };
    int error = replay_run(&replay);
    jw_end(&s->writer);
    if (of_lock)
        lock_node(s, view, c->symbols);
    else
        story_node(s);
    view_free(view);
    JW_KEY(&s->writer, "events_total");
    jw_u64(&s->writer, s->total);
    jw_end(&s->writer);
    jw_finish(&s->writer);
    *doc = s->total ? json_loadb(s->text, s->text_bytes, JSON_ALLOW_NUL, NULL) : NULL;
    if (*doc)
        error = 0;
    else if (!error)
        error = -ENOENT;
    frames_free(s->frames);
    free(s->text);
    free(s);
    return error;
}

int doc_history(struct trace *t, const struct doc_context *c, const struct doc_target *target,
                uint64_t until_event, json_t **doc)
{
    struct tenants tenants = { .address = target->value, .list = json_array() };
    uint64_t id = target->value;
    bool of_lock = target->is_lock;
    int error = 0;
    *doc = NULL;
    if (target->is_address) {
        struct replay replay = { .trace = t, .last_event = until_event, .observer = tenant_fact, .context = &tenants };
        error = replay_run(&replay);
        of_lock = !tenants.last && tenants.last_lock;
        id = of_lock ? tenants.last_lock : tenants.last;
        if (!id && !error)
            error = -ENOENT;
    }
    if (id)
        error = story_tell(t, c, id, of_lock, until_event, doc);
    if (*doc && target->is_address && !of_lock) {
        json_object_set(*doc, "blocks", tenants.list);
        json_object_set_new(*doc, "blocks_total", doc_number(tenants.total));
    }
    json_decref(tenants.list);
    return error;
}
