/*
 * collector/export/analysis.c - see analysis.h.
 */
#include "export/analysis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/heap_parts.h"
#include "export/text.h"

struct analysis *analysis_new(const struct view *v, struct symbols *symbols, uint32_t process, unsigned flags,
                        heap_progress progress, void *context)
{
    struct analysis *hs = xcalloc(1, sizeof *hs);
    hs->v = v;
    hs->symbols = symbols;
    hs->heaps = xcalloc(v->n_snapshots, sizeof *hs->heaps);
    uint64_t root = 1;
    for (size_t i = 0; i < v->n_snapshots; i++) {
        if (process && v->snapshots[i]->process != process)
            continue;
        struct heap *h = &hs->heaps[hs->n++];
        h->s = v->snapshots[i];
        h->reach = heap_reach_new(h->s);
        h->first_root = root;
        if (!h->reach || !(flags & ANALYSIS_TREE))
            continue;
        heap_parts_make(h, v, symbols);
        h->tree = heap_tree_new(h->s, h->reach, h->parts, h->n_parts, progress, context);
        root += h->n_parts;
    }
    return hs;
}

void analysis_free(struct analysis *hs)
{
    if (!hs)
        return;
    for (size_t i = 0; i < hs->n; i++) {
        heap_tree_free(hs->heaps[i].tree);
        heap_reach_free(hs->heaps[i].reach);
        free(hs->heaps[i].parts);
        free(hs->heaps[i].labels);
    }
    free(hs->heaps);
    free(hs);
}

/* ---- looking for a node ---- */

bool analysis_find_block(const struct analysis *hs, uint64_t id, uint32_t *heap, uint32_t *node)
{
    for (size_t i = 0; i < hs->n; i++) {
        const struct snapshot *s = hs->heaps[i].s;
        for (uint32_t block = 0; block < s->n_blocks; block++)
            if (s->id[block] == id) {
                *heap = (uint32_t)i;
                *node = block;
                return true;
            }
    }
    return false;
}

