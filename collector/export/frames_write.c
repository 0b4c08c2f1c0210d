/*
 * collector/export/frames_write.c - stacks in documents: as JSON values, shared by all
 * who show the same stack, and as text, for who streams (frames.h).
 */
#include "export/frames_state.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/text.h"

enum { STACK_TEXTS_BYTES_MAX = 256 << 20 };

/* ---- as values ---- */

static json_t *place_json(const struct frame_place *p)
{
    char address[20];
    json_t *j = json_object();
    if (p->function)
        json_object_set_new(j, "function", text_json_string(p->function));
    if (p->file)
        json_object_set_new(j, "file", text_json_string(p->file));
    if (p->line)
        json_object_set_new(j, "line", json_integer(p->line));
    if (p->module)
        json_object_set_new(j, "module", text_json_string(p->module));
    if (!p->truncated) {
        snprintf(address, sizeof address, "0x%llx", (unsigned long long)p->offset);
        json_object_set_new(j, "offset", json_string(address));
    }
    json_object_set_new(j, "inlined", json_boolean(p->inlined));
    return j;
}

static json_t *stack_json_new(struct frames *f, uint32_t stack)
{
    json_t *array = json_array();
    for (const struct code_stack *s; (s = code_stack(f->pool, stack)); stack = s->parent) {
        struct resolved *r = frames_resolved(f, s->frame);
        if (r->n && !r->json)
            r->json = xcalloc(r->n, sizeof(json_t *));
        for (uint32_t i = 0; i < r->n; i++) {
            if (!r->json[i])
                r->json[i] = place_json(&r->places[i]);
            json_array_append(array, r->json[i]);
        }
    }
    return array;
}

json_t *frames_json(struct frames *f, uint32_t stack)
{
    if (f->stack_json_count <= stack) {
        size_t old = f->stack_json_capacity;
        f->stack_json = xgrow(f->stack_json, &f->stack_json_capacity, stack + 1u, sizeof(json_t *));
        memset(f->stack_json + old, 0, (f->stack_json_capacity - old) * sizeof(json_t *));
        f->stack_json_count = stack + 1u;
    }
    if (!f->stack_json[stack])
        f->stack_json[stack] = stack_json_new(f, stack);
    return json_incref(f->stack_json[stack]);
}

/* ---- as text ---- */

static void place_write(struct json_writer *w, const struct frame_place *p)
{
    jw_object(w);
    if (p->function) {
        JW_KEY(w, "function");
        jw_string(w, p->function);
    }
    if (p->file) {
        JW_KEY(w, "file");
        jw_string(w, p->file);
    }
    if (p->line) {
        JW_KEY(w, "line");
        jw_u64(w, p->line);
    }
    if (p->module) {
        JW_KEY(w, "module");
        jw_string(w, p->module);
    }
    if (!p->truncated) {
        JW_KEY(w, "offset");
        jw_address(w, p->offset);
    }
    JW_KEY(w, "inlined");
    jw_bool(w, p->inlined);
    jw_end(w);
}

static int text_sink(void *context, const char *bytes, size_t n)
{
    struct resolved *r = context;
    r->text = xrealloc(r->text, r->text_bytes + n);
    memcpy(r->text + r->text_bytes, bytes, n);
    r->text_bytes += n;
    return 0;
}

/* The frame's places as text, joined by commas. */
static void resolve_text(struct frames *f, struct resolved *r)
{
    if (!f->writer)
        f->writer = xmalloc(sizeof *f->writer);
    jw_init(f->writer, text_sink, r);
    for (uint32_t i = 0; i < r->n; i++)
        place_write(f->writer, &r->places[i]);
    jw_finish(f->writer);
}

static struct resolved *resolved_text(struct frames *f, const struct code_stack *s)
{
    struct resolved *r = frames_resolved(f, s->frame);
    if (r->n && !r->text)
        resolve_text(f, r);
    return r;
}

/* Its text is kept from its second time on, as long as there is room. */
static const struct stack_text *stack_text(struct frames *f, uint32_t stack)
{
    if (f->texts_count <= stack) {
        size_t old = f->texts_capacity;
        f->texts = xgrow(f->texts, &f->texts_capacity, stack + 1u, sizeof *f->texts);
        memset(f->texts + old, 0, (f->texts_capacity - old) * sizeof *f->texts);
        f->texts_count = f->texts_capacity;
    }
    struct stack_text *t = &f->texts[stack];
    size_t bytes = 2;
    if (t->text || !t->bytes++ || f->texts_bytes >= STACK_TEXTS_BYTES_MAX)
        return t->text ? t : NULL;
    for (const struct code_stack *s = code_stack(f->pool, stack); s; s = code_stack(f->pool, s->parent))
        bytes += resolved_text(f, s)->text_bytes + 1;
    char *p = t->text = xmalloc(bytes);
    for (const struct code_stack *s = code_stack(f->pool, stack); s; s = code_stack(f->pool, s->parent)) {
        const struct resolved *r = resolved_text(f, s);
        if (!r->n)
            continue;
        *p = p == t->text ? '[' : ',';
        p++;
        memcpy(p, r->text, r->text_bytes);
        p += r->text_bytes;
    }
    if (p == t->text)
        *p++ = '[';
    *p++ = ']';
    t->bytes = (size_t)(p - t->text);
    f->texts_bytes += t->bytes;
    return t;
}

void frames_write(struct frames *f, struct json_writer *w, uint32_t stack)
{
    const struct stack_text *known = stack ? stack_text(f, stack) : NULL;
    if (known) {
        jw_raw(w, known->text, known->bytes);
        return;
    }
    jw_array(w);
    for (const struct code_stack *s; (s = code_stack(f->pool, stack)); stack = s->parent) {
        const struct resolved *r = resolved_text(f, s);
        if (r->n)
            jw_raw(w, r->text, r->text_bytes);
    }
    jw_end(w);
}

void frames_write_telling(struct frames *f, struct json_writer *w, uint32_t stack, size_t most)
{
    const struct frame_place *places;
    size_t n = frames_places(f, stack, 0, &places);
    uint32_t shown[FRAMES_TELLING_MAX];
    size_t count = frames_telling(places, n, most < FRAMES_TELLING_MAX ? most : FRAMES_TELLING_MAX, shown);
    jw_array(w);
    for (size_t i = 0; i < count; i++)
        place_write(w, &places[shown[i]]);
    jw_end(w);
}
