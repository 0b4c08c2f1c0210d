/*
 * collector/export/doc_leaks.h - pieces of the document `leaks` that `report` has too.
 */
#ifndef OWNSCOPE_DOC_LEAKS_H
#define OWNSCOPE_DOC_LEAKS_H

#include "export/doc_parts.h"
#include "export/leak_holders.h"
#include "export/suppressions.h"

/* A view's leaks as findings, held against suppressions. */
struct leak_book {
    struct leaks *leaks;
    struct view end;                /* leaks_of_end, where that is asked for */
    struct snapshot **end_snapshots;
    struct view all;                /* with a finding for each group of `kinds` */
    struct suppressed kept;         /* its view is what suppressions leave */
    size_t *finding;                /* of each group: index + 1 into all.findings; 0: none */
};
/* `f` is of the view. Returns the view that suppressions leave. */
const struct view *leak_book_open(struct leak_book *b, const struct view *v, struct frames *f, unsigned kinds,
                                  uint64_t since_ns, const struct suppressions *s);
/* The same, of what was left at the ends alone: no leak is told that may have been dropped since. Of a view of what happened
 * since a moment, only blocks that were made since. */
const struct view *leak_book_open_end(struct leak_book *b, const struct view *v, struct frames *f, unsigned kinds,
                                      const struct suppressions *s);
void leak_book_close(struct leak_book *b);
/* True when somebody's suppression silences a group. What default.supp knows is shown and counted in its class all the
 * same: doc_leak marks it. */
bool leak_book_silenced(const struct leak_book *b, size_t group);

/* {"definite":{"blocks","bytes"},"indirect":…,"possible":…,"reachable":…,"suppressed":…[,"unknown":…]} of all
 * snapshots (UINT32_MAX) or one. */
json_t *doc_leaks_totals(const struct leak_book *b, uint32_t snapshot);
/* The facts of each snapshot, with its totals. */
json_t *doc_leaks_snapshots(const struct leak_book *b);
/* "classes unknown: …", why; null: they are known everywhere. */
json_t *doc_leaks_refused(const struct view *v);
/* One group. */
json_t *doc_leak(const struct leak_book *b, struct frames *f, struct leak_holders *h, uint32_t group);
/* True unless the session ran without snapshots at the ends of processes. */
bool doc_leaks_at_exit(const struct doc_context *c);
/* Why the classes of a process are not known, in words; malloc'ed. */
char *doc_leaks_gap(const struct leak_gap *gap, const struct doc_context *c);

#endif
