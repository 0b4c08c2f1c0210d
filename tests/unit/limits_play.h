/*
 * tests/unit/limits_play.h - a program, its hooks and its collector as arithmetic, in
 * simulated time, under limits: for tests of serve/limits.h.
 */
#ifndef LIMITS_PLAY_H
#define LIMITS_PLAY_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serve/limits.h"

static const uint64_t PLAY_TICK_NS = 100000000ull;

/* What one second of the program is like. */
struct play_load {
    double calls;           /* of hooks, a second */
    double mean_bytes;      /* of a block */
    double cpu;             /* of its own, in seconds */
    double record_ns, event_ns, passed_ns; /* a recorded event: in the hook, in the collector; a passed call */
    double idle;            /* of the collector, in seconds */
    double noise;           /* of all of these, in parts */
    double ring_fill;
};

struct play {
    struct limits *limits;
    struct limits_input in;
    struct limits_verdict last;
    bool recording;
    unsigned changes;       /* of rates */
    unsigned counts[LIMITS_DO_STOP + 1]; /* of verdicts */
    char log[64][LIMITS_WHY]; /* of those that said something */
    unsigned lines;
    double cost_ns, own_ns; /* as they truly are, of recording and of all time */
};

static void play_begin(struct play *p, const char *words)
{
    struct limits_spec spec;
    char *error = NULL;
    memset(p, 0, sizeof *p);
    limits_default(&spec);
    if (limits_parse(&spec, words, &error))
        abort();
    p->limits = limits_new();
    p->in.now_ns = 1000;
    p->recording = true;
    limits_set(p->limits, &spec, &p->in);
}

static void play_set(struct play *p, const char *words)
{
    struct limits_spec spec = *limits_spec_of(p->limits);
    char *error = NULL;
    if (limits_parse(&spec, words, &error))
        abort();
    limits_set(p->limits, &spec, &p->in);
}

static void play_end(struct play *p) { limits_free(p->limits); }

static double play_noise(const struct play_load *w) { return 1 + w->noise * (2.0 * rand() / RAND_MAX - 1); }

/* One tick of the program. */
static void play_run(struct play *p, const struct play_load *w)
{
    double s = (double)PLAY_TICK_NS / 1e9, calls = w->calls * s * play_noise(w), own = w->cpu * 1e9 * s * play_noise(w);
    double share = p->last.sample_bytes ? 1 - exp(-w->mean_bytes / (double)p->last.sample_bytes) : 1;
    double events = p->recording ? calls * share : 0, hooks = events * w->record_ns, passed = p->recording && share < 1 ? calls * w->passed_ns : 0;
    double collector = w->idle * 1e9 * s + events * w->event_ns;
    p->in.now_ns += PLAY_TICK_NS;
    p->in.events += (uint64_t)events;
    p->in.trace_bytes += (uint64_t)(events * 2);
    p->in.recorded_ns += p->recording ? PLAY_TICK_NS : 0;
    p->in.calls += (uint64_t)calls;
    p->in.program_cpu_ns += (uint64_t)(own + hooks + passed);
    p->in.hooks_cpu_ns += (uint64_t)hooks;
    p->in.passed_cpu_ns += (uint64_t)passed;
    p->in.collector_cpu_ns += (uint64_t)collector;
    p->in.ring_fill = w->ring_fill;
    p->cost_ns += hooks + passed + collector;
    p->own_ns += own;
}

/* Some seconds: runs, asks, obeys. */
static void play_for(struct play *p, const struct play_load *w, double seconds)
{
    for (int i = 0; i < (int)lround(seconds * 10); i++) {
        play_run(p, w);
        limits_tick(p->limits, &p->in, &p->last);
        p->counts[p->last.what]++;
        p->changes += p->last.what == LIMITS_RATES;
        if (p->last.what != LIMITS_NOTHING && p->lines < 64)
            memcpy(p->log[p->lines++], p->last.why, LIMITS_WHY);
        if (p->last.what == LIMITS_DO_PAUSE || p->last.what == LIMITS_DO_TRIP || p->last.what == LIMITS_DO_STOP)
            p->recording = false;
        if (p->last.what == LIMITS_DO_TRY)
            p->recording = true;
    }
}

/* What tracing truly cost since the last call, in parts. */
static inline double play_cost(struct play *p)
{
    double cost = p->own_ns > 0 ? p->cost_ns / p->own_ns : 0;
    p->cost_ns = p->own_ns = 0;
    return cost;
}

#endif
