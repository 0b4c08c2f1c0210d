/*
 * collector/serve/rotation.c - see rotation.h.
 */
#include "serve/rotation.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve/series.h"

enum { HEADS = 2 };     /* a file is at least so many times what it begins with */

static uint64_t sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

/* `from`: bytes and time from which on it counts; `head_bytes`: what the file begins with. */
static void set_due(struct rotation *r, uint64_t from_bytes, uint64_t head_bytes, uint64_t from_ns)
{
    uint64_t least = head_bytes * HEADS;
    r->bytes_due = r->options.bytes ? sum(from_bytes, r->options.bytes > least ? r->options.bytes : least) : UINT64_MAX;
    r->ns_due = r->options.ns ? sum(from_ns, r->options.ns) : UINT64_MAX;
}

void rotation_begin(struct rotation *r, const struct rotation_options *o, uint64_t events_before, uint64_t now_ns)
{
    *r = (struct rotation){ .options = *o, .events_before = events_before };
    set_due(r, 0, 0, now_ns);
}

bool rotation_due(const struct rotation *r, uint64_t bytes, uint64_t events, uint64_t now_ns)
{
    return events > r->events_before && (bytes >= r->bytes_due || now_ns >= r->ns_due);
}

int rotation_turn(struct rotation *r, struct trace_writer *w, const char *path, const struct code *code, uint64_t event,
                  uint64_t ns, uint64_t now_ns, struct archive *state)
{
    uint64_t number = series_last(path) + 1;
    char *fresh = series_path(path, number);
    int e = access(fresh, F_OK) ? trace_write_next(w, fresh, code, ns, state) : -EEXIST;
    if (e == -EEXIST)
        archive_free(state);
    free(fresh);
    uint64_t bytes = trace_write_bytes(w);
    if (e) {
        set_due(r, bytes, 0, now_ns);
        return e;
    }
    set_due(r, 0, bytes, now_ns);
    r->events_before = event;
    e = series_swap(path, number);
    return e ? e : series_trim(path, r->options.keep);
}
