/*
 * collector/export/moment.h - where a moment lies in a trace: after which event.
 *
 * One thread, the trace's. A number is itself. A time is looked for group by
 * group and then event by event: the first event of a later stamp comes after
 * it. A mark is its event, or the snapshot that was taken for it. The end and
 * the peak are the fold's, from the last checkpoint on.
 */
#ifndef OWNSCOPE_MOMENT_H
#define OWNSCOPE_MOMENT_H

#include "export/replay.h"

/* A moment: TIME of ownscope(1). */
struct source_at {
    enum { SOURCE_END, SOURCE_NS, SOURCE_EVENT, SOURCE_MARK, SOURCE_PEAK } kind;
    uint64_t value;         /* ns since the session's start, or number of an event */
    const char *mark;       /* name; the parsed text must outlive it */
};
/* `12.5s`, `350ms`, `event:N`, `mark:NAME`, `peak`, `end`. 0 or -EINVAL. */
int source_at_parse(struct source_at *at, const char *text);

/* The number of the last event at a moment; UINT64_MAX: the trace's last. 0; -ENOENT: no such mark; -ERANGE, -ENODATA,
 * -EBADMSG as replay_to; errors of reading. Damage on the way to a time is no failure: then it is as far as one can read. */
int moment_find(struct trace *t, const struct source_at *at, replay_progress progress, void *context, uint64_t *event);
/* The stamp of event number `event`, 0 of number 0. 0 or -EBADMSG. */
int moment_ns(struct trace *t, uint64_t event, uint64_t *ns);

#endif
