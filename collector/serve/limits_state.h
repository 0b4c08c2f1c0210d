/*
 * collector/serve/limits_state.h - the inside of limits.h, for its own files: limits.c (what is to be done),
 * limits_keep.c (what the next collector finds). Ingest thread.
 */
#ifndef OWNSCOPE_LIMITS_STATE_H
#define OWNSCOPE_LIMITS_STATE_H

#include "serve/breaker.h"
#include "serve/budget.h"
#include "serve/limits.h"

enum { LIMITS_SECOND = 24 };

struct limits {
    struct limits_spec spec;
    struct breaker breaker;
    struct budget budget;
    unsigned told;                          /* the level that the last verdict had */
    double base[LIMITS], next[LIMITS];      /* counted from; the next step of `coarser` */
    enum limit_key fired;                   /* what opened the breaker, or paused */
    bool held;                              /* paused or stopped by a limit, until somebody says start */
    struct limits_input recent[LIMITS_SECOND]; /* of the last second or two, a ring */
    unsigned newest, samples;
    struct limits_input last;
};

/* What it measures is counted from somewhere; it is a level that is, otherwise. */
bool limits_is_counted(enum limit_key key);
double limits_measure(const struct limits_input *in, enum limit_key key);

#endif
