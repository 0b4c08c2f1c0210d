/*
 * tests/unit/archive_world.h - random events of some processes that make, drop
 * (twice, too), copy, move, fork, load modules and end, for who folds them in two
 * graphs and compares.
 *
 * Small ranges of addresses, so that events meet each other; stamps mostly less
 * than a repair window apart, so that some events wait. The same seed gives the
 * same events.
 */
#ifndef ARCHIVE_WORLD_H
#define ARCHIVE_WORLD_H

#include "graph_play.h"
#include "state_save.h"

#include "graph/graph_state.h"

enum { WORLD_PROCESSES = 48, WORLD_OPEN = 6, WORLD_FORKS = 16, WORLD_BLOCKS = 96 };

struct world {
    uint64_t seed, ns;
    uint32_t newest;                    /* process serial; the last WORLD_OPEN of them act */
    uint32_t told;                      /* forks of which a half is still to come */
    bool made[WORLD_PROCESSES + 1][WORLD_BLOCKS];   /* a block lay there once: processes of odd serials drop no others, most
                                                     * of the time */
    struct { uint32_t parent, thread, pid; bool said, started; } forks[WORLD_FORKS];
};

static inline uint32_t world_random(struct world *w, uint32_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)((w->seed >> 20) % n);
}

static inline uint64_t world_block(struct world *w) { return 0x100000 + 64 * (uint64_t)world_random(w, WORLD_BLOCKS); }
static inline uint64_t world_large(struct world *w) { return 0x40000000 + 0x100000 * (uint64_t)world_random(w, 4); }
static inline uint64_t world_pointer(struct world *w)
{
    uint32_t kind = world_random(w, 12);
    return kind < 5 ? world_block(w) : kind < 9 ? world_block(w) + world_random(w, 80) : kind == 9 ? world_large(w) + 8 :
           kind == 10 ? world_random(w, 2) * 0x7fff0000 : 0x10000000 + 4096 * (uint64_t)world_random(w, 16);
}

static inline void world_begin(struct world *w, uint64_t seed)
{
    *w = (struct world){ .seed = seed * 0x9e3779b97f4a7c15u + 1, .newest = 1 };
    world_random(w, 2);
}

static inline void world_memory(struct world *w, struct event *e)
{
    static const uint8_t made[] = { WIRE_MALLOC, WIRE_CALLOC, WIRE_NEW };
    uint32_t what = world_random(w, 100);
    e->address = world_random(w, 12) ? world_block(w) : world_large(w);
    e->size = e->address >= 0x40000000 ? (96u << 10) + world_random(w, 64u << 10) : 1 + world_random(w, 100);
    if (what < 44) {
        e->type = EVENT_NEW;
        e->family = made[world_random(w, 12) ? 0 : world_random(w, 3)];
    } else if (what < 84) {
        e->type = EVENT_DROP;
        e->family = WIRE_FREE;
        e->address = world_random(w, 20) ? e->address : world_pointer(w);
    } else if (what < 90) {
        e->type = EVENT_REALLOC_BEGIN;
        e->family = WIRE_REALLOC;
    } else if (what < 95) {
        e->type = EVENT_REALLOC_END;
        e->family = WIRE_REALLOC;
        e->extra[0] = world_block(w);
        e->address = world_random(w, 4) ? e->address : 0;
    } else {
        e->type = what < 98 ? EVENT_NEW : EVENT_DROP;
        e->family = what < 98 ? WIRE_MMAP_ANON : WIRE_MUNMAP;
        e->address = 0x10000000 + 4096 * (uint64_t)world_random(w, 16);
        e->size = e->extra[0] = 4096 * (uint64_t)(1 + world_random(w, 3));
    }
}

static inline void world_copy(struct world *w, struct event *e)
{
    e->type = EVENT_COPY;
    e->family = (uint8_t)(1 + world_random(w, WIRE_COPIES - 1));
    e->address = world_pointer(w);
    e->extra[0] = world_random(w, 4) ? world_pointer(w) : 0;
    e->size = 1 + world_random(w, 90);
    if (!world_random(w, 20)) {
        e->type = EVENT_USABLE;
        e->address = world_random(w, 30) ? world_block(w) : 0;
        e->size = 128;
    }
}

