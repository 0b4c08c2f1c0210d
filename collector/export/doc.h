/*
 * collector/export/doc.h - the documents that commands print and the API
 * serves: built from a view, or by replaying a trace.
 *
 * Keys and their meaning are the promise of ownscope(1) and of the JSON
 * Schemas in collector/export/schema. Small documents are jansson trees;
 * whatever grows with the number of events is streamed through a doc_sink. Used by one
 * thread at a time (symbols are). Functions that return json_t give a new
 * reference and never NULL; the others return 0 or -errno.
 */
#ifndef OWNSCOPE_DOC_H
#define OWNSCOPE_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/view.h"
#include "symbols/symbols.h"
#include "trace/trace.h"

/* What surrounds a view. Everything but `symbols` may be absent. */
struct doc_context {
    const struct trace_meta *meta;
    struct symbols *symbols;
    const char *trace_path;     /* NULL: no file */
    uint64_t duration_ns;       /* of the whole session; 0: as far as the view goes */
    uint64_t torn_bytes;        /* unusable bytes at the file's end */
    uint64_t events_before, begins_ns;  /* of a file that goes on for an earlier one: events it does not have, and when it begins */
    const char *trigger;        /* what a recorder wrote it for; NULL: none did */
    uint64_t unwritten_events;  /* that the trace's writer had to drop (disk full) */
    const char *damage;         /* why reading stopped before the end, in words; NULL: it did not */
    const struct trace_snapshot *snapshots; size_t n_snapshots; /* of the trace, in any order; NULL: no trace, those of the view */
    bool live;                  /* the session goes on */
    bool earlier;               /* the view is of a moment before the end, or before now */
    bool complete;              /* the session ended well (the trace has its end record) */
    /* Long work tells how far it is: step, done, total. NULL: nobody asks. */
    void (*progress)(void *context, const char *step, uint64_t done, uint64_t total);
    void *progress_context;
};

/* Takes bytes of a streamed document. 0, or -errno: the stream ends with it. */
typedef int (*doc_sink)(void *context, const char *bytes, size_t n);
/* A sink on a FILE *. */
int doc_sink_file(void *file, const char *bytes, size_t n);

/* ---- small documents ---- */
struct suppressions;
struct doc_options {
    size_t sites;         /* at most so many by each measure, and so many locks, flows, findings; 0: 1000 */
    size_t handoffs;      /* 0: 1000 in `threads`, 100 in `report` */
    size_t top;           /* groups a list in report.top; 0: 5 */
    unsigned top_frames;  /* frames that tell groups apart, at most 64; 0: 3 */
    const struct suppressions *suppressions; /* findings of `report` and `findings` that are counted only; NULL: none */
    bool blocks;          /* each finding of `findings` with the suppression that would silence it */
    unsigned leak_kinds;  /* LEAK_KIND_* (leaks.h) that `leaks` lists; 0: definite and possible */
    uint64_t since_ns;    /* `leaks`: only blocks that were made since then */
    uint32_t process;     /* `leaks` and `graph`: only this one; 0: all */
    unsigned depth;       /* graph: levels of the tree; 0: 3 */
    const char *by;       /* graph: in groups: type site module thread root; NULL: the tree */
    const char *of;       /* graph: one node: b12, r3, l1, 0x7f… */
};
json_t *doc_report(const struct view *v, const struct doc_context *c, const struct doc_options *o);
/* The sites of a report alone: for who asks every second. */
json_t *doc_sites(const struct view *v, const struct doc_context *c, const struct doc_options *o);
json_t *doc_threads(const struct view *v, const struct doc_context *c, const struct doc_options *o);
json_t *doc_locks(const struct view *v, const struct doc_context *c, const struct doc_options *o);
json_t *doc_copies(const struct view *v, const struct doc_context *c, const struct doc_options *o);
/* The first findings, as they came. */
json_t *doc_findings(const struct view *v, const struct doc_context *c, const struct doc_options *o);
/* Of the view's snapshots: the dominator tree and the roots, groups of blocks (o->by), or one node (o->of; `node` is null
 * when no snapshot has it; its borrowers need a view with VIEW_BLOCKS). */
