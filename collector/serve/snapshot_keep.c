/*
 * collector/serve/snapshot_keep.c - see snapshot_keep.h.
 */
#include "serve/snapshot_keep.h"

#include <stdlib.h>

#include "event/xalloc.h"

struct kept {
    struct snapshot *snapshot;
    uint64_t bytes;
    unsigned readers;       /* being the newest counts as one */
    bool newest;
    struct kept *next;
};

static uint64_t bytes_of(const struct snapshot *s)
{
    uint64_t block = 4 * sizeof *s->address + 3 * sizeof *s->stack + sizeof *s->type + sizeof *s->family;
    return sizeof *s + s->n_blocks * block + (s->first ? snapshot_nodes(s) * sizeof *s->first : 0) +
           s->n_edges * (sizeof *s->to + sizeof *s->at) + s->n_roots * sizeof *s->roots + s->n_frames * sizeof *s->frames;
}

static struct kept *kept_of(struct keep *k, const struct snapshot *s)
{
    struct kept *i = k->first;
    while (i && i->snapshot != s)
        i = i->next;
    return i;
}

static void reader_less(struct keep *k, struct kept *gone)
{
    struct kept **at = &k->first;
    if (--gone->readers)
        return;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    snapshot_free(gone->snapshot);
    free(gone);
}

static void surpassed(struct keep *k, struct kept *i)
{
    i->newest = false;
    reader_less(k, i);
}

void keep_add(struct keep *k, struct snapshot *s, const struct session *session)
{
    struct kept *fresh = xcalloc(1, sizeof *fresh), *i, *next;
    uint64_t gone_bytes = 0;
    *fresh = (struct kept){.snapshot = s, .bytes = bytes_of(s), .readers = 1, .newest = true, .next = k->first};
    k->first = fresh;
    for (i = fresh->next; i; i = next) {
        next = i->next;
        if (!i->newest)
            continue;
        if (i->snapshot->process == s->process) {
            surpassed(k, i);
            continue;
        }
        if (session_pid_of(session, i->snapshot->process))
            continue;
        gone_bytes += i->bytes;
        if (gone_bytes > KEEP_GONE_BYTES)
            surpassed(k, i);
    }
}

void keep_get(struct keep *k, const struct snapshot *s)
{
    kept_of(k, s)->readers++;
}

void keep_put(struct keep *k, const struct snapshot *s)
{
    struct kept *i = kept_of(k, s);
    if (i)
        reader_less(k, i);
}

size_t keep_newest(struct keep *k, const struct snapshot **list, size_t max)
{
    size_t n = 0;
    for (struct kept *i = k->first; i && n < max; i = i->next)
        if (i->newest) {
            i->readers++;
            list[n++] = i->snapshot;
        }
    return n;
}

void keep_end(struct keep *k)
{
    while (k->first) {
        k->first->readers = 1;
        reader_less(k, k->first);
    }
}
