/*
 * collector/export/source.h - from a trace file to a view: what every reading
 * command does first.
 *
 * One thread. The file is read from the nearest checkpoint before the moment on
 * (replay.h); memory grows with the live blocks and the code, not with the events.
 */
#ifndef OWNSCOPE_SOURCE_H
#define OWNSCOPE_SOURCE_H

#include "export/doc.h"
#include "export/moment.h"

/* Called now and then while a file is read. */
typedef replay_progress source_progress;

struct source_options {
    unsigned flags;         /* VIEW_* */
    struct source_at at;
    const struct source_at *since;  /* the view is of what happened since then (view_since.h); NULL: it is the state */
    bool heaps;             /* the view has the newest snapshot of each process (heaps.h) */
    uint32_t heap_process;  /* serial: of this one alone; 0: of all */
    source_progress progress;
    void *progress_context;
};

struct source {
    struct trace *trace;
    struct view *view;
    struct symbols *symbols;
    struct doc_context doc; /* points into the above */
    uint64_t events;        /* folded into the view: the number of its last event */
    bool whole;             /* the view is the trace's end */
    bool past;              /* ... and the moment asked for lies behind it */
    char *path, *damage, *trigger;
};

/* 0; -errno of trace_open (source_error says more); -EBADMSG also when the
 * very first chunk is damaged; -ENOENT when `at` names a mark that never came;
 * -ERANGE, -ENODATA as replay_to; -EINVAL: `since` lies behind `at`.
 * Damage further on is no failure: the view is what lies before it, and its
 * documents say so. On failure nothing stays open. */
int source_open(struct source *s, const char *path, const struct source_options *o);
void source_close(struct source *s);
/* One line about the last failure of source_open in this thread. */
const char *source_error(void);

/* Number of the last event at a moment, 0 if it lies before the first; for
 * doc_events_options. -ENOENT: no such mark. */
int source_event_at(struct source *s, const struct source_at *at, uint64_t *event);
/* Its time since the session's start: of the last event at that moment. As above. */
int source_ns_at(struct source *s, const struct source_at *at, uint64_t *ns);

#endif
