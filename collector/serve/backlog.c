/*
 * collector/serve/backlog.c - see backlog.h.
 */
#include "serve/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { BACKLOG_EVENTS_MAX = 4 << 20, FOLD_BATCH = 64 };

void backlog_add(struct backlog *b, const struct event *events, size_t count)
{
    b->events = xgrow(b->events, &b->capacity, b->n + count, sizeof *b->events);
    memcpy(b->events + b->n, events, count * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        struct event *e = &b->events[b->n + i];
        if (!e->text)
            continue;
        char *text = xmalloc((size_t)e->text_bytes + 1);
        memcpy(text, e->text, e->text_bytes);
        e->text = text;
    }
    b->n += count;
}

bool backlog_full(const struct backlog *b)
{
    return b->n >= BACKLOG_EVENTS_MAX;
}

void backlog_fold(struct backlog *b, struct graph *g, size_t most)
{
    size_t until = b->n - b->first > most ? b->first + most : b->n;
    while (b->first < until) {
        struct event *e = b->events + b->first;
        size_t n = until - b->first < FOLD_BATCH ? until - b->first : FOLD_BATCH;
        graph_fold_batch(g, e, n);
        b->first += n;
        for (size_t i = 0; i < n; i++)
            free((char *)e[i].text);
    }
    if (backlog_empty(b))
        backlog_clear(b);
}

void backlog_clear(struct backlog *b)
{
    for (; b->first < b->n; b->first++)
        free((char *)b->events[b->first].text);
    free(b->events);
    *b = (struct backlog){0};
}
