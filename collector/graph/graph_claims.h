/*
 * collector/graph/graph_claims.h - findings about memory, and what they rest on.
 *
 * A claim may turn out to be none: a process may have blocks that nobody saw
 * made (an allocator bound directly, past every preload), which is known when
 * a drop of an address that nothing traced had does no harm; or drop some of
 * its blocks past us, which is known when their address is given out again.
 * What was claimed until then of dropped memory (of live blocks) is taken back,
 * and from then on withheld.
 *
 * Events that were lost make what rests on older ones doubtful; a loss is told
 * before what came after it. What stands: what rests on the event alone
 * (overlap), and on blocks that were made (graves: dropped) after the loss.
 *
 * Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_CLAIMS_H
#define OWNSCOPE_GRAPH_CLAIMS_H

#include "graph/graph_findings.h"
#include "graph/graph_state.h"

enum claim_kind {
    CLAIM_EVENT,    /* rests on the event alone */
    CLAIM_LIVE,     /* on a block that lives, since `since_ns` */
    CLAIM_DROPPED   /* on a block that was dropped at `since_ns`, and that nobody was given its memory since */
};

/* Notes a finding. 0: withheld; else its row, for claim_withdraw. */
uint32_t claim_note(struct graph *g, struct process *p, const struct event *e, enum claim_kind kind, uint64_t since_ns,
                    struct view_finding f, const struct view_evidence *evidence, size_t n);
void claim_withdraw(struct graph *g, struct process *p, uint32_t row);

/* The process has blocks that nobody saw made; a block of it was dropped and nobody saw it. */
void claims_unseen_made(struct graph *g, struct process *p);
void claims_unseen_dropped(struct graph *g, struct process *p, const struct block *b);
void claims_clear(struct process *p);
struct archive;
void claims_archive(struct archive *a, struct graph *g, struct process *p);

/* Evidence: where a block was made; where a dropped one was made and dropped (two). */
struct view_evidence evidence_made(const struct graph *g, const struct block *b);
void evidence_grave(const struct graph *g, const struct grave *v, struct view_evidence out[2]);

#endif
