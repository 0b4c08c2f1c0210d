/*
 * collector/session/image.c - see image.h. Ingest thread.
 */
#include "session/image.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

static uint64_t spaces;

static uint64_t space_next(void) { return ++spaces; }

uint64_t image_changes(void) { return spaces; }

void image_begin(struct image *m, uint32_t serial, uint32_t process)
{
    *m = (struct image){.serial = serial, .process = process, .space = space_next()};
}

static void modules_leave(struct image_modules *t)
{
    if (!t || --t->users)
        return;
    free(t->ranges);
    free(t);
}

void image_end(struct image *m)
{
    modules_leave(m->modules);
    m->modules = NULL;
}

void image_inherit(struct image *m, const struct image *parent)
{
    if (!parent->modules || parent->modules == m->modules)
        return;
    modules_leave(m->modules);
    m->modules = parent->modules;
    m->modules->users++;
    m->space = space_next();
}

/* A table of its own, to be changed. */
static struct image_modules *modules_own(struct image *m)
{
    struct image_modules *t = m->modules, *own;
    if (t && t->users == 1)
        return t;
    own = xcalloc(1, sizeof *own);
    own->users = 1;
    if (t) {
        own->ranges = xgrow(NULL, &own->capacity, t->count + 1, sizeof *own->ranges);
        memcpy(own->ranges, t->ranges, t->count * sizeof *own->ranges);
        own->count = t->count;
        modules_leave(t);
    }
    m->modules = own;
    return own;
}

/* First range that ends behind `address`. */
static size_t first_behind(const struct image_modules *t, uint64_t address)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->ranges[mid].end > address)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

const struct image_range *image_find(const struct image *m, uint64_t address)
{
    const struct image_modules *t = m->modules;
    size_t i;
    if (!t)
        return NULL;
    i = first_behind(t, address);
    return i < t->count && t->ranges[i].start <= address ? &t->ranges[i] : NULL;
}

void image_add(struct image *m, uint64_t start, uint64_t end, uint64_t bias, uint32_t module)
{
    struct image_range fresh = {start, end, bias, module};
    const struct image_range *old = image_find(m, start);
    struct image_modules *t;
    size_t from, to;

    if (start >= end || (old && !memcmp(old, &fresh, sizeof fresh)))
        return;
    t = modules_own(m);
    from = to = first_behind(t, start);
    while (to < t->count && t->ranges[to].start < end)
        to++;
    if (from == to && t->count >= IMAGE_MODULES_MAX)
        return;
    t->ranges = xgrow(t->ranges, &t->capacity, t->count + 1, sizeof *t->ranges);
    memmove(t->ranges + from + 1, t->ranges + to, (t->count - to) * sizeof *t->ranges);
    t->ranges[from] = fresh;
    t->count = t->count + 1 - (to - from);
    m->space = space_next();
}
