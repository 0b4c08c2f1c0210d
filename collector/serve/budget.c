/*
 * collector/serve/budget.c - see budget.h.
 */
#include "serve/budget.h"

#include <math.h>
#include <string.h>

static const uint64_t MS = 1000000ull, S = 1000000000ull;
/* CPU that the program must have used before its share is worth a word. */
static const uint64_t PROGRAM_LEAST_NS = 50 * 1000000ull;
static const double ABOVE = 1.15, FAR_ABOVE = 2.0, BELOW = 0.75, FAR_BELOW = 0.2, AIM = 0.97, RING_FULL = 0.5;

uint64_t budget_sample_bytes(unsigned level)
{
    return level ? (uint64_t)llround(64 * exp2((level - 1) / 2.0)) : 0;
}

uint32_t budget_every(unsigned level)
{
    return level ? 1u << (level - 1) / 2 : 0;
}

struct budget_cost budget_cost_between(const struct limits_input *from, const struct limits_input *to)
{
    double program = (double)(to->program_cpu_ns - from->program_cpu_ns), records = (double)(to->hooks_cpu_ns - from->hooks_cpu_ns);
    double passed = (double)(to->passed_cpu_ns - from->passed_cpu_ns), own = program - records - passed;
    if (own < program / 10) /* the estimate cannot be right: hooks are part of the program */
        own = program / 10;
    if (own < 1)
        return (struct budget_cost){0};
    double collector = (double)(to->collector_cpu_ns - from->collector_cpu_ns), events = (double)(to->events - from->events) * BUDGET_EVENT_NS;
    return (struct budget_cost){records / own, passed / own, collector / own, collector > events ? (collector - events) / own : 0};
}

static void window_begin(struct budget *b, const struct limits_input *in, uint64_t settles_ns)
{
    b->from = b->middle = *in;
    b->settles_ns = in->now_ns + settles_ns;
}

void budget_skip(struct budget *b, const struct limits_input *in)
{
    window_begin(b, in, 100 * MS);
    b->calm_ns = 0;
    b->seconds[b->second = 0] = *in;
    memset(b->seconds + 1, 0, sizeof b->seconds - sizeof *b->seconds);
}

static void minute_note(struct budget *b, const struct limits_input *in)
{
    if (in->now_ns - b->seconds[b->second].now_ns < S)
        return;
    b->second = (b->second + 1) % (BUDGET_MINUTE + 1);
    b->seconds[b->second] = *in;
}

struct budget_cost budget_minute(const struct budget *b)
{
    unsigned oldest = (b->second + 1) % (BUDGET_MINUTE + 1);
    if (!b->seconds[oldest].now_ns)
        oldest = 0;
    return budget_cost_between(b->seconds + oldest, b->seconds + b->second);
}

static void level_set(struct budget *b, unsigned level, const struct limits_input *in)
{
    uint64_t settles_ns = b->level ? 100 * MS : 500 * MS;
    b->level = level;
    b->changed_ns = in->now_ns;
    b->calm_ns = 0;
    window_begin(b, in, settles_ns);
}

void budget_set(struct budget *b, double cpu_most, double events_most, bool fresh, const struct limits_input *in)
{
    b->cpu_most = cpu_most;
    b->events_most = events_most;
    b->deaf = 0;
    b->stuck = false;
    b->before = 0;
    b->said_ns = 0;
    b->finer_ns = 0;
    b->patience_ns = 5 * S;
    if (!b->began)
        budget_skip(b, in);
    b->began = true;
    window_begin(b, in, 0);
    if (cpu_most > 0 && fresh && b->level < BUDGET_LEVEL_START)
        level_set(b, BUDGET_LEVEL_START, in);
    else if (cpu_most <= 0 && events_most <= 0 && b->level != b->least)
        level_set(b, b->least, in);
}

void budget_least(struct budget *b, unsigned least, const struct limits_input *in)
{
    b->least = least > BUDGET_LEVELS ? BUDGET_LEVELS : least;
    if (b->level < b->least)
        level_set(b, b->least, in);
}

void budget_reset(struct budget *b, const struct limits_input *in)
{
    b->least = 0;
    b->level = 0;
    b->changed_ns = in->now_ns;
    budget_set(b, b->cpu_most, b->events_most, true, in);
    budget_skip(b, in);
}

/* ---- judging ---- */

/* What a window says. */
struct judged {
    bool known;             /* all of it is: the window is long enough */
    double load;            /* of what is allowed, the more pressing one */
    double share;           /* to multiply what is recorded by, to come to what is allowed */
    double saveable;        /* of what is allowed: what coarser rates can save */
    enum budget_why why;
    uint64_t lasted_ns;
    uint64_t program_ns;
};

