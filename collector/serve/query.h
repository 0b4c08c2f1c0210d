/*
 * collector/serve/query.h - one question to a trace, as the command line and
 * the API both ask it: the same words give the same document.
 *
 * Texts are as somebody wrote them (NULL: not given); query_check refuses what
 * makes no sense, and everything below expects that it was called.
 */
#ifndef OWNSCOPE_QUERY_H
#define OWNSCOPE_QUERY_H

#include "export/source.h"
#include "export/suppressions.h"

enum { QUERY_SUPPRESSIONS_MAX = 64, QUERY_DEPTH_MAX = 64 };

struct query {
    const char *id;         /* b12, 12, l3, 0x7f… */
    const char *at, *since; /* TIME */
    bool changes;           /* with since: the view tells what happened since (QUERY_VIEW and the like) */
    const char *format;     /* of an export */
    const char *type;       /* new,drop,… */
    const char *thread, *process;  /* t3, 3; p1, 1 */
    const char *site, *size, *address; /* of events: an expression, 4K..1M, 0x1000..0x2000 */
    uint64_t pid;           /* whose heap a live answer is of; 0: any */
    const char *leak_class; /* definite,possible… or all */
    uint64_t top;           /* at most so many; 0: all */
    uint64_t frames;        /* of an event's stack, those that tell most; 0: all */
    bool top_given;
    bool events, all;       /* of an export */
    bool stacks;            /* of states: native ones too */
    const char *of, *by;    /* of a graph: b12, r3, 0x7f…; type, site, … */
    uint64_t depth;         /* levels of its tree; 0: as many as it has by itself */
    const char *name;       /* of a mark */
    const char *words;      /* of an order */
    const char *suppressions[QUERY_SUPPRESSIONS_MAX];   /* files */
    size_t n_suppressions;
    bool no_default_suppressions;
    bool blocks;            /* findings with the suppressions that would silence them */
};

/* 0, or -EINVAL and *error, one malloc'ed line. */
int query_check(const struct query *q, char **error);
/* The number in "t3" or "3", with that letter; 0: not given, or it is none. */
uint32_t query_serial(const char *id, char letter);
/* Adds a file to q->suppressions. 0 or -E2BIG. */
int query_add_suppressions(struct query *q, const char *path);
/* Reads q->suppressions, and default.supp; NULL: there are none. 0, or -errno and *error, one malloc'ed line. */
int query_suppressions(const struct query *q, struct suppressions **s, char **error);
/* Rows of a report, of threads, locks… */
struct doc_options query_doc_options(const struct query *q);

/* Opens a trace: read to q->at with QUERY_VIEW and QUERY_BLOCKS, else only
 * opened. 0, or as source_open and trace_open (source_error). */
/* QUERY_HEAP: as QUERY_VIEW, with the newest snapshots that the moment has; QUERY_BLOCKS: with its blocks too. */
enum query_need { QUERY_TRACE, QUERY_VIEW, QUERY_BLOCKS, QUERY_HEAP };
int query_open(struct source *s, const char *path, const struct query *q, enum query_need need,
               source_progress progress, void *progress_context);
/* One line about the last failure of query_open in this thread. */
const char *query_error(void);

/* One of its words names a mark that the trace does not have: the name; NULL: none. */
const char *query_mark_absent(struct source *s, const struct query *q);
/* After QUERY_VIEW and the like: o->since_ns of q->since. 0; -ENOENT: no such mark; as source_event_at. */
int query_since(struct source *s, const struct query *q, struct doc_options *o);

/* After QUERY_TRACE. 0; -ENOENT: no such block, lock or mark, or not yet; as doc_history. */
int query_history(struct source *s, const struct query *q, json_t **doc);
/* After QUERY_TRACE: which events are meant, found before the first is written.
 * 0; -ENOENT: no such mark; as source_event_at. */
struct query_range { struct doc_events_options events; uint64_t top; bool empty; };
int query_range(struct source *s, const struct query *q, struct query_range *range);
/* As doc_events. */
int query_events(struct source *s, const struct query_range *range, doc_sink sink, void *context);
/* As doc_events_each. */
int query_events_each(struct source *s, const struct query_range *range, doc_event_take take, void *context);
/* After QUERY_BLOCKS: what an export is to be told. `of` stays the query's text. */
enum export_format { EXPORT_JSON, EXPORT_DOT, EXPORT_HEAPSNAPSHOT, EXPORT_FORMATS };
struct query_export { enum export_format format; struct doc_export_options json; struct doc_options graph; };
struct query_export query_export_of(const struct source *s, const struct query *q);
/* Why a format that is of snapshots would draw nothing; malloc'ed; NULL: it has something. */
char *query_export_absent(const struct source *s, const struct query_export *e);
/* As doc_export_json and its kin; -ENOENT: there is no such node to draw. */
int query_export(struct source *s, const struct query_export *e, doc_sink sink, void *context);

#endif
