/*
 * collector/export/replay.h - folding a trace again: to a moment, or through a
 * range of events for whoever wants its facts one by one.
 *
 * One thread. A replay begins at the newest checkpoint that lies before what is
 * wanted, and at the first event where there is none (or it is damaged, or of a
 * version unknown here): the answer is the same, only later. A file that begins
 * behind the session's first event (trace_events_before) has no other way in
 * than its checkpoints.
 *
 * Errors: -EBADMSG, a damaged chunk (trace_error_text); -ERANGE, the moment lies
 * before the file's first event; -ENODATA, no checkpoint that leads to it can be
 * read (replay_error, for both).
 */
#ifndef OWNSCOPE_REPLAY_H
#define OWNSCOPE_REPLAY_H

#include "graph/graph.h"
#include "graph/view.h"
#include "trace/trace.h"

/* One line about the last -ERANGE or -ENODATA in this thread. */
const char *replay_error(void);
/* 0; -ERANGE: the moment lies before the file. */
int replay_reaches(const struct trace *t, uint64_t event);

/* Called now and then: the number of the newest event folded, and of the last one to be; 0: not known. */
typedef void (*replay_progress)(void *context, uint64_t event, uint64_t last);

/* The graph as it was after event number `event` (UINT64_MAX: at the end), not settled, and the trace standing behind
 * it. 0; -EBADMSG at a damaged chunk: *g is then what lies before it; other errors: *g is NULL. `reached` (may be NULL):
 * number of the last event folded. */
int replay_to(struct trace *t, uint64_t event, struct graph **g, uint64_t *reached);
int replay_to_telling(struct trace *t, uint64_t event, struct graph **g, replay_progress progress, void *context);

/* For who comes to one moment of a trace several times: from here on replays in this thread may begin with this state, too,
 * until another is kept or replay_forget, which must come before the trace is closed. */
void replay_keep(const struct trace *t, struct graph *g);
void replay_forget(void);
/* Its event, if it does not know the block yet; else 0. */
uint64_t replay_kept_event(const struct trace *t, uint64_t block);

/* Events in a row that are to be folded: (from, to]. The next one behind s->to, up to `last`: from there, or from a later
 * checkpoint on when no event before that may pass one of the filters, and no further than the last that may. False: there is none. Who folds it goes on behind `to`
 * while graph_waiting says that facts are still to come. */
struct replay_stretch { uint64_t from, to; };
bool replay_stretch_next(const struct trace *t, const struct trace_filter *filters, size_t n_filters, struct replay_stretch *s,
                         uint64_t last);

/* Folds the next events, some dozens, no further than number `last`: 1, 0 at the end, or trace_next's error. */
int replay_some(struct trace *t, struct graph *g, uint64_t last);

struct replay {
    struct trace *trace;
    uint64_t first_event;     /* facts of earlier events are not wanted; 0: all */
    uint64_t last_event;      /* 0: to the end */
    /* Facts are wanted only of events that pass one of these; others may come as well. From checkpoint to checkpoint what
     * cannot have one, as the groups' summaries say, is not folded. 0: all are wanted. */
    const struct trace_filter *filters; size_t n_filters;
    graph_observer observer;
    bool (*stop)(void *);     /* asked now and then; NULL: never */
    void *context;            /* of both */
    struct view **view;       /* receives the state at the end (then without filters); NULL: not wanted */
};
/* 0, or as above; at a damaged chunk after the facts before it. */
int replay_run(const struct replay *r);

#endif