/* A process of an odd serial makes first what it drops. */
static inline void world_sober(struct world *w, struct event *e)
{
    bool *made = &w->made[e->process][(e->address - 0x100000) / 64 % WORLD_BLOCKS];
    if (e->process % 2 && !*made && (e->type == EVENT_DROP || e->type == EVENT_REALLOC_BEGIN) && e->family != WIRE_MUNMAP &&
        world_random(w, 400)) {
        e->type = EVENT_NEW;
        e->family = WIRE_MALLOC;
    }
    *made |= e->type == EVENT_NEW;
}

/* A half of a fork that is to come. */
static inline bool world_fork(struct world *w, struct event *e)
{
    uint32_t at = world_random(w, WORLD_FORKS);
    if (!w->forks[at].parent && w->told < WORLD_FORKS && w->newest < WORLD_PROCESSES) {
        w->forks[at].parent = e->process;
        w->forks[at].thread = e->thread;
        w->forks[at].pid = 1000 + w->newest * WORLD_FORKS + at;
        w->told++;
        e->type = EVENT_PROCESS_FORK;
        return true;
    }
    if (!w->forks[at].parent)
        return false;
    if (!w->forks[at].said && (w->forks[at].started || world_random(w, 2))) {
        w->forks[at].said = true;
        e->type = EVENT_PROCESS_FORKED;
        e->process = w->forks[at].parent;
        e->thread = w->forks[at].thread;
        e->address = world_random(w, 8) ? w->forks[at].pid : (uint64_t)-1;
    } else if (!w->forks[at].started) {
        w->forks[at].started = true;
        e->type = EVENT_PROCESS_START;
        e->family = WIRE_BORN_FORK;
        e->address = w->forks[at].parent;
        e->extra[0] = w->forks[at].pid;
        e->process = ++w->newest;
        memcpy(w->made[e->process], w->made[w->forks[at].parent], sizeof *w->made);
        e->thread = e->process * 4;
        e->text = "/bin/x\0x";
        e->text_bytes = 8;
    }
    if (w->forks[at].said && w->forks[at].started) {
        w->forks[at].parent = w->forks[at].said = w->forks[at].started = 0;
        w->told--;
    }
    return true;
}

static inline void world_life(struct world *w, struct event *e)
{
    uint32_t what = world_random(w, 40);
    if (what < 16 && world_fork(w, e))
        return;
    if (what < 26) {
        e->type = EVENT_MODULE;
        e->thread = 0;
        e->address = 0x20000000 + 0x1000 * (uint64_t)world_random(w, 64);
        e->size = 0x1000 * (uint64_t)(1 + world_random(w, 6));
        e->extra[0] = e->address;
        e->extra[1] = 1 + world_random(w, 9);
    } else if (what < 30) {
        e->type = EVENT_THREAD_NAME;
        e->address = 0x70000 + e->thread;
        e->text = "name";
        e->text_bytes = 4;
    } else if (what < 34) {
        e->type = EVENT_MARK;
        e->text = "a mark";
        e->text_bytes = 6;
    } else if (what == 34 && e->process > 1) {
        e->type = EVENT_PROCESS_GONE;
        e->thread = 0;
        e->extra[0] = 1;
        e->extra[1] = world_random(w, 2) ? 6 : 0;
    } else if (what == 35) {
        e->type = EVENT_PROCESS_START;      /* a new image */
        e->family = WIRE_BORN_EXEC;
        e->extra[0] = 1000 + e->process;
        e->text = "/bin/y\0y";
        e->text_bytes = 8;
    } else if (what == 36 && !world_random(w, 12)) {
        e->type = EVENT_LOST;
        e->address = WIRE_LOST_RING_FULL;
        e->size = 3;
    } else {
        e->type = EVENT_THREAD_CREATE;
        e->address = world_pointer(w);
        e->extra[0] = e->process * 4 + world_random(w, 3);
    }
}

