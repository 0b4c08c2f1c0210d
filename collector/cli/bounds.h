/*
 * collector/cli/bounds.h - options of runs whose trace is bounded: --rotate,
 * --ring-only, --trigger, --keep; and what is said while they run. Main thread.
 */
#ifndef OWNSCOPE_BOUNDS_H
#define OWNSCOPE_BOUNDS_H

#include "cli/options.h"
#include "serve/collector.h"

struct bounds {
    struct rotation_options rotation;
    struct recorder_options recorder;
    unsigned keep;                      /* 0: not given */
    bool triggers_given;
};

/* Takes one of them; false: it is another. */
bool bounds_option(struct bounds *b, struct options *o, int key);
/* They fit each other, else the end of the program; what was not said is filled in. */
void bounds_ready(struct bounds *b, const struct options *o);
/* Says what became of files since the last call. */
void bounds_say(struct collector *c, bool quiet);
/* Why there is no file, for the end; NULL: there is one. */
const char *bounds_unwritten(const struct collector *c);

#endif
