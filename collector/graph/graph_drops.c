/*
 * collector/graph/graph_drops.c - see graph_drops.h.
 */
#include "graph/graph_drops.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_claims.h"
#include "graph/graph_clocks.h"
#include "graph/graph_cover.h"
#include "graph/graph_heap.h"
#include "graph/graph_pointee.h"

enum {
    SUSPECTS_MAX = 8,                   /* of a process, the newest */
    DIES_WITHIN_NS = 20000000,          /* other threads go on so long at most while one dies */
    GONE_WITHIN_NS = 2000000000         /* and so long later the process is found gone */
};

/* A drop of nothing known, while its thread has done nothing else. */
struct suspect {
    struct event e;
    uint64_t number;
    struct grave grave;
    bool dropped_before;    /* grave holds */
    uint32_t row;           /* what was claimed of it, 0: nothing */
    bool went_on;           /* the thread did something else */
};

void drops_table(struct graph *g)
{
    for (unsigned made = 0; made < 32; made++)
        for (unsigned released = 0; released < 32; released++)
            g->releases[made] |= (uint32_t)family_matches(made, released) << released;
}

static bool is_realloc(const struct event *e) { return e->type == EVENT_REALLOC_BEGIN; }

static struct view_finding finding_of(enum finding_rule rule, const struct event *e)
{
    return (struct view_finding){ .rule = (uint8_t)rule, .family = e->family, .address = e->address };
}

static void finding_about(struct view_finding *f, const struct block *b)
{
    f->block = b->id;
    f->made_family = b->family;
    f->block_address = b->address;
    f->block_size = b->size;
    f->offset = (int64_t)(f->address - b->address);
}

/* ---- drops of live blocks ------------------------------------------------------ */

static void drop_mismatched(struct graph *g, struct process *p, const struct event *e, const struct block *b, uint64_t told_bytes)
{
    struct view_finding f = finding_of(RULE_MISMATCHED_DROP, e);
    struct view_evidence evidence[] = { finding_here(e, EVIDENCE_USED), evidence_made(g, b) };
    finding_about(&f, b);
    f.length = told_bytes == b->size ? 0 : told_bytes;
    claim_note(g, p, e, CLAIM_LIVE, b->born_ns, f, evidence, 2);
}

void drops_check(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    uint64_t told_bytes = is_realloc(e) ? 0 : e->extra[0];
    if (!family_matches(b->family, e->family) || (told_bytes && told_bytes != b->size))
        drop_mismatched(g, p, e, b, told_bytes);
    if (!(b->flags & BLOCK_USED))
        return;
    clocks_use(g, p, t, e, place, is_realloc(e) ? CLOCKS_MOVE : CLOCKS_DROP, 0, b->size);
    if (!is_realloc(e))
        clocks_block_gone(g, place);
}

/* ---- drops of nothing known ---------------------------------------------------- */

static void suspect_remove(struct process *p, size_t i)
{
    for (p->n_suspects--; i < p->n_suspects; i++)
        p->suspects[i] = p->suspects[i + 1];
}

static struct suspect *suspect_add(struct graph *g, struct process *p, const struct event *e)
{
    if (!p->suspects)
        p->suspects = xcalloc(SUSPECTS_MAX, sizeof *p->suspects);
    if (p->n_suspects == SUSPECTS_MAX)
        suspect_remove(p, 0);
    struct suspect *s = &p->suspects[p->n_suspects++];
    *s = (struct suspect){ .e = *e, .number = g->number };
    s->e.text = NULL;
    s->e.text_bytes = 0;
    p->suspect_seen_ns = e->ns;
    return s;
}

/* A dropped block is dropped (reallocated) once more. */
static uint32_t drop_again(struct graph *g, struct process *p, enum claim_kind kind, const struct event *e,
                           uint64_t number, const struct grave *v)
{
    struct view_finding f = finding_of(is_realloc(e) ? RULE_USE_AFTER_DROP : RULE_DOUBLE_DROP, e);
    struct view_evidence evidence[3] = { finding_here(e, EVIDENCE_USED) };
    evidence_grave(g, v, evidence + 1);
    f.event = number;
    f.block = v->id;
    f.made_family = v->made_family;
    f.block_address = v->address;
    f.block_size = v->size;
    return claim_note(g, p, e, kind, v->ns, f, evidence, 3);
}

bool block_stale(struct process *p, const struct block *b, uint64_t address)
{
    uint64_t start;
    return starts_between(p->starts, b->address + 1, b->address + b->size, &start) ||
           graves_born_since(p, address, b->born_ns);
}

/* Into the middle of a live block. */
static void drop_inside(struct graph *g, struct process *p, const struct event *e, const struct block *b)
{
    if (block_stale(p, b, e->address)) {
        g->drops_withheld++;
        return;
    }
    struct view_finding f = finding_of(RULE_INVALID_DROP, e);
    struct view_evidence evidence[] = { finding_here(e, EVIDENCE_USED), evidence_made(g, b) };
    finding_about(&f, b);
    claim_note(g, p, e, CLAIM_LIVE, b->born_ns, f, evidence, 2);
}

void drops_unknown(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    if (!e->address || !t->place)
        return;
    uint32_t place = heap_pointee(g, p, e->address);
    if (place) {
        drop_inside(g, p, e, pool_at(&g->pool, place));
        return;
    }
    struct grave grave;
    bool dropped_before = graves_find_start(g, p, e->address, &grave);
    if (cover_memory_partial(g) && !(dropped_before && cover_memory_whole(g, grave.ns)))
        return;     /* made when memory was recorded in part, for all that is known */
    struct suspect *s = suspect_add(g, p, e);
    s->dropped_before = dropped_before;
    if (dropped_before)
        s->grave = grave;
    if (s->dropped_before)
        s->row = drop_again(g, p, CLAIM_DROPPED, e, g->number, &s->grave);
}