/* The last block that begins at or before an address; n_blocks: none. */
static size_t block_before(const struct snapshot *s, uint64_t address)
{
    size_t low = 0, high = s->n_blocks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->address[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : s->n_blocks;
}

bool analysis_find_address(const struct analysis *hs, uint64_t address, uint32_t *heap, uint32_t *node)
{
    for (size_t i = 0; i < hs->n; i++) {
        const struct snapshot *s = hs->heaps[i].s;
        size_t block = block_before(s, address);
        /* A heap block may lie in a mapping of an allocator's own: at most a few begin between. */
        for (unsigned tries = 0; block < s->n_blocks && tries < 4096; tries++, block--) {
            if (address == s->address[block] || address - s->address[block] < s->size[block]) {
                *heap = (uint32_t)i;
                *node = (uint32_t)block;
                return true;
            }
            if (!block)
                break;
        }
    }
    return false;
}

bool analysis_find_root(const struct analysis *hs, uint64_t number, uint32_t *heap, uint32_t *node)
{
    for (size_t i = 0; i < hs->n; i++) {
        const struct heap *h = &hs->heaps[i];
        if (!h->tree || number < h->first_root || number - h->first_root >= h->n_parts)
            continue;
        *heap = (uint32_t)i;
        *node = h->tree->n_blocks + (uint32_t)(number - h->first_root);
        return true;
    }
    return false;
}

/* ---- names ---- */

struct heap_id heap_node_id(const struct heap *h, uint32_t node)
{
    struct heap_id id = { "lost" };
    if (node < h->s->n_blocks)
        snprintf(id.text, sizeof id.text, "b%llu", (unsigned long long)h->s->id[node]);
    else if (heap_is_part(h, node))
        snprintf(id.text, sizeof id.text, "r%llu", (unsigned long long)(h->first_root + node - h->tree->n_blocks));
    else if (h->tree && node == h->tree->top)
        strcpy(id.text, "top");
    return id;
}

/* How far in its root a part begins: of data, where its variable does. */
static uint64_t part_begin(const struct heap *h, uint32_t node)
{
    const struct heap_part *p = heap_part_of(h, node);
    const struct snapshot_root *r = &h->s->roots[p->root];
    uint64_t label = h->labels[p->label].offset - r->offset;
    return r->kind == ROOT_DATA && label < r->bytes ? label : 8ull * p->first_word;
}

uint64_t heap_part_address(const struct heap *h, uint32_t node)
{
    return h->s->roots[heap_part_of(h, node)->root].address + part_begin(h, node);
}

uint64_t heap_part_bytes(const struct heap *h, uint32_t node)
{
    uint32_t root = heap_part_of(h, node)->root;
    bool last = node + 1 == h->tree->lost || heap_part_of(h, node + 1)->root != root;
    uint64_t begin = part_begin(h, node), end = last ? h->s->roots[root].bytes : part_begin(h, node + 1);
    const struct heap_label *label = &h->labels[heap_part_of(h, node)->label];
    uint64_t variable_end = label->offset + label->bytes - h->s->roots[root].offset;
    if (label->bytes && variable_end < end)
        end = variable_end;
    return end > begin ? end - begin : 0;
}

static const struct code_module *module_of(const struct analysis *hs, uint32_t module)
{
    return module - 1u < hs->v->n_modules ? &hs->v->modules[module - 1] : NULL;
}

bool heap_part_covers(const struct analysis *hs, const struct heap *h, uint32_t node, uint64_t address)
{
    const struct heap_part *p = heap_part_of(h, node);
    const struct snapshot_root *r = &h->s->roots[p->root];
    uint64_t into;
    if (r->kind == ROOT_REGISTERS || address - heap_part_address(h, node) >= heap_part_bytes(h, node))
        return false;
    return r->kind != ROOT_DATA || h->labels[p->label].variable || !hs->symbols ||
           !symbols_variable(hs->symbols, module_of(hs, r->module), r->offset + (address - r->address), &into, NULL);
}

uint64_t heap_pointer_offset(const struct heap *h, uint32_t node, uint32_t at)
{
    return 8ull * at - (heap_is_part(h, node) ? part_begin(h, node) : 0);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The function that a frame is of, not those that were inlined into it; NULL: not known. */
static const struct symbol_place *frame_place(const struct analysis *hs, uint32_t frame)
{
    const struct view *v = hs->v;
    const struct symbol_place *places;
    if (!hs->symbols || frame - 1u >= v->n_frames)
        return NULL;
    const struct code_frame *f = &v->frames[frame - 1];
    const struct code_module *m = f->module - 1u < v->n_modules ? &v->modules[f->module - 1] : NULL;
    size_t n = symbols_frame(hs->symbols, m, f, &places);
    return n && places[n - 1].function ? &places[n - 1] : NULL;
}

static char *thread_text(uint32_t thread)
{
    return thread ? xasprintf("t%u", thread) : xstrdup("a thread that is not known");
}

char *heap_part_text(const struct analysis *hs, const struct heap *h, uint32_t node)
{
    const struct heap_part *p = heap_part_of(h, node);
    const struct heap_label *label = &h->labels[p->label];
    const struct snapshot_root *r = &h->s->roots[p->root];
    const struct code_module *m = module_of(hs, r->module);
    const struct symbol_place *place = frame_place(hs, label->frame);
    char *thread = thread_text(r->thread), *text;
    switch (r->kind) {
    case ROOT_DATA:
        if (!m || !m->path)
            text = xasprintf("data at 0x%llx", (unsigned long long)heap_part_address(h, node));
        else if (label->variable)
            text = xasprintf("%s:%s", base_name(m->path), label->variable);
        else
            text = xasprintf("%s+0x%llx", base_name(m->path), (unsigned long long)label->offset);
        break;
    case ROOT_STACK:
        text = place ? xasprintf("%s in the stack of %s", place->function, thread) : xasprintf("stack of %s", thread);
        break;
    case ROOT_REGISTERS: text = xasprintf("registers of %s", thread); break;
    case ROOT_TLS: text = xasprintf("TLS of %s", thread); break;
    default: text = xasprintf("memory at 0x%llx", (unsigned long long)r->address);
    }
    free(thread);
    return text;
}

static json_t *hex_json(uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)n);
    return json_string(text);
}

void heap_part_members(json_t *j, const struct analysis *hs, const struct heap *h, uint32_t node)
{
    const struct heap_part *p = heap_part_of(h, node);
    const struct heap_label *label = &h->labels[p->label];
    const struct snapshot_root *r = &h->s->roots[p->root];
    const struct code_module *m = module_of(hs, r->module);
    const struct symbol_place *place = frame_place(hs, label->frame);
    char *where = heap_part_text(hs, h, node);
    json_object_set_new(j, "root", json_string(root_kind_name(r->kind)));
    json_object_set_new(j, "where", text_json_string(where));
    json_object_set_new(j, "address", r->kind == ROOT_REGISTERS ? json_null() : hex_json(heap_part_address(h, node)));
    json_object_set_new(j, "size_bytes", doc_number(heap_part_bytes(h, node)));
    json_object_set_new(j, "thread", doc_id('t', r->thread));
    if (m)
        json_object_set_new(j, "module", text_json_string(m->path));
    if (r->kind == ROOT_DATA)
        json_object_set_new(j, "offset", hex_json(label->offset));
    if (label->variable)
        json_object_set_new(j, "symbol", text_json_string(label->variable));
    if (place) {
        json_object_set_new(j, "function", text_json_string(place->function));
        if (place->file)
            json_object_set_new(j, "file", text_json_string(place->file));
        if (place->line)
            json_object_set_new(j, "line", doc_number(place->line));
    }
    free(where);
}