static struct judged judge(struct budget *b, const struct limits_input *in)
{
    struct judged j = {.lasted_ns = in->now_ns - b->from.now_ns, .program_ns = in->program_cpu_ns - b->from.program_cpu_ns,
                       .why = BUDGET_CPU, .share = 1};
    j.known = j.lasted_ns >= 100 * MS && (b->cpu_most <= 0 || j.program_ns >= PROGRAM_LEAST_NS);
    if (b->events_most > 0 && j.lasted_ns >= 100 * MS) {
        b->events_now = (double)(in->events - b->from.events) / ((double)j.lasted_ns / 1e9);
        j.load = j.saveable = b->events_now / b->events_most;
        j.why = BUDGET_EVENTS;
        j.share = j.load > 0 ? AIM / j.load : 1e9;
    }
    if (b->cpu_most > 0 && j.program_ns >= PROGRAM_LEAST_NS) {
        struct budget_cost c = budget_cost_between(&b->from, in);
        double load = budget_cost_sum(&c) / b->cpu_most, saveable = (c.records + c.collector - c.waiting) / b->cpu_most;
        double room = AIM - (c.passed + c.waiting) / b->cpu_most;
        b->now = c;
        b->known = true;
        if (load >= j.load) {
            j.load = load;
            j.saveable = saveable;
            j.share = saveable > 1e-9 ? (room > 0.1 ? room : 0.1) / saveable : 1e9;
            j.why = BUDGET_CPU;
        }
    }
    return j;
}

static enum budget_why coarser(struct budget *b, const struct judged *j, const struct limits_input *in)
{
    int steps = (int)ceil(-2 * log2(j->share) - 0.1);
    b->deaf = b->before > 0 && j->saveable > b->before * 0.93 && j->saveable < b->before * 1.5 ? b->deaf + 1 : 0;
    if (b->level >= BUDGET_LEVELS || b->deaf >= 2 || j->saveable < 0.15) {
        b->stuck = true;
        window_begin(b, in, 0);
        if (b->said_ns && in->now_ns - b->said_ns < 60 * S)
            return BUDGET_STAYS;
        b->said_ns = in->now_ns;
        return BUDGET_STUCK;
    }
    b->before = j->saveable;
    steps = steps < 1 ? 1 : steps > 12 ? 12 : steps;
    if (b->went_finer && in->now_ns - b->changed_ns < 5 * S) { /* it had to be taken back */
        b->patience_ns = b->patience_ns < 30 * S ? b->patience_ns * 2 : 60 * S;
        b->finer_ns = in->now_ns + b->patience_ns;
    } else if (in->now_ns - b->changed_ns > 60 * S) {
        b->patience_ns = 5 * S;
    }
    b->went_finer = false;
    level_set(b, b->level + (unsigned)steps > BUDGET_LEVELS ? BUDGET_LEVELS : b->level + (unsigned)steps, in);
    return j->why;
}

/* 1 is nearly all; to record all again it must have been calm. */
static bool may_be_all(struct budget *b, const struct limits_input *in, double load)
{
    if (load > 0.4)
        b->calm_ns = 0;
    else if (!b->calm_ns)
        b->calm_ns = in->now_ns;
    return b->calm_ns && in->now_ns - b->calm_ns >= 5 * S;
}

static enum budget_why finer(struct budget *b, const struct judged *j, const struct limits_input *in)
{
    int steps = (int)floor(2 * log2(j->share)), most = j->load < FAR_BELOW ? 8 : 4;
    unsigned least = b->least ? b->least : 1, level = b->level;
    if (b->level <= least) {
        if (b->least || !b->level || !may_be_all(b, in, j->load))
            return BUDGET_STAYS;
        b->went_finer = true;
        level_set(b, 0, in);
        return j->why;
    }
    steps = steps > most ? most : steps;
    if (steps < 1 || in->now_ns < b->finer_ns)
        return BUDGET_STAYS;
    level = level - least > (unsigned)steps ? level - (unsigned)steps : least;
    b->before = 0;
    b->deaf = 0;
    b->stuck = false;
    b->went_finer = true;
    level_set(b, level, in);
    return j->why;
}

/* The window slides by halves. */
static void window_slide(struct budget *b, const struct limits_input *in, const struct judged *j)
{
    if (in->now_ns - b->middle.now_ns < 1 * S || (b->cpu_most > 0 && j->program_ns < 2 * PROGRAM_LEAST_NS && j->lasted_ns < 20 * S))
        return;
    b->from = b->middle;
    b->middle = *in;
}

enum budget_why budget_tick(struct budget *b, const struct limits_input *in)
{
    struct judged j;
    enum budget_why why = BUDGET_STAYS;
    if (!b->began)
        return BUDGET_STAYS;
    minute_note(b, in);
    if (b->cpu_most <= 0 && b->events_most <= 0)
        return BUDGET_STAYS;
    if (in->ring_fill > RING_FULL && in->now_ns - b->changed_ns >= 200 * MS && b->level < BUDGET_LEVELS) {
        b->finer_ns = in->now_ns + b->patience_ns;
        level_set(b, b->level + 2 > BUDGET_LEVELS ? BUDGET_LEVELS : b->level + 2, in);
        return BUDGET_RINGS;
    }
    if (in->now_ns < b->settles_ns) {
        b->from = b->middle = *in;
        return BUDGET_STAYS;
    }
    j = judge(b, in);
    if (b->stuck && j.known && j.load < ABOVE) /* what stood in the way has gone */
        b->stuck = false, b->deaf = 0, b->before = 0;
    if ((j.load > FAR_ABOVE && j.lasted_ns >= 250 * MS) || (j.load > ABOVE && j.lasted_ns >= 500 * MS))
        why = coarser(b, &j, in);
    else if (j.load < BELOW && j.lasted_ns >= (j.load < FAR_BELOW ? 500 * MS : 1 * S) && j.known)
        why = finer(b, &j, in);
    if (why == BUDGET_STAYS)
        window_slide(b, in, &j);
    return why;
}