json_t *doc_graph(const struct view *v, const struct doc_context *c, const struct doc_options *o);
/* True for type, site, module, thread, root. */
bool doc_graph_by_known(const char *by);
/* True for what o->of can be. */
bool doc_graph_of_known(const char *of);

/* Blocks by leak class and stack, as the newest snapshots of the view have them. */
json_t *doc_leaks(const struct view *v, const struct doc_context *c, const struct doc_options *o);

/* What lives at `b` and not at `a`, by site and type: two moments of one trace, or of two. */
json_t *doc_diff(const struct view *a, const struct doc_context *ca, const struct view *b, const struct doc_context *cb,
                 const struct doc_options *o);

/* ---- replays: the trace is rewound first and read to its end ---- */
struct doc_target {
    bool is_address, is_lock;
    uint64_t value;       /* id of a block or lock, or an address inside a block or of a lock */
};
/* "b12", "12", "l3" or "0x7f…"; -EINVAL. */
int doc_target_parse(struct doc_target *t, const char *text);
/* The life of one block, with the copies of it and the locks in it, or of one
 * lock: what happened to it, and the blocks at its place before and after it. An address names the block that lives there,
 * else the one that held it last, else the lock that was there last. -ENOENT: no such block or lock. `o` NULL: all of it. */
struct doc_history_options {
    uint64_t until_event; /* as far as that event; 0: all */
    bool since;           /* only what happened after that event, and its time */
    uint64_t since_event, since_ns;
};
int doc_history(struct trace *t, const struct doc_context *c, const struct doc_target *target,
                const struct doc_history_options *o, json_t **doc);

struct doc_events_options {
    uint32_t types;       /* bit 1 << enum fact_type; 0: all */
    uint32_t thread;      /* serial of who did it; 0: all */
    uint32_t process;     /* serial; 0: all */
    uint64_t first_event, last_event;  /* numbers in the stream; 0: open */
    const char *site;     /* some frame's function, file or module matches this extended regular expression; NULL: all */
    bool sizes, addresses;          /* the next two are wanted */
    uint64_t low_bytes, high_bytes; /* of memory made, dropped, moved, copied: both in */
    uint64_t low_address, high_address; /* [low, high): of such memory any byte, or a lock */
    unsigned frames;      /* 0: whole stacks; N: the N frames that tell most, as in report.top */
};
/* "new,drop,…" to a mask; -EINVAL for a name that is none. */
int doc_event_types_parse(uint32_t *types, const char *text);
/* The facts themselves, for who makes no document of them; `stack` is a number of `frames`. Not 0: enough. 0, or as below. */
struct fact;
struct frames;
typedef int (*doc_event_take)(void *context, const struct fact *f, struct frames *frames, uint32_t stack);
int doc_events_each(struct trace *t, const struct doc_context *c, const struct doc_events_options *o, doc_event_take take, void *context);
/* JSON Lines. *lines (may be NULL) receives how many. A damaged chunk ends
 * the stream with -EBADMSG after everything before it. */
int doc_events(struct trace *t, const struct doc_context *c, const struct doc_events_options *o,
               doc_sink sink, void *sink_context, uint64_t *lines);

/* ---- the whole graph, streamed ---- */
struct doc_export_options {
    bool events;          /* the ordered events too; needs the trace */
    bool all;             /* blocks that were dropped, too; needs the trace */
    uint64_t until_event; /* the view's moment, when that is not the trace's end; 0: the end */
};
/* The view must have been made with VIEW_BLOCKS. */
int doc_export_json(const struct view *v, struct trace *t, const struct doc_context *c,
                    const struct doc_export_options *o, doc_sink sink, void *sink_context);
/* The view's snapshots as V8 writes them, for Chrome's DevTools. The view with blocks, else nobody borrows. */
int doc_export_heapsnapshot(const struct view *v, const struct doc_context *c, doc_sink sink, void *sink_context);
/* The top of the dominator tree, or with o->of what is around one node, for graphviz. -ENOENT: no such node. */
int doc_export_dot(const struct view *v, const struct doc_context *c, const struct doc_options *o, doc_sink sink, void *sink_context);

#endif
