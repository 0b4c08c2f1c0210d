/*
 * collector/session/registry.c - see registry.h. Ingest thread.
 */
#include "session/registry.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/proc.h"

void registry_end(struct registry *r)
{
    size_t i;
    for (i = 0; i < r->process_count; i++)
        free(r->processes[i]);
    for (i = 0; i < r->image_count; i++) {
        image_end(&r->images[i]->image);
        free(r->images[i]);
    }
    free(r->processes);
    free(r->images);
    *r = (struct registry){.segment = r->segment};
}

struct registered *registry_image(const struct registry *r, uint32_t serial)
{
    size_t i = r->image_count;
    while (i-- > 0)
        if (r->images[i]->image.serial == serial)
            return r->images[i];
    return NULL;
}

struct process *registry_process(const struct registry *r, uint32_t id)
{
    size_t i = r->process_count;
    while (i-- > 0)
        if (r->processes[i]->id == id)
            return r->processes[i];
    return NULL;
}

struct process *registry_by_pid(const struct registry *r, uint32_t pid)
{
    size_t i = r->process_count;
    while (i-- > 0)
        if (r->processes[i]->pid == pid)
            return r->processes[i];
    return NULL;
}

/* The numbers that it knows itself by are of another pid namespace: pid 1 of a
 * container is not ours. Where its parent is of ours and is in its sight, so is it. */
static bool is_foreign(const struct registry *r, uint32_t pid, const struct decode_birth *birth,
                       const struct process *parent)
{
    if (!birth || (parent && parent->foreign))
        return birth;
    if (!birth->ppid) /* the first of a namespace, or it came into ours from outside */
        return proc_maps_same(pid, r->segment) <= 0;
    return !parent && !proc_maps_same(pid, r->segment) && proc_parent(pid) != birth->ppid;
}

static struct process *process_new(struct registry *r, uint32_t id, uint32_t pid, const struct decode_birth *birth)
{
    struct process *p = xcalloc(1, sizeof *p), *parent = NULL;
    p->id = id;
    p->pid = pid;
    p->start_time = proc_start_time(pid);
    if (birth)
        parent = birth->birth == WIRE_BORN_FORK ? NULL : registry_by_pid(r, birth->ppid);
    if (birth && birth->parent_serial) {
        struct registered *from = registry_image(r, birth->parent_serial);
        parent = from ? registry_process(r, from->image.process) : NULL;
    }
    p->foreign = is_foreign(r, pid, birth, parent);
    if (p->foreign)
        p->start_time = 0;
    r->processes = xgrow(r->processes, &r->process_capacity, r->process_count + 1, sizeof *r->processes);
    r->processes[r->process_count++] = p;
    r->processes_ever++;
    return p;
}

/* Images of processes that are gone go, the oldest first, beyond a number. */
static void images_prune(struct registry *r)
{
    size_t i, kept = 0;
    if (r->gone_count <= REGISTRY_IMAGES_KEPT)
        return;
    for (i = 0; i < r->image_count; i++) {
        struct registered *m = r->images[i];
        if (m->gone && !m->lanes && r->gone_count > REGISTRY_IMAGES_KEPT / 2) {
            image_end(&m->image);
            free(m);
            r->gone_count--;
        } else {
            r->images[kept++] = m;
        }
    }
    r->image_count = kept;
}

static struct registered *image_new(struct registry *r, uint32_t serial, uint32_t process)
{
    struct registered *m = xcalloc(1, sizeof *m);
    images_prune(r);
    image_begin(&m->image, serial, process);
    r->images = xgrow(r->images, &r->image_capacity, r->image_count + 1, sizeof *r->images);
    r->images[r->image_count++] = m;
    return m;
}

struct registered *registry_join(struct registry *r, uint32_t serial, uint32_t pid, const struct decode_birth *birth)
{
    bool forked = birth && birth->birth == WIRE_BORN_FORK;
    struct process *p = forked ? NULL : registry_by_pid(r, pid);
    struct registered *parent, *m;
    uint64_t started;

    if (p && p->start_time && (started = proc_start_time(pid)) && started != p->start_time)
        p = NULL; /* the number was given out again */
    if (!p)
        p = process_new(r, serial, pid, birth);
    p->exiting = 0;
    m = image_new(r, serial, p->id);
    if (forked && (parent = registry_image(r, birth->parent_serial)))
        image_inherit(&m->image, &parent->image);
    return m;
}

struct registered *registry_restore(struct registry *r, uint32_t serial, uint32_t id, uint32_t pid)
{
    struct registered *m = registry_image(r, serial);
    if (!registry_process(r, id))
        process_new(r, id, pid, NULL);
    if (!m)
        return image_new(r, serial, id);
    if (m->gone) {
        m->gone = false;
        r->gone_count--;
    }
    return m;
}

void registry_process_end(struct registry *r, struct process *p)
{
    size_t i;
    for (i = 0; i < r->image_count; i++)
        if (r->images[i]->image.process == p->id && !r->images[i]->gone) {
            r->images[i]->gone = true;
            r->gone_count++;
        }
    for (i = 0; i < r->process_count && r->processes[i] != p; i++)
        ;
    if (i < r->process_count)
        memmove(r->processes + i, r->processes + i + 1, (--r->process_count - i) * sizeof *r->processes);
    free(p);
}
