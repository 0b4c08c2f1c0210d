/*
 * collector/serve/budget.h - how coarse recording must be to cost no more than is
 * allowed: CPU in parts of the program's own, events a second, room in the rings. Pure.
 *
 * Rates lie on a grid of levels: 0 records each; from 1 on memory is sampled every 64 bytes times sqrt(2) a level, locks and
 * copies one in 2 for every two levels. What is recorded falls by sqrt(2) a level, once blocks are smaller than the rate.
 *
 * How it decides. It looks at a window that begins behind its last change. Above the allowed it goes to the level
 * that should cost what is allowed, at once when it is twice that, else after half a second; below three quarters it
 * goes finer, after a second. Between the two lies more than a level's step: where it rests it stays. A finer level that had to be
 * taken back soon is not tried again for a while, which doubles each time. A ring more than half full makes it two
 * levels coarser at once. What costs the same at a coarser rate (looking at each call; a collector that only waits, which is what it
 * uses beyond BUDGET_EVENT_NS an event) is not bought off with samples: two steps without effect, or little left to save, and it says so
 * instead (`stuck`).
 * From 0 it goes when it must, back to 0 only after five calm seconds: to begin sampling takes a look at all that lives.
 */
#ifndef OWNSCOPE_BUDGET_H
#define OWNSCOPE_BUDGET_H

#include "serve/limits.h"

/* What an event costs the collector at most. */
enum { BUDGET_EVENT_NS = 1000 };
enum { BUDGET_LEVELS = 49, BUDGET_LEVEL_START = 21 /* 64 KiB */, BUDGET_MINUTE = 60 };

/* Parts of the program's own CPU. */
struct budget_cost { double records, passed, collector, waiting /* of the collector */; };
static inline double budget_cost_sum(const struct budget_cost *c) { return c->records + c->passed + c->collector; }

enum budget_why { BUDGET_STAYS, BUDGET_CPU, BUDGET_EVENTS, BUDGET_RINGS, BUDGET_STUCK };

struct budget {
    double cpu_most, events_most;   /* allowed; 0: no matter */
    unsigned level;
    unsigned least;                 /* never finer than this (limits that only make coarser) */
    struct limits_input from, middle; /* of the window: it begins at one of them */
    uint64_t settles_ns;            /* what is measured before then is still of the level before */
    uint64_t changed_ns;
    uint64_t finer_ns, patience_ns; /* no finer before; how long the next refusal lasts */
    bool went_finer;                /* with the last step */
    uint64_t calm_ns;               /* since when 0 seems to be within reach; 0: not */
    double before;                  /* what could be saved, before the last step coarser; 0: none */
    unsigned deaf;                  /* steps coarser that changed nothing */
    bool stuck;
    uint64_t said_ns;               /* when it said so last; 0: not yet */
    bool began;

    bool known;                     /* now, load: */
    struct budget_cost now;         /* of the last window that was judged */
    double events_now;              /* a second */
    struct limits_input seconds[BUDGET_MINUTE + 1]; /* one a second, a ring */
    unsigned second;                /* the newest of them */
};

/* What is allowed has changed; 0: nothing asks for it any more. `fresh`: nothing has been recorded yet: it begins coarse. */
void budget_set(struct budget *b, double cpu_most, double events_most, bool fresh, const struct limits_input *in);
/* Finer than what was set by hand or by other limits it is never. */
void budget_least(struct budget *b, unsigned least, const struct limits_input *in);
/* As at the beginning, and all is measured anew: coarse where CPU is to be held, for a moment of everything would cost much, and
 * the look at all that lives once more. */
void budget_reset(struct budget *b, const struct limits_input *in);
/* While recording. What was done and why; b->level is what holds from now on. */
enum budget_why budget_tick(struct budget *b, const struct limits_input *in);
/* While nothing is recorded, time passes: the window begins behind it. */
void budget_skip(struct budget *b, const struct limits_input *in);

uint64_t budget_sample_bytes(unsigned level);
uint32_t budget_every(unsigned level);
struct budget_cost budget_cost_between(const struct limits_input *from, const struct limits_input *to);
/* The mean of the last minute, as far as it is known. */
struct budget_cost budget_minute(const struct budget *b);

#endif
