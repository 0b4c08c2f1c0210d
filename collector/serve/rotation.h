/*
 * collector/serve/rotation.h - a trace in files of a bounded size or time: when
 * the next one begins, and how it takes the place of the one before.
 *
 * The current file is NAME.own, closed ones have numbers (series.h). Each begins with
 * a checkpoint, so that it can be read alone. Where no next file can be made, the one
 * that there is goes on, and it is tried again when it is once more as large or old.
 *
 * Ingest thread.
 */
#ifndef OWNSCOPE_ROTATION_H
#define OWNSCOPE_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/trace.h"

struct rotation_options {
    uint64_t bytes;     /* a file is closed at this size … */
    uint64_t ns;        /* … or age; 0: not by that */
    unsigned keep;      /* files in all */
};

struct rotation {
    struct rotation_options options;
    uint64_t bytes_due, ns_due; /* UINT64_MAX: never */
    uint64_t events_before;     /* of the current file */
};

/* There is a file. */
void rotation_begin(struct rotation *r, const struct rotation_options *o, uint64_t events_before, uint64_t now_ns);
/* `events`: number of the last one; a file without any goes on. */
bool rotation_due(const struct rotation *r, uint64_t bytes, uint64_t events, uint64_t now_ns);
/* Begins the next file, with the state after the events so far (taken over in any case). 0 or -errno: the old one goes on. */
int rotation_turn(struct rotation *r, struct trace_writer *w, const char *path, const struct code *code, uint64_t event,
                  uint64_t ns, uint64_t now_ns, struct archive *state);

#endif
