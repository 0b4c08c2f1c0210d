/*
 * collector/heap/heap_scan.c - see heap_scan.h: the order of the steps.
 */
#include "heap/heap_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_frames.h"
#include "heap/heap_standing.h"
#include "heap/heap_interior.h"
#include "heap/heap_roots.h"
#include "heap/heap_walk.h"
#include "wire/clock.h"

static void modules_tell(const struct heap_modules *m, struct heap_code *code)
{
    code->modules = xcalloc(m->n + 1, sizeof *code->modules);
    code->n_modules = m->n;
    for (size_t i = 0; i < m->n; i++) {
        struct heap_module *to = &code->modules[i];
        const struct heap_place *from = &m->places[i];
        to->path = xstrdup(from->path);
        to->build_id_bytes = from->build_id_bytes;
        memcpy(to->build_id, from->build_id, sizeof to->build_id);
    }
}

int heap_scan(struct snapshot *s, const struct heap_scan_input *in, struct heap_code *code)
{
    uint64_t began_ns = wire_clock_monotonic_ns();
    struct heap_modules modules;
    struct heap_find find;
    struct heap_types types;
    struct heap_inners inners = {0};
    struct heap_scan_input seen = *in;
    struct heap_unwind *unwind;
    struct heap_stop stop;

    *code = (struct heap_code){0};
    if (s->first || s->n_roots || !snapshot_sound(s))
        return -EINVAL;
    heap_modules_read(&modules, heap_image_maps(in->image), in->stop->pid);
    unwind = heap_unwind_new(&modules, in->image, in->stop->pid);
    stop = heap_standing(in, &modules, unwind);
    seen.stop = &stop;
    heap_roots(s, &seen, &modules);
    modules_tell(&modules, code);
    heap_find_init(&find, s->address, s->size, s->n_blocks);
    heap_types_init(&types, s, in->image, &modules);
    heap_walk(s, &seen, &find, &types, &inners);
    heap_interior(s, in->image, &types, &inners);
    heap_types_settle(&types);
    heap_frames(s, &seen, &modules, unwind, code);
    s->read_bytes = heap_image_bytes(in->image);
    free(inners.at);
    heap_types_done(&types);
    heap_find_done(&find);
    heap_unwind_free(unwind);
    heap_standing_done(&stop);
    heap_modules_done(&modules);
    s->scan_ns = wire_clock_monotonic_ns() - began_ns;
    return 0;
}

void heap_code_free(struct heap_code *c)
{
    for (size_t i = 0; i < c->n_modules; i++)
        free(c->modules[i].path);
    free(c->modules);
    free(c->frames);
    *c = (struct heap_code){0};
}