bool drops_used(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t length)
{
    struct grave v;
    if (!starts_touched(pointee_index(g, p), address) || !graves_find(g, p, address, &v))
        return false;
    if (heap_slack(g, p, address)) {
        g->bounds_withheld++;
        return true;
    }
    struct view_finding f = finding_of(RULE_USE_AFTER_DROP, e);
    struct view_evidence evidence[3] = { finding_here(e, EVIDENCE_USED) };
    evidence_grave(g, &v, evidence + 1);
    f.address = address;
    f.length = length;
    f.block = v.id;
    f.made_family = v.made_family;
    f.block_address = v.address;
    f.block_size = v.size;
    f.offset = (int64_t)(address - v.address);
    claim_note(g, p, e, CLAIM_DROPPED, v.ns, f, evidence, 3);
    return true;
}

/* ---- what became of suspects ------------------------------------------------------ */

/* Told by the collector of a thread or process, not done by it. */
static bool by_collector(const struct event *e)
{
    return e->type == EVENT_THREAD_GONE || e->type == EVENT_PROCESS_GONE || e->type == EVENT_MODULE || e->type == EVENT_VERIFY;
}

/* The thread went on: its drop did no harm. */
static void suspect_cleared(struct graph *g, struct process *p, size_t i)
{
    bool unseen = !p->suspects[i].dropped_before && !lost_ns(g, p);   /* after a loss: its New may have been lost */
    suspect_remove(p, i);
    if (!unseen)
        return;
    claims_unseen_made(g, p);
    for (size_t k = 0; k < p->n_suspects; k++)
        p->suspects[k].row = 0;
}

void drops_watch(struct graph *g, struct process *p, const struct event *e)
{
    if (by_collector(e))
        return;
    p->suspect_seen_ns = e->ns > p->suspect_seen_ns ? e->ns : p->suspect_seen_ns;
    for (size_t i = p->n_suspects; i-- > 0;) {
        struct suspect *s = &p->suspects[i];
        bool near = e->ns <= s->e.ns + REPAIR_WINDOW_NS;
        s->went_on |= e->thread == s->e.thread;
        if (near && e->type == EVENT_NEW && e->address == s->e.address && e->thread != s->e.thread) {
            if (s->row)     /* made by another thread just before, as the clocks of two processors had it */
                claim_withdraw(g, p, s->row);
            suspect_remove(p, i);
        } else if (s->went_on && !near) {
            suspect_cleared(g, p, i);
        }
    }
}

/* Killed by its own act, by the signals that bad drops end in. */
static bool died_of_it(const struct event *e)
{
    int status = (int)(uint32_t)e->extra[1];
    return e->extra[0] == 1 && WIFSIGNALED(status) &&
           (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

/* The drop that the process died of was its last act: nothing else explains it. */
static void suspect_proven(struct graph *g, struct process *p, const struct suspect *s)
{
    if (s->row)
        return;
    if (s->dropped_before) {
        g->drops_withheld--;
        drop_again(g, p, CLAIM_EVENT, &s->e, s->number, &s->grave);
    } else if (p->unseen_made) {
        g->drops_withheld++;    /* as harmless as the others, for all that is known */
    } else {
        struct view_finding f = finding_of(RULE_INVALID_DROP, &s->e);
        struct view_evidence evidence = finding_here(&s->e, EVIDENCE_USED);
        f.event = s->number;
        f.doubt = finding_doubt(g, p, 0);
        claim_note(g, p, &s->e, CLAIM_EVENT, 0, f, &evidence, 1);
    }
}

void drops_process_gone(struct graph *g, struct process *p, const struct event *e)
{
    const struct suspect *last = NULL;
    for (size_t i = 0; i < p->n_suspects; i++)
        if (!p->suspects[i].went_on && (!last || p->suspects[i].e.ns >= last->e.ns))
            last = &p->suspects[i];
    if (last && died_of_it(e) && p->suspect_seen_ns - last->e.ns <= DIES_WITHIN_NS &&
        (e->ns < last->e.ns || e->ns - last->e.ns <= GONE_WITHIN_NS))
        suspect_proven(g, p, last);
    else if (last && e->extra[0] == 1 && WIFEXITED((int)(uint32_t)e->extra[1]))
        while (p->n_suspects)
            suspect_cleared(g, p, p->n_suspects - 1);
    p->n_suspects = 0;
}

void drops_clear(struct process *p)
{
    free(p->suspects);
    p->suspects = NULL;
    p->n_suspects = 0;
}

/* ---- in a checkpoint -------------------------------------------------------------- */

static void suspect_archive(struct archive *a, struct graph *g, struct suspect *s)
{
    archive_event(a, &s->e);
    archive_u64(a, &s->number);
    archive_bool(a, &s->dropped_before);
    if (s->dropped_before)
        grave_archive(a, g, &s->grave);
    archive_index(a, &s->row, g->n_findings + 1);
    archive_bool(a, &s->went_on);
    archive_need(a, s->e.type == EVENT_DROP || is_realloc(&s->e), "a suspect is no drop");
    archive_need(a, !s->e.text_bytes, "a suspect has a text");
}

void drops_archive(struct archive *a, struct graph *g, struct process *p)
{
    archive_u64(a, &p->suspect_seen_ns);
    archive_count(a, &p->n_suspects, SUSPECTS_MAX);
    if (a->reading && p->n_suspects)
        p->suspects = archive_room(a, SUSPECTS_MAX, sizeof *p->suspects);
    if (archive_bad(a))
        p->n_suspects = 0;
    for (size_t i = 0; i < p->n_suspects; i++)
        suspect_archive(a, g, &p->suspects[i]);
}