static inline struct event world_next(struct world *w)
{
    struct event e = { 0 };
    uint32_t open = w->newest < WORLD_OPEN ? w->newest : WORLD_OPEN;
    e.process = w->newest - world_random(w, open);
    e.thread = e.process * 4 + world_random(w, 3);
    e.stack = 1 + world_random(w, 12);
    uint32_t what = world_random(w, 100);
    if (what < 76)
        world_memory(w, &e), world_sober(w, &e);
    else if (what < 92)
        world_copy(w, &e);
    else
        world_life(w, &e);
    w->ns += 4 * (uint64_t)world_random(w, world_random(w, 50) ? 200 : 4000);
    e.ns = w->ns - 4 * (uint64_t)world_random(w, w->ns > 2000 ? 60 : 1);
    return e;
}

/* ---- what a graph said, and what it is -------------------------------------------- */

static inline uint64_t digest(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}
#define DIGEST(hash, v) ((hash) = digest((hash), &(v), sizeof (v)))

static inline void facts_digest(void *context, const struct fact *f)
{
    uint64_t *hash = context;
    uint64_t n[] = { f->ns, f->block, f->address, f->size, f->old_address, f->old_size, f->thread, f->process, f->from_thread,
                     f->to_thread, f->stack, f->type, f->family, f->event, f->cloned_from, f->lock, f->wait_ns, f->offset,
                     f->is_mutable, f->shared, f->lock_family };
    DIGEST(*hash, n);
    *hash = digest(*hash, f->by ? f->by : "", f->by ? strlen(f->by) : 0);
    *hash = digest(*hash, f->text ? f->text : "", f->text ? f->text_bytes : 0);
}

static inline uint64_t findings_digest(uint64_t hash, const struct view *v)
{
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *f = &v->findings[i];
        uint64_t n[] = { f->rule, f->doubt, f->use, f->writes, f->family, f->made_family, f->process, f->thread, f->ns, f->event,
                         f->count, f->block, f->lock, f->address, f->block_address, f->block_size, (uint64_t)f->offset,
                         f->length, f->first, f->n };
        DIGEST(hash, n);
    }
    for (size_t i = 0; i < v->n_evidence; i++) {
        const struct view_evidence *e = &v->evidence[i];
        uint64_t n[] = { e->role, e->stack, e->thread, e->ns, e->lock };
        DIGEST(hash, n);
    }
    DIGEST(hash, v->findings_by_rule);
    DIGEST(hash, v->drops_withheld);
    DIGEST(hash, v->bounds_withheld);
    return hash;
}

static inline uint64_t flows_digest(uint64_t hash, const struct view *v)
{
    for (size_t i = 0; i < v->n_copy_sites; i++) {
        uint64_t n[] = { v->copy_sites[i].stack, v->copy_sites[i].copies, v->copy_sites[i].bytes };
        DIGEST(hash, n);
    }
    for (size_t i = 0; i < v->n_flows; i++) {
        uint64_t n[] = { v->flows[i].from_stack, v->flows[i].to_stack, v->flows[i].copies, v->flows[i].bytes };
        DIGEST(hash, n);
    }
    for (size_t i = 0; i < v->n_block_flows; i++) {
        const struct view_block_flow *b = &v->block_flows[i];
        uint64_t n[] = { b->from, b->to, b->copies, b->bytes, b->first_ns, b->last_ns, b->thread };
        DIGEST(hash, n);
    }
    uint64_t sums[] = { v->copies, v->copy_bytes, v->copy_bytes_to_blocks };
    return DIGEST(hash, sums);
}

static inline uint64_t view_digest(struct graph *g)
{
    struct view *v = graph_view_make(g, NULL, VIEW_BLOCKS);
    uint64_t hash = flows_digest(findings_digest(1, v), v);
    DIGEST(hash, v->totals);
    for (size_t i = 0; i < v->n_blocks; i++) {
        const struct view_block *b = &v->blocks[i];
        uint64_t n[] = { b->id, b->address, b->size, b->born_ns, b->cloned_from, b->process, b->thread, b->owner, b->borrower,
                         b->stack, b->family };
        DIGEST(hash, n);
    }
    view_free(v);
    return hash;
}

#endif
