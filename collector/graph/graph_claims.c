/*
 * collector/graph/graph_claims.c - see graph_claims.h.
 */
#include "graph/graph_claims.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_cover.h"

enum { CLAIMS_MAX = 256 };

/* Findings of one row: how many of them are this process's claims. */
struct claim { uint32_t row, times; bool dropped; };

struct view_evidence evidence_made(const struct graph *g, const struct block *b)
{
    return (struct view_evidence){ .role = EVIDENCE_MADE, .stack = g->site_stacks[b->site],
                                   .thread = thread_at(g, b->maker)->serial, .ns = b->born_ns };
}

void evidence_grave(const struct graph *g, const struct grave *v, struct view_evidence out[2])
{
    out[0] = (struct view_evidence){ .role = EVIDENCE_MADE, .stack = g->site_stacks[v->site],
                                     .thread = thread_at(g, v->maker)->serial, .ns = v->born_ns };
    out[1] = (struct view_evidence){ .role = EVIDENCE_DROPPED, .stack = v->stack, .thread = v->thread, .ns = v->ns };
}

static struct claim *claim_of(struct process *p, uint32_t row)
{
    for (size_t i = 0; i < p->n_claims; i++)
        if (p->claims[i].row == row)
            return &p->claims[i];
    return NULL;
}

static void claim_list(struct process *p, uint32_t row, bool dropped)
{
    struct claim *c = claim_of(p, row);
    if (!c) {
        if (p->n_claims == CLAIMS_MAX)
            return;
        p->claims = xgrow(p->claims, &p->claims_capacity, p->n_claims + 1, sizeof *p->claims);
        c = &p->claims[p->n_claims++];
        *c = (struct claim){ .row = row, .dropped = dropped };
    }
    c->times++;
}

uint32_t claim_note(struct graph *g, struct process *p, const struct event *e, enum claim_kind kind, uint64_t since_ns,
                    struct view_finding f, const struct view_evidence *evidence, size_t n)
{
    if ((kind == CLAIM_DROPPED && p->unseen_made) || (kind == CLAIM_LIVE && (p->unseen_made || p->unseen_dropped))) {
        g->drops_withheld++;
        return 0;
    }
    if ((kind == CLAIM_DROPPED && !cover_memory_whole(g, since_ns)) || (kind == CLAIM_LIVE && !cover_drops_told(g, since_ns))) {
        g->cover->withheld++;
        return 0;
    }
    if (kind != CLAIM_EVENT)
        f.doubt |= finding_doubt(g, p, since_ns);
    uint32_t row = finding_note(g, e, f, evidence, n);
    if (row && kind != CLAIM_EVENT)
        claim_list(p, row, kind == CLAIM_DROPPED);
    return row;
}

void claim_withdraw(struct graph *g, struct process *p, uint32_t row)
{
    struct claim *c = claim_of(p, row);
    if (!c || !c->times)
        return;
    c->times--;
    finding_withdraw(g, row, 1);
}

static void claims_withdraw(struct graph *g, struct process *p, bool dropped)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_claims; i++) {
        const struct claim *c = &p->claims[i];
        if (c->dropped && !dropped) {
            p->claims[n++] = *c;
            continue;
        }
        finding_withdraw(g, c->row, c->times);
        g->drops_withheld += c->times;
    }
    p->n_claims = n;
}

void claims_unseen_made(struct graph *g, struct process *p)
{
    if (!p->unseen_made++)
        claims_withdraw(g, p, true);
}

void claims_unseen_dropped(struct graph *g, struct process *p, const struct block *b)
{
    if (b->born_ns > lost_ns(g, p) && cover_drops_told(g, b->born_ns) && !p->unseen_dropped++)   /* else the drop was lost, which is another matter */
        claims_withdraw(g, p, false);
}

void claims_clear(struct process *p)
{
    free(p->claims);
    p->claims = NULL;
    p->n_claims = p->claims_capacity = 0;
    p->unseen_made = p->unseen_dropped = 0;
}

void claims_archive(struct archive *a, struct graph *g, struct process *p)
{
    archive_u64(a, &p->unseen_made);
    archive_u64(a, &p->unseen_dropped);
    archive_rows(a, (void **)&p->claims, &p->n_claims, &p->claims_capacity, sizeof *p->claims, CLAIMS_MAX);
    ARCHIVE_INDEX(a, p->claims, p->n_claims, row, g->n_findings + 1);
    ARCHIVE_FIELD(a, p->claims, p->n_claims, times);
    ARCHIVE_INDEX(a, p->claims, p->n_claims, dropped, 2);
    for (size_t i = 0; i < p->n_claims; i++)
        archive_need(a, p->claims[i].row, "a claim is of no finding");
}
