/*
 * collector/graph/graph_cover.h - what was recorded when, and who said so:
 * EVENT_COVER and EVENT_CONTROL.
 *
 * What nobody recorded proves nothing. While memory is recorded in part (a rule, a sample, a pause), and
 * of all that was dropped before or in such a time, its address may have been given out unseen: no use
 * after the drop is claimed, and a drop of an address that is not known is nobody's fault. Blocks that lived
 * in a time when no releases were told (a pause, an emergency stop) may be gone: nothing is claimed that rests on
 * their life. While locks or the lives of threads are recorded in part, no borrow is called unordered, and who
 * had a lock then may not have it now. What was found before such a time, or begins after it, stands.
 *
 * Nothing of this exists until the first such event. Bounded: the newest changes and orders, and how many there
 * were. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_COVER_H
#define OWNSCOPE_GRAPH_COVER_H

#include "graph/graph_state.h"

enum { COVER_SPANS_MAX = 256, CONTROLS_MAX = 1024, COVER_PARTS = 5, RECORDING_STATES = EVENT_EMERGENCY + 1 };
#define COVER_NEVER UINT64_MAX

struct cover {
    uint8_t bits;               /* enum event_cover: now */
    uint64_t since_ns;          /* so it is since then */
    /* All is known of what came later; 0: of all there is, COVER_NEVER: it is recorded in part. */
    uint64_t memory_ns, drops_ns, orders_ns;
    uint64_t locks_gap_ns;      /* the newest change between all locks and some: who had one before may not have it */
    uint64_t without_ns[COVER_PARTS];   /* for so long each bit was not set, until since_ns */
    struct view_cover_span *spans; size_t n_spans, first_span;   /* a ring of the newest */
    uint64_t n_changes;
    uint64_t withheld;          /* findings that were none for what was not recorded */
    uint64_t unknown_drops;     /* drops of what was not recorded */
    /* orders */
    uint8_t state;              /* enum event_recording */
    uint64_t state_ns;          /* since then */
    uint64_t ns_by_state[RECORDING_STATES];     /* until state_ns */
    struct view_control *controls; size_t n_controls, first_control;
    uint64_t n_orders;
};

/* The events. */
void cover_changed(struct graph *g, const struct event *e);
void cover_ordered(struct graph *g, const struct event *e);

/* Memory was recorded whole all the time since then, and is. */
static inline bool cover_memory_whole(const struct graph *g, uint64_t since_ns)
{
    return graph_likely(!g->cover) || !g->cover->memory_ns || since_ns > g->cover->memory_ns;
}
/* What became of blocks that were recorded was told all the time since then, and is. */
static inline bool cover_drops_told(const struct graph *g, uint64_t since_ns)
{
    return graph_likely(!g->cover) || !g->cover->drops_ns || since_ns > g->cover->drops_ns;
}
/* Memory was recorded in part at some time: what is not known may have been made then. */
static inline bool cover_memory_partial(const struct graph *g) { return graph_unlikely(g->cover != NULL) && g->cover->memory_ns; }
/* What threads do before one another cannot be told. */
static inline bool cover_orders_unknown(const struct graph *g)
{
    return g->without_locks || (graph_unlikely(g->cover != NULL) && g->cover->orders_ns == COVER_NEVER);
}
/* 0: there was none. */
static inline uint64_t cover_locks_gap(const struct graph *g) { return graph_likely(!g->cover) ? 0 : g->cover->locks_gap_ns; }

void cover_clear(struct graph *g);
void view_covers(const struct graph *g, struct view *v);
struct archive;
void cover_archive(struct archive *a, struct graph *g);

#endif
