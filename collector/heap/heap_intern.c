/*
 * collector/heap/heap_intern.c - what a scan met gets its ids: run by the thread
 * that the tables of code belong to. See heap_scan.h.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_scan.h"

void heap_intern(struct snapshot *s, const struct heap_code *scanned, struct code *code)
{
    uint32_t *id = xcalloc(scanned->n_modules + 1, sizeof *id);
    for (size_t i = 0; i < scanned->n_modules; i++) {
        const struct heap_module *m = &scanned->modules[i];
        id[i + 1] = code_module_id(code, m->path, strlen(m->path), m->build_id, m->build_id_bytes);
    }
    for (size_t i = 0; i < s->n_roots; i++)
        s->roots[i].module = s->roots[i].module <= scanned->n_modules ? id[s->roots[i].module] : 0;
    for (size_t i = 0; i < s->n_types; i++)
        s->types[i].module = s->types[i].module <= scanned->n_modules ? id[s->types[i].module] : 0;
    free(s->frames);
    s->frames = xcalloc(scanned->n_frames + 1, sizeof *s->frames);
    s->n_frames = scanned->n_frames;
    for (size_t i = 0; i < scanned->n_frames; i++) {
        const struct heap_frame *f = &scanned->frames[i];
        uint32_t module = f->module <= scanned->n_modules ? id[f->module] : 0;
        s->frames[i] = (struct snapshot_frame){f->address, f->root,
                                               code_frame_id(code, module, f->offset, f->exact ? CODE_FRAME_EXACT : 0)};
    }
    free(id);
}
