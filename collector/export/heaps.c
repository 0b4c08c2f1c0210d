/*
 * collector/export/heaps.c - see heaps.h.
 */
#include "export/heaps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "event/snapshot.h"
#include "event/xalloc.h"

/* The newest snapshot of the program that runs in the process at the moment, as
 * an index into the list + 1; 0: none. */
static size_t newest(struct trace *t, const struct graph_heap *h, uint64_t events)
{
    const struct trace_snapshot *list;
    size_t n = trace_snapshots(t, &list), found = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i].process == h->process && list[i].event > h->image_event && list[i].event <= events &&
            (!found || list[i].event >= list[found - 1].event))
            found = i + 1;
    return found;
}

/* Why there is none, in words; malloc'ed. */
static char *absence(struct trace *t, const struct graph_heap *h, const struct heaps_options *o)
{
    if (h->snapshot_event)
        return xasprintf("snapshot %u of it is not whole in the trace", h->snapshot);
    if (!h->ended || o->earlier)
        return xstrdup("no snapshot of it was taken up to this moment");
    if (h->exit_known && WIFSIGNALED(h->wait_status))
        return xasprintf("it was ended by signal %d before a snapshot was taken", WTERMSIG(h->wait_status));
    if (strstr(trace_meta(t)->options, "--no-snapshot-at-exit"))
        return xstrdup("the session ran with --no-snapshot-at-exit");
    if (trace_version(t) < 4)
        return xstrdup("the trace is of a version without snapshots");
    return xstrdup("it ended without a snapshot");
}

/* The blocks alone; `why` is taken over. */
static struct snapshot *unread(struct graph *g, uint32_t process, char *why)
{
    struct snapshot *s = snapshot_new();
    if (graph_heap_take(g, process, true, s)) {
        snapshot_free(s);
        free(why);
        return NULL;
    }
    s->number = 0;
    s->event = 0;
    s->why = SNAPSHOT_EXIT;
    s->how = SNAPSHOT_UNREAD;
    s->refused = why;
    return s;
}

static struct snapshot *heap_read(struct trace *t, struct graph *g, const struct graph_heap *h, const struct heaps_options *o)
{
    struct snapshot *s = NULL;
    size_t at = newest(t, h, o->events);
    if (at && !trace_snapshot_read(t, at - 1, &s))
        return s;
    if (!h->blocks)
        return NULL;
    return unread(g, h->process, at ? xasprintf("its snapshot cannot be read: %s", trace_error_text(t)) : absence(t, h, o));
}

size_t heaps_read(struct trace *t, struct graph *g, const struct heaps_options *o, struct snapshot ***snapshots)
{
    size_t n = graph_heaps(g, NULL, 0), taken = 0;
    struct graph_heap *heaps = xcalloc(n + 1, sizeof *heaps);
    *snapshots = xcalloc(n + 1, sizeof **snapshots);
    graph_heaps(g, heaps, n);
    for (size_t i = 0; i < n; i++) {
        if (o->process && heaps[i].process != o->process)
            continue;
        struct snapshot *s = heap_read(t, g, &heaps[i], o);
        if (s)
            (*snapshots)[taken++] = s;
    }
    free(heaps);
    return taken;
}
